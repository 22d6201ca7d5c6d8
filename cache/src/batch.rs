//! Writing: gather blobs and rows, then commit them all at once.

mod commit;

use std::collections::HashSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};

pub use commit::Committed;
pub(crate) use commit::row_sum;

use crate::blob::{self, BlobRow, INLINE_MAX, LEVEL, Written, Zstd};
use crate::error::At;
use crate::index::{Action, Hit, Outputs};
use crate::stat::Entry;
use crate::temp::TempFile;
use crate::{ActionKey, Digest, NewAction, Result, StatCache, Store};

/// Blobs and rows that become part of the store together.
///
/// Nothing of it is in the store before [`Batch::commit`], and dropping it leaves nothing
/// behind. Threads fill batches of their own: hashing and compressing hold no lock.
pub struct Batch {
    store: Store,
    blobs: Vec<Pending>,
    known: HashSet<Digest>,
    actions: Vec<NewAction>,
    used: Vec<(i64, ActionKey)>,
    stats: Vec<(PathBuf, Entry)>,
    zstd: Option<Zstd>,
}

struct Pending {
    written: Written,
    data: Data,
}

enum Data {
    Inline(Vec<u8>),
    File { temp: TempFile, synced: bool },
}

impl Batch {
    /// Starts an empty batch.
    pub fn new(store: &Store) -> Batch {
        Batch {
            store: store.clone(),
            blobs: Vec::new(),
            known: HashSet::new(),
            actions: Vec::new(),
            used: Vec::new(),
            stats: Vec::new(),
            zstd: None,
        }
    }

    /// Adds bytes, and returns their digest.
    pub fn put(&mut self, bytes: &[u8]) -> Result<Digest> {
        self.store.check_writable()?;
        let digest = Digest::of(bytes);
        if !self.known.insert(digest) {
            return Ok(digest);
        }
        let added = if bytes.len() <= INLINE_MAX {
            self.put_inline(digest, bytes)
        } else {
            self.put_large(digest, bytes)
        };
        if added.is_err() {
            self.known.remove(&digest);
        }
        added.map(|()| digest)
    }

    /// Adds the content of a file of any size, and returns its digest.
    pub fn put_file(&mut self, path: &Path) -> Result<Digest> {
        self.store.check_writable()?;
        let mut file = File::open(path).at("open", path)?;
        let size = file.metadata().at("read", path)?.len();
        if size <= INLINE_MAX as u64 {
            return self.put(&fs::read(path).at("read", path)?);
        }
        let compress = blob::is_compressible(self.zstd()?, &file, size).at("read", path)?;
        let temp = self.store.temp()?.file();
        let written = blob::write_file(&mut file, size, compress, &temp)?;
        let digest = written.digest;
        if self.known.insert(digest) {
            self.put_written(written, temp)?;
        }
        Ok(digest)
    }

    /// Adds an action that ran. Its outputs are blobs of this batch, or in the store already.
    pub fn record(&mut self, action: NewAction) {
        self.actions.push(action);
    }

    /// Notes that an action was used today, so that a sweep keeps it.
    ///
    /// For a stage whose row was used, this is enough: its items age with it.
    pub fn touch(&mut self, action: &Action) {
        self.touch_row(action.seq, action.key, action.used);
    }

    /// Notes that an action was used today, so that a sweep keeps it.
    pub fn touch_hit(&mut self, hit: &Hit<'_>) {
        self.touch_row(hit.seq(), hit.key(), hit.used());
    }

    /// Notes that actions were used today, so that a sweep keeps them.
    pub fn touch_keys(&mut self, outputs: &Outputs, keys: &[ActionKey]) {
        let today = self.store.now().day();
        let used = keys.iter().filter_map(|key| Some((outputs.use_of(key)?, *key)));
        self.used.extend(used.filter(|((_, used), _)| *used < today).map(|((seq, _), key)| (seq, key)));
    }

    /// Adds what a stat cache has learnt since it was loaded or last added.
    pub fn add_stats(&mut self, stats: &mut StatCache) {
        self.stats.extend(stats.take_learnt());
    }

    /// Moves all that another batch holds into this one.
    pub fn append(&mut self, mut other: Batch) {
        for pending in other.blobs.drain(..) {
            if self.known.insert(pending.written.digest) {
                self.blobs.push(pending);
            }
        }
        self.actions.append(&mut other.actions);
        self.used.append(&mut other.used);
        self.stats.append(&mut other.stats);
    }

    /// Returns whether a commit would write nothing.
    pub fn is_empty(&self) -> bool {
        self.blobs.is_empty() && self.actions.is_empty() && self.used.is_empty() && self.stats.is_empty()
    }

    fn put_inline(&mut self, digest: Digest, bytes: &[u8]) -> Result<()> {
        let (form, stored) = blob::encode_inline(self.zstd()?, bytes);
        self.blobs.push(Pending {
            written: Written { digest, size: bytes.len() as u64, stored: stored.len() as u64, form },
            data: Data::Inline(stored),
        });
        Ok(())
    }

    fn put_large(&mut self, digest: Digest, mut bytes: &[u8]) -> Result<()> {
        if let Some(present) = self.link_present(digest)? {
            self.blobs.push(present);
            return Ok(());
        }
        let temp = self.store.temp()?.file();
        let compress = blob::bytes_are_compressible(self.zstd()?, bytes);
        let length = bytes.len() as u64;
        let written = blob::write_file(&mut bytes, length, compress, &temp)?;
        let synced = false;
        let data = Data::File { temp, synced };
        self.blobs.push(Pending { written, data });
        Ok(())
    }

    fn put_written(&mut self, written: Written, temp: TempFile) -> Result<()> {
        let synced = false;
        let data = Data::File { temp, synced };
        // What is there already needs no sync, and the copy can go now.
        let present = self.link_present(written.digest)?;
        self.blobs.push(present.unwrap_or(Pending { written, data }));
        Ok(())
    }

    /// Links what the store has already: that keeps it until the commit, whatever a sweep does.
    fn link_present(&self, digest: Digest) -> Result<Option<Pending>> {
        let Some(row) = self.store.read(|conn| blob::find(conn, &digest))? else {
            return Ok(None);
        };
        if !row.form.in_file() || !self.store.file_is_whole(&digest, &row) {
            return Ok(None);
        }
        let temp = self.store.temp()?.file();
        let path = blob::cas_path(self.store.path(), &digest, row.form);
        if fs::hard_link(path, temp.path()).is_err() {
            return Ok(None);
        }
        let BlobRow { size, stored, form, .. } = row;
        let written = Written { digest, size, stored, form };
        let synced = true;
        let data = Data::File { temp, synced };
        Ok(Some(Pending { written, data }))
    }

    fn zstd(&mut self) -> Result<&mut Zstd> {
        match &mut self.zstd {
            Some(zstd) => Ok(zstd),
            none => Ok(none.insert(Zstd::new(LEVEL).at("compress into", self.store.path())?)),
        }
    }

    fn touch_row(&mut self, seq: i64, key: ActionKey, used: i64) {
        if used < self.store.now().day() {
            self.used.push((seq, key));
        }
    }
}
