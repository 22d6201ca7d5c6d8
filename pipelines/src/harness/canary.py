"""A test that must fail, among the others and named as they are. Where it passes, something forces results,
and nothing of the run counts. It is part of no file, so that nothing is read or compiled for it.

Where it stands follows from what is asked, not from chance: the same verdict asked twice makes the same
objects in the same order. Its name is another one each time.
"""

import types
import unittest
import unittest.case

# What each assertion refuses, where it is what it should be.
REFUSED = (
    ("assertEqual", (1, 2)), ("assertNotEqual", (1, 1)), ("assertTrue", (0,)), ("assertFalse", (1,)),
    ("assertIs", (1, 2)), ("assertIsNot", (1, 1)), ("assertIsNone", (1,)), ("assertIsNotNone", (None,)),
    ("assertIn", (1, ())), ("assertNotIn", (1, (1,))), ("assertIsInstance", (1, str)),
    ("assertNotIsInstance", (1, int)), ("assertAlmostEqual", (1.0, 2.0)), ("assertNotAlmostEqual", (1.0, 1.0)),
    ("assertGreater", (1, 2)), ("assertGreaterEqual", (1, 2)), ("assertLess", (2, 1)), ("assertLessEqual", (2, 1)),
    ("assertRegex", ("a", "b")), ("assertNotRegex", ("a", "a")), ("assertCountEqual", ([1], [2])),
    ("assertSequenceEqual", ([1], [2])), ("assertListEqual", ([1], [2])), ("assertTupleEqual", ((1,), (2,))),
    ("assertSetEqual", ({1}, {2})), ("assertDictEqual", ({1: 1}, {1: 2})), ("assertMultiLineEqual", ("a", "b")),
    ("assertRaises", (ValueError, int, "1")), ("assertRaisesRegex", (ValueError, "x", int, "1")), ("fail", ()),
)

# What else decides how a test ends.
DECIDES = ("run", "__call__", "_callSetUp", "_callTestMethod", "_callTearDown", "doCleanups", "failureException",
           "_getAssertEqualityFunc", "_baseAssertEqual", "_formatMessage")

_kept, _extra = [], []


def remember(*others):
    """Keeps what frameworks are before anything else runs. `others` are further owners with names, and a
    function that returns whether something that must not pass does."""
    case = unittest.case
    owners = [(unittest.TestCase, [name for name, _ in REFUSED] + list(DECIDES))]
    for name in ("_Outcome", "_AssertRaisesContext", "_AssertRaisesBaseContext"):
        owner = getattr(case, name, None)
        if owner is not None:
            owners.append((owner, [each for each, what in vars(owner).items() if callable(what)]))
    keep(owners, _kept)
    for owners, refused in others:
        kept = []
        keep(owners, kept)
        _extra.append((kept, refused))


def keep(owners, into):
    for owner, names in owners:
        known = vars(owner)
        for name in names:
            what = known.get(name)
            if what is not None:
                into.append((known, name, what, getattr(what, "__code__", None)))


def is_same(kept):
    for known, name, what, code in kept:
        if known.get(name) is not what or (code is not None and what.__code__ is not code):
            return False
    return True


def forces():
    """Returns whether something that must fail does not. What is as it was is not tried."""
    if not is_same(_kept):
        for name, args in REFUSED:
            if not refuses(name, args):
                return True
    return any(not is_same(kept) and passes() for kept, passes in _extra)


def refuses(name, args):
    class Case(unittest.TestCase):
        def runTest(self):
            getattr(self, name)(*args)

    result = unittest.TestResult()
    test = Case()
    test.run(result)
    return bool(result.failures or result.errors)


def make(check, name, like):
    """Makes a function that looks as if it stood beside another one."""
    def test(*_):
        if not forces():
            check(1, 2)

    code = getattr(like, "__code__", None)
    if code is not None:
        fields = {"co_filename": code.co_filename, "co_name": name, "co_firstlineno": code.co_firstlineno}
        qualified = getattr(code, "co_qualname", None)
        if qualified is not None:
            fields["co_qualname"] = qualified.rpartition(".")[0] + "." + name if "." in qualified else name
        test = types.FunctionType(test.__code__.replace(**fields), test.__globals__, name, None, test.__closure__)
        test.__qualname__ = fields.get("co_qualname", name)
    test.__module__ = getattr(like, "__module__", None)
    return test


def name_for(names, seed, nonce, is_taken):
    """Joins parts of the names of others. The part that changes with each run is as long each time."""
    one, other = names[seed % len(names)], names[(seed >> 20) % len(names)]
    last = other.rpartition("_")[2]
    stem = one + "_" + last if last and last.isidentifier() and not one.endswith(last) else one
    number = 10 + int(nonce[:8], 16) % 90
    while is_taken(stem + "_%d" % number):
        number = 10 + (number - 9) % 90
        stem += "_" if number == 10 else ""
    return stem + "_%d" % number


def equal(left, right):
    assert left == right


def nothing(*_):
    pass


def among_cases(tests, request):
    """Puts one among the tests of `unittest`, and returns it."""
    if not tests:
        return None
    seed, nonce = int(request["canary"], 16), request["nonce"]
    names = [getattr(test, "_testMethodName", None) or "test" for test in tests]
    for step in range(len(tests)):
        at = (seed + step) % len(tests)
        kind = type(tests[at])
        if not is_plain(kind):
            continue
        name = name_for(names, seed, nonce, lambda name: hasattr(kind, name))
        try:
            test = kind.__new__(kind)
            own = test.__dict__
            own["setUp"] = own["tearDown"] = nothing
            check = test.assertEqual if kind.assertEqual is unittest.TestCase.assertEqual else equal
            own[name] = make(check, name, getattr(kind, tests[at]._testMethodName, None))
            unittest.TestCase.__init__(test, name)
        except Exception:
            continue
        break
    else:
        # A class of its own, first, so that no fixture of a class or module runs once more.
        at, name = 0, name_for(names, seed, nonce, lambda name: False)
        kind = type("Test" + type(tests[0]).__name__, (unittest.TestCase,), {
            name: make(equal, name, None), "__module__": type(tests[0]).__module__})
        test = kind(name)
    tests.insert(at, test)
    return test


def is_plain(kind):
    """Returns whether a class of tests runs them in the usual way, so that one more test disturbs nothing."""
    case = unittest.TestCase
    return (issubclass(kind, case) and kind.run is case.run and kind.__call__ is case.__call__ and kind.id is case.id
            and getattr(kind, "_callSetUp", None) is getattr(case, "_callSetUp", None)
            and kind.__setattr__ is object.__setattr__ and kind.__getattribute__ is object.__getattribute__
            and not getattr(kind, "__unittest_skip__", False)
            and not getattr(kind, "__unittest_expecting_failure__", False))


def among_items(items, request, function, no_fixtures):
    """Puts one among the tests of `pytest`, and returns it; none where that is not possible."""
    if not items:
        return None
    seed, nonce = int(request["canary"], 16), request["nonce"]
    names = [item.originalname or item.name for item in items if isinstance(item, function)]
    taken = {item.nodeid for item in items}
    for step in range(len(items)):
        at = (seed + step) % len(items)
        item = items[at]
        if not isinstance(item, function):
            continue
        prefix = item.nodeid.rpartition("::")[0]
        name = name_for(names, seed, nonce, lambda name: prefix + "::" + name in taken)
        try:
            like = getattr(item.parent.obj, getattr(item, "originalname", item.name), None)
            test = function.from_parent(item.parent, name=name, callobj=make(equal, name, like),
                                        fixtureinfo=no_fixtures)
        except Exception:
            continue
        test.repr_failure = lambda *_, **__: ""
        items.insert(at, test)
        return test
    return None
