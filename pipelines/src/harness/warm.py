"""Runs a small suite of our own in the server, so that no verdict is the first to walk these paths.

The interpreter adapts its code to what it has seen, and fills tables as it goes. Each fork would do
so again, and each write to memory that it shares with the server copies a page.
"""

import importlib
import json
import os
import shutil
import sys

import isolate
import report

NAME = "sswe_warm"
PRODUCT = """
class Number:
    def __init__(self, number):
        self.number = number

    def doubled(self):
        return Number(self.number * 2)


def total(numbers):
    if not numbers:
        raise ValueError("no numbers")
    return sum(each.number for each in numbers)
"""
TESTS = """
import unittest

from {name} import product


class Case{at}(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.one = product.Number(1)

    def setUp(self):
        self.two = self.one.doubled()

    def test_equal(self):
        self.assertEqual(product.total([self.one, self.two]), 3)

    def test_not_equal(self):
        self.assertEqual([each.number for each in (self.one, self.two)], [1, 3])

    def test_true(self):
        self.assertTrue(self.two.number > 1)

    def test_lists(self):
        self.assertEqual([1, 2], [self.one.number, self.two.number])
        self.assertIn(1, [1, 2])

    def test_raises(self):
        with self.assertRaises(ValueError):
            product.total([])
        self.assertRaises(ValueError, product.total, [])

    def test_error(self):
        product.total([self.one, None])
"""


def warm(runner, config):
    """Runs it as a verdict would, and forgets it."""
    kept = set(sys.modules)
    paths, argv, here, out = list(sys.path), sys.argv, os.getcwd(), os.open("/dev/null", os.O_WRONLY)
    try:
        os.chdir("/work")
        os.makedirs("tests")
        os.makedirs(NAME)
        write(NAME + "/__init__.py", "")
        write(NAME + "/product.py", PRODUCT)
        write("tests/__init__.py", "")
        for at in range(3):
            write("tests/test_%d.py" % at, TESTS.format(name=NAME, at=at))
        if config["is_module"]:
            sys.path.insert(0, "/work")
        asked = os.memfd_create("asked")
        os.write(asked, json.dumps({"changed": {"a.py": TESTS}, "deleted": [], "only": None,
                                    "trace": "off", "look": False, "canary": "0123456789abcdef", "nonce": "0" * 32,
                                    "stop_early": False, "limits": {"files": 1, "memory": 1}}).encode())
        os.lseek(asked, 0, os.SEEK_SET)
        request = isolate.receive(asked)
        runner.run(dict(config, args=[]), request, report.Stream(out, "0" * 32))
    except Exception:
        # It is slower without, and nothing else.
        pass
    finally:
        os.close(out)
        os.chdir(here)
        for name in os.listdir("/work"):
            shutil.rmtree("/work/" + name, ignore_errors=True)
        sys.path[:], sys.argv = paths, argv
        for name in set(sys.modules) - kept:
            module = sys.modules[name]
            if (getattr(module, "__file__", None) or "").startswith("/work/") or name in ("tests", NAME):
                del sys.modules[name]
        sys.path_importer_cache.clear()
        importlib.invalidate_caches()


def write(path, text):
    with open("/work/" + path, "w") as file:
        file.write(text)
