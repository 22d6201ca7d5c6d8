//! How many verdicts a second one core reaches, and how many through a fresh process for each.
//!
//! `cargo bench -p sswe-pipelines --bench verdicts -- [PYTHON] [FOLDER]`: with an interpreter that has
//! pytest the same is measured for pytest; with a folder its files are the suite, else 30 small
//! tests that are made here.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it prints what it measures")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    sync::Arc,
    time::{Duration, Instant},
};

use sswe_engine::sandbox::{self, Action, Input, Native, Sandbox};
use sswe_pipelines::{
    artifact::{File, Limits, Tree},
    harness::{Ask, Bench, Harness, Python},
};

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let python = args.next().unwrap_or("python3".to_owned());
    let python = Python::find(python).await.unwrap();
    let tree = Arc::new(args.next().map_or_else(small, |folder| read(Path::new(&folder))));
    println!("Python {}, {} files", python.version, tree.len());
    measure(&python, &tree, "python -m unittest", "unittest").await;
    let has_pytest = fresh(&python, &tree, &["--version"], "pytest").await.is_some();
    if has_pytest {
        measure(&python, &tree, "python -m pytest -q", "pytest").await;
    } else {
        println!("pytest: not there");
    }
}

async fn measure(python: &Python, tree: &Arc<Tree>, command: &str, module: &str) {
    let bench = Bench {
        id: command.to_owned(),
        tree: tree.clone(),
        command: command.to_owned(),
        limits: Limits::default(),
        network: false,
        site: vec![],
    };
    let (path, text) =
        tree.iter().find(|(path, _)| path.ends_with("a.py") || !path.contains("test")).unwrap();
    let text = String::from_utf8(text.bytes()).unwrap();
    let harness = Arc::new(Harness::new(python.clone(), 2, 1));
    let begun = Instant::now();
    let first = harness.measure(&bench, Ask::default()).await.unwrap();
    let passed = first.tests.iter().filter(|test| test.status.is_passed()).count();
    println!("{command}: {passed} of {} pass; warm after {:.0} ms", first.tests.len(), ms(begun.elapsed()));
    let ask = |number: usize| Ask {
        changed: BTreeMap::from([(path.to_owned(), format!("{text}\n# {number}\n"))]),
        ..Ask::default()
    };
    let (mut alone, mut alone_cpu) = (Vec::new(), Vec::new());
    for round in 0..5 {
        let (begun, before) = (Instant::now(), cpu());
        for number in 0..100 {
            harness.measure(&bench, ask(round * 100 + number)).await.unwrap();
        }
        alone.push(100.0 / begun.elapsed().as_secs_f64());
        alone_cpu.push(100.0 / (cpu() - before).as_secs_f64());
    }
    let mut both = Vec::new();
    for round in 0..5 {
        let begun = Instant::now();
        let half = |start: usize| {
            let (harness, bench) = (harness.clone(), bench.clone());
            let asks: Vec<Ask> = (0..100).map(|number| ask(start + number)).collect();
            async move {
                for ask in asks {
                    harness.measure(&bench, ask).await.unwrap();
                }
            }
        };
        tokio::join!(half(round * 200), half(round * 200 + 100));
        both.push(200.0 / begun.elapsed().as_secs_f64());
    }
    let (mut slow, mut slow_cpu) = (Vec::new(), Vec::new());
    for _ in 0..7 {
        let args: Vec<&str> = command.split(' ').skip(3).collect();
        let before = cpu();
        slow.push(1.0 / fresh(python, tree, &args, module).await.unwrap().as_secs_f64());
        slow_cpu.push(1.0 / (cpu() - before).as_secs_f64());
    }
    let (alone, both, slow) = (median(alone), median(both), median(slow));
    let (own, other) = (median(alone_cpu), median(slow_cpu));
    println!(
        "  by processor time: {own:.1} a second and core; a fresh process each {other:.1}: {:.1} times",
        own / other
    );
    println!("  one at a time {alone:7.1} a second; two at a time {both:7.1} a second");
    println!("  a fresh process each {slow:.1} a second: {:.1} times slower", alone / slow);
}

/// Runs the suite in a process of its own, in the same sandbox.
async fn fresh(python: &Python, tree: &Tree, args: &[&str], module: &str) -> Option<Duration> {
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

fn ms(time: Duration) -> f64 {
    time.as_secs_f64() * 1000.0
}
