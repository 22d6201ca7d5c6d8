//! Making a new index from a damaged one, and from the files beside it.

use std::collections::{HashMap, HashSet};
use std::fs::{self, File};
use std::io::Read;
use std::path::Path;

use rusqlite::{Connection, OpenFlags, Row, params};

use crate::batch::row_sum;
use crate::blob::{self, BlobRow, Form, INLINE_MAX};
use crate::error::At;
use crate::index::decode_outputs;
use crate::store::connect;
use crate::{ActionKey, Components, Digest, Error, Result, Time, Why, error, gc, lock, schema};

/// What could be saved from a damaged index.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Salvaged {
    /// Actions that are whole, with all their outputs.
    pub actions: u64,
    /// Actions that could be read but not kept; each has a tombstone.
    pub broken_actions: u64,
    /// Small blobs that were read from the old index.
    pub small_blobs: u64,
    /// Larger blobs that were found in their files.
    pub large_blobs: u64,
    /// Files that were not what their names said, and were removed.
    pub damaged_files: u64,
    /// Runs.
    pub runs: u64,
    /// Targets of roots.
    pub roots: u64,
}

/// Builds the index of the store in the folder `path` anew, from all that can still be read.
///
/// No build may be running, and no [`crate::Store`] be open. Every blob is hashed and every row
/// is checked, so what comes back is right; what does not is made again by the next build. The
/// stat cache starts empty. The old index stays beside the new one as `index.sqlite.damaged`
/// until the next sweep.
pub fn rebuild(path: &Path, now: Time) -> Result<Salvaged> {
    let busy = |pids| Error::Busy { path: path.into(), seconds: 0, pids };
    let alone = lock::try_alone(path)?.ok_or_else(|| busy(Vec::new()))?;
    lock::clear_dead(path, &alone)?;
    let claims = lock::claims(path)?;
    if !claims.is_empty() {
        return Err(busy(claims.iter().map(|claim| claim.pid).collect()));
    }
    let index = path.join("index.sqlite");
    let rebuilt = path.join("index.sqlite.rebuilt");
    for suffix in ["", "-wal", "-shm"] {
        let _ = fs::remove_file(path.join(format!("index.sqlite.rebuilt{suffix}")));
    }
    let sql = |source| error::index(&rebuilt, source);
    let mut new = connect(&rebuilt)?;
    schema::migrate(&mut new, &rebuilt)?;

    let mut salvaged = Salvaged::default();
    let tx = new.transaction().map_err(sql)?;
    adopt_files(path, &tx, now, &mut salvaged)?;
    let flags = OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    if let Ok(old) = Connection::open_with_flags(&index, flags) {
        copy_blobs(&old, &tx, now, &mut salvaged).map_err(sql)?;
        copy_actions(&old, &tx, now, &mut salvaged).map_err(sql)?;
        copy_rest(&old, &tx, &mut salvaged).map_err(sql)?;
    }
    tx.commit().map_err(sql)?;
    new.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(sql)?;
    new.close().map_err(|(_, source)| sql(source))?;
    swap(path, &index, &rebuilt)?;
    Ok(salvaged)
}

/// Puts the new index in the place of the old one.
fn swap(store: &Path, index: &Path, rebuilt: &Path) -> Result<()> {
    let _ = fs::remove_file(store.join("index.sqlite.damaged"));
    if index.exists() {
        let _ = fs::hard_link(index, store.join("index.sqlite.damaged"));
    }
    // The log of the old index must not be taken for one of the new.
    for suffix in ["-wal", "-shm"] {
        let path = store.join(format!("index.sqlite{suffix}"));
        if path.exists() {
            fs::remove_file(&path).at("remove", &path)?;
        }
    }
    File::open(rebuilt).and_then(|file| file.sync_all()).at("sync", rebuilt)?;
    fs::rename(rebuilt, index).at("replace", index)?;
    File::open(store).and_then(|folder| folder.sync_all()).at("sync", store)
}

fn adopt_files(store: &Path, new: &Connection, now: Time, salvaged: &mut Salvaged) -> Result<()> {
    for folder in lock::entries(&store.join("cas"))? {
        for path in lock::entries(&folder)? {
            let found = gc::cas_name(&path);
            let size = found.and_then(|(digest, form)| content_size(&path, &digest, form));
            let (Some((digest, form)), Some(size)) = (found, size) else {
                fs::remove_file(&path).at("remove", &path)?;
                salvaged.damaged_files += 1;
                continue;
            };
            let stored = fs::metadata(&path).at("read", &path)?.len();
            let row = BlobRow { id: 0, size, stored, form };
            if add_blob(new, &digest, &row, now.0).map_err(|source| error::index(&path, source))? {
                salvaged.large_blobs += 1;
            } else {
                // The same content in another form.
                fs::remove_file(&path).at("remove", &path)?;
            }
        }
    }
    Ok(())
}

/// Returns the size of a file's content, if it has the digest.
fn content_size(path: &Path, digest: &Digest, form: Form) -> Option<u64> {
    let file = File::open(path).ok()?;
    let mut content: Box<dyn Read> = match form {
        Form::FileZstd => Box::new(zstd::stream::Decoder::new(file).ok()?),
        _ => Box::new(file),
    };
    let mut hasher = blake3::Hasher::new();
    let mut buffer = vec![0; 1 << 20];
    let mut size = 0;
    loop {
        let read = content.read(&mut buffer).ok()?;
        if read == 0 {
            return (hasher.finalize().as_bytes() == digest.as_bytes()).then_some(size);
        }
        hasher.update(&buffer[..read]);
        size += read as u64;
    }
}

fn copy_blobs(
    old: &Connection,
    new: &Connection,
    now: Time,
    salvaged: &mut Salvaged,
) -> rusqlite::Result<()> {
    let made: HashMap<i64, (Form, i64)> = read_rows(old, "blob", "form, made", |row| {
        let (id, form, made) = (row.get(0)?, Form::of(row.get(1)?), row.get(2)?);
        Ok(form.map(|form| (id, (form, made))))
    })
    .into_iter()
    .collect();
    let inline = read_rows(old, "inline", "bytes", |row| Ok(Some((row.get(0)?, row.get::<_, Vec<u8>>(1)?))));
    for (id, bytes) in inline {
        // The bytes name themselves. Where the form is lost, both are kept: the one that no
        // row needs goes with the next sweep.
        let (forms, made) = match made.get(&id) {
            Some(&(form, made)) => (vec![form], made),
            None => (vec![Form::InlineRaw, Form::InlineZstd], now.0),
        };
        for form in forms {
            let stored = bytes.len() as u64;
            let row = BlobRow { id, size: INLINE_MAX as u64, stored, form };
            let Some(content) = blob::decode_inline(&row, bytes.clone()) else {
                continue;
            };
            let row = BlobRow { size: content.len() as u64, ..row };
            if add_blob(new, &Digest::of(&content), &row, made)? {
                new.execute("INSERT INTO inline VALUES (?1, ?2)", params![new.last_insert_rowid(), bytes])?;
                salvaged.small_blobs += 1;
            }
        }
    }
    Ok(())
}

struct Detail {
    shared: i64,
    own: Vec<u8>,
    made: i64,
    wall: i64,
    cost: i64,
    run: Option<i64>,
    sum: i64,
}

fn copy_actions(
    old: &Connection,
    new: &Connection,
    now: Time,
    salvaged: &mut Salvaged,
) -> rusqlite::Result<()> {
    let stages: HashMap<i64, (String, String)> =
        read_rows(old, "stage", "name, kind", |row| Ok(Some((row.get(0)?, (row.get(1)?, row.get(2)?)))))
            .into_iter()
            .collect();
    let shared: HashMap<i64, (Vec<u8>, Digest)> = read_rows(old, "shared", "components", |row| {
        let bytes: Vec<u8> = row.get(1)?;
        let (id, components) = (row.get(0)?, Components::decode(&bytes));
        Ok(components.map(|components| (id, (bytes, components.digest()))))
    })
    .into_iter()
    .collect();
    let columns = "shared, own, made, wall, cost, run, sum";
    let details: HashMap<i64, Detail> = read_rows(old, "detail", columns, |row| {
        let detail = Detail {
            shared: row.get(1)?,
            own: row.get(2)?,
            made: row.get(3)?,
            wall: row.get(4)?,
            cost: row.get(5)?,
            run: row.get(6)?,
            sum: row.get(7)?,
        };
        Ok(Some((row.get(0)?, detail)))
    })
    .into_iter()
    .collect();
    let columns = "key, stage, item, used, outputs";
    let actions = read_rows(old, "action", columns, |row| {
        let key = Digest::from_slice(row.get_ref(1)?.as_blob()?).map(ActionKey);
        let (seq, stage, item): (i64, i64, String) = (row.get(0)?, row.get(2)?, row.get(3)?);
        let (used, outputs): (i64, Vec<u8>) = (row.get(4)?, row.get(5)?);
        Ok(key.map(|key| (seq, key, stage, item, used, outputs)))
    });

    let mut named = (HashSet::new(), HashSet::new());
    for (seq, key, stage, item, used, outputs) in actions {
        let name = stages.get(&stage);
        let whole = || {
            let detail = details.get(&seq)?;
            let (components, digest) = shared.get(&detail.shared)?;
            let sum = row_sum(&key, &name?.0, &item, &outputs, digest, &detail.own);
            (sum == detail.sum).then_some((detail, components, digest))
        };
        let Some((detail, components, digest)) = whole().filter(|_| has_all(new, &outputs)) else {
            let stage = name.map_or("", |(name, _)| name);
            new.execute(
                "INSERT OR REPLACE INTO tombstone VALUES (?1, ?2, ?3, ?4, ?5)",
                params![key.0.as_bytes(), stage, item, now.0, Why::Damage as i64],
            )?;
            salvaged.broken_actions += 1;
            continue;
        };
        if named.0.insert(stage)
            && let Some((name, kind)) = name
        {
            new.execute("INSERT INTO stage VALUES (?1, ?2, ?3)", params![stage, name, kind])?;
        }
        if named.1.insert(detail.shared) {
            let values = params![detail.shared, digest.as_bytes(), components];
            new.execute("INSERT INTO shared VALUES (?1, ?2, ?3)", values)?;
        }
        let added = new.execute(
            "INSERT OR IGNORE INTO action VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
            params![seq, key.0.as_bytes(), stage, item, used, outputs],
        )?;
        if added == 1 {
            let Detail { shared, own, made, wall, cost, run, sum } = detail;
            new.execute(
                "INSERT INTO detail VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
                params![seq, shared, own, made, wall, cost, run, sum],
            )?;
            salvaged.actions += 1;
        }
    }
    Ok(())
}

fn copy_rest(old: &Connection, new: &Connection, salvaged: &mut Salvaged) -> rusqlite::Result<()> {
    let columns = "started, finished, status, info, result";
    let runs = read_rows(old, "run", columns, |row| {
        let values: [rusqlite::types::Value; 6] =
            [row.get(0)?, row.get(1)?, row.get(2)?, row.get(3)?, row.get(4)?, row.get(5)?];
        Ok(Some(values))
    });
    for run in runs {
        let sql = "INSERT OR IGNORE INTO run VALUES (?1, ?2, ?3, ?4, ?5, ?6)";
        salvaged.runs += new.execute(sql, run)? as u64;
    }
    // No row ids here: from both ends, as far as it goes.
    for order in ["ASC", "DESC"] {
        let sql = format!(
            "SELECT kind, name, action, target FROM root \
             ORDER BY kind {order}, name {order}, action {order}, target {order}"
        );
        let Ok(mut statement) = old.prepare(&sql) else {
            continue;
        };
        let Ok(mut rows) = statement.query(()) else {
            continue;
        };
        while let Ok(Some(row)) = rows.next() {
            let read = |at| row.get::<_, rusqlite::types::Value>(at);
            let (Ok(a), Ok(b), Ok(c), Ok(d)) = (read(0), read(1), read(2), read(3)) else {
                continue;
            };
            let sql = "INSERT OR IGNORE INTO root VALUES (?1, ?2, ?3, ?4)";
            salvaged.roots += new.execute(sql, [a, b, c, d])? as u64;
        }
    }
    Ok(())
}

/// Reads the rows of a table that can be read, over pages that cannot.
///
/// The first column that `read` gets is the row's number.
fn read_rows<T>(
    old: &Connection,
    table: &str,
    columns: &str,
    read: impl Fn(&Row<'_>) -> rusqlite::Result<Option<T>>,
) -> Vec<T> {
    let mut found = Vec::new();
    let sql = format!("SELECT rowid, {columns} FROM {table} WHERE rowid > ?1 ORDER BY rowid");
    let Ok(mut statement) = old.prepare(&sql) else {
        return found;
    };
    let (mut after, mut failures) = (0i64, 0u32);
    // A page has some hundred rows at most; after those the steps double, over whole subtrees.
    while failures < 400 {
        let Ok(mut rows) = statement.query([after]) else {
            return found;
        };
        loop {
            match rows.next() {
                Ok(None) => return found,
                Ok(Some(row)) => {
                    after = row.get(0).unwrap_or(after);
                    failures = 0;
                    found.extend(read(row).ok().flatten());
                }
                Err(_) => break,
            }
        }
        failures += 1;
        let step = 1i64 << failures.saturating_sub(350).min(40);
        after = after.saturating_add(step);
    }
    found
}

fn has_all(new: &Connection, outputs: &[u8]) -> bool {
    decode_outputs(outputs).is_some_and(|outputs| {
        let mut needs = outputs.iter().flat_map(|output| std::iter::once(output.body).chain(output.sidecar));
        needs.all(|digest| matches!(blob::find(new, &digest), Ok(Some(_))))
    })
}

fn add_blob(new: &Connection, digest: &Digest, row: &BlobRow, made: i64) -> rusqlite::Result<bool> {
    let added = new.execute(
        "INSERT OR IGNORE INTO blob(digest, size, stored, form, made) VALUES (?1, ?2, ?3, ?4, ?5)",
        params![digest.as_bytes(), row.size, row.stored, row.form as i64, made],
    )?;
    Ok(added == 1)
}
