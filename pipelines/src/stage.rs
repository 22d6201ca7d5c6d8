//! The stages, one module each.

pub(crate) mod pin;
