//! The kernels of `align-v1` for processors: one source, compiled once for each instruction set.
//!
//! A unit is 16 of the 64 lanes of a chunk. Lanes never meet before a chunk ends, so an instruction
//! set may take them in any order and as many at a time as its registers hold; the bits stay the same.
//! Two rows share each load of a direction.

use crate::{
    Dtype,
    cpu::{CHUNK, LANES},
    element::BLOCK,
    vector::{Plain, Vector},
};

#[cfg(target_endian = "big")]
compile_error!("rows are little-endian, and these kernels read them as they are");

pub(crate) use crate::vector::UNIT;

/// Sixteen numbers of a direction, aligned as the widest loads like it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
#[repr(C, align(64))]
pub(crate) struct Unit(pub(crate) [f32; UNIT]);

/// Units in the lanes of a chunk.
const UNITS: usize = LANES / UNIT;

/// Steps of 64 numbers that have one scale.
const SCALED_STEPS: usize = BLOCK / LANES;

/// Some columns of one row; the number of columns is a multiple of 512.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Panel<'a> {
    /// The numbers, as their type keeps them.
    pub(crate) values: &'a [u8],
    /// Their scales, where the type has them.
    pub(crate) scales: &'a [u8],
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

/// Adds the sums of a panel's columns to those of its two rows.
///
/// There is at least one direction, and each is as long as the panel, as are the weights. The caller
/// goes through the panels of a row in order, each but the last being whole chunks.
pub(crate) fn add(
    isa: Isa,
    dtype: Dtype,
    rows: [Panel<'_>; 2],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: [&mut Totals; 2],
) {
    match dtype {
        Dtype::F32 => add_as::<F32>(isa, rows, directions, weights, totals),
        Dtype::Bf16 => add_as::<Bf16>(isa, rows, directions, weights, totals),
        Dtype::F16 => add_as::<F16>(isa, rows, directions, weights, totals),
        Dtype::Int8 => add_as::<Int8>(isa, rows, directions, weights, totals),
    }
}

fn add_as<E: Element>(
    isa: Isa,
    rows: [Panel<'_>; 2],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: [&mut Totals; 2],
) {
    // SAFETY: an `Isa` other than `Portable` comes from `available`, which asked the processor.
    #[cfg(target_arch = "x86_64")]
    match isa {
        Isa::Avx512 => return unsafe { avx512::<E>(rows, directions, weights, totals) },
        Isa::Avx2 => return unsafe { avx2::<E>(rows, directions, weights, totals) },
        Isa::Portable => {}
    }
    let _ = isa;
    // SAFETY: it needs no instruction set.
    unsafe { panel::<E, Plain, 1, 2, 1>(rows, directions, weights, totals) };
}

// In each, so many accumulators as there are registers, but for what loads need.
#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
fn avx512<E: Element>(
    rows: [Panel<'_>; 2],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: [&mut Totals; 2],
) {
    // SAFETY: this function has the instruction set.
    unsafe { panel::<E, crate::vector::x86::Avx512, 4, 4, 2>(rows, directions, weights, totals) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn avx2<E: Element>(
    rows: [Panel<'_>; 2],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: [&mut Totals; 2],
) {
    // SAFETY: this function has the instruction set.
    unsafe { panel::<E, crate::vector::x86::Avx2, 1, 2, 1>(rows, directions, weights, totals) };
}

/// Adds a panel's numbers to sums, one for each column.
pub(crate) fn accumulate(isa: Isa, dtype: Dtype, panel: Panel<'_>, sums: &mut [[f64; UNIT]]) {
    match dtype {
        Dtype::F32 => accumulate_as::<F32>(isa, panel, sums),
        Dtype::Bf16 => accumulate_as::<Bf16>(isa, panel, sums),
        Dtype::F16 => accumulate_as::<F16>(isa, panel, sums),
        Dtype::Int8 => accumulate_as::<Int8>(isa, panel, sums),
    }
}

fn accumulate_as<E: Element>(isa: Isa, panel: Panel<'_>, sums: &mut [[f64; UNIT]]) {
    // SAFETY: as in `add_as`.
    #[cfg(target_arch = "x86_64")]
    match isa {
        Isa::Avx512 => return unsafe { accumulate_avx512::<E>(panel, sums) },
        Isa::Avx2 => return unsafe { accumulate_avx2::<E>(panel, sums) },
        Isa::Portable => {}
    }
    let _ = isa;
    // SAFETY: it needs no instruction set.
    unsafe { accumulate_here::<E, Plain>(panel, sums) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
fn accumulate_avx512<E: Element>(panel: Panel<'_>, sums: &mut [[f64; UNIT]]) {
    // SAFETY: this function has the instruction set.
    unsafe { accumulate_here::<E, crate::vector::x86::Avx512>(panel, sums) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn accumulate_avx2<E: Element>(panel: Panel<'_>, sums: &mut [[f64; UNIT]]) {
    // SAFETY: this function has the instruction set.
    unsafe { accumulate_here::<E, crate::vector::x86::Avx2>(panel, sums) };
}

#[inline(always)]
/// # Safety
///
/// The processor has the instruction set of the vector.
unsafe fn accumulate_here<E: Element, T: Vector>(panel: Panel<'_>, sums: &mut [[f64; UNIT]]) {
    let (values, scales) = (E::steps(panel.values), panel.scales.as_chunks::<4>().0);
    for (at, (step, sums)) in values.iter().zip(sums.as_chunks_mut::<UNITS>().0).enumerate() {
        let scale = if E::SCALED { f32::from_le_bytes(scales[at / SCALED_STEPS]) } else { 0.0 };
        for (unit, sums) in sums.iter_mut().enumerate() {
            // SAFETY: so says this function.
            let x = unsafe { E::load::<T>(step, unit, scale).store() };
            for (sum, x) in sums.iter_mut().zip(x) {
                *sum += f64::from(x);
            }
        }
    }
}

/// Writes the mean of some cells of sums, in which there are `count` rows; `room` is as long as a cell.
pub(crate) fn mean(
    isa: Isa,
    cells: &[[f64; UNIT]],
    of: &[usize],
    count: u32,
    room: &mut [[f64; UNIT]],
    into: &mut [Unit],
) {
    // SAFETY: as in `add_as`.
    #[cfg(target_arch = "x86_64")]
    match isa {
        Isa::Avx512 => return unsafe { mean_avx512(cells, of, count, room, into) },
        Isa::Avx2 => return unsafe { mean_avx2(cells, of, count, room, into) },
        Isa::Portable => {}
    }
    let _ = isa;
    mean_here(cells, of, count, room, into);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
fn mean_avx512(cells: &[[f64; UNIT]], of: &[usize], count: u32, room: &mut [[f64; UNIT]], into: &mut [Unit]) {
    mean_here(cells, of, count, room, into);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn mean_avx2(cells: &[[f64; UNIT]], of: &[usize], count: u32, room: &mut [[f64; UNIT]], into: &mut [Unit]) {
    mean_here(cells, of, count, room, into);
}

#[inline(always)]
fn mean_here(cells: &[[f64; UNIT]], of: &[usize], count: u32, room: &mut [[f64; UNIT]], into: &mut [Unit]) {
    room.fill([0.0; UNIT]);
    for cell in of {
        for (sums, cell) in room.iter_mut().zip(&cells[cell * into.len()..]) {
            for (sum, x) in sums.iter_mut().zip(cell) {
                *sum += x;
            }
        }
    }
    let count = f64::from(count);
    for (sums, unit) in room.iter().zip(into) {
        for (x, sum) in unit.0.iter_mut().zip(sums) {
            *x = (sum / count) as f32;
        }
    }
}

/// Returns a direction's numbers as a panel of a row.
pub(crate) fn as_panel(units: &[Unit]) -> Panel<'_> {
    // SAFETY: a unit is 64 bytes of numbers, without padding.
    let values = unsafe { std::slice::from_raw_parts(units.as_ptr().cast::<u8>(), size_of_val(units)) };
    Panel { values, scales: &[] }
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

/// `SINGLE` is how many units of lanes one direction takes at a time, beside the norm; `TILE` is how
/// many directions are taken at a time where there are more, and `UNITS_OF_TILE` for how many units.
///
/// # Safety
///
/// The processor has the instruction set of the vector.
#[inline(always)]
unsafe fn panel<E: Element, T: Vector, const SINGLE: usize, const TILE: usize, const UNITS_OF_TILE: usize>(
    rows: [Panel<'_>; 2],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: [&mut Totals; 2],
) {
    const STEPS: usize = CHUNK / LANES;
    let values = [E::steps(rows[0].values), E::steps(rows[1].values)];
    let scales = [rows[0].scales.as_chunks::<4>().0, rows[1].scales.as_chunks::<4>().0];
    let [one, other] = totals;
    for first in (0..values[0].len()).step_by(STEPS) {
        let end = values[0].len().min(first + STEPS);
        let of = first / SCALED_STEPS..end / SCALED_STEPS;
        let rows = Chunk::<E> {
            values: [&values[0][first..end], &values[1][first..end]],
            scales: match E::SCALED {
                true => [&scales[0][of.clone()], &scales[1][of]],
                false => [&[], &[]],
            },
        };

        let direction = [part(directions[0], first, end)];
        // SAFETY of this and those below: so says this function.
        let ([[a], [b]], norms) = match weights {
            None => unsafe { rows.sums::<T, 1, SINGLE, PLAIN>(direction, &[]) },
            Some(weights) => unsafe {
                rows.sums::<T, 1, SINGLE, WEIGHTED>(direction, part(weights, first, end))
            },
        };
        one.dots[0] += f64::from(a);
        other.dots[0] += f64::from(b);
        one.norm2 += f64::from(norms[0]);
        other.norm2 += f64::from(norms[1]);

        let (tiles, rest) = directions[1..].as_chunks::<TILE>();
        for (at, tile) in tiles.iter().enumerate() {
            let mut parts = [part(tile[0], first, end); TILE];
            for (of, units) in parts.iter_mut().zip(tile) {
                *of = part(units, first, end);
            }
            let (dots, _) = unsafe { rows.sums::<T, TILE, UNITS_OF_TILE, NONE>(parts, &[]) };
            for (totals, dots) in [&mut *one, &mut *other].into_iter().zip(dots) {
                totals.dots[1 + at * TILE..]
                    .iter_mut()
                    .zip(dots)
                    .for_each(|(sum, dot)| *sum += f64::from(dot));
            }
        }
        for (direction, at) in rest.iter().zip(1 + tiles.len() * TILE..) {
            let direction = [part(direction, first, end)];
            let ([[a], [b]], _) = unsafe { rows.sums::<T, 1, SINGLE, PLAIN>(direction, &[]) };
            one.dots[at] += f64::from(a);
            other.dots[at] += f64::from(b);
        }
    }
}

/// Returns some steps of a direction.
#[inline(always)]
fn part(units: &[Unit], first: usize, end: usize) -> &[[Unit; UNITS]] {
    units[first * UNITS..end * UNITS].as_chunks::<UNITS>().0
}

/// Which squared norm is wanted.
const NONE: u8 = 0;
const PLAIN: u8 = 1;
const WEIGHTED: u8 = 2;

/// Two rows' part of one chunk, or of the beginning of one.
struct Chunk<'a, E: Element> {
    values: [&'a [E::Step]; 2],
    scales: [&'a [[u8; 4]]; 2],
}

impl<E: Element> Chunk<'_, E> {
    /// Returns the inner products of both rows with `V` directions, and their squared norms, taking
    /// `U` units of lanes at a time.
    ///
    /// # Safety
    ///
    /// The processor has the instruction set of the vector.
    #[inline(always)]
    unsafe fn sums<T: Vector, const V: usize, const U: usize, const NORM: u8>(
        &self,
        directions: [&[[Unit; UNITS]]; V],
        weights: &[[Unit; UNITS]],
    ) -> ([[f32; V]; 2], [f32; 2]) {
        let steps = self.values[0].len();
        // Known to be as long as the loop, so that nothing is checked inside.
        let values = [&self.values[0][..steps], &self.values[1][..steps]];
        let mut directions = directions;
        for direction in &mut directions {
            *direction = &direction[..steps];
        }
        let weights = if NORM == WEIGHTED { &weights[..steps] } else { weights };

        let mut dots = [[[[0.0f32; UNIT]; UNITS]; V]; 2];
        let mut norms = [[[0.0f32; UNIT]; UNITS]; 2];
        for part in 0..UNITS / U {
            // SAFETY of all below: so says this function.
            let zero = unsafe { T::zero() };
            let mut dot = [[[zero; U]; V]; 2];
            let mut norm = [[zero; U]; 2];
            for step in 0..steps {
                if part == 0 {
                    for row in values {
                        T::prefetch((&raw const row[step]).cast(), size_of::<E::Step>());
                    }
                }
                for u in 0..U {
                    let unit = part * U + u;
                    for row in 0..2 {
                        let scale = match E::SCALED {
                            true => f32::from_le_bytes(self.scales[row][step / SCALED_STEPS]),
                            false => 0.0,
                        };
                        let x = unsafe { E::load::<T>(&values[row][step], unit, scale) };
                        for v in 0..V {
                            let v_unit = &directions[v][step][unit].0;
                            let y = unsafe { T::from_f32(v_unit.as_ptr().cast()) };
                            dot[row][v][u] = unsafe { x.fma(y, dot[row][v][u]) };
                        }
                        if NORM == PLAIN {
                            norm[row][u] = unsafe { x.fma(x, norm[row][u]) };
                        } else if NORM == WEIGHTED {
                            let w = unsafe { T::from_f32(weights[step][unit].0.as_ptr().cast()) };
                            norm[row][u] = unsafe { x.mul(w).fma(x, norm[row][u]) };
                        }
                    }
                }
            }
            for row in 0..2 {
                for u in 0..U {
                    for v in 0..V {
                        dots[row][v][part * U + u] = unsafe { dot[row][v][u].store() };
                    }
                    norms[row][part * U + u] = unsafe { norm[row][u].store() };
                }
            }
        }
        let (mut joined, mut norm) = ([[0.0; V]; 2], [0.0; 2]);
        for row in 0..2 {
            for v in 0..V {
                joined[row][v] = join(&dots[row][v]);
            }
            if NORM != NONE {
                norm[row] = join(&norms[row]);
            }
        }
        (joined, norm)
    }
}

/// Joins 64 lanes: 32 to 32, 16 to 16, and so on.
#[inline(always)]
fn join(lanes: &[[f32; UNIT]; UNITS]) -> f32 {
    let [mut a, mut b, c, d] = *lanes;
    for lane in 0..UNIT {
        a[lane] += c[lane];
        b[lane] += d[lane];
    }
    for lane in 0..UNIT {
        a[lane] += b[lane];
    }
    let mut half = UNIT / 2;
    while half > 0 {
        for lane in 0..half {
            a[lane] += a[lane + half];
        }
        half /= 2;
    }
    a[0]
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
        rows: [&[u8]; 2],
        dim: usize,
        directions: &[&[Unit]],
        weights: Option<&[Unit]>,
        chunks: usize,
    ) -> [Totals; 2] {
        let mut totals = [(); 2].map(|()| Totals { dots: vec![0.0; directions.len()], norm2: 0.0 });
        let width = width(dim);
        for from in (0..width).step_by(chunks * CHUNK) {
            let to = width.min(from + chunks * CHUNK);
            let panels = rows.map(|row| {
                let (values, scales) = row.split_at(width * dtype.size());
                let scales = if scales.is_empty() { scales } else { &scales[from / 32..to / 32] };
                Panel { values: &values[from * dtype.size()..to * dtype.size()], scales }
            });
            let directions: Vec<&[Unit]> =
                directions.iter().map(|units| &units[from / UNIT..to / UNIT]).collect();
            let weights = weights.map(|units| &units[from / UNIT..to / UNIT]);
            add(isa, dtype, panels, &directions, weights, totals.each_mut());
        }
        totals
    }

    #[test]
    fn every_instruction_set_gives_the_bits_of_the_reference() {
        assert_eq!(Isa::available().last(), Some(&Isa::Portable));
        for (seed, dim) in [1, 511, 4096, 4097, 30_001].into_iter().enumerate() {
            let rows = [random(seed as u64 + 1, dim), random(seed as u64 + 11, dim)];
            let directions: Vec<Vec<f32>> = (0..8).map(|at| random(at + 100, dim)).collect();
            let weights: Vec<f32> = random(7, dim).iter().map(|w| w.abs()).collect();
            for dtype in Dtype::ALL {
                let kept = [encode(dtype, &rows[0]), encode(dtype, &rows[1])];
                let kept = [kept[0].as_slice(), kept[1].as_slice()];
                let wanted: Vec<[Sums; 2]> = directions
                    .iter()
                    .map(|direction| kept.map(|row| encoded_sums(dtype, row, direction)))
                    .collect();
                for isa in Isa::available() {
                    for chunks in [1, 3, 64] {
                        for count in [1, 2, 5, 8] {
                            let own: Vec<Vec<Unit>> =
                                directions[..count].iter().map(|direction| units(direction)).collect();
                            let own: Vec<&[Unit]> = own.iter().map(Vec::as_slice).collect();
                            let found = run(isa, dtype, kept, dim, &own, None, chunks);
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
                    let found = run(isa, dtype, kept, dim, &[&direction], Some(&weighing), 2);
                    for (row, found) in kept.iter().zip(found) {
                        let wanted = weighted_sums(&decode(dtype, dim, row), &directions[0], &weights);
                        assert_eq!((found.dots[0], found.norm2), (wanted.dot, wanted.norm2), "{isa:?}");
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
                let [found, _] = run(isa, dtype, [&kept, &kept], 5000, &[&direction], None, 64);
                assert!(found.norm2.is_nan(), "{dtype} {isa:?}");
            }
        }
    }
}
