//! Runs, and the log of events that each leaves.

use std::fs::{self, File};
use std::io;
use std::path::PathBuf;

use rusqlite::{OptionalExtension, Row, params};

use crate::error::At;
use crate::{Digest, Result, Store, Time};

/// The number of a run, in the order in which they began.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RunId(pub i64);

/// A run as the store remembers it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Run {
    /// Its number.
    pub id: RunId,
    /// When it began.
    pub started: Time,
    /// When it ended, if it did.
    pub finished: Option<Time>,
    /// How it ended.
    pub status: RunStatus,
    /// What the engine noted about it: text that the store does not read, such as JSON.
    pub info: String,
    /// The digest of everything that it made.
    pub result: Option<Digest>,
}

/// How a run ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RunStatus {
    /// It has not, or its process was killed.
    Running = 0,
    /// Everything was made.
    Done = 1,
    /// Something failed.
    Failed = 2,
    /// Someone stopped it.
    Interrupted = 3,
    /// A budget or limit stopped it.
    Stopped = 4,
}

impl Store {
    /// Notes that a run begins.
    pub fn begin_run(&self, info: &str) -> Result<RunId> {
        let now = self.now().0;
        self.write(|tx| {
            tx.execute(
                "INSERT INTO run(started, status, info) VALUES (?1, ?2, ?3)",
                params![now, RunStatus::Running as i64, info],
            )
            .map_err(|source| self.sql(source))?;
            Ok(RunId(tx.last_insert_rowid()))
        })
    }

    /// Notes how a run ended.
    pub fn end_run(&self, id: RunId, status: RunStatus, result: Option<Digest>) -> Result<()> {
        let now = self.now().0;
        self.write(|tx| {
            let result = result.as_ref().map(Digest::as_bytes);
            tx.execute(
                "UPDATE run SET finished = ?2, status = ?3, result = ?4 WHERE id = ?1",
                params![id.0, now, status as i64, result],
            )
            .map_err(|source| self.sql(source))?;
            Ok(())
        })
    }

    /// Returns a run.
    pub fn run(&self, id: RunId) -> Result<Option<Run>> {
        self.read(|conn| {
            let sql = format!("SELECT {COLUMNS} FROM run WHERE id = ?1");
            conn.query_row(&sql, [id.0], read_run).optional()
        })
    }

    /// Returns the last runs, newest first, at most `limit` of them.
    pub fn runs(&self, limit: usize) -> Result<Vec<Run>> {
        self.read(|conn| {
            let sql = format!("SELECT {COLUMNS} FROM run ORDER BY id DESC LIMIT ?1");
            conn.prepare(&sql)?.query_map([limit.min(i64::MAX as usize)], read_run)?.collect()
        })
    }

    /// Opens the log of a run to append to; write whole lines.
    ///
    /// A file rather than a table: a log is only ever appended to and read from the start,
    /// other programs may follow it while it grows, and no commit waits for it.
    pub fn append_events(&self, id: RunId) -> Result<File> {
        self.check_writable()?;
        let path = self.events_path(id);
        let folder = self.path().join("runs");
        fs::create_dir_all(&folder).at("make", &folder)?;
        File::options().append(true).create(true).open(&path).at("open", &path)
    }

    /// Returns the log of a run, one line an event; a line that a kill cut short is left out.
    pub fn events(&self, id: RunId) -> Result<String> {
        let path = self.events_path(id);
        let mut text = match fs::read(&path) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(String::new()),
            bytes => bytes.at("read", &path)?,
        };
        let whole = text.iter().rposition(|&byte| byte == b'\n').map_or(0, |at| at + 1);
        text.truncate(whole);
        Ok(String::from_utf8_lossy(&text).into_owned())
    }

    pub(crate) fn events_path(&self, id: RunId) -> PathBuf {
        self.path().join("runs").join(format!("{}.ndjson", id.0))
    }
}

const COLUMNS: &str = "id, started, finished, status, info, result";

fn read_run(row: &Row<'_>) -> rusqlite::Result<Run> {
    let status = row.get(3)?;
    Ok(Run {
        id: RunId(row.get(0)?),
        started: Time(row.get(1)?),
        finished: row.get::<_, Option<i64>>(2)?.map(Time),
        status: match status {
            0 => RunStatus::Running,
            1 => RunStatus::Done,
            2 => RunStatus::Failed,
            3 => RunStatus::Interrupted,
            4 => RunStatus::Stopped,
            other => return Err(rusqlite::Error::IntegralValueOutOfRange(3, other)),
        },
        info: row.get(4)?,
        result: row.get::<_, Option<Vec<u8>>>(5)?.and_then(|bytes| Digest::from_slice(&bytes)),
    })
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn runs_come_back_newest_first() {
        let scratch = Scratch::new();
        let store = scratch.store_at(Time(5));
        let first = store.begin_run("{}").unwrap();
        let second = store.begin_run(r#"{"plan":"x"}"#).unwrap();
        let result = Some(Digest::of(b"all"));
        store.end_run(first, RunStatus::Done, result).unwrap();
        let runs = store.runs(10).unwrap();
        let ids: Vec<_> = runs.iter().map(|run| run.id).collect();
        assert_eq!(ids, [second, first]);
        assert_eq!((runs[1].finished, runs[1].result), (Some(Time(5)), result));
        assert_eq!((runs[0].status, runs[0].finished), (RunStatus::Running, None));
        assert_eq!(store.runs(1).unwrap(), runs[..1]);
        assert_eq!(store.run(first).unwrap().as_ref(), runs.get(1));
    }

    #[test]
    fn a_line_cut_short_is_left_out() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let id = store.begin_run("{}").unwrap();
        assert_eq!(store.events(id).unwrap(), "");
        store.append_events(id).unwrap().write_all(b"{\"seq\":1}\n{\"se").unwrap();
        assert_eq!(store.events(id).unwrap(), "{\"seq\":1}\n");
    }
}
