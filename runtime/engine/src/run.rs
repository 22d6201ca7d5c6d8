//! Running a plan: what to make, how, and how it ended.

mod close;
mod commit;
mod dispatch;
mod draws;
mod launch;
mod limit;
mod progress;
mod resolve;
mod settle;

use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::Arc;
use std::sync::mpsc::Sender;
use std::time::Duration;

use sswe_cache::{Digest, RunId, Store};
use sswe_compiler::plan::{Plan, StageName};
use tokio::sync::watch;
use tokio::time::Instant;

pub(crate) use settle::given_digest;

use crate::graph::{Graph, Surroundings, Wanted};
use crate::log::Log;
use crate::{Error, Event, Machine, Pool, RunEvent, Tally, VERSION, Work};

pub use limit::{Budget, Limit, OnLimit};

/// How to run: nothing here changes what a stage gives, but for `env` and what `base` holds.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The folder that the paths of sources start from.
    pub base: PathBuf,
    /// The environment variables that stages may read.
    pub env: BTreeMap<String, String>,
    /// What all pools share; its `jobs` is `--jobs`.
    pub machine: Machine,
    /// The pools that stages name.
    pub pools: BTreeMap<String, Pool>,
    /// Whether to go on with what does not need a stage that failed.
    pub keep_going: bool,
    /// Makes this stage and what it needs; where no stage has the name, those whose names go on
    /// after it.
    pub until: Option<StageName>,
    /// Makes the stages of this round, and what they need.
    pub round: Option<u32>,
    /// Whether the network is out of bounds.
    pub offline: bool,
    /// How to try again where the surroundings broke.
    pub retry: Retry,
    /// When to stop spending.
    pub budget: Budget,
    /// How to stop the run from outside.
    pub cancel: Cancel,
    /// Who hears of events while they happen.
    pub listener: Option<Sender<RunEvent>>,
    /// What to note about the run in the store: text, such as JSON, that the engine does not read.
    pub info: String,
}

/// How to try an item again where the surroundings broke.
#[derive(Clone, Copy, Debug)]
pub struct Retry {
    /// How often at most, beside the first time.
    pub retries: u32,
    /// How long to wait before the first retry; twice as long before each one after it.
    pub first: Duration,
    /// The longest wait.
    pub longest: Duration,
}

impl Default for Retry {
    fn default() -> Retry {
        Retry { retries: 3, first: Duration::from_secs(1), longest: Duration::from_secs(60) }
    }
}

/// Stops a run from outside: once to finish the items that run, twice to kill them.
#[derive(Clone, Debug)]
pub struct Cancel(Arc<watch::Sender<u32>>);

impl Default for Cancel {
    fn default() -> Cancel {
        Cancel(Arc::new(watch::channel(0).0))
    }
}

impl Cancel {
    /// Asks the run to stop; asked again, it stops at once.
    pub fn request(&self) {
        self.0.send_modify(|times| *times += 1);
    }

    fn subscribe(&self) -> watch::Receiver<u32> {
        self.0.subscribe()
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum End {
    /// Everything that was asked for is there.
    Done,
    /// A stage failed, or the surroundings stayed broken.
    Failed,
    /// Something needs the network, and the run is offline.
    Offline,
    /// Someone stopped it.
    Interrupted,
    /// A budget stopped it.
    Stopped(Limit),
}

/// What came of a run.
#[derive(Clone, Debug)]
pub struct Finished {
    /// How it ended.
    pub end: End,
    /// All items.
    pub tally: Tally,
    /// The digest of everything that the curriculum means: equal for equal plans and sources,
    /// whatever was in the store. Only a complete run has one.
    pub result: Option<Digest>,
    /// How long it took.
    pub wall: Duration,
    /// What was spent, in millionths of a US dollar.
    pub cost_micros: u64,
    /// Its number in the store; a store that is read-only has none.
    pub run: Option<RunId>,
}

/// Runs a plan.
///
/// Needs a tokio runtime with time. When it fails, everything that ran before is in the store.
pub async fn run<W: Work>(
    plan: &Plan,
    store: &Store,
    work: Arc<W>,
    options: &Options,
) -> Result<Finished, Error> {
    let begun = Instant::now();
    let writable = !store.read_only();
    // Before the first look into the store: what is there then stays until the end.
    let prefix = format!("{}/", plan.curriculum);
    let _lease = if writable { Some(store.lease(&[&prefix])?) } else { None };
    let wanted = Wanted { until: options.until.as_ref().map(|name| &*name.0), round: options.round };
    let around = Surroundings { base: &options.base, env: &options.env };
    let graph = Graph::new(plan, &*work, &wanted, store, &around)?;
    let id = if writable { Some(store.begin_run(&options.info)?) } else { None };
    let file = id.map(|id| store.append_events(id)).transpose()?;
    let mut log = Log::new(begun, file, options.listener.clone());
    let started_ms = store.now().0 / 1_000_000;
    log.add(Event::RunStarted {
        v: VERSION,
        run: id.map(|id| id.0),
        curriculum: plan.curriculum.clone(),
        stages: graph.nodes.len(),
        started_ms,
    })
    .map_err(Error::Log)?;
    let span = tracing::info_span!("run", curriculum = %plan.curriculum);
    let ran = tracing::Instrument::instrument(
        dispatch::dispatch(&graph, store, work, options, id, &mut log, begun),
        span,
    )
    .await;
    close::close(plan, &graph, store, id, log, begun, ran)
}
