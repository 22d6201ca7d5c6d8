//! Each known way in which a task gave its answer away, done for real, and what catches it. The rows are
//! those of incidents in public benchmarks; `--nocapture` prints a line for each.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a test fails, or says what it saw")]

mod history;
mod honest;
#[path = "../../../runtime/engine/tests/sandbox/image.rs"]
mod image;
mod outside;
mod support;
mod words;
