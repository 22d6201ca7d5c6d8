# What follows is the rest of `escapes.py`.

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
    """the clean tree is not there any more, or closed"""
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
