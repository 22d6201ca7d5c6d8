//! What a build keeps of its plan, so that a report can be written when the file has long changed.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sswe_cache::{Batch, Digest, Fields, RootKind, Run, Store, Target};
use sswe_compiler::{
    names::names,
    plan::{Plan, Shape, SpecHash, Stage, StageKind, StageName},
    schema::Kind,
    show::settings_of,
};
use sswe_pipelines::overlap::{Role, roles};

use super::text::scrub;
use crate::load::Opened;

/// What is kept of a plan.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(crate) struct Record {
    v: u32,
    /// The curriculum.
    pub(crate) curriculum: String,
    /// How many rounds it may have.
    pub(crate) rounds: u32,
    /// Its seed.
    pub(crate) seed: Option<u64>,
    /// The stages: name, kind and round.
    pub(crate) stages: Vec<(String, StageKind, Option<u32>)>,
    /// Which repositories are trained on, steer training, or measure.
    pub(crate) roles: Vec<(String, String, BTreeSet<String>)>,
    /// Where each repository comes from, as the file says.
    pub(crate) sources: BTreeMap<String, String>,
    /// The settings that decide results, with their values.
    pub(crate) settings: Vec<(String, String)>,
    /// The digest of the file and all that it uses.
    pub(crate) text: String,
    /// The digest of all that the plan says.
    pub(crate) whole: String,
    /// The same without the curriculum's seed and name.
    pub(crate) seedless: String,
}

impl Record {
    /// Makes the record of a plan of a file.
    pub(crate) fn new(opened: &Opened, plan: &Plan) -> Record {
        let labels: BTreeSet<String> = sswe_compiler::plan::plans(&opened.db, opened.project)
            .iter()
            .map(|plan| plan.curriculum.clone())
            .collect();
        // Of other curricula nothing is told.
        let is_own = |path: &str| {
            let first = path.split('.').next().unwrap_or_default();
            first == plan.curriculum || !labels.contains(first)
        };
        let settings = settings_of(&opened.db, opened.project).into_iter().filter_map(|shown| {
            let is_told = shown.role == "semantic" && is_own(&shown.path);
            Some((shown.path, scrub(&shown.value?))).filter(|_| is_told)
        });
        let mut text = Fields::new("sswe.text.v1");
        for file in opened.project.files(&opened.db) {
            text.text("file", file.source.text(&opened.db));
        }
        let own = plan.stages.iter().find(|stage| stage.kind != StageKind::Tasks && stage.seed.is_some());
        let pins = plan.stages.iter().filter(|stage| stage.kind == StageKind::Pin);
        let sources = pins.filter_map(|stage| {
            let said = stage.sources.first().map(|source| source.path.clone());
            let said = said.or_else(|| {
                let parts: Vec<&str> = stage.settings.iter().map(|setting| setting.shown.as_str()).collect();
                (!parts.is_empty()).then(|| parts.join(" "))
            });
            Some((stage.name.0.rsplit('/').nth(1)?.to_owned(), scrub(&said?)))
        });
        Record {
            v: 1,
            curriculum: plan.curriculum.clone(),
            rounds: plan.rounds,
            seed: own.and_then(|stage| stage.seed),
            stages: plan
                .stages
                .iter()
                .map(|stage| (stage.name.to_string(), stage.kind, stage.round))
                .collect(),
            roles: roles(plan, &exams(opened))
                .into_iter()
                .map(|(role, repos)| match role {
                    Role::Trained => ("trained".to_owned(), String::new(), repos),
                    Role::Exam(name) => ("exam".to_owned(), name, repos),
                    Role::Bench(name) => ("bench".to_owned(), name, repos),
                })
                .collect(),
            sources: sources.collect(),
            settings: settings.collect(),
            text: text.finish().to_string(),
            whole: identity(plan, true).to_string(),
            seedless: identity(plan, false).to_string(),
        }
    }

    /// Puts the record into the store, where no sweep takes it; returns its digest.
    pub(crate) fn keep(&self, store: &Store) -> sswe_cache::Result<Digest> {
        let bytes = serde_json::to_vec(self).unwrap_or_default();
        let digest = Digest::of(&bytes);
        if !store.has(&digest)? {
            let mut batch = Batch::new(store);
            batch.put(&bytes)?;
            batch.commit()?;
            store.set_root(RootKind::Run, &format!("plan {}", digest.short()), &[Target::Blob(digest)])?;
        }
        Ok(digest)
    }

    /// Reads the record of a run; none where the run kept none.
    pub(crate) fn of(store: &Store, run: &Run) -> Option<Record> {
        let info: Value = serde_json::from_str(&run.info).ok()?;
        let digest: Digest = info["plan"].as_str()?.parse().ok()?;
        serde_json::from_slice(&store.get(&digest).ok()?).ok()
    }

    /// Returns the plan as far as reading what it gave needs one.
    pub(crate) fn plan(&self) -> Plan {
        let stages = self.stages.iter().map(|(name, kind, round)| {
            Arc::new(Stage {
                name: StageName(name.as_str().into()),
                kind: *kind,
                round: *round,
                shape: Shape::One,
                spec: SpecHash([0; 32]),
                settings: Vec::new(),
                inputs: Vec::new(),
                sources: Vec::new(),
                env: Vec::new(),
                seed: None,
                pool: None,
                unless_stopped: false,
            })
        });
        Plan { curriculum: self.curriculum.clone(), rounds: self.rounds, stages: stages.collect() }
    }

    /// Returns the roles as the overlap check has them.
    pub(crate) fn roles(&self) -> BTreeMap<Role, BTreeSet<String>> {
        let roles = self.roles.iter().map(|(kind, name, repos)| {
            let role = match kind.as_str() {
                "exam" => Role::Exam(name.clone()),
                "bench" => Role::Bench(name.clone()),
                _ => Role::Trained,
            };
            (role, repos.clone())
        });
        roles.collect()
    }

    /// Returns whether a block measures and steers nothing.
    pub(crate) fn is_bench(&self, block: &str) -> bool {
        self.roles.iter().any(|(kind, name, _)| kind == "bench" && name == block)
    }
}

/// Returns the validation blocks of a file.
fn exams(opened: &Opened) -> BTreeSet<String> {
    let names = names(&opened.db, opened.project);
    names.of_kind(Kind::Validation).map(|(_, entity)| entity.address.clone()).collect()
}

/// Hashes what a plan says and reads; without seeds, two curricula that differ in nothing else are
/// the same. Exams and benches have seeds of their own, which stay.
fn identity(plan: &Plan, with_seed: bool) -> Digest {
    let mut fields = Fields::new("sswe.cell.v1");
    fields.number("rounds", plan.rounds.into());
    let short = |name: &StageName| name.0.split_once('/').map_or("", |(_, rest)| rest).to_owned();
    for stage in &plan.stages {
        fields.text("stage", &short(&stage.name)).text("spec", &stage.spec.to_string());
        fields.text("shape", &format!("{:?}", stage.shape));
        if let Some(seed) = stage.seed.filter(|_| with_seed || stage.kind == StageKind::Tasks) {
            fields.number("seed", seed);
        }
        for source in &stage.sources {
            fields.text("source", &source.path);
        }
        for (setting, name) in &stage.env {
            fields.text("setting", setting).text("variable", name);
        }
        for input in &stage.inputs {
            fields.text("port", input.port).text("from", &short(&input.from)).text("output", input.output);
        }
    }
    fields.finish()
}
