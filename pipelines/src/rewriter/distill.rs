//! Traces become cards: which bugs the Solver does not find well.
//!
//! All of it rests on what traces show. Where some attempt on a task passed, its edit says what
//! was wrong, and it counts the more, the more rarely it was found. Where none did, nobody knows
//! what was wrong: the exception, the code that was suspected and what was tried in vain say what
//! it most likely was.

mod words;

use std::collections::{BTreeMap, BTreeSet};

use super::edit::Kind;
use crate::artifact::{Attempt, Card, Evidence, Lineage, Outcome, Weakness};

pub use words::skill_md;

/// How many traces a card names.
const NAMED: usize = 64;
/// How much a task counts whose attempts all passed, where one that none passed counts 1.
const SOLVED: f64 = 0.02;
/// How many kinds are held possible for a task that nobody solved.
const POSSIBLE: usize = 4;

/// How cards are made.
#[derive(Clone, Debug, PartialEq)]
pub struct Distill {
    /// The outcomes to learn from.
    pub learn_from: Vec<Outcome>,
    /// Cards at least as similar as this are one card.
    pub dedupe: f64,
    /// How many traces a card must rest on.
    pub coverage: u32,
}

impl Default for Distill {
    fn default() -> Distill {
        let learn_from = vec![Outcome::Passed, Outcome::Partial, Outcome::Failed];
        Distill { learn_from, dedupe: 0.85, coverage: 3 }
    }
}

/// A kind of edit, and the syntax around it.
type Pair = (Kind, String);

/// The attempts on a task.
#[derive(Debug, Default)]
struct Story<'a> {
    attempts: Vec<(&'a str, &'a Attempt)>,
    passed: u32,
    exception: String,
}

/// What will be a card.
#[derive(Clone, Debug, Default)]
struct Cluster {
    name: String,
    is_solved: bool,
    pairs: BTreeMap<Pair, f64>,
    exceptions: BTreeMap<String, f64>,
    /// Kinds that were tried and did not help, by number of attempts.
    vain: BTreeMap<Kind, u32>,
    traces: BTreeMap<String, Outcome>,
    tasks: BTreeSet<String>,
    repos: BTreeSet<String>,
    merged: BTreeSet<String>,
}

/// Writes cards from attempts, each with the digest of its trace; the weakest skill comes first.
///
/// An attempt knows neither what was planted nor the reference fix, so no card can.
pub fn distill(attempts: &[(String, Attempt)], settings: &Distill) -> Vec<Card> {
    let stories = stories(attempts, settings);
    let seen = Seen::new(&stories);
    let mut clusters: BTreeMap<String, Cluster> = BTreeMap::new();
    for (task, story) in &stories {
        let shares = if story.passed > 0 { solved(story) } else { seen.unsolved(story) };
        for (pair, weight) in shares {
            let name = match story.passed {
                0 => words::unsolved_name(&story.exception),
                _ => words::name(pair.0, &pair.1),
            };
            clusters.entry(name.clone()).or_default().take(name, task, story, pair, weight);
        }
    }
    let wide = |cluster: &Cluster| match cluster.pairs.keys().next() {
        Some((kind, _)) if cluster.is_solved => words::name(*kind, ""),
        _ => words::unsolved_name(""),
    };
    let clusters = widen(clusters, settings.coverage, &wide);
    let mut clusters = merge(clusters, settings.dedupe);
    clusters.retain(|cluster| cluster.traces.len() as u64 >= u64::from(settings.coverage));
    clusters.sort_by(|a, b| a.strength().total_cmp(&b.strength()).then(a.name.cmp(&b.name)));
    clusters.iter().map(Cluster::card).collect()
}

fn stories<'a>(attempts: &'a [(String, Attempt)], settings: &Distill) -> BTreeMap<&'a str, Story<'a>> {
    let mut stories: BTreeMap<&str, Story<'_>> = BTreeMap::new();
    let mut order: Vec<(&str, &Attempt)> =
        attempts.iter().map(|(digest, attempt)| (digest.as_str(), attempt)).collect();
    order.sort_by_key(|(digest, _)| *digest);
    order.dedup_by_key(|(digest, _)| *digest);
    for (digest, attempt) in order {
        if !settings.learn_from.contains(&attempt.outcome) {
            continue;
        }
        let story = stories.entry(&attempt.task).or_default();
        story.attempts.push((digest, attempt));
        story.passed += u32::from(attempt.outcome == Outcome::Passed);
        let failures = attempt.observed.failures.iter();
        let most = failures.max_by(|a, b| a.tests.cmp(&b.tests).then(b.exception.cmp(&a.exception)));
        story.exception = most.map_or(String::new(), |failure| failure.exception.clone());
    }
    stories
}

fn pair(attempt: &Attempt) -> Option<Pair> {
    Some((Kind::from_name(&attempt.tried.kind)?, attempt.tried.context.clone()))
}

/// Returns what was wrong, by the edits that passed: the more, the more rarely they were found.
fn solved(story: &Story<'_>) -> BTreeMap<Pair, f64> {
    let rarity = 1.0 - f64::from(story.passed) / story.attempts.len() as f64 + SOLVED;
    let mut shares = BTreeMap::new();
    for (_, attempt) in story.attempts.iter().filter(|(_, attempt)| attempt.outcome == Outcome::Passed) {
        if let Some(pair) = pair(attempt) {
            *shares.entry(pair).or_insert(0.0) += rarity / f64::from(story.passed);
        }
    }
    shares
}

/// What all tasks together show.
#[derive(Debug, Default)]
struct Seen {
    by_exception: BTreeMap<(String, Kind), f64>,
    by_kind: BTreeMap<Kind, f64>,
    contexts: BTreeMap<Kind, BTreeMap<String, f64>>,
}

impl Seen {
    fn new(stories: &BTreeMap<&str, Story<'_>>) -> Seen {
        let mut seen = Seen::default();
        for story in stories.values().filter(|story| story.passed > 0) {
            for (_, attempt) in
                story.attempts.iter().filter(|(_, attempt)| attempt.outcome == Outcome::Passed)
            {
                let Some((kind, context)) = pair(attempt) else { continue };
                let share = 1.0 / f64::from(story.passed);
                *seen.by_exception.entry((story.exception.clone(), kind)).or_insert(0.0) += share;
                *seen.by_kind.entry(kind).or_insert(0.0) += share;
                *seen.contexts.entry(kind).or_default().entry(context).or_insert(0.0) += share;
            }
        }
        seen
    }

    /// Returns what a task that nobody solved was most likely about: kinds that elsewhere mended
    /// the same exception, the less the more often they were tried here in vain, and the more when
    /// they mended a part.
    fn unsolved(&self, story: &Story<'_>) -> BTreeMap<Pair, f64> {
        let mut tries: BTreeMap<Kind, f64> = BTreeMap::new();
        let mut near: BTreeSet<Kind> = BTreeSet::new();
        let mut contexts: BTreeMap<Kind, BTreeMap<String, f64>> = BTreeMap::new();
        for (_, attempt) in &story.attempts {
            let Some((kind, context)) = pair(attempt) else { continue };
            if attempt.outcome == Outcome::Partial {
                near.insert(kind);
            } else {
                *tries.entry(kind).or_insert(0.0) += 1.0;
            }
            *contexts.entry(kind).or_default().entry(context).or_insert(0.0) += 1.0;
        }
        let all: f64 = self.by_kind.values().sum();
        let mut likely: Vec<(f64, Kind)> = Kind::ALL
            .into_iter()
            .map(|kind| {
                let here = self.by_exception.get(&(story.exception.clone(), kind)).copied().unwrap_or(0.0);
                let anywhere = self.by_kind.get(&kind).copied().unwrap_or(0.0) / all.max(1.0);
                let untried = 1.0 / (1.0 + tries.get(&kind).copied().unwrap_or(0.0));
                let nearness = if near.contains(&kind) { 3.0 } else { 1.0 };
                ((here + anywhere + 0.1) * untried * nearness, kind)
            })
            .collect();
        likely.sort_by(|a, b| b.0.total_cmp(&a.0).then(a.1.cmp(&b.1)));
        likely.truncate(POSSIBLE);
        let sum: f64 = likely.iter().map(|(share, _)| share).sum();
        let mut shares = BTreeMap::new();
        for (share, kind) in likely {
            let known = contexts.get(&kind).or_else(|| self.contexts.get(&kind));
            let most = known.and_then(|known| {
                known
                    .iter()
                    .max_by(|a, b| a.1.total_cmp(b.1).then(b.0.cmp(a.0)))
                    .map(|(context, _)| context.clone())
            });
            *shares.entry((kind, most.unwrap_or_default())).or_insert(0.0) += share / sum;
        }
        shares
    }
}

impl Cluster {
    fn take(&mut self, name: String, task: &str, story: &Story<'_>, pair: Pair, weight: f64) {
        self.name = name;
        self.is_solved = story.passed > 0;
        *self.pairs.entry(pair).or_insert(0.0) += weight;
        if self.tasks.insert(task.to_owned()) {
            *self.exceptions.entry(story.exception.clone()).or_insert(0.0) += 1.0;
        }
        for (digest, attempt) in &story.attempts {
            let is_new = self.traces.insert((*digest).to_owned(), attempt.outcome).is_none();
            if let (true, Outcome::Failed, Some(kind)) =
                (is_new, attempt.outcome, Kind::from_name(&attempt.tried.kind))
            {
                *self.vain.entry(kind).or_insert(0) += 1;
            }
            self.repos.insert(attempt.repo.clone());
        }
    }

    fn join(&mut self, other: Cluster) {
        let Cluster { name, is_solved, pairs, exceptions, vain, traces, tasks, repos, merged } = other;
        self.merged.insert(name);
        self.merged.extend(merged);
        self.is_solved |= is_solved;
        for (pair, weight) in pairs {
            *self.pairs.entry(pair).or_insert(0.0) += weight;
        }
        for (exception, count) in exceptions {
            *self.exceptions.entry(exception).or_insert(0.0) += count;
        }
        for (kind, count) in vain {
            *self.vain.entry(kind).or_insert(0) += count;
        }
        self.traces.extend(traces);
        self.tasks.extend(tasks);
        self.repos.extend(repos);
    }

    fn count(&self, outcome: Outcome) -> u32 {
        self.traces.values().filter(|one| **one == outcome).count() as u32
    }

    /// Returns the share of attempts that passed.
    fn strength(&self) -> f64 {
        f64::from(self.count(Outcome::Passed)) / self.traces.len().max(1) as f64
    }

    /// Returns how similar two clusters are, from 0 to 1: by kinds, by their contexts, and by what
    /// the failures look like.
    fn similarity(&self, other: &Cluster) -> f64 {
        if self.is_solved != other.is_solved {
            return 0.0;
        }
        let (a, b) = (self.marks(), other.marks());
        let product = |a: &BTreeMap<String, f64>, b: &BTreeMap<String, f64>| -> f64 {
            a.iter().map(|(mark, weight)| weight * b.get(mark).copied().unwrap_or(0.0)).sum()
        };
        let size = libm::sqrt(product(&a, &a) * product(&b, &b));
        if size > 0.0 { product(&a, &b) / size } else { 0.0 }
    }

    fn marks(&self) -> BTreeMap<String, f64> {
        let mut marks = BTreeMap::new();
        let all: f64 = self.pairs.values().sum();
        for ((kind, context), weight) in &self.pairs {
            *marks.entry(format!("kind {kind}")).or_insert(0.0) += weight / all;
            *marks.entry(format!("pair {kind} {context}")).or_insert(0.0) += weight / all;
        }
        let tasks = self.tasks.len().max(1) as f64;
        for (exception, count) in &self.exceptions {
            *marks.entry(format!("exception {exception}")).or_insert(0.0) += 0.5 * count / tasks;
        }
        marks
    }

    fn card(&self) -> Card {
        let sum: f64 = self.pairs.values().sum();
        let weakness = self
            .pairs
            .iter()
            .map(|((kind, context), weight)| Weakness {
                kind: kind.as_str().to_owned(),
                context: context.clone(),
                weight: weight / sum,
            })
            .collect();
        let mut weakness: Vec<Weakness> = weakness;
        weakness.sort_by(|a, b| (&a.kind, &a.context).cmp(&(&b.kind, &b.context)));
        let scope = match self.repos.first() {
            Some(only) if self.repos.len() == 1 => only.clone(),
            _ => "transfer".to_owned(),
        };
        Card {
            schema: "card/1".to_owned(),
            name: self.name.clone(),
            description: words::description(self),
            applicability: words::applicability(self),
            operations: words::operations(self),
            weakness,
            evidence: Evidence {
                traces: self.traces.keys().take(NAMED).cloned().collect(),
                passed: self.count(Outcome::Passed),
                partial: self.count(Outcome::Partial),
                failed: self.count(Outcome::Failed),
                tasks: self.tasks.len() as u32,
            },
            anti_patterns: words::anti_patterns(self),
            scope,
            lineage: Lineage { merged: self.merged.iter().cloned().collect() },
        }
    }
}

/// Joins clusters that rest on too few traces into wider ones, which may rest on enough.
fn widen(
    clusters: BTreeMap<String, Cluster>,
    coverage: u32,
    wide: &dyn Fn(&Cluster) -> String,
) -> BTreeMap<String, Cluster> {
    let is_covered = |cluster: &Cluster| cluster.traces.len() as u64 >= u64::from(coverage);
    let (mut kept, narrow): (BTreeMap<_, _>, BTreeMap<_, _>) =
        clusters.into_iter().partition(|(_, cluster)| is_covered(cluster));
    for cluster in narrow.into_values() {
        let name = wide(&cluster);
        match kept.get_mut(&name) {
            Some(known) => known.join(cluster),
            None => {
                let merged = (cluster.name != name).then(|| cluster.name.clone());
                let joined = Cluster { name: name.clone(), merged: merged.into_iter().collect(), ..cluster };
                kept.insert(name, joined);
            }
        }
    }
    kept
}

/// Joins clusters as long as two are at least as similar as `dedupe`, the most similar first.
fn merge(clusters: BTreeMap<String, Cluster>, dedupe: f64) -> Vec<Cluster> {
    let mut clusters: Vec<Cluster> = clusters.into_values().collect();
    loop {
        let mut best: Option<(f64, usize, usize)> = None;
        for (a, first) in clusters.iter().enumerate() {
            for (b, second) in clusters.iter().enumerate().skip(a + 1) {
                let similarity = first.similarity(second);
                if similarity >= dedupe && best.is_none_or(|(known, _, _)| similarity > known) {
                    best = Some((similarity, a, b));
                }
            }
        }
        let Some((_, a, b)) = best else { return clusters };
        let second = clusters.remove(b);
        let first = clusters.remove(a);
        // The card that rests on more keeps its name.
        let (mut large, small) =
            if first.traces.len() >= second.traces.len() { (first, second) } else { (second, first) };
        large.join(small);
        clusters.push(large);
    }
}

#[cfg(test)]
mod tests;
