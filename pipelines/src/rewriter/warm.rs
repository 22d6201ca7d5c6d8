//! The warm start: a few supervised passes, so that not all first groups fail.

use std::sync::Arc;

use super::choices::Choices;
use super::learn::{AdaGrad, Sums, ascend_to};
use super::policy::Policy;

/// A failure with the edit that mends it.
#[derive(Clone, Debug)]
pub struct Example {
    /// The edits that a Solver chooses from.
    pub choices: Arc<Choices>,
    /// Which of them mends it.
    pub answer: usize,
}

/// How the warm start goes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct WarmStart {
    /// The step size.
    pub lr: f64,
    /// Passes at the most.
    pub passes: u32,
    /// Each so many examples, one is held out; they say when to stop.
    pub held_out: usize,
}

impl Default for WarmStart {
    /// Weak on purpose: what can be learned from rewards should be.
    fn default() -> WarmStart {
        WarmStart { lr: 0.05, passes: 3, held_out: 5 }
    }
}

/// Returns the policy after the warm start. It ends after the pass behind which the examples that
/// are held out become less likely again.
///
/// Examples are held out and gone through in the order given: sort them by digest.
pub fn warm_start(policy: &Policy, examples: &[Example], settings: &WarmStart) -> Policy {
    let is_usable = |example: &&Example| example.answer < example.choices.len();
    let every = settings.held_out.max(2);
    let usable: Vec<&Example> = examples.iter().filter(is_usable).collect();
    let (held, shown): (Vec<_>, Vec<_>) =
        usable.into_iter().enumerate().partition(|(place, _)| place % every == every - 1);
    let loss = |policy: &Policy| -> f64 {
        held.iter().map(|(_, example)| -example.choices.distribution(policy).logs()[example.answer]).sum()
    };
    let mut optimiser = AdaGrad::new(policy, settings.lr);
    let mut sums = Sums::new();
    let mut best = (loss(policy), policy.clone());
    for _ in 0..settings.passes {
        for (_, example) in &shown {
            ascend_to(&optimiser.policy, &example.choices, example.answer, &mut sums);
            optimiser.step(&mut sums);
        }
        let now = loss(&optimiser.policy);
        if !held.is_empty() && now >= best.0 {
            return best.1;
        }
        best = (now, optimiser.policy.clone());
    }
    best.1
}
