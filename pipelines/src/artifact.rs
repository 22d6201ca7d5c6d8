//! What stages hand to each other: typed, versioned, and canonical as bytes.
//!
//! A body is JSON with its fields in the order they are written here: equal values are equal
//! bytes. Later versions only add fields. What must never decide anything (times, hosts) is in a
//! sidecar beside the body.

mod gradient;
mod judged;
mod repo;
mod task;
mod test;
mod trace;
mod tree;

use serde::Serialize;
use serde::de::DeserializeOwned;

pub use gradient::{GradientHead, decode_gradient, encode_gradient};
pub use judged::{Evaluation, Scored, Scores, Selected, Selection, Verdict};
pub use repo::{Env, Function, KnownStatus, KnownTest, Limits, Package, Repo, Suite};
pub(crate) use task::LOOPS;
pub use task::{Covered, Failure, Observed, Plant, Task};
pub use test::{Frame, Raised, Status, TestResult};
pub use trace::{
    Attempt, Attempts, Card, Counts, Dropped, Evidence, Feedback, Lineage, Outcome, Pick, Traced, Traces,
    Tried, Weakness,
};
pub use tree::{File, Tree, TreeError};

/// Returns the canonical bytes of an artifact.
pub fn encode<T: Serialize>(artifact: &T) -> Vec<u8> {
    // Fields have names that are text, and no map has other keys: this cannot fail.
    let mut bytes = serde_json::to_vec(artifact).unwrap_or_default();
    bytes.push(b'\n');
    bytes
}

/// Reads an artifact; the error says what is wrong with it.
pub fn decode<T: DeserializeOwned>(bytes: &[u8]) -> Result<T, String> {
    serde_json::from_slice(bytes).map_err(|error| error.to_string())
}
