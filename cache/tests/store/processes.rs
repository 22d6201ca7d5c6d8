//! Several processes in one store, and processes that are killed.

use std::fs;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use sswe_cache::gc::{SweepOptions, sweep};
use sswe_cache::verify::verify;
use sswe_cache::{Batch, Digest, OpenOptions, Store};

use crate::scratch::{Scratch, action, check_clean, key, noise, record};

/// Starts this test program again, to do what [`child`] says.
fn start(role: &str, store: &Path, argument: u64) -> Child {
    Command::new(std::env::current_exe().unwrap())
        .args(["processes::child", "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env("STORE_ROLE", role)
        .env("STORE_PATH", store)
        .env("STORE_ARGUMENT", argument.to_string())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::inherit())
        .spawn()
        .unwrap()
}

#[test]
#[ignore = "the other process of the tests in this file"]
fn child() {
    let role = std::env::var("STORE_ROLE").unwrap();
    let path = std::env::var("STORE_PATH").unwrap();
    let argument: u64 = std::env::var("STORE_ARGUMENT").unwrap().parse().unwrap();
    let store = Store::open(Path::new(&path), OpenOptions::default()).unwrap();
    match role.as_str() {
        "write" => write(&store, argument, 0, 40),
        "write for ever" => write(&store, argument, 0, u64::MAX),
        "sweep for ever" => loop {
            let options = SweepOptions { max_size: Some(argument), ..SweepOptions::default() };
            sweep(&store, &options).unwrap();
        },
        "lease" => {
            let _lease = store.lease(&[""]).unwrap();
            println!("\nready");
            let _ = std::io::stdin().read(&mut [0]);
        }
        other => panic!("{other}"),
    }
}

/// Commits batches of ten items, and says so after each.
fn write(store: &Store, writer: u64, from: u64, to: u64) {
    for number in from..to {
        let mut batch = Batch::new(store);
        for item in 0..10 {
            // Half of the content is common to all writers.
            let owner = if item % 2 == 0 { writer } else { 0 };
            let size = if item < 2 { 40_000 } else { 300 };
            let digest = batch.put(&content(owner, number, item, size)).unwrap();
            batch.record(action(&format!("w{writer}"), &format!("{number}.{item}"), digest));
        }
        batch.commit().unwrap();
        // One call: a kill must not leave half a line.
        std::io::stdout().write_all(format!("\ndone {number}\n").as_bytes()).unwrap();
    }
}

fn content(owner: u64, number: u64, item: u64, size: usize) -> Vec<u8> {
    noise(owner << 40 | number << 8 | item, size)
}

/// Returns the last batch that a writer said it had committed.
fn last_done(output: &str) -> Option<u64> {
    let lines = output.lines().filter_map(|line| line.strip_prefix("done "));
    lines.filter_map(|number| number.parse().ok()).max()
}

/// Checks that every row of a writer up to a batch is there, with its blob.
fn check_rows(store: &Store, writer: u64, batches: u64) {
    let actions = store.actions().unwrap();
    for number in 0..batches {
        for item in 0..10 {
            let item = format!("{number}.{item}");
            let hit = actions.get(&key(&format!("w{writer}"), &item));
            let digest = hit.unwrap_or_else(|| panic!("w{writer} {item} is lost")).output("out").unwrap();
            assert!(store.get(&digest).is_ok());
        }
    }
}

#[test]
fn two_and_four_processes_write_at_once() {
    for writers in [2, 4, 4, 4] {
        let scratch = Scratch::new();
        // No store yet: they also make it at once.
        let children: Vec<Child> =
            (1..=writers).map(|writer| start("write", &scratch.store_path(), writer)).collect();
        for mut child in children {
            let mut output = String::new();
            child.stdout.take().unwrap().read_to_string(&mut output).unwrap();
            assert!(child.wait().unwrap().success(), "{output}");
            assert_eq!(last_done(&output), Some(39));
        }
        let store = scratch.store();
        for writer in 1..=writers {
            check_rows(&store, writer, 40);
        }
        assert_eq!(store.actions().unwrap().len() as u64, writers * 400);
        check_clean(&store);
        // Common content once, own content once a writer.
        let stats = sswe_cache::stats(&store).unwrap();
        assert_eq!(stats.small_blobs + stats.large_blobs, 200 * writers + 200);
    }
}

#[test]
fn killed_at_any_moment_a_writer_loses_nothing_it_had_committed() {
    let mut scratch = Scratch::new();
    let kills = std::env::var("STORE_KILLS").map_or(40, |kills| kills.parse().unwrap());
    let (mut committed, mut left) = (0, 0);
    for round in 1..=kills {
        // A new one now and then, else checking all of it takes longer every time.
        if round % 10 == 1 {
            scratch = Scratch::new();
            drop(scratch.store());
        }
        let mut child = start("write for ever", &scratch.store_path(), round);
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let reader = thread::spawn(move || {
            let mut text = String::new();
            output.read_to_string(&mut text).unwrap();
            text
        });
        // Spread over the first 120 ms, by the round.
        thread::sleep(Duration::from_micros(15_000 + (round * 7919) % 120_000));
        child.kill().unwrap();
        child.wait().unwrap();
        let text = reader.join().unwrap();
        left += u64::from(fs::read_dir(scratch.store_path().join("tmp")).unwrap().count() > 0);

        let store = scratch.store();
        let batches = last_done(&text).map_or(0, |last| last + 1);
        check_rows(&store, round, batches);
        committed += batches;
        // A batch is there as a whole or not at all.
        let rows = store.actions_of(&format!("w{round}")).unwrap().len() as u64;
        assert!(rows == batches * 10 || rows == (batches + 1) * 10, "{rows} rows, {batches} batches");
        let found = verify(&store, true).unwrap();
        assert!(found.damaged.is_empty() && found.broken.is_empty(), "{found:?}");
        check_clean(&store);
        // Opening it cleared what the dead one left.
        assert!(scratch.files().iter().all(|file| file.contains("/cas/")));
    }
    println!("{kills} kills, {committed} batches committed, {left} left files in tmp, none lost");
    assert!(committed > kills, "the kills came before any work: {committed} batches");
}

#[test]
fn sweeps_beside_writers_remove_nothing_that_they_need() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.store_path(), OpenOptions::default()).unwrap();
    record(&store, "old", "", &noise(1, 100_000));
    let lease = store.lease(&["w"]).unwrap();
    let mut children: Vec<Child> =
        (1..=2).map(|writer| start("write", &scratch.store_path(), writer)).collect();
    let mut sweeps = 0;
    let options = SweepOptions { max_size: Some(0), ..SweepOptions::default() };
    while children.iter_mut().any(|child| child.try_wait().unwrap().is_none()) {
        sweep(&store, &options).unwrap();
        sweeps += 1;
    }
    for mut child in children {
        assert!(child.wait().unwrap().success());
    }
    assert!(sweeps > 3, "{sweeps}");
    for writer in 1..=2 {
        check_rows(&store, writer, 40);
    }
    check_clean(&store);
    drop(lease);
    sweep(&store, &options).unwrap();
    assert_eq!(scratch.files(), [""; 0]);
}

#[test]
fn killed_at_any_moment_a_sweep_leaves_no_row_without_its_blob() {
    let scratch = Scratch::new();
    let store = Store::open(&scratch.store_path(), OpenOptions::default()).unwrap();
    let kills = std::env::var("STORE_KILLS").map_or(20, |kills| kills.parse().unwrap());
    let (mut buried, mut orphans) = (0, 0);
    for round in 1..=kills {
        // Stages of their own, so that a sweep has many small things to decide.
        let mut batch = Batch::new(&store);
        for number in 0..200 {
            let digest = batch.put(&content(round, number, 0, 40_000)).unwrap();
            batch.record(action(&format!("s{round}.{number}"), "", digest));
        }
        batch.commit().unwrap();
        let before = store.actions().unwrap().len();
        let mut child = start("sweep for ever", &scratch.store_path(), 1_000_000);
        thread::sleep(Duration::from_micros(20_000 + (round * 37_199) % 250_000));
        child.kill().unwrap();
        child.wait().unwrap();
        buried += before - store.actions().unwrap().len();
        let found = verify(&store, true).unwrap();
        assert!(found.damaged.is_empty() && found.broken.is_empty(), "{found:?}");
        orphans += found.orphans.len();
    }
    println!("{kills} kills, {buried} rows removed, {orphans} files left for the next sweep");
    assert!(buried > 0, "the kills came before any work");
}

#[test]
fn the_lease_of_a_killed_process_holds_nothing() {
    let scratch = Scratch::new();
    let store = scratch.store();
    record(&store, "s", "", b"x");
    let mut child = start("lease", &scratch.store_path(), 0);
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(output.any(|line| line.unwrap() == "ready"));
    let options = SweepOptions { max_size: Some(0), ..SweepOptions::default() };
    assert_eq!(sweep(&store, &options).unwrap().claimed_actions, 1);
    child.kill().unwrap();
    child.wait().unwrap();
    assert_eq!(sweep(&store, &options).unwrap().actions_by_size, 1);
}

#[test]
fn who_waits_is_told_for_whom() {
    let scratch = Scratch::new();
    drop(scratch.store());
    let mut child = start("lease", &scratch.store_path(), 0);
    let mut output = BufReader::new(child.stdout.take().unwrap()).lines();
    assert!(output.any(|line| line.unwrap() == "ready"));
    let told = Arc::new(Mutex::new(Vec::new()));
    let mut options = scratch.options();
    let listener = told.clone();
    options.on_wait = Arc::new(move |waiting| listener.lock().unwrap().push(waiting.clone()));
    options.patience = Duration::from_millis(1);
    let store = Store::open(&scratch.store_path(), options).unwrap();

    // Someone is in the middle of a long write.
    let other = rusqlite::Connection::open(scratch.store_path().join("index.sqlite")).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let begun = Instant::now();
    let error = store.begin_run("{}").unwrap_err();
    assert!(begun.elapsed() < Duration::from_secs(30));
    let text = error.to_string();
    assert!(text.contains(" was busy for "), "{text}");
    assert!(text.contains(&format!("(process {} is at work in it)", child.id())), "{text}");
    other.execute_batch("ROLLBACK").unwrap();
    store.begin_run("{}").unwrap();

    // Someone holds the whole store.
    let lock = fs::File::options().write(true).open(scratch.store_path().join("lock")).unwrap();
    lock.lock().unwrap();
    fs::write(scratch.store_path().join("lock"), "4321").unwrap();
    let waiter = {
        let store = store.clone();
        thread::spawn(move || store.begin_run("{}"))
    };
    while !told.lock().unwrap().iter().any(|waiting| waiting.pids == [4321]) {
        assert!(begun.elapsed() < Duration::from_secs(60));
        thread::sleep(Duration::from_millis(5));
    }
    drop(lock);
    waiter.join().unwrap().unwrap();
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn threads_share_a_store() {
    let scratch = Scratch::new();
    let store = scratch.store();
    thread::scope(|scope| {
        for writer in 1..=4 {
            let store = &store;
            scope.spawn(move || write(store, writer, 0, 10));
        }
    });
    for writer in 1..=4 {
        check_rows(&store, writer, 10);
    }
    let digest = Digest::of(&content(0, 9, 9, 300));
    assert!(store.has(&digest).unwrap());
}
