import unittest

from routes import BadPattern, ConverterError, Pattern


class Reading(unittest.TestCase):
    def bad(self, source, message):
        with self.assertRaises(BadPattern) as caught:
            Pattern(source)
        self.assertEqual(str(caught.exception), message)
        self.assertEqual(caught.exception.pattern, source)

    def test_names(self):
        self.assertEqual(Pattern("/a/{b}/c/{d:int}").names, ["b", "d"])

    def test_no_slash(self):
        self.bad("a", "no slash at the start in 'a'")

    def test_name_twice(self):
        self.bad("/{a}/{a}", "a name given twice in '/{a}/{a}'")

    def test_path_must_be_last(self):
        self.bad("/{a:path}/b", "something after a path in '/{a:path}/b'")

    def test_stray_braces(self):
        self.bad("/a{b}", "a stray brace in 'a{b}' in '/a{b}'")
        self.bad("/{b}c", "a stray brace in '{b}c' in '/{b}c'")
        self.bad("/b}", "a stray brace in 'b}' in '/b}'")

    def test_bad_name(self):
        self.bad("/{1a}", "a bad name '1a' in '/{1a}'")

    def test_unknown_converter(self):
        self.bad("/{a:float}", "an unknown converter 'float' in '/{a:float}'")

    def test_a_colon_needs_a_converter(self):
        self.bad("/{a:}", "an unknown converter '' in '/{a:}'")


class Matching(unittest.TestCase):
    def match(self, source, path):
        return Pattern(source).match(path)

    def test_root(self):
        self.assertEqual(self.match("/", "/"), {})

    def test_fixed(self):
        self.assertEqual(self.match("/a/b", "/a/b"), {})
        self.assertIsNone(self.match("/a/b", "/a/c"))

    def test_values(self):
        self.assertEqual(self.match("/{x}/{n:int}", "/q/7"), {"x": "q", "n": 7})

    def test_converter_refuses(self):
        self.assertIsNone(self.match("/{n:int}", "/x"))

    def test_zero_is_a_value(self):
        self.assertEqual(self.match("/{n:int}", "/0"), {"n": 0})

    def test_path_too_short(self):
        self.assertIsNone(self.match("/a/{x}", "/a"))

    def test_path_too_long(self):
        self.assertIsNone(self.match("/a/{x}", "/a/b/c"))

    def test_greedy(self):
        self.assertEqual(self.match("/f/{rest:path}", "/f/a/b"), {"rest": "a/b"})

    def test_greedy_needs_something(self):
        self.assertIsNone(self.match("/f/{rest:path}", "/f/"))

    def test_no_slash(self):
        self.assertIsNone(self.match("/a", "xa"))

    def test_encoded(self):
        self.assertEqual(self.match("/a b/{x}", "/a%20b/%2F"), {"x": "/"})


class Filling(unittest.TestCase):
    def test_values(self):
        self.assertEqual(Pattern("/u/{id:int}/{x}").fill({"id": 5, "x": "a b", "y": 1}), "/u/5/a%20b")

    def test_path_keeps_slashes(self):
        self.assertEqual(Pattern("/f/{rest:path}").fill({"rest": "a/b c"}), "/f/a/b%20c")

    def test_fixed_text_is_encoded(self):
        self.assertEqual(Pattern("/a b").fill({}), "/a%20b")

    def test_missing(self):
        with self.assertRaisesRegex(ConverterError, "^/{x} needs 'x'$"):
            Pattern("/{x}").fill({})


class Ordering(unittest.TestCase):
    def test_specific_first(self):
        sources = ["/{a:path}", "/{a}", "/{a:slug}", "/{a:int}", "/{a:one(x)}", "/a"]
        self.assertEqual(sorted(sources, key=lambda source: Pattern(source).order), sources[::-1])

    def test_longer_first(self):
        self.assertLess(Pattern("/a/{b}").order, Pattern("/a").order)
