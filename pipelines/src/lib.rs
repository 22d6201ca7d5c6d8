//! Says what each stage does, and which model it asks.

pub mod artifact;
mod diff;
pub mod fetch;
pub mod grade;
pub mod harness;
mod judge;
pub mod library;
pub mod lock;
pub mod overlap;
mod pipeline;
mod planting;
mod python;
mod random;
pub mod rewriter;
mod setting;
mod shelf;
mod stage;
pub mod statistics;
pub mod summary;

pub use pipeline::{Pipeline, stage_version};
pub use python::Python;
