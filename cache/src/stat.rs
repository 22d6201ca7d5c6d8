//! Digests of files that are not read again while they look unchanged.

mod files;

use std::fs::{self, Metadata};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rusqlite::{Connection, params};

use crate::blob::hash_file;
use crate::error::At;
use crate::{Digest, Result, Store};
use files::Files;

/// What is known of files: a file with the size, times and inode of its last reading is not
/// read again.
///
/// Times are coarse: a file that was written just before it was read may have been written
/// again since, in the same tick. Such a file is read once more.
pub struct StatCache {
    store: Store,
    known: Files,
    learnt: Vec<PathBuf>,
}

/// A file as it was when it was read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    look: Look,
    /// Just before it was read.
    seen: i64,
    digest: Digest,
}

/// What the file system says of a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Look {
    size: u64,
    mtime: i64,
    ctime: i64,
    inode: u64,
}

impl StatCache {
    /// Loads what the store knows, in one scan.
    pub fn load(store: &Store) -> Result<StatCache> {
        let known = store.read(|conn| {
            let mut statement = conn.prepare_cached("SELECT path, seen, file FROM stat")?;
            let mut rows = statement.query(())?;
            let mut known = Files::default();
            while let Some(row) = rows.next()? {
                // Another length is damage; the file is simply read again.
                if let Some((look, digest)) = unpack(row.get_ref(2)?.as_blob()?) {
                    let seen = row.get_ref(1)?.as_i64()?;
                    known.insert(row.get_ref(0)?.as_blob()?, Entry { look, seen, digest });
                }
            }
            Ok(known)
        })?;
        Ok(StatCache { store: store.clone(), known, learnt: Vec::new() })
    }

    /// Returns the digest of a file's content; follows a symbolic link.
    ///
    /// The path is remembered as given: give the same file the same path in every run.
    pub fn digest(&mut self, path: &Path) -> Result<Digest> {
        let metadata = fs::metadata(path).at("read", path)?;
        self.digest_of(path, &metadata)
    }

    /// Returns the digest of the file whose metadata the caller has.
    pub(crate) fn digest_of(&mut self, path: &Path, metadata: &Metadata) -> Result<Digest> {
        let look = Look {
            size: metadata.size(),
            mtime: nanoseconds(metadata.mtime(), metadata.mtime_nsec()),
            ctime: nanoseconds(metadata.ctime(), metadata.ctime_nsec()),
            inode: metadata.ino(),
        };
        if let Some(entry) = self.known.get(path.as_os_str().as_bytes())
            && entry.look == look
            && !is_racy(entry)
        {
            return Ok(entry.digest);
        }
        let seen = self.store.now().0;
        let digest = hash_file(path)?;
        self.known.insert(path.as_os_str().as_bytes(), Entry { look, seen, digest });
        self.learnt.push(path.into());
        Ok(digest)
    }

    /// Returns how many files are known.
    pub fn len(&self) -> usize {
        self.known.len()
    }

    /// Returns whether no file is known.
    pub fn is_empty(&self) -> bool {
        self.known.len() == 0
    }

    /// Returns how many files were read since the last time this was stored.
    pub fn read_count(&self) -> usize {
        self.learnt.len()
    }

    pub(crate) fn take_learnt(&mut self) -> Vec<(PathBuf, Entry)> {
        std::mem::take(&mut self.learnt)
            .into_iter()
            .filter_map(|path| {
                let entry = *self.known.get(path.as_os_str().as_bytes())?;
                Some((path, entry))
            })
            .collect()
    }
}

/// Writes what was learnt of a file.
pub(crate) fn insert(conn: &Connection, path: &Path, entry: &Entry) -> rusqlite::Result<()> {
    let Entry { look, seen, digest } = entry;
    let file = pack(look, digest);
    conn.prepare_cached("INSERT OR REPLACE INTO stat(path, seen, file) VALUES (?1, ?2, ?3)")?
        .execute(params![path.as_os_str().as_bytes(), seen, file])?;
    Ok(())
}

/// Returns how a file looked, and its digest, as they are stored.
fn pack(look: &Look, digest: &Digest) -> [u8; 64] {
    let Look { size, mtime, ctime, inode } = *look;
    let mut file = [0; 64];
    let numbers = [size, mtime.cast_unsigned(), ctime.cast_unsigned(), inode];
    for (place, number) in file.as_chunks_mut::<8>().0.iter_mut().zip(numbers) {
        *place = number.to_le_bytes();
    }
    file[32..].copy_from_slice(digest.as_bytes());
    file
}

fn unpack(file: &[u8]) -> Option<(Look, Digest)> {
    let (look, digest) = file.split_at_checked(32)?;
    let [size, mtime, ctime, inode] = look.as_chunks::<8>().0 else { return None };
    let look = Look {
        size: u64::from_le_bytes(*size),
        mtime: i64::from_le_bytes(*mtime),
        ctime: i64::from_le_bytes(*ctime),
        inode: u64::from_le_bytes(*inode),
    };
    Some((look, Digest::from_slice(digest)?))
}

/// Says whether the file may have changed after it was read without looking different.
fn is_racy(entry: &Entry) -> bool {
    const SECOND: i64 = 1_000_000_000;
    let Look { mtime, ctime, .. } = entry.look;
    // The kernel stamps files by its tick, 10 ms at the slowest. Whole seconds mean a file
    // system that keeps no more; the coarsest keeps every second one.
    let tick = match mtime % SECOND == 0 && ctime % SECOND == 0 {
        true => 2 * SECOND,
        false => SECOND / 50,
    };
    mtime.max(ctime).saturating_add(tick) >= entry.seen
}

fn nanoseconds(seconds: i64, rest: i64) -> i64 {
    seconds.saturating_mul(1_000_000_000).saturating_add(rest)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{self, Scratch};
    use crate::{Batch, Time};

    #[test]
    fn a_quiet_file_is_read_once_and_a_changed_one_again() {
        let scratch = Scratch::new();
        let file = scratch.path().join("a.py");
        fs::write(&file, "one").unwrap();
        // Far enough after the writing.
        let store = scratch.store_at(testing::in_a_minute());
        let mut stats = StatCache::load(&store).unwrap();
        assert_eq!(stats.digest(&file).unwrap(), Digest::of(b"one"));
        assert_eq!(stats.digest(&file).unwrap(), Digest::of(b"one"));
        assert_eq!(stats.read_count(), 1);

        let mut batch = Batch::new(&store);
        batch.add_stats(&mut stats);
        batch.commit().unwrap();
        let mut stats = StatCache::load(&store).unwrap();
        assert_eq!(stats.len(), 1);
        stats.digest(&file).unwrap();
        assert_eq!(stats.read_count(), 0);

        fs::write(&file, "two").unwrap();
        assert_eq!(stats.digest(&file).unwrap(), Digest::of(b"two"));
        assert_eq!(stats.read_count(), 1);
    }

    #[test]
    fn a_file_as_new_as_its_reading_is_read_again() {
        let scratch = Scratch::new();
        let file = scratch.path().join("a.py");
        fs::write(&file, "one").unwrap();
        let metadata = fs::metadata(&file).unwrap();
        let written = nanoseconds(metadata.ctime(), metadata.ctime_nsec());
        for (seen, racy) in [(0, true), (19_000_000, true), (21_000_000, false)] {
            let store = scratch.store_at(Time(written + seen));
            let mut stats = StatCache::load(&store).unwrap();
            stats.digest(&file).unwrap();
            stats.digest(&file).unwrap();
            assert_eq!(stats.read_count() == 2, racy, "{seen} ns after");
        }
    }

    #[test]
    fn what_is_stored_of_a_file_comes_back() {
        let look = Look { size: u64::MAX, mtime: -1, ctime: i64::MAX, inode: 1 << 63 };
        let file = pack(&look, &Digest::of(b"a"));
        assert_eq!(unpack(&file), Some((look, Digest::of(b"a"))));
        assert_eq!(unpack(&file[..63]), None);
        assert_eq!(unpack(&file[..31]), None);
    }

    #[test]
    fn whole_seconds_need_two_of_them() {
        let second = 1_000_000_000;
        let entry = |seen| Entry {
            look: Look { size: 1, mtime: 7 * second, ctime: 7 * second, inode: 1 },
            seen,
            digest: Digest::of(b""),
        };
        assert!(is_racy(&entry(8 * second)));
        assert!(!is_racy(&entry(9 * second + 1)));
    }

    #[test]
    fn a_swap_of_equal_size_and_mtime_is_seen() {
        let scratch = Scratch::new();
        let (file, other) = (scratch.path().join("a"), scratch.path().join("b"));
        fs::write(&file, "one").unwrap();
        fs::write(&other, "two").unwrap();
        let time = fs::metadata(&file).unwrap().modified().unwrap();
        fs::File::options().write(true).open(&other).unwrap().set_modified(time).unwrap();
        let store = scratch.store_at(testing::in_a_minute());
        let mut stats = StatCache::load(&store).unwrap();
        stats.digest(&file).unwrap();
        fs::rename(&other, &file).unwrap();
        assert_eq!(stats.digest(&file).unwrap(), Digest::of(b"two"));
    }
}
