//! What a store promises, tried from outside: several processes, full disks, damage, kills.

#![expect(clippy::unwrap_used, clippy::print_stderr, reason = "a test fails where something is wrong")]

mod actions;
mod blobs;
mod damage;
mod disk;
mod processes;
mod scratch;
mod sweep;
