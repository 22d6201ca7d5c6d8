//! Known ways to be paid without having mended anything, each done for real on a small repository, and what
//! catches it. `--nocapture` prints a table.

#![expect(clippy::unwrap_used, reason = "a test fails, or says what it needs")]

mod files;
mod grader;
#[path = "../../../runtime/engine/tests/sandbox/image.rs"]
mod image;
mod processes;
mod references;
mod support;
mod values;
