//! Random numbers that depend on what is drawn, and on nothing else.

pub use rand_chacha::ChaCha8Rng;
pub use rand_chacha::rand_core::RngCore;
use rand_chacha::rand_core::SeedableRng;
use sswe_cache::{Digest, Fields};
use sswe_compiler::plan::StageKind;

/// What a stage's random numbers come from; part of its keys.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stream {
    /// The seed of the curriculum or block.
    pub seed: u64,
    /// The kind of the stage.
    pub kind: StageKind,
    /// The round.
    pub round: Option<u32>,
}

impl Stream {
    /// Returns the random numbers for one draw from one content: no labels, paths or sweep cells.
    pub fn random(self, content: &Digest, draw: Option<u64>) -> ChaCha8Rng {
        // No `..`: what the numbers depend on is exactly what the key has.
        let Stream { seed, kind, round } = self;
        let mut fields = Fields::new("sswe.random.v1");
        fields.number("seed", seed).text("kind", kind.as_str());
        if let Some(round) = round {
            fields.number("round", round.into());
        }
        fields.digest("content", content);
        if let Some(draw) = draw {
            fields.number("draw", draw);
        }
        ChaCha8Rng::from_seed(*fields.finish().as_bytes())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_stable_and_apart() {
        let stream = Stream { seed: 7, kind: StageKind::Solve, round: Some(2) };
        let first =
            |stream: Stream, content: &[u8], draw| stream.random(&Digest::of(content), draw).next_u64();
        // Golden: recorded results depend on it.
        assert_eq!(first(stream, b"task", Some(0)), GOLDEN);
        let other = [
            first(Stream { seed: 8, ..stream }, b"task", Some(0)),
            first(Stream { kind: StageKind::Score, ..stream }, b"task", Some(0)),
            first(Stream { round: None, ..stream }, b"task", Some(0)),
            first(stream, b"other", Some(0)),
            first(stream, b"task", Some(1)),
            first(stream, b"task", None),
        ];
        assert!(other.iter().all(|number| *number != GOLDEN));
    }

    const GOLDEN: u64 = 1_719_416_047_923_534_317;
}
