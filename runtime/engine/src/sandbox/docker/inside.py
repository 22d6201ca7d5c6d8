"""The first process of a container: takes what is to run from the host, and becomes it or runs it.

It is root of the container with no right but to become another user and another group, for good. What it runs as that
other user has none.
"""

import ctypes
import errno
import json
import os
import resource
import select
import signal
import socket
import stat
import struct
import sys

HOST = "/sswe/host"
WORK = "/work"
USER = 1000
NO_RANDOM_ADDRESSES = 0x40000
KEPT = 100
NO_NEW_PRIVILEGES, SECCOMP, FILTER, SUBREAPER, DROP = 38, 22, 2, 36, 24

# To become another group and another user, and to take these two away for good.
RIGHTS = 6, 7, 8

libc = ctypes.CDLL(None, use_errno=True)


def main():
    # What is killed below is everything: of a container, and of nothing else.
    if os.getpid() != 1:
        sys.exit("it is to be the first process of a container")
    host = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
    host.connect(HOST)
    word, files, _, _ = socket.recv_fds(host, 64, 4)
    if not files:
        sys.exit(1)
    head, rest = receive(files[0])
    # A set of plain objects finds the same addresses each time; where that is refused, its order stays a
    # matter of chance.
    libc.personality(NO_RANDOM_ADDRESSES)
    # This interpreter ignores some: what comes after it begins as usual.
    for number in range(1, signal.NSIG):
        try:
            signal.signal(number, signal.SIG_DFL)
        except (OSError, ValueError):
            pass
    os.umask(0o022)
    if word == b"stay":
        stay(host, files, head, rest)
    run(host, files, head, rest)


def receive(file):
    """Reads what the host wrote into memory: a head in JSON, and the bytes of files."""
    parts = []
    with open(file, "rb", closefd=False) as all_:
        size, = struct.unpack("<Q", all_.read(8))
        head = json.loads(all_.read(size))
        parts = [all_.read(size) for _, size, _ in head["files"]]
    return head, parts


def write(head, parts):
    for (path, _, mode), data in zip(head["files"], parts):
        os.makedirs(os.path.dirname(path) or ".", exist_ok=True)
        to = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_NOFOLLOW | os.O_CLOEXEC, mode)
        data = memoryview(data)
        while data:
            data = data[os.write(to, data):]
        os.close(to)


def connect(files):
    """Makes these the descriptors from 0 on, and closes all others but the one that is kept."""
    for at, file in enumerate(files):
        os.dup2(file, KEPT + 1 + at)
    for at in range(len(files)):
        os.dup2(KEPT + 1 + at, at)
    os.closerange(len(files), KEPT)
    os.closerange(KEPT + 1, 1 << 10)


def become_user():
    # What would make a right of any kind possible again goes as well.
    for capability in RIGHTS:
        check(libc.prctl(DROP, capability, 0, 0, 0))
    os.setgroups([])
    os.setresgid(USER, USER, USER)
    os.setresuid(USER, USER, USER)


def find(argv, env):
    """Returns where a program is; what is not there is an error."""
    name = argv[0]
    folders = [""] if "/" in name else [folder + "/" for folder in env["PATH"].split(":")]
    for folder in folders:
        if os.path.isfile(folder + name):
            if not os.access(folder + name, os.X_OK):
                raise OSError(errno.EACCES, "")
            return folder + name
    raise OSError(errno.ENOENT, "")


def stay(host, files, head, parts):
    """Becomes a program that is ours, with the socket to the host as its descriptor 3."""
    if not os.path.lexists("/dev/shm"):
        # Shared memory by name counts as files, and goes when they go.
        os.symlink("/tmp", "/dev/shm")
    write(head, parts)
    try:
        program = find(head["argv"], head["env"])
    except OSError as error:
        refuse(host, error.errno)
    os.chdir(WORK)
    none = os.open("/dev/null", os.O_RDWR)
    host.send(b"+")
    connect([none, none, files[1], host.fileno()])
    for which, most in ((resource.RLIMIT_CORE, 0), (resource.RLIMIT_NOFILE, 1024)):
        resource.setrlimit(which, (most, most))
    os.execve(program, head["argv"], head["env"])


def refuse(host, number):
    host.send(b"!" + struct.pack("=i", number or errno.EIO))
    os._exit(1)


def run(host, files, head, parts):
    """Runs a command that may be hostile, and tells how it ended."""
    if not os.path.lexists("/dev/shm"):
        os.symlink("/tmp", "/dev/shm")
    # What is left of it when its first process has ended comes to this one.
    libc.prctl(SUBREAPER, 1, 0, 0, 0)
    told, tell = os.pipe2(os.O_CLOEXEC)
    pid = os.fork()
    if pid == 0:
        try:
            os.dup2(tell, KEPT, inheritable=False)
            command(files[1:], head, parts)
        except OSError as error:
            os.write(KEPT, struct.pack("=i", error.errno or errno.EIO))
        finally:
            os._exit(127)
    os.close(tell)
    for file in files:
        os.close(file)
    failed = os.read(told, 4)
    if failed:
        refuse(host, *struct.unpack("=i", failed))
    host.send(b"+")
    # So that it may end what it has started.
    os.seteuid(USER)
    watch = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    poll.register(host, select.POLLIN)
    while watch not in {file for file, _ in poll.poll()}:
        # Whatever the host says, it has had enough; when it is gone, so is all of this.
        if not host.recv(64):
            os._exit(1)
        os.kill(pid, signal.SIGKILL)
    _, status, used = os.wait4(pid, 0)
    end_all()
    for at, path in enumerate(head["outputs"]):
        file = open_plain(path)
        if file is not None:
            socket.send_fds(host, [struct.pack("=i", at)], [file])
            os.close(file)
    host.send(struct.pack("=iQ", status, int((used.ru_utime + used.ru_stime) * 1e6)))
    # Until the host has what it wants.
    host.recv(64)
    os._exit(0)


def command(streams, head, parts):
    os.setsid()
    # If memory gets short, this goes first.
    with open("/proc/self/oom_score_adj", "w") as file:
        file.write("1000")
    become_user()
    os.chdir(WORK)
    write(head, parts)
    program = find(head["argv"], head["env"])
    for which, most in head["limits"]:
        resource.setrlimit(which, (most, most))
    connect(streams)
    filter_program = bytes.fromhex(head["filter"])
    check(libc.prctl(NO_NEW_PRIVILEGES, 1, 0, 0, 0))
    program_ = Program(len(filter_program) // 8, filter_program)
    check(libc.prctl(SECCOMP, FILTER, ctypes.byref(program_), 0, 0))
    os.execve(program, head["argv"], head["env"])


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def check(result):
    if result < 0:
        raise OSError(ctypes.get_errno(), "")


def end_all():
    """Kills every process of the user, and waits until none is left."""
    try:
        # All at once: none of them can fork any more.
        os.kill(-1, signal.SIGKILL)
    except ProcessLookupError:
        pass
    try:
        while True:
            os.waitpid(-1, 0)
    except ChildProcessError:
        pass


def open_plain(path):
    """Opens a plain file of the work folder, without following links."""
    flags = os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC | os.O_NONBLOCK
    folder = os.open(WORK, flags | os.O_DIRECTORY)
    try:
        *above, name = path.split("/")
        if any(part in ("", ".", "..") for part in path.split("/")):
            return None
        for part in above:
            inner = os.open(part, flags | os.O_DIRECTORY, dir_fd=folder)
            os.close(folder)
            folder = inner
        file = os.open(name, flags, dir_fd=folder)
        if stat.S_ISREG(os.fstat(file).st_mode):
            return file
        os.close(file)
    except OSError:
        pass
    finally:
        os.close(folder)
    return None


main()
