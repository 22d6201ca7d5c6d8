"""Waits for verdicts to reach, and forks once for each, before anything of the product is imported.

It knows the clean tree and how to run its tests. What a verdict is about (changed files, which tests,
the word that marks true lines) goes over a socket that only the forked process reads.
"""

import ctypes
import gc
import importlib
import importlib.util
import json
import marshal
import os
import resource
import select
import socket
import struct
import sys
import sysconfig
import time
import types

import isolate
import report
import second
import warm

# Modules that do something when they are imported, or need a screen.
NEVER = {"antigravity", "this", "turtle", "turtledemo", "tkinter", "idlelib", "test", "lib2to3", "__main__"}

# What the name of a compiled form ends with that a test framework made.
REWRITTEN = ".rewritten"

# How many seconds of a processor may go into compiled forms of packages.
LONG = 5

# How a verdict ends that left something behind.
DIRTY = 3


def compile_site(site, cache):
    """Compiles what the environment has and this process has not loaded: tests that need it would compile
    it in each verdict. It stays as it is, so nothing is checked."""
    from importlib import _bootstrap_external as external

    loaded = {name.split(".")[0] for name in sys.modules}
    begun = time.process_time()
    for folder, names, files in os.walk(site):
        if folder == site:
            names[:] = [name for name in names if name not in loaded]
        # The rest of a large one is compiled where it is needed.
        if time.process_time() - begun > LONG:
            return
        for name in files:
            path = os.path.join(folder, name)
            if not name.endswith(".py"):
                continue
            try:
                with open(path, "rb") as file:
                    source = file.read()
                code = compile(source, path, "exec", dont_inherit=True)
            except (OSError, SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            cached = isolate.cached(cache, path)
            os.makedirs(os.path.dirname(cached), exist_ok=True)
            with open(cached, "wb") as file:
                file.write(external._code_to_hash_pyc(code, importlib.util.source_hash(source), False))


def compile_tree(tree, cache, sink, rewrite):
    """Compiles every source without executing it, and tells which modules the sources import."""
    import ast

    wanted = set()
    for folder, _, names in os.walk(tree):
        for name in names:
            if not name.endswith(".py"):
                continue
            path = os.path.join(folder, name)
            inner = os.path.relpath(path, tree)
            try:
                with open(path, "rb") as file:
                    source = file.read()
                module = ast.parse(source)
                code = compile(source, "/work/" + inner, "exec", dont_inherit=True)
            except (SyntaxError, ValueError, RecursionError, MemoryError):
                continue
            for node in ast.walk(module):
                if isinstance(node, ast.Import):
                    wanted.update(alias.name for alias in node.names)
                elif isinstance(node, ast.ImportFrom) and node.module and not node.level:
                    wanted.add(node.module)
                    wanted.update(node.module + "." + alias.name for alias in node.names)
            cached = isolate.cached(cache, inner)
            os.makedirs(os.path.dirname(cached), exist_ok=True)
            # Checked against the source by its hash: a changed file is compiled anew.
            from importlib import _bootstrap_external as external

            data = external._code_to_hash_pyc(code, importlib.util.source_hash(source), True)
            with open(cached, "wb") as file:
                file.write(data)
            if rewrite and report.is_test(inner):
                try:
                    data = marshal.dumps(rewrite(source, "/work/" + inner))
                except Exception:
                    continue
                with open(cached + REWRITTEN, "wb") as file:
                    file.write(data)
    os.write(sink, "\n".join(sorted(wanted)).encode())


def prepare(config, rewrite):
    """Compiles the tree in a process of its own: sources may be anything, also what crashes a compiler."""
    read, write = os.pipe()
    pid = os.fork()
    if pid == 0:
        try:
            os.close(read)
            resource.setrlimit(resource.RLIMIT_CPU, (60, 60))
            compile_tree(isolate.BASE, isolate.CACHE, write, rewrite)
            os.close(write)
            for site in config["site"]:
                compile_site(site, isolate.SITES)
        finally:
            os._exit(0)
    os.close(write)
    with os.fdopen(read, "rb") as file:
        names = file.read().decode().split("\n")
    os.waitpid(pid, 0)
    keep_tests()
    own = provided(["", "src", "lib"])
    library = sysconfig.get_paths()["stdlib"]
    for name in names:
        top = name.split(".")[0]
        if not name or top in own or top in NEVER:
            continue
        try:
            found = importlib.util.find_spec(top)
            origin = getattr(found, "origin", None) or ""
            is_ours = origin in ("built-in", "frozen") or (
                origin.startswith(library) and "site-packages" not in origin)
            if is_ours and (name == top or importlib.util.find_spec(name)):
                importlib.import_module(name)
        except Exception:
            continue


def provided(folders):
    """Returns the modules that folders of the tree have, by the first part of their names."""
    places = [os.path.join(isolate.BASE, folder) for folder in folders]
    return {name.split(".")[0] for place in places if os.path.isdir(place) for name in os.listdir(place)}


def install(config):
    """Lets tests find the product of a tree that is to be installed, as if it were: before what the
    environment has by the same name. Metadata in the tree is found there too."""
    if not any(os.path.exists(os.path.join(isolate.BASE, name)) for name in ("pyproject.toml", "setup.py", "setup.cfg")):
        return
    # With sources in a folder of their own, the top folder holds none.
    folders = [name for name in ("src", "lib") if os.path.isdir(os.path.join(isolate.BASE, name))] or [""]
    roots = [os.path.join("/work", folder).rstrip("/") for folder in folders]
    at = min([sys.path.index(site) for site in config["site"]] + [len(sys.path)])
    sys.path[at:at] = roots
    # For programs that tests start.
    os.environ["PYTHONPATH"] = ":".join(roots + list(filter(None, [os.environ.get("PYTHONPATH")])))
    # The framework keeps what it has loaded of the environment, and tests get the product.
    own = provided(folders)
    for name, module in list(sys.modules.items()):
        origin = getattr(module, "__file__", None) or ""
        if name.split(".")[0] in own and any(origin.startswith(site + "/") for site in config["site"]):
            del sys.modules[name]


def keep_tests():
    """Keeps the code of tests, which most of every verdict would read and decode. That of the product
    stays in files: those that a verdict changes are hidden from it, and memory cannot be."""
    for folder, _, names in os.walk(isolate.BASE):
        for name in names:
            path = os.path.join(folder, name)
            inner = os.path.relpath(path, isolate.BASE)
            if not name.endswith(".py") or not report.is_test(inner):
                continue
            cached = isolate.cached(isolate.CACHE, inner)
            with open(path, "rb") as file:
                source = file.read()
            for end, skip, kept in (("", 16, isolate.plain), (REWRITTEN, 0, isolate.rewritten)):
                try:
                    with open(cached + end, "rb") as file:
                        code = marshal.loads(file.read()[skip:])
                    os.remove(cached + end)
                except (OSError, ValueError, EOFError, TypeError):
                    continue
                kept.codes["/work/" + inner] = (source, code)


def main():
    control = socket.socket(fileno=3)
    config = json.loads(control.recv(1 << 16))
    sys.dont_write_bytecode = True
    runner = importlib.import_module({"unittest": "units", "pytest": "pytests"}[config["runner"]])
    place = importlib.import_module("contained" if config["contained"] else "isolate")
    del sys.path[0]
    for folder in config["site"]:
        if folder not in sys.path:
            sys.path.append(folder)
    if config["contained"]:
        # Its folder is closed to the user that the code runs as; this one is not, to whoever holds it open.
        isolate.BASE += "/tree"
    rewrite = runner.prepare(config)
    prepare(config, rewrite)
    with place.as_user():
        warm.warm(runner, config)
    runner.ready(config)
    install(config)
    isolate.lead(config)
    ground = place.Ground(config)
    # Nothing is there yet: each fork puts its tree there. `pytest` alone finds its own way.
    if config["is_module"]:
        sys.path.insert(0, "/work")
    sys.path_importer_cache.clear()
    # What candidate code finds as the main module is as empty as it is for `python -m`.
    main_module = types.ModuleType("__main__")
    sys.modules["__main__"] = main_module
    for name in ("serve", "isolate", "report", "units", "pytests", "warm", "contained", "canary", "second"):
        sys.modules.pop(name, None)
    sys.argv = ["python -m " + config["runner"]] + config["args"]
    filter_program = bytes.fromhex(config["filter"])
    gc.collect()
    gc.freeze()
    # Loading makes much and leaves little behind: a fork collects nothing until its tests begin.
    gc.disable()
    control.send(b"ready")
    # Each verdict begins in a fork of this process, which itself does nothing but fork: what tests
    # see, down to the addresses of their objects, does not depend on the verdicts before.
    while True:
        if os.fork() == 0:
            try:
                verdict(control, ground, place.SPENT, filter_program, config, runner)
            finally:
                os._exit(70)
        status = os.wait()[1]
        if status:
            if os.waitstatus_to_exitcode(status) != DIRTY:
                os._exit(0)
            ground.renew()
        del status


def verdict(control, ground, spent, filter_program, config, runner):
    """Waits for a request, forks once more for it, and tells how that ended."""
    while True:
        word, files, _, _ = socket.recv_fds(control, 64, 2)
        if files:
            break
        if not word:
            os._exit(1)
    pid = ground.fork()
    if pid == 0:
        try:
            control.close()
            ground.leave()
            isolated(files, ground, filter_program, config, runner)
        finally:
            os._exit(70)
    for file in files:
        os.close(file)
    watch = os.pidfd_open(pid)
    poll = select.poll()
    poll.register(watch, select.POLLIN)
    poll.register(control, select.POLLIN)
    while True:
        ready = {file for file, _ in poll.poll()}
        if watch in ready:
            break
        # Whatever the host says now, it has had enough of this one.
        if not control.recv(64):
            os._exit(1)
        ground.kill(pid)
    _, status, used = os.wait4(pid, 0)
    is_clean = ground.tidy()
    used = struct.pack("=iQ", status, int((used.ru_utime + used.ru_stime) * 1e6))
    control.send(used if is_clean else used + spent)
    os._exit(0 if is_clean else DIRTY)


def isolated(files, ground, filter_program, config, runner):
    """Goes on isolated, and without any rights runs the tests."""
    asked, results = files
    os.set_inheritable(results, False)
    request = ground.enter(asked, filter_program)
    # After a second look there is more to say.
    stream = report.Stream(results, request["nonce"], not request["look"])
    stream.line({"begun": True})
    if request["look"]:
        request["look"], isolate.rewrite = second.Look(), second.rewritten
    try:
        runner.run(config, request, stream)
        if request["look"]:
            stream.line({"known": second.known_owners()})
    except BaseException as error:
        stream.line({"broken": report.raised(error)})
    finally:
        stream.line({"done": True})
        os._exit(0)


if __name__ == "__main__":
    main()
