"""What a forked process does inside of a container before it runs hostile code, and what is done after it.

A container has one set of namespaces for all of its verdicts: nothing of one may be there for the next. So
each runs as another user without any right, and leaves behind what it could write to: all of that is
emptied, and looked at. Where anything is not as it was, the container ends.
"""

import ctypes
import os
import resource
import signal

import isolate

USER = 1000
WRITABLE = (isolate.WORK, "/tmp")
QUEUES = "/dev/mqueue"
HIDDEN = isolate.CACHE + "/.hidden"
SHARED = ("/proc/sysvipc/shm", "/proc/sysvipc/sem", "/proc/sysvipc/msg")
DUMPABLE, SUBREAPER = 4, 36
FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC

# How long it may take to end and empty what a verdict has left.
PATIENCE = 60

# What the host hears when this container is of no use any more.
SPENT = b"!"


class Loopback(isolate.Network):
    def renew(self):
        self.open()


class Ground:
    def __init__(self, config):
        if os.getpid() != 1:
            raise RuntimeError("a verdict ends every process of its container: this one is not the first")
        # Whoever can enter finds what the code was before it was changed.
        os.chmod(os.path.dirname(isolate.BASE), 0o700)
        self.cached = [os.path.join(folder, name)
                       for folder, _, names in os.walk(isolate.CACHE) for name in names]
        os.mkdir(HIDDEN, 0o700)
        self.network = Loopback()
        self.sizes = [sizes(folder) for folder in WRITABLE]

    def renew(self):
        """Ends the container: there is no other way to a clean one."""
        os._exit(0)

    def fork(self):
        # What a verdict leaves running comes to this process, and not to the first one.
        isolate.libc.prctl(SUBREAPER, 1, 0, 0, 0)
        return os.fork()

    def kill(self, pid):
        with as_user():
            os.kill(pid, signal.SIGKILL)

    def leave(self):
        self.network.close()

    def enter(self, file, filter_program):
        """Writes the tree as the user that the code runs as, and gives up every right."""
        os.setsid()
        # If memory gets short, this goes first.
        with open("/proc/self/oom_score_adj", "w") as about:
            about.write("1000")
        request = isolate.receive(file)
        base = os.open(isolate.BASE, os.O_PATH | os.O_CLOEXEC)
        self.hide([*request["changed"], *request["deleted"]])
        for capability in (6, 7, 8):
            isolate.check(isolate.libc.prctl(24, capability, 0, 0, 0), "drop a capability")
        os.setgroups([])
        os.setresgid(USER, USER, USER)
        os.setresuid(USER, USER, USER)
        # A change of the user clears it, and without it `/proc/self` belongs to nobody.
        isolate.libc.prctl(DUMPABLE, 1, 0, 0, 0)
        os.chdir(isolate.WORK)
        isolate.write_tree(request["changed"], request["deleted"], base)
        os.dup2(0, 1)
        os.dup2(0, 2)
        limits = request["limits"]
        # How many processes there may be is the container's limit: as the user's it would count those of
        # other containers.
        for which, most in (
            (resource.RLIMIT_AS, limits["memory"]),
            (resource.RLIMIT_FSIZE, limits["files"]),
            (resource.RLIMIT_NOFILE, 1024),
            (resource.RLIMIT_CORE, 0),
        ):
            resource.setrlimit(which, (most, most))
        isolate.install(filter_program)
        return request

    def hide(self, changed):
        """Leaves nothing in the compiled forms of changed files: they hold the text that was changed."""
        for path in changed:
            if path.endswith(".py"):
                isolate.forget(isolate.WORK + "/" + path)
                name = isolate.cached(isolate.CACHE, path)
                if name in self.cached:
                    os.rename(name, "%s/%d" % (HIDDEN, self.cached.index(name)))
                    os.close(os.open(name, os.O_WRONLY | os.O_CREAT | os.O_CLOEXEC, 0o644))

    def tidy(self):
        """Ends and empties all that a verdict has left; returns whether nothing of it is there any more."""
        signal.alarm(PATIENCE)
        try:
            with as_user():
                end_all()
                for folder in WRITABLE:
                    empty(folder)
            for number in os.listdir(HIDDEN):
                os.rename("%s/%s" % (HIDDEN, number), self.cached[int(number)])
            if os.path.isdir(QUEUES):
                for name in os.listdir(QUEUES):
                    os.unlink(os.path.join(QUEUES, name))
            return (
                all(is_head(path) for path in SHARED)
                and [sizes(folder) for folder in WRITABLE] == self.sizes
                and {name for name in os.listdir("/proc") if name.isdigit()} == {"1", str(os.getpid())}
                and self.network.is_clean()
            )
        except OSError:
            return False


class as_user:
    """Is the user that the code runs as, for a while: what belongs to it can be ended and removed so."""

    def __enter__(self):
        os.seteuid(USER)

    def __exit__(self, *_):
        os.seteuid(0)


def end_all():
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


def empty(folder):
    """Removes all that is in a folder, and all that was added to it. Folders in it are moved up before they
    are emptied: however deep they are, no path is too long."""
    # It may be closed to its own user.
    os.chmod(folder, 0o755)
    top = os.open(folder, FOLDER)
    moved, token = 0, os.urandom(8).hex()
    try:
        open_ = os.listdir(top)
        while open_:
            name = open_.pop()
            try:
                os.unlink(name, dir_fd=top)
                continue
            except IsADirectoryError:
                pass
            os.chmod(name, 0o700, dir_fd=top)
            inner = os.open(name, FOLDER, dir_fd=top)
            try:
                for each in os.listdir(inner):
                    try:
                        os.unlink(each, dir_fd=inner)
                    except IsADirectoryError:
                        os.chmod(each, 0o700, dir_fd=inner)
                        moved += 1
                        open_.append(".%d.%s" % (moved, token))
                        os.rename(each, open_[-1], src_dir_fd=inner, dst_dir_fd=top)
            finally:
                os.close(inner)
            os.rmdir(name, dir_fd=top)
        for name in os.listxattr(top):
            os.removexattr(top, name)
        os.utime(top)
    finally:
        os.close(top)


def sizes(folder):
    about = os.statvfs(folder)
    return about.f_bfree, about.f_ffree


def is_head(path):
    with open(path) as file:
        return len(file.readlines()) <= 1
