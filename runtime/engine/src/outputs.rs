//! What the stages of a plan gave, as far as the store has it.

use std::collections::BTreeMap;

use sswe_cache::Store;
use sswe_compiler::plan::{Plan, StageName};

use crate::state::{Known, walk};
use crate::{Entry, Error, Options, Work, manifest};

/// What the stages of a plan gave: by stage, then by port.
pub type Outputs = BTreeMap<StageName, BTreeMap<&'static str, Vec<Entry>>>;

/// Reads what each stage gave; a stage that would run now is left out.
pub fn outputs<W: Work>(plan: &Plan, store: &Store, work: &W, options: &Options) -> Result<Outputs, Error> {
    let walked = walk(plan, store, work, options)?;
    let mut found = Outputs::new();
    for (node, stage) in walked.graph.nodes.iter().zip(&walked.stages) {
        let Known::Cached(given) = &stage.known else { continue };
        let mut ports = BTreeMap::new();
        for port in &given.ports {
            let entries = if port.list {
                let bytes = store.get(&port.digest)?;
                manifest::decode(&bytes).map(|entries| entries.to_vec()).unwrap_or_default()
            } else {
                vec![Entry { name: "".into(), digest: port.digest }]
            };
            ports.insert(port.name, entries);
        }
        found.insert(node.stage.name.clone(), ports);
    }
    Ok(found)
}
