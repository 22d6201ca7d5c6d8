//! What a verdict costs in a container, beside one in namespaces and one container for each.
//!
//! `cargo bench -p sswe-pipelines --features docker --bench containers -- IMAGE [VERDICTS]`: the suite of
//! `examples/seeds/pricing` in an image that has a `python3`, such as `.ci/image` makes. With a number, that
//! many verdicts run through containers, and what is left of them is counted.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it prints what it measures")]

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::{Command, Stdio},
    sync::Arc,
    time::{Duration, Instant},
};

use sswe_engine::sandbox::{Action, Daemon, Docker, Exit, Input, Sandbox};
use sswe_pipelines::{
    artifact::{File, Limits, Tree},
    harness::{Ask, Backend, Bench, Harness, Python},
};

/// How often each way is measured in turns.
const ROUNDS: usize = 5;
/// How many verdicts of a warm server are one measurement.
const VERDICTS: usize = 20;

#[tokio::main(flavor = "current_thread")]
async fn main() {
    let mut args = std::env::args().skip(1).filter(|arg| !arg.starts_with("--"));
    let Some(name) = args.next() else {
        println!("skipped: name an image that has a `python3`");
        return;
    };
    let daemon = match Daemon::connect().await {
        Ok(daemon) => daemon,
        Err(error) => {
            println!("skipped: {error}");
            return;
        }
    };
    let image = daemon.image(&name).await.unwrap().expect("the image is not here");
    let docker = Docker { daemon, image };
    let tree = Arc::new(read(Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/seeds/pricing"))));
    match args.next() {
        Some(count) => soak(&docker, &tree, count.parse().unwrap()).await,
        None => compare(&docker, &tree).await,
    }
}

async fn compare(docker: &Docker, tree: &Arc<Tree>) {
    let host = Python::find("/usr/bin/python3").await.unwrap();
    let (python, _) = Python::inside(docker).await.unwrap();
    let native = Harness::new(host.clone(), 1, 2);
    let contained = Harness::new(python, 1, 2).inside(Backend::Docker(docker.clone()));
    let folder = std::env::temp_dir().join(format!("sswe-bench-{}", std::process::id()));
    write(tree, &folder);
    let bench = bench(tree);
    let (mut tests, mut rows) = (Vec::new(), BTreeMap::<&str, Vec<f64>>::new());
    // The first ones make the servers.
    for harness in [&native, &contained] {
        one(harness, &bench, 0).await;
    }
    for round in 0..ROUNDS {
        for (name, harness) in [("native, warm", &native), ("docker, warm", &contained)] {
            let begun = Instant::now();
            for number in 0..VERDICTS {
                let report = one(harness, &bench, round * VERDICTS + number).await;
                tests.push(report.cpu_us.values().sum::<u64>() as f64 / 1e3);
            }
            rows.entry(name).or_default().push(milliseconds(begun) / VERDICTS as f64);
        }
        let begun = Instant::now();
        bare(&host, &folder);
        rows.entry("a bare process for each").or_default().push(milliseconds(begun));
        let begun = Instant::now();
        alone(docker, tree).await;
        rows.entry("a container for each").or_default().push(milliseconds(begun));
    }
    fs::remove_dir_all(&folder).unwrap();
    let tests = median(tests);
    println!(
        "{} tests, which take {tests:.1} ms of processor time",
        one(&native, &bench, 0).await.tests.len()
    );
    let rows: BTreeMap<&str, f64> = rows.into_iter().map(|(name, all)| (name, median(all))).collect();
    for (name, time) in &rows {
        let rate = 1e3 / time;
        println!(
            "{name:24} {time:8.1} ms a verdict   {rate:7.2} a second   {:7.1} ms besides the tests",
            time - tests
        );
    }
    println!(
        "docker, warm, against a container for each: {:.1} times",
        rows["a container for each"] / rows["docker, warm"]
    );
}

/// Reaches one verdict on a change that was never there before.
async fn one(harness: &Harness, bench: &Bench, number: usize) -> sswe_pipelines::harness::Report {
    let is_product =
        |path: &str| path.ends_with(".py") && !path.contains("test") && !path.contains("__init__");
    let (path, file) = bench.tree.iter().find(|(path, _)| is_product(path)).unwrap();
    let text = format!("{}\n# {number}\n", String::from_utf8(file.bytes()).unwrap());
    let ask = Ask { changed: BTreeMap::from([(path.to_owned(), text)]), ..Ask::default() };
    let report = harness.measure(bench, ask).await.unwrap();
    assert!(report.tests.iter().all(|test| test.status.is_passed()), "{report:#?}");
    report
}

/// Runs the suite as anybody would.
fn bare(python: &Python, folder: &Path) {
    let status = Command::new(&python.program)
        .args(["-sS", "-m", "unittest"])
        .current_dir(folder)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .status();
    assert!(status.unwrap().success());
}

/// Runs the suite in a container that is made for it.
async fn alone(docker: &Docker, tree: &Tree) {
    let files = tree
        .iter()
        .map(|(path, file)| (path.to_owned(), Input { bytes: file.bytes(), is_program: file.is_program() }));
    let argv = ["python3", "-sS", "-m", "unittest"].map(str::to_owned).into();
    let action = Action { files: files.collect(), argv, ..Action::default() };
    assert_eq!(docker.run(action).await.unwrap().exit, Exit::Code(0));
}

/// Counts what many verdicts leave behind.
async fn soak(docker: &Docker, tree: &Arc<Tree>, count: usize) {
    let (python, _) = Python::inside(docker).await.unwrap();
    let harness = Harness::new(python.clone(), 1, 2).inside(Backend::Docker(docker.clone()));
    let bench = bench(tree);
    one(&harness, &bench, 0).await;
    settle(docker, 1).await;
    let before = Left::now(docker).await;
    println!("{:>8} {before}", "begun");
    let begun = Instant::now();
    for number in 1..=count {
        one(&harness, &bench, number).await;
        if number % (count / 10).max(1) == 0 {
            println!("{number:>8} {}   {:.1} s", Left::now(docker).await, begun.elapsed().as_secs_f64());
        }
    }
    drop(harness);
    settle(docker, 0).await;
    let after = Left::now(docker).await;
    println!("{:>8} {after}", "closed");
    let rate = count as f64 / begun.elapsed().as_secs_f64();
    println!("{rate:.1} verdicts a second");
    assert_eq!(after.containers, 0);
    assert!(after.processes <= before.processes && after.mounts <= before.mounts);
    assert!(after.files <= before.files && after.temporary <= before.temporary);
}

/// Waits until what was dropped is gone.
async fn settle(docker: &Docker, most: usize) {
    for _ in 0..100 {
        if docker.daemon.containers().await.unwrap().len() <= most {
            break;
        }
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    tokio::time::sleep(Duration::from_secs(1)).await;
}

/// What is there now.
struct Left {
    containers: usize,
    /// Those of the host that belong to Docker or to this process.
    processes: usize,
    mounts: usize,
    /// Open files of this process.
    files: usize,
    /// Entries of the temporary folder that are ours.
    temporary: usize,
    /// Bytes that Docker has on disk: none where its folder is closed to us.
    disk: Option<u64>,
}

impl Left {
    async fn now(docker: &Docker) -> Left {
        let own = std::process::id().to_string();
        let is_ours = |entry: &fs::DirEntry| {
            let folder = entry.path();
            let name = fs::read_to_string(folder.join("comm")).unwrap_or_default();
            let parent = fs::read_to_string(folder.join("stat")).unwrap_or_default();
            let parent = parent.rsplit(')').next().and_then(|rest| rest.split(' ').nth(2).map(str::to_owned));
            name.starts_with("containerd-shim") || name.starts_with("runc") || parent.as_deref() == Some(&own)
        };
        let list = |path: &Path| fs::read_dir(path).unwrap().flatten().collect::<Vec<_>>();
        let mounts = fs::read_to_string("/proc/self/mountinfo").unwrap().lines().count();
        let prefix = format!("sswe-docker-{own}-");
        let temporary = list(&std::env::temp_dir());
        Left {
            containers: docker.daemon.containers().await.unwrap().len(),
            processes: list(Path::new("/proc")).iter().filter(|entry| is_ours(entry)).count(),
            mounts,
            files: list(Path::new("/proc/self/fd")).len(),
            temporary: temporary
                .iter()
                .filter(|entry| entry.file_name().to_string_lossy().starts_with(&prefix))
                .count(),
            disk: size(Path::new("/var/lib/docker")),
        }
    }
}

impl std::fmt::Display for Left {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let Left { containers, processes, mounts, files, temporary, disk } = self;
        write!(
            out,
            "containers {containers}  processes {processes}  mounts {mounts}  open files {files}  temporary {temporary}"
        )?;
        match disk {
            Some(disk) => write!(out, "  disk {:.1} MB", *disk as f64 / 1e6),
            None => Ok(()),
        }
    }
}

/// Returns the bytes of a folder, on its own disk.
fn size(folder: &Path) -> Option<u64> {
    let said = Command::new("du").args(["-sxB1"]).arg(folder).stderr(Stdio::null()).output().ok()?;
    String::from_utf8(said.stdout).ok()?.split_whitespace().next()?.parse().ok()
}

fn bench(tree: &Arc<Tree>) -> Bench {
    Bench {
        id: "pricing".to_owned(),
        tree: tree.clone(),
        command: "python -m unittest".to_owned(),
        limits: Limits::default(),
        network: false,
        site: None,
        trusted: vec![],
        packages: false,
    }
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

fn write(tree: &Tree, folder: &Path) {
    for (path, file) in tree.iter() {
        let path = folder.join(path);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file.bytes()).unwrap();
    }
}

fn milliseconds(begun: Instant) -> f64 {
    begun.elapsed().as_secs_f64() * 1e3
}

fn median(mut all: Vec<f64>) -> f64 {
    all.sort_by(f64::total_cmp);
    all[all.len() / 2]
}
