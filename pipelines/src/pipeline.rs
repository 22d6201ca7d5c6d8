//! What each stage does: one match, from the kind of a stage to the module of its name.

use std::path::PathBuf;
use std::sync::Arc;

use sswe_cache::{Digest, Fields};
use sswe_compiler::plan::{Shape, Stage, StageKind};
use sswe_engine::sandbox::{Action, Native, Outcome, Sandbox as _};
use sswe_engine::{Context, Declaration, Fault, Inputs, Item, Made, Work};
use tokio::sync::OnceCell;

use crate::artifact::{Env, Limits, Package, Suite, Tree};
#[cfg(feature = "docker")]
use crate::containers::Containers;
use crate::fetch::Fetch;
use crate::harness::{Ask, Backend, Bench, Harness, Report, Trouble};
use crate::lock::{Pins, PythonPin};
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
    pub(crate) tools: Tools,
}

/// What stages share while they run.
#[derive(Debug)]
pub(crate) struct Tools {
    pub(crate) shelf: Shelf,
    pub(crate) pins: Pins,
    pub(crate) fetch: Arc<Fetch>,
    python: OnceCell<(Python, PythonPin)>,
    harness: OnceCell<Harness>,
    #[cfg(feature = "docker")]
    containers: Containers,
}

impl Pipeline {
    /// Makes the stages; they use the `python3` of the search path, which must be the pinned one, and take from
    /// outside what is pinned, through `fetch`.
    pub fn new(pins: Pins, fetch: Arc<Fetch>) -> Pipeline {
        Pipeline {
            tools: Tools {
                shelf: Shelf::default(),
                pins,
                fetch,
                python: OnceCell::new(),
                harness: OnceCell::new(),
                #[cfg(feature = "docker")]
                containers: Containers::default(),
            },
        }
    }

    /// Makes the stages as they are where nothing can be fetched: to look at a plan.
    pub fn to_look_at(pins: Pins) -> Pipeline {
        let here = std::path::Path::new(".");
        Pipeline::new(pins, Arc::new(Fetch::new(here, here, "the lock file", true)))
    }
}

impl Tools {
    /// Returns the interpreter, which is the pinned one where one is pinned.
    async fn python(&self) -> Result<&(Python, PythonPin), Fault> {
        let find = || async {
            let python = Python::find("python3").await.map_err(Fault::Failed)?;
            let asked = python.clone();
            let library = stage::blocking(move || asked.library_digest()).await?.map_err(Fault::Failed)?;
            let found = PythonPin { version: python.version.clone(), library: library.to_string() };
            match &self.pins.python {
                Some(pin) if *pin != found => {
                    let here = match pin.version == found.version {
                        true => "has another standard library".to_owned(),
                        false => format!("is {}", found.version),
                    };
                    Err(Fault::Failed(format!(
                        "Python {} is pinned, but `{}` {here}: put the pinned one first on the search path, or take \
                         this one with `sswe lock --update python`",
                        pin.version,
                        python.program.display()
                    )))
                }
                _ => Ok((python, found)),
            }
        };
        self.python.get_or_try_init(find).await
    }

    /// Returns what identifies the interpreter.
    pub(crate) async fn python_pin(&self) -> Result<&PythonPin, Fault> {
        Ok(&self.python().await?.1)
    }

    /// Returns the folder of the packages of an environment; none where it has none.
    pub(crate) async fn site(&self, env: &Env) -> Result<Option<PathBuf>, Fault> {
        if env.packages.is_empty() {
            return Ok(None);
        }
        let (fetch, packages) = (self.fetch.clone(), env.packages.clone());
        Ok(Some(stage::blocking(move || fetch.site(&packages)).await??))
    }

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
        let Limits { cpus, memory, wall_ms, pids, output, files: most } = &suite.limits;
        let mut id = Fields::new("sswe.bench.v1");
        id.digest("repo", digest).text("command", &suite.command).number("network", suite.network.into());
        for Package { name, version, sha256, file: _ } in &env.packages {
            id.text("package", name).text("version", version).text("sha256", sha256);
        }
        id.number("cpus", (*cpus).into()).number("memory", *memory).number("wall", *wall_ms);
        id.number("pids", (*pids).into()).number("output", *output).number("files", *most);
        let bench = Bench {
            id: id.finish().to_string(),
            tree: files.clone(),
            command: suite.command.clone(),
            limits: suite.limits.clone(),
            network: suite.network,
            site: self.site(env).await?,
            trusted: suite.trusted().map(str::to_owned).collect(),
            // What is installed here besides is not there elsewhere.
            packages: false,
        };
        match &env.image {
            None => Box::pin(self.native(env).await?.measure(&bench, ask)).await.map_err(fault),
            Some(image) => {
                let harness = Box::pin(self.contained(env, image)).await?;
                Box::pin(harness.measure(&bench, ask)).await.map_err(fault)
            }
        }
    }

    /// Runs a command of a gate where the tests of an environment run.
    pub(crate) async fn run(&self, env: &Env, action: Action) -> Result<Outcome, Fault> {
        let outcome = match &env.image {
            None => Native.run(action).await,
            Some(image) => self.contained(env, image).await?.run(action).await,
        };
        outcome.map_err(|error| Fault::Infra(error.to_string()))
    }

    async fn native(&self, env: &Env) -> Result<&Harness, Fault> {
        let (python, found) = self.python().await?;
        if found.version != env.python || found.library != env.library {
            return Err(Fault::Infra(format!(
                "this repository was prepared for Python {}, and another one ({}) is here now: build its `env` again",
                env.python, found.version
            )));
        }
        let start = || async { Harness::new(python.clone(), jobs(), WARM) };
        Ok(self.harness.get_or_init(start).await)
    }

    /// Returns what a command runs in beside the tests of an environment, where that is a container.
    pub(crate) async fn place(&self, env: &Env) -> Result<Option<(Backend, Python)>, Fault> {
        let Some(image) = &env.image else { return Ok(None) };
        #[cfg(feature = "docker")]
        return Ok(Some(self.contained(env, image).await?.place()));
        #[cfg(not(feature = "docker"))]
        self.contained(env, image).await.map(|_| None)
    }

    #[cfg(not(feature = "docker"))]
    async fn contained(&self, _: &Env, _: &str) -> Result<Arc<Harness>, Fault> {
        Err(Fault::Failed(NO_DOCKER.to_owned()))
    }

    #[cfg(feature = "docker")]
    async fn contained(&self, env: &Env, image: &str) -> Result<Arc<Harness>, Fault> {
        let (harness, found) = self.containers.of(&self.fetch, &self.pins, image).await?;
        match found.version == env.python && found.library == env.library {
            true => Ok(harness),
            false => Err(Fault::Infra(format!(
                "this repository was prepared for Python {}, and the image {image} has {}: build its `env` again",
                env.python, found.version
            ))),
        }
    }

    /// Returns what identifies the interpreter of an image.
    pub(crate) async fn python_in(&self, image: &str) -> Result<PythonPin, Fault> {
        #[cfg(feature = "docker")]
        return Ok(self.containers.of(&self.fetch, &self.pins, image).await?.1);
        #[cfg(not(feature = "docker"))]
        Err(Fault::Failed(format!("the image {image}: {NO_DOCKER}")))
    }
}

#[cfg(not(feature = "docker"))]
const NO_DOCKER: &str = "this program was built without the feature `docker`: use `backend = native`";

fn jobs() -> usize {
    std::thread::available_parallelism().map_or(1, usize::from)
}

/// Says whose fault it is that there is no report: never that of the code.
pub(crate) fn fault(trouble: Trouble) -> Fault {
    match trouble {
        Trouble::Infra(why) => Fault::Infra(why),
        Trouble::Refused(why) => Fault::Failed(why),
    }
}

/// Returns the version of a stage's implementation, and what it gives. Whoever changes what a stage
/// gives raises its version, or old results would pass for new ones; `tests/golden.rs` watches.
pub fn stage_version(kind: StageKind) -> (u32, &'static [&'static str]) {
    match kind {
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
    }
}

impl Work for Pipeline {
    fn declare(&self, stage: &Stage) -> Declaration {
        let (version, ports) = stage_version(stage.kind);
        // As they are pinned, so that nothing is asked where nothing runs. What else runs tests reads the
        // environment that `env` gives.
        let tools = self.tools.pins.tools(stage);
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
            StageKind::Pin => stage::pin::run(context, tools).await,
            StageKind::Env => stage::env::run(context, tools).await,
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
