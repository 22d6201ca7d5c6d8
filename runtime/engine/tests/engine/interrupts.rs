//! Stopping a run from outside.

use std::time::{Duration, Instant};

use sswe_engine::{Cancel, End, Options};

use crate::scratch::{Scratch, build, build_in, options};
use crate::script::Script;

const PLAN: &str = "
main/r1/tasks one make=20
main/r1/solve each task<main/r1/tasks
main/r1/train gather traces<main/r1/solve
";

fn runtime() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
}

#[test]
fn once_finishes_what_runs_and_the_next_build_does_the_rest() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let cancel = Cancel::default();
    let requests = cancel.clone();
    let asked = std::sync::atomic::AtomicBool::new(false);
    let script = Script::acting(
        PLAN,
        Box::new(move |stage, _| {
            if stage == "main/r1/solve" && !asked.swap(true, std::sync::atomic::Ordering::Relaxed) {
                requests.request();
            }
            Duration::from_millis(20)
        }),
    );
    let options = Options { cancel, ..options(3) };
    let told = runtime().block_on(build_in(&store, &script, options)).unwrap();
    assert_eq!(told.finished.end, End::Interrupted);
    assert_eq!(told.finished.result, None);
    let ran = script.take_ran()["main/r1/solve"];
    assert!((1..=3).contains(&ran), "{ran} began");
    assert_eq!(told.finished.tally.ran as usize, 1 + ran, "what ran is kept");

    let again = Script::new(PLAN);
    let told = build(&store, &again);
    assert_eq!(told.finished.end, End::Done);
    assert_eq!(again.take_ran()["main/r1/solve"], 20 - ran);
}

#[test]
fn twice_ends_at_once() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let cancel = Cancel::default();
    let requests = cancel.clone();
    let script = Script::acting(
        PLAN,
        Box::new(move |stage, _| match stage {
            "main/r1/solve" => {
                requests.request();
                Duration::from_secs(600)
            }
            _ => Duration::ZERO,
        }),
    );
    let begun = Instant::now();
    let told = runtime().block_on(build_in(&store, &script, Options { cancel, ..options(2) })).unwrap();
    assert!(begun.elapsed() < Duration::from_secs(20));
    assert_eq!(told.finished.end, End::Interrupted);
    assert_eq!(told.finished.tally.ran, 1);
    let again = Script::new(PLAN);
    assert_eq!(build(&store, &again).finished.end, End::Done);
    assert!(!again.take_ran().contains_key("main/r1/tasks"));
}
