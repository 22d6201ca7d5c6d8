//! Ending a run: what it comes to, and what is noted of it.

use std::collections::BTreeMap;

use sswe_cache::{Batch, Digest, RootKind, RunId, RunStatus, Store, Target};
use sswe_compiler::plan::{Plan, StageKind};
use tokio::time::Instant;

use super::dispatch::{Dispatch, Halt, Ran};
use super::progress::Progress;
use super::settle::{digest_of, parts_key};
use super::{End, Finished};
use crate::graph::Graph;
use crate::key::Frame;
use crate::log::Log;
use crate::{Error, Event, Tally, VERSION, Work};

/// Notes how a run ended, and says what came of it.
pub(super) fn close(
    plan: &Plan,
    graph: &Graph,
    store: &Store,
    id: Option<RunId>,
    mut log: Log,
    begun: Instant,
    ran: Result<Ran, Error>,
) -> Result<Finished, Error> {
    let ran = match ran {
        Ok(ran) => ran,
        Err(error) => {
            // The error counts, not that its note may fail for the same reason.
            let _ = log.add(finished(false, Tally::default(), begun, None, error.to_string()));
            let _ = log.flush();
            if let Some(id) = id {
                let _ = store.end_run(id, RunStatus::Failed, None);
            }
            return Err(error);
        }
    };
    let Ran { stages, tally, end, cost_micros, keys } = ran;
    let result = result_of(graph, &stages);
    let reason = match &end {
        End::Done => "",
        End::Failed => "a stage failed",
        End::Offline => "something needs the network",
        End::Interrupted => "interrupted",
        End::Stopped(limit) => limit.as_str(),
    };
    let ok = end == End::Done;
    log.add(finished(ok, tally, begun, result, reason.to_owned())).map_err(Error::Log)?;
    log.flush().map_err(Error::Log)?;
    if let Some(id) = id {
        let status = match end {
            End::Done => RunStatus::Done,
            End::Failed | End::Offline => RunStatus::Failed,
            End::Interrupted => RunStatus::Interrupted,
            End::Stopped(_) => RunStatus::Stopped,
        };
        if result.is_some() && (tally.ran > 0 || result != last_result(store)?) {
            let targets: Vec<Target> = keys.iter().flatten().map(|key| Target::Action(*key)).collect();
            store.set_root(RootKind::Run, &plan.curriculum, &targets)?;
        }
        store.end_run(id, status, result)?;
    }
    Ok(Finished { end, tally, result, wall: begun.elapsed(), cost_micros, run: id })
}

/// Returns the result of the run before this one.
fn last_result(store: &Store) -> Result<Option<Digest>, Error> {
    Ok(store.runs(2)?.get(1).and_then(|run| run.result))
}

fn finished(ok: bool, tally: Tally, begun: Instant, result: Option<Digest>, reason: String) -> Event {
    let Tally { ran, cached, failed, infra } = tally;
    Event::RunFinished {
        v: VERSION,
        ok,
        ran,
        cached,
        failed,
        infra,
        wall_s: begun.elapsed().as_secs_f64(),
        result: result.map(|digest| digest.to_string()),
        reason,
    }
}

/// Hashes everything that a curriculum means, when all of it is there.
fn result_of(graph: &Graph, stages: &[Progress]) -> Option<Digest> {
    // By kind, then round: neither labels nor the order of a file count.
    let mut outputs: BTreeMap<(&str, Option<u32>), Vec<Digest>> = BTreeMap::new();
    for (node, stage) in graph.nodes.iter().zip(stages) {
        match stage {
            Progress::Done(given) if is_meant(node.stage.kind) => {
                let group = outputs.entry((node.stage.kind.as_str(), node.stage.round));
                group.or_default().push(digest_of(given));
            }
            Progress::Done(_) | Progress::Skipped => (),
            Progress::Waiting(_) | Progress::Active(_) | Progress::Failed => return None,
        }
    }
    let mut frame = Frame::new("sswe.result.v1");
    for ((kind, round), mut digests) in outputs {
        sort(&mut digests);
        for digest in digests {
            frame.bytes(kind, &round.map_or(0, |round| 1 + u64::from(round)).to_le_bytes());
            frame.bytes("digest", digest.as_bytes());
        }
    }
    Some(frame.digest())
}

/// Sorts digests. Their first bytes nearly always decide, and compare as one number.
fn sort(digests: &mut [Digest]) {
    let first = |digest: &Digest| {
        let [a, b, c, d, e, f, g, h, ..] = *digest.as_bytes();
        u64::from_be_bytes([a, b, c, d, e, f, g, h])
    };
    digests.sort_unstable_by(|a, b| first(a).cmp(&first(b)).then_with(|| a.cmp(b)));
}

/// Says whether what a kind of stage gives is what a curriculum is for, not a means to it.
fn is_meant(kind: StageKind) -> bool {
    match kind {
        StageKind::Pin | StageKind::Env | StageKind::Baseline | StageKind::Stop => false,
        StageKind::Tasks
        | StageKind::Weights
        | StageKind::WarmStart
        | StageKind::Bootstrap
        | StageKind::Solve
        | StageKind::Distill
        | StageKind::Generate
        | StageKind::Gate
        | StageKind::Gradient
        | StageKind::Score
        | StageKind::Select
        | StageKind::Train
        | StageKind::Evaluate => true,
    }
}

impl<W: Work> Dispatch<'_, W> {
    /// Makes sure that what nothing else reads is there, and all weights: those are taken away and used,
    /// though the last ones are read by an evaluation. All else is missed when it is needed.
    pub(super) fn check_ends(&mut self) -> Result<(), Error> {
        let mut ends = Vec::new();
        for index in 0..self.graph.nodes.len() {
            let known = matches!(self.stages[index], Progress::Done(_));
            let is_kept = self.graph.nodes[index].stage.kind == StageKind::Train;
            let known = known && (is_kept || self.graph.readers(index).is_empty());
            if let Some(key) = self.keys[index].filter(|_| known) {
                self.rows.see(&key, |_, body, _| ends.push((body, index)))?;
                self.rows.see(&parts_key(&key), |_, body, _| ends.push((body, index)))?;
            }
        }
        let missing = self.store.missing(ends.iter().map(|(digest, _)| digest))?;
        for digest in missing {
            let by = ends.iter().find(|(end, _)| *end == digest).map_or(0, |(_, index)| *index);
            self.lose(digest, by)?;
        }
        Ok(())
    }

    /// Adds up, once nothing runs any more.
    pub(super) fn finish(mut self) -> Result<Ran, Error> {
        for index in 0..self.stages.len() {
            if let Progress::Active(active) = &self.stages[index] {
                let (tally, wall) = (active.tally, active.begun.elapsed().as_secs_f64());
                let reason = active.trouble.clone().unwrap_or_else(|| "was not finished".to_owned());
                self.finished(index, tally, None, wall, reason)?;
            }
        }
        let mut tally = Tally::default();
        self.tallies.iter().for_each(|stage| tally.add(*stage));
        let failed = tally.failed + tally.infra > 0
            || self.stages.iter().any(|stage| matches!(stage, Progress::Failed))
            // Nothing stopped it, and yet it did not end: never to be called done.
            || (self.halt.is_none() && self.stages.iter().any(|stage| matches!(stage, Progress::Active(_))));
        let end = match self.halt {
            Some(Halt::Interrupted) => End::Interrupted,
            _ if self.offline => End::Offline,
            _ if failed => End::Failed,
            Some(Halt::Limit(limit)) => End::Stopped(limit),
            _ => self.left_by_limit().map_or(End::Done, End::Stopped),
        };
        if !self.store.read_only() {
            let mut batch = Batch::new(self.store);
            self.rows.touch(&self.used, &mut batch)?;
            batch.commit()?;
        }
        let Dispatch { stages, keys, cost_micros, .. } = self;
        Ok(Ran { stages, tally, end, cost_micros, keys })
    }

    /// Returns the budget for which rounds were left out, if some were.
    fn left_by_limit(&self) -> Option<super::Limit> {
        let left = self
            .stages
            .iter()
            .zip(&self.graph.nodes)
            .any(|(stage, node)| node.wanted && matches!(stage, Progress::Waiting(_)));
        let budget = &self.options.budget;
        let used_up = budget.used_up(self.cost_micros, self.gpu_time, self.begun.elapsed());
        used_up.filter(|_| left && self.last_round.is_some())
    }
}
