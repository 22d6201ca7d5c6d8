//! How far a run is.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;
use sswe_cache::{ActionKey, Components, Digest};
use tokio::task::AbortHandle;
use tokio::time::Instant;

use super::draws::Draws;
use crate::rows::Given;
use crate::{Entry, Inputs, Item, Tally};

/// How far a stage is.
pub(super) enum Progress {
    /// It waits for so many stages.
    Waiting(usize),
    /// Its items run.
    Active(Box<Active>),
    /// It gave something.
    Done(Given),
    /// It gives nothing, since the curriculum ended before it.
    Skipped,
    /// It gives nothing: it failed, or something that it needs did.
    Failed,
}

/// A stage whose items run.
pub(super) struct Active {
    pub(super) key: ActionKey,
    pub(super) begun: Instant,
    pub(super) reason: String,
    pub(super) tally: Tally,
    /// How many items have not settled.
    pub(super) left: usize,
    pub(super) items: u64,
    /// What the items gave, by port, in the order of the declaration.
    pub(super) gave: Vec<Vec<Entry>>,
    pub(super) draws: Option<Draws>,
    /// Why it fails, if it does.
    pub(super) trouble: Option<String>,
    pub(super) own: Components,
}

/// An output that a stage reads, and what it is now.
#[derive(Clone, Debug)]
pub(super) struct Reading {
    pub(super) port: &'static str,
    pub(super) from: usize,
    pub(super) digest: Digest,
    pub(super) list: bool,
}

/// What a stage reads.
pub(super) type Readings = SmallVec<[Reading; 4]>;

/// An action that runs, or waits to.
pub(super) struct Flight {
    pub(super) node: usize,
    pub(super) label: Arc<str>,
    pub(super) item: Option<Item>,
    pub(super) inputs: Inputs,
    pub(super) own: Components,
    pub(super) waiters: Vec<Waiter>,
    pub(super) attempt: u32,
    pub(super) task: Option<AbortHandle>,
}

/// Who needs what an action gives.
#[derive(Clone, Debug)]
pub(super) enum Waiter {
    /// A stage that is one action.
    Whole(usize),
    /// A stage, for an item of that name.
    Item { node: usize, name: Arc<str> },
    /// A draw of a stage; `name` is that of the item that it waits for.
    Draw { node: usize, ordinal: usize, name: Arc<str> },
}

impl Waiter {
    /// Returns the stage.
    pub(super) fn node(&self) -> usize {
        match self {
            Waiter::Whole(node) | Waiter::Item { node, .. } | Waiter::Draw { node, .. } => *node,
        }
    }
}

/// Lists that were read or made, by digest.
pub(super) type Lists = HashMap<Digest, Arc<[Entry]>>;

/// Returns an item's own part of its key, for people.
pub(super) fn item_components(item: &Item) -> Components {
    use sswe_cache::{Component, Value};

    let mut all: Vec<Component> = Vec::new();
    for (port, digest) in item.content() {
        all.push(Component { name: format!("input.{port}"), value: Value::Digest(*digest) });
    }
    if let Some(draw) = item.ordinal() {
        all.push(Component { name: "draw".to_owned(), value: Value::Text(draw.to_string()) });
    }
    Components::new(all)
}
