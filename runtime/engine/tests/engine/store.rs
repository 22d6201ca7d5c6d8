//! Stores that lost something, are full, or cannot be written.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use sswe_cache::gc::{SweepOptions, sweep};
use sswe_cache::{OpenOptions, Store, Time};
use sswe_engine::{End, Error, Event};

use crate::scratch::{Scratch, build, build_with, options};
use crate::script::Script;

const PLAN: &str = "
main/r1/tasks one make=3
main/r1/solve each task<main/r1/tasks size=100000
main/r1/distill gather traces<main/r1/solve
main/r1/train one cards<main/r1/distill
";

/// Returns the files of larger blobs.
fn cas(store: &Path) -> Vec<PathBuf> {
    let folders = fs::read_dir(store.join("cas")).unwrap().map(|entry| entry.unwrap().path());
    let mut files: Vec<_> =
        folders.flat_map(|folder| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path())).collect();
    files.sort();
    files
}

fn lost(events: &[sswe_engine::RunEvent]) -> usize {
    events.iter().filter(|event| matches!(event.event, Event::BlobLost { .. })).count()
}

#[test]
fn a_lost_blob_is_made_again_when_it_is_needed_and_not_before() {
    let damages: [fn(&Path); 3] = [
        |file| fs::remove_file(file).unwrap(),
        |file| fs::write(file, "cut short").unwrap(),
        |file| {
            let mut bytes = fs::read(file).unwrap();
            let middle = bytes.len() / 2;
            bytes[middle] ^= 1;
            fs::write(file, bytes).unwrap();
        },
    ];
    for damage in damages {
        let scratch = Scratch::new();
        let store = scratch.store();
        let expected = build(&store, &Script::new(PLAN)).finished.result;
        let files = cas(&scratch.store_path());
        assert_eq!(files.len(), 3, "one a trace");
        damage(&files[1]);

        let told = build(&store, &Script::new(PLAN));
        assert_eq!((told.finished.tally.ran, told.finished.result), (0, expected), "nothing needs it");

        let script = Script::new(&PLAN.replace("traces<main/r1/solve", "traces<main/r1/solve knob=1"));
        let told = build(&store, &script);
        assert_eq!(told.finished.end, End::Done);
        assert_eq!(lost(&told.events), 1, "loudly");
        assert_eq!(script.take_ran()["main/r1/solve"], 1, "only what made it");
        let clean = Scratch::new();
        let fresh = build(
            &clean.store(),
            &Script::new(&PLAN.replace("traces<main/r1/solve", "traces<main/r1/solve knob=1")),
        );
        assert_eq!(told.finished.result, fresh.finished.result);
        assert_eq!(build(&store, &Script::new(PLAN)).finished.result, expected);
    }
}

#[test]
fn a_lost_end_is_missed_at_once() {
    let end = "main/r1/tasks one make=3\nmain/r1/train gather tasks<main/r1/tasks size=100000\n";
    // Weights are what a curriculum is for, though an evaluation reads them.
    let read = format!("{end}main/r1/evaluate one weights<main/r1/train\n");
    for plan in [end, &read] {
        let scratch = Scratch::new();
        let store = scratch.store();
        let expected = build(&store, &Script::new(plan)).finished.result;
        fs::remove_file(&cas(&scratch.store_path())[0]).unwrap();
        let script = Script::new(plan);
        let told = build(&store, &script);
        assert_eq!((told.finished.tally.ran, told.finished.result), (1, expected));
        assert_eq!(lost(&told.events), 1);
    }
}

#[test]
fn what_a_sweep_took_runs_again_and_says_so() {
    let scratch = Scratch::new();
    let day = |day: i64| OpenOptions {
        clock: Arc::new(move || Time(day * 86_400_000_000_000)),
        ..OpenOptions::default()
    };
    let open = |at| Store::open(&scratch.store_path(), day(at)).unwrap();
    let expected = build(&open(20_000), &Script::new(PLAN)).finished.result;
    let store = open(20_777);
    store.drop_root(sswe_cache::RootKind::Run, "main").unwrap();
    let max_size = Some(0);
    sweep(&store, &SweepOptions { max_size, ..SweepOptions::default() }).unwrap();
    let told = build(&open(20_778), &Script::new(PLAN));
    assert_eq!(told.finished.result, expected);
    let reasons: Vec<_> = told
        .events
        .iter()
        .filter_map(|event| match &event.event {
            Event::StageStarted { reason, .. } => Some(reason.as_str()),
            _ => None,
        })
        .collect();
    assert_eq!(reasons, ["evicted on 2026-11-20: the store was to be smaller"; 4]);
}

#[test]
fn a_sweep_keeps_what_the_last_run_needs() {
    let scratch = Scratch::new();
    let store = scratch.store();
    build(&store, &Script::new(PLAN));
    let edited = PLAN.replace("make=3", "make=4");
    build(&store, &Script::new(&edited));
    sweep(&store, &SweepOptions { max_size: Some(0), ..SweepOptions::default() }).unwrap();
    let script = Script::new(&edited.replace("cards<main/r1/distill", "cards<main/r1/distill knob=1"));
    let told = build(&store, &script);
    assert_eq!((told.finished.end, told.finished.tally.ran), (End::Done, 1));
    assert_eq!(lost(&told.events), 0);
}

#[test]
fn a_read_only_store_answers_and_refuses_to_run() {
    let scratch = Scratch::new();
    let expected = build(&scratch.store(), &Script::new(PLAN)).finished.result;
    let options_of = OpenOptions { read_only: true, ..OpenOptions::default() };
    let store = Store::open(&scratch.store_path(), options_of).unwrap();
    let told = build(&store, &Script::new(PLAN));
    assert_eq!((told.finished.result, told.finished.run), (expected, None));
    let error = build_with(&store, &Script::new(&PLAN.replace("make=3", "make=4")), options(1)).unwrap_err();
    assert!(matches!(error, Error::Store(sswe_cache::Error::ReadOnly { .. })), "{error}");
}

#[test]
fn a_full_disk_is_a_clear_error_and_what_was_kept_stays() {
    let scratch = Scratch::new();
    let folder = scratch.store_path();
    fs::create_dir_all(&folder).unwrap();
    let mount = Command::new("mount").args(["-t", "tmpfs", "-o", "size=20m", "none"]).arg(&folder).output();
    if !mount.is_ok_and(|mount| mount.status.success()) {
        eprintln!("SKIPPED: cannot mount a tmpfs for this test");
        return;
    }
    let store = scratch.store();
    let plan = "main/r1/tasks one make=400\nmain/r1/solve each task<main/r1/tasks salt=x\n\
                main/r1/distill gather traces<main/r1/solve\n";
    // Padding compresses; noise does not.
    fs::write(folder.join("filler"), vec![7; 5 << 20]).unwrap();
    let filled = build_with(&store, &Script::new(&plan.replace("make=400", "make=40000")), options(2));
    let error = filled.unwrap_err();
    assert!(matches!(error, Error::Store(sswe_cache::Error::Full { .. })), "{error}");
    assert!(error.to_string().contains("no space left for"), "{error}");
    fs::remove_file(folder.join("filler")).unwrap();
    let told = build(&store, &Script::new(plan));
    assert_eq!(told.finished.end, End::Done);
    drop(store);
    let _ = Command::new("umount").arg("-l").arg(&folder).status();
}

#[test]
fn a_lost_part_of_many_runs_what_made_them_all() {
    let plan = "main/r1/tasks one make=1\nmain/r1/distill gather tasks<main/r1/tasks make=3 size=100000\n\
                main/r1/solve each task<main/r1/distill\n";
    let scratch = Scratch::new();
    let store = scratch.store();
    let expected = build(&store, &Script::new(plan)).finished.result;
    fs::remove_file(&cas(&scratch.store_path())[1]).unwrap();
    assert_eq!(build(&store, &Script::new(plan)).finished.tally.ran, 0, "nothing needs it");
    let script = Script::new(&plan.replace("task<main/r1/distill", "task<main/r1/distill knob=1"));
    let told = build(&store, &script);
    assert_eq!((told.finished.end.clone(), lost(&told.events)), (End::Done, 1));
    let ran = script.take_ran();
    assert_eq!(ran["main/r1/distill"], 1);
    assert!(!ran.contains_key("main/r1/tasks"), "{ran:?}");
    assert_eq!(build(&store, &Script::new(plan)).finished.result, expected);
}
