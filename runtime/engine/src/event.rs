//! What happens in a run, one event after another.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// The version of the form of events; later versions only add fields.
pub const VERSION: u32 = 1;

/// One line of a run's log.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RunEvent {
    /// Its number, from 0.
    pub seq: u64,
    /// Seconds since the run began.
    pub at_s: f64,
    /// What happened.
    #[serde(flatten)]
    pub event: Event,
}

/// How many items of a stage or run ran, were in the store, failed, or met broken surroundings.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Ran and gave something.
    pub ran: u64,
    /// Were in the store.
    pub cached: u64,
    /// Failed.
    pub failed: u64,
    /// Gave nothing after all retries, because the surroundings broke.
    pub infra: u64,
}

impl Tally {
    pub(crate) fn add(&mut self, other: Tally) {
        let Tally { ran, cached, failed, infra } = other;
        self.ran += ran;
        self.cached += cached;
        self.failed += failed;
        self.infra += infra;
    }
}

/// What happened.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(tag = "kind")]
pub enum Event {
    /// The run began.
    #[serde(rename = "run.started")]
    RunStarted {
        /// The version of events.
        v: u32,
        /// The number of the run in the store; a store that is read-only has none.
        run: Option<i64>,
        /// The curriculum.
        curriculum: String,
        /// How many stages it has.
        stages: usize,
        /// When, in milliseconds since 1970.
        started_ms: i64,
    },
    /// A stage has work to do.
    #[serde(rename = "stage.started")]
    StageStarted {
        /// The stage.
        stage: String,
        /// Its round.
        round: Option<u32>,
        /// How many items it has; unknown for one that draws.
        items: Option<u64>,
        /// How many of these are in the store.
        cached: u64,
        /// Why it has work to do.
        reason: String,
    },
    /// An item began, or began again.
    #[serde(rename = "item.started")]
    ItemStarted {
        /// The stage.
        stage: String,
        /// The item; empty for a whole stage.
        item: String,
        /// 0 for the first time.
        attempt: u32,
    },
    /// An item gave something, and it is durable.
    #[serde(rename = "item.finished")]
    ItemFinished {
        /// The stage.
        stage: String,
        /// The item.
        item: String,
        /// How long it ran.
        wall_s: f64,
        /// What it cost, in millionths of a US dollar.
        cost_micros: u64,
    },
    /// The surroundings of an item broke; it is tried again.
    #[serde(rename = "item.retried")]
    ItemRetried {
        /// The stage.
        stage: String,
        /// The item.
        item: String,
        /// How often it was tried so far.
        attempt: u32,
        /// After how many seconds.
        after_s: f64,
        /// What broke.
        reason: String,
    },
    /// An item gave nothing.
    #[serde(rename = "item.failed")]
    ItemFailed {
        /// The stage.
        stage: String,
        /// The item.
        item: String,
        /// Whether the surroundings broke, not the work.
        infra: bool,
        /// Why.
        reason: String,
    },
    /// A blob is gone or damaged, and what made it runs again.
    #[serde(rename = "blob.lost")]
    BlobLost {
        /// The blob.
        digest: String,
        /// The stage that needs it.
        stage: String,
        /// How many actions have to run again.
        actions: u64,
    },
    /// A stage came to an end.
    #[serde(rename = "stage.finished")]
    StageFinished {
        /// The stage.
        stage: String,
        /// Its round.
        round: Option<u32>,
        /// How many items ran and gave something.
        ran: u64,
        /// How many were in the store.
        cached: u64,
        /// How many failed.
        failed: u64,
        /// How many gave nothing after all retries, because the surroundings broke.
        infra: u64,
        /// The digest of what it gave; none when it gave nothing.
        digest: Option<String>,
        /// How long it took.
        wall_s: f64,
        /// Why it ran or gave nothing; empty when the store answered.
        reason: String,
    },
    /// A stage will not run.
    #[serde(rename = "stage.skipped")]
    StageSkipped {
        /// The stage.
        stage: String,
        /// Its round.
        round: Option<u32>,
        /// Why.
        reason: String,
    },
    /// The run came to an end.
    #[serde(rename = "run.finished")]
    RunFinished {
        /// The version of events.
        v: u32,
        /// Whether everything that was asked for is there.
        ok: bool,
        /// How many items ran and gave something.
        ran: u64,
        /// How many were in the store.
        cached: u64,
        /// How many failed.
        failed: u64,
        /// How many gave nothing after all retries, because the surroundings broke.
        infra: u64,
        /// How long it took.
        wall_s: f64,
        /// The digest of everything that the curriculum means, when it is complete.
        result: Option<String>,
        /// What ended it, when it is not complete.
        reason: String,
    },
}
