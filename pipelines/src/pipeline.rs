//! What each stage does: one match, from the kind of a stage to the module of its name.

use sswe_compiler::plan::{Stage, StageKind};
use sswe_engine::{Context, Declaration, Fault, Inputs, Item, Made, Work};

use crate::stage;

/// The stages of a curriculum, as the engine runs them.
#[derive(Debug, Default)]
pub struct Pipeline {}

impl Pipeline {
    /// Makes the stages.
    pub fn new() -> Pipeline {
        Pipeline::default()
    }
}

impl Work for Pipeline {
    fn declare(&self, stage: &Stage) -> Declaration {
        let (version, ports): (u32, &[&'static str]) = match stage.kind {
            StageKind::Pin => (1, &["repo"]),
            StageKind::Env => (1, &["env"]),
            StageKind::Baseline => (1, &["repo"]),
            StageKind::Tasks | StageKind::Bootstrap | StageKind::Select => (1, &["tasks"]),
            StageKind::Weights | StageKind::WarmStart | StageKind::Train => (1, &["weights"]),
            StageKind::Solve => (1, &["traces", "attempts"]),
            StageKind::Distill => (1, &["cards"]),
            StageKind::Generate => (1, &["candidates"]),
            StageKind::Gate => (1, &["accepted", "funnel"]),
            StageKind::Gradient => (1, &["gradients"]),
            StageKind::Score => (1, &["scores"]),
            StageKind::Evaluate => (1, &["evaluation"]),
            StageKind::Stop => (1, &["decision"]),
        };
        Declaration { version, tools: Vec::new(), ports: ports.to_vec() }
    }

    fn expand(&self, _stage: &Stage, inputs: &Inputs) -> Result<Vec<Item>, Fault> {
        let first = inputs.ports().next().unwrap_or_default().to_owned();
        let items =
            inputs.entries(&first).map(|entry| Item::new(&*entry.name, [(first.clone(), entry.digest)]));
        Ok(items.collect())
    }

    fn draw(&self, _stage: &Stage, _inputs: &Inputs, _ordinal: u64) -> Result<Option<Item>, Fault> {
        Ok(None)
    }

    async fn run(&self, context: Context) -> Result<Made, Fault> {
        match context.stage().kind {
            StageKind::Pin => stage::pin::run(&context).await,
            kind => Err(Fault::Failed(format!("`{}` cannot be run yet", kind.as_str()))),
        }
    }
}
