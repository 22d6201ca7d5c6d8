//! `sswe show run|cards|tasks|traces [ID]`: what a curriculum made, read from the store.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::{Value, json};
use sswe_cache::Digest;
use sswe_compiler::plan::{Plan, Stage, StageKind};
use sswe_engine::outputs;
use sswe_pipelines::{
    artifact::{Card, Outcome, Scored, Scores, Selection, Task, Traces},
    rewriter, summary,
    summary::Reader,
};

use super::open_checked;
use crate::{
    Failure,
    args::{self, Part},
    exit, load, lock, request, store, style, summary as table,
};

/// What can be shown.
pub(crate) const WHAT: &[&str] = &["run", "cards", "tasks", "traces"];

pub(crate) fn run(args: &args::Show) -> Result<u8, Failure> {
    let is_file = |what: &&String| what.ends_with(".sswe");
    let (files, words): (Vec<&String>, Vec<&String>) = args.what.iter().partition(is_file);
    let file = load::file(files.first().map(std::path::PathBuf::from).as_ref())?;
    let Some(opened) = open_checked(&file, &args.compile)? else { return Ok(exit::FILE_HAS_ERRORS) };
    let store = store::existing()?;
    let work = lock::look(&opened)?;
    let (what, id) = (words[0].as_str(), words.get(1).map(|id| id.as_str()));
    for of in request::choose(&opened, &Part::default(), "show")? {
        let options = of.options(&opened, None);
        let found = outputs(&of.plan, &store, &work, &options)
            .map_err(|error| request::refused(&error, &opened, &of.plan))?;
        let shown = Shown { plan: &of.plan, reader: Reader::new(&store, &found), json: args.json };
        let text = match what {
            "run" => shown.run(),
            "cards" => shown.cards(id),
            "tasks" => shown.tasks(id),
            _ => shown.traces(id),
        };
        let text = text.map_err(|why| Failure::file(format!("cannot show {what}: {why}")))?;
        if text.is_empty() {
            let failure = Failure::usage(match id {
                Some(id) => {
                    format!("there is no such thing among the {what} of `{}`: `{id}`", of.plan.curriculum)
                }
                None => format!("`{}` has no {what} yet", of.plan.curriculum),
            });
            return Err(failure.hint(match id {
                Some(_) => format!("`sswe show {what}` lists them; the beginning of an id is enough"),
                None => "a build makes them: `sswe build`".to_owned(),
            }));
        }
        style::print(&text);
    }
    Ok(exit::OK)
}

struct Shown<'a> {
    plan: &'a Plan,
    reader: Reader<'a>,
    json: bool,
}

/// A task, with what became of it.
struct Known {
    task: Task,
    stages: Vec<String>,
    scores: BTreeMap<u32, Scored>,
    trained: Vec<u32>,
}

impl Shown<'_> {
    fn of_kind(&self, kinds: &[StageKind]) -> impl Iterator<Item = &Stage> {
        self.plan.stages.iter().map(|stage| &**stage).filter(move |stage| kinds.contains(&stage.kind))
    }

    /// Returns what repositories are called, by the digest of what their baseline gave.
    fn repos(&self) -> BTreeMap<String, String> {
        let named = self.of_kind(&[StageKind::Baseline]).filter_map(|stage| {
            let entry = self.reader.entries(&stage.name, "repo").first()?;
            let name = stage.name.0.rsplit('/').nth(1)?;
            Some((entry.digest.to_string(), name.to_owned()))
        });
        named.collect()
    }

    fn run(&self) -> Result<String, String> {
        let summary = summary::summary(self.plan, self.reader)?;
        Ok(if self.json { document(&json!(summary)) } else { table::table(&summary) })
    }

    fn cards(&self, id: Option<&str>) -> Result<String, String> {
        let mut out = String::new();
        for stage in self.of_kind(&[StageKind::Distill]) {
            for entry in self.reader.entries(&stage.name, "cards") {
                let card: Card = self.reader.read(&entry.digest)?;
                let digest = entry.digest;
                let is_meant = id.is_none_or(|id| is_id(&digest, id) || card.name == id);
                if !is_meant {
                    continue;
                }
                if self.json {
                    out.push_str(&line(&digest, stage, json!(card)));
                } else if id.is_some() {
                    let _ = writeln!(out, "card {digest}\nmade by {}\n", stage.name);
                    out.push_str(&rewriter::skill_md(&card));
                    return Ok(out);
                } else {
                    let evidence = &card.evidence;
                    let _ = writeln!(
                        out,
                        "r{}  {}  {:<44}  tasks {}: {} passed, {} partial, {} failed",
                        stage.round.unwrap_or(0),
                        digest.short(),
                        card.name,
                        evidence.tasks,
                        evidence.passed,
                        evidence.partial,
                        evidence.failed
                    );
                }
            }
        }
        Ok(out)
    }

    /// Collects every task that some stage gave.
    fn all_tasks(&self) -> Result<BTreeMap<Digest, Known>, String> {
        let mut known: BTreeMap<Digest, Known> = BTreeMap::new();
        for stage in &self.plan.stages {
            let port = match stage.kind {
                StageKind::Tasks | StageKind::Bootstrap => "tasks",
                StageKind::Generate => "candidates",
                StageKind::Gate => "accepted",
                _ => continue,
            };
            for entry in self.reader.entries(&stage.name, port) {
                if let Some(found) = known.get_mut(&entry.digest) {
                    found.stages.push(stage.name.to_string());
                    continue;
                }
                let task: Task = self.reader.read(&entry.digest)?;
                let stages = vec![stage.name.to_string()];
                known.insert(
                    entry.digest,
                    Known { task, stages, scores: BTreeMap::new(), trained: Vec::new() },
                );
            }
        }
        for stage in self.of_kind(&[StageKind::Score, StageKind::Select]) {
            let round = stage.round.unwrap_or(0);
            for scores in self.reader.read_all::<Scores>(&stage.name, "scores")? {
                for scored in scores.tasks {
                    if let Some(known) = scored.task.parse().ok().and_then(|digest| known.get_mut(&digest)) {
                        known.scores.insert(round, scored);
                    }
                }
            }
            for selection in self.reader.read_all::<Selection>(&stage.name, "selection")? {
                for task in selection.tasks {
                    if let Some(known) = task.task.parse().ok().and_then(|digest| known.get_mut(&digest)) {
                        known.trained.push(round);
                    }
                }
            }
        }
        Ok(known)
    }

    fn tasks(&self, id: Option<&str>) -> Result<String, String> {
        let repos = self.repos();
        let repo = |task: &Task| repos.get(&task.repo).cloned().unwrap_or_else(|| short(&task.repo));
        let mut out = String::new();
        let mut all: Vec<(Digest, Known)> = self.all_tasks()?.into_iter().collect();
        all.sort_by(|(a, known), (b, other)| known.stages.cmp(&other.stages).then(a.cmp(b)));
        for (digest, known) in all {
            let Known { task, stages, scores, trained } = &known;
            if !id.is_none_or(|id| is_id(&digest, id) || is_id(&task.face(), id)) {
                continue;
            }
            if self.json {
                out.push_str(&format!(
                    "{}\n",
                    json!({ "id": digest.to_string(), "stages": stages, "scores": scores, "trained": trained, "task": task })
                ));
            } else if id.is_some() {
                return self.one_task(&digest, &known, &repo(task));
            } else {
                let last =
                    stages.last().map(|stage| stage.split_once('/').map_or(&**stage, |(_, rest)| rest));
                let score =
                    scores.values().last().map_or_else(String::new, |one| format!("{:+.3}", one.score));
                let rounds: Vec<String> = trained.iter().map(|round| format!("r{round}")).collect();
                let rounds = if rounds.is_empty() {
                    String::new()
                } else {
                    format!("trained in {}", rounds.join(" "))
                };
                let text = format!(
                    "{}  {:<22} {:<10} {:<11} {:>3} failing  {:>6}  {rounds}",
                    digest.short(),
                    last.unwrap_or_default(),
                    repo(task),
                    task.planted.kind,
                    task.fail_to_pass.len(),
                    score,
                );
                let _ = writeln!(out, "{}", text.trim_end());
            }
        }
        Ok(out)
    }

    fn one_task(&self, digest: &Digest, known: &Known, repo: &str) -> Result<String, String> {
        let Known { task, stages, scores, trained } = known;
        let mut out = format!("task {digest}\n\n{}\n\n", task.statement.trim());
        let planted = &task.planted;
        let _ = writeln!(
            out,
            "planted: {} in {}:{} ({})",
            planted.kind, planted.path, planted.line, planted.function
        );
        let _ = writeln!(out, "  - {}\n  + {}", one_line(&planted.before), one_line(&planted.after));
        let _ = writeln!(out, "repository: {repo}");
        let _ = writeln!(
            out,
            "fails: {} tests, {} others pass",
            task.fail_to_pass.len(),
            task.pass_to_pass.len()
        );
        task.fail_to_pass.iter().take(5).for_each(|test| out.push_str(&format!("  {test}\n")));
        out.push_str("\nwhere it comes from, backwards:\n");
        for round in trained {
            let score = scores.get(round).map_or_else(String::new, |one| {
                let error = one.error.map_or_else(String::new, |error| format!(" ± {error:.3}"));
                format!(
                    ", score {:+.3}{error}, {} of {} attempts resolved it",
                    one.score, one.resolved.0, one.resolved.1
                )
            });
            let _ = writeln!(out, "  trained on in round {round}{score}");
        }
        stages.iter().rev().for_each(|stage| out.push_str(&format!("  given by {stage}\n")));
        let Some(card) = &planted.card else {
            out.push_str("  no card guided it\n");
            return Ok(out);
        };
        let card_digest: Digest = card.parse().map_err(|_| format!("`{card}` is no digest"))?;
        let card: Card = self.reader.read(&card_digest)?;
        let _ = writeln!(out, "  guided by card {} ({})", card_digest.short(), card.name);
        for trace in &card.evidence.traces {
            if let Some((stage, traces, attempt)) = self.find_trace(trace)? {
                let tried = &traces.attempts[attempt].tried;
                let _ = writeln!(
                    out,
                    "    trace {} of {stage}: attempt {attempt} on task {} tried {} in {} and {}",
                    short(trace),
                    short(&traces.task),
                    tried.kind,
                    tried.function,
                    ended(traces.attempts[attempt].outcome)
                );
            }
        }
        Ok(out)
    }

    /// Finds the trace of an attempt by its digest.
    fn find_trace(&self, id: &str) -> Result<Option<(String, Traces, usize)>, String> {
        for stage in self.of_kind(&[StageKind::Solve]) {
            for entry in self.reader.entries(&stage.name, "traces") {
                let traces: Traces = self.reader.read(&entry.digest)?;
                let digests = traces.each().map(|attempt| attempt.digest().to_string());
                let at = digests.collect::<Vec<_>>().iter().position(|digest| digest.starts_with(id));
                if let Some(at) = at {
                    return Ok(Some((stage.name.to_string(), traces, at)));
                }
            }
        }
        Ok(None)
    }

    fn traces(&self, id: Option<&str>) -> Result<String, String> {
        let mut out = String::new();
        for stage in self.of_kind(&[StageKind::Solve]) {
            for entry in self.reader.entries(&stage.name, "traces") {
                let traces: Traces = self.reader.read(&entry.digest)?;
                for attempt in traces.each() {
                    let digest = attempt.digest();
                    if !id.is_none_or(|id| is_id(&digest, id)) {
                        continue;
                    }
                    let tried = &attempt.tried;
                    if self.json {
                        out.push_str(&line(&digest, stage, json!(attempt)));
                        continue;
                    }
                    let _ = writeln!(
                        out,
                        "{}  {:<18} task {}  {:<12} {}:{}  {}",
                        digest.short(),
                        stage.name.0.split_once('/').map_or("", |(_, rest)| rest),
                        short(&attempt.task),
                        tried.kind,
                        tried.path,
                        tried.line,
                        ended(attempt.outcome)
                    );
                    if id.is_none() {
                        continue;
                    }
                    let _ = writeln!(
                        out,
                        "\n{}\n\n  - {}\n  + {}",
                        attempt.statement.trim(),
                        one_line(&tried.before),
                        one_line(&tried.after)
                    );
                    let counts = attempt.feedback.counts;
                    let _ = writeln!(
                        out,
                        "\nfixed {} of {} failing tests, kept {} of {}; chosen among {} edits with probability {:.3}",
                        counts.fixed,
                        counts.failing,
                        counts.kept,
                        counts.passing,
                        tried.choices,
                        tried.log_probability.exp()
                    );
                    for (test, status) in &attempt.feedback.not_passed {
                        let _ = writeln!(out, "  {test}: {}", format!("{status:?}").to_lowercase());
                    }
                }
            }
        }
        Ok(out)
    }
}

fn is_id(digest: &Digest, id: &str) -> bool {
    id.len() >= 4 && digest.to_string().starts_with(id)
}

fn short(digest: &str) -> String {
    digest.chars().take(12).collect()
}

fn one_line(text: &str) -> String {
    let mut lines = text.lines();
    let first = lines.next().unwrap_or("(nothing)").trim();
    if lines.next().is_some() { format!("{first} …") } else { first.to_owned() }
}

fn ended(outcome: Outcome) -> &'static str {
    match outcome {
        Outcome::Passed => "resolved it",
        Outcome::Partial => "fixed some tests",
        Outcome::Failed => "failed",
    }
}

fn line(digest: &Digest, stage: &Stage, body: Value) -> String {
    format!("{}\n", json!({ "id": digest.to_string(), "stage": stage.name.to_string(), "body": body }))
}

fn document(value: &Value) -> String {
    format!("{}\n", serde_json::to_string_pretty(value).unwrap_or_default())
}
