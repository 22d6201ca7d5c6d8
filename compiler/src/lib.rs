//! Turns `.sswe` text into a plan or diagnostics; touches neither disk, clock nor network.
pub mod diagnostic;
pub mod lex;
mod parse;
pub mod syntax;
