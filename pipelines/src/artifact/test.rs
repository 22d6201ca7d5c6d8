//! What a test did, as the harness reports it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// What a test did.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Status {
    /// It passed, or failed as it was expected to.
    Passed,
    /// It failed, or passed although it was expected to fail.
    Failed,
    /// It could not be run to its end: an error outside of its assertions.
    Error,
    /// It was skipped.
    Skipped,
    /// It used up its processor time: most likely it loops.
    Timeout,
    /// Nothing was reported of it: the process ended before.
    Missing,
}

impl Status {
    /// Returns whether it counts as passed.
    pub fn is_passed(self) -> bool {
        self == Status::Passed
    }
}

/// What a test did, and what it showed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct TestResult {
    /// Its id.
    pub id: String,
    /// What it did.
    pub status: Status,
    /// What it raised, unless it passed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub raised: Option<Raised>,
    /// The functions of the product code that it entered, when that was asked for: path and name,
    /// sorted.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub entered: Vec<(String, String)>,
    /// The lines of the product code that it executed, when that was asked for: path and sorted
    /// lines, from 1.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub lines: Vec<(String, Vec<u32>)>,
}

/// An exception.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Raised {
    /// Its type, such as `KeyError`.
    pub exception: String,
    /// Its message, in one line of 200 characters at most; addresses and temporary paths are
    /// normalised.
    pub message: String,
    /// Where it came from, in product code, outermost first.
    pub frames: Vec<Frame>,
}

/// A place in product code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Frame {
    /// The file.
    pub path: String,
    /// The function, with the classes around it.
    pub function: String,
    /// The line, from 1.
    pub line: u32,
}
