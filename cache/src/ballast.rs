//! A reserve of space: on a full disk even reading needs some, and removing needs more.

use std::fs::File;
use std::io::{Seek, SeekFrom, Write};
use std::path::Path;

/// How much is kept in reserve.
pub(crate) const SIZE: u64 = 4 * STEP;

const STEP: u64 = 1 << 20;

/// Gives a part of the reserve back to the disk; returns how much there was before.
pub(crate) fn shrink(store: &Path) -> u64 {
    let shrunk = || {
        let file = File::options().write(true).open(store.join(NAME))?;
        let size = file.metadata()?.len();
        file.set_len(size.saturating_sub(STEP))?;
        Ok::<u64, std::io::Error>(size)
    };
    shrunk().unwrap_or(0)
}

/// Brings the reserve to `size` as far as there is room: it is only a reserve.
pub(crate) fn restore(store: &Path, size: u64) {
    let restored = || {
        let mut file = File::options().write(true).create(true).truncate(false).open(store.join(NAME))?;
        let found = file.seek(SeekFrom::End(0))?;
        // Written, since a length alone takes no space.
        file.write_all(&vec![0; size.saturating_sub(found) as usize])
    };
    let _: std::io::Result<()> = restored();
}

const NAME: &str = "ballast";
