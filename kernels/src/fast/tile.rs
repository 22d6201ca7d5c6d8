//! Several directions at a time: a tile of rows and directions, both packed in the order of reading.
//!
//! For each chunk the directions are packed once, and a block of rows once for each of the four units
//! of lanes, as `f32`; the tile then reads two streams of memory, whatever the rows' type is.

use super::{Chunk, Element, Panel, STEPS, UNITS, Unit, part};
use crate::vector::Vector;

/// Rows of a block, at most.
pub(super) const ROWS: usize = 6;

/// Directions that are packed together: with a chunk's rows they must fit the second cache.
const PACKED: usize = 32;

/// What is written again and again by each thread.
#[derive(Clone, Debug, Default)]
pub(crate) struct Room {
    directions: Vec<Unit>,
    rows: Vec<Unit>,
    /// Sums of lanes, of each row with each direction.
    lanes: Vec<[Unit; UNITS]>,
}

/// Multiplies a block of packed rows with packed directions, one unit of lanes of each. Compiled once for
/// each instruction set: rows are of one type here.
///
/// # Safety
///
/// The processor has the instruction set that it was compiled for.
pub(super) type Tiles =
    unsafe fn(rows: &[Unit], directions: &[Unit], lanes: &mut [[Unit; UNITS]], unit: usize);

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
pub(super) fn avx512(rows: &[Unit], directions: &[Unit], lanes: &mut [[Unit; UNITS]], unit: usize) {
    // SAFETY: this function has the instruction set.
    unsafe { tiles::<crate::vector::x86::Avx512, ROWS, 4>(rows, directions, lanes, unit) };
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
pub(super) fn avx2(rows: &[Unit], directions: &[Unit], lanes: &mut [[Unit; UNITS]], unit: usize) {
    // SAFETY: this function has the instruction set.
    unsafe { tiles::<crate::vector::x86::Avx2, 2, 3>(rows, directions, lanes, unit) };
}

pub(super) fn portable(rows: &[Unit], directions: &[Unit], lanes: &mut [[Unit; UNITS]], unit: usize) {
    // SAFETY: it needs no instruction set.
    unsafe { tiles::<crate::vector::Plain, 2, 3>(rows, directions, lanes, unit) };
}

/// # Safety
///
/// The processor has the instruction set of the vector.
#[inline(always)]
unsafe fn tiles<T: Vector, const R: usize, const V: usize>(
    rows: &[Unit],
    directions: &[Unit],
    lanes: &mut [[Unit; UNITS]],
    unit: usize,
) {
    let steps = rows.len() / R;
    for (directions, lanes) in directions.chunks(V * steps).zip(lanes.chunks_mut(V * R)) {
        // SAFETY of all: so says this function.
        match directions.len() / steps {
            1 => unsafe { tile::<T, R, 1>(rows, directions, lanes, unit) },
            2 => unsafe { tile::<T, R, 2>(rows, directions, lanes, unit) },
            3 => unsafe { tile::<T, R, 3>(rows, directions, lanes, unit) },
            _ => unsafe { tile::<T, R, 4>(rows, directions, lanes, unit) },
        }
    }
}

/// Adds the sums of some rows with some directions; `R` rows with `V` directions at a time.
///
/// # Safety
///
/// The processor has the instruction set of the vector.
#[inline(always)]
pub(super) unsafe fn panels<E: Element, T: Vector, const R: usize, const V: usize>(
    rows: &[Panel<'_>],
    directions: &[&[Unit]],
    weights: Option<&[Unit]>,
    totals: &mut [super::Totals],
    room: &mut Room,
    tiles: Tiles,
) {
    let Some(row) = rows.first() else { return };
    let all = E::steps(row.values).len();
    for (at, directions) in directions.chunks(PACKED).enumerate() {
        for first in (0..all).step_by(STEPS) {
            let end = all.min(first + STEPS);
            let steps = end - first;
            pack::<V>(directions, first, end, &mut room.directions);
            room.rows.resize(steps * R, Unit::default());
            room.lanes.resize(R * directions.len(), Default::default());
            let weights = weights.map(|weights| part(weights, first, end));
            for (rows, totals) in rows.chunks(R).zip(totals.chunks_mut(R)) {
                // The last row stands in for those that are missing.
                let block: [Chunk<'_, E>; R] =
                    std::array::from_fn(|row| Chunk::of(&rows[row.min(rows.len() - 1)], first, end));
                // SAFETY of all below: so says this function.
                let mut norms = [[unsafe { T::zero() }; R]; UNITS];
                for (unit, norms) in norms.iter_mut().enumerate() {
                    *norms = unsafe { pack_rows::<E, T, R>(&block, weights, unit, &mut room.rows) };
                    let of = directions.len() * steps;
                    unsafe { tiles(&room.rows, &room.directions[unit * of..][..of], &mut room.lanes, unit) };
                }
                for (row, totals) in totals.iter_mut().enumerate() {
                    let dots = totals.dots[at * PACKED..].iter_mut();
                    for (dot, lanes) in dots.zip(room.lanes.as_chunks::<R>().0) {
                        let [a, b, c, d] = &lanes[row];
                        *dot += f64::from(unsafe { T::join([load(a), load(b), load(c), load(d)]) });
                    }
                    if at == 0 {
                        let [a, b, c, d] = &norms;
                        totals.norm2 += f64::from(unsafe { T::join([a[row], b[row], c[row], d[row]]) });
                    }
                }
            }
        }
    }
}

/// Packs directions: unit of lanes by unit, tile by tile, step by step.
#[inline(always)]
fn pack<const V: usize>(directions: &[&[Unit]], first: usize, end: usize, into: &mut Vec<Unit>) {
    let steps = end - first;
    let of = directions.len() * steps;
    into.resize(UNITS * of, Unit::default());
    for (tile, directions) in directions.chunks(V).enumerate() {
        for step in 0..steps {
            let to = (tile * V * steps) + step * directions.len();
            for (at, direction) in directions.iter().enumerate() {
                for (unit, from) in direction[(first + step) * UNITS..][..UNITS].iter().enumerate() {
                    into[unit * of + to + at] = *from;
                }
            }
        }
    }
}

/// Packs one unit of lanes of each row, step by step; returns the squared norms of their lanes.
///
/// # Safety
///
/// The processor has the instruction set of the vector.
#[inline(always)]
unsafe fn pack_rows<E: Element, T: Vector, const R: usize>(
    rows: &[Chunk<'_, E>; R],
    weights: Option<&[[Unit; UNITS]]>,
    unit: usize,
    into: &mut [Unit],
) -> [T; R] {
    // SAFETY of all below: so says this function.
    let mut norms = [unsafe { T::zero() }; R];
    for (step, into) in into.as_chunks_mut::<R>().0.iter_mut().enumerate() {
        if unit == 0 {
            for row in rows {
                row.ask::<T>(step);
            }
        }
        for row in 0..R {
            let x = unsafe { E::load::<T>(&rows[row].values[step], unit, rows[row].scale(step)) };
            let weighted = match weights {
                None => x,
                Some(weights) => unsafe { x.mul(load(&weights[step][unit])) },
            };
            norms[row] = unsafe { weighted.fma(x, norms[row]) };
            into[row].0 = unsafe { x.store() };
        }
    }
    norms
}

/// Multiplies packed rows with packed directions, one unit of lanes of each.
///
/// # Safety
///
/// The processor has the instruction set of the vector.
#[inline(always)]
unsafe fn tile<T: Vector, const R: usize, const V: usize>(
    rows: &[Unit],
    directions: &[Unit],
    lanes: &mut [[Unit; UNITS]],
    unit: usize,
) {
    // SAFETY of all below: so says this function.
    let mut sums = [[unsafe { T::zero() }; R]; V];
    for (x, y) in rows.as_chunks::<R>().0.iter().zip(directions.as_chunks::<V>().0) {
        // No closures here: they would not have the instruction set.
        let mut wide = [unsafe { T::zero() }; V];
        for v in 0..V {
            wide[v] = unsafe { load(&y[v]) };
        }
        for row in 0..R {
            let x = unsafe { load::<T>(&x[row]) };
            for v in 0..V {
                sums[v][row] = unsafe { x.fma(wide[v], sums[v][row]) };
            }
        }
    }
    for (lanes, sum) in lanes.iter_mut().zip(sums.as_flattened()) {
        lanes[unit].0 = unsafe { sum.store() };
    }
}

/// # Safety
///
/// The processor has the instruction set of the vector.
#[inline(always)]
unsafe fn load<T: Vector>(unit: &Unit) -> T {
    // SAFETY: so says this function, and a unit has as many numbers.
    unsafe { T::from_f32(unit.0.as_ptr().cast()) }
}
