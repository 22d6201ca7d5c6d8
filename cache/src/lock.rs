//! Who may do what at the same time: kernel locks, which end with their process.
//!
//! A commit shares `lock`; a sweep, a repair and a migration hold it alone. Everyone passes
//! `gate` first, which the one who wants `lock` alone keeps shut: else commits that overlap
//! would hold a sweep off for ever.

use std::fs::{self, File, OpenOptions, TryLockError};
use std::io::{self, Read, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::thread;
use std::time::Duration;

use crate::error::At;
use crate::{Result, Store, Time, Waiting};

/// A running build's claim: while it lives, a sweep keeps what the build may need.
///
/// It keeps every action whose stage has one of the build's prefixes, and everything made or
/// used since the build began.
#[derive(Debug)]
pub struct Lease {
    path: PathBuf,
    _file: File,
}

impl Store {
    /// Claims the stages with these prefixes, such as `main/`, until the lease is dropped.
    ///
    /// Take it before the first look into the store. An empty prefix claims everything.
    pub fn lease(&self, prefixes: &[&str]) -> Result<Lease> {
        self.check_writable()?;
        let _guard = shared(self)?;
        let folder = self.path().join("live");
        fs::create_dir_all(&folder).at("make", &folder)?;
        let path = folder.join(unique());
        let mut file = File::create(&path).at("make", &path)?;
        file.lock().at("lock", &path)?;
        let text = format!("{}\n{}", self.now().0, prefixes.join("\n"));
        file.write_all(text.as_bytes()).at("write", &path)?;
        Ok(Lease { path, _file: file })
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        // A file that stays is no claim: its lock ends here.
        let _ = fs::remove_file(&self.path);
    }
}

/// A lock that is held until it is dropped.
#[derive(Debug)]
pub(crate) struct Guard {
    lock: File,
    alone: Option<File>,
}

impl Drop for Guard {
    fn drop(&mut self) {
        if self.alone.is_some() {
            let _ = self.lock.set_len(0);
        }
    }
}

/// Holds off sweeps, beside other commits.
pub(crate) fn shared(store: &Store) -> Result<Guard> {
    let (gate, lock) = (open(store.path(), "gate")?, open(store.path(), "lock")?);
    for file in [&gate, &lock] {
        if is_held(|| file.try_lock_shared()).at("lock", store.path())? {
            let reason = "another process to finish its work on the whole store";
            store.on_wait(&Waiting { reason, pids: holder(&lock) });
            file.lock_shared().at("lock", store.path())?;
        }
    }
    Ok(Guard { lock, alone: None })
}

/// Holds off commits and other sweeps.
pub(crate) fn alone(store: &Store) -> Result<Guard> {
    let (gate, lock) = (open(store.path(), "gate")?, open(store.path(), "lock")?);
    for file in [&gate, &lock] {
        if is_held(|| file.try_lock()).at("lock", store.path())? {
            let mut pids = holder(&lock);
            pids.extend(claims(store.path())?.iter().map(|claim| claim.pid));
            store.on_wait(&Waiting { reason: "other processes to leave the store", pids });
            file.lock().at("lock", store.path())?;
        }
    }
    sign(lock, gate, store.path())
}

/// As [`alone`], for a store that is not open yet, so that nobody can be told of a wait.
pub(crate) fn alone_unheard(store: &Path) -> Result<Guard> {
    let (gate, lock) = (open(store, "gate")?, open(store, "lock")?);
    gate.lock().at("lock", store)?;
    lock.lock().at("lock", store)?;
    sign(lock, gate, store)
}

/// As [`alone`], but gives up when someone is there.
pub(crate) fn try_alone(store: &Path) -> Result<Option<Guard>> {
    let (gate, lock) = (open(store, "gate")?, open(store, "lock")?);
    for file in [&gate, &lock] {
        if would_block(file.try_lock()).at("lock", store)? {
            return Ok(None);
        }
    }
    sign(lock, gate, store).map(Some)
}

/// A lease as others see it.
#[derive(Debug)]
pub(crate) struct Claim {
    pub(crate) pid: u32,
    pub(crate) started: Time,
    pub(crate) prefixes: Vec<String>,
}

/// Returns the claims of builds that are alive.
pub(crate) fn claims(store: &Path) -> Result<Vec<Claim>> {
    let mut claims = Vec::new();
    for path in entries(&store.join("live"))? {
        let Some(mut file) = occupied(&path)? else {
            continue;
        };
        let mut text = String::new();
        file.read_to_string(&mut text).at("read", &path)?;
        let (started, prefixes) = text.split_once('\n').unwrap_or(("0", ""));
        claims.push(Claim {
            pid: pid(&path),
            started: Time(started.parse().unwrap_or(0)),
            prefixes: prefixes.split('\n').map(str::to_owned).collect(),
        });
    }
    Ok(claims)
}

/// Removes what dead processes left in `tmp` and `live`; the caller is alone.
pub(crate) fn clear_dead(store: &Path, _alone: &Guard) -> Result<u64> {
    let mut removed = 0;
    for path in entries(&store.join("tmp"))? {
        if occupied(&path)?.is_none() {
            fs::remove_dir_all(&path).at("remove", &path)?;
            removed += 1;
        }
    }
    for path in entries(&store.join("live"))? {
        if occupied(&path)?.is_none() {
            fs::remove_file(&path).at("remove", &path)?;
        }
    }
    Ok(removed)
}

/// Says whether a dead process left something in `tmp`.
pub(crate) fn has_dead(store: &Path) -> Result<bool> {
    for path in entries(&store.join("tmp"))? {
        if occupied(&path)?.is_none() {
            return Ok(true);
        }
    }
    Ok(false)
}

/// Returns the paths in a folder, sorted; none when the folder is not there.
pub(crate) fn entries(folder: &Path) -> Result<Vec<PathBuf>> {
    let found = match fs::read_dir(folder) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        found => found.at("read", folder)?,
    };
    let mut paths = Vec::new();
    for entry in found {
        paths.push(entry.at("read", folder)?.path());
    }
    paths.sort();
    Ok(paths)
}

/// Returns a name that no other process and no other call of this one has.
pub(crate) fn unique() -> String {
    static NEXT: AtomicU64 = AtomicU64::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}

fn open(store: &Path, name: &str) -> Result<File> {
    let path = store.join(name);
    OpenOptions::new().read(true).write(true).create(true).truncate(false).open(&path).at("open", &path)
}

fn sign(mut lock: File, gate: File, store: &Path) -> Result<Guard> {
    // For the message of those who wait. A full disk must not stop a sweep, so a name that
    // cannot be written is left out.
    let _ = lock.set_len(0);
    let _ = lock.rewind();
    let _ = write!(lock, "{}", std::process::id());
    lock.rewind().at("rewind", store)?;
    Ok(Guard { lock, alone: Some(gate) })
}

fn holder(mut lock: &File) -> Vec<u32> {
    let mut text = String::new();
    let read = lock.rewind().and_then(|()| lock.read_to_string(&mut text));
    match (read, text.parse()) {
        (Ok(_), Ok(pid)) => vec![pid],
        _ => Vec::new(),
    }
}

/// Opens the path when a live process holds its lock.
fn occupied(path: &Path) -> Result<Option<File>> {
    let file = match File::open(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
        file => file.at("open", path)?,
    };
    Ok(would_block(file.try_lock_shared()).at("lock", path)?.then_some(file))
}

/// Says whether a lock is held for longer than a moment, which is not worth a word.
fn is_held(try_lock: impl Fn() -> std::result::Result<(), TryLockError>) -> io::Result<bool> {
    for _ in 0..50 {
        if !would_block(try_lock())? {
            return Ok(false);
        }
        thread::sleep(Duration::from_millis(2));
    }
    Ok(true)
}

fn would_block(tried: std::result::Result<(), TryLockError>) -> io::Result<bool> {
    match tried {
        Ok(()) => Ok(false),
        Err(TryLockError::WouldBlock) => Ok(true),
        Err(TryLockError::Error(error)) => Err(error),
    }
}

fn pid(path: &Path) -> u32 {
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    name.split('-').next().and_then(|pid| pid.parse().ok()).unwrap_or(0)
}
