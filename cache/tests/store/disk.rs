//! Disks that are full or cannot be written. These mount small file systems of their own, and
//! say so when they may not.

use std::fs;
use std::path::Path;
use std::process::Command;

use sswe_cache::gc::{SweepOptions, sweep};
use sswe_cache::verify::verify;
use sswe_cache::{Batch, Error, StatCache, Store};

use crate::scratch::{Scratch, action, check_clean, key, noise, record};

/// A file system in memory, mounted on a folder until it is dropped.
struct Mounted<'s>(&'s Path);

impl Mounted<'_> {
    /// Mounts it; `None`, aloud, where this process may not.
    fn new<'s>(path: &'s Path, options: &str) -> Option<Mounted<'s>> {
        fs::create_dir_all(path).unwrap();
        let mount = Command::new("mount").args(["-t", "tmpfs", "-o", options, "none"]).arg(path).output();
        match mount {
            Ok(output) if output.status.success() => Some(Mounted(path)),
            other => {
                eprintln!("SKIPPED: cannot mount a tmpfs for this test: {other:?}");
                None
            }
        }
    }

    fn remount(&self, options: &str) {
        let options = format!("remount,{options}");
        let status = Command::new("mount").args(["-o", &options]).arg(self.0).status();
        assert!(status.unwrap().success());
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

/// Leaves about so many bytes free.
fn fill_up(folder: &Path, leave: usize) {
    let filler = folder.join("filler");
    let mut size = 64 << 20;
    let mut content = Vec::new();
    while size >= 4096 {
        content.resize(content.len() + size, 1);
        if fs::write(&filler, &content).is_err() {
            content.truncate(content.len() - size);
            size /= 2;
        }
    }
    content.truncate(content.len().saturating_sub(leave));
    fs::write(&filler, &content).unwrap();
}

#[test]
fn a_full_disk_is_an_error_that_says_so_and_nothing_half_written_stays() {
    let scratch = Scratch::new();
    let Some(_mounted) = Mounted::new(scratch.path(), "size=24m") else {
        return;
    };
    let store = scratch.store();
    record(&store, "s", "before", b"before");
    for (size, count) in [(9 << 20, 3), (20_000, 1500)] {
        let mut batch = Batch::new(&store);
        let added: sswe_cache::Result<()> = (0..count).try_for_each(|number| {
            let digest = batch.put(&noise(number, size))?;
            batch.record(action("s", &number.to_string(), digest));
            Ok(())
        });
        let error = added.and_then(|()| batch.commit().map(|_| ())).unwrap_err();
        assert!(matches!(error, Error::Full { .. }), "{error}");
        let text = error.to_string();
        assert!(text.contains("no space left for `") && text.contains("sswe cache gc"), "{text}");
        drop(batch);
        assert_eq!(scratch.files(), [""; 0], "{size}");
        assert_eq!(store.actions().unwrap().len(), 1);
        check_clean(&store);
    }
    // And once there is room, it works.
    record(&store, "s", "after", &noise(1, 1 << 20));
    let store = scratch.store();
    assert_eq!(store.actions().unwrap().len(), 2);
}

#[test]
fn a_batch_that_met_a_full_disk_can_be_tried_again() {
    let scratch = Scratch::new();
    let Some(_mounted) = Mounted::new(scratch.path(), "size=24m") else {
        return;
    };
    let store = scratch.store();
    let mut batch = Batch::new(&store);
    for number in 0..400 {
        let digest = batch.put(&noise(number, 20_000)).unwrap();
        batch.record(action("s", &number.to_string(), digest));
    }
    let large = batch.put(&noise(999, 1 << 20)).unwrap();
    fill_up(scratch.path(), 3 << 20);
    assert!(matches!(batch.commit(), Err(Error::Full { .. })));
    assert_eq!(scratch.files().len(), 1);
    fs::remove_file(scratch.path().join("filler")).unwrap();
    batch.commit().unwrap();
    assert_eq!(store.actions().unwrap().len(), 400);
    assert!(store.get(&large).is_ok());
    check_clean(&store);
}

#[test]
fn a_sweep_works_on_a_full_disk() {
    let scratch = Scratch::new();
    let Some(_mounted) = Mounted::new(scratch.path(), "size=48m") else {
        return;
    };
    let store = scratch.store();
    scratch.day(1);
    let mut batch = Batch::new(&store);
    for number in 0..1000 {
        let digest = batch.put(&noise(number, 10_000)).unwrap();
        batch.record(action(&format!("s{}", number % 10), &number.to_string(), digest));
    }
    batch.put(&noise(5000, 1 << 20)).unwrap();
    batch.commit().unwrap();
    drop((batch, store));
    fill_up(scratch.path(), 0);
    scratch.day(2);
    let store = scratch.store();
    assert!(matches!(store.begin_run(&"x".repeat(2 << 20)), Err(Error::Full { .. })));
    let options = SweepOptions { max_size: Some(2 << 20), ..SweepOptions::default() };
    let swept = sweep(&store, &options).unwrap();
    assert_eq!((swept.actions_by_size, swept.kept_actions), (800, 200));
    check_clean(&store);
    // The room is there again, with the filler still in place.
    record(&store, "new", "", &noise(9999, 4 << 20));
}

#[test]
fn a_read_only_store_is_read_and_refuses_to_be_written() {
    let scratch = Scratch::new();
    let Some(mounted) = Mounted::new(scratch.path(), "size=24m") else {
        return;
    };
    let (small, large) = (noise(1, 100), noise(2, 100_000));
    let store = scratch.store();
    let small_digest = record(&store, "s", "a", &small);
    let large_digest = record(&store, "s", "b", &large);
    drop(store);
    mounted.remount("ro");

    let store = scratch.store();
    assert!(store.read_only());
    assert_eq!(store.get(&small_digest).unwrap(), small);
    assert!(store.get(&large_digest).unwrap() == large);
    assert_eq!(store.actions().unwrap().len(), 2);
    check_clean(&store);
    assert!(StatCache::load(&store).unwrap().is_empty());
    let mut batch = Batch::new(&store);
    let refused = [
        batch.put(b"new").map(|_| ()),
        batch.put(&noise(3, 100_000)).map(|_| ()),
        store.begin_run("{}").map(|_| ()),
        store.lease(&[""]).map(|_| ()),
        store.discard(&small_digest).map(|_| ()),
        sweep(&store, &SweepOptions::default()).map(|_| ()),
        verify(&store, true).map(|_| ()),
    ];
    for refused in refused {
        let error = refused.unwrap_err();
        assert!(matches!(error, Error::ReadOnly { .. }), "{error}");
        assert!(error.to_string().contains("is read-only: make it writable"), "{error}");
    }
    drop(store);
    mounted.remount("rw");
    record(&scratch.store(), "s", "c", b"new");
}

#[test]
fn a_read_only_store_with_a_log_left_by_a_killed_process() {
    let scratch = Scratch::new();
    let Some(mounted) = Mounted::new(scratch.path(), "size=24m") else {
        return;
    };
    // A copy of an open store is as one whose process was killed: its log is still there.
    let other = Scratch::new();
    let left = other.store();
    record(&left, "s", "a", b"x");
    let copy = scratch.path().join("copy");
    let copied = Command::new("cp").arg("-r").arg(other.store_path()).arg(&copy).status();
    assert!(copied.unwrap().success());
    assert!(fs::metadata(copy.join("index.sqlite-wal")).unwrap().len() > 0);
    for shm in [true, false] {
        if !shm {
            fs::remove_file(copy.join("index.sqlite-shm")).unwrap();
        }
        mounted.remount("ro");
        // Either the row is there, or the error says that the log could not be used.
        match Store::open(&copy, scratch.options()) {
            Ok(store) => assert!(store.action(&key("s", "a")).unwrap().is_some(), "{shm}"),
            Err(error) => assert!(matches!(error, Error::Unrecovered { .. }), "{shm}: {error}"),
        }
        mounted.remount("rw");
    }
}

#[test]
fn a_store_asked_to_be_read_only_is() {
    let scratch = Scratch::new();
    let digest = record(&scratch.store(), "s", "a", b"x");
    let mut options = scratch.options();
    options.read_only = true;
    let store = Store::open(&scratch.store_path(), options.clone()).unwrap();
    assert_eq!(store.get(&digest).unwrap(), b"x");
    assert!(matches!(Batch::new(&store).put(b"y"), Err(Error::ReadOnly { .. })));
    let absent = scratch.path().join("absent");
    let error = Store::open(&absent, options).unwrap_err().to_string();
    assert!(error.starts_with("cannot open `") && error.contains("No such file"), "{error}");
    assert!(!absent.exists());
}
