//! The thread that shows a run: bars on a terminal, lines elsewhere, and events for programs.

use std::{
    io::{IsTerminal, Write},
    sync::{
        Arc,
        atomic::{AtomicU32, Ordering},
        mpsc::{Receiver, Sender, TryRecvError, channel},
    },
    thread::JoinHandle,
    time::{Duration, Instant},
};

use sswe_engine::{Event, RunEvent};

use super::view::View;
use crate::style;

/// How often a terminal is drawn at most.
const FRAME: Duration = Duration::from_millis(100);

/// How often events are taken in.
const TICK: Duration = Duration::from_millis(25);

/// How often lines say that something still runs.
const HEARTBEAT: Duration = Duration::from_secs(10);

/// Where a run is shown.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Sinks {
    /// Whether events go to stdout, one object a line.
    pub(crate) json: bool,
    /// Whether the events are wanted afterwards.
    pub(crate) keep: bool,
}

/// A thread that shows a run.
pub(crate) struct Watch(JoinHandle<Vec<RunEvent>>);

impl Watch {
    /// Waits until everything is shown; returns the events, if they were wanted.
    pub(crate) fn finish(self) -> Vec<RunEvent> {
        self.0.thread().unpark();
        match self.0.join() {
            Ok(events) => events,
            Err(panic) => std::panic::resume_unwind(panic),
        }
    }
}

/// Starts to show a run, whose events come through the sender; it ends when the sender is gone.
/// How often someone asked the run to end is counted in `asked`, and said too.
pub(crate) fn watch(sinks: Sinks, asked: Arc<AtomicU32>) -> (Sender<RunEvent>, Watch) {
    let (sender, receiver) = channel();
    let shown = Shown::new(sinks, asked);
    (sender, Watch(std::thread::spawn(move || shown.follow(&receiver))))
}

struct Shown {
    sinks: Sinks,
    view: View,
    is_live: bool,
    unicode: bool,
    /// The last frame, and how many of its lines stand on the terminal.
    last: Vec<String>,
    drawn: usize,
    /// When the run began, by this clock.
    begun: Instant,
    next_frame: Instant,
    next_beat: Instant,
    asked: Arc<AtomicU32>,
    told: u32,
    /// Lines that stay, and are not written yet.
    lines: Vec<String>,
    kept: Vec<RunEvent>,
    json_is_open: bool,
    is_over: bool,
}

impl Shown {
    fn new(sinks: Sinks, asked: Arc<AtomicU32>) -> Shown {
        let now = Instant::now();
        Shown {
            sinks,
            view: View::default(),
            is_live: is_live(sinks),
            unicode: style::unicode(),
            last: Vec::new(),
            drawn: 0,
            begun: now,
            // What is over in a moment is not drawn at all.
            next_frame: now + FRAME,
            next_beat: now + HEARTBEAT,
            asked,
            told: 0,
            lines: Vec::new(),
            kept: Vec::new(),
            json_is_open: sinks.json,
            is_over: false,
        }
    }

    fn follow(mut self, receiver: &Receiver<RunEvent>) -> Vec<RunEvent> {
        loop {
            let ended = loop {
                match receiver.try_recv() {
                    Ok(event) => self.see(event),
                    Err(TryRecvError::Empty) => break false,
                    Err(TryRecvError::Disconnected) => break true,
                }
            };
            if ended {
                break;
            }
            self.listen();
            self.show();
            // Not woken by each event: with thousands of them that would cost more than they do.
            std::thread::park_timeout(TICK);
        }
        let text = self.erase() + &self.lines();
        write(&text);
        self.kept
    }

    fn see(&mut self, event: RunEvent) {
        if matches!(event.event, Event::RunStarted { .. }) {
            self.begun = Instant::now();
        }
        self.is_over |= matches!(event.event, Event::RunFinished { .. });
        if self.json_is_open {
            let line = serde_json::to_string(&event).unwrap_or_default() + "\n";
            let mut out = std::io::stdout().lock();
            // Who no longer reads does not want the work to end.
            self.json_is_open = out.write_all(line.as_bytes()).and_then(|()| out.flush()).is_ok();
        }
        self.lines.extend(self.view.see(&event));
        if self.sinks.keep {
            self.kept.push(event);
        }
    }

    /// Says once that someone asked the run to end.
    fn listen(&mut self) {
        let asked = self.asked.load(Ordering::Relaxed);
        if asked > self.told && !self.is_over {
            self.told = asked;
            self.lines.push(self.view.asked(asked));
        }
    }

    /// Writes what is due: on a terminal the lines that stay and below them what goes on, all at
    /// once, so that it does not flicker; elsewhere the lines, as soon as they are there.
    fn show(&mut self) {
        let now = Instant::now();
        let seconds = self.begun.elapsed().as_secs_f64();
        if !self.is_live {
            if now >= self.next_beat && !self.is_over {
                self.next_beat = now + HEARTBEAT;
                self.lines.extend(self.view.heartbeat(seconds));
            }
            write(&self.lines());
        } else if now >= self.next_frame && !self.is_over {
            self.next_frame = now + FRAME;
            let height = terminal_size::terminal_size_of(std::io::stderr()).map_or(24, |(_, h)| h.0.into());
            let frame = self.view.frame(seconds, style::width().saturating_sub(1), height, self.unicode);
            if frame == self.last && self.lines.is_empty() {
                return;
            }
            let text = format!("{}{}{}\n", self.erase(), self.lines(), frame.join("\n"));
            self.drawn = frame.len();
            self.last = frame;
            write(&text);
        }
    }

    /// Takes the lines that stay and were not written yet.
    fn lines(&mut self) -> String {
        std::mem::take(&mut self.lines).into_iter().map(|line| line + "\n").collect()
    }

    /// Returns what takes the last frame away: up so many lines, and clear from there on.
    fn erase(&mut self) -> String {
        match std::mem::take(&mut self.drawn) {
            0 => String::new(),
            lines => format!("\x1b[{lines}F\x1b[J"),
        }
    }
}

/// Writes everything at once, so that a terminal shows no half of it.
fn write(text: &str) {
    if !text.is_empty() {
        // Nobody is left to tell when stderr is closed.
        let _ = std::io::stderr().lock().write_all(text.as_bytes());
    }
}

/// Returns whether lines may be drawn over: a terminal that can, and no log that keeps every frame.
fn is_live(sinks: Sinks) -> bool {
    can_be_drawn_over() && !(sinks.json && std::io::stdout().is_terminal())
}

/// Returns whether standard error is a terminal whose lines can be drawn over.
pub(super) fn can_be_drawn_over() -> bool {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty());
    let is_able = std::env::var_os("TERM").is_some_and(|term| term != "dumb" && !term.is_empty());
    std::io::stderr().is_terminal() && is_able && !set("CI")
}
