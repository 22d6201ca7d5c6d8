//! Budgets: when to stop spending.

use std::time::Duration;

/// What a run may spend.
#[derive(Clone, Copy, Debug, Default)]
pub struct Budget {
    /// Money, in millionths of a US dollar.
    pub cost_micros: Option<u64>,
    /// Time on GPUs.
    pub gpu_time: Option<Duration>,
    /// Time on the clock.
    pub wall: Option<Duration>,
    /// What to do then.
    pub on_limit: OnLimit,
}

/// What to do when a budget is used up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OnLimit {
    /// Finish the items that run, and start none.
    #[default]
    Stop,
    /// Finish the round that has begun, and start no other.
    FinishRound,
}

/// Which budget is used up.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Limit {
    /// Money.
    Cost,
    /// Time on GPUs.
    GpuTime,
    /// Time on the clock.
    Wall,
}

impl Limit {
    /// Returns what is used up, in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Limit::Cost => "the budget for cost is used up",
            Limit::GpuTime => "the budget for GPU time is used up",
            Limit::Wall => "the budget for wall time is used up",
        }
    }
}

impl Budget {
    /// Returns which budget is used up.
    pub(super) fn used_up(&self, cost_micros: u64, gpu_time: Duration, wall: Duration) -> Option<Limit> {
        // No `..`: every budget counts.
        let Budget { cost_micros: cost, gpu_time: gpu, wall: clock, on_limit: _ } = self;
        if cost.is_some_and(|limit| cost_micros >= limit) {
            Some(Limit::Cost)
        } else if gpu.is_some_and(|limit| gpu_time >= limit) {
            Some(Limit::GpuTime)
        } else if clock.is_some_and(|limit| wall >= limit) {
            Some(Limit::Wall)
        } else {
            None
        }
    }
}
