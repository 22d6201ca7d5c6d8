//! The tables of the index, and how an older index becomes a current one.

use std::path::Path;

use rusqlite::Connection;

use crate::{Error, Result, error};

/// The format that this release writes.
pub(crate) const VERSION: i64 = STEPS.len() as i64;

/// Marks the database as a store; the bytes of `sswe`.
const APPLICATION: i64 = 0x7373_7765;

/// Step `n` takes an index from format `n` to `n + 1`. Released steps never change.
const STEPS: &[&str] = &[
    "
-- `id` is in order of arrival. The bytes of a small blob are in `inline`, apart, so that
-- counting and marking do not read them.
CREATE TABLE blob(
  id INTEGER PRIMARY KEY,
  digest BLOB NOT NULL UNIQUE,
  size INTEGER NOT NULL,      -- of the content
  stored INTEGER NOT NULL,    -- on the disk
  form INTEGER NOT NULL,      -- see blob.rs
  made INTEGER NOT NULL       -- ns
);
CREATE TABLE inline(id INTEGER PRIMARY KEY, bytes BLOB NOT NULL);

CREATE TABLE stage(
  id INTEGER PRIMARY KEY,
  name TEXT NOT NULL,
  kind TEXT NOT NULL,
  UNIQUE(name, kind)
);
-- What all items of a stage have in common in their keys, once.
CREATE TABLE shared(id INTEGER PRIMARY KEY, digest BLOB NOT NULL UNIQUE, components BLOB NOT NULL);

-- Only what a scan needs; the rest is in `detail`.
CREATE TABLE action(
  seq INTEGER PRIMARY KEY,
  key BLOB NOT NULL UNIQUE,
  stage INTEGER NOT NULL,
  item TEXT NOT NULL,
  used INTEGER NOT NULL,      -- day
  outputs BLOB NOT NULL
);
CREATE INDEX action_stage ON action(stage);
CREATE TABLE detail(
  seq INTEGER PRIMARY KEY,
  shared INTEGER NOT NULL,
  own BLOB NOT NULL,
  made INTEGER NOT NULL,      -- ns
  wall INTEGER NOT NULL,      -- us
  cost INTEGER NOT NULL,      -- millionths of a US dollar
  run INTEGER,
  sum INTEGER NOT NULL        -- of the row, for verify
);
CREATE TABLE tombstone(
  key BLOB PRIMARY KEY,
  stage TEXT NOT NULL,
  item TEXT NOT NULL,
  gone INTEGER NOT NULL,      -- ns
  why INTEGER NOT NULL
) WITHOUT ROWID;

CREATE TABLE stat(
  path BLOB PRIMARY KEY,
  size INTEGER NOT NULL,
  mtime INTEGER NOT NULL,
  ctime INTEGER NOT NULL,
  inode INTEGER NOT NULL,
  seen INTEGER NOT NULL,      -- ns, just before the file was read
  digest BLOB NOT NULL
) WITHOUT ROWID;

-- AUTOINCREMENT: the number of a removed run must not come back, its log had that name.
CREATE TABLE run(
  id INTEGER PRIMARY KEY AUTOINCREMENT,
  started INTEGER NOT NULL,
  finished INTEGER,
  status INTEGER NOT NULL,
  info TEXT NOT NULL,
  result BLOB
);
CREATE TABLE root(
  kind INTEGER NOT NULL,
  name TEXT NOT NULL,
  action INTEGER NOT NULL,    -- whether the target is an action or a blob
  target BLOB NOT NULL,
  PRIMARY KEY(kind, name, action, target)
) WITHOUT ROWID;
",
    "
-- A build reads all of it, and a column takes as long as a row. Files are simply read again.
DROP TABLE stat;
CREATE TABLE stat(
  path BLOB PRIMARY KEY,
  seen INTEGER NOT NULL,      -- ns, just before the file was read
  file BLOB NOT NULL          -- how it looked, and its digest: see stat.rs
) WITHOUT ROWID;
",
];

/// Where an index stands.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Current,
    /// An older one, or an empty database (0).
    Older(i64),
}

/// Finds out whether this release can use the index at `path`.
pub(crate) fn format(conn: &Connection, path: &Path) -> Result<Format> {
    format_among(conn, path, VERSION)
}

/// Brings the index to the current format, in one transaction.
pub(crate) fn migrate(conn: &mut Connection, path: &Path) -> Result<()> {
    migrate_by(conn, path, STEPS)
}

fn format_among(conn: &Connection, path: &Path, known: i64) -> Result<Format> {
    let sql = |source| error::index(path, source);
    let pragma = |name: &str| conn.pragma_query_value(None, name, |row| row.get::<_, i64>(0));
    let found = pragma("user_version").map_err(sql)?;
    let application = pragma("application_id").map_err(sql)?;
    let tables: i64 =
        conn.query_row("SELECT count(*) FROM sqlite_schema", (), |row| row.get(0)).map_err(sql)?;
    match application {
        APPLICATION if found > known => Err(Error::Newer { path: path.into(), found, known }),
        APPLICATION if found == known => Ok(Format::Current),
        APPLICATION => Ok(Format::Older(found)),
        0 if tables == 0 => Ok(Format::Older(0)),
        _ => Err(Error::Foreign { path: path.into() }),
    }
}

fn migrate_by(conn: &mut Connection, path: &Path, steps: &[&str]) -> Result<()> {
    let sql = |source| error::index(path, source);
    let known = steps.len() as i64;
    let tx = conn.transaction_with_behavior(rusqlite::TransactionBehavior::Immediate).map_err(sql)?;
    // Asked again inside the transaction: another process may have been first.
    if let Format::Older(found) = format_among(&tx, path, known)? {
        for step in &steps[found as usize..] {
            tx.execute_batch(step).map_err(sql)?;
        }
        tx.pragma_update(None, "application_id", APPLICATION).map_err(sql)?;
        tx.pragma_update(None, "user_version", known).map_err(sql)?;
    }
    tx.commit().map_err(sql)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_older_index_takes_the_steps_it_lacks() {
        let path = Path::new("index");
        let mut conn = Connection::open_in_memory().unwrap();
        let first = ["CREATE TABLE a(x); INSERT INTO a VALUES (1);"];
        migrate_by(&mut conn, path, &first).unwrap();
        assert_eq!(format_among(&conn, path, 2).unwrap(), Format::Older(1));

        let both = [first[0], "ALTER TABLE a ADD COLUMN y DEFAULT 2;"];
        migrate_by(&mut conn, path, &both).unwrap();
        migrate_by(&mut conn, path, &both).unwrap();
        let row = conn.query_row("SELECT x, y FROM a", (), |r| Ok((r.get(0)?, r.get(1)?)));
        assert_eq!(row.unwrap(), (1, 2));
        assert_eq!(format_among(&conn, path, 2).unwrap(), Format::Current);
        assert!(matches!(format_among(&conn, path, 1), Err(Error::Newer { found: 2, known: 1, .. })));
    }

    #[test]
    fn a_step_that_fails_changes_nothing() {
        let path = Path::new("index");
        let mut conn = Connection::open_in_memory().unwrap();
        migrate_by(&mut conn, path, &["CREATE TABLE a(x);", "nonsense"]).unwrap_err();
        assert_eq!(format(&conn, path).unwrap(), Format::Older(0));
    }

    #[test]
    fn the_database_of_another_program_is_refused() {
        let conn = Connection::open_in_memory().unwrap();
        conn.execute_batch("CREATE TABLE bookmarks(x)").unwrap();
        let error = format(&conn, Path::new("index")).unwrap_err();
        assert!(matches!(error, Error::Foreign { .. }), "{error}");
    }
}
