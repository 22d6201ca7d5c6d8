//! What a run would do, without running anything.

use sswe_cache::{ActionKey, Digest, Store};
use sswe_compiler::plan::{Plan, Shape, StageName};

use crate::graph::{Graph, Node, Surroundings, Wanted};
use crate::key::{Level, Own, action_key};
use crate::rows::{Given, Rows};
use crate::why::{Reason, changes, input_components, reason_of};
use crate::{Error, Options, Work};

/// What a run would do with a stage.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// The store has it.
    Cached,
    /// It runs, as far as its items are not in the store.
    Run,
    /// It runs if what it reads changes: it may not.
    Maybe,
    /// Nothing is known before the stages that it reads have run.
    Undecided,
    /// The curriculum stops before it.
    Skipped,
}

/// A stage, and what a run would do with it.
#[derive(Clone, Debug)]
pub struct Planned {
    /// The stage.
    pub stage: StageName,
    /// What a run would do.
    pub state: State,
    /// Why.
    pub reason: Reason,
    /// How many items it has, or had the last time.
    pub items: Option<u64>,
    /// Its key, when all that it reads is known.
    pub key: Option<ActionKey>,
    /// Whether a stop before it, which is not decided yet, may make it unnecessary.
    pub unless_stopped: bool,
}

/// Says what a run would do with each stage, in the order in which they run.
pub fn states<W: Work>(
    plan: &Plan,
    store: &Store,
    work: &W,
    options: &Options,
) -> Result<Vec<Planned>, Error> {
    let walked = walk(plan, store, work, options)?;
    let mut planned = Vec::new();
    for (node, stage) in walked.graph.nodes.iter().zip(walked.stages).filter(|(node, _)| node.wanted) {
        let state = match (&stage.known, &stage.reason) {
            (Known::Cached(_), _) => State::Cached,
            (Known::Stopped, _) => State::Skipped,
            (Known::Miss, _) | (Known::Unknown(_), Reason::Changed(_)) => State::Run,
            (Known::Unknown(Some(_)), _) => State::Maybe,
            (Known::Unknown(None), _) => State::Undecided,
        };
        let items = match &stage.known {
            Known::Cached(given) | Known::Unknown(Some(given)) => Some(given.items),
            Known::Miss | Known::Unknown(None) | Known::Stopped => stage.items,
        };
        planned.push(Planned {
            stage: node.stage.name.clone(),
            state,
            reason: stage.reason,
            items,
            key: stage.key,
            unless_stopped: stage.unless_stopped,
        });
    }
    Ok(planned)
}

/// What is known of the stages without running anything.
pub(crate) struct Walked {
    pub(crate) graph: Graph,
    pub(crate) stages: Vec<Walk>,
}

pub(crate) struct Walk {
    pub(crate) known: Known,
    pub(crate) reason: Reason,
    items: Option<u64>,
    key: Option<ActionKey>,
    unless_stopped: bool,
}

/// What is known of what a stage gives.
pub(crate) enum Known {
    /// The store has it.
    Cached(Given),
    /// Its key is known, and the store has no such row.
    Miss,
    /// Its key is not known; what it gave the last time.
    Unknown(Option<Given>),
    /// It will not run.
    Stopped,
}

/// Goes through a plan as a run would, as far as the store answers.
pub(crate) fn walk<W: Work>(
    plan: &Plan,
    store: &Store,
    work: &W,
    options: &Options,
) -> Result<Walked, Error> {
    let wanted = Wanted { until: options.until.as_ref().map(|name| &*name.0), round: options.round };
    let around = Surroundings { base: &options.base, env: &options.env };
    let graph = Graph::new(plan, work, &wanted, store, &around)?;
    let rows = Rows::new(store, graph.nodes.len())?;
    let mut stages: Vec<Walk> = Vec::with_capacity(graph.nodes.len());
    for index in 0..graph.nodes.len() {
        let walked = walk_one(&graph, &stages, index, store, &rows)?;
        stages.push(walked);
    }
    Ok(Walked { graph, stages })
}

fn walk_one(graph: &Graph, stages: &[Walk], index: usize, store: &Store, rows: &Rows) -> Result<Walk, Error> {
    let node = &graph.nodes[index];
    let mut unless_stopped = false;
    for &control in &node.controls {
        match &stages[control].known {
            Known::Cached(given) if given.stops() => return Ok(stopped()),
            Known::Stopped => return Ok(stopped()),
            Known::Cached(_) => (),
            Known::Miss | Known::Unknown(_) => unless_stopped = true,
        }
    }
    if node.needs.iter().any(|need| matches!(stages[need.from].known, Known::Stopped)) {
        return Ok(stopped());
    }
    unless_stopped |= node.needs.iter().any(|need| stages[need.from].unless_stopped);
    let before = |index: usize, hole: Option<usize>| inputs_of(graph, stages, index, hole);
    let open: Vec<StageName> = {
        let own = graph.nodes[index].needs.iter().map(|need| need.from);
        let judging = node.gates.iter().flat_map(|gate| {
            let needs = graph.nodes[gate.node].needs.iter().enumerate();
            needs.filter(|(at, _)| *at != gate.hole).map(|(_, need)| need.from)
        });
        let unknown = own.chain(judging).filter(|&from| !matches!(stages[from].known, Known::Cached(_)));
        unknown.map(|from| graph.nodes[from].stage.name.clone()).collect()
    };
    let shared = crate::key::components(&node.stage, &node.facts);
    if open.is_empty() {
        let inputs = before(index, None);
        let pairs: Vec<(&str, Digest)> = inputs.iter().map(|(port, _, digest)| (*port, *digest)).collect();
        let until = graph.judges(index, |gate| {
            before(gate.node, Some(gate.hole)).into_iter().map(|(port, _, digest)| (port, digest)).collect()
        });
        let own = Own { level: Level::Stage, inputs: &pairs, draw: None, until };
        let key = action_key(&node.recipe.shared, &own);
        if let Some(given) = row(rows, &node.facts.declared.ports, &key)? {
            return Ok(Walk {
                known: Known::Cached(given),
                reason: Reason::Cached,
                items: None,
                key: Some(key),
                unless_stopped,
            });
        }
        let named =
            inputs.iter().map(|(port, from, digest)| (*port, &graph.nodes[*from].stage.name, *digest));
        let mut own = input_components(named);
        crate::why::draw_components(graph, index, &mut own, |gate| before(gate.node, Some(gate.hole)));
        let reason = reason_of(store, &node.stage, "", &key, &shared, &sswe_cache::Components::new(own))?;
        let items = match node.stage.shape {
            Shape::One | Shape::Gather | Shape::Stop => Some(1),
            Shape::Each | Shape::FirstN(_) => {
                store.latest(&node.stage.name.0, "")?.map(|action| given_by(node, &action).items)
            }
        };
        return Ok(Walk { known: Known::Miss, reason, items, key: Some(key), unless_stopped });
    }
    let Some(action) = store.latest(&node.stage.name.0, "")? else {
        return Ok(Walk {
            known: Known::Unknown(None),
            reason: Reason::Undecided(open),
            items: None,
            key: None,
            unless_stopped,
        });
    };
    let last = given_by(node, &action);
    let old = store.components(&action.key)?.unwrap_or_default();
    // What it reads is not known yet; what it says is.
    let (none, said) = (sswe_cache::Components::default(), said_by(&old));
    let changed = changes(&node.stage, &said, &shared, &none);
    let reason = match changed.is_empty() {
        true => Reason::Undecided(open),
        false => Reason::Changed(changed),
    };
    Ok(Walk { known: Known::Unknown(Some(last)), reason, items: None, key: None, unless_stopped })
}

fn stopped() -> Walk {
    Walk { known: Known::Stopped, reason: Reason::Stopped, items: None, key: None, unless_stopped: false }
}

/// Leaves out what a stage reads and what judges its draws.
fn said_by(components: &sswe_cache::Components) -> sswe_cache::Components {
    let own = |name: &str| name.starts_with("input.") || name.starts_with("judge.") || name == "count";
    sswe_cache::Components::new(components.iter().filter(|part| !own(&part.name)).cloned().collect())
}

fn inputs_of(
    graph: &Graph,
    stages: &[Walk],
    index: usize,
    hole: Option<usize>,
) -> Vec<(&'static str, usize, Digest)> {
    let mut found = Vec::new();
    for (at, need) in graph.nodes[index].needs.iter().enumerate() {
        // First of all: a draw asks for what its gates read, and what fills the hole comes later.
        if hole != Some(at)
            && let Known::Cached(given) = &stages[need.from].known
            && let Some(port) = given.port(need.output)
        {
            found.push((need.port, need.from, port.digest));
        }
    }
    found.sort_by_key(|(port, from, digest)| (*port, graph.nodes[*from].stage.round, *digest));
    found
}

fn row(rows: &Rows, ports: &[&'static str], key: &ActionKey) -> Result<Option<Given>, Error> {
    let mut given = Given::new();
    let found = rows.see(key, |name, body, _| given.add(ports, name, body))?;
    Ok(found.then_some(given))
}

fn given_by(node: &Node, action: &sswe_cache::Action) -> Given {
    let mut given = Given::new();
    for output in &action.outputs {
        given.add(&node.facts.declared.ports, &output.name, output.body);
    }
    given
}
