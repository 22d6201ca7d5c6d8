//! The inside of `gates { ... }`.

use std::collections::BTreeMap;

use super::{Here, Walk};
use crate::{
    diagnostic::{Code, Place, Problem},
    names::Miss,
    schema::{self, Kind},
    settings::{Gate, GateDef, Rounds},
    suggest::{listed, nearest},
    syntax::{Item, ItemKind, Label, Path, path_range, path_text},
    value::EntityId,
};

impl Walk<'_> {
    pub(super) fn gate_item(
        &mut self,
        here: &Here,
        item: &Item,
        path: &Path,
        labels: &[Label],
        items: &[Item],
    ) {
        let head = here.place(item.head());
        let label = match labels {
            [] => None,
            [Label::Name(label)] => Some(label.text.to_string()),
            [other, ..] => {
                let place = here.place(other.range());
                let problem = Problem::new(Code::E0210, place, "the label of a gate is one name")
                    .label("not one name")
                    .help("write `stable quick { ... }`");
                self.problem(problem);
                return;
            }
        };
        let word = path_text(path);
        let name = label.unwrap_or_else(|| word.clone());
        let known = self.gate_in(here.entity, &name, here.rounds).cloned();
        let in_round = here.rounds != Rounds::All;
        let def = match &known {
            Some(gate) if in_round => gate.def,
            _ => match self.gate_def(here, path) {
                Some(def) => def,
                None => {
                    self.out.broken_gates.insert(here.entity);
                    return;
                }
            },
        };
        match known {
            Some(first) if !in_round => {
                let problem = Problem::new(Code::E0406, head, format!("the gate `{name}` stands here twice"))
                    .label("again here")
                    .other(first.place, "first here")
                    .help(format!("give the second a label: `{word} second {{ ... }}`"));
                self.problem(problem);
                return;
            }
            Some(_) => {}
            None => {
                if in_round && !has_anchor(items) {
                    self.new_in_round(here, &name, head);
                    return;
                }
                let gate = Gate { name: name.clone(), def, place: head, rounds: here.rounds };
                self.add_gate(here.entity, gate);
            }
        }
        let next = Here { block: def.block(), address: format!("{}.{name}", here.address), ..here.clone() };
        let mut seen = BTreeMap::new();
        for item in items {
            self.item(&next, item, &mut seen);
        }
    }

    pub(super) fn add_gate(&mut self, curriculum: EntityId, gate: Gate) {
        let gates = self.out.gates.entry(curriculum).or_default();
        self.gate_names.insert((curriculum, gate.name.clone()), gates.len());
        gates.push(gate);
    }

    pub(super) fn gate(&self, curriculum: EntityId, name: &str) -> Option<&Gate> {
        let at = self.gate_names.get(&(curriculum, name.to_owned()))?;
        self.gates(curriculum).get(*at)
    }

    /// Returns the gate of that name that is part of these rounds.
    fn gate_in(&self, curriculum: EntityId, name: &str, rounds: Rounds) -> Option<&Gate> {
        let latest = self.gate(curriculum, name)?;
        let covers =
            |gate: &Gate| gate.rounds == Rounds::All || gate.rounds == rounds || gate.rounds.covers(rounds);
        match covers(latest) {
            true => Some(latest),
            // Another round may have added a gate of this name.
            false => self.gates(curriculum).iter().find(|gate| gate.name == name && covers(gate)),
        }
    }

    pub(super) fn gates(&self, curriculum: EntityId) -> &[Gate] {
        self.out.gates.get(&curriculum).map_or(&[], Vec::as_slice)
    }

    /// Finds what a gate's word stands for; reports it when that is nothing.
    fn gate_def(&mut self, here: &Here, path: &Path) -> Option<GateDef> {
        let place = here.place(path_range(path));
        let parts: Vec<&str> = path.iter().map(|name| &*name.text).collect();
        if let [word] = parts.as_slice()
            && let Some(gate) = schema::gate(word)
        {
            return Some(GateDef::Builtin(gate.block.word));
        }
        match self.names.lookup(here.file, &parts, &[Kind::Gate]) {
            Ok((id, used)) if used == parts.len() && self.names.entity(id).kind == Kind::Gate => {
                self.out.used.insert(id);
                if parts.len() > 1 {
                    self.out.used_aliases.insert((here.file, parts[0].to_owned()));
                }
                Some(GateDef::Custom(id))
            }
            Ok((id, _)) => {
                let entity = self.names.entity(id);
                let noun = entity.kind.noun();
                let message = format!("`{}` is {noun}, not a gate", parts.join("."));
                let problem = Problem::new(Code::E0204, place, message)
                    .label(format!("this is {noun}"))
                    .other(entity.place, "defined here");
                self.problem(problem);
                None
            }
            Err(Miss::Unread) => {
                self.out.used_aliases.insert((here.file, parts[0].to_owned()));
                None
            }
            Err(Miss::Unknown { meant, part }) => {
                self.unknown_gate(here, &parts, part, meant, place);
                None
            }
        }
    }

    fn unknown_gate(
        &mut self,
        here: &Here,
        parts: &[&str],
        part: usize,
        meant: Option<String>,
        place: Place,
    ) {
        let builtin: Vec<&str> = schema::GATES.iter().map(|gate| gate.block.word).collect();
        let near = nearest(parts[0], builtin.iter().copied()).map(str::to_owned).filter(|_| part == 0);
        let message = format!("there is no gate called `{}`", parts.join("."));
        let mut problem = Problem::new(Code::E0202, place, message).label("not found");
        if let Some(meant) = near.or(meant) {
            let mut fixed = parts.to_vec();
            fixed[part] = &meant;
            let fixed = fixed.join(".");
            problem = problem.help(format!("did you mean `{fixed}`?")).fix(
                format!("write `{fixed}`"),
                place,
                fixed,
            );
        } else {
            let own = self.names.labels_of(here.file, &[Kind::Gate]);
            let all: Vec<&str> = builtin.into_iter().chain(own.iter().map(String::as_str)).collect();
            problem = problem.help(format!("the gates are {}", listed(&all, "and")));
        }
        self.problem(problem);
    }

    fn new_in_round(&mut self, here: &Here, name: &str, place: Place) {
        let base: Vec<String> = self.gates(here.entity).iter().map(|gate| gate.name.clone()).collect();
        let message = format!("the gate `{name}` is not among the gates of this curriculum");
        let mut problem = Problem::new(Code::E0504, place, message).label("new in this round");
        if let Some(meant) = nearest(name, base.iter().map(String::as_str)) {
            problem = problem.help(format!("did you mean `{meant}`?"));
        } else if let Some(last) = base.last() {
            let base = listed(&base, "and");
            problem = problem
                .help(format!("say where it stands, such as `after = {last}`, or change one of {base}"));
        }
        self.problem(problem);
    }
}

fn has_anchor(items: &[Item]) -> bool {
    items.iter().any(|item| match &item.kind {
        ItemKind::Setting { path, .. } => matches!(path_text(path).as_str(), "before" | "after"),
        _ => false,
    })
}
