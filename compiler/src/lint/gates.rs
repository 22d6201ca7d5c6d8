//! The order of gates: what each needs, and that cheap ones come first.

use std::collections::BTreeSet;

use super::Lint;
use crate::{
    diagnostic::{Code, Place, Problem},
    schema::{self, Cost},
    settings::{Gate, GateDef, Rounds},
    suggest::{listed, nearest},
    value::{EntityId, Value},
};

/// Findings of one order of gates, at the most.
const MAX_PROBLEMS: usize = 50;

/// What a gate declares of itself.
struct Declared {
    cost: Cost,
    needs: Vec<String>,
    gives: Vec<String>,
}

impl Lint<'_> {
    pub(super) fn gates(&mut self, id: EntityId, address: &str, rounds: u32) {
        // A gate that was not found may be the one that gives a fact.
        if self.settings.broken_gates.contains(&id) {
            return;
        }
        self.anchors(id, address);
        let base = self.settings.gates_in(id, address, None);
        if base.is_empty()
            && let Some(place) = self.settings.blocks.get(&format!("{address}.gates"))
        {
            self.problems.push(nothing_discriminates(*place, "no gate"));
        }
        let all = self.settings.gates.get(&id).map_or(&[][..], Vec::as_slice);
        let mut told = self.order(address, all, &base, None);
        for round in 1..=rounds {
            let of_round = self.settings.gates_in(id, address, Some(round));
            // Most rounds run the base's gates: there is nothing new to say of those.
            if of_round.iter().map(|gate| &gate.name).eq(base.iter().map(|gate| &gate.name)) {
                continue;
            }
            for problem in self.order(address, all, &of_round, Some(round)) {
                if !told.iter().any(|known| known.code == problem.code && known.place == problem.place) {
                    told.push(problem);
                }
            }
        }
        self.problems.extend(told);
    }

    /// `before` and `after` name a gate, and place one that a round adds.
    fn anchors(&mut self, id: EntityId, address: &str) {
        let gates = self.settings.gates.get(&id).map_or(&[][..], Vec::as_slice);
        let names: BTreeSet<&str> = gates.iter().map(|gate| gate.name.as_str()).collect();
        for gate in gates {
            for word in ["before", "after"] {
                let assigned = self.settings.slots.get(&format!("{address}.gates.{}.{word}", gate.name));
                for assignment in assigned.map_or(&[][..], |setting| &setting.assignments) {
                    let Some(Value::Fact(anchor)) = &assignment.value else { continue };
                    if gate.rounds == Rounds::All {
                        let message = format!(
                            "`{word}` says nothing here: these gates run in the order they are written"
                        );
                        let problem =
                            Problem::new(Code::W0609, assignment.place, message).label("has no effect");
                        self.problems
                            .push(problem.help("it places a gate that a `round` adds; here, move the line"));
                    } else if !names.contains(&&**anchor) || **anchor == *gate.name {
                        let message = format!("`{anchor}` is not among the gates of this curriculum");
                        let mut problem =
                            Problem::new(Code::E0504, assignment.place, message).label("not found");
                        if let Some(meant) =
                            nearest(anchor, names.iter().copied().filter(|name| *name != gate.name))
                        {
                            problem = problem.help(format!("did you mean `{meant}`?")).fix(
                                format!("write `{meant}`"),
                                assignment.place,
                                meant,
                            );
                        }
                        self.problems.push(problem);
                    }
                }
            }
        }
    }

    fn order(&self, address: &str, all: &[Gate], gates: &[&Gate], round: Option<u32>) -> Vec<Problem> {
        let mut problems = Vec::new();
        let mut given: BTreeSet<String> = BTreeSet::new();
        let declared: Vec<Declared> = gates.iter().map(|gate| self.declared(address, gate, round)).collect();
        let mut dearest: Option<(&Gate, Cost)> = None;
        for (index, (gate, own)) in gates.iter().zip(&declared).enumerate() {
            // Each says the same of another gate: some are enough.
            if problems.len() >= MAX_PROBLEMS {
                break;
            }
            for fact in own.needs.iter().filter(|fact| !given.contains(*fact)) {
                let problem = missing_fact(gate, fact, gates, &declared, index);
                // The gate that gives it may stand there, but off.
                let is_off = |off: &&Gate| !gates.iter().any(|gate| gate.name == off.name);
                let giver = all.iter().filter(is_off).find(|off| {
                    off.def.builtin().is_some_and(|builtin| builtin.gives.contains(&fact.as_str()))
                });
                let problem = match giver {
                    Some(off) => {
                        Problem { help: vec![format!("`{}` gives it, but is off here", off.name)], ..problem }
                            .other(off.place, "off")
                    }
                    None => problem,
                };
                problems.push(match round {
                    Some(round) => {
                        Problem { message: format!("in round {round} {}", problem.message), ..problem }
                    }
                    None => problem,
                });
            }
            given.extend(own.gives.iter().cloned());
            match dearest {
                Some((before, cost)) if cost > own.cost => problems.push(
                    Problem::new(
                        Code::W0402,
                        gate.place,
                        format!("`{}` is cheaper than `{}`, but runs after it", gate.name, before.name),
                    )
                    .label(format!("cost class {}", own.cost.as_str()))
                    .other(before.place, format!("cost class {}", cost.as_str()))
                    .help(format!(
                        "each candidate that `{}` rejects has already cost a {}; move it up",
                        gate.name,
                        cost.unit()
                    )),
                ),
                _ => dearest = Some((gate, own.cost)),
            }
        }
        if let Some(last) = gates.last()
            && !given.contains("discriminating")
        {
            problems.push(nothing_discriminates(last.place, "the last gate"));
        }
        problems
    }

    fn declared(&self, address: &str, gate: &Gate, round: Option<u32>) -> Declared {
        if let Some(builtin) = gate.def.builtin() {
            let own = |facts: &[&str]| facts.iter().map(|fact| (*fact).to_owned()).collect();
            return Declared { cost: builtin.cost, needs: own(builtin.needs), gives: own(builtin.gives) };
        }
        let GateDef::Custom(_) = gate.def else {
            return Declared { cost: Cost::Sandbox, needs: Vec::new(), gives: Vec::new() };
        };
        let gates = format!("{address}.gates");
        let value = |name: &str| {
            let key = schema::CUSTOM_GATE.key(name)?;
            self.settings.gate_setting(self.names, &gates, gate, key, round).value
        };
        let facts = |name: &str| match value(name) {
            Some(Value::List(facts)) => facts
                .iter()
                .filter_map(|fact| match fact {
                    Value::Fact(name) => Some(name.to_string()),
                    _ => None,
                })
                .collect(),
            _ => Vec::new(),
        };
        let cost = match value("cost") {
            Some(Value::Variant(name)) => Cost::parse(name).unwrap_or(Cost::Sandbox),
            _ => Cost::Sandbox,
        };
        Declared { cost, needs: facts("needs"), gives: facts("gives") }
    }
}

fn nothing_discriminates(place: Place, label: &str) -> Problem {
    Problem::new(Code::W0407, place, "no gate checks that the hidden tests tell broken from mended")
        .label(label)
        .help("tasks may be unsolvable or already solved")
        .help("add `separates`, or a gate that gives `discriminating`")
}

fn missing_fact(gate: &Gate, fact: &str, gates: &[&Gate], declared: &[Declared], index: usize) -> Problem {
    let message = format!("`{}` needs `{fact}`, which no earlier gate gives", gate.name);
    let problem = Problem::new(Code::E0401, gate.place, message).label(format!("needs `{fact}`"));
    let giver = |of: &Declared| of.gives.iter().any(|given| given == fact);
    if let Some(later) = declared.iter().skip(index + 1).position(giver) {
        let later: &Gate = gates[index + 1 + later];
        let place: Place = later.place;
        return problem
            .other(place, format!("gives `{fact}`, but runs later"))
            .help(format!("move `{}` before `{}`", later.name, gate.name));
    }
    let builtin = schema::GATES.iter().find(|builtin| builtin.gives.contains(&fact));
    if let Some(builtin) = builtin {
        return problem
            .help(format!("the gate `{}` gives it; put it before `{}`", builtin.block.word, gate.name));
    }
    let mut known: Vec<String> = schema::FACTS.iter().map(|fact| (*fact).to_owned()).collect();
    known.extend(declared.iter().flat_map(|own| own.gives.iter().cloned()));
    match nearest(fact, known.iter().map(String::as_str)) {
        Some(meant) => problem.help(format!("did you mean `{meant}`?")),
        None => problem.help(format!("the facts given here are {}", listed(&known, "and"))),
    }
}
