//! What the store remembers of actions, and what this run added.

use std::collections::HashMap;
use std::sync::Arc;

use smallvec::SmallVec;
use sswe_cache::{ActionKey, Digest, Output, Outputs, Store};

/// From this many stages on, one scan of all rows is cheaper than a look-up for each.
const SCAN: usize = 400;

/// Rows of the store, and of this run.
pub(crate) struct Rows {
    store: Store,
    all: Option<Outputs>,
    made: HashMap<ActionKey, Fresh>,
}

/// What this run made.
#[derive(Clone)]
pub(crate) struct Fresh {
    pub(crate) outputs: Arc<Vec<Output>>,
    /// The stage that counts it as run.
    pub(crate) by: usize,
}

/// What a stage gave: by port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Given {
    pub(crate) ports: SmallVec<[Port; 1]>,
    /// How many items it had.
    pub(crate) items: u64,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Port {
    pub(crate) name: &'static str,
    pub(crate) digest: Digest,
    /// Whether the digest is that of a list, not of the only artifact.
    pub(crate) list: bool,
}

impl Given {
    pub(crate) fn port(&self, name: &str) -> Option<&Port> {
        self.ports.iter().find(|port| port.name == name)
    }

    /// Returns whether a stage decided that the curriculum ends.
    pub(crate) fn stops(&self) -> bool {
        self.port(STOP).is_some_and(|port| port.digest == Digest::of(STOPS))
    }
}

/// The output with which the engine keeps the decision of a stop stage.
pub(crate) const STOP: &str = "stop";
pub(crate) const STOPS: &[u8] = b"true";
pub(crate) const GOES_ON: &[u8] = b"false";

/// How outputs are named in a row.
///
/// `port` is the only artifact, `port/name` one of several, and `port[]12` the list of a port of
/// a stage that had 12 items: a row says how wide the stage was without the list being read.
pub(crate) enum OutputName<'a> {
    Only(&'a str),
    Named(&'a str, &'a str),
    List(&'a str, u64),
}

impl OutputName<'_> {
    pub(crate) fn parse(text: &str) -> OutputName<'_> {
        // A port has neither mark; a name may.
        let mark = text.find(['/', '[']);
        match mark {
            Some(at) if text[at..].starts_with("[]") => {
                OutputName::List(&text[..at], text[at + 2..].parse().unwrap_or(0))
            }
            Some(at) => OutputName::Named(&text[..at], &text[at + 1..]),
            None => OutputName::Only(text),
        }
    }

    pub(crate) fn list(port: &str, items: u64) -> Arc<str> {
        format!("{port}[]{items}").into()
    }
}

impl Given {
    pub(crate) fn new() -> Given {
        Given { ports: SmallVec::new(), items: 1 }
    }

    /// Adds an output of a stage's row, if it is that of one of its ports.
    pub(crate) fn add(&mut self, ports: &[&'static str], name: &str, digest: Digest) {
        let (name, list) = match OutputName::parse(name) {
            OutputName::Only(name) => (name, false),
            OutputName::List(name, items) => {
                self.items = items;
                (name, true)
            }
            OutputName::Named(..) => return,
        };
        if let Some(name) = ports.iter().chain(&[STOP]).find(|port| **port == name) {
            self.ports.push(Port { name, digest, list });
        }
    }
}

impl Rows {
    pub(crate) fn new(store: &Store, stages: usize) -> sswe_cache::Result<Rows> {
        let all = if stages >= SCAN { Some(store.outputs()?) } else { None };
        Ok(Rows { store: store.clone(), all, made: HashMap::new() })
    }

    /// Gets ready for that many look-ups.
    pub(crate) fn expect(&mut self, lookups: usize) -> sswe_cache::Result<()> {
        if self.all.is_none() && lookups >= SCAN {
            self.all = Some(self.store.outputs()?);
        }
        Ok(())
    }

    /// Shows every output of an action: name, body, sidecar; returns whether there is a row.
    pub(crate) fn see(
        &self,
        key: &ActionKey,
        mut see: impl FnMut(&str, Digest, Option<Digest>),
    ) -> sswe_cache::Result<bool> {
        if let Some(fresh) = self.made.get(key) {
            fresh.outputs.iter().for_each(|output| see(&output.name, output.body, output.sidecar));
            return Ok(true);
        }
        if let Some(all) = &self.all {
            let Some(outputs) = all.get(key) else { return Ok(false) };
            outputs.for_each(|(name, body, sidecar)| see(name, body, sidecar));
            return Ok(true);
        }
        let Some(action) = self.store.action(key)? else { return Ok(false) };
        action.outputs.iter().for_each(|output| see(&output.name, output.body, output.sidecar));
        Ok(true)
    }

    /// Notes in a batch that rows were used today.
    pub(crate) fn touch(&self, keys: &[ActionKey], batch: &mut sswe_cache::Batch) -> sswe_cache::Result<()> {
        if let Some(all) = &self.all {
            batch.touch_keys(all, keys);
            return Ok(());
        }
        for key in keys {
            if let Some(action) = self.store.action(key)? {
                batch.touch(&action);
            }
        }
        Ok(())
    }

    /// Returns what this run made under a key.
    pub(crate) fn fresh(&self, key: &ActionKey) -> Option<&Fresh> {
        self.made.get(key)
    }

    pub(crate) fn add(&mut self, key: ActionKey, fresh: Fresh) {
        self.made.insert(key, fresh);
    }

    /// Forgets actions that the store no longer has.
    pub(crate) fn forget(&mut self, keys: &[ActionKey]) -> sswe_cache::Result<()> {
        for key in keys {
            self.made.remove(key);
        }
        if self.all.is_some() {
            self.all = Some(self.store.outputs()?);
        }
        Ok(())
    }
}
