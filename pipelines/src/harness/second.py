"""A second look at tests: what they compare, seen by other means than those that decide whether they pass.

Their source is rewritten so that each comparison and each assertion tells what it was given. What is
remarkable becomes a mark, a short text. A host compares the marks of a changed product with those of the
product as it should be: only what is new there says anything.
"""

import ast
import builtins
import operator
import sys
from itertools import islice as _first

import report

_compile, _type, _bool, _len = compile, type, bool, len
_object_getattribute = object.__getattribute__
_mro = type.__dict__["__mro__"].__get__
_flags = type.__dict__["__flags__"].__get__
_dict = type.__dict__["__dict__"].__get__
HEAP = 1 << 9

# Values that cannot pretend to be equal to others.
PLAIN = frozenset((int, str, float, bool, bytes, complex, type(None), type(Ellipsis), range, slice, type, bytearray))

# What decides how a value compares.
COMPARES = ("__eq__", "__ne__", "__lt__", "__le__", "__gt__", "__ge__", "__contains__", "__sub__", "__rsub__",
            "__round__", "__getattribute__", "__class__")

OPERATORS = {
    ast.Eq: ("==", operator.eq), ast.NotEq: ("!=", operator.ne), ast.Lt: ("<", operator.lt),
    ast.LtE: ("<=", operator.le), ast.Gt: (">", operator.gt), ast.GtE: (">=", operator.ge),
    ast.In: ("in", lambda left, right: left in right), ast.NotIn: ("not in", lambda left, right: left not in right),
    ast.Is: ("is", operator.is_), ast.IsNot: ("is not", operator.is_not),
}
EVALUATE = dict(OPERATORS.values())


def is_instance(value, kinds):
    return issubclass(_type(value), kinds)


# What an assertion of two values says, where it can be said otherwise.
SAYS = {
    "assertEqual": operator.eq, "assertEquals": operator.eq, "assertNotEqual": operator.ne, "assertIs": operator.is_,
    "assertIsNot": operator.is_not, "assertLess": operator.lt, "assertLessEqual": operator.le,
    "assertGreater": operator.gt, "assertGreaterEqual": operator.ge, "assertListEqual": operator.eq,
    "assertTupleEqual": operator.eq, "assertSetEqual": operator.eq, "assertDictEqual": operator.eq,
    "assertMultiLineEqual": operator.eq, "assertSequenceEqual": None, "assertCountEqual": None,
    "assertIn": EVALUATE["in"], "assertNotIn": EVALUATE["not in"], "assertIsInstance": is_instance,
}
ALONE = {"assertTrue": True, "assertFalse": False}
RAISES = {"assertRaises": 1, "assertRaisesRegex": 2, "raises": 1}

MOST = 200

# The mark of a test that compares or asserts anything at all.
COMPARES_AT_ALL = "compares"


class Rewrite(ast.NodeTransformer):
    """Leads comparisons and assertions of a test file through the functions below."""

    def __init__(self, path):
        self.path = path

    def site(self, node):
        return "%s:%d:%d" % (self.path, node.lineno, node.col_offset)

    def call(self, name, node, *args):
        made = ast.Call(ast.Name(name, ast.Load()), list(args), [])
        return ast.copy_location(made, node)

    def constant(self, value, node):
        return ast.copy_location(ast.Constant(value), node)

    def expect(self, node, wanted):
        """Rewrites what must come out as `wanted`: true, false, or either."""
        if isinstance(node, ast.Compare) and len(node.ops) == 1:
            name = OPERATORS[type(node.ops[0])][0]
            left, right = self.visit(node.left), self.visit(node.comparators[0])
            words = [self.constant(word, node) for word in (self.site(node), name, wanted)]
            return self.call("__sswe_compare__", node, *words, left, right)
        if isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
            node.operand = self.expect(node.operand, None if wanted is None else not wanted)
            return node
        if isinstance(node, ast.BoolOp):
            is_all = wanted is not None and isinstance(node.op, ast.And if wanted else ast.Or)
            node.values = [self.expect(value, wanted if is_all else None) for value in node.values]
            return node
        return self.visit(node)

    def visit_Assert(self, node):
        node.test = self.expect(node.test, True)
        return node

    def visit_Compare(self, node):
        return self.expect(node, None) if len(node.ops) == 1 else self.generic_visit(node)

    def visit_Call(self, node):
        name = named(node.func)
        if not name.startswith("assert"):
            return self.generic_visit(node)
        wanted = ALONE.get(name)
        node.args = [self.expect(arg, wanted if at == 0 else None) for at, arg in enumerate(node.args)]
        for keyword in node.keywords:
            keyword.value = self.visit(keyword.value)
        if isinstance(node.func, ast.Attribute):
            node.func.value = self.visit(node.func.value)
        words = [self.constant(word, node) for word in (self.site(node), name)]
        node.func = self.call("__sswe_asserts__", node, *words, node.func)
        return node

    def visit_With(self, node):
        raises = any(isinstance(item.context_expr, ast.Call) and named(item.context_expr.func) in RAISES
                     for item in node.items)
        self.generic_visit(node)
        if raises:
            reached = self.call("__sswe_reached__", node, self.constant(self.site(node), node))
            node.body.append(ast.copy_location(ast.Expr(reached), node))
        return node

    def visit_JoinedStr(self, node):
        # Its parts have no places of their own in older versions.
        return node

def named(node):
    return getattr(node, "attr", None) or getattr(node, "id", None) or ""


def rewritten(source, path):
    """Returns the code of a test file."""
    tree = Rewrite(path[len(report.WORK):]).visit(ast.parse(source))
    return _compile(ast.fix_missing_locations(tree), path, "exec", dont_inherit=True)


class Look:
    """The marks of the test that runs now."""

    def __init__(self):
        self.marks = set()
        self.probed = {}
        self.strangers = strangers()
        for name, what in (("compare", self.compare), ("asserts", self.asserts), ("reached", self.reached)):
            setattr(builtins, "__sswe_%s__" % name, what)

    def taken(self):
        marks, self.marks, self.probed = sorted(self.marks), set(), {}
        return marks

    def compare(self, site, name, wanted, left, right):
        self.marks.add(COMPARES_AT_ALL)
        if name not in ("is", "is not"):
            self.look(site, left, right)
        result = EVALUATE[name](left, right)
        if wanted is not None:
            self.holds(site, wanted, lambda: result)
        return result

    def reached(self, site):
        self.marks.add("nothing raised at " + site)

    def asserts(self, site, name, function):
        code = getattr(getattr(function, "__func__", function), "__code__", None)
        if code is not None and code.co_filename.startswith(report.WORK):
            self.marks.add("asserted by %s of %s" % (name, code.co_filename[_len(report.WORK):]))

        def asserted(*args, **named):
            self.marks.add(COMPARES_AT_ALL)
            operands = args[:2]
            if name in ALONE:
                operands = args[:1]
                self.holds(site, ALONE[name], lambda: args[0])
            elif name in RAISES:
                at = RAISES[name]
                if _len(args) > at and callable(args[at]):
                    args = args[:at] + (self.raising(site, args[at]),) + args[at + 1:]
                operands = ()
            self.look(site, *operands)
            says = SAYS.get(name)
            if says is not None and _len(args) >= 2 and not hasattr(_type(args[1]), "__next__"):
                self.holds(site, True, lambda: says(args[0], args[1]))
            return function(*args, **named)

        return asserted

    def raising(self, site, function):
        def called(*args, **named):
            result = function(*args, **named)
            self.reached(site)
            return result

        return called

    def holds(self, site, wanted, evaluate):
        try:
            held = _bool(evaluate())
        except Exception:
            return
        if held is not wanted:
            self.marks.add("does not hold at " + site)

    def look(self, site, *operands):
        # Who decides on both sides is what the test asks for; who decides on one side only may pretend.
        owners = [self.walk(site, side, value) if _type(value) not in PLAIN else set()
                  for side, value in enumerate(operands)]
        if any(owners):
            self.marks.update("compared by " + owner for owner in set.union(*owners) - set.intersection(*owners))

    def walk(self, site, side, value):
        """Looks at a value and at what is inside of it, up to a bound. Returns who decides how it compares."""
        open_, seen, owners = [value], set(), set()
        while open_ and _len(seen) < MOST:
            value = open_.pop()
            kind = _type(value)
            if kind in PLAIN or id(value) in seen:
                continue
            seen.add(id(value))
            if _flags(kind) & HEAP:
                owners |= owners_of(kind)
                self.meet(site, side, value, kind)
                try:
                    inner = _object_getattribute(value, "__dict__")
                except Exception:
                    inner = None
                if _type(inner) is dict:
                    open_.extend(_first(inner.values(), MOST))
            for base, each in ((list, list.__iter__), (tuple, tuple.__iter__), (set, set.__iter__),
                               (frozenset, frozenset.__iter__)):
                if base in _mro(kind):
                    open_.extend(_first(each(value), MOST))
            if dict in _mro(kind):
                open_.extend(_first(dict.keys(value), MOST))
                open_.extend(_first(dict.values(value), MOST))
        return owners

    def meet(self, site, side, value, kind):
        times = self.probed.get((kind, site, side), 0)
        if times < 2:
            self.probed[kind, site, side] = times + 1
            where = "%s of %s:%d" % (name_of(kind), site, side)
            if "__eq__" in defines(kind) or "__getattribute__" in defines(kind):
                if any(is_equal(value, stranger) for stranger in self.strangers):
                    self.marks.add("equal to anything: " + where)
                try:
                    blank = object.__new__(kind)
                except Exception:
                    blank = None
                if blank is not None and is_equal(value, blank):
                    self.marks.add("equal to any of its kind: " + where)
            if "__contains__" in defines(kind):
                try:
                    if self.strangers[0] in value:
                        self.marks.add("contains anything: " + where)
                except Exception:
                    pass


def is_equal(left, right):
    try:
        return _bool(left == right) or not _bool(left != right)
    except BaseException:
        return False


def strangers():
    """Returns values that nothing else is equal to."""
    from datetime import date, datetime, timedelta
    from decimal import Decimal
    from fractions import Fraction

    one, number = object(), 0x5eed0f_51a17e
    return (one, number, -number, number + 0.25, "stranger %d" % number, b"stranger", (one,), [one], {one: one},
            {one}, frozenset((one,)), complex(number, 1), Decimal(number), Fraction(number, 7),
            date(1904, 2, 29), datetime(1904, 2, 29, 1), timedelta(number % 99991, 7))


def name_of(kind):
    """Returns the name of a class without its module: a class that is moved stays what it is."""
    return type.__dict__["__qualname__"].__get__(kind)


def defines(kind):
    """Returns what of the ways to compare is written in Python, in the class or one that it inherits from."""
    return {name for each in _mro(kind) if _flags(each) & HEAP for name in COMPARES if name in _dict(each)}


def owners_of(kind):
    """Returns the classes of the product that decide how a value compares."""
    owners = set()
    for name in COMPARES:
        for each in _mro(kind):
            if name in _dict(each):
                if _flags(each) & HEAP and is_of_tree(each):
                    owners.add(name_of(each))
                break
    return owners


def is_of_tree(kind):
    """Returns whether a class is of the tree: what is found where it says that it is belongs to others."""
    known = _dict(kind)
    module = sys.modules.get(known.get("__module__"))
    file = getattr(module, "__file__", None)
    if module is None or (file is None and getattr(module, "__spec__", None) is None):
        return True
    return bool(file) and file.startswith(report.WORK)


def known_owners():
    """Returns all classes of the tree that say how they compare, whether a test has met them or not."""
    open_, seen, found = [object], set(), set()
    while open_:
        kind = open_.pop()
        if kind in seen:
            continue
        seen.add(kind)
        try:
            open_.extend(type.__subclasses__(kind))
        except TypeError:
            continue
        if _flags(kind) & HEAP and any(name in _dict(kind) for name in COMPARES) and is_of_tree(kind):
            found.add("compared by " + name_of(kind))
    return sorted(found)
