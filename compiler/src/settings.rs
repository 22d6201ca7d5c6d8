//! Every assignment of a project, typed: what a setting is worth in a round, and why.
//!
//! A setting is known by its address (`main.score.mode`). Files, profiles, sweep cells and `--set`
//! all add assignments to addresses; [`Settings::winner`] picks one by a fixed order. No other
//! rule of precedence exists.

mod walk;

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    sync::LazyLock,
};

use crate::{
    diagnostic::{FileId, Place, Problem},
    names::Names,
    project::Project,
    schema::{self, Block, BuiltinGate, Key, Kind},
    typing,
    value::{EntityId, Part, Type, Value},
};

/// Where an assignment comes from; a later layer beats an earlier one.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Layer {
    /// A library file.
    Library,
    /// The file.
    File,
    /// A `round` block.
    Round,
    /// A profile, by its label.
    Profile(String),
    /// The sweep cell.
    Cell(String),
    /// `--set`.
    Flag,
}

impl Layer {
    /// Returns words for the layer: "profile `smoke`".
    pub fn describe(&self) -> String {
        match self {
            Layer::Library => "library".into(),
            Layer::File => "file".into(),
            Layer::Round => "round".into(),
            Layer::Profile(name) => format!("profile `{name}`"),
            Layer::Cell(name) => format!("sweep `{name}`"),
            Layer::Flag => "--set".into(),
        }
    }
}

/// The rounds that an assignment holds in.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Rounds {
    /// Every round, unless something more specific is set.
    All,
    /// From, to; both included.
    Span(u32, u32),
    /// This one.
    Exact(u32),
}

impl Rounds {
    pub(crate) fn includes(self, round: Option<u32>) -> bool {
        match (self, round) {
            (Rounds::All, _) => true,
            (Rounds::Span(first, last), Some(round)) => (first..=last).contains(&round),
            (Rounds::Exact(only), Some(round)) => only == round,
            (_, None) => false,
        }
    }

    /// Returns whether every round of `other` is one of these.
    pub(crate) fn covers(self, other: Rounds) -> bool {
        match other {
            Rounds::All => self == Rounds::All,
            Rounds::Exact(round) => self.includes(Some(round)),
            Rounds::Span(first, last) => self.includes(Some(first)) && self.includes(Some(last)),
        }
    }

    pub(crate) fn specificity(self) -> u8 {
        match self {
            Rounds::All => 0,
            Rounds::Span(..) => 1,
            Rounds::Exact(_) => 2,
        }
    }
}

/// A value given to an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assignment {
    /// The value; nothing when it did not fit.
    pub value: Option<Value>,
    /// The rounds it holds in.
    pub rounds: Rounds,
    /// Where it comes from.
    pub layer: Layer,
    /// Where the value stands.
    pub place: Place,
}

/// A setting that was assigned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Setting {
    /// What the table says of it.
    pub key: &'static Key,
    /// The assignments, in the order they were found.
    pub assignments: Vec<Assignment>,
}

/// A repository of a seeds block.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repo {
    /// The name that stages use.
    pub name: String,
    /// Where its settings are: `core.toolz`.
    pub address: String,
    /// `repo`, `pypi` or `dir`.
    pub block: &'static str,
    /// The name, URL or path in quotes.
    pub source: String,
    /// What it is, however it is spelt: `pypi:toolz`, `git:github.com/owner/name`, `dir:seeds/ledger`.
    pub identity: String,
    /// Where the source stands.
    pub place: Place,
}

/// A gate of a curriculum.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gate {
    /// Its name in paths and stages: `stable`, `std.no_secrets`, a label.
    pub name: String,
    /// What it is.
    pub def: GateDef,
    /// Where it stands.
    pub place: Place,
    /// The rounds it is part of.
    pub rounds: Rounds,
}

/// What a gate is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GateDef {
    /// One of the language, by its word.
    Builtin(&'static str),
    /// A `gate` block.
    Custom(EntityId),
}

impl GateDef {
    pub(crate) fn builtin(self) -> Option<&'static BuiltinGate> {
        match self {
            GateDef::Builtin(word) => schema::gate(word),
            GateDef::Custom(_) => None,
        }
    }

    pub(crate) fn block(self) -> &'static Block {
        self.builtin().map_or(&schema::CUSTOM_GATE, |gate| gate.block)
    }
}

/// An axis of a sweep, or of one of its `skip` blocks.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Axis {
    /// What varies, as written.
    pub path: String,
    pub(crate) target: Target,
    /// The values; nothing where one did not fit.
    pub values: Vec<Option<Value>>,
    /// Where the values stand.
    pub place: Place,
}

/// A sweep.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sweep {
    /// Its label.
    pub name: String,
    /// Its axes, in the order of the file.
    pub axes: Vec<Axis>,
    /// Combinations to leave out.
    pub skips: Vec<Vec<Axis>>,
}

/// The setting that a path leads to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Target {
    pub(crate) address: String,
    pub(crate) key: &'static Key,
    pub(crate) rounds: Rounds,
}

/// A parameter's declaration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Param {
    /// Its type, when it is one a parameter may have.
    pub ty: Option<Type>,
    /// The range written after `in`.
    pub within: Option<(Option<Value>, Option<Value>)>,
    /// That range as written.
    pub within_text: String,
}

/// All assignments of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    pub(crate) slots: BTreeMap<String, Setting>,
    /// The blocks that were written, by address: some mean something by being there.
    pub(crate) blocks: BTreeMap<String, Place>,
    pub(crate) params: BTreeMap<EntityId, Param>,
    pub(crate) param_values: BTreeMap<EntityId, Vec<Assignment>>,
    pub(crate) repos: BTreeMap<EntityId, Vec<Repo>>,
    pub(crate) gates: BTreeMap<EntityId, Vec<Gate>>,
    /// Curricula with a gate that means nothing: the order of the rest says little.
    pub(crate) broken_gates: BTreeSet<EntityId>,
    pub(crate) sweeps: Vec<Sweep>,
    /// `round` blocks: the curriculum, the rounds, and the label's place.
    pub(crate) round_blocks: Vec<(EntityId, Rounds, Place)>,
    pub(crate) used: BTreeSet<EntityId>,
    pub(crate) used_aliases: BTreeSet<(FileId, String)>,
    pub(crate) problems: Vec<Problem>,
}

/// Collects and types every assignment of a project.
#[salsa::tracked]
pub fn settings(db: &dyn salsa::Database, project: Project) -> Settings {
    walk::collect(db, project)
}

/// What a setting is worth, and where that comes from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Effective<'a> {
    /// The value with parameters replaced; nothing when unset.
    pub value: Option<Value>,
    /// The assignment that won; nothing for a default.
    pub from: Option<&'a Assignment>,
}

impl Settings {
    /// Returns the assignment that holds in a round: the most specific, then the latest layer.
    pub fn winner(&self, address: &str, round: Option<u32>) -> Option<&Assignment> {
        let setting = self.slots.get(address)?;
        winner(&setting.assignments, round)
    }

    /// Returns what a setting of a block is worth in a round.
    pub fn effective(&self, block_address: &str, key: &'static Key, round: Option<u32>) -> Effective<'_> {
        let from = self.winner(&format!("{block_address}.{}", key.name), round);
        let value = match from {
            Some(assignment) => assignment.value.as_ref().and_then(|value| self.replace_params(value)),
            None => default_value(key),
        };
        Effective { value, from }
    }

    /// Returns the value of a setting of a block in a round.
    pub fn value(&self, block_address: &str, key: &'static Key, round: Option<u32>) -> Option<Value> {
        self.effective(block_address, key, round).value
    }

    /// Returns how many rounds a curriculum has.
    pub fn rounds(&self, curriculum: &str) -> u32 {
        let rounds = schema::CURRICULUM.key("rounds").and_then(|key| self.value(curriculum, key, None));
        match rounds {
            // The table's bound holds unless the file is wrong; a wrong file must not unroll for ever.
            Some(Value::Int(rounds)) => rounds.clamp(0, 100) as u32,
            _ => 0,
        }
    }

    /// Returns what a setting in a block of a curriculum is worth: `score`, `train.solver`.
    pub fn inside(
        &self,
        curriculum: &str,
        block: &str,
        name: &str,
        round: Option<u32>,
    ) -> Option<Effective<'_>> {
        let word = block.split('.').next().unwrap_or(block);
        let key = schema::CURRICULUM.block(word)?.key(name)?;
        Some(self.effective(&format!("{curriculum}.{block}"), key, round))
    }

    /// Returns the value of a parameter.
    pub fn param(&self, id: EntityId) -> Option<Value> {
        let assignment = winner(self.param_values.get(&id)?, None)?;
        // A parameter's own value is literal, so this ends.
        assignment.value.clone().filter(|value| !matches!(value, Value::Param(_) | Value::Template(_)))
    }

    /// Returns a value with parameters replaced by theirs.
    pub(crate) fn replace_params(&self, value: &Value) -> Option<Value> {
        match value {
            Value::Param(id) => self.param(*id),
            Value::Template(parts) => {
                let texts: Option<String> = parts.iter().map(|part| self.part_text(part)).collect();
                Some(Value::Text(texts?.into()))
            }
            Value::List(values) => {
                let values: Option<Vec<Value>> =
                    values.iter().map(|value| self.replace_params(value)).collect();
                Some(Value::List(values?.into()))
            }
            other => Some(other.clone()),
        }
    }

    fn part_text(&self, part: &Part) -> Option<String> {
        let id = match part {
            Part::Text(text) => return Some(text.to_string()),
            Part::Param(id) => *id,
        };
        Some(match self.param(id)? {
            Value::Text(text) => text.to_string(),
            other => crate::value::show(&other, self.params.get(&id)?.ty?, &|_| String::new()),
        })
    }

    /// Returns the gates of a curriculum in a round, in the order they run.
    pub fn gates_in(&self, curriculum: EntityId, address: &str, round: Option<u32>) -> Vec<&Gate> {
        let Some(gates) = self.gates.get(&curriculum) else { return Vec::new() };
        let mut order: Vec<&Gate> = gates.iter().filter(|gate| gate.rounds == Rounds::All).collect();
        for gate in gates.iter().filter(|gate| gate.rounds != Rounds::All && gate.rounds.includes(round)) {
            let block = format!("{address}.gates.{}", gate.name);
            let at = |word: &str| -> Option<usize> {
                let key = gate.def.block().key(word)?;
                let Some(Value::Fact(name)) = self.value(&block, key, round) else { return None };
                order.iter().position(|other| *other.name == *name)
            };
            let index = at("before").or_else(|| at("after").map(|index| index + 1));
            order.insert(index.unwrap_or(order.len()), gate);
        }
        order.retain(|gate| {
            let block = format!("{address}.gates.{}", gate.name);
            let key = gate.def.block().key("enabled");
            key.and_then(|key| self.value(&block, key, round)) != Some(Value::Bool(false))
        });
        order
    }

    /// Returns what a setting of a gate is worth: at its place in `gates`, or else in its block.
    pub fn gate_setting(
        &self,
        names: &Names,
        gates_address: &str,
        gate: &Gate,
        key: &'static Key,
        round: Option<u32>,
    ) -> Effective<'_> {
        let here = self.effective(&format!("{gates_address}.{}", gate.name), key, round);
        let GateDef::Custom(id) = gate.def else { return here };
        match (here.from, schema::GATE.key(key.name)) {
            (None, Some(key)) => self.effective(&names.entity(id).address, key, None),
            _ => here,
        }
    }
}

fn winner(assignments: &[Assignment], round: Option<u32>) -> Option<&Assignment> {
    let holding = assignments.iter().filter(|assignment| assignment.rounds.includes(round));
    // Of equals the last wins; duplicates were reported.
    holding.max_by_key(|assignment| (assignment.rounds.specificity(), assignment.layer.rank()))
}

impl Layer {
    /// Two profiles stand on one step: if they disagree, that is an error and not an order.
    pub(crate) fn rank(&self) -> u8 {
        match self {
            Layer::Library => 0,
            Layer::File => 1,
            Layer::Round => 2,
            Layer::Profile(_) => 3,
            Layer::Cell(_) => 4,
            Layer::Flag => 5,
        }
    }
}

/// Returns the default of a key; the table is read once.
pub(crate) fn default_value(key: &'static Key) -> Option<Value> {
    type Defaults = HashMap<(&'static str, &'static str, Type), Option<Value>>;
    static DEFAULTS: LazyLock<Defaults> = LazyLock::new(|| {
        let keys = schema::all_keys().into_iter().map(|(_, _, key)| key);
        let with_default =
            keys.filter_map(|key| Some(((key.name, key.default?, key.ty), typing::default_of(key))));
        with_default.collect()
    });
    let text = key.default?;
    DEFAULTS.get(&(key.name, text, key.ty)).cloned().flatten()
}

/// Returns the kinds whose blocks hold settings by label.
pub(crate) fn block_of(kind: Kind) -> Option<&'static Block> {
    schema::TOP.iter().find(|(of, _)| *of == kind).map(|(_, block)| *block)
}
