//! What no stage may learn, and what a stage must depend on.

use std::{collections::BTreeMap, sync::Arc};

use sswe_cache::{Digest, OpenOptions, Store};
use sswe_compiler::plan::{Stage, StageKind, StageName, plans};
use sswe_engine::{
    Artifact, Context, Declaration, End, Fault, Inputs, Item, Made, Options, Outputs, Work, outputs, run,
};
use sswe_pipelines::{
    Pipeline,
    artifact::{self, Card, Task},
    lock::Pins,
    summary::Reader,
};

use super::site::Site;
use crate::support::{Files, open};

/// The real stages, but for something that is done to what they give.
struct Meddler(Pipeline, fn(StageKind, Made) -> Made);

impl Work for Meddler {
    fn declare(&self, stage: &Stage) -> Declaration {
        self.0.declare(stage)
    }

    fn expand(&self, stage: &Stage, inputs: &Inputs) -> Result<Vec<Item>, Fault> {
        self.0.expand(stage, inputs)
    }

    fn draw(&self, stage: &Stage, inputs: &Inputs, ordinal: u64) -> Result<Option<Item>, Fault> {
        self.0.draw(stage, inputs, ordinal)
    }

    async fn run(&self, context: Context) -> Result<Made, Fault> {
        let kind = context.stage().kind;
        Ok(self.1(kind, self.0.run(context).await?))
    }
}

/// A curriculum up to a stage, with its store.
struct Built {
    store: Store,
    outputs: Outputs,
}

impl Built {
    fn entries(&self, stage: &str, port: &str) -> Vec<Digest> {
        let reader = Reader::new(&self.store, &self.outputs);
        reader.entries(&StageName(stage.into()), port).iter().map(|entry| entry.digest).collect()
    }

    fn read<T: serde::de::DeserializeOwned>(&self, stage: &str, port: &str) -> Vec<T> {
        Reader::new(&self.store, &self.outputs).read_all(&StageName(stage.into()), port).unwrap()
    }
}

fn build(site: &Site, until: &str, meddle: fn(StageKind, Made) -> Made) -> Built {
    let (db, project) = open("tiny.sswe", &site.folder.read("tiny.sswe"), &Default::default(), &Files::new());
    let plan = plans(&db, project).remove(0);
    let path = site.folder.path(&format!("store-{}", site.stores()));
    let store = Store::open(&path, OpenOptions::default()).unwrap();
    let options =
        Options { base: site.folder.path("."), until: Some(StageName(until.into())), ..Options::default() };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let work = Arc::new(Meddler(Pipeline::to_look_at(Pins::default()), meddle));
    let finished = runtime.block_on(run(&plan, &store, work.clone(), &options)).unwrap();
    assert_eq!(finished.end, End::Done);
    let outputs = outputs(&plan, &store, &*work, &options).unwrap();
    Built { store, outputs }
}

/// Says of every bug that it was planted in another way.
fn scramble(kind: StageKind, made: Made) -> Made {
    if !matches!(kind, StageKind::Bootstrap) {
        return made;
    }
    let artifacts = made.artifacts.iter().map(|one| {
        let mut task: Task = artifact::decode(one.bytes().unwrap()).unwrap();
        task.planted.kind = "nonsense".to_owned();
        task.planted.path = "nowhere.py".to_owned();
        task.planted.before = "scrambled".to_owned();
        task.planted.after = "eggs".to_owned();
        task.planted.line = 1;
        task.planted.start = 0;
        Artifact::new(one.port(), artifact::encode(&task))
    });
    Made { artifacts: artifacts.collect(), ..Made::default() }
}

fn no_cards(kind: StageKind, made: Made) -> Made {
    if kind == StageKind::Distill { Made::default() } else { made }
}

#[test]
fn cards_come_from_traces_alone() {
    let site = Site::tiny();
    let plain = build(&site, "main/r1/distill", |_, made| made);
    let scrambled = build(&site, "main/r1/distill", scramble);
    let tasks: Vec<Task> = scrambled.read("main/r1/bootstrap", "tasks");
    assert!(!tasks.is_empty() && tasks.iter().all(|task| task.planted.kind == "nonsense"));
    assert_ne!(plain.entries("main/r1/bootstrap", "tasks"), scrambled.entries("main/r1/bootstrap", "tasks"));
    let cards = plain.entries("main/r1/distill", "cards");
    assert!(!cards.is_empty());
    assert_eq!(cards, scrambled.entries("main/r1/distill", "cards"));
    for card in plain.read::<Card>("main/r1/distill", "cards") {
        let sum: f64 = card.weakness.iter().map(|pair| pair.weight).sum();
        assert!((sum - 1.0).abs() < 1e-9 && !card.evidence.traces.is_empty(), "{card:?}");
    }
}

#[test]
fn cards_decide_what_is_planted() {
    let site = Site::tiny();
    site.edit("tiny.sswe", "valid = 4, group = 4", "valid = 16, group = 4");
    let kinds = |built: &Built| {
        let mut kinds: BTreeMap<String, u32> = BTreeMap::new();
        for task in built.read::<Task>("main/r1/generate", "candidates") {
            *kinds.entry(task.planted.kind).or_default() += 1;
        }
        kinds
    };
    let guided = kinds(&build(&site, "main/r1/generate", |_, made| made));
    let unguided = kinds(&build(&site, "main/r1/generate", no_cards));
    eprintln!("with cards {guided:?}, without {unguided:?}");
    assert!(guided.values().sum::<u32>() >= 16 && unguided.values().sum::<u32>() >= 16);
    assert_ne!(guided, unguided);
}
