//! The stages that a curriculum means, each with a hash of what it says.
//!
//! [`skeleton`] lays the stages out; [`stage`] hashes one. A stage is a tracked struct whose body
//! is compared: when one gate's setting changes, the layout is drawn again but only the stages
//! that read the setting are planned again. [`plans`] ends salsa's part: a [`Plan`] is plain data.

#![expect(missing_docs, reason = "salsa writes constructors without docs")]

mod draft;
mod layout;

use std::{fmt, sync::Arc};

use serde::{Deserialize, Serialize};

use crate::{
    project::Project,
    value::{self, Value},
};

pub(crate) use layout::seeds_of;
pub use layout::skeleton;

/// What a stage does; each has its own implementation.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StageKind {
    /// Fetches a repository and fixes its content.
    Pin,
    /// Makes the environment that its tests run in.
    Env,
    /// Runs its tests and learns which can be trusted.
    Baseline,
    /// Plants or reads the tasks of a validation or bench block.
    Tasks,
    /// Takes the weights that a served model starts with.
    Weights,
    /// Trains the rewriter on generic bugs: the base that gains are measured from.
    WarmStart,
    /// Plants the unguided tasks of round 1.
    Bootstrap,
    /// Attempts tasks; each attempt leaves a trace.
    Solve,
    /// Makes cards of traces.
    Distill,
    /// Plants candidates.
    Generate,
    /// Accepts or rejects candidates.
    Gate,
    /// Computes the training gradient of each task.
    Gradient,
    /// Scores accepted tasks.
    Score,
    /// Picks what is trained on.
    Select,
    /// Trains one hat of the model.
    Train,
    /// Measures weights on held-out tasks.
    Evaluate,
    /// Decides whether another round is worth it.
    Stop,
}

impl StageKind {
    /// Returns the kind as printed and hashed.
    pub fn as_str(self) -> &'static str {
        match self {
            StageKind::Pin => "pin",
            StageKind::Env => "env",
            StageKind::Baseline => "baseline",
            StageKind::Tasks => "tasks",
            StageKind::Weights => "weights",
            StageKind::WarmStart => "warm_start",
            StageKind::Bootstrap => "bootstrap",
            StageKind::Solve => "solve",
            StageKind::Distill => "distill",
            StageKind::Generate => "generate",
            StageKind::Gate => "gate",
            StageKind::Gradient => "gradient",
            StageKind::Score => "score",
            StageKind::Select => "select",
            StageKind::Train => "train",
            StageKind::Evaluate => "evaluate",
            StageKind::Stop => "stop",
        }
    }
}

/// How a stage unfolds when it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Shape {
    /// One action.
    One,
    /// One action for each item of its first input, which is known only at run time.
    Each,
    /// One action that reads all items of its inputs.
    Gather,
    /// Draws, in order, until so many are accepted. The count is here and not in the spec: a draw
    /// is the same however many are wanted.
    FirstN(u64),
    /// One action that may end the curriculum.
    Stop,
}

/// The name of a stage: `main/r3/gates.stable`.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
pub struct StageName(pub Arc<str>);

impl fmt::Display for StageName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// BLAKE3 over the canonical form of what a stage says; never over text, labels or paths.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct SpecHash(pub [u8; 32]);

impl fmt::Display for SpecHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.iter().try_for_each(|byte| write!(f, "{byte:02x}"))
    }
}

impl fmt::Debug for SpecHash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "SpecHash({self})")
    }
}

impl Serialize for SpecHash {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

/// A semantic setting that a stage reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct StageSetting {
    /// Its name within the stage: `runs`, `model.name`.
    pub name: String,
    /// Its address in the file: `main.gates.stable.runs`.
    pub address: String,
    /// The value as a file would write it.
    pub shown: String,
    /// The value.
    #[serde(skip)]
    pub value: Value,
}

/// An output of another stage that a stage reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Input {
    /// The name under which the stage knows it.
    pub port: &'static str,
    /// The stage that makes it.
    pub from: StageName,
    /// Which of its outputs.
    pub output: &'static str,
}

/// A file or folder whose content a stage reads.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct SourcePath {
    /// The setting that names it.
    pub setting: String,
    /// The path, relative to the folder of the root file's name.
    pub path: String,
}

/// What a stage is, before it is hashed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Body {
    kind: StageKind,
    round: Option<u32>,
    shape: Shape,
    settings: Vec<StageSetting>,
    inputs: Vec<Input>,
    sources: Vec<SourcePath>,
    env: Vec<(String, String)>,
    seed: Option<u64>,
    pool: Option<String>,
    unless_stopped: bool,
}

/// A stage as it was laid out.
#[salsa::tracked(debug)]
pub struct Laid<'db> {
    /// Its name, which is what makes it the same stage after an edit.
    #[returns(ref)]
    pub name: StageName,
    /// What it is.
    #[tracked]
    #[returns(ref)]
    pub body: Body,
}

/// A planned stage.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Stage {
    /// Its name.
    pub name: StageName,
    /// What it does.
    pub kind: StageKind,
    /// Its round; the base is round 0, repositories have none.
    pub round: Option<u32>,
    /// How it unfolds.
    pub shape: Shape,
    /// The hash of what it says.
    pub spec: SpecHash,
    /// The semantic settings it reads, by name.
    pub settings: Vec<StageSetting>,
    /// The outputs of other stages it reads.
    pub inputs: Vec<Input>,
    /// The files it reads.
    pub sources: Vec<SourcePath>,
    /// The environment variables whose values it reads: the setting and the variable.
    pub env: Vec<(String, String)>,
    /// The random seed, if it draws; labels and paths are no part of its stream.
    pub seed: Option<u64>,
    /// The pool it runs in: policy, never hashed.
    pub pool: Option<String>,
    /// Whether an earlier `stop` may make it unnecessary.
    pub unless_stopped: bool,
}

/// The stages of one curriculum, in an order in which they can run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Plan {
    /// Its label.
    pub curriculum: String,
    /// How many rounds it may have.
    pub rounds: u32,
    /// The stages.
    pub stages: Vec<Arc<Stage>>,
}

/// The version of the canonical form: raised when the same settings should hash differently.
const SPEC_CONTEXT: &str = "sswe spec 1";

/// Plans one stage.
#[salsa::tracked(returns(clone))]
pub fn stage<'db>(db: &'db dyn salsa::Database, laid: Laid<'db>) -> Arc<Stage> {
    // No `..`: a new field is hashed, or named here as left out.
    let Body { kind, round, shape, settings, inputs, sources, env, seed, pool, unless_stopped } =
        laid.body(db).clone();
    let spec = spec_hash(kind, &settings);
    let name = laid.name(db).clone();
    Arc::new(Stage {
        name,
        kind,
        round,
        shape,
        spec,
        settings,
        inputs,
        sources,
        env,
        seed,
        pool,
        unless_stopped,
    })
}

/// Plans every curriculum of a project.
#[salsa::tracked(returns(clone))]
pub fn plans(db: &dyn salsa::Database, project: Project) -> Vec<Arc<Plan>> {
    let laid = skeleton(db, project).iter().map(|laid| {
        let stages = laid.stages.iter().map(|laid| stage(db, *laid)).collect();
        Arc::new(Plan { curriculum: laid.curriculum.clone(), rounds: laid.rounds, stages })
    });
    laid.collect()
}

fn spec_hash(kind: StageKind, settings: &[StageSetting]) -> SpecHash {
    let mut bytes = Vec::new();
    let field = |bytes: &[u8]| {
        let mut framed = (bytes.len() as u64).to_le_bytes().to_vec();
        framed.extend(bytes);
        framed
    };
    bytes.extend(field(kind.as_str().as_bytes()));
    let mut sorted: Vec<&StageSetting> = settings.iter().collect();
    sorted.sort_by(|a, b| a.name.cmp(&b.name));
    for setting in sorted {
        let mut canonical = Vec::new();
        value::canonical(&setting.value, &mut canonical);
        bytes.extend(field(setting.name.as_bytes()));
        bytes.extend(field(&canonical));
    }
    let mut hasher = blake3::Hasher::new_derive_key(SPEC_CONTEXT);
    hasher.update(&bytes);
    SpecHash(*hasher.finalize().as_bytes())
}
