"""Runs what `python -m unittest` would run."""

import sys
import types
import unittest
import unittest.loader
import unittest.suite

import canary
import report


def prepare(config):
    """Makes once what would take each verdict the longest: parsers."""
    canary.remember()
    try:
        shape = Program.__new__(Program)
        shape.progName = "python -m unittest"
        shape._initArgParsers()
        Program.parsers = (shape._main_parser, shape._discovery_parser)
    except Exception:
        Program.parsers = None
    return None


def ready(config):
    """Has nothing to make: what this framework begins with is in the parsers."""


class Loader(unittest.TestLoader):
    """Loads as always, keeps why a module could not be, and leaves out files that nobody asked for."""

    wanted = None

    def __init__(self):
        super().__init__()
        self.reasons = {}

    def _get_module_from_name(self, name):
        try:
            return super()._get_module_from_name(name)
        except unittest.SkipTest:
            raise
        except BaseException as error:
            self.reasons[name] = report.raised(error)
            if isinstance(error, (SystemExit, KeyboardInterrupt)):
                raise ImportError("%s while it was loaded" % type(error).__name__) from error
            raise

    def _match_path(self, path, full_path, pattern):
        if not super()._match_path(path, full_path, pattern):
            return False
        if self.wanted is None:
            return True
        module = self._get_name_from_path(full_path[:-3])
        return any(name == module or name.startswith(module + ".") for name in self.wanted)


class Program(unittest.main):
    parsers = None

    def _initArgParsers(self):
        if Program.parsers is None:
            super()._initArgParsers()
        else:
            self._main_parser, self._discovery_parser = Program.parsers

    def runTests(self):
        pass

    def usageExit(self, msg=None):
        raise ValueError(msg or "the arguments of unittest are wrong")


class Result(unittest.TestResult):
    def __init__(self, tests, expected, must_fail):
        super().__init__()
        self.tests, self.expected, self.must_fail = tests, expected, must_fail

    def startTest(self, test):
        if test is self.must_fail:
            self.tests.start_canary()
        else:
            self.tests.start((type(test).__module__, type(test).__qualname__), test.id())

    def stopTest(self, test):
        if test is self.must_fail:
            self.tests.end_canary()
            return
        self.tests.end(test.id())
        if self.tests.should_stop:
            self.shouldStop = True

    def addSuccess(self, test):
        self.tests.say("passed")

    def addFailure(self, test, err):
        self._say("failed", err)

    def addError(self, test, err):
        if isinstance(test, unittest.suite._ErrorHolder):
            self._holder(test, "error", err[1], err[2])
        else:
            self._say("error", err)

    def addSkip(self, test, reason):
        if isinstance(test, unittest.suite._ErrorHolder):
            self._holder(test, "skipped", None, None)
        else:
            self.tests.say("skipped")

    def addExpectedFailure(self, test, err):
        # What is expected was said when the test was written, not while it ran.
        self.tests.say("passed" if test.id() in self.expected else "failed")

    def addUnexpectedSuccess(self, test):
        self.tests.say("failed")

    def addSubTest(self, test, subtest, err):
        if err is not None:
            is_failure = issubclass(err[0], test.failureException)
            self._say("failed" if is_failure else "error", err)

    def _say(self, status, err):
        # An exception of the loader itself stands for a module; the plan has left those out.
        self.tests.say(status, err[1], err[2])

    def _holder(self, holder, status, error, trace):
        what, _, name = holder.description.partition(" (")
        name = name.rstrip(")")
        if what.startswith("setUp"):
            self.tests.fixture([name + "."], status, error, trace)
        elif status == "error":
            # All tests of it have ended: that it could not be cleaned up is a result of its own.
            self.tests.start(None, holder.id())
            self.tests.say(status, error, trace)
            self.tests.end(holder.id())


def flat(suite):
    open_ = [suite]
    tests = []
    while open_:
        each = open_.pop()
        if isinstance(each, unittest.TestSuite):
            open_.extend(reversed(list(each)))
        else:
            tests.append(each)
    return tests


def run(config, request, stream):
    tests = report.Tests(stream, request)
    loader = Loader()
    only = request["only"]
    if only is not None:
        loader.wanted = only = set(only)
    program = Program(module=None, argv=["python -m unittest"] + config["args"], testLoader=loader, exit=False)
    kept = []
    for test in flat(program.test):
        if isinstance(test, unittest.loader._FailedTest):
            name = test._testMethodName
            tests.unloadable(name, loader.reasons.get(name) or from_text(test._exception))
        elif type(test).__name__ == "ModuleSkipped":
            tests.fixture([test._testMethodName + "."], "skipped", None)
        elif only is None or test.id() in only:
            kept.append(test)
    ids = [test.id() for test in kept]
    must_fail = canary.among_cases(kept, request)
    expected = {test.id() for test in kept if expects_failure(test)}
    tests.plan(ids, must_fail and must_fail.id())
    result = Result(tests, expected, must_fail)
    result.shouldStop = tests.should_stop
    unittest.TestSuite(kept).run(result)


def expects_failure(test):
    name = "__unittest_expecting_failure__"
    method = getattr(test, getattr(test, "_testMethodName", ""), None)
    return getattr(test, name, False) or getattr(method, name, False)


def from_text(error):
    """Reads type and message out of the text that is left of an exception."""
    last = ([line for line in str(error).split("\n") if line.strip()] or [""])[-1]
    kind, _, text = last.partition(": ")
    kind = kind.rpartition(".")[2]
    if not kind.isidentifier():
        return report.raised(error)
    return {"exception": kind, "message": report.message(text), "frames": []}
