//! The bugs that a Generator chooses from.

use std::collections::{BTreeMap, BTreeSet};

use super::choices::{Choices, Hat, by_kind};
use super::edit::{Edit, Kind};
use super::enumerate;
use super::features::Extractor;
use super::hash;
use super::scene::plain_name;
use super::source::Source;
use crate::artifact::{Card, KnownStatus, Suite};

/// How many edits of one kind are offered without a card.
const OF_A_KIND: usize = 120;
/// How many edits are offered for one weakness of a card.
const OF_A_WEAKNESS: usize = 480;
/// The share of draws that a card leaves to chance.
const UNGUIDED: f64 = 0.08;

/// How often each kind is planted without a card: mostly operators and numbers, as mutation tools
/// do. What the Solver finds hard, only cards tell.
const GENERIC: [f64; Kind::ALL.len()] =
    [6.0, 6.0, 3.0, 3.0, 4.0, 4.0, 1.0, 0.5, 0.5, 0.5, 0.5, 1.0, 1.0, 0.5, 0.5, 0.5, 0.5];

/// Which bugs are liked.
#[derive(Clone, Copy, Debug)]
pub enum Taste<'a> {
    /// Those that mutation tools plant: operators and numbers, mostly.
    Generic,
    /// Every kind alike.
    Balanced,
    /// Those that a card is about.
    Card(&'a Card),
}

/// Returns the bugs that may be planted in functions that trusted tests enter, each one that a
/// Solver can undo.
///
/// With a card, nearly all of the probability goes to its weaknesses, each by its weight; what
/// this repository has no place for is shared among the others. Weights that were learned act on
/// top of that.
pub fn plants(source: &Source, suite: &Suite, taste: Taste<'_>) -> Choices {
    let covering = covering(suite);
    let edits = candidates(source, &covering);
    let counts = by_kind(&edits);
    let matches = match taste {
        Taste::Card(card) => weaknesses(card, &edits),
        Taste::Generic | Taste::Balanced => Vec::new(),
    };
    let generic = |kind: Kind| match taste {
        Taste::Balanced => 1.0,
        Taste::Generic | Taste::Card(_) => GENERIC[kind as usize],
    };
    let kinds: f64 =
        Kind::ALL.iter().filter(|kind| counts[**kind as usize] > 0).map(|kind| generic(*kind)).sum();
    let guided: f64 = matches.iter().map(|matched| matched.weight).sum();

    let chosen = thin(&edits, &matches);
    let mut kept = [0_usize; Kind::ALL.len()];
    for place in &chosen {
        kept[edits[*place].kind as usize] += 1;
    }
    let mut shares: Vec<f64> = chosen
        .iter()
        .map(|place| {
            let kind = edits[*place].kind;
            let generic = generic(kind) / kinds / kept[kind as usize].max(1) as f64;
            if guided > 0.0 { UNGUIDED * generic } else { generic }
        })
        .collect();
    for matched in &matches {
        let those: Vec<usize> = (0..chosen.len()).filter(|at| matched.is_met(&edits[chosen[*at]])).collect();
        for at in &those {
            shares[*at] += (1.0 - UNGUIDED) * matched.weight / guided / those.len() as f64;
        }
    }

    let mut choices = Choices::new(Hat::Generator);
    let mut features = Extractor::new(source);
    for (place, share) in chosen.into_iter().zip(shares) {
        let edit = edits[place].clone();
        let functions = covering.get(&*edit.path);
        let tests = functions.and_then(|functions| functions.get(&*edit.function)).copied().unwrap_or(0);
        features.plant(&edit, tests, &mut choices);
        choices.push(edit, libm::log(share));
    }
    choices
}

/// Returns how many trusted tests enter each function, by file and function.
fn covering(suite: &Suite) -> BTreeMap<&str, BTreeMap<String, u32>> {
    let mut tests = vec![0; suite.functions.len()];
    for test in suite.tests.values().filter(|test| test.status == KnownStatus::Passed) {
        for at in &test.covers {
            if let Some(count) = tests.get_mut(*at as usize) {
                *count += 1;
            }
        }
    }
    let mut covering: BTreeMap<&str, BTreeMap<String, u32>> = BTreeMap::new();
    for (function, count) in suite.functions.iter().zip(tests).filter(|(_, count)| *count > 0) {
        let functions = covering.entry(&function.path).or_default();
        let entry = functions.entry(plain_name(&function.name)).or_insert(0);
        *entry = count.max(*entry);
    }
    covering
}

fn candidates(source: &Source, covering: &BTreeMap<&str, BTreeMap<String, u32>>) -> Vec<Edit> {
    let mut found = Vec::new();
    for (path, functions) in covering {
        let Some(file) = source.file(path) else { continue };
        let spans: Vec<(u32, u32)> = file
            .functions
            .iter()
            .filter(|function| functions.contains_key(&*function.name))
            .map(|function| (function.row, function.last_row))
            .collect();
        let edits =
            enumerate::edits(file, &|row| spans.iter().any(|(first, last)| (*first..=*last).contains(&row)));
        found.extend(
            edits.into_iter().filter(|edit| edit.is_undoable && functions.contains_key(&*edit.function)),
        );
    }
    found
}

/// A weakness of a card that this repository has places for.
#[derive(Debug)]
struct Matched {
    kind: Kind,
    /// Empty for any.
    context: String,
    weight: f64,
}

impl Matched {
    fn is_met(&self, edit: &Edit) -> bool {
        edit.kind == self.kind && (self.context.is_empty() || edit.context == self.context)
    }
}

fn weaknesses(card: &Card, edits: &[Edit]) -> Vec<Matched> {
    let mut matched = Vec::new();
    for weakness in card.weakness.iter().filter(|weakness| weakness.weight > 0.0) {
        let Some(kind) = Kind::from_name(&weakness.kind) else { continue };
        let exact = Matched { kind, context: weakness.context.clone(), weight: weakness.weight };
        // Nothing here has that context: the kind is still what the card is about.
        let loose = Matched { kind, context: String::new(), weight: weakness.weight / 2.0 };
        matched.extend([exact, loose].into_iter().find(|one| edits.iter().any(|edit| one.is_met(edit))));
    }
    matched
}

/// Returns which edits are offered: some of each kind, and more of those that a card is about.
/// Which ones is decided by their content.
fn thin(edits: &[Edit], matches: &[Matched]) -> Vec<usize> {
    let mut order: Vec<(u64, usize)> = edits
        .iter()
        .enumerate()
        .map(|(place, edit)| {
            let where_ = hash::mix(hash::text(&edit.path), u64::from(edit.start));
            (hash::mix(where_, hash::text(&edit.after)), place)
        })
        .collect();
    order.sort_unstable();
    let mut kept = BTreeSet::new();
    for kind in Kind::ALL {
        let those = order.iter().filter(|(_, place)| edits[*place].kind == kind);
        kept.extend(those.take(OF_A_KIND).map(|(_, place)| *place));
    }
    for matched in matches {
        let those = order.iter().filter(|(_, place)| matched.is_met(&edits[*place]));
        kept.extend(those.take(OF_A_WEAKNESS).map(|(_, place)| *place));
    }
    kept.into_iter().collect()
}
