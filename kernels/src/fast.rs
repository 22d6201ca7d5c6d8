//! The kernels of `align-v1` for processors: one source, compiled once for each instruction set.
//!
//! A unit is 16 of the 64 lanes of a chunk. Lanes never meet before a chunk ends, so an instruction
//! set may take them in any order and as many at a time as its registers hold; the bits stay the same.
//! Three rows share each load of a direction; [`tile`] is for more directions than one.

mod means;
mod tile;

use crate::{
    Dtype,
    cpu::{CHUNK, LANES},
    element::BLOCK,
    vector::{Plain, Vector},
};

#[cfg(target_endian = "big")]
compile_error!("rows are little-endian, and these kernels read them as they are");

pub(crate) use crate::vector::UNIT;
pub(crate) use means::{accumulate, mean};
pub(crate) use tile::Room;

/// Sixteen numbers of a direction, aligned as the widest loads like it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Unit(pub(crate) [f32; UNIT]);

/// Units in the lanes of a chunk.
const UNITS: usize = LANES / UNIT;

/// Steps of 64 numbers in a chunk.
const STEPS: usize = CHUNK / LANES;

/// Steps of 64 numbers that have one scale.
const SCALED_STEPS: usize = BLOCK / LANES;

/// Rows that share each load of a direction. Two leave the processor waiting for loads, and for four
/// there are not registers enough.
const SHARING: usize = 3;

/// Some columns of one row; the number of columns is a multiple of 512.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel<'a> {
    /// The numbers, as their type keeps them.
    pub(crate) values: &'a [u8],
    /// Their scales, where the type has them.
    pub(crate) scales: &'a [u8],
    /// What will be read next, where that is known: memory is asked for it early.
    pub(crate) next: &'a [u8],
}

/// The sums of one row, one inner product for each direction.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Totals {
    pub(crate) dots: Vec<f64>,
    pub(crate) norm2: f64,
}

/// An instruction set that the kernels are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Isa {
    /// AVX-512.
    Avx512,
    /// AVX2 with fused multiply-add.
    Avx2,
    /// What every processor of the architecture has. AArch64 always has NEON, with fused
    /// multiply-add; x86-64 without AVX2 has none, so there each one is a call, right but slow.
    Portable,
}

impl Isa {
    /// Returns what this processor has, fastest first.
    pub fn available() -> Vec<Isa> {
        #[cfg(target_arch = "x86_64")]
        {
            let avx2 = is_x86_feature_detected!("avx2")
                && is_x86_feature_detected!("fma")
                && is_x86_feature_detected!("f16c");
            let avx512 = is_x86_feature_detected!("avx512f")
                && is_x86_feature_detected!("avx512bw")
                && is_x86_feature_detected!("avx512dq")
                && is_x86_feature_detected!("avx512vl");
            let all = [(Isa::Avx512, avx512 && avx2), (Isa::Avx2, avx2), (Isa::Portable, true)];
            all.into_iter().filter(|(_, has)| *has).map(|(isa, _)| isa).collect()
        }
        #[cfg(not(target_arch = "x86_64"))]
        vec![Isa::Portable]
    }

    /// Returns the fastest that this processor has.
    pub fn best() -> Isa {
        Isa::available()[0]
    }

    /// Returns the name that people use.
    pub fn name(self) -> &'static str {
        match self {
            Isa::Avx512 => "avx512",
            Isa::Avx2 => "avx2",
            Isa::Portable if cfg!(target_arch = "aarch64") => "neon",
            Isa::Portable => "portable",
        }
    }
}

/// Returns how many rows are best given to [`add`] together.
pub(crate) fn together(directions: usize) -> usize {
    if directions == 1 { SHARING } else { 8 * tile::ROWS }
}

/// Adds the sums of a panel's columns to those of each row.
///
/// There is at least one direction, and each is as long as the panels, as are the weights. The caller
/// goes through the panels of a row in order, each but the last being whole chunks.
pub(crate) fn add(
    isa: Isa,
    dtype: Dtype,
    rows: &[Panel<'_>],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: &mut [Totals],
    room: &mut Room,
) {
    match dtype {
        Dtype::F32 => add_as::<F32>(isa, rows, directions, weights, totals, room),
        Dtype::Bf16 => add_as::<Bf16>(isa, rows, directions, weights, totals, room),
        Dtype::F16 => add_as::<F16>(isa, rows, directions, weights, totals, room),
        Dtype::Int8 => add_as::<Int8>(isa, rows, directions, weights, totals, room),
    }
}

fn add_as<E: Element>(
    isa: Isa,
    rows: &[Panel<'_>],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: &mut [Totals],
    room: &mut Room,
) {
    // SAFETY: an `Isa` other than `Portable` comes from `available`, which asked the processor.
    #[cfg(target_arch = "x86_64")]
    match isa {
        Isa::Avx512 => return unsafe { avx512::<E>(rows, directions, weights, totals, room) },
        Isa::Avx2 => return unsafe { avx2::<E>(rows, directions, weights, totals, room) },
        Isa::Portable => {}
    }
    let _ = isa;
    // SAFETY: it needs no instruction set.
    unsafe { panels::<E, Plain, 1, 2, 3>(rows, directions, weights, totals, room, tile::portable) };
}

// In each, so many accumulators as there are registers, but for what loads need.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
fn avx512<E: Element>(
    rows: &[Panel<'_>],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: &mut [Totals],
    room: &mut Room,
) {
    // SAFETY: this function has the instruction set.
    unsafe {
        panels::<E, crate::vector::x86::Avx512, 4, { tile::ROWS }, 4>(
            rows,
            directions,
            weights,
            totals,
            room,
            tile::avx512,
        )
    };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn avx2<E: Element>(
    rows: &[Panel<'_>],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: &mut [Totals],
    room: &mut Room,
) {
    // SAFETY: this function has the instruction set.
    unsafe {
        panels::<E, crate::vector::x86::Avx2, 1, 2, 3>(rows, directions, weights, totals, room, tile::avx2)
    };
}

/// `SINGLE` is how many units of lanes one direction takes at a time, beside the norm; where there are
/// more directions, `ROWS` rows are taken with `WIDE` of them.
///
/// # Safety
///
/// The processor has the instruction set of the vector.
#[inline(always)]
unsafe fn panels<E: Element, T: Vector, const SINGLE: usize, const ROWS: usize, const WIDE: usize>(
    rows: &[Panel<'_>],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: &mut [Totals],
    room: &mut Room,
    tiles: tile::Tiles,
) {
    // SAFETY of all: so says this function.
    if let &[direction] = directions {
        let (threes, rest) = rows.as_chunks::<SHARING>();
        let (totals_of_threes, totals_of_rest) = totals.as_chunks_mut::<SHARING>();
        for (rows, totals) in threes.iter().zip(totals_of_threes) {
            unsafe { panel::<E, T, SHARING, SINGLE>(rows, direction, weights, totals) };
        }
        for (row, totals) in rest.iter().zip(totals_of_rest) {
            let (row, totals) = (std::array::from_ref(row), std::array::from_mut(totals));
            unsafe { panel::<E, T, 1, SINGLE>(row, direction, weights, totals) };
        }
    } else {
        unsafe { tile::panels::<E, T, ROWS, WIDE>(rows, directions, weights, totals, room, tiles) };
    }
}

/// Adds the sums of some rows with one direction.
///
/// # Safety
///
/// The processor has the instruction set of the vector.
#[inline(always)]
unsafe fn panel<E: Element, T: Vector, const R: usize, const U: usize>(
    rows: &[Panel<'_>; R],
    direction: &[Unit],
    weights: Option<&[Unit]>,
    totals: &mut [Totals; R],
) {
    let steps = E::steps(rows[0].values).len();
    for first in (0..steps).step_by(STEPS) {
        let end = steps.min(first + STEPS);
        let rows = rows.each_ref().map(|row| Chunk::<E>::of(row, first, end));
        let direction = part(direction, first, end);
        // SAFETY of both: so says this function.
        let sums = match weights {
            None => unsafe { sums::<E, T, R, U, false>(&rows, direction, &[]) },
            Some(weights) => unsafe { sums::<E, T, R, U, true>(&rows, direction, part(weights, first, end)) },
        };
        for (totals, [dot, norm2]) in totals.iter_mut().zip(sums) {
            totals.dots[0] += f64::from(dot);
            totals.norm2 += f64::from(norm2);
        }
    }
}

/// Returns some steps of a direction.
#[inline(always)]
fn part(units: &[Unit], first: usize, end: usize) -> &[[Unit; UNITS]] {
    units[first * UNITS..end * UNITS].as_chunks::<UNITS>().0
}

/// A row's part of one chunk, or of the beginning of one.
#[derive(Clone, Copy)]
struct Chunk<'a, E: Element> {
    values: &'a [E::Step],
    scales: &'a [[u8; 4]],
    /// Where the row is read next; it may lie anywhere.
    next: *const u8,
}

impl<'a, E: Element> Chunk<'a, E> {
    #[inline(always)]
    fn of(row: &Panel<'a>, first: usize, end: usize) -> Chunk<'a, E> {
        let all = E::steps(row.values);
        let next = if end < all.len() || row.next.is_empty() {
            all.as_ptr_range().start.wrapping_add(end).cast()
        } else {
            row.next.as_ptr()
        };
        let scales = row.scales.as_chunks::<4>().0;
        let scales = if E::SCALED { &scales[first / SCALED_STEPS..end / SCALED_STEPS] } else { &[] };
        Chunk { values: &all[first..end], scales, next }
    }

    #[inline(always)]
    fn scale(&self, step: usize) -> f32 {
        if E::SCALED { f32::from_le_bytes(self.scales[step / SCALED_STEPS]) } else { 0.0 }
    }

    /// Asks for the memory that is read some steps later.
    #[inline(always)]
    fn ask<T: Vector>(&self, step: usize) {
        if T::AHEAD == 0 {
            return;
        }
        let (ahead, all) = (step * size_of::<E::Step>() + T::AHEAD, size_of_val(self.values));
        let from = match ahead < all {
            true => self.values.as_ptr().cast::<u8>().wrapping_add(ahead),
            false => self.next.wrapping_add(ahead - all),
        };
        for line in (0..size_of::<E::Step>()).step_by(64) {
            T::prefetch(from.wrapping_add(line));
        }
    }
}

/// Returns the inner products of `R` rows with a direction, and their squared norms, taking `U` units
/// of lanes at a time.
///
/// # Safety
///
/// The processor has the instruction set of the vector.
#[inline(always)]
unsafe fn sums<E: Element, T: Vector, const R: usize, const U: usize, const WEIGHTED: bool>(
    rows: &[Chunk<'_, E>; R],
    direction: &[[Unit; UNITS]],
    weights: &[[Unit; UNITS]],
) -> [[f32; 2]; R] {
    let steps = direction.len();
    // Known to be as long as the loop, so that nothing is checked inside.
    let values = rows.each_ref().map(|row| &row.values[..steps]);
    let weights = if WEIGHTED { &weights[..steps] } else { weights };
    // SAFETY of all below: so says this function.
    let zero = unsafe { T::zero() };
    let mut dots = [[zero; UNITS]; R];
    let mut norms = [[zero; UNITS]; R];
    for part in 0..UNITS / U {
        let mut dot = [[zero; U]; R];
        let mut norm = [[zero; U]; R];
        for step in 0..steps {
            if part == 0 {
                for row in rows {
                    row.ask::<T>(step);
                }
            }
            for u in 0..U {
                let unit = part * U + u;
                let y = unsafe { T::from_f32(direction[step][unit].0.as_ptr().cast()) };
                for row in 0..R {
                    let x = unsafe { E::load::<T>(&values[row][step], unit, rows[row].scale(step)) };
                    dot[row][u] = unsafe { x.fma(y, dot[row][u]) };
                    norm[row][u] = match WEIGHTED {
                        false => unsafe { x.fma(x, norm[row][u]) },
                        true => unsafe {
                            let w = T::from_f32(weights[step][unit].0.as_ptr().cast());
                            x.mul(w).fma(x, norm[row][u])
                        },
                    };
                }
            }
        }
        for row in 0..R {
            for u in 0..U {
                dots[row][part * U + u] = dot[row][u];
                norms[row][part * U + u] = norm[row][u];
            }
        }
    }
    // Not in a closure, which would not have the instruction set: each vector would go through memory.
    let mut joined = [[0.0; 2]; R];
    for row in 0..R {
        joined[row] = unsafe { [T::join(dots[row]), T::join(norms[row])] };
    }
    joined
}

/// Returns a direction's numbers as a panel of a row.
pub(crate) fn as_panel(units: &[Unit]) -> Panel<'_> {
    // SAFETY: a unit is 64 bytes of numbers, without padding.
    let values = unsafe { std::slice::from_raw_parts(units.as_ptr().cast::<u8>(), size_of_val(units)) };
    Panel { values, scales: &[], next: &[] }
}

/// How a type's numbers become `f32`.
trait Element {
    /// 64 numbers, one for each lane of a chunk.
    type Step;

    /// Whether a block has a scale.
    const SCALED: bool;

    fn steps(values: &[u8]) -> &[Self::Step];

    /// # Safety
    ///
    /// The processor has the instruction set of the vector.
    unsafe fn load<T: Vector>(step: &Self::Step, unit: usize, scale: f32) -> T;
}

struct F32;
struct Bf16;
struct F16;
struct Int8;

macro_rules! steps {
    ($bytes:literal) => {
        type Step = [[u8; $bytes]; UNITS];

        #[inline(always)]
        fn steps(values: &[u8]) -> &[Self::Step] {
            values.as_chunks::<$bytes>().0.as_chunks::<UNITS>().0
        }
    };
}

impl Element for F32 {
    steps!(64);
    const SCALED: bool = false;

    #[inline(always)]
    unsafe fn load<T: Vector>(step: &Self::Step, unit: usize, _: f32) -> T {
        // SAFETY: a unit has as many bytes.
        unsafe { T::from_f32(step[unit].as_ptr()) }
    }
}

impl Element for Bf16 {
    steps!(32);
    const SCALED: bool = false;

    #[inline(always)]
    unsafe fn load<T: Vector>(step: &Self::Step, unit: usize, _: f32) -> T {
        // SAFETY: a unit has as many bytes.
        unsafe { T::from_bf16(step[unit].as_ptr()) }
    }
}

impl Element for F16 {
    steps!(32);
    const SCALED: bool = false;

    #[inline(always)]
    unsafe fn load<T: Vector>(step: &Self::Step, unit: usize, _: f32) -> T {
        // SAFETY: a unit has as many bytes.
        unsafe { T::from_f16(step[unit].as_ptr()) }
    }
}

impl Element for Int8 {
    steps!(16);
    const SCALED: bool = true;

    #[inline(always)]
    unsafe fn load<T: Vector>(step: &Self::Step, unit: usize, scale: f32) -> T {
        // SAFETY: a unit has as many bytes.
        unsafe { T::from_i8(step[unit].as_ptr(), scale) }
    }
}

/// Returns numbers as units, padded with zeros.
#[cfg(test)]
pub(crate) fn units(values: &[f32]) -> Vec<Unit> {
    let unit = |values: &[f32]| {
        let mut unit = Unit::default();
        unit.0[..values.len()].copy_from_slice(values);
        unit
    };
    let mut units: Vec<Unit> = values.chunks(UNIT).map(unit).collect();
    units.resize(crate::element::width(values.len()) / UNIT, Unit::default());
    units
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{
        Sums,
        cpu::{encoded_sums, weighted_sums},
        element::{decode, encode, width},
        random::random,
    };

    /// Runs the kernel over panels of so many chunks.
    fn run(
        isa: Isa,
        dtype: Dtype,
        rows: &[&[u8]],
        dim: usize,
        directions: &[&[Unit]],
        weights: Option<&[Unit]>,
        chunks: usize,
    ) -> Vec<Totals> {
        let mut totals = vec![Totals { dots: vec![0.0; directions.len()], norm2: 0.0 }; rows.len()];
        let mut room = Room::default();
        let width = width(dim);
        for from in (0..width).step_by(chunks * CHUNK) {
            let to = width.min(from + chunks * CHUNK);
            let panel = |row: usize| {
                let (values, scales) = rows[row].split_at(width * dtype.size());
                let scales = if scales.is_empty() { scales } else { &scales[from / 32..to / 32] };
                // Asking for any memory changes nothing.
                Panel { values: &values[from * dtype.size()..to * dtype.size()], scales, next: rows[0] }
            };
            let panels: Vec<Panel<'_>> = (0..rows.len()).map(panel).collect();
            let directions: Vec<&[Unit]> =
                directions.iter().map(|units| &units[from / UNIT..to / UNIT]).collect();
            let weights = weights.map(|units| &units[from / UNIT..to / UNIT]);
            add(isa, dtype, &panels, &directions, weights, &mut totals, &mut room);
        }
        totals
    }

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_reference() {
        assert_eq!(Isa::available().last(), Some(&Isa::Portable));
        for (seed, dim) in [1, 511, 4096, 4097, 30_001].into_iter().enumerate() {
            // Whole blocks of rows and of directions, and what is left of each.
            let rows: Vec<Vec<f32>> = (0..8).map(|at| random(seed as u64 + 10 * at + 1, dim)).collect();
            let directions: Vec<Vec<f32>> = (0..35).map(|at| random(at + 100, dim)).collect();
            let weights: Vec<f32> = random(7, dim).iter().map(|w| w.abs()).collect();
            for dtype in Dtype::ALL {
                let kept: Vec<Vec<u8>> = rows.iter().map(|row| encode(dtype, row)).collect();
                let kept: Vec<&[u8]> = kept.iter().map(Vec::as_slice).collect();
                let wanted: Vec<Vec<Sums>> = directions
                    .iter()
                    .map(|direction| kept.iter().map(|row| encoded_sums(dtype, row, direction)).collect())
                    .collect();
                for isa in Isa::available() {
                    for (chunks, count) in
                        [(1, 1), (3, 1), (64, 1), (1, 2), (64, 3), (3, 4), (64, 5), (2, 35)]
                    {
                        {
                            let own: Vec<Vec<Unit>> =
                                directions[..count].iter().map(|direction| units(direction)).collect();
                            let own: Vec<&[Unit]> = own.iter().map(Vec::as_slice).collect();
                            let found = run(isa, dtype, &kept, dim, &own, None, chunks);
                            let context = (isa, dtype, dim, chunks, count);
                            for (row, found) in found.iter().enumerate() {
                                let dots: Vec<f64> =
                                    wanted[..count].iter().map(|sums| sums[row].dot).collect();
                                assert_eq!(found.dots, dots, "{context:?}");
                                assert_eq!(found.norm2, wanted[0][row].norm2, "{context:?}");
                            }
                        }
                    }
                    let (direction, weighing) = (units(&directions[0]), units(&weights));
                    for count in [1, 2] {
                        let own = [&*direction, &*direction];
                        let found = run(isa, dtype, &kept, dim, &own[..count], Some(&weighing), 2);
                        for (row, found) in kept.iter().zip(found) {
                            let wanted = weighted_sums(&decode(dtype, dim, row), &directions[0], &weights);
                            assert_eq!(found.dots, vec![wanted.dot; count], "{isa:?}");
                            assert_eq!(found.norm2, wanted.norm2, "{isa:?}");
                        }
                    }
                }
            }
        }
    }

    #[test]
    fn every_f16_is_read_as_the_reference_reads_it() {
        let bytes: Vec<u8> = (0..=u16::MAX).flat_map(u16::to_le_bytes).collect();
        for (at, step) in F16::steps(&bytes).iter().enumerate() {
            for unit in 0..UNITS {
                // SAFETY: it needs no instruction set.
                let numbers = unsafe { F16::load::<Plain>(step, unit, 0.0).store() };
                for (lane, x) in numbers.iter().enumerate() {
                    let wanted = crate::element::from_f16((at * LANES + unit * UNIT + lane) as u16);
                    assert!(x.to_bits() == wanted.to_bits() || x.is_nan() && wanted.is_nan(), "{wanted}");
                }
            }
        }
    }

    #[test]
    fn what_is_not_finite_stays_so() {
        let mut row = vec![1.0f32; 5000];
        row[4999] = f32::NAN;
        let direction = units(&vec![0.0; 5000]);
        for dtype in Dtype::ALL {
            let kept = encode(dtype, &row);
            for isa in Isa::available() {
                for directions in [vec![&*direction], vec![&*direction; 5]] {
                    let found = run(isa, dtype, &[&kept, &kept], 5000, &directions, None, 64);
                    assert!(found.iter().all(|found| found.norm2.is_nan()), "{dtype} {isa:?}");
                }
            }
        }
    }
}
