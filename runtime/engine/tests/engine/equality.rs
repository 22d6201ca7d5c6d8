//! The law that everything serves: an incremental build equals a clean one.

use std::collections::{BTreeMap, HashSet};

use rand_chacha::ChaCha8Rng;
use rand_chacha::rand_core::{RngCore, SeedableRng};

use sswe_engine::Event;

use crate::rebuild::edit;
use crate::scratch::{Scratch, Told, build, build_with, options};
use crate::script::{Ran, Script};

/// Edits a sequence has.
const EDITS: usize = 5;

fn sequences() -> u64 {
    std::env::var("SSWE_SEQUENCES").ok().and_then(|count| count.parse().ok()).unwrap_or(100)
}

#[test]
fn incremental_equals_clean() {
    let (mut edits, mut changed) = (0, 0);
    for seed in 0..sequences() {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let mut plan = graph(&mut random);
        let scratch = Scratch::new();
        let store = scratch.store();
        let mut known = HashSet::new();
        let mut last = None;
        for at in 0..=EDITS {
            if at > 0 {
                plan = change(&plan, &mut random);
            }
            let script = Script::new(&plan);
            let told = build(&store, &script);
            let clean = Scratch::new();
            let fresh = Script::new(&plan);
            // With as many jobs as not: the number must not matter.
            let fresh_told = build_with(&clean.store(), &fresh, options(1 + at as u32 % 4)).unwrap();
            let context = || format!("sequence {seed}, edit {at}\n{plan}");
            let result = told.finished.result;
            assert!(result.is_some(), "{:?}\n{}", told.finished, context());
            assert_eq!(digests(&told), digests(&fresh_told), "{}", context());
            assert_eq!(result, fresh_told.finished.result, "{}", context());

            let ran: Vec<Ran> = std::mem::take(&mut *script.ran.lock().unwrap());
            let clean_ran: HashSet<_> = fresh.ran.lock().unwrap().iter().map(|ran| ran.identity).collect();
            for Ran { stage, label, identity } in ran {
                let new = known.insert(identity);
                assert!(new, "`{stage}[{label}]` ran again\n{}", context());
                let needed = clean_ran.contains(&identity);
                assert!(needed, "`{stage}[{label}]` ran in vain\n{}", context());
            }
            if at > 0 {
                edits += 1;
                changed += usize::from(result != last);
            }
            last = result;
        }
    }
    println!("{edits} edits, of which {changed} changed the result");
    assert!(changed * 3 >= edits, "only {changed} of {edits} edits changed the result");
}

#[test]
fn the_number_of_jobs_changes_nothing() {
    for seed in 1000..1030 {
        let mut random = ChaCha8Rng::seed_from_u64(seed);
        let plan = graph(&mut random);
        let mut results = HashSet::new();
        for jobs in [1, 2, 4] {
            let scratch = Scratch::new();
            // Items end in another order than they begin.
            let waits = std::sync::Mutex::new(ChaCha8Rng::seed_from_u64(seed + u64::from(jobs)));
            let act = move |_: &str, _: &_| {
                std::time::Duration::from_micros(u64::from(waits.lock().unwrap().next_u32() % 900))
            };
            let script = Script::acting(&plan, Box::new(act));
            let runtime =
                tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap();
            let store = scratch.store();
            let told = runtime.block_on(crate::scratch::build_in(&store, &script, options(jobs))).unwrap();
            results.insert(told.finished.result.unwrap());
        }
        assert_eq!(results.len(), 1, "seed {seed}\n{plan}");
    }
}

/// Returns what each stage gave.
fn digests(told: &Told) -> BTreeMap<String, Option<String>> {
    let finished = told.events.iter().filter_map(|event| match &event.event {
        Event::StageFinished { stage, digest, .. } => Some((stage.clone(), digest.clone())),
        _ => None,
    });
    finished.collect()
}

fn below(random: &mut ChaCha8Rng, end: usize) -> usize {
    random.next_u32() as usize % end
}

/// Writes a random plan of up to three rounds.
fn graph(random: &mut ChaCha8Rng) -> String {
    let rounds = 1 + below(random, 3);
    let mut plan = format!("main/r0/tasks.exam one make={} salt=exam\n", 1 + below(random, 3));
    plan += &format!("main/r1/bootstrap first={} seed=3 pass=60\n", 1 + below(random, 4));
    let mut tasks = "main/r1/bootstrap".to_owned();
    let mut stop = String::new();
    for round in 1..=rounds {
        let r = format!("main/r{round}");
        let coarse = ["", " mod=1", " mod=2", " mod=3"];
        let mut coarse = || coarse[below(random, 4)];
        plan += &format!("{r}/solve each task<{tasks} k=2 seed=5{stop}{}\n", coarse());
        plan += &format!("{r}/distill gather traces<{r}/solve make=3{stop}{}\n", coarse());
        let gates = below(random, 4);
        plan +=
            &format!("{r}/generate first={} card<{r}/distill seed=9 max=30{stop}\n", 1 + below(random, 5));
        let mut from = format!("{r}/generate");
        for gate in 0..gates {
            let runs = ["", " runs=2"][below(random, 2)];
            plan += &format!(
                "{r}/gate.{gate} each candidate<{from} pass={}{runs}{stop}\n",
                50 + below(random, 51)
            );
            from = format!("{r}/gate.{gate}");
        }
        plan += &format!("{r}/gradient each task<{from}{stop}\n");
        plan += &format!("{r}/score gather gradients<{r}/gradient mod={}{stop}\n", 1 + below(random, 4));
        plan += &format!("{r}/select gather score<{r}/score tasks<{from} make=2{stop}\n");
        plan += &format!("{r}/train one selection<{r}/select traces<{r}/solve{stop} seed=5\n");
        plan += &format!("{r}/evaluate each task<main/r0/tasks.exam weights<{r}/train{stop}\n");
        plan += &format!("{r}/stop stop now<{r}/evaluate end=maybe{stop}\n");
        tasks = format!("{r}/select");
        stop = format!(" stop<{r}/stop");
    }
    plan
}

/// Changes one or two random settings.
fn change(plan: &str, random: &mut ChaCha8Rng) -> String {
    let mut plan = plan.to_owned();
    for _ in 0..1 + below(random, 2) {
        let stages: Vec<&str> = plan.lines().filter_map(|line| line.split_whitespace().next()).collect();
        let stage = stages[below(random, stages.len())].to_owned();
        let kind = stage.rsplit('/').next().unwrap().split('.').next().unwrap().to_owned();
        let number = below(random, 4);
        let any = format!("knob={number}");
        let setting = match (kind.as_str(), below(random, 3)) {
            ("tasks", _) => format!("make={}", 1 + number),
            ("bootstrap" | "generate", 0) => format!("first={}", 1 + number),
            ("generate", 1) => format!("max={}", 20 + number),
            ("gate", 0) => format!("pass={}", 40 + 20 * number),
            ("gate", 1) => format!("runs={number}"),
            ("solve" | "score" | "distill", 0) => format!("mod={}", 1 + number),
            ("solve", 1) => format!("k={}", 1 + number),
            ("stop", 0) => ["end=no", "end=yes", "end=maybe", "end=no"][number].to_owned(),
            ("select" | "distill", 1) => format!("make={number}"),
            (_, 2) => format!("version={}", 2 + number),
            _ => any,
        };
        plan = edit(&plan, &format!("{stage} {setting}"));
    }
    plan
}
