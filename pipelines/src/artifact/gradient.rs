//! `gradient/1`: the training direction of one task, as a header and its coordinates.

use serde::{Deserialize, Serialize};

const MAGIC: &[u8] = b"sswe.gradient.v1\n";

/// What is known of a gradient beside its coordinates.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct GradientHead {
    /// The digest of the task.
    pub task: String,
    /// The digest of its repository.
    pub repo: String,
    /// The group of alike tasks that it belongs to; empty where none are told apart.
    pub stratum: String,
    /// How many attempts resolved it, of how many.
    pub resolved: (u32, u32),
    /// How many coordinates there are, zeros included.
    pub length: u32,
}

/// Writes a gradient: only what is not zero.
pub fn encode_gradient(head: &GradientHead, values: &[f32]) -> Vec<u8> {
    let mut bytes = MAGIC.to_vec();
    bytes.extend(super::encode(head));
    for (at, value) in values.iter().enumerate().filter(|(_, value)| **value != 0.0) {
        bytes.extend((at as u32).to_le_bytes());
        bytes.extend(value.to_le_bytes());
    }
    bytes
}

/// Reads the head of a gradient, and its coordinates where `dense` asks for them.
pub fn decode_gradient(bytes: &[u8], dense: bool) -> Result<(GradientHead, Vec<f32>), String> {
    let rest = bytes.strip_prefix(MAGIC).ok_or("it is no gradient of this version")?;
    let end = rest.iter().position(|byte| *byte == b'\n').ok_or("its head has no end")?;
    let head: GradientHead = super::decode(&rest[..end])?;
    if !dense {
        return Ok((head, Vec::new()));
    }
    let mut values = vec![0.0; head.length as usize];
    let pairs = rest[end + 1..].chunks_exact(8);
    if !pairs.remainder().is_empty() {
        return Err("its last coordinate is cut off".to_owned());
    }
    for pair in pairs {
        let at = u32::from_le_bytes([pair[0], pair[1], pair[2], pair[3]]);
        let value = f32::from_le_bytes([pair[4], pair[5], pair[6], pair[7]]);
        *values.get_mut(at as usize).ok_or("a coordinate is out of bounds")? = value;
    }
    Ok((head, values))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn head(length: u32) -> GradientHead {
        GradientHead {
            task: "t".to_owned(),
            repo: "r".to_owned(),
            stratum: String::new(),
            resolved: (2, 8),
            length,
        }
    }

    #[test]
    fn a_gradient_comes_back() {
        let values = [0.0, 1.5, 0.0, -2.0e-30];
        let bytes = encode_gradient(&head(4), &values);
        assert_eq!(decode_gradient(&bytes, true).unwrap(), (head(4), values.to_vec()));
        assert!(decode_gradient(&bytes, false).unwrap().1.is_empty());
    }

    #[test]
    fn a_damaged_gradient_is_an_error() {
        let bytes = encode_gradient(&head(4), &[1.0, 2.0, 3.0, 4.0]);
        assert!(decode_gradient(&bytes[..bytes.len() - 3], true).is_err());
        assert!(decode_gradient(&bytes[..10], true).is_err());
        let mut outside = bytes;
        let at = outside.len() - 8;
        outside[at] = 200;
        assert!(decode_gradient(&outside, true).is_err());
    }
}
