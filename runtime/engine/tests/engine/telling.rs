//! What a run tells: events, states and reasons.

use std::collections::BTreeMap;

use sswe_compiler::plan::StageName;
use sswe_engine::{Event, Options, Planned, Reason, RunEvent, State, chrome_trace, states, why};

use crate::scratch::{Scratch, build, build_with, options};
use crate::script::Script;

const PLAN: &str = "
main/r1/tasks one make=3
main/r1/solve each task<main/r1/tasks steps=60
main/r1/distill gather traces<main/r1/solve
main/r1/stop stop now<main/r1/distill
main/r2/train gather cards<main/r1/distill stop<main/r1/stop
";

#[test]
fn events_keep_their_contract() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let told = build(&store, &Script::new(PLAN));
    let stored = store.events(told.finished.run.unwrap()).unwrap();
    let lines: Vec<RunEvent> = stored.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines, told.events, "who listens hears what is stored");
    let numbers: Vec<u64> = lines.iter().map(|event| event.seq).collect();
    assert_eq!(numbers, (0..lines.len() as u64).collect::<Vec<_>>());

    let line = |kind: &str| -> serde_json::Value {
        let found = stored.lines().rfind(|line| line.contains(kind)).unwrap();
        serde_json::from_str(found).unwrap()
    };
    let stage = line("\"stage.finished\"");
    for field in
        ["seq", "kind", "stage", "round", "ran", "cached", "failed", "infra", "digest", "wall_s", "reason"]
    {
        assert!(stage.get(field).is_some(), "{field}: {stage}");
    }
    assert_eq!(line("\"run.started\"")["v"], 1);
    let last: serde_json::Value = serde_json::from_str(stored.lines().last().unwrap()).unwrap();
    for field in ["seq", "kind", "v", "ok", "ran", "cached", "failed", "infra", "wall_s", "result"] {
        assert!(last.get(field).is_some(), "{field}: {last}");
    }
    assert_eq!(last["result"], told.finished.result.unwrap().to_string());

    let trace: serde_json::Value = serde_json::from_str(&chrome_trace(&stored)).unwrap();
    let items =
        trace["traceEvents"].as_array().unwrap().iter().filter(|event| event["cat"] == "item").count();
    assert_eq!(items as u64, told.finished.tally.ran);

    let told = build(&store, &Script::new(PLAN));
    let tally = told.finished.tally;
    assert_eq!((tally.ran, tally.cached), (0, 3 + 4), "cached counts items too");
}

fn planned(store: &sswe_cache::Store, plan: &str) -> BTreeMap<String, Planned> {
    let script = Script::new(plan);
    let all = states(&script.plan(), store, &*script, &Options::default()).unwrap();
    assert!(script.take_ran().is_empty(), "nothing runs");
    all.into_iter().map(|planned| (planned.stage.to_string(), planned)).collect()
}

fn summary(planned: &BTreeMap<String, Planned>) -> Vec<(&str, State, String)> {
    planned.iter().map(|(name, stage)| (name.as_str(), stage.state, stage.reason.to_string())).collect()
}

#[test]
fn a_plan_says_what_would_run_and_why() {
    use State::{Cached, Maybe, Run, Undecided};

    let scratch = Scratch::new();
    let store = scratch.store();
    let before = planned(&store, PLAN);
    assert_eq!(before["main/r1/tasks"].state, Run);
    assert_eq!(before["main/r1/solve"].state, Undecided);
    assert!(before["main/r2/train"].unless_stopped);
    build(&store, &Script::new(PLAN));
    assert!(planned(&store, PLAN).values().all(|stage| stage.state == Cached));

    let edited = PLAN.replace("steps=60", "steps=80");
    let after = planned(&store, &edited);
    let expected = [
        ("main/r1/distill", Maybe, "depends on `main/r1/solve`"),
        ("main/r1/solve", Run, "`steps` 60 -> 80"),
        ("main/r1/stop", Maybe, "depends on `main/r1/distill`"),
        ("main/r1/tasks", Cached, "nothing changed"),
        ("main/r2/train", Maybe, "depends on `main/r1/distill`"),
    ];
    assert_eq!(summary(&after), expected.map(|(name, state, reason)| (name, state, reason.to_owned())));
    assert_eq!(after["main/r1/solve"].items, Some(3));
}

fn reason(store: &sswe_cache::Store, plan: &str, stage: &str, item: Option<&str>) -> String {
    let script = Script::new(plan);
    let stage = StageName(stage.into());
    why(&script.plan(), store, &*script, &Options::default(), &stage, item).unwrap().to_string()
}

#[test]
fn why_names_what_changed() {
    let scratch = Scratch::new();
    let store = scratch.store();
    assert_eq!(reason(&store, PLAN, "main/r1/tasks", None), "never built");
    let script = Script::new(PLAN);
    build(&store, &script);
    let label =
        script.ran.lock().unwrap().iter().find(|ran| ran.stage == "main/r1/solve").unwrap().label.clone();
    let solve = "main/r1/solve";
    assert_eq!(reason(&store, PLAN, solve, None), "nothing changed");
    assert_eq!(reason(&store, PLAN, solve, Some(&label)), "nothing changed");
    assert_eq!(reason(&store, PLAN, solve, Some("0123456789ab")), "never built");

    let edited = PLAN.replace("steps=60", "steps=80 version=2 tool=py3.12");
    let found = "`steps` 60 -> 80, `tool.tool` is new, `version` 1 -> 2";
    assert_eq!(reason(&store, &edited, solve, None), found);
    assert_eq!(reason(&store, &edited, solve, Some(&label)), found);
    assert_eq!(reason(&store, &edited, "main/r1/distill", None), "depends on `main/r1/solve`");

    // The tasks are built, and what reads them is not yet.
    let more = PLAN.replace("make=3", "make=4");
    let until = Some(StageName("main/r1/tasks".into()));
    build_with(&store, &Script::new(&more), Options { until, ..options(1) }).unwrap();
    assert_eq!(reason(&store, &more, solve, None), "`main/r1/tasks` changed its output");
    assert_eq!(reason(&store, &more, solve, Some(&label)), "nothing changed");

    let stop = PLAN.replace("now<main/r1/distill", "now<main/r1/distill end=yes");
    build(&store, &Script::new(&stop));
    assert_eq!(reason(&store, &stop, "main/r2/train", None), "the curriculum had stopped");

    let script = Script::new(&edited);
    let stage = StageName(solve.into());
    let Reason::Changed(changes) =
        why(&script.plan(), &store, &*script, &Options::default(), &stage, None).unwrap()
    else {
        panic!("not changed");
    };
    assert_eq!(changes[0].address.as_deref(), Some("main/r1/solve.steps"));
}

#[test]
fn until_and_round_make_a_part() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let until = Some(StageName("main/r1/solve".into()));
    let script = Script::new(PLAN);
    let told = build_with(&store, &script, Options { until, ..options(1) }).unwrap();
    assert_eq!(told.finished.end, sswe_engine::End::Done);
    assert_eq!(told.finished.result, None, "a part has no result");
    assert_eq!(script.take_ran().into_keys().collect::<Vec<_>>(), ["main/r1/solve", "main/r1/tasks"]);
    build_with(&store, &script, Options { round: Some(1), ..options(1) }).unwrap();
    assert_eq!(script.take_ran().into_keys().collect::<Vec<_>>(), ["main/r1/distill", "main/r1/stop"]);
    let until = Some(StageName("main/r1/gates".into()));
    let error = build_with(&store, &script, Options { until, ..options(1) }).unwrap_err();
    assert_eq!(error.to_string(), "there is no stage `main/r1/gates`");
}

#[test]
fn sources_and_variables_count_by_their_content() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let base = scratch.path().to_owned();
    std::fs::create_dir(base.join("repo")).unwrap();
    std::fs::write(base.join("repo/a.py"), "one").unwrap();
    std::fs::write(base.join("tasks.jsonl"), "{}").unwrap();
    let plan = "main/seed/x/pin one source=repo\nmain/r1/tasks one source=tasks.jsonl env=URL\n";
    let run = |value: &str| {
        let script = Script::new(plan);
        let env = BTreeMap::from([("URL".to_owned(), value.to_owned())]);
        build_with(&store, &script, Options { base: base.clone(), env, ..options(1) }).unwrap();
        script.take_ran().into_keys().collect::<Vec<_>>()
    };
    assert_eq!(run("a").len(), 2);
    assert!(run("a").is_empty());
    std::fs::write(base.join("repo/a.py"), "two").unwrap();
    assert_eq!(run("a"), ["main/seed/x/pin"]);
    assert_eq!(run("b"), ["main/r1/tasks"]);
    std::fs::write(base.join("tasks.jsonl"), "{ }").unwrap();
    assert_eq!(run("b"), ["main/r1/tasks"]);

    let script = Script::new(plan);
    let error =
        build_with(&store, &script, Options { base: base.clone(), ..options(1) }).unwrap_err().to_string();
    assert_eq!(error, "`main/r1/tasks` reads the environment variable `URL`, which is not set: export it");
    std::fs::remove_file(base.join("tasks.jsonl")).unwrap();
    let env = BTreeMap::from([("URL".to_owned(), "b".to_owned())]);
    let error = build_with(&store, &script, Options { base, env, ..options(1) }).unwrap_err().to_string();
    assert!(error.starts_with("`main/r1/tasks` cannot read its `source`: cannot read `"), "{error}");
    // Sources are content: an event of the log names none of their paths.
    assert!(matches!(build(&store, &Script::new(PLAN)).events[0].event, Event::RunStarted { .. }));
}
