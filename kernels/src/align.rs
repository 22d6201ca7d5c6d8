//! How well gradients point where others do: the one scorer, of `sswe build` and of `sswe align`.
//!
//! Columns are taken slab by slab. In each slab the directions are made of the validation rows, and
//! multiplied with all candidates; nothing as long as a row is ever kept, so rows may be larger than
//! memory. Sums are made of chunks in order, whatever the slabs, panels and threads.

mod plan;
mod slab;

use crate::{
    Device, Dtype, Error, Gradients, Isa, Status,
    device::{Engine, Load},
    fast::Totals,
};

use plan::Plan;

/// Parts of the validation rows that the standard error leaves out one by one.
pub const PARTS: usize = 10;

/// What a score is.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// The cosine of the angle between both.
    #[default]
    Cosine,
    /// The inner product.
    Dot,
}

/// What candidates are compared with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Strata {
    /// The mean of all validation rows.
    #[default]
    Whole,
    /// The mean of each stratum; the best score counts.
    Max,
    /// The mean of each stratum; the mean score counts.
    Mean,
}

/// How candidates are compared.
#[derive(Clone, Copy, Debug, Default)]
pub struct Settings<'a> {
    /// What a score is.
    pub mode: Mode,
    /// What candidates are compared with.
    pub strata: Strata,
    /// Whether the candidates' mean is taken from each of them.
    pub centre: bool,
    /// How much each coordinate counts: a set of one row.
    pub weights: Option<&'a Gradients>,
    /// The type that rows are read as, where not their own.
    pub dtype: Option<Dtype>,
    /// Where sums are computed.
    pub device: Device,
    /// How many threads work; 0 for one a processor.
    pub threads: usize,
    /// The instruction set, where not the best.
    pub isa: Option<Isa>,
    /// The most columns of a slab, where not as many as fit.
    pub columns: Option<usize>,
}

impl Settings<'_> {
    /// Returns how many threads work.
    fn threads(&self) -> usize {
        match self.threads {
            0 => std::thread::available_parallelism().map_or(1, usize::from),
            threads => threads,
        }
    }
}

/// One candidate's score.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Score {
    /// The number of the row.
    pub row: usize,
    /// What can be said of it.
    pub status: Status,
    /// The score; nothing where it has no direction, or there is nothing to compare it with.
    pub score: Option<f64>,
    /// Its norm, where that is finite.
    pub norm: Option<f64>,
    /// The standard error that leaving out tenths of the validation rows shows.
    pub error: Option<f64>,
}

/// What came out.
#[derive(Clone, Debug, PartialEq)]
pub struct Alignment {
    /// In the order of the candidates.
    pub scores: Vec<Score>,
    /// The norm of the mean of all validation rows; zero where they point nowhere.
    pub norm: f64,
    /// How many validation rows are not zero.
    pub pointing: usize,
    /// How many validation rows there are.
    pub validation: usize,
    /// How many strata they are of.
    pub strata: usize,
}

impl Alignment {
    /// Returns the candidates, best first: by score, then by row; those without a score come last.
    pub fn ranking(&self) -> Vec<Score> {
        let mut ranking = self.scores.clone();
        ranking.sort_by(|a, b| match (a.score, b.score) {
            // No score is a NaN, so this is an order of the numbers, and of the bits where zeros meet.
            (Some(one), Some(other)) => other.total_cmp(&one).then(a.row.cmp(&b.row)),
            (one, other) => other.is_some().cmp(&one.is_some()).then(a.row.cmp(&b.row)),
        });
        ranking
    }
}

/// Compares candidates with validation rows. `labels` says which stratum each validation row is of;
/// without any, all are of one. `progress` hears how much is done, from 0 to 1, from any thread.
pub fn align(
    candidates: &Gradients,
    validation: &Gradients,
    labels: &[&str],
    settings: &Settings<'_>,
    progress: &(dyn Fn(f64) + Sync),
) -> Result<Alignment, Error> {
    check(candidates, validation, settings)?;
    let plan = Plan::new(validation, labels, settings);
    let sums = |engine| slab::Run::new(candidates, validation, &plan, settings, engine).sums(progress);
    let sums = match sums(settings.device.choose(load(candidates, &plan, settings))?) {
        // A GPU that nobody asked for by name, and that failed, is no reason to stop.
        Err(Error::NoDevice { .. }) if settings.device == Device::Auto => sums(Engine::Cpu)?,
        sums => sums?,
    };
    if !sums.whole.is_finite() {
        return Err(blame(validation, settings.dtype));
    }
    if settings.weights.is_none() && settings.dtype.is_none() {
        unchanged(candidates, &sums.rows)?;
    }
    let norms: Vec<f64> = sums.directions.iter().map(|totals| totals.norm2).collect();
    let score = |(row, totals): (usize, &Totals)| score(row, totals, &sums, &norms, &plan, settings);
    Ok(Alignment {
        scores: sums.rows.iter().enumerate().map(score).collect(),
        norm: sums.whole.sqrt(),
        pointing: sums.pointing,
        validation: validation.count(),
        strata: plan.strata,
    })
}

fn load(candidates: &Gradients, plan: &Plan, settings: &Settings<'_>) -> Load {
    let (rows, dim) = (candidates.count() as f64, candidates.dim() as f64);
    let directions = plan.directions.len() + usize::from(settings.centre);
    Load {
        bytes: candidates.bytes() as f64,
        products: rows * dim * directions as f64,
        threads: settings.threads(),
    }
}

fn check(candidates: &Gradients, validation: &Gradients, settings: &Settings<'_>) -> Result<(), Error> {
    if validation.count() == 0 {
        return Err(Error::Empty { path: validation.path().to_owned() });
    }
    candidates.same_as(validation)?;
    let Some(weights) = settings.weights else { return Ok(()) };
    candidates.same_as(weights)?;
    let unusable = |why| {
        Err(Error::Unusable {
            path: weights.path().to_owned(),
            row: weights.name(0).to_owned(),
            why,
            help: "weights are one row of finite numbers, none below zero",
        })
    };
    if weights.count() != 1 {
        return unusable("it is not the only row");
    }
    Ok(())
}

/// Says which validation row is not finite; or, where each is, that together they are too large.
fn blame(validation: &Gradients, dtype: Option<Dtype>) -> Error {
    let mut found = None;
    for row in 0..validation.count() {
        match validation.values(row) {
            Err(error) => return error,
            Ok(values) if values.iter().any(|x| !x.is_finite()) => {
                found = Some((row, "it holds a NaN or an infinity"));
                break;
            }
            // Where the sum overflows, so does the largest row, or nearly.
            Ok(values) if values.iter().any(|x| x.abs() > 1e15) => {
                found = found.or(Some((row, "its numbers are too large to be multiplied")));
            }
            Ok(_) => {}
        }
        validation.release(row, 0, validation.dim());
    }
    let (row, why) = found.unwrap_or((
        0,
        if dtype.is_some() { "it does not fit the type of --dtype" } else { "the sum of all rows overflows" },
    ));
    Error::Unusable {
        path: validation.file(row).to_owned(),
        row: validation.name(row).to_owned(),
        why,
        help: "take the row out of the validation rows, or export it again",
    }
}

/// Compares the squared norms with those that shards keep: the same sums, so the same bits.
fn unchanged(candidates: &Gradients, rows: &[Totals]) -> Result<(), Error> {
    for (row, totals) in rows.iter().enumerate() {
        let Some(stored) = candidates.stored_norm2(row) else { continue };
        if stored.to_bits() != totals.norm2.to_bits() && !(stored.is_nan() && totals.norm2.is_nan()) {
            return Err(Error::Damaged {
                path: candidates.file(row).to_owned(),
                row: candidates.name(row).to_owned(),
                why: format!("its squared norm is {:e}, but {stored:e} was written", totals.norm2),
            });
        }
    }
    Ok(())
}

fn score(
    row: usize,
    totals: &Totals,
    sums: &slab::Sums,
    norms: &[f64],
    plan: &Plan,
    settings: &Settings<'_>,
) -> Score {
    // The mean is the last direction, and taken away algebraically.
    let mean = if settings.centre { norms.len() - 1 } else { 0 };
    let norm2 = match settings.centre {
        true => totals.norm2 - 2.0 * totals.dots[mean] + norms[mean],
        false => totals.norm2,
    };
    let mut status = crate::gradients::status(totals.norm2);
    if settings.centre && status == Status::Ok {
        status = match norm2.is_finite() {
            false => Status::NonFinite,
            // What is left is less than what the sums were rounded by: it is the mean itself.
            true if norm2 <= totals.norm2 * 1e-6 => Status::ZeroNorm,
            true => Status::Ok,
        };
    }
    let value = |direction: usize| -> Option<f64> {
        let dot = match settings.centre {
            true => totals.dots[direction] - sums.directions[direction].dots[0],
            false => totals.dots[direction],
        };
        let found = match settings.mode {
            Mode::Cosine => crate::Sums { dot, norm2 }.cosine(norms[direction]),
            Mode::Dot => Some(dot),
        };
        found.filter(|value| value.is_finite() && status == Status::Ok)
    };
    let over = |directions: &[Option<usize>]| -> Option<f64> {
        let values: Vec<f64> = directions.iter().filter_map(|direction| value((*direction)?)).collect();
        match settings.strata {
            Strata::Whole | Strata::Max => values.into_iter().reduce(f64::max),
            Strata::Mean => (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64),
        }
    };
    let without: Vec<f64> = plan.without.iter().filter_map(|directions| over(directions)).collect();
    let score = over(&plan.base);
    Score {
        row,
        status,
        score,
        // Below zero by rounding alone, where the mean was taken away.
        norm: Some(norm2).filter(|norm2| norm2.is_finite()).map(|norm2| norm2.max(0.0).sqrt()),
        error: score.and(jackknife(&without)),
    }
}

/// The standard error that leaving out one part at a time shows.
fn jackknife(without: &[f64]) -> Option<f64> {
    if without.len() < PARTS {
        return None;
    }
    let n = without.len() as f64;
    let mean = without.iter().sum::<f64>() / n;
    let squares: f64 = without.iter().map(|x| (x - mean) * (x - mean)).sum();
    Some(((n - 1.0) / n * squares).sqrt())
}
