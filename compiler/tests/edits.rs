//! What each edit reruns, as far as a plan shows it: which SpecHashes change and which do not.
//!
//! `cargo test -p sswe-compiler --test edits -- --nocapture` prints the table.

#![expect(clippy::print_stdout, reason = "the table is for people")]

use std::collections::BTreeMap;

use sswe_compiler::{
    plan::{Stage, plans},
    project::{self, Database, Options, Origin},
};

const COMPLETE: &str = include_str!("../../examples/complete.sswe");
const LIBRARY: &str = include_str!("../../pipelines/library/gates.sswe");

/// Returns the stages of the one curriculum in a text, by name.
fn stages(text: &str) -> BTreeMap<String, Stage> {
    let mut db = Database::default();
    let project = project::open(&mut db, "test.sswe", text, &Options::default(), &mut |path, _| {
        Ok((path.to_owned(), Origin::Library, LIBRARY.to_owned()))
    });
    let errors: Vec<_> = sswe_compiler::check::problems(&db, project, &Default::default());
    assert!(!errors.iter().any(|problem| problem.code.as_str().starts_with('E')), "{errors:#?}");
    let plans = plans(&db, project);
    plans[0].stages.iter().map(|stage| (stage.name.to_string(), (**stage).clone())).collect()
}

/// Checks that an edit changes exactly these SpecHashes, adds and takes away exactly these stages.
fn check(edit: &str, replacements: &[(&str, &str)], changed: &[&str], added: &[&str], gone: &[&str]) {
    let mut text = COMPLETE.to_owned();
    for (from, to) in replacements {
        assert!(text.contains(from), "{from:?} is not in the example");
        text = text.replace(from, to);
    }
    let (before, after) = (stages(COMPLETE), stages(&text));
    let differ: Vec<&str> = before
        .iter()
        .filter(|(name, stage)| after.get(*name).is_some_and(|other| other.spec != stage.spec))
        .map(|(name, _)| name.as_str())
        .collect();
    let only = |one: &BTreeMap<String, Stage>, other: &BTreeMap<String, Stage>| -> Vec<String> {
        one.keys().filter(|name| !other.contains_key(*name)).cloned().collect()
    };
    let same = before.len() - differ.len() - only(&before, &after).len();
    let list = |names: &[String]| if names.is_empty() { "-".to_owned() } else { names.join(" ") };
    let shown: Vec<String> = differ.iter().map(|name| (*name).to_owned()).collect();
    println!(
        "{edit:<46} | changed: {} | new: {} | gone: {} | same: {same}",
        list(&shown),
        list(&only(&after, &before)),
        list(&only(&before, &after))
    );
    assert_eq!(differ, changed, "{edit}: changed");
    assert_eq!(only(&after, &before), added, "{edit}: new");
    assert_eq!(only(&before, &after), gone, "{edit}: gone");
}

#[test]
fn each_edit_changes_what_the_language_page_says() {
    let rounds =
        |stage: &str| -> Vec<String> { (1..=3).map(|round| format!("main/r{round}/{stage}")).collect() };
    let as_str = |names: &[String]| -> Vec<&'static str> {
        names.iter().map(|name| &*Box::leak(name.clone().into_boxed_str())).collect()
    };
    check("a comment", &[("# brings names only", "# brings")], &[], &[], &[]);
    check("spacing", &[("  rounds = 3", "\n\n  rounds   =  3")], &[], &[], &[]);
    check(
        "rename a label",
        &[
            ("unseen", "never_seen"),
            ("seeds core", "seeds heart"),
            ("= core", "= heart"),
            ("[core", "[heart"),
        ],
        &[],
        &[],
        &[],
    );
    check("60s to 1min", &[("wall = 10min", "wall = 600s"), ("0.90", "90%")], &[], &[], &[]);
    check("reorder settings", &[("attempts = 8, steps = 60", "steps = 60, attempts = 8")], &[], &[], &[]);
    check("change a secret", &[("DISTILL_KEY", "OTHER_KEY")], &[], &[], &[]);
    check("move an endpoint", &[("SOLVER_URL", "OTHER_URL")], &[], &[], &[]);
    check("change a pool", &[("workers = 16, rate = 300/min", "workers = 99, rate = 1/s")], &[], &[], &[]);
    // The order is in the inputs; a verdict does not depend on it.
    check(
        "swap two gates",
        &[("    std.no_secrets\n    no_todo\n", "    no_todo\n    std.no_secrets\n")],
        &[],
        &[],
        &[],
    );
    check("stable.runs 5 to 7 in round 3", &[("runs = 5", "runs = 7")], &["main/r3/gates.stable"], &[], &[]);
    check(
        "score.mode cosine to dot",
        &[("mode         = cosine ", "mode         = dot ")],
        &as_str(&rounds("score")),
        &[],
        &[],
    );
    check("select.top in round 3", &[("top = 25%", "top = 30%")], &["main/r3/select"], &[], &[]);
    check("select.top of the base", &[("35% in", "40% in")], &["main/r1/select", "main/r2/select"], &[], &[]);
    check(
        "take a bench out of evaluate.on",
        &[("on = [fresh, verified, terminal]", "on = [fresh, verified]")],
        &[],
        &[],
        &[
            "main/r0/evaluate.terminal",
            "main/r0/tasks.terminal",
            "main/r1/evaluate.terminal",
            "main/r2/evaluate.terminal",
            "main/r3/evaluate.terminal",
        ],
    );
    check("rounds 3 to 2", &[("rounds = 3", "rounds = 2")], &[], &[], &as_str(&round_3()));
    check("another revision of the solver", &[("c0ffee1", "c0ffee2")], &["main/r0/weights"], &[], &[]);
    check(
        "the test command of one repository",
        &[("\"1.0.0\", test = 'pytest -q'", "\"1.0.0\", test = 'pytest -x'")],
        &["main/seed/toolz/baseline"],
        &[],
        &[],
    );
}

fn round_3() -> Vec<String> {
    stages(COMPLETE).into_keys().filter(|name| name.starts_with("main/r3/")).collect()
}
