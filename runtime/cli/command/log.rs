//! `sswe log`

use std::{
    io::{Read as _, Seek as _, SeekFrom},
    path::Path,
};

use serde_json::{Value, json};
use sswe_cache::{Run, RunId, RunStatus, Store, Time};
use sswe_engine::{Event, RunEvent, chrome_trace, date};

use crate::{
    Failure,
    args::{self, Plain},
    exit,
    live::{self, short_digest, words},
    store, style,
};

/// The last event of a run is shorter than this.
const TAIL: u64 = 64 << 10;

pub(crate) fn run(args: &args::Log) -> Result<u8, Failure> {
    let store = store::existing()?;
    let Some(named) = &args.run else {
        return list(&store, args);
    };
    let run = find(&store, named)?;
    let log = events(&store, &run)?;
    if let Some(path) = &args.trace {
        std::fs::write(path, chrome_trace(&log))
            .map_err(|error| Failure::file(format!("cannot write `{}`: {error}", path.display())))?;
        return Ok(exit::OK);
    }
    if args.output == Plain::Json {
        style::print(&log);
        return Ok(exit::OK);
    }
    let events: Vec<RunEvent> = log.lines().filter_map(|line| serde_json::from_str(line).ok()).collect();
    let mut out = format!("{}\n", style::bold(&title(&run)));
    if events.is_empty() {
        out.push_str("  its log is gone: a sweep of the store took it, or it never began\n");
    }
    out.push_str(&live::replay(events.iter()));
    style::print(&out);
    Ok(exit::OK)
}

/// Returns the stored events of a run, one a line.
pub(super) fn events(store: &Store, run: &Run) -> Result<String, Failure> {
    store.events(run.id).map_err(|error| store::failure(&error))
}

/// Returns the run that a person means: a number, or `last`.
pub(super) fn find(store: &Store, named: &str) -> Result<Run, Failure> {
    let none = || Failure::file("no run is stored yet").hint("`sswe build` makes the first");
    let last = store.runs(1).map_err(|error| store::failure(&error))?.into_iter().next();
    let last = last.ok_or_else(none)?;
    if named == "last" {
        return Ok(last);
    }
    let number: i64 = named.parse().map_err(|_| {
        Failure::usage(format!("there is no run `{named}`"))
            .hint("a run is a number, or `last`; `sswe log` lists them")
    })?;
    let found = store.run(RunId(number)).map_err(|error| store::failure(&error))?;
    found.ok_or_else(|| {
        Failure::usage(format!("there is no run {number}"))
            .hint(format!("the last is {}; `sswe log` lists them", last.id.0))
    })
}

/// Lists runs, the last one at the end, where the eye is.
fn list(store: &Store, args: &args::Log) -> Result<u8, Failure> {
    let mut runs = store.runs(args.count.max(1)).map_err(|error| store::failure(&error))?;
    runs.reverse();
    if runs.is_empty() {
        style::say(format_args!("no run is stored yet; `sswe build` makes the first"));
        return Ok(exit::OK);
    }
    let rows: Vec<Row> = runs.into_iter().map(|run| Row::new(store, run)).collect();
    let mut out = String::new();
    if args.output == Plain::Json {
        for row in &rows {
            out.push_str(&format!("{}\n", row.json()));
        }
        style::print(&out);
        return Ok(exit::OK);
    }
    let widest = |text: fn(&Row) -> usize| rows.iter().map(text).max().unwrap_or(0);
    let (number, name) =
        (widest(|row| row.run.id.0.to_string().len()), widest(|row| row.name().chars().count()));
    let counts = widest(|row| row.counts().chars().count());
    for row in &rows {
        let ended = format!("{:<11}", row.ended());
        let ended = match row.run.status {
            RunStatus::Done => style::green(&ended),
            RunStatus::Failed => style::red(&ended),
            RunStatus::Running | RunStatus::Interrupted | RunStatus::Stopped => style::yellow(&ended),
        };
        let result = row.run.result.map_or(String::new(), |digest| digest.short());
        let line = format!(
            "{:>number$}  {}  {:<name$}  {ended}  {:<counts$}  {:>12}  {}",
            row.run.id.0,
            moment(row.run.started),
            row.name(),
            row.counts(),
            row.wall().map_or(String::new(), words::time),
            style::dim(&result),
        );
        out.push_str(line.trim_end());
        out.push('\n');
    }
    style::print(&out);
    Ok(exit::OK)
}

/// A run, as far as the store can say without reading its whole log.
pub(super) struct Row {
    pub(super) run: Run,
    info: Value,
    last: Option<Event>,
}

impl Row {
    pub(super) fn new(store: &Store, run: Run) -> Row {
        let info = serde_json::from_str(&run.info).unwrap_or_default();
        let last = last_event(&store.path().join("runs").join(format!("{}.ndjson", run.id.0)));
        Row { run, info, last }
    }

    /// Returns the curriculum, and what was special about the run.
    pub(super) fn name(&self) -> String {
        let text = |field: &str| self.info[field].as_str().map(str::to_owned);
        let mut name = text("curriculum").unwrap_or_else(|| "?".to_owned());
        if let Some(until) = text("until") {
            name.push_str(&format!(" until {}", until.strip_prefix(&format!("{name}/")).unwrap_or(&until)));
        }
        if let Some(round) = self.info["round"].as_u64() {
            name.push_str(&format!(" round {round}"));
        }
        if let Some(cell) = text("cell") {
            name.push_str(&format!(" ({cell})"));
        }
        name
    }

    /// Says how it ended.
    pub(super) fn ended(&self) -> &'static str {
        match self.run.status {
            // Only the kernel knows whether the process lives.
            RunStatus::Running => "not ended",
            RunStatus::Done => "done",
            RunStatus::Failed => "failed",
            RunStatus::Interrupted => "interrupted",
            RunStatus::Stopped => "stopped",
        }
    }

    fn tally(&self) -> Option<[u64; 4]> {
        match &self.last {
            Some(Event::RunFinished { ran, cached, failed, infra, .. }) => {
                Some([*ran, *cached, *failed, *infra])
            }
            _ => None,
        }
    }

    fn counts(&self) -> String {
        let Some([ran, cached, failed, infra]) = self.tally() else { return String::new() };
        let broken = if infra > 0 { format!(", {infra} broken") } else { String::new() };
        format!("{ran} ran, {cached} cached, {failed} failed{broken}")
    }

    fn wall(&self) -> Option<f64> {
        match &self.last {
            Some(Event::RunFinished { wall_s, .. }) => Some(*wall_s),
            _ => None,
        }
    }

    /// Says how it ended and what it did: `done: 12 ran, 3 cached, 0 failed in 4.1 s`.
    pub(super) fn summary(&self) -> String {
        let counts = self.counts();
        let wall = self.wall().map_or(String::new(), |wall| format!(" in {}", words::time(wall)));
        if counts.is_empty() { self.ended().to_owned() } else { format!("{}: {counts}{wall}", self.ended()) }
    }

    fn json(&self) -> Value {
        let [ran, cached, failed, infra] = self.tally().map_or([None; 4], |tally| tally.map(Some));
        json!({
            "run": self.run.id.0,
            "started_ms": self.run.started.0 / 1_000_000,
            "finished_ms": self.run.finished.map(|time| time.0 / 1_000_000),
            "status": self.ended(),
            "info": self.info,
            "ran": ran, "cached": cached, "failed": failed, "infra": infra,
            "wall_s": self.wall(),
            "result": self.run.result.map(|digest| digest.to_string()),
        })
    }
}

fn title(run: &Run) -> String {
    let info: Value = serde_json::from_str(&run.info).unwrap_or_default();
    let mut title = format!("run {} on {}", run.id.0, moment(run.started));
    if let Some(file) = info["file"].as_str() {
        title.push_str(&format!(", {file}"));
    }
    for (field, flag) in [("profile", "--profile"), ("set", "--set")] {
        for value in info[field].as_array().into_iter().flatten().filter_map(Value::as_str) {
            title.push_str(&format!(" {flag} {value}"));
        }
    }
    title
}

/// Returns the last event of a log, reading no more than its end.
fn last_event(log: &Path) -> Option<Event> {
    let mut file = std::fs::File::open(log).ok()?;
    let size = file.metadata().ok()?.len();
    file.seek(SeekFrom::Start(size.saturating_sub(TAIL))).ok()?;
    let mut end = Vec::new();
    file.read_to_end(&mut end).ok()?;
    let text = String::from_utf8_lossy(&end);
    let line = text.lines().next_back()?;
    serde_json::from_str::<RunEvent>(line).ok().map(|event| event.event)
}

/// Shows a moment to the minute: `2026-11-20 16:31`, in UTC.
pub(crate) fn moment(time: Time) -> String {
    let minutes = time.0.div_euclid(60_000_000_000).rem_euclid(24 * 60);
    format!("{} {:02}:{:02}Z", date(time), minutes / 60, minutes % 60)
}

/// Returns a digest as lists show it.
pub(super) fn shown(digest: Option<&str>) -> &str {
    digest.map_or("nothing", short_digest)
}
