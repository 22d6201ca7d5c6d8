//! What a run looks like: built from its events, and from nothing else.

use std::collections::BTreeMap;

use sswe_engine::{Event, RunEvent};

use super::words::{self, bar, count, cut, one_line, rate, spinner, time, whole_time};
use crate::style;

/// So many failed or broken items of a stage are told one by one.
const TOLD: u64 = 3;

/// The width of a bar.
const BAR: usize = 20;

/// A run as far as its events tell.
#[derive(Default)]
pub(crate) struct View {
    curriculum: String,
    run: Option<i64>,
    stages: usize,
    /// How many stages had work to do.
    begun: usize,
    ended: usize,
    /// How many stages the store answered.
    answered: u64,
    skipped: u64,
    /// How many stages got nothing because of another one.
    starved: u64,
    ran: u64,
    cached: u64,
    failed: u64,
    infra: u64,
    running: BTreeMap<String, Running>,
    first_trouble: Option<Trouble>,
    /// Whether a line says which run this is.
    is_headed: bool,
    /// Whether the run is long over: else whoever runs it says what broke it off.
    is_replayed: bool,
}

/// A stage whose items run.
#[derive(Default)]
struct Running {
    /// How many stages began before it.
    order: usize,
    begun: f64,
    /// How many items there are; unknown for one that draws.
    items: Option<u64>,
    cached: u64,
    done: u64,
    failed: u64,
    retries: u64,
    /// The items that run, and since when.
    active: BTreeMap<String, f64>,
}

struct Trouble {
    stage: String,
    item: String,
    reason: String,
}

impl View {
    /// Takes in an event; returns the lines to print of it, for good.
    pub(crate) fn see(&mut self, event: &RunEvent) -> Vec<String> {
        let at = event.at_s;
        let line = match &event.event {
            Event::RunStarted { curriculum, stages, run, .. } => {
                *self = View {
                    curriculum: curriculum.clone(),
                    stages: *stages,
                    run: *run,
                    is_replayed: self.is_replayed,
                    ..View::default()
                };
                None
            }
            Event::StageStarted { stage, items, cached, .. } => {
                let running = self.running(stage, at);
                (running.begun, running.items, running.cached) = (at, *items, *cached);
                self.cached += cached;
                None
            }
            Event::ItemStarted { stage, item, .. } => {
                // A gate judges draws before it is its turn.
                self.running(stage, at).active.insert(item.clone(), at);
                None
            }
            Event::ItemFinished { stage, item, .. } => {
                self.ran += 1;
                if let Some(running) = self.running.get_mut(stage) {
                    running.active.remove(item);
                    running.done += 1;
                }
                None
            }
            Event::ItemRetried { stage, item, after_s, reason, .. } => {
                let running = self.running(stage, at);
                running.active.remove(item);
                running.retries += 1;
                let again = format!("broke, again in {}: {}", time(*after_s), one_line(reason));
                (running.retries <= TOLD).then(|| self.line(stage, item, &style::yellow(&again)))
            }
            Event::ItemFailed { stage, item, infra, reason } => {
                let running = self.running(stage, at);
                running.active.remove(item);
                running.failed += 1;
                let is_told = running.failed <= TOLD;
                let what = if *infra {
                    self.infra += 1;
                    "the surroundings broke"
                } else {
                    self.failed += 1;
                    "failed"
                };
                self.first_trouble.get_or_insert_with(|| Trouble {
                    stage: stage.clone(),
                    item: item.clone(),
                    reason: one_line(reason),
                });
                let text = format!("{}: {}", style::red(what), one_line(reason));
                is_told.then(|| self.line(stage, item, &text))
            }
            Event::BlobLost { digest, stage, actions } => {
                let again = count(*actions, "action");
                let text = format!("blob {digest} is lost: {again} will run again");
                Some(self.line(stage, "", &style::yellow(&text)))
            }
            Event::StageFinished { .. } => self.stage_finished(&event.event),
            Event::StageSkipped { stage, reason, .. } => {
                self.ended += 1;
                self.skipped += 1;
                (self.skipped == 1).then(|| self.line(stage, "", &style::dim(&format!("skipped: {reason}"))))
            }
            Event::RunFinished { .. } => return self.run_finished(&event.event),
        };
        self.headed(line.into_iter().collect())
    }

    fn running(&mut self, stage: &str, at: f64) -> &mut Running {
        let order = self.begun;
        self.running.entry(stage.to_owned()).or_insert_with(|| {
            self.begun += 1;
            Running { order, begun: at, ..Running::default() }
        })
    }

    /// Puts a line before the first ones that says which run this is.
    fn headed(&mut self, mut lines: Vec<String>) -> Vec<String> {
        if !lines.is_empty() && !self.is_headed {
            self.is_headed = true;
            lines.insert(0, style::bold(&self.title()));
        }
        lines
    }

    fn title(&self) -> String {
        let run = self.run.map_or(String::new(), |run| format!(", run {run}"));
        format!("{}: {}{run}", self.curriculum, count(self.stages as u64, "stage"))
    }

    /// Writes a line about a stage or item.
    fn line(&self, stage: &str, item: &str, text: &str) -> String {
        let name = self.short(stage);
        let name = if item.is_empty() { name.to_owned() } else { format!("{name}[{item}]") };
        format!("  {name:<24}  {text}")
    }

    /// Returns a stage's name without its curriculum.
    fn short<'a>(&self, stage: &'a str) -> &'a str {
        stage.strip_prefix(&*self.curriculum).and_then(|rest| rest.strip_prefix('/')).unwrap_or(stage)
    }

    fn stage_finished(&mut self, event: &Event) -> Option<String> {
        let Event::StageFinished { stage, ran, cached, failed, infra, digest, wall_s, reason, .. } = event
        else {
            return None;
        };
        self.ended += 1;
        let known = self.running.remove(stage);
        // Those that the stage found at once were counted when it started.
        self.cached += cached.saturating_sub(known.as_ref().map_or(0, |running| running.cached));
        let tally =
            [(*ran, "ran"), (*cached, "cached"), (*failed, "failed"), (*infra, "met broken surroundings")];
        let counts: Vec<String> = tally
            .into_iter()
            .filter(|(number, _)| *number > 0)
            .map(|(number, word)| format!("{number} {word}"))
            .collect();
        let counts = counts.join(", ");
        if digest.is_some() {
            if *ran == 0 {
                self.answered += 1;
                return None;
            }
            let why = if reason.is_empty() { String::new() } else { style::dim(&format!("  {reason}")) };
            return Some(self.line(stage, "", &format!("{counts} in {}{why}", time(*wall_s))));
        }
        if *failed + *infra == 0 && known.is_none() {
            self.starved += 1;
            let text = style::dim(&format!("nothing: {}", one_line(reason)));
            return (self.starved <= TOLD).then(|| self.line(stage, "", &text));
        }
        let told = known.as_ref().map_or(0, |running| running.failed);
        if told == 1 && *ran + *cached == 0 && known.is_some_and(|running| running.items == Some(1)) {
            // Its only item has said everything.
            return None;
        }
        if told == 0 && *failed + *infra > 0 {
            self.first_trouble.get_or_insert_with(|| Trouble {
                stage: stage.clone(),
                item: String::new(),
                reason: one_line(reason),
            });
        }
        if counts.is_empty() {
            // It waited, and the run ended: nothing was lost.
            return None;
        }
        let text = match (*failed + *infra, told) {
            (0, _) => style::yellow(&one_line(reason)),
            // The items have said why.
            (_, 1..) => style::red(&counts),
            (_, 0) => style::red(&format!("{counts}: {}", one_line(reason))),
        };
        let counts =
            if *failed + *infra == 0 && !counts.is_empty() { format!(", {counts}") } else { String::new() };
        Some(self.line(stage, "", &format!("{text}{counts} in {}", time(*wall_s))))
    }

    /// Sums up a run, and says what to do next.
    fn run_finished(&mut self, event: &Event) -> Vec<String> {
        let Event::RunFinished { ok, ran, cached, failed, infra, wall_s, result, reason, .. } = event else {
            return Vec::new();
        };
        self.running.clear();
        let name = &self.curriculum;
        let wall = time(*wall_s);
        let broken = if *infra > 0 { format!(", {infra} met broken surroundings") } else { String::new() };
        let counts = format!("{ran} ran, {cached} cached, {failed} failed{broken} in {wall}");
        let result = result.as_ref().map(|digest| style::dim(&format!("  result {}", short_digest(digest))));
        let is_whole = result.is_some();
        let result = result.unwrap_or_default();
        if *ok {
            let line = if *ran > 0 {
                let part = if is_whole { "" } else { "part of " };
                format!("built {part}{name}: {counts}{result}")
            } else {
                let part = if is_whole { "" } else { " as far as asked" };
                let stages = count(self.answered, "stage");
                format!("{name} is up to date{part}: {stages} cached in {wall}{result}")
            };
            return vec![style::green(&line)];
        }
        let (head, kept) = match reason.as_str() {
            "interrupted" => ("interrupted", true),
            "a stage failed" => ("failed", false),
            "something needs the network" => ("offline", false),
            reason if reason.starts_with("the budget") => ("stopped", true),
            _ if self.is_replayed => ("broke off", false),
            _ => return Vec::new(),
        };
        let said = match head {
            "interrupted" | "failed" => String::new(),
            _ => format!(" ({})", one_line(reason)),
        };
        let mut lines = vec![style::red(&format!("{name}: {head}{said}: {counts}"))];
        if let Some(Trouble { stage, item, reason }) = self.first_trouble.take().filter(|_| !kept) {
            let named = if item.is_empty() { stage.clone() } else { format!("{stage}[{item}]") };
            lines.push(format!("  first: {named}: {reason}"));
            if self.starved > 0 {
                lines.push(format!("  {} got nothing because of it", count(self.starved, "stage")));
            }
        }
        let next = match (head, self.run) {
            ("offline", _) => "build again without --offline".to_owned(),
            ("failed", Some(run)) => {
                format!(
                    "`sswe log {run}` shows this run again; what ran is kept, the next build goes on there"
                )
            }
            _ => "what ran is kept: `sswe build` goes on there".to_owned(),
        };
        lines.push(format!("  help: {next}"));
        lines
    }

    /// Returns what is asked for when someone wants the run to end.
    pub(crate) fn asked(&self, times: u32) -> String {
        let items: usize = self.running.values().map(|running| running.active.len()).sum();
        match times {
            1 if items == 0 => style::yellow("interrupted: nothing runs, so this ends now"),
            1 => style::yellow(&format!(
                "interrupted: finishing {}; Ctrl-C again ends {} at once",
                count(items as u64, "running item"),
                if items == 1 { "it" } else { "them" },
            )),
            _ => style::yellow("interrupted again: ending what runs"),
        }
    }

    /// Draws what is going on now, for a terminal: one line for the run, one for each stage.
    pub(crate) fn frame(&self, now: f64, width: usize, height: usize, unicode: bool) -> Vec<String> {
        if self.curriculum.is_empty() {
            return vec![style::dim("reading what the stages read")];
        }
        let dot = if unicode { " · " } else { ", " };
        let head = [
            format!("{}  {} of {}", self.curriculum, self.ended, count(self.stages as u64, "stage")),
            format!("{} ran", self.ran),
            format!("{} cached", self.cached),
            format!("{} failed", self.failed + self.infra),
            whole_time(now),
        ];
        let mut lines = vec![style::bold(&cut(&head.join(dot), width, unicode))];
        let most = height.saturating_sub(2).clamp(1, 12);
        // Those that only wait for a free place say nothing.
        let mut busy: Vec<(&String, &Running)> =
            self.running.iter().filter(|(_, running)| running.is_busy()).collect();
        busy.sort_by_key(|(_, running)| running.order);
        let waiting = self.running.len() - busy.len();
        let hidden = busy.len().saturating_sub(most);
        busy.truncate(most);
        let name_width = busy.iter().map(|(name, _)| self.short(name).chars().count()).max().unwrap_or(0);
        let name_width = name_width.min(width / 3);
        for (stage, running) in busy {
            let name = cut(self.short(stage), name_width, unicode);
            let drawn = match running.items {
                Some(items) if items > 1 => bar(running.settled() as f64 / items as f64, BAR, unicode),
                _ => spinner(now - running.begun, BAR, unicode),
            };
            let room = width.saturating_sub(name_width + BAR + 6);
            let rest = cut(&running.words(now, stage), room, unicode);
            let line = format!("  {name:<name_width$}  {}  {rest}", style::green(&drawn));
            lines.push(line.trim_end().to_owned());
        }
        let more = [(hidden, "running"), (waiting, "waiting")];
        let more = more.iter().filter(|(number, _)| *number > 0);
        let more: Vec<String> = more.map(|(number, what)| format!("{number} more {what}")).collect();
        if !more.is_empty() {
            lines.push(style::dim(&format!("  {}", more.join(", "))));
        }
        lines
    }

    /// Says what is going on now, in lines that stay: for logs and dumb terminals.
    pub(crate) fn heartbeat(&mut self, now: f64) -> Vec<String> {
        let mut busy: Vec<(&String, &Running)> =
            self.running.iter().filter(|(_, running)| running.is_busy()).collect();
        busy.sort_by_key(|(_, running)| running.order);
        let lines = busy.into_iter().map(|(stage, running)| {
            let text = format!("running, {}", running.words(now, stage));
            self.line(stage, "", &style::dim(&text))
        });
        let lines = lines.collect();
        self.headed(lines)
    }
}

impl Running {
    /// Returns whether there is something to see: an item runs, or some have.
    fn is_busy(&self) -> bool {
        !self.active.is_empty() || self.done + self.failed + self.retries > 0
    }

    /// Returns how many items need nothing more.
    fn settled(&self) -> u64 {
        self.cached + self.done + self.failed
    }

    /// Says how far it is: `142 of 300, 3.2/s, 49 s left, slowest 4f3a90c1d2e8 12 s`.
    fn words(&self, now: f64, stage: &str) -> String {
        let done = self.settled();
        let mut parts = Vec::new();
        match self.items {
            Some(1) => (),
            Some(items) => parts.push(format!("{done} of {items}")),
            None if stage.contains("/gates.") => parts.push(format!("{done} judged")),
            None => parts.push(format!("{done} drawn")),
        }
        let since = now - self.begun;
        let own = self.done + self.failed;
        if own > 0 && since > 0.5 {
            let speed = own as f64 / since;
            parts.push(rate(speed));
            if let Some(items) = self.items.filter(|items| *items > done) {
                parts.push(format!("{} left", whole_time((items - done) as f64 / speed)));
            }
        }
        if self.failed > 0 {
            parts.push(format!("{} failed", self.failed));
        }
        if self.retries > 0 {
            parts.push(format!("{} tried again", self.retries));
        }
        let slowest = self.active.iter().min_by(|a, b| a.1.total_cmp(b.1));
        if let Some((item, begun)) = slowest {
            let age = whole_time(now - begun);
            match &**item {
                "" => parts.push(age),
                item => parts.push(format!("slowest {item} {age}")),
            }
        }
        parts.join(", ")
    }
}

/// Returns the beginning of a digest, as everywhere.
pub(crate) fn short_digest(digest: &str) -> &str {
    digest.get(..12).unwrap_or(digest)
}

/// Renders a log as the lines that stay, with the moment of each.
pub(crate) fn replay<'a>(events: impl Iterator<Item = &'a RunEvent>) -> String {
    let mut view = View { is_replayed: true, ..View::default() };
    let mut out = String::new();
    for event in events {
        for line in view.see(event) {
            out.push_str(&line);
            out.push('\n');
        }
    }
    if !view.running.is_empty() {
        let names: Vec<&str> = view.running.keys().map(|name| view.short(name)).collect();
        out.push_str(&format!(
            "  the log ends here, with {} running: {}\n",
            words::count(names.len() as u64, "stage"),
            names.join(", ")
        ));
    }
    out
}

#[cfg(test)]
mod tests;
