//! Deciding what a stage has to do, once its inputs are known.

use std::sync::Arc;

use smallvec::SmallVec;
use sswe_cache::{ActionKey, Components, Digest};
use sswe_compiler::plan::Shape;
use tokio::time::Instant;

use super::dispatch::Dispatch;
use super::draws::Draws;
use super::progress::{Active, Flight, Progress, Reading, Readings, Waiter, item_components};
use super::settle::parts_key;
use crate::graph::Gate;
use crate::key::{Level, Own, action_key};
use crate::rows::{Given, OutputName};
use crate::{Entry, Error, Event, Fault, Inputs, Item, Tally, Work, manifest, why};

impl<W: Work> Dispatch<'_, W> {
    /// Skips a stage, takes what the store has, or begins it.
    pub(super) fn resolve(&mut self, index: usize) -> Result<(), Error> {
        let node = &self.graph.nodes[index];
        let obeys = |from: &usize| match &self.stages[*from] {
            Progress::Done(given) => given.stops(),
            Progress::Skipped => true,
            _ => false,
        };
        let mut before = node.needs.iter().map(|need| need.from).chain(node.controls.iter().copied());
        if node.controls.iter().any(obeys) {
            return self.skip(index, "the curriculum had stopped");
        }
        if node.needs.iter().any(|need| matches!(self.stages[need.from], Progress::Skipped)) {
            return self.skip(index, "the curriculum had stopped");
        }
        let failed = before.find(|&from| matches!(self.stages[from], Progress::Failed));
        if let Some(from) = failed {
            let reason = format!("`{}` gave nothing", self.graph.nodes[from].stage.name);
            self.stages[index] = Progress::Failed;
            self.finished(index, Tally::default(), None, 0.0, reason)?;
            return self.tell_readers(index);
        }
        if self.last_round.is_some_and(|last| node.stage.round.is_some_and(|round| round > last)) {
            // Left as it is: the run stops for the budget, and the next one goes on here.
            return Ok(());
        }
        let readings = self.readings(index, None);
        let key = self.stage_key(index, &readings);
        self.keys[index] = Some(key);
        if !self.doubted[index] || self.parts_are_known(index, &key)? {
            let mut found = Given::new();
            let ports = &node.facts.declared.ports;
            if self.rows.see(&key, |name, body, _| found.add(ports, name, body))? {
                return self.answered(index, key, found);
            }
        }
        self.begin_stage(index, key, readings)
    }

    /// Says whether the row of a stage that is one action names nothing that was lost: else it,
    /// or the row of its parts, would be gone.
    fn parts_are_known(&self, index: usize, key: &ActionKey) -> Result<bool, Error> {
        match self.graph.nodes[index].stage.shape {
            Shape::Each | Shape::FirstN(_) => return Ok(false),
            Shape::One | Shape::Gather | Shape::Stop => (),
        }
        let mut lists = Vec::new();
        self.rows.see(key, |name, body, _| {
            if matches!(OutputName::parse(name), OutputName::List(..)) {
                lists.push(body);
            }
        })?;
        let empty = Digest::of(&manifest::encode(&[]));
        Ok(lists.iter().all(|list| *list == empty) || self.rows.see(&parts_key(key), |_, _, _| ())?)
    }

    fn skip(&mut self, index: usize, reason: &str) -> Result<(), Error> {
        self.stages[index] = Progress::Skipped;
        let stage = &self.graph.nodes[index].stage;
        let (name, round) = (stage.name.to_string(), stage.round);
        self.log_event(Event::StageSkipped { stage: name, round, reason: reason.to_owned() })?;
        self.tell_readers(index)
    }

    /// Returns what a stage reads, as it is now: by port, then round, then digest.
    pub(super) fn readings(&self, index: usize, without: Option<usize>) -> Readings {
        let mut found = Readings::new();
        for (at, need) in self.graph.nodes[index].needs.iter().enumerate() {
            let Progress::Done(given) = &self.stages[need.from] else { continue };
            if let Some(port) = given.port(need.output)
                && without != Some(at)
            {
                found.push(Reading {
                    port: need.port,
                    from: need.from,
                    digest: port.digest,
                    list: port.list,
                });
            }
        }
        let round = |reading: &Reading| self.graph.nodes[reading.from].stage.round;
        found.sort_by_key(|reading| (reading.port, round(reading), reading.digest));
        found
    }

    fn stage_key(&self, index: usize, readings: &[Reading]) -> ActionKey {
        let node = &self.graph.nodes[index];
        let inputs = pairs(readings);
        let judging = |gate: &Gate| pairs(&self.readings(gate.node, Some(gate.hole))).into_vec();
        let until = self.graph.judges(index, judging);
        action_key(&node.recipe.shared, &Own { level: Level::Stage, inputs: &inputs, draw: None, until })
    }

    fn stage_components(&self, index: usize, readings: &[Reading]) -> Components {
        let mut all = why::input_components(
            readings
                .iter()
                .map(|reading| (reading.port, &self.graph.nodes[reading.from].stage.name, reading.digest)),
        );
        why::draw_components(self.graph, index, &mut all, |gate| {
            let readings = self.readings(gate.node, Some(gate.hole));
            readings.iter().map(|reading| (reading.port, reading.from, reading.digest)).collect()
        });
        Components::new(all)
    }

    /// Takes what the store has for a whole stage.
    fn answered(&mut self, index: usize, key: ActionKey, found: Given) -> Result<(), Error> {
        // After a loss the stages begin anew: what this run made still counts as run.
        let is_own = self.rows.fresh(&key).is_some_and(|fresh| fresh.by == index);
        if is_own {
            self.stages[index] = Progress::Done(found);
            return self.tell_readers(index);
        }
        self.used.push(key);
        let tally = Tally { cached: found.items, ..Tally::default() };
        self.give(index, found, tally, 0.0, String::new())
    }

    fn begin_stage(&mut self, index: usize, key: ActionKey, readings: Readings) -> Result<(), Error> {
        let graph = self.graph;
        let node = &graph.nodes[index];
        let shared = self.shared_of(index);
        let own = self.stage_components(index, &readings);
        let reason = why::reason_of(self.store, &node.stage, "", &key, &shared, &own)?.to_string();
        let ports = node.facts.declared.ports.len();
        self.stages[index] = Progress::Active(Box::new(Active {
            key,
            begun: Instant::now(),
            reason: reason.clone(),
            tally: Tally::default(),
            left: 0,
            items: 1,
            gave: vec![Vec::new(); ports],
            draws: None,
            trouble: None,
            own: own.clone(),
        }));
        let started = |items, cached| Event::StageStarted {
            stage: node.stage.name.to_string(),
            round: node.stage.round,
            items,
            cached,
            reason: reason.clone(),
        };
        let Some(inputs) = self.load(index, &readings)? else { return Ok(()) };
        match node.stage.shape {
            Shape::One | Shape::Gather | Shape::Stop => {
                self.log_event(started(Some(1), 0))?;
                self.active(index).left = 1;
                // Another stage may be the same action: equal repositories, equal pins.
                if let Some(flight) = self.flights.get_mut(&key) {
                    flight.waiters.push(Waiter::Whole(index));
                    return Ok(());
                }
                let flight = Flight {
                    node: index,
                    label: "".into(),
                    item: None,
                    inputs,
                    own,
                    waiters: vec![Waiter::Whole(index)],
                    attempt: 0,
                    task: None,
                };
                self.enqueue(key, flight, false);
                Ok(())
            }
            Shape::Each => {
                let items = match self.work.expand(&node.stage, &inputs) {
                    Ok(items) => items,
                    Err(fault) => return self.stage_trouble(index, fault),
                };
                self.rows.expect(items.len())?;
                let count = items.len();
                let active = self.active(index);
                active.items = count as u64;
                // One more than there are: the stage must not end before all were looked at.
                active.left = count + 1;
                for item in items {
                    let name: Arc<str> = item.name().into();
                    let waiter = Waiter::Item { node: index, name: name.clone() };
                    let key = self.item_key(index, &item);
                    if self.look(index, key, item, waiter, false)? {
                        self.take(index, &key, &name)?;
                    }
                }
                let active = self.active(index);
                active.left -= 1;
                let (left, cached) = (active.left, active.tally.cached);
                self.log_event(started(Some(count as u64), cached))?;
                if left == 0 { self.close_stage(index) } else { Ok(()) }
            }
            Shape::FirstN(count) => {
                self.log_event(started(None, 0))?;
                let group = self.capacity.group(node.stage.pool.as_deref());
                let width = self.capacity.width(group, self.options.machine.jobs.max(1));
                let mut judging = Vec::new();
                for gate in &node.gates {
                    let readings = self.readings(gate.node, Some(gate.hole));
                    let Some(inputs) = self.load(index, &readings)? else { return Ok(()) };
                    judging.push(inputs);
                }
                self.rows.expect(usize::try_from(count).unwrap_or(usize::MAX))?;
                let active = self.active(index);
                active.left = 1;
                active.items = 0;
                active.draws = Some(Draws::new(count, width, inputs, judging));
                self.draw_on(index)
            }
        }
    }

    /// Reads the lists of inputs; `None` when a blob is lost, and the run begins anew.
    fn load(&mut self, index: usize, readings: &[Reading]) -> Result<Option<Inputs>, Error> {
        let mut inputs = Inputs::default();
        for reading in readings {
            let Reading { port, from: _, digest, list } = reading;
            let entries: Arc<[Entry]> = if !list {
                Arc::from([Entry { name: "".into(), digest: *digest }])
            } else if let Some(known) = self.lists.get(digest) {
                known.clone()
            } else {
                let read = match self.store.get(digest) {
                    Ok(bytes) => manifest::decode(&bytes),
                    Err(sswe_cache::Error::Missing { .. } | sswe_cache::Error::Damaged { .. }) => None,
                    Err(error) => return Err(error.into()),
                };
                let Some(entries) = read else {
                    self.lose(*digest, index)?;
                    return Ok(None);
                };
                self.lists.insert(*digest, entries.clone());
                entries
            };
            inputs.lists.push(((*port).into(), entries));
        }
        Ok(Some(inputs))
    }

    pub(super) fn item_key(&self, index: usize, item: &Item) -> ActionKey {
        let inputs: Vec<(&str, Digest)> =
            item.content().iter().map(|(port, digest)| (&**port, *digest)).collect();
        let own = Own { level: Level::Item, inputs: &inputs, draw: item.ordinal(), until: None };
        action_key(&self.graph.nodes[index].recipe.shared, &own)
    }

    /// Returns whether an item's outputs are known; if not, it will run, and tell `waiter`.
    pub(super) fn look(
        &mut self,
        node: usize,
        key: ActionKey,
        item: Item,
        waiter: Waiter,
        urgent: bool,
    ) -> Result<bool, Error> {
        if self.rows.see(&key, |_, _, _| ())? {
            return Ok(true);
        }
        if let Some(flight) = self.flights.get_mut(&key) {
            flight.waiters.push(waiter);
            return Ok(false);
        }
        let lists = item.content().iter().map(|(port, digest)| {
            let entry = Entry { name: "".into(), digest: *digest };
            (Arc::from(port.as_str()), Arc::from([entry]))
        });
        let flight = Flight {
            node,
            label: item.label().into(),
            inputs: Inputs { lists: lists.collect() },
            own: item_components(&item),
            item: Some(item),
            waiters: vec![waiter],
            attempt: 0,
            task: None,
        };
        self.enqueue(key, flight, urgent);
        Ok(false)
    }

    /// Adds what an item gave to its stage, and counts it.
    pub(super) fn take(&mut self, index: usize, key: &ActionKey, name: &Arc<str>) -> Result<(), Error> {
        let ran = self.rows.fresh(key).is_some_and(|fresh| fresh.by == index);
        self.collect(index, key, name)?;
        let active = self.active(index);
        match ran {
            true => active.tally.ran += 1,
            false => active.tally.cached += 1,
        }
        active.left -= 1;
        Ok(())
    }

    /// Adds what an item gave to the lists of its stage.
    pub(super) fn collect(&mut self, index: usize, key: &ActionKey, name: &Arc<str>) -> Result<(), Error> {
        let Progress::Active(active) = &mut self.stages[index] else { return Ok(()) };
        let ports = &self.graph.nodes[index].facts.declared.ports;
        let gave = &mut active.gave;
        self.rows.see(key, |output, body, _| {
            if let Some((at, entry)) = entry_of(ports, output, body, name) {
                gave[at].push(entry);
            }
        })?;
        Ok(())
    }

    pub(super) fn shared_of(&mut self, index: usize) -> Arc<Components> {
        let node = &self.graph.nodes[index];
        let make = || Arc::new(crate::key::components(&node.stage, &node.facts));
        self.shared[index].get_or_insert_with(make).clone()
    }

    /// Returns a stage that is known to be active.
    pub(super) fn active(&mut self, index: usize) -> &mut Active {
        match &mut self.stages[index] {
            Progress::Active(active) => active,
            _ => unreachable!("only active stages have items"),
        }
    }

    /// Ends a stage before it has items.
    pub(super) fn stage_trouble(&mut self, index: usize, fault: Fault) -> Result<(), Error> {
        let reason = match fault {
            Fault::Lost(digest) => return self.lose(digest, index),
            Fault::Failed(reason) | Fault::Infra(reason) | Fault::Offline(reason) => reason,
        };
        let active = self.active(index);
        active.tally.failed += 1;
        active.trouble = Some(reason);
        self.close_stage(index)
    }
}

fn pairs(readings: &[Reading]) -> SmallVec<[(&'static str, Digest); 4]> {
    readings.iter().map(|reading| (reading.port, reading.digest)).collect()
}

/// Reads an output of an item as an entry of a list.
pub(super) fn entry_of(
    ports: &[&'static str],
    output: &str,
    body: Digest,
    item: &Arc<str>,
) -> Option<(usize, Entry)> {
    let (port, name) = match OutputName::parse(output) {
        OutputName::Only(port) => (port, item.clone()),
        OutputName::Named(port, name) => (port, name.into()),
        OutputName::List(..) => return None,
    };
    let at = ports.iter().position(|known| *known == port)?;
    Some((at, Entry { name, digest: body }))
}
