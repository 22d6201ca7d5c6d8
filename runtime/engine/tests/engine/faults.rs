//! Failures of the work, and of its surroundings.

use sswe_engine::{End, Event, Fault, Options};

use crate::scratch::{Scratch, build, build_with, options};
use crate::script::Script;

const PLAN: &str = "
main/r1/tasks.a one make=3 salt=a
main/r1/tasks.b one make=2 salt=b
main/r1/solve.a each task<main/r1/tasks.a
main/r1/train.a gather traces<main/r1/solve.a
main/r1/solve.b each task<main/r1/tasks.b
main/r1/train.b gather traces<main/r1/solve.b
";

fn infra() -> Fault {
    Fault::Infra("the container died".to_owned())
}

#[test]
fn broken_surroundings_are_tried_again_and_leave_no_trace() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let script = Script::new(PLAN);
    script.trouble("main/r1/solve.a", 3, infra());
    let told = build(&store, &script);
    assert_eq!(told.finished.end, End::Done);
    assert_eq!(told.finished.tally.infra, 0);
    let retried = told.events.iter().filter(|event| matches!(event.event, Event::ItemRetried { .. })).count();
    assert_eq!(retried, 3);

    let clean = Scratch::new();
    let fresh = build(&clean.store(), &Script::new(PLAN));
    assert_eq!(told.finished.result, fresh.finished.result);
    assert_eq!(build(&store, &Script::new(PLAN)).finished.tally.ran, 0);
}

#[test]
fn surroundings_that_stay_broken_end_the_run_and_are_not_remembered() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let script = Script::new(PLAN);
    script.trouble("main/r1/solve.a", 4, infra());
    let told = build(&store, &script);
    assert_eq!((&told.finished.end, told.finished.result), (&End::Failed, None));
    assert_eq!((told.finished.tally.infra, told.finished.tally.failed), (1, 0));

    let again = Script::new(PLAN);
    let told = build(&store, &again);
    assert_eq!(told.finished.end, End::Done);
    let ran = again.take_ran();
    assert_eq!(ran["main/r1/solve.a"], 3, "{ran:?}");
    assert!(!ran.contains_key("main/r1/tasks.a"));
}

#[test]
fn a_failure_is_not_tried_again_and_is_no_hit() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let script = Script::new(PLAN);
    script.trouble("main/r1/solve.a", 1, Fault::Failed("the suite cannot be collected".to_owned()));
    let told = build(&store, &script);
    assert_eq!(told.finished.end, End::Failed);
    assert_eq!(told.finished.tally.failed, 1);
    // Nothing new began after the failure.
    assert_eq!(script.take_ran()["main/r1/solve.a"], 1);
    let reason = told.events.iter().find_map(|event| match &event.event {
        Event::StageFinished { stage, reason, digest: None, .. } if stage == "main/r1/solve.a" => {
            Some(reason.clone())
        }
        _ => None,
    });
    assert!(reason.unwrap().ends_with("the suite cannot be collected"));
    assert_eq!(build(&store, &Script::new(PLAN)).finished.end, End::Done);
}

#[test]
fn keep_going_finishes_what_does_not_need_the_failure() {
    let scratch = Scratch::new();
    let script = Script::new(PLAN);
    script.trouble("main/r1/solve.a", 1, Fault::Failed("no".to_owned()));
    let told = build_with(&scratch.store(), &script, Options { keep_going: true, ..options(1) }).unwrap();
    assert_eq!(told.finished.end, End::Failed);
    let ran = script.take_ran();
    assert_eq!((ran["main/r1/solve.a"], ran["main/r1/train.b"]), (3, 1), "{ran:?}");
    assert!(!ran.contains_key("main/r1/train.a"));
}

#[test]
fn offline_says_so() {
    let scratch = Scratch::new();
    let script = Script::new(PLAN);
    script.trouble("main/r1/solve.b", 1, Fault::Offline("pypi.org is needed".to_owned()));
    let told = build(&scratch.store(), &script);
    assert_eq!(told.finished.end, End::Offline);
}

#[test]
fn a_panic_is_a_failure_of_its_item() {
    let scratch = Scratch::new();
    let script = Script::acting(
        PLAN,
        Box::new(|stage, _| {
            assert!(stage != "main/r1/solve.b", "a bug in a stage");
            std::time::Duration::ZERO
        }),
    );
    let told = build(&scratch.store(), &script);
    assert_eq!(told.finished.end, End::Failed);
    let failed = told.events.iter().any(|event| {
        matches!(&event.event, Event::ItemFailed { reason, .. } if reason == "panicked: a bug in a stage")
    });
    assert!(failed);
}

const DRAWS: &str = "
main/r1/distill one make=2
main/r1/generate first=4 card<main/r1/distill seed=7
main/r1/gate.a each candidate<main/r1/generate pass=60
main/r1/train gather tasks<main/r1/gate.a
";

#[test]
fn a_draw_in_broken_surroundings_is_never_passed_over() {
    let clean = Scratch::new();
    let expected = build(&clean.store(), &Script::new(DRAWS)).finished.result;
    for (stage, jobs) in
        [("main/r1/generate", 1), ("main/r1/gate.a", 1), ("main/r1/generate", 4), ("main/r1/gate.a", 4)]
    {
        let scratch = Scratch::new();
        let store = scratch.store();
        let script = Script::new(DRAWS);
        script.trouble(stage, 4, infra());
        let told = build_with(&store, &script, Options { keep_going: true, ..options(jobs) }).unwrap();
        // With several at a time, the four blows may hit four items, which all recover.
        if jobs == 1 {
            assert_eq!(told.finished.end, End::Failed, "{stage}");
            assert!(told.finished.tally.infra > 0, "{stage}");
        }
        let told = build(&store, &Script::new(DRAWS));
        assert_eq!(told.finished.result, expected, "{stage}, {jobs} jobs");
    }
}

#[test]
fn a_stage_that_cannot_unfold_fails() {
    let scratch = Scratch::new();
    let plan = PLAN.replace("each task<main/r1/tasks.b", "each task<main/r1/tasks.b unfold=never");
    let told = build(&scratch.store(), &Script::new(&plan));
    assert_eq!(told.finished.end, End::Failed);
}

#[test]
fn two_stages_that_are_one_action_both_end() {
    let scratch = Scratch::new();
    let script = Script::new(
        "main/r1/pin.a one make=2
        main/r1/pin.b one make=2
        main/r1/train.a gather traces<main/r1/pin.a
        main/r1/train.b gather traces<main/r1/pin.b",
    );
    let told = build(&scratch.store(), &script);
    assert_eq!(told.finished.end, End::Done);
    assert!(told.finished.result.is_some());
    // What is the same runs once.
    assert_eq!(script.take_ran().values().sum::<usize>(), 2);
}
