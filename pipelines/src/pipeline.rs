//! What each stage does: one match, from the kind of a stage to the module of its name.

use std::sync::Arc;

use sswe_cache::{Digest, Fields};
use sswe_compiler::plan::{Shape, Stage, StageKind};
use sswe_engine::{Context, Declaration, Fault, Inputs, Item, Made, Work};
use tokio::sync::OnceCell;

use crate::artifact::{Env, Limits, Suite, Tree};
use crate::harness::{self, Ask, Bench, Harness, Report, Trouble};
use crate::python::Python;
use crate::shelf::{Shelf, Shelved, Wanted};
use crate::{setting, stage};

/// Repositories whose tests are kept ready to run.
const WARM: usize = 32;

/// Unguided draws for each task that is wanted: what is not found by then is not there.
const DRAWS_FOR_EACH: u64 = 20;

/// The stages of a curriculum, as the engine runs them.
#[derive(Debug)]
pub struct Pipeline {
    tools: Tools,
}

/// What stages share while they run.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) python: Python,
    pub(crate) shelf: Shelf,
    harness: OnceCell<Harness>,
}

impl Pipeline {
    /// Makes the stages; they will use the `python3` of the search path.
    pub fn new() -> Pipeline {
        let python = Python::default();
        Pipeline { tools: Tools { python, shelf: Shelf::default(), harness: OnceCell::new() } }
    }
}

impl Default for Pipeline {
    fn default() -> Pipeline {
        Pipeline::new()
    }
}

impl Tools {
    /// Runs tests of a repository whose suite is known.
    pub(crate) async fn measure(&self, repo: &Shelved, ask: Ask) -> Result<Report, Fault> {
        self.measure_raw(&repo.digest, &repo.files, &repo.env, &repo.suite, ask).await
    }

    /// Runs tests of a repository.
    pub(crate) async fn measure_raw(
        &self,
        digest: &Digest,
        files: &Arc<Tree>,
        env: &Env,
        suite: &Suite,
        ask: Ask,
    ) -> Result<Report, Fault> {
        let found = self.python.version().map_err(Fault::Failed)?;
        if found != env.python {
            return Err(Fault::Infra(format!(
                "this repository was prepared for Python {}, and {found} is here now: build its `env` again",
                env.python
            )));
        }
        let Limits { cpus, memory, wall_ms, pids, output, files: most } = &suite.limits;
        let mut id = Fields::new("sswe.bench.v1");
        id.digest("repo", digest).text("command", &suite.command).number("network", suite.network.into());
        env.packages.iter().for_each(|package| {
            id.text("package", package);
        });
        id.number("cpus", (*cpus).into()).number("memory", *memory).number("wall", *wall_ms);
        id.number("pids", (*pids).into()).number("output", *output).number("files", *most);
        let bench = Bench {
            id: id.finish().to_string(),
            tree: files.clone(),
            command: suite.command.clone(),
            limits: suite.limits.clone(),
            network: suite.network,
            site: Vec::new(),
            trusted: suite.trusted().map(str::to_owned).collect(),
            packages: !env.packages.is_empty() || suite.command.contains("pytest"),
        };
        let program = &self.python.facts().map_err(Fault::Failed)?.path;
        let start = || async {
            let python = harness::Python::find(program).await?;
            let jobs = std::thread::available_parallelism().map_or(1, usize::from);
            Ok(Harness::new(python, jobs, WARM))
        };
        let harness = self.harness.get_or_try_init(start).await.map_err(fault)?;
        harness.measure(&bench, ask).await.map_err(fault)
    }
}

fn fault(trouble: Trouble) -> Fault {
    match trouble {
        Trouble::Infra(why) => Fault::Infra(why),
        Trouble::Refused(why) => Fault::Failed(why),
    }
}

impl Work for Pipeline {
    fn declare(&self, stage: &Stage) -> Declaration {
        let (version, ports): (u32, &[&'static str]) = match stage.kind {
            StageKind::Pin => (1, &["repo"]),
            StageKind::Env => (1, &["env"]),
            StageKind::Baseline => (1, &["repo"]),
            StageKind::Tasks | StageKind::Bootstrap => (3, &["tasks"]),
            StageKind::Weights | StageKind::Train => (1, &["weights"]),
            StageKind::WarmStart => (3, &["weights"]),
            StageKind::Solve => (3, &["traces", "attempts"]),
            StageKind::Distill => (1, &["cards"]),
            StageKind::Generate => (3, &["candidates"]),
            StageKind::Gate => (1, &["accepted", "funnel"]),
            StageKind::Gradient => (1, &["gradients"]),
            StageKind::Score => (3, &["scores"]),
            StageKind::Select => (2, &["tasks", "selection"]),
            StageKind::Evaluate => (3, &["evaluation"]),
            StageKind::Stop => (1, &["decision"]),
        };
        // What else runs tests reads the environment that `env` gives.
        let tools = match stage.kind {
            StageKind::Env => {
                let python = &self.tools.python;
                let packages = setting::words(stage, "packages").unwrap_or_default();
                let packages = packages
                    .iter()
                    .map(|name| (format!("package {name}"), python.package(name).unwrap_or_default()));
                let version = ("python".to_owned(), python.version().unwrap_or_default());
                std::iter::once(version).chain(packages).collect()
            }
            _ => Vec::new(),
        };
        Declaration { version, tools, ports: ports.to_vec() }
    }

    fn expand(&self, stage: &Stage, inputs: &Inputs) -> Result<Vec<Item>, Fault> {
        let Some(input) = stage.inputs.first() else { return Ok(Vec::new()) };
        let port = input.port;
        let mut shared: Vec<(String, Digest)> = Vec::new();
        for other in inputs.ports().filter(|other| *other != port) {
            shared.extend(inputs.entries(other).map(|entry| (other.to_owned(), entry.digest)));
        }
        let items = inputs.entries(port).map(|entry| {
            Item::new(&*entry.name, shared.iter().cloned().chain([(port.to_owned(), entry.digest)]))
        });
        Ok(items.collect())
    }

    fn draw(&self, stage: &Stage, inputs: &Inputs, ordinal: u64) -> Result<Option<Item>, Fault> {
        if stage.kind == StageKind::Generate {
            return stage::generate::draw(stage, inputs, ordinal);
        }
        let Shape::FirstN(wanted) = stage.shape else { return Ok(None) };
        let repos: Vec<_> = inputs.entries("baseline").collect();
        if repos.is_empty() || ordinal >= wanted.saturating_mul(DRAWS_FOR_EACH) {
            return Ok(None);
        }
        // In turn; the key has the repository and which of its draws this is.
        let turn = repos.len() as u64;
        let (repo, draw) = (repos[(ordinal % turn) as usize], ordinal / turn);
        let content = [("baseline".to_owned(), repo.digest)];
        Ok(Some(Item::new(format!("{}.{draw}", repo.digest.short()), content).draw(draw)))
    }

    async fn run(&self, context: Context) -> Result<Made, Fault> {
        let (context, tools) = (&context, &self.tools);
        match context.stage().kind {
            StageKind::Pin => stage::pin::run(context).await,
            StageKind::Env => stage::env::run(context, &tools.python).await,
            StageKind::Baseline => stage::baseline::run(context, tools).await,
            StageKind::Tasks => stage::tasks::run(context, tools, Wanted::Balanced).await,
            StageKind::Bootstrap => stage::tasks::run(context, tools, Wanted::Generic).await,
            StageKind::Weights => Err(Fault::Failed(format!(
                "`{}`: a model behind a server cannot be asked yet: use `backend = rewriter`",
                context.stage().name
            ))),
            StageKind::WarmStart => stage::warm_start::run(context, tools).await,
            StageKind::Solve => stage::solve::solve(context, tools).await,
            StageKind::Distill => stage::distill::run(context).await,
            StageKind::Generate => stage::generate::run(context, tools).await,
            StageKind::Gate => stage::gate::run(context, tools).await,
            StageKind::Gradient => stage::gradient::run(context, tools).await,
            StageKind::Score => stage::score::run(context).await,
            StageKind::Select => stage::select::run(context).await,
            StageKind::Train => match setting::word(context.stage(), "hat")? {
                "solver" => stage::train::solver(context, tools).await,
                _ => stage::train::generator(context, tools).await,
            },
            StageKind::Evaluate => stage::solve::evaluate(context, tools).await,
            StageKind::Stop => stage::stop::run(context).await,
        }
    }
}
