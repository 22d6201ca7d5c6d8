//! The weights of the model, and their bytes.

/// How many weights there are, under both hats together.
pub const WEIGHTS: usize = 1 << 16;

const MAGIC: &[u8; 8] = b"sswe-rw\x01";

/// A policy: the weights of the model under both hats.
#[derive(Clone, PartialEq)]
pub struct Policy {
    weights: Vec<f32>,
}

/// Why bytes are no policy.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum PolicyError {
    /// They do not begin as they should.
    #[error("expected the weights of a rewriter, found other bytes: name weights that `train` made")]
    Foreign,
    /// They are of another length than they say.
    #[error("expected {expected} bytes of weights, found {found}: the file was cut or joined")]
    Length {
        /// How many bytes there should be.
        expected: usize,
        /// How many there are.
        found: usize,
    },
    /// Their places are not in order or do not exist.
    #[error("weight {place} is out of order, zero or not a number: the file was changed by hand")]
    Damaged {
        /// The place.
        place: usize,
    },
}

impl Default for Policy {
    fn default() -> Policy {
        Policy { weights: vec![0.0; WEIGHTS] }
    }
}

impl std::fmt::Debug for Policy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let set = self.weights.iter().filter(|weight| **weight != 0.0).count();
        write!(f, "Policy({set} of {WEIGHTS} weights)")
    }
}

impl Policy {
    /// Returns the weights: the Solver's, then the Generator's.
    pub fn weights(&self) -> &[f32] {
        &self.weights
    }

    pub(super) fn weights_mut(&mut self) -> &mut [f32] {
        &mut self.weights
    }

    /// Returns the canonical bytes: a header, the number of weights that are not zero, and of each
    /// its place (two bytes) and value (four), all little-endian. Equal policies are equal bytes.
    pub fn to_bytes(&self) -> Vec<u8> {
        let set: Vec<(usize, f32)> =
            self.weights.iter().copied().enumerate().filter(|(_, weight)| *weight != 0.0).collect();
        let mut bytes = Vec::with_capacity(12 + set.len() * 6);
        bytes.extend(MAGIC);
        bytes.extend((set.len() as u32).to_le_bytes());
        for (place, weight) in set {
            bytes.extend((place as u16).to_le_bytes());
            bytes.extend(weight.to_le_bytes());
        }
        bytes
    }

    /// Reads the canonical bytes, and only those.
    pub fn from_bytes(bytes: &[u8]) -> Result<Policy, PolicyError> {
        let rest = bytes.strip_prefix(MAGIC).ok_or(PolicyError::Foreign)?;
        let (count, rows) = rest.split_first_chunk::<4>().ok_or(PolicyError::Foreign)?;
        let expected = u32::from_le_bytes(*count) as usize * 6;
        if rows.len() != expected {
            return Err(PolicyError::Length { expected, found: rows.len() });
        }
        let mut policy = Policy::default();
        let mut next = 0;
        for row in rows.chunks_exact(6) {
            let [p0, p1, v0, v1, v2, v3] = *row else { continue };
            let place = usize::from(u16::from_le_bytes([p0, p1]));
            let value = f32::from_le_bytes([v0, v1, v2, v3]);
            if place < next || value == 0.0 || !value.is_finite() {
                return Err(PolicyError::Damaged { place });
            }
            policy.weights[place] = value;
            next = place + 1;
        }
        Ok(policy)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bytes_are_canonical() {
        let mut policy = Policy::default();
        policy.weights_mut()[7] = -1.5;
        policy.weights_mut()[WEIGHTS - 1] = 0.25;
        let bytes = policy.to_bytes();
        assert_eq!(bytes.len(), 12 + 12);
        assert_eq!(Policy::from_bytes(&bytes), Ok(policy));
        assert_eq!(Policy::from_bytes(b"other"), Err(PolicyError::Foreign));
        assert_eq!(Policy::from_bytes(&bytes[..20]), Err(PolicyError::Length { expected: 12, found: 8 }));
        let mut swapped = bytes[..12].to_vec();
        swapped.extend(&bytes[18..]);
        swapped.extend(&bytes[12..18]);
        assert_eq!(Policy::from_bytes(&swapped), Err(PolicyError::Damaged { place: 7 }));
    }

    #[test]
    fn a_zero_of_either_sign_is_left_out() {
        let mut policy = Policy::default();
        policy.weights_mut()[3] = -0.0;
        assert_eq!(policy.to_bytes(), Policy::default().to_bytes());
    }
}
