//! What can go wrong with a store: where, and what to do about it.

use std::io;
use std::path::{Path, PathBuf};

use rusqlite::ErrorCode;

use crate::Digest;

/// A result of the store.
pub type Result<T> = std::result::Result<T, Error>;

/// What went wrong, at which place, and the next step.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The file system refused.
    #[error("cannot {what} `{}`: {source}", path.display())]
    Io {
        /// What was tried, such as `read`.
        what: &'static str,
        /// Where.
        path: PathBuf,
        /// What the system said.
        source: io::Error,
    },
    /// The disk is full; the whole write was taken back.
    #[error(
        "no space left for `{}`, so nothing of this write was kept: free some space, \
         or run `sswe cache gc --max-size SIZE`, and build again",
        path.display()
    )]
    Full {
        /// What was being written.
        path: PathBuf,
    },
    /// The store can be read but not written.
    #[error(
        "the store `{}` is read-only: make it writable, or set SSWE_STORE to a folder that is",
        path.display()
    )]
    ReadOnly {
        /// The store.
        path: PathBuf,
    },
    /// A read-only store needs a recovery that must write.
    #[error(
        "the store `{}` is read-only and its last writer did not close it: open it once where \
         it is writable, or copy it",
        path.display()
    )]
    Unrecovered {
        /// The store.
        path: PathBuf,
    },
    /// A later release made this store.
    #[error(
        "the store `{}` has format {found}, and this sswe knows formats up to {known}: \
         use the newer sswe, or set SSWE_STORE to another folder",
        path.display()
    )]
    Newer {
        /// The store.
        path: PathBuf,
        /// Its format.
        found: i64,
        /// The latest format known here.
        known: i64,
    },
    /// The database belongs to another program.
    #[error(
        "`{}` is a database of another program, not a store: set SSWE_STORE to another folder",
        path.display()
    )]
    Foreign {
        /// The database.
        path: PathBuf,
    },
    /// The index cannot be read as it should.
    #[error(
        "the index `{}` is damaged ({detail}): run `sswe cache verify --repair`, which keeps \
         everything that can still be read",
        path.display()
    )]
    Corrupt {
        /// The index.
        path: PathBuf,
        /// What was found.
        detail: String,
    },
    /// Another process did not let go in time.
    #[error(
        "the store `{}` was busy for {seconds} s{}: wait for that process, or stop it",
        path.display(),
        holders(pids)
    )]
    Busy {
        /// The store.
        path: PathBuf,
        /// How long this process waited.
        seconds: u64,
        /// Who may hold it.
        pids: Vec<u32>,
    },
    /// No blob has this digest.
    #[error("the store has no blob {}: build again what made it", digest.short())]
    Missing {
        /// The blob.
        digest: Digest,
    },
    /// A blob is not what its name says.
    #[error(
        "blob {} is damaged ({why}) in `{}`: build again, or run `sswe cache verify --repair`",
        digest.short(),
        path.display()
    )]
    Damaged {
        /// The blob.
        digest: Digest,
        /// Where its bytes are.
        path: PathBuf,
        /// What is wrong with them.
        why: &'static str,
    },
    /// A file in a tree has no content.
    #[error("`{}` is {kind}, which has no content to hash: remove it from the tree", path.display())]
    Unhashable {
        /// The file.
        path: PathBuf,
        /// What it is.
        kind: &'static str,
    },
    /// Text that should be a digest is none.
    #[error("`{found}` is no digest: expected 64 hexadecimal digits")]
    BadDigest {
        /// The text.
        found: String,
    },
    /// SQLite refused for a reason of its own.
    #[error("the index `{}` refused: {source}", path.display())]
    Index {
        /// The index.
        path: PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// Says where a failed call of the file system happened.
pub(crate) trait At<T> {
    /// Names what was tried, and the path.
    fn at(self, what: &'static str, path: &Path) -> Result<T>;
}

impl<T> At<T> for io::Result<T> {
    fn at(self, what: &'static str, path: &Path) -> Result<T> {
        self.map_err(|source| match source.kind() {
            io::ErrorKind::StorageFull | io::ErrorKind::QuotaExceeded => Error::Full { path: path.into() },
            io::ErrorKind::ReadOnlyFilesystem => Error::ReadOnly { path: path.into() },
            _ => Error::Io { what, path: path.into(), source },
        })
    }
}

/// Turns what SQLite says about the index at `path` into what a person can act on.
pub(crate) fn index(path: &Path, source: rusqlite::Error) -> Error {
    let path = path.to_path_buf();
    let rusqlite::Error::SqliteFailure(code, _) = &source else {
        return match source {
            // A value of the wrong type, or no UTF-8: nothing here writes such.
            rusqlite::Error::InvalidColumnType(..)
            | rusqlite::Error::FromSqlConversionFailure(..)
            | rusqlite::Error::IntegralValueOutOfRange(..) => {
                Error::Corrupt { path, detail: source.to_string() }
            }
            source => Error::Index { path, source },
        };
    };
    match code.code {
        ErrorCode::DiskFull => Error::Full { path },
        ErrorCode::SystemIoFailure if code.extended_code == rusqlite::ffi::SQLITE_IOERR_SHMSIZE => {
            Error::Full { path }
        }
        ErrorCode::ReadOnly => Error::ReadOnly { path },
        ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase => {
            Error::Corrupt { path, detail: source.to_string() }
        }
        _ => Error::Index { path, source },
    }
}

fn holders(pids: &[u32]) -> String {
    match pids {
        [] => String::new(),
        [one] => format!(" (process {one} is at work in it)"),
        many => {
            let many: Vec<_> = many.iter().map(u32::to_string).collect();
            format!(" (processes {} are at work in it)", many.join(", "))
        }
    }
}
