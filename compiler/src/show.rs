//! Effective settings with the chain of their origins, as plain data.

use serde::Serialize;

use crate::{
    diagnostic::{FileId, Place, Span},
    names::{Names, names},
    project::Project,
    schema::{self, Block, Key, Kind, Labels},
    settings::{Assignment, Effective, GateDef, Rounds, Settings, block_of, settings},
    value::{self, EntityId, Value},
};

/// A setting as it holds.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Shown {
    /// Its path: `main.score.mode`, or `main.r3.select.top` where a round differs.
    pub path: String,
    /// The value as a file would write it; nothing when unset.
    pub value: Option<String>,
    /// Its type.
    #[serde(rename = "type")]
    pub ty: String,
    /// What a change reruns: semantic, policy or view.
    pub role: &'static str,
    /// What it means.
    pub doc: &'static str,
    /// Where the value comes from, the winner first.
    pub origins: Vec<Origin>,
}

impl Shown {
    /// Returns whether nothing sets it.
    pub fn is_default(&self) -> bool {
        self.origins.first().is_none_or(|origin| origin.layer == "default")
    }
}

/// One of the values that were given to a setting.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Origin {
    /// `default`, `library`, `file`, `round 3`, `profile`, `sweep`, `--set`.
    pub layer: String,
    /// The value as written there.
    pub value: Option<String>,
    /// Where that is; nothing for a default.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub span: Option<Span>,
}

/// A block of a project with its address.
struct Instance {
    address: String,
    block: &'static Block,
    /// The gate it is, and the address of its `gates` block.
    gate: Option<(usize, EntityId)>,
}

/// Returns every setting of a project: those of the base, then where rounds differ.
pub fn settings_of(db: &dyn salsa::Database, project: Project) -> Vec<Shown> {
    let (names, settings) = (names(db, project), settings(db, project));
    let view = View { db, project, names, settings };
    let mut shown = Vec::new();
    for (id, entity) in names.of_kind(Kind::Param) {
        shown.extend(view.param(id, &entity.address));
    }
    for instance in view.instances() {
        for key in instance.block.keys {
            if matches!(key.name, "before" | "after") {
                continue;
            }
            shown.push(view.shown(&instance, key, None));
            for round in view.own_rounds(&instance, key) {
                shown.push(view.shown(&instance, key, Some(round)));
            }
        }
    }
    shown
}

struct View<'a> {
    db: &'a dyn salsa::Database,
    project: Project,
    names: &'a Names,
    settings: &'a Settings,
}

impl View<'_> {
    fn label(&self, id: EntityId) -> String {
        self.names.entity(id).address.clone()
    }

    fn text(&self, value: &Value, key: &Key) -> String {
        value::show(value, key.ty, &|id| self.label(id))
    }

    fn span(&self, place: Place) -> Span {
        crate::check::span(self.db, self.project, place)
    }

    fn param(&self, id: EntityId, address: &str) -> Option<Shown> {
        let param = self.settings.params.get(&id)?;
        let ty = param.ty?;
        let text = |value: &Value| value::show(value, ty, &|id| self.label(id));
        let mut origins: Vec<Origin> = Vec::new();
        for assignment in self.settings.param_values.get(&id)? {
            origins.push(Origin {
                layer: assignment.layer.describe(),
                value: assignment.value.as_ref().map(text),
                span: Some(self.span(assignment.place)),
            });
        }
        // Later layers were added later, and win.
        origins.reverse();
        Some(Shown {
            path: address.to_owned(),
            value: self.settings.param(id).as_ref().map(text),
            ty: ty.name(),
            role: "view",
            doc: "A parameter: what it changes depends on the settings that use it.",
            origins,
        })
    }

    fn instances(&self) -> Vec<Instance> {
        let mut found = Vec::new();
        for (id, entity) in self.names.ids().zip(&self.names.entities) {
            let is_own = entity.file == FileId(0) || self.settings.used.contains(&id);
            if let Some(block) = block_of(entity.kind)
                && is_own
            {
                self.walk(id, entity.address.clone(), block, &mut found);
            }
        }
        found
    }

    fn walk(&self, id: EntityId, address: String, block: &'static Block, found: &mut Vec<Instance>) {
        let is_optional =
            matches!(block.word, "stop" | "budget") && !self.settings.blocks.contains_key(&address);
        if is_optional {
            return;
        }
        found.push(Instance { address: address.clone(), block, gate: None });
        for inner in block.blocks {
            match inner.labels {
                Labels::None => self.walk(id, format!("{address}.{}", inner.word), inner, found),
                Labels::Hat => {
                    for hat in ["solver", "generator"] {
                        self.walk(id, format!("{address}.{}.{hat}", inner.word), inner, found);
                    }
                }
                Labels::Source => {
                    let repos = self.settings.repos.get(&id).map_or(&[][..], Vec::as_slice);
                    for repo in repos.iter().filter(|repo| repo.block == inner.word) {
                        self.walk(id, format!("{address}.{}", repo.name), inner, found);
                    }
                }
                Labels::Name | Labels::MaybeName | Labels::Rounds => {}
            }
        }
        if block.content == schema::Content::Gates {
            let gates = self.settings.gates.get(&id).map_or(&[][..], Vec::as_slice);
            for (index, gate) in gates.iter().enumerate() {
                let address = format!("{address}.{}", gate.name);
                found.push(Instance { address, block: gate.def.block(), gate: Some((index, id)) });
            }
        }
    }

    fn effective(&self, instance: &Instance, key: &'static Key, round: Option<u32>) -> Effective<'_> {
        let gate = instance.gate.and_then(|(index, id)| self.settings.gates.get(&id)?.get(index));
        match gate {
            Some(gate) => {
                let gates = instance.address.strip_suffix(&format!(".{}", gate.name)).unwrap_or_default();
                self.settings.gate_setting(self.names, gates, gate, key, round)
            }
            None => self.settings.effective(&instance.address, key, round),
        }
    }

    /// Returns the rounds in which a setting was given a value of its own.
    fn own_rounds(&self, instance: &Instance, key: &Key) -> Vec<u32> {
        let Some(setting) = self.settings.slots.get(&format!("{}.{}", instance.address, key.name)) else {
            return Vec::new();
        };
        let mut rounds: Vec<u32> = setting
            .assignments
            .iter()
            .flat_map(|assignment| match assignment.rounds {
                Rounds::All => 0..0,
                Rounds::Exact(round) => round..round + 1,
                // An open end is as long as the curriculum.
                Rounds::Span(first, last) => {
                    first
                        ..last
                            .min(self.settings.rounds(instance.address.split('.').next().unwrap_or_default()))
                            .saturating_add(1)
                }
            })
            .collect();
        rounds.sort_unstable();
        rounds.dedup();
        rounds
    }

    fn shown(&self, instance: &Instance, key: &'static Key, round: Option<u32>) -> Shown {
        let effective = self.effective(instance, key, round);
        let address = format!("{}.{}", instance.address, key.name);
        let path = match (round, address.split_once('.')) {
            (Some(round), Some((curriculum, rest))) => format!("{curriculum}.r{round}.{rest}"),
            _ => address.clone(),
        };
        let mut origins = Vec::new();
        let mut holding: Vec<&Assignment> = self.settings.slots.get(&address).map_or(Vec::new(), |setting| {
            setting.assignments.iter().filter(|assignment| assignment.rounds.includes(round)).collect()
        });
        if let Some((index, id)) = instance.gate
            && let Some(GateDef::Custom(gate)) =
                self.settings.gates.get(&id).and_then(|g| g.get(index)).map(|g| g.def)
        {
            let own = format!("{}.{}", self.names.entity(gate).address, key.name);
            holding.extend(self.settings.slots.get(&own).map_or(&[][..], |setting| &setting.assignments));
        }
        // The winner stands first, the rest as they were found, latest first.
        holding.reverse();
        holding.sort_by_key(|a| std::cmp::Reverse((a.rounds.specificity(), a.layer.rank())));
        holding.sort_by_key(|assignment| effective.from.is_none_or(|from| from.place != assignment.place));
        for assignment in holding {
            let layer = match assignment.rounds {
                Rounds::Exact(round) if assignment.layer.describe() == "round" => format!("round {round}"),
                Rounds::Span(first, u32::MAX) => format!("round {first}.."),
                Rounds::Span(first, last) => format!("round {first}..{last}"),
                _ => assignment.layer.describe(),
            };
            origins.push(Origin {
                layer,
                value: assignment.value.as_ref().map(|value| self.text(value, key)),
                span: Some(self.span(assignment.place)),
            });
        }
        if let Some(default) = key.default {
            origins.push(Origin { layer: "default".into(), value: Some(default.to_owned()), span: None });
        }
        Shown {
            path,
            value: effective.value.as_ref().map(|value| self.text(value, key)),
            ty: key.ty.name(),
            role: key.role.as_str(),
            doc: key.doc,
            origins,
        }
    }
}
