"""Namespaces, a fresh tree and no rights: what a forked process does before it runs hostile code."""

import contextlib
import ctypes
import fcntl
import json
import os
import resource
import signal
import socket
import struct
import sys

BASE = "/base"
CACHE = "/pyc"
# Where compiled forms of packages are: no path of a tree begins so.
SITES = CACHE + "/..site"
WORK = "/work"

NEWNS, NEWIPC, NEWPID, NEWNET = 0x20000, 0x8000000, 0x20000000, 0x40000000
NOSUID, NODEV, NOEXEC, RDONLY, REMOUNT, BIND = 2, 4, 8, 1, 32, 4096
DETACH = 2
SUFFIX = ".%s.pyc" % sys.implementation.cache_tag

libc = ctypes.CDLL(None, use_errno=True)
libc.mount.argtypes = [ctypes.c_char_p, ctypes.c_char_p, ctypes.c_char_p, ctypes.c_ulong, ctypes.c_char_p]
libc.prctl.argtypes = [ctypes.c_int, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong, ctypes.c_ulong]


def check(result, what):
    if result < 0:
        number = ctypes.get_errno()
        raise OSError(number, "%s: %s" % (what, os.strerror(number)))


def unshare(flags):
    check(libc.unshare(flags), "unshare")


def setns(file, kind):
    check(libc.setns(file, kind), "setns")


def mount(source, target, kind, flags, data=None):
    check(libc.mount(source, target, kind, flags, data), "mount " + target.decode())


def cached(cache, inner):
    """Returns where the compiled form of a file of the tree is."""
    return cache + "/" + inner[:-3] + SUFFIX


class Kept:
    """Code of the tests of the clean tree, by path: it is run where the file still has the same source."""

    def __init__(self):
        self.codes = {}

    def find(self, path):
        known = self.codes.get(path)
        if known is None:
            return None
        with open(path, "rb", 0) as file:
            return known[1] if file.read() == known[0] else None


# As modules are loaded, and as a test framework rewrites them.
plain, rewritten = Kept(), Kept()


# How the tests of the clean tree are compiled for a second look; none for the first one.
rewrite = None


def second(path):
    known = plain.codes.get(path)
    return None if rewrite is None or known is None else rewrite(known[0], path)


def forget(path):
    plain.codes.pop(path, None)
    rewritten.codes.pop(path, None)


def lead(config):
    """Leads imports to the compiled form of the clean tree, and notes what there is to write."""
    sites = tuple(site + "/" for site in config["site"])
    from importlib import _bootstrap_external as external

    usual = external.cache_from_source

    def cache_from_source(path, *rest, **more):
        if isinstance(path, str) and path.endswith(".py") and not rest and not more:
            if path.startswith("/work/"):
                return cached(CACHE, path[6:])
            if path.startswith(sites):
                return cached(SITES, path)
        return usual(path, *rest, **more)

    external.cache_from_source = cache_from_source
    load = external.SourceLoader.get_code

    def get_code(self, fullname):
        code = second(self.path) if rewrite else None
        if code is None and self.path in plain.codes:
            try:
                code = plain.find(self.path)
            except OSError:
                pass
        return load(self, fullname) if code is None else code

    external.SourceFileLoader.get_code = get_code
    global _files, _folders
    _files, _folders = [], []
    for folder, names, files in os.walk(BASE):
        inner = os.path.relpath(folder, BASE)
        prefix = "" if inner == "." else inner + "/"
        names.sort()
        _folders.extend(prefix + name for name in names)
        for name in sorted(files):
            about = os.stat(os.path.join(folder, name))
            _files.append((prefix + name, about.st_size, about.st_mode & 0o777))


def receive(file):
    """Reads the request: a file in memory with JSON, complete before we were told of it."""
    size, parts = os.fstat(file).st_size, []
    while size:
        part = os.read(file, size)
        if not part:
            os._exit(71)
        parts.append(part)
        size -= len(part)
    os.close(file)
    return json.loads(b"".join(parts))


def write_tree(changed, deleted, base):
    """Writes the clean tree with the changed files instead of theirs, and without the deleted ones."""
    mkdir, open_, close, sendfile = os.mkdir, os.open, os.close, os.sendfile
    for folder in _folders:
        mkdir(folder)
    create = os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC
    for path, size, mode in _files:
        if path in changed or path in deleted:
            continue
        to = open_(path, create, mode)
        if size:
            source = open_(path, os.O_RDONLY | os.O_CLOEXEC, dir_fd=base)
            at = 0
            while at < size:
                at += sendfile(to, source, at, size - at)
            close(source)
        close(to)
    close(base)
    modes = {path: mode for path, _, mode in _files if path in changed} if changed else {}
    for path, text in changed.items():
        folder = os.path.dirname(path)
        if folder:
            os.makedirs(folder, exist_ok=True)
        to = open_(path, create, modes.get(path, 0o644))
        data = memoryview(text.encode("utf-8", "surrogateescape"))
        while data:
            data = data[os.write(to, data):]
        close(to)


def hide(paths):
    """Hides compiled forms, which hold the text that was changed: nothing inside may read it there."""
    for path in paths:
        if path.endswith(".py"):
            forget(WORK + "/" + path)
            name = cached(CACHE, path)
            if os.path.exists(name):
                mount(b"/dev/null", name.encode(), None, BIND)


class Ground:
    """Namespaces of its own for each verdict; only the network is handed on, and only while it is clean."""

    def __init__(self, config):
        for folder in (BASE, CACHE):
            mount(None, folder.encode(), None, REMOUNT | BIND | RDONLY | NOSUID | NODEV)
        self.hidden = [(path.encode(), shown.encode()) for path, shown in config["hidden"]]
        self.own = os.open("/proc/self/ns/pid", os.O_RDONLY | os.O_CLOEXEC)
        self.network = None if config["network"] else Network()

    def renew(self):
        self.network.renew()

    def fork(self):
        unshare(NEWPID)
        pid = os.fork()
        if pid:
            setns(self.own, NEWPID)
        return pid

    def kill(self, pid):
        os.kill(pid, signal.SIGKILL)

    def leave(self):
        os.close(self.own)
        if self.network:
            self.network.close()

    def enter(self, file, filter_program):
        """Enters new namespaces, writes the tree, and gives up every right. Returns the request."""
        os.setsid()
        unshare(NEWNS | NEWIPC)
        request = receive(file)
        limits = request["limits"]
        data = b"size=%d,nr_inodes=200000,mode=755,uid=1000,gid=1000" % limits["files"]
        mount(b"sandbox", b"/work", b"tmpfs", NOSUID | NODEV, data)
        mount(b"sandbox", b"/tmp", b"tmpfs", NOSUID | NODEV, data)
        # Where the kernel refuses, the old one must not stay: it would show the server.
        if libc.mount(b"proc", b"/proc", b"proc", NOSUID | NODEV | NOEXEC, None) < 0:
            mount(b"sandbox", b"/proc", b"tmpfs", NOSUID | NODEV | RDONLY)
        else:
            for path, shown in self.hidden:
                mount(shown, path, None, BIND)
            # Where memory is short for all, the tests go before what waits for them.
            with open("/proc/self/oom_score_adj", "wb", 0) as file:
                file.write(b"1000")
        os.chdir(WORK)
        write_tree(request["changed"], request["deleted"], os.open(BASE, os.O_PATH | os.O_CLOEXEC))
        hide([*request["changed"], *request["deleted"]])
        check(libc.umount2(BASE.encode(), DETACH), "umount")
        os.dup2(0, 1)
        os.dup2(0, 2)
        for which, most in (
            (resource.RLIMIT_AS, limits["memory"]),
            (resource.RLIMIT_NPROC, limits["pids"] + 1),
            (resource.RLIMIT_FSIZE, limits["files"]),
            (resource.RLIMIT_NOFILE, 1024),
            # One byte is no file either, and unlike none at all keeps the kernel from starting what
            # looks after crashes on the host.
            (resource.RLIMIT_CORE, 1),
        ):
            resource.setrlimit(which, (most, most))
        drop_rights(filter_program)
        return request

    def tidy(self):
        """Returns whether the next verdict finds what this one has found; its processes are gone."""
        return not self.network or self.network.is_clean()


# What the host hears when no other verdict can be reached here: never, since each gets its own namespaces.
SPENT = b""

# As which user our own code writes: it has only one here.
as_user = contextlib.nullcontext


class Network:
    """A network of nothing but a loopback. Verdicts come one after the other, and each leaves the
    next one the network as it found it, or the next one gets a new one: making and dropping one costs
    more than everything else that isolates."""

    def __init__(self):
        self.files = ()
        self.renew()

    def is_clean(self):
        return bool(self.files) and self._look() == self.clean

    def renew(self):
        for file in self.files:
            os.close(file)
        self.files = ()
        unshare(NEWNET)
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as device:
            fcntl.ioctl(device, 0x8914, struct.pack("16sh14x", b"lo", 0x41))
        self.open()

    def open(self):
        try:
            self.files = [os.open("/proc/thread-self/net/" + name, os.O_RDONLY | os.O_CLOEXEC)
                          for name in ("dev", "sockstat")]
            self.clean = self._look()
        except OSError:
            # Without the files of the kernel nobody knows what is left.
            self.files = ()

    def _look(self):
        # Bytes and packets of the loopback: connections that outlive their processes were made by
        # packets. And how many sockets there are: what is bound without having sent anything.
        devices, sockets = self.files
        return os.pread(devices, 4096, 0), os.pread(sockets, 64, 0).split(b"\n")[0]

    def close(self):
        for file in self.files:
            os.close(file)


class Program(ctypes.Structure):
    _fields_ = [("len", ctypes.c_ushort), ("filter", ctypes.c_char_p)]


def drop_rights(filter_program):
    check(libc.prctl(47, 4, 0, 0, 0), "clear ambient capabilities")
    for capability in (8, 12, 21):
        check(libc.prctl(24, capability, 0, 0, 0), "drop a capability")
    header = struct.pack("=Ii", 0x20080522, 0)
    check(libc.capset(header, bytes(24)), "drop capabilities")
    install(filter_program)


def install(filter_program):
    check(libc.prctl(38, 1, 0, 0, 0), "no new privileges")
    program = Program(len(filter_program) // 8, filter_program)
    check(libc.prctl(22, 2, ctypes.addressof(program), 0, 0), "install the filter")
