"""Attempts to get out of a sandbox. Each is a function that returns what it got, and raises what kept it.

The first line of each says what is meant to keep it; `facts` is what the host has laid out for it.
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
    return first(speak, [facts["unix"], "/var/run/docker.sock", "/run/docker.sock", "/run/dbus/system_bus_socket"])


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
    own = {os.getpid(), os.getppid()}
    seen = []
    for path in glob.glob("/proc/[0-9]*"):
        pid = int(path.rsplit("/", 1)[1])
        try:
            if pid not in own and facts["mark"] not in read(path + "/cmdline").decode("utf-8", "replace"):
                seen.append(pid)
        except OSError:
            continue
    return ([facts["victim"]] if known else []) + seen


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
    strange = [name for name in os.listdir("/dev") if name not in harmless]
    if strange:
        return "%s" % strange
    return first(lambda name: str(os.open("/dev/" + name, os.O_RDONLY)),
                 ["mem", "kmem", "kvm", "vda", "sda", "fuse", "tty", "ptmx", "loop0", "net/tun", "nvidia0", "kmsg"])


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


# Files.

def read_passwords(facts):
    """a root of its own"""
    return first(lambda path: read(path).decode(), ["/etc/shadow", "/proc/1/root/etc/shadow", "/../etc/shadow"])


def read_home(facts):
    """a root of its own"""
    def look(path):
        # The way to the interpreter may lead through, and shows nothing else.
        return [name for name in os.listdir(path) if not sys.base_prefix.startswith("%s/%s/" % (path, name))]
    return first(look, ["/root", "/home", facts["home"]])


def read_a_file_of_the_host(facts):
    """a root of its own"""
    return first(lambda top: read(top + facts["secret"]).decode(), ["", "/proc/1/root", "/proc/1/cwd", "/.old"])


def read_the_environment_of_the_host(facts):
    """an environment of its own, and a namespace of processes"""
    def look(path):
        text = read(path, 1 << 20).decode("utf-8", "replace")
        return [part for part in text.split("\0") if part.startswith("CARGO_MANIFEST_DIR")]
    found = first(look, ["/proc/self/environ", "/proc/1/environ"] + glob.glob("/proc/[0-9]*/environ"))
    return found


def read_the_store(facts):
    """a root of its own"""
    return first(lambda path: os.listdir(path), [facts["folder"], "/store", facts["home"] + "/.sswe", ".sswe"])


def read_the_work_of_others(facts):
    """a root and a namespace of processes of its own"""
    def look(path):
        text = read(path).decode("utf-8", "replace")
        return text if facts["neighbour"] in text else None
    places = ["/work/neighbour", "/tmp/neighbour", "/dev/shm/neighbour"]
    return first(look, places + [top + place for top in glob.glob("/proc/[0-9]*/root") for place in places])


def write_system_files(facts):
    """a root that is read-only, and mounts that are"""
    def write(path):
        with open(path, "a") as file:
            file.write("x")
        return "written"
    return first(write, ["/x", "/etc/passwd", "/usr/bin/x", "/usr/x", "/lib/x", "/etc/ld.so.cache", "/dev/x", "/bin/sh"])


def write_settings_of_the_kernel(facts):
    """nobody's files"""
    def write(path):
        with open(path, "w") as file:
            file.write("1")
        return "written"
    return first(write, ["/proc/sys/kernel/core_pattern", "/proc/sys/kernel/panic", "/proc/sys/fs/protected_symlinks",
                         "/proc/sys/vm/drop_caches", "/proc/sysrq-trigger", "/proc/sys/kernel/modprobe",
                         "/sys/kernel/uevent_helper", "/proc/1/oom_score_adj" if os.getpid() != 1 else "/proc/sys/x"])


def read_what_the_kernel_tells(facts):
    """files of /proc that are shown empty"""
    # What is not there, or not to be read, tells nothing either.
    return first(lambda path: (os.listdir if os.path.isdir(path) else read)(path),
                 ["/proc/keys", "/proc/cmdline", "/proc/interrupts", "/proc/scsi", "/proc/asound", "/proc/sched_debug",
                  "/proc/kcore", "/proc/kmsg", "/proc/timer_list", "/sys/kernel", "/sys/class", "/sys/fs/cgroup"])


def find_the_group_of_the_host(facts):
    """a namespace of groups"""
    for line in read("/proc/self/cgroup").decode().split("\n"):
        path = line.split(":")[-1]
        if path.strip("/") and not path.startswith("/sswe-"):
            return path
    raise OSError("its group is the outermost that it knows")


def change_its_own_program(facts):
    """mounts that are read-only"""
    return first(lambda path: str(open(path, "r+b")), ["/proc/self/exe", os.path.realpath(sys.executable)])


def link_to_files_of_the_host(facts):
    """a root of its own: links lead nowhere"""
    with tempfile.TemporaryDirectory() as folder:
        places = []
        for target in (facts["secret"], "/etc/shadow", "/proc/1/root/etc/shadow"):
            places.append("%s/%d" % (folder, len(places)))
            os.symlink(target, places[-1])
        return first(lambda path: read(path).decode(), places)


def link_files_of_the_system(facts):
    """other mounts"""
    return first(lambda path: os.link(path, "/tmp/linked-" + os.path.basename(path)) or "linked",
                 ["/etc/passwd", "/bin/true", os.path.realpath(sys.executable)])


def find_open_files_of_the_host(facts):
    """descriptors are closed before a program starts"""
    known = ("/dev/null", "pipe:", "/work", "/proc", "/dev/random", "/dev/urandom", "/tmp")
    strange = {}
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink("/proc/self/fd/" + name)
        except OSError:
            continue
        if not target.startswith(known):
            strange[name] = target
    if strange:
        return "%s" % strange
    raise OSError("only streams are open")


# Too much of everything. The first line says what ends it, too.

def grow_in_memory(facts):
    """the limit of each process"""
    held = []
    while True:
        held.append(bytes(1 << 24))


def grow_in_memory_together(facts):
    """the limit of all processes"""
    for _ in range(16):
        if os.fork() == 0:
            held = []
            try:
                while True:
                    held.append(bytearray(os.urandom(1 << 12)) * (1 << 11))
            except MemoryError:
                pass
            time.sleep(60)
            os._exit(0)
    time.sleep(60)
    return "it holds what it took"


def fork_without_end(facts):
    """the limit on processes"""
    count = 0
    while count < 5000:
        try:
            pid = os.fork()
        except OSError as error:
            raise OSError(error.errno, "after %s processes: %s" % ("a few" if count < 300 else count, error.strerror))
        if pid == 0:
            time.sleep(60)
            os._exit(0)
        count += 1
    return "%d processes" % count


def start_threads_without_end(facts):
    """the limit on processes"""
    threading.stack_size(1 << 16)
    for count in range(5000):
        try:
            threading.Thread(target=time.sleep, args=(60,), daemon=True).start()
        except RuntimeError as error:
            raise OSError("after %s threads: %s" % ("a few" if count < 300 else count, error))
    return "5000 threads"


def open_files_without_end(facts):
    """the limit on open files"""
    return len([os.open("/dev/null", os.O_RDONLY) for _ in range(100000)])


def fill_the_disk(facts):
    """folders in memory with a size"""
    for at, top in enumerate(("/tmp", "/work", "/dev/shm", "/var/tmp")):
        written = 0
        try:
            while written < facts["room"]:
                with open("%s/filling-%d-%d" % (top, at, written), "wb") as file:
                    written += file.write(bytes(1 << 20))
        except OSError as error:
            why = error
            continue
        return "%d bytes in %s" % (written, top)
    raise why


def fill_the_disk_with_empty_files(facts):
    """folders in memory with a number of files"""
    os.mkdir("/tmp/many")
    for number in range(400000):
        os.close(os.open("/tmp/many/%d" % number, os.O_CREAT | os.O_WRONLY))
    return "400000 files"


def print_without_end(facts):
    """the limit on what is printed, or nobody listens"""
    part = bytes(1 << 16)
    for _ in range(1 << 12):
        os.write(1, part)
    if os.path.realpath("/proc/self/fd/1") == "/dev/null":
        raise OSError("nobody listens")
    return "256 MiB"


# To stay.

def outlive_its_run(facts):
    """a namespace of processes: they end with the first"""
    for fork_twice in (False, True):
        if os.fork() == 0:
            os.setsid()
            if fork_twice and os.fork():
                os._exit(0)
            for number in range(1, 64):
                try:
                    signal.signal(number, signal.SIG_IGN)
                except (OSError, ValueError):
                    continue
            os.execvp("sleep", ["sleep", facts["mark"]])
    raise Held("the host looks whether they still sleep")


def ignore_every_signal(facts):
    """nobody ignores the last one"""
    for number in range(1, 64):
        try:
            signal.signal(number, signal.SIG_IGN)
        except (OSError, ValueError):
            continue
    while True:
        pass


def leave_something_behind(facts):
    """the first of two: what it leaves, the next one looks for"""
    left = []

    def leave(name, how):
        try:
            how()
            left.append(name)
        except Exception:
            pass

    def keep(path):
        with open(path, "w") as file:
            file.write("left")

    for path in ("/tmp/left", "/work/left", "/dev/shm/left", "/var/tmp/left", "/base/left", "/pyc/left", "/harness/left"):
        leave(path, lambda: keep(path))
    leave("shared memory", lambda: call("shmget", 4711, 4096, 0o1666))
    leave("a queue", lambda: call("mq_open", b"left", 0o102, 0o666, None))
    held = socket.socket(socket.AF_UNIX)
    leave("a nameless socket", lambda: (held.bind("\0left"), held.listen()))
    port = socket.socket()
    leave("a port", lambda: (port.bind(("127.0.0.1", 4711)), port.listen()))
    leave("a key", lambda: keep_a_key(facts))
    if os.fork() == 0:
        os.setsid()
        time.sleep(600)
        os._exit(0)
    os.environ["LEFT"] = "left"
    raise Held("it leaves " + ", ".join(left))


def find_what_was_left(facts):
    """everything is made anew for each"""
    found = [path for path in ("/tmp/left", "/work/left", "/dev/shm/left", "/var/tmp/left", "/base/left", "/pyc/left",
                               "/harness/left") if os.path.lexists(path)]

    def look(name, how):
        try:
            how()
            found.append(name)
        except OSError:
            pass

    look("shared memory", lambda: call("shmget", 4711, 0, 0))
    look("a queue", lambda: call("mq_open", b"left", 0, 0, None))
    with socket.socket(socket.AF_UNIX) as link:
        look("a nameless socket", lambda: link.connect("\0left"))
    with socket.socket() as link:
        look("a port", lambda: link.connect(("127.0.0.1", 4711)))
    look("a process", lambda: [os.kill(pid, 0) for pid in others(facts, known=False)][0] if others(
        facts, known=False) else look_no_further())
    if "LEFT" in os.environ:
        found.append("a variable")
    if found:
        return "%s" % found
    raise Held("nothing is there")


def look_no_further():
    raise OSError("nobody is there")


# A verdict alone has these.

def change_the_harness(facts):
    """a root that is read-only"""
    def write(path):
        with open(path, "a") as file:
            file.write("x")
        return "written"
    return first(write, ["/harness/serve.py", "/harness/report.py", "/harness/x", "/base/x", "/pyc/x", "/site/x"])


def read_the_clean_tree(facts):
    """the clean tree is not there any more"""
    return first(lambda path: os.listdir(path), ["/base"])


def fill_the_results(facts):
    """nobody reads results without end"""
    part = bytes(1 << 20)
    for name in os.listdir("/proc/self/fd"):
        number = int(name)
        try:
            if number > 2 and os.readlink("/proc/self/fd/" + name).startswith("pipe:"):
                os.write(number, b"x")
                # 1 GiB, unless somebody puts an end to it.
                for _ in range(1024):
                    os.write(number, part)
                return "1 GiB was read"
        except OSError:
            continue
    raise OSError("there is no pipe")


def attempt(name, facts):
    """Tries, and returns what it got, or raises what kept it."""
    try:
        return str(globals()[name](facts))
    except Held:
        raise
    except BaseException as error:
        told = str(error)
        raise Held("%s: %s" % (type(error).__name__, told) if told else type(error).__name__) from None


if __name__ == "__main__":
    try:
        print(json.dumps({"got": attempt(sys.argv[1], json.loads(sys.argv[2]))}))
    except Held as held:
        print(json.dumps({"held": str(held)}))
    sys.stdout.flush()
    os._exit(0)
