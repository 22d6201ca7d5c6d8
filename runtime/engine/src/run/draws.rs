//! Drawing until so many are accepted, in the order of the draws, however many run at a time.
//!
//! A draw goes through the gates behind its stage while others are still being drawn; which draws
//! count is decided by their order alone. What was drawn beyond is thrown away, and a draw that
//! met broken surroundings is never passed over.

use std::sync::Arc;

use sswe_cache::ActionKey;

use super::dispatch::Dispatch;
use super::progress::{Progress, Waiter};
use super::resolve::entry_of;
use crate::{Entry, Error, Fault, Inputs, Work};

/// The draws of one stage.
pub(super) struct Draws {
    count: u64,
    /// How many undecided draws may run beyond those that would be enough.
    width: u64,
    inputs: Inputs,
    /// What each gate reads beside the candidates.
    judging: Vec<Inputs>,
    draws: Vec<Draw>,
    exhausted: bool,
    stuck: bool,
    /// All draws before this one are decided.
    first_open: usize,
    accepted_before: u64,
    accepted: u64,
    open: u64,
}

struct Draw {
    fate: Fate,
    /// The key and name of the draw's own item.
    own: Option<(ActionKey, Arc<str>)>,
    /// How many gates it was shown to.
    depth: usize,
    /// How many items of the present gate have not settled.
    left: usize,
    /// What came out of the draw or of the present gate.
    passed: Vec<Entry>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Fate {
    Open,
    Accepted,
    Rejected,
    Stuck,
}

impl Draws {
    pub(super) fn new(count: u64, width: u64, inputs: Inputs, judging: Vec<Inputs>) -> Draws {
        Draws {
            count,
            width,
            inputs,
            judging,
            draws: Vec::new(),
            exhausted: false,
            stuck: false,
            first_open: 0,
            accepted_before: 0,
            accepted: 0,
            open: 0,
        }
    }

    /// Returns how many draws count, once that is certain.
    fn cut(&mut self) -> Option<usize> {
        while self.accepted_before < self.count
            && let Some(draw) = self.draws.get(self.first_open)
        {
            match draw.fate {
                Fate::Accepted => self.accepted_before += 1,
                Fate::Rejected => (),
                Fate::Open | Fate::Stuck => return None,
            }
            self.first_open += 1;
        }
        (self.accepted_before >= self.count || self.exhausted).then_some(self.first_open)
    }

    fn wants_more(&self) -> bool {
        // With one at a time nothing is drawn in vain; with several, the last few may be.
        let lacks = self.count.saturating_sub(self.accepted);
        !self.exhausted && !self.stuck && lacks > 0 && self.open < lacks.max(self.width)
    }

    fn decide(&mut self, ordinal: usize, fate: Fate) {
        let draw = &mut self.draws[ordinal];
        if draw.fate == Fate::Open {
            draw.fate = fate;
            self.open -= 1;
            self.accepted += u64::from(fate == Fate::Accepted);
            self.stuck |= fate == Fate::Stuck;
        }
    }
}

impl<W: Work> Dispatch<'_, W> {
    /// Draws as far as is useful now, and ends the stage when it is decided.
    pub(super) fn draw_on(&mut self, index: usize) -> Result<(), Error> {
        loop {
            let Some(draws) = self.draws(index) else { return Ok(()) };
            if let Some(cut) = draws.cut() {
                return self.cut(index, cut);
            }
            if draws.stuck && draws.open == 0 {
                return self.close_stage(index);
            }
            if !draws.wants_more() {
                return Ok(());
            }
            let ordinal = draws.draws.len();
            let graph = self.graph;
            let Progress::Active(active) = &self.stages[index] else { return Ok(()) };
            let Some(draws) = &active.draws else { return Ok(()) };
            let item = match self.work.draw(&graph.nodes[index].stage, &draws.inputs, ordinal as u64) {
                Ok(item) => item,
                Err(fault) => return self.stage_trouble(index, fault),
            };
            let Some(draws) = self.draws(index) else { return Ok(()) };
            let Some(item) = item else {
                draws.exhausted = true;
                continue;
            };
            let name: Arc<str> = item.name().into();
            draws.open += 1;
            draws.draws.push(Draw { fate: Fate::Open, own: None, depth: 0, left: 1, passed: Vec::new() });
            let key = self.item_key(index, &item);
            if let Some(draws) = self.draws(index) {
                draws.draws[ordinal].own = Some((key, name.clone()));
            }
            let waiter = Waiter::Draw { node: index, ordinal, name: name.clone() };
            if self.look(index, key, item, waiter, false)? {
                self.passed(index, ordinal, index, &key, &name)?;
                self.advance(index, ordinal)?;
            }
        }
    }

    /// Notes what an item of a draw gave.
    pub(super) fn passed(
        &mut self,
        index: usize,
        ordinal: usize,
        by: usize,
        key: &ActionKey,
        name: &Arc<str>,
    ) -> Result<(), Error> {
        let graph = self.graph;
        let gates = &graph.nodes[index].gates;
        let ports = &graph.nodes[by].facts.declared.ports;
        let ran = self.rows.fresh(key).is_some_and(|fresh| fresh.by == index);
        let Progress::Active(active) = &mut self.stages[index] else { return Ok(()) };
        let Some(draws) = &mut active.draws else { return Ok(()) };
        let draw = &mut draws.draws[ordinal];
        if draw.depth == 0 {
            active.items += 1;
            match ran {
                true => active.tally.ran += 1,
                false => active.tally.cached += 1,
            }
        }
        // The port that the next gate reads; behind the last one, the first.
        let next = gates.get(draw.depth).map(|gate| graph.nodes[gate.node].needs[gate.hole].output);
        let port = next.or(ports.first().copied()).unwrap_or_default();
        draw.left -= 1;
        let passed = &mut draw.passed;
        self.rows.see(key, |output, body, _| {
            if let Some((at, entry)) = entry_of(ports, output, body, name)
                && ports[at] == port
            {
                passed.push(entry);
            }
        })?;
        Ok(())
    }

    /// Shows a draw to gate after gate, as far as the answers are known.
    pub(super) fn advance(&mut self, index: usize, ordinal: usize) -> Result<(), Error> {
        let graph = self.graph;
        loop {
            let Some(draws) = self.draws(index) else { return Ok(()) };
            let draw = &mut draws.draws[ordinal];
            if draw.left > 0 || draw.fate != Fate::Open {
                return Ok(());
            }
            let gates = &graph.nodes[index].gates;
            if draw.passed.is_empty() || draw.depth == gates.len() {
                let fate = if draw.passed.is_empty() { Fate::Rejected } else { Fate::Accepted };
                draws.decide(ordinal, fate);
                return Ok(());
            }
            let gate = gates[draw.depth];
            let mut candidates = std::mem::take(&mut draw.passed);
            crate::manifest::sort(&mut candidates);
            let stage = &graph.nodes[gate.node].stage;
            let port = graph.nodes[gate.node].needs[gate.hole].port;
            let mut inputs = draws.judging[draw.depth].clone();
            inputs.lists.push((port.into(), candidates.into()));
            draw.depth += 1;
            let items = match self.work.expand(stage, &inputs) {
                Ok(items) => items,
                Err(fault) => return self.draw_stuck(index, ordinal, fault),
            };
            if let Some(draws) = self.draws(index) {
                draws.draws[ordinal].left = items.len();
            }
            for item in items {
                let name: Arc<str> = item.name().into();
                let key = self.item_key(gate.node, &item);
                let waiter = Waiter::Draw { node: index, ordinal, name: name.clone() };
                if self.look(gate.node, key, item, waiter, true)? {
                    self.passed(index, ordinal, gate.node, &key, &name)?;
                }
            }
        }
    }

    /// Notes that a draw cannot be decided.
    pub(super) fn draw_stuck(&mut self, index: usize, ordinal: usize, fault: Fault) -> Result<(), Error> {
        let infra = matches!(fault, Fault::Infra(_));
        let reason = match fault {
            Fault::Lost(digest) => return self.lose(digest, index),
            Fault::Failed(reason) | Fault::Infra(reason) | Fault::Offline(reason) => reason,
        };
        let Progress::Active(active) = &mut self.stages[index] else { return Ok(()) };
        let Some(draws) = &mut active.draws else { return Ok(()) };
        if draws.draws[ordinal].fate != Fate::Open {
            return Ok(());
        }
        draws.decide(ordinal, Fate::Stuck);
        match infra {
            true => active.tally.infra += 1,
            false => active.tally.failed += 1,
        }
        active.trouble.get_or_insert_with(|| format!("draw {ordinal}: {reason}"));
        Ok(())
    }

    /// Ends a stage that draws, whose first `cut` draws count.
    fn cut(&mut self, index: usize, cut: usize) -> Result<(), Error> {
        let Some(draws) = self.draws(index) else { return Ok(()) };
        let (count, accepted) = (draws.count, draws.accepted_before);
        let own: Vec<_> = draws.draws.drain(..).take(cut).filter_map(|draw| draw.own).collect();
        for (key, name) in &own {
            self.collect(index, key, name)?;
        }
        let active = self.active(index);
        active.items = own.len() as u64;
        active.tally.failed = 0;
        active.tally.infra = 0;
        active.trouble = None;
        active.left = 0;
        if accepted < count {
            active.reason.push_str(&format!("; {accepted} of {count} were accepted in {cut} draws"));
        }
        self.throw_away(index);
        self.close_stage(index)
    }

    /// Ends what was drawn beyond what counts.
    #[expect(clippy::iter_over_hash_type, reason = "all of them end: the order does not matter")]
    fn throw_away(&mut self, index: usize) {
        let mut idle = Vec::new();
        for (key, flight) in &mut self.flights {
            flight.waiters.retain(|waiter| !matches!(waiter, Waiter::Draw { node, .. } if *node == index));
            if flight.waiters.is_empty() {
                idle.push((*key, flight.task.take()));
            }
        }
        for (key, task) in idle {
            self.flights.remove(&key);
            if let Some(task) = task {
                task.abort();
            }
        }
    }

    fn draws(&mut self, index: usize) -> Option<&mut Draws> {
        match &mut self.stages[index] {
            Progress::Active(active) => active.draws.as_mut(),
            _ => None,
        }
    }
}
