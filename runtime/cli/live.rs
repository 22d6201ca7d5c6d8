//! What people and programs see of a run while it runs: events in, text out.
//!
//! One thread hears the events and writes all of it, so that nothing is written into the middle of
//! something else.

mod bar;
mod screen;
mod view;
pub(crate) mod words;

pub(crate) use bar::Bar;
pub(crate) use screen::{Sinks, watch};
pub(crate) use view::{replay, short_digest};
