//! Removing what nobody needs any more.

use std::collections::{HashMap, HashSet};
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use rusqlite::{Connection, params};

use crate::blob::{self, Form};
use crate::error::At;
use crate::index::decode_outputs;
use crate::lock::{self, Claim};
use crate::{ActionKey, Digest, Error, Result, RootKind, Store, Target, Time, Why, ballast};

/// What a sweep may remove.
#[derive(Clone, Copy, Debug, Default)]
pub struct SweepOptions {
    /// Removes what was used least recently until the blobs take at most so many bytes.
    pub max_size: Option<u64>,
    /// Removes what was not used for so long; it is counted in days.
    pub older_than: Option<Duration>,
    /// Removes nothing, and reports what would go.
    pub dry_run: bool,
}

/// What a sweep removed and kept.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Swept {
    /// Actions that went because of their age.
    pub actions_by_age: u64,
    /// Actions that went because of `max_size`.
    pub actions_by_size: u64,
    /// Blobs that went, because no action or root needs them now.
    pub blobs: u64,
    /// The bytes that those took.
    pub bytes: u64,
    /// Files that no row named, left by a killed process.
    pub orphans: u64,
    /// Runs that went, with their logs.
    pub runs: u64,
    /// Actions that stay.
    pub kept_actions: u64,
    /// Of these, how many stay because of a root.
    pub rooted_actions: u64,
    /// Of these, how many stay because of a running build.
    pub claimed_actions: u64,
    /// The bytes that the remaining blobs take.
    pub kept_bytes: u64,
    /// Whether they still take more than `max_size`, because of roots and running builds.
    pub over: bool,
}

/// Removes what neither a root nor a running build needs, as far as `options` ask.
///
/// The rows of a stage that share their components go together or stay together, the least
/// recently used first; each leaves a tombstone. Blobs that no row names go always. Commits of
/// other processes wait meanwhile, and builds go on.
pub fn sweep(store: &Store, options: &SweepOptions) -> Result<Swept> {
    store.check_writable()?;
    let alone = lock::alone(store)?;
    if !options.dry_run {
        // Space first: removing rows needs some, on a disk that may have none.
        ballast::shrink(store.path());
        ballast::shrink(store.path());
        let _ = fs::remove_file(store.path().join("index.sqlite.damaged"));
        lock::clear_dead(store.path(), &alone)?;
    }
    let claims = lock::claims(store.path())?;
    let marked = mark(store, &claims, options)?;
    let orphans = orphans(store, &marked.stored)?;
    let mut swept = marked.swept;
    swept.orphans = orphans.len() as u64;
    let old_runs = old_runs(store, options)?;
    swept.runs = old_runs.len() as u64;
    if options.dry_run {
        return Ok(swept);
    }
    for path in &orphans {
        fs::remove_file(path).at("remove", path)?;
    }
    // Rows before the blobs they name: a kill in between leaves blobs that nobody names, which
    // the next sweep finds, and never a row without its blobs.
    let now = store.now();
    in_pieces(store, &marked.rows, |tx, (seq, why)| bury(tx, *seq, *why, now))?;
    in_pieces(store, &marked.blobs, |tx, blob| {
        tx.prepare_cached("DELETE FROM inline WHERE id = ?1")?.execute([blob.id])?;
        tx.prepare_cached("DELETE FROM blob WHERE id = ?1")?.execute([blob.id])?;
        Ok(())
    })?;
    for blob in &marked.blobs {
        if blob.form.in_file() {
            remove_file(&blob::cas_path(store.path(), &blob.digest, blob.form))?;
        }
    }
    in_pieces(store, &old_runs, |tx, id| tx.execute("DELETE FROM run WHERE id = ?1", [id]).map(|_| ()))?;
    for id in &old_runs {
        remove_file(&store.events_path(crate::RunId(*id)))?;
    }
    in_pieces(store, &[now], |tx, now| tidy(tx, *now))?;
    store.compact()?;
    // Only a reserve: without it, a sweep on a full disk may have less to work with.
    ballast::restore(store.path(), ballast::SIZE);
    Ok(swept)
}

impl Store {
    /// Removes a damaged or lost blob, with every action that made it, and returns those: run
    /// them again.
    pub fn discard(&self, digest: &Digest) -> Result<Vec<ActionKey>> {
        self.check_writable()?;
        // Alone: else another process may put the right bytes back between the row's end and
        // the file's.
        let _alone = lock::alone(self)?;
        let now = self.now();
        let (keys, file) = self.write_alone(|tx| {
            let discard = || {
                let row = blob::find(tx, digest)?;
                let mut keys = Vec::new();
                for (seq, key) in made(tx, digest)? {
                    bury(tx, seq, Why::Damage, now)?;
                    keys.push(key);
                }
                if let Some(row) = &row {
                    tx.execute("DELETE FROM inline WHERE id = ?1", [row.id])?;
                    tx.execute("DELETE FROM blob WHERE id = ?1", [row.id])?;
                }
                Ok((keys, row.map(|row| row.form)))
            };
            discard().map_err(|source| self.sql(source))
        })?;
        if let Some(form) = file
            && form.in_file()
        {
            remove_file(&blob::cas_path(self.path(), digest, form))?;
        }
        Ok(keys)
    }
}

/// Replaces the row of an action by a tombstone.
pub(crate) fn bury(tx: &Connection, seq: i64, why: Why, now: Time) -> rusqlite::Result<()> {
    tx.prepare_cached(
        "INSERT OR REPLACE INTO tombstone(key, stage, item, gone, why) \
         SELECT a.key, coalesce(s.name, ''), a.item, ?2, ?3 \
         FROM action a LEFT JOIN stage s ON s.id = a.stage WHERE a.seq = ?1",
    )?
    .execute(params![seq, now.0, why as i64])?;
    tx.prepare_cached("DELETE FROM action WHERE seq = ?1")?.execute([seq])?;
    tx.prepare_cached("DELETE FROM detail WHERE seq = ?1")?.execute([seq])?;
    Ok(())
}

/// Finds the files under `cas` that no row names; `stored` has every blob that one does.
pub(crate) fn orphans(store: &Store, stored: &HashMap<Digest, Form>) -> Result<Vec<PathBuf>> {
    let mut orphans = Vec::new();
    for folder in lock::entries(&store.path().join("cas"))? {
        for path in lock::entries(&folder)? {
            let named = cas_name(&path).is_some_and(|(digest, form)| stored.get(&digest) == Some(&form));
            if !named {
                orphans.push(path);
            }
        }
    }
    Ok(orphans)
}

/// Reads the digest and the form off the path of a blob's file.
pub(crate) fn cas_name(path: &std::path::Path) -> Option<(Digest, Form)> {
    let name = path.file_name()?.to_str()?;
    let folder = path.parent()?.file_name()?.to_str()?;
    let (rest, form) = match name.strip_suffix(".zst") {
        Some(rest) => (rest, Form::FileZstd),
        None => (name, Form::FileRaw),
    };
    Some((format!("{folder}{rest}").parse().ok()?, form))
}

struct Marked {
    swept: Swept,
    rows: Vec<(i64, Why)>,
    blobs: Vec<Blob>,
    stored: HashMap<Digest, Form>,
}

struct Blob {
    id: i64,
    digest: Digest,
    stored: u64,
    form: Form,
    made: i64,
    /// How many outputs and roots name it.
    needed: u32,
}

/// The rows of a stage that share their components.
#[derive(Default)]
struct Group {
    stage: i64,
    used: i64,
    rows: Vec<i64>,
    /// Places in the list of blobs, one for each time that a row names one.
    blobs: Vec<u32>,
    rooted: bool,
    claimed: bool,
    gone: Option<Why>,
}

fn mark(store: &Store, claims: &[Claim], options: &SweepOptions) -> Result<Marked> {
    let rooted: HashSet<Target> = store.roots()?.into_iter().flat_map(|root| root.targets).collect();
    let (mut blobs, mut groups, stages) = load(store, &rooted)?;
    let started = claims.iter().map(|claim| claim.started).min();
    for group in &mut groups {
        let name = stages.get(&group.stage).map_or("", String::as_str);
        let prefixes = claims.iter().flat_map(|claim| &claim.prefixes);
        group.claimed = started.is_some_and(|started| group.used >= started.day())
            || prefixes.into_iter().any(|prefix| name.starts_with(prefix));
    }

    let mut total: u64 = blobs.iter().map(|blob| blob.stored).sum();
    let is_free = |blob: &Blob| blob.needed == 0 && started.is_none_or(|started| blob.made < started.0);
    total -= blobs.iter().filter(|blob| is_free(blob)).map(|blob| blob.stored).sum::<u64>();

    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&at| (groups[at].used, groups[at].rows[0]));
    let oldest = options.older_than.map(|span| store.now().before(span).day());
    for at in order {
        let group = &mut groups[at];
        let why = if group.rooted || group.claimed {
            continue;
        } else if oldest.is_some_and(|oldest| group.used < oldest) {
            Why::Age
        } else if options.max_size.is_some_and(|max| total > max) {
            Why::Size
        } else {
            continue;
        };
        group.gone = Some(why);
        for &blob in &group.blobs {
            let blob = &mut blobs[blob as usize];
            blob.needed -= 1;
            if is_free(blob) {
                total -= blob.stored;
            }
        }
    }

    let mut swept = Swept {
        kept_bytes: total,
        over: options.max_size.is_some_and(|max| total > max),
        ..Swept::default()
    };
    let mut rows = Vec::new();
    for group in &groups {
        let count = group.rows.len() as u64;
        match group.gone {
            Some(why) => {
                rows.extend(group.rows.iter().map(|&seq| (seq, why)));
                match why {
                    Why::Age => swept.actions_by_age += count,
                    Why::Size | Why::Damage => swept.actions_by_size += count,
                }
            }
            None => {
                swept.kept_actions += count;
                swept.rooted_actions += if group.rooted { count } else { 0 };
                swept.claimed_actions += if group.claimed { count } else { 0 };
            }
        }
    }
    let stored = blobs.iter().map(|blob| (blob.digest, blob.form)).collect();
    blobs.retain(is_free);
    swept.blobs = blobs.len() as u64;
    swept.bytes = blobs.iter().map(|blob| blob.stored).sum();
    Ok(Marked { swept, rows, blobs, stored })
}

type Loaded = (Vec<Blob>, Vec<Group>, HashMap<i64, String>);

fn load(store: &Store, rooted: &HashSet<Target>) -> Result<Loaded> {
    let mut damaged = false;
    let loaded = store.read(|conn| {
        let tx = conn.unchecked_transaction()?;
        let mut blobs = Vec::new();
        let mut places = HashMap::new();
        let mut statement = tx.prepare("SELECT id, digest, stored, form, made FROM blob")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let digest = Digest::from_slice(row.get_ref(1)?.as_blob()?);
            let (Some(digest), Some(form)) = (digest, Form::of(row.get(3)?)) else {
                damaged = true;
                continue;
            };
            places.insert(digest, blobs.len() as u32);
            blobs.push(Blob {
                id: row.get(0)?,
                digest,
                stored: row.get(2)?,
                form,
                made: row.get(4)?,
                needed: rooted.contains(&Target::Blob(digest)).into(),
            });
        }

        let mut groups: Vec<Group> = Vec::new();
        let mut by_stage = HashMap::new();
        let mut statement = tx.prepare(
            "SELECT a.seq, a.key, a.stage, a.used, a.outputs, d.shared \
             FROM action a LEFT JOIN detail d USING (seq) ORDER BY a.seq",
        )?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            let key = Digest::from_slice(row.get_ref(1)?.as_blob()?);
            let outputs = decode_outputs(row.get_ref(4)?.as_blob()?);
            let (Some(key), Some(outputs)) = (key, outputs) else {
                damaged = true;
                continue;
            };
            let stage: i64 = row.get(2)?;
            let shared: Option<i64> = row.get(5)?;
            let at = *by_stage.entry((stage, shared)).or_insert_with(|| {
                groups.push(Group { stage, ..Group::default() });
                groups.len() - 1
            });
            let group = &mut groups[at];
            group.used = group.used.max(row.get(3)?);
            group.rows.push(row.get(0)?);
            group.rooted |= rooted.contains(&Target::Action(ActionKey(key)));
            for output in outputs {
                for digest in std::iter::once(output.body).chain(output.sidecar) {
                    // One that is lost is for `verify` to find.
                    if let Some(&place) = places.get(&digest) {
                        blobs[place as usize].needed += 1;
                        group.blobs.push(place);
                    }
                }
            }
        }
        let stages = tx
            .prepare("SELECT id, name FROM stage")?
            .query_map((), |row| Ok((row.get(0)?, row.get(1)?)))?
            .collect::<rusqlite::Result<_>>()?;
        Ok((blobs, groups, stages))
    })?;
    if damaged {
        // A sweep that cannot read what a row needs would remove it.
        return Err(store.unreadable("a blob or an action"));
    }
    Ok(loaded)
}

/// Works through a list in transactions, in ever smaller ones while the disk is full.
fn in_pieces<T>(
    store: &Store,
    mut all: &[T],
    each: impl Fn(&Connection, &T) -> rusqlite::Result<()>,
) -> Result<()> {
    let mut size = 4096;
    while !all.is_empty() {
        let (piece, rest) = all.split_at(size.min(all.len()));
        let done = store.write_alone(|tx| {
            let mut each = piece.iter().map(|one| each(tx, one));
            each.try_for_each(|done| done).map_err(|source| store.sql(source))
        });
        match done {
            Ok(()) => {
                all = rest;
                // The next piece starts with an empty log.
                store.empty_log()?;
            }
            Err(Error::Full { .. }) if size > 1 => size /= 8,
            Err(error) => return Err(error),
        }
    }
    Ok(())
}

/// Removes what other rows no longer name, and what was kept only to be told of.
fn tidy(tx: &Connection, now: Time) -> rusqlite::Result<()> {
    const DAY: Duration = Duration::from_secs(86_400);
    tx.execute("DELETE FROM shared WHERE id NOT IN (SELECT shared FROM detail)", ())?;
    tx.execute("DELETE FROM stage WHERE id NOT IN (SELECT stage FROM action)", ())?;
    tx.execute("DELETE FROM tombstone WHERE gone < ?1", [now.before(180 * DAY).0])?;
    tx.execute("DELETE FROM stat WHERE seen < ?1", [now.before(180 * DAY).0])?;
    Ok(())
}

fn old_runs(store: &Store, options: &SweepOptions) -> Result<Vec<i64>> {
    let Some(span) = options.older_than else {
        return Ok(Vec::new());
    };
    let oldest = store.now().before(span).0;
    store.read(|conn| {
        conn.prepare(
            "SELECT id FROM run WHERE finished < ?1 \
             AND CAST(id AS TEXT) NOT IN (SELECT name FROM root WHERE kind = ?2)",
        )?
        .query_map(params![oldest, RootKind::Run as i64], |row| row.get(0))?
        .collect()
    })
}

/// Finds the actions that name a blob.
fn made(tx: &Connection, digest: &Digest) -> rusqlite::Result<Vec<(i64, ActionKey)>> {
    let mut statement = tx.prepare("SELECT seq, key FROM action WHERE instr(outputs, ?1) > 0")?;
    let found = statement.query_map([digest.as_bytes()], |row| {
        Ok((row.get(0)?, Digest::from_slice(row.get_ref(1)?.as_blob()?)))
    })?;
    let mut made = Vec::new();
    for row in found {
        if let (seq, Some(key)) = row? {
            made.push((seq, ActionKey(key)));
        }
    }
    Ok(made)
}

fn remove_file(path: &std::path::Path) -> Result<()> {
    match fs::remove_file(path) {
        Err(error) if error.kind() == std::io::ErrorKind::NotFound => Ok(()),
        removed => removed.at("remove", path),
    }
}
