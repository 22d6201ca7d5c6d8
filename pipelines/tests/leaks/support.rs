//! A task in a small shop, tasks that are planted for real, and folders that vanish.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use sswe_cache::{OpenOptions, Store};
use sswe_compiler::plan::{StageName, plans};
use sswe_compiler::project::{self, Database};
use sswe_engine::sandbox::Exit;
use sswe_engine::{End, Options, Outputs, outputs, run};
use sswe_pipelines::artifact::{File, Limits, Repo, Task, Tree};
use sswe_pipelines::harness::Backend;
use sswe_pipelines::leaks::{Answer, Finding};
use sswe_pipelines::lock::Pins;
use sswe_pipelines::summary::Reader;
use sswe_pipelines::view::Surroundings;
use sswe_pipelines::{Pipeline, Python};
use tokio::sync::OnceCell;

use crate::image::docker;

/// The sound code.
pub(crate) const CART: &str = "\
def total(rows, rate):
    amount = 0
    for row in rows:
        amount = amount + row['unit_price'] * row['count']
    if amount >= 100:
        amount = amount - amount * rate
    return amount


def label(row):
    return row['name'].strip().title()
";

/// The tests: of two files one judges.
pub(crate) const HIDDEN: &str = "\
import unittest
from shop.cart import total


class TotalTest(unittest.TestCase):
    def test_discount_begins_at_a_hundred(self):
        rows = [{'unit_price': 40, 'count': 1}, {'unit_price': 60, 'count': 1}]
        self.assertEqual(total(rows, 0.5), 50, 'a cart of 40 and 60 gets half off')
";

const OPEN: &str = "\
import unittest
from shop.cart import label


class LabelTest(unittest.TestCase):
    def test_names_are_titles(self):
        self.assertEqual(label({'name': ' green tea '}), 'Green Tea')
";

/// Returns a repository of files.
pub(crate) fn repo(files: &[(&str, &str)]) -> Repo {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.insert(*path, File::Text((*text).to_owned())).unwrap();
    }
    Repo { schema: "repo/1".into(), language: "python".into(), files: tree, env: None, suite: None }
}

/// Returns the shop with more files.
pub(crate) fn shop_with(more: &[(&str, &str)]) -> Repo {
    let own = [
        ("shop/__init__.py", ""),
        ("shop/cart.py", CART),
        ("tests/__init__.py", ""),
        ("tests/test_total.py", HIDDEN),
        ("tests/test_label.py", OPEN),
    ];
    repo(&[&own[..], more].concat())
}

/// Returns the broken text of the shop's cart.
pub(crate) fn broken() -> String {
    CART.replace("amount >= 100", "amount > 100")
}

/// Returns a task in the shop.
pub(crate) fn task() -> Task {
    Task {
        schema: "task/1".into(),
        patch_kind: "bug".into(),
        repo: "0".repeat(64),
        language: "python".into(),
        statement: "One test fails. A result is not the expected one in one test. What the failing tests use: `total`. \
                    Find the cause and mend it; tests that pass now must go on passing."
            .into(),
        bug: BTreeMap::from([("shop/cart.py".to_owned(), broken())]),
        fail_to_pass: vec!["tests.test_total.TotalTest.test_discount_begins_at_a_hundred".into()],
        pass_to_pass: vec!["tests.test_label.LabelTest.test_names_are_titles".into()],
        observed: serde_json::from_str(
            r#"{"failures":[{"exception":"AssertionError","frames":[],"tests":1}],
                "covered":[{"path":"shop/cart.py","function":"total","failing":1,"passing":0}],
                "lines":{},"watched":0,"failing":1}"#,
        )
        .unwrap(),
        planted: Default::default(),
    }
}

pub(crate) fn answer() -> Answer {
    Answer::new(&task(), &shop_with(&[]))
}

/// Prints a row of the table.
pub(crate) fn row(row: &str, leak: &str, happened: &str, caught: &[Finding]) {
    assert!(!caught.is_empty(), "{row}: {leak}: nothing caught it");
    let by: Vec<&str> = caught.iter().map(|finding| finding.check.as_str()).collect();
    println!("{row} | {leak} | {happened} | caught by `{}`: {}", by[0], caught[0]);
}

/// A folder that is removed with everything in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sswe-leaks-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Folder(std::env::temp_dir().join(name))
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn write(&self, name: &str, text: impl AsRef<[u8]>) {
        let path = self.0.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }

    /// Runs a command of a shell here; returns what it prints.
    pub(crate) fn sh(&self, command: &str) -> String {
        let mut sh = Command::new("sh");
        sh.args(["-ec", command]).current_dir(&self.0).env("GIT_CONFIG_GLOBAL", "/dev/null");
        for who in ["AUTHOR", "COMMITTER"] {
            sh.env(format!("GIT_{who}_NAME"), "a").env(format!("GIT_{who}_EMAIL"), "a@b");
        }
        let output = sh.output().unwrap();
        assert!(output.status.success(), "{command}: {}", String::from_utf8_lossy(&output.stderr));
        String::from_utf8(output.stdout).unwrap()
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Returns what a Solver may have besides the view: a sandbox of each kind that is there, with its name.
pub(crate) async fn sandboxes(site: Option<&Path>) -> Vec<(&'static str, Surroundings)> {
    let make = |backend, python| Surroundings {
        backend,
        python,
        site: site.map(Path::to_owned),
        limits: Limits::default(),
    };
    let mut all = vec![("native", make(Backend::Native, Python::find("python3").await.unwrap()))];
    if let Some(docker) = docker().await {
        // The same image for all: to read its library once is enough.
        static PYTHON: OnceCell<Python> = OnceCell::const_new();
        let find = || async { Python::inside(&docker).await.unwrap().0 };
        let python = PYTHON.get_or_init(find).await.clone();
        all.push(("docker", make(Backend::Docker(docker), python)));
    }
    all
}

/// Runs a command of a shell on what lies in a folder, where a Solver would; returns how it ended, and what it
/// printed.
pub(crate) async fn solve(around: &Surroundings, folder: &Path, command: &str) -> (Exit, String) {
    let argv = ["sh", "-c", command].map(str::to_owned).to_vec();
    let outcome = around.run(around.action(folder, argv).unwrap()).await.unwrap();
    (outcome.exit, String::from_utf8_lossy(&[outcome.stdout, outcome.stderr].concat()).into_owned())
}

/// A curriculum over seeds of the examples, or over folders of one's own, up to a stage.
pub(crate) struct Built {
    _folder: Folder,
    store: Store,
    outputs: Outputs,
}

impl Built {
    pub(crate) fn new(folder: Folder, seeds: &[&str], blocks: &str, until: &str) -> Built {
        for seed in seeds {
            let from = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/seeds").join(seed);
            let to = folder.path().join("seeds").join(seed);
            if !to.exists() {
                fs::create_dir_all(folder.path().join("seeds")).unwrap();
                folder.sh(&format!("cp -r '{}' '{}'", from.display(), to.display()));
            }
        }
        let dirs: Vec<String> = seeds
            .iter()
            .map(|seed| format!("dir \"seeds/{seed}\" {{ test = 'python -m unittest' }}"))
            .collect();
        let text = format!(
            "sswe 1\nseeds all {{ {} }}\nmodel base {{ backend = rewriter }}\n\
             curriculum main {{ seeds = all, solver = base, seed = 1, score {{ against = anchor }}\n{blocks}\n",
            dirs.join(", ")
        );
        let mut db = Database::default();
        let none = &mut |_: &str, _: &str| Err("nothing is used".to_owned());
        let project = project::open(&mut db, "a.sswe", &text, &Default::default(), none);
        let plan = plans(&db, project).remove(0);
        let store = Store::open(&folder.path().join("store"), OpenOptions::default()).unwrap();
        let options = Options {
            base: folder.path().to_owned(),
            until: Some(StageName(until.into())),
            ..Options::default()
        };
        let work = Arc::new(Pipeline::to_look_at(Pins::default()));
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        let finished = runtime.block_on(run(&plan, &store, work.clone(), &options)).unwrap();
        assert_eq!(finished.end, End::Done, "{finished:?}");
        let outputs = outputs(&plan, &store, &*work, &options).unwrap();
        Built { _folder: folder, store, outputs }
    }

    pub(crate) fn read<T: serde::de::DeserializeOwned>(&self, stage: &str, port: &str) -> Vec<T> {
        Reader::new(&self.store, &self.outputs).read_all(&StageName(stage.into()), port).unwrap()
    }

    pub(crate) fn repo_of(&self, task: &Task) -> Repo {
        Reader::new(&self.store, &self.outputs).read(&task.repo.parse().unwrap()).unwrap()
    }
}
