//! Files that no row names yet.

use std::fs::{self, File};
use std::path::{Path, PathBuf};

use crate::error::At;
use crate::{Result, Store, lock};

/// This process's own folder in `tmp`; locked, so that others know it is alive.
#[derive(Debug)]
pub(crate) struct TempDir {
    path: PathBuf,
    _lock: File,
}

impl TempDir {
    pub(crate) fn make(store: &Store) -> Result<TempDir> {
        // Shared: between making the folder and locking it, nobody may take it for a dead one.
        let _guard = lock::shared(store)?;
        let path = store.path().join("tmp").join(lock::unique());
        fs::create_dir_all(&path).at("make", &path)?;
        let file = File::open(&path).at("open", &path)?;
        file.lock().at("lock", &path)?;
        Ok(TempDir { path, _lock: file })
    }

    /// Returns a name for a new file.
    pub(crate) fn file(&self) -> TempFile {
        TempFile(self.path.join(lock::unique()))
    }
}

impl Drop for TempDir {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// A file that goes when this is dropped, unless it was moved.
#[derive(Debug)]
pub(crate) struct TempFile(PathBuf);

impl TempFile {
    pub(crate) fn path(&self) -> &Path {
        &self.0
    }
}

impl Drop for TempFile {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}
