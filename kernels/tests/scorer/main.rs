//! The scorer, and the files that it reads.

#![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

mod files;
mod scores;
mod support;
