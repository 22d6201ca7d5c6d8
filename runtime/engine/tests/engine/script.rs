//! Plans in a few words, and a `Work` that does what they say.
//!
//! A line is a stage: its name, its shape, what it reads, and its settings.
//!
//! ```text
//! main/r1/tasks      one    make=5
//! main/r1/solve      each   task<main/r1/tasks k=2
//! main/r1/distill    gather traces<main/r1/solve
//! main/r1/generate   first=3 card<main/r1/distill seed=7
//! main/r1/gate.small each   candidate<main/r1/generate pass=50
//! main/r1/stop       stop   end=no
//! ```
//!
//! The kind is the last part of the name up to a dot, and the round is in the name too. What a
//! stage gives depends on its kind, its settings and the content of what it reads, and on nothing
//! else; `mod=3` leaves only three different bodies, so that a changed input may give an equal
//! output. Some settings are no settings: `version`, `tool`, `pool`, `source`, `env`, `stops`.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use sswe_cache::{Digest, Fields};
use sswe_compiler::plan::{
    Input, Plan, Shape, SourcePath, SpecHash, Stage, StageKind, StageName, StageSetting,
};
use sswe_compiler::value::Value;
use sswe_engine::{Artifact, Context, Declaration, Fault, Inputs, Item, Made, Step, Work};

/// A scripted `Work`, with the plan that it serves.
pub(crate) struct Script {
    stages: BTreeMap<String, Line>,
    order: Vec<String>,
    /// What ran: the stage and the item, and what it was made of.
    pub(crate) ran: Mutex<Vec<Ran>>,
    /// What goes wrong.
    pub(crate) faults: Mutex<Vec<Trouble>>,
    /// What else an item does.
    pub(crate) act: Act,
}

type Act = Box<dyn Fn(&str, &Digest) -> Duration + Send + Sync>;

/// Something that ran.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ran {
    pub(crate) stage: String,
    pub(crate) label: String,
    /// Everything that its output depends on: two with one identity are one piece of work.
    pub(crate) identity: Digest,
}

/// Something that goes wrong: the next `times` times that an item of `stage` runs.
pub(crate) struct Trouble {
    pub(crate) stage: String,
    pub(crate) times: u32,
    pub(crate) fault: Fault,
}

#[derive(Clone, Debug)]
struct Line {
    shape: Shape,
    inputs: Vec<(&'static str, String, &'static str)>,
    settings: BTreeMap<String, String>,
}

impl Script {
    /// Reads a plan; panics where it is wrong.
    pub(crate) fn new(text: &str) -> Arc<Script> {
        Script::acting(text, Box::new(|_, _| Duration::ZERO))
    }

    /// Reads a plan whose items do something more, given the stage and what the item is made of, and then take that long.
    pub(crate) fn acting(text: &str, act: Act) -> Arc<Script> {
        let mut stages = BTreeMap::new();
        let mut order = Vec::new();
        for line in text.lines().map(str::trim).filter(|line| !line.is_empty() && !line.starts_with('#')) {
            let mut words = line.split_whitespace();
            let name = words.next().unwrap().to_owned();
            let shape = match words.next().unwrap() {
                "one" => Shape::One,
                "each" => Shape::Each,
                "gather" => Shape::Gather,
                "stop" => Shape::Stop,
                first => Shape::FirstN(first.strip_prefix("first=").unwrap().parse().unwrap()),
            };
            let mut parsed = Line { shape, inputs: Vec::new(), settings: BTreeMap::new() };
            for word in words {
                if let Some((port, from)) = word.split_once('<') {
                    // `stage:output` for another output than the first.
                    let (from, output) = from.split_once(':').unwrap_or((from, default_output(from)));
                    parsed.inputs.push((leak(port), from.to_owned(), leak(output)));
                } else {
                    let (name, value) = word.split_once('=').unwrap();
                    parsed.settings.insert(name.to_owned(), value.to_owned());
                }
            }
            order.push(name.clone());
            stages.insert(name, parsed);
        }
        Arc::new(Script { stages, order, ran: Mutex::default(), faults: Mutex::default(), act })
    }

    /// Returns the plan.
    pub(crate) fn plan(&self) -> Plan {
        let stages: Vec<_> = self.order.iter().map(|name| Arc::new(self.stage(name))).collect();
        let rounds = stages.iter().filter_map(|stage| stage.round).max().unwrap_or(0);
        Plan { curriculum: "main".to_owned(), rounds, stages }
    }

    fn stage(&self, name: &str) -> Stage {
        let line = &self.stages[name];
        let kind = kind_of(name);
        let mut spec = Fields::new("script");
        spec.text("kind", kind.as_str());
        let said = line.settings.iter().filter(|(name, _)| !is_policy(name));
        let settings: Vec<_> = said
            .map(|(setting, value)| StageSetting {
                name: setting.clone(),
                address: format!("{name}.{setting}"),
                shown: value.clone(),
                value: Value::Text(value.as_str().into()),
            })
            .collect();
        settings.iter().for_each(|setting| {
            spec.text(&setting.name, &setting.shown);
        });
        let inputs = line.inputs.iter().map(|(port, from, output)| Input {
            port,
            from: StageName(from.as_str().into()),
            output,
        });
        let list = |name: &str| line.settings.get(name).cloned().into_iter();
        Stage {
            name: StageName(name.into()),
            kind,
            round: round_of(name),
            shape: line.shape,
            spec: SpecHash(*spec.finish().as_bytes()),
            settings,
            inputs: inputs.collect(),
            sources: list("source").map(|path| SourcePath { setting: "source".to_owned(), path }).collect(),
            env: list("env").map(|variable| ("env".to_owned(), variable)).collect(),
            seed: line.settings.get("seed").map(|seed| seed.parse().unwrap()),
            pool: line.settings.get("pool").cloned(),
            unless_stopped: false,
        }
    }

    /// Makes the next `times` items of a stage go wrong.
    pub(crate) fn trouble(&self, stage: &str, times: u32, fault: Fault) {
        self.faults.lock().unwrap().push(Trouble { stage: stage.to_owned(), times, fault });
    }

    /// Returns what ran since the last time: how often, by stage.
    pub(crate) fn take_ran(&self) -> BTreeMap<String, usize> {
        let mut by_stage = BTreeMap::new();
        for ran in self.ran.lock().unwrap().drain(..) {
            *by_stage.entry(ran.stage).or_default() += 1;
        }
        by_stage
    }

    fn setting(&self, stage: &Stage, name: &str) -> Option<&str> {
        self.stages[&*stage.name.0].settings.get(name).map(String::as_str)
    }

    fn number(&self, stage: &Stage, name: &str) -> Option<u64> {
        self.setting(stage, name).map(|value| value.parse().unwrap())
    }

    fn fault(&self, stage: &str) -> Option<Fault> {
        let mut faults = self.faults.lock().unwrap();
        let found = faults.iter_mut().find(|fault| fault.times > 0 && fault.stage == stage)?;
        found.times -= 1;
        Some(found.fault.clone())
    }

    fn others(&self, inputs: &Inputs, first: &str) -> Vec<(String, Digest)> {
        let ports: BTreeSet<&str> = inputs.ports().filter(|port| *port != first).collect();
        let all = ports
            .into_iter()
            .flat_map(|port| inputs.entries(port).map(move |entry| (port.to_owned(), entry.digest)));
        all.collect()
    }

    /// Hashes everything that an item's output depends on.
    fn identity(&self, context: &Context) -> Digest {
        let stage = context.stage();
        let mut fields = Fields::new("identity");
        fields.text("kind", stage.kind.as_str());
        for (name, value) in &self.stages[&*stage.name.0].settings {
            if !is_policy(name) || name == "version" || name == "tool" {
                fields.text(name, value);
            }
        }
        for source in context.sources() {
            fields.digest("source", &source.digest);
        }
        if stage.seed.is_some() {
            fields.number("round", stage.round.map_or(0, |round| 1 + u64::from(round)));
        }
        match context.item() {
            Some(item) => {
                fields.number("draw", item.ordinal().map_or(0, |draw| draw + 1));
                item.content().iter().for_each(|(port, digest)| {
                    fields.digest(port, digest);
                });
            }
            None => {
                let ports: BTreeSet<&str> = context.inputs().ports().collect();
                for port in ports {
                    for list in context.inputs().lists(port) {
                        fields.text("list", port);
                        for entry in list {
                            fields.text("name", &entry.name).digest(port, &entry.digest);
                        }
                    }
                }
            }
        }
        fields.finish()
    }
}

impl Work for Script {
    fn declare(&self, stage: &Stage) -> Declaration {
        let tools = self.setting(stage, "tool").map(|tool| ("tool".to_owned(), tool.to_owned()));
        Declaration {
            version: self.number(stage, "version").unwrap_or(1) as u32,
            tools: tools.into_iter().collect(),
            ports: match stage.kind {
                StageKind::Gate => vec!["accepted", "verdict"],
                _ => vec!["out"],
            },
        }
    }

    fn expand(&self, stage: &Stage, inputs: &Inputs) -> Result<Vec<Item>, Fault> {
        if self.setting(stage, "unfold") == Some("never") {
            return Err(Fault::Failed("cannot unfold".to_owned()));
        }
        let first = self.stages[&*stage.name.0].inputs.iter().find(|(port, ..)| *port != "stop").unwrap().0;
        let others = self.others(inputs, first);
        let mut items = Vec::new();
        for entry in inputs.entries(first) {
            let content = || others.iter().cloned().chain([(first.to_owned(), entry.digest)]);
            match self.number(stage, "k") {
                None => items.push(Item::new(&*entry.name, content())),
                Some(k) => items.extend(
                    (0..k).map(|draw| Item::new(format!("{}.{draw}", entry.name), content()).draw(draw)),
                ),
            }
        }
        Ok(items)
    }

    fn draw(&self, stage: &Stage, inputs: &Inputs, ordinal: u64) -> Result<Option<Item>, Fault> {
        if ordinal >= self.number(stage, "max").unwrap_or(200) {
            return Ok(None);
        }
        let first = self.stages[&*stage.name.0].inputs.iter().find(|(port, ..)| *port != "stop");
        let Some((first, ..)) = first else {
            return Ok(Some(Item::new(format!("{ordinal:04}"), []).draw(ordinal)));
        };
        let entries: Vec<_> = inputs.entries(first).collect();
        let Some(entry) = entries.get(ordinal as usize % entries.len().max(1)) else { return Ok(None) };
        let content = self.others(inputs, first).into_iter().chain([(first.to_string(), entry.digest)]);
        Ok(Some(Item::new(format!("{ordinal:04}"), content).draw(ordinal)))
    }

    async fn run(&self, context: Context) -> Result<Made, Fault> {
        let stage = context.stage();
        let name = &*stage.name.0;
        let identity = self.identity(&context);
        let label = context.item().map(Item::label).unwrap_or_default();
        self.ran.lock().unwrap().push(Ran { stage: name.to_owned(), label, identity });
        if let Some(fault) = self.fault(name) {
            return Err(fault);
        }
        let wait = (self.act)(name, &identity);
        if wait > Duration::ZERO {
            tokio::time::sleep(wait).await;
        }
        if let Some(requests) = self.number(stage, "requests") {
            context.ask(requests as u32, self.number(stage, "tokens").unwrap_or(0)).await;
            self.ran.lock().unwrap().push(Ran {
                stage: format!("{name} asked"),
                label: String::new(),
                identity,
            });
        }
        // What it reads must be there, and be what it says.
        let ports: BTreeSet<&str> = context.inputs().ports().collect();
        for port in ports {
            for entry in context.inputs().entries(port) {
                context.read(&entry.digest).await?;
            }
        }
        let mut runs = Vec::new();
        for draw in 0..self.number(stage, "runs").unwrap_or(0) {
            let inputs = context.item().map(|item| item.content().to_vec()).unwrap_or_default();
            let step = Step { name: "run", inputs, draw: Some(draw), ..Step::default() };
            let made = context.step(&step, async {
                let label = format!("{draw}");
                let stage = format!("{name} step");
                let mut fields = Fields::new("step");
                for name in ["version", "tool"] {
                    fields.text(name, self.setting(context.stage(), name).unwrap_or_default());
                }
                let identity = fields.digest("of", &content_of(&context)).number("draw", draw).finish();
                self.ran.lock().unwrap().push(Ran { stage, label, identity });
                Ok(vec![Artifact::new("log", identity.as_bytes().to_vec())])
            });
            runs.push(made.await?.remove("log").unwrap());
        }
        let mut fields = Fields::new("made");
        fields.digest("identity", &identity);
        runs.iter().for_each(|run| {
            fields.bytes("run", run);
        });
        if let Some(mut random) = context.random() {
            use rand_chacha::rand_core::RngCore;
            fields.number("random", random.next_u64());
        }
        let made = fields.finish();
        let number = u64::from_le_bytes(made.as_bytes()[..8].try_into().unwrap());
        let body = |number: u64| {
            let number = self.number(stage, "mod").map_or(number, |modulus| number % modulus);
            let size = self.number(stage, "size").unwrap_or(0) as usize;
            format!("{} {number}{}", stage.kind.as_str(), " ".repeat(size))
        };
        let cost_micros = self.number(stage, "cost").unwrap_or(0);
        let artifact = |port, bytes: String| Artifact::new(port, bytes).sidecar(format!("beside {name}"));
        let artifacts = match (stage.kind, self.number(stage, "make")) {
            (StageKind::Gate, _) => {
                let passes = number % 100 < self.number(stage, "pass").unwrap_or(100);
                let first = self.stages[name].inputs.iter().find(|(port, ..)| *port != "stop").unwrap().0;
                let candidate = context.inputs().one(first)?.digest;
                let verdict = artifact("verdict", format!("{passes}"));
                match passes {
                    true => vec![Artifact::passed("accepted", candidate), verdict],
                    false => vec![verdict],
                }
            }
            (_, Some(make)) => {
                let salt = self.setting(stage, "salt").unwrap_or_default();
                // The content of each is its own: one more changes no other.
                let plain = context.inputs().ports().next().is_none();
                let one = |at: u64| match plain {
                    true => format!("{} {salt} {at}", stage.kind.as_str()),
                    false => body(number.wrapping_add(at)),
                };
                (0..make).map(|at| artifact("out", one(at)).named(format!("{at:03}"))).collect()
            }
            // A draw is accepted or not by itself.
            _ if number % 100 >= self.number(stage, "pass").unwrap_or(100) => Vec::new(),
            _ => vec![artifact("out", body(number))],
        };
        let stop = match self.setting(stage, "end") {
            Some("yes") => true,
            Some("maybe") => number % 3 == 0,
            _ => false,
        };
        Ok(Made { artifacts, cost_micros, stop: stop && stage.shape == Shape::Stop, ..Made::default() })
    }
}

fn content_of(context: &Context) -> Digest {
    context.item().map_or(Digest::of(b""), Item::digest)
}

fn is_policy(setting: &str) -> bool {
    matches!(setting, "version" | "tool" | "pool" | "source" | "env" | "requests" | "tokens" | "cost")
}

fn default_output(from: &str) -> &'static str {
    match kind_of(from) {
        StageKind::Gate => "accepted",
        StageKind::Stop => "stop",
        _ => "out",
    }
}

fn kind_of(name: &str) -> StageKind {
    let last = name.rsplit('/').next().unwrap();
    match last.split('.').next().unwrap() {
        "pin" => StageKind::Pin,
        "tasks" => StageKind::Tasks,
        "bootstrap" => StageKind::Bootstrap,
        "solve" => StageKind::Solve,
        "distill" => StageKind::Distill,
        "generate" => StageKind::Generate,
        "gate" => StageKind::Gate,
        "gradient" => StageKind::Gradient,
        "score" => StageKind::Score,
        "select" => StageKind::Select,
        "train" => StageKind::Train,
        "evaluate" => StageKind::Evaluate,
        "stop" => StageKind::Stop,
        other => panic!("no kind `{other}`"),
    }
}

fn round_of(name: &str) -> Option<u32> {
    name.split('/').find_map(|part| part.strip_prefix('r')?.parse().ok())
}

/// Plans name ports by text that lives for ever.
fn leak(text: &str) -> &'static str {
    static KNOWN: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());
    let mut known = KNOWN.lock().unwrap();
    if let Some(found) = known.get(text) {
        return found;
    }
    let new: &'static str = Box::leak(text.to_owned().into_boxed_str());
    known.insert(new);
    new
}
