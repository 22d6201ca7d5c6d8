//! Says what each stage does, and which model it asks.

pub mod artifact;
#[cfg(feature = "docker")]
mod containers;
mod diff;
pub mod fetch;
pub mod grade;
pub mod harness;
mod judge;
pub mod leaks;
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
pub mod validate;
pub mod view;

pub use pipeline::{Pipeline, stage_version};
pub use python::Python;
