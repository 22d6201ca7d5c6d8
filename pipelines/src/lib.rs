//! Says what each stage does, and which model it asks.

pub mod artifact;
pub mod library;
mod pipeline;
pub mod rewriter;
mod stage;

pub use pipeline::Pipeline;
