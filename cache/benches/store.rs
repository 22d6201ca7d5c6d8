//! Measures the store, and prints a table of medians.
//!
//! A plain program: most of these change the disk, take seconds, and need CPU time beside wall
//! time and the figures of other programs, which the usual harnesses do not give.
//!
//! `cargo bench -p sswe-cache` runs all; words after `--` choose the groups that have one of
//! them in their names.

#![expect(clippy::print_stdout, clippy::unwrap_used, reason = "a benchmark prints, or fails")]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::time::{Duration, Instant};

use sswe_cache::{
    ActionKey, Batch, Component, Components, Digest, INLINE_MAX, NewAction, OpenOptions, Output, StatCache,
    Store, Value,
};

fn main() {
    let chosen: Vec<String> = std::env::args().skip(1).filter(|word| !word.starts_with('-')).collect();
    println!("{:<58} {:>12} {:>12}", "measure, a unit", "wall median", "CPU mean");
    for (name, group) in GROUPS {
        if chosen.is_empty() || chosen.iter().any(|word| name.contains(word.as_str())) {
            group();
        }
    }
}

const GROUPS: &[(&str, fn())] = &[
    ("rows", rows),
    ("scan", scan),
    ("null", null),
    ("blobs", blobs),
    ("stat", stat),
    ("small-files", small_files),
    ("ingest-noise", || ingest("noise")),
    ("ingest-text", || ingest("text")),
];

/// The durable record of an executed item: its row, a body and a sidecar.
fn rows() {
    for (count, size) in [(10_000, 1), (10_000, 16), (10_000, 256), (100_000, 256)] {
        let name = format!("record {count} items (row, body, sidecar), {size} a commit");
        measure(&name, count, 3, |scratch| {
            let store = scratch.store();
            Box::new(move || record_items(&store, "main/r1/solve", count, size))
        });
    }
    let count = 100_000;
    let scratch = Scratch::new();
    record_items(&scratch.store(), "main/r1/solve", count, 256);
    let bytes = fs::metadata(scratch.store_path().join("index.sqlite")).unwrap().len();
    println!("{:<58} {:>12}", "  bytes of index an item, small blobs included", bytes / count);
}

fn scan() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let count = 100_000;
    record_items(&store, "main/r1/solve", count - 10_000, 256);
    record_items(&store, "main/r2/solve", 10_000, 256);
    let keys: Vec<ActionKey> = (0..10_000).map(|number| key("main/r2/solve", number)).collect();
    repeat("scan of 100,000 rows into memory", 1, 9, || assert_eq!(store.actions().unwrap().len(), 100_000));
    repeat("scan of one stage, 10,000 of 100,000 rows", 1, 9, || {
        assert_eq!(store.actions_of("main/r2/solve").unwrap().len(), 10_000);
    });
    repeat("10,000 rows by key, in one call", 1, 9, || {
        assert_eq!(store.actions_with(&keys).unwrap().len(), 10_000);
    });
    let actions = store.actions().unwrap();
    repeat("10,000 look-ups in memory", 1, 999, || {
        assert!(keys.iter().all(|key| actions.get(key).is_some()));
    });
    repeat("first look-up of the latest row of an item", 1, 5, || {
        assert!(store.actions().unwrap().latest("main/r2/solve", "i77").is_some());
    });
    repeat("check that 10,000 small blobs are there", 1, 9, || {
        let bodies: Vec<Digest> =
            keys.iter().map(|k| actions.get(k).unwrap().output("out").unwrap()).collect();
        assert!(store.missing(&bodies).unwrap().is_empty());
    });
    repeat("components of 30 rows", 1, 99, || {
        assert!(keys[..30].iter().all(|key| store.components(key).unwrap().is_some()));
    });
    measure("touch of 10,000 rows, once a day", 1, 3, |scratch| {
        let store = scratch.store();
        record_items(&store, "s", 10_000, 1000);
        let later = scratch.store_in(Duration::from_secs(2 * 86_400));
        Box::new(move || {
            let actions = later.actions().unwrap();
            let mut batch = Batch::new(&later);
            actions.iter().for_each(|hit| batch.touch_hit(&hit));
            batch.commit().unwrap();
        })
    });
}

/// What a build with nothing to do asks: one row a stage, whatever the number of items.
fn null() {
    for count in [10_000, 100_000] {
        let scratch = Scratch::new();
        record_items(&scratch.store(), "main/r1/solve", count, 1000);
        let stages: Vec<ActionKey> = (0..30).map(|number| key("main/r1/solve", number)).collect();
        let name = format!("null build: open, claim, 30 rows, their blobs ({count} items)");
        repeat(&name, 1, 101, || {
            let store = scratch.store();
            let _lease = store.lease(&["main/"]).unwrap();
            for key in &stages {
                let action = store.action(key).unwrap().unwrap();
                assert!(store.has(&action.output("out").unwrap()).unwrap());
            }
        });
    }
}

fn blobs() {
    let count = 10_000;
    for (what, size) in [("300 B", 300), ("4 KiB", 4096), ("16 KiB", 16_384)] {
        measure(&format!("put of {count} blobs of {what}, 256 a commit"), count, 3, |scratch| {
            let store = scratch.store();
            let all = noise(1, size + count as usize);
            Box::new(move || put_all(&store, &all, size, count, 256))
        });
    }
    let count = 1000;
    for size in [INLINE_MAX, INLINE_MAX + 1, 2 * INLINE_MAX, 8 * INLINE_MAX] {
        let place = if size <= INLINE_MAX { "index" } else { "files" };
        measure(&format!("put of {count} blobs of {size} B ({place}), 64 a commit"), count, 3, |scratch| {
            let store = scratch.store();
            let all = noise(1, size + count as usize);
            Box::new(move || put_all(&store, &all, size, count, 64))
        });
    }
    for size in [300, INLINE_MAX, INLINE_MAX + 1] {
        let scratch = Scratch::new();
        let store = scratch.store();
        put_all(&store, &noise(1, size + 1000), size, 1000, 1000);
        let all = noise(1, size + 1000);
        let digests: Vec<Digest> = (0..1000).map(|at| Digest::of(&all[at..at + size])).collect();
        repeat(&format!("get of 1000 blobs of {size} B"), 1000, 9, || {
            digests.iter().for_each(|digest| assert_eq!(store.get(digest).unwrap().len(), size));
        });
    }
}

fn stat() {
    let scratch = Scratch::new();
    let files = write_files(scratch.path(), 10_000, 4096);
    // Else they are racily new.
    let store = scratch.store_in(Duration::from_secs(60));
    let digest_all = |stats: &mut StatCache| {
        for file in &files {
            stats.digest(file).unwrap();
        }
    };
    repeat("hash of 10,000 files of 4 KiB, nothing known", 1, 5, || {
        let mut stats = StatCache::load(&store).unwrap();
        digest_all(&mut stats);
        assert_eq!(stats.read_count(), 10_000);
    });
    let mut stats = StatCache::load(&store).unwrap();
    digest_all(&mut stats);
    let mut batch = Batch::new(&store);
    batch.add_stats(&mut stats);
    once("store what was learnt of 10,000 files", 1, || {
        batch.commit().unwrap();
    });
    repeat("load of what is known of 10,000 files", 1, 9, || {
        assert_eq!(StatCache::load(&store).unwrap().len(), 10_000);
    });
    repeat("load, and stat of 10,000 files, nothing changed", 1, 9, || {
        let mut stats = StatCache::load(&store).unwrap();
        digest_all(&mut stats);
        assert_eq!(stats.read_count(), 0);
    });
}

fn small_files() {
    let source = Scratch::new();
    let files = write_files(source.path(), 50_000, 4096);
    measure("ingest of 50,000 files of 4 KiB, 1000 a commit (all)", 1, 3, |scratch| {
        let (store, files) = (scratch.store(), files.clone());
        Box::new(move || {
            for files in files.chunks(1000) {
                let mut batch = Batch::new(&store);
                for file in files {
                    batch.put_file(file).unwrap();
                }
                batch.commit().unwrap();
            }
        })
    });
}

/// One large file, beside the programs that do a part of it, one after another in each round.
fn ingest(what: &str) {
    const ROUNDS: usize = 3;
    let source = Scratch::new();
    let has_b3sum = Command::new("b3sum").arg("--version").output().is_ok();
    let path = source.path().join(what);
    write_large(&path, 2 << 30, what == "text");
    let copy = source.path().join("copy");
    let shell = |script: &str| {
        let script = script.replace("IN", path.to_str().unwrap()).replace("OUT", copy.to_str().unwrap());
        time(|| assert!(Command::new("sh").args(["-c", &script]).status().unwrap().success()))
    };
    let (mut own, mut sums, mut writes, mut peak) = (Vec::new(), Vec::new(), Vec::new(), 0.0f64);
    for _ in 0..ROUNDS {
        let scratch = Scratch::new();
        let store = scratch.store();
        reset_peak();
        let before = peak_mib();
        own.push(time(|| {
            let mut batch = Batch::new(&store);
            batch.put_file(&path).unwrap();
            batch.commit().unwrap();
        }));
        peak = peak.max(peak_mib() - before);
        if has_b3sum {
            sums.push(shell("b3sum IN >/dev/null"));
        }
        writes.push(shell("cat IN >OUT; sync OUT"));
        fs::remove_file(&copy).unwrap();
    }
    let own = print(&format!("ingest of a file, 2 GiB of {what}"), 1, own);
    println!("{:<58} {peak:>8.0} MiB", "  memory that it took at most");
    if !has_b3sum {
        println!("SKIPPED: b3sum is not installed");
    } else {
        let both = print(&format!("  b3sum, 2 GiB of {what}"), 1, sums)
            + print("  one write: cat > file; sync file", 1, writes);
        println!("{:<58} {:>12.2}", "  ingest, in times of b3sum and one write", own / both);
    }
}

/// Lets the peak of this process's memory count from now on.
fn reset_peak() {
    let _ = fs::write("/proc/self/clear_refs", "5");
}

fn peak_mib() -> f64 {
    let text = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("VmHWM:"));
    let kib = line.and_then(|line| line.split_whitespace().next()?.parse::<f64>().ok());
    kib.unwrap_or(0.0) / 1024.0
}

fn record_items(store: &Store, stage: &str, count: u64, size: u64) {
    let text = |name: &str, value: &str| Component { name: name.into(), value: Value::Text(value.into()) };
    let digest =
        |name: &str, of: &[u8]| Component { name: name.into(), value: Value::Digest(Digest::of(of)) };
    let shared = Arc::new(Components::new(vec![
        text("schema", "1"),
        text("kind", "solve/3"),
        digest("spec", b"spec"),
        digest("tool", b"tool"),
        text("env", "LANG=C"),
        digest("stream", b"stream"),
    ]));
    let (stage, kind, out): (Arc<str>, Arc<str>, Arc<str>) = (stage.into(), "solve".into(), "out".into());
    for from in (0..count).step_by(size as usize) {
        let mut batch = Batch::new(store);
        for number in from..count.min(from + size) {
            let body = batch.put(&json(number, 300)).unwrap();
            let sidecar = batch.put(&json(number + (1 << 40), 150)).unwrap();
            batch.record(NewAction {
                key: key(&stage, number),
                stage: stage.clone(),
                kind: kind.clone(),
                item: format!("i{number}"),
                outputs: vec![Output { name: out.clone(), body, sidecar: Some(sidecar) }],
                shared: shared.clone(),
                own: Components::new(vec![digest("input.task", &number.to_le_bytes())]),
                wall_us: 1,
                cost_micros: 0,
                run: None,
            });
        }
        batch.commit().unwrap();
    }
}

fn key(stage: &str, number: u64) -> ActionKey {
    ActionKey(Digest::of(format!("{stage}{number}").as_bytes()))
}

fn json(number: u64, size: usize) -> Vec<u8> {
    let mut text = format!("{{\"item\":{number},\"digest\":\"{}\"", Digest::of(&number.to_le_bytes()));
    while text.len() < size {
        text.push_str(",\"passed\":true,\"seconds\":0.25");
    }
    text.push('}');
    text.into_bytes()
}

fn put_all(store: &Store, all: &[u8], size: usize, count: u64, commit: usize) {
    let places: Vec<usize> = (0..count as usize).collect();
    for places in places.chunks(commit) {
        let mut batch = Batch::new(store);
        for &at in places {
            batch.put(&all[at..at + size]).unwrap();
        }
        batch.commit().unwrap();
    }
}

fn write_files(folder: &Path, count: u64, size: usize) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for number in 0..count {
        let folder = folder.join(format!("files/{}", number / 100));
        fs::create_dir_all(&folder).unwrap();
        let path = folder.join(number.to_string());
        fs::write(&path, noise(number, size)).unwrap();
        files.push(path);
    }
    files
}

fn write_large(path: &Path, size: usize, text: bool) {
    let mut content = Vec::with_capacity(size);
    let mut number = 0;
    while content.len() < size {
        match text {
            true => content.extend_from_slice(&json(number, 200)),
            false => content.extend_from_slice(&noise(number, 1 << 20)),
        }
        number += 1;
    }
    content.truncate(size);
    fs::write(path, content).unwrap();
    // What is still to be written must not fall into the measure.
    fs::File::open(path).unwrap().sync_all().unwrap();
}

fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    let mut bytes = vec![0; length];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// Measures what `prepare` returns, each time in a fresh place.
fn measure(name: &str, units: u64, runs: usize, mut prepare: impl FnMut(&Scratch) -> Box<dyn FnOnce()>) {
    let mut all = Vec::new();
    for _ in 0..runs {
        let scratch = Scratch::new();
        let work = prepare(&scratch);
        all.push(time(work));
    }
    print(name, units, all);
}

fn repeat(name: &str, units: u64, runs: usize, mut work: impl FnMut()) {
    print(name, units, (0..runs).map(|_| time(&mut work)).collect());
}

fn once(name: &str, units: u64, work: impl FnOnce()) {
    print(name, units, vec![time(work)]);
}

fn time(work: impl FnOnce()) -> (f64, f64) {
    let (cpu, begun) = (cpu_seconds(), Instant::now());
    work();
    (begun.elapsed().as_secs_f64(), cpu_seconds() - cpu)
}

/// The time that all threads of this process have spent on a processor; children are not in it.
fn cpu_seconds() -> f64 {
    // SAFETY: it points to a value of ours.
    let usage = unsafe {
        let mut usage: libc::rusage = std::mem::zeroed();
        assert_eq!(libc::getrusage(libc::RUSAGE_SELF, &raw mut usage), 0);
        usage
    };
    let seconds = |time: libc::timeval| time.tv_sec as f64 + time.tv_usec as f64 / 1e6;
    seconds(usage.ru_utime) + seconds(usage.ru_stime)
}

/// Prints what was measured, and returns the median of the wall times.
fn print(name: &str, units: u64, all: Vec<(f64, f64)>) -> f64 {
    let mut walls: Vec<f64> = all.iter().map(|run| run.0).collect();
    walls.sort_by(f64::total_cmp);
    let wall = walls[walls.len() / 2] / units as f64;
    // The kernel may count in ticks of 4 ms: only the sum of the runs says something.
    let cpu = all.iter().map(|run| run.1).sum::<f64>() / (all.len() as u64 * units) as f64;
    println!("{name:<58} {:>12} {:>12}", human(wall), human(cpu));
    wall
}

fn human(seconds: f64) -> String {
    match seconds {
        s if s < 1e-3 => format!("{:.1} us", s * 1e6),
        s if s < 1.0 => format!("{:.2} ms", s * 1e3),
        s => format!("{s:.2} s"),
    }
}

struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Scratch {
        let nanoseconds = sswe_cache::Time::now().0;
        let path = std::env::temp_dir().join(format!("sswe-bench-{nanoseconds}"));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    fn path(&self) -> &Path {
        &self.0
    }

    fn store_path(&self) -> PathBuf {
        self.0.join("store")
    }

    fn store(&self) -> Store {
        Store::open(&self.store_path(), OpenOptions::default()).unwrap()
    }

    fn store_in(&self, span: Duration) -> Store {
        let clock = move || sswe_cache::Time(sswe_cache::Time::now().0 + span.as_nanos() as i64);
        let options = OpenOptions { clock: Arc::new(clock), ..OpenOptions::default() };
        Store::open(&self.store_path(), options).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}
