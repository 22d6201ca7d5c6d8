//! Where events go: the stored log, and whoever listens.

use std::fs::File;
use std::io::{self, Write};
use std::sync::mpsc::Sender;

use tokio::time::Instant;

use crate::{Event, RunEvent};

/// From this many bytes on, lines are written out.
const FULL: usize = 64 * 1024;

/// Numbers events, keeps them, and hands them on.
pub(crate) struct Log {
    begun: Instant,
    seq: u64,
    file: Option<File>,
    lines: Vec<u8>,
    listener: Option<Sender<RunEvent>>,
}

impl Log {
    pub(crate) fn new(begun: Instant, file: Option<File>, listener: Option<Sender<RunEvent>>) -> Log {
        Log { begun, seq: 0, file, lines: Vec::new(), listener }
    }

    /// Adds an event.
    pub(crate) fn add(&mut self, event: Event) -> io::Result<()> {
        let at_s = (self.begun.elapsed().as_secs_f64() * 1e6).round() / 1e6;
        let event = RunEvent { seq: self.seq, at_s, event };
        self.seq += 1;
        if self.file.is_some() {
            write_line(&mut self.lines, &event)?;
            if self.lines.len() >= FULL {
                self.flush()?;
            }
        }
        if let Some(listener) = &self.listener {
            // When nobody listens any more, the run goes on.
            let _ = listener.send(event);
        }
        Ok(())
    }

    /// Returns whether all that was added is written out.
    pub(crate) fn is_written(&self) -> bool {
        self.lines.is_empty()
    }

    /// Writes out what was added: whole lines.
    pub(crate) fn flush(&mut self) -> io::Result<()> {
        if let Some(file) = &mut self.file {
            file.write_all(&self.lines)?;
        }
        self.lines.clear();
        Ok(())
    }
}

/// Writes an event as serde does. A build that has nothing to do writes a line a stage, and
/// flattening through serde takes twice as long.
fn write_line(lines: &mut Vec<u8>, event: &RunEvent) -> io::Result<()> {
    // No `..`: a new field is written here too.
    let RunEvent { seq, at_s, event } = event;
    write!(lines, "{{\"seq\":{seq},\"at_s\":")?;
    serde_json::to_writer(&mut *lines, at_s)?;
    if let Event::StageFinished { stage, round, ran: 0, cached, failed: 0, infra: 0, digest, wall_s, reason } =
        event
        && let (Some(digest), true, true) = (digest, reason.is_empty(), *wall_s == 0.0)
    {
        // The one line of which there may be thousands when there is nothing to do.
        lines.extend_from_slice(b",\"kind\":\"stage.finished\",\"stage\":");
        serde_json::to_writer(&mut *lines, stage)?;
        match round {
            Some(round) => write!(lines, ",\"round\":{round}")?,
            None => lines.extend_from_slice(b",\"round\":null"),
        }
        write!(lines, ",\"ran\":0,\"cached\":{cached},\"failed\":0,\"infra\":0,\"digest\":\"")?;
        lines.extend_from_slice(digest.as_bytes());
        lines.extend_from_slice(b"\",\"wall_s\":0.0,\"reason\":\"\"}\n");
        return Ok(());
    }
    let brace = lines.len();
    serde_json::to_writer(&mut *lines, event)?;
    lines[brace] = b',';
    lines.push(b'\n');
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_is_what_serde_writes() {
        let stage = || "main/r1/\"solve\"".to_owned();
        let finished = |ran, round, wall_s| Event::StageFinished {
            stage: stage(),
            round,
            ran,
            cached: 12,
            failed: 0,
            infra: 0,
            digest: Some("ab".repeat(32)),
            wall_s,
            reason: String::new(),
        };
        let events = [
            Event::ItemStarted { stage: stage(), item: "a\"b".to_owned(), attempt: 0 },
            finished(0, Some(3), 0.0),
            finished(0, None, 0.0),
            finished(0, None, 0.5),
            finished(1, Some(3), 0.0),
        ];
        for (event, at_s) in events.into_iter().zip([0.0, 1.5, 12.000_001, 2.0, 3.0]) {
            let event = RunEvent { seq: 3, at_s, event };
            let mut line = Vec::new();
            write_line(&mut line, &event).unwrap();
            assert_eq!(String::from_utf8(line).unwrap(), serde_json::to_string(&event).unwrap() + "\n");
        }
    }
}
