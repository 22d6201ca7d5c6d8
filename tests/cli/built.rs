//! A store in which a whole curriculum is built, by a script in place of the stages.
//!
//! The script gives what the real stages declare, so that the program finds it under their keys.

use std::sync::Arc;

use sswe_cache::{OpenOptions, Store};
use sswe_compiler::plan::{Shape, Stage, StageKind, StageName, plans};
use sswe_engine::{
    Artifact, Context, Declaration, End, Fault, Finished, Inputs, Item, Made, Options, Work, run,
};
use sswe_pipelines::{Pipeline, lock::Pins};

use crate::support::{Files, Folder, open};

/// A curriculum over two folders, small enough to be built in a moment.
pub(super) const SMALL: &str = "\
sswe 1

seeds one { dir \"seeds/ledger\" { test = 'python -m unittest' } }
seeds exam { dir \"seeds/slots\" { test = 'python -m unittest' } }
model base { backend = rewriter }
validation anchor { from = exam, size = 50 }
curriculum main {
  seeds = one
  solver = base
  rounds = 2
  bootstrap { tasks = 4 }
  generate { valid = 3 }
  gates {
    well_formed, grounded
    stable { runs = 3 }
    separates
  }
  score { mode = cosine, against = anchor }
}
";

/// Makes a folder with [`SMALL`] and its seeds.
pub(super) fn small() -> Folder {
    Folder::with(SMALL)
        .and("seeds/ledger/ledger.py", "def total(rows):\n    return sum(rows)\n")
        .and("seeds/ledger/test_ledger.py", "import unittest\n")
        .and("seeds/slots/slots.py", "def free(slots):\n    return [s for s in slots if s]\n")
}

/// Builds `a.sswe` of a folder by the script, up to a stage if one is named.
pub(super) fn by_script(folder: &Folder, until: Option<&str>) -> Finished {
    by(folder, until, |declared| declared)
}

/// Builds as [`by_script`], as a release would that did something else at each stage.
pub(super) fn by_older_script(folder: &Folder, until: Option<&str>) -> Finished {
    by(folder, until, |declared| Declaration {
        version: declared.version - 1,
        tools: vec![("python".to_owned(), "3.10".to_owned())],
        ..declared
    })
}

fn by(folder: &Folder, until: Option<&str>, declare: fn(Declaration) -> Declaration) -> Finished {
    let (db, project) = open("a.sswe", &folder.read("a.sswe"), &Default::default(), &Files::new());
    let plan = plans(&db, project).remove(0);
    // So that what comes after takes it for what its own interpreter made.
    let lock = format!("sswe lock 1\npython 3.11.7 library:{}\n", "ab".repeat(32));
    folder.write("a.lock", &lock);
    let pins = Pins::parse(&lock).unwrap();
    let store = Store::open(&folder.path(".sswe/store"), OpenOptions::default()).unwrap();
    let options = Options {
        base: folder.path("."),
        until: until.map(|name| StageName(name.into())),
        info: "{\"curriculum\":\"main\"}".to_owned(),
        ..Options::default()
    };
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let finished = runtime
        .block_on(run(&plan, &store, Arc::new(Script(Pipeline::to_look_at(pins), declare)), &options))
        .unwrap();
    assert_eq!(finished.end, End::Done, "{finished:?}");
    finished
}

struct Script(Pipeline, fn(Declaration) -> Declaration);

impl Work for Script {
    fn declare(&self, stage: &Stage) -> Declaration {
        (self.1)(self.0.declare(stage))
    }

    fn expand(&self, _stage: &Stage, inputs: &Inputs) -> Result<Vec<Item>, Fault> {
        let port = inputs.ports().next().unwrap_or_default().to_owned();
        let items =
            inputs.entries(&port).map(|entry| Item::new(&*entry.name, [(port.clone(), entry.digest)]));
        Ok(items.collect())
    }

    fn draw(&self, _stage: &Stage, inputs: &Inputs, ordinal: u64) -> Result<Option<Item>, Fault> {
        let port = inputs.ports().next().unwrap_or_default().to_owned();
        let content = inputs.entries(&port).next().map(|entry| (port.clone(), entry.digest));
        Ok(Some(Item::new(format!("draw-{ordinal}"), content).draw(ordinal)))
    }

    async fn run(&self, context: Context) -> Result<Made, Fault> {
        let stage = context.stage().clone();
        let inputs = context.inputs();
        let read: Vec<String> = inputs
            .ports()
            .flat_map(|port| inputs.entries(port))
            .map(|entry| entry.digest.to_string())
            .collect();
        let sources: Vec<String> = context.sources().iter().map(|source| source.digest.to_string()).collect();
        let ordinal = context.item().and_then(Item::ordinal);
        // The round too, which is where real stages draw their random numbers from.
        let said = format!("{} {:?} {read:?} {sources:?} {ordinal:?}", stage.spec, stage.round);
        let ports = self.0.declare(&stage).ports;
        let first = inputs.ports().next().and_then(|port| inputs.one(port).ok());
        let artifact = |port: &'static str| match (stage.kind, port, first) {
            (StageKind::Gate, "accepted", Some(candidate)) => Artifact::passed(port, candidate.digest),
            _ => Artifact::new(port, format!("{port} {said}")),
        };
        let stop = stage.shape == Shape::Stop && said.is_empty();
        Ok(Made { artifacts: ports.into_iter().map(artifact).collect(), stop, ..Made::default() })
    }
}
