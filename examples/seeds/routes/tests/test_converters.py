import unittest

from routes import Converter, ConverterError, get_converter, register


class Numbers(unittest.TestCase):
    def setUp(self):
        self.int = get_converter("int")

    def test_read(self):
        self.assertEqual((self.int.read("42"), self.int.read("0")), (42, 0))

    def test_read_refuses(self):
        self.assertEqual([self.int.read(text) for text in ("x", "-1", "", "07", "00")], [None] * 5)

    def test_write(self):
        self.assertEqual((self.int.write(0), self.int.write(12)), ("0", "12"))

    def test_write_negative(self):
        with self.assertRaisesRegex(ConverterError, "^-1 is not a natural number$"):
            self.int.write(-1)

    def test_write_a_boolean(self):
        with self.assertRaisesRegex(ConverterError, "^True is not a natural number$"):
            self.int.write(True)

    def test_write_text(self):
        with self.assertRaisesRegex(ConverterError, "^'5' is not a natural number$"):
            self.int.write("5")


class Texts(unittest.TestCase):
    def test_slug(self):
        slug = get_converter("slug")
        self.assertEqual(
            [slug.read(text) for text in ("a-1", "b", "A", "a--b", "-a", "a_b")], ["a-1", "b"] + [None] * 4
        )

    def test_write_slug(self):
        self.assertEqual(get_converter("slug").write("a-b"), "a-b")

    def test_write_bad_slug(self):
        with self.assertRaisesRegex(ConverterError, "^'a b' is not a slug$"):
            get_converter("slug").write("a b")

    def test_str(self):
        self.assertEqual((get_converter("str").read("x y"), get_converter("str").read("")), ("x y", None))

    def test_write_str(self):
        self.assertEqual(get_converter("str").write(5), "5")

    def test_write_str_with_a_slash(self):
        with self.assertRaisesRegex(ConverterError, "^'a/b' is not one segment$"):
            get_converter("str").write("a/b")

    def test_write_an_object_with_a_slash(self):
        with self.assertRaisesRegex(ConverterError, r"^\('/',\) is not one segment$"):
            get_converter("str").write(("/",))

    def test_write_empty_str(self):
        with self.assertRaisesRegex(ConverterError, "^'' is not one segment$"):
            get_converter("str").write("")

    def test_write_path(self):
        self.assertEqual(get_converter("path").write("/a/b/"), "a/b")

    def test_write_empty_path(self):
        with self.assertRaisesRegex(ConverterError, "^an empty path$"):
            get_converter("path").write("/")

    def test_ranks_rise(self):
        ranks = [get_converter(name).rank for name in ("one(a)", "int", "slug", "str", "path")]
        self.assertEqual(ranks, sorted(set(ranks)))

    def test_only_path_is_greedy(self):
        self.assertEqual(
            [get_converter(name).greedy for name in ("int", "slug", "str", "path")], [False] * 3 + [True]
        )


class Choices(unittest.TestCase):
    def setUp(self):
        self.one = get_converter("one(asc|desc)")

    def test_read(self):
        self.assertEqual([self.one.read(text) for text in ("asc", "desc", "up")], ["asc", "desc", None])

    def test_write(self):
        self.assertEqual(self.one.write("desc"), "desc")

    def test_write_another(self):
        with self.assertRaisesRegex(ConverterError, "^'up' is not one of asc, desc$"):
            self.one.write("up")

    def test_unknown(self):
        for name in ("float", "one(a", "x(a)"):
            with self.assertRaises(KeyError):
                get_converter(name)


class Registering(unittest.TestCase):
    def test_taken(self):
        with self.assertRaisesRegex(ConverterError, "^cannot register 'int'$"):
            register("int", Converter(str, str, 5))

    def test_bad_name(self):
        with self.assertRaisesRegex(ConverterError, "^cannot register 'a b'$"):
            register("a b", Converter(str, str, 5))

    def test_new(self):
        from routes import converters

        register("loud", Converter(str.upper, str.lower, 5))
        try:
            self.assertEqual(get_converter("loud").read("a"), "A")
        finally:
            del converters._CONVERTERS["loud"]
