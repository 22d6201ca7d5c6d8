//! A small shop with a bug, judged by every backend and both frameworks.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, LazyLock};
use std::time::Duration;

use sswe_cache::Digest;
use sswe_pipelines::artifact::{
    Feedback, File, KnownStatus, KnownTest, Limits, Observed, Plant, Status, Suite, Task, Tree,
};
use sswe_pipelines::grade::{Court, Memory, attempt};
pub(crate) use sswe_pipelines::harness::Backend;
use sswe_pipelines::harness::{Ask, Bench, Harness, Policy, Proposal, Put, Python, Report, Tests};
use tokio::sync::OnceCell;

use crate::image::docker;

/// What runs the tests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Framework {
    Unittest,
    Pytest,
}

impl fmt::Display for Framework {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Framework::Unittest => "unittest",
            Framework::Pytest => "pytest",
        })
    }
}

/// The product as it should be.
pub(crate) const SOUND: &str = "\
class Money:
    def __init__(self, cents):
        self.cents = cents

    def __eq__(self, other):
        return isinstance(other, Money) and self.cents == other.cents


def total(prices):
    return sum(prices)


def largest(prices):
    return Money(max(prices))


def checked(price):
    if price < 0:
        raise ValueError('a price below zero')
    return price


def discount(price, percent):
    return price - price * percent // 100
";

/// The same with what is to be mended.
pub(crate) fn broken() -> String {
    let text = SOUND.replace("sum(prices)", "sum(prices[1:])").replace("max(prices)", "min(prices)");
    text.replace("price < 0", "price < -9")
}

const UNITS: &str = "\
import unittest
from shop import price


class Prices(unittest.TestCase):
    def test_a_discount(self):
        self.assertEqual(price.discount(200, 10), 180)

    def test_a_money(self):
        self.assertTrue(price.Money(1) == price.Money(1) and not price.Money(1) == price.Money(2))

    def test_checked(self):
        with self.assertRaises(ValueError):
            price.checked(-1)

    def test_largest(self):
        self.assertEqual(price.largest([1, 3, 2]), price.Money(3))

    def test_total(self):
        self.assertEqual(price.total([1, 2, 3]), 6)

    def test_totals(self):
        self.assertEqual([price.total([1]), price.total([])], [1, 0])
";

const PYTEST: &str = "\
import pytest
from shop import price


def test_a_discount():
    assert price.discount(200, 10) == 180


def test_a_money():
    assert price.Money(1) == price.Money(1) and not price.Money(1) == price.Money(2)


def test_checked():
    with pytest.raises(ValueError):
        price.checked(-1)


def test_largest():
    assert price.largest([1, 3, 2]) == price.Money(3)


class TestTotals:
    def test_total(self):
        assert price.total([1, 2, 3]) == 6

    def test_totals(self):
        assert [price.total([1]), price.total([])] == [1, 0]
";

/// A repository with a task, ready to be attempted.
pub(crate) struct Shop {
    pub(crate) framework: Framework,
    pub(crate) backend: Backend,
    pub(crate) harness: Harness,
    pub(crate) bench: Bench,
    pub(crate) suite: Suite,
    pub(crate) task: Task,
}

pub(crate) fn tree(files: &[(&str, &str)]) -> Tree {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.insert(*path, File::Text((*text).to_owned())).unwrap();
    }
    tree
}

pub(crate) fn bench(name: &str, tree: Tree, command: &str) -> Bench {
    let limits = Limits { wall_ms: 60_000, memory: 1 << 30, pids: 32, files: 16 << 20, ..Limits::default() };
    Bench {
        id: name.to_owned(),
        tree: Arc::new(tree),
        command: command.to_owned(),
        limits,
        network: false,
        packages: true,
        site: None,
        trusted: vec![],
    }
}

/// Makes a harness.
pub(crate) async fn harness(backend: Backend, framework: Framework) -> Harness {
    let python = match (&backend, framework) {
        (Backend::Docker(docker), _) => {
            // The same image for all: to read its library once is enough.
            static PYTHON: OnceCell<Python> = OnceCell::const_new();
            let find = || async { Python::inside(docker).await.unwrap().0 };
            PYTHON.get_or_init(find).await.clone()
        }
        (Backend::Native, Framework::Unittest) => Python::find("python3").await.unwrap(),
        (Backend::Native, Framework::Pytest) => Python::find(pytest().unwrap()).await.unwrap(),
    };
    let policy =
        Policy { unknown: Duration::from_secs(2), idle: Duration::from_secs(3), ..Policy::default() };
    Harness::new(python, 2, 4).inside(backend).with_policy(policy)
}

/// Returns what is there to judge with; what is missing is told.
pub(crate) async fn judges() -> Vec<(Backend, Framework)> {
    let backends = [Some(Backend::Native), docker().await.map(Backend::Docker)];
    let mut judges = Vec::new();
    for backend in backends.into_iter().flatten() {
        judges.push((backend.clone(), Framework::Unittest));
        if pytest().is_some() {
            judges.push((backend, Framework::Pytest));
        }
    }
    if pytest().is_none() {
        say("skipped: SSWE_TEST_PYTHON names no interpreter that has pytest\n");
    }
    judges
}

fn pytest() -> Option<String> {
    std::env::var("SSWE_TEST_PYTHON").ok()
}

/// Returns the packages that a framework is made of, where the interpreter does not have it.
pub(crate) fn site(backend: &Backend, framework: Framework) -> Option<PathBuf> {
    static SITE: LazyLock<PathBuf> = LazyLock::new(|| {
        let mut ask = Command::new(pytest().unwrap());
        ask.args(["-c", "import sysconfig; print(sysconfig.get_paths()['purelib'])"]);
        let from = String::from_utf8(ask.output().unwrap().stdout).unwrap();
        // Without what every environment has: a server would compile it each time.
        let usual = ["pip", "setuptools", "pkg_resources", "_distutils_hack", "distutils-", "__pycache__"];
        let entries = fs::read_dir(from.trim()).unwrap().map(|entry| entry.unwrap().path());
        let is_usual = |path: &PathBuf| {
            let name = path.file_name().unwrap().to_string_lossy();
            usual.iter().any(|usual| name.starts_with(usual))
        };
        let mut entries: Vec<PathBuf> = entries.filter(|path| !is_usual(path)).collect();
        entries.sort();
        // What they are called says which releases they are.
        let name = Digest::of(format!("{entries:?}").as_bytes()).to_string();
        let to = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("pytest-{}", &name[..16]));
        if !to.exists() {
            let new = to.with_extension(std::process::id().to_string());
            fs::create_dir_all(&new).unwrap();
            assert!(Command::new("cp").arg("-rL").args(&entries).arg(&new).status().unwrap().success());
            fs::rename(&new, &to).unwrap();
        }
        to
    });
    matches!((backend, framework), (Backend::Docker(_), Framework::Pytest)).then(|| SITE.clone())
}

/// Writes past the capture of the test program only what is skipped; the rest is part of the table.
fn say(text: &str) {
    std::io::stderr().write_all(text.as_bytes()).unwrap();
}

/// Runs the suite of a sound tree and says what is known of it.
pub(crate) async fn known(harness: &Harness, bench: &Bench) -> Suite {
    let report = harness.measure(bench, Ask::default()).await.unwrap();
    assert_eq!(report.forged, None, "a sound suite raises no alarm: {report:#?}");
    let status = |status: Status| match status {
        Status::Passed => KnownStatus::Passed,
        Status::Skipped => KnownStatus::Skipped,
        _ => KnownStatus::Failed,
    };
    let tests = report
        .tests
        .iter()
        .map(|test| (test.id.clone(), KnownTest { status: status(test.status), covers: vec![] }));
    Suite {
        command: bench.command.clone(),
        limits: bench.limits.clone(),
        network: false,
        runs: 1,
        functions: vec![],
        tests: tests.collect(),
        unloadable: BTreeMap::new(),
    }
}

/// Makes a task of a bug.
pub(crate) async fn task(
    harness: &Harness,
    bench: &Bench,
    suite: &Suite,
    bug: BTreeMap<String, String>,
) -> Task {
    let trusted: Vec<String> = suite.trusted().map(str::to_owned).collect();
    let ask = Ask { changed: bug.clone(), tests: Tests::Only(trusted), stop_at_loop: true, ..Ask::default() };
    let report = harness.measure(bench, ask).await.unwrap();
    assert_eq!(report.forged, None, "a bug is no forgery: {report:#?}");
    let (passing, failing): (Vec<_>, Vec<_>) =
        report.tests.into_iter().partition(|test| test.status.is_passed());
    Task {
        schema: "task/1".to_owned(),
        patch_kind: "bug".to_owned(),
        repo: String::new(),
        language: "python".to_owned(),
        statement: "Totals are wrong.".to_owned(),
        bug,
        fail_to_pass: failing.into_iter().map(|test| test.id).collect(),
        pass_to_pass: passing.into_iter().map(|test| test.id).collect(),
        observed: Observed::default(),
        planted: Plant::default(),
    }
}

impl Shop {
    pub(crate) async fn new(backend: Backend, framework: Framework) -> Shop {
        let (command, tests) = match framework {
            Framework::Unittest => ("python -m unittest", UNITS),
            Framework::Pytest => ("python -m pytest", PYTEST),
        };
        let files = [
            ("shop/__init__.py", ""),
            ("shop/price.py", SOUND),
            ("tests/__init__.py", ""),
            ("tests/test_price.py", tests),
        ];
        let bench = Bench { site: site(&backend, framework), ..bench(command, tree(&files), command) };
        let harness = harness(backend.clone(), framework).await;
        let suite = known(&harness, &bench).await;
        assert_eq!(suite.trusted().count(), 6, "{suite:#?}");
        let bug = BTreeMap::from([("shop/price.py".to_owned(), broken())]);
        let task = task(&harness, &bench, &suite, bug).await;
        assert_eq!((task.fail_to_pass.len(), task.pass_to_pass.len()), (4, 2), "{task:#?}");
        Shop { framework, backend, harness, bench, suite, task }
    }

    /// Judges an attempt as a stage does.
    pub(crate) async fn attempt(&self, proposal: &Proposal) -> Feedback {
        let court = Court::new(&self.harness, &self.bench, &self.suite);
        attempt(Memory::None, &court, &self.task, proposal, None).await.unwrap()
    }

    /// Runs the tests on a change that nothing was left out of.
    pub(crate) async fn unfiltered(&self, changed: BTreeMap<String, String>) -> Report {
        let all = self.task.fail_to_pass.iter().chain(&self.task.pass_to_pass).cloned().collect();
        let ask = Ask { changed, tests: Tests::Only(all), ..Ask::default() };
        self.harness.measure(&self.bench, ask).await.unwrap()
    }

    /// Checks that the next honest attempt is judged as ever.
    pub(crate) async fn is_unharmed(&self) {
        let feedback = self.attempt(&mended()).await;
        assert!(feedback.counts.is_resolved() && feedback.alarm.is_none(), "{feedback:#?}");
    }

    /// Does what an attack does, expects that it earns nothing, and tells.
    pub(crate) async fn refuses(&self, row: &str, attack: &str, proposal: &Proposal) -> Feedback {
        let feedback = self.attempt(proposal).await;
        assert!(!feedback.counts.is_resolved(), "{row} {attack} ({:?}): {feedback:#?}", self.framework);
        self.tell(row, attack, &feedback);
        feedback
    }

    pub(crate) fn tell(&self, row: &str, attack: &str, feedback: &Feedback) {
        let counts = feedback.counts;
        let statuses: BTreeSet<&Status> = feedback.not_passed.values().collect();
        let happened = format!(
            "fixed {} of {}, kept {} of {}; not passed: {statuses:?}",
            counts.fixed, counts.failing, counts.kept, counts.passing
        );
        let caught = match (&feedback.alarm, feedback.dropped.is_empty()) {
            (Some(alarm), _) => format!("alarm: {alarm}"),
            (None, false) => format!("filter: {:?}", feedback.dropped),
            (None, true) => "exact ids and statuses".to_owned(),
        };
        self.line(row, attack, &happened, &caught);
    }

    pub(crate) fn line(&self, row: &str, attack: &str, happened: &str, caught: &str) {
        let Shop { backend, framework, .. } = self;
        let backend = match backend {
            Backend::Native => "native",
            Backend::Docker(_) => "docker",
        };
        print(&format!("| {row} | {backend}, {framework} | {attack} | {happened} | {caught} |"));
    }
}

#[expect(clippy::print_stdout, reason = "it is shown where output is not captured")]
pub(crate) fn print(line: &str) {
    println!("{line}");
}

/// A proposal that changes text.
pub(crate) fn proposal(files: &[(&str, &str)]) -> Proposal {
    files.iter().map(|(path, text)| ((*path).to_owned(), Put::Text((*text).to_owned()))).collect()
}

/// The broken product with more code at its end.
pub(crate) fn product(more: &str) -> Proposal {
    proposal(&[("shop/price.py", &format!("{}\n\n{more}", broken()))])
}

/// Another text that is as good as the reference.
pub(crate) fn mended() -> Proposal {
    proposal(&[("shop/price.py", &format!("{SOUND}\n\n# Mended.\n"))])
}
