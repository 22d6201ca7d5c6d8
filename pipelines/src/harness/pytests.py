"""Runs what `python -m pytest` would run."""

import ast
import io
import os
import sys

import canary
import isolate
import report


def prepare(config):
    """Imports the framework, and what of the environment belongs to it."""
    global _pytest, pytest, _plugins
    import _pytest.assertion.rewrite as rewrite
    import _pytest.config
    import pytest

    # All of the framework's own parts: each verdict would otherwise load them anew.
    for name in _pytest.config.default_plugins:
        __import__("_pytest." + name)
    for name in ("_pytest.unraisableexception", "_pytest.python_api", "_pytest.raises", "pygments", "colorama"):
        try:
            __import__(name)
        except ImportError:
            pass
    # Plugins are those of the environment: one that a tree brings along is none.
    _plugins = []
    if not os.environ.get("PYTEST_DISABLE_PLUGIN_AUTOLOAD"):
        from importlib import metadata

        for each in metadata.distributions():
            for point in each.entry_points:
                if point.group == "pytest11" and point.name not in _plugins:
                    try:
                        point.load()
                        _plugins.append(point.value.split(":")[0])
                    except Exception:
                        pass
    os.environ["PYTEST_DISABLE_PLUGIN_AUTOLOAD"] = "1"
    usual = rewrite._rewrite_test

    def kept(path, config):
        code = isolate.second(str(path))
        if code is not None:
            return os.stat(path), code
        code = isolate.rewritten.find(str(path)) if str(path) in isolate.rewritten.codes else None
        if code is None or config.getini("enable_assertion_pass_hook"):
            return usual(path, config)
        return os.stat(path), code

    rewrite._rewrite_test = kept

    def compiled(source, path):
        tree = ast.parse(source, filename=path)
        rewrite.rewrite_asserts(tree, source, path, None)
        return compile(tree, path, "exec", dont_inherit=True)

    note_fixtures()
    remember(rewrite)
    return compiled


def remember(rewrite):
    """Keeps what decides how a test ends: assertions, as far as they are the framework's own."""
    global _no_fixtures
    from _pytest.fixtures import FuncFixtureInfo

    _no_fixtures = FuncFixtureInfo((), (), [], {})
    contexts = {type(pytest.raises(ValueError)), type(pytest.approx(1))}
    owners = [(kind, [name for name, what in vars(kind).items() if callable(what)]) for kind in contexts]
    owners.append((pytest, ["raises", "approx", "fail", "skip", "xfail"]))

    def refused():
        try:
            with pytest.raises(ValueError):
                pass
        except BaseException:
            return 1 == pytest.approx(2)
        return True

    rewriting = [(rewrite, ["rewrite_asserts", "_rewrite_test", "AssertionRewriter", "AssertionRewritingHook"])]
    for kind in (rewrite.AssertionRewriter, rewrite.AssertionRewritingHook):
        rewriting.append((kind, [name for name, what in vars(kind).items() if callable(what)]))
    from _pytest import unittest as bridge

    rewriting.append((bridge.TestCaseFunction, ["runtest", "setup", "addFailure", "addError", "addSuccess"]))
    # Nobody who means well changes how assertions are compiled.
    canary.remember((owners, refused), (rewriting, lambda: True))


def note_fixtures():
    """Keeps which fixtures the framework's own modules and objects have: each run would look for them
    through all that these define."""
    import _pytest.fixtures
    from types import ModuleType

    known = {}

    def is_fixture(holder, name):
        found = getattr(holder, name, None)
        return type(found).__name__ == "FixtureFunctionDefinition" or hasattr(found, "_pytestfixturefunction")

    def names(holder):
        of = holder if isinstance(holder, ModuleType) else type(holder)
        if not (of.__name__ if of is holder else of.__module__).startswith("_pytest."):
            return dir(holder)
        if of not in known:
            known[of] = [name for name in dir(of) if is_fixture(of, name)]
        return known[of]

    # It asks for names there and nowhere else.
    _pytest.fixtures.dir = names


class Plugin:
    def __init__(self, tests, only, request):
        self.tests, self.only, self.request = tests, only, request
        self.must_fail, self.expected = None, set()
        self.files = None if only is None else {name.split("::")[0] for name in only}
        self.wrong = None

    def ignore(self, path):
        if self.files is None or not path.endswith(".py") or not path.startswith("/work/"):
            return None
        inner = path[6:]
        if inner in self.files or os.path.basename(inner) in ("conftest.py", "__init__.py"):
            return None
        return True if os.path.isfile(path) else None

    def pytest_collectreport(self, report):
        if report.failed and report.nodeid:
            self.tests.unloadable(report.nodeid, self.reasons.pop(report.nodeid, None) or {
                "exception": "CollectError", "message": "", "frames": []})
        elif report.skipped and report.nodeid:
            self.tests.fixture([report.nodeid + "::"], "skipped", None)

    reasons = {}


def make_plugin(tests, only, request):
    hookimpl = pytest.hookimpl

    class Hooks(Plugin):
        if int(pytest.__version__.split(".")[0]) >= 7:
            def pytest_ignore_collect(self, collection_path):
                return self.ignore(str(collection_path))
        else:
            def pytest_ignore_collect(self, path):
                return self.ignore(str(path))

        @hookimpl(hookwrapper=True)
        def pytest_make_collect_report(self, collector):
            outcome = yield
            made = outcome.get_result()
            info = getattr(getattr(made, "call", None), "excinfo", None)
            if made.failed and info is not None:
                self.reasons[made.nodeid] = report.raised(cause(info.value))

        @hookimpl(hookwrapper=True, trylast=True)
        def pytest_collection_modifyitems(self, items):
            yield
            if self.only is not None:
                items[:] = [item for item in items if item.nodeid in self.only]

        @hookimpl(tryfirst=True)
        def pytest_sessionfinish(self):
            # What comes now is told nobody: to clean up takes longer than a test does.
            if self.tests.is_over():
                self.tests.stream.end()

        def pytest_collection_finish(self, session):
            silence(session.config)
            ids = [item.nodeid for item in session.items]
            self.must_fail = canary.among_items(session.items, self.request, pytest.Function, _no_fixtures)
            self.expected = {item.nodeid for item in session.items if expects_failure(item)}
            self.tests.plan(ids, self.must_fail and self.must_fail.nodeid)
            if self.tests.should_stop:
                session.shouldstop = "a test did not pass"

        @hookimpl(hookwrapper=True, tryfirst=True)
        def pytest_runtest_protocol(self, item):
            if item is self.must_fail:
                self.tests.start_canary()
                session, option = item.session, item.config.option
                before = session.testsfailed, getattr(option, "maxfail", 0)
                option.maxfail = 0
                yield
                session.testsfailed, option.maxfail = before
                self.tests.end_canary()
                forget(item)
                return
            self.tests.start(item.nodeid.rpartition("::")[0], item.nodeid)
            yield
            self.tests.end(item.nodeid)
            if self.tests.should_stop:
                item.session.shouldstop = "a test did not pass"

        @hookimpl(hookwrapper=True)
        def pytest_runtest_makereport(self, item, call):
            outcome = yield
            made = outcome.get_result()
            error = call.excinfo.value if call.excinfo is not None else None
            if made.passed:
                if made.when == "call":
                    self.tests.say("passed")
            elif made.skipped:
                # What is expected was said when the test was written, not while it ran.
                is_expected = hasattr(made, "wasxfail") and item.nodeid in self.expected
                self.tests.say("passed" if is_expected else "skipped")
            elif error is None:
                self.tests.say("failed")
            else:
                is_failure = made.when == "call" and isinstance(error, (AssertionError, pytest.fail.Exception))
                self.tests.say("failed" if is_failure else "error", error)

    return Hooks(tests, only, request)


def expects_failure(item):
    if item.get_closest_marker("xfail") is not None:
        return True
    kind = getattr(item.parent, "obj", None)
    flag = "__unittest_expecting_failure__"
    method = getattr(kind, getattr(item, "originalname", None) or item.name, None)
    return getattr(kind, flag, False) is True or getattr(method, flag, False) is True


def forget(item):
    """Takes the canary out of what the framework sums up at the end."""
    terminal = item.config.pluginmanager.get_plugin("terminalreporter")
    stats = getattr(terminal, "stats", {})
    for kind, reports in stats.items():
        if kind != "":
            reports[:] = [each for each in reports if getattr(each, "nodeid", None) != item.nodeid]


def silence(config):
    """Spares the framework to tell of each test what nobody reads, unless a suite has a say in that."""
    def is_ours(plugin):
        return getattr(plugin, "__name__", type(plugin).__module__).startswith("_pytest.")

    if not all(is_ours(each.plugin) for each in config.hook.pytest_report_teststatus.get_hookimpls()):
        return
    reporter = config.pluginmanager.get_plugin("terminalreporter")
    for name in ("pytest_runtest_logstart", "pytest_runtest_logreport", "pytest_runtest_logfinish"):
        caller = getattr(config.hook, name)
        if any(each.plugin is reporter for each in caller.get_hookimpls()) and is_ours(reporter):
            caller._remove_plugin(reporter)


def cause(error):
    """Returns what made a module fail to load: the framework wraps it in words."""
    inner = error.__cause__ or error.__context__
    return inner if type(error).__name__ == "CollectError" and inner is not None else error


def arguments(config):
    fixed = ["-p", "no:cacheprovider", "--continue-on-collection-errors", "--tb=native"]
    for name in _plugins:
        fixed += ["-p", name]
    return fixed + config["args"]


def ready(config):
    """Makes the settings that each run begins with: the framework's own plugins and options."""
    usual = _pytest.config.get_config
    try:
        asked = arguments(config)
        made = [usual(asked)]
    except Exception:
        return

    def get_config(args=None, plugins=None, **more):
        # One run takes them; runs that tests begin themselves make their own.
        if not made or args is None or list(args) != asked:
            return usual(args, plugins, **more)
        own = made.pop()
        given = own.invocation_params
        own.invocation_params = type(given)(args=args, plugins=plugins, dir=given.dir)
        return own

    _pytest.config.get_config = get_config


class Tail(io.StringIO):
    """Keeps the end of what the framework complains of."""

    def write(self, text):
        kept = (self.getvalue() + text)[-4096:]
        self.seek(0)
        self.truncate()
        return super().write(kept)


def run(config, request, stream):
    tests = report.Tests(stream, request)
    only = None if request["only"] is None else set(request["only"])
    usual, sys.stderr = sys.stderr, Tail()
    code = pytest.main(arguments(config), plugins=[make_plugin(tests, only, request)])
    said, sys.stderr = sys.stderr, usual
    # Wrong arguments, or an error of the framework: nothing that tests do.
    if code in (3, 4):
        lines = [line.strip() for line in said.getvalue().splitlines()] if isinstance(said, Tail) else []
        told = [line for line in lines if "error:" in line.lower()] or lines[-1:]
        message = "; ".join(["it ended with code %d" % code] + told[:2])[:400]
        stream.line({"broken": {"exception": "pytest", "message": message, "frames": []}})
