//! Whole curricula: `examples/tiny.sswe` built for real, edited, and built again.

mod edits;
mod same;
mod site;
mod trouble;
