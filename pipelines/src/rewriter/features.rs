//! What a policy sees of an edit: hashed, sparse, and the same in every repository.
//!
//! Nothing here knows the sound code. Counts are those of the code that is edited, without the
//! occurrence that an edit would replace.

use super::choices::Choices;
use super::edit::{Edit, Kind};
use super::hash::{self, Table, mix};
use super::lex::{self, Class, Token};
use super::scene::Suspect;
use super::source::{LONGEST, Parsed, Source, gram, shape_gram};

/// How many tokens on each side are looked at.
const SIDE: usize = 3;
/// How far subwords are compared.
const REACH: usize = 4;
/// Longer replacements are compared by their first tokens.
const MIDDLE: usize = 14;

/// What a Solver knows of the place of an edit.
pub(super) struct Near<'a> {
    pub(super) suspect: &'a Suspect,
    pub(super) rank: usize,
    pub(super) exceptions: &'a [u64],
}

/// Computes features; it remembers what edits of one repository share.
pub(super) struct Extractor<'a> {
    source: &'a Source,
    words: Table<Vec<u64>>,
}

/// An edit as tokens.
struct Change<'a> {
    file: &'a Parsed,
    /// Tokens before, in the order of the text.
    left: &'a [Token],
    old: Vec<Token>,
    new: Vec<Token>,
    right: &'a [Token],
    /// The tokens of the function around.
    around: &'a [Token],
    /// The place of the first old token.
    at: usize,
}

const KIND: u64 = 1;
const CONTEXT: u64 = 2;
const SWAP: u64 = 3;
const RAW: u64 = 4;
const SHAPE: u64 = 5;
const RATIO: u64 = 6;
const OVERLAP: u64 = 7;
const USES: u64 = 8;
const PARAMETER: u64 = 9;
const FUNCTION: u64 = 10;
const SHARE: u64 = 11;
const RANK: u64 = 12;
const DISTANCE: u64 = 13;
const EXCEPTION: u64 = 14;
const OLD: u64 = 15;

impl<'a> Extractor<'a> {
    pub(super) fn new(source: &'a Source) -> Extractor<'a> {
        Extractor { source, words: Table::default() }
    }

    /// Adds the features of a repair.
    pub(super) fn repair(&mut self, edit: &Edit, near: &Near<'_>, row: &mut Choices) {
        let kind = edit.kind as u64;
        row.add(mix(KIND, kind), 1.0);
        row.add(mix(mix(CONTEXT, kind), hash::text(edit.context)), 0.5);
        self.suspicion(edit, near, row);
        if let Some(change) = change(self.source, edit) {
            self.swap(edit, &change, row);
            self.grams(kind, &change, row);
            self.names(edit, &change, row);
            self.parameters(edit, &change, row);
        }
    }

    /// Adds the features of a bug to plant.
    pub(super) fn plant(&mut self, edit: &Edit, covering: u32, row: &mut Choices) {
        let kind = edit.kind as u64;
        row.add(mix(KIND, kind), 1.0);
        row.add(mix(mix(CONTEXT, kind), hash::text(edit.context)), 1.0);
        let tests = mix(SHARE, u64::from(bucket(covering as usize)));
        row.add(tests, 0.5);
        row.add(mix(tests, kind), 0.5);
        let Some(change) = change(self.source, edit) else { return };
        self.swap(edit, &change, row);
        row.add(mix(FUNCTION, u64::from(bucket(change.around.len() / 16))), 0.5);
        for (side, token) in change.left.iter().rev().take(2).zip(1..).map(|(token, place)| (place, token)) {
            row.add(mix(mix(SHAPE, side), mix(kind, token.shape)), 0.5);
        }
        for (side, token) in change.right.iter().take(2).zip(11..).map(|(token, place)| (place, token)) {
            row.add(mix(mix(SHAPE, side), mix(kind, token.shape)), 0.5);
        }
    }

    fn suspicion(&self, edit: &Edit, near: &Near<'_>, row: &mut Choices) {
        let Near { suspect, rank, exceptions } = near;
        let kind = edit.kind as u64;
        let tenth = |share: f64| (share * 8.0) as u64;
        row.add(mix(FUNCTION, tenth(suspect.function)), 0.5);
        row.add(mix(FUNCTION, 99), suspect.function as f32);
        row.add(mix(SHARE, tenth(suspect.share)), 0.5);
        row.add(mix(RANK, u64::from(bucket(*rank))), 0.5);
        row.add(mix(mix(RANK, 7), kind), 1.0 / (1.0 + *rank as f32));
        let distance = match suspect.distance {
            Some(lines) => u64::from(bucket(lines as usize)),
            None => 90 + u64::from(suspect.is_frame),
        };
        row.add(mix(DISTANCE, distance), 0.5);
        for exception in *exceptions {
            row.add(mix(mix(EXCEPTION, kind), *exception), 0.5);
            let is_here = u64::from(suspect.distance == Some(0));
            row.add(mix(mix(mix(EXCEPTION, 50 + is_here), kind), *exception), 0.5);
        }
    }

    /// What is replaced by what, where the words are those of the language or of everyone.
    fn swap(&self, edit: &Edit, change: &Change<'_>, row: &mut Choices) {
        let is_common = !matches!(
            edit.kind,
            Kind::Variable | Kind::Attribute | Kind::Key | Kind::Return | Kind::Arguments | Kind::Guard
        );
        let fold = |tokens: &[Token]| {
            tokens.iter().take(6).fold(0, |all, token| {
                mix(all, if is_common && edit.kind != Kind::Negation { token.hash } else { token.shape })
            })
        };
        let (old, new) = (fold(&change.old), fold(&change.new));
        row.add(mix(mix(SWAP, edit.kind as u64), mix(old, new)), 1.0);
        row.add(mix(mix(OLD, edit.kind as u64), old), 0.5);
        if edit.kind == Kind::Guard {
            let text = hash::text(change_words(&edit.after).as_str());
            row.add(mix(mix(SWAP, 77), text), 0.5);
        }
    }

    /// Which neighbourhoods come and go, and how usual they are in this repository.
    fn grams(&self, kind: u64, change: &Change<'_>, row: &mut Choices) {
        let mut sums = [0.0_f64; 3];
        let mut windows = [0.0_f64; 3];
        for (side, middle) in [(-1.0_f32, &change.old), (1.0, &change.new)] {
            let mut tokens: Vec<Token> = change.left[change.left.len().saturating_sub(SIDE)..].to_vec();
            let from = tokens.len();
            tokens.extend(middle.iter().take(MIDDLE));
            let to = tokens.len();
            tokens.extend(change.right.iter().take(SIDE));
            // Occurrences that the edit replaces do not speak for themselves.
            let own = u32::from(side < 0.0);
            for size in 2..=LONGEST {
                let first = (from + 1).saturating_sub(size);
                for (at, window) in
                    tokens.windows(size).enumerate().skip(first).take_while(|(at, _)| *at < to.max(from))
                {
                    if at + size <= from {
                        continue;
                    }
                    let hashes: Vec<u64> = window.iter().map(|token| token.hash).collect();
                    let shapes: Vec<u64> = window.iter().map(|token| token.shape).collect();
                    let raw = gram(&hashes);
                    let shape = shape_gram(&shapes);
                    row.add(mix(RAW, raw), side * 0.5);
                    row.add(mix(SHAPE, shape), side * 0.5);
                    let usual = |gram: u64| {
                        libm::log1p(f64::from(self.source.count(gram).saturating_sub(own))) * f64::from(side)
                    };
                    sums[size - 2] += usual(raw);
                    windows[size - 2] += 0.5;
                    if size == LONGEST {
                        sums[2] += usual(shape);
                        windows[2] += 0.5;
                    }
                }
            }
        }
        for (size, (sum, count)) in sums.iter().zip(windows).enumerate() {
            let ratio = (sum / count.max(0.5)).clamp(-3.0, 3.0) as f32;
            row.add(mix(RATIO, size as u64), ratio * 0.5);
            row.add(mix(mix(RATIO, 10 + size as u64), kind), ratio * 0.5);
            let step = (f64::from(ratio) * 2.0).round() as i64;
            row.add(mix(mix(RATIO, 20 + size as u64), step as u64), 0.5);
        }
    }

    /// How the names that come and go are related to what is around, and how often they are used.
    fn names(&mut self, edit: &Edit, change: &Change<'_>, row: &mut Choices) {
        let is_name =
            matches!(edit.kind, Kind::Variable | Kind::Attribute | Kind::Key | Kind::Return | Kind::Call);
        let ([old], [new]) = (&change.old[..], &change.new[..]) else { return };
        if !is_name {
            return;
        }
        let kind = edit.kind as u64;
        let file = change.file;
        let old_words = self.words_of(&file.text, old).to_vec();
        let new_words = self.words_in(&edit.after, new).to_vec();
        let mut sum = 0.0;
        let left = change.left.iter().rev().take(REACH).zip(1_u64..);
        let right = change.right.iter().take(REACH).zip(101_u64..);
        for (token, offset) in left.chain(right) {
            if !matches!(token.class, Class::Name | Class::Text) {
                continue;
            }
            let other = self.words_of(&file.text, token);
            let gain = overlap(&new_words, other) - overlap(&old_words, other);
            row.add(mix(OVERLAP, offset), gain);
            row.add(mix(mix(OVERLAP, offset), kind), gain * 0.5);
            sum += gain;
        }
        row.add(mix(OVERLAP, 0), sum * 0.5);
        let uses = |hash: u64| change.around.iter().filter(|token| token.hash == hash).count();
        let (old_uses, new_uses) = (uses(old.hash).saturating_sub(1).min(4), uses(new.hash).min(4));
        row.add(mix(mix(USES, kind), old_uses as u64), 0.5);
        row.add(mix(mix(USES, 10 + kind), new_uses as u64), 0.5);
        row.add(mix(mix(USES, 40 + kind), (old_uses * 8 + new_uses) as u64), 0.5);
        // The same name twice on either side of a sign is rarely meant.
        let is_beside = |hash: u64| {
            let near = change.left.iter().rev().take(2).chain(change.right.iter().take(2));
            near.filter(|token| token.hash == hash).count() as f32
        };
        row.add(mix(USES, 80), is_beside(new.hash) - is_beside(old.hash));
    }

    /// Whether arguments are called as the parameters that they are for.
    fn parameters(&self, edit: &Edit, change: &Change<'_>, row: &mut Choices) {
        if !matches!(edit.kind, Kind::Variable | Kind::Arguments) {
            return;
        }
        let tokens = &change.file.tokens;
        let Some((callee, mut place)) = called(tokens, change.at) else { return };
        let Some(names) = self.source.parameters(callee) else { return };
        place += usize::from(names.first().is_some_and(|first| *first == hash::text("self")));
        let fits = |tokens: &[Token]| {
            let alone: Vec<u64> =
                tokens.iter().filter(|token| token.class == Class::Name).map(|token| token.hash).collect();
            alone.iter().zip(names.iter().skip(place)).filter(|(name, parameter)| name == parameter).count()
        };
        let gain = fits(&change.new) as f32 - fits(&change.old) as f32;
        row.add(mix(PARAMETER, 0), gain);
        row.add(mix(PARAMETER, edit.kind as u64 + 1), gain);
    }

    fn words_of(&mut self, text: &str, token: &Token) -> &[u64] {
        self.words
            .entry(token.hash)
            .or_insert_with(|| hashed_words(text.get(token.start as usize..token.end as usize).unwrap_or("")))
    }

    fn words_in(&mut self, text: &str, token: &Token) -> &[u64] {
        self.words_of(text, token)
    }
}

fn hashed_words(name: &str) -> Vec<u64> {
    lex::words(name).iter().map(|word| hash::text(word)).collect()
}

/// Returns the share of words that two names have in common.
fn overlap(a: &[u64], b: &[u64]) -> f32 {
    let shared = a.iter().filter(|word| b.contains(word)).count();
    2.0 * shared as f32 / (a.len() + b.len()).max(1) as f32
}

/// Returns a text with its names made alike.
fn change_words(text: &str) -> String {
    let mut words = Vec::new();
    for token in lex::tokens(text) {
        let word = text.get(token.start as usize..token.end as usize).unwrap_or("");
        words.push(if token.class == Class::Name { "_" } else { word });
    }
    words.join(" ")
}

/// Returns which of a few buckets a number is in: they widen as numbers grow.
fn bucket(number: usize) -> u8 {
    match number {
        0..=3 => number as u8,
        4..=5 => 4,
        6..=8 => 5,
        9..=13 => 6,
        14..=22 => 7,
        23..=40 => 8,
        41..=80 => 9,
        _ => 10,
    }
}

/// Returns the name of the function that a token is an argument of, and which argument it is.
fn called(tokens: &[Token], at: usize) -> Option<(u64, usize)> {
    let (open, close, comma) = (hash::text("("), hash::text(")"), hash::text(","));
    let (mut depth, mut place) = (0, 0);
    for before in (at.saturating_sub(60)..at).rev() {
        let token = &tokens[before];
        if token.hash == close {
            depth += 1;
        } else if token.hash == open && depth > 0 {
            depth -= 1;
        } else if token.hash == open {
            let callee = tokens.get(before.checked_sub(1)?)?;
            return (callee.class == Class::Name).then_some((callee.hash, place));
        } else if token.hash == comma && depth == 0 {
            place += 1;
        } else if token.class == Class::End {
            return None;
        }
    }
    None
}

fn change<'a>(source: &'a Source, edit: &Edit) -> Option<Change<'a>> {
    let file = source.file(&edit.path)?;
    let tokens = &file.tokens;
    let mut from = tokens.partition_point(|token| token.end <= edit.start);
    let mut to = from + tokens[from..].partition_point(|token| token.start < edit.end());
    let mut new = lex::tokens(&edit.after);
    // Behind a guard that is put in stands the next statement.
    let shared_tail =
        tokens[from..to].iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a.hash == b.hash).count();
    to -= shared_tail;
    new.truncate(new.len() - shared_tail);
    let shared_head = tokens[from..to].iter().zip(&new).take_while(|(a, b)| a.hash == b.hash).count();
    from += shared_head;
    new.drain(..shared_head);
    let around = file.function_at(edit.start).map_or(&[][..], |function| {
        let first = tokens.partition_point(|token| token.start < function.start);
        let last = tokens.partition_point(|token| token.start < function.end);
        &tokens[first..last]
    });
    Some(Change {
        file,
        left: &tokens[from.saturating_sub(8)..from],
        old: tokens[from..to].to_vec(),
        new,
        right: &tokens[to..(to + 8).min(tokens.len())],
        around,
        at: from,
    })
}
