//! `task/1`: something to repair.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use sswe_cache::{Digest, Fields};

use super::Frame;

/// A task: a repository with a bug in it, what is wrong with it, and the tests that tell.
///
/// A candidate is a task that no gate has judged yet.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Task {
    /// `task/1`.
    pub schema: String,
    /// `bug`: the patch breaks a sound repository. (`fix`: it mends a broken one.)
    pub patch_kind: String,
    /// The digest of the repository, with its suite.
    pub repo: String,
    /// The language.
    pub language: String,
    /// What is wrong, as someone who sees only the failure would say it.
    pub statement: String,
    /// The bug: the new text of each file that it changes.
    pub bug: BTreeMap<String, String>,
    /// The tests that the bug makes fail, sorted.
    pub fail_to_pass: Vec<String>,
    /// The tests that pass with and without it, sorted.
    pub pass_to_pass: Vec<String>,
    /// What the buggy repository shows.
    pub observed: Observed,
    /// How it was planted. No Solver and no distiller sees it.
    pub planted: Plant,
}

impl Task {
    /// Returns the digest of what a Solver may see of the task. Everything that is drawn for
    /// attempts, and everything that is learned from traces, goes by it: how the bug was planted
    /// can reach neither.
    pub fn face(&self) -> Digest {
        let Task { schema, patch_kind, repo, language, statement, bug, observed, .. } = self;
        let mut fields = Fields::new("sswe.task.face.v1");
        fields.text("schema", schema).text("patch_kind", patch_kind).text("repo", repo);
        fields.text("language", language).text("statement", statement);
        for (path, text) in bug {
            fields.text("path", path).text("text", text);
        }
        fields.digest("observed", &Digest::of(&super::encode(observed)));
        fields.finish()
    }

    /// Returns the digest of the tests that judge an attempt, which no Solver sees.
    pub fn hidden(&self) -> Digest {
        Digest::of(&super::encode(&(&self.fail_to_pass, &self.pass_to_pass)))
    }

    /// Returns whether some test did not come to an end on the bug: what the others do is unknown.
    pub fn loops(&self) -> bool {
        self.observed.failures.iter().any(|failure| failure.exception == LOOPS)
    }
}

/// What stands for an exception where a test does not end.
pub(crate) const LOOPS: &str = "Timeout";

/// What a repository shows while tests fail on it. All of it is taken on the **buggy** tree.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Observed {
    /// What the failing tests raised, each different failure once, sorted.
    pub failures: Vec<Failure>,
    /// The functions that tests entered: how many of those that fail, and of those that pass.
    pub covered: Vec<Covered>,
    /// The lines that failing tests executed: by file the line, how many failing tests executed it,
    /// and how many of the passing ones that were watched.
    pub lines: BTreeMap<String, Vec<(u32, u32, u32)>>,
    /// How many passing tests were watched: some of those that enter the same functions.
    pub watched: u32,
    /// How many tests failed.
    pub failing: u32,
}

/// A failure.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Failure {
    /// The type of the exception.
    pub exception: String,
    /// Where it came from, in product code.
    pub frames: Vec<Frame>,
    /// How many tests failed so.
    pub tests: u32,
}

/// A function that tests entered.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Covered {
    /// The file.
    pub path: String,
    /// The function.
    pub function: String,
    /// How many failing tests entered it.
    pub failing: u32,
    /// How many passing tests entered it.
    pub passing: u32,
}

/// How a bug was planted.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Plant {
    /// The kind of the edit, such as `comparison`.
    pub kind: String,
    /// The file.
    pub path: String,
    /// The function.
    pub function: String,
    /// The line, from 1.
    pub line: u32,
    /// The text that was there; undoing the bug brings it back.
    pub before: String,
    /// The text that the bug put in its place.
    pub after: String,
    /// Where that text begins in the file, in bytes.
    pub start: u32,
    /// The digest of the card that guided it; none when nothing did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub card: Option<String>,
    /// Which draws of one repository and card belong together.
    pub group: u64,
}
