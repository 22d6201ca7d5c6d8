//! Keeps bytes by digest, and remembers which action made them.
//!
//! A store is a folder that several processes share:
//!
//! ```text
//! index.sqlite    actions, small blobs, stat cache, runs, roots, tombstones (WAL)
//! cas/ab/cdef…    larger blobs, raw or `.zst`, named by the BLAKE3 of their content
//! tmp/            files that no row names yet, one locked folder a process
//! live/           one locked file a running build, so that [`gc::sweep`] keeps what it needs
//! runs/           one NDJSON event log a run
//! gate, lock      held shared by a commit, alone by a sweep
//! ballast         a reserve of space, so that a store on a full disk opens and can be swept
//! ```
//!
//! What the rest may rely on:
//! - Everything of one [`Batch`] commits, or nothing does. A commit survives `kill -9` at once.
//!   A power cut may take back the last commits, never part of one: the bytes of a larger
//!   blob are on the disk before the row that names it commits.
//! - Every read checks the digest: [`Store::get`] never returns wrong bytes, and a
//!   [`BlobReader`], which cannot know before the end, fails there.
//! - A lock is a kernel lock: it ends with its process, and no file has to be removed by hand.
//! - No function reads the clock but through [`OpenOptions::clock`].

mod ballast;
mod batch;
mod blob;
mod code;
mod component;
mod digest;
mod error;
pub mod gc;
mod index;
mod lock;
mod look;
mod root;
mod run;
mod salvage;
mod schema;
mod stat;
mod stats;
mod store;
mod temp;
#[cfg(test)]
mod testing;
mod tree;
pub mod verify;

pub use batch::{Batch, Committed};
pub use blob::{BlobReader, INLINE_MAX};
pub use component::{Component, Components, Value};
pub use digest::{ActionKey, Digest, Fields};
pub use error::{Error, Result};
pub use index::{Action, Actions, Hit, NewAction, Output, Outputs, Tombstone, Why};
pub use lock::Lease;
pub use look::{Seen, look};
pub use root::{Root, RootKind, Target};
pub use run::{Run, RunId, RunStatus};
pub use salvage::{Salvaged, rebuild};
pub use stat::StatCache;
pub use stats::{Stats, stats};
pub use store::{Clock, OpenOptions, Store, Time, Waiting};
pub use tree::{SKIPPED, Tree, TreeFile, TreeKind, digest_tree};
