//! Cards in words, for people.

use super::{Cluster, Outcome};
use crate::artifact::Card;
use crate::rewriter::edit::Kind;

/// How a kind is spoken of: in a name, what goes wrong, and how to plant it.
fn phrases(kind: Kind) -> (&'static str, &'static str, &'static str) {
    match kind {
        Kind::Comparison => (
            "comparisons",
            "a comparison tests for something slightly else, such as `<` where `<=` is meant",
            "Replace one comparison by a neighbour: strict by not strict, equal by unequal, `in` by `not in`.",
        ),
        Kind::Arithmetic => (
            "arithmetic",
            "a calculation uses the wrong operator",
            "Replace one arithmetic operator by one that works on the same types.",
        ),
        Kind::Boolean => (
            "and-or",
            "`and` and `or` are mistaken for each other",
            "Replace one `and` by `or`, or the other way round.",
        ),
        Kind::Negation => (
            "negations",
            "a condition is the opposite of what is meant",
            "Add a `not` to a condition, or take one away.",
        ),
        Kind::OffByOne => (
            "off-by-one",
            "a number, an index or a bound is one too large or one too small",
            "Move one number, index, slice or range bound by one.",
        ),
        Kind::Constant => (
            "constants",
            "a wrong number, truth value or `None` stands in the code",
            "Replace one constant by another of its kind.",
        ),
        Kind::Variable => (
            "wrong-variables",
            "one variable is used where another that is in scope is meant",
            "Replace one use of a variable by another variable of the same function.",
        ),
        Kind::Attribute => (
            "wrong-attributes",
            "one attribute or method of an object is used where another is meant",
            "Replace one attribute by another that is used on the same object.",
        ),
        Kind::Arguments => (
            "swapped-arguments",
            "two arguments of a call stand in each other's place",
            "Swap two neighbouring arguments of a call.",
        ),
        Kind::Key => (
            "wrong-keys",
            "a value is looked up by the wrong key",
            "Replace one string key by another of the same file.",
        ),
        Kind::Guard => (
            "guards",
            "a guard is missing, or its condition always or never holds",
            "Take away a guard at the start of a function or loop, or fix its condition to a constant.",
        ),
        Kind::Return => (
            "returns",
            "a function returns the wrong name, or returns from inside a loop",
            "Return another name that is in scope, or move the return into or out of the loop before it.",
        ),
        Kind::Augmented => (
            "augmented-assignments",
            "a value is overwritten where it should grow, or grows where it should be set",
            "Replace `+=` by `=` or `-=`, or the other way round.",
        ),
        Kind::Call => (
            "sibling-functions",
            "a function or method is called where its sibling is meant, such as `min` for `max`",
            "Replace one called function by a sibling that takes the same arguments.",
        ),
        Kind::LoopControl => (
            "loop-control",
            "a loop is left, or goes on, at the wrong moment",
            "Replace `break` by `continue` or `pass`, or the other way round.",
        ),
        Kind::Exception => (
            "exception-types",
            "the wrong type of exception is raised or caught",
            "Replace the type of an exception that is raised or caught.",
        ),
        Kind::Default => {
            ("defaults", "a parameter has the wrong default", "Change the default of one parameter.")
        }
    }
}

/// Returns how a context is spoken of.
fn place(context: &str) -> String {
    match context {
        "" => "anywhere".to_owned(),
        "if_statement" | "elif_clause" => "in conditions".to_owned(),
        "while_statement" => "in loop conditions".to_owned(),
        "for_statement" => "in loops".to_owned(),
        "return_statement" => "in returned values".to_owned(),
        "argument_list" => "in arguments".to_owned(),
        "assignment" | "augmented_assignment" => "in assignments".to_owned(),
        "function_definition" => "at the start of functions".to_owned(),
        "module" | "block" | "expression_statement" => "in statements".to_owned(),
        "binary_operator" => "in calculations".to_owned(),
        "boolean_operator" => "between `and` and `or`".to_owned(),
        "comparison_operator" => "in comparisons".to_owned(),
        "default_parameter" | "typed_default_parameter" => "in signatures".to_owned(),
        "subscript" | "slice" => "in indices".to_owned(),
        other => format!("in {}", other.replace('_', " ")),
    }
}

pub(super) fn name(kind: Kind, context: &str) -> String {
    let (what, _, _) = phrases(kind);
    match context {
        "" => what.to_owned(),
        "if_statement" => format!("{what}-in-if"),
        "elif_clause" => format!("{what}-in-elif"),
        _ => {
            let plain = context.trim_end_matches("_statement").trim_end_matches("_operator");
            format!("{what}-in-{}", plain.replace('_', "-"))
        }
    }
}

pub(super) fn unsolved_name(exception: &str) -> String {
    let mut slug = String::new();
    for (at, letter) in exception.chars().enumerate() {
        if letter.is_uppercase() && at > 0 {
            slug.push('-');
        }
        slug.extend(letter.to_lowercase().filter(|letter| letter.is_alphanumeric()));
    }
    match exception {
        "" => "unsolved-failures".to_owned(),
        "AssertionError" => "unsolved-wrong-results".to_owned(),
        _ => format!("unsolved-{slug}"),
    }
}

/// Returns the pairs of a cluster, the heaviest first.
fn heaviest(cluster: &Cluster) -> Vec<(Kind, &str)> {
    let mut pairs: Vec<_> = cluster.pairs.iter().collect();
    pairs.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
    pairs.into_iter().map(|((kind, context), _)| (*kind, context.as_str())).collect()
}

fn kinds(cluster: &Cluster) -> Vec<Kind> {
    let mut kinds = Vec::new();
    for (kind, _) in heaviest(cluster) {
        if !kinds.contains(&kind) {
            kinds.push(kind);
        }
    }
    kinds.truncate(4);
    kinds
}

fn places(cluster: &Cluster) -> Vec<String> {
    let mut places: Vec<String> = Vec::new();
    for (_, context) in heaviest(cluster) {
        let place = place(context);
        if !places.contains(&place) {
            places.push(place);
        }
    }
    places.truncate(3);
    places
}

fn join(parts: &[String], last: &str) -> String {
    match parts.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((end, rest)) => format!("{} {last} {end}", rest.join(", ")),
    }
}

fn exceptions(cluster: &Cluster) -> Vec<String> {
    let mut seen: Vec<_> = cluster.exceptions.iter().filter(|(name, _)| !name.is_empty()).collect();
    seen.sort_by(|a, b| b.1.total_cmp(a.1).then(a.0.cmp(b.0)));
    seen.into_iter().take(3).map(|(name, _)| format!("`{name}`")).collect()
}

pub(super) fn description(cluster: &Cluster) -> String {
    let (passed, all) = (cluster.count(Outcome::Passed), cluster.traces.len());
    let tasks = match cluster.tasks.len() {
        1 => "one task".to_owned(),
        many => format!("{many} tasks"),
    };
    if cluster.is_solved {
        let wrong: Vec<String> = kinds(cluster).into_iter().map(|kind| phrases(kind).1.to_owned()).collect();
        let rate = match (passed, all) {
            (1, _) => format!("One of {all} attempts on {tasks} found it."),
            (passed, all) if passed as usize == all => format!("All {all} attempts on {tasks} found it."),
            _ => format!("{passed} of {all} attempts on {tasks} found it."),
        };
        format!(
            "The Solver has to see that {}, {}. {rate}",
            join(&wrong, "or that"),
            join(&places(cluster), "and")
        )
    } else {
        let likely: Vec<String> = kinds(cluster).into_iter().map(|kind| phrases(kind).1.to_owned()).collect();
        let seen = join(&exceptions(cluster), "and");
        let shows = if seen.is_empty() { String::new() } else { format!(" that show as {seen}") };
        let vain = vain(cluster);
        let tried = if vain.is_empty() {
            String::new()
        } else {
            format!(" Edits of {} were tried in vain.", join(&vain, "and"))
        };
        format!(
            "No attempt of {all} on {tasks} mended failures{shows}.{tried} Most likely {}.",
            join(&likely, "or")
        )
    }
}

fn vain(cluster: &Cluster) -> Vec<String> {
    let mut vain: Vec<_> = cluster.vain.iter().collect();
    vain.sort_by(|a, b| b.1.cmp(a.1).then(a.0.cmp(b.0)));
    vain.into_iter().take(3).map(|(kind, _)| format!("the kind `{kind}`")).collect()
}

pub(super) fn applicability(cluster: &Cluster) -> Vec<String> {
    let mut when = vec![
        "The repository is written in Python, and trusted tests enter the function.".to_owned(),
        format!("The function has code of these kinds: {}.", {
            let names: Vec<String> = kinds(cluster).iter().map(|kind| format!("`{kind}`")).collect();
            join(&names, "and")
        }),
        format!("It is found {}.", join(&places(cluster), "and")),
    ];
    let seen = exceptions(cluster);
    if !seen.is_empty() {
        when.push(format!("Failures of this sort show as {}.", join(&seen, "or")));
    }
    when
}

pub(super) fn operations(cluster: &Cluster) -> Vec<String> {
    let mut steps = vec![format!(
        "Choose a function that several trusted tests enter, with such code {}.",
        join(&places(cluster), "or")
    )];
    steps.extend(kinds(cluster).into_iter().map(|kind| phrases(kind).2.to_owned()));
    steps.push("Make sure that the file still parses and that nothing else changes.".to_owned());
    steps.push("Run the tests: some must fail now, and most must still pass.".to_owned());
    steps
}

pub(super) fn anti_patterns(cluster: &Cluster) -> Vec<String> {
    let mut avoid = vec![
        "Tests that pass with the bug in place: they prove nothing.".to_owned(),
        "Tests that look for the text of the fix: another repair may be as good.".to_owned(),
    ];
    let has = |kind: Kind| cluster.pairs.keys().any(|(known, _)| *known == kind);
    if has(Kind::LoopControl) || has(Kind::Comparison) || has(Kind::OffByOne) {
        avoid.push("Waiting for a loop that never ends instead of ending it by processor time.".to_owned());
    }
    if has(Kind::Exception) || cluster.exceptions.keys().any(|name| name != "AssertionError") {
        avoid.push("Taking any exception for the expected one: its type is part of the contract.".to_owned());
    }
    if has(Kind::Arguments) || has(Kind::Variable) {
        avoid.push("Inputs that are equal or symmetric: mistaken values must make a difference.".to_owned());
    }
    avoid
}

/// Writes a card as an Agent Skill: `SKILL.md`.
pub fn skill_md(card: &Card) -> String {
    let mut text = String::new();
    let quoted = serde_json::Value::String(card.description.clone()).to_string();
    text.push_str(&format!("---\nname: {}\ndescription: {quoted}\n---\n\n", card.name));
    text.push_str(&format!("# {}\n\n{}\n", title(&card.name), card.description));
    let mut section = |title: &str, lines: &[String], is_ordered: bool| {
        if lines.is_empty() {
            return;
        }
        text.push_str(&format!("\n## {title}\n\n"));
        for (line, number) in lines.iter().zip(1..) {
            let mark = if is_ordered { format!("{number}.") } else { "-".to_owned() };
            text.push_str(&format!("{mark} {line}\n"));
        }
    };
    section("When it applies", &card.applicability, false);
    section("What to do", &card.operations, true);
    section("What a verifier must not do", &card.anti_patterns, false);
    let weakness: Vec<String> = card
        .weakness
        .iter()
        .map(|weakness| {
            let context = if weakness.context.is_empty() { "anywhere" } else { &weakness.context };
            format!("`{}`, {context}: {:.0} %", weakness.kind, weakness.weight * 100.0)
        })
        .collect();
    section("What it is about", &weakness, false);
    let evidence = &card.evidence;
    let mut rests = vec![
        format!(
            "{} passed, {} partial and {} failed attempts on {} tasks",
            evidence.passed, evidence.partial, evidence.failed, evidence.tasks
        ),
        format!("Scope: {}", card.scope),
    ];
    if !card.lineage.merged.is_empty() {
        rests.push(format!("Joined from: {}", card.lineage.merged.join(", ")));
    }
    rests.extend(evidence.traces.iter().take(8).map(|trace| format!("Trace `{trace}`")));
    section("What it rests on", &rests, false);
    text
}

fn title(name: &str) -> String {
    let words = name.replace('-', " ");
    let mut letters = words.chars();
    letters.next().map_or(String::new(), |first| first.to_uppercase().chain(letters).collect())
}
