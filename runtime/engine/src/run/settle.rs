//! What follows when an item is over, and when it is durable.

use std::cmp::Reverse;
use std::sync::Arc;
use std::time::Duration;

use rand_chacha::rand_core::{RngCore, SeedableRng};
use smallvec::SmallVec;
use sswe_cache::{ActionKey, Batch, Components, Digest, Fields, Output};
use tokio::task::{Id, JoinError};
use tokio::time::Instant;

use super::commit::{Gave, Record, What};
use super::dispatch::{Dispatch, Halt, Over};
use super::progress::{Active, Flight, Progress, Waiter};
use crate::rows::{Fresh, GOES_ON, Given, STOP, STOPS};
use crate::work::Artifact;
use crate::{ChaCha8Rng, Error, Event, Fault, Made, Tally, Work, manifest};
use sswe_compiler::plan::Shape;

impl<W: Work> Dispatch<'_, W> {
    /// An executor is done with an item.
    pub(super) fn over(&mut self, over: Result<(Id, Over), JoinError>) -> Result<(), Error> {
        let id = match &over {
            Ok((id, _)) => *id,
            Err(error) => error.id(),
        };
        let Some((key, group)) = self.running.remove(&id) else { return Ok(()) };
        self.capacity.give(group);
        let (made, wall) = match over {
            Ok((_, Over { made, wall })) => (made, wall),
            Err(error) => match error.try_into_panic() {
                Ok(panic) => {
                    (Err(Fault::Failed(format!("panicked: {}", message_of(&*panic)))), Duration::ZERO)
                }
                // Killed, or thrown away: it gives nothing, and nobody is told.
                Err(_) => return Ok(()),
            },
        };
        let Some(flight) = self.flights.get_mut(&key) else { return Ok(()) };
        // One that was thrown away may end while another with its key runs.
        if flight.task.take_if(|task| task.id() == id).is_none() {
            return Ok(());
        }
        match made.and_then(|made| self.checked(&key, made)) {
            Ok(made) => self.made(key, made, wall),
            Err(Fault::Infra(reason)) => self.try_again(key, reason),
            Err(Fault::Lost(digest)) => {
                let node = self.flights.remove(&key).map_or(0, |flight| flight.node);
                self.lose(digest, node)
            }
            Err(fault) => self.failed(key, fault),
        }
    }

    /// Refuses what a stage may not give.
    fn checked(&self, key: &ActionKey, made: Made) -> Result<Made, Fault> {
        let Some(flight) = self.flights.get(key) else { return Ok(made) };
        let node = &self.graph.nodes[flight.node];
        let ports = &node.facts.declared.ports;
        if let Some(artifact) = made.artifacts.iter().find(|artifact| !ports.contains(&artifact.port)) {
            return Err(Fault::Failed(format!(
                "gave an artifact to `{}`: expected one of {}",
                artifact.port,
                ports.join(", ")
            )));
        }
        if made.stop && node.stage.shape != Shape::Stop {
            return Err(Fault::Failed("ended the curriculum, which only a stop stage may".to_owned()));
        }
        Ok(made)
    }

    fn made(&mut self, key: ActionKey, made: Made, wall: Duration) -> Result<(), Error> {
        let Made { mut artifacts, cost_micros, gpu_time, stop } = made;
        self.cost_micros += cost_micros;
        self.gpu_time += gpu_time;
        let Some(flight) = self.flights.get_mut(&key) else { return Ok(()) };
        let (index, label, own) = (flight.node, flight.label.clone(), std::mem::take(&mut flight.own));
        let node = &self.graph.nodes[index];
        let what = if flight.item.is_some() {
            What::Item
        } else {
            let mut ports = node.facts.declared.ports.clone();
            if node.stage.shape == Shape::Stop {
                ports.push(STOP);
                artifacts.push(Artifact::new(STOP, if stop { STOPS } else { GOES_ON }));
            }
            What::Whole(ports, parts_key(&key))
        };
        let shared = self.shared_of(index);
        self.walls.insert(key, (wall, cost_micros));
        self.record(Record {
            key,
            stage: self.name_of(index),
            kind: node.stage.kind.as_str().into(),
            label: label.to_string(),
            artifacts,
            what,
            shared,
            own,
            wall_us: wall.as_micros() as u64,
            cost_micros,
            run: self.run,
        });
        Ok(())
    }

    fn try_again(&mut self, key: ActionKey, reason: String) -> Result<(), Error> {
        let retry = &self.options.retry;
        let Some(flight) = self.flights.get_mut(&key) else { return Ok(()) };
        if flight.attempt >= retry.retries || self.halt.is_some() {
            return self.failed(key, Fault::Infra(reason));
        }
        let wait = backoff(&key, flight.attempt, retry.first, retry.longest);
        flight.attempt += 1;
        let (index, item, attempt) = (flight.node, flight.label.to_string(), flight.attempt);
        self.delays += 1;
        self.later.insert((Instant::now() + wait, self.delays), key);
        let stage = self.name_of(index).to_string();
        self.log_event(Event::ItemRetried { stage, item, attempt, after_s: wait.as_secs_f64(), reason })
    }

    fn failed(&mut self, key: ActionKey, fault: Fault) -> Result<(), Error> {
        let Some(flight) = self.flights.remove(&key) else { return Ok(()) };
        let Flight { node, label, waiters, .. } = flight;
        let infra = matches!(fault, Fault::Infra(_));
        self.offline |= matches!(fault, Fault::Offline(_));
        let (Fault::Failed(reason) | Fault::Infra(reason) | Fault::Offline(reason)) = fault.clone() else {
            return Ok(());
        };
        self.log_event(Event::ItemFailed {
            stage: self.name_of(node).to_string(),
            item: label.to_string(),
            infra,
            reason: reason.clone(),
        })?;
        let mut needed = false;
        for waiter in waiters {
            let index = waiter.node();
            if !self.is_active(index) {
                continue;
            }
            if let Waiter::Draw { ordinal, .. } = waiter {
                self.draw_stuck(index, ordinal, fault.clone())?;
                self.draw_on(index)?;
                continue;
            }
            needed = true;
            let active = self.active(index);
            match infra {
                true => active.tally.infra += 1,
                false => active.tally.failed += 1,
            }
            active.trouble.get_or_insert_with(|| match &*label {
                "" => reason.clone(),
                item => format!("[{item}]: {reason}"),
            });
            active.left -= 1;
            if active.left == 0 {
                self.close_stage(index)?;
            }
        }
        // A draw that fails may yet turn out not to be needed.
        if needed && !self.options.keep_going {
            self.halt = self.halt.max(Some(Halt::Failed));
        }
        Ok(())
    }

    /// Records are durable.
    pub(super) fn committed(
        &mut self,
        done: Result<(Batch, sswe_cache::Result<Gave>), JoinError>,
    ) -> Result<(), Error> {
        let (batch, gave) = match done {
            Ok(done) => done,
            Err(error) => match error.try_into_panic() {
                Ok(panic) => std::panic::resume_unwind(panic),
                Err(_) => return Ok(()),
            },
        };
        let gave = gave?;
        self.batch = Some(batch);
        for (key, outputs) in gave {
            if let Some(stages) = self.closing.remove(&key) {
                self.closed(key, &stages, outputs)?;
            } else {
                self.landed(key, outputs)?;
            }
        }
        Ok(())
    }

    /// An item is durable: tells who waits for it.
    fn landed(&mut self, key: ActionKey, outputs: Vec<Output>) -> Result<(), Error> {
        let flight = self.flights.remove(&key);
        let by = match &flight {
            Some(flight)
                if matches!(flight.waiters.first(), Some(Waiter::Whole(_) | Waiter::Item { .. })) =>
            {
                flight.waiters[0].node()
            }
            Some(flight) => flight.node,
            None => usize::MAX,
        };
        self.rows.add(key, Fresh { outputs: Arc::new(outputs), by });
        let Some(Flight { node, label, waiters, .. }) = flight else { return Ok(()) };
        let (wall, cost_micros) = self.walls.remove(&key).unwrap_or_default();
        self.log_event(Event::ItemFinished {
            stage: self.name_of(node).to_string(),
            item: label.to_string(),
            wall_s: wall.as_secs_f64(),
            cost_micros,
        })?;
        for waiter in waiters {
            let index = waiter.node();
            if !self.is_active(index) {
                continue;
            }
            match waiter {
                Waiter::Whole(index) => {
                    let mut found = Given::new();
                    let ports = &self.graph.nodes[index].facts.declared.ports;
                    self.rows.see(&key, |name, body, _| found.add(ports, name, body))?;
                    let ran = by == index;
                    let active = self.active(index);
                    active.tally.ran += u64::from(ran);
                    active.tally.cached += u64::from(!ran);
                    let (tally, wall) = (active.tally, active.begun.elapsed().as_secs_f64());
                    let reason = std::mem::take(&mut active.reason);
                    self.give(index, found, tally, wall, reason)?;
                }
                Waiter::Item { node: index, name } => {
                    self.take(index, &key, &name)?;
                    if self.active(index).left == 0 {
                        self.close_stage(index)?;
                    }
                }
                Waiter::Draw { node: index, ordinal, name } => {
                    self.passed(index, ordinal, node, &key, &name)?;
                    self.advance(index, ordinal)?;
                    self.draw_on(index)?;
                }
            }
        }
        Ok(())
    }

    /// All items of a stage have settled: writes its row, or lets it fail.
    pub(super) fn close_stage(&mut self, index: usize) -> Result<(), Error> {
        let node = &self.graph.nodes[index];
        let active = self.active(index);
        let Active { key, begun, tally, trouble, .. } = active;
        let (key, tally, wall) = (*key, *tally, begun.elapsed().as_secs_f64());
        if tally.failed + tally.infra > 0 {
            let reason = trouble.take().unwrap_or_default();
            self.stages[index] = Progress::Failed;
            self.finished(index, tally, None, wall, reason)?;
            if !self.options.keep_going {
                self.halt = self.halt.max(Some(Halt::Failed));
            }
            return self.tell_readers(index);
        }
        let items = active.items;
        let own: Components = std::mem::take(&mut active.own);
        let mut lists = Vec::new();
        let gave = std::mem::take(&mut active.gave);
        for (port, mut entries) in node.facts.declared.ports.iter().zip(gave) {
            manifest::sort(&mut entries);
            let bytes = manifest::encode(&entries);
            self.lists.insert(sswe_cache::Digest::of(&bytes), entries.into());
            lists.push((*port, bytes));
        }
        let shared = self.shared_of(index);
        let wall_us = (wall * 1e6) as u64;
        self.closing.entry(key).or_default().push(index);
        self.record(Record {
            key,
            stage: self.name_of(index),
            kind: node.stage.kind.as_str().into(),
            label: String::new(),
            artifacts: Vec::new(),
            what: What::Lists(lists, items),
            shared,
            own,
            wall_us,
            cost_micros: 0,
            run: self.run,
        });
        Ok(())
    }

    /// The row of a stage is durable.
    fn closed(&mut self, key: ActionKey, stages: &[usize], outputs: Vec<Output>) -> Result<(), Error> {
        let by = stages.first().copied().unwrap_or(usize::MAX);
        self.rows.add(key, Fresh { outputs: Arc::new(outputs), by });
        for &index in stages {
            if self.is_active(index) {
                let mut found = Given::new();
                let ports = &self.graph.nodes[index].facts.declared.ports;
                self.rows.see(&key, |name, body, _| found.add(ports, name, body))?;
                let active = self.active(index);
                let (tally, wall) = (active.tally, active.begun.elapsed().as_secs_f64());
                let reason = std::mem::take(&mut active.reason);
                self.give(index, found, tally, wall, reason)?;
            }
        }
        Ok(())
    }

    /// A stage gave something: tells those who wait for it.
    pub(super) fn give(
        &mut self,
        index: usize,
        found: Given,
        tally: Tally,
        wall: f64,
        reason: String,
    ) -> Result<(), Error> {
        let digest = digest_of(&found);
        self.stages[index] = Progress::Done(found);
        self.finished(index, tally, Some(digest), wall, reason)?;
        self.tell_readers(index)
    }

    pub(super) fn finished(
        &mut self,
        index: usize,
        tally: Tally,
        digest: Option<sswe_cache::Digest>,
        wall_s: f64,
        reason: String,
    ) -> Result<(), Error> {
        self.tallies[index] = tally;
        let stage = &self.graph.nodes[index].stage;
        let Tally { ran, cached, failed, infra } = tally;
        tracing::info!(stage = %stage.name, ran, cached, failed, infra, wall_s, reason, "stage finished");
        let event = Event::StageFinished {
            stage: stage.name.0.as_ref().to_owned(),
            round: stage.round,
            ran,
            cached,
            failed,
            infra,
            digest: digest.map(|digest| digest.to_string()),
            wall_s,
            reason,
        };
        self.log_event(event)
    }

    /// One stage fewer to wait for.
    pub(super) fn tell_readers(&mut self, index: usize) -> Result<(), Error> {
        for &reader in self.graph.readers(index) {
            if let Progress::Waiting(left) = &mut self.stages[reader] {
                *left -= 1;
                if *left == 0 {
                    self.ready.push(Reverse(reader));
                }
            }
        }
        Ok(())
    }
}

/// Returns the key of the row that names the many artifacts of a stage that is one action.
pub(super) fn parts_key(key: &ActionKey) -> ActionKey {
    ActionKey(Fields::new("sswe.parts.v1").digest("stage", &key.0).finish())
}

/// Returns the digest of all that a stage gave.
pub(super) fn digest_of(given: &Given) -> Digest {
    given_digest(given.ports.iter().map(|port| (port.name, port.digest)))
}

/// The same, by output and digest.
pub(crate) fn given_digest<'a>(ports: impl Iterator<Item = (&'a str, Digest)>) -> Digest {
    let mut ports: SmallVec<[(&str, Digest); 2]> = ports.collect();
    if let [(_, digest)] = ports[..] {
        return digest;
    }
    ports.sort_by_key(|(name, _)| *name);
    let mut fields = Fields::new("sswe.given.v1");
    for (name, digest) in ports {
        fields.digest(name, &digest);
    }
    fields.finish()
}

/// Returns how long to wait before trying again: longer each time, and not all at once.
fn backoff(key: &ActionKey, attempt: u32, first: Duration, longest: Duration) -> Duration {
    let wait = first.saturating_mul(1u32.checked_shl(attempt).unwrap_or(u32::MAX)).min(longest);
    let seed =
        Fields::new("sswe.backoff.v1").digest("key", &key.0).number("attempt", attempt.into()).finish();
    let jitter = ChaCha8Rng::from_seed(*seed.as_bytes()).next_u32();
    // Between half of it and all of it.
    wait.mul_f64(0.5 + f64::from(jitter) / f64::from(u32::MAX) / 2.0)
}

fn message_of(panic: &(dyn std::any::Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
    text.or_else(|| panic.downcast_ref::<String>().cloned()).unwrap_or_else(|| "no message".to_owned())
}
