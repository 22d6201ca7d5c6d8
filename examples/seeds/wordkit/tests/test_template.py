from unittest import TestCase

from wordkit import Template, TemplateError, render


class Values(TestCase):
    def test_text_alone(self):
        self.assertEqual(render("plain } text"), "plain } text")

    def test_value(self):
        self.assertEqual(render("a {x} b { y }", x=1, y="z"), "a 1 b z")

    def test_doubled_brace(self):
        self.assertEqual(render("{{x} {x}", x=1), "{x} 1")

    def test_path(self):
        self.assertEqual(render("{a.b}", a={"b": 5}), "5")

    def test_filters_in_order(self):
        self.assertEqual(render("{x | slug|upper}", x="A b"), "A-B")

    def test_each_filter(self):
        text = render("{x|kebab} {x|lower} {x|snake} {x|title}", x="read Me")
        self.assertEqual(text, "read-me read me read_me Read Me")

    def test_unknown_filter(self):
        with self.assertRaisesRegex(TemplateError, "^no filter 'loud'$"):
            render("{x|loud}", x=1)

    def test_unknown_name(self):
        with self.assertRaisesRegex(TemplateError, "^nothing is called 'y'$"):
            render("{y}", x=1)

    def test_path_into_a_scalar(self):
        with self.assertRaisesRegex(TemplateError, r"^nothing is called 'x\.y'$"):
            render("{x.y}", x="xy")

    def test_unclosed(self):
        with self.assertRaisesRegex(TemplateError, "^the tag at 3 is not closed$"):
            render("ab {x")

    def test_errors_are_value_errors(self):
        self.assertTrue(issubclass(TemplateError, ValueError))


class Blocks(TestCase):
    def test_shown(self):
        self.assertEqual(render("a{?x}b{/x}c", x=True), "abc")

    def test_hidden(self):
        self.assertEqual(render("a{?x}b{x}{/x}c", x=""), "ac")

    def test_negated(self):
        self.assertEqual(render("{!x}none{/x}", x=0), "none")

    def test_nested(self):
        source = "{?a}1{?b}2{/b}3{/a}"
        self.assertEqual(render(source, a=1, b=0), "13")
        self.assertEqual(render(source, a=0, b=1), "")

    def test_closes_nothing(self):
        with self.assertRaisesRegex(TemplateError, "^{/x} closes nothing$"):
            render("{/x}", x=1)

    def test_crossed(self):
        with self.assertRaisesRegex(TemplateError, "^{/a} closes nothing$"):
            render("{?a}{?b}{/a}{/b}", a=1, b=1)

    def test_unclosed(self):
        with self.assertRaisesRegex(TemplateError, r"^{\?b} is not closed$"):
            render("{?a}{/a}{?b}", a=1, b=1)

    def test_unclosed_names_the_innermost(self):
        with self.assertRaisesRegex(TemplateError, r"^{\?b} is not closed$"):
            render("{?a}{?b}", a=1, b=1)

    def test_a_slash_in_text(self):
        self.assertEqual(render("{?a}x{/a}/y", a=1), "x/y")


class Names(TestCase):
    def test_each_once_in_order(self):
        self.assertEqual(Template("{b|upper}{?a}{b}{ c.d }{/a}").names, ["b", "a", "c.d"])

    def test_text_has_none(self):
        self.assertEqual(Template("a {{b} c").names, [])

    def test_source_is_kept(self):
        self.assertEqual(Template("a{b}").source, "a{b}")

    def test_fill_twice(self):
        template = Template("{x}!")
        self.assertEqual(template.fill({"x": 1}) + template.fill({"x": 2}), "1!2!")
