//! Edits to choose from, and how likely each is under a policy.

use rand_core::RngCore;

use super::edit::{Edit, Kind};
use super::hash;
use super::policy::{Policy, WEIGHTS};

/// Which of its two tasks the model does. The hats share no weights: planting bugs must not
/// train against fixing them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Hat {
    /// It repairs.
    Solver,
    /// It plants.
    Generator,
}

/// The weights of the Solver; the Generator's follow.
const SOLVER_WEIGHTS: u64 = WEIGHTS as u64 / 4 * 3;

impl Hat {
    /// Returns the place of the weight of a feature.
    fn place(self, feature: u64) -> u16 {
        let place = match self {
            Hat::Solver => feature % SOLVER_WEIGHTS,
            Hat::Generator => SOLVER_WEIGHTS + feature % (WEIGHTS as u64 - SOLVER_WEIGHTS),
        };
        place as u16
    }
}

/// Edits to choose from, each with its features: a sparse matrix, one row an edit.
#[derive(Clone, Debug)]
pub struct Choices {
    hat: Hat,
    edits: Vec<Edit>,
    /// What is added to each score, whatever the weights are.
    priors: Vec<f64>,
    ends: Vec<u32>,
    places: Vec<u16>,
    values: Vec<f32>,
}

/// An edit that was chosen.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Pick {
    /// Which of the choices it is.
    pub index: usize,
    /// The logarithm of its probability.
    pub log_probability: f64,
}

/// The logarithm of each choice's probability.
#[derive(Clone, Debug)]
pub struct Distribution {
    logs: Vec<f64>,
}

impl Choices {
    pub(super) fn new(hat: Hat) -> Choices {
        Choices {
            hat,
            edits: Vec::new(),
            priors: Vec::new(),
            ends: Vec::new(),
            places: Vec::new(),
            values: Vec::new(),
        }
    }

    /// Adds a feature to the edit that [`Choices::push`] will end.
    pub(super) fn add(&mut self, feature: u64, value: f32) {
        if value != 0.0 {
            self.places.push(self.hat.place(feature));
            self.values.push(value);
        }
    }

    pub(super) fn push(&mut self, edit: Edit, prior: f64) {
        self.edits.push(edit);
        self.priors.push(prior);
        self.ends.push(self.places.len() as u32);
    }

    /// Returns whose choices they are.
    pub fn hat(&self) -> Hat {
        self.hat
    }

    /// Returns the edits, the most suspicious line first.
    pub fn edits(&self) -> &[Edit] {
        &self.edits
    }

    /// Returns how many there are.
    pub fn len(&self) -> usize {
        self.edits.len()
    }

    /// Returns whether there is nothing to choose.
    pub fn is_empty(&self) -> bool {
        self.edits.is_empty()
    }

    /// Returns the first edit that turns `buggy`, the text of the file at `path`, into `sound`.
    pub fn find(&self, path: &str, buggy: &str, sound: &str) -> Option<usize> {
        self.edits.iter().position(|edit| {
            &*edit.path == path
                && sound.len() + edit.before.len() == buggy.len() + edit.after.len()
                && edit.apply(buggy).as_deref() == Some(sound)
        })
    }

    /// Returns the features of an edit.
    pub(super) fn row(&self, index: usize) -> impl Iterator<Item = (usize, f64)> + '_ {
        let from =
            index.checked_sub(1).and_then(|before| self.ends.get(before)).copied().unwrap_or(0) as usize;
        let to = self.ends.get(index).map_or(from, |end| *end as usize);
        self.places[from..to]
            .iter()
            .zip(&self.values[from..to])
            .map(|(place, value)| (usize::from(*place), f64::from(*value)))
    }

    /// Returns how likely each edit is.
    pub fn distribution(&self, policy: &Policy) -> Distribution {
        let weights = policy.weights();
        let mut logs: Vec<f64> = self.priors.clone();
        for (index, log) in logs.iter_mut().enumerate() {
            for (place, value) in self.row(index) {
                *log += f64::from(weights[place]) * value;
            }
        }
        let highest = logs.iter().copied().fold(f64::NEG_INFINITY, f64::max);
        let sum: f64 = logs.iter().map(|log| libm::exp(log - highest)).sum();
        let all = highest + libm::log(sum);
        for log in &mut logs {
            *log -= all;
        }
        Distribution { logs }
    }

    /// Returns edits in the order in which they are drawn without replacement, `most` at most: the
    /// `o`-th draw of a group is the `o`-th of these. An edit that is at least as similar as
    /// `dedupe` to an earlier one of the group is left out.
    ///
    /// The random stream is the group's: each draw can be computed alone. Its numbers go with the
    /// edits and not with their places, so that other weights, or a card that changed a little,
    /// mostly draw the same.
    pub fn draws(&self, policy: &Policy, random: &mut impl RngCore, most: usize, dedupe: f64) -> Vec<Pick> {
        let logs = self.distribution(policy).logs;
        let seed = random.next_u64();
        // The order by log-probability plus Gumbel noise is that of drawing one after the other.
        let noisy = |(index, log): (usize, &f64)| (log + gumbel(seed, identity(&self.edits[index])), index);
        let mut order: Vec<(f64, usize)> = logs.iter().enumerate().map(noisy).collect();
        order.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        let mut kept: Vec<Pick> = Vec::new();
        for (_, index) in order {
            if kept.len() >= most {
                break;
            }
            if kept.iter().all(|pick| similarity(&self.edits[pick.index], &self.edits[index]) < dedupe) {
                kept.push(Pick { index, log_probability: logs[index] });
            }
        }
        kept
    }
}

impl Distribution {
    /// Returns the logarithms of the probabilities.
    pub fn logs(&self) -> &[f64] {
        &self.logs
    }

    /// Returns the probability of an edit.
    pub fn probability(&self, index: usize) -> f64 {
        self.logs.get(index).map_or(0.0, |log| libm::exp(*log))
    }

    /// Draws an edit; none when there is nothing to choose.
    ///
    /// The one with the highest log-probability plus Gumbel noise: with the same stream, another
    /// distribution gives another edit only about as often as the two differ.
    pub fn sample(&self, random: &mut impl RngCore) -> Option<Pick> {
        let seed = random.next_u64();
        let noisy = |(index, log): (usize, &f64)| (log + gumbel(seed, index as u64), index);
        let (_, index) = self.logs.iter().enumerate().map(noisy).max_by(|a, b| a.0.total_cmp(&b.0))?;
        Some(Pick { index, log_probability: self.logs[index] })
    }
}

/// Returns how similar two planted edits are, from 0 to 1: the shared part of where they are and
/// what they do.
pub fn similarity(a: &Edit, b: &Edit) -> f64 {
    let same = |is: bool, weight: f64| if is { weight } else { 0.0 };
    let is_function = a.path == b.path && a.function == b.function;
    same(is_function, 0.25)
        + same(is_function && a.line == b.line, 0.25)
        + same(a.kind == b.kind, 0.1)
        + same(a.kind == b.kind && a.context == b.context, 0.1)
        + same(a.before == b.before, 0.15)
        + same(a.after == b.after, 0.15)
}

/// Returns what tells an edit from the others of a repository.
fn identity(edit: &Edit) -> u64 {
    let place = hash::mix(hash::text(&edit.path), u64::from(edit.start));
    hash::mix(place, hash::mix(hash::text(&edit.before), hash::text(&edit.after)))
}

/// Returns a number of the standard Gumbel distribution, always the same for the same arguments.
fn gumbel(seed: u64, which: u64) -> f64 {
    // Between 0 and 1, never either.
    let unit = ((hash::mix(hash::mix(seed, which), seed) >> 12) as f64 + 0.5) / (1_u64 << 52) as f64;
    -libm::log(-libm::log(unit))
}

/// Returns how many edits there are of each kind.
pub(super) fn by_kind(edits: &[Edit]) -> [usize; Kind::ALL.len()] {
    let mut counts = [0; Kind::ALL.len()];
    for edit in edits {
        counts[edit.kind as usize] += 1;
    }
    counts
}
