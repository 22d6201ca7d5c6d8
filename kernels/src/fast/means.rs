//! Sums over rows, one for each column: what directions are made of.

use super::{Bf16, Element, F16, F32, Int8, Isa, Panel, SCALED_STEPS, UNIT, UNITS, Unit};
use crate::{
    Dtype,
    vector::{Plain, Vector},
};

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

/// Writes the mean of some cells of sums, in which there are `count` rows. Cells begin `stride` units
/// after one another; of each, as much is taken as there is to write, which `room` is as long as.
pub(crate) fn mean(
    isa: Isa,
    cells: &[[f64; UNIT]],
    stride: usize,
    of: &[usize],
    count: u32,
    room: &mut [[f64; UNIT]],
    into: &mut [Unit],
) {
    // SAFETY: as in `add_as`.
    #[cfg(target_arch = "x86_64")]
    match isa {
        Isa::Avx512 => return unsafe { mean_avx512(cells, stride, of, count, room, into) },
        Isa::Avx2 => return unsafe { mean_avx2(cells, stride, of, count, room, into) },
        Isa::Portable => {}
    }
    let _ = isa;
    mean_here(cells, stride, of, count, room, into);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx512f,avx512bw,avx512dq,avx512vl,avx2,fma,f16c")]
fn mean_avx512(
    cells: &[[f64; UNIT]],
    stride: usize,
    of: &[usize],
    count: u32,
    room: &mut [[f64; UNIT]],
    into: &mut [Unit],
) {
    mean_here(cells, stride, of, count, room, into);
}

#[cfg(target_arch = "x86_64")]
#[target_feature(enable = "avx2,fma,f16c")]
fn mean_avx2(
    cells: &[[f64; UNIT]],
    stride: usize,
    of: &[usize],
    count: u32,
    room: &mut [[f64; UNIT]],
    into: &mut [Unit],
) {
    mean_here(cells, stride, of, count, room, into);
}

#[inline(always)]
fn mean_here(
    cells: &[[f64; UNIT]],
    stride: usize,
    of: &[usize],
    count: u32,
    room: &mut [[f64; UNIT]],
    into: &mut [Unit],
) {
    // Flat, since loops within units became gathers, at a tenth of the speed.
    let cell = |cell: usize| cells[cell * stride..][..into.len()].as_flattened();
    let sums = match *of {
        [only] => cell(only),
        [first, second, ref others @ ..] => {
            let room = room.as_flattened_mut();
            for (sum, (x, y)) in room.iter_mut().zip(cell(first).iter().zip(cell(second))) {
                *sum = x + y;
            }
            for other in others {
                for (sum, x) in room.iter_mut().zip(cell(*other)) {
                    *sum += x;
                }
            }
            room
        }
        [] => return into.fill(Unit::default()),
    };
    let is_power = count.is_power_of_two();
    let count = f64::from(count);
    let inverse = 1.0 / count;
    // SAFETY: a unit is numbers, without padding.
    let into = unsafe { std::slice::from_raw_parts_mut(into.as_mut_ptr().cast::<f32>(), UNIT * into.len()) };
    // A power of two divides as its inverse multiplies, to the bit, and faster.
    match is_power {
        true => {
            for (x, sum) in into.iter_mut().zip(sums) {
                *x = (sum * inverse) as f32;
            }
        }
        false => {
            for (x, sum) in into.iter_mut().zip(sums) {
                *x = (sum / count) as f32;
            }
        }
    }
}
