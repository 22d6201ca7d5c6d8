//! Opening a store, and the one way in which anything is written to its index.

use std::fs::{self, File};
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, OnceLock, PoisonError};
use std::thread;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use rusqlite::{Connection, ErrorCode, OpenFlags, Transaction, TransactionBehavior};

use crate::error::{self, At};
use crate::schema::{self, Format};
use crate::temp::TempDir;
use crate::{Error, Result, ballast, lock};

/// A moment, in nanoseconds since 1970.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Time(pub i64);

impl Time {
    /// Returns the moment that the machine's clock shows.
    pub fn now() -> Time {
        let since = SystemTime::now().duration_since(UNIX_EPOCH);
        Time(since.map_or(0, |since| since.as_nanos() as i64))
    }

    /// Returns the moment that many before this one.
    pub fn before(self, span: Duration) -> Time {
        Time(self.0.saturating_sub_unsigned(span.as_nanos() as u64))
    }

    /// Returns the number of the day, which is how finely use is remembered.
    pub(crate) fn day(self) -> i64 {
        self.0 / 86_400_000_000_000
    }
}

/// Where the time comes from.
pub type Clock = Arc<dyn Fn() -> Time + Send + Sync>;

/// Why a call has to wait, and for whom.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// What it waits for, to follow "waiting for".
    pub reason: &'static str,
    /// The processes that may be the cause.
    pub pids: Vec<u32>,
}

/// How to open a store.
#[derive(Clone)]
pub struct OpenOptions {
    /// Whether to refuse all writing. A store on a read-only disk is opened so anyway.
    pub read_only: bool,
    /// Where the time comes from.
    pub clock: Clock,
    /// What to do when a call has to wait; called once a wait.
    pub on_wait: Arc<dyn Fn(&Waiting) + Send + Sync>,
    /// How long a write waits for the write of another process.
    pub patience: Duration,
}

impl Default for OpenOptions {
    fn default() -> OpenOptions {
        OpenOptions {
            read_only: false,
            clock: Arc::new(Time::now),
            on_wait: Arc::new(|_| ()),
            patience: Duration::from_secs(120),
        }
    }
}

/// An open store. Clones share it, over threads too.
#[derive(Clone)]
pub struct Store(Arc<Inner>);

struct Inner {
    path: PathBuf,
    index: PathBuf,
    read_only: bool,
    options: OpenOptions,
    // Apart, so that reading does not wait for a commit; the writer is opened at need, since
    // most builds that have nothing to do write nothing.
    reader: Mutex<Connection>,
    writer: Mutex<Option<Connection>>,
    temp: OnceLock<TempDir>,
}

impl Store {
    /// Opens the store in the folder `path`, and makes it when it is not there.
    pub fn open(path: &Path, options: OpenOptions) -> Result<Store> {
        let opened = Store::open_once(path, options.clone());
        // SQLite needs some pages even to read: on a full disk they come from the reserve.
        if let Err(Error::Full { .. }) = opened
            && ballast::shrink(path) > 0
        {
            return Store::open_once(path, options);
        }
        opened
    }

    fn open_once(path: &Path, options: OpenOptions) -> Result<Store> {
        let index = path.join("index.sqlite");
        let read_only = options.read_only || !prepare(path, &index)?;
        let reader = if read_only { connect_read_only(path, &index)? } else { connect(&index)? };
        let store = Store(Arc::new(Inner {
            path: path.into(),
            index,
            read_only,
            options,
            reader: Mutex::new(reader),
            writer: Mutex::new(None),
            temp: OnceLock::new(),
        }));
        store.bring_up_to_date()?;
        Ok(store)
    }

    /// Returns the store's folder.
    pub fn path(&self) -> &Path {
        &self.0.path
    }

    /// Returns whether the store can only be read.
    pub fn read_only(&self) -> bool {
        self.0.read_only
    }

    /// Returns what the store's clock shows.
    pub fn now(&self) -> Time {
        (self.0.options.clock)()
    }

    pub(crate) fn index_path(&self) -> &Path {
        &self.0.index
    }

    pub(crate) fn on_wait(&self, waiting: &Waiting) {
        (self.0.options.on_wait)(waiting);
    }

    pub(crate) fn check_writable(&self) -> Result<()> {
        if self.0.read_only {
            return Err(Error::ReadOnly { path: self.0.path.clone() });
        }
        Ok(())
    }

    /// Returns this process's folder for files that no row names yet.
    pub(crate) fn temp(&self) -> Result<&TempDir> {
        if let Some(temp) = self.0.temp.get() {
            return Ok(temp);
        }
        self.check_writable()?;
        let made = TempDir::make(self)?;
        Ok(self.0.temp.get_or_init(|| made))
    }

    /// Reads the index.
    pub(crate) fn read<T>(&self, f: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T> {
        let conn = lock(&self.0.reader);
        f(&conn).map_err(|source| error::index(&self.0.index, source))
    }

    /// Writes the index: all that `f` does, or nothing. Sweeps wait meanwhile.
    pub(crate) fn write<T>(&self, f: impl FnOnce(&Transaction) -> Result<T>) -> Result<T> {
        self.check_writable()?;
        let _guard = lock::shared(self)?;
        self.write_alone(f)
    }

    /// As [`Store::write`], for a caller who holds the lock.
    pub(crate) fn write_alone<T>(&self, f: impl FnOnce(&Transaction) -> Result<T>) -> Result<T> {
        let mut writer = lock(&self.0.writer);
        let conn = match &mut *writer {
            Some(conn) => conn,
            None => writer.insert(connect(&self.0.index)?),
        };
        let written = self.begin(conn).and_then(|tx| {
            let value = f(&tx)?;
            tx.commit().map_err(|source| self.sql(source))?;
            Ok(value)
        });
        if let Err(Error::Full { .. }) = written {
            // What the write had put into the log takes the last room. Giving it back moves
            // what was committed before into the database, which may need the reserve.
            let reserve = ballast::shrink(&self.0.path);
            let _ = conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)");
            ballast::restore(&self.0.path, reserve);
        }
        written
    }

    /// Moves the write-ahead log into the database, and gives free pages back to the disk.
    pub(crate) fn compact(&self) -> Result<()> {
        let mut writer = lock(&self.0.writer);
        let conn = match &mut *writer {
            Some(conn) => conn,
            None => writer.insert(connect(&self.0.index)?),
        };
        let mut piece = 4096;
        loop {
            let sql = format!("PRAGMA incremental_vacuum({piece}); PRAGMA wal_checkpoint(TRUNCATE);");
            match conn.execute_batch(&sql).map_err(|source| self.sql(source)) {
                // Moving pages needs room as well.
                Err(Error::Full { .. }) if piece > 8 => piece /= 8,
                done => done?,
            }
            let free: i64 = conn
                .pragma_query_value(None, "freelist_count", |row| row.get(0))
                .map_err(|source| self.sql(source))?;
            if free == 0 {
                return Ok(());
            }
        }
    }

    /// Moves the write-ahead log into the database.
    pub(crate) fn empty_log(&self) -> Result<()> {
        match &*lock(&self.0.writer) {
            Some(conn) => {
                conn.execute_batch("PRAGMA wal_checkpoint(TRUNCATE)").map_err(|source| self.sql(source))
            }
            None => Ok(()),
        }
    }

    /// Says of an error of SQLite where it happened.
    pub(crate) fn sql(&self, source: rusqlite::Error) -> Error {
        error::index(&self.0.index, source)
    }

    fn begin<'c>(&self, conn: &'c mut Connection) -> Result<Transaction<'c>> {
        let begun = Instant::now();
        let mut told = false;
        loop {
            let tried = Transaction::new_unchecked(conn, TransactionBehavior::Immediate);
            match tried {
                Err(rusqlite::Error::SqliteFailure(code, _)) if code.code == ErrorCode::DatabaseBusy => {
                    let pids: Vec<u32> = lock::claims(&self.0.path)?
                        .iter()
                        .map(|claim| claim.pid)
                        .filter(|&pid| pid != std::process::id())
                        .collect();
                    let waited = begun.elapsed();
                    if waited >= self.0.options.patience {
                        return Err(Error::Busy {
                            path: self.0.path.clone(),
                            seconds: waited.as_secs(),
                            pids,
                        });
                    }
                    if !told {
                        told = true;
                        let reason = "another process to finish writing to the store";
                        self.on_wait(&Waiting { reason, pids });
                    }
                }
                tried => return tried.map_err(|source| self.sql(source)),
            }
        }
    }

    fn bring_up_to_date(&self) -> Result<()> {
        let format = |conn: &Connection| schema::format(conn, &self.0.index);
        let found = format(&lock(&self.0.reader))?;
        match found {
            Format::Current => Ok(()),
            Format::Older(_) if self.0.read_only => Err(Error::ReadOnly { path: self.0.path.clone() }),
            Format::Older(_) => {
                let _alone = lock::alone(self)?;
                let mut conn = lock(&self.0.reader);
                schema::migrate(&mut conn, &self.0.index)
            }
        }
    }
}

impl std::fmt::Debug for Store {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Store").field(&self.0.path).finish()
    }
}

/// Locks a mutex; what it guards is whole even after a panic, since transactions roll back.
pub(crate) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Makes the folder of a store; says whether it can be written.
fn prepare(path: &Path, index: &Path) -> Result<bool> {
    let exists = index.exists();
    if !exists {
        fs::create_dir_all(path).at("make", path)?;
    }
    let gate = path.join("gate");
    let opened = File::options().write(true).create(true).truncate(false).open(&gate);
    if let Err(error) = &opened {
        let refused =
            matches!(error.kind(), io::ErrorKind::ReadOnlyFilesystem | io::ErrorKind::PermissionDenied);
        if exists && refused {
            return Ok(false);
        }
    }
    opened.at("make", &gate)?;
    if !exists {
        // One process makes the index: two that turn its log on at once get in each other's way.
        let _alone = lock::alone_unheard(path)?;
        ballast::restore(path, ballast::SIZE);
        schema::migrate(&mut connect(index)?, index)?;
    }
    if lock::has_dead(path)?
        && let Some(alone) = lock::try_alone(path)?
    {
        lock::clear_dead(path, &alone)?;
    }
    Ok(true)
}

/// Opens a connection for reading and writing.
pub(crate) fn connect(index: &Path) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_WRITE | OpenFlags::SQLITE_OPEN_CREATE | OpenFlags::SQLITE_OPEN_NO_MUTEX;
    let is_new = !index.exists();
    let open = || {
        let conn = Connection::open_with_flags(index, flags)?;
        conn.busy_timeout(Duration::from_secs(2))?;
        if is_new {
            // Later they would have no effect, and the second one would take the write lock.
            conn.execute_batch("PRAGMA page_size = 8192; PRAGMA auto_vacuum = INCREMENTAL;")?;
        }
        // NORMAL: a commit is not synced, so a power cut may undo the last ones, in order;
        // `kill -9` undoes none. Rerunning a few items after a power cut costs little beside a
        // sync in every commit. The cache is large since keys come in no order.
        conn.execute_batch(
            "PRAGMA journal_mode = WAL;
             PRAGMA synchronous = NORMAL;
             PRAGMA wal_autocheckpoint = 2000;
             PRAGMA cache_size = -32768;
             PRAGMA journal_size_limit = 33554432;",
        )?;
        conn.set_prepared_statement_cache_capacity(64);
        attach(&conn)?;
        Ok(conn)
    };
    patiently(open).map_err(|source| error::index(index, source))
}

/// Makes the connection one that other processes see: SQLite does nothing before the first read.
fn attach(conn: &Connection) -> rusqlite::Result<()> {
    conn.query_row("SELECT count(*) FROM sqlite_schema", (), |_| Ok(()))
}

/// Opens a connection, again and again while the last other one is just being closed: SQLite
/// does not wait for that by itself.
fn patiently(open: impl Fn() -> rusqlite::Result<Connection>) -> rusqlite::Result<Connection> {
    let begun = Instant::now();
    loop {
        match open() {
            Err(rusqlite::Error::SqliteFailure(code, _))
                if code.code == ErrorCode::DatabaseBusy && begun.elapsed() < Duration::from_secs(30) =>
            {
                thread::sleep(Duration::from_millis(2));
            }
            opened => return opened,
        }
    }
}

fn connect_read_only(store: &Path, index: &Path) -> Result<Connection> {
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    fs::metadata(index).at("open", index)?;
    let open = |parameters: &str| {
        let conn = Connection::open_with_flags(uri(index, parameters), flags)?;
        conn.busy_timeout(Duration::from_secs(2))?;
        attach(&conn)?;
        conn.set_prepared_statement_cache_capacity(64);
        Ok(conn)
    };
    match patiently(|| open("mode=ro")) {
        // The files beside the database that readers need are not there and cannot be made.
        Err(rusqlite::Error::SqliteFailure(code, _))
            if matches!(
                code.code,
                ErrorCode::CannotOpen | ErrorCode::ReadOnly | ErrorCode::SystemIoFailure
            ) =>
        {
            let log = store.join("index.sqlite-wal");
            if fs::metadata(&log).is_ok_and(|log| log.len() > 0) {
                return Err(Error::Unrecovered { path: store.into() });
            }
            open("immutable=1").map_err(|source| error::index(index, source))
        }
        opened => opened.map_err(|source| error::index(index, source)),
    }
}

/// Opens a connection that leaves no file behind, not even for a moment, where nobody else has one.
pub(crate) fn connect_unseen(store: &Path, index: &Path) -> Result<Connection> {
    // What is in the log only a reader sees that takes part, and then there is a log already.
    if fs::metadata(store.join("index.sqlite-wal")).is_ok_and(|log| log.len() > 0) {
        return connect_read_only(store, index);
    }
    fs::metadata(index).at("open", index)?;
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri(index, "immutable=1"), flags);
    conn.and_then(|conn| attach(&conn).map(|()| conn)).map_err(|source| error::index(index, source))
}

fn uri(path: &Path, parameters: &str) -> PathBuf {
    use std::os::unix::ffi::{OsStrExt, OsStringExt};
    let mut uri = b"file:".to_vec();
    for &byte in path.as_os_str().as_bytes() {
        match byte {
            b'%' | b'?' | b'#' => uri.extend_from_slice(format!("%{byte:02x}").as_bytes()),
            byte => uri.push(byte),
        }
    }
    uri.push(b'?');
    uri.extend_from_slice(parameters.as_bytes());
    PathBuf::from(std::ffi::OsString::from_vec(uri))
}
