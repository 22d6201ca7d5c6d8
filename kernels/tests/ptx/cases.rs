//! What every device must agree with the CPU on: the same cases for the interpreter and for a GPU.

use sswe_kernels::{
    Dtype, PANEL, Rows, Sums, cpu,
    cuda::plan::Limits,
    element::{decode, encode},
};

/// One call of the kernels.
pub(crate) struct Case {
    pub(crate) dtype: Dtype,
    pub(crate) dim: usize,
    pub(crate) rows: usize,
    pub(crate) bytes: Vec<u8>,
    pub(crate) directions: Vec<Vec<f32>>,
    pub(crate) weights: Option<Vec<f32>>,
    pub(crate) limits: Limits,
    /// What it is called when it fails.
    pub(crate) name: String,
}

/// How the numbers of a row or a direction look.
const KINDS: [Kind; 9] = [
    Kind::Plain,
    Kind::Wide,
    Kind::Zero,
    Kind::NegativeZero,
    Kind::Subnormal,
    Kind::Huge,
    Kind::Infinite,
    Kind::NotANumber,
    Kind::Steep,
];

#[derive(Clone, Copy)]
enum Kind {
    Plain,
    /// Of all magnitudes: sums lose bits at every step, so their order shows.
    Wide,
    /// Each chunk of another magnitude: the order of chunks shows, although `f64` adds them.
    Steep,
    Zero,
    NegativeZero,
    /// Below the least normal number, so whoever flushes them is found out.
    Subnormal,
    /// Squares overflow.
    Huge,
    Infinite,
    NotANumber,
}

/// Rows as long as this are cut into several stretches and batches by the second of these.
const LIMITS: [Limits; 2] =
    [Limits { batch: 64 << 20, stretch: 256 << 20 }, Limits { batch: 9 * PANEL, stretch: 3 * PANEL * 4 }];

/// A small generator: what a test computes must not depend on a crate's version.
pub(crate) struct Random(u64);

impl Random {
    pub(crate) fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1)
    }

    fn bits(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0.wrapping_mul(0x2545_f491_4f6c_dd1d)
    }

    /// Returns a number from -1/2 to 1/2.
    pub(crate) fn number(&mut self) -> f32 {
        (self.bits() >> 40) as f32 / (1u64 << 24) as f32 - 0.5
    }

    fn numbers(&mut self, kind: Kind, dim: usize) -> Vec<f32> {
        let one = |random: &mut Random, at: usize| match kind {
            Kind::Plain | Kind::Infinite | Kind::NotANumber => random.number(),
            Kind::Wide => random.number() * 2f32.powi((random.bits() % 40) as i32 - 20),
            Kind::Steep => random.number() * 2f32.powi((at / cpu::CHUNK * 29 % 61) as i32 - 30),
            Kind::Zero => 0.0,
            Kind::NegativeZero => -0.0,
            Kind::Subnormal => random.number() * 2e-38,
            Kind::Huge => random.number() * 1e38,
        };
        let mut numbers: Vec<f32> = (0..dim).map(|at| one(self, at)).collect();
        let somewhere = self.bits() as usize % dim;
        match kind {
            Kind::Infinite => numbers[somewhere] = f32::INFINITY,
            Kind::NotANumber => numbers[somewhere] = f32::NAN,
            _ => {}
        }
        numbers
    }
}

/// Returns the cases.
pub(crate) fn all() -> Vec<Case> {
    let mut cases = Vec::new();
    for dtype in Dtype::ALL {
        // One number, less and more than a step of 64, a chunk and one more, several chunks; odd ones.
        for (dim, rows) in [(1, 9), (63, 1), (577, 2), (4096, 3), (13_001, 9), (35_001, 3)] {
            // Six are taken as four, one and one.
            for directions in [1, 6] {
                for is_weighted in [false, true] {
                    for limits in LIMITS {
                        let seed = cases.len() as u64;
                        cases.push(case(dtype, dim, rows, directions, is_weighted, limits, seed));
                    }
                }
            }
        }
        // More chunks than a warp has threads.
        cases.push(case(dtype, 140_001, 2, 1, true, LIMITS[0], KINDS.len() as u64 - 2));
    }
    cases
}

fn case(
    dtype: Dtype,
    dim: usize,
    rows: usize,
    directions: usize,
    is_weighted: bool,
    limits: Limits,
    seed: u64,
) -> Case {
    let mut random = Random::new(seed);
    // As many rows as there are kinds are one of each; fewer begin with another kind in each case.
    let kind = |at: usize| KINDS[(at + if rows == KINDS.len() { 0 } else { seed as usize }) % KINDS.len()];
    let bytes = (0..rows).flat_map(|row| encode(dtype, &random.numbers(kind(row), dim))).collect();
    let directions = (0..directions).map(|at| random.numbers(KINDS[at], dim)).collect::<Vec<_>>();
    let weights = is_weighted.then(|| random.numbers(Kind::Wide, dim));
    let name = format!(
        "{dtype}, {rows} rows of {dim}, {} directions, weights {is_weighted}, {limits:?}",
        directions.len()
    );
    Case { dtype, dim, rows, bytes, directions, weights, limits, name }
}

impl Case {
    pub(crate) fn rows(&self) -> Rows<'_> {
        Rows::new(self.dtype, self.dim, &self.bytes).unwrap()
    }

    pub(crate) fn directions(&self) -> Vec<&[f32]> {
        self.directions.iter().map(Vec::as_slice).collect()
    }

    /// Returns what the CPU says.
    fn wanted(&self) -> Vec<Sums> {
        let rows = self.rows();
        let mut wanted = Vec::new();
        for row in 0..self.rows {
            for direction in &self.directions {
                wanted.push(match &self.weights {
                    None => cpu::encoded_sums(self.dtype, rows.row(row), direction),
                    Some(weights) => {
                        cpu::weighted_sums(&decode(self.dtype, self.dim, rows.row(row)), direction, weights)
                    }
                });
            }
        }
        wanted
    }

    /// Says where these are not the sums that the CPU computes, bit by bit; every NaN counts as one.
    pub(crate) fn check(&self, found: &[Sums]) -> Result<(), String> {
        let bits = |sum: f64| if sum.is_nan() { f64::NAN.to_bits() } else { sum.to_bits() };
        let same = |a: &Sums, b: &Sums| bits(a.dot) == bits(b.dot) && bits(a.norm2) == bits(b.norm2);
        let wanted = self.wanted();
        if found.len() != wanted.len() {
            return Err(format!("{}: {} sums, not {}", self.name, found.len(), wanted.len()));
        }
        let Some(at) = (0..wanted.len()).find(|at| !same(&found[*at], &wanted[*at])) else { return Ok(()) };
        let (row, direction) = (at / self.directions.len(), at % self.directions.len());
        let (name, found, wanted) = (&self.name, &found[at], &wanted[at]);
        Err(format!("{name}, row {row}, direction {direction}: {found:?}, not {wanted:?}"))
    }
}
