//! The dispatcher: it alone decides, and knows how far everything is.

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap, HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use sswe_cache::{ActionKey, Batch, Components, Digest, Output, RunId, Store};
use tokio::sync::{mpsc, watch};
use tokio::task::{Id, JoinHandle, JoinSet};
use tokio::time::Instant;

use super::commit::{Gave, Record};
use super::progress::{Flight, Lists, Progress};
use super::{End, Limit, Options};
use crate::context::Message;
use crate::graph::Graph;
use crate::log::Log;
use crate::pool::Capacity;
use crate::rows::Rows;
use crate::{Error, Fault, Made, Tally, Work};

/// How long what ran may wait to be made durable while other items run.
const LINGER: Duration = Duration::from_millis(5);
/// How many records are made durable at once.
const BATCH: usize = 256;
/// How often the log is written out while items run.
const LOG_EVERY: Duration = Duration::from_millis(200);
/// How often blobs may be lost before a run is given up.
const LOSSES: u32 = 64;

/// What came of all stages.
pub(super) struct Ran {
    pub(super) stages: Vec<Progress>,
    pub(super) tally: Tally,
    pub(super) end: End,
    pub(super) cost_micros: u64,
    pub(super) keys: Vec<Option<ActionKey>>,
}

/// What an executor sends when an item is over.
pub(super) struct Over {
    pub(super) made: Result<Made, Fault>,
    pub(super) wall: Duration,
}

/// Why no new item begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Halt {
    /// A blob is lost: once nothing runs, all begins again.
    Lost,
    /// A budget is used up.
    Limit(Limit),
    /// A stage failed.
    Failed,
    /// Someone asked for it.
    Interrupted,
}

type Commits = JoinHandle<(Batch, sswe_cache::Result<Gave>)>;

/// Everything that the dispatcher knows.
pub(super) struct Dispatch<'r, W> {
    pub(super) graph: &'r Graph,
    pub(super) store: &'r Store,
    pub(super) work: Arc<W>,
    pub(super) options: &'r Options,
    pub(super) run: Option<RunId>,
    pub(super) log: &'r mut Log,
    pub(super) begun: Instant,

    pub(super) rows: Rows,
    pub(super) lists: Lists,
    pub(super) stages: Vec<Progress>,
    pub(super) shared: Vec<Option<Arc<Components>>>,
    pub(super) keys: Vec<Option<ActionKey>>,
    /// Whether what the store says of a whole stage is not to be believed, since a blob is lost.
    pub(super) doubted: Vec<bool>,
    pub(super) tallies: Vec<Tally>,
    /// Stages whose inputs are known. In the order of the plan: a round is finished before the
    /// next one begins, as far as possible.
    pub(super) ready: BinaryHeap<Reverse<usize>>,
    pub(super) used: Vec<ActionKey>,

    pub(super) flights: HashMap<ActionKey, Flight>,
    /// Stages of which only the row has to be written, by its key.
    pub(super) closing: HashMap<ActionKey, Vec<usize>>,
    pub(super) queues: Vec<VecDeque<ActionKey>>,
    pub(super) later: BTreeMap<(Instant, u64), ActionKey>,
    pub(super) delays: u64,
    pub(super) capacity: Capacity,
    pub(super) tasks: JoinSet<Over>,
    /// What runs: its key, and the pool that it takes from.
    pub(super) running: HashMap<Id, (ActionKey, usize)>,
    /// How long what ran took, and what it cost, until it is durable.
    pub(super) walls: HashMap<ActionKey, (Duration, u64)>,
    pub(super) sender: mpsc::UnboundedSender<Message>,
    receiver: mpsc::UnboundedReceiver<Message>,

    pub(super) pending: Vec<Record>,
    pub(super) pending_since: Instant,
    pub(super) batch: Option<Batch>,
    pub(super) commits: Option<Commits>,
    pub(super) committing: usize,
    log_written: Instant,

    pub(super) halt: Option<Halt>,
    pub(super) last_round: Option<u32>,
    pub(super) offline: bool,
    pub(super) losses: u32,
    pub(super) cost_micros: u64,
    pub(super) gpu_time: Duration,
}

/// Goes through the stages.
pub(super) async fn dispatch<W: Work>(
    graph: &Graph,
    store: &Store,
    work: Arc<W>,
    options: &Options,
    run: Option<RunId>,
    log: &mut Log,
    begun: Instant,
) -> Result<Ran, Error> {
    let count = graph.nodes.len();
    let capacity = Capacity::new(&options.machine, &options.pools, begun)?;
    let (sender, receiver) = mpsc::unbounded_channel();
    let mut dispatch = Dispatch {
        graph,
        store,
        work,
        options,
        run,
        log,
        begun,
        rows: Rows::new(store, count)?,
        lists: HashMap::new(),
        stages: Vec::new(),
        shared: vec![None; count],
        keys: vec![None; count],
        doubted: vec![false; count],
        tallies: vec![Tally::default(); count],
        ready: BinaryHeap::new(),
        used: Vec::new(),
        flights: HashMap::new(),
        closing: HashMap::new(),
        queues: vec![VecDeque::new(); capacity.groups()],
        later: BTreeMap::new(),
        delays: 0,
        capacity,
        tasks: JoinSet::new(),
        running: HashMap::new(),
        walls: HashMap::new(),
        sender,
        receiver,
        pending: Vec::new(),
        pending_since: begun,
        batch: None,
        commits: None,
        committing: 0,
        log_written: begun,
        halt: None,
        last_round: None,
        offline: false,
        losses: 0,
        cost_micros: 0,
        gpu_time: Duration::ZERO,
    };
    let mut cancel = options.cancel.subscribe();
    loop {
        dispatch.begin();
        dispatch.drive(&mut cancel).await?;
        if dispatch.halt.is_none() {
            dispatch.check_ends()?;
        }
        // Items of stages that did not get everything are in the store: what is left is done anew.
        match dispatch.halt {
            Some(Halt::Lost) if *cancel.borrow() == 0 => dispatch.halt = None,
            _ => break,
        }
    }
    dispatch.finish()
}

impl<W: Work> Dispatch<'_, W> {
    fn begin(&mut self) {
        self.stages = self.graph.nodes.iter().map(|node| Progress::Waiting(node.waits)).collect();
        self.flights.clear();
        self.closing.clear();
        self.queues.iter_mut().for_each(VecDeque::clear);
        self.later.clear();
        let first = self.graph.nodes.iter().enumerate().filter(|(_, node)| node.wanted && node.waits == 0);
        self.ready = first.map(|(index, _)| Reverse(index)).collect();
    }

    async fn drive(&mut self, cancel: &mut watch::Receiver<u32>) -> Result<(), Error> {
        let mut asked = *cancel.borrow_and_update();
        loop {
            self.limit_reached();
            if asked > 0 {
                self.halt = self.halt.max(Some(Halt::Interrupted));
            }
            if asked > 1 {
                self.kill();
            }
            while self.halt.is_none()
                && let Some(Reverse(index)) = self.ready.pop()
            {
                self.resolve(index)?;
            }
            self.launch()?;
            let next_rate = self.capacity.grant(Instant::now());
            self.flush()?;
            let idle = self.tasks.is_empty() && self.pending.is_empty() && self.commits.is_none();
            if idle && (self.halt.is_some() || (self.ready.is_empty() && self.later.is_empty())) {
                return Ok(());
            }
            self.write_log()?;
            let wake = self.wake(next_rate);
            let timer = async {
                match wake {
                    Some(wake) => tokio::time::sleep_until(wake).await,
                    None => std::future::pending().await,
                }
            };
            tokio::select! {
                biased;
                Some(over) = self.tasks.join_next_with_id(), if !self.tasks.is_empty() => self.over(over)?,
                Some(message) = self.receiver.recv() => self.hear(message)?,
                committed = wait_for(&mut self.commits) => self.committed(committed)?,
                Ok(()) = cancel.changed() => asked = *cancel.borrow_and_update(),
                () = timer => (),
            }
            while let Some(over) = self.tasks.try_join_next_with_id() {
                self.over(over)?;
            }
            while let Ok(message) = self.receiver.try_recv() {
                self.hear(message)?;
            }
        }
    }

    /// Returns when to look again though nothing happened.
    fn wake(&self, next_rate: Option<Instant>) -> Option<Instant> {
        let retry = self.later.keys().next().map(|(at, _)| *at).filter(|_| self.halt.is_none());
        let flush = (!self.pending.is_empty() && self.commits.is_none()).then(|| self.pending_since + LINGER);
        let limited = self.halt.is_none() && self.last_round.is_none();
        let wall = self.options.budget.wall.filter(|_| limited).map(|wall| self.begun + wall);
        // Who follows the stored log of a long item sees that it began.
        let log = (!self.log.is_written()).then(|| self.log_written + LOG_EVERY);
        [retry, flush, wall, log, next_rate].into_iter().flatten().min()
    }

    /// Returns whether what ran should be made durable now.
    pub(super) fn is_due(&self) -> bool {
        // When nothing else can begin, waiting for more would only delay what depends on it.
        self.pending.len() >= BATCH
            || self.pending_since.elapsed() >= LINGER
            || self.tasks.is_empty()
            || self.queues.iter().all(VecDeque::is_empty)
    }

    fn write_log(&mut self) -> Result<(), Error> {
        if self.log_written.elapsed() >= LOG_EVERY {
            self.log_written = Instant::now();
            self.log.flush().map_err(Error::Log)?;
        }
        Ok(())
    }

    fn limit_reached(&mut self) {
        let budget = &self.options.budget;
        let Some(limit) = budget.used_up(self.cost_micros, self.gpu_time, self.begun.elapsed()) else {
            return;
        };
        match budget.on_limit {
            super::OnLimit::Stop => self.halt = self.halt.max(Some(Halt::Limit(limit))),
            super::OnLimit::FinishRound if self.last_round.is_none() => {
                let begun = self.stages.iter().zip(&self.graph.nodes);
                let rounds = begun.filter_map(|(stage, node)| match stage {
                    Progress::Waiting(_) => None,
                    _ => node.stage.round,
                });
                self.last_round = Some(rounds.max().unwrap_or(0));
            }
            super::OnLimit::FinishRound => (),
        }
    }

    /// Ends all items at once; what they had not given is lost.
    fn kill(&mut self) {
        self.tasks.abort_all();
    }

    /// Makes a stage's row in the store, and those of all it reads, count for nothing.
    pub(super) fn lose(&mut self, digest: Digest, node: usize) -> Result<(), Error> {
        self.losses += 1;
        if self.losses > LOSSES {
            return Err(Error::Lost { digest });
        }
        let keys = self.store.discard(&digest)?;
        self.rows.forget(&keys)?;
        let mut above = vec![node];
        while let Some(index) = above.pop() {
            if !std::mem::replace(&mut self.doubted[index], true) || index == node {
                let node = &self.graph.nodes[index];
                above.extend(node.needs.iter().map(|need| need.from).filter(|&from| !self.doubted[from]));
            }
        }
        self.log_event(crate::Event::BlobLost {
            digest: digest.short(),
            stage: self.graph.nodes[node].stage.name.to_string(),
            actions: keys.len() as u64,
        })?;
        self.halt = self.halt.max(Some(Halt::Lost));
        Ok(())
    }

    pub(super) fn log_event(&mut self, event: crate::Event) -> Result<(), Error> {
        self.log.add(event).map_err(Error::Log)
    }

    fn hear(&mut self, message: Message) -> Result<(), Error> {
        match message {
            Message::Rate(group, ask) => self.capacity.ask(group, ask),
            Message::Look(key, reply) => {
                let mut outputs = Vec::new();
                let seen = self.rows.see(&key, |name, body, sidecar| {
                    outputs.push(Output { name: name.into(), body, sidecar });
                });
                let answer = seen.map(|found| found.then_some(outputs));
                // The item may have been killed meanwhile.
                let _ = reply.send(answer);
            }
            Message::Keep(kept) => self.keep(*kept),
        }
        Ok(())
    }
}

/// Waits for a commit, or for ever when there is none.
async fn wait_for(commits: &mut Option<Commits>) -> <Commits as Future>::Output {
    match commits {
        Some(commit) => {
            let done = commit.await;
            *commits = None;
            done
        }
        None => std::future::pending().await,
    }
}
