//! Tests of the engine with a scripted `Work`.

#![expect(clippy::unwrap_used, reason = "a test fails, or says what it needs")]

mod compiled;
mod crash;
mod equality;
mod faults;
mod interrupts;
mod limits;
mod processes;
mod rebuild;
mod scratch;
mod script;
mod store;
mod telling;
