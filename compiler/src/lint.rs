//! Rules that look at what settings mean together.

mod gates;

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diagnostic::{Code, FileId, Place, Problem},
    names::{Names, is_library, names},
    project::{Project, beside},
    schema::{self, Block, Kind},
    settings::{Repo, Rounds, Settings, settings},
    value::{EntityId, Value},
};

/// Finds what is unwise, unused or contradictory.
#[salsa::tracked]
pub fn lints(db: &dyn salsa::Database, project: Project) -> Vec<Problem> {
    let (names, settings) = (names(db, project), settings(db, project));
    let mut lint = Lint { db, project, names, settings, problems: Vec::new() };
    for repos in lint.settings.repos.values() {
        lint.branches(repos);
    }
    for (id, entity) in lint.names.of_kind(Kind::Seeds) {
        if lint.settings.repos.get(&id).is_none_or(Vec::is_empty) {
            let problem = Problem::new(Code::E0207, entity.place, "this seeds block names no repository");
            lint.problems.push(
                problem.label("empty").help("add `dir \"folder\"`, `pypi \"name\"` or `repo \"owner/name\"`"),
            );
        }
    }
    for (id, entity) in lint.names.of_kind(Kind::Model) {
        lint.model(id, &entity.address);
    }
    for kind in [Kind::Validation, Kind::Bench] {
        for (id, entity) in lint.names.of_kind(kind) {
            lint.tasks_or_from(id, kind, &entity.address);
        }
    }
    for (_, entity) in lint.names.of_kind(Kind::Sandbox) {
        lint.sandbox(&entity.address, entity.place);
    }
    for (id, entity) in lint.names.of_kind(Kind::Curriculum) {
        lint.curriculum(id, &entity.address);
    }
    if !is_library(db, project) {
        lint.unused();
    }
    lint.problems
}

struct Lint<'a> {
    db: &'a dyn salsa::Database,
    project: Project,
    names: &'a Names,
    settings: &'a Settings,
    problems: Vec<Problem>,
}

impl<'a> Lint<'a> {
    /// Returns the value of a setting of a labelled block.
    fn of(&self, address: &str, block: &'static Block, name: &str) -> Option<Value> {
        self.settings.value(address, block.key(name)?, None)
    }

    /// Returns the value of a setting inside a curriculum, and its place when it was written.
    fn inside(
        &self,
        curriculum: &str,
        block: &str,
        name: &str,
        round: Option<u32>,
    ) -> Option<(Option<Value>, Option<Place>)> {
        let found = self.settings.inside(curriculum, block, name, round)?;
        Some((found.value, found.from.map(|from| from.place)))
    }

    fn place_of(&self, address: &str, name: &str) -> Option<Place> {
        self.settings.winner(&format!("{address}.{name}"), None).map(|winner| winner.place)
    }

    fn branches(&mut self, repos: &[Repo]) {
        const BRANCHES: &[&str] =
            &["main", "master", "develop", "dev", "trunk", "HEAD", "latest", "next", "stable"];
        for repo in repos.iter().filter(|repo| repo.block == "repo") {
            let at = self.settings.slots.get(&format!("{}.at", repo.address));
            for assignment in at.map_or(&[][..], |setting| &setting.assignments) {
                let Some(Value::Text(text)) = &assignment.value else { continue };
                if BRANCHES.contains(&&**text) {
                    self.problems.push(
                        Problem::new(Code::W0801, assignment.place, format!("`{text}` looks like a branch"))
                            .label("moves over time")
                            .help("the lock file pins it, and only `sswe lock --update` moves it; a tag or commit says more"),
                    );
                }
            }
        }
    }

    fn model(&mut self, id: EntityId, address: &str) {
        let place = self.names.entity(id).place;
        let is_http = self.of(address, &schema::MODEL, "backend") == Some(Value::Variant("http"));
        if is_http && self.place_of(address, "url").is_none() {
            self.problems.push(
                Problem::new(Code::E0207, place, "a model with `backend = http` needs a `url`")
                    .label("where is it served?")
                    .help("write `url = env(\"SOLVER_URL\")`, or the address of an OpenAI-compatible server"),
            );
        }
        if is_http {
            return;
        }
        for name in ["url", "key", "name", "revision", "context", "trainer"] {
            if let Some(place) = self.place_of(address, name) {
                let message = format!("`{name}` says nothing to the rewriter, which ships with sswe");
                self.problems
                    .push(Problem::new(Code::W0609, place, message).label("has no effect").help("remove it"));
            }
        }
    }

    /// A set of tasks comes from repositories or from a file, not both.
    fn tasks_or_from(&mut self, id: EntityId, kind: Kind, address: &str) {
        let place = self.names.entity(id).place;
        let (from, tasks) = (self.place_of(address, "from"), self.place_of(address, "tasks"));
        match (from, tasks) {
            (None, None) => self.problems.push(
                Problem::new(Code::E0207, place, format!("this {} has no tasks", kind.word()))
                    .label("`from` or `tasks` is missing")
                    .help(
                        "write `from = ...` with a seeds block to plant bugs in, or `tasks = \"file.jsonl\"`",
                    ),
            ),
            (Some(from), Some(tasks)) => self.problems.push(
                Problem::new(Code::E0211, tasks, "`tasks` and `from` cannot both be given")
                    .label("tasks from a file")
                    .other(from, "tasks planted in repositories")
                    .help("keep one of them"),
            ),
            _ => {}
        }
        if let (Some(_), None, Some(format)) = (from, tasks, self.place_of(address, "format")) {
            let message = "`format` says nothing of tasks that are planted in repositories";
            self.problems
                .push(Problem::new(Code::W0609, format, message).label("has no effect").help("remove it"));
        }
        if kind == Kind::Validation
            && let Some(Value::Int(size)) = self.of(address, &schema::VALIDATION, "size")
            && size < 50
        {
            let at = self.place_of(address, "size").unwrap_or(place);
            self.problems.push(
                Problem::new(Code::W0602, at, format!("{size} tasks give a noisy direction to score against"))
                    .label("fewer than 50")
                    .help("in the paper twenty were too noisy and hurt, a hundred were stable, two hundred added little"),
            );
        }
    }

    fn sandbox(&mut self, address: &str, place: Place) {
        let backend = self.of(address, &schema::SANDBOX, "backend");
        let image = self.place_of(address, "image");
        match (backend, image) {
            (Some(Value::Variant(name @ ("docker" | "remote"))), None) => self.problems.push(
                Problem::new(
                    Code::E0207,
                    place,
                    format!("a sandbox with `backend = {name}` needs an `image`"),
                )
                .label("which image?")
                .help("write `image = \"python:3.12\"`; its digest is pinned in the lock file"),
            ),
            (Some(Value::Variant("native")), Some(image)) => self.problems.push(
                Problem::new(Code::W0609, image, "a native sandbox has no image")
                    .label("has no effect")
                    .help("write `backend = docker`, or remove the image"),
            ),
            _ => {}
        }
    }

    fn curriculum(&mut self, id: EntityId, address: &str) {
        let rounds = self.settings.rounds(address);
        self.rounds_that_never_run(id, address, rounds);
        self.gates(id, address, rounds);
        self.solver(address);
        // Most rounds say what the base says: only those with words of their own are looked at.
        let own = (1..=rounds).filter(|round| self.has_own(address, *round)).map(Some);
        for round in std::iter::once(None).chain(own).collect::<Vec<_>>() {
            self.hide(address, round);
            self.score(address, round);
            self.rewards(address, round);
        }
        self.stop(address, rounds);
        self.overlaps(address, rounds);
        self.repos_apart(address);
    }

    /// Returns whether something holds in a round that does not hold in the base.
    fn has_own(&self, address: &str, round: u32) -> bool {
        let inside = format!("{address}.");
        let settings =
            self.settings.slots.range(inside.clone()..).take_while(|(at, _)| at.starts_with(&inside));
        settings
            .flat_map(|(_, setting)| &setting.assignments)
            .any(|assignment| assignment.rounds != Rounds::All && assignment.rounds.includes(Some(round)))
    }

    /// Adds a problem unless the same was said of the same place: rounds share most of their settings.
    fn once(&mut self, problem: Problem) {
        if !self.problems.iter().any(|told| told.code == problem.code && told.place == problem.place) {
            self.problems.push(problem);
        }
    }

    fn rounds_that_never_run(&mut self, id: EntityId, address: &str, rounds: u32) {
        let of_this = self.settings.round_blocks.iter().filter(|(owner, ..)| *owner == id);
        for (_, span, place) in of_this {
            let (first, last) = match span {
                Rounds::Exact(round) => (*round, *round),
                Rounds::Span(first, last) => (*first, *last),
                Rounds::All => continue,
            };
            // An open range ends with the last round, whichever that is.
            if first <= rounds && (last <= rounds || last == u32::MAX) {
                continue;
            }
            // A profile or a flag that shortens the curriculum knows that.
            let winner = self.settings.winner(&format!("{address}.rounds"), None);
            if winner.is_some_and(|winner| winner.layer > crate::settings::Layer::Round) {
                continue;
            }
            if self.problems.len() >= MAX_UNUSED {
                return;
            }
            let word = if rounds == 1 { "round" } else { "rounds" };
            let mut problem = Problem::new(Code::W0501, *place, format!("`{address}` has {rounds} {word}"))
                .label(if first > rounds { "never runs" } else { "its end never runs" });
            if let Some(place) = self.place_of(address, "rounds") {
                problem = problem.other(place, "set here");
            }
            self.problems.push(problem);
        }
    }

    fn solver(&mut self, address: &str) {
        let Some(Value::Ref(model)) = self.of(address, &schema::CURRICULUM, "solver") else { return };
        let entity = self.names.entity(model);
        let backend = self.of(&entity.address, &schema::MODEL, "backend");
        if backend != Some(Value::Variant("http")) {
            return;
        }
        if let Some(place) = self.settings.blocks.get(&format!("{address}.warm_start")) {
            self.problems.push(
                Problem::new(Code::E0611, *place, "only the rewriter has a warm start")
                    .label("this solver is served")
                    .other(entity.place, "the solver")
                    .help("remove `warm_start`, or use a model with `backend = rewriter`"),
            );
        }
        if self.place_of(&entity.address, "trainer").is_none() {
            let place = self.place_of(address, "solver").unwrap_or(entity.place);
            self.problems.push(
                Problem::new(Code::W0612, place, "this solver has no trainer, so it cannot learn")
                    .label("never trained")
                    .other(entity.place, "the model")
                    .help("give the model a `trainer`, or use the rewriter"),
            );
        }
    }

    fn hide(&mut self, address: &str, round: Option<u32>) {
        let Some((Some(Value::List(hidden)), Some(place))) = self.inside(address, "solve", "hide", round)
        else {
            return;
        };
        let missing: Vec<&str> = ["reference", "verifier"]
            .into_iter()
            .filter(|word| !hidden.contains(&Value::Variant(word)))
            .collect();
        if !missing.is_empty() {
            self.once(
                Problem::new(
                    Code::W0605,
                    place,
                    format!("the Solver is not blind to the {}", missing.join(" and the ")),
                )
                .label("could copy the answer")
                .fix("hide both", place, "[reference, verifier]")
                .unsure(),
            );
        }
    }

    fn score(&mut self, address: &str, round: Option<u32>) {
        let mode = self.inside(address, "score", "mode", round).and_then(|(mode, _)| mode);
        if let Some(Value::Variant(mode @ ("difficulty" | "uncertainty" | "variance" | "random"))) = mode {
            for name in ["precondition", "strata"] {
                let found = self.inside(address, "score", name, round);
                let Some((Some(Value::Variant(value)), Some(place))) = found else { continue };
                if !matches!(value, "none" | "mean") {
                    let message =
                        format!("`{name}` says nothing with `mode = {mode}`, which compares no gradients");
                    self.once(Problem::new(Code::W0609, place, message).label("has no effect"));
                }
            }
        }
        if let Some((Some(Value::Number(invalid)), Some(place))) =
            self.inside(address, "score", "invalid", round)
            && invalid >= crate::decimal::Decimal::ZERO
        {
            let message =
                format!("`invalid = {invalid}` ranks an invalid task above a valid one that points away");
            self.once(
                Problem::new(Code::W0610, place, message)
                    .label("not below zero")
                    .help("the paper gives 0; `-1.0` ranks invalid tasks last")
                    .fix("write `-1.0`", place, "-1.0")
                    .unsure(),
            );
        }
    }

    /// Under GDPO every component is scaled to one size: weights cancel unless they come after.
    fn rewards(&mut self, address: &str, round: Option<u32>) {
        for hat in ["solver", "generator"] {
            let block = format!("train.{hat}");
            let method = self.inside(address, &block, "method", round).and_then(|(method, _)| method);
            let is_gdpo = match method {
                Some(Value::Variant(method)) => method == "gdpo",
                _ => hat == "solver",
            };
            let Some((weighting, place)) = self.inside(address, &block, "weighting", round) else { continue };
            if let (false, Some(Value::Variant("after")), Some(place)) = (is_gdpo, &weighting, place) {
                self.once(
                    Problem::new(Code::W0609, place, "`weighting = after` says nothing with `method = grpo`")
                        .label("has no effect")
                        .help("grpo scales the whole reward, weights included"),
                );
            }
            if !is_gdpo || weighting != Some(Value::Variant("off")) {
                continue;
            }
            let weights = schema::REWARD.keys.iter().filter_map(|key| {
                self.settings.winner(&format!("{address}.{block}.reward.{}", key.name), round)
            });
            let Some(place) = weights.map(|weight| weight.place).min() else { continue };
            self.once(
                Problem::new(Code::W0608, place, "these weights cancel out")
                    .label("has no effect")
                    .help("gdpo scales each component to the same size before it sums them")
                    .help("write `weighting = after` beside it to weigh them after that, or `method = grpo`"),
            );
        }
    }

    fn stop(&mut self, address: &str, rounds: u32) {
        let Some((Some(Value::Metric(id, _)), Some(place))) = self.inside(address, "stop", "metric", None)
        else {
            return;
        };
        let entity = self.names.entity(id);
        if entity.kind == Kind::Bench {
            self.problems.push(
                Problem::new(Code::W0606, place, "a benchmark decides when to stop")
                    .label("this is a bench")
                    .other(entity.place, "defined here")
                    .help("what is stopped on is no longer held out; watch the validation block instead"),
            );
        }
        let is_measured = |round: u32| {
            let get = |block: &str, name: &str| {
                self.inside(address, block, name, Some(round)).and_then(|(value, _)| value)
            };
            let is_exam = get("score", "against") == Some(Value::Ref(id));
            is_exam || matches!(get("evaluate", "on"), Some(Value::List(on)) if on.contains(&Value::Ref(id)))
        };
        if let Some(round) = (1..=rounds).find(|round| !is_measured(*round)) {
            let help = match entity.kind {
                Kind::Bench => "add it to `evaluate.on`",
                _ => "watch the validation block that `score.against` names: it is measured in every round",
            };
            self.problems.push(
                Problem::new(
                    Code::E0607,
                    place,
                    format!("nothing measures `{}` in round {round}", entity.address),
                )
                .label("never known there")
                .other(entity.place, "defined here")
                .help(help),
            );
        }
    }

    /// What trains must not examine, and the other way round.
    fn overlaps(&mut self, address: &str, rounds: u32) {
        let all_rounds: Vec<Option<u32>> = std::iter::once(None).chain((1..=rounds).map(Some)).collect();
        let mut trained: BTreeSet<EntityId> = BTreeSet::new();
        let mut exams: BTreeSet<EntityId> = BTreeSet::new();
        let mut benches: BTreeSet<EntityId> = BTreeSet::new();
        for round in all_rounds {
            let seeds =
                schema::CURRICULUM.key("seeds").and_then(|key| self.settings.value(address, key, round));
            trained.extend(seeds.as_ref().and_then(as_ref));
            let exam = self.inside(address, "score", "against", round).and_then(|(exam, _)| exam);
            exams.extend(exam.as_ref().and_then(as_ref));
            if let Some((Some(Value::List(on)), _)) = self.inside(address, "evaluate", "on", round) {
                benches.extend(on.iter().filter_map(as_ref));
            }
        }
        for exam in &exams {
            let disjoint = self.of(&self.names.entity(*exam).address, &schema::VALIDATION, "disjoint");
            let disjoint: BTreeSet<EntityId> = match disjoint {
                Some(Value::List(ids)) => ids.iter().filter_map(as_ref).collect(),
                _ => BTreeSet::new(),
            };
            for other in disjoint.iter().filter(|other| *other != exam) {
                self.shared(*exam, *other, true, "the practice exam", "part of a block it must not touch");
            }
            for seeds in trained.difference(&disjoint) {
                self.shared(*exam, *seeds, false, "the practice exam", "trained on");
            }
            for bench in benches.difference(&disjoint) {
                self.shared(*exam, *bench, false, "the practice exam", "evaluated on");
            }
        }
        for bench in &benches {
            for seeds in &trained {
                self.shared(*bench, *seeds, false, "an evaluation", "trained on");
            }
        }
    }

    /// Returns what a seeds, validation or bench block is made of: identity, name and place.
    fn made_of(&self, id: EntityId) -> Vec<(String, String, Place)> {
        let entity = self.names.entity(id);
        let block = match entity.kind {
            Kind::Validation => &schema::VALIDATION,
            Kind::Bench => &schema::BENCH,
            _ => return self.repos_of(id),
        };
        let tasks = match self.of(&entity.address, block, "tasks") {
            Some(Value::Text(path)) => self.place_of(&entity.address, "tasks").map(|place| {
                let file = self.project.files(self.db).get(place.file.0 as usize);
                let from = file.map_or("", |file| file.source.path(self.db));
                (format!("file:{}", beside(from, &path)), path.to_string(), place)
            }),
            _ => None,
        };
        let from = self.of(&entity.address, block, "from");
        let repos = from.as_ref().and_then(as_ref).map_or(Vec::new(), |seeds| self.repos_of(seeds));
        tasks.into_iter().chain(repos).collect()
    }

    fn repos_of(&self, seeds: EntityId) -> Vec<(String, String, Place)> {
        let repos = self.settings.repos.get(&seeds).map_or(&[][..], Vec::as_slice);
        repos.iter().map(|repo| (repo.identity.clone(), repo.source.clone(), repo.place)).collect()
    }

    fn shared(&mut self, ours: EntityId, theirs: EntityId, named: bool, what: &str, how: &str) {
        let others = self.made_of(theirs);
        for (identity, name, place) in self.made_of(ours) {
            let Some((.., other)) = others.iter().find(|(other, ..)| *other == identity) else { continue };
            let code = if named { Code::E0603 } else { Code::W0604 };
            let message = match named {
                true => format!("`{name}` must be disjoint, but is also {how}"),
                false => format!("`{name}` is part of {what} and also {how}"),
            };
            let mut problem = Problem::new(code, place, message).label(format!("in {what}"));
            if *other != place {
                problem = problem.other(*other, how);
            }
            self.once(
                problem.help("a score or a result on what is trained on says little about anything else"),
            );
        }
    }

    /// Stages are named by repository: two of one curriculum cannot share a name.
    fn repos_apart(&mut self, address: &str) {
        let mut seen: BTreeMap<&str, &Repo> = BTreeMap::new();
        for id in crate::plan::seeds_of(self.names, self.settings, address) {
            for repo in self.settings.repos.get(&id).map_or(&[][..], Vec::as_slice) {
                let Some(first) = seen.insert(&repo.name, repo).filter(|first| first.place != repo.place)
                else {
                    continue;
                };
                if first.identity == repo.identity && self.says_otherwise(first, repo) {
                    let message = format!("`{}` is described in two ways for `{address}`", repo.source);
                    let help =
                        "stages are named by repository: make the two agree, or give one a name of its own";
                    let problem = Problem::new(Code::E0201, repo.place, message).label("other settings here");
                    self.once(problem.other(first.place, "first here").help(help));
                }
                if first.identity != repo.identity {
                    let message = format!("two repositories of `{address}` are called `{}`", repo.name);
                    let help = format!(
                        "give one a name of its own: `{} \"{}\" other_name {{ ... }}`",
                        repo.block, repo.source
                    );
                    let problem = Problem::new(Code::E0201, repo.place, message).label("again here");
                    self.once(problem.other(first.place, "first here").help(help));
                }
            }
        }
    }

    /// Returns whether two mentions of one repository would give it other stages.
    fn says_otherwise(&self, a: &Repo, b: &Repo) -> bool {
        let block = |repo: &Repo| schema::REPO_KINDS.iter().find(|block| block.word == repo.block).copied();
        let (Some(block_a), Some(block_b)) = (block(a), block(b)) else { return false };
        let seeds = |repo: &Repo| repo.address.rsplit_once('.').map_or("", |(seeds, _)| seeds).to_owned();
        let own = block_a.keys.iter().any(|key| {
            let of_b = block_b.key(key.name).and_then(|key| self.settings.value(&b.address, key, None));
            self.settings.value(&a.address, key, None) != of_b
        });
        let (a, b) = (seeds(a), seeds(b));
        own || schema::SEEDS
            .keys
            .iter()
            .any(|key| self.settings.value(&a, key, None) != self.settings.value(&b, key, None))
    }

    fn unused(&mut self) {
        // A sweep or profile may name what the base leaves out: every mention counts as a use.
        let quiet = [Kind::Curriculum, Kind::Profile, Kind::Sweep];
        let root = self.names.ids().filter(|id| self.names.entity(*id).file == FileId(0));
        let unused: Vec<EntityId> = root
            .filter(|id| !self.settings.used.contains(id) && !quiet.contains(&self.names.entity(*id).kind))
            .collect();
        // A file of thousands of them says nothing new after some.
        for id in unused.into_iter().take(MAX_UNUSED) {
            let entity = self.names.entity(id);
            let label = entity.address.rsplit('.').next().unwrap_or(&entity.address);
            if label.starts_with('_') {
                continue;
            }
            self.problems.push(
                Problem::new(
                    Code::W0203,
                    entity.place,
                    format!("the {} `{label}` is never used", what(entity.kind)),
                )
                .label("not named anywhere")
                .help(format!("remove it, or call it `_{label}` to keep it")),
            );
        }
        for (alias, place, file) in &self.names.aliases {
            if file.is_some()
                && !alias.starts_with('_')
                && !self.settings.used_aliases.contains(&(FileId(0), alias.clone()))
            {
                self.problems.push(
                    Problem::new(Code::W0203, *place, format!("nothing of `{alias}` is used"))
                        .label("not named anywhere"),
                );
            }
        }
    }
}

/// Labels that are told to be unused, at the most.
const MAX_UNUSED: usize = 500;

fn what(kind: Kind) -> &'static str {
    match kind {
        Kind::Param => "parameter",
        Kind::Seeds => "seeds block",
        kind => kind.word(),
    }
}

fn as_ref(value: &Value) -> Option<EntityId> {
    match value {
        Value::Ref(id) => Some(*id),
        _ => None,
    }
}
