//! Beginning items, and making durable what they gave.

use std::sync::Arc;

use sswe_cache::{ActionKey, Batch};
use tokio::time::Instant;
use tracing::Instrument;

use super::commit::{self, Record, What};
use super::dispatch::{Dispatch, Over};
use super::progress::{Flight, Progress};
use crate::context::Kept;
use crate::key::stream_of;
use crate::{Context, Error, Event, Source, Work};

impl<W: Work> Dispatch<'_, W> {
    /// Adds an action to those that will run.
    pub(super) fn enqueue(&mut self, key: ActionKey, flight: Flight, urgent: bool) {
        let queue =
            &mut self.queues[self.capacity.group(self.graph.nodes[flight.node].stage.pool.as_deref())];
        // What has begun is finished first: a gate before the next draw.
        match urgent {
            true => queue.push_front(key),
            false => queue.push_back(key),
        }
        self.flights.insert(key, flight);
    }

    /// Begins what can begin.
    pub(super) fn launch(&mut self) -> Result<(), Error> {
        if self.halt.is_some() {
            return Ok(());
        }
        let now = Instant::now();
        while let Some(entry) = self.later.first_entry()
            && entry.key().0 <= now
        {
            let key = entry.remove();
            if let Some(flight) = self.flights.get(&key) {
                let stage = &self.graph.nodes[flight.node].stage;
                let group = self.capacity.group(stage.pool.as_deref());
                self.queues[group].push_front(key);
            }
        }
        for group in 0..self.queues.len() {
            while let Some(key) = self.queues[group].front() {
                // What was thrown away is gone from the flights.
                if !self.flights.contains_key(key) {
                    self.queues[group].pop_front();
                    continue;
                }
                if !self.capacity.take(group) {
                    break;
                }
                if let Some(key) = self.queues[group].pop_front() {
                    self.spawn(group, key)?;
                }
            }
        }
        Ok(())
    }

    fn spawn(&mut self, group: usize, key: ActionKey) -> Result<(), Error> {
        let Some(flight) = self.flights.get_mut(&key) else { return Ok(()) };
        let node = &self.graph.nodes[flight.node];
        let sources = node.stage.sources.iter().zip(&node.facts.sources).map(|(source, digest)| Source {
            setting: source.setting.clone(),
            path: self.options.base.join(&source.path),
            digest: *digest,
        });
        let context = Context {
            stage: node.stage.clone(),
            node: flight.node,
            item: flight.item.clone(),
            label: flight.label.clone(),
            inputs: flight.inputs.clone(),
            sources: sources.collect(),
            stream: stream_of(&node.stage),
            recipe: node.recipe,
            attempt: flight.attempt,
            offline: self.options.offline,
            group,
            store: self.store.clone(),
            dispatcher: self.sender.clone(),
        };
        let span = tracing::info_span!("item", stage = %node.stage.name, item = %flight.label);
        let work = self.work.clone();
        let task = async move {
            let begun = Instant::now();
            let made = work.run(context).await;
            Over { made, wall: begun.elapsed() }
        };
        let started = Event::ItemStarted {
            stage: node.stage.name.to_string(),
            item: flight.label.to_string(),
            attempt: flight.attempt,
        };
        let handle = self.tasks.spawn(task.instrument(span));
        self.running.insert(handle.id(), (key, group));
        flight.task = Some(handle);
        self.log_event(started)
    }

    /// Keeps what a step made.
    pub(super) fn keep(&mut self, kept: Kept) {
        let Kept { key, node, label, artifacts, own, wall_us } = kept;
        let shared = self.shared_of(node);
        self.record(Record {
            key,
            stage: self.graph.nodes[node].stage.name.0.clone(),
            kind: self.graph.nodes[node].stage.kind.as_str().into(),
            label,
            artifacts,
            what: What::Item,
            shared,
            own,
            wall_us,
            cost_micros: 0,
            run: self.run,
        });
    }

    /// Adds something to what will be made durable.
    pub(super) fn record(&mut self, record: Record) {
        if self.pending.is_empty() {
            self.pending_since = Instant::now();
        }
        self.pending.push(record);
    }

    /// Makes durable what is due.
    pub(super) fn flush(&mut self) -> Result<(), Error> {
        if self.pending.is_empty() || self.commits.is_some() || !self.is_due() {
            return Ok(());
        }
        self.log.flush().map_err(Error::Log)?;
        let records = std::mem::take(&mut self.pending);
        self.committing = records.len();
        let store = self.store.clone();
        let mut batch = self.batch.take().unwrap_or_else(|| Batch::new(&store));
        // The time of the disk is not the dispatcher's.
        self.commits = Some(tokio::task::spawn_blocking(move || {
            let gave = commit::commit(&store, &mut batch, records);
            (batch, gave)
        }));
        Ok(())
    }

    /// Returns the name of a stage.
    pub(super) fn name_of(&self, index: usize) -> Arc<str> {
        self.graph.nodes[index].stage.name.0.clone()
    }

    /// Returns whether a stage still waits for items.
    pub(super) fn is_active(&self, index: usize) -> bool {
        matches!(self.stages[index], Progress::Active(_))
    }
}
