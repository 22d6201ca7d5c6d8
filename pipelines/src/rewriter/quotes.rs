//! Whether a text quotes the fix of a bug: what only the sound code has, as tokens and as pieces of
//! its syntax.

use std::collections::{BTreeMap, BTreeSet};

use tree_sitter::Parser;

use super::lex::{self, Class};
use super::statement::{holds, is_code, shown};
use crate::artifact::Observed;

/// Pieces of syntax with fewer tokens are written by chance.
const LEAST: usize = 3;
/// Those with more are made of smaller ones.
const MOST: usize = 24;

/// What only the sound side of a bug has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pieces {
    /// Names and strings.
    words: BTreeSet<String>,
    /// Expressions and statements, as their tokens.
    runs: BTreeSet<Vec<String>>,
}

impl Pieces {
    /// Adds what the sound text of a file has and the broken one has not.
    pub(crate) fn add(&mut self, sound: &str, broken: &str) {
        let other = runs(broken);
        self.runs.extend(runs(sound).into_iter().filter(|run| !other.contains(run)));
        self.words.extend(words(sound));
    }

    /// Forgets the names that the broken repository has somewhere.
    pub(crate) fn forget<'a>(&mut self, broken: impl Iterator<Item = &'a str>) {
        for text in broken {
            for word in words(text) {
                self.words.remove(&word);
            }
        }
    }
}

/// Returns what of the fix a text quotes; names that the failure itself shows give nothing away. A text
/// about no failure, such as a card, may name exceptions of the language.
pub fn quotes(text: &str, observed: Option<&Observed>, pieces: &Pieces) -> Vec<String> {
    let shown = observed.map(shown).unwrap_or_default();
    let known: BTreeSet<String> = shown.iter().flat_map(|name| words(name)).collect();
    let is_known = |word: &String| known.contains(word) || observed.is_none() && is_exception(word);
    // What is quoted, and how it is told.
    let mut found: BTreeMap<String, String> = BTreeMap::new();
    for (at, part) in text.split('`').enumerate() {
        let is_span = at % 2 == 1;
        if is_span && shown.contains(part) {
            continue;
        }
        // In prose an apostrophe opens no string.
        let part = if is_span { part.to_owned() } else { without_apostrophes(part) };
        let tokens = tokens(&part);
        let said: Vec<&str> = tokens.iter().map(|(_, word)| word.as_str()).collect();
        for (class, word) in &tokens {
            let is_meant = is_span || *class == Class::Text || is_code(word);
            if is_meant && pieces.words.contains(word) && !is_known(word) {
                found.insert(word.clone(), format!("`{word}`, which only the fix has"));
            }
        }
        for run in &pieces.runs {
            let run: Vec<&str> = run.iter().map(String::as_str).collect();
            if holds(&said, &run) {
                let run = run.join(" ");
                found.insert(run.clone(), format!("a piece of the fix: `{run}`"));
            }
        }
    }
    // The largest piece says it all.
    let is_inside = |one: &&String| found.keys().any(|other| other != *one && other.contains(one.as_str()));
    let largest: Vec<String> = found.keys().filter(|one| !is_inside(one)).cloned().collect();
    largest.iter().filter_map(|one| found.get(one).cloned()).collect()
}

fn is_exception(word: &str) -> bool {
    ["Error", "Exception", "Warning", "Interrupt", "Iteration"].iter().any(|end| word.ends_with(end))
}

fn without_apostrophes(text: &str) -> String {
    let letters: Vec<char> = text.chars().collect();
    let is_letter =
        |at: Option<usize>| at.and_then(|at| letters.get(at)).is_some_and(|it| it.is_alphanumeric());
    let plain = |(at, letter): (usize, &char)| match letter {
        '\'' if is_letter(at.checked_sub(1)) && is_letter(Some(at + 1)) => ' ',
        letter => *letter,
    };
    letters.iter().enumerate().map(plain).collect()
}

fn tokens(text: &str) -> Vec<(Class, String)> {
    let all = lex::tokens(text);
    let written = all.iter().filter_map(|token| {
        let word = text.get(token.start as usize..token.end as usize)?.trim();
        (!word.is_empty() && token.class != Class::End).then(|| (token.class, word.to_owned()))
    });
    written.collect()
}

/// Returns the names and strings of a text; of a string without letters nothing can be told.
fn words(text: &str) -> BTreeSet<String> {
    let is_word = |(class, word): &(Class, String)| match class {
        Class::Name => word.len() > 1,
        Class::Text => word.chars().filter(|letter| letter.is_alphanumeric()).count() > 1,
        Class::Keyword | Class::Number | Class::Sign | Class::End => false,
    };
    tokens(text).into_iter().filter(is_word).map(|(_, word)| word).collect()
}

/// Returns the tokens of each piece of syntax.
fn runs(text: &str) -> BTreeSet<Vec<String>> {
    let mut found = BTreeSet::new();
    let mut parser = Parser::new();
    let is_ready = parser.set_language(&tree_sitter_python::LANGUAGE.into()).is_ok();
    let Some(tree) = parser.parse(text, None).filter(|_| is_ready) else { return found };
    let all = lex::tokens(text);
    let mut cursor = tree.walk();
    loop {
        let node = cursor.node();
        let (start, end) = (node.start_byte() as u32, node.end_byte() as u32);
        let from = all.partition_point(|token| token.start < start);
        let inside =
            all[from..].iter().take_while(|token| token.end <= end).filter(|token| token.class != Class::End);
        let count = inside.clone().take(MOST + 1).count();
        if node.is_named() && (LEAST..=MOST).contains(&count) {
            let words = inside.filter_map(|token| text.get(token.start as usize..token.end as usize));
            found.insert(words.map(str::to_owned).collect());
        }
        // What has too few tokens has nothing inside that has more.
        if count >= LEAST && cursor.goto_first_child() {
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return found;
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::Failure;

    #[test]
    fn what_only_the_fix_has_is_found() {
        let sound = "def total(rows):\n    return sum(row['unit_price'] * row['count'] for row in rows)\n";
        let broken = "def total(rows):\n    return sum(row['unit_price'] + row['count'] for row in rows)\n";
        let mut pieces = Pieces::default();
        pieces.add(sound, broken);
        pieces.forget([broken].into_iter());
        let observed = Observed {
            failures: vec![Failure { exception: "KeyError".into(), frames: vec![], tests: 1 }],
            ..Observed::default()
        };
        let told = |text: &str| quotes(text, Some(&observed), &pieces);
        for honest in [
            "2 tests fail. `KeyError` comes out of `total`. It doesn't add up, and that's all.",
            "The sum of `row['count']` is wrong.",
            "It computes `row['unit_price'] + row['count']`.",
        ] {
            assert_eq!(told(honest), Vec::<String>::new(), "{honest}");
        }
        for leak in [
            "It should be `row['unit_price']*row['count']`.",
            "Don't forget: row['unit_price'] * row['count'] is what is meant.",
            "```\nreturn sum(row['unit_price'] * row['count']\n           for row in rows)\n```",
        ] {
            assert_eq!(told(leak).len(), 1, "{leak}: {:?}", told(leak));
        }
    }

    #[test]
    fn names_that_only_the_fix_has_are_found() {
        let mut pieces = Pieces::default();
        let broken = "def f(rows, last):\n    raise ValueError(last)\n";
        pieces.add("def f(rows, last):\n    raise KeyError(rows.unit_price)\n", broken);
        pieces.forget([broken, "x.price\n"].into_iter());
        let told = |text: &str| quotes(text, None, &pieces);
        assert_eq!(told("Read the unit_price."), ["`unit_price`, which only the fix has"]);
        assert_eq!(told("Read `rows.unit_price`."), ["a piece of the fix: `rows . unit_price`"]);
        assert_eq!(
            told("It shows as `KeyError` when the price of `last` rows is read."),
            Vec::<String>::new()
        );
        assert_eq!(quotes("Raise `KeyError`.", Some(&Observed::default()), &pieces).len(), 1);
    }
}
