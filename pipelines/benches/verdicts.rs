//! How many verdicts one core reaches in a second, and how many through a fresh process for each.
//!
//! `cargo bench -p sswe-pipelines --bench verdicts -- [PYTHON] [FOLDER...]`: the suites of these folders,
//! without any those of two packages of `examples/seeds` and one that is made here. All is measured in
//! processor time of this process and all that it started, so others on the machine count little.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it prints what it measures")]

use std::{collections::BTreeMap, fs, path::Path, sync::Arc, time::Duration};

use sswe_engine::sandbox::{self, Action, Input, Native, Sandbox};
use sswe_pipelines::{
    artifact::{File, Limits, Tree},
    harness::{Ask, Bench, Harness, Python, Tests},
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let python = args.next().or_else(|| std::env::var("SSWE_TEST_PYTHON").ok());
    let python = Python::find(python.as_deref().unwrap_or("python3")).await.unwrap();
    println!("Python {}", python.version);
    let mut folders: Vec<String> = args.collect();
    if folders.is_empty() {
        let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/seeds");
        folders = ["pricing", "tomlet", ""].map(|name| format!("{seeds}/{name}")).into();
    }
    let has_pytest = fresh(&python, &small(), "pytest", &["--version"]).await.is_some();
    for folder in folders {
        let tree = Arc::new(if folder.ends_with('/') { small() } else { read(Path::new(&folder)) });
        let name = folder.rsplit('/').next().filter(|name| !name.is_empty()).unwrap_or("made here");
        println!("{name}: {} files", tree.len());
        suite(&python, &tree, has_pytest).await;
    }
}

/// A way to reach verdicts.
struct Way {
    name: &'static str,
    rate: Vec<f64>,
}

async fn suite(python: &Python, tree: &Arc<Tree>, has_pytest: bool) {
    let harness = Harness::new(python.clone(), 2, 4);
    let units = bench(tree, "python -m unittest");
    let pytest = bench(tree, "python -m pytest -q");
    let all = ids(&harness, &units).await;
    let third = Tests::Only(all[..all.len().div_ceil(3)].to_vec());
    let some = match has_pytest {
        true => ids(&harness, &pytest).await,
        false => Vec::new(),
    };
    let some = Tests::Only(some[..some.len().div_ceil(3)].to_vec());
    let way = |name| Way { name, rate: Vec::new() };
    let mut warm = [
        (way("unittest, warm, a third"), &units, third),
        (way("unittest, warm, all"), &units, Tests::All),
        (way("pytest, warm, a third"), &pytest, some),
        (way("pytest, warm, all"), &pytest, Tests::All),
    ];
    let mut cold = [
        (way("unittest, a fresh process, all"), "unittest"),
        (way("pytest, a fresh process, all"), "pytest"),
    ];
    let kept = |name: &str| has_pytest || !name.starts_with("pytest");
    println!("  {} tests", all.len());
    // In turns: what else the machine does changes from second to second.
    for round in 0..ROUNDS {
        for (way, bench, tests) in warm.iter_mut().filter(|(way, ..)| kept(way.name)) {
            way.rate.push(rate(&harness, bench, tests, round).await);
        }
        for (way, module) in cold.iter_mut().filter(|(way, _)| kept(way.name)) {
            let before = cpu();
            for _ in 0..3 {
                fresh(python, tree, module, &[]).await.unwrap();
            }
            way.rate.push(3.0 / (cpu() - before).as_secs_f64());
        }
    }
    let rates: Vec<(&str, f64)> = warm
        .into_iter()
        .map(|(way, ..)| way)
        .chain(cold.into_iter().map(|(way, _)| way))
        .filter(|way| kept(way.name))
        .map(|way| (way.name, median(way.rate)))
        .collect();
    let of = |name: &str| rates.iter().find(|(other, _)| other.starts_with(name)).map(|(_, rate)| *rate);
    for (name, rate) in &rates {
        println!("  {name:32} {rate:7.1} verdicts a second and core");
    }
    for (warm, cold) in [
        ("unittest, warm, a third", "unittest, a fresh"),
        ("unittest, warm, a third", "pytest, a fresh"),
        ("unittest, warm, all", "pytest, a fresh"),
        ("pytest, warm, a third", "pytest, a fresh"),
        ("pytest, warm, all", "pytest, a fresh"),
    ] {
        if let (Some(fast), Some(slow)) = (of(warm), of(cold)) {
            println!("  {warm:24} against {cold:17} process: {:5.1} times", fast / slow);
        }
    }
}

const ROUNDS: usize = 3;

/// Returns the verdicts per second of processor time.
async fn rate(harness: &Harness, bench: &Bench, tests: &Tests, round: usize) -> f64 {
    let is_product =
        |path: &str| path.ends_with(".py") && !path.contains("test") && !path.contains("__init__");
    let (path, file) = bench.tree.iter().find(|(path, _)| is_product(path)).unwrap();
    let text = String::from_utf8(file.bytes()).unwrap();
    let before = cpu();
    for number in 0..VERDICTS {
        let text = format!("{text}\n# {round} {number}\n");
        let changed = BTreeMap::from([(path.to_owned(), text)]);
        let ask = Ask { changed, tests: tests.clone(), ..Ask::default() };
        harness.measure(bench, ask).await.unwrap();
    }
    VERDICTS as f64 / (cpu() - before).as_secs_f64()
}

const VERDICTS: usize = 30;

fn bench(tree: &Arc<Tree>, command: &str) -> Bench {
    Bench {
        id: command.to_owned(),
        tree: tree.clone(),
        command: command.to_owned(),
        limits: Limits::default(),
        network: false,
        site: None,
        trusted: vec![],
        packages: true,
    }
}

async fn ids(harness: &Harness, bench: &Bench) -> Vec<String> {
    let report = harness.measure(bench, Ask::default()).await.unwrap();
    assert!(report.tests.iter().all(|test| test.status.is_passed()), "{report:#?}");
    report.tests.into_iter().map(|test| test.id).collect()
}

/// Runs the suite in a process of its own, in the same sandbox.
async fn fresh(python: &Python, tree: &Tree, module: &str, args: &[&str]) -> Option<Duration> {
    let program = python.program.display().to_string();
    let argv = [program.as_str(), "-m", module].iter().chain(args).map(|word| (*word).to_owned()).collect();
    let files = tree
        .iter()
        .map(|(path, file)| (path.to_owned(), Input { bytes: file.bytes(), is_program: file.is_program() }));
    let action = Action {
        files: files.collect(),
        argv,
        readable: python.readable.clone(),
        limits: sandbox::Limits::default(),
        ..Action::default()
    };
    let outcome = Native.run(action).await.unwrap();
    (outcome.exit == sandbox::Exit::Code(0)).then_some(outcome.wall)
}

fn small() -> Tree {
    let mut tree = Tree::default();
    let mut add = |path: String, text: String| tree.insert(path, File::Text(text)).unwrap();
    add("shop/__init__.py".to_owned(), String::new());
    add("tests/__init__.py".to_owned(), String::new());
    for name in ["a", "b", "c"] {
        let functions = (0..10).map(|at| {
            format!("def f{at}(x):\n    y = [x + i for i in range({at})]\n    return sum(y)\n\n\n")
        });
        add(format!("shop/{name}.py"), functions.collect());
        let tests = (0..10).map(|at| {
            format!(
                "    def test_{at}(self):\n        self.assertEqual({name}.f{at}(0), sum(range({at})))\n\n"
            )
        });
        let head =
            format!("import unittest\n\nfrom shop import {name}\n\n\nclass Case(unittest.TestCase):\n");
        add(format!("tests/test_{name}.py"), head + &tests.collect::<String>());
    }
    tree
}

fn read(folder: &Path) -> Tree {
    fn walk(folder: &Path, root: &Path, tree: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("__pycache__") {
                    walk(&path, root, tree);
                }
            } else {
                let inner = path.strip_prefix(root).unwrap().display().to_string();
                tree.insert(inner, File::new(fs::read(&path).unwrap(), false)).unwrap();
            }
        }
    }
    let mut tree = Tree::default();
    walk(folder, folder, &mut tree);
    tree
}

/// Returns the processor time of this process and of all that it started: what others do on the
/// machine does not count.
fn cpu() -> Duration {
    sandbox::usage(std::process::id() as i32).unwrap().cpu
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
