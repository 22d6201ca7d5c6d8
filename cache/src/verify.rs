//! Checking that everything in a store is still what it was.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::io;
use std::path::PathBuf;

use rusqlite::{Connection, OptionalExtension, params};

use crate::batch::row_sum;
use crate::blob::{self, Form};
use crate::error::At;
use crate::index::decode_outputs;
use crate::lock;
use crate::{ActionKey, Components, Digest, Error, Result, Store, Target, Why, gc};

/// What a verification found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Verified {
    /// Blobs that were hashed.
    pub blobs: u64,
    /// Their bytes.
    pub bytes: u64,
    /// Actions that were checked.
    pub actions: u64,
    /// Blobs that are not what their names say, and why.
    pub damaged: Vec<(Digest, &'static str)>,
    /// Actions whose outputs are lost or damaged, or whose rows were altered.
    pub broken: Vec<BrokenAction>,
    /// Files that no row names, such as a process leaves that is killed between the move of a file
    /// and the commit of its row. Nothing needs them, so they are no fault; a repair or a sweep
    /// removes them.
    pub orphans: Vec<PathBuf>,
    /// Blobs that a root keeps but the store does not have.
    pub lost_roots: Vec<Digest>,
    /// What SQLite finds wrong with the index; [`crate::rebuild`] mends it.
    pub index_faults: Vec<String>,
    /// Whether all but the faults of the index were mended.
    pub repaired: bool,
}

/// An action that can no longer be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BrokenAction {
    /// Its key.
    pub key: ActionKey,
    /// Its stage.
    pub stage: String,
    /// Its item.
    pub item: String,
    /// What is wrong.
    pub why: String,
    seq: i64,
}

impl Verified {
    /// Returns whether nothing was wrong; orphans only take room.
    pub fn is_clean(&self) -> bool {
        self.damaged.is_empty()
            && self.broken.is_empty()
            && self.lost_roots.is_empty()
            && self.index_faults.is_empty()
    }
}

/// Hashes every blob, and checks every row.
///
/// With `repair`, what is damaged goes, with the actions that need it, so that the next build
/// makes it again. An index that SQLite itself calls damaged is only reported: close the store
/// and call [`crate::rebuild`].
pub fn verify(store: &Store, repair: bool) -> Result<Verified> {
    if repair {
        store.check_writable()?;
    }
    let mut found = Verified { index_faults: index_faults(store)?, ..Verified::default() };
    if !found.index_faults.is_empty() {
        // Rows read from such an index prove nothing.
        return Ok(found);
    }
    check_blobs(store, &mut found)?;
    // Alone from here: a commit under way has files that no row names yet.
    let _alone = match store.read_only() {
        true => None,
        false => Some(lock::alone(store)?),
    };
    let stored = stored(store)?;
    found.damaged.retain(|(digest, _)| stored.contains_key(digest));
    check_actions(store, &stored, &mut found)?;
    found.orphans = gc::orphans(store, &stored)?;
    for root in store.roots()? {
        for target in root.targets {
            if let Target::Blob(digest) = target
                && !stored.contains_key(&digest)
            {
                found.lost_roots.push(digest);
            }
        }
    }
    if repair {
        mend(store, &stored, &mut found)?;
    }
    Ok(found)
}

fn index_faults(store: &Store) -> Result<Vec<String>> {
    let check = |conn: &Connection| -> rusqlite::Result<Vec<String>> {
        conn.prepare("PRAGMA integrity_check(20)")?.query_map((), |row| row.get(0))?.collect()
    };
    match store.read(check) {
        Ok(lines) => Ok(lines.into_iter().filter(|line| line != "ok").collect()),
        Err(Error::Corrupt { detail, .. }) => Ok(vec![detail]),
        Err(error) => Err(error),
    }
}

fn check_blobs(store: &Store, found: &mut Verified) -> Result<()> {
    let mut buffer = vec![0; 1 << 20];
    // A list first: a read transaction for the whole time would keep the log growing.
    for digest in stored_digests(store)? {
        let why = match read_all(store, &digest, &mut buffer) {
            Ok(bytes) => {
                found.blobs += 1;
                found.bytes += bytes;
                continue;
            }
            // Swept meanwhile.
            Err(Error::Missing { .. }) => continue,
            Err(Error::Damaged { why, .. }) => why,
            Err(error) => return Err(error),
        };
        found.blobs += 1;
        found.damaged.push((digest, why));
    }
    Ok(())
}

fn read_all(store: &Store, digest: &Digest, buffer: &mut [u8]) -> Result<u64> {
    let mut reader = store.reader(digest)?;
    let mut bytes = 0;
    loop {
        match io::Read::read(&mut reader, buffer) {
            Ok(0) => return Ok(bytes),
            Ok(read) => bytes += read as u64,
            Err(error) => return Err(reader.fault(error, store.path())),
        }
    }
}

fn check_actions(store: &Store, stored: &HashMap<Digest, Form>, found: &mut Verified) -> Result<()> {
    let damaged: HashSet<Digest> = found.damaged.iter().map(|(digest, _)| *digest).collect();
    store.read(|conn| {
        let mut shared = HashMap::new();
        let mut statement = conn.prepare(
            "SELECT a.seq, a.key, s.name, a.item, a.outputs, d.shared, d.own, d.sum \
             FROM action a LEFT JOIN stage s ON s.id = a.stage LEFT JOIN detail d USING (seq)",
        )?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let key = row.get_ref(1)?.as_blob().ok().and_then(Digest::from_slice);
            let stage: Option<String> = row.get(2).ok().flatten();
            let item: Option<String> = row.get(3).ok();
            let outputs: Option<Vec<u8>> = row.get(4).ok();
            let own: Option<Vec<u8>> = row.get(6).ok().flatten();
            let shared = match row.get::<_, Option<i64>>(5)? {
                None => None,
                Some(id) => *match shared.entry(id) {
                    std::collections::hash_map::Entry::Occupied(known) => known.into_mut(),
                    std::collections::hash_map::Entry::Vacant(new) => new.insert(shared_digest(conn, id)?),
                },
            };
            found.actions += 1;
            let fault = || {
                let (key, stage, item) = (key?, stage.as_ref()?, item.as_ref()?);
                let (outputs, shared, own) = (outputs.as_ref()?, shared?, own.as_ref()?);
                let sum = row_sum(&ActionKey(key), stage, item, outputs, &shared, own);
                (row.get(7) == Ok(Some(sum))).then_some(())?;
                Components::decode(own)?;
                let outputs = decode_outputs(outputs)?;
                let mut needs =
                    outputs.iter().flat_map(|output| std::iter::once(output.body).chain(output.sidecar));
                let lost = needs.find(|d| !stored.contains_key(d) || damaged.contains(d));
                Some(lost.map(|digest| match damaged.contains(&digest) {
                    true => format!("its output {} is damaged", digest.short()),
                    false => format!("its output {} is lost", digest.short()),
                }))
            };
            let why = match fault() {
                Some(None) => continue,
                Some(Some(why)) => why,
                None => "its row was altered".to_owned(),
            };
            found.broken.push(BrokenAction {
                key: ActionKey(key.unwrap_or(Digest::from_bytes([0; 32]))),
                stage: stage.unwrap_or_default(),
                item: item.unwrap_or_default(),
                why,
                seq: row.get(0)?,
            });
        }
        Ok(())
    })
}

fn mend(store: &Store, stored: &HashMap<Digest, Form>, found: &mut Verified) -> Result<()> {
    let now = store.now();
    store.write_alone(|tx| {
        let mend = || {
            for action in &found.broken {
                gc::bury(tx, action.seq, Why::Damage, now)?;
            }
            for (digest, _) in &found.damaged {
                let digest = digest.as_bytes();
                tx.execute(
                    "DELETE FROM inline WHERE id = (SELECT id FROM blob WHERE digest = ?1)",
                    [digest],
                )?;
                tx.execute("DELETE FROM blob WHERE digest = ?1", [digest])?;
            }
            let gone = found.damaged.iter().map(|(digest, _)| digest);
            for digest in gone.chain(&found.lost_roots) {
                tx.execute("DELETE FROM root WHERE action = 0 AND target = ?1", params![digest.as_bytes()])?;
            }
            Ok(())
        };
        mend().map_err(|source| store.sql(source))
    })?;
    let damaged = found.damaged.iter().filter_map(|(digest, _)| {
        let form = stored.get(digest).filter(|form| form.in_file())?;
        Some(blob::cas_path(store.path(), digest, *form))
    });
    for path in damaged.chain(found.orphans.iter().cloned()) {
        match fs::remove_file(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => (),
            removed => removed.at("remove", &path)?,
        }
    }
    found.repaired = true;
    Ok(())
}

fn shared_digest(conn: &Connection, id: i64) -> rusqlite::Result<Option<Digest>> {
    let found: Option<Vec<u8>> = conn
        .prepare_cached("SELECT components FROM shared WHERE id = ?1")?
        .query_row([id], |row| row.get(0))
        .optional()?;
    Ok(found.and_then(|bytes| Components::decode(&bytes)).map(|components| components.digest()))
}

fn stored_digests(store: &Store) -> Result<Vec<Digest>> {
    let mut digests: Vec<Digest> = stored(store)?.into_keys().collect();
    digests.sort();
    Ok(digests)
}

fn stored(store: &Store) -> Result<HashMap<Digest, Form>> {
    store.read(|conn| {
        let mut statement = conn.prepare("SELECT digest, form FROM blob")?;
        let mut rows = statement.query(())?;
        let mut stored = HashMap::new();
        while let Some(row) = rows.next()? {
            let form = row.get(1)?;
            let digest = Digest::from_slice(row.get_ref(0)?.as_blob()?);
            let (Some(digest), Some(form)) = (digest, Form::of(form)) else {
                return Err(rusqlite::Error::IntegralValueOutOfRange(1, form));
            };
            stored.insert(digest, form);
        }
        Ok(stored)
    })
}
