//! Turns `.sswe` text into a plan or diagnostics; touches neither disk, clock nor network.
//!
//! The way of one file: [`lex`] → [`syntax`] (by the parser) → [`names`] → [`settings`] (typed,
//! layered) → [`lint`](check) → [`plan`]. Every step is a salsa query; [`check`] turns what they
//! found into diagnostics with places in the text.

pub use suggest::nearest;

pub mod check;
pub mod decimal;
pub mod diagnostic;
pub mod format;
pub mod lex;
mod lint;
pub mod names;
mod parse;
pub mod plan;
pub mod project;
pub mod schema;
pub mod settings;
pub mod show;
mod suggest;
pub mod sweep;
pub mod syntax;
mod typing;
pub mod value;
