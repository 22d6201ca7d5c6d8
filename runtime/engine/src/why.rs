//! Why something runs: which part of its key changed, from what to what.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use sswe_cache::{ActionKey, Component, Components, Digest, Store, Time, Value};
use sswe_compiler::plan::{Plan, Shape, Stage, StageName};

use crate::graph::{Gate, Graph};
use crate::key::{Level, Own, action_key};
use crate::state::{Known, walk};
use crate::{Error, Options, Work};

/// Why something runs, or does not.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// Nothing changed: the store has it.
    Cached,
    /// No action of this stage and item was ever recorded.
    NeverBuilt,
    /// It was there, and was removed.
    Evicted {
        /// When.
        gone: Time,
        /// By what.
        why: sswe_cache::Why,
    },
    /// Its key differs from the last one of the same stage and item.
    Changed(Vec<Change>),
    /// It depends on what these stages will give.
    Undecided(Vec<StageName>),
    /// The curriculum had stopped before it.
    Stopped,
}

/// A part of a key that changed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Change {
    /// The part: `setting.runs`, `input.tasks`, `tool.python`, `version`.
    pub part: String,
    /// What it was; none when there was no such part.
    pub from: Option<Value>,
    /// What it is; none when there is no such part.
    pub to: Option<Value>,
    /// The address of the setting in the file, such as `main.gates.stable.runs`.
    pub address: Option<String>,
    /// The stage whose output it is.
    pub upstream: Option<StageName>,
}

impl fmt::Display for Reason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Reason::Cached => f.write_str("nothing changed"),
            Reason::NeverBuilt => f.write_str("never built"),
            Reason::Evicted { gone, why } => {
                let why = match why {
                    sswe_cache::Why::Age => "it was not used for long",
                    sswe_cache::Why::Size => "the store was to be smaller",
                    sswe_cache::Why::Damage => "something that it made was damaged or gone",
                };
                write!(f, "evicted on {}: {why}", date(*gone))
            }
            Reason::Changed(changes) => {
                for (at, change) in changes.iter().enumerate() {
                    write!(f, "{}{change}", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Reason::Undecided(stages) => {
                f.write_str("depends on ")?;
                for (at, stage) in stages.iter().enumerate() {
                    write!(f, "{}`{stage}`", if at == 0 { "" } else { ", " })?;
                }
                Ok(())
            }
            Reason::Stopped => f.write_str("the curriculum had stopped"),
        }
    }
}

impl fmt::Display for Change {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Change { part, from, to, address: _, upstream } = self;
        if let Some(upstream) = upstream {
            return match (from, to) {
                (Some(_), Some(_)) => write!(f, "`{upstream}` changed its output"),
                (None, _) => write!(f, "`{upstream}` is new"),
                (_, None) => write!(f, "`{upstream}` is no input any more"),
            };
        }
        if let (Some(setting), Some(_), Some(_)) = (part.strip_prefix("source."), from, to) {
            return write!(f, "the content of its `{setting}` changed");
        }
        let name = part.strip_prefix("setting.").unwrap_or(part);
        match (from, to) {
            (Some(Value::Text(from)), Some(Value::Text(to))) => write!(f, "`{name}` {from} -> {to}"),
            (Some(_), Some(_)) => write!(f, "`{name}` changed"),
            (None, _) => write!(f, "`{name}` is new"),
            (_, None) => write!(f, "`{name}` is gone"),
        }
    }
}

/// Says why a stage, or an item of it, would run now.
///
/// `item` is its label as in events: twelve digits, and the ordinal of a draw.
pub fn why<W: Work>(
    plan: &Plan,
    store: &Store,
    work: &W,
    options: &Options,
    stage: &StageName,
    item: Option<&str>,
) -> Result<Reason, Error> {
    let walked = walk(plan, store, work, options)?;
    let index = walked.graph.nodes.iter().position(|node| node.stage.name == *stage);
    let Some(index) = index else {
        return Err(Error::NoStage { name: stage.to_string(), nearest: None });
    };
    let node = &walked.graph.nodes[index];
    let shared = crate::key::components(&node.stage, &node.facts);
    let Some(item) = item else {
        return Ok(match &walked.stages[index].known {
            Known::Cached(_) => Reason::Cached,
            Known::Stopped => Reason::Stopped,
            Known::Miss | Known::Unknown(_) => walked.stages[index].reason.clone(),
        });
    };
    let Some(latest) = store.latest(&stage.0, item)? else {
        return Ok(Reason::NeverBuilt);
    };
    let old = store.components(&latest.key)?.unwrap_or_default();
    // An item is what its content is: only what it shares with its stage can have changed.
    let own: Vec<Component> =
        old.iter().filter(|part| part.name.starts_with("input.") || part.name == "draw").cloned().collect();
    let key = key_of_item(&node.recipe.shared, &own);
    if store.action(&key)?.is_some() {
        return Ok(Reason::Cached);
    }
    reason_of(store, &node.stage, item, &key, &shared, &Components::new(own))
}

/// Builds an item's key again from what was noted of it.
fn key_of_item(shared: &Digest, own: &[Component]) -> ActionKey {
    let mut inputs: Vec<(&str, Digest)> = Vec::new();
    let mut draw = None;
    for part in own {
        match (&part.value, part.name.strip_prefix("input.")) {
            (Value::Digest(digest), Some(port)) => inputs.push((port, *digest)),
            (Value::Text(text), None) => draw = text.parse().ok(),
            _ => (),
        }
    }
    inputs.sort_unstable();
    action_key(shared, &Own { level: Level::Item, inputs: &inputs, draw, until: None })
}

/// Compares a key that the store does not have with the last one of the same stage and item.
pub(crate) fn reason_of(
    store: &Store,
    stage: &Stage,
    label: &str,
    key: &ActionKey,
    shared: &Components,
    own: &Components,
) -> Result<Reason, Error> {
    if let Some(tombstone) = store.tombstone(key)? {
        return Ok(Reason::Evicted { gone: tombstone.gone, why: tombstone.why });
    }
    let Some(latest) = store.latest(&stage.name.0, label)? else {
        return Ok(Reason::NeverBuilt);
    };
    let old = store.components(&latest.key)?.unwrap_or_default();
    Ok(Reason::Changed(changes(stage, &old, shared, own)))
}

/// Returns the parts that differ, as far as they say something to a person.
pub(crate) fn changes(stage: &Stage, old: &Components, shared: &Components, own: &Components) -> Vec<Change> {
    let map = |all: &Components| -> BTreeMap<String, Value> {
        all.iter().map(|part| (part.name.clone(), part.value.clone())).collect()
    };
    let before = map(old);
    let mut now = map(shared);
    now.extend(map(own));
    let names: BTreeSet<&String> = before.keys().chain(now.keys()).collect();
    let mut found = Vec::new();
    for name in names {
        let (from, to) = (before.get(name).cloned(), now.get(name).cloned());
        if from == to {
            continue;
        }
        let setting = name.strip_prefix("setting.");
        let address = setting.and_then(|setting| {
            let known = stage.settings.iter().find(|known| known.name == setting);
            known.map(|known| known.address.clone())
        });
        found.push(Change { part: name.clone(), from, to, address, upstream: upstream_of(stage, name) });
    }
    // The digest of all settings says nothing beside the setting itself.
    if found.iter().any(|change| change.part.starts_with("setting.")) {
        found.retain(|change| change.part != "spec");
    }
    found
}

/// Returns the parts for what a stage reads; where several stages feed a port, they are named.
pub(crate) fn input_components<'a>(
    inputs: impl Iterator<Item = (&'static str, &'a StageName, Digest)> + Clone,
) -> Vec<Component> {
    let mut all = Vec::new();
    for (port, from, digest) in inputs.clone() {
        let many = inputs.clone().filter(|(other, ..)| *other == port).nth(1).is_some();
        let name = match many {
            true => format!("input.{port}[{from}]"),
            false => format!("input.{port}"),
        };
        all.push(Component { name, value: Value::Digest(digest) });
    }
    all
}

/// Adds the parts for how many a stage draws, and what judges them.
pub(crate) fn draw_components(
    graph: &Graph,
    index: usize,
    all: &mut Vec<Component>,
    inputs: impl Fn(&Gate) -> Vec<(&'static str, usize, Digest)>,
) {
    let node = &graph.nodes[index];
    let Shape::FirstN(count) = node.stage.shape else { return };
    all.push(Component { name: "count".to_owned(), value: Value::Text(count.to_string()) });
    for gate in &node.gates {
        let judge = &graph.nodes[gate.node];
        let name = format!("judge.{}", judge.stage.name);
        all.push(Component { name, value: Value::Digest(judge.recipe.shared) });
        for (port, _, digest) in inputs(gate) {
            let name = format!("judge.{}.{port}", judge.stage.name);
            all.push(Component { name, value: Value::Digest(digest) });
        }
    }
}

fn upstream_of(stage: &Stage, part: &str) -> Option<StageName> {
    let rest = part.strip_prefix("input.")?;
    if let Some((_, from)) = rest.split_once('[') {
        return Some(StageName(from.trim_end_matches(']').into()));
    }
    let input = stage.inputs.iter().find(|input| input.port == rest)?;
    Some(input.from.clone())
}

/// Returns the day of a moment, in UTC: `2026-11-21`.
pub fn date(time: Time) -> String {
    // Days to a date of the Gregorian calendar, counted in eras of 400 years from March 0000.
    let days = time.0.div_euclid(86_400_000_000_000) + 719_468;
    let (era, day) = (days.div_euclid(146_097), days.rem_euclid(146_097));
    let year = (day - day / 1460 + day / 36_524 - day / 146_096) / 365;
    let day = day - (365 * year + year / 4 - year / 100);
    let month = (5 * day + 2) / 153;
    let (day, month) = (day - (153 * month + 2) / 5 + 1, if month < 10 { month + 3 } else { month - 9 });
    let year = year + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn days_become_dates() {
        for (days, date) in
            [(0, "1970-01-01"), (19_782, "2024-02-29"), (20_778, "2026-11-21"), (-1, "1969-12-31")]
        {
            assert_eq!(super::date(Time(days * 86_400_000_000_000 + 5)), date);
        }
    }
}
