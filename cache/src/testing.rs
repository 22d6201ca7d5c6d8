//! What unit tests share.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use crate::{OpenOptions, Store, Time, lock};

/// A folder that goes with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        let path = std::env::temp_dir().join(format!("sswe-cache-{}", lock::unique()));
        std::fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn store(&self) -> Store {
        self.store_at(Time(0))
    }

    /// Opens the store in `.sswe`, with a clock that stands still.
    pub(crate) fn store_at(&self, time: Time) -> Store {
        let options = OpenOptions { clock: Arc::new(move || time), ..OpenOptions::default() };
        Store::open(&self.0.join(".sswe/store"), options).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

pub(crate) fn in_a_minute() -> Time {
    Time(Time::now().0 + Duration::from_secs(60).as_nanos() as i64)
}
