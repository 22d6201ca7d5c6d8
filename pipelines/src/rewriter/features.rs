//! What a policy sees of an edit: hashed, sparse, and the same in every repository.
//!
//! Nothing here knows the sound code. Counts are those of the code that is edited, without the
//! occurrence that an edit would replace.

mod flow;

use std::ops::Range;
use std::sync::{Arc, LazyLock};

use super::choices::Choices;
use super::edit::{Edit, Kind};
use super::hash::{self, Table, mix};
use super::lex::{self, Class, Token};
use super::scene::Suspect;
use super::source::{LONGEST, Parsed, Source, gram, shape_gram};
use flow::{Flow, Swap};

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
    /// The highest spectrum of any line.
    pub(super) most: f64,
    pub(super) exceptions: &'a [u64],
}

/// Computes features; it remembers what edits of one repository share.
pub(super) struct Extractor<'a> {
    source: &'a Source,
    words: Words,
    /// The functions that edits were seen in.
    functions: Vec<Around<'a>>,
    /// The neighbourhoods that edits of the last place take away.
    gone: Gone,
    /// The tokens of `after`.
    after: Vec<Token>,
}

/// A function around edits.
struct Around<'a> {
    file: &'a Parsed,
    start: u32,
    tokens: &'a [Token],
    /// How often each token occurs in it.
    uses: Table<u32>,
    flow: Flow,
}

/// An edit as tokens.
struct Change<'a, 'e> {
    file: &'a Parsed,
    /// Tokens before, in the order of the text.
    left: &'a [Token],
    old: &'a [Token],
    new: &'e [Token],
    /// All tokens of `after`.
    after: &'e [Token],
    right: &'a [Token],
    /// The function around, as one of those that are known.
    around: Option<usize>,
    /// The place of the first old token.
    at: usize,
}

/// The words of names, each name cut once.
#[derive(Default)]
struct Words {
    known: Table<Range<usize>>,
    all: Vec<u64>,
}

/// The neighbourhoods that all edits of a place take away.
#[derive(Default)]
struct Gone {
    /// The file, and which of its tokens are replaced.
    place: Option<(Arc<str>, usize, usize)>,
    rows: Vec<(u64, f32)>,
    usual: Usual,
}

/// How usual neighbourhoods are: sums and weights, of pairs, of triples and of the shapes of triples.
#[derive(Clone, Copy, Default)]
struct Usual {
    sums: [f64; 3],
    windows: [f64; 3],
}

const OPEN: u64 = hash::text("(");
const CLOSE: u64 = hash::text(")");
const COMMA: u64 = hash::text(",");
const SELF: u64 = hash::text("self");

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
const SPECTRUM: u64 = 17;

impl<'a> Extractor<'a> {
    pub(super) fn new(source: &'a Source) -> Extractor<'a> {
        Extractor {
            source,
            words: Words::default(),
            functions: Vec::new(),
            gone: Gone::default(),
            after: Vec::new(),
        }
    }

    /// Adds the features of a repair.
    pub(super) fn repair(&mut self, edit: &Edit, near: &Near<'_>, row: &mut Choices) {
        let kind = edit.kind as u64;
        row.add(mix(KIND, kind), 1.0);
        row.add(mix(mix(CONTEXT, kind), hash::text(edit.context)), 0.5);
        suspicion(edit, near, row);
        let after = self.tokens_of(&edit.after);
        if let Some(change) = self.change(edit, &after) {
            swap(edit, &change, row);
            self.grams(kind, &change, row);
            self.names(edit, &change, row);
            self.parameters(edit, &change, row);
        }
        self.after = after;
    }

    /// Adds the features of a bug to plant.
    pub(super) fn plant(&mut self, edit: &Edit, covering: u32, row: &mut Choices) {
        let kind = edit.kind as u64;
        row.add(mix(KIND, kind), 1.0);
        row.add(mix(mix(CONTEXT, kind), hash::text(edit.context)), 1.0);
        let tests = mix(SHARE, u64::from(bucket(covering as usize)));
        row.add(tests, 0.5);
        row.add(mix(tests, kind), 0.5);
        let after = self.tokens_of(&edit.after);
        if let Some(change) = self.change(edit, &after) {
            swap(edit, &change, row);
            let length = change.around.map_or(0, |at| self.functions[at].tokens.len());
            row.add(mix(FUNCTION, u64::from(bucket(length / 16))), 0.5);
            for (side, token) in (1..).zip(change.left.iter().rev().take(2)) {
                row.add(mix(mix(SHAPE, side), mix(kind, token.shape)), 0.5);
            }
            for (side, token) in (11..).zip(change.right.iter().take(2)) {
                row.add(mix(mix(SHAPE, side), mix(kind, token.shape)), 0.5);
            }
        }
        self.after = after;
    }

    /// Returns the tokens of a text, in a vector that the caller gives back.
    fn tokens_of(&mut self, text: &str) -> Vec<Token> {
        let mut tokens = std::mem::take(&mut self.after);
        tokens.clear();
        lex::tokens_into(text, &mut tokens);
        tokens
    }

    fn change<'e>(&mut self, edit: &Edit, after: &'e [Token]) -> Option<Change<'a, 'e>> {
        let file: &'a Parsed = self.source.file(&edit.path)?;
        let tokens = &file.tokens[..];
        let mut from = tokens.partition_point(|token| token.end <= edit.start);
        let mut to = from + tokens[from..].partition_point(|token| token.start < edit.end());
        let mut new = after;
        // Behind a guard that is put in stands the next statement.
        let shared_tail =
            tokens[from..to].iter().rev().zip(new.iter().rev()).take_while(|(a, b)| a.hash == b.hash).count();
        to -= shared_tail;
        new = &new[..new.len() - shared_tail];
        let shared_head = tokens[from..to].iter().zip(new).take_while(|(a, b)| a.hash == b.hash).count();
        from += shared_head;
        Some(Change {
            file,
            left: &tokens[from.saturating_sub(8)..from],
            old: &tokens[from..to],
            new: &new[shared_head..],
            after,
            right: &tokens[to..(to + 8).min(tokens.len())],
            around: self.around(file, edit.start),
            at: from,
        })
    }

    /// Returns the function around a byte, as one of those that are known.
    fn around(&mut self, file: &'a Parsed, byte: u32) -> Option<usize> {
        let function = file.function_at(byte)?;
        let is_it = |known: &Around<'_>| known.start == function.start && std::ptr::eq(known.file, file);
        if let Some(known) = self.functions.iter().position(is_it) {
            return Some(known);
        }
        let first = file.tokens.partition_point(|token| token.start < function.start);
        let last = file.tokens.partition_point(|token| token.start < function.end);
        let tokens = &file.tokens[first..last];
        let mut uses = Table::default();
        tokens.iter().for_each(|token| *uses.entry(token.hash).or_insert(0) += 1);
        let flow = Flow::new(file, function);
        self.functions.push(Around { file, start: function.start, tokens, uses, flow });
        Some(self.functions.len() - 1)
    }

    /// Which neighbourhoods come and go, and how usual they are in this repository.
    fn grams(&mut self, kind: u64, change: &Change<'_, '_>, row: &mut Choices) {
        let place = (change.file.path.clone(), change.at, change.at + change.old.len());
        if self.gone.place.as_ref() != Some(&place) {
            let mut rows = std::mem::take(&mut self.gone.rows);
            rows.clear();
            let mut usual = Usual::default();
            self.windows(change, false, &mut usual, &mut |feature, value| rows.push((feature, value)));
            self.gone = Gone { place: Some(place), rows, usual };
        }
        self.gone.rows.iter().for_each(|(feature, value)| row.add(*feature, *value));
        let mut usual = self.gone.usual;
        self.windows(change, true, &mut usual, &mut |feature, value| row.add(feature, value));
        for (size, (sum, count)) in usual.sums.iter().zip(usual.windows).enumerate() {
            let ratio = (sum / count.max(0.5)).clamp(-3.0, 3.0) as f32;
            row.add(mix(RATIO, size as u64), ratio * 0.5);
            row.add(mix(mix(RATIO, 10 + size as u64), kind), ratio * 0.5);
            let step = (f64::from(ratio) * 2.0).round() as i64;
            row.add(mix(mix(RATIO, 20 + size as u64), step as u64), 0.5);
        }
    }

    /// Gives the neighbourhoods that the new tokens make, or that the old ones made.
    fn windows(
        &self,
        change: &Change<'_, '_>,
        is_new: bool,
        usual: &mut Usual,
        add: &mut dyn FnMut(u64, f32),
    ) {
        let (side, middle) = if is_new { (1.0_f32, change.new) } else { (-1.0, change.old) };
        let mut tokens = [(0, 0); 2 * SIDE + MIDDLE];
        let mut length = 0;
        let left = &change.left[change.left.len().saturating_sub(SIDE)..];
        let middle = &middle[..middle.len().min(MIDDLE)];
        for token in left.iter().chain(middle).chain(change.right.iter().take(SIDE)) {
            tokens[length] = (token.hash, token.shape);
            length += 1;
        }
        let (from, to) = (left.len(), left.len() + middle.len());
        // Occurrences that the edit replaces do not speak for themselves.
        let own = u32::from(!is_new);
        for size in 2..=LONGEST {
            let first = (from + 1).saturating_sub(size);
            for window in tokens[..length].windows(size).take(to).skip(first) {
                let raw = gram(window.iter().map(|(hash, _)| *hash), size);
                let shape = shape_gram(window.iter().map(|(_, shape)| *shape), size);
                add(mix(RAW, raw), side * 0.2);
                add(mix(SHAPE, shape), side * 0.3);
                let share = |gram: u64| log1p(self.source.count(gram).saturating_sub(own)) * f64::from(side);
                usual.sums[size - 2] += share(raw);
                usual.windows[size - 2] += 0.5;
                if size == LONGEST {
                    usual.sums[2] += share(shape);
                    usual.windows[2] += 0.5;
                }
            }
        }
    }

    /// How the names that come and go are related to what is around, and how often they are used.
    fn names(&mut self, edit: &Edit, change: &Change<'_, '_>, row: &mut Choices) {
        let is_name =
            matches!(edit.kind, Kind::Variable | Kind::Attribute | Kind::Key | Kind::Return | Kind::Call);
        let ([old], [new]) = (change.old, change.new) else { return };
        if !is_name {
            return;
        }
        let kind = edit.kind as u64;
        let text = &change.file.text;
        let old_words = self.words.of(text, old);
        let new_words = self.words.of(&edit.after, new);
        let mut sum = 0.0;
        let left = change.left.iter().rev().take(REACH).zip(1_u64..);
        let right = change.right.iter().take(REACH).zip(101_u64..);
        for (token, offset) in left.chain(right) {
            if !matches!(token.class, Class::Name | Class::Text) {
                continue;
            }
            let other = self.words.of(text, token);
            let gain = self.words.overlap(&new_words, &other) - self.words.overlap(&old_words, &other);
            row.add(mix(OVERLAP, offset), gain);
            row.add(mix(mix(OVERLAP, offset), kind), gain * 0.5);
            sum += gain;
        }
        row.add(mix(OVERLAP, 0), sum * 0.5);
        let around = change.around.and_then(|at| self.functions.get(at));
        let uses =
            |hash: u64| around.and_then(|around| around.uses.get(&hash)).map_or(0, |count| u64::from(*count));
        let (old_uses, new_uses) = (uses(old.hash).saturating_sub(1).min(4), uses(new.hash).min(4));
        row.add(mix(mix(USES, kind), old_uses), 0.5);
        row.add(mix(mix(USES, 10 + kind), new_uses), 0.5);
        row.add(mix(mix(USES, 40 + kind), old_uses * 8 + new_uses), 0.5);
        // The same name twice on either side of a sign is rarely meant.
        let is_beside = |hash: u64| {
            let near = change.left.iter().rev().take(2).chain(change.right.iter().take(2));
            near.filter(|token| token.hash == hash).count() as f32
        };
        row.add(mix(USES, 80), is_beside(new.hash) - is_beside(old.hash));
        if let (Some(around), Kind::Variable | Kind::Return) = (around, edit.kind) {
            let beside =
                [change.left.last(), change.right.first()].map(|token| token.map_or(0, |token| token.hash));
            let swap = Swap { old: old.hash, new: new.hash, beside };
            let rows = change.file.logical_of(old.row);
            around.flow.swap(kind, old.start, rows, &swap, &mut |feature, value| row.add(feature, value));
        }
    }

    /// Whether arguments are called as the parameters that they are for.
    fn parameters(&self, edit: &Edit, change: &Change<'_, '_>, row: &mut Choices) {
        if !matches!(edit.kind, Kind::Variable | Kind::Arguments) {
            return;
        }
        let tokens = &change.file.tokens;
        let Some((callee, mut place)) = called(tokens, change.at) else { return };
        let Some(names) = self.source.parameters(callee) else { return };
        place += usize::from(names.first() == Some(&SELF));
        let fits = |tokens: &[Token]| {
            let alone = tokens.iter().filter(|token| token.class == Class::Name);
            alone.zip(names.iter().skip(place)).filter(|(name, parameter)| name.hash == **parameter).count()
        };
        let gain = fits(change.new) as f32 - fits(change.old) as f32;
        row.add(mix(PARAMETER, 0), gain);
        row.add(mix(PARAMETER, edit.kind as u64 + 1), gain);
    }
}

fn suspicion(edit: &Edit, near: &Near<'_>, row: &mut Choices) {
    let Near { suspect, rank, most, exceptions } = near;
    let kind = edit.kind as u64;
    let tenth = |share: f64| (share * 8.0) as u64;
    row.add(mix(FUNCTION, tenth(suspect.function)), 0.5);
    row.add(mix(FUNCTION, 99), suspect.function as f32);
    row.add(mix(SHARE, tenth(suspect.share)), 0.5);
    row.add(mix(SPECTRUM, tenth(suspect.spectrum)), 0.5);
    row.add(mix(SPECTRUM, 99), suspect.spectrum as f32);
    row.add(mix(SPECTRUM, 20 + tenth(suspect.spectrum / most.max(1e-9))), 0.5);
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
fn swap(edit: &Edit, change: &Change<'_, '_>, row: &mut Choices) {
    let is_common = !matches!(
        edit.kind,
        Kind::Variable | Kind::Attribute | Kind::Key | Kind::Return | Kind::Arguments | Kind::Guard
    );
    let fold = |tokens: &[Token]| {
        tokens.iter().take(6).fold(0, |all, token| {
            mix(all, if is_common && edit.kind != Kind::Negation { token.hash } else { token.shape })
        })
    };
    let (old, new) = (fold(change.old), fold(change.new));
    row.add(mix(mix(SWAP, edit.kind as u64), mix(old, new)), 1.0);
    row.add(mix(mix(OLD, edit.kind as u64), old), 0.5);
    if edit.kind == Kind::Guard {
        row.add(mix(mix(SWAP, 77), words_alike(&edit.after, change.after)), 0.5);
    }
}

impl Words {
    /// Returns where the words of a token are.
    fn of(&mut self, text: &str, token: &Token) -> Range<usize> {
        let all = &mut self.all;
        let cut = || {
            let name = text.get(token.start as usize..token.end as usize).unwrap_or("");
            let from = all.len();
            all.extend(lex::words(name).iter().map(|word| hash::text(word)));
            from..all.len()
        };
        self.known.entry(token.hash).or_insert_with(cut).clone()
    }

    /// Returns the share of words that two names have in common.
    fn overlap(&self, a: &Range<usize>, b: &Range<usize>) -> f32 {
        let (a, b) = (&self.all[a.clone()], &self.all[b.clone()]);
        let shared = a.iter().filter(|word| b.contains(word)).count();
        2.0 * shared as f32 / (a.len() + b.len()).max(1) as f32
    }
}

/// Returns the hash of a text with its names made alike, one space between its tokens.
fn words_alike(text: &str, tokens: &[Token]) -> u64 {
    let mut all = hash::Text::default();
    for (place, token) in tokens.iter().enumerate() {
        if place > 0 {
            all.take(" ");
        }
        let word = || text.get(token.start as usize..token.end as usize).unwrap_or("");
        all.take(if token.class == Class::Name { "_" } else { word() });
    }
    all.finish()
}

/// Returns the logarithm of one more than a count.
fn log1p(count: u32) -> f64 {
    static SMALL: LazyLock<Vec<f64>> =
        LazyLock::new(|| (0..1024).map(|count| libm::log1p(f64::from(count))).collect());
    SMALL.get(count as usize).copied().unwrap_or_else(|| libm::log1p(f64::from(count)))
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
    let (mut depth, mut place) = (0, 0);
    for before in (at.saturating_sub(60)..at).rev() {
        let token = &tokens[before];
        if token.hash == CLOSE {
            depth += 1;
        } else if token.hash == OPEN && depth > 0 {
            depth -= 1;
        } else if token.hash == OPEN {
            let callee = tokens.get(before.checked_sub(1)?)?;
            return (callee.class == Class::Name).then_some((callee.hash, place));
        } else if token.hash == COMMA && depth == 0 {
            place += 1;
        } else if token.class == Class::End {
            return None;
        }
    }
    None
}
