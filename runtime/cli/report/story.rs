//! What a run came to, gathered from the store and its log, and from nothing else.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::Value;
use sswe_cache::{Digest, Run, Store};
use sswe_compiler::plan::{StageKind, StageName};
use sswe_engine::{Event, Outputs, RunEvent, outputs_of};
use sswe_pipelines::{
    artifact::{Card, Evaluation, KnownStatus, Repo, Scores, Selection, Task, Tree},
    overlap::{self, Overlap},
    statistics::{self, Estimate},
    summary::{self, Reader, Summary},
};

use super::record::Record;
use super::time::{Spent, spent};
use crate::Failure;
use crate::store;

/// Everything that a report tells.
pub(crate) struct Story {
    pub(crate) run: Run,
    pub(crate) info: Value,
    pub(crate) record: Record,
    pub(crate) tally: [u64; 4],
    pub(crate) wall_s: Option<f64>,
    /// Stages that gave nothing, other than because the curriculum stopped.
    pub(crate) without: Vec<String>,
    /// Stages whose artifacts a sweep took.
    pub(crate) swept: usize,
    pub(crate) summary: Summary,
    /// What was measured, benches first.
    pub(crate) measures: Vec<Measure>,
    pub(crate) scores: Vec<RoundScores>,
    pub(crate) cards: Vec<CardLine>,
    pub(crate) repos: Vec<RepoLine>,
    pub(crate) overlaps: Vec<Overlap>,
    pub(crate) spent: Vec<Spent>,
}

/// What was measured on a bench or exam.
pub(crate) struct Measure {
    pub(crate) on: String,
    pub(crate) is_bench: bool,
    pub(crate) tasks: usize,
    pub(crate) attempts: usize,
    pub(crate) rounds: Vec<Point>,
    pub(crate) repos: Vec<ByRepo>,
}

/// How the weights of a round did.
pub(crate) struct Point {
    pub(crate) round: u32,
    pub(crate) resolved: Estimate,
    pub(crate) any: Estimate,
    /// pass@k for each k from 1.
    pub(crate) pass_at: Vec<f64>,
    pub(crate) gain: Option<Estimate>,
    pub(crate) step: Option<Estimate>,
    pub(crate) flips: Option<(u32, u32)>,
    pub(crate) p: Option<f64>,
}

/// The base and the last round in one repository.
pub(crate) struct ByRepo {
    pub(crate) repo: String,
    pub(crate) tasks: usize,
    pub(crate) base: Estimate,
    pub(crate) last: Estimate,
    pub(crate) any: (usize, usize),
    pub(crate) gain: Option<Estimate>,
}

/// The scores of a round.
pub(crate) struct RoundScores {
    pub(crate) round: u32,
    pub(crate) mode: String,
    pub(crate) exam: (u32, u32),
    /// Each task's score, whether it has a gradient, and whether it was trained on.
    pub(crate) tasks: Vec<(f64, bool, bool)>,
    pub(crate) left_out: BTreeMap<String, u32>,
}

/// A card, and the rounds in which it lived.
pub(crate) struct CardLine {
    pub(crate) name: String,
    pub(crate) rounds: Vec<u32>,
    pub(crate) card: Card,
    /// How many candidates it guided, and how many of these were trained on.
    pub(crate) tasks: (u32, u32),
}

/// A repository.
pub(crate) struct RepoLine {
    pub(crate) name: String,
    pub(crate) roles: Vec<String>,
    pub(crate) source: String,
    pub(crate) pin: String,
    pub(crate) python: String,
    pub(crate) files: usize,
    pub(crate) tests: usize,
    pub(crate) trusted: usize,
    pub(crate) drawn: u32,
    pub(crate) trained: u32,
}

/// Reads the evaluations of a run, by block and round.
pub(crate) fn evaluations(
    record: &Record,
    reader: Reader<'_>,
) -> Result<BTreeMap<String, BTreeMap<u32, Vec<Evaluation>>>, String> {
    let mut found: BTreeMap<String, BTreeMap<u32, Vec<Evaluation>>> = BTreeMap::new();
    for (name, kind, round) in &record.stages {
        let on = name.rsplit('/').next().and_then(|last| last.strip_prefix("evaluate."));
        let (StageKind::Evaluate, Some(on), Some(round)) = (kind, on, round) else { continue };
        let all: Vec<Evaluation> = reader.read_all(&stage_name(name), "evaluation")?;
        if !all.is_empty() {
            found.entry(on.to_owned()).or_default().insert(*round, all);
        }
    }
    Ok(found)
}

fn stage_name(name: &str) -> StageName {
    StageName(name.into())
}

/// The events of a run, as far as they tell what became of its stages.
pub(crate) struct Told {
    pub(crate) events: Vec<RunEvent>,
    pub(crate) gave: Vec<(StageName, StageKind, Digest)>,
    without: Vec<String>,
}

/// Reads the log of a run.
pub(crate) fn told(store: &Store, run: &Run, record: &Record) -> Result<Told, Failure> {
    let log = store.events(run.id).map_err(|error| store::failure(&error))?;
    let events: Vec<RunEvent> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    if events.is_empty() {
        return Err(Failure::file(format!("run {} left no log of its stages", run.id.0))
            .hint("it never began, or a sweep of the store took the log; `sswe log` lists the others"));
    }
    let kinds: BTreeMap<&str, StageKind> =
        record.stages.iter().map(|(name, kind, _)| (name.as_str(), *kind)).collect();
    let (mut gave, mut without) = (Vec::new(), Vec::new());
    for event in &events {
        let Event::StageFinished { stage, digest, .. } = &event.event else { continue };
        match (digest.as_ref().and_then(|digest| digest.parse().ok()), kinds.get(stage.as_str())) {
            (Some(digest), Some(kind)) => gave.push((stage_name(stage), *kind, digest)),
            (None, _) => without.push(stage.clone()),
            (Some(_), None) => (),
        }
    }
    Ok(Told { events, gave, without })
}

/// Gathers what a run came to.
pub(crate) fn gather(store: &Store, run: Run, record: Record) -> Result<Story, Failure> {
    let Told { events, gave, without } = told(store, &run, &record)?;
    let outputs = outputs_of(store, &gave).map_err(|error| Failure::file(error.to_string()))?;
    let unreadable = |why: String| {
        Failure::file(format!("run {} cannot be read from the store: {why}", run.id.0))
            .hint("`sswe build` makes what is missing")
    };
    let reader = Reader::new(store, &outputs);
    let plan = record.plan();
    let summary = summary::summary(&plan, reader).map_err(unreadable)?;
    let gathered = Gathering { record: &record, reader };
    let (names, repos, trees) = gathered.repos().map_err(unreadable)?;
    let measures = gathered.measures(&names).map_err(unreadable)?;
    let (scores, chosen) = gathered.scores().map_err(unreadable)?;
    let (cards, drawn) = gathered.cards(&chosen).map_err(unreadable)?;
    let repos = repos
        .into_iter()
        .map(|line| {
            let (drawn, trained) = drawn.get(&line.name_key(&names)).copied().unwrap_or_default();
            RepoLine { drawn, trained, ..line }
        })
        .collect();
    let last = events.last().map(|event| &event.event);
    let (tally, wall_s) = match last {
        Some(Event::RunFinished { ran, cached, failed, infra, wall_s, .. }) => {
            ([*ran, *cached, *failed, *infra], Some(*wall_s))
        }
        _ => ([0; 4], None),
    };
    Ok(Story {
        info: serde_json::from_str(&run.info).unwrap_or_default(),
        tally,
        wall_s,
        without,
        swept: swept(&gave, &outputs),
        summary,
        measures,
        scores,
        cards,
        repos,
        overlaps: overlap::overlaps(&record.roles(), &trees),
        spent: spent(store, &run, &events).map_err(|error| store::failure(&error))?,
        run,
        record,
    })
}

fn swept(gave: &[(StageName, StageKind, Digest)], outputs: &Outputs) -> usize {
    gave.iter().filter(|(name, ..)| !outputs.contains_key(name)).count()
}

impl RepoLine {
    /// Returns the digest under which tasks know the repository.
    fn name_key(&self, names: &BTreeMap<String, String>) -> String {
        names
            .iter()
            .find(|(_, name)| **name == self.name)
            .map(|(digest, _)| digest.clone())
            .unwrap_or_default()
    }
}

/// The tasks that each round trained on, by digest.
type Chosen = BTreeMap<u32, BTreeSet<String>>;

/// How many tasks were drawn in a repository, and how many of them trained on, by its digest.
type Drawn = BTreeMap<String, (u32, u32)>;

struct Gathering<'a> {
    record: &'a Record,
    reader: Reader<'a>,
}

impl Gathering<'_> {
    fn of_kind(&self, kind: StageKind) -> impl Iterator<Item = (StageName, u32)> {
        let of = self.record.stages.iter().filter(move |(_, own, _)| *own == kind);
        of.map(|(name, _, round)| (stage_name(name), round.unwrap_or(0)))
    }

    /// Returns what repositories are called by the digests that tasks know them by, what is known
    /// of them, and their files.
    #[expect(clippy::type_complexity, reason = "three maps of one loop")]
    fn repos(&self) -> Result<(BTreeMap<String, String>, Vec<RepoLine>, BTreeMap<String, Tree>), String> {
        let (mut names, mut lines, mut trees) = (BTreeMap::new(), Vec::new(), BTreeMap::new());
        for (stage, _) in self.of_kind(StageKind::Baseline) {
            let Some(entry) = self.reader.entries(&stage, "repo").first() else { continue };
            let Some(name) = stage.0.rsplit('/').nth(1) else { continue };
            let pin = StageName(stage.0.replace("/baseline", "/pin").into());
            let repo: Repo = self.reader.read(&entry.digest)?;
            let roles = self.record.roles.iter().filter(|(.., repos)| repos.contains(name));
            let roles = roles.map(|(kind, block, _)| match kind.as_str() {
                "trained" => "trained on".to_owned(),
                kind => format!("{kind} {block}"),
            });
            let tests = repo.suite.as_ref().map(|suite| &suite.tests);
            let passing = |tests: &BTreeMap<String, sswe_pipelines::artifact::KnownTest>| {
                tests.values().filter(|test| test.status == KnownStatus::Passed).count()
            };
            names.insert(entry.digest.to_string(), name.to_owned());
            lines.push(RepoLine {
                name: name.to_owned(),
                roles: roles.collect(),
                source: self.record.sources.get(name).cloned().unwrap_or_default(),
                pin: self
                    .reader
                    .entries(&pin, "repo")
                    .first()
                    .map_or_else(String::new, |of| of.digest.short()),
                python: repo.env.as_ref().map_or_else(String::new, |env| env.python.clone()),
                files: repo.files.len(),
                tests: tests.map_or(0, BTreeMap::len),
                trusted: tests.map_or(0, passing),
                drawn: 0,
                trained: 0,
            });
            trees.insert(name.to_owned(), repo.files);
        }
        Ok((names, lines, trees))
    }

    fn measures(&self, names: &BTreeMap<String, String>) -> Result<Vec<Measure>, String> {
        let mut measures = Vec::new();
        for (on, rounds) in evaluations(self.record, self.reader)? {
            let Some(first) = rounds.values().next() else { continue };
            let base = rounds.get(&0);
            let attempts = first.iter().map(|one| one.resolved.len()).max().unwrap_or(0);
            let mut before: Option<&Vec<Evaluation>> = None;
            let mut points = Vec::new();
            for (round, all) in &rounds {
                let against = base.filter(|_| *round > 0);
                if let (Some(resolved), Some(any)) =
                    (statistics::resolved(all), statistics::resolved_by_any(all))
                {
                    points.push(Point {
                        round: *round,
                        resolved,
                        any,
                        pass_at: (1..=attempts).filter_map(|k| statistics::pass_at(all, k)).collect(),
                        gain: against.and_then(|base| statistics::gain(base, all)),
                        step: before.and_then(|before| statistics::gain(before, all)),
                        flips: against.and_then(|base| statistics::flips(base, all)),
                        p: against.and_then(|base| statistics::mcnemar(base, all)),
                    });
                }
                before = Some(all);
            }
            let last = rounds.values().next_back().filter(|_| rounds.len() > 1);
            let repos = match (base, last) {
                (Some(base), Some(last)) => by_repo(base, last, names),
                _ => Vec::new(),
            };
            let is_bench = self.record.is_bench(&on);
            measures.push(Measure { on, is_bench, tasks: first.len(), attempts, rounds: points, repos });
        }
        measures.sort_by_key(|measure| !measure.is_bench);
        Ok(measures)
    }

    fn scores(&self) -> Result<(Vec<RoundScores>, Chosen), String> {
        let mut chosen = Chosen::new();
        let mut left_out: BTreeMap<u32, BTreeMap<String, u32>> = BTreeMap::new();
        for (stage, round) in self.of_kind(StageKind::Select) {
            for selection in self.reader.read_all::<Selection>(&stage, "selection")? {
                let tasks = selection.tasks.into_iter().map(|task| task.task);
                chosen.entry(round).or_default().extend(tasks);
                left_out.insert(round, selection.left_out);
            }
        }
        let mut found = Vec::new();
        for (stage, round) in self.of_kind(StageKind::Score) {
            for scores in self.reader.read_all::<Scores>(&stage, "scores")? {
                let taken = |task: &str| chosen.get(&round).is_some_and(|of| of.contains(task));
                let tasks = scores.tasks.iter().map(|one| (one.score, one.status == "ok", taken(&one.task)));
                found.push(RoundScores {
                    round,
                    mode: scores.mode.clone(),
                    exam: scores.exam,
                    tasks: tasks.collect(),
                    left_out: left_out.remove(&round).unwrap_or_default(),
                });
            }
        }
        Ok((found, chosen))
    }

    /// Returns the cards, those with most evidence first, and what was drawn of each repository.
    fn cards(&self, chosen: &Chosen) -> Result<(Vec<CardLine>, Drawn), String> {
        let mut lines: BTreeMap<String, CardLine> = BTreeMap::new();
        let mut by_digest: BTreeMap<String, String> = BTreeMap::new();
        for (stage, round) in self.of_kind(StageKind::Distill) {
            for entry in self.reader.entries(&stage, "cards") {
                let card: Card = self.reader.read(&entry.digest)?;
                by_digest.insert(entry.digest.to_string(), card.name.clone());
                let line = lines.entry(card.name.clone()).or_insert_with(|| CardLine {
                    name: card.name.clone(),
                    rounds: Vec::new(),
                    card: card.clone(),
                    tasks: (0, 0),
                });
                line.rounds.push(round);
                line.card = card;
            }
        }
        let mut drawn = Drawn::new();
        for (stage, _) in self.of_kind(StageKind::Generate) {
            for entry in self.reader.entries(&stage, "candidates") {
                let task: Task = self.reader.read(&entry.digest)?;
                let digest = entry.digest.to_string();
                let is_trained = chosen.values().any(|of| of.contains(&digest));
                let count = |of: &mut (u32, u32)| *of = (of.0 + 1, of.1 + u32::from(is_trained));
                count(drawn.entry(task.repo.clone()).or_default());
                let card = task.planted.card.as_ref().and_then(|card| by_digest.get(card));
                if let Some(line) = card.and_then(|name| lines.get_mut(name)) {
                    count(&mut line.tasks);
                }
            }
        }
        let mut lines: Vec<CardLine> = lines.into_values().collect();
        let weight = |line: &CardLine| line.card.evidence.tasks;
        lines.sort_by(|a, b| {
            let born = |line: &CardLine| line.rounds.first().copied();
            (born(a), weight(b), &a.name).cmp(&(born(b), weight(a), &b.name))
        });
        Ok((lines, drawn))
    }
}

fn by_repo(base: &[Evaluation], last: &[Evaluation], names: &BTreeMap<String, String>) -> Vec<ByRepo> {
    let repos: BTreeSet<&str> = base.iter().map(|one| one.repo.as_str()).collect();
    let of = |all: &[Evaluation], repo: &str| -> Vec<Evaluation> {
        all.iter().filter(|one| one.repo == repo).cloned().collect()
    };
    let lines = repos.into_iter().filter_map(|repo| {
        let (base, last) = (of(base, repo), of(last, repo));
        let any = |all: &[Evaluation]| all.iter().filter(|one| one.any()).count();
        Some(ByRepo {
            repo: names.get(repo).cloned().unwrap_or_else(|| repo.chars().take(12).collect()),
            tasks: base.len(),
            base: statistics::resolved(&base)?,
            last: statistics::resolved(&last)?,
            any: (any(&base), any(&last)),
            gain: statistics::gain(&base, &last),
        })
    });
    let mut lines: Vec<ByRepo> = lines.collect();
    lines.sort_by(|a, b| a.repo.cmp(&b.repo));
    lines
}
