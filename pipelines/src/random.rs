//! Small helpers over a stage's random numbers.

use sswe_engine::RngCore;

/// Returns a number below `bound`, each equally likely; 0 when there is none.
pub(crate) fn below(random: &mut impl RngCore, bound: u64) -> u64 {
    if bound == 0 {
        return 0;
    }
    // The numbers beyond the last whole multiple would make some results likelier.
    let most = u64::MAX - u64::MAX % bound;
    loop {
        let drawn = random.next_u64();
        if drawn < most {
            return drawn % bound;
        }
    }
}

/// Puts a list into a random order.
pub(crate) fn shuffle<T>(random: &mut impl RngCore, list: &mut [T]) {
    for at in (1..list.len()).rev() {
        list.swap(at, below(random, at as u64 + 1) as usize);
    }
}
