//! Lists of artifacts as canonical blobs: sorted names and digests, and nothing else.

use std::sync::Arc;

use sswe_cache::Digest;

use crate::Entry;

const MAGIC: &[u8] = b"sswe.manifest.v1\n";

/// Sorts entries as a list has them, and drops repetitions.
pub(crate) fn sort(entries: &mut Vec<Entry>) {
    entries.sort_unstable();
    entries.dedup();
}

/// Writes sorted entries.
pub(crate) fn encode(entries: &[Entry]) -> Vec<u8> {
    let size: usize = entries.iter().map(|entry| entry.name.len() + 36).sum();
    let mut out = Vec::with_capacity(MAGIC.len() + size);
    out.extend_from_slice(MAGIC);
    for Entry { name, digest } in entries {
        out.extend_from_slice(&(name.len() as u32).to_le_bytes());
        out.extend_from_slice(name.as_bytes());
        out.extend_from_slice(digest.as_bytes());
    }
    out
}

/// Reads what [`encode`] wrote; `None` when it is something else.
pub(crate) fn decode(bytes: &[u8]) -> Option<Arc<[Entry]>> {
    let mut rest = bytes.strip_prefix(MAGIC)?;
    let mut entries = Vec::with_capacity(rest.len() / 48);
    while !rest.is_empty() {
        let (length, tail) = rest.split_first_chunk::<4>()?;
        let (name, tail) = tail.split_at_checked(u32::from_le_bytes(*length) as usize)?;
        let (digest, tail) = tail.split_first_chunk::<32>()?;
        let name = std::str::from_utf8(name).ok()?;
        entries.push(Entry { name: name.into(), digest: Digest::from_bytes(*digest) });
        rest = tail;
    }
    Some(entries.into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lists_come_back_sorted() {
        let entry = |name: &str, body: &str| Entry { name: name.into(), digest: Digest::of(body.as_bytes()) };
        let mut entries = vec![entry("b", "1"), entry("a", "2"), entry("b", "1"), entry("", "3")];
        sort(&mut entries);
        assert_eq!(entries.len(), 3);
        let bytes = encode(&entries);
        assert_eq!(decode(&bytes).as_deref(), Some(&entries[..]));
        assert_eq!(decode(&bytes[..bytes.len() - 1]), None);
        assert_eq!(decode(b"something else"), None);
        assert_eq!(decode(&encode(&[])).as_deref(), Some(&[][..]));
    }
}
