//! What is said of tasks: `verdict/1`, `score/1`, `selection/1`, `evaluation/1`.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// `verdict/1`: what a gate says of a candidate.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Verdict {
    /// `verdict/1`.
    pub schema: String,
    /// The digest of the candidate.
    pub task: String,
    /// What sort of gate: one of the built-in ones, or `run`.
    pub gate: String,
    /// Whether the candidate passes. Broken surroundings are no verdict.
    pub pass: bool,
    /// Why not, in few words that are the same for the same cause; empty when it passes.
    pub reason: String,
    /// More about the reason.
    #[serde(default, skip_serializing_if = "String::is_empty")]
    pub detail: String,
}

/// `score/1`: what the accepted tasks of a round are worth.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scores {
    /// `score/1`.
    pub schema: String,
    /// What the scores are: `cosine`, `dot`, ...
    pub mode: String,
    /// The score of a candidate that no gate accepted.
    pub invalid: f64,
    /// The norm of the exam's gradient; none where the mode needs no gradient.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction_norm: Option<f64>,
    /// How many tasks of the exam have a gradient, and how many there are.
    pub exam: (u32, u32),
    /// The tasks, sorted by digest.
    pub tasks: Vec<Scored>,
}

/// The score of a task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Scored {
    /// The digest of the task.
    pub task: String,
    /// The digest of its repository.
    pub repo: String,
    /// The score; a task without a gradient has 0.
    pub score: f64,
    /// The standard error of the score, from leaving out a tenth of the exam at a time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub error: Option<f64>,
    /// `ok`, `zero` when all attempts earned the same, or `non_finite`.
    pub status: String,
    /// How many attempts resolved it, of how many.
    pub resolved: (u32, u32),
}

/// `selection/1`: which tasks are trained on, and why the others are not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Selection {
    /// `selection/1`.
    pub schema: String,
    /// The tasks, sorted by digest.
    pub tasks: Vec<Selected>,
    /// How many scored tasks were left out, by reason.
    pub left_out: std::collections::BTreeMap<String, u32>,
}

/// A task that is trained on.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Selected {
    /// The digest of the task.
    pub task: String,
    /// The digest of its repository.
    pub repo: String,
    /// The score it was taken for.
    pub score: f64,
    /// Whether it comes from an earlier round.
    pub earlier: bool,
}

/// `evaluation/1`: how some weights did on one held-out task.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evaluation {
    /// `evaluation/1`.
    pub schema: String,
    /// The digest of the task.
    pub task: String,
    /// The digest of its repository.
    pub repo: String,
    /// The kind of the planted edit.
    pub kind: String,
    /// Whether each attempt resolved it, in order.
    pub resolved: Vec<bool>,
}

impl Evaluation {
    /// Returns the share of the attempts that resolved it.
    pub fn rate(&self) -> f64 {
        let resolved = self.resolved.iter().filter(|resolved| **resolved).count();
        resolved as f64 / self.resolved.len().max(1) as f64
    }

    /// Returns whether any attempt resolved it.
    pub fn any(&self) -> bool {
        self.resolved.contains(&true)
    }
}
