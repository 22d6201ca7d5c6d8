//! The store that commands work with.

use std::{
    path::{Path, PathBuf},
    sync::{Arc, OnceLock},
};

use sswe_cache::{OpenOptions, Store};

use crate::{Failure, style};

static NAMED: OnceLock<PathBuf> = OnceLock::new();

/// Notes the folder that `--store` names.
pub(crate) fn choose(named: Option<PathBuf>) {
    if let Some(named) = named {
        // The first and only call of a process.
        let _ = NAMED.set(named);
    }
}

/// Returns the folder of the store: `--store`, SSWE_STORE, or `.sswe/store` here.
pub(crate) fn path() -> PathBuf {
    if let Some(named) = NAMED.get() {
        return named.clone();
    }
    let named = std::env::var_os("SSWE_STORE").filter(|path| !path.is_empty());
    named.map_or_else(|| PathBuf::from(".sswe/store"), PathBuf::from)
}

/// Returns whether there is a store in that folder.
pub(crate) fn is_there(path: &Path) -> bool {
    path.join("index.sqlite").exists()
}

/// Opens the store in a folder, and makes it when it is not there; says for whom it waits.
pub(crate) fn open(path: &Path) -> sswe_cache::Result<Store> {
    let options = OpenOptions {
        on_wait: Arc::new(|waiting| {
            let pids: Vec<String> = waiting.pids.iter().map(u32::to_string).collect();
            let who = if pids.is_empty() { String::new() } else { format!(" (process {})", pids.join(", ")) };
            style::say(format_args!("waiting for {}{who}", waiting.reason));
        }),
        ..OpenOptions::default()
    };
    Store::open(path, options)
}

/// Opens the store, which must be there.
pub(crate) fn existing() -> Result<Store, Failure> {
    let path = path();
    if !is_there(&path) {
        return Err(missing(&path));
    }
    open(&path).map_err(|error| failure(&error))
}

/// Makes the failure of a command that needs a store where there is none.
pub(crate) fn missing(path: &Path) -> Failure {
    Failure::file(format!("there is no store at `{}`", path.display()))
        .hint("a build makes it; SSWE_STORE or --store names another folder")
}

/// Makes the failure of a store that refuses.
pub(crate) fn failure(error: &sswe_cache::Error) -> Failure {
    Failure::file(error.to_string())
}

/// A store to look into where none was made yet: empty, and gone when it is dropped.
pub(crate) struct Peek {
    store: Option<Store>,
    temporary: Option<PathBuf>,
}

impl Peek {
    /// Opens the store if there is one; looking must not make it.
    pub(crate) fn open() -> Result<Peek, Failure> {
        let path = path();
        if is_there(&path) {
            let store = open(&path).map_err(|error| failure(&error))?;
            return Ok(Peek { store: Some(store), temporary: None });
        }
        let empty = std::env::temp_dir().join(format!("sswe-empty-{}", std::process::id()));
        let opened = open(&empty);
        // From here on it is removed, also when it cannot be opened.
        let mut peek = Peek { store: None, temporary: Some(empty) };
        peek.store = Some(opened.map_err(|error| failure(&error))?);
        Ok(peek)
    }

    /// Returns the store.
    pub(crate) fn store(&self) -> Result<&Store, Failure> {
        self.store.as_ref().ok_or_else(|| missing(&path()))
    }
}

impl Drop for Peek {
    fn drop(&mut self) {
        self.store = None;
        if let Some(folder) = &self.temporary {
            // In the folder for such things: what stays behind is removed some day.
            let _ = std::fs::remove_dir_all(folder);
        }
    }
}
