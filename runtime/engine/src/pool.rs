//! How much may run at a time.

use std::collections::{BTreeMap, VecDeque};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

use crate::Error;

/// What the items of a pool share.
#[derive(Clone, Debug)]
pub struct Pool {
    /// How many items run at a time, if that is limited.
    pub workers: Option<u32>,
    /// How many CPU slots an item takes of the machine's; 0 for items that wait for a server.
    pub cpus: u32,
    /// How many GPUs an item takes.
    pub gpus: u32,
    /// How many bytes of memory an item takes.
    pub memory: u64,
    /// How many requests may be made a minute.
    pub requests_per_minute: Option<f64>,
    /// How many tokens may be used a minute.
    pub tokens_per_minute: Option<f64>,
}

impl Default for Pool {
    fn default() -> Pool {
        Pool {
            workers: None,
            cpus: 1,
            gpus: 0,
            memory: 0,
            requests_per_minute: None,
            tokens_per_minute: None,
        }
    }
}

/// What all pools share.
#[derive(Clone, Debug)]
pub struct Machine {
    /// How many CPU slots there are: `--jobs`.
    pub jobs: u32,
    /// How many GPUs there are.
    pub gpus: u32,
    /// How many bytes of memory items may take.
    pub memory: u64,
}

impl Default for Machine {
    fn default() -> Machine {
        Machine { jobs: 1, gpus: 0, memory: u64::MAX }
    }
}

/// What is free.
pub(crate) struct Capacity {
    jobs: u32,
    gpus: u32,
    memory: u64,
    pools: Vec<Group>,
    names: BTreeMap<String, usize>,
}

struct Group {
    pool: Pool,
    free: u32,
    requests: Option<Bucket>,
    tokens: Option<Bucket>,
    asking: VecDeque<Ask>,
}

/// Someone who waits for a rate.
pub(crate) struct Ask {
    pub(crate) requests: u32,
    pub(crate) tokens: u64,
    pub(crate) granted: oneshot::Sender<()>,
}

impl Capacity {
    /// Opens the pools; the first group is for stages without a pool.
    pub(crate) fn new(
        machine: &Machine,
        pools: &BTreeMap<String, Pool>,
        now: Instant,
    ) -> Result<Capacity, Error> {
        let mut all = Capacity {
            jobs: machine.jobs.max(1),
            gpus: machine.gpus,
            memory: machine.memory,
            pools: vec![Group::new(&Pool::default(), now)],
            names: BTreeMap::new(),
        };
        for (name, pool) in pools {
            let needs: [(&'static str, u64, u64); 3] = [
                ("CPU slots", pool.cpus.into(), all.jobs.into()),
                ("GPUs", pool.gpus.into(), all.gpus.into()),
                ("bytes of memory", pool.memory, all.memory),
            ];
            for (what, needed, there) in needs {
                if needed > there {
                    return Err(Error::TooLarge { pool: name.clone(), what, needed, there });
                }
            }
            all.names.insert(name.clone(), all.pools.len());
            all.pools.push(Group::new(pool, now));
        }
        Ok(all)
    }

    /// Returns the number of a pool; that of no pool when it is not known here.
    pub(crate) fn group(&self, name: Option<&str>) -> usize {
        name.and_then(|name| self.names.get(name)).copied().unwrap_or(0)
    }

    /// Returns how many groups there are.
    pub(crate) fn groups(&self) -> usize {
        self.pools.len()
    }

    /// Returns how many items of a group could run at a time.
    pub(crate) fn width(&self, group: usize, jobs: u32) -> u64 {
        let Group { pool, .. } = &self.pools[group];
        let by_cpu = jobs.checked_div(pool.cpus).unwrap_or(u32::MAX);
        u64::from(by_cpu.min(pool.workers.unwrap_or(u32::MAX)).clamp(1, 1024))
    }

    /// Takes what an item needs, if it is free.
    pub(crate) fn take(&mut self, group: usize) -> bool {
        let Group { pool, free, .. } = &mut self.pools[group];
        let fits =
            *free > 0 && pool.cpus <= self.jobs && pool.gpus <= self.gpus && pool.memory <= self.memory;
        if fits {
            *free -= 1;
            self.jobs -= pool.cpus;
            self.gpus -= pool.gpus;
            self.memory -= pool.memory;
        }
        fits
    }

    /// Gives back what an item took.
    pub(crate) fn give(&mut self, group: usize) {
        let Group { pool, free, .. } = &mut self.pools[group];
        *free += 1;
        self.jobs += pool.cpus;
        self.gpus += pool.gpus;
        self.memory += pool.memory;
    }

    /// Puts someone who waits for a rate into the queue of a pool.
    pub(crate) fn ask(&mut self, group: usize, ask: Ask) {
        self.pools[group].asking.push_back(ask);
    }

    /// Lets go whom the rates allow; returns when to come again.
    pub(crate) fn grant(&mut self, now: Instant) -> Option<Instant> {
        self.pools.iter_mut().filter_map(|group| group.grant(now)).min()
    }
}

impl Group {
    fn new(pool: &Pool, now: Instant) -> Group {
        Group {
            free: pool.workers.unwrap_or(u32::MAX),
            requests: pool.requests_per_minute.map(|rate| Bucket::new(rate, now)),
            tokens: pool.tokens_per_minute.map(|rate| Bucket::new(rate, now)),
            pool: pool.clone(),
            asking: VecDeque::new(),
        }
    }

    fn grant(&mut self, now: Instant) -> Option<Instant> {
        let Group { requests, tokens, asking, .. } = self;
        loop {
            // In the order in which they asked: else a large request would wait for ever.
            let first = asking.front()?;
            let ready = [(&mut *requests, first.requests > 0), (&mut *tokens, first.tokens > 0)]
                .into_iter()
                .filter(|(_, asked)| *asked)
                .filter_map(|(bucket, _)| bucket.as_mut().and_then(|bucket| bucket.wait(now)))
                .max();
            if let Some(wait) = ready {
                return Some(now + wait);
            }
            let Ask { requests: asked, tokens: used, granted } = asking.pop_front()?;
            if granted.send(()).is_ok() {
                requests.iter_mut().for_each(|bucket| bucket.level -= f64::from(asked));
                tokens.iter_mut().for_each(|bucket| bucket.level -= used as f64);
            }
        }
    }
}

/// Fills at a rate; may be emptied below zero by a large use, which then takes longer to refill.
struct Bucket {
    per_second: f64,
    size: f64,
    level: f64,
    filled: Instant,
}

impl Bucket {
    fn new(per_minute: f64, now: Instant) -> Bucket {
        let per_second = per_minute.max(1e-9) / 60.0;
        // A second's worth at once: servers count by short windows too.
        let size = per_second.max(1.0);
        Bucket { per_second, size, level: size, filled: now }
    }

    /// Returns how long to wait before the next use.
    fn wait(&mut self, now: Instant) -> Option<Duration> {
        let since = now.saturating_duration_since(self.filled).as_secs_f64();
        self.filled = now;
        self.level = (self.level + since * self.per_second).min(self.size);
        // Rounding may leave a hair less than one: that is no reason to wait for a hair.
        let lacks = self.size.min(1.0) - 1e-9 - self.level;
        (lacks > 0.0).then(|| Duration::from_secs_f64(lacks / self.per_second).max(Duration::from_millis(1)))
    }
}
