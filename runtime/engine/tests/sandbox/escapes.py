"""Attempts to get out of a sandbox. Each is a function that returns what it got, and raises what kept it.

The first line of each says what is meant to keep it; `facts` is what the host has laid out for it. The rest of
this program is in `escapes/files.py`: both are one text when it runs.
"""

import array
import ctypes
import errno
import fcntl
import glob
import json
import os
import platform
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import threading
import time

libc = ctypes.CDLL(None, use_errno=True)
IS_X86 = platform.machine() == "x86_64"
CALLS = {
    # Numbers of calls on x86-64, and on others that have the common table.
    "clone": (56, 220), "ptrace": (101, 117), "personality": (135, 92), "mount": (165, 40),
    "pivot_root": (155, 41), "setns": (308, 268), "unshare": (272, 97), "chroot": (161, 51),
    "process_vm_readv": (310, 270), "add_key": (248, 217), "request_key": (249, 218), "keyctl": (250, 219),
    "bpf": (321, 280), "perf_event_open": (298, 241), "userfaultfd": (323, 282), "io_uring_setup": (425, 425),
    "kexec_load": (246, 104), "init_module": (175, 105), "reboot": (169, 142), "memfd_create": (319, 279),
    "memfd_secret": (447, 447), "open_tree": (428, 428), "fsopen": (430, 430), "mount_setattr": (442, 442),
    "clone3": (435, 435), "name_to_handle_at": (303, 264), "open_by_handle_at": (304, 265), "shmget": (29, 194),
    "shmat": (30, 196), "mq_open": (240, 180), "pidfd_open": (434, 434), "pidfd_getfd": (438, 438),
    "clock_settime": (227, 112), "sethostname": (170, 161), "capset": (126, 91), "swapon": (167, 224),
    "quotactl": (179, 60), "syslog": (103, 116), "fanotify_init": (300, 262), "iopl": (172, -1),
}


class Held(Exception):
    """What a verdict reports where an attempt was in vain."""


def call(name, *arguments):
    ctypes.set_errno(0)
    number = CALLS[name][0 if IS_X86 else 1]
    result = libc.syscall(ctypes.c_long(number), *[ctypes.c_void_p(each) if isinstance(each, int) else each
                                                  for each in arguments])
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, name + ": " + os.strerror(number))
    return result


def read(path, most=4096):
    with open(path, "rb") as file:
        return file.read(most)


def first(of, attempts):
    """Tries one after the other; the first that succeeds is what was got."""
    why = OSError("there was nothing to try")
    for each in attempts:
        try:
            got = of(each)
        except OSError as error:
            why = error
            continue
        if got:
            return "%s: %r" % (each, got)
    raise why


# The network.

def reach_a_port_of_the_host(facts):
    """a network namespace"""
    def reach(address):
        with socket.create_connection((address, facts["tcp"]), 2) as link:
            return link.recv(100)
    return first(reach, ["127.0.0.1"] + facts["addresses"])


def send_a_packet_to_the_host(facts):
    """a network namespace"""
    def reach(address):
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(1)
            link.sendto(b"hello", (address, facts["udp"]))
            return link.recv(100)
    return first(reach, ["127.0.0.1"] + facts["addresses"])


def ask_for_a_name(facts):
    """no name server can be reached"""
    def ask(address):
        question = struct.pack(">HHHHHH", 7, 256, 1, 0, 0, 0) + b"\x07example\x03com\0" + struct.pack(">HH", 1, 1)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as link:
            link.settimeout(1)
            link.sendto(question, (address, facts["dns"].get(address, 53)))
            return link.recv(512)
    try:
        return socket.getaddrinfo("example.com", 80)
    except OSError:
        return first(ask, list(facts["dns"]) + ["1.1.1.1"])


def ask_the_cloud_for_credentials(facts):
    """a network namespace"""
    with socket.create_connection(("169.254.169.254", 80), 2) as link:
        return str(link.getpeername())


def speak_to_a_socket_file_of_the_host(facts):
    """no folder of the host is there to write to, or to look into"""
    def speak(path):
        with socket.socket(socket.AF_UNIX) as link:
            link.connect(path)
            return link.recv(100) or "connected"
    return first(speak, [facts["unix"], "/sswe/host", "/var/run/docker.sock", "/run/docker.sock",
                         "/run/containerd/containerd.sock", "/run/dbus/system_bus_socket"])


def speak_to_a_nameless_socket_of_the_host(facts):
    """a network namespace"""
    with socket.socket(socket.AF_UNIX) as link:
        link.connect("\0" + facts["abstract"])
        return link.recv(100) or "connected"


def ask_the_kernel_for_networks(facts):
    """the filter: netlink"""
    with socket.socket(socket.AF_NETLINK, socket.SOCK_RAW, 0) as link:
        return str(link.getsockname())


def speak_to_what_runs_this_machine(facts):
    """the filter: vsock, which knows no namespaces"""
    with socket.socket(40, socket.SOCK_STREAM) as link:
        return str(link)


def listen_to_the_wire(facts):
    """the filter: packet sockets"""
    def listen(kind):
        with socket.socket(*kind) as link:
            return str(link)
    return first(listen, [(17, socket.SOCK_RAW, 768), (socket.AF_INET, socket.SOCK_RAW, 1)])


def use_ciphers_of_the_kernel(facts):
    """the filter: families of sockets"""
    with socket.socket(38, socket.SOCK_SEQPACKET) as link:
        return str(link)


def load_a_protocol(facts):
    """the filter: protocols"""
    def load(protocol):
        with socket.socket(socket.AF_INET, socket.SOCK_STREAM, protocol) as link:
            return str(link)
    return first(load, [132, 262, 33])


# Other processes.

def trace_a_child(facts):
    """the filter"""
    pid = os.fork()
    if pid == 0:
        time.sleep(20)
        os._exit(0)
    try:
        call("ptrace", 16, pid, 0, 0)
        return "attached"
    finally:
        os.kill(pid, signal.SIGKILL)
        os.waitpid(pid, 0)


def trace_the_host(facts):
    """a namespace of processes, and the filter"""
    return first(lambda pid: call("ptrace", 16, pid, 0, 0) + 1, others(facts))


def read_memory_of_others(facts):
    """the filter"""
    def look(pid):
        held = ctypes.create_string_buffer(8)
        here, there = (ctypes.c_void_p * 2)(ctypes.addressof(held), 8), (ctypes.c_void_p * 2)(0x400000, 8)
        return call("process_vm_readv", pid, ctypes.byref(here), 1, ctypes.byref(there), 1, 0)
    return first(look, others(facts))


def read_memory_files_of_others(facts):
    """a namespace of processes"""
    def look(pid):
        with open("/proc/%d/mem" % pid, "rb", 0) as file:
            return str(file)
    return first(look, others(facts))


def take_an_open_file_of_others(facts):
    """a namespace of processes, and the filter"""
    return first(lambda pid: call("pidfd_getfd", call("pidfd_open", pid, 0), 1, 0) + 1, others(facts))


def signal_a_process_of_the_host(facts):
    """a namespace of processes"""
    return first(lambda pid: os.kill(pid, signal.SIGKILL) or "sent", [facts["victim"]])


def signal_the_parent(facts):
    """a namespace of processes"""
    parent = os.getppid()
    if parent in (0, os.getpid()):
        raise ProcessLookupError("there is no parent")
    os.kill(parent, 0)
    return "the parent is %d" % parent


def signal_everybody(facts):
    """a namespace of processes"""
    # Whoever else is hit, the host looks at.
    pid = os.fork()
    if pid == 0:
        os.setsid()
        os.kill(-1, signal.SIGTERM)
        os._exit(0)
    os.waitpid(pid, 0)
    raise Held("whoever was hit is inside")


def see_processes_of_the_host(facts):
    """a namespace of processes"""
    seen = others(facts, known=False)
    if not seen:
        raise ProcessLookupError("only its own processes are there")
    return "%s" % seen


def others(facts, known=True):
    """Returns processes that are not of this program: those it can see, and one that it knows of."""
    # Whoever waits for it is no discovery, and worth an attack.
    own = {os.getpid()} if known else family()
    seen = []
    for path in glob.glob("/proc/[0-9]*"):
        pid = int(path.rsplit("/", 1)[1])
        try:
            if pid not in own and facts["mark"] not in read(path + "/cmdline").decode("utf-8", "replace"):
                seen.append(pid)
        except OSError:
            continue
    return ([facts["victim"]] if known else []) + seen


def family():
    """Returns this process and those that it comes from, up to the first one: in a container that one is ours."""
    found, pid = {os.getpid()}, os.getppid()
    while pid and pid not in found:
        found.add(pid)
        try:
            pid = int(read("/proc/%d/stat" % pid).rsplit(b")", 1)[1].split()[1])
        except OSError:
            break
    return found


# Namespaces and mounts.

def mount_memory(facts):
    """the filter"""
    return call("mount", b"none", b"/tmp", b"tmpfs", 0, None) + 1


def mount_the_processes_again(facts):
    """the filter"""
    os.makedirs("/tmp/proc", exist_ok=True)
    return call("mount", b"proc", b"/tmp/proc", b"proc", 0, None) + 1


def make_the_root_writable(facts):
    """the filter"""
    return call("mount", None, b"/", None, 32 | 4096, None) + 1


def mount_the_new_way(facts):
    """the filter"""
    return first(lambda name: name(), [lambda: call("fsopen", b"tmpfs", 0) + 1,
                                       lambda: call("open_tree", -100, b"/", 1) + 1,
                                       lambda: call("mount_setattr", -100, b"/", 0, bytes(32), 32) + 1])


def become_root_of_a_new_world(facts):
    """the filter: new namespaces"""
    return call("unshare", 0x10000000) + 1


def clone_into_a_new_world(facts):
    """the filter: flags of clone"""
    pid = call("clone", 0x10000000 | signal.SIGCHLD, 0, 0, 0, 0)
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "child %d" % pid


def clone_the_newer_way(facts):
    """the filter: its flags cannot be looked at"""
    arguments = struct.pack("=8Q", 0x10000000, 0, 0, 0, signal.SIGCHLD, 0, 0, 0)
    pid = call("clone3", arguments, len(arguments))
    if pid == 0:
        os._exit(0)
    os.waitpid(pid, 0)
    return "child %d" % pid


def enter_namespaces_of_others(facts):
    """the filter"""
    def enter(path):
        file = os.open(path, os.O_RDONLY)
        try:
            return call("setns", file, 0) + 1
        finally:
            os.close(file)
    return first(enter, glob.glob("/proc/1/ns/*") + ["/proc/self/ns/mnt"])


def leave_by_a_second_root(facts):
    """the filter"""
    os.makedirs("/tmp/inner", exist_ok=True)
    top = os.open("/", os.O_RDONLY)
    call("chroot", b"/tmp/inner")
    os.fchdir(top)
    for _ in range(50):
        os.chdir("..")
    call("chroot", b".")
    return os.listdir("/")


def change_the_root(facts):
    """the filter"""
    return call("pivot_root", b"/tmp", b"/tmp") + 1


def open_files_by_number(facts):
    """the filter, and no capability"""
    handle = struct.pack("=Ii", 8, 1) + struct.pack("=II", 2, 0)
    return call("open_by_handle_at", os.open("/usr", os.O_RDONLY), handle, 0) + 1


# Rights.

def become_root(facts):
    """no capability, and nobody else to become"""
    os.setuid(0)
    return os.getuid()


def take_back_rights(facts):
    """no capability is left to take"""
    header = struct.pack("=Ii", 0x20080522, 0)
    call("capset", header, struct.pack("=6I", 1 << 21, 1 << 21, 0, 0, 0, 0))
    return "CAP_SYS_ADMIN"


def run_a_program_of_root(facts):
    """no new privileges, and mounts that ignore the mark"""
    found = [path for path in ("/usr/bin/su", "/bin/su", "/usr/bin/passwd", "/usr/bin/mount", "/usr/bin/newgrp",
                               "/usr/bin/chsh", "/usr/bin/sudo") if os.path.exists(path)]
    script = "import os; print(os.getresuid())"
    copy = "/tmp/copy-of-python"
    with open(copy, "wb") as file:
        file.write(read(os.path.realpath(sys.executable), 1 << 27))
    os.chmod(copy, 0o6755)
    told = subprocess.run([copy, "-S", "-c", script], env=dict(os.environ, PYTHONHOME=sys.base_prefix),
                          capture_output=True, text=True)
    if told.returncode == 0 and told.stdout.strip() != str(os.getresuid()):
        return "a copy ran as " + told.stdout
    for path in found:
        # A program that is marked runs as root for a moment; with these words it would stay.
        child = subprocess.Popen([path, "--help"], stdout=subprocess.PIPE, stderr=subprocess.STDOUT)
        try:
            users = [line.split()[1:] for line in read("/proc/%d/status" % child.pid).decode().split("\n")
                     if line.startswith("Uid:")]
        except OSError:
            users = []
        child.communicate()
        if users and "0" in users[0]:
            return "%s ran as %s" % (path, users[0])
    raise PermissionError("%d marked programs run as the user that starts them" % (len(found) + 1))


def make_a_device(facts):
    """no capability, and mounts without devices"""
    def make(kind):
        path = "/tmp/device-%d" % kind[1]
        os.mknod(path, 0o666 | kind[0], os.makedev(*kind[1:]))
        return read(path, 16)
    return first(make, [(0o060000, 254, 0), (0o060000, 8, 0), (0o020000, 1, 1)])


def open_devices_of_the_host(facts):
    """five harmless devices are there, and no others"""
    harmless = {"null", "zero", "full", "random", "urandom", "fd", "stdin", "stdout", "stderr", "shm"}
    none = os.stat("/dev/null").st_rdev

    def look(name):
        about = os.stat("/dev/" + name)
        if stat.S_ISDIR(about.st_mode):
            return os.listdir("/dev/" + name)
        # What is hidden is the one that has nothing, by another name.
        return about.st_rdev != none and "%o %d" % (about.st_mode, about.st_rdev)
    strange = [name for name in os.listdir("/dev") if name not in harmless]
    return first(look, strange + ["mem", "kmem", "kvm", "vda", "sda", "fuse", "tty", "ptmx", "loop0", "net/tun",
                                  "nvidia0", "kmsg"])


def type_into_the_terminal(facts):
    """the filter: requests to terminals"""
    def push(file):
        fcntl.ioctl(file, 0x5412, b"\n")
        return "typed"
    return first(push, [0, 1, 2])


def set_the_clock(facts):
    """the filter"""
    return call("clock_settime", 0, struct.pack("=qq", 0, 0)) + 1


def rename_the_machine(facts):
    """the filter, and a name of its own"""
    return call("sethostname", b"mine", 4) + 1


def restart_the_machine(facts):
    """the filter"""
    # Only what turns Ctrl-Alt-Del off: harmless where it succeeds.
    return call("reboot", 0xfee1dead, 672274793, 0, None) + 1


# The kernel.

def keep_a_key(facts):
    """the filter"""
    return call("add_key", b"user", b"sswe-escape", b"x", 1, ctypes.c_long(-3))


def look_for_keys(facts):
    """the filter"""
    return first(lambda ring: call("keyctl", 0, ctypes.c_long(ring), 0), [-3, -4, -5]) or call(
        "request_key", b"user", b"sswe", None, 0)


def use_rings(facts):
    """the filter: io_uring goes past it"""
    return call("io_uring_setup", 8, ctypes.create_string_buffer(120)) + 1


def hold_faults(facts):
    """the filter: userfaultfd"""
    return call("userfaultfd", 1) + 1


def load_a_program_into_the_kernel(facts):
    """the filter: bpf"""
    return call("bpf", 0, struct.pack("=IIII", 2, 4, 8, 1) + bytes(112), 128) + 1


def watch_the_processor(facts):
    """the filter: perf events"""
    return call("perf_event_open", struct.pack("=IIQ", 1, 112, 0) + bytes(96), 0, ctypes.c_long(-1), ctypes.c_long(-1), 0) + 1


def load_a_module(facts):
    """the filter"""
    return first(lambda name: call(name, None, 0, None, 0) + 1, ["init_module", "kexec_load", "swapon"])


def read_the_log_of_the_kernel(facts):
    """the filter"""
    return call("syslog", 10, None, 0)


def watch_all_files(facts):
    """the filter"""
    return call("fanotify_init", 0x200, 0) + 1


def change_how_programs_run(facts):
    """the filter: personality"""
    return call("personality", 0x0040000) + 1


def run_a_program_from_memory(facts):
    """the filter: files in memory are outside of every limit"""
    file = call("memfd_create", b"x", 0)
    os.write(file, read("/bin/true", 1 << 24))
    return "ended with %d" % subprocess.run(["/proc/self/fd/%d" % file], pass_fds=[file]).returncode


def hide_memory(facts):
    """the filter: memfd_secret"""
    return call("memfd_secret", 0) + 1


def call_by_the_old_numbers(facts):
    """the filter: other numbers end the process"""
    if not IS_X86:
        raise OSError(errno.ENOSYS, "this processor has no others")
    import mmap

    # mov eax, 20 (getpid); int 0x80; ret
    code = mmap.mmap(-1, 4096, prot=mmap.PROT_READ | mmap.PROT_WRITE | mmap.PROT_EXEC)
    code.write(b"\xb8\x14\0\0\0\xcd\x80\xc3")
    address = ctypes.addressof(ctypes.c_char.from_buffer(code))
    pid = os.fork()
    if pid == 0:
        os._exit(0 if ctypes.CFUNCTYPE(ctypes.c_int)(address)() > 0 else 1)
    code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
    if code:
        raise PermissionError("it ended with %d" % code)
    return "it was answered"


def call_by_the_newest_numbers(facts):
    """the filter: calls that it does not know do not exist"""
    ctypes.set_errno(0)
    if libc.syscall(ctypes.c_long(467), -100, b"/", 1, None, 0) < 0 and ctypes.get_errno() == errno.ENOSYS:
        # So says a kernel that does not have it: what the filter says, its own test looks at.
        raise OSError(errno.ENOSYS, os.strerror(errno.ENOSYS))
    return "it was answered with %d" % ctypes.get_errno()
