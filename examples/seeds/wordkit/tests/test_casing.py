from unittest import TestCase

from wordkit import camel, kebab, pascal, snake, title, words


class Words(TestCase):
    def test_sentence(self):
        self.assertEqual(words("a big-red  dog!"), ["a", "big", "red", "dog"])

    def test_camel_case(self):
        self.assertEqual(words("readNextLine"), ["read", "Next", "Line"])

    def test_acronym(self):
        self.assertEqual(words("parseHTTPReply"), ["parse", "HTTP", "Reply"])

    def test_acronym_at_the_end(self):
        self.assertEqual(words("useHTTP"), ["use", "HTTP"])

    def test_capitals_before_a_later_small_letter(self):
        self.assertEqual(words("useHTTPs and"), ["use", "HTT", "Ps", "and"])
        self.assertEqual(words("ABc"), ["A", "Bc"])

    def test_digits_stay(self):
        self.assertEqual(words("part2_b"), ["part2", "b"])

    def test_nothing(self):
        self.assertEqual(words(" -- "), [])


class Joining(TestCase):
    def test_snake(self):
        self.assertEqual(snake("readNext line"), "read_next_line")

    def test_kebab(self):
        self.assertEqual(kebab("Read nextLine"), "read-next-line")

    def test_kebab_upper(self):
        self.assertEqual(kebab("contentType", upper=True), "CONTENT-TYPE")

    def test_pascal(self):
        self.assertEqual(pascal("read_next LINE"), "ReadNextLine")

    def test_camel(self):
        self.assertEqual(camel("read_next_line"), "readNextLine")

    def test_camel_of_capitals(self):
        self.assertEqual(camel("-Next line"), "nextLine")

    def test_camel_of_nothing(self):
        self.assertEqual(camel(""), "")


class Title(TestCase):
    def test_small_words(self):
        self.assertEqual(title("war AND peace of mind"), "War and Peace of Mind")

    def test_first_and_last(self):
        self.assertEqual(title("the thing to look at"), "The Thing to Look At")

    def test_second_word(self):
        self.assertEqual(title("out of africa"), "Out of Africa")

    def test_other_capitals_stay(self):
        self.assertEqual(title("big iOS news"), "Big IOS News")
