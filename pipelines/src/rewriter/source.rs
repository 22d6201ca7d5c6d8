//! The product code of a repository: parsed, and counted.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::hash::{self, Table};
use super::lex::{self, Class, Token};
use super::syntax::{self, Arena, Span, Syn};
use crate::artifact::Tree;

/// The product code of a repository, ready for edits to be found in it.
///
/// A task's buggy code is [`Source::with`] the files that its bug changes: it shares all else, and
/// everything that it counts is counted on the buggy code. Counts of the sound code would tell
/// where the bug is.
#[derive(Clone, Debug)]
pub struct Source {
    base: Arc<Base>,
    changed: BTreeMap<String, Arc<Parsed>>,
    /// By how much counts differ from those of the base, sorted by gram.
    delta: Vec<(u64, i32)>,
}

#[derive(Debug)]
struct Base {
    files: BTreeMap<String, Arc<Parsed>>,
    grams: Table<u32>,
    /// The parameters of functions, by the hash of their own name; none where names clash.
    parameters: Table<Option<Vec<u64>>>,
}

/// A file that was parsed.
#[derive(Debug)]
pub(super) struct Parsed {
    pub(super) path: Arc<str>,
    pub(super) text: String,
    pub(super) nodes: Vec<Syn>,
    pub(super) tokens: Vec<Token>,
    pub(super) functions: Vec<Span>,
    /// The first and last row of each logical line.
    pub(super) logical: Vec<(u32, u32)>,
    /// The attributes of an object, by [`object_key`]: with how often each occurs.
    pub(super) attributes: BTreeMap<u64, BTreeMap<String, u32>>,
    /// The strings that are keys.
    pub(super) keys: BTreeMap<String, u32>,
    /// The exceptions that are raised or caught.
    pub(super) exceptions: BTreeMap<String, u32>,
}

/// Returns whether a file is Python code that is neither a test nor set-up.
pub fn is_product(path: &str) -> bool {
    let mut parts: Vec<&str> = path.split('/').collect();
    let name = parts.pop().unwrap_or("");
    let is_aside = |part: &&str| {
        matches!(*part, "test" | "tests" | "testing" | "docs" | "doc" | "examples" | "benchmarks")
    };
    name.ends_with(".py")
        && !parts.iter().any(is_aside)
        && !matches!(name, "setup.py" | "conftest.py" | "tests.py" | "test.py")
        && !name.starts_with("test_")
        && !name.ends_with("_test.py")
}

impl Source {
    /// Parses the product code of a repository and counts what occurs in it.
    pub fn new(tree: &Tree) -> Source {
        let mut files = BTreeMap::new();
        for (path, _) in tree.iter().filter(|(path, _)| is_product(path)) {
            let parsed = tree.text(path).and_then(|text| Parsed::new(path, text.to_owned()));
            files.extend(parsed.map(|parsed| (path.to_owned(), Arc::new(parsed))));
        }
        let mut grams = Table::default();
        let mut parameters = Table::default();
        for file in files.values() {
            all_grams(&file.tokens, &mut |gram| *grams.entry(gram).or_insert(0) += 1);
            for function in &file.functions {
                parameters
                    .entry(function.own)
                    .and_modify(|known: &mut Option<Vec<u64>>| {
                        if known.as_ref() != Some(&function.parameters) {
                            *known = None;
                        }
                    })
                    .or_insert_with(|| Some(function.parameters.clone()));
            }
        }
        Source {
            base: Arc::new(Base { files, grams, parameters }),
            changed: BTreeMap::new(),
            delta: Vec::new(),
        }
    }

    /// Returns the same with one file replaced; a path that is no product code changes nothing.
    #[must_use]
    pub fn with(&self, path: &str, text: &str) -> Source {
        let mut next = self.clone();
        if !is_product(path) {
            return next;
        }
        let Some(new) = Parsed::new(path, text.to_owned()) else { return next };
        let old = self.file(path).map_or(&[][..], |file| &file.tokens[..]);
        differ(old, &new.tokens, &mut next.delta);
        next.changed.insert(path.to_owned(), Arc::new(new));
        next
    }

    /// Returns the text of a file of product code.
    pub fn text(&self, path: &str) -> Option<&str> {
        self.file(path).map(|file| file.text.as_str())
    }

    /// Returns the paths of the product code, sorted.
    pub fn paths(&self) -> Vec<&str> {
        let mut paths: Vec<&str> =
            self.base.files.keys().chain(self.changed.keys()).map(String::as_str).collect();
        paths.sort_unstable();
        paths.dedup();
        paths
    }

    /// Returns whether a place is in the body of a function that does nothing until it is entered, and
    /// gives nothing out before it ends.
    pub(crate) fn is_in_plain_body(&self, path: &str, function: &str, at: u32) -> bool {
        let Some(file) = self.file(path) else { return false };
        let around = |span: &&syntax::Span| (span.body..span.end).contains(&at);
        let Some(span) = file.functions.iter().filter(around).min_by_key(|span| span.end - span.start) else {
            return false;
        };
        let text = file.text.get(span.start as usize..span.end as usize).unwrap_or("yield");
        &*span.name == function && !["yield", "async"].iter().any(|word| text.contains(word))
    }

    pub(super) fn file(&self, path: &str) -> Option<&Arc<Parsed>> {
        self.changed.get(path).or_else(|| self.base.files.get(path))
    }

    /// Returns how often a gram occurs.
    pub(super) fn count(&self, gram: u64) -> u32 {
        let base = self.base.grams.get(&gram).copied().unwrap_or(0);
        let by = match self.delta.binary_search_by_key(&gram, |(gram, _)| *gram) {
            Ok(at) => self.delta[at].1,
            Err(_) => 0,
        };
        base.saturating_add_signed(by)
    }

    /// Returns the names of the parameters of the only function of this name.
    pub(super) fn parameters(&self, own: u64) -> Option<&[u64]> {
        self.base.parameters.get(&own)?.as_deref()
    }
}

impl Parsed {
    pub(super) fn new(path: &str, text: String) -> Option<Parsed> {
        let nodes = syntax::nodes(&syntax::parse(&text)?);
        let tokens = lex::tokens(&text);
        let functions = syntax::functions(Arena { text: &text, nodes: &nodes });
        let mut parsed = Parsed {
            path: path.into(),
            text,
            nodes,
            functions,
            logical: logical(&tokens),
            tokens,
            attributes: BTreeMap::new(),
            keys: BTreeMap::new(),
            exceptions: BTreeMap::new(),
        };
        parsed.fill();
        Some(parsed)
    }

    pub(super) fn arena(&self) -> Arena<'_> {
        Arena { text: &self.text, nodes: &self.nodes }
    }

    /// Returns the innermost function around a byte.
    pub(super) fn function_at(&self, byte: u32) -> Option<&Span> {
        let behind = self.functions.partition_point(|function| function.start <= byte);
        self.functions[..behind].iter().rev().find(|function| byte < function.end)
    }

    /// Returns the innermost function around a row.
    pub(super) fn function_of_row(&self, row: u32) -> Option<&Span> {
        let behind = self.functions.partition_point(|function| function.row <= row);
        self.functions[..behind].iter().rev().find(|function| row <= function.last_row)
    }

    /// Returns the rows of the logical line that a row belongs to.
    pub(super) fn logical_of(&self, row: u32) -> (u32, u32) {
        let behind = self.logical.partition_point(|(first, _)| *first <= row);
        match behind.checked_sub(1).and_then(|at| self.logical.get(at)) {
            Some((first, last)) if row <= *last => (*first, *last),
            _ => (row, row),
        }
    }

    fn word(&self, token: &Token) -> &str {
        self.text.get(token.start as usize..token.end as usize).unwrap_or("")
    }

    fn fill(&mut self) {
        let mut attributes: BTreeMap<u64, BTreeMap<String, u32>> = BTreeMap::new();
        let mut keys: BTreeMap<String, u32> = BTreeMap::new();
        let mut exceptions: BTreeMap<String, u32> = BTreeMap::new();
        let sign = |at: usize| self.tokens.get(at).map_or("", |token| self.word(token));
        for at in 0..self.tokens.len() {
            let token = &self.tokens[at];
            match token.class {
                Class::Name if at >= 2 && sign(at - 1) == "." => {
                    let object = &self.tokens[at - 2];
                    if object.class == Class::Name && (at < 3 || sign(at - 3) != ".") {
                        let class = self.function_at(token.start).map_or(0, |function| function.class);
                        let key = object_key(self.word(object), class, sign(at + 1) == "(");
                        let names = attributes.entry(key).or_default();
                        *names.entry(self.word(token).to_owned()).or_insert(0) += 1;
                    }
                }
                Class::Name if at >= 1 && matches!(sign(at - 1), "raise" | "except") => {
                    if matches!(sign(at + 1), "(" | ":" | "as" | "\n") {
                        *exceptions.entry(self.word(token).to_owned()).or_insert(0) += 1;
                    }
                }
                Class::Text
                    if at >= 1 && matches!(self.text.as_bytes()[token.start as usize], b'\'' | b'"') =>
                {
                    let is_index = sign(at - 1) == "[" && sign(at + 1) == "]";
                    let is_asked = sign(at - 1) == "(" && at >= 3 && is_key_method(sign(at - 2));
                    let is_member = matches!(sign(at + 1), "in" | "not") && sign(at - 1) != ",";
                    if is_index || is_asked || is_member {
                        *keys.entry(self.word(token).to_owned()).or_insert(0) += 1;
                    }
                }
                _ => (),
            }
        }
        self.attributes = attributes;
        self.keys = keys;
        self.exceptions = exceptions;
    }
}

/// Returns whether the first argument of a method is a key.
pub(super) fn is_key_method(name: &str) -> bool {
    matches!(name, "get" | "pop" | "setdefault" | "getattr" | "hasattr")
}

/// Returns what stands for an object: `self` is not the same in two classes.
pub(super) fn object_key(object: &str, class: u64, is_called: bool) -> u64 {
    let place = if matches!(object, "self" | "cls") { class } else { 0 };
    hash::mix(hash::mix(hash::text(object), place), u64::from(is_called))
}

/// Returns the rows of each logical line.
fn logical(tokens: &[Token]) -> Vec<(u32, u32)> {
    let mut lines = Vec::new();
    let mut first = None;
    for token in tokens {
        let begun = *first.get_or_insert(token.row);
        if token.class == Class::End {
            lines.push((begun, token.row));
            first = None;
        }
    }
    lines.extend(first.map(|row| (row, tokens.last().map_or(row, |token| token.row))));
    lines
}

/// The longest gram.
pub(super) const LONGEST: usize = 3;

/// Returns the gram of two or three neighbouring tokens, by their hashes.
pub(super) fn gram(hashes: impl Iterator<Item = u64>, size: usize) -> u64 {
    hashes.fold(size as u64, hash::mix)
}

/// Returns the gram of the shapes of tokens.
pub(super) fn shape_gram(shapes: impl Iterator<Item = u64>, size: usize) -> u64 {
    shapes.fold(0x51 + size as u64, hash::mix)
}

fn all_grams(tokens: &[Token], take: &mut dyn FnMut(u64)) {
    for at in 0..tokens.len() {
        grams_at(tokens, at, take);
    }
}

/// Gives the grams that begin at a token.
fn grams_at(tokens: &[Token], at: usize, take: &mut dyn FnMut(u64)) {
    for size in 2..=LONGEST {
        if let Some(window) = tokens.get(at..at + size) {
            take(gram(window.iter().map(|token| token.hash), size));
        }
    }
    if let Some(window) = tokens.get(at..at + LONGEST) {
        take(shape_gram(window.iter().map(|token| token.shape), LONGEST));
    }
}

/// Adds by how much the grams of two token streams differ.
fn differ(old: &[Token], new: &[Token], delta: &mut Vec<(u64, i32)>) {
    let same = |(a, b): &(&Token, &Token)| a.hash == b.hash;
    let head = old.iter().zip(new).take_while(same).count();
    let most = old.len().min(new.len()) - head;
    let tail = old.iter().rev().zip(new.iter().rev()).take(most).take_while(same).count();
    // A gram that touches the changed tokens begins at most this far before them.
    let from = head.saturating_sub(LONGEST - 1);
    for at in from..old.len() - tail {
        grams_at(old, at, &mut |gram| delta.push((gram, -1)));
    }
    for at in from..new.len() - tail {
        grams_at(new, at, &mut |gram| delta.push((gram, 1)));
    }
    delta.sort_unstable();
    delta.dedup_by(|next, kept| {
        let is_same = next.0 == kept.0;
        if is_same {
            kept.1 += next.1;
        }
        is_same
    });
    delta.retain(|(_, by)| *by != 0);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::File;

    fn tree(text: &str) -> Tree {
        let mut tree = Tree::default();
        tree.insert("a.py", File::Text(text.to_owned())).unwrap();
        tree.insert("b.py", File::Text("def other(x, y):\n    return x.real + y\n".to_owned())).unwrap();
        tree.insert("test_a.py", File::Text("assert aaa\n".to_owned())).unwrap();
        tree
    }

    #[test]
    fn a_changed_file_counts_as_if_it_had_always_been_so() {
        let old = "def f(a, b):\n    if a < b:\n        return a\n    return b\n";
        for new in [
            "def f(a, b):\n    if a <= b:\n        return a\n    return b\n",
            "",
            "def f(a, b):\n    return b\n",
            "x = (",
        ] {
            let changed = Source::new(&tree(old)).with("a.py", "pass\n").with("a.py", new);
            let fresh = Source::new(&tree(new));
            for text in [old, new, "pass\n"] {
                all_grams(&lex::tokens(text), &mut |gram| {
                    assert_eq!(changed.count(gram), fresh.count(gram), "{new}");
                });
            }
        }
    }

    #[test]
    fn tests_are_no_product_code() {
        assert_eq!(Source::new(&tree("")).paths(), ["a.py", "b.py"]);
        assert!(!is_product("pkg/tests/helper.py") && !is_product("conftest.py"));
        assert!(is_product("src/pkg/contest.py"));
    }

    #[test]
    fn functions_know_what_is_around_them() {
        let text = "class A:\n    @d\n    def f(self, x=1, *y):\n        def g(): pass\n        return g\n";
        let source = Source::new(&tree(text));
        let file = source.file("a.py").unwrap();
        let names: Vec<&str> = file.functions.iter().map(|function| &*function.name).collect();
        assert_eq!(names, ["A.f", "A.f.g"]);
        assert_eq!(file.functions[0].parameters.len(), 2);
        assert_eq!(file.function_of_row(3).map(|function| &*function.name), Some("A.f.g"));
        assert_eq!(file.function_of_row(4).map(|function| &*function.name), Some("A.f"));
    }
}
