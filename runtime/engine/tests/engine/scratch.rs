//! Folders that vanish, and runs in them.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use sswe_cache::{OpenOptions, Store};
use sswe_engine::{Error, Finished, Machine, Options, Retry, RunEvent};

use crate::script::Script;

/// A folder that goes with the test.
pub(crate) struct Scratch(PathBuf);

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let path = std::env::temp_dir().join(format!("sswe-engine-{}-{number}", std::process::id()));
        fs::create_dir_all(&path).unwrap();
        Scratch(path)
    }

    pub(crate) fn path(&self) -> &Path {
        &self.0
    }

    pub(crate) fn store_path(&self) -> PathBuf {
        self.0.join("store")
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.store_path(), OpenOptions::default()).unwrap()
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// A run, and everything that it said.
#[derive(Debug)]
pub(crate) struct Told {
    pub(crate) finished: Finished,
    pub(crate) events: Vec<RunEvent>,
}

/// Returns options for that many jobs; retries do not wait.
pub(crate) fn options(jobs: u32) -> Options {
    let instant = std::time::Duration::ZERO;
    Options {
        machine: Machine { jobs, ..Machine::default() },
        retry: Retry { retries: 3, first: instant, longest: instant },
        ..Options::default()
    }
}

/// Builds with one job.
pub(crate) fn build(store: &Store, script: &Arc<Script>) -> Told {
    build_with(store, script, options(1)).unwrap()
}

/// Builds as `options` say.
pub(crate) fn build_with(store: &Store, script: &Arc<Script>, options: Options) -> Result<Told, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(build_in(store, script, options))
}

/// Builds in the present runtime.
pub(crate) async fn build_in(
    store: &Store,
    script: &Arc<Script>,
    mut options: Options,
) -> Result<Told, Error> {
    let (listener, events) = mpsc::channel();
    options.listener = Some(listener);
    let finished = sswe_engine::run(&script.plan(), store, script.clone(), &options).await?;
    drop(options);
    Ok(Told { finished, events: events.iter().collect() })
}
