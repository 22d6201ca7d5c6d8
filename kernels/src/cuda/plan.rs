//! What a device is asked to do, as data: which numbers it holds when, and which kernels run on them.
//!
//! Rows may be longer, and more, than a device has memory for. They are cut into stretches of whole panels
//! and batches of rows; a stretch's directions stay on the device while its batches pass, two of them at
//! a time: while one is computed, the next is copied. Totals stay on the device and take the chunks in
//! order, so where the cuts are changes no bit.

use std::{ops::Range, thread};

use crate::{Dtype, PANEL, Rows, cpu::CHUNK, element::width};

/// Threads of a block, in every kernel.
pub const BLOCK_THREADS: u32 = 128;

/// Threads that go in step.
const WARP: usize = 32;

/// The sizes of a problem.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Problem {
    /// The type of the rows.
    pub dtype: Dtype,
    /// How many there are.
    pub rows: usize,
    /// How many numbers a row has, padding aside.
    pub dim: usize,
    /// How many directions there are.
    pub directions: usize,
    /// Whether coordinates have weights.
    pub weighted: bool,
}

/// The most bytes that lie on a device at once.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Those of a batch of rows; there are two of them.
    pub batch: usize,
    /// Those of a stretch of the directions and the weights.
    pub stretch: usize,
}

impl Default for Limits {
    /// Large enough that a copy takes far longer than to start it, small enough for any device.
    fn default() -> Limits {
        Limits { batch: 64 << 20, stretch: 256 << 20 }
    }
}

/// How a problem is cut.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Plan {
    problem: Problem,
    /// Numbers of a stretch: whole panels, or the padded row.
    stretch: usize,
    /// Rows of a batch.
    batch: usize,
}

/// A piece of memory on the device.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Buffer {
    /// The rows of a batch; each slot has one.
    Rows,
    /// The directions of a stretch, padded like rows of `f32`.
    Directions,
    /// The weights of a stretch, padded likewise.
    Weights,
    /// The sums of the chunks of a batch, as `f32`; each slot has one.
    Partials,
    /// The totals, as `f64`; at first what is to be added to, or zero.
    Totals,
}

/// An argument of a kernel. Each takes eight bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Argument {
    /// The address of a buffer, so many bytes in.
    Address(Buffer, usize),
    /// A number.
    Number(u64),
}

/// One run of a kernel.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Launch {
    /// The name of the kernel.
    pub kernel: &'static str,
    /// How many blocks of [`BLOCK_THREADS`] threads it takes.
    pub blocks: u32,
    /// What it is given.
    pub arguments: Vec<Argument>,
}

/// One step of a plan; they are taken in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// When every batch before is done: put these numbers of the directions and the weights on the device.
    Stretch(Range<usize>),
    /// Put these numbers of these rows into a slot, then run kernels.
    Batch {
        /// Which slot: they take turns, so that one is filled while another is read.
        slot: usize,
        /// Which rows.
        rows: Range<usize>,
        /// Which numbers of each.
        numbers: Range<usize>,
        /// What runs then, in order. Batches of one stretch add to different totals, so they need no order.
        launches: Vec<Launch>,
    },
}

/// What a step wants of the host: bytes as they lie on the device.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Piece {
    /// Numbers of rows, as if these were whole rows.
    Rows(Range<usize>, Range<usize>),
    /// Numbers of a direction, with zeros behind the last.
    Direction(usize, Range<usize>),
    /// Numbers of the weights, likewise.
    Weights(Range<usize>),
}

/// How many batches are under way at once.
pub const SLOTS: usize = 2;

/// Directions that one kernel takes at once.
fn passes(mut directions: usize) -> impl Iterator<Item = usize> {
    std::iter::from_fn(move || {
        let taken = if directions >= 4 { 4 } else { directions.min(1) };
        directions -= taken;
        (taken > 0).then_some(taken)
    })
}

impl Plan {
    /// Cuts a problem so that it keeps within limits, as far as single panels of single rows do.
    pub fn new(problem: Problem, limits: Limits) -> Plan {
        let width = width(problem.dim);
        let shared = (problem.directions + usize::from(problem.weighted)).max(1) * 4;
        let panels = |bytes: usize, of_panel: usize| (bytes / of_panel).max(1) * PANEL;
        let stretch = panels(limits.stretch, shared * PANEL)
            .min(panels(limits.batch, problem.dtype.row_bytes(PANEL)))
            .min(width);
        let batch = (limits.batch / problem.dtype.row_bytes(stretch)).clamp(1, problem.rows.max(1));
        Plan { problem, stretch, batch }
    }

    /// Returns the type of the rows.
    pub fn dtype(&self) -> Dtype {
        self.problem.dtype
    }

    /// Returns how many directions there are.
    pub fn directions(&self) -> usize {
        self.problem.directions
    }

    /// Returns whether coordinates have weights.
    pub fn is_weighted(&self) -> bool {
        self.problem.weighted
    }

    /// Returns the bytes of a buffer.
    pub fn bytes(&self, buffer: Buffer) -> usize {
        let Problem { dtype, rows, directions, weighted, .. } = self.problem;
        match buffer {
            Buffer::Rows => self.batch * dtype.row_bytes(self.stretch),
            Buffer::Directions => directions * self.stretch * 4,
            Buffer::Weights => usize::from(weighted) * self.stretch * 4,
            Buffer::Partials => {
                let sums = passes(directions).max().map_or(0, |taken| taken + 1);
                sums * self.batch * self.stretch.div_ceil(CHUNK) * 4
            }
            Buffer::Totals => passes(directions).map(|taken| taken + 1).sum::<usize>() * rows * 8,
        }
    }

    /// Returns where a row's product with a direction, and its squared norm, stand among the totals.
    pub fn places(&self, row: usize, direction: usize) -> (usize, usize) {
        let mut before = 0;
        let mut sum = 0;
        for taken in passes(self.problem.directions) {
            if direction < before + taken {
                sum += direction - before;
                break;
            }
            before += taken;
            sum += taken + 1;
        }
        // Every pass computes the norm, from the same numbers in the same order: the first will do.
        let norm = passes(self.problem.directions).next().unwrap_or(0);
        (sum * self.problem.rows + row, norm * self.problem.rows + row)
    }

    /// Returns what is to be done, step by step.
    pub fn steps(&self) -> impl Iterator<Item = Step> {
        let (width, rows) = (width(self.problem.dim), self.problem.rows);
        let mut batches = 0;
        let stretches =
            (0..width).step_by(self.stretch).map(move |from| from..(from + self.stretch).min(width));
        stretches.flat_map(move |numbers| {
            let mut steps = vec![Step::Stretch(numbers.clone())];
            for from in (0..rows).step_by(self.batch) {
                let rows = from..(from + self.batch).min(rows);
                let launches = self.launches(&rows, numbers.len());
                steps.push(Step::Batch { slot: batches % SLOTS, rows, numbers: numbers.clone(), launches });
                batches += 1;
            }
            steps
        })
    }

    fn launches(&self, rows: &Range<usize>, width: usize) -> Vec<Launch> {
        let number = |number: usize| Argument::Number(number as u64);
        let address = Argument::Address;
        let chunks = width.div_ceil(CHUNK);
        let mut launches = Vec::new();
        let (mut direction, mut sum) = (0, 0);
        for taken in passes(self.problem.directions) {
            launches.push(Launch {
                kernel: match (self.problem.weighted, taken) {
                    (false, 1) => "sums_1",
                    (false, _) => "sums_4",
                    (true, 1) => "weighted_1",
                    (true, _) => "weighted_4",
                },
                blocks: blocks(self.tiles(rows.len(), taken) * chunks * group(self.problem.dtype)),
                arguments: vec![
                    address(Buffer::Rows, 0),
                    number(rows.len()),
                    number(width),
                    address(Buffer::Directions, direction * width * 4),
                    address(Buffer::Weights, 0),
                    address(Buffer::Partials, 0),
                ],
            });
            launches.push(Launch {
                kernel: "total",
                blocks: blocks((taken + 1) * rows.len() * WARP),
                arguments: vec![
                    address(Buffer::Partials, 0),
                    number(taken + 1),
                    number(rows.len()),
                    number(chunks),
                    address(Buffer::Totals, sum * self.problem.rows * 8),
                    number(self.problem.rows),
                    number(rows.start),
                ],
            });
            direction += taken;
            sum += taken + 1;
        }
        launches
    }

    /// Returns into how many tiles a kernel divides rows: `align.cu` says how many it takes at once.
    fn tiles(&self, rows: usize, directions: usize) -> usize {
        let at_once = if directions == 1 || self.problem.dtype == Dtype::F32 { 2 } else { 1 };
        rows.div_ceil(at_once)
    }
}

/// Returns how many threads share a chunk: `WIDTH` in `align.cu` lanes each.
fn group(dtype: Dtype) -> usize {
    match dtype {
        Dtype::F32 => 16,
        Dtype::Bf16 | Dtype::F16 | Dtype::Int8 => 8,
    }
}

fn blocks(threads: usize) -> u32 {
    // A batch of 2^31 blocks would be terabytes; a driver refuses the number that stands for it here.
    u32::try_from(threads.div_ceil(BLOCK_THREADS as usize)).unwrap_or(u32::MAX)
}

/// Writes a piece of rows, directions and weights that lie in memory.
pub fn fill(rows: &Rows<'_>, directions: &[&[f32]], weights: Option<&[f32]>, piece: &Piece, into: &mut [u8]) {
    match piece {
        Piece::Rows(which, numbers) => pack(rows, which.clone(), numbers.clone(), into),
        Piece::Direction(at, numbers) => pad(directions[*at], numbers.clone(), into),
        Piece::Weights(numbers) => pad(weights.unwrap_or_default(), numbers.clone(), into),
    }
}

fn pack(all: &Rows<'_>, rows: Range<usize>, numbers: Range<usize>, into: &mut [u8]) {
    let (dtype, width) = (all.dtype(), width(all.dim()));
    if numbers == (0..width) {
        return copy(&all.bytes()[rows.start * all.stride()..][..into.len()], into);
    }
    let of_numbers = numbers.start * dtype.size()..numbers.end * dtype.size();
    let scales =
        dtype.row_bytes(numbers.start) - of_numbers.start..dtype.row_bytes(numbers.end) - of_numbers.end;
    for (row, into) in rows.zip(into.chunks_exact_mut(dtype.row_bytes(numbers.len()))) {
        let row = all.row(row);
        let (into, into_scales) = into.split_at_mut(of_numbers.len());
        copy(&row[of_numbers.clone()], into);
        into_scales.copy_from_slice(&row[width * dtype.size()..][scales.clone()]);
    }
}

fn pad(values: &[f32], numbers: Range<usize>, into: &mut [u8]) {
    let numbers = values.get(numbers.start..numbers.end.min(values.len())).unwrap_or_default();
    into[numbers.len() * 4..].fill(0);
    for (number, into) in numbers.iter().zip(into.chunks_exact_mut(4)) {
        into.copy_from_slice(&number.to_le_bytes());
    }
}

/// Copies bytes, on several threads where there are many: one alone is slower than the bus to a device.
fn copy(from: &[u8], into: &mut [u8]) {
    const LEAST: usize = 4 << 20;
    let threads = thread::available_parallelism().map_or(1, usize::from).min(8).min(from.len() / LEAST);
    if threads < 2 {
        return into.copy_from_slice(from);
    }
    let part = from.len().div_ceil(threads);
    thread::scope(|scope| {
        for (from, into) in from.chunks(part).zip(into.chunks_mut(part)) {
            scope.spawn(|| into.copy_from_slice(from));
        }
    });
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::element::{decode, encode};

    fn problem(dtype: Dtype, rows: usize, dim: usize, directions: usize) -> Problem {
        Problem { dtype, rows, dim, directions, weighted: false }
    }

    #[test]
    fn what_fits_is_one_batch() {
        let plan = Plan::new(problem(Dtype::F32, 10, 5000, 1), Limits::default());
        let steps: Vec<Step> = plan.steps().collect();
        assert_eq!(steps[0], Step::Stretch(0..5120));
        let Step::Batch { slot: 0, rows, numbers, launches } = &steps[1] else { panic!("{steps:?}") };
        assert_eq!((steps.len(), rows.clone(), numbers.clone()), (2, 0..10, 0..5120));
        assert_eq!(launches.iter().map(|launch| launch.kernel).collect::<Vec<_>>(), ["sums_1", "total"]);
        // Five tiles of two rows, two chunks, 16 threads each; then a warp for each of twenty totals.
        assert_eq!(launches.iter().map(|launch| launch.blocks).collect::<Vec<_>>(), [2, 5]);
    }

    #[test]
    fn no_limit_is_exceeded_and_no_number_is_left_out() {
        let limits = Limits { batch: 100_000, stretch: 70_000 };
        for dtype in Dtype::ALL {
            for (rows, dim, directions) in [(1, 1, 1), (7, 20_000, 3), (40, 4096, 9), (3, 100_001, 2)] {
                let plan = Plan::new(problem(dtype, rows, dim, directions), limits);
                assert!(plan.bytes(Buffer::Rows) <= limits.batch, "{plan:?}");
                let least = directions * PANEL * 4;
                assert!(plan.bytes(Buffer::Directions) <= limits.stretch.max(least), "{plan:?}");
                let mut seen = vec![0; rows];
                let mut stretch = 0..0;
                let mut slots = Vec::new();
                for step in plan.steps() {
                    match step {
                        Step::Stretch(numbers) => {
                            assert_eq!((numbers.start, numbers.start % PANEL), (stretch.end, 0));
                            stretch = numbers;
                        }
                        Step::Batch { slot, rows, numbers, .. } => {
                            assert_eq!(numbers, stretch);
                            slots.push(slot);
                            seen[rows].iter_mut().for_each(|seen| *seen += numbers.len());
                        }
                    }
                }
                assert_eq!(seen, vec![width(dim); rows]);
                assert!(slots.windows(2).all(|two| two[0] != two[1]));
            }
        }
    }

    #[test]
    fn each_total_has_its_place() {
        for directions in 1..12 {
            let plan = Plan::new(problem(Dtype::Bf16, 3, 100, directions), Limits::default());
            let mut places: Vec<usize> = (0..3)
                .flat_map(|row| (0..directions).map(move |d| (row, d)))
                .map(|(r, d)| plan.places(r, d).0)
                .collect();
            places.extend((0..3).map(|row| plan.places(row, directions - 1).1));
            places.sort_unstable();
            places.dedup();
            assert_eq!(places.len(), 3 * directions + 3);
            assert!(places[places.len() - 1] < plan.bytes(Buffer::Totals) / 8);
        }
        assert_eq!(passes(11).collect::<Vec<_>>(), [4, 4, 1, 1, 1]);
    }

    #[test]
    fn a_packed_stretch_is_a_row_of_its_own() {
        let values: Vec<f32> = (0..10_000).map(|at| (at as f32 * 0.37).sin()).collect();
        for dtype in Dtype::ALL {
            let bytes = [encode(dtype, &vec![1.0; 10_000]), encode(dtype, &values)].concat();
            let rows = Rows::new(dtype, 10_000, &bytes).unwrap();
            for numbers in [0..4096, 4096..8192, 8192..10_240, 0..10_240] {
                let mut packed = vec![1; dtype.row_bytes(numbers.len())];
                fill(&rows, &[], None, &Piece::Rows(1..2, numbers.clone()), &mut packed);
                let found = decode(dtype, numbers.len(), &packed);
                assert_eq!(found, decode(dtype, 10_240, rows.row(1))[numbers], "{dtype}");
            }
            let padded = |from: usize| {
                let mut into = [1; 12];
                fill(&rows, &[&values], None, &Piece::Direction(0, from..from + 3), &mut into);
                decode(Dtype::F32, 3, &into)
            };
            assert_eq!(padded(9_999), [values[9_999], 0.0, 0.0]);
            assert_eq!(padded(10_100), [0.0; 3]);
        }
        let many: Vec<u8> = (0..9_000_001u32).map(|at| (at % 251) as u8).collect();
        let mut copied = vec![0; many.len()];
        copy(&many, &mut copied);
        assert!(copied == many);
    }
}
