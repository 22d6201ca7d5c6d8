//! The integration suite: one binary, described in `tests/README.md`.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]
#![allow(clippy::print_stderr, reason = "what is skipped or pending is said aloud")]

mod cli;
mod curriculum;
mod examples;
mod language;
mod mutation;
mod seeds;
mod support;
mod tidy;
