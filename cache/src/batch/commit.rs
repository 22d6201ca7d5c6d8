//! How a batch becomes part of the store.

use std::collections::{BTreeSet, HashMap};
use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use rusqlite::{Connection, params};

use super::{Batch, Data, Pending};
use crate::blob::{self, Written};
use crate::error::At;
use crate::index::{decode_outputs, encode_outputs};
use crate::{ActionKey, Components, Digest, Error, Fields, NewAction, Result, Store, stat};

/// What a commit found.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Committed {
    /// Actions that another process had recorded first, with other outputs: the store kept
    /// those, so look them up and go on with them.
    pub earlier: Vec<ActionKey>,
}

impl Batch {
    /// Makes everything part of the store, and empties the batch.
    ///
    /// When it fails, the store is as it was, and the batch too: it can be tried again.
    pub fn commit(&mut self) -> Result<Committed> {
        if self.is_empty() {
            return Ok(Committed::default());
        }
        self.sync_files()?;
        let mut moved = Vec::new();
        let done = self.store.write(|tx| {
            let plan = self.insert_blobs(tx)?;
            let committed = self.insert_actions(tx)?;
            self.insert_rest(tx).map_err(|source| self.store.sql(source))?;
            for (from, to) in plan.moves {
                move_in(&self.store, &from, &to)?;
                moved.push((from, to));
            }
            sync_folders(&self.store, &moved)?;
            Ok((committed, plan.replaced))
        });
        match done {
            Ok((committed, replaced)) => {
                for path in replaced {
                    let _ = fs::remove_file(path);
                }
                self.blobs.clear();
                self.known.clear();
                self.actions.clear();
                self.used.clear();
                self.stats.clear();
                Ok(committed)
            }
            Err(error) => {
                // No row names these: the transaction that added one was taken back, and
                // nobody else could commit meanwhile.
                for (from, to) in &moved {
                    let _ = fs::rename(to, from);
                }
                Err(error)
            }
        }
    }

    /// Brings the bytes of larger blobs to the disk, before any row names them.
    fn sync_files(&mut self) -> Result<()> {
        for pending in &mut self.blobs {
            if let Data::File { temp, synced } = &mut pending.data
                && !*synced
            {
                let file = File::open(temp.path()).at("open", temp.path())?;
                file.sync_data().at("sync", temp.path())?;
                *synced = true;
            }
        }
        Ok(())
    }

    /// Inserts the rows of blobs; says what is to be moved where, and what that replaces.
    fn insert_blobs(&self, tx: &Connection) -> Result<Moves> {
        let sql = |source| self.store.sql(source);
        let mut add = tx
            .prepare_cached(
                "INSERT INTO blob(digest, size, stored, form, made) VALUES (?1, ?2, ?3, ?4, ?5) \
                 ON CONFLICT(digest) DO NOTHING",
            )
            .map_err(sql)?;
        let mut add_inline =
            tx.prepare_cached("INSERT INTO inline(id, bytes) VALUES (?1, ?2)").map_err(sql)?;
        let now = self.store.now().0;
        let mut plan = Moves::default();
        for Pending { written, data } in &self.blobs {
            let Written { digest, size, stored, form } = written;
            let values = params![digest.as_bytes(), size, stored, *form as i64, now];
            let is_new = add.execute(values).map_err(sql)? == 1;
            match data {
                Data::Inline(bytes) if is_new => {
                    let id = tx.last_insert_rowid();
                    add_inline.execute(params![id, bytes]).map_err(sql)?;
                }
                Data::Inline(_) => (),
                Data::File { temp, .. } => {
                    let to = blob::cas_path(self.store.path(), digest, *form);
                    if !is_new {
                        let Some(old) = blob::find(tx, digest).map_err(sql)? else {
                            continue;
                        };
                        if !old.form.in_file() || self.store.file_is_whole(digest, &old) {
                            continue;
                        }
                        // The file was lost or cut short: this one takes its place.
                        tx.execute(
                            "UPDATE blob SET stored = ?2, form = ?3 WHERE id = ?1",
                            params![old.id, stored, *form as i64],
                        )
                        .map_err(sql)?;
                        if old.form != *form {
                            plan.replaced.push(blob::cas_path(self.store.path(), digest, old.form));
                        }
                    }
                    plan.moves.push((temp.path().into(), to));
                }
            }
        }
        Ok(plan)
    }

    fn insert_actions(&self, tx: &Connection) -> Result<Committed> {
        let sql = |source| self.store.sql(source);
        let mut stages = HashMap::new();
        let mut shared = HashMap::new();
        let mut committed = Committed::default();
        let now = self.store.now();
        for action in &self.actions {
            self.check_outputs(tx, action)?;
            let outputs = encode_outputs(&action.outputs);
            let stage = match stages.get(&(&action.stage, &action.kind)) {
                Some(&stage) => stage,
                None => {
                    let stage = intern_stage(tx, &action.stage, &action.kind).map_err(sql)?;
                    stages.insert((&action.stage, &action.kind), stage);
                    stage
                }
            };
            let (shared, shared_digest) = match shared.get(&Arc::as_ptr(&action.shared)) {
                Some(&known) => known,
                None => {
                    let known = intern_shared(tx, &action.shared).map_err(sql)?;
                    shared.insert(Arc::as_ptr(&action.shared), known);
                    known
                }
            };
            let mut add = tx
                .prepare_cached(
                    "INSERT INTO action(key, stage, item, used, outputs) \
                     VALUES (?1, ?2, ?3, ?4, ?5) ON CONFLICT(key) DO NOTHING",
                )
                .map_err(sql)?;
            let key = action.key.0.as_bytes();
            let values = params![key, stage, action.item, now.day(), outputs];
            if add.execute(values).map_err(sql)? == 0 {
                if !self.replaces(tx, action, &outputs)? {
                    committed.earlier.push(action.key);
                    continue;
                }
                tx.execute("DELETE FROM detail WHERE seq = (SELECT seq FROM action WHERE key = ?1)", [key])
                    .map_err(sql)?;
                tx.execute("DELETE FROM action WHERE key = ?1", [key]).map_err(sql)?;
                add.execute(values).map_err(sql)?;
            }
            let seq = tx.last_insert_rowid();
            let own = action.own.encode();
            let sum = row_sum(&action.key, &action.stage, &action.item, &outputs, &shared_digest, &own);
            tx.prepare_cached(
                "INSERT INTO detail(seq, shared, own, made, wall, cost, run, sum) \
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
            )
            .and_then(|mut add| {
                let run = action.run.map(|run| run.0);
                add.execute(params![seq, shared, own, now.0, action.wall_us, action.cost_micros, run, sum])
            })
            .map_err(sql)?;
            tx.prepare_cached("DELETE FROM tombstone WHERE key = ?1")
                .and_then(|mut remove| remove.execute([key]))
                .map_err(sql)?;
        }
        Ok(committed)
    }

    /// Refuses a row that would name a blob the store does not have.
    fn check_outputs(&self, tx: &Connection, action: &NewAction) -> Result<()> {
        for output in &action.outputs {
            for digest in std::iter::once(&output.body).chain(&output.sidecar) {
                let there = self.known.contains(digest)
                    || blob::find(tx, digest).map_err(|source| self.store.sql(source))?.is_some();
                if !there {
                    return Err(Error::Missing { digest: *digest });
                }
            }
        }
        Ok(())
    }

    /// Says whether the row that is there gives way: it says the same, or its blobs are lost.
    fn replaces(&self, tx: &Connection, action: &NewAction, outputs: &[u8]) -> Result<bool> {
        let sql = |source| self.store.sql(source);
        let old: Vec<u8> = tx
            .query_row("SELECT outputs FROM action WHERE key = ?1", [action.key.0.as_bytes()], |row| {
                row.get(0)
            })
            .map_err(sql)?;
        if old == outputs {
            return Ok(true);
        }
        for output in decode_outputs(&old).unwrap_or_default() {
            for digest in std::iter::once(&output.body).chain(&output.sidecar) {
                let row = blob::find(tx, digest).map_err(sql)?;
                let there =
                    row.is_some_and(|row| !row.form.in_file() || self.store.file_is_whole(digest, &row));
                if !there {
                    return Ok(true);
                }
            }
        }
        Ok(false)
    }

    fn insert_rest(&self, tx: &Connection) -> rusqlite::Result<()> {
        let today = self.store.now().day();
        let mut touch =
            tx.prepare_cached("UPDATE action SET used = ?3 WHERE seq = ?1 AND key = ?2 AND used < ?3")?;
        for (seq, key) in &self.used {
            touch.execute(params![seq, key.0.as_bytes(), today])?;
        }
        for (path, entry) in &self.stats {
            stat::insert(tx, path, entry)?;
        }
        Ok(())
    }
}

/// What a commit does with files.
#[derive(Default)]
struct Moves {
    moves: Vec<(PathBuf, PathBuf)>,
    replaced: Vec<PathBuf>,
}

/// Returns what a row must still add up to when it is verified.
pub(crate) fn row_sum(
    key: &ActionKey,
    stage: &str,
    item: &str,
    outputs: &[u8],
    shared: &Digest,
    own: &[u8],
) -> i64 {
    let digest = Fields::new("sswe.row.v1")
        .digest("key", &key.0)
        .text("stage", stage)
        .text("item", item)
        .bytes("outputs", outputs)
        .digest("shared", shared)
        .bytes("own", own)
        .finish();
    let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
    i64::from_le_bytes([a, b, c, d, e, f, g, h])
}

fn intern_stage(tx: &Connection, name: &str, kind: &str) -> rusqlite::Result<i64> {
    tx.prepare_cached("INSERT INTO stage(name, kind) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute([name, kind])?;
    tx.prepare_cached("SELECT id FROM stage WHERE name = ?1 AND kind = ?2")?
        .query_row([name, kind], |row| row.get(0))
}

fn intern_shared(tx: &Connection, shared: &Components) -> rusqlite::Result<(i64, Digest)> {
    let digest = shared.digest();
    tx.prepare_cached("INSERT INTO shared(digest, components) VALUES (?1, ?2) ON CONFLICT DO NOTHING")?
        .execute(params![digest.as_bytes(), shared.encode()])?;
    let id = tx
        .prepare_cached("SELECT id FROM shared WHERE digest = ?1")?
        .query_row([digest.as_bytes()], |row| row.get(0))?;
    Ok((id, digest))
}

fn move_in(store: &Store, from: &Path, to: &Path) -> Result<()> {
    match fs::rename(from, to) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => {
            let folder = to.parent().unwrap_or(store.path());
            fs::create_dir_all(folder).at("make", folder)?;
            sync_folder(&store.path().join("cas"))?;
            sync_folder(store.path())?;
            fs::rename(from, to).at("move a blob to", to)
        }
        moved => moved.at("move a blob to", to),
    }
}

fn sync_folders(store: &Store, moved: &[(PathBuf, PathBuf)]) -> Result<()> {
    let folders: BTreeSet<&Path> = moved.iter().map(|(_, to)| to.parent().unwrap_or(store.path())).collect();
    folders.into_iter().try_for_each(sync_folder)
}

fn sync_folder(path: &Path) -> Result<()> {
    File::open(path).and_then(|folder| folder.sync_all()).at("sync", path)
}
