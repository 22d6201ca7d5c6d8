//! Says what each stage does, and which model it asks.

pub mod library;
