//! What a task says is wrong: what anyone can see of the failure, and nothing of the cause.

use std::collections::BTreeSet;

use super::edit::Kind;
use super::lex;
use super::scene::plain_name;
use crate::artifact::{Covered, Failure, Observed, Plant};

/// How many failures, and functions of a failure, are told.
const TOLD: usize = 3;

/// Writes a statement from what the buggy repository shows. It never sees what was planted.
pub fn statement(observed: &Observed) -> String {
    let mut parts = vec![match observed.failing {
        0 | 1 => "One test fails.".to_owned(),
        many => format!("{many} tests fail."),
    }];
    let mut failures: Vec<&Failure> = observed.failures.iter().collect();
    failures.sort_by(|a, b| b.tests.cmp(&a.tests).then(a.cmp(b)));
    let mut said = BTreeSet::new();
    for failure in failures {
        let sentence = sentence(failure);
        if said.len() < TOLD && said.insert(sentence.clone()) {
            parts.push(sentence);
        }
    }
    let entered = entered(observed);
    if !entered.is_empty() {
        parts.push(format!("What the failing tests use: {}.", list(&entered)));
    }
    parts.push("Find the cause and mend it; tests that pass now must go on passing.".to_owned());
    parts.join(" ")
}

fn sentence(failure: &Failure) -> String {
    let tests = if failure.tests == 1 { "one test".to_owned() } else { format!("{} tests", failure.tests) };
    let names = |frames: &mut dyn Iterator<Item = &crate::artifact::Frame>| -> Vec<String> {
        let mut names: Vec<String> = Vec::new();
        for frame in frames {
            let name = plain_name(&frame.function);
            if !name.is_empty() && !names.contains(&name) {
                names.push(name);
            }
        }
        names
    };
    let way = names(&mut failure.frames.iter());
    match (failure.exception.as_str(), way.split_last()) {
        ("AssertionError", None) => format!("A result is not the expected one in {tests}."),
        (exception, None) => format!("`{exception}` is raised in {tests}."),
        (exception, Some((last, earlier))) => {
            let path = failure.frames.last().map_or("", |frame| frame.path.as_str());
            let from = match earlier {
                [] => String::new(),
                all => format!(", reached through {}", list(&all[all.len().saturating_sub(TOLD)..])),
            };
            format!("`{exception}` comes out of `{last}` in `{path}`{from}, in {tests}.")
        }
    }
}

/// Returns the functions that most of the failing and few of the passing tests enter.
fn entered(observed: &Observed) -> Vec<String> {
    let mut covered: Vec<&Covered> = observed.covered.iter().filter(|covered| covered.failing > 0).collect();
    covered.sort_by(|a, b| b.failing.cmp(&a.failing).then(a.passing.cmp(&b.passing)).then(a.cmp(b)));
    let mut names: Vec<String> = Vec::new();
    for covered in covered {
        let name = plain_name(&covered.function);
        if names.len() < TOLD && !name.is_empty() && !names.contains(&name) {
            names.push(name);
        }
    }
    names
}

fn list(names: &[String]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
    match quoted.split_last() {
        None => String::new(),
        Some((only, [])) => only.clone(),
        Some((last, rest)) => format!("{} and {last}", rest.join(", ")),
    }
}

/// Returns in what way a statement gives its bug away, if it does: it quotes the text that was
/// changed or that mends it, names the kind of bug, or the line. Names that the failure itself
/// shows give nothing away.
pub fn leaks(statement: &str, observed: &Observed, plant: &Plant) -> Option<String> {
    let shown = shown(observed);
    let spans: Vec<&str> = statement.split('`').skip(1).step_by(2).collect();
    for (text, what) in
        [(&plant.before, "the text that mends it"), (&plant.after, "the text that was changed")]
    {
        let text = text.trim();
        if text.is_empty() {
            continue;
        }
        let words = words(text);
        let is_quoted = spans.iter().any(|span| !shown.contains(*span) && holds(&self::words(span), &words));
        // A single common word such as `in` means nothing in a sentence; a longer piece does.
        let is_telling = words.len() > 1 || text.len() > 3 && !lex::is_keyword(text) && is_code(text);
        let outside: String = statement.split('`').step_by(2).collect::<Vec<_>>().join(" ; ");
        let is_told = is_telling && !shown.contains(text) && holds(&self::words(&outside), &words);
        if is_quoted || is_told {
            return Some(format!("it names {what}"));
        }
    }
    let lower = statement.to_lowercase();
    if let Some(kind) = Kind::from_name(&plant.kind)
        && let Some(word) = telling(kind).iter().find(|word| lower.contains(**word))
    {
        return Some(format!("it names the kind of bug: `{word}`"));
    }
    let line = format!("line {}", plant.line);
    let is_line = lower
        .match_indices(&line)
        .any(|(at, _)| !lower[at + line.len()..].starts_with(|letter: char| letter.is_ascii_digit()));
    is_line.then(|| format!("it names {line}"))
}

/// Returns what the record of the failure shows: names that a statement may use.
pub(super) fn shown(observed: &Observed) -> BTreeSet<String> {
    let mut shown = BTreeSet::new();
    for failure in &observed.failures {
        shown.insert(failure.exception.clone());
        for frame in &failure.frames {
            shown.extend([frame.path.clone(), plain_name(&frame.function)]);
        }
    }
    for covered in &observed.covered {
        shown.extend([covered.path.clone(), plain_name(&covered.function)]);
    }
    shown
}

fn words(text: &str) -> Vec<&str> {
    lex::tokens(text)
        .iter()
        .filter_map(|token| text.get(token.start as usize..token.end as usize))
        .filter(|word| !word.trim().is_empty())
        .collect()
}

pub(super) fn holds(words: &[&str], part: &[&str]) -> bool {
    !part.is_empty() && words.windows(part.len()).any(|window| window == part)
}

/// Returns whether a word looks like a name of a program rather than one of a sentence.
pub(super) fn is_code(text: &str) -> bool {
    text.contains(|letter: char| letter == '_' || letter.is_ascii_digit())
        || text.chars().skip(1).any(char::is_uppercase)
        || !text.chars().all(char::is_alphanumeric)
}

/// Returns the words that name a kind.
fn telling(kind: Kind) -> &'static [&'static str] {
    match kind {
        Kind::Comparison => &["comparison", "comparing", "operator"],
        Kind::Arithmetic => &["arithmetic", "operator", "addition", "subtraction"],
        Kind::Boolean => &["boolean", "operator", "conjunction", "disjunction"],
        Kind::Negation => &["negat", "inverted"],
        Kind::OffByOne => &["off by one", "off-by-one", "boundary", "bound is"],
        Kind::Constant => &["constant", "literal"],
        Kind::Variable => &["wrong variable", "wrong name"],
        Kind::Attribute => &["wrong attribute", "wrong method"],
        Kind::Arguments => &["swapped", "order of the arguments", "argument order"],
        Kind::Key => &["wrong key"],
        Kind::Guard => &["guard", "missing check"],
        Kind::Return => &["wrong return", "returns too early", "early return"],
        Kind::Augmented => &["augmented", "accumulat"],
        Kind::Call => &["wrong function", "wrong call"],
        Kind::LoopControl => &["break", "continue"],
        Kind::Exception => &["wrong exception", "type of exception", "exception type"],
        Kind::Default => &["default"],
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Frame;

    fn observed() -> Observed {
        let frame =
            |function: &str, line| Frame { path: "shop/cart.py".into(), function: function.into(), line };
        Observed {
            failures: vec![
                Failure { exception: "AssertionError".into(), frames: vec![], tests: 1 },
                Failure {
                    exception: "KeyError".into(),
                    frames: vec![frame("Cart.total", 9), frame("price.<locals>.<lambda>", 3)],
                    tests: 2,
                },
            ],
            covered: vec![Covered {
                path: "shop/cart.py".into(),
                function: "Cart.add_item".into(),
                failing: 3,
                passing: 1,
            }],
            failing: 3,
            ..Observed::default()
        }
    }

    #[test]
    fn a_statement_tells_what_is_seen() {
        assert_eq!(
            statement(&observed()),
            "3 tests fail. `KeyError` comes out of `price` in `shop/cart.py`, reached through \
             `Cart.total`, in 2 tests. A result is not the expected one in one test. What the failing \
             tests use: `Cart.add_item`. Find the cause and mend it; tests that pass now must go on \
             passing."
        );
    }

    #[test]
    fn a_statement_that_gives_the_bug_away_is_found() {
        let plant = |kind: Kind, before: &str, after: &str| Plant {
            kind: kind.as_str().into(),
            before: before.into(),
            after: after.into(),
            line: 4,
            ..Plant::default()
        };
        let check = |text: &str, plant: &Plant, expected: Option<&str>| {
            assert_eq!(leaks(text, &observed(), plant).as_deref(), expected, "{text}");
        };
        let key = plant(Kind::Key, "'unit_price'", "'price'");
        let honest = statement(&observed());
        check(&honest, &key, None);
        check(&honest, &plant(Kind::Comparison, "in", "not in"), None);
        check(&honest, &plant(Kind::Call, "total", "add_item"), None);
        check("It should read `'unit_price'`.", &key, Some("it names the text that mends it"));
        check("It reads 'price'.", &key, Some("it names the text that was changed"));
        check("See line 4.", &key, Some("it names line 4"));
        check("See line 42.", &key, None);
        check("The wrong key is asked.", &key, Some("it names the kind of bug: `wrong key`"));
        let sign = plant(Kind::Comparison, "<=", "<");
        check("It stops where `n <= 3`.", &sign, Some("it names the text that mends it"));
        check("`KeyError` comes out of `price`.", &plant(Kind::Exception, "IndexError", "KeyError"), None);
    }
}
