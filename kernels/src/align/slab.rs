//! The sums of all candidates with all directions, slab by slab.

use std::sync::{
    Mutex,
    atomic::{AtomicBool, AtomicUsize, Ordering},
};

#[cfg(feature = "cuda")]
mod gpu;

use super::{Settings, plan::Plan};
use crate::{
    Dtype, Error, Gradients, Isa, PANEL, Status,
    device::Engine,
    element::width,
    fast::{self, Panel, Room, Totals, UNIT, Unit},
};

/// Bytes of all directions in a slab.
const SLAB: usize = 64 << 20;

/// Bytes of all candidates in a slab, where they are read twice.
const READ_TWICE: usize = 128 << 20;

/// Columns of a slab, at most, as long as there are rows enough: the directions then stay in a cache,
/// and their memory is fresh once and not for each slab.
const COLUMNS: usize = 1 << 18;

/// Bytes of all candidates in a slab, at least: less would not be worth the threads' beginning and end.
const WORTH: usize = 64 << 20;

/// Panels that follow each other in a row, where there is one direction: with the rows' own bytes, its
/// bytes must stay in the second cache until the next rows come.
const AHEAD: usize = 2;

/// Bytes of candidates that all threads together hold in memory, where they come from a disk.
const RESIDENT: usize = 192 << 20;

/// Rows that a disk is asked for before they are read.
const WANTED: usize = 48;

const UNITS: usize = PANEL / UNIT;

/// Units of columns whose directions are made together.
const TOGETHER: usize = 64;

/// What all sums are made of.
pub(super) struct Run<'a> {
    candidates: &'a Gradients,
    validation: &'a Gradients,
    plan: &'a Plan,
    weights: Option<&'a Gradients>,
    dtype: Option<Dtype>,
    /// Directions, and the candidates' mean behind them where it is wanted.
    count: usize,
    centre: bool,
    /// Which candidates the mean is made of.
    in_mean: Vec<bool>,
    isa: Isa,
    engine: Engine,
    threads: usize,
    /// Columns of a slab, whole panels.
    columns: usize,
    /// Which validation rows are not zero.
    pointing: Vec<AtomicBool>,
}

/// The sums.
pub(super) struct Sums {
    /// Of each candidate with each direction.
    pub(super) rows: Vec<Totals>,
    /// Of each direction with the candidates' mean.
    pub(super) directions: Vec<Totals>,
    /// The squared norm of the mean of all validation rows, without weights.
    pub(super) whole: f64,
    pub(super) pointing: usize,
}

/// The directions of a slab: panel after panel, and in each panel direction after direction.
#[derive(Default)]
struct Slab {
    from: usize,
    to: usize,
    plain: Vec<Unit>,
    /// Multiplied with the weights; empty where there are none.
    folded: Vec<Unit>,
    weights: Vec<Unit>,
}

/// What a thread that makes directions writes into, again and again.
#[derive(Default)]
struct Cells {
    scratch: Vec<u8>,
    cells: Vec<[f64; UNIT]>,
    sums: Vec<[f64; UNIT]>,
}

impl<'a> Run<'a> {
    pub(super) fn new(
        candidates: &'a Gradients,
        validation: &'a Gradients,
        plan: &'a Plan,
        settings: &Settings<'a>,
        engine: Engine,
    ) -> Run<'a> {
        let count = plan.directions.len() + usize::from(settings.centre);
        let rows = candidates.count().max(1);
        let mut columns = (SLAB / 4 / count).min(COLUMNS.max(WORTH / 4 / rows));
        if settings.centre {
            columns = columns.min(READ_TWICE / 4 / rows);
        }
        let columns = settings.columns.unwrap_or(columns).next_multiple_of(PANEL);
        Run {
            candidates,
            validation,
            plan,
            weights: settings.weights,
            dtype: settings.dtype,
            count,
            centre: settings.centre,
            in_mean: Vec::new(),
            isa: settings.isa.filter(|isa| Isa::available().contains(isa)).unwrap_or_else(Isa::best),
            engine,
            threads: settings.threads(),
            columns,
            pointing: (0..validation.count()).map(|_| AtomicBool::new(false)).collect(),
        }
    }

    pub(super) fn sums(mut self, progress: &(dyn Fn(f64) + Sync)) -> Result<Sums, Error> {
        let end = width(self.candidates.dim());
        if self.centre {
            self.in_mean = self.finite()?;
        }
        let zeros = |dots: usize, count: usize| vec![Totals { dots: vec![0.0; dots], norm2: 0.0 }; count];
        let mut rows = zeros(self.count, self.candidates.count());
        let mut directions = zeros(1, self.count);
        let mut whole = zeros(1, 1);
        let done = AtomicUsize::new(0);
        let all = end.div_ceil(PANEL) * self.candidates.count();
        let step = |panels: usize| {
            let before = done.fetch_add(panels, Ordering::Relaxed);
            progress((before + panels) as f64 / all as f64);
        };
        let mut slab = Slab::default();
        for from in (0..end).step_by(self.columns) {
            self.slab(from, end.min(from + self.columns), &mut slab)?;
            self.directions(&slab, &mut directions, &mut whole);
            match &self.engine {
                Engine::Cpu => self.rows(&slab, &mut rows, &step)?,
                #[cfg(feature = "cuda")]
                Engine::Cuda(gpu) => self.rows_on(gpu, &slab, &mut rows, &step)?,
            }
        }
        Ok(Sums {
            rows,
            directions,
            whole: whole[0].norm2,
            pointing: self.pointing.iter().filter(|row| row.load(Ordering::Relaxed)).count(),
        })
    }

    /// Makes the directions of some columns, in the memory of those before.
    fn slab(&self, from: usize, to: usize, slab: &mut Slab) -> Result<(), Error> {
        let panels = (to - from).div_ceil(PANEL);
        let units = panels * self.count * UNITS;
        (slab.from, slab.to) = (from, to);
        slab.plain.resize(units, Unit::default());
        let parts: Vec<_> = slab.plain.chunks_mut(self.count * UNITS).enumerate().collect();
        each(self.threads, parts, Cells::default, |room, (panel, units)| {
            let first = from + panel * PANEL;
            self.directions_of_panel(first, to.min(first + PANEL), units, room)
        })?;
        if let Some(weights) = self.weights {
            slab.folded.resize(units, Unit::default());
            slab.weights.resize(panels * UNITS, Unit::default());
            let parts = slab.folded.chunks_mut(self.count * UNITS).zip(slab.plain.chunks(self.count * UNITS));
            let parts = parts.zip(slab.weights.chunks_mut(UNITS)).enumerate().collect();
            each(self.threads, parts, Vec::new, |scratch, (panel, ((folded, plain), own))| {
                let first = from + panel * PANEL;
                let to = to.min(first + PANEL);
                let (dtype, panel) = weights.panel(0, first, to, None, scratch)?;
                let values = crate::gradients::decode(dtype, to - first, panel);
                if values.iter().any(|w| !(w.is_finite() && *w >= 0.0)) {
                    return Err(Error::Unusable {
                        path: weights.file(0).to_owned(),
                        row: weights.name(0).to_owned(),
                        why: "it holds a weight that is no finite number, or below zero",
                        help: "weights are one row of finite numbers, none below zero",
                    });
                }
                fill(own, &values);
                for (folded, plain) in folded.chunks_mut(UNITS).zip(plain.chunks(UNITS)) {
                    for (unit, (folded, plain)) in folded.iter_mut().zip(plain).enumerate() {
                        folded.0 = std::array::from_fn(|lane| plain.0[lane] * own[unit].0[lane]);
                    }
                }
                Ok(())
            })?;
        }
        Ok(())
    }

    fn directions_of_panel(
        &self,
        from: usize,
        to: usize,
        units: &mut [Unit],
        room: &mut Cells,
    ) -> Result<(), Error> {
        let Cells { scratch, cells, sums } = room;
        cells.clear();
        cells.resize(self.plan.cells * UNITS, [0.0; UNIT]);
        sums.resize(TOGETHER, [0.0; UNIT]);
        for (row, cell) in self.plan.cell.iter().enumerate() {
            let (dtype, panel) = self.validation.panel(row, from, to, self.dtype, scratch)?;
            fast::accumulate(self.isa, dtype, panel, &mut cells[cell * UNITS..][..UNITS]);
            if !self.pointing[row].load(Ordering::Relaxed)
                && crate::gradients::decode(dtype, to - from, panel).iter().any(|x| *x != 0.0)
            {
                self.pointing[row].store(true, Ordering::Relaxed);
            }
            self.validation.release(row, from, to);
        }
        let (means, of_candidates) = units.split_at_mut(self.plan.directions.len() * UNITS);
        // A few columns of all cells fit a cache, and each direction reads most cells.
        for at in (0..UNITS).step_by(TOGETHER) {
            for ((of, count), into) in self.plan.directions.iter().zip(means.chunks_mut(UNITS)) {
                let into = &mut into[at..at + TOGETHER];
                fast::mean(self.isa, &cells[at..], UNITS, of, *count, sums, into);
            }
        }
        if self.centre {
            cells.clear();
            cells.resize(UNITS, [0.0; UNIT]);
            let mut count = 0;
            for row in (0..self.candidates.count()).filter(|row| self.in_mean[*row]) {
                let (dtype, panel) = self.candidates.panel(row, from, to, self.dtype, scratch)?;
                fast::accumulate(self.isa, dtype, panel, cells);
                count += 1;
            }
            for (at, into) in of_candidates.chunks_mut(TOGETHER).enumerate() {
                fast::mean(self.isa, &cells[at * TOGETHER..], UNITS, &[0], count.max(1), sums, into);
            }
        }
        Ok(())
    }

    /// Adds the squared norms of the directions, and their inner products with the candidates' mean.
    fn directions(&self, slab: &Slab, directions: &mut [Totals], whole: &mut [Totals]) {
        let mean = self.count - 1;
        let weights = self.weights.is_some();
        let parts: Vec<_> = directions.iter_mut().enumerate().collect();
        let add = |direction: usize, totals: &mut Totals, weighted: bool| {
            for panel in 0..slab.panels() {
                let row = fast::as_panel(slab.direction(&slab.plain, self.count, panel, direction));
                let other = slab.direction(slab.multiplied(), self.count, panel, mean);
                let weights = weighted.then(|| slab.weights(panel));
                let totals = std::slice::from_mut(&mut *totals);
                fast::add(self.isa, Dtype::F32, &[row], &[other], weights, totals, &mut Room::default());
            }
        };
        let Ok(()) = each(
            self.threads,
            parts,
            || (),
            |(), (direction, totals)| {
                add(direction, totals, weights);
                Ok::<(), std::convert::Infallible>(())
            },
        );
        match weights {
            true => add(0, &mut whole[0], false),
            // The same sums.
            false => whole[0].norm2 = directions[0].norm2,
        }
    }

    /// Adds what all candidates have in these columns.
    fn rows(&self, slab: &Slab, rows: &mut [Totals], step: &(dyn Fn(usize) + Sync)) -> Result<(), Error> {
        let together = fast::together(self.count);
        let share = rows.len().div_ceil(self.threads).next_multiple_of(fast::together(1)).max(1);
        let parts: Vec<_> = rows.chunks_mut(share).enumerate().collect();
        let ahead = match (self.candidates.is_large(), self.count) {
            // A disk is fast where it reads many columns of a row at once; they are resident together.
            (true, _) => (RESIDENT / (self.threads * together * PANEL * 4)).clamp(1, slab.panels().max(1)),
            (false, 1) => AHEAD,
            (false, _) => 1,
        };
        let room = || (vec![Vec::new(); together], Room::default());
        each(self.threads, parts, room, |(scratch, room), (part, rows)| {
            let (first, end) = (part * share, part * share + rows.len());
            let mut directions: Vec<&[Unit]> = Vec::with_capacity(self.count);
            for panels in (0..slab.panels()).step_by(ahead) {
                let panels = panels..slab.panels().min(panels + ahead);
                let (from, to) = (slab.columns(panels.start).0, slab.columns(panels.end - 1).1);
                (first..end.min(first + WANTED)).for_each(|row| self.candidates.want(row, from, to));
                for (group, totals) in rows.chunks_mut(together).enumerate() {
                    let own = first + group * together..first + group * together + totals.len();
                    let wanted = end.min(own.start + WANTED)..end.min(own.end + WANTED);
                    wanted.for_each(|row| self.candidates.want(row, from, to));
                    // Where the rows are read that come after these.
                    let after = |row: usize| match row + together < end {
                        true => self.candidates.place(row + together, from),
                        false => self.candidates.place(first + (row - first) % together, to),
                    };
                    for panel in panels.clone() {
                        let (from, to) = slab.columns(panel);
                        let found = own.clone().zip(&mut *scratch).map(|(row, scratch)| {
                            let (_, found) = self.candidates.panel(row, from, to, self.dtype, scratch)?;
                            let next = if panel + 1 == panels.end { after(row) } else { &[] };
                            Ok(Panel { next, ..found })
                        });
                        let found: Vec<Panel<'_>> = found.collect::<Result<_, Error>>()?;
                        directions.clear();
                        directions.extend((0..self.count).map(|direction| {
                            slab.direction(slab.multiplied(), self.count, panel, direction)
                        }));
                        let weights = self.weights.map(|_| slab.weights(panel));
                        let dtype = |at: usize| self.dtype.unwrap_or(self.candidates.dtype(own.start + at));
                        let mut begin = 0;
                        while begin < found.len() {
                            let same =
                                (begin..found.len()).take_while(|at| dtype(*at) == dtype(begin)).count();
                            let (rows, totals) =
                                (&found[begin..begin + same], &mut totals[begin..begin + same]);
                            fast::add(self.isa, dtype(begin), rows, &directions, weights, totals, room);
                            begin += same;
                        }
                    }
                    own.for_each(|row| self.candidates.release(row, from, to));
                    step(panels.len() * totals.len());
                }
            }
            Ok(())
        })
    }

    /// Returns which candidates are finite: one that is not would spoil the mean of all.
    fn finite(&self) -> Result<Vec<bool>, Error> {
        let mut finite = vec![false; self.candidates.count()];
        let zeros = vec![Unit::default(); UNITS];
        let parts: Vec<_> = finite.iter_mut().enumerate().collect();
        each(self.threads, parts, Vec::new, |scratch, (row, is_finite)| {
            let mut totals = Totals { dots: vec![0.0], norm2: 0.0 };
            let end = width(self.candidates.dim());
            for from in (0..end).step_by(PANEL) {
                let to = end.min(from + PANEL);
                let (dtype, panel) = self.candidates.panel(row, from, to, self.dtype, scratch)?;
                let zeros = &zeros[..(to - from) / UNIT];
                let totals = std::slice::from_mut(&mut totals);
                fast::add(self.isa, dtype, &[panel], &[zeros], None, totals, &mut Room::default());
            }
            self.candidates.release(row, 0, end);
            *is_finite = crate::gradients::status(totals.norm2) != Status::NonFinite;
            Ok::<(), Error>(())
        })?;
        Ok(finite)
    }
}

impl Slab {
    fn panels(&self) -> usize {
        (self.to - self.from).div_ceil(PANEL)
    }

    fn columns(&self, panel: usize) -> (usize, usize) {
        let first = self.from + panel * PANEL;
        (first, self.to.min(first + PANEL))
    }

    /// Returns the directions that rows are multiplied with.
    fn multiplied(&self) -> &[Unit] {
        if self.folded.is_empty() { &self.plain } else { &self.folded }
    }

    fn direction<'b>(&self, units: &'b [Unit], count: usize, panel: usize, direction: usize) -> &'b [Unit] {
        let (from, to) = self.columns(panel);
        &units[(panel * count + direction) * UNITS..][..(to - from) / UNIT]
    }

    fn weights(&self, panel: usize) -> &[Unit] {
        let (from, to) = self.columns(panel);
        &self.weights[panel * UNITS..][..(to - from) / UNIT]
    }
}

fn fill(units: &mut [Unit], values: &[f32]) {
    for (unit, values) in units.iter_mut().zip(values.chunks(UNIT)) {
        unit.0[..values.len()].copy_from_slice(values);
    }
}

/// Does each part, on so many threads, each of which has room of its own; returns the error of the
/// first part that has one.
fn each<P: Send, R, E: Send>(
    threads: usize,
    parts: Vec<P>,
    room: impl Fn() -> R + Sync,
    work: impl Fn(&mut R, P) -> Result<(), E> + Sync,
) -> Result<(), E> {
    if threads.min(parts.len()) <= 1 {
        let mut room = room();
        return parts.into_iter().try_for_each(|part| work(&mut room, part));
    }
    let helpers = threads.min(parts.len()) - 1;
    let parts = Mutex::new(parts.into_iter().enumerate());
    let failed: Mutex<Option<(usize, E)>> = Mutex::new(None);
    let lock = |failed: &Mutex<Option<(usize, E)>>, new: (usize, E)| {
        let mut failed = failed.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
        // The first part's, not the first to happen: which comes first is chance.
        if failed.as_ref().is_none_or(|(at, _)| new.0 < *at) {
            *failed = Some(new);
        }
    };
    let run = || {
        let mut room = room();
        loop {
            let next = parts.lock().unwrap_or_else(std::sync::PoisonError::into_inner).next();
            let Some((at, part)) = next else { return };
            if let Err(error) = work(&mut room, part) {
                lock(&failed, (at, error));
                return;
            }
        }
    };
    std::thread::scope(|scope| {
        for _ in 0..helpers {
            scope.spawn(run);
        }
        run();
    });
    match failed.into_inner().unwrap_or_else(std::sync::PoisonError::into_inner) {
        Some((_, error)) => Err(error),
        None => Ok(()),
    }
}
