//! A map from paths, as their bytes, to what is known of the files.
//!
//! A build that has nothing to do fills one with every file that it ever read, so all paths lie in
//! one allocation, and a path is hashed as bytes: as a `Path` it would be taken apart for that.

use super::Entry;

#[derive(Default)]
pub(super) struct Files {
    paths: Vec<u8>,
    all: Vec<File>,
    /// Places in `all`, each where the hash of its path says or soon after; at least half of
    /// them are empty.
    places: Vec<u32>,
}

struct File {
    path: (usize, usize),
    hash: u32,
    entry: Entry,
}

impl Files {
    pub(super) fn get(&self, path: &[u8]) -> Option<&Entry> {
        self.find(path, hash(path)).map(|at| &self.all[at].entry)
    }

    pub(super) fn insert(&mut self, path: &[u8], entry: Entry) {
        let hash = hash(path);
        if let Some(at) = self.find(path, hash) {
            self.all[at].entry = entry;
            return;
        }
        if self.places.len() < 2 * (self.all.len() + 1) {
            self.grow();
        }
        let from = self.paths.len();
        self.paths.extend_from_slice(path);
        self.all.push(File { path: (from, self.paths.len()), hash, entry });
        self.place(self.all.len() - 1);
    }

    pub(super) fn len(&self) -> usize {
        self.all.len()
    }

    fn find(&self, path: &[u8], hash: u32) -> Option<usize> {
        let mut at = self.first(hash);
        while let Some(&number) = self.places.get(at).filter(|&&number| number != EMPTY) {
            let file = &self.all[number as usize];
            if file.hash == hash && &self.paths[file.path.0..file.path.1] == path {
                return Some(number as usize);
            }
            at = (at + 1) % self.places.len();
        }
        None
    }

    fn grow(&mut self) {
        self.places = vec![EMPTY; (4 * self.all.len()).next_power_of_two().max(64)];
        (0..self.all.len()).for_each(|number| self.place(number));
    }

    fn place(&mut self, number: usize) {
        let mut at = self.first(self.all[number].hash);
        while self.places[at] != EMPTY {
            at = (at + 1) % self.places.len();
        }
        self.places[at] = number as u32;
    }

    fn first(&self, hash: u32) -> usize {
        // A power of two, once there is one.
        hash as usize & self.places.len().saturating_sub(1)
    }
}

const EMPTY: u32 = u32::MAX;

/// Hashes a path, eight bytes at a time: who chooses paths could at worst make a build slow.
fn hash(path: &[u8]) -> u32 {
    let mix = |hash: u64, part: u64| (hash.rotate_left(23) ^ part).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    let (parts, rest) = path.as_chunks::<8>();
    let hash = parts.iter().fold(path.len() as u64, |hash, part| mix(hash, u64::from_le_bytes(*part)));
    let mut last = [0; 8];
    last[..rest.len()].copy_from_slice(rest);
    let hash = mix(hash, u64::from_le_bytes(last));
    // The upper half depends on all bits.
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::super::Look;
    use super::*;
    use crate::Digest;

    #[test]
    fn paths_are_told_apart() {
        let entry = |number: u64| Entry {
            look: Look { size: number, mtime: 0, ctime: 0, inode: 0 },
            seen: 0,
            digest: Digest::of(b""),
        };
        let path = |number: u64| format!("a/folder/{}/{number}.py", number % 7).into_bytes();
        let mut files = Files::default();
        assert!(files.get(b"").is_none());
        for number in 0..5000 {
            assert!(files.get(&path(number)).is_none());
            files.insert(&path(number), entry(0));
            files.insert(&path(number), entry(number));
        }
        assert_eq!(files.len(), 5000);
        for number in 0..5000 {
            assert_eq!(files.get(&path(number)), Some(&entry(number)));
        }
        files.insert(b"", entry(1));
        assert_eq!((files.get(b""), files.get(b"a")), (Some(&entry(1)), None));
    }

    #[test]
    fn like_paths_have_places_of_their_own() {
        let mut taken: Vec<u32> = (0..4096u32)
            .map(|number| hash(format!("/home/a/tasks/{number}.toml").as_bytes()) % 8192)
            .collect();
        taken.sort_unstable();
        taken.dedup();
        // As many as chance leaves: 8192 (1 - 1/sqrt(e)) are 3223.
        assert!(taken.len() > 3100, "{}", taken.len());
    }
}
