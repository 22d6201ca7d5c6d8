//! Says what each stage does, and which model it asks.

pub mod artifact;
pub mod harness;
pub mod library;
mod pipeline;
mod stage;

pub use pipeline::Pipeline;
