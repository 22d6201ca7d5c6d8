"""What tests do, line by line, on a descriptor that is not theirs; and what they touch."""

import gc
import json
import os
import re
import sys
import threading
import time

WORK = "/work/"
_write, _getpid, _now = os.write, os.getpid, time.process_time_ns
_encode = json.JSONEncoder(ensure_ascii=True, separators=(",", ":")).encode
_ADDRESS = re.compile(r"0x[0-9a-fA-F]{4,}")
_TEMPORARY = re.compile(r"/(?:var/)?tmp/[^\s'\"`,;:)\]>]+")
_SPACE = re.compile(r"\s+")


class Stream:
    """The lines of one verdict. Each has the word that only this process was told."""

    def __init__(self, file, nonce, is_all=False):
        self._file, self._nonce, self._pid, self._is_all = file, nonce, _getpid(), is_all

    def end(self):
        """Ends the process where it was for nothing else."""
        if self._is_all:
            self.line({"done": True})
            os._exit(0)

    def line(self, fields):
        # A forked copy of the tests reports nothing.
        if _getpid() != self._pid:
            return
        # It begins a line in any case: something else may have written half of one.
        data = ("\n" + self._nonce + _encode(fields) + "\n").encode()
        while data:
            data = data[_write(self._file, data):]


def is_test(path):
    """Returns whether a file of the tree is a test, or there for tests."""
    parts = path.split("/")
    name = parts[-1]
    return (name == "conftest.py" or name.startswith("test_") or name.endswith("_test.py")
            or "tests" in parts[:-1] or "test" in parts[:-1])


_places, _known = {}, {}


def place(code):
    """Returns file and name of a function of product code; `None` for any other."""
    # To find code by what it holds takes long, and to find it by its name does not. No call is made, which
    # a test that recurses without end would notice.
    try:
        known, found = _known[code.co_qualname]
        if known is code:
            return found
    except (AttributeError, KeyError):
        pass
    try:
        found = _places[code]
    except KeyError:
        found = None
        file = code.co_filename
        if file.startswith(WORK) and not is_test(file[len(WORK):]):
            found = (file[len(WORK):], name_of(code))
        _places[code] = found
    try:
        _known[code.co_qualname] = code, found
    except AttributeError:
        pass
    return found


def name_of(code):
    name = getattr(code, "co_qualname", None)
    if name is None:
        name = _names(code.co_filename).get((code.co_firstlineno, code.co_name), code.co_name)
    return name


_name_tables = {}


def _names(file):
    """Returns the full names of the functions of a file, where the interpreter does not know them."""
    if file in _name_tables:
        return _name_tables[file]
    table = _name_tables[file] = {}
    import ast

    def walk(node, prefix):
        for child in ast.iter_child_nodes(node):
            if isinstance(child, (ast.FunctionDef, ast.AsyncFunctionDef, ast.ClassDef)):
                first = min([child.lineno] + [each.lineno for each in child.decorator_list])
                table[(first, child.name)] = prefix + child.name
                is_class = isinstance(child, ast.ClassDef)
                walk(child, prefix + child.name + ("." if is_class else ".<locals>."))
            else:
                walk(child, prefix)

    try:
        with open(file, "rb") as source:
            walk(ast.parse(source.read()), "")
    except Exception:
        pass
    return table


def message(error):
    try:
        text = str(error)
    except BaseException:
        text = ""
    text = _SPACE.sub(" ", text[:4000]).strip().replace(WORK, "")
    text = _TEMPORARY.sub("/tmp/...", _ADDRESS.sub("0x...", text))
    return text.encode("utf-8", "replace").decode()[:200]


def raised(error, trace=None):
    """Describes an exception: its type, one line, and where in product code it came from."""
    frames = []
    trace = trace if trace is not None else getattr(error, "__traceback__", None)
    while trace is not None:
        found = place(trace.tb_frame.f_code)
        if found:
            frames.append((found[0], found[1], trace.tb_lineno or 1))
        trace = trace.tb_next
    if isinstance(error, SyntaxError) and error.filename and str(error.filename).startswith(WORK):
        inner = error.filename[len(WORK):]
        if not is_test(inner):
            frames.append((inner, "<module>", error.lineno or 1))
    if len(frames) > 20:
        frames = frames[:10] + frames[-10:]
    return {"exception": type(error).__name__[:200], "message": message(error), "frames": frames}


class Trace:
    """Notes which functions, or lines, of product code run."""

    def __init__(self, mode):
        self.mode = mode
        self.entered, self.lines = set(), {}

    def begin(self, is_on=True):
        self.entered, self.lines = set(), {}
        if self.mode != "off" and is_on:
            sys.settrace(self._call)
            threading.settrace(self._call)

    def end(self):
        if self.mode != "off":
            sys.settrace(None)
            threading.settrace(None)
        return self.entered, self.lines

    def _call(self, frame, event, _):
        found = place(frame.f_code)
        if found is None:
            return None
        self.entered.add(found)
        if self.mode != "lines":
            return None
        seen = self.lines.setdefault(found[0], set())

        def line(frame, event, _):
            if event == "line":
                seen.add(frame.f_lineno)
            return line

        return line


class Tests:
    """Tells what each test did. What runs between tests, fixtures of classes and modules, counts for
    every test of the same group; what runs while modules are loaded counts for all."""

    def __init__(self, stream, request):
        self.stream, self.stop_early = stream, request["stop_early"]
        self.trace = Trace(request["trace"])
        self.noted = None if request.get("noted") is None else set(request["noted"])
        self.group, self.shared, self.loaded = None, (set(), {}), (set(), {})
        self.status = None
        self.should_stop = False
        self.left = None
        self.canary, self.look = None, request.get("look")
        self.trace.begin()

    def is_over(self):
        """Returns whether each test of the plan told what it did."""
        return self.left is not None and not self.left

    def plan(self, ids, canary=None):
        self.left = set(ids)
        self.loaded = self.trace.end()
        self.stream.line({"loaded": _now() // 1000})
        self.stream.line({"plan": ids})
        if canary is not None:
            self.canary = canary
            self.stream.line({"canary": canary})
        gc.enable()
        self.trace.begin()

    def start(self, group, name):
        between = self.trace.end()
        if group != self.group:
            self.group, self.shared = group, (set(), {})
        merge(self.shared, between)
        self.status = self.raised = None
        self.begun = _now()
        self.is_noted = self.noted is None or name in self.noted
        self.trace.begin(self.is_noted)

    def start_canary(self):
        """What ran before it counts for the next test, as if it were not there."""
        self.between = self.trace.end()
        self.status = self.raised = None

    def end_canary(self):
        self.stream.line({"canary": self.canary, "status": self.status or "error"})
        self.trace.begin()
        merge((self.trace.entered, self.trace.lines), self.between)

    def say(self, status, error=None, trace=None):
        """Says what the test did; the first thing that went wrong counts."""
        if self.status in (None, "passed"):
            self.status = status
            self.raised = raised(error, trace) if error is not None else None

    def end(self, name):
        cpu = (_now() - self.begun) // 1000
        seen = self.trace.end()
        status = self.status or "error"
        fields = {"test": name, "status": status, "cpu": cpu}
        if self.raised:
            fields["raised"] = self.raised
        if self.trace.mode != "off" and self.is_noted:
            merge(seen, self.shared)
            merge(seen, self.loaded)
            fields["entered"] = sorted(seen[0])
            if self.trace.mode == "lines":
                fields["lines"] = [[path, sorted(lines)] for path, lines in sorted(seen[1].items())]
        if self.look:
            fields["marks"] = self.look.taken()
        self.stream.line(fields)
        self.left.discard(name)
        if self.stop_early and status not in ("passed", "skipped"):
            self.should_stop = True
        self.trace.begin()

    def fixture(self, groups, status, error, trace=None):
        """Says that what tests share broke: those whose names begin so are not run."""
        self.stream.line({"groups": groups, "status": status, "raised": raised(error, trace) if error else None})
        if self.stop_early and status != "skipped":
            self.should_stop = True

    def unloadable(self, name, error):
        described = error if isinstance(error, dict) else raised(error)
        self.stream.line({"unloadable": name, "raised": described})
        if self.stop_early:
            self.should_stop = True


def merge(into, other):
    into[0].update(other[0])
    for path, lines in other[1].items():
        into[1].setdefault(path, set()).update(lines)
