//! Runs a plan, doing only the work the cache cannot answer.
//!
//! [`run()`] takes a [`Plan`](sswe_compiler::plan::Plan) and a [`Work`], which knows what stages
//! do, and goes through the stages in order:
//!
//! 1. A stage whose inputs are known has a key (`key.rs`). Its row in the store
//!    answers for all of its items at once: a build that has nothing to do looks up one row a
//!    stage, however many items there are.
//! 2. Without a row, the stage unfolds into items, each with a key made of its own content. Only
//!    those that no row answers run.
//! 3. A dispatcher decides, executors run items; they share messages, not state. What ran is
//!    committed in batches, and counts as done when it is durable.
//! 4. Everything that happens is a [`RunEvent`].
//!
//! What the rest may rely on:
//! - An incremental build gives the `result` that a fresh store gives.
//! - No path, label, position or clock is part of a key; no order of a hash table, and not the
//!   number of jobs, reaches a result.
//! - Failures and broken surroundings are never hits.
//! - A kill at any instant loses at most what was in flight or in the batch being written.

mod context;
mod error;
mod event;
mod graph;
mod inputs;
mod key;
mod log;
mod manifest;
mod outputs;
mod pool;
mod random;
mod rows;
mod run;
pub mod sandbox;
mod state;
mod trace;
mod why;
mod work;

pub use context::{Context, Step};
pub use error::Error;
pub use event::{Event, RunEvent, Tally, VERSION};
pub use inputs::{Entry, Inputs};
pub use key::Source;
pub use outputs::{Outputs, outputs, outputs_of};
pub use pool::{Machine, Pool};
pub use random::{ChaCha8Rng, RngCore, Stream};
pub use run::{Budget, Cancel, End, Finished, Limit, OnLimit, Options, Retry, run};
pub use state::{Planned, State, states};
pub use trace::chrome_trace;
pub use why::{Change, Reason, date, why};
pub use work::{Artifact, Declaration, Fault, Item, Made, Work};
