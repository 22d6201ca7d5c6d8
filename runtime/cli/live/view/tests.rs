//! Recorded events in, text out.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

use super::*;

/// A recorded event: when, and what, without the fields that are the same everywhere.
fn event(at_s: f64, json: &str) -> RunEvent {
    let mut value: serde_json::Value = serde_json::from_str(json).unwrap();
    value["seq"] = 0.into();
    value["at_s"] = at_s.into();
    serde_json::from_value(value).unwrap()
}

fn started() -> RunEvent {
    let json = r#"{"kind":"run.started","v":1,"run":7,"curriculum":"main","stages":58,"started_ms":0}"#;
    event(0.0, json)
}

fn stage(at: f64, name: &str, items: &str, cached: u64) -> RunEvent {
    event(
        at,
        &format!(
            r#"{{"kind":"stage.started","stage":"{name}","round":1,"items":{items},"cached":{cached},"reason":"never built"}}"#
        ),
    )
}

fn item(at: f64, kind: &str, stage: &str, item: &str, more: &str) -> RunEvent {
    event(at, &format!(r#"{{"kind":"item.{kind}","stage":"{stage}","item":"{item}"{more}}}"#))
}

fn begins(at: f64, stage: &str, name: &str) -> RunEvent {
    item(at, "started", stage, name, r#","attempt":0"#)
}

fn ends(at: f64, stage: &str, name: &str) -> RunEvent {
    item(at, "finished", stage, name, r#","wall_s":1.0,"cost_micros":0"#)
}

fn finished(at: f64, stage: &str, tally: [u64; 4], digest: &str, reason: &str) -> RunEvent {
    let [ran, cached, failed, infra] = tally;
    event(
        at,
        &format!(
            r#"{{"kind":"stage.finished","stage":"{stage}","round":1,"ran":{ran},"cached":{cached},"failed":{failed},
            "infra":{infra},"digest":{digest},"wall_s":{at},"reason":"{reason}"}}"#
        ),
    )
}

fn over(at: f64, ok: bool, tally: [u64; 4], reason: &str) -> RunEvent {
    let [ran, cached, failed, infra] = tally;
    event(
        at,
        &format!(
            r#"{{"kind":"run.finished","v":1,"ok":{ok},"ran":{ran},"cached":{cached},"failed":{failed},
            "infra":{infra},"wall_s":{at},"result":null,"reason":"{reason}"}}"#
        ),
    )
}

fn view(events: &[RunEvent]) -> (View, Vec<String>) {
    let mut view = View::default();
    let lines = events.iter().flat_map(|event| view.see(event)).collect();
    (view, lines)
}

#[test]
fn a_frame_shows_what_runs() {
    let mut events = vec![
        started(),
        finished(0.1, "main/seed/a/pin", [0, 1, 0, 0], "\"ab\"", ""),
        stage(0.0, "main/r1/solve", "300", 100),
        stage(0.0, "main/r1/generate", "null", 0),
        stage(0.0, "main/r1/score", "1", 0),
    ];
    for at in 0..42 {
        let name = format!("i{at}");
        events.push(begins(1.0, "main/r1/solve", &name));
        events.push(ends(8.0, "main/r1/solve", &name));
    }
    events.push(begins(2.0, "main/r1/solve", "4f3a90c1d2e8"));
    events.push(begins(9.0, "main/r1/solve", "000000000001"));
    events.push(begins(9.0, "main/r1/generate", "aa.3"));
    events.push(ends(9.5, "main/r1/generate", "aa.3"));
    let (view, lines) = view(&events);
    assert!(lines.is_empty(), "{lines:?}");
    let frame = view.frame(14.0, 100, 24, true);
    let expected = [
        "main  1 of 58 stages · 43 ran · 101 cached · 0 failed · 14 s",
        "  r1/solve     ━━━━━━━━━───────────  142 of 300, 3.0/s, 52 s left, slowest 4f3a90c1d2e8 12 s",
        "  r1/generate  ────━━━─────────────  1 drawn, 4.3/min",
        "  1 more waiting",
    ];
    assert_eq!(frame.len(), expected.len(), "{frame:#?}");
    assert_eq!(frame[0], expected[0]);
    assert_eq!(frame[1], expected[1]);
    assert!(
        frame[2].starts_with("  r1/generate  ") && frame[2].ends_with("  1 drawn, 4.3/min"),
        "{}",
        frame[2]
    );
    assert_eq!(frame[3], expected[3]);
    // Narrow and low terminals are not written past.
    for (width, height) in [(40, 24), (60, 3), (80, 2), (20, 1)] {
        let frame = view.frame(14.0, width, height, true);
        assert!(frame.len() <= height.saturating_sub(2).max(1) + 2, "{frame:#?}");
        if width >= 40 {
            assert!(frame.iter().all(|line| line.chars().count() <= width), "{width}: {frame:#?}");
        }
    }
    let ascii = view.frame(14.0, 100, 24, false);
    assert!(ascii.iter().all(|line| line.is_ascii()), "{ascii:#?}");
}

#[test]
fn before_the_first_event_it_says_what_takes_so_long() {
    assert_eq!(View::default().frame(3.0, 80, 24, true), ["reading what the stages read"]);
}

#[test]
fn lines_that_stay() {
    let solve = "main/r1/solve";
    let (_, lines) = view(&[
        started(),
        stage(0.0, solve, "5", 1),
        begins(0.1, solve, "aa"),
        item(
            0.2,
            "retried",
            solve,
            "aa",
            r#","attempt":1,"after_s":2.0,"reason":"the server\nsaid \u001b[31m503""#,
        ),
        begins(2.2, solve, "aa"),
        item(2.5, "failed", solve, "aa", r#","infra":true,"reason":"no answer""#),
        begins(2.2, solve, "bb"),
        item(3.0, "failed", solve, "bb", r#","infra":false,"reason":"no such test""#),
        finished(12.0, solve, [2, 1, 1, 1], "null", "[aa]: no answer"),
        finished(12.0, "main/r1/distill", [0, 0, 0, 0], "null", "`main/r1/solve` gave nothing"),
        over(12.5, false, [2, 1, 1, 1], "a stage failed"),
    ]);
    let expected = "\
main: 58 stages, run 7
  r1/solve[aa]              broke, again in 2.0 s: the server said [31m503
  r1/solve[aa]              the surroundings broke: no answer
  r1/solve[bb]              failed: no such test
  r1/solve                  2 ran, 1 cached, 1 failed, 1 met broken surroundings in 12.0 s
  r1/distill                nothing: `main/r1/solve` gave nothing
main: failed: 2 ran, 1 cached, 1 failed, 1 met broken surroundings in 12.5 s
  first: main/r1/solve[aa]: no answer
  1 stage got nothing because of it
  help: `sswe log 7` shows this run again; what ran is kept, the next build goes on there";
    assert_eq!(lines.join("\n"), expected);
}

#[test]
fn many_failures_are_counted_not_listed() {
    let solve = "main/r1/solve";
    let mut events = vec![started(), stage(0.0, solve, "500", 0)];
    for at in 0..500 {
        let name = format!("i{at}");
        events.push(begins(0.1, solve, &name));
        events.push(item(0.2, "failed", solve, &name, r#","infra":false,"reason":"no""#));
    }
    events.push(finished(1.0, solve, [0, 0, 500, 0], "null", "[i0]: no"));
    let (_, lines) = view(&events);
    assert_eq!(lines.len(), 1 + 3 + 1, "{lines:#?}");
    assert_eq!(lines[4], "  r1/solve                  500 failed in 1.0 s");
}

#[test]
fn how_a_run_ends_otherwise() {
    let last = |reason: &str, ok: bool, tally| {
        let (_, lines) = view(&[started(), over(2.0, ok, tally, reason)]);
        lines.join("\n")
    };
    assert_eq!(
        last("the budget for cost is used up", false, [3, 1, 0, 0]),
        "main: stopped (the budget for cost is used up): 3 ran, 1 cached, 0 failed in 2.0 s\n  help: what ran is kept: `sswe build` goes on there"
    );
    assert_eq!(
        last("interrupted", false, [3, 1, 0, 0]),
        "main: interrupted: 3 ran, 1 cached, 0 failed in 2.0 s\n  help: what ran is kept: `sswe build` goes on there"
    );
    let offline = last("something needs the network", false, [0, 1, 1, 0]);
    assert!(offline.ends_with("help: build again without --offline"), "{offline}");
    // Who runs it says what broke it off; a replay has only the log.
    assert_eq!(last("the disk is full", false, [0; 4]), "");
    let events = [started(), over(2.0, false, [0; 4], "the disk is full")];
    assert!(replay(events.iter()).contains("main: broke off (the disk is full)"));
}

#[test]
fn a_log_that_was_cut_short() {
    let events = [started(), stage(0.0, "main/r1/solve", "5", 0)];
    assert_eq!(replay(events.iter()), "  the log ends here, with 1 stage running: r1/solve\n");
}

#[test]
fn asked_to_end() {
    let (view, _) =
        view(&[started(), stage(0.0, "main/r1/solve", "5", 0), begins(0.0, "main/r1/solve", "a")]);
    assert_eq!(view.asked(1), "interrupted: finishing 1 running item; Ctrl-C again ends it at once");
    assert_eq!(view.asked(2), "interrupted again: ending what runs");
    assert!(View::default().asked(1).contains("nothing runs"));
}

#[test]
fn a_heartbeat_names_what_takes_long() {
    let (mut view, _) = view(&[
        started(),
        stage(0.0, "main/r1/solve", "5", 0),
        begins(0.0, "main/r1/solve", "a"),
        stage(0.0, "main/r1/score", "1", 0),
    ]);
    let lines = view.heartbeat(10.0);
    assert_eq!(
        lines.join("\n"),
        "main: 58 stages, run 7\n  r1/solve                  running, 0 of 5, slowest a 10 s"
    );
}

/// Many items must not make the picture the slow part.
#[test]
fn many_items_are_taken_in_quickly() {
    let solve = "main/r1/solve";
    let mut events = vec![started(), stage(0.0, solve, "20000", 0)];
    for at in 0..20_000 {
        let name = format!("{at:012}");
        events.push(begins(0.1, solve, &name));
        events.push(ends(0.2, solve, &name));
    }
    let begun = std::time::Instant::now();
    let (view, _) = view(&events);
    assert_eq!(view.running[solve].done, 20_000);
    assert!(begun.elapsed().as_secs_f64() < 2.0, "{:?}", begun.elapsed());
}
