//! Lays out the stages of a curriculum: repositories first, then round 0, then each round.

use super::{
    Laid, Shape, StageKind, StageName,
    draft::{Draft, From},
};
use crate::{
    names::{Names, names},
    project::Project,
    schema::{self, Block, Kind},
    settings::{GateDef, Repo, Settings, settings},
    value::{EntityId, Value},
};

/// The layout of one curriculum.
#[derive(Clone, Debug, PartialEq, Eq, salsa::SalsaValue)]
pub struct Layout<'db> {
    /// Its label.
    pub curriculum: String,
    /// How many rounds it may have.
    pub rounds: u32,
    /// Its stages, in an order in which they can run.
    pub stages: Vec<Laid<'db>>,
}

/// Lays out every curriculum of a project.
#[salsa::tracked]
pub fn skeleton<'db>(db: &'db dyn salsa::Database, project: Project) -> Vec<Layout<'db>> {
    let from = From { db, project, names: names(db, project), settings: settings(db, project) };
    let curricula = from.names.of_kind(Kind::Curriculum).filter(|(_, entity)| entity.file.0 == 0);
    curricula.map(|(id, entity)| Curriculum::new(db, from, id, &entity.address).lay_all()).collect()
}

/// Returns the seeds blocks that a curriculum uses: its own, its exam's and its benches'.
pub(crate) fn seeds_of(names: &Names, settings: &Settings, address: &str) -> Vec<EntityId> {
    let mut found: Vec<EntityId> = Vec::new();
    let mut add = |value: Option<Value>| {
        if let Some(Value::Ref(id)) = value
            && names.entity(id).kind == Kind::Seeds
            && !found.contains(&id)
        {
            found.push(id);
        }
    };
    let get = |address: &str, block: &'static Block, name: &str, round: Option<u32>| {
        block.key(name).and_then(|key| settings.value(address, key, round))
    };
    let rounds = settings.rounds(address);
    for round in std::iter::once(None).chain((1..=rounds).map(Some)) {
        add(get(address, &schema::CURRICULUM, "seeds", round));
        if let Some(Value::Ref(exam)) = value_inside(settings, address, "score", "against", round) {
            add(get(&names.entity(exam).address, &schema::VALIDATION, "from", None));
        }
        if let Some(Value::List(benches)) = value_inside(settings, address, "evaluate", "on", round) {
            for bench in benches.iter() {
                if let Value::Ref(bench) = bench {
                    add(get(&names.entity(*bench).address, &schema::BENCH, "from", None));
                }
            }
        }
    }
    found
}

fn value_inside(
    settings: &Settings,
    address: &str,
    block: &str,
    name: &str,
    round: Option<u32>,
) -> Option<Value> {
    settings.inside(address, block, name, round)?.value
}

/// A curriculum that is being laid out.
struct Curriculum<'a, 'db> {
    db: &'db dyn salsa::Database,
    from: From<'a>,
    id: EntityId,
    address: &'a str,
    rounds: u32,
    seed: u64,
    stages: Vec<Laid<'db>>,
}

/// The stages of a round that later rounds read.
struct Done {
    weights: StageName,
    selection: Option<StageName>,
    evaluations: Vec<StageName>,
    stop: Option<StageName>,
}

impl<'a, 'db> Curriculum<'a, 'db> {
    fn new(
        db: &'db dyn salsa::Database,
        from: From<'a>,
        id: EntityId,
        address: &'a str,
    ) -> Curriculum<'a, 'db> {
        let number = |name: &str| match from.of(address, &schema::CURRICULUM, name, None) {
            Some(Value::Int(number)) => u64::try_from(number).unwrap_or(0),
            _ => 0,
        };
        let repeat = from.project.cell(from.db).as_ref().map_or(0, |cell| u64::from(cell.repeat));
        let seed = number("seed").wrapping_add(repeat);
        Curriculum { db, from, id, address, rounds: from.settings.rounds(address), seed, stages: Vec::new() }
    }

    fn lay_all(mut self) -> Layout<'db> {
        for seeds in seeds_of(self.from.names, self.from.settings, self.address) {
            self.repositories(seeds);
        }
        let mut done = vec![self.round_0()];
        for round in 1..=self.rounds {
            let next = self.round(round, &done);
            done.push(next);
        }
        Layout { curriculum: self.address.to_owned(), rounds: self.rounds, stages: self.stages }
    }

    fn draft(&self, kind: StageKind, name: &str, round: u32) -> Draft<'a> {
        Draft::new(self.from, kind, format!("{}/r{round}/{name}", self.address), Some(round))
    }

    fn push(&mut self, draft: Draft<'a>) -> StageName {
        let (name, laid) = draft.lay(self.db);
        self.stages.push(laid);
        name
    }

    fn block(&self, name: &str) -> &'static Block {
        let word = name.split('.').next().unwrap_or(name);
        schema::CURRICULUM.block(word).unwrap_or(&schema::CURRICULUM)
    }

    fn inside(&self, block: &str, name: &str, round: u32) -> Option<Value> {
        value_inside(self.from.settings, self.address, block, name, Some(round))
    }

    fn at(&self, block: &str) -> String {
        format!("{}.{block}", self.address)
    }

    fn repositories(&mut self, seeds: EntityId) {
        let address = self.from.address(seeds);
        let sandbox = match self.from.of(address, &schema::SEEDS, "sandbox", None) {
            Some(Value::Ref(id)) => Some(self.from.address(id)),
            _ => None,
        };
        let repos = self.from.settings.repos.get(&seeds).map_or(&[][..], Vec::as_slice);
        for repo in repos {
            // Two blocks may share a repository: its stages are the same.
            let known = format!("{}/seed/{}/pin", self.address, repo.name);
            if self.stages.iter().any(|laid| *laid.name(self.db).0 == *known) {
                continue;
            }
            self.repository(address, repo, sandbox);
        }
    }

    fn repository(&mut self, seeds: &str, repo: &Repo, sandbox: Option<&str>) {
        let Some(block) = schema::REPO_KINDS.iter().find(|block| block.word == repo.block) else { return };
        let address = format!("{seeds}.{}", repo.name);
        let name = |stage: &str| format!("{}/seed/{}/{stage}", self.address, repo.name);
        let draft = |kind, stage: &str| Draft::new(self.from, kind, name(stage), None);
        // No label is empty: this one has the defaults.
        let sandbox_address = sandbox.unwrap_or("");
        let pool = sandbox.and_then(|sandbox| self.from.of(sandbox, &schema::SANDBOX, "pool", None));

        let pin = draft(StageKind::Pin, "pin").fact("kind", &address, Value::Variant(repo.block));
        let pin = match repo.block {
            "dir" => pin.source("dir", &repo.source, repo.place),
            _ if repo.identity.starts_with("dir:") => {
                pin.source("repo", &repo.source, repo.place).read(&address, block, &["at"])
            }
            _ => pin.fact("source", &address, Value::Text(repo.source.as_str().into())).read(
                &address,
                block,
                &["at"],
            ),
        };
        // What else the command says changes nothing of what it runs with.
        let test = self.from.of(&address, block, "test", None);
        let is_pytest = matches!(&test, Some(Value::Text(text)) if text.split_whitespace()
            .any(|word| matches!(word, "pytest" | "py.test")));
        let runner = if is_pytest { "pytest" } else { "unittest" };
        let env = draft(StageKind::Env, "env")
            .fact("runner", &address, Value::Variant(runner))
            .read(&address, block, &["packages"])
            .read(sandbox_address, &schema::SANDBOX, &["backend", "image"])
            .pool(pool.clone());
        let baseline = draft(StageKind::Baseline, "baseline")
            .read(&address, block, &["test"])
            .read(seeds, &schema::SEEDS, &["runs"])
            .read(sandbox_address, &schema::SANDBOX, &["network"])
            .read_all("limits.", &format!("{sandbox_address}.limits"), &schema::LIMITS)
            .pool(pool);
        let pin = self.push(pin);
        let env = self.push(env.input("repo", &pin, "repo"));
        self.push(baseline.input("repo", &pin, "repo").input("env", &env, "env"));
    }

    /// Returns the baselines of a seeds block's repositories.
    fn baselines(&self, seeds: Option<Value>) -> Vec<StageName> {
        let Some(Value::Ref(id)) = seeds else { return Vec::new() };
        let repos = self.from.settings.repos.get(&id).map_or(&[][..], Vec::as_slice);
        let names = repos.iter().map(|repo| format!("{}/seed/{}/baseline", self.address, repo.name));
        let mut names: Vec<StageName> = names.map(|name| StageName(name.into())).collect();
        // The order of the file means nothing.
        names.sort();
        names
    }

    /// Lays out what is there before round 1: exams, the base weights, and how good they are.
    fn round_0(&mut self) -> Done {
        let model = match self.from.of(self.address, &schema::CURRICULUM, "solver", None) {
            Some(Value::Ref(id)) => Some(self.from.address(id)),
            _ => None,
        };
        for id in self.task_blocks() {
            self.tasks(id);
        }
        let backend = model.and_then(|model| self.from.of(model, &schema::MODEL, "backend", None));
        let solver = |draft: Draft<'a>| match model {
            // The rest says nothing to the rewriter.
            Some(model) if backend == Some(Value::Variant("rewriter")) => {
                draft.read(model, &schema::MODEL, &["backend", "adapter"])
            }
            Some(model) => draft.read_all("model.", model, &schema::MODEL),
            None => draft,
        };
        let weights = if backend == Some(Value::Variant("rewriter")) {
            let draft = self
                .draft(StageKind::WarmStart, "warm_start", 0)
                .read_all("", &self.at("warm_start"), self.block("warm_start"))
                .seed(self.seed);
            let seeds = self.from.of(self.address, &schema::CURRICULUM, "seeds", None);
            let draft = draft.inputs("baseline", &self.baselines(seeds), "repo");
            self.push(solver(draft))
        } else {
            let draft = solver(self.draft(StageKind::Weights, "weights", 0));
            self.push(draft)
        };
        let evaluations = self.evaluations(0, &weights);
        Done { weights, selection: None, evaluations, stop: None }
    }

    /// Returns the validation and bench blocks that some round uses.
    fn task_blocks(&self) -> Vec<EntityId> {
        let mut found = Vec::new();
        for round in 1..=self.rounds.max(1) {
            for id in self.exam(round).into_iter().chain(self.benches(round)) {
                if !found.contains(&id) {
                    found.push(id);
                }
            }
        }
        found
    }

    fn exam(&self, round: u32) -> Option<EntityId> {
        match self.inside("score", "against", round) {
            Some(Value::Ref(id)) => Some(id),
            _ => None,
        }
    }

    fn benches(&self, round: u32) -> Vec<EntityId> {
        let Some(Value::List(benches)) = self.inside("evaluate", "on", round) else { return Vec::new() };
        let ids = benches.iter().filter_map(|bench| match bench {
            Value::Ref(id) => Some(*id),
            _ => None,
        });
        ids.collect()
    }

    fn task_stage(&self, id: EntityId) -> StageName {
        StageName(format!("{}/r0/tasks.{}", self.address, self.from.address(id)).into())
    }

    fn tasks(&mut self, id: EntityId) {
        let address = self.from.address(id);
        let block: &'static Block = match self.from.names.entity(id).kind {
            Kind::Validation => &schema::VALIDATION,
            _ => &schema::BENCH,
        };
        let seeds = self.from.of(address, block, "from", None);
        let name = format!("tasks.{address}");
        let draft = self.draft(StageKind::Tasks, &name, 0);
        let draft = match &seeds {
            Some(_) => {
                let size = match self.from.of(address, block, "size", None) {
                    Some(Value::Int(size)) => u64::try_from(size).unwrap_or(0),
                    // A bench that does not say is as large as an exam.
                    _ => 100,
                };
                let seed = match self.from.of(address, block, "seed", None) {
                    Some(Value::Int(seed)) => u64::try_from(seed).unwrap_or(0),
                    _ => 0,
                };
                let baselines = self.baselines(seeds);
                draft.shape(Shape::FirstN(size)).seed(seed).inputs("baseline", &baselines, "repo")
            }
            None => draft.read(address, block, &["tasks", "format", "size"]),
        };
        self.push(draft);
    }

    /// Returns what a round is measured on, and by the settings of which round. What any round is measured on,
    /// the base is too, or nothing could be said of a gain: as the first such round.
    fn measured(&self, round: u32) -> Vec<(EntityId, u32)> {
        let mut found: Vec<(EntityId, u32)> = Vec::new();
        for asked in if round == 0 { 1..=self.rounds.max(1) } else { round..=round } {
            for id in self.benches(asked).into_iter().chain(self.exam(asked)) {
                if !found.iter().any(|(known, _)| *known == id) {
                    found.push((id, asked));
                }
            }
        }
        found
    }

    fn evaluations(&mut self, round: u32, weights: &StageName) -> Vec<StageName> {
        let mut names = Vec::new();
        for (id, asked) in self.measured(round) {
            let name = format!("evaluate.{}", self.from.address(id));
            let tasks = self.task_stage(id);
            let draft = Draft::new(
                self.from,
                StageKind::Evaluate,
                format!("{}/r{round}/{name}", self.address),
                Some(asked),
            );
            let draft = draft
                .read(&self.at("evaluate"), self.block("evaluate"), &["attempts"])
                .read(&self.at("solve"), self.block("solve"), &["harness", "steps", "wall", "hide"])
                .shape(Shape::Each)
                .seed(self.seed)
                .input("tasks", &tasks, "tasks")
                .input("weights", weights, "weights")
                .pool(self.model_pool())
                .in_round(round)
                .unless_stopped(round > 1 && self.has_stop());
            names.push(self.push(draft));
        }
        names
    }

    /// Returns the pool whose rates the solver's requests keep to.
    fn model_pool(&self) -> Option<Value> {
        match self.from.of(self.address, &schema::CURRICULUM, "solver", None)? {
            Value::Ref(id) => self.from.of(self.from.address(id), &schema::MODEL, "pool", None),
            _ => None,
        }
    }

    fn has_stop(&self) -> bool {
        self.from.settings.blocks.contains_key(&self.at("stop"))
    }

    fn round(&mut self, round: u32, done: &[Done]) -> Done {
        let last = &done[done.len() - 1];
        let weights = last.weights.clone();
        let stopped = last.stop.clone();
        let seeds = self.from.of(self.address, &schema::CURRICULUM, "seeds", Some(round));
        let baselines = self.baselines(seeds);
        let unless = stopped.is_some();
        let draft = |own: &Self, kind: StageKind, name: &str| {
            let draft = own.draft(kind, name, round).unless_stopped(unless);
            stopped.iter().fold(draft, |draft, stop| draft.input("stop", stop, "stop"))
        };

        let tasks = match &last.selection {
            Some(selection) => (selection.clone(), "tasks"),
            None => {
                let bootstrap = draft(self, StageKind::Bootstrap, "bootstrap")
                    .shape(Shape::FirstN(self.number("bootstrap", "tasks", round)))
                    .seed(self.seed)
                    .inputs("baseline", &baselines, "repo");
                (self.push(bootstrap), "tasks")
            }
        };
        let solve = |own: &Self, name: &str, tasks: &StageName, output: &'static str| {
            draft(own, StageKind::Solve, name)
                .read_all("", &own.at("solve"), own.block("solve"))
                .shape(Shape::Each)
                .seed(own.seed)
                .input("tasks", tasks, output)
                .input("weights", &weights, "weights")
                .pool(own.model_pool())
        };
        let solved = solve(self, "solve", &tasks.0, tasks.1);
        let solved = self.push(solved);

        let distill = draft(self, StageKind::Distill, "distill")
            .read_all("", &self.at("distill"), self.block("distill"))
            .shape(Shape::Gather)
            .input("traces", &solved, "traces");
        let distill = self.with_model(distill, "distill", round, &weights);
        let cards = self.push(distill);

        let generate = draft(self, StageKind::Generate, "generate")
            .read(
                &self.at("generate"),
                self.block("generate"),
                &["model", "guided", "group", "per_card", "dedupe", "max_draws"],
            )
            .shape(Shape::FirstN(self.number("generate", "valid", round)))
            .seed(self.seed)
            .input("cards", &cards, "cards")
            .inputs("baseline", &baselines, "repo");
        let generate = self.with_model(generate, "generate", round, &weights);
        let candidates = self.push(generate);

        let accepted = self.gates(round, &candidates, &draft);
        let attempts = solve(self, "solve.accepted", &accepted.0, accepted.1);
        let attempts = self.push(attempts);

        let mode = self.inside("score", "mode", round);
        let score = draft(self, StageKind::Score, "score")
            .read_all("", &self.at("score"), self.block("score"))
            .shape(Shape::Gather)
            .seed(self.seed)
            .input("attempts", &attempts, "attempts");
        let score = match (mode, self.exam(round)) {
            (Some(Value::Variant("cosine" | "dot")), Some(exam)) => {
                let label = self.from.address(exam);
                let gradient = |own: &Self, name: &str, attempts: &StageName| {
                    own.with_method(draft(own, StageKind::Gradient, name), "solver", round)
                        .read(&own.at("train.solver"), &schema::TRAIN, &["method", "weighting"])
                        .read_all("reward.", &own.at("train.solver.reward"), &schema::REWARD)
                        .shape(Shape::Each)
                        .input("attempts", attempts, "attempts")
                        .input("weights", &weights, "weights")
                };
                let own = gradient(self, "gradient", &attempts);
                let own = self.push(own);
                let exam_tasks = self.task_stage(exam);
                let exam_attempts = solve(self, &format!("solve.{label}"), &exam_tasks, "tasks");
                let exam_attempts = self.push(exam_attempts);
                let direction = gradient(self, &format!("gradient.{label}"), &exam_attempts);
                let address = self.from.address(exam);
                let direction = self.push(direction.read(address, &schema::VALIDATION, &["strata"]));
                score.input("gradients", &own, "gradients").input("direction", &direction, "gradients")
            }
            _ => score,
        };
        // Rewards are weighed before they vary.
        let score = match self.inside("score", "mode", round) {
            Some(Value::Variant("variance")) => {
                score.read_all("reward.", &self.at("train.solver.reward"), &schema::REWARD)
            }
            _ => score,
        };
        let scores = self.push(score);

        let select = draft(self, StageKind::Select, "select")
            .read_all("", &self.at("select"), self.block("select"))
            .seed(self.seed)
            .input("scores", &scores, "scores");
        let earlier: Vec<StageName> = done.iter().filter_map(|done| done.selection.clone()).collect();
        let selection = self.push(select.inputs("earlier", &earlier, "tasks"));

        // New tasks were attempted by `solve.accepted`, earlier ones by `solve`, by the same weights.
        let solver = self.train("solver", round, &draft).input("selection", &selection, "tasks").inputs(
            "attempts",
            &[attempts, solved],
            "attempts",
        );
        let solver = self.push(solver.input("weights", &weights, "weights"));
        let generator = self.train("generator", round, &draft).input("scores", &scores, "scores");
        let generator = self.push(
            generator.input("candidates", &candidates, "candidates").input("weights", &solver, "weights"),
        );

        let evaluations = self.evaluations(round, &generator);
        let stop = self.stop(round, &evaluations, done, &draft);
        Done { weights: generator, selection: Some(selection), evaluations, stop }
    }

    fn number(&self, block: &str, name: &str, round: u32) -> u64 {
        match self.inside(block, name, round) {
            Some(Value::Int(number)) => u64::try_from(number).unwrap_or(0),
            _ => 0,
        }
    }

    /// A stage that asks `solver` reads the weights of the round before.
    fn with_model(&self, draft: Draft<'a>, block: &str, round: u32, weights: &StageName) -> Draft<'a> {
        match self.inside(block, "model", round) {
            Some(Value::Solver) => draft.input("weights", weights, "weights"),
            Some(Value::Ref(id)) => {
                draft.pool(self.from.of(self.from.address(id), &schema::MODEL, "pool", None))
            }
            _ => draft,
        }
    }

    fn gates(
        &mut self,
        round: u32,
        candidates: &StageName,
        draft: &dyn Fn(&Self, StageKind, &str) -> Draft<'a>,
    ) -> (StageName, &'static str) {
        let address = self.at("gates");
        let mut before = (candidates.clone(), "candidates");
        for gate in self.from.settings.gates_in(self.id, self.address, Some(round)) {
            let mut stage = draft(self, StageKind::Gate, &format!("gates.{}", gate.name)).shape(Shape::Each);
            stage = match gate.def {
                GateDef::Builtin(word) => stage.fact("gate", &address, Value::Variant(word)),
                GateDef::Custom(_) => stage.fact("gate", &address, Value::Variant("run")),
            };
            for key in gate.def.block().keys {
                // Where a gate stands is not part of what it says of a candidate.
                if matches!(key.name, "enabled" | "before" | "after") {
                    continue;
                }
                let effective =
                    self.from.settings.gate_setting(self.from.names, &address, gate, key, Some(round));
                stage = stage.read_one(format!("{address}.{}.{}", gate.name, key.name), key, effective);
            }
            before = (self.push(stage.input("candidates", &before.0, before.1)), "accepted");
        }
        before
    }

    fn train(&self, hat: &str, round: u32, draft: &dyn Fn(&Self, StageKind, &str) -> Draft<'a>) -> Draft<'a> {
        let block = format!("train.{hat}");
        let address = self.at(&block);
        let draft = draft(self, StageKind::Train, &block)
            .fact("hat", &address, Value::Text(hat.into()))
            .read_all("", &address, &schema::TRAIN)
            .seed(self.seed);
        let draft = self.with_method(draft, hat, round);
        draft.pool(self.inside(&block, "pool", round))
    }

    /// The method that holds when none is written depends on the hat.
    fn with_method(&self, draft: Draft<'a>, hat: &str, round: u32) -> Draft<'a> {
        let block = format!("train.{hat}");
        let default = if hat == "solver" { "gdpo" } else { "grpo" };
        match self.inside(&block, "method", round) {
            Some(_) => draft,
            None => draft.fact("method", &self.at(&block), Value::Variant(default)),
        }
    }

    fn stop(
        &mut self,
        round: u32,
        evaluations: &[StageName],
        done: &[Done],
        draft: &dyn Fn(&Self, StageKind, &str) -> Draft<'a>,
    ) -> Option<StageName> {
        let Some(Value::Metric(watched, figure)) = self.inside("stop", "metric", round) else { return None };
        let ending = format!("/evaluate.{}", self.from.address(watched));
        let of_block = |names: &[StageName]| names.iter().find(|name| name.0.ends_with(&ending)).cloned();
        let now = of_block(evaluations)?;
        let before: Vec<StageName> = done.iter().filter_map(|done| of_block(&done.evaluations)).collect();
        let stop = draft(self, StageKind::Stop, "stop")
            .read(&self.at("stop"), self.block("stop"), &["min_gain", "patience"])
            .fact("figure", &self.at("stop"), Value::Variant(figure))
            .shape(Shape::Stop)
            .inputs("before", &before, "evaluation")
            .input("now", &now, "evaluation");
        Some(self.push(stop))
    }
}
