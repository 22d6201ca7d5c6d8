//! `trace/1`: what an attempt did; `card/1`: what many of them teach.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sswe_cache::Digest;

use super::{Observed, Status};

/// `trace/1`: an attempt on a task, with what the Solver saw and did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempt {
    /// `trace/1`.
    pub schema: String,
    /// The face of the task: the digest of what a Solver may see of it.
    pub task: String,
    /// The digest of the repository.
    pub repo: String,
    /// Which attempt on the task it is, from 0.
    pub attempt: u32,
    /// The statement.
    pub statement: String,
    /// What the Solver saw of the failure.
    pub observed: Observed,
    /// What it tried.
    pub tried: Tried,
    /// What the tests said.
    pub feedback: Feedback,
    /// How it ended.
    pub outcome: Outcome,
}

/// An edit that was tried.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Tried {
    /// The file.
    pub path: String,
    /// The function around it.
    pub function: String,
    /// The line, from 1.
    pub line: u32,
    /// The kind of the edit.
    pub kind: String,
    /// The syntax around it, such as `if_statement`.
    pub context: String,
    /// Where the text begins in the file, in bytes.
    pub start: u32,
    /// The text that was there.
    pub before: String,
    /// The text that was put in its place.
    pub after: String,
    /// The logarithm of the probability with which it was chosen.
    pub log_probability: f64,
    /// Among how many edits it was chosen.
    pub choices: u32,
}

/// What the tests said of an attempt.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Feedback {
    /// The tests that still fail or newly fail, with what they did.
    pub not_passed: BTreeMap<String, Status>,
    /// How many of which tests passed.
    pub counts: Counts,
    /// Why nothing of it counts, where an attempt cheats: then no test is said to have passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub alarm: Option<String>,
    /// What of the attempt was left out before it was judged.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub dropped: BTreeMap<String, Dropped>,
}

/// Why a part of an attempt is left out before it is judged.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Dropped {
    /// It decides which tests run, or how.
    Control,
    /// It would be found in the place of a module that tests take from the environment.
    StandsIn,
    /// Its path leads outside of the repository, or is none.
    Outside,
    /// It is a link.
    Link,
    /// It is no text.
    Binary,
    /// It is too large.
    TooLarge,
    /// The repository has a folder there, or a file where its folder would be.
    Clash,
}

/// What an attempt earned, as whole numbers: rewards are compared before they are divided.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Counts {
    /// Failing tests that pass now.
    pub fixed: u32,
    /// Tests that failed.
    pub failing: u32,
    /// Passing tests that still pass.
    pub kept: u32,
    /// Tests that passed.
    pub passing: u32,
}

impl Counts {
    /// Returns whether everything that should pass does. Where no test failed, none tells.
    pub fn is_resolved(self) -> bool {
        self.failing > 0 && self.fixed == self.failing && self.kept == self.passing
    }
}

/// How an attempt ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Outcome {
    /// Every test that should pass does.
    Passed,
    /// Some of the failing tests were fixed.
    Partial,
    /// None was.
    Failed,
}

/// `trace/1`: all attempts of some weights on one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Traces {
    /// `trace/1`.
    pub schema: String,
    /// The face of the task: the digest of what a Solver may see of it.
    pub task: String,
    /// The digest of the repository.
    pub repo: String,
    /// The statement.
    pub statement: String,
    /// What the Solver saw of the failure.
    pub observed: Observed,
    /// What it did, attempt by attempt.
    pub attempts: Vec<Traced>,
}

/// One attempt of a trace.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Traced {
    /// What the Solver tried.
    pub tried: Tried,
    /// What the tests said.
    pub feedback: Feedback,
    /// How it ended.
    pub outcome: Outcome,
}

impl Attempt {
    /// Returns the digest that names it: cards say by it which traces they rest on.
    pub fn digest(&self) -> Digest {
        Digest::of(&super::encode(self))
    }
}

impl Traces {
    /// Returns the attempts one by one, each with what is common to all.
    pub fn each(&self) -> impl Iterator<Item = Attempt> {
        self.attempts.iter().enumerate().map(|(at, traced)| Attempt {
            schema: self.schema.clone(),
            task: self.task.clone(),
            repo: self.repo.clone(),
            attempt: at as u32,
            statement: self.statement.clone(),
            observed: self.observed.clone(),
            tried: traced.tried.clone(),
            feedback: traced.feedback.clone(),
            outcome: traced.outcome,
        })
    }
}

/// `attempts/1`: what training needs of the attempts on one task.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Attempts {
    /// `attempts/1`.
    pub schema: String,
    /// The digest of the task.
    pub task: String,
    /// The digest of the repository.
    pub repo: String,
    /// The attempts, in order.
    pub picks: Vec<Pick>,
}

/// An attempt, as training sees it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Pick {
    /// Which of the possible edits was chosen.
    pub choice: u32,
    /// The logarithm of the probability with which it was chosen.
    pub log_probability: f64,
    /// What it earned.
    pub counts: Counts,
}

impl Attempts {
    /// Returns how many attempts resolved the task, of how many.
    pub fn resolved(&self) -> (u32, u32) {
        let resolved = self.picks.iter().filter(|pick| pick.counts.is_resolved()).count();
        (resolved as u32, self.picks.len() as u32)
    }
}

/// `card/1`: a recurring mistake of the Solver, and how to practise it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Card {
    /// `card/1`.
    pub schema: String,
    /// A short name, such as `boundary-comparisons-in-loops`.
    pub name: String,
    /// What goes wrong, in words.
    pub description: String,
    /// When it applies, in words.
    pub applicability: Vec<String>,
    /// What to do to plant such a bug, in order.
    pub operations: Vec<String>,
    /// The (kind of edit, context) pairs that it is about, with weights that sum to 1, sorted.
    pub weakness: Vec<Weakness>,
    /// What it rests on.
    pub evidence: Evidence,
    /// What a verifier of such tasks must not do.
    pub anti_patterns: Vec<String>,
    /// `transfer`, or the digest of the only repository where it was seen.
    pub scope: String,
    /// Where it comes from.
    pub lineage: Lineage,
}

/// A kind of edit in a context that the Solver does not find well.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Weakness {
    /// The kind of the edit.
    pub kind: String,
    /// The syntax around it; empty for any.
    pub context: String,
    /// Its share of the card.
    pub weight: f64,
}

/// The traces that a card rests on.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Evidence {
    /// Digests of traces, sorted: some of them, where there are many.
    pub traces: Vec<String>,
    /// How many passed.
    pub passed: u32,
    /// How many were partial.
    pub partial: u32,
    /// How many failed.
    pub failed: u32,
    /// How many different tasks they are about.
    pub tasks: u32,
}

/// Where a card comes from.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Lineage {
    /// Names of the cards that were joined into it.
    pub merged: Vec<String>,
}
