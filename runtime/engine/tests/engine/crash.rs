//! `kill -9` at any moment.

use std::collections::BTreeMap;
use std::fs::{self, File, OpenOptions};
use std::io::Write;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::Duration;

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};
use sswe_cache::verify::verify;

use crate::scratch::{Scratch, build, build_in, options};
use crate::script::Script;

const PLAN: &str = "
main/r1/tasks one make=40
main/r1/solve each task<main/r1/tasks k=3 seed=1
main/r1/distill gather traces<main/r1/solve make=5
main/r1/generate first=40 card<main/r1/distill seed=2
main/r1/gate.a each candidate<main/r1/generate pass=70 runs=2
main/r1/gradient each task<main/r1/gate.a size=40000
main/r1/train gather gradients<main/r1/gradient
";
const JOBS: u32 = 2;
const ITEM: Duration = Duration::from_millis(4);

/// Builds in a process of its own.
pub(crate) fn spawn(folder: &Path, name: &str) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["crash::child", "--exact", "--ignored", "--nocapture"])
        .env("SSWE_ENGINE_CHILD", folder)
        .env("SSWE_ENGINE_CHILD_NAME", name)
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap()
}

/// The body of such a process: notes what it begins, and the result.
#[test]
#[ignore = "a process that other tests start"]
fn child() {
    let Some(folder) = std::env::var_os("SSWE_ENGINE_CHILD") else { return };
    let folder = Path::new(&folder);
    let name = std::env::var("SSWE_ENGINE_CHILD_NAME").unwrap();
    let log = OpenOptions::new().create(true).append(true).open(folder.join("began")).unwrap();
    let act = move |_: &str, identity: &sswe_cache::Digest| {
        // One write: lines of several processes do not mix.
        (&log).write_all(format!("{identity}\n").as_bytes()).unwrap();
        ITEM
    };
    let script = Script::acting(PLAN, Box::new(act));
    let store = sswe_cache::Store::open(&folder.join("store"), sswe_cache::OpenOptions::default()).unwrap();
    let runtime = tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
    let told = runtime.block_on(build_in(&store, &script, options(JOBS))).unwrap();
    let result = told.finished.result.unwrap().to_string();
    let mut file = File::create(folder.join(name)).unwrap();
    file.write_all(result.as_bytes()).unwrap();
}

/// The result that an undisturbed build gives.
pub(crate) fn expected() -> String {
    let scratch = Scratch::new();
    build(&scratch.store(), &Script::new(PLAN)).finished.result.unwrap().to_string()
}

/// How often something began that had begun before.
fn repeats(folder: &Path) -> (usize, usize) {
    let text = fs::read_to_string(folder.join("began")).unwrap_or_default();
    let mut times: BTreeMap<&str, usize> = BTreeMap::new();
    for line in text.lines() {
        *times.entry(line).or_default() += 1;
    }
    (times.len(), times.values().map(|times| times - 1).sum())
}

#[test]
fn a_killed_build_loses_what_was_in_flight_and_nothing_else() {
    let kills: usize = std::env::var("SSWE_KILLS").ok().and_then(|kills| kills.parse().ok()).unwrap_or(200);
    let expected = expected();
    let mut random = ChaCha8Rng::seed_from_u64(5);
    let (mut killed, mut stores, mut items, mut again, mut worst) = (0, 0, 0, 0, 0);
    while killed < kills {
        let scratch = Scratch::new();
        let mut before = 0;
        stores += 1;
        loop {
            let mut child = spawn(scratch.path(), "result");
            // From before the store is open to the end of the build.
            let wait = Duration::from_millis(u64::from(random.next_u32() % 260));
            let mut waited = Duration::ZERO;
            while waited < wait && child.try_wait().unwrap().is_none() {
                thread::sleep(Duration::from_millis(2));
                waited += Duration::from_millis(2);
            }
            let over = child.try_wait().unwrap().is_some();
            child.kill().unwrap();
            child.wait().unwrap();
            let (known, repeated) = repeats(scratch.path());
            worst = worst.max(repeated - before);
            // In flight, and what 5 ms and one commit gather: the machine may be slow, so with room.
            assert!(repeated - before <= 100, "{} items ran again after one kill", repeated - before);
            before = repeated;
            if over {
                items += known;
                again += repeated;
                break;
            }
            killed += 1;
            if killed % 10 == 0 {
                check_store(scratch.path());
            }
        }
        assert_eq!(fs::read_to_string(scratch.path().join("result")).unwrap(), expected);
        check_store(scratch.path());
        let told = build(&scratch.store(), &Script::new(PLAN));
        assert_eq!(told.finished.tally.ran, 0);
        assert_eq!(told.finished.result.unwrap().to_string(), expected);
    }
    println!(
        "{killed} kills of {stores} builds: {items} items, {again} ran again, at most {worst} after one kill"
    );
}

/// Everything in the store is what its name says.
pub(crate) fn check_store(folder: &Path) {
    let path = folder.join("store");
    if !path.join("index.sqlite").exists() {
        return;
    }
    let store = sswe_cache::Store::open(&path, sswe_cache::OpenOptions::default()).unwrap();
    let found = verify(&store, false).unwrap();
    assert!(found.is_clean(), "{found:?}");
}
