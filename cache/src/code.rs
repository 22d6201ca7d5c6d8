//! How lists of names and digests lie in a column: lengths first, then the bytes.

/// Appends a length and the bytes.
pub(crate) fn put(out: &mut Vec<u8>, bytes: &[u8]) {
    let mut length = bytes.len();
    while length >= 0x80 {
        out.push(length as u8 | 0x80);
        length >>= 7;
    }
    out.push(length as u8);
    out.extend_from_slice(bytes);
}

/// Takes what [`put`] appended off the front; `None` when the bytes are not of that form.
pub(crate) fn take<'a>(bytes: &mut &'a [u8]) -> Option<&'a [u8]> {
    let mut length = 0usize;
    for shift in (0..=56).step_by(7) {
        let byte = take_byte(bytes)?;
        length |= usize::from(byte & 0x7f) << shift;
        if byte < 0x80 {
            return take_exact(bytes, length);
        }
    }
    None
}

/// Takes one byte off the front.
pub(crate) fn take_byte(bytes: &mut &[u8]) -> Option<u8> {
    Some(take_exact(bytes, 1)?[0])
}

/// Takes `length` bytes off the front.
pub(crate) fn take_exact<'a>(bytes: &mut &'a [u8], length: usize) -> Option<&'a [u8]> {
    let (front, rest) = bytes.split_at_checked(length)?;
    *bytes = rest;
    Some(front)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lengths_of_every_size_come_back() {
        for length in [0, 1, 127, 128, 16_383, 16_384, 70_000] {
            let mut out = Vec::new();
            put(&mut out, &vec![7; length]);
            put(&mut out, b"next");
            let mut rest = &out[..];
            assert_eq!(take(&mut rest).map(<[u8]>::len), Some(length));
            assert_eq!(take(&mut rest), Some(&b"next"[..]));
            assert!(rest.is_empty());
        }
    }

    #[test]
    fn cut_short_is_none() {
        let mut out = Vec::new();
        put(&mut out, &[7; 300]);
        for end in 0..out.len() {
            assert_eq!(take(&mut &out[..end]), None);
        }
        assert_eq!(take(&mut &[0xff; 20][..]), None);
    }
}
