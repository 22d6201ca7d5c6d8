//! Looks at a store from outside, for whoever asks whether it can be used. Nothing is made, locked or changed.

use std::fs::{self, File, TryLockError};
use std::path::Path;

use crate::error::At;
use crate::{Result, lock, schema, store};

/// What a store is like.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// The format of its index.
    pub format: i64,
    /// The format that this release writes.
    pub known: i64,
    /// The processes that build with it now.
    pub builds: Vec<u32>,
    /// The process that works on the whole of it; 0 where it did not say which it is.
    pub held_by: Option<u32>,
}

/// Looks at the store in the folder `path`, which must be there.
pub fn look(path: &Path) -> Result<Seen> {
    let index = path.join("index.sqlite");
    let conn = store::connect_unseen(path, &index)?;
    let format = match schema::format(&conn, &index)? {
        schema::Format::Current => schema::VERSION,
        schema::Format::Older(found) => found,
    };
    let builds = lock::claims(path)?.iter().map(|claim| claim.pid).collect();
    Ok(Seen { format, known: schema::VERSION, builds, held_by: holder(path)? })
}

fn holder(path: &Path) -> Result<Option<u32>> {
    let lock = path.join("lock");
    // Whoever never wrote has none.
    let Ok(file) = File::open(&lock) else { return Ok(None) };
    match file.try_lock_shared() {
        Ok(()) => Ok(None),
        Err(TryLockError::WouldBlock) => {
            Ok(Some(fs::read_to_string(&lock).ok().and_then(|text| text.parse().ok()).unwrap_or(0)))
        }
        Err(TryLockError::Error(error)) => Err(error).at("lock", &lock),
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::{OpenOptions, Store, testing};

    fn files(folder: &Path) -> BTreeMap<String, u64> {
        let about = |entry: fs::DirEntry| {
            (entry.file_name().to_string_lossy().into_owned(), entry.metadata().unwrap().len())
        };
        fs::read_dir(folder).unwrap().flatten().map(about).collect()
    }

    #[test]
    fn looking_changes_nothing() {
        let folder = testing::Scratch::new();
        drop(Store::open(folder.path(), OpenOptions::default()).unwrap());
        let before = files(folder.path());
        let seen = look(folder.path()).unwrap();
        let known = schema::VERSION;
        assert_eq!(seen, Seen { format: known, known, builds: vec![], held_by: None });
        assert_eq!(files(folder.path()), before);
        let store = Store::open(folder.path(), OpenOptions::default()).unwrap();
        let lease = store.lease(&["main/"]).unwrap();
        assert_eq!(look(folder.path()).unwrap().builds, [std::process::id()]);
        drop(lease);
        let alone = lock::alone(&store).unwrap();
        assert_eq!(look(folder.path()).unwrap().held_by, Some(std::process::id()));
        drop(alone);
    }
}
