//! `sswe log` and `sswe diff`

use super::{
    build::without_times,
    built::{SMALL, by_script, small},
};
use crate::support::Folder;

/// Three runs: a part, all by the script, and one after a change.
fn three() -> Folder {
    let folder = small();
    folder.sswe("build --until main/seed/ledger/pin").exits(0);
    by_script(&folder, None);
    folder.write("a.sswe", SMALL.replace("mode = cosine", "mode = dot"));
    by_script(&folder, None);
    folder
}

#[test]
fn a_list_of_runs() {
    let folder = three();
    let run = folder.sswe("log").exits(0).says("");
    let lines: Vec<&str> = run.out.lines().collect();
    assert_eq!(lines.len(), 3);
    assert!(
        lines[0].starts_with("1  20") && lines[0].contains("main until seed/ledger/pin  done"),
        "{}",
        run.out
    );
    assert!(lines[0].contains("1 ran, 0 cached, 0 failed"), "{}", run.out);
    assert!(lines[2].starts_with("3  "), "the last run stands at the end:\n{}", run.out);
    assert_eq!(folder.sswe("log -n 1").exits(0).out.lines().count(), 1);
    let json = folder.sswe("log --output json").exits(0).json_lines();
    assert_eq!(json[0]["info"]["until"], "main/seed/ledger/pin");
    assert_eq!((&json[0]["ran"], &json[0]["status"]), (&1.into(), &"done".into()));
    assert_eq!(json[0]["info"]["file"], "a.sswe");
    assert!(json[1]["result"].is_string() && json[1]["result"] != json[2]["result"], "{json:?}");
}

#[test]
fn a_run_again() {
    let folder = three();
    let run = folder.sswe("log 1").exits(0).says("");
    let (head, rest) = run.out.split_once('\n').unwrap();
    assert!(head.starts_with("run 1 on 20") && head.ends_with("Z, a.sswe"), "{head}");
    assert_eq!(
        without_times(rest),
        "main: 42 stages, run 1
  seed/ledger/pin           1 ran in <time>  never built
built part of main: 1 ran, 0 cached, 0 failed in <time>
"
    );
    let last = folder.sswe("log last").exits(0).out;
    assert!(last.contains("`mode` cosine -> dot"), "{last}");
    assert!(last.contains("main/r1/score` changed its output"), "{last}");
}

#[test]
fn runs_that_are_not_there() {
    let folder = three();
    folder.sswe("log 99").exits(2).prints("").mentions(&["there is no run 99", "the last is 3"]);
    folder.sswe("log yesterday").exits(2).mentions(&["a run is a number, or `last`"]);
    folder.sswe("diff 1 99").exits(2).mentions(&["there is no run 99"]);
    folder.sswe("diff 1 2 3").exits(2);
}

#[test]
fn two_runs_differ() {
    let folder = three();
    let run = folder.sswe("diff").exits(0).says("");
    assert!(run.out.starts_with("run 2  ") && run.out.contains("\nrun 3  "), "{}", run.out);
    assert!(run.out.contains("  changed  main/r1/score"), "{}", run.out);
    assert!(!run.out.contains("main/r1/generate"), "what gave the same is only counted:\n{}", run.out);
    assert!(run.out.contains("stages gave the same; the results differ: "), "{}", run.out);
    let from_first = folder.sswe("diff 1 last").exits(0).out;
    assert!(from_first.contains("  new      main/seed/slots/pin"), "{from_first}");
    let back = folder.sswe("diff 2 1").exits(0).out;
    assert!(back.contains("  gone     main/seed/slots/pin"), "{back}");
    let lines = folder.sswe("diff 2 3 --output json").exits(0).json_lines();
    let (last, rest) = lines.split_last().unwrap();
    assert_eq!(last["differences"], rest.len());
    assert!(rest.iter().any(|line| line["stage"] == "main/r1/score" && line["what"] == "changed"));
    folder.sswe("diff 3 3").exits(0).holds(&["42 stages gave the same; the results are equal"]);
}

#[test]
fn one_run_is_too_few() {
    let folder = small();
    folder.sswe("build --until main/seed/ledger/pin").exits(0);
    folder.sswe("diff").exits(2).mentions(&["the store has 1 run"]);
}
