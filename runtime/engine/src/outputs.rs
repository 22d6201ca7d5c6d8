//! What the stages of a plan gave, as far as the store has it.

use std::collections::BTreeMap;

use sswe_cache::{Digest, Store};
use sswe_compiler::plan::{Plan, StageKind, StageName};

use crate::rows::OutputName;
use crate::run::given_digest;
use crate::state::{Known, walk};
use crate::{Entry, Error, Options, Work, manifest};

/// What the stages of a plan gave: by stage, then by port.
pub type Outputs = BTreeMap<StageName, BTreeMap<String, Vec<Entry>>>;

/// An output: its name, whether it is a list, and the digest of the list or of what it is.
type Port<'a> = (&'a str, bool, Digest);

/// Reads what each stage gave; a stage that would run now is left out.
pub fn outputs<W: Work>(plan: &Plan, store: &Store, work: &W, options: &Options) -> Result<Outputs, Error> {
    let walked = walk(plan, store, work, options)?;
    let mut found = Outputs::new();
    for (node, stage) in walked.graph.nodes.iter().zip(&walked.stages) {
        let Known::Cached(given) = &stage.known else { continue };
        let ports = given.ports.iter().map(|port| (port.name, port.list, port.digest));
        found.insert(node.stage.name.clone(), read(store, ports)?);
    }
    Ok(found)
}

fn read<'a>(
    store: &Store,
    ports: impl Iterator<Item = Port<'a>>,
) -> Result<BTreeMap<String, Vec<Entry>>, Error> {
    let mut found = BTreeMap::new();
    for (name, is_list, digest) in ports {
        let entries = if is_list {
            let bytes = store.get(&digest)?;
            manifest::decode(&bytes).map(|entries| entries.to_vec()).unwrap_or_default()
        } else {
            vec![Entry { name: "".into(), digest }]
        };
        found.insert(name.to_owned(), entries);
    }
    Ok(found)
}

/// Reads what stages gave in a run that is over, by the digests that its log has of them.
///
/// Needs neither the file nor the sources, which may have changed since. What a sweep of the store
/// took is left out.
pub fn outputs_of(store: &Store, stages: &[(StageName, StageKind, Digest)]) -> Result<Outputs, Error> {
    // Equal lists are one digest: only the kind says which output a digest is.
    let mut known: BTreeMap<(&str, Digest), Vec<Port<'_>>> = BTreeMap::new();
    let actions = store.actions()?;
    for hit in actions.iter().filter(|hit| hit.item().is_empty()) {
        let ports = hit.outputs().filter_map(|(name, body, _)| match OutputName::parse(name) {
            OutputName::Only(name) => Some((name, false, body)),
            OutputName::List(name, _) => Some((name, true, body)),
            OutputName::Named(..) => None,
        });
        let ports: Vec<Port<'_>> = ports.collect();
        if !ports.is_empty() {
            known.insert((hit.kind(), given_digest(ports.iter().map(|port| (port.0, port.2)))), ports);
        }
    }
    let mut found = Outputs::new();
    for (name, kind, digest) in stages {
        if let Some(ports) = known.get(&(kind.as_str(), *digest))
            && let Ok(ports) = read(store, ports.iter().copied())
        {
            found.insert(name.clone(), ports);
        }
    }
    Ok(found)
}
