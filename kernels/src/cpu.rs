//! The specification of `align-v1`: naive, and readable.

use crate::{Dtype, Sums, element};

/// Elements that are reduced in `f32` before an `f64` takes over.
pub const CHUNK: usize = 4096;

/// Sums that run side by side within a chunk.
pub const LANES: usize = 64;

/// Returns the inner product of a row with a direction, and the row's squared norm.
///
/// A chunk of 4096 elements (the last one padded with zeros) is spread over 64 lanes: lane `l`
/// adds elements `l`, `l + 64`, `l + 128`, ... with one rounding each. A binary tree joins the
/// lanes: `l` takes `l + 32`, then `l + 16`, and so on. Chunks are summed in `f64`, in order.
///
/// # Panics
///
/// When the row and the direction differ in length: comparing them would mean nothing.
pub fn sums(row: &[f32], direction: &[f32]) -> Sums {
    Sums { dot: product(row, direction), norm2: product(row, row) }
}

/// Returns the sums of a row that is kept in some type.
pub fn encoded_sums(dtype: Dtype, row: &[u8], direction: &[f32]) -> Sums {
    sums(&element::decode(dtype, direction.len(), row), direction)
}

/// Returns the sums of a row where coordinate `i` counts `weights[i]` times.
///
/// The weight of the inner product is in the direction already (`direction[i] * weights[i]`, rounded
/// once), and is shared by all rows; in the squared norm it is `(x * w) * x`, with `x * w` rounded.
pub fn weighted_sums(row: &[f32], direction: &[f32], weights: &[f32]) -> Sums {
    let weighted: Vec<f32> = row.iter().zip(weights).map(|(x, w)| x * w).collect();
    Sums { dot: product(row, direction), norm2: product(&weighted, row) }
}

fn product(a: &[f32], b: &[f32]) -> f64 {
    assert_eq!(a.len(), b.len(), "what is multiplied has one length");
    let mut total = 0.0;
    for (a, b) in a.chunks(CHUNK).zip(b.chunks(CHUNK)) {
        let mut sums = [0.0f32; LANES];
        for (a, b) in a.chunks(LANES).zip(b.chunks(LANES)) {
            for (sum, (a, b)) in sums.iter_mut().zip(a.iter().zip(b)) {
                *sum = a.mul_add(*b, *sum);
            }
        }
        total += f64::from(join(sums));
    }
    total
}

fn join(mut lanes: [f32; LANES]) -> f32 {
    let mut half = LANES / 2;
    while half > 0 {
        for lane in 0..half {
            lanes[lane] += lanes[lane + half];
        }
        half /= 2;
    }
    lanes[0]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{Status, random::random};

    fn exact(row: &[f32], direction: &[f32]) -> Sums {
        let sum = |a: &[f32], b: &[f32]| a.iter().zip(b).map(|(a, b)| f64::from(*a) * f64::from(*b)).sum();
        Sums { dot: sum(row, direction), norm2: sum(row, row) }
    }

    #[test]
    fn agrees_with_exact_sums() {
        for length in [1, 63, 64, 65, 4095, 4096, 4097, 100_000] {
            let (row, direction) = (random(1, length), random(2, length));
            let (found, wanted) = (sums(&row, &direction), exact(&row, &direction));
            let norm2 = exact(&direction, &direction).norm2;
            let error = (found.cosine(norm2).unwrap() - wanted.cosine(norm2).unwrap()).abs();
            assert!(error < 1e-7 && (error < 2e-9 || length < 4096), "{length}: {error:e}");
        }
    }

    #[test]
    fn padding_with_zeros_changes_no_bit() {
        let (mut row, mut direction) = (random(3, 5000), random(4, 5000));
        let short = sums(&row, &direction);
        row.resize(3 * CHUNK, 0.0);
        direction.resize(3 * CHUNK, 0.0);
        assert_eq!(sums(&row, &direction), short);
    }

    #[test]
    fn a_row_without_direction_has_no_score() {
        let one = [1.0f32; 100];
        let check = |row: &[f32], status: Status| {
            let found = sums(row, &one[..row.len()]);
            assert_eq!(found.status(), status, "{row:?}");
            assert_eq!(found.cosine(100.0).is_some(), status == Status::Ok);
        };
        check(&[0.0; 100], Status::ZeroNorm);
        check(&[], Status::ZeroNorm);
        check(&[f32::NAN, 1.0], Status::NonFinite);
        check(&[f32::INFINITY, 1.0], Status::NonFinite);
        check(&[f32::MAX; 100], Status::NonFinite);
        check(&[1.0, -1.0], Status::Ok);
        assert_eq!(sums(&one, &one).cosine(0.0), None);
        assert_eq!(sums(&one, &one).cosine(100.0), Some(1.0));
    }
}
