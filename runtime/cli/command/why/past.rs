//! Why a stage ran when it last did: the log of that run says so.

use sswe_cache::{Action, ActionKey, RunId, Store};
use sswe_engine::{Event, RunEvent};

use crate::{Failure, command::log::moment, live::words::one_line, store};

/// Tells of the run that made what the store has of a stage under its key.
pub(super) fn made(store: &Store, stage: &str, key: Option<&ActionKey>) -> Result<String, Failure> {
    let Some(key) = key else { return Ok(String::new()) };
    let action = store.action(key).map_err(|error| store::failure(&error))?;
    let Some(action) = action else { return Ok(String::new()) };
    let Some(run) = action.run else { return Ok(String::new()) };
    let when = moment(action.made);
    // The same work under another name, such as that of another round.
    let by = if action.stage == stage { String::new() } else { format!(" as {}", action.stage) };
    let reason = reason_in(store, run, &action.stage)?;
    let reason = reason.map_or(String::new(), |reason| format!(": {reason}"));
    Ok(format!("  it ran{by} in run {} on {when}{reason}\n", run.0))
}

/// Tells why a stage above ran, since it gave something else then.
pub(super) fn ran_because(store: &Store, stage: &str) -> Result<String, Failure> {
    let Some(run) = latest(store, stage)?.and_then(|action| action.run) else { return Ok(String::new()) };
    let reason = reason_in(store, run, stage)?;
    Ok(reason.map_or(String::new(), |reason| format!("  {stage} ran in run {} because: {reason}\n", run.0)))
}

/// Tells of a stage that failed when it was last tried.
pub(super) fn failed_last(store: &Store, stage: &str) -> Result<String, Failure> {
    let last = store.runs(1).map_err(|error| store::failure(&error))?.into_iter().next();
    let Some(run) = last else { return Ok(String::new()) };
    let finished = finished_in(store, run.id, stage)?;
    let failed = finished.filter(|event| {
        matches!(event, Event::StageFinished { digest: None, failed, infra, .. } if failed + infra > 0)
    });
    Ok(match failed {
        Some(Event::StageFinished { reason, .. }) => {
            format!("  it failed in run {}: {}\n", run.id.0, one_line(&reason))
        }
        _ => String::new(),
    })
}

fn latest(store: &Store, stage: &str) -> Result<Option<Action>, Failure> {
    store.latest(stage, "").map_err(|error| store::failure(&error))
}

fn reason_in(store: &Store, run: RunId, stage: &str) -> Result<Option<String>, Failure> {
    Ok(match finished_in(store, run, stage)? {
        Some(Event::StageFinished { reason, .. }) if !reason.is_empty() => Some(one_line(&reason)),
        _ => None,
    })
}

/// Returns how a stage ended in a run; a sweep of the store may have taken the log.
fn finished_in(store: &Store, run: RunId, stage: &str) -> Result<Option<Event>, Failure> {
    let log = store.events(run).map_err(|error| store::failure(&error))?;
    // Only the lines that may be meant are read: a log has one for each item.
    let lines = log.lines().filter(|line| line.contains("\"stage.finished\"") && line.contains(stage));
    let events = lines.filter_map(|line| serde_json::from_str::<RunEvent>(line).ok());
    let mut events = events.map(|event| event.event);
    Ok(events.rfind(|event| matches!(event, Event::StageFinished { stage: of, .. } if of == stage)))
}
