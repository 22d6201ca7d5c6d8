//! Figures with intervals: means that know their clusters, and paired comparisons.

use std::collections::{BTreeMap, BTreeSet};

use sswe_cache::{Digest, Fields};
use sswe_compiler::plan::StageKind;
use sswe_engine::{ChaCha8Rng, Stream};

use crate::artifact::Evaluation;

/// How often a bootstrap draws.
const DRAWS: usize = 2000;

/// A figure and the interval that holds it with 95 % confidence.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Estimate {
    /// The figure.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// What some weights did on one task, under one seed.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Sample<'a> {
    /// The repository of the task.
    pub repo: &'a str,
    /// The task.
    pub task: &'a str,
    /// Which seed: curricula that differ in nothing else.
    pub seed: usize,
    /// The figure.
    pub value: f64,
}

/// Evaluations before and after, under one seed.
pub type Pair<'a> = (&'a [Evaluation], &'a [Evaluation]);

/// The share of attempts that resolved their task (pass@1), with an interval from a bootstrap
/// clustered by repository and task.
pub fn resolved(evaluations: &[Evaluation]) -> Option<Estimate> {
    resolved_over(&[evaluations])
}

/// The same over several seeds, which are a cluster too.
pub fn resolved_over(seeds: &[&[Evaluation]]) -> Option<Estimate> {
    clustered(samples(seeds, Evaluation::rate))
}

/// The share of tasks that any attempt resolved, with Wilson's interval.
pub fn resolved_by_any(evaluations: &[Evaluation]) -> Option<Estimate> {
    let hits = evaluations.iter().filter(|one| one.any()).count();
    wilson(hits, evaluations.len())
}

/// The same over several seeds. One task then has several bits, which are no coin flips of their
/// own: from the second seed on the interval is that of the bootstrap.
pub fn resolved_by_any_over(seeds: &[&[Evaluation]]) -> Option<Estimate> {
    match seeds {
        [one] => resolved_by_any(one),
        _ => clustered(samples(seeds, |one| f64::from(u8::from(one.any())))),
    }
}

/// The mean over tasks of the probability that some of `k` attempts resolves it (pass@k).
///
/// None where a task has fewer than `k` attempts.
pub fn pass_at(evaluations: &[Evaluation], k: usize) -> Option<f64> {
    let each: Option<Vec<f64>> = evaluations
        .iter()
        .map(|one| {
            let resolved = one.resolved.iter().filter(|resolved| **resolved).count();
            any_of(one.resolved.len(), resolved, k)
        })
        .collect();
    let each = each.filter(|each| !each.is_empty())?;
    Some(each.iter().sum::<f64>() / each.len() as f64)
}

/// The probability that `k` attempts, drawn from `all` without putting back, hold at least one of
/// the `resolved`: the unbiased estimator of pass@k.
pub fn any_of(all: usize, resolved: usize, k: usize) -> Option<f64> {
    if k == 0 || k > all || resolved > all {
        return None;
    }
    // One factor for each draw that misses; where there are too few misses, one of them is zero.
    let misses = all - resolved;
    let none: f64 = (0..k).map(|drawn| misses.saturating_sub(drawn) as f64 / (all - drawn) as f64).product();
    Some(1.0 - none)
}

/// The gain from `before` to `after` over the tasks that both have, with a clustered interval.
pub fn gain(before: &[Evaluation], after: &[Evaluation]) -> Option<Estimate> {
    gain_over(&[(before, after)])
}

/// The same over several seeds; each is compared with itself.
pub fn gain_over(seeds: &[Pair<'_>]) -> Option<Estimate> {
    gains_of(seeds, Evaluation::rate)
}

/// The gain in the share of tasks that any attempt resolved.
pub fn gain_by_any_over(seeds: &[Pair<'_>]) -> Option<Estimate> {
    gains_of(seeds, |one| f64::from(u8::from(one.any())))
}

fn gains_of(seeds: &[Pair<'_>], of: impl Fn(&Evaluation) -> f64) -> Option<Estimate> {
    let mut samples = Vec::new();
    for (seed, (before, after)) in seeds.iter().enumerate() {
        let known: BTreeMap<&str, f64> = before.iter().map(|one| (one.task.as_str(), of(one))).collect();
        samples.extend(after.iter().filter_map(|one| {
            let value = of(one) - known.get(one.task.as_str())?;
            Some(Sample { repo: &one.repo, task: &one.task, seed, value })
        }));
    }
    clustered(samples)
}

fn samples<'a>(seeds: &[&'a [Evaluation]], of: impl Fn(&Evaluation) -> f64) -> Vec<Sample<'a>> {
    let each = seeds
        .iter()
        .enumerate()
        .flat_map(|(seed, evaluations)| evaluations.iter().map(move |one| (seed, one)));
    each.map(|(seed, one)| Sample { repo: &one.repo, task: &one.task, seed, value: of(one) }).collect()
}

/// How many tasks were gained and how many lost, by whether any attempt resolved them; none where
/// the two have no task in common.
pub fn flips(before: &[Evaluation], after: &[Evaluation]) -> Option<(u32, u32)> {
    let known: BTreeMap<&str, bool> = before.iter().map(|one| (one.task.as_str(), one.any())).collect();
    let mut flips = (0u32, 0u32);
    let mut pairs = 0;
    for one in after {
        let Some(before) = known.get(one.task.as_str()) else { continue };
        pairs += 1;
        match (before, one.any()) {
            (false, true) => flips.0 += 1,
            (true, false) => flips.1 += 1,
            _ => (),
        }
    }
    (pairs > 0).then_some(flips)
}

/// McNemar's exact test on whether any attempt resolved a task: the two-sided probability of
/// a difference at least this large, if there were none.
pub fn mcnemar(before: &[Evaluation], after: &[Evaluation]) -> Option<f64> {
    let flips = flips(before, after)?;
    let (all, fewer) = (flips.0 + flips.1, flips.0.min(flips.1));
    // Half of all sequences of flips have each sign: a binomial tail, in logarithms.
    let log_choose = |n: u32, k: u32| {
        libm::lgamma(f64::from(n) + 1.0)
            - libm::lgamma(f64::from(k) + 1.0)
            - libm::lgamma(f64::from(n - k) + 1.0)
    };
    let tail: f64 =
        (0..=fewer).map(|k| libm::exp(log_choose(all, k) - f64::from(all) * std::f64::consts::LN_2)).sum();
    Some((2.0 * tail).min(1.0))
}

/// Wilson's interval for a share.
pub fn wilson(hits: usize, all: usize) -> Option<Estimate> {
    if all == 0 {
        return None;
    }
    const Z: f64 = 1.959_963_984_540_054;
    let (n, share) = (all as f64, hits as f64 / all as f64);
    let scale = 1.0 + Z * Z / n;
    let middle = (share + Z * Z / (2.0 * n)) / scale;
    let half = Z / scale * (share * (1.0 - share) / n + Z * Z / (4.0 * n * n)).sqrt();
    Some(Estimate { value: share, low: (middle - half).max(0.0), high: (middle + half).min(1.0) })
}

/// The mean of samples, with a percentile bootstrap that draws seeds, then repositories, then tasks
/// within each.
///
/// Seeds are drawn apart from repositories: every seed is measured on the same tasks, so what a
/// draw takes of one it takes of all. With one seed there is nothing to draw, and the interval
/// speaks of tasks and repositories alone.
pub fn clustered<'a>(samples: impl IntoIterator<Item = Sample<'a>>) -> Option<Estimate> {
    let mut repos: BTreeMap<&str, BTreeMap<&str, BTreeMap<usize, f64>>> = BTreeMap::new();
    for Sample { repo, task, seed, value } in samples {
        repos.entry(repo).or_default().entry(task).or_default().insert(seed, value);
    }
    let tasks = || repos.values().flat_map(BTreeMap::values);
    let seeds: BTreeSet<usize> = tasks().flat_map(BTreeMap::keys).copied().collect();
    // By repository and task: the value of each seed, as far as there is one.
    let clusters: Vec<Vec<Vec<Option<f64>>>> = repos
        .values()
        .map(|tasks| {
            tasks.values().map(|of| seeds.iter().map(|seed| of.get(seed).copied()).collect()).collect()
        })
        .collect();
    let all: usize = tasks().map(BTreeMap::len).sum();
    if all == 0 {
        return None;
    }
    let value = tasks().flat_map(BTreeMap::values).sum::<f64>() / all as f64;
    let mut random = Random::of(&clusters, seeds.len());
    let mut times = vec![1u32; seeds.len()];
    let mut means: Vec<f64> = Vec::with_capacity(DRAWS);
    while means.len() < DRAWS {
        if seeds.len() > 1 {
            times.fill(0);
            (0..seeds.len()).for_each(|_| times[random.below(seeds.len())] += 1);
        }
        let (mut sum, mut count) = (0.0, 0u32);
        for _ in 0..clusters.len() {
            let cluster = &clusters[random.below(clusters.len())];
            for _ in 0..cluster.len() {
                let task = &cluster[random.below(cluster.len())];
                for (value, times) in task.iter().zip(&times) {
                    if let Some(value) = value {
                        sum += value * f64::from(*times);
                        count += times;
                    }
                }
            }
        }
        // Where seeds were measured on different tasks, a draw may meet none of them.
        if count > 0 {
            means.push(sum / f64::from(count));
        }
    }
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((DRAWS - 1) as f64 * share).round() as usize];
    Some(Estimate { value, low: at(0.025), high: at(0.975) })
}

/// Numbers that depend on the data alone: the same figures give the same interval everywhere.
struct Random(ChaCha8Rng);

impl Random {
    fn of(clusters: &[Vec<Vec<Option<f64>>>], seeds: usize) -> Random {
        let mut fields = Fields::new("sswe.bootstrap.v1");
        if seeds > 1 {
            fields.number("seeds", seeds as u64);
        }
        for cluster in clusters {
            fields.number("cluster", cluster.len() as u64);
            for value in cluster.iter().flatten() {
                match value {
                    Some(value) => fields.number("value", value.to_bits()),
                    None => fields.number("none", 0),
                };
            }
        }
        let stream = Stream { seed: 0, kind: StageKind::Evaluate, round: None };
        let content: Digest = fields.finish();
        Random(stream.random(&content, None))
    }

    fn below(&mut self, bound: usize) -> usize {
        crate::random::below(&mut self.0, bound as u64) as usize
    }
}

#[cfg(test)]
mod tests;
