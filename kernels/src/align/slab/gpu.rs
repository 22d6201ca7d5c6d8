//! The sums of a slab on a GPU: the same totals, taken up where the slab before left them.

use std::ops::Range;

use super::{Run, Slab, each};
use crate::{
    Dtype, Error, PANEL,
    cuda::{
        Gpu,
        plan::{Buffer, Limits, Piece, Plan, Problem},
    },
    element::BLOCK,
    fast::{Totals, Unit, as_panel},
};

impl Run<'_> {
    /// Adds what all candidates have in these columns.
    pub(super) fn rows_on(
        &self,
        gpu: &Gpu,
        slab: &Slab,
        rows: &mut [Totals],
        step: &(dyn Fn(usize) + Sync),
    ) -> Result<(), Error> {
        for dtype in Dtype::ALL {
            let is_of_type = |row: &usize| self.dtype.unwrap_or(self.candidates.dtype(*row)) == dtype;
            let of_type: Vec<usize> = (0..rows.len()).filter(is_of_type).collect();
            if of_type.is_empty() {
                continue;
            }
            let problem = Problem {
                dtype,
                rows: of_type.len(),
                dim: slab.to - slab.from,
                directions: self.count,
                weighted: self.weights.is_some(),
            };
            let plan = Plan::new(problem, Limits::default());
            let mut totals = vec![0.0; plan.bytes(Buffer::Totals) / 8];
            for (at, row) in of_type.iter().enumerate() {
                for (direction, dot) in rows[*row].dots.iter().enumerate() {
                    let (place, norm2) = plan.places(at, direction);
                    (totals[place], totals[norm2]) = (*dot, rows[*row].norm2);
                }
            }
            gpu.add(&plan, &mut totals, |piece, into| match piece {
                Piece::Rows(which, numbers) => {
                    self.stage(slab, dtype, &of_type[which.clone()], numbers, into, step)
                }
                Piece::Direction(at, numbers) => {
                    let units = |panel| slab.direction(slab.multiplied(), self.count, panel, *at);
                    write(units, numbers, into);
                    Ok(())
                }
                Piece::Weights(numbers) => {
                    write(|panel| slab.weights(panel), numbers, into);
                    Ok(())
                }
            })?;
            for (at, row) in of_type.iter().enumerate() {
                for (direction, dot) in rows[*row].dots.iter_mut().enumerate() {
                    *dot = totals[plan.places(at, direction).0];
                }
                rows[*row].norm2 = totals[plan.places(at, 0).1];
            }
        }
        Ok(())
    }

    /// Writes some columns of some rows, as if they were whole rows.
    fn stage(
        &self,
        slab: &Slab,
        dtype: Dtype,
        rows: &[usize],
        numbers: &Range<usize>,
        into: &mut [u8],
        step: &(dyn Fn(usize) + Sync),
    ) -> Result<(), Error> {
        let parts = rows.iter().zip(into.chunks_exact_mut(dtype.row_bytes(numbers.len()))).collect();
        each(self.threads, parts, Vec::new, |scratch, (row, into)| {
            let (values, scales) = into.split_at_mut(numbers.len() * dtype.size());
            for at in numbers.clone().step_by(PANEL) {
                let (from, to) = slab.columns(at / PANEL);
                let (_, panel) = self.candidates.panel(*row, from, to, self.dtype, scratch)?;
                let at = at - numbers.start;
                values[at * dtype.size()..][..panel.values.len()].copy_from_slice(panel.values);
                if dtype == Dtype::Int8 {
                    scales[at / BLOCK * 4..][..panel.scales.len()].copy_from_slice(panel.scales);
                }
            }
            self.candidates.release(*row, slab.from + numbers.start, slab.from + numbers.end);
            step(numbers.len().div_ceil(PANEL));
            Ok(())
        })
    }
}

/// Writes the numbers of some panels.
fn write<'a>(units: impl Fn(usize) -> &'a [Unit], numbers: &Range<usize>, into: &mut [u8]) {
    let panels = numbers.start / PANEL..numbers.end.div_ceil(PANEL);
    for (panel, into) in panels.zip(into.chunks_mut(PANEL * 4)) {
        into.copy_from_slice(as_panel(units(panel)).values);
    }
}
