//! How the numbers of a gradient are kept in bytes: `f32`, `bf16`, `f16`, or blocks of `int8`.
//!
//! A row of `dim` numbers is padded with zeros to a multiple of [`PAD`], which changes no bit of a
//! sum; so every row begins at a multiple of 16 bytes when the first one does, and no kernel has a
//! tail. All numbers are little-endian.
//!
//! | dtype | bytes of a row of `width` numbers, `width` being the padded length |
//! |---|---|
//! | `f32`, `bf16`, `f16` | the numbers |
//! | `int8` | `width` signed bytes `q`, then `width / 128` scales as `f32` |
//!
//! Number `i` of an `int8` row is `scale[i / 128] * q[i]`, rounded once to `f32`. The scales stand
//! together at the end, so that the bytes before them are read 16 at a time.

use std::fmt;

/// Rows are padded with zeros to a multiple of so many numbers.
pub const PAD: usize = 512;

/// Numbers that share one scale in an `int8` row.
pub const BLOCK: usize = 128;

/// The type of the numbers of a row.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Dtype {
    /// 32-bit floats.
    F32,
    /// The upper half of 32-bit floats.
    Bf16,
    /// 16-bit floats of IEEE 754.
    F16,
    /// Blocks of 128 signed bytes with one scale each.
    Int8,
}

impl Dtype {
    /// Every type.
    pub const ALL: [Dtype; 4] = [Dtype::F32, Dtype::Bf16, Dtype::F16, Dtype::Int8];

    /// Returns the name that people use.
    pub fn name(self) -> &'static str {
        match self {
            Dtype::F32 => "f32",
            Dtype::Bf16 => "bf16",
            Dtype::F16 => "f16",
            Dtype::Int8 => "int8",
        }
    }

    /// Returns the type of that name.
    pub fn of(name: &str) -> Option<Dtype> {
        Dtype::ALL.into_iter().find(|dtype| dtype.name() == name)
    }

    /// Returns the bytes of one number, without its share of a scale.
    pub fn size(self) -> usize {
        match self {
            Dtype::F32 => 4,
            Dtype::Bf16 | Dtype::F16 => 2,
            Dtype::Int8 => 1,
        }
    }

    /// Returns the bytes of a row of `dim` numbers, padding and scales included.
    pub fn row_bytes(self, dim: usize) -> usize {
        let width = width(dim);
        match self {
            Dtype::Int8 => width + width / BLOCK * 4,
            dtype => width * dtype.size(),
        }
    }
}

impl fmt::Display for Dtype {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Returns the padded length of a row of `dim` numbers.
pub fn width(dim: usize) -> usize {
    dim.next_multiple_of(PAD)
}

/// Rows that lie one behind the other.
#[derive(Clone, Copy, Debug)]
pub struct Rows<'a> {
    dtype: Dtype,
    dim: usize,
    bytes: &'a [u8],
}

impl<'a> Rows<'a> {
    /// Views bytes as rows of `dim` numbers; nothing unless they are whole rows.
    pub fn new(dtype: Dtype, dim: usize, bytes: &'a [u8]) -> Option<Rows<'a>> {
        (dim > 0 && bytes.len().is_multiple_of(dtype.row_bytes(dim))).then_some(Rows { dtype, dim, bytes })
    }

    /// Returns the type of the numbers.
    pub fn dtype(&self) -> Dtype {
        self.dtype
    }

    /// Returns how many numbers a row has, padding aside.
    pub fn dim(&self) -> usize {
        self.dim
    }

    /// Returns how many bytes lie between the beginnings of two rows.
    pub fn stride(&self) -> usize {
        self.dtype.row_bytes(self.dim)
    }

    /// Returns the number of rows.
    pub fn count(&self) -> usize {
        self.bytes.len() / self.stride()
    }

    /// Returns the bytes of all rows.
    pub fn bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// Returns the bytes of a row.
    pub fn row(&self, row: usize) -> &'a [u8] {
        &self.bytes[row * self.stride()..][..self.stride()]
    }
}

/// Returns the numbers of a row, without padding.
pub fn decode(dtype: Dtype, dim: usize, row: &[u8]) -> Vec<f32> {
    let four = |bytes: &[u8]| f32::from_le_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
    let two = |bytes: &[u8]| u16::from_le_bytes([bytes[0], bytes[1]]);
    match dtype {
        Dtype::F32 => row.chunks_exact(4).take(dim).map(four).collect(),
        Dtype::Bf16 => row.chunks_exact(2).take(dim).map(|bytes| from_bf16(two(bytes))).collect(),
        Dtype::F16 => row.chunks_exact(2).take(dim).map(|bytes| from_f16(two(bytes))).collect(),
        Dtype::Int8 => {
            let (q, scales) = row.split_at(width(dim));
            let scaled = |(at, q): (usize, &u8)| four(&scales[at / BLOCK * 4..]) * f32::from(*q as i8);
            q.iter().enumerate().take(dim).map(scaled).collect()
        }
    }
}

/// Returns a row that holds the numbers as well as its type can.
pub fn encode(dtype: Dtype, values: &[f32]) -> Vec<u8> {
    let mut row = Vec::with_capacity(dtype.row_bytes(values.len()));
    let mut scales = Vec::new();
    match dtype {
        Dtype::F32 => row.extend(values.iter().flat_map(|x| x.to_le_bytes())),
        Dtype::Bf16 => row.extend(values.iter().flat_map(|x| to_bf16(*x).to_le_bytes())),
        Dtype::F16 => row.extend(values.iter().flat_map(|x| to_f16(*x).to_le_bytes())),
        Dtype::Int8 => {
            for block in values.chunks(BLOCK) {
                let scale = scale(block);
                scales.extend(scale.to_le_bytes());
                row.extend(block.iter().map(|x| quantize(*x, scale) as u8));
            }
        }
    }
    row.resize(width(values.len()) * dtype.size(), 0);
    row.extend(scales);
    row.resize(dtype.row_bytes(values.len()), 0);
    row
}

/// Returns what a block's bytes are multiplied by; a NaN where the block is not finite, so that the
/// row does not look as if it were.
fn scale(block: &[f32]) -> f32 {
    if block.iter().any(|x| !x.is_finite()) {
        return f32::NAN;
    }
    block.iter().fold(0.0f32, |most, x| most.max(x.abs())) / 127.0
}

fn quantize(x: f32, scale: f32) -> i8 {
    // A NaN becomes 0: its block's scale says what it was.
    if scale > 0.0 { (x / scale).round_ties_even().clamp(-127.0, 127.0) as i8 } else { 0 }
}

/// Returns the number that a `bf16` stands for.
pub fn from_bf16(bits: u16) -> f32 {
    f32::from_bits(u32::from(bits) << 16)
}

/// Returns the nearest `bf16`, ties to even.
pub fn to_bf16(x: f32) -> u16 {
    let bits = x.to_bits();
    if x.is_nan() {
        // The bits that say NaN may all be in the half that goes.
        return (bits >> 16) as u16 | 0x40;
    }
    ((bits + 0x7fff + ((bits >> 16) & 1)) >> 16) as u16
}

/// Returns the number that an `f16` stands for.
pub fn from_f16(bits: u16) -> f32 {
    let sign = u32::from(bits & 0x8000) << 16;
    let (exponent, fraction) = (u32::from(bits >> 10) & 0x1f, u32::from(bits & 0x3ff));
    let magnitude = match (exponent, fraction) {
        (0x1f, _) => f32::from_bits(0x7f80_0000 | fraction << 13),
        // Multiples of two to the power of -24: exact, because a fraction has ten bits.
        (0, _) => fraction as f32 / 16_777_216.0,
        _ => f32::from_bits((exponent + 112) << 23 | fraction << 13),
    };
    f32::from_bits(sign | magnitude.to_bits())
}

/// Returns the nearest `f16`, ties to even.
pub fn to_f16(x: f32) -> u16 {
    let sign = ((x.to_bits() >> 16) & 0x8000) as u16;
    let x = x.abs();
    if x.is_nan() {
        return sign | 0x7e00;
    }
    // The first number that rounds to infinity.
    if x >= 65520.0 {
        return sign | 0x7c00;
    }
    if x < 6.103_515_6e-5 {
        // Multiples of two to the power of -24; 1024 of them are the least normal number.
        return sign | (x * 16_777_216.0).round_ties_even() as u16;
    }
    let bits = x.to_bits() + 0x0fff + ((x.to_bits() >> 13) & 1);
    sign | ((bits - (112 << 23)) >> 13) as u16
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_f16_comes_back() {
        for bits in 0..=u16::MAX {
            let x = from_f16(bits);
            if x.is_nan() {
                assert!(from_f16(to_f16(x)).is_nan(), "{bits:x}");
            } else {
                assert_eq!(to_f16(x), bits, "{x}");
            }
        }
        assert_eq!(from_f16(0x3c00), 1.0);
        assert_eq!(from_f16(0x0001), 2.0f32.powi(-24));
        assert_eq!(from_f16(0xfbff), -65504.0);
    }

    #[test]
    fn what_lies_between_goes_to_the_nearer() {
        // Every finite f16 and the one above it: below, at and above their middle.
        for bits in 0..0x7bffu16 {
            let (low, high) = (from_f16(bits), from_f16(bits + 1));
            let middle = low + (high - low) / 2.0;
            assert_eq!(to_f16(middle), bits + (bits & 1), "the tie above {low}");
            assert_eq!(to_f16(f32::from_bits(middle.to_bits() - 1)), bits);
            assert_eq!(to_f16(f32::from_bits(middle.to_bits() + 1)), bits + 1);
        }
        for bits in (0..0x7f7fu16).step_by(7) {
            let (low, high) = (from_bf16(bits), from_bf16(bits + 1));
            let middle = f32::from_bits((low.to_bits() + high.to_bits()) / 2);
            assert_eq!(to_bf16(middle), bits + (bits & 1), "the tie above {low}");
            assert_eq!(to_bf16(f32::from_bits(middle.to_bits() - 1)), bits);
            assert_eq!(to_bf16(f32::from_bits(middle.to_bits() + 1)), bits + 1);
        }
        assert_eq!(to_f16(1e30), 0x7c00);
        assert!(from_bf16(to_bf16(f32::from_bits(0x7f80_0001))).is_nan());
    }

    #[test]
    fn a_row_comes_back_as_well_as_its_type_can() {
        let values: Vec<f32> = (0..1300).map(|at| ((at * 37 % 101) as f32 - 50.0) * 0.01).collect();
        for (dtype, most) in
            [(Dtype::F32, 0.0), (Dtype::Bf16, 1e-3), (Dtype::F16, 2e-4), (Dtype::Int8, 0.5 / 127.0 * 0.5001)]
        {
            let row = encode(dtype, &values);
            assert_eq!(row.len(), dtype.row_bytes(1300));
            assert_eq!(row.len() % 16, 0);
            let found = decode(dtype, 1300, &row);
            let error = values.iter().zip(&found).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
            assert!(error <= most, "{dtype}: {error}");
            // What is decoded is a value of the type: it comes back as it is.
            assert!(dtype == Dtype::Int8 || encode(dtype, &found) == row, "{dtype}");
            let padded = decode(dtype, width(1300), &row);
            assert!(padded[1300..].iter().all(|x| x.to_bits() == 0), "{dtype}");
            assert!(decode(dtype, 2, &encode(dtype, &[f32::NAN, 1.0]))[0].is_nan(), "{dtype}");
        }
    }

    #[test]
    fn rows_are_whole() {
        let bytes = vec![0; Dtype::Int8.row_bytes(600) * 3];
        assert_eq!(Rows::new(Dtype::Int8, 600, &bytes).unwrap().count(), 3);
        assert!(Rows::new(Dtype::Int8, 600, &bytes[1..]).is_none());
        assert!(Rows::new(Dtype::Int8, 0, &[]).is_none());
    }
}
