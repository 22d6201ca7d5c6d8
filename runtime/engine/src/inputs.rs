//! What a stage reads: for each input, a list of named digests.

use std::sync::Arc;

use sswe_cache::Digest;

use crate::Fault;

/// One thing in a list.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Entry {
    /// What it is called; empty for the only output of a stage that has one.
    pub name: Arc<str>,
    /// The digest of its body.
    pub digest: Digest,
}

/// The lists that a stage or an item reads.
///
/// Where a port is fed by several stages, their lists are in the order of the rounds, and within
/// a round in the order of their digests: never in the order of a file.
#[derive(Clone, Debug, Default)]
pub struct Inputs {
    pub(crate) lists: Vec<(Arc<str>, Arc<[Entry]>)>,
}

impl Inputs {
    /// Returns the lists of a port, one for each stage that feeds it.
    pub fn lists<'a, 'p>(&'a self, port: &'p str) -> impl Iterator<Item = &'a [Entry]> + use<'a, 'p> {
        self.lists.iter().filter(move |(of, _)| **of == *port).map(|(_, list)| &**list)
    }

    /// Returns all entries of a port.
    pub fn entries<'a, 'p>(&'a self, port: &'p str) -> impl Iterator<Item = &'a Entry> + use<'a, 'p> {
        self.lists(port).flatten()
    }

    /// Returns the only entry of a port.
    pub fn one(&self, port: &str) -> Result<&Entry, Fault> {
        let mut entries = self.entries(port);
        match (entries.next(), entries.next()) {
            (Some(entry), None) => Ok(entry),
            (None, _) => Err(Fault::Failed(format!("input `{port}` is empty: expected one artifact"))),
            (Some(_), Some(_)) => {
                let found = self.entries(port).count();
                Err(Fault::Failed(format!("input `{port}` has {found} artifacts: expected one")))
            }
        }
    }

    /// Returns the names of the ports, each once for each stage that feeds it.
    pub fn ports(&self) -> impl Iterator<Item = &str> {
        self.lists.iter().map(|(port, _)| &**port)
    }
}
