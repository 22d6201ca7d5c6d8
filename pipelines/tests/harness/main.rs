//! Tests of the harness with real suites in real sandboxes, friendly and hostile.

#![expect(clippy::unwrap_used, reason = "a test fails, or says what it needs")]

mod docker;
mod escapes;
mod friendly;
mod hostile;
#[path = "../../../runtime/engine/tests/sandbox/prey.rs"]
mod prey;
mod support;
