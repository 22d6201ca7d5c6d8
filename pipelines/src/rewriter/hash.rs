//! Hashes that are the same on every machine, and a table for keys that are hashes already.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// Hashes text.
pub(super) const fn text(text: &str) -> u64 {
    mix(fold(START, text.as_bytes()), 0x5bd1)
}

const START: u64 = 0xcbf2_9ce4_8422_2325;

const fn fold(mut hash: u64, bytes: &[u8]) -> u64 {
    let mut at = 0;
    while at < bytes.len() {
        hash = (hash ^ bytes[at] as u64).wrapping_mul(0x0100_0000_01b3);
        at += 1;
    }
    hash
}

/// Hashes text that comes in pieces: as [`text`] does the whole.
pub(super) struct Text(u64);

impl Default for Text {
    fn default() -> Text {
        Text(START)
    }
}

impl Text {
    pub(super) fn take(&mut self, piece: &str) {
        self.0 = fold(self.0, piece.as_bytes());
    }

    pub(super) fn finish(self) -> u64 {
        mix(self.0, 0x5bd1)
    }
}

/// Joins two hashes; the order counts.
pub(super) const fn mix(a: u64, b: u64) -> u64 {
    let mut hash = a.rotate_left(23) ^ b.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash = (hash ^ (hash >> 32)).wrapping_mul(0xd6e8_feb8_6659_fd93);
    hash ^ (hash >> 32)
}

/// A table whose keys are hashes. It is only asked, never gone through.
pub(super) type Table<V> = HashMap<u64, V, BuildHasherDefault<Plain>>;

/// Takes a key as it is.
#[derive(Clone, Copy, Default)]
pub(super) struct Plain(u64);

impl Hasher for Plain {
    fn finish(&self) -> u64 {
        self.0
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 = mix(self.0, u64::from(*byte));
        }
    }

    fn write_u64(&mut self, key: u64) {
        self.0 = key;
    }
}
