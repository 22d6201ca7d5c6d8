//! What these tests share.

use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, AtomicU32, Ordering};

use sswe_cache::verify::verify;
use sswe_cache::{
    ActionKey, Batch, Component, Components, Digest, NewAction, OpenOptions, Output, Store, Time, Value,
};

/// A folder that goes with the test, and a clock that the test moves.
pub(crate) struct Scratch {
    path: PathBuf,
    clock: Arc<AtomicI64>,
}

impl Scratch {
    pub(crate) fn new() -> Scratch {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sswe-store-{}-{number}", std::process::id());
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        let clock = Arc::new(AtomicI64::new(0));
        Scratch { path, clock }
    }

    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    pub(crate) fn store_path(&self) -> PathBuf {
        self.path.join("store")
    }

    pub(crate) fn options(&self) -> OpenOptions {
        let clock = self.clock.clone();
        OpenOptions { clock: Arc::new(move || Time(clock.load(Ordering::Relaxed))), ..OpenOptions::default() }
    }

    pub(crate) fn store(&self) -> Store {
        Store::open(&self.store_path(), self.options()).unwrap()
    }

    /// Moves the clock to the start of a day.
    pub(crate) fn day(&self, day: i64) {
        self.clock.store(day * 86_400_000_000_000, Ordering::Relaxed);
    }

    /// Returns every file under `tmp` and `cas`, as text.
    pub(crate) fn files(&self) -> Vec<String> {
        let mut files = Vec::new();
        for folder in ["tmp", "cas"] {
            walk(&self.store_path().join(folder), &mut files);
        }
        files
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.path);
    }
}

/// Bytes that look random, the same for the same seed.
pub(crate) fn noise(seed: u64, length: usize) -> Vec<u8> {
    let mut hasher = blake3::Hasher::new();
    hasher.update(&seed.to_le_bytes());
    let mut bytes = vec![0; length];
    hasher.finalize_xof().fill(&mut bytes);
    bytes
}

/// An action of `stage` with one output, `out`.
pub(crate) fn action(stage: &str, item: &str, out: Digest) -> NewAction {
    NewAction {
        key: key(stage, item),
        stage: stage.into(),
        kind: "test".into(),
        item: item.into(),
        outputs: vec![Output { name: "out".into(), body: out, sidecar: None }],
        shared: Arc::new(Components::new(vec![text("spec", stage)])),
        own: Components::new(vec![text("input", item)]),
        wall_us: 1500,
        cost_micros: 7,
        run: None,
    }
}

pub(crate) fn key(stage: &str, item: &str) -> ActionKey {
    ActionKey(Digest::of(format!("{stage}[{item}]").as_bytes()))
}

pub(crate) fn text(name: &str, value: &str) -> Component {
    Component { name: name.into(), value: Value::Text(value.into()) }
}

/// Puts bytes, and the action that made them; returns the digest.
pub(crate) fn record(store: &Store, stage: &str, item: &str, bytes: &[u8]) -> Digest {
    let mut batch = Batch::new(store);
    let digest = batch.put(bytes).unwrap();
    batch.record(action(stage, item, digest));
    batch.commit().unwrap();
    digest
}

/// Checks that nothing is wrong with a store, and that nothing in it is left over.
pub(crate) fn check_clean(store: &Store) {
    let found = verify(store, false).unwrap();
    assert!(found.is_clean() && found.orphans.is_empty(), "{found:?}");
}

/// Returns the only file of a larger blob.
pub(crate) fn blob_file(scratch: &Scratch, digest: &Digest) -> PathBuf {
    let hex = digest.to_string();
    let named = |path: &&String| path.contains(&hex[2..]);
    scratch.files().iter().find(named).map(PathBuf::from).unwrap()
}

fn walk(folder: &Path, files: &mut Vec<String>) {
    let Ok(entries) = fs::read_dir(folder) else {
        return;
    };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, files);
        } else {
            files.push(path.to_str().unwrap().to_owned());
        }
    }
    files.sort();
}
