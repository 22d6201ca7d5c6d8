//! Rules that look at what settings mean together.

mod gates;

use std::collections::BTreeSet;

use crate::{
    diagnostic::{Code, FileId, Place, Problem},
    names::{Names, is_library, names},
    project::Project,
    schema::{self, Block, Key, Kind},
    settings::{Repo, Rounds, Settings, settings},
    suggest::listed,
    value::{EntityId, Value},
};

/// Finds what is unwise, unused or contradictory.
#[salsa::tracked]
pub fn lints(db: &dyn salsa::Database, project: Project) -> Vec<Problem> {
    let mut lint = Lint { names: names(db, project), settings: settings(db, project), problems: Vec::new() };
    for repos in lint.settings.repos.values() {
        lint.branches(repos);
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
    names: &'a Names,
    settings: &'a Settings,
    problems: Vec<Problem>,
}

impl<'a> Lint<'a> {
    fn key(&self, block: &'static Block, name: &str) -> Option<&'static Key> {
        block.key(name)
    }

    /// Returns the value of a setting of a labelled block.
    fn of(&self, address: &str, block: &'static Block, name: &str) -> Option<Value> {
        self.settings.value(address, self.key(block, name)?, None)
    }

    /// Returns the value of a setting inside a curriculum, and its place when it was written.
    fn inside(
        &self,
        curriculum: &str,
        block: &str,
        name: &str,
        round: Option<u32>,
    ) -> Option<(Option<Value>, Option<Place>)> {
        let word = block.split('.').next().unwrap_or(block);
        let key = schema::CURRICULUM.block(word)?.key(name)?;
        let found = self.settings.effective(&format!("{curriculum}.{block}"), key, round);
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
        let rounds = match self.of(address, &schema::CURRICULUM, "rounds") {
            Some(Value::Int(rounds)) => u32::try_from(rounds).unwrap_or(0),
            _ => 0,
        };
        self.rounds_that_never_run(id, address, rounds);
        self.gates(id, address, rounds);
        self.warm_start(address);
        self.hide(address);
        self.score(address);
        self.rewards(address);
        self.stop(address);
        self.overlaps(address);
        self.repos_apart(address);
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
            let word = if rounds == 1 { "round" } else { "rounds" };
            let mut problem = Problem::new(Code::W0501, *place, format!("`{address}` has {rounds} {word}"))
                .label(if first > rounds { "never runs" } else { "its end never runs" });
            if let Some(place) = self.place_of(address, "rounds") {
                problem = problem.other(place, "set here");
            }
            self.problems.push(problem);
        }
    }

    fn warm_start(&mut self, address: &str) {
        let Some(place) = self.settings.blocks.get(&format!("{address}.warm_start")) else { return };
        if let Some(Value::Ref(model)) = self.of(address, &schema::CURRICULUM, "solver") {
            let entity = self.names.entity(model);
            let backend = self.of(&entity.address, &schema::MODEL, "backend");
            if backend.is_some() && backend != Some(Value::Variant("rewriter")) {
                self.problems.push(
                    Problem::new(Code::E0611, *place, "only the rewriter has a warm start")
                        .label("this solver is served")
                        .other(entity.place, "the solver")
                        .help("remove `warm_start`, or use a model with `backend = rewriter`"),
                );
            }
        }
    }

    fn hide(&mut self, address: &str) {
        let Some((Some(Value::List(hidden)), Some(place))) = self.inside(address, "solve", "hide", None)
        else {
            return;
        };
        let missing: Vec<&str> = ["reference", "verifier"]
            .into_iter()
            .filter(|word| !hidden.contains(&Value::Variant(word)))
            .collect();
        if !missing.is_empty() {
            self.problems.push(
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

    fn score(&mut self, address: &str) {
        let mode = self.inside(address, "score", "mode", None).and_then(|(mode, _)| mode);
        if let Some(Value::Variant(mode @ ("difficulty" | "uncertainty" | "variance" | "random"))) = mode {
            for name in ["precondition", "strata"] {
                let Some((Some(Value::Variant(value)), Some(place))) =
                    self.inside(address, "score", name, None)
                else {
                    continue;
                };
                if !matches!(value, "none" | "mean") {
                    let message =
                        format!("`{name}` says nothing with `mode = {mode}`, which compares no gradients");
                    self.problems.push(Problem::new(Code::W0609, place, message).label("has no effect"));
                }
            }
        }
        if let Some((Some(Value::Number(invalid)), Some(place))) =
            self.inside(address, "score", "invalid", None)
            && invalid >= crate::decimal::Decimal::ZERO
        {
            self.problems.push(
                Problem::new(
                    Code::W0610,
                    place,
                    format!("`invalid = {invalid}` ranks an invalid task above a valid one that points away"),
                )
                .label("not below zero")
                .help("the paper gives 0; `-1.0` ranks invalid tasks last")
                .fix("write `-1.0`", place, "-1.0")
                .unsure(),
            );
        }
    }

    /// Under GDPO every component is scaled to one size: weights cancel unless they come after.
    fn rewards(&mut self, address: &str) {
        for hat in ["solver", "generator"] {
            let block = format!("train.{hat}");
            let method = self.inside(address, &block, "method", None).and_then(|(method, _)| method);
            let is_gdpo = match method {
                Some(Value::Variant(method)) => method == "gdpo",
                _ => hat == "solver",
            };
            let weighting =
                self.inside(address, &block, "weighting", None).and_then(|(weighting, _)| weighting);
            let place = self.settings.blocks.get(&format!("{address}.{block}.reward"));
            let (Some(place), true, Some(Value::Variant("off"))) = (place, is_gdpo, weighting) else {
                continue;
            };
            self.problems.push(
                Problem::new(Code::W0608, *place, "these weights cancel out")
                    .label("has no effect")
                    .help("gdpo scales each component to the same size before it sums them")
                    .help("write `weighting = after` beside it to weigh them after that, or `method = grpo`"),
            );
        }
    }

    fn stop(&mut self, address: &str) {
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
    }

    /// Repositories that train must not examine, and the other way round.
    fn overlaps(&mut self, address: &str) {
        let trained = self.sources_of(self.of(address, &schema::CURRICULUM, "seeds"));
        let Some((Some(Value::Ref(exam)), _)) = self.inside(address, "score", "against", None) else {
            return;
        };
        let exam_address = self.names.entity(exam).address.clone();
        let exam_sources = self.sources_of(self.of(&exam_address, &schema::VALIDATION, "from"));
        let disjoint: BTreeSet<EntityId> = match self.of(&exam_address, &schema::VALIDATION, "disjoint") {
            Some(Value::List(ids)) => ids.iter().filter_map(as_ref).collect(),
            _ => BTreeSet::new(),
        };
        let seeds = self.of(address, &schema::CURRICULUM, "seeds").as_ref().and_then(as_ref);
        let named = seeds.is_some_and(|id| disjoint.contains(&id));
        self.shared(&exam_sources, &trained, named, "the practice exam", "trained on");
        let benches = match self.inside(address, "evaluate", "on", None) {
            Some((Some(Value::List(benches)), _)) => benches.iter().filter_map(as_ref).collect(),
            _ => Vec::new(),
        };
        for bench in benches {
            let of_bench =
                self.sources_of(self.of(&self.names.entity(bench).address, &schema::BENCH, "from"));
            self.shared(&of_bench, &trained, false, "an evaluation", "trained on");
            self.shared(
                &exam_sources,
                &of_bench,
                disjoint.contains(&bench),
                "the practice exam",
                "evaluated on",
            );
        }
        for id in
            disjoint.iter().filter(|id| self.names.entity(**id).kind == Kind::Seeds && Some(**id) != seeds)
        {
            let theirs = self.sources_of(Some(Value::Ref(*id)));
            self.shared(&exam_sources, &theirs, true, "the practice exam", "in a block it must not touch");
        }
    }

    fn sources_of(&self, seeds: Option<Value>) -> Vec<&'a Repo> {
        let id = seeds.as_ref().and_then(as_ref);
        id.and_then(|id| self.settings.repos.get(&id)).map_or(Vec::new(), |repos| repos.iter().collect())
    }

    fn shared(&mut self, ours: &[&Repo], theirs: &[&Repo], named: bool, what: &str, how: &str) {
        for repo in ours {
            let same = |other: &&&Repo| other.block == repo.block && same_source(&other.source, &repo.source);
            let Some(other) = theirs.iter().find(same) else { continue };
            let code = if named { Code::E0603 } else { Code::W0604 };
            let message = match named {
                true => format!("`{}` must be disjoint, but is also {how}", repo.source),
                false => format!("`{}` is part of {what} and also {how}", repo.source),
            };
            let mut problem = Problem::new(code, repo.place, message).label(format!("in {what}"));
            if other.place != repo.place {
                problem = problem.other(other.place, how);
            }
            self.problems.push(
                problem
                    .help("a score or a result on a repository that is trained on says little about others"),
            );
        }
    }

    /// Stages are named by repository: two of one curriculum cannot share a name.
    fn repos_apart(&mut self, address: &str) {
        let mut seen: Vec<&Repo> = Vec::new();
        for id in crate::plan::seeds_of(self.names, self.settings, address) {
            for repo in self.settings.repos.get(&id).map_or(&[][..], Vec::as_slice) {
                let is_same = |other: &&&Repo| other.name == repo.name && other.place != repo.place;
                if let Some(first) = seen.iter().find(is_same)
                    && !(first.block == repo.block && same_source(&first.source, &repo.source))
                {
                    self.problems.push(
                        Problem::new(
                            Code::E0201,
                            repo.place,
                            format!("two repositories of `{address}` are called `{}`", repo.name),
                        )
                        .label("again here")
                        .other(first.place, "first here")
                        .help(format!(
                            "give one a name of its own: `{} \"{}\" other_name {{ ... }}`",
                            repo.block, repo.source
                        )),
                    );
                }
                seen.push(repo);
            }
        }
    }

    fn unused(&mut self) {
        // A sweep or profile may name what the base leaves out: every mention counts as a use.
        let quiet = [Kind::Curriculum, Kind::Profile, Kind::Sweep];
        let root = self.names.ids().filter(|id| self.names.entity(*id).file == FileId(0));
        let unused: Vec<EntityId> = root
            .filter(|id| !self.settings.used.contains(id) && !quiet.contains(&self.names.entity(*id).kind))
            .collect();
        for id in unused {
            let entity = self.names.entity(id);
            let label = entity.address.rsplit('.').next().unwrap_or(&entity.address);
            if label.starts_with('_') {
                continue;
            }
            self.problems.push(
                Problem::new(
                    Code::W0203,
                    entity.place,
                    format!("the {} `{label}` is never used", entity.kind.word()),
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

fn as_ref(value: &Value) -> Option<EntityId> {
    match value {
        Value::Ref(id) => Some(*id),
        _ => None,
    }
}

/// Returns whether two spellings name one repository.
fn same_source(a: &str, b: &str) -> bool {
    let plain = |text: &str| {
        let text = text.trim_end_matches('/').trim_end_matches(".git").trim_start_matches("./");
        let text = text.strip_prefix("https://github.com/").unwrap_or(text);
        text.to_lowercase().replace(['_', '.'], "-")
    };
    plain(a) == plain(b)
}

/// Returns names in a sentence, for gates too.
fn names_in(names: &[String]) -> String {
    listed(names, "and")
}
