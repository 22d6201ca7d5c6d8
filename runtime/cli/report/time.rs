//! Where the time of a run went, and what the store saved.

use std::collections::BTreeMap;

use sswe_cache::{Run, Store};
use sswe_engine::{Event, RunEvent};

/// So many earlier runs are asked how long something took.
const ASKED: usize = 40;

/// What a stage took.
#[derive(Clone, Debug, Default, PartialEq)]
pub(crate) struct Spent {
    pub(crate) stage: String,
    /// The time of the items that ran, added up.
    pub(crate) ran_s: f64,
    /// The time that those from the store had taken, as far as an earlier run tells.
    pub(crate) saved_s: f64,
    pub(crate) ran: u64,
    pub(crate) cached: u64,
}

/// Adds up what each stage of a run took, in the order in which they ended.
pub(crate) fn spent(store: &Store, run: &Run, events: &[RunEvent]) -> sswe_cache::Result<Vec<Spent>> {
    let mut own = stages(events);
    let mut open: BTreeMap<String, usize> = BTreeMap::new();
    for (at, (spent, _)) in own.iter().enumerate().filter(|(_, (spent, _))| spent.cached > 0) {
        open.insert(spent.stage.clone(), at);
    }
    let earlier = store.runs(usize::MAX)?.into_iter().filter(|of| of.id < run.id);
    for before in earlier.take(ASKED) {
        if open.is_empty() {
            break;
        }
        let log = store.events(before.id)?;
        // A run that found everything tells nothing: its last line says so.
        if log.lines().next_back().is_some_and(|line| line.contains("\"ran\":0,")) {
            continue;
        }
        let events: Vec<RunEvent> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
        for (of, digest) in stages(&events) {
            let Some(at) = open.get(&of.stage).copied().filter(|_| of.ran > 0) else { continue };
            let (spent, own_digest) = &mut own[at];
            // Equal outputs are the same work, even if only a part of it ran then.
            if *own_digest == digest && digest.is_some() {
                let all = (of.ran + of.cached).max(1);
                spent.saved_s = of.ran_s / of.ran as f64 * spent.cached.min(all) as f64;
                open.remove(&of.stage);
            }
        }
    }
    Ok(own.into_iter().map(|(spent, _)| spent).collect())
}

/// Returns what each stage took by its events, with the digest of what it gave.
fn stages(events: &[RunEvent]) -> Vec<(Spent, Option<String>)> {
    let mut items: BTreeMap<&str, f64> = BTreeMap::new();
    let mut found = Vec::new();
    for event in events {
        match &event.event {
            Event::ItemFinished { stage, wall_s, .. } => *items.entry(stage).or_default() += wall_s,
            Event::StageFinished { stage, ran, cached, digest, wall_s, .. } => {
                let busy = items.get(stage.as_str()).copied().unwrap_or(0.0);
                // A stage that is one item is over when it is.
                let ran_s = if *ran > 0 && busy == 0.0 { *wall_s } else { busy };
                let (ran, cached) = (*ran, *cached);
                let spent = Spent { stage: stage.clone(), ran_s, saved_s: 0.0, ran, cached };
                found.push((spent, digest.clone()));
            }
            _ => (),
        }
    }
    found
}
