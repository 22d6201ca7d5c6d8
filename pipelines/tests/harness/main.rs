//! Tests of the harness with real suites in real sandboxes, friendly and hostile.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails, or says what it needs; and a table is printed for who asks for it"
)]

mod docker;
mod escapes;
mod friendly;
mod hostile;
#[path = "../../../runtime/engine/tests/sandbox/image.rs"]
mod image;
#[path = "../../../runtime/engine/tests/sandbox/prey.rs"]
mod prey;
mod restart;
mod support;
