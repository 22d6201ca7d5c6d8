//! How much is in a store.

use crate::{Result, Store, lock};

/// What a store holds, in numbers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stats {
    /// Rows of actions.
    pub actions: u64,
    /// Actions that were removed and are still known by name.
    pub tombstones: u64,
    /// Blobs inside the index.
    pub small_blobs: u64,
    /// Blobs in files.
    pub large_blobs: u64,
    /// Bytes of content.
    pub content_bytes: u64,
    /// Bytes that the blobs take on the disk.
    pub stored_bytes: u64,
    /// Bytes of the index, small blobs included.
    pub index_bytes: u64,
    /// Files whose digests are known.
    pub stat_entries: u64,
    /// Runs.
    pub runs: u64,
    /// Names that keep something.
    pub roots: u64,
    /// Builds that are running.
    pub live_builds: u64,
}

/// Counts what a store holds.
pub fn stats(store: &Store) -> Result<Stats> {
    let live_builds = lock::claims(store.path())?.len() as u64;
    store.read(|conn| {
        let tx = conn.unchecked_transaction()?;
        let count = |what: &str| tx.query_row(&format!("SELECT {what}"), (), |row| row.get(0));
        Ok(Stats {
            actions: count("count(*) FROM action")?,
            tombstones: count("count(*) FROM tombstone")?,
            small_blobs: count("count(*) FROM blob WHERE form < 2")?,
            large_blobs: count("count(*) FROM blob WHERE form >= 2")?,
            content_bytes: count("coalesce(sum(size), 0) FROM blob")?,
            stored_bytes: count("coalesce(sum(stored), 0) FROM blob")?,
            index_bytes: count("page_count * page_size FROM pragma_page_count, pragma_page_size")?,
            stat_entries: count("count(*) FROM stat")?,
            runs: count("count(*) FROM run")?,
            roots: count("count(DISTINCT kind || '/' || name) FROM root")?,
            live_builds,
        })
    })
}
