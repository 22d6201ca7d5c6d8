//! What a curriculum came to, round by round: read from its artifacts, never from memory.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde::de::DeserializeOwned;
use sswe_cache::{Digest, Store};
use sswe_compiler::plan::{Plan, StageKind, StageName};
use sswe_engine::{Entry, Outputs};

use crate::artifact::{self, Card, Evaluation, KnownStatus, Repo, Scores, Selection, Suite, Verdict};
use crate::statistics::{self, Estimate};

/// A curriculum, round by round.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Summary {
    /// The rounds; round 0 is the base.
    pub rounds: Vec<Round>,
    /// Tests that decide nothing, by repository.
    pub left_out: Vec<LeftOut>,
}

/// Tests of a repository that decide nothing: they do not pass each time.
#[derive(Clone, Debug, Serialize)]
pub struct LeftOut {
    /// The repository.
    pub repo: String,
    /// How many tests it has.
    pub tests: usize,
    /// How many of them are left out, by what they do.
    pub by_status: BTreeMap<String, usize>,
    /// Modules that could not be loaded, with the reason.
    pub unloadable: BTreeMap<String, String>,
}

/// A round.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Round {
    /// Its number.
    pub round: u32,
    /// How many candidates were drawn.
    pub candidates: Option<usize>,
    /// The gates, in order.
    pub gates: Vec<Gate>,
    /// How many cards there are, how many of them are new, and how many of the round before are gone.
    pub cards: Option<(usize, usize, usize)>,
    /// How many tasks were scored, how many of them have a gradient, and their mean score.
    pub scored: Option<(usize, usize, f64)>,
    /// How many tasks were trained on, and how many of them are from earlier rounds.
    pub trained: Option<(usize, usize)>,
    /// How the weights did, by validation or bench block.
    pub evaluations: Vec<Measured>,
}

/// What a gate did.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Gate {
    /// Its name.
    pub name: String,
    /// How many candidates it saw.
    pub seen: usize,
    /// How many it accepted.
    pub accepted: usize,
    /// Why it rejected the others.
    pub reasons: BTreeMap<String, usize>,
}

/// How weights did on a validation or bench block.
#[derive(Clone, Debug, Serialize)]
pub struct Measured {
    /// The block.
    pub on: String,
    /// How many tasks it has.
    pub tasks: usize,
    /// The share of attempts that resolved their task.
    pub resolved: Interval,
    /// The share of tasks that any attempt resolved.
    pub any: Interval,
    /// The gain over the base, paired by task; none for the base itself.
    pub gain: Option<Interval>,
    /// The probability of such a difference in `any`, if there were none (McNemar).
    pub p: Option<f64>,
}

/// A figure with its 95 % interval.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Interval {
    /// The figure.
    pub value: f64,
    /// The lower end.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

impl From<Estimate> for Interval {
    fn from(Estimate { value, low, high }: Estimate) -> Interval {
        Interval { value, low, high }
    }
}

/// Reads artifacts of a store for people.
#[derive(Clone, Copy, Debug)]
pub struct Reader<'a> {
    store: &'a Store,
    outputs: &'a Outputs,
}

impl<'a> Reader<'a> {
    /// Reads what the stages of a plan gave.
    pub fn new(store: &'a Store, outputs: &'a Outputs) -> Reader<'a> {
        Reader { store, outputs }
    }

    /// Returns the entries of a port of a stage.
    pub fn entries(&self, stage: &StageName, port: &str) -> &'a [Entry] {
        self.outputs.get(stage).and_then(|ports| ports.get(port)).map_or(&[], Vec::as_slice)
    }

    /// Returns whether a stage gave something.
    pub fn has(&self, stage: &StageName) -> bool {
        self.outputs.contains_key(stage)
    }

    /// Reads an artifact. One that is lost is given up, so that the next build makes it again.
    pub fn read<T: DeserializeOwned>(&self, digest: &Digest) -> Result<T, String> {
        let lost = |error: sswe_cache::Error| {
            use sswe_cache::Error::{Damaged, Missing};
            if matches!(error, Damaged { .. } | Missing { .. }) {
                // A store that cannot be written says so itself.
                let _ = self.store.discard(digest);
            }
            error.to_string()
        };
        artifact::decode(&self.store.get(digest).map_err(lost)?)
    }

    /// Reads all artifacts of a port of a stage.
    pub fn read_all<T: DeserializeOwned>(&self, stage: &StageName, port: &str) -> Result<Vec<T>, String> {
        self.entries(stage, port).iter().map(|entry| self.read(&entry.digest)).collect()
    }
}

/// Sums up a curriculum, as far as it is built.
pub fn summary(plan: &Plan, reader: Reader<'_>) -> Result<Summary, String> {
    let mut rounds: BTreeMap<u32, Round> = BTreeMap::new();
    let mut base: BTreeMap<String, Vec<Evaluation>> = BTreeMap::new();
    let mut cards_before: BTreeSet<String> = BTreeSet::new();
    let mut left_out = Vec::new();
    for stage in plan.stages.iter().filter(|stage| stage.kind == StageKind::Baseline) {
        for repo in reader.read_all::<Repo>(&stage.name, "repo")? {
            let name = stage.name.0.rsplit('/').nth(1).unwrap_or_default().to_owned();
            left_out.extend(repo.suite.and_then(|suite| left_out_of(name, suite)));
        }
    }
    for stage in &plan.stages {
        let name = &stage.name;
        let Some(number) = stage.round.filter(|_| reader.has(name)) else { continue };
        let round = rounds.entry(number).or_insert_with(|| Round { round: number, ..Round::default() });
        let last = name.0.rsplit('/').next().unwrap_or_default();
        match stage.kind {
            StageKind::Generate => round.candidates = Some(reader.entries(name, "candidates").len()),
            StageKind::Gate => {
                let mut gate = Gate {
                    name: last.strip_prefix("gates.").unwrap_or(last).to_owned(),
                    accepted: reader.entries(name, "accepted").len(),
                    ..Gate::default()
                };
                for verdict in reader.read_all::<Verdict>(name, "funnel")? {
                    gate.seen += 1;
                    if !verdict.pass {
                        *gate.reasons.entry(verdict.reason).or_default() += 1;
                    }
                }
                round.gates.push(gate);
            }
            StageKind::Distill => {
                let cards: BTreeSet<String> =
                    reader.read_all::<Card>(name, "cards")?.into_iter().map(|card| card.name).collect();
                let born = cards.difference(&cards_before).count();
                let retired = cards_before.difference(&cards).count();
                round.cards = Some((cards.len(), born, retired));
                cards_before = cards;
            }
            StageKind::Score => {
                for scores in reader.read_all::<Scores>(name, "scores")? {
                    let all = scores.tasks.len();
                    let ok = scores.tasks.iter().filter(|task| task.status == "ok").count();
                    let sum: f64 = scores.tasks.iter().map(|task| task.score).sum();
                    round.scored = Some((all, ok, sum / all.max(1) as f64));
                }
            }
            StageKind::Select => {
                for selection in reader.read_all::<Selection>(name, "selection")? {
                    let earlier = selection.tasks.iter().filter(|task| task.earlier).count();
                    round.trained = Some((selection.tasks.len(), earlier));
                }
            }
            StageKind::Evaluate => {
                let evaluations: Vec<Evaluation> = reader.read_all(name, "evaluation")?;
                let on = last.strip_prefix("evaluate.").unwrap_or(last).to_owned();
                if number == 0 {
                    base.insert(on.clone(), evaluations.clone());
                }
                // Not everything is measured before the first round.
                let of_base = base.get(&on).filter(|_| number > 0);
                if let (Some(resolved), Some(any)) =
                    (statistics::resolved(&evaluations), statistics::resolved_by_any(&evaluations))
                {
                    round.evaluations.push(Measured {
                        on,
                        tasks: evaluations.len(),
                        resolved: resolved.into(),
                        any: any.into(),
                        gain: of_base
                            .and_then(|base| statistics::gain(base, &evaluations))
                            .map(Interval::from),
                        p: of_base.and_then(|base| statistics::mcnemar(base, &evaluations)),
                    });
                }
            }
            StageKind::Pin
            | StageKind::Env
            | StageKind::Baseline
            | StageKind::Tasks
            | StageKind::Weights
            | StageKind::WarmStart
            | StageKind::Bootstrap
            | StageKind::Solve
            | StageKind::Gradient
            | StageKind::Train
            | StageKind::Stop => (),
        }
    }
    Ok(Summary { rounds: rounds.into_values().collect(), left_out })
}

/// Counts the tests of a suite that decide nothing, if there are any.
fn left_out_of(repo: String, suite: Suite) -> Option<LeftOut> {
    let mut by_status: BTreeMap<String, usize> = BTreeMap::new();
    for test in suite.tests.values() {
        let what = match test.status {
            KnownStatus::Passed => continue,
            KnownStatus::Failed => "failing",
            KnownStatus::Skipped => "skipped",
            KnownStatus::Flaky => "flaky",
        };
        *by_status.entry(what.to_owned()).or_default() += 1;
    }
    let is_any = !by_status.is_empty() || !suite.unloadable.is_empty();
    is_any.then_some(LeftOut { repo, tests: suite.tests.len(), by_status, unloadable: suite.unloadable })
}
