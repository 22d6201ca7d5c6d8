//! A sweep removes what nobody needs, and nothing else.

use std::fs;
use std::time::Duration;

use sswe_cache::gc::{SweepOptions, Swept, sweep};
use sswe_cache::{Batch, Digest, RootKind, RunStatus, Store, Target, Why};

use crate::scratch::{Scratch, action, check_clean, key, noise, record};

const DAY: Duration = Duration::from_secs(86_400);

fn by_age(days: u32) -> SweepOptions {
    SweepOptions { older_than: Some(days * DAY), ..SweepOptions::default() }
}

fn by_size(max: u64) -> SweepOptions {
    SweepOptions { max_size: Some(max), ..SweepOptions::default() }
}

fn has(store: &Store, stage: &str, item: &str) -> bool {
    store.action(&key(stage, item)).unwrap().is_some()
}

#[test]
fn what_was_not_used_for_long_goes_and_leaves_a_tombstone() {
    let scratch = Scratch::new();
    let store = scratch.store();
    scratch.day(1);
    let old = record(&store, "old", "", &noise(1, 100_000));
    let used = record(&store, "used", "", &noise(2, 100));
    scratch.day(20);
    let row = store.action(&key("used", "")).unwrap().unwrap();
    let mut batch = Batch::new(&store);
    batch.touch(&row);
    batch.commit().unwrap();
    scratch.day(25);

    let dry = sweep(&store, &SweepOptions { dry_run: true, ..by_age(10) }).unwrap();
    assert!(has(&store, "old", "") && store.has(&old).unwrap());
    let swept = sweep(&store, &by_age(10)).unwrap();
    assert_eq!(dry, swept);
    assert_eq!((swept.actions_by_age, swept.kept_actions, swept.blobs), (1, 1, 1));
    assert!(!has(&store, "old", "") && !store.has(&old).unwrap());
    assert!(has(&store, "used", "") && store.has(&used).unwrap());
    assert_eq!(scratch.files(), [""; 0]);
    let tombstone = store.tombstone(&key("old", "")).unwrap().unwrap();
    assert_eq!((tombstone.why, tombstone.gone, &*tombstone.stage), (Why::Age, store.now(), "old"));
    assert_eq!(sweep(&store, &by_age(10)).unwrap().actions_by_age, 0);
    check_clean(&store);
}

#[test]
fn a_touch_on_the_same_day_writes_nothing() {
    let scratch = Scratch::new();
    let store = scratch.store();
    scratch.day(3);
    record(&store, "s", "", b"x");
    let actions = store.actions().unwrap();
    let mut batch = Batch::new(&store);
    batch.touch_hit(&actions.get(&key("s", "")).unwrap());
    assert!(batch.is_empty());
    scratch.day(4);
    batch.touch_hit(&actions.get(&key("s", "")).unwrap());
    assert!(!batch.is_empty());
}

#[test]
fn the_least_recently_used_goes_first() {
    let scratch = Scratch::new();
    let store = scratch.store();
    for day in 1..=5 {
        scratch.day(day);
        record(&store, &format!("s{day}"), "", &noise(day as u64, 100_000));
    }
    let swept = sweep(&store, &by_size(250_000)).unwrap();
    assert_eq!((swept.actions_by_size, swept.kept_bytes, swept.over), (3, 200_000, false));
    let left: Vec<bool> = (1..=5).map(|day| has(&store, &format!("s{day}"), "")).collect();
    assert_eq!(left, [false, false, false, true, true]);
    assert_eq!(store.tombstone(&key("s1", "")).unwrap().unwrap().why, Why::Size);
    check_clean(&store);
}

#[test]
fn the_items_of_a_stage_age_with_it() {
    let scratch = Scratch::new();
    let store = scratch.store();
    scratch.day(1);
    for item in ["", "a", "b"] {
        record(&store, "s", item, item.as_bytes());
        record(&store, "t", item, item.as_bytes());
    }
    scratch.day(30);
    // A null build uses the row of the stage, and looks at no item.
    let mut batch = Batch::new(&store);
    batch.touch(&store.action(&key("s", "")).unwrap().unwrap());
    batch.commit().unwrap();
    let swept = sweep(&store, &by_age(10)).unwrap();
    assert_eq!((swept.actions_by_age, swept.kept_actions), (3, 3));
    assert!(has(&store, "s", "a") && !has(&store, "t", "a"));
    // Both stages had made the same bytes.
    assert_eq!(swept.blobs, 0);
    check_clean(&store);
}

#[test]
fn a_root_keeps_its_stage_and_its_blobs() {
    let scratch = Scratch::new();
    let store = scratch.store();
    scratch.day(1);
    record(&store, "s", "", &noise(1, 100_000));
    let item = record(&store, "s", "a", &noise(2, 100_000));
    record(&store, "t", "", &noise(3, 100_000));
    let mut batch = Batch::new(&store);
    let alone = batch.put(&noise(4, 100_000)).unwrap();
    batch.put(&noise(5, 100_000)).unwrap();
    batch.commit().unwrap();
    let targets = [Target::Action(key("s", "")), Target::Blob(alone)];
    store.set_root(RootKind::Lock, "x.lock", &targets).unwrap();
    scratch.day(100);
    let swept = sweep(&store, &SweepOptions { max_size: Some(0), ..by_age(1) }).unwrap();
    assert_eq!((swept.kept_actions, swept.rooted_actions, swept.over), (2, 2, true));
    assert_eq!(swept.kept_bytes, 300_000);
    assert!(store.get(&item).is_ok() && store.get(&alone).is_ok());
    assert!(!has(&store, "t", ""));

    store.drop_root(RootKind::Lock, "x.lock").unwrap();
    let swept = sweep(&store, &by_size(0)).unwrap();
    assert_eq!((swept.kept_actions, swept.kept_bytes), (0, 0));
    assert_eq!(scratch.files(), [""; 0]);
    check_clean(&store);
}

#[test]
fn a_running_build_keeps_what_it_may_need() {
    let scratch = Scratch::new();
    let store = scratch.store();
    scratch.day(1);
    record(&store, "main/r1/solve", "", b"1");
    record(&store, "other/r1/solve", "", b"2");
    scratch.day(30);
    let lease = store.lease(&["main/"]).unwrap();
    // Made since the build began, but in no row yet.
    let mut batch = Batch::new(&store);
    let fresh = batch.put(&noise(1, 100_000)).unwrap();
    batch.commit().unwrap();
    record(&store, "third/r1/solve", "", b"3");
    let all = SweepOptions { max_size: Some(0), ..by_age(1) };
    let swept = sweep(&store, &all).unwrap();
    assert_eq!((swept.kept_actions, swept.claimed_actions), (2, 2));
    assert!(has(&store, "main/r1/solve", "") && has(&store, "third/r1/solve", ""));
    assert!(!has(&store, "other/r1/solve", ""));
    assert!(store.has(&fresh).unwrap());
    assert_eq!(sswe_cache::stats(&store).unwrap().live_builds, 1);

    drop(lease);
    assert_eq!(sweep(&store, &all).unwrap().kept_actions, 0);
    assert!(!store.has(&fresh).unwrap());
}

#[test]
fn a_sweep_between_put_and_commit_does_no_harm() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let bytes = noise(1, 100_000);
    for size in [bytes.len(), 100] {
        record(&store, "old", "", &bytes[..size]);
        let mut batch = Batch::new(&store);
        let digest = batch.put(&bytes[..size]).unwrap();
        sweep(&store, &by_size(0)).unwrap();
        assert!(!store.has(&digest).unwrap());
        batch.record(action("new", "", digest));
        batch.commit().unwrap();
        assert!(store.get(&digest).unwrap() == bytes[..size]);
        check_clean(&store);
    }
}

#[test]
fn what_a_killed_process_left_goes() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let left = scratch.store_path().join("tmp/1-0");
    fs::create_dir_all(&left).unwrap();
    fs::write(left.join("1-1"), "half").unwrap();
    fs::create_dir_all(scratch.store_path().join("live")).unwrap();
    fs::write(scratch.store_path().join("live/1-0"), "0\n").unwrap();
    let orphan = scratch.store_path().join("cas/00");
    fs::create_dir_all(&orphan).unwrap();
    fs::write(orphan.join("1".repeat(62)), "x").unwrap();
    record(&store, "s", "", b"x");
    // The dead build's claim, which was on everything, holds no longer.
    let swept = sweep(&store, &by_size(0)).unwrap();
    assert_eq!((swept.orphans, swept.kept_actions), (1, 0));
    assert_eq!(scratch.files(), [""; 0]);
    assert_eq!(fs::read_dir(scratch.store_path().join("live")).unwrap().count(), 0);
}

#[test]
fn old_runs_go_with_their_logs_unless_a_root_names_them() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let runs: Vec<_> = (0..2)
        .map(|_| {
            let run = store.begin_run("{}").unwrap();
            drop(store.append_events(run).unwrap());
            store.end_run(run, RunStatus::Done, None).unwrap();
            run
        })
        .collect();
    let name = runs[1].0.to_string();
    store.set_root(RootKind::Run, &name, &[Target::Blob(Digest::of(b""))]).unwrap();
    scratch.day(10);
    assert_eq!(sweep(&store, &by_age(5)).unwrap().runs, 1);
    let left: Vec<_> = store.runs(9).unwrap().iter().map(|run| run.id).collect();
    assert_eq!(left, [runs[1]]);
    assert_eq!(fs::read_dir(scratch.store_path().join("runs")).unwrap().count(), 1);
}

#[test]
fn an_empty_sweep_of_an_empty_store() {
    let scratch = Scratch::new();
    let swept = sweep(&scratch.store(), &SweepOptions::default()).unwrap();
    assert_eq!(swept, Swept::default());
}
