//! Numbers for tests and benches, which must not depend on a crate's version. Those outside of `src`
//! include this file, so that nothing of it is in the library.

/// Returns numbers between -0.5 and 0.5.
pub(crate) fn random(seed: u64, length: usize) -> Vec<f32> {
    let mut state = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut next = || {
        state ^= state << 13;
        state ^= state >> 7;
        state ^= state << 17;
        (state >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    };
    (0..length).map(|_| next()).collect()
}
