use super::*;
use crate::artifact::{Counts, Failure, Feedback, Observed, Plant, Tried};

/// Tries a task: which kind in which context, and how it ended.
fn attempt(task: u32, ordinal: u32, kind: Kind, context: &str, outcome: Outcome) -> (String, Attempt) {
    let exception = if task.is_multiple_of(2) { "KeyError" } else { "AssertionError" };
    let attempt = Attempt {
        schema: "trace/1".into(),
        task: format!("task{task}"),
        repo: format!("repo{}", task % 3),
        attempt: ordinal,
        statement: "One test fails.".into(),
        observed: Observed {
            failures: vec![Failure { exception: exception.into(), frames: vec![], tests: 2 }],
            failing: 2,
            ..Observed::default()
        },
        tried: Tried {
            path: "m.py".into(),
            function: "f".into(),
            line: 3,
            kind: kind.as_str().into(),
            context: context.into(),
            start: 10,
            before: "a".into(),
            after: "b".into(),
            log_probability: -1.5,
            choices: 40,
        },
        feedback: Feedback { counts: Counts::default(), ..Feedback::default() },
        outcome,
    };
    (format!("trace{task:02}-{ordinal}"), attempt)
}

fn many() -> Vec<(String, Attempt)> {
    let mut all = Vec::new();
    for ordinal in 0..8 {
        let ended = |is_passed: bool| if is_passed { Outcome::Passed } else { Outcome::Failed };
        // Found nearly always.
        all.push(attempt(1, ordinal, Kind::Comparison, "if_statement", ended(ordinal > 0)));
        // Found once.
        all.push(attempt(2, ordinal, Kind::Key, "subscript", ended(ordinal == 3)));
        all.push(attempt(5, ordinal, Kind::Key, "subscript", ended(ordinal == 1)));
        // Never found.
        all.push(attempt(4, ordinal, Kind::Boolean, "if_statement", Outcome::Failed));
    }
    all
}

#[test]
fn the_weakest_skill_comes_first() {
    let cards = distill(&many(), &Distill::default());
    let names: Vec<&str> = cards.iter().map(|card| card.name.as_str()).collect();
    assert_eq!(names, ["unsolved-key-error", "wrong-keys-in-subscript", "comparisons-in-if"]);
    for card in &cards {
        let sum: f64 = card.weakness.iter().map(|weakness| weakness.weight).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
        assert!(skill_md(card).starts_with(&format!("---\nname: {}\ndescription: \"", card.name)));
    }
    let evidence = &cards[1].evidence;
    assert_eq!((evidence.passed, evidence.failed, evidence.tasks), (2, 14, 2));
    assert_eq!(cards[2].scope, "repo1");
    // Two repositories, and no one knows: what elsewhere mended the same exception comes first.
    let likely = cards[0].weakness.iter().max_by(|a, b| a.weight.total_cmp(&b.weight)).unwrap();
    assert_eq!((likely.kind.as_str(), likely.context.as_str()), ("key", "subscript"));
    assert!(cards[0].weakness.iter().all(|weakness| weakness.kind != "boolean"));
}

#[test]
fn cards_read_as_sentences() {
    let cards = distill(&many(), &Distill::default());
    assert_eq!(
        cards[1].description,
        "The Solver has to see that a value is looked up by the wrong key, in indices. 2 of 16 \
         attempts on 2 tasks found it."
    );
    assert!(cards[0].description.starts_with(
        "No attempt of 8 on one task mended failures that show as `KeyError`. Edits of the kind `boolean` \
         were tried in vain. Most likely a value is looked up by the wrong key"
    ));
    println!("{}", skill_md(&cards[0]));
}

#[test]
fn cards_depend_on_traces_alone_and_not_on_their_order() {
    let expected = crate::artifact::encode(&distill(&many(), &Distill::default()));
    let mut attempts = many();
    attempts.reverse();
    for by in [0, 5, 11] {
        attempts.rotate_left(by);
        assert_eq!(crate::artifact::encode(&distill(&attempts, &Distill::default())), expected);
    }
    // A trace has no place for what was planted nor for the reference: whatever a task says of
    // them, `distill` cannot see it. This fails when an attempt comes to hold either.
    let plant = serde_json::to_value(Plant::default()).unwrap();
    let trace = serde_json::to_value(&many()[0].1).unwrap();
    let names =
        |value: &serde_json::Value| -> Vec<String> { value.as_object().unwrap().keys().cloned().collect() };
    let known =
        ["schema", "task", "repo", "attempt", "statement", "observed", "tried", "feedback", "outcome"];
    assert!(names(&trace).iter().all(|name| known.contains(&name.as_str())), "{:?}", names(&trace));
    assert!(
        names(&plant).contains(&"kind".to_owned()) && !names(&trace["observed"]).contains(&"kind".to_owned())
    );
}

#[test]
fn coverage_and_outcomes_filter() {
    let few = Distill { coverage: 9, ..Distill::default() };
    let names: Vec<String> = distill(&many(), &few).into_iter().map(|card| card.name).collect();
    assert_eq!(names, ["wrong-keys-in-subscript"]);
    let only = Distill { learn_from: vec![Outcome::Passed], coverage: 1, ..Distill::default() };
    let cards = distill(&many(), &only);
    assert!(cards.iter().all(|card| card.evidence.failed == 0 && card.evidence.passed > 0));
    assert_eq!(distill(&[], &Distill::default()), []);
}

#[test]
fn alike_cards_are_one() {
    let mut attempts = many();
    attempts
        .extend((0..4).map(|ordinal| attempt(7, ordinal, Kind::Comparison, "elif_clause", Outcome::Passed)));
    let apart = distill(&attempts, &Distill { dedupe: 1.0, ..Distill::default() });
    assert!(apart.iter().any(|card| card.name == "comparisons-in-elif"));
    let joined = distill(&attempts, &Distill { dedupe: 0.5, ..Distill::default() });
    let card = joined.iter().find(|card| card.name == "comparisons-in-if").unwrap();
    assert_eq!(card.lineage.merged, ["comparisons-in-elif"]);
    assert_eq!((card.weakness.len(), card.evidence.tasks), (2, 2));
}
