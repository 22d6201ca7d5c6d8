//! Pools, rates and budgets, in virtual time.

use std::collections::BTreeMap;
use std::time::Duration;

use sswe_engine::{Budget, End, Error, Limit, Machine, OnLimit, Options, Pool};

use crate::scratch::{Scratch, Told, build, build_in, options};
use crate::script::Script;

const PLAN: &str = "
main/r1/tasks one make=12
main/r1/solve each task<main/r1/tasks pool=p
";

/// Runs in virtual time, with items of `solve` that take a second; returns how many that took.
fn seconds(plan: &str, machine: Machine, pool: Pool) -> f64 {
    let act = |stage: &str, _: &_| Duration::from_secs(u64::from(stage.ends_with("solve")));
    let script = Script::acting(plan, Box::new(act));
    let pools = BTreeMap::from([("p".to_owned(), pool)]);
    let told = virtually(&script, Options { machine, pools, ..options(1) }).unwrap();
    assert_eq!(told.finished.end, End::Done);
    told.finished.wall.as_secs_f64()
}

fn virtually(script: &std::sync::Arc<Script>, options: Options) -> Result<Told, Error> {
    let runtime =
        tokio::runtime::Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    let scratch = Scratch::new();
    runtime.block_on(build_in(&scratch.store(), script, options))
}

fn about(found: f64, expected: f64) {
    assert!((expected - 0.2..expected + 0.9).contains(&found), "{found} s, expected about {expected} s");
}

#[test]
fn cpu_slots_workers_gpus_and_memory_bound_what_runs() {
    let machine = |jobs| Machine { jobs, gpus: 4, memory: 10 << 30 };
    about(seconds(PLAN, machine(1), Pool::default()), 12.0);
    about(seconds(PLAN, machine(4), Pool::default()), 3.0);
    about(seconds(PLAN, machine(4), Pool { cpus: 2, ..Pool::default() }), 6.0);
    // Items that wait for a server take no slot of the machine.
    about(seconds(PLAN, machine(1), Pool { cpus: 0, workers: Some(6), ..Pool::default() }), 2.0);
    about(seconds(PLAN, machine(8), Pool { workers: Some(3), ..Pool::default() }), 4.0);
    about(seconds(PLAN, machine(8), Pool { gpus: 2, ..Pool::default() }), 6.0);
    about(seconds(PLAN, machine(8), Pool { memory: 4 << 30, ..Pool::default() }), 6.0);
}

#[test]
fn what_can_never_fit_is_refused_at_once() {
    let pools = BTreeMap::from([("p".to_owned(), Pool { gpus: 2, ..Pool::default() })]);
    let error = virtually(&Script::new(PLAN), Options { pools, ..options(1) }).unwrap_err().to_string();
    assert_eq!(error, "an item of pool `p` needs 2 GPUs, but there are 0: lower it, or raise the machine's");
}

#[test]
fn rates_are_kept_in_requests_and_in_tokens() {
    let plan = |settings: &str| PLAN.replace("pool=p", &format!("pool=p {settings}"));
    let pool = Pool { cpus: 0, requests_per_minute: Some(30.0), ..Pool::default() };
    // One at once, and one every two seconds: the twelfth after 22, and a second to run.
    about(seconds(&plan("requests=1"), Machine::default(), pool.clone()), 23.0);
    about(seconds(&plan("requests=2"), Machine::default(), pool), 1.0 + 11.0 * 4.0);
    let pool = Pool { cpus: 0, tokens_per_minute: Some(60_000.0), ..Pool::default() };
    // A thousand at once and as many a second; each uses 3000, the first goes into debt.
    about(seconds(&plan("requests=1 tokens=3000"), Machine::default(), pool), 1.0 + 11.0 * 3.0 - 1.0);
}

const ROUNDS: &str = "
main/r1/tasks one make=4 cost=100
main/r1/solve each task<main/r1/tasks cost=100
main/r1/train gather traces<main/r1/solve
main/r2/solve each task<main/r1/tasks weights<main/r1/train cost=100
main/r2/train gather traces<main/r2/solve
";

#[test]
fn a_used_up_budget_stops_cleanly() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let budget = Budget { cost_micros: Some(250), ..Budget::default() };
    let first = Script::new(ROUNDS);
    let told = runtime.block_on(build_in(&store, &first, Options { budget, ..options(1) })).unwrap();
    assert_eq!(told.finished.end, End::Stopped(Limit::Cost));
    assert_eq!((told.finished.cost_micros, told.finished.tally.ran), (300, 3));

    let budget = Budget { on_limit: OnLimit::FinishRound, ..budget };
    let second = Script::new(ROUNDS);
    let told = runtime.block_on(build_in(&store, &second, Options { budget, ..options(1) })).unwrap();
    // Two solves were left: the budget of this run lasts for them, and for two of the next round.
    assert_eq!(told.finished.end, End::Done, "{:?}", told.finished);

    let clean = Scratch::new();
    let third = Script::new(ROUNDS);
    let told = runtime.block_on(build_in(&clean.store(), &third, Options { budget, ..options(1) })).unwrap();
    assert_eq!(told.finished.end, End::Stopped(Limit::Cost));
    let ran = third.take_ran();
    assert_eq!((ran["main/r1/solve"], ran["main/r1/train"]), (4, 1), "the round is finished");
    assert!(!ran.contains_key("main/r2/solve"), "{ran:?}");
    assert_eq!(build(&clean.store(), &Script::new(ROUNDS)).finished.end, End::Done);
}

#[test]
fn the_clock_is_a_budget_too() {
    let act = |stage: &str, _: &_| Duration::from_secs(u64::from(stage.ends_with("solve")));
    let script = Script::acting(ROUNDS, Box::new(act));
    let budget = Budget { wall: Some(Duration::from_millis(2500)), ..Budget::default() };
    let told = virtually(&script, Options { budget, ..options(1) }).unwrap();
    assert_eq!(told.finished.end, End::Stopped(Limit::Wall));
    assert_eq!(script.take_ran()["main/r1/solve"], 3);
}

#[test]
fn retries_wait_longer_each_time() {
    let script = Script::new(PLAN);
    script.trouble("main/r1/solve", 3, sswe_engine::Fault::Infra("busy".to_owned()));
    let retry =
        sswe_engine::Retry { retries: 3, first: Duration::from_secs(10), longest: Duration::from_secs(30) };
    let told = virtually(&script, Options { retry, ..options(1) }).unwrap();
    assert_eq!(told.finished.end, End::Done);
    let waits: Vec<f64> = told
        .events
        .iter()
        .filter_map(|event| match &event.event {
            sswe_engine::Event::ItemRetried { after_s, .. } => Some(*after_s),
            _ => None,
        })
        .collect();
    assert_eq!(waits.len(), 3);
    assert!(waits.iter().all(|wait| (5.0..=30.0).contains(wait)), "{waits:?}");
}
