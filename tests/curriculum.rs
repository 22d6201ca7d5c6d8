//! Whole curricula: `examples/tiny.sswe` built for real, edited, and built again.

mod edits;
mod report;
mod same;
mod secrets;
mod site;
mod tasks;
mod trouble;
