//! Learning: advantages, the policy gradient, and the step that training takes.
//!
//! The optimiser is AdaGrad: `w += lr * g / sqrt(START + sum of g^2)`, of each weight for itself,
//! one step a group and pass, in the order of the groups. Its state starts fresh in each call, so
//! the result depends on nothing but the arguments. Sums are of 64 bits and in a fixed order.

use std::sync::Arc;

use super::choices::{Choices, Hat};
use super::policy::{Policy, WEIGHTS};
use crate::artifact::Counts;

/// What keeps divisions by a spread of nothing in bounds.
const DELTA: f64 = 1e-4;
/// Where AdaGrad's sums start. It keeps the first step of weights with a tiny gradient tiny.
const START: f64 = 1e-2;
/// Rewards closer than this are equal: they differ by rounding alone.
const ROUNDING: f64 = 1e-9;

/// What a pick earned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Earned {
    /// A Solver's attempt, as whole numbers.
    Counts(Counts),
    /// A Generator's candidate: its score.
    Score(f64),
}

/// A pick with what it earned.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Draw {
    /// Which of the choices it is.
    pub index: usize,
    /// The logarithm of its probability when it was drawn.
    pub log_probability: f64,
    /// What it earned.
    pub earned: Earned,
}

/// Draws from the same choices: the attempts on a task, or the candidates of a repository and card.
#[derive(Clone, Debug)]
pub struct Group {
    /// What was chosen from.
    pub choices: Arc<Choices>,
    /// What was drawn.
    pub draws: Vec<Draw>,
}

/// How rewards become advantages.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Method {
    /// The whole reward, centred and scaled within a group.
    Grpo,
    /// Each component centred and scaled within a group, then summed, then over the batch.
    Gdpo,
}

/// When the weights of the reward count, under [`Method::Gdpo`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Weighting {
    /// Never: the components are summed plainly.
    Off,
    /// After each component was centred and scaled.
    After,
}

/// The weights of what an attempt earns.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Reward {
    /// Every failing test fixed and every passing test kept.
    pub all_pass: f64,
    /// The share of the failing tests that were fixed.
    pub fixed: f64,
    /// The share of the passing tests that were kept.
    pub kept: f64,
}

impl Reward {
    /// Returns what an attempt earned.
    pub fn of(&self, counts: Counts) -> f64 {
        let Reward { all_pass, fixed, kept } = *self;
        let parts = parts(&Earned::Counts(counts));
        parts.iter().zip([all_pass, fixed, kept]).map(|(part, weight)| part.share() * weight).sum()
    }
}

impl Default for Reward {
    fn default() -> Reward {
        Reward { all_pass: 0.5, fixed: 0.3, kept: 0.2 }
    }
}

/// The loss that is trained on.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Loss {
    /// How rewards become advantages.
    pub method: Method,
    /// The weights of the reward.
    pub reward: Reward,
    /// When they count.
    pub weighting: Weighting,
}

impl Loss {
    /// Returns the loss of a hat, as the language sets it where nothing else is said.
    pub fn of(hat: Hat) -> Loss {
        let method = match hat {
            Hat::Solver => Method::Gdpo,
            Hat::Generator => Method::Grpo,
        };
        Loss { method, reward: Reward::default(), weighting: Weighting::Off }
    }
}

/// How a step is taken.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Step {
    /// The step size.
    pub lr: f64,
    /// How far the probability ratio may leave 1.
    pub clip: f64,
    /// Passes over the groups.
    pub epochs: u32,
}

impl Default for Step {
    fn default() -> Step {
        Step { lr: 0.05, clip: 0.2, epochs: 1 }
    }
}

/// Whether a gradient says anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GradientStatus {
    /// It does.
    Ok,
    /// All draws of the group earned the same: it is zero.
    Zero,
}

/// The policy gradient of a group.
#[derive(Clone, Debug, PartialEq)]
pub struct Gradient {
    /// One number a weight: where the expected reward grows.
    pub values: Vec<f32>,
    /// Whether it says anything.
    pub status: GradientStatus,
}

/// Returns the advantages of the draws of one group, before anything that needs the whole batch.
/// Where all draws earned the same, each is exactly 0.
pub fn advantages(earned: &[Earned], loss: &Loss) -> Vec<f64> {
    let parts: Vec<[Part; 3]> = earned.iter().map(parts).collect();
    let Reward { all_pass, fixed, kept } = loss.reward;
    let weights = [all_pass, fixed, kept];
    match loss.method {
        Method::Grpo => {
            let rewards: Vec<f64> = earned
                .iter()
                .map(|earned| match earned {
                    Earned::Counts(counts) => loss.reward.of(*counts),
                    Earned::Score(score) => *score,
                })
                .collect();
            scaled(&rewards)
        }
        Method::Gdpo => {
            let mut sums = vec![0.0; earned.len()];
            for (component, weight) in weights.into_iter().enumerate() {
                let column: Vec<Part> = parts.iter().map(|parts| parts[component]).collect();
                // Compared as whole numbers: eight times 0.7, divided by 8, is not 0.7.
                if column.windows(2).all(|pair| pair[0].is_equal(pair[1])) {
                    continue;
                }
                let shares: Vec<f64> = column.iter().map(|part| part.share()).collect();
                let factor = if loss.weighting == Weighting::After { weight } else { 1.0 };
                for (sum, advantage) in sums.iter_mut().zip(scaled(&shares)) {
                    *sum += advantage * factor;
                }
            }
            // A score has one component only.
            if earned.iter().any(|earned| matches!(earned, Earned::Score(_))) {
                let scores: Vec<f64> = earned
                    .iter()
                    .map(|earned| if let Earned::Score(score) = earned { *score } else { 0.0 })
                    .collect();
                sums = scaled(&scores);
            }
            sums
        }
    }
}

/// A component of a reward, as a fraction of whole numbers.
#[derive(Clone, Copy, Debug)]
struct Part(u32, u32);

impl Part {
    /// A share of nothing is the whole of it.
    fn share(self) -> f64 {
        if self.1 == 0 { 1.0 } else { f64::from(self.0) / f64::from(self.1) }
    }

    fn is_equal(self, other: Part) -> bool {
        let (a, b) = (self.filled(), other.filled());
        u64::from(a.0) * u64::from(b.1) == u64::from(b.0) * u64::from(a.1)
    }

    fn filled(self) -> Part {
        if self.1 == 0 { Part(1, 1) } else { self }
    }
}

fn parts(earned: &Earned) -> [Part; 3] {
    match earned {
        Earned::Counts(counts) => [
            Part(u32::from(counts.is_resolved()), 1),
            Part(counts.fixed, counts.failing),
            Part(counts.kept, counts.passing),
        ],
        Earned::Score(_) => [Part(0, 1); 3],
    }
}

/// Centres and scales by the mean and the unbiased deviation; all 0 where nothing differs.
fn scaled(values: &[f64]) -> Vec<f64> {
    let low = values.iter().copied().fold(f64::INFINITY, f64::min);
    let high = values.iter().copied().fold(f64::NEG_INFINITY, f64::max);
    if values.len() < 2 || high - low < ROUNDING || !(high - low).is_finite() {
        return vec![0.0; values.len()];
    }
    let (mean, deviation) = spread(values);
    values.iter().map(|value| (value - mean) / (deviation + DELTA)).collect()
}

fn spread(values: &[f64]) -> (f64, f64) {
    let count = values.len() as f64;
    let mean = values.iter().sum::<f64>() / count;
    let squares: f64 = values.iter().map(|value| (value - mean) * (value - mean)).sum();
    (mean, libm::sqrt(squares / (count - 1.0).max(1.0)))
}

/// Returns the advantages of all draws of a batch, as training uses them: with
/// [`Method::Gdpo`] they are centred and scaled once more over the batch. A group whose draws all
/// earned the same stays at exactly 0.
pub fn batch_advantages(groups: &[Group], loss: &Loss) -> Vec<Vec<f64>> {
    let mut all: Vec<Vec<f64>> = groups
        .iter()
        .map(|group| {
            let earned: Vec<Earned> = group.draws.iter().map(|draw| draw.earned).collect();
            advantages(&earned, loss)
        })
        .collect();
    if loss.method == Method::Gdpo {
        let flat: Vec<f64> = all.iter().flatten().copied().collect();
        let (mean, deviation) = spread(&flat);
        for group in all.iter_mut().filter(|group| group.iter().any(|advantage| *advantage != 0.0)) {
            for advantage in group {
                *advantage = (*advantage - mean) / (deviation + DELTA);
            }
        }
    }
    all
}

/// Returns the policy gradient of one group: the mean over its draws of the advantage times the
/// gradient of the probability ratio.
pub fn gradient(policy: &Policy, group: &Group, loss: &Loss) -> Gradient {
    let earned: Vec<Earned> = group.draws.iter().map(|draw| draw.earned).collect();
    let advantages = advantages(&earned, loss);
    let mut sums = Sums::new();
    if advantages.iter().all(|advantage| *advantage == 0.0) {
        return Gradient { values: vec![0.0; WEIGHTS], status: GradientStatus::Zero };
    }
    ascend(policy, group, &advantages, None, &mut sums);
    Gradient { values: sums.values.iter().map(|value| *value as f32).collect(), status: GradientStatus::Ok }
}

/// Trains a policy on groups of draws. Only the weights of the groups' hats change.
pub fn train(policy: &Policy, groups: &[Group], loss: &Loss, step: &Step) -> Policy {
    let advantages = batch_advantages(groups, loss);
    let mut optimiser = AdaGrad::new(policy, step.lr);
    let mut sums = Sums::new();
    for _ in 0..step.epochs {
        for (group, advantages) in groups.iter().zip(&advantages) {
            if advantages.iter().all(|advantage| *advantage == 0.0) {
                continue;
            }
            ascend(&optimiser.policy, group, advantages, Some(step.clip), &mut sums);
            optimiser.step(&mut sums);
        }
    }
    optimiser.policy
}

/// Adds the gradient of a group's objective.
fn ascend(policy: &Policy, group: &Group, advantages: &[f64], clip: Option<f64>, sums: &mut Sums) {
    let distribution = group.choices.distribution(policy);
    let mut factors = vec![0.0; group.choices.len()];
    let mut total = 0.0;
    for (draw, advantage) in group.draws.iter().zip(advantages) {
        let Some(log) = distribution.logs().get(draw.index) else { continue };
        let ratio = libm::exp(log - draw.log_probability);
        if let Some(clip) = clip {
            // Beyond the clip, the smaller of both objectives is flat.
            let is_flat =
                (*advantage > 0.0 && ratio > 1.0 + clip) || (*advantage < 0.0 && ratio < 1.0 - clip);
            if is_flat {
                continue;
            }
        }
        let factor = advantage * ratio / group.draws.len() as f64;
        factors[draw.index] += factor;
        total += factor;
    }
    for (index, log) in distribution.logs().iter().enumerate() {
        let factor = factors[index] - total * libm::exp(*log);
        sums.add(&group.choices, index, factor);
    }
}

/// Adds the gradient of the logarithm of an edit's probability.
pub(super) fn ascend_to(policy: &Policy, choices: &Choices, answer: usize, sums: &mut Sums) {
    for (index, log) in choices.distribution(policy).logs().iter().enumerate() {
        let factor = if index == answer { 1.0 } else { 0.0 } - libm::exp(*log);
        sums.add(choices, index, factor);
    }
}

/// Sums of 64 bits, one a weight, and which of them were touched.
pub(super) struct Sums {
    values: Vec<f64>,
    is_touched: Vec<bool>,
    touched: Vec<u32>,
}

impl Sums {
    pub(super) fn new() -> Sums {
        Sums { values: vec![0.0; WEIGHTS], is_touched: vec![false; WEIGHTS], touched: Vec::new() }
    }

    fn add(&mut self, choices: &Choices, index: usize, factor: f64) {
        if factor == 0.0 {
            return;
        }
        for (place, value) in choices.row(index) {
            self.values[place] += factor * value;
            if !self.is_touched[place] {
                self.is_touched[place] = true;
                self.touched.push(place as u32);
            }
        }
    }
}

/// The optimiser.
pub(super) struct AdaGrad {
    pub(super) policy: Policy,
    squares: Vec<f64>,
    lr: f64,
}

impl AdaGrad {
    pub(super) fn new(policy: &Policy, lr: f64) -> AdaGrad {
        AdaGrad { policy: policy.clone(), squares: vec![START; WEIGHTS], lr }
    }

    /// Steps along the sums, and empties them.
    pub(super) fn step(&mut self, sums: &mut Sums) {
        let weights = self.policy.weights_mut();
        for place in sums.touched.drain(..) {
            let place = place as usize;
            let slope = std::mem::take(&mut sums.values[place]);
            sums.is_touched[place] = false;
            self.squares[place] += slope * slope;
            let step = self.lr * slope / libm::sqrt(self.squares[place]);
            weights[place] = (f64::from(weights[place]) + step) as f32;
        }
    }
}

#[cfg(test)]
mod tests;
