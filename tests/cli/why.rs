//! `sswe why`: each reason, and the states of `sswe plan`.

use super::built::{SMALL, by_older_script, by_script, small};

#[test]
fn never_built() {
    let folder = small();
    folder.sswe("why main/seed/ledger/pin").exits(0).prints(
        "main/seed/ledger/pin would run
  never built",
    );
    folder.sswe("why").exits(0).prints(
        "main: 2 stages would run
  never built
    main/seed/ledger/pin
    main/seed/slots/pin
40 decided at run time",
    );
    assert!(!folder.path(".sswe").exists(), "looking makes no store");
}

#[test]
fn nothing_changed() {
    let folder = small();
    by_script(&folder, None);
    let run = folder.sswe("why main/r1/score").exits(0);
    let mut lines = run.out.lines();
    assert_eq!(lines.next(), Some("main/r1/score is cached: nothing that it is made of changed"));
    let past = lines.next().unwrap();
    assert!(past.starts_with("  it ran in run 1 on 20") && past.ends_with("Z: never built"), "{past}");
    // Neither spacing nor another spelling changes anything.
    folder.write(
        "a.sswe",
        SMALL.replace("  rounds = 2", "\n    rounds   = 2   # two").replace("50 }", "50, }"),
    );
    folder.sswe("why").exits(0).prints("nothing would run: 42 stages of main are in the store");
}

#[test]
fn a_setting_changed() {
    let folder = small();
    by_script(&folder, None);
    folder.write("a.sswe", SMALL.replace("runs = 3", "runs = 5"));
    folder.sswe("why main/r1/gates.stable").exits(0).prints(
        "main/r1/gates.stable would run
  `main.gates.stable.runs` 3 -> 5  at a.sswe:15:21",
    );
    let json = folder.sswe("why r1/gates.stable --output json").exits(0).json();
    assert_eq!((&json["stage"], &json["state"]), (&"main/r1/gates.stable".into(), &"run".into()));
    let change = &json["changes"][0];
    assert_eq!((&change["from"], &change["to"]), (&"3".into(), &"5".into()));
    assert_eq!(change["address"], "main.gates.stable.runs");
    assert_eq!(change["place"]["line"], 15);
    folder.sswe("plan").exits(0).holds(&["gates.stable       run      ~", "`main.gates.stable.runs` 3 -> 5"]);
    folder.sswe("plan --detailed-exit-code").exits(10);
}

#[test]
fn a_setting_changed_in_one_round_or_by_a_flag() {
    let folder = small();
    by_script(&folder, None);
    folder
        .sswe("plan --set main.score.mode=dot --round 1")
        .exits(0)
        .holds(&["`main.score.mode` cosine -> dot"]);
    folder.sswe("why main/r1/score --set main.score.mode=dot").exits(0).prints(
        "main/r1/score would run
  `main.score.mode` cosine -> dot  at --set:1:17",
    );
    folder.write(
        "a.sswe",
        SMALL.replace("  score {", "  round 2 { gates { stable { runs = 7 } } }\n  score {"),
    );
    folder.sswe("why main/r1/gates.stable").exits(0).holds(&["is cached"]);
    folder
        .sswe("why main/r2/gates.stable")
        .exits(0)
        .holds(&["`main.gates.stable.runs` 3 -> 7  at a.sswe:18:37"]);
    let folder = small();
    folder.write("a.sswe", SMALL.replace("stable { runs = 3 }", "stable { runs = 3, flaky = 1% }"));
    by_script(&folder, None);
    folder.write("a.sswe", SMALL);
    folder
        .sswe("why main/r2/gates.stable")
        .exits(0)
        .holds(&["`main.gates.stable.flaky` 1% -> 0%  by default"]);
}

/// What the store has of a stage may come from any run, not the last that made it otherwise.
#[test]
fn changed_and_changed_back() {
    let folder = small();
    by_script(&folder, None);
    folder.write("a.sswe", SMALL.replace("runs = 3", "runs = 5"));
    by_script(&folder, None);
    folder.sswe("why r1/gates.stable").exits(0).holds(&["it ran in run 2 on ", ": `runs` 3 -> 5"]);
    folder.write("a.sswe", SMALL);
    folder.sswe("why r1/gates.stable").exits(0).holds(&["it ran in run 1 on ", ": never built"]);
}

#[test]
fn a_source_changed() {
    let folder = small();
    by_script(&folder, None);
    folder.write("seeds/ledger/ledger.py", "def total(rows):\n    return 0\n");
    folder.sswe("why main/seed/ledger/pin").exits(0).prints(
        "main/seed/ledger/pin would run
  the content of `seeds/ledger` changed",
    );
    folder.sswe("plan").exits(0).matches("plan_changed");
    let run = folder.sswe("why main/r1/generate").exits(0);
    assert!(run.out.contains("it all begins with\n    main/seed/ledger/pin  the content of"), "{}", run.out);
}

#[test]
fn something_above_gave_something_else() {
    let folder = small();
    by_script(&folder, None);
    folder.write("seeds/ledger/ledger.py", "def total(rows):\n    return 0\n");
    by_script(&folder, Some("main/seed/ledger/pin"));
    folder.sswe("why main/seed/ledger/env").exits(0).prints(
        "main/seed/ledger/env would run
  `main/seed/ledger/pin` changed its output
  main/seed/ledger/pin ran in run 2 because: the content of its `dir` changed",
    );
}

#[test]
fn evicted() {
    let folder = small();
    by_script(&folder, Some("main/seed/ledger/pin"));
    folder.sswe("cache gc --max-size 0KiB").exits(0);
    let run = folder.sswe("why main/seed/ledger/pin").exits(0);
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines[0], "main/seed/ledger/pin would run");
    assert!(lines[1].starts_with("  it was built, and evicted on 20"), "{}", run.out);
    assert!(lines[1].ends_with(": the store was to be smaller"), "{}", run.out);
    assert_eq!(lines[2], "  help: keep more: `sswe cache gc --max-size` a larger size");
    folder.sswe("plan").exits(0).holds(&["evicted on 20"]);
}

#[test]
fn sswe_or_a_tool_changed() {
    let folder = small();
    by_older_script(&folder, Some("main/seed/ledger/pin"));
    folder.sswe("why main/seed/ledger/pin").exits(0).prints(
        "main/seed/ledger/pin would run
  the tool `python` is gone
  what sswe does here: version 0 -> 1",
    );
}

#[test]
fn items() {
    let folder = small();
    by_script(&folder, None);
    let events = folder.sswe("log last --output json").exits(0).json_lines();
    let item = events
        .iter()
        .find(|event| event["kind"] == "item.finished" && event["stage"] == "main/r1/gates.stable")
        .map(|event| event["item"].as_str().unwrap().to_owned())
        .unwrap();
    let name = format!("main/r1/gates.stable[{item}]");
    folder
        .sswe(&format!("why {name}"))
        .exits(0)
        .prints(&format!("{name} is cached: nothing that it is made of changed"));
    folder.write("a.sswe", SMALL.replace("runs = 3", "runs = 5"));
    folder.sswe(&format!("why {name}")).exits(0).prints(&format!(
        "{name} would run
  `main.gates.stable.runs` 3 -> 5  at a.sswe:15:21"
    ));
    folder.sswe("why main/r1/gates.stable[000000000000]").exits(2).mentions(&["no item `000000000000`"]);
}

#[test]
fn a_name_that_is_wrong() {
    let folder = small();
    folder
        .sswe("why main/r1/gates.stabel")
        .exits(2)
        .prints("")
        .mentions(&["did you mean main/r1/gates.stable?"]);
    folder.sswe("why main/seed/ledger").exits(2).mentions(&["there is no stage `main/seed/ledger`"]);
    folder.sswe("why missing.sswe main/r1/score").exits(1).mentions(&["E0803"]);
}
