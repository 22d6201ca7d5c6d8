//! Making what ran durable: many records at a time.

use std::collections::HashMap;
use std::sync::Arc;

use sswe_cache::{ActionKey, Batch, Components, Digest, NewAction, Output, RunId, Store};

use crate::Entry;
use crate::manifest;
use crate::rows::OutputName;
use crate::work::{Artifact, Body};

/// The label of the row that names the many artifacts of one action.
const PARTS: &str = "*";

/// Something to remember.
pub(super) struct Record {
    pub(super) key: ActionKey,
    pub(super) stage: Arc<str>,
    pub(super) kind: Arc<str>,
    pub(super) label: String,
    pub(super) artifacts: Vec<Artifact>,
    pub(super) what: What,
    pub(super) shared: Arc<Components>,
    pub(super) own: Components,
    pub(super) wall_us: u64,
    pub(super) cost_micros: u64,
    pub(super) run: Option<RunId>,
}

/// Of what a record is.
pub(super) enum What {
    /// Of an item, a draw or a step.
    Item,
    /// Of a stage that is one action, with these ports. Where it gives many artifacts, a row of
    /// their own with this key names them: a look-up of the stage must not grow with them.
    Whole(Vec<&'static str>, ActionKey),
    /// Of a stage that had so many items: its lists.
    Lists(Vec<(&'static str, Vec<u8>)>, u64),
}

/// What each action gave, by key.
pub(super) type Gave = Vec<(ActionKey, Vec<Output>)>;

/// Commits records; returns what each action gave, by key.
///
/// Where another process was first with other outputs, it returns those.
pub(super) fn commit(store: &Store, batch: &mut Batch, records: Vec<Record>) -> sswe_cache::Result<Gave> {
    let mut names: HashMap<&'static str, Arc<str>> = HashMap::new();
    let mut gave = Vec::with_capacity(records.len());
    for record in records {
        let Record { key, stage, kind, label, artifacts, what, shared, own, wall_us, cost_micros, run } =
            record;
        let mut outputs = Vec::with_capacity(artifacts.len());
        let mut parts = None;
        match what {
            What::Item => {
                for artifact in artifacts {
                    outputs.push(put(batch, artifact, &mut names)?);
                }
            }
            What::Whole(ports, parts_key) => {
                let named = whole(batch, &ports, artifacts, &mut outputs, &mut names)?;
                parts = Some((parts_key, named)).filter(|(_, named)| !named.is_empty());
            }
            What::Lists(lists, items) => {
                for (port, bytes) in lists {
                    let body = batch.put(&bytes)?;
                    outputs.push(Output { name: OutputName::list(port, items), body, sidecar: None });
                }
            }
        }
        if let Some((key, outputs)) = parts {
            let item = PARTS.to_owned();
            let (stage, kind, shared, own) = (stage.clone(), kind.clone(), shared.clone(), own.clone());
            let (wall_us, cost_micros) = (0, 0);
            gave.push((key, outputs.clone()));
            batch.record(NewAction {
                key,
                stage,
                kind,
                item,
                outputs,
                shared,
                own,
                wall_us,
                cost_micros,
                run,
            });
        }
        gave.push((key, outputs.clone()));
        batch.record(NewAction {
            key,
            stage,
            kind,
            item: label,
            outputs,
            shared,
            own,
            wall_us,
            cost_micros,
            run,
        });
    }
    let committed = batch.commit()?;
    for earlier in committed.earlier {
        if let Some(action) = store.action(&earlier)?
            && let Some((_, outputs)) = gave.iter_mut().find(|(key, _)| *key == earlier)
        {
            *outputs = action.outputs;
        }
    }
    Ok(gave)
}

fn put(
    batch: &mut Batch,
    artifact: Artifact,
    names: &mut HashMap<&'static str, Arc<str>>,
) -> sswe_cache::Result<Output> {
    let Artifact { port, name, body, sidecar } = artifact;
    let name = match name {
        Some(name) => format!("{port}/{name}").into(),
        None => names.entry(port).or_insert_with(|| port.into()).clone(),
    };
    let (body, sidecar) = put_body(batch, body, sidecar)?;
    Ok(Output { name, body, sidecar })
}

fn put_body(
    batch: &mut Batch,
    body: Body,
    sidecar: Option<Vec<u8>>,
) -> sswe_cache::Result<(Digest, Option<Digest>)> {
    let body = match body {
        Body::Bytes(bytes) => batch.put(&bytes)?,
        Body::Kept(digest) => digest,
    };
    let sidecar = sidecar.map(|bytes| batch.put(&bytes)).transpose()?;
    Ok((body, sidecar))
}

/// Writes what a stage gave that is one action: for each port its only artifact, or a list;
/// returns what the lists name.
fn whole(
    batch: &mut Batch,
    ports: &[&'static str],
    artifacts: Vec<Artifact>,
    outputs: &mut Vec<Output>,
    names: &mut HashMap<&'static str, Arc<str>>,
) -> sswe_cache::Result<Vec<Output>> {
    let mut named = Vec::new();
    let mut by_port: Vec<Vec<Artifact>> = ports.iter().map(|_| Vec::new()).collect();
    for artifact in artifacts {
        if let Some(at) = ports.iter().position(|port| *port == artifact.port) {
            by_port[at].push(artifact);
        }
    }
    for (port, mut of) in ports.iter().zip(by_port) {
        if of.len() == 1
            && of[0].name.is_none()
            && let Some(only) = of.pop()
        {
            outputs.push(put(batch, only, names)?);
            continue;
        }
        let mut entries = Vec::with_capacity(of.len());
        for Artifact { port, name, body, sidecar } in of {
            let name = name.unwrap_or_default();
            let (body, sidecar) = put_body(batch, body, sidecar)?;
            entries.push(Entry { name: name.as_str().into(), digest: body });
            named.push(Output { name: format!("{port}/{name}").into(), body, sidecar });
        }
        manifest::sort(&mut entries);
        let body = batch.put(&manifest::encode(&entries))?;
        outputs.push(Output { name: OutputName::list(port, 1), body, sidecar: None });
    }
    Ok(named)
}
