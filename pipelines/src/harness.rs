//! Runs the tests of a repository with a few changed files, thousands of times, in isolation.
//!
//! For each repository a server is kept warm inside of a sandbox: the interpreter, the test
//! framework and the compiled clean tree, but nothing of the product imported. Each verdict is a
//! fork of it, which enters namespaces of its own, writes the tree afresh, gives up every right and
//! only then runs code that may be hostile. In a container, where no namespaces can be made, the next
//! verdict begins when everything that one could change has been emptied and looked at. What a verdict is about reaches only that fork, and its
//! results come back line by line, each with a word that only it was told.

mod backend;
mod command;
mod control;
mod measure;
mod server;
mod trust;
mod wire;

use std::{
    collections::{BTreeMap, BTreeSet},
    path::PathBuf,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use sswe_engine::sandbox::{self, Action, Outcome};
use tokio::sync::{OnceCell, Semaphore};

use crate::artifact::{Limits, Raised, TestResult, Tree};
pub use crate::python::Python;
pub use backend::Backend;
pub use control::{Crossing, Proposal, Put, filter, is_control};
use measure::Baseline;
use server::{Server, Source};
pub use trust::Forged;

/// A repository whose tests can be run: what a warm server is made for.
#[derive(Clone, Debug)]
pub struct Bench {
    /// What tells it apart: equal ids mean equal everything else.
    pub id: String,
    /// The clean tree. It is known to the server: hidden tests belong into [`Ask::changed`].
    pub tree: Arc<Tree>,
    /// The command that runs its tests, such as `python -m unittest` or `pytest -q tests`.
    pub command: String,
    /// What one verdict may use.
    pub limits: Limits,
    /// Whether it may reach the network of the host.
    pub network: bool,
    /// Whether code may use the packages that are installed for the interpreter.
    pub packages: bool,
    /// A folder of the host with further packages, shown at one place in every sandbox.
    pub site: Option<PathBuf>,
    /// The tests that are known to pass on the clean tree; empty where none is known yet.
    pub trusted: Vec<String>,
}

/// What to find out.
#[derive(Clone, Debug, Default)]
pub struct Ask {
    /// The new text of files, by path; a file that the tree does not have is added.
    pub changed: BTreeMap<String, String>,
    /// Files of the tree that are not there.
    pub deleted: BTreeSet<String>,
    /// Which tests.
    pub tests: Tests,
    /// What to note of the product code that each test runs.
    pub trace: Trace,
    /// Of which tests that is noted; of the others nothing is. `None` is all.
    pub noted: Option<BTreeSet<String>>,
    /// Whether to stop at the first test that does not pass. What was not run is missing.
    pub stop_early: bool,
    /// Whether to stop at the first test that loops. What was not run is missing.
    pub stop_at_loop: bool,
    /// Whether to note what tests compare: [`Report::marks`].
    pub look: bool,
    /// The processor time of tests in milliseconds, where it is not to follow the clean run's.
    pub cpu_ms: BTreeMap<String, u64>,
}

/// Which tests.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Tests {
    /// All that the command finds.
    #[default]
    All,
    /// These, by id, in the order of the command.
    Only(Vec<String>),
}

/// What to note of the product code that a test runs.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Trace {
    /// Nothing.
    #[default]
    Off,
    /// The functions that it enters.
    Functions,
    /// These, and the lines that it executes.
    Lines,
}

/// What the tests did.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Report {
    /// The tests, sorted by id.
    pub tests: Vec<TestResult>,
    /// Modules that could not be loaded, and what they raised.
    pub unloadable: BTreeMap<String, Raised>,
    /// Why none of this counts: something forces or forges results. No test is said to have passed then.
    pub forged: Option<Forged>,
    /// By test, what is remarkable about the values that it compares, where that was asked for.
    pub marks: BTreeMap<String, BTreeSet<String>>,
    /// What would be remarkable of all that the product defines, used or not.
    pub known: BTreeSet<String>,
    /// Microseconds of processor time by test: for limits and sidecars, never for results.
    pub cpu_us: BTreeMap<String, u64>,
    /// Time on the clock: likewise.
    pub wall: Duration,
}

/// Why there is no report. None of these says anything about the changed files.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Trouble {
    /// The surroundings broke: trying again may help.
    #[error("{0}")]
    Infra(String),
    /// The tests cannot be run in this way, however often it is tried.
    #[error("{0}")]
    Refused(String),
}

/// What ends a test that does not end: policy, and no part of any result that is not a timeout.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Policy {
    /// The least processor time that a test may use.
    pub floor: Duration,
    /// How often a test may use what it used on the clean tree.
    pub factor: u32,
    /// How much more it gets alone, before it is said to loop.
    pub confirm: u32,
    /// What a test may use of which nothing is known.
    pub unknown: Duration,
    /// How many tests that loop end a run: what comes after them is missing.
    pub loops: u32,
    /// How long a test may neither run nor wait for a processor.
    pub idle: Duration,
}

impl Default for Policy {
    fn default() -> Policy {
        let [floor, unknown, idle] = [100, 10_000, 30_000].map(Duration::from_millis);
        Policy { floor, factor: 20, confirm: 5, unknown, loops: 3, idle }
    }
}

/// Keeps servers warm. Dropping it kills them.
#[derive(Debug)]
pub struct Harness {
    python: Python,
    backend: Backend,
    jobs: usize,
    most: usize,
    policy: Policy,
    // The one that was used last stands last.
    warm: Mutex<Vec<Arc<Warm>>>,
}

#[derive(Debug)]
struct Warm {
    source: Arc<Source>,
    turns: Semaphore,
    idle: Mutex<Vec<Server>>,
    baseline: OnceCell<Baseline>,
}

impl Harness {
    /// Makes a harness that runs up to `jobs` verdicts of a repository at once, and keeps up to
    /// `most` repositories warm.
    pub fn new(python: Python, jobs: usize, most: usize) -> Harness {
        let (backend, warm) = (Backend::Native, Mutex::default());
        Harness { python, backend, jobs: jobs.max(1), most: most.max(1), policy: Policy::default(), warm }
    }

    /// Changes what isolates the code; the interpreter is then one that is there.
    pub fn inside(mut self, backend: Backend) -> Harness {
        self.backend = backend;
        self
    }

    /// Changes what ends a test that does not end.
    pub fn with_policy(mut self, policy: Policy) -> Harness {
        self.policy = policy;
        self
    }

    /// Runs tests. When the future is dropped, every process of them is killed.
    pub async fn measure(&self, bench: &Bench, ask: Ask) -> Result<Report, Trouble> {
        let warm = self.warm(bench);
        let bench = &warm.source.bench;
        let closed = |_| Trouble::Infra("the harness was closed".to_owned());
        let _turn = warm.turns.acquire().await.map_err(closed)?;
        let idle = locked(&warm.idle).pop();
        let mut server = match idle {
            Some(server) => server,
            None => Server::start(&warm.source).await?,
        };
        let baseline =
            warm.baseline.get_or_try_init(|| measure::baseline(&mut server, bench, &self.policy)).await?;
        let report = measure::measure(&mut server, bench, &self.policy, baseline, ask).await?;
        locked(&warm.idle).push(server);
        Ok(report)
    }

    /// Returns what isolates the code, and the interpreter there.
    #[cfg(feature = "docker")]
    pub(crate) fn place(&self) -> (Backend, Python) {
        (self.backend.clone(), self.python.clone())
    }

    /// Runs a command where the tests run.
    pub(crate) async fn run(&self, action: Action) -> Result<Outcome, sandbox::Error> {
        self.backend.run(action).await
    }

    fn warm(&self, bench: &Bench) -> Arc<Warm> {
        let mut all = locked(&self.warm);
        let warm = match all.iter().position(|warm| warm.source.bench.id == bench.id) {
            Some(at) => all.remove(at),
            None => Arc::new(Warm {
                source: Arc::new(Source {
                    bench: bench.clone(),
                    python: self.python.clone(),
                    backend: self.backend.clone(),
                }),
                turns: Semaphore::new(self.jobs),
                idle: Mutex::default(),
                baseline: OnceCell::new(),
            }),
        };
        // One that is still in use lives on until its verdicts are reached.
        if all.len() >= self.most {
            all.remove(0);
        }
        all.push(warm.clone());
        warm
    }
}

fn locked<T>(mutex: &Mutex<T>) -> std::sync::MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl From<sandbox::Error> for Trouble {
    fn from(error: sandbox::Error) -> Trouble {
        use sandbox::Error;
        match error {
            Error::Program { .. } | Error::Path(_) | Error::Covered(_) | Error::Image { .. } => {
                Trouble::Refused(error.to_string())
            }
            error => Trouble::Infra(error.to_string()),
        }
    }
}
