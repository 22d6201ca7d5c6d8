//! How a plan is run: what the settings and this machine say about it. Nothing of it is hashed.

use std::{collections::BTreeMap, num::NonZero, path::Path, time::Duration};

use sswe_compiler::{
    names::{Names, names},
    plan::Plan,
    project::{Database, Project},
    schema::{self, Block, Kind},
    settings::{Settings, settings},
    value::Value,
};
use sswe_engine::{Budget, Machine, OnLimit, Options, Pool};

use crate::load;

/// Returns how to run a plan of a file.
pub(crate) fn options(
    db: &Database,
    project: Project,
    plan: &Plan,
    file: &str,
    jobs: Option<NonZero<u32>>,
) -> Options {
    let view = View { names: names(db, project), settings: settings(db, project) };
    let pools = view.pools(plan);
    let machine = Machine {
        jobs: jobs.or_else(processors).map_or(1, NonZero::get),
        // What a pool has is the file's to say: the GPUs may be a server's.
        gpus: pools.values().fold(0, |sum, (_, gpus)| sum.saturating_add(*gpus)),
        memory: load::memory().unwrap_or(u64::MAX),
    };
    let pools = pools.into_iter().map(|(name, (pool, _))| {
        // A limit is no need: where there is less, one item runs at a time.
        (name, Pool { memory: pool.memory.min(machine.memory), ..pool })
    });
    let reads = plan.stages.iter().flat_map(|stage| &stage.env);
    let env = reads.filter_map(|(_, name)| Some((name.clone(), std::env::var(name).ok()?)));
    Options {
        base: Path::new(file).parent().map(Path::to_owned).unwrap_or_default(),
        env: env.collect(),
        pools: pools.collect(),
        machine,
        budget: view.budget(&plan.curriculum),
        ..Options::default()
    }
}

fn processors() -> Option<NonZero<u32>> {
    let count = std::thread::available_parallelism().ok()?;
    NonZero::new(u32::try_from(count.get()).unwrap_or(u32::MAX))
}

struct View<'a> {
    names: &'a Names,
    settings: &'a Settings,
}

impl View<'_> {
    fn get(&self, address: &str, block: &'static Block, name: &str) -> Option<Value> {
        self.settings.value(address, block.key(name)?, None)
    }

    fn number(&self, address: &str, block: &'static Block, name: &str) -> Option<u32> {
        match self.get(address, block, name)? {
            Value::Int(number) => Some(u32::try_from(number).unwrap_or(0)),
            _ => None,
        }
    }

    /// Returns the pools that stages of a plan name, each with how many GPUs it has.
    fn pools(&self, plan: &Plan) -> BTreeMap<String, (Pool, u32)> {
        let named = plan.stages.iter().filter_map(|stage| stage.pool.as_deref());
        let mut pools = BTreeMap::new();
        for name in named {
            if !pools.contains_key(name) {
                pools.insert(name.to_owned(), self.pool(name));
            }
        }
        pools
    }

    fn pool(&self, name: &str) -> (Pool, u32) {
        let block = &schema::POOL;
        let per_minute = |key: &str| match self.get(name, block, key)? {
            Value::Rate(events, seconds) => Some(events as f64 * 60.0 / seconds.max(1) as f64),
            _ => None,
        };
        let (requests, tokens) = (per_minute("rate"), per_minute("tokens"));
        let workers = self.number(name, block, "workers");
        let gpus = self.number(name, block, "gpus").unwrap_or(0);
        let each = self.memory_of_items(name);
        let fitting = match self.get(name, block, "memory") {
            Some(Value::Bytes(all)) if each > 0 => Some(u32::try_from(all / each).unwrap_or(u32::MAX).max(1)),
            _ => None,
        };
        let pool = Pool {
            workers: [workers, fitting].into_iter().flatten().min(),
            // Who waits for a server takes no processor.
            cpus: u32::from(requests.is_none() && tokens.is_none()),
            // Fewer GPUs than workers are shared: an item then holds none alone.
            gpus: gpus / workers.unwrap_or(1).max(1),
            memory: each,
            requests_per_minute: requests,
            tokens_per_minute: tokens,
        };
        (pool, gpus)
    }

    /// Returns the memory that an item of a pool may fill: the most that a sandbox of it allows.
    fn memory_of_items(&self, pool: &str) -> u64 {
        let of_pool = self.names.of_kind(Kind::Sandbox).filter(|(_, sandbox)| {
            matches!(self.get(&sandbox.address, &schema::SANDBOX, "pool"),
                Some(Value::Ref(id)) if self.names.entity(id).address == pool)
        });
        let limits = of_pool.filter_map(|(_, sandbox)| {
            match self.get(&format!("{}.limits", sandbox.address), &schema::LIMITS, "memory")? {
                Value::Bytes(bytes) => Some(bytes),
                _ => None,
            }
        });
        limits.max().unwrap_or(0)
    }

    fn budget(&self, curriculum: &str) -> Budget {
        let Some(block) = schema::CURRICULUM.block("budget") else { return Budget::default() };
        let address = format!("{curriculum}.budget");
        let get = |name| self.get(&address, block, name);
        let time = |name| match get(name)? {
            Value::Duration(ns) => Some(Duration::from_nanos(ns)),
            _ => None,
        };
        Budget {
            cost_micros: match get("cost") {
                Some(Value::Money(micros)) => u64::try_from(micros).ok(),
                _ => None,
            },
            gpu_time: time("gpu_time"),
            wall: time("wall"),
            on_limit: match get("on_limit") {
                Some(Value::Variant("stop")) => OnLimit::Stop,
                _ => OnLimit::FinishRound,
            },
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;
    use crate::args::Compile;

    const FILE: &str = "\
sswe 1
pool cpu { workers = 64, memory = 16GiB }
pool gpu { workers = 2, gpus = 8 }
pool api { workers = 16, rate = 300/min, tokens = 10_000/s }
pool idle { workers = 1, gpus = 4 }
sandbox py { backend = native, limits { memory = 4GiB }, pool = cpu }
seeds one { sandbox = py, dir \"seeds/ledger\" }
seeds exam { dir \"seeds/slots\" }
trainer t { command = [\"true\"], pool = gpu }
model base { backend = http, url = \"http://localhost\", name = \"m\", revision = \"r\", trainer = t, pool = api }
validation anchor { from = exam }
curriculum main {
  seeds = one
  solver = base
  score { against = anchor }
  train solver { pool = gpu }
  budget { cost = 2.5usd, wall = 1h, on_limit = stop }
}
";

    #[test]
    fn settings_become_options() {
        let opened = load::open_text("folder/a.sswe", FILE.to_owned(), &Compile::default());
        let plans = sswe_compiler::plan::plans(&opened.db, opened.project);
        let options = options(&opened.db, opened.project, &plans[0], &opened.path, NonZero::new(3));
        assert_eq!(options.base, Path::new("folder"));
        assert_eq!(options.machine.jobs, 3);
        let pool = |name: &str| options.pools.get(name).unwrap();
        // As many as fit into the pool's memory, each with what its sandbox allows.
        assert_eq!((pool("cpu").workers, pool("cpu").cpus), (Some(4), 1));
        assert_eq!(pool("cpu").memory, (4u64 << 30).min(options.machine.memory));
        assert_eq!((pool("gpu").workers, pool("gpu").gpus), (Some(2), 4));
        assert_eq!(options.machine.gpus, 8, "a pool that no stage names does not count");
        let api = pool("api");
        assert_eq!(
            (api.cpus, api.requests_per_minute, api.tokens_per_minute),
            (0, Some(300.0), Some(600_000.0))
        );
        assert!(!options.pools.contains_key("idle"));
        let budget = options.budget;
        assert_eq!((budget.cost_micros, budget.wall), (Some(2_500_000), Some(Duration::from_secs(3_600))));
        assert_eq!(budget.on_limit, OnLimit::Stop);
    }
}
