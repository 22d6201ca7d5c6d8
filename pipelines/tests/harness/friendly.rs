//! Suites that mean well.

use sswe_pipelines::{artifact::Status, harness::Ask};

use crate::support::{bench, changed, harness, only, pytest, statuses, test};

pub(crate) const PRODUCT: &str = "\
class Ledger:
    def __init__(self):
        self.sum = 0

    def post(self, amount):
        self.sum += amount
        return self.sum


def total(items):
    return sum(items)
";

pub(crate) const TESTS: &str = "\
import unittest
from ledger import book

class Case(unittest.TestCase):
    def test_post(self):
        self.assertEqual(book.Ledger().post(2), 2)

    def test_total(self):
        self.assertEqual(book.total([1, 2]), 3)

    @unittest.skip('not now')
    def test_skip(self):
        pass

    @unittest.expectedFailure
    def test_expected(self):
        self.fail()

    def test_sub(self):
        for number in range(3):
            with self.subTest(number=number):
                self.assertEqual(book.total([number]), number)
";

const FILES: &[(&str, &str)] = &[
    ("ledger/__init__.py", ""),
    ("ledger/book.py", PRODUCT),
    ("tests/__init__.py", ""),
    ("tests/test_book.py", TESTS),
];

#[tokio::test]
async fn a_suite_runs_and_a_bug_shows() {
    let harness = harness().await;
    let bench = bench("python -m unittest", FILES);
    let report = harness.measure(&bench, Ask::default()).await.unwrap();
    let expected = [
        ("tests.test_book.Case.test_expected", Status::Passed),
        ("tests.test_book.Case.test_post", Status::Passed),
        ("tests.test_book.Case.test_skip", Status::Skipped),
        ("tests.test_book.Case.test_sub", Status::Passed),
        ("tests.test_book.Case.test_total", Status::Passed),
    ];
    assert_eq!(statuses(&report), expected);
    let ask = changed("ledger/book.py", &PRODUCT.replace("return sum(items)", "return items[1] + items[2]"));
    let report = harness.measure(&bench, ask).await.unwrap();
    let total = test(&report, "tests.test_book.Case.test_total");
    assert_eq!(total.status, Status::Error);
    let raised = total.raised.as_ref().unwrap();
    assert_eq!(
        (raised.exception.as_str(), raised.message.as_str()),
        ("IndexError", "list index out of range")
    );
    let frame = &raised.frames[0];
    assert_eq!((frame.path.as_str(), frame.function.as_str(), frame.line), ("ledger/book.py", "total", 11));
    assert_eq!(test(&report, "tests.test_book.Case.test_post").status, Status::Passed);
    let ask = Ask {
        tests: only(&["tests.test_book.Case.test_post", "tests.test_book.Case.gone"]),
        ..Ask::default()
    };
    let report = harness.measure(&bench, ask).await.unwrap();
    let expected =
        [("tests.test_book.Case.gone", Status::Missing), ("tests.test_book.Case.test_post", Status::Passed)];
    assert_eq!(statuses(&report), expected);
}

#[tokio::test]
async fn pytest_runs_the_same() {
    let Some(harness) = pytest().await else { return };
    let bench = bench("python -m pytest -q", FILES);
    let report = harness.measure(&bench, Ask::default()).await.unwrap();
    assert_eq!(report.tests.len(), 5);
    assert_eq!(test(&report, "tests/test_book.py::Case::test_total").status, Status::Passed);
}
