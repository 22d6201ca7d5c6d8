//! Suites that mean well.

use sswe_pipelines::{
    artifact::Status,
    harness::{Ask, Report, Trace},
};

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

pub(crate) const FILES: &[(&str, &str)] = &[
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

/// There is a test that must fail in every run, each time at another place.
#[tokio::test]
async fn nothing_shows_of_the_test_that_must_fail() {
    let units = (Some(harness().await), "python -m unittest");
    for (harness, command) in [units, (pytest().await, "python -m pytest -q -x")] {
        let Some(harness) = harness else { continue };
        let bench = bench(command, FILES);
        for turn in 0..8 {
            let text = format!("{PRODUCT}# {turn}\n");
            let ask = Ask { stop_early: true, trace: Trace::Functions, ..changed("ledger/book.py", &text) };
            let report = harness.measure(&bench, ask).await.unwrap();
            assert_eq!((report.tests.len(), report.cpu_us.len(), report.forged), (5, 5, None), "{report:#?}");
            let passed = report.tests.iter().filter(|test| test.status.is_passed()).count();
            assert_eq!(passed, 4, "{report:#?}");
            let entered = |id: &str| test(&report, id).entered.iter().any(|(_, name)| name == "total");
            let total = report.tests.iter().filter(|test| entered(&test.id)).count();
            assert_eq!(total, 2, "what runs around it belongs to the others: {report:#?}");
        }
    }
}

#[tokio::test]
async fn traces_tell_what_each_test_ran() {
    let harness = harness().await;
    let bench = bench("python -m unittest", FILES);
    let traced = |trace| Ask { trace, ..Ask::default() };
    let report = harness.measure(&bench, traced(Trace::Functions)).await.unwrap();
    let entered = |report: &Report, id: &str| {
        let mut names: Vec<String> = test(report, id).entered.iter().map(|(_, name)| name.clone()).collect();
        // What runs while modules are loaded counts for every test.
        names.retain(|name| name != "<module>" && name != "Ledger");
        names
    };
    assert_eq!(entered(&report, "tests.test_book.Case.test_post"), ["Ledger.__init__", "Ledger.post"]);
    assert_eq!(entered(&report, "tests.test_book.Case.test_total"), ["total"]);
    assert!(report.tests.iter().all(|test| test.lines.is_empty()), "{report:#?}");
    let report = harness.measure(&bench, traced(Trace::Lines)).await.unwrap();
    let lines = |id: &str| test(&report, id).lines.iter().map(|(path, lines)| (path.clone(), lines.clone()));
    let product: Vec<(String, Vec<u32>)> =
        lines("tests.test_book.Case.test_total").filter(|(path, _)| path == "ledger/book.py").collect();
    let [(_, total)] = &product[..] else { panic!("{product:?}") };
    assert!(total.contains(&11) && !total.contains(&6), "{total:?}");
    let report = harness.measure(&bench, traced(Trace::Off)).await.unwrap();
    assert!(report.tests.iter().all(|test| test.entered.is_empty() && test.lines.is_empty()), "{report:#?}");
}

#[tokio::test]
async fn what_is_noted_of_some_tests_is_what_is_noted_of_them_among_all() {
    let all = Ask { trace: Trace::Functions, ..Ask::default() };
    let pytest = pytest().await.map(|pytest| (pytest, "python -m pytest -q"));
    for (harness, command) in [(harness().await, "python -m unittest")].into_iter().chain(pytest) {
        let bench = bench(command, FILES);
        let whole = harness.measure(&bench, all.clone()).await.unwrap();
        for one in &whole.tests {
            let noted = Some([one.id.clone()].into());
            let report = harness.measure(&bench, Ask { noted, ..all.clone() }).await.unwrap();
            assert_eq!(test(&report, &one.id), one);
            let others = report.tests.iter().filter(|test| test.id != one.id);
            assert!(others.clone().all(|test| test.entered.is_empty()), "{report:#?}");
            assert_eq!(others.count(), whole.tests.len() - 1);
        }
    }
}

#[tokio::test]
async fn it_stops_when_it_is_told_to() {
    let harness = harness().await;
    let bench = bench("python -m unittest", FILES);
    let broken = changed("ledger/book.py", &PRODUCT.replace("self.sum += amount", "self.sum -= amount"));
    let early = Ask { stop_early: true, ..broken.clone() };
    let report = harness.measure(&bench, early).await.unwrap();
    let found: Vec<Status> = report.tests.iter().map(|test| test.status).collect();
    let [passed, failed, missing] = [Status::Passed, Status::Failed, Status::Missing];
    assert_eq!(found, [passed, failed, missing, missing, missing], "{report:#?}");
    let report = harness.measure(&bench, broken).await.unwrap();
    assert_eq!(report.tests.iter().filter(|test| test.status.is_passed()).count(), 3, "{report:#?}");
    let looping = changed("ledger/book.py", &PRODUCT.replace("self.sum += amount", "while True: pass"));
    let at_loop = Ask { stop_at_loop: true, ..looping.clone() };
    let report = harness.measure(&bench, at_loop).await.unwrap();
    let found: Vec<Status> = report.tests.iter().map(|test| test.status).collect();
    assert_eq!(found, [passed, Status::Timeout, missing, missing, missing], "{report:#?}");
    let report = harness.measure(&bench, looping).await.unwrap();
    assert_eq!(test(&report, "tests.test_book.Case.test_total").status, passed, "{report:#?}");
}

#[tokio::test]
async fn what_tests_share_breaks_for_each_of_them() {
    let tests = "\
import unittest
from ledger import book

class First(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.total = book.total([1])

    def test_a(self):
        pass

    def test_b(self):
        pass

class Second(unittest.TestCase):
    def test_c(self):
        pass
";
    let files = [
        ("ledger/__init__.py", ""),
        ("ledger/book.py", PRODUCT),
        ("tests/__init__.py", ""),
        ("tests/test_book.py", tests),
    ];
    let harness = harness().await;
    let bench = bench("python -m unittest", &files);
    let ask = changed("ledger/book.py", &PRODUCT.replace("return sum(items)", "return {}[items[0]]"));
    let report = harness.measure(&bench, ask).await.unwrap();
    for name in ["a", "b"] {
        let shared = test(&report, &format!("tests.test_book.First.test_{name}"));
        assert_eq!(shared.status, Status::Error);
        let raised = shared.raised.as_ref().unwrap();
        assert_eq!((raised.exception.as_str(), raised.frames[0].function.as_str()), ("KeyError", "total"));
    }
    assert_eq!(test(&report, "tests.test_book.Second.test_c").status, Status::Passed);
    let ask = changed("ledger/book.py", "import nowhere\n");
    let report = harness.measure(&bench, ask).await.unwrap();
    assert!(report.tests.iter().all(|test| test.status == Status::Error), "{report:#?}");
    assert_eq!(report.unloadable["tests.test_book"].exception, "ModuleNotFoundError");
}

/// Tests write their own files, replace modules and read their own source: code that is kept for them
/// must not be seen.
#[tokio::test]
async fn kept_code_is_that_of_the_file() {
    let tests = "\
import importlib, inspect, unittest
from tests import helper

class Case(unittest.TestCase):
    def test_source(self):
        self.assertEqual(helper.__file__, '/work/tests/helper.py')
        self.assertIn('return 1', inspect.getsource(helper.one))
        self.assertEqual(helper.one.__code__.co_filename, helper.__file__)

    def test_written(self):
        with open(helper.__file__, 'w') as file:
            file.write('def one():\\n    return 2\\n')
        self.assertEqual(importlib.reload(helper).one(), 2)
";
    let files = [
        ("product.py", ""),
        ("tests/__init__.py", ""),
        ("tests/helper.py", "def one():\n    return 1\n"),
        ("tests/test_own.py", tests),
    ];
    let passes =
        |report: Report| assert!(report.tests.iter().all(|test| test.status.is_passed()), "{report:#?}");
    let bench = bench("python -m unittest", &files);
    let harness = harness().await;
    passes(harness.measure(&bench, Ask::default()).await.unwrap());
    let ask = changed("tests/helper.py", "def one():\n    # Another line.\n    return 1\n");
    passes(harness.measure(&bench, ask).await.unwrap());
    let ask = changed("tests/test_own.py", &tests.replace("return 1'", "return 3'"));
    let report = harness.measure(&bench, ask).await.unwrap();
    assert_eq!(test(&report, "tests.test_own.Case.test_source").status, Status::Failed, "{report:#?}");
}

/// Python orders plain objects in a set by their addresses.
#[tokio::test]
async fn addresses_are_the_same_each_time() {
    let tests = "\
import unittest

class Address(unittest.TestCase):
    def test_it(self):
        objects = [object() for _ in range(9)]
        self.fail(str([id(one) for one in set(objects)]))
";
    let files = [("tests/__init__.py", ""), ("tests/test_address.py", tests), ("code.py", "X = 1\n")];
    let bench = bench("python -m unittest", &files);
    let mut seen = std::collections::BTreeSet::new();
    for turn in 0..5 {
        // Of a new server each time, and of one that had other work before.
        let harness = harness().await;
        for other in 0..turn {
            let text = format!("X = {other}\n").repeat(1 + 100 * other);
            harness.measure(&bench, changed("code.py", &text)).await.unwrap();
        }
        let report = harness.measure(&bench, Ask::default()).await.unwrap();
        seen.insert(report.tests[0].raised.as_ref().unwrap().message.clone());
    }
    assert_eq!(seen.len(), 1, "{seen:#?}");
}
