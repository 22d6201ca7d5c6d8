//! Names for bytes: BLAKE3 digests, and the canonical form in which fields are hashed.

use std::fmt;
use std::str::FromStr;

use crate::{Error, Result};

/// The BLAKE3 digest of some bytes, which is their name everywhere.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Digest([u8; 32]);

impl Digest {
    /// Returns the digest of `bytes`.
    pub fn of(bytes: &[u8]) -> Digest {
        Digest(*blake3::hash(bytes).as_bytes())
    }

    /// Takes 32 bytes that are a digest already.
    pub const fn from_bytes(bytes: [u8; 32]) -> Digest {
        Digest(bytes)
    }

    /// Returns the 32 bytes.
    pub const fn as_bytes(&self) -> &[u8; 32] {
        &self.0
    }

    /// Returns the first 12 hexadecimal digits, for people.
    pub fn short(&self) -> String {
        self.0[..6].iter().map(|b| format!("{b:02x}")).collect()
    }

    pub(crate) fn from_slice(bytes: &[u8]) -> Option<Digest> {
        bytes.try_into().ok().map(Digest)
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&blake3::Hash::from_bytes(self.0).to_hex())
    }
}

impl fmt::Debug for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Digest({})", self.short())
    }
}

impl FromStr for Digest {
    type Err = Error;

    fn from_str(text: &str) -> Result<Digest> {
        match blake3::Hash::from_hex(text) {
            Ok(hash) => Ok(Digest(*hash.as_bytes())),
            Err(_) => Err(Error::BadDigest { found: text.into() }),
        }
    }
}

/// The name of an action: everything that its outputs depend on, hashed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ActionKey(pub Digest);

impl fmt::Display for ActionKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// Hashes named fields so that no two different lists of fields give one digest.
///
/// The domain, every name and every value go in with their lengths, in the caller's order:
/// sort what has no order of its own.
#[derive(Clone)]
pub struct Fields(blake3::Hasher);

impl Fields {
    /// Starts a digest of the given domain, such as `sswe.tree.v1`.
    pub fn new(domain: &str) -> Fields {
        let mut fields = Fields(blake3::Hasher::new());
        fields.part(domain.as_bytes());
        fields
    }

    /// Adds a field that is bytes.
    pub fn bytes(&mut self, name: &str, value: &[u8]) -> &mut Fields {
        self.part(name.as_bytes());
        self.part(value);
        self
    }

    /// Adds a field that is text.
    pub fn text(&mut self, name: &str, value: &str) -> &mut Fields {
        self.bytes(name, value.as_bytes())
    }

    /// Adds a field that is a number.
    pub fn number(&mut self, name: &str, value: u64) -> &mut Fields {
        self.bytes(name, &value.to_le_bytes())
    }

    /// Adds a field that is a digest.
    pub fn digest(&mut self, name: &str, value: &Digest) -> &mut Fields {
        self.bytes(name, value.as_bytes())
    }

    /// Returns the digest of all fields so far.
    pub fn finish(&self) -> Digest {
        Digest(*self.0.finalize().as_bytes())
    }

    fn part(&mut self, bytes: &[u8]) {
        self.0.update(&(bytes.len() as u64).to_le_bytes());
        self.0.update(bytes);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hex_goes_there_and_back() {
        let digest = Digest::of(b"abc");
        let hex = digest.to_string();
        assert_eq!(hex, "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd359c6cd5bd9d85");
        assert_eq!(hex.parse::<Digest>().unwrap(), digest);
        assert_eq!(digest.short(), "6437b3ac3846");
        let error = "6437".parse::<Digest>().unwrap_err().to_string();
        assert_eq!(error, "`6437` is no digest: expected 64 hexadecimal digits");
    }

    #[test]
    fn fields_do_not_run_together() {
        let of = |pairs: &[(&str, &str)]| {
            let mut fields = Fields::new("test");
            for (name, value) in pairs {
                fields.text(name, value);
            }
            fields.finish()
        };
        let all = [
            of(&[("ab", "c")]),
            of(&[("a", "bc")]),
            of(&[("a", "b"), ("c", "")]),
            of(&[("a", ""), ("b", "c")]),
            Fields::new("other").text("ab", "c").finish(),
        ];
        for (i, a) in all.iter().enumerate() {
            assert!(all[i + 1..].iter().all(|b| a != b));
        }
    }
}
