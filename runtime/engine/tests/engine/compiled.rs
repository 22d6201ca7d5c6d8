//! Plans as the compiler makes them, run by a `Work` that knows nothing of what stages mean.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex};

use sswe_cache::{Digest, Fields, Store};
use sswe_compiler::plan::{Plan, Shape, Stage, StageKind, plans};
use sswe_compiler::project::{self, Database};
use sswe_engine::{
    Artifact, Context, Declaration, End, Fault, Finished, Inputs, Item, Made, Step, Work, run,
};

use crate::scratch::{Scratch, options};

const TEXT: &str = r#"sswe 1
seeds train { pypi "toolz" { at = "1.0.0" }, pypi "attrs" { at = "24.2.0" } }
seeds exam { pypi "schema" { at = "0.7.8" } }
seeds held_out { pypi "semver" { at = "3.0.4" } }
model base { backend = rewriter }
validation anchor { from = exam, size = 100 }
bench fresh { from = held_out, size = 100 }
curriculum main {
  seeds = train
  solver = base
  rounds = 3
  bootstrap { tasks = 5 }
  generate { valid = 6, group = 2 }
  gates {
    well_formed { max_files = 8 }
    grounded
    stable { runs = 3 }
    separates
  }
  score { against = anchor }
  evaluate { on = [fresh] }
  stop { metric = anchor.resolved, patience = 2 }
  round 3 { gates { stable { runs = 3 } } }
}
"#;

fn compile(text: &str) -> Arc<Plan> {
    let mut db = Database::default();
    let none = &mut |_: &str, _: &str| Err("there is no such file".to_owned());
    let project = project::open(&mut db, "a.sswe", text, &project::Options::default(), none);
    let [plan] = &plans(&db, project)[..] else { panic!("one curriculum") };
    plan.clone()
}

/// Gives everything that is read of it, made of everything that it reads.
struct Anything {
    ports: BTreeMap<String, Vec<&'static str>>,
    ran: Mutex<BTreeMap<String, usize>>,
}

impl Anything {
    fn new(plan: &Plan) -> Arc<Anything> {
        let mut ports: BTreeMap<String, Vec<&'static str>> = BTreeMap::new();
        for stage in &plan.stages {
            ports.entry(stage.name.to_string()).or_default();
            for input in &stage.inputs {
                let of = ports.entry(input.from.to_string()).or_default();
                if !of.contains(&input.output) {
                    of.push(input.output);
                }
            }
        }
        for (name, of) in &mut ports {
            match of.is_empty() {
                true if name.contains("/gates.") => of.push("accepted"),
                true => of.push("out"),
                false => (),
            }
        }
        Arc::new(Anything { ports, ran: Mutex::default() })
    }

    fn note(&self, what: String) {
        *self.ran.lock().unwrap().entry(what).or_default() += 1;
    }
}

/// The input that a stage unfolds over.
fn main_port(stage: &Stage) -> &'static str {
    let shown = ["tasks", "candidates", "attempts", "cards", "baseline"];
    shown.into_iter().find(|port| stage.inputs.iter().any(|input| input.port == *port)).unwrap()
}

impl Work for Anything {
    fn declare(&self, stage: &Stage) -> Declaration {
        Declaration { version: 1, tools: Vec::new(), ports: self.ports[&*stage.name.0].clone() }
    }

    fn expand(&self, stage: &Stage, inputs: &Inputs) -> Result<Vec<Item>, Fault> {
        let main = main_port(stage);
        let others = || {
            inputs
                .ports()
                .filter(|port| *port != main)
                .flat_map(|port| inputs.entries(port).map(|entry| (port.to_owned(), entry.digest)))
        };
        let item = |entry: &sswe_engine::Entry| {
            Item::new(&*entry.name, others().chain([(main.to_owned(), entry.digest)]))
        };
        Ok(inputs.entries(main).map(item).collect())
    }

    fn draw(&self, stage: &Stage, inputs: &Inputs, ordinal: u64) -> Result<Option<Item>, Fault> {
        let main = main_port(stage);
        let all: Vec<_> = inputs.entries(main).collect();
        let Some(entry) = all.get(ordinal as usize % all.len().max(1)) else { return Ok(None) };
        Ok(Some(Item::new(format!("{ordinal:05}"), [(main.to_owned(), entry.digest)]).draw(ordinal)))
    }

    async fn run(&self, context: Context) -> Result<Made, Fault> {
        let stage = context.stage();
        self.note(stage.name.to_string());
        let mut fields = Fields::new("anything");
        fields.text("kind", stage.kind.as_str());
        let steps =
            stage.settings.iter().find(|setting| setting.name == "runs" && stage.kind == StageKind::Gate);
        for setting in stage.settings.iter().filter(|setting| setting.name != "runs") {
            fields.text(&setting.name, &setting.shown);
        }
        if stage.seed.is_some() {
            fields.number("seed", stage.seed.unwrap_or(0)).number("round", stage.round.unwrap_or(0).into());
        }
        for port in context.inputs().ports() {
            for entry in context.inputs().entries(port) {
                fields.text(port, &entry.name).digest(port, &entry.digest);
            }
        }
        fields.number("draw", context.item().and_then(Item::ordinal).unwrap_or(0));
        let made = fields.finish();
        for draw in 0..steps.map_or(0, |setting| setting.shown.parse().unwrap()) {
            let inputs = context.item().unwrap().content().to_vec();
            let step = Step { name: "run", inputs, draw: Some(draw), ..Step::default() };
            let log = context.step(&step, async {
                self.note(format!("{} step", stage.name));
                Ok(vec![Artifact::new("log", "all passed")])
            });
            log.await?;
        }
        let many = stage.shape == Shape::Gather || stage.kind == StageKind::Select;
        let mut artifacts = Vec::new();
        for port in &self.ports[&*stage.name.0] {
            if stage.kind == StageKind::Gate && *port == "accepted" {
                if !made.as_bytes()[0].is_multiple_of(4) {
                    artifacts.push(Artifact::passed(port, context.inputs().one("candidates")?.digest));
                }
            } else if many {
                let body =
                    |at: u8| Digest::of(&[made.as_bytes(), port.as_bytes(), &[at]].concat()).to_string();
                artifacts.extend((0..3).map(|at| Artifact::new(port, body(at)).named(at.to_string())));
            } else {
                artifacts.push(Artifact::new(port, format!("{port} {made}")));
            }
        }
        Ok(Made { artifacts, ..Made::default() })
    }
}

fn build(store: &Store, text: &str, jobs: u32) -> (Finished, BTreeMap<String, usize>) {
    let plan = compile(text);
    let work = Anything::new(&plan);
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let finished = runtime.block_on(run(&plan, store, work.clone(), &options(jobs))).unwrap();
    assert_eq!(finished.end, End::Done, "{finished:?}");
    (finished, std::mem::take(&mut *work.ran.lock().unwrap()))
}

#[test]
fn a_compiled_curriculum_builds_and_each_edit_reruns_what_the_language_says() {
    let scratch = Scratch::new();
    let store = scratch.store();
    let (first, ran) = build(&store, TEXT, 2);
    assert!(ran.len() > 50, "{ran:?}");
    let (again, ran) = build(&store, TEXT, 2);
    assert_eq!((again.result, ran.len()), (first.result, 0));

    // Names, comments and spelling.
    let renamed = TEXT.replace("held_out", "unseen").replace("patience = 2", "patience = 2  # rounds");
    let (same, ran) = build(&store, &renamed, 1);
    assert_eq!((same.result, ran.len()), (first.result, 0), "{ran:?}");

    // Two more runs of each candidate of round 3, and nothing else.
    let edited = TEXT.replace("round 3 { gates { stable { runs = 3", "round 3 { gates { stable { runs = 5");
    let (same, ran) = build(&store, &edited, 1);
    assert_eq!(same.result, first.result);
    let names: Vec<&str> = ran.keys().map(String::as_str).collect();
    assert_eq!(names, ["main/r3/gates.stable", "main/r3/gates.stable step"]);
    assert_eq!(ran["main/r3/gates.stable step"], 2 * ran["main/r3/gates.stable"]);

    // Another way to score: no gradient is computed again.
    let edited = TEXT.replace("score { against = anchor }", "score { against = anchor, mode = dot }");
    let (other, ran) = build(&store, &edited, 1);
    assert_ne!(other.result, first.result);
    assert!(!ran.contains_key("main/r1/gradient") && ran["main/r1/score"] == 1, "{ran:?}");

    let clean = Scratch::new();
    assert_eq!(build(&clean.store(), &edited, 4).0.result, other.result);
}
