//! Figures with intervals: means that know their clusters, and paired comparisons.

use std::collections::BTreeMap;

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

/// The share of attempts that resolved their task, with an interval from a bootstrap clustered by
/// repository and task.
pub fn resolved(evaluations: &[Evaluation]) -> Option<Estimate> {
    let rates = evaluations.iter().map(|one| (one.repo.as_str(), one.task.as_str(), one.rate()));
    clustered(rates)
}

/// The share of tasks that any attempt resolved, with Wilson's interval.
pub fn resolved_by_any(evaluations: &[Evaluation]) -> Option<Estimate> {
    let hits = evaluations.iter().filter(|one| one.any()).count();
    wilson(hits, evaluations.len())
}

/// The gain from `before` to `after` over the tasks that both have, with a clustered interval.
pub fn gain(before: &[Evaluation], after: &[Evaluation]) -> Option<Estimate> {
    let known: BTreeMap<&str, f64> = before.iter().map(|one| (one.task.as_str(), one.rate())).collect();
    let pairs = after.iter().filter_map(|one| {
        let before = known.get(one.task.as_str())?;
        Some((one.repo.as_str(), one.task.as_str(), one.rate() - before))
    });
    clustered(pairs)
}

/// McNemar's exact test on whether any attempt resolved a task: the two-sided probability of
/// a difference at least this large, if there were none.
pub fn mcnemar(before: &[Evaluation], after: &[Evaluation]) -> Option<f64> {
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
    if pairs == 0 {
        return None;
    }
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

/// The mean of values, with a bootstrap that draws repositories, and then tasks within each.
fn clustered<'a>(values: impl Iterator<Item = (&'a str, &'a str, f64)>) -> Option<Estimate> {
    let mut repos: BTreeMap<&str, BTreeMap<&str, f64>> = BTreeMap::new();
    for (repo, task, value) in values {
        repos.entry(repo).or_default().insert(task, value);
    }
    let clusters: Vec<Vec<f64>> = repos.values().map(|tasks| tasks.values().copied().collect()).collect();
    let all: usize = clusters.iter().map(Vec::len).sum();
    if all == 0 {
        return None;
    }
    let value = clusters.iter().flatten().sum::<f64>() / all as f64;
    let mut random = Random::of(&clusters);
    let mut means: Vec<f64> = (0..DRAWS)
        .map(|_| {
            let (mut sum, mut count) = (0.0, 0);
            for _ in 0..clusters.len() {
                let cluster = &clusters[random.below(clusters.len())];
                for _ in 0..cluster.len() {
                    sum += cluster[random.below(cluster.len())];
                }
                count += cluster.len();
            }
            sum / f64::from(count as u32)
        })
        .collect();
    means.sort_by(f64::total_cmp);
    let at = |share: f64| means[((DRAWS - 1) as f64 * share).round() as usize];
    Some(Estimate { value, low: at(0.025), high: at(0.975) })
}

/// Numbers that depend on the data alone: the same figures give the same interval everywhere.
struct Random(ChaCha8Rng);

impl Random {
    fn of(clusters: &[Vec<f64>]) -> Random {
        let mut fields = Fields::new("sswe.bootstrap.v1");
        for cluster in clusters {
            fields.number("cluster", cluster.len() as u64);
            for value in cluster {
                fields.number("value", value.to_bits());
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
mod tests {
    use super::*;

    fn evaluation(repo: &str, task: &str, resolved: &[bool]) -> Evaluation {
        Evaluation {
            schema: "evaluation/1".to_owned(),
            task: task.to_owned(),
            repo: repo.to_owned(),
            kind: String::new(),
            resolved: resolved.to_vec(),
        }
    }

    fn some(hits: usize, all: usize) -> Vec<Evaluation> {
        (0..all)
            .map(|at| evaluation(&format!("r{}", at % 4), &format!("t{at}"), &[at < hits, false]))
            .collect()
    }

    #[test]
    fn intervals_hold_their_figure() {
        let estimate = resolved(&some(30, 60)).unwrap();
        assert_eq!(estimate.value, 0.25);
        assert!(estimate.low < 0.25 && 0.25 < estimate.high && estimate.high - estimate.low < 0.3);
        assert_eq!(resolved(&some(30, 60)), Some(estimate));
        assert_eq!(resolved(&[]), None);
        let constant = resolved(&some(0, 8)).unwrap();
        assert_eq!((constant.low, constant.high), (0.0, 0.0));
    }

    #[test]
    fn wilson_agrees_with_the_textbook() {
        // 10 of 20: 0.299 to 0.701.
        let estimate = wilson(10, 20).unwrap();
        assert!(
            (estimate.low - 0.2993).abs() < 1e-4 && (estimate.high - 0.7007).abs() < 1e-4,
            "{estimate:?}"
        );
        assert_eq!(wilson(0, 0), None);
    }

    #[test]
    fn gains_are_paired() {
        let gained = gain(&some(10, 60), &some(40, 60)).unwrap();
        assert_eq!(gained.value, 0.25);
        assert!(gained.low > 0.0);
        assert_eq!(gain(&some(10, 60), &some(10, 60)).unwrap().high, 0.0);
        // 5 flips, all one way: 2 / 32.
        let p = mcnemar(&some(0, 20), &some(5, 20)).unwrap();
        assert!((p - 0.0625).abs() < 1e-12, "{p}");
        assert_eq!(mcnemar(&some(3, 20), &some(3, 20)), Some(1.0));
    }
}
