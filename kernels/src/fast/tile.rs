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
                let mut norms = [[unsafe { T::zero() }; UNITS]; R];
                for unit in 0..UNITS {
                    let own = unsafe { pack_rows::<E, T, R>(&block, weights, unit, &mut room.rows) };
                    norms.iter_mut().zip(own).for_each(|(norms, own)| norms[unit] = own);
                    let count = directions.len();
                    for first in (0..count).step_by(V) {
                        let wide = (count - first).min(V);
                        let packed = &room.directions[(unit * count + first) * steps..][..wide * steps];
                        let lanes = &mut room.lanes[first * R..];
                        unsafe {
                            match wide {
                                1 => tile::<T, R, 1>(&room.rows, packed, lanes, unit),
                                2 => tile::<T, R, 2>(&room.rows, packed, lanes, unit),
                                3 => tile::<T, R, 3>(&room.rows, packed, lanes, unit),
                                _ => tile::<T, R, 4>(&room.rows, packed, lanes, unit),
                            }
                        }
                    }
                }
                for (row, totals) in totals.iter_mut().enumerate() {
                    let dots = totals.dots[at * PACKED..].iter_mut();
                    for (dot, lanes) in dots.zip(room.lanes.as_chunks::<R>().0) {
                        let lanes = lanes[row].each_ref().map(|unit| unsafe { load::<T>(unit) });
                        *dot += f64::from(unsafe { T::join(lanes) });
                    }
                    if at == 0 {
                        totals.norm2 += f64::from(unsafe { T::join(norms[row]) });
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
    into.resize(UNITS * directions.len() * steps, Unit::default());
    for (unit, into) in into.chunks_exact_mut(directions.len() * steps).enumerate() {
        for (directions, into) in directions.chunks(V).zip(into.chunks_mut(V * steps)) {
            let wide = directions.len();
            for (at, direction) in directions.iter().enumerate() {
                for (step, from) in part(direction, first, end).iter().enumerate() {
                    into[step * wide + at] = from[unit];
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
            rows.iter().for_each(|row| row.ask::<T>(step));
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
        let y = y.each_ref().map(|y| unsafe { load::<T>(y) });
        for row in 0..R {
            let x = unsafe { load::<T>(&x[row]) };
            for v in 0..V {
                sums[v][row] = unsafe { x.fma(y[v], sums[v][row]) };
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
