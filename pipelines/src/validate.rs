//! Judges a task outside of any curriculum: by the gates as they are without settings, and by whether it
//! gives its answer away.

use std::path::PathBuf;
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, mpsc};

use sswe_cache::{Batch, Digest, OpenOptions, Store};
use sswe_compiler::plan::{Plan, Shape, Stage, StageKind, plans};
use sswe_compiler::project::{self, Database, Options as Compile};
use sswe_engine::{
    Artifact, Context, Declaration, Event, Fault, Inputs, Item, Made, Options, Retry, Work, outputs, run,
};

use crate::artifact::{self, Card, Repo, Task, Verdict};
use crate::fetch::Fetch;
use crate::leaks::{self, Finding, Library};
use crate::lock::Pins;
use crate::pipeline::Pipeline;
use crate::python::Python;
use crate::summary::Reader;
use crate::view::Surroundings;

/// A curriculum that sets nothing: its gates are those that have defaults.
const PLAIN: &str = "\
sswe 1
seeds one { dir \"one\" { test = 'python -m unittest' } }
seeds exam { dir \"exam\" { test = 'python -m unittest' } }
model base { backend = rewriter }
validation anchor { from = exam, size = 50 }
curriculum main { seeds = one, solver = base, rounds = 1, score { against = anchor } }
";

/// What was found out about a task.
#[derive(Clone, Debug, Default)]
pub struct Judged {
    /// What each gate says, up to the first that rejects.
    pub verdicts: Vec<Verdict>,
    /// From where its answer could be taken.
    pub leaks: Vec<Finding>,
    /// Why something could not be found out: neither a pass nor a reject.
    pub trouble: Option<String>,
}

impl Judged {
    /// Returns whether the task is sound and gives nothing away.
    pub fn is_sound(&self) -> bool {
        self.trouble.is_none() && self.leaks.is_empty() && self.verdicts.iter().all(|verdict| verdict.pass)
    }
}

/// Judges tasks, one after the other: keeps suites warm, and what is installed known.
pub struct Validation {
    pipeline: Arc<Pipeline>,
    fetch: Arc<Fetch>,
    python: Python,
    plan: Plan,
    library: Library,
    /// A folder of its own, gone when this is dropped.
    folder: PathBuf,
}

impl Validation {
    /// Prepares to judge tasks whose packages `fetch` has. The error is for people.
    pub async fn new(fetch: Arc<Fetch>) -> Result<Validation, String> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let python = Python::find("python3").await?;
        let mut library = Library::default();
        let folder = python.library.clone();
        library.add(&folder, &folder.display().to_string());
        let name = format!("sswe-validate-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        Ok(Validation {
            pipeline: Arc::new(Pipeline::new(Pins::default(), fetch.clone())),
            fetch,
            python,
            plan: gates()?,
            library,
            folder: std::env::temp_dir().join(name),
        })
    }

    /// Judges a task of a repository; `cards` are those that guided it.
    pub async fn judge(&self, task: &Task, repo: &Repo, cards: &[Card]) -> Judged {
        let mut judged = Judged::default();
        // What cannot be said of the one is no reason to keep quiet about the other.
        let gates = self.verdicts(task, repo).await;
        let leaks = self.leaks(task, repo, cards).await;
        let mut troubles = Vec::new();
        match gates {
            Ok((verdicts, trouble)) => {
                judged.verdicts = verdicts;
                troubles.extend(trouble);
            }
            Err(why) => troubles.push(why),
        }
        match leaks {
            Ok(found) => judged.leaks = found,
            Err(why) => troubles.push(why),
        }
        judged.trouble = (!troubles.is_empty()).then(|| troubles.join("; "));
        judged
    }

    /// Returns the names of the gates, in order.
    pub fn gates(&self) -> Vec<&str> {
        let gates = self.plan.stages.iter().filter(|stage| stage.kind == StageKind::Gate);
        gates.filter_map(|stage| stage.name.0.rsplit("gates.").next()).collect()
    }

    /// Returns what a Solver's sandbox has besides the view of a task.
    async fn around(&self, repo: &Repo) -> Result<Surroundings, String> {
        let mut around = Surroundings::of(repo, self.python.clone(), &self.fetch)?;
        if let Some(env) = &repo.env {
            let place = self.pipeline.tools.place(env).await.map_err(|fault| match fault {
                Fault::Failed(why) | Fault::Infra(why) | Fault::Offline(why) => why,
                Fault::Lost(digest) => format!("{digest} is gone"),
            });
            if let Some((backend, python)) = place? {
                (around.backend, around.python) = (backend, python);
            }
        }
        Ok(around)
    }

    async fn leaks(&self, task: &Task, repo: &Repo, cards: &[Card]) -> Result<Vec<Finding>, String> {
        let around = self.around(repo).await?;
        let mut library = self.library.clone();
        for (seen, place) in around.packages_of(repo)? {
            library.add(&place, &seen);
        }
        let folder = self.folder.join("view");
        let _ = std::fs::remove_dir_all(&folder);
        let found = leaks::inspect(task, repo, cards, &library, &around, &folder).await;
        let _ = std::fs::remove_dir_all(&folder);
        found
    }

    /// Runs the gates in a store of their own: no run of it is listed among builds, and no verdict of a
    /// build is taken for granted.
    async fn verdicts(&self, task: &Task, repo: &Repo) -> Result<(Vec<Verdict>, Option<String>), String> {
        let place = self.folder.join("store");
        let broken = |error: sswe_cache::Error| error.to_string();
        let store = Store::open(&place, OpenOptions::default()).map_err(broken)?;
        let mut batch = Batch::new(&store);
        let digest = batch.put(&artifact::encode(repo)).map_err(broken)?;
        batch.commit().map_err(broken)?;
        if digest.to_string() != task.repo {
            return Err(format!("the task is about repository {}, and not {digest}", task.repo));
        }
        let work = Arc::new(Given { pipeline: self.pipeline.clone(), task: artifact::encode(task) });
        let (listener, heard) = mpsc::channel();
        let options = Options {
            keep_going: true,
            retry: Retry { retries: 0, ..Retry::default() },
            listener: Some(listener),
            ..Options::default()
        };
        run(&self.plan, &store, work.clone(), &options).await.map_err(|error| error.to_string())?;
        let found = outputs(&self.plan, &store, &*work, &options).map_err(|error| error.to_string())?;
        let reader = Reader::new(&store, &found);
        let mut verdicts = Vec::new();
        for stage in self.plan.stages.iter().filter(|stage| stage.kind == StageKind::Gate) {
            verdicts.extend(reader.read_all::<Verdict>(&stage.name, "funnel")?);
        }
        let failed = heard.try_iter().find_map(|event| match event.event {
            Event::ItemFailed { reason, .. } => Some(reason),
            _ => None,
        });
        Ok((verdicts, failed))
    }
}

impl Drop for Validation {
    fn drop(&mut self) {
        // In the folder for such things: what stays behind is removed some day.
        let _ = std::fs::remove_dir_all(&self.folder);
    }
}

/// Returns the gates that have defaults, behind a stage that gives one task.
fn gates() -> Result<Plan, String> {
    let mut db = Database::default();
    let none = &mut |_: &str, _: &str| Err("nothing is used".to_owned());
    let project = project::open(&mut db, "plain.sswe", PLAIN, &Compile::default(), none);
    let all = plans(&db, project);
    let plan = all.first().ok_or("the plain curriculum has no plan")?;
    let is_kept = |stage: &&Arc<Stage>| matches!(stage.kind, StageKind::Generate | StageKind::Gate);
    let stages = plan.stages.iter().filter(is_kept).map(|stage| match stage.kind {
        StageKind::Generate => Arc::new(Stage {
            shape: Shape::Gather,
            inputs: Vec::new(),
            settings: Vec::new(),
            seed: None,
            ..Stage::clone(stage)
        }),
        _ => stage.clone(),
    });
    Ok(Plan { curriculum: plan.curriculum.clone(), rounds: 1, stages: stages.collect() })
}

/// The gates, and in place of what plants candidates one task.
struct Given {
    pipeline: Arc<Pipeline>,
    task: Vec<u8>,
}

impl Work for Given {
    fn declare(&self, stage: &Stage) -> Declaration {
        let mut declared = self.pipeline.declare(stage);
        if stage.kind == StageKind::Generate {
            declared.tools = vec![("task".to_owned(), Digest::of(&self.task).to_string())];
        }
        declared
    }

    fn expand(&self, stage: &Stage, inputs: &Inputs) -> Result<Vec<Item>, Fault> {
        self.pipeline.expand(stage, inputs)
    }

    fn draw(&self, stage: &Stage, inputs: &Inputs, ordinal: u64) -> Result<Option<Item>, Fault> {
        self.pipeline.draw(stage, inputs, ordinal)
    }

    async fn run(&self, context: Context) -> Result<Made, Fault> {
        match context.stage().kind {
            StageKind::Generate => {
                let artifact = Artifact::new("candidates", self.task.clone()).named("task");
                Ok(Made { artifacts: vec![artifact], ..Made::default() })
            }
            _ => self.pipeline.run(context).await,
        }
    }
}
