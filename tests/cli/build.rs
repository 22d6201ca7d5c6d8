//! `sswe build`

use std::{
    io::{BufRead as _, BufReader, Read as _},
    process::Command,
    time::{Duration, Instant},
};

use serde_json::Value;
use sswe_cache::{OpenOptions, Store};

use super::{
    built::{SMALL, by_script, small},
    warned,
};
use crate::support::{Folder, Run};

/// Replaces times, which differ from run to run.
pub(super) fn without_times(text: &str) -> String {
    let mut out = String::new();
    for line in text.lines() {
        let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
        for at in 1..words.len() {
            let unit = words[at].trim_end_matches([',', ';', ':']).to_owned();
            if ["ms", "s", "min"].contains(&&*unit) && words[at - 1].parse::<f64>().is_ok() {
                words[at - 1] = "<time>".to_owned();
                words[at] = words[at][unit.len()..].to_owned();
            }
        }
        let line = words.join(" ").replace("<time> ", "<time>");
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

#[track_caller]
fn says(run: Run, expected: &str) -> Run {
    assert_eq!(without_times(&run.err).trim(), expected.trim(), "{}", run.err);
    run
}

#[test]
fn a_stage_and_then_nothing_to_do() {
    let folder = small();
    let run = folder.sswe("build --until main/seed/ledger/pin").exits(0).prints("");
    says(
        run,
        "main: 42 stages, run 1
  seed/ledger/pin           1 ran in <time>  never built
built part of main: 1 ran, 0 cached, 0 failed in <time>",
    );
    let run = folder.sswe("build --until seed/ledger/pin").exits(0).prints("");
    says(run, "main is up to date as far as asked: 1 stage cached in <time>");
    folder.write("seeds/ledger/ledger.py", "def total(rows):\n    return 0\n");
    let run = folder.sswe("build --until main/seed/ledger/pin").exits(0);
    assert!(run.err.contains("changed"), "{}", run.err);
}

#[test]
fn a_whole_curriculum_that_is_there() {
    let folder = small();
    let finished = by_script(&folder, None);
    let run = folder.sswe("build --output json").exits(0);
    let last = run.json_lines().pop().unwrap();
    assert_eq!((&last["kind"], &last["ran"], &last["ok"]), (&"run.finished".into(), &0.into(), &true.into()));
    assert_eq!(last["result"], finished.result.unwrap().to_string());
    let result = finished.result.unwrap().short();
    // The script's artifacts are no JSON, which a report would be read from.
    let note =
        "note: there is no report: run 2 cannot be read from the store: expected value at line 1 column 1";
    says(run, &format!("main is up to date: 42 stages cached in <time>  result {result}\n{note}"));
    folder.sswe("plan --detailed-exit-code").exits(0).holds(&["main: 42 stages", ": 42 cached"]);
    folder.sswe("why").exits(0).prints("nothing would run: 42 stages of main are in the store");
    folder.sswe("").exits(0).holds(&["up to date", "last run: 2 on ", "done: 0 ran", "next: sswe log"]);
}

#[test]
fn events_as_json() {
    let folder = small();
    let run = folder.sswe("build --output json --keep-going").exits(3);
    let events = run.json_lines();
    let seqs: Vec<u64> = events.iter().map(|event| event["seq"].as_u64().unwrap()).collect();
    assert!(seqs.iter().copied().eq(0..seqs.len() as u64), "{seqs:?}");
    assert_eq!((&events[0]["kind"], &events[0]["v"]), (&"run.started".into(), &1.into()));
    let last = events.last().unwrap();
    let field = |name: &str| last[name].clone();
    assert_eq!(field("kind"), "run.finished");
    assert_eq!(
        (field("v"), field("ok"), field("ran"), field("result")),
        (1.into(), false.into(), 4.into(), Value::Null)
    );
    let pin = events
        .iter()
        .find(|event| event["kind"] == "stage.finished" && event["stage"] == "main/seed/ledger/pin")
        .unwrap();
    for name in ["stage", "round", "ran", "cached", "failed", "infra", "digest", "wall_s", "reason"] {
        assert!(pin.get(name).is_some(), "{name} is missing from {pin}");
    }
    // What was stored is what was printed.
    assert_eq!(folder.sswe("log last --output json").exits(0).out, run.out);
    fits_its_schema(&folder, &events);
}

/// Every event has the fields that `sswe schema events` names for its kind, and no others.
fn fits_its_schema(folder: &Folder, events: &[Value]) {
    let schema = folder.sswe("schema events").exits(0).json();
    let common: Vec<&String> = schema["properties"].as_object().unwrap().keys().collect();
    let kinds = schema["oneOf"].as_array().unwrap();
    let mut seen = Vec::new();
    for event in events {
        let of = kinds.iter().find(|kind| kind["properties"]["kind"]["const"] == event["kind"]);
        let of = of.unwrap_or_else(|| panic!("{} is in no schema", event["kind"]));
        for (name, value) in event.as_object().unwrap() {
            let described = &of["properties"][name];
            let described = if described.is_null() { &schema["properties"][name] } else { described };
            assert!(!described.is_null(), "{name} of {} is not described", event["kind"]);
            let types = match &described["type"] {
                Value::String(one) => vec![one.as_str()],
                Value::Array(many) => many.iter().filter_map(Value::as_str).collect(),
                _ => continue,
            };
            let found = match value {
                Value::Null => "null",
                Value::Bool(_) => "boolean",
                Value::String(_) => "string",
                Value::Number(number) if number.is_f64() => "number",
                Value::Number(_) => "integer",
                _ => "object",
            };
            let fits = types.contains(&found) || (found == "integer" && types.contains(&"number"));
            assert!(fits, "{name} of {} is {found}, not {types:?}", event["kind"]);
        }
        for name in of["required"].as_array().into_iter().flatten().filter_map(Value::as_str) {
            assert!(event.get(name).is_some(), "{} has no {name}", event["kind"]);
        }
        assert!(common.iter().all(|name| event.get(*name).is_some()), "{event}");
        seen.push(event["kind"].as_str().unwrap());
    }
    for kind in
        ["run.started", "stage.started", "item.started", "item.finished", "stage.finished", "run.finished"]
    {
        assert!(seen.contains(&kind), "no {kind} in {seen:?}");
    }
}

#[test]
fn a_stage_that_fails() {
    // A folder without files has nothing to pin.
    let folder = small();
    std::fs::remove_dir_all(folder.path("seeds/ledger")).unwrap();
    folder.write("seeds/ledger/.git/HEAD", "ref: refs/heads/main\n");
    let run = folder.sswe("build --until main/seed/ledger/env").exits(3).prints("");
    let said = run.err.replace(&*folder.path("seeds/ledger").to_string_lossy(), "seeds/ledger");
    assert_eq!(
        without_times(&said),
        "a.lock written: commit it, so that others build the same
main: 42 stages, run 1
  seed/ledger/pin           failed: `seeds/ledger` has no files
main: failed: 0 ran, 0 cached, 1 failed in <time>
  first: main/seed/ledger/pin: `seeds/ledger` has no files
  help: `sswe log 1` shows this run again; what ran is kept, the next build goes on there
"
    );
    folder.sswe("why main/seed/ledger/pin").exits(0).holds(&["it failed in run 1: `", "has no files"]);
    folder.sswe("").exits(0).holds(&["failed: 0 ran, 0 cached, 1 failed", "next: sswe log last"]);
    let going = folder.sswe("build --keep-going --until main/seed").exits(3);
    assert!(going.err.contains("seed/slots/pin            1 ran"), "{}", going.err);
    assert!(going.err.contains("`main/seed/ledger/pin` gave nothing"), "{}", going.err);
}

#[test]
fn what_the_file_lacks() {
    let bad = SMALL.replace("rounds = 2", "rounds = 200");
    Folder::with(&bad).sswe("build").exits(1).prints("").mentions(&["error[E0303]", "a.sswe:10"]);
    let gone = small();
    std::fs::remove_dir_all(gone.path("seeds/slots")).unwrap();
    gone.sswe("check").exits(0).mentions(&["warning[W0804]"]);
    gone.sswe("build").exits(1).prints("").mentions(&[
        "a.sswe:4:",
        "error[W0804]",
        "`seeds/slots` does not exist",
    ]);
    assert!(!gone.path(".sswe").exists(), "a build that cannot begin makes no store");
    // What is asked for does not need it.
    gone.sswe("build --until main/seed/ledger/pin").exits(0);
    gone.sswe("build --until main/seed/slots/pin").exits(1).mentions(&["error[W0804]", "a.sswe:4:"]);
    gone.sswe("plan").exits(0).mentions(&["warning", "`main/seed/slots/pin`"]).holds(&["main: 42 stages"]);
}

#[test]
fn a_variable_that_is_not_set() {
    let folder = small();
    let model = "model base { backend = http, url = env(\"SOLVER_URL\"), name = \"m\", revision = \"r\" }\ntrainer t { command = [\"true\"] }";
    let text = SMALL
        .replace("model base { backend = rewriter }", model)
        .replace("revision = \"r\"", "revision = \"r\", trainer = t");
    folder.write("a.sswe", text);
    folder.sswe("build").exits(1).mentions(&["error[W0705]", "`SOLVER_URL` is not set", "a.sswe:5:"]);
    let run =
        folder.command(&["build", "--until", "main/seed/ledger/pin"]).env("SOLVER_URL", "http://x").run();
    run.exits(0);
    // What `--set` replaced is not needed.
    let set = "base.url=\"http://localhost\"";
    let run = folder.command(&["build", "--set", set]).run();
    assert!(!run.err.contains("W0705"), "{}", run.err);
}

#[test]
fn what_is_asked_for_wrongly() {
    let folder = small();
    let cases = [
        ("build --until main/r1/generat", "did you mean main/r1/generate?"),
        ("build --until r1/generat", "did you mean r1/generate?"),
        ("build --round 3", "`main` has 2"),
        ("build --curriculum mian", "it has main"),
        ("build --sweep none", "no sweep called `none`"),
        ("build --jobs 0", "--jobs"),
        ("plan --until nothing/like/it", "`sswe plan` lists all of them"),
        ("build a.plan --round 1", "a saved plan says itself"),
    ];
    for (args, expected) in cases {
        folder.sswe(args).exits(2).prints("").mentions(&[expected]);
    }
}

#[test]
fn libraries_are_not_built() {
    Folder::with("sswe 1\npool cpu { workers = 1 }\n").sswe("build").exits(1).mentions(&["no curriculum"]);
    let warned = Folder::with(&warned());
    warned.sswe("build --until main/seed/toolz/pin --offline").mentions(&["see `sswe check a.sswe`"]);
}

#[test]
fn several_curricula() {
    let folder = small();
    let second = SMALL.split_once("curriculum main").unwrap().1;
    folder.write("a.sswe", format!("{SMALL}curriculum other{second}"));
    let run = folder.sswe("build --until seed/ledger/pin").exits(0);
    // The same work under another name: the second finds what the first made.
    assert!(run.err.contains("built part of main: 1 ran"), "{}", run.err);
    assert!(run.err.contains("other is up to date as far as asked: 1 stage cached"), "{}", run.err);
    let run = folder.sswe("build --curriculum other --until seed/slots/pin").exits(0);
    assert!(!run.err.contains("main") && run.err.contains("built part of other"), "{}", run.err);
    let run = folder.sswe("build --until main/seed/slots/pin").exits(0);
    assert!(!run.err.contains("other"), "{}", run.err);
    folder.sswe("plan").exits(0).holds(&["== main", "== other"]);
}

#[test]
fn cells_of_a_sweep() {
    let folder = small();
    folder.write("a.sswe", format!("{SMALL}sweep modes {{ main.score.mode = [cosine, dot] }}\n"));
    let run = folder.sswe("build --sweep modes --until main/seed/ledger/pin").exits(0);
    assert!(run.err.contains("== modes: ") && run.err.matches("main").count() >= 2, "{}", run.err);
    assert!(run.err.contains("1 stage cached"), "{}", run.err);
    folder.sswe("log").exits(0).holds(&["main until seed/ledger/pin ("]);
}

#[test]
fn another_store() {
    let folder = small();
    folder.sswe("build --until main/seed/ledger/pin --store elsewhere").exits(0);
    assert!(folder.path("elsewhere/index.sqlite").exists() && !folder.path(".sswe").exists());
    folder.sswe("log --store elsewhere").exits(0).holds(&["1 ran"]);
    let run =
        folder.command(&["build", "--until", "main/seed/ledger/pin"]).env("SSWE_STORE", "elsewhere").run();
    assert!(run.exits(0).err.contains("1 stage cached"));
    folder.sswe("cache path --store there").exits(0).prints("there");
}

#[test]
fn a_store_that_can_only_be_read() {
    let folder = small();
    by_script(&folder, None);
    let store = folder.path(".sswe/store");
    let set = |mode: &str| {
        let status = Command::new("chmod").args(["-R", mode]).arg(&store).status().unwrap();
        assert!(status.success());
    };
    set("a-w");
    let is_writable = std::fs::write(store.join("probe"), "").is_ok();
    if is_writable {
        eprintln!("SKIPPED: this user may write everywhere, so no store is read-only");
    } else {
        let run = folder.sswe("build").exits(0);
        assert!(run.err.contains("main is up to date"), "{}", run.err);
        folder.write("seeds/ledger/ledger.py", "changed = True\n");
        folder.sswe("build").exits(1).mentions(&["is read-only", "SSWE_STORE"]);
    }
    set("u+w");
}

#[test]
fn a_store_of_a_later_sswe() {
    let folder = small();
    folder.sswe("build --until main/seed/ledger/pin").exits(0);
    // The format is where SQLite keeps a number for its users: 4 bytes at 60 of the file.
    let index = folder.path(".sswe/store/index.sqlite");
    let mut bytes = std::fs::read(&index).unwrap();
    bytes[60..64].copy_from_slice(&999u32.to_be_bytes());
    std::fs::write(&index, bytes).unwrap();
    for args in ["build", "plan", "why", "log", "diff"] {
        folder.sswe(args).exits(1).prints("").mentions(&["format 999", "use the newer sswe"]);
    }
}

#[test]
fn two_builds_at_once() {
    let folder = small();
    let start = || folder.command(&["build", "--until", "main/seed/ledger/pin"]).start().0;
    let builds: Vec<_> = (0..4).map(|_| start()).collect();
    for build in builds {
        let output = build.wait_with_output().unwrap();
        assert_eq!(output.status.code(), Some(0), "{}", String::from_utf8_lossy(&output.stderr));
    }
    let runs = folder.sswe("log --output json").exits(0).json_lines();
    assert_eq!(runs.len(), 4);
    assert!(runs.iter().all(|run| run["status"] == "done"), "{runs:?}");
}

#[test]
fn a_budget_that_is_used_up() {
    let folder = small();
    folder.write("a.sswe", SMALL.replace("  score {", "  budget { wall = 1ms, on_limit = stop }\n  score {"));
    let run = folder.sswe("build --output json").exits(4);
    run.mentions(&["main: stopped (the budget for wall time is used up)", "`sswe build` goes on there"]);
    folder.sswe("log").exits(0).holds(&["stopped"]);
    folder.sswe("").exits(0).holds(&["next: sswe build a.sswe"]);
}

/// A folder whose seeds take a while to pin, one after another.
fn slow() -> Folder {
    let mut text = String::from("sswe 1\nseeds one {\n");
    let folder = Folder::new();
    for seed in 0..12 {
        text.push_str(&format!("  dir \"seeds/s{seed}\" {{ test = 'python -m unittest' }}\n"));
        for file in 0..300 {
            let content = format!("# {seed} {file}\n{}", "x = 1\n".repeat(300));
            folder.write(&format!("seeds/s{seed}/f{file}.py"), content);
        }
    }
    text.push_str("}\n");
    folder.write("seeds/slots/slots.py", "x = 1\n");
    let rest = SMALL.split_once("seeds exam").unwrap().1;
    folder.write("a.sswe", format!("{text}seeds exam{rest}"));
    folder
}

#[test]
fn interrupted() {
    let folder = slow();
    let args = ["build", "--output", "json", "--jobs", "1", "--until", "main/seed"];
    let (mut child, _) = folder.command(&args).start();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("item.started") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "no item began");
    }
    let kill = format!("kill -INT {}", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("Ctrl-C again") || err.contains("nothing runs"), "{err}");
    assert!(err.contains("main: interrupted: ") && err.contains("`sswe build` goes on there"), "{err}");
    let last: Value = serde_json::from_str(rest.lines().last().unwrap()).unwrap();
    assert_eq!((&last["kind"], &last["reason"]), (&"run.finished".into(), &"interrupted".into()));
    // What ran is kept.
    let ran = last["ran"].as_u64().unwrap();
    assert!((1..12).contains(&ran), "{last}");
    let next = folder.sswe("build --output json --until main/seed/s0/pin").exits(0).json_lines();
    assert_eq!(next.last().unwrap()["cached"], 1);
    folder.sswe("log").exits(0).holds(&["interrupted"]);
}

#[test]
fn interrupted_twice() {
    let folder = slow();
    let (mut child, _) = folder.command(&["build", "--output", "json", "--jobs", "1"]).start();
    let mut out = BufReader::new(child.stdout.take().unwrap());
    let mut line = String::new();
    while !line.contains("item.started") {
        line.clear();
        assert!(out.read_line(&mut line).unwrap() > 0, "no item began");
    }
    // Equal signals that wait are one: the second comes when the first was taken.
    let kill = format!("kill -INT {0}; sleep 0.03; kill -INT {0} 2>/dev/null || true", child.id());
    assert!(Command::new("sh").args(["-c", &kill]).status().unwrap().success());
    let begun = Instant::now();
    let mut rest = String::new();
    out.read_to_string(&mut rest).unwrap();
    let output = child.wait_with_output().unwrap();
    let err = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(130), "{err}");
    assert!(err.contains("main: interrupted: "), "{err}");
    assert!(begun.elapsed() < Duration::from_secs(20), "{:?}", begun.elapsed());
    folder.sswe("cache verify").exits(0).holds(&["clean"]);
}

#[test]
fn a_reader_that_goes_away() {
    let folder = small();
    let args = ["build", "--output", "json", "--keep-going"];
    let (mut child, _) = folder.command(&args).start();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    // The work is done all the same.
    assert_eq!(output.status.code(), Some(3), "{}", String::from_utf8_lossy(&output.stderr));
    folder.sswe("log last").exits(0).holds(&["seed/ledger/pin           1 ran"]);
}

#[test]
fn a_trace() {
    let folder = small();
    folder.sswe("build --until main/seed/ledger/pin --trace t.json").exits(0);
    let trace: Value = serde_json::from_str(&folder.read("t.json")).unwrap();
    let names: Vec<&str> =
        trace["traceEvents"].as_array().unwrap().iter().filter_map(|event| event["name"].as_str()).collect();
    assert!(names.contains(&"main/seed/ledger/pin"), "{names:?}");
    folder.sswe("log 1 --trace again.json").exits(0).prints("");
    assert_eq!(folder.read("again.json"), folder.read("t.json"));
    folder.sswe("build --trace no/such/folder.json").exits(1).mentions(&["cannot write the trace"]);
}

#[test]
fn a_lost_log_or_store_is_said() {
    let folder = small();
    for args in ["log", "log last", "diff", "diff 1 2"] {
        folder.sswe(args).exits(1).mentions(&["there is no store at `.sswe/store`"]);
    }
    folder.sswe("build --until main/seed/ledger/pin").exits(0);
    std::fs::remove_file(folder.path(".sswe/store/runs/1.ndjson")).unwrap();
    folder.sswe("log").exits(0).holds(&["done"]);
    folder.sswe("log 1").exits(0).holds(&["its log is gone"]);
    folder.sswe("diff 1 1").exits(1).mentions(&["left no log"]);
}

/// A whole process, with everything there, is over before a person has looked up.
#[test]
fn nothing_to_do_takes_no_time() {
    let folder = small();
    by_script(&folder, None);
    let best = (0..5)
        .map(|_| {
            let begun = Instant::now();
            folder.sswe("build").exits(0);
            begun.elapsed()
        })
        .min()
        .unwrap();
    // Without optimisation and on a busy machine; optimised, it is below 30 ms.
    assert!(best < Duration::from_millis(800), "{best:?}");
    let store = Store::open(&folder.path(".sswe/store"), OpenOptions::default()).unwrap();
    assert_eq!(store.runs(10).unwrap().len(), 6);
}
