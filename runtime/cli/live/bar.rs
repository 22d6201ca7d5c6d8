//! One line that says how much of something is done; on a terminal only, and gone when it is done.

use std::{
    io::Write,
    sync::Mutex,
    time::{Duration, Instant},
};

use super::screen;
use crate::style;

/// How often the line is drawn at most.
const FRAME: Duration = Duration::from_millis(100);

/// A line that is drawn over.
pub(crate) struct Bar {
    what: &'static str,
    /// When it was drawn last; none where it never is.
    drawn: Option<Mutex<Instant>>,
    begun: Instant,
}

impl Bar {
    /// Begins a line; nothing is drawn for what is over in a moment.
    pub(crate) fn new(what: &'static str) -> Bar {
        let now = Instant::now();
        Bar { what, drawn: screen::can_be_drawn_over().then(|| Mutex::new(now)), begun: now }
    }

    /// Draws how much is done, from 0 to 1.
    pub(crate) fn set(&self, done: f64) {
        // Whoever finds another thread drawing has nothing newer to say.
        let Some(mut drawn) = self.drawn.as_ref().and_then(|drawn| drawn.try_lock().ok()) else { return };
        if drawn.elapsed() < FRAME {
            return;
        }
        *drawn = Instant::now();
        let text = line(self.what, done, self.begun.elapsed().as_secs_f64(), style::unicode());
        let _ = write!(std::io::stderr(), "\r{text}\x1b[K");
    }
}

impl Drop for Bar {
    fn drop(&mut self) {
        if self.drawn.is_some() {
            let _ = write!(std::io::stderr(), "\r\x1b[K");
        }
    }
}

fn line(what: &str, done: f64, seconds: f64, unicode: bool) -> String {
    const WIDTH: usize = 24;
    let full = ((done.clamp(0.0, 1.0) * WIDTH as f64) as usize).min(WIDTH);
    let (on, off) = if unicode { ("█", "░") } else { ("#", "-") };
    let left =
        if done > 0.02 { format!("  {:.0} s left", seconds / done * (1.0 - done)) } else { String::new() };
    format!("{what}  {}{}  {:.0} %{left}", on.repeat(full), off.repeat(WIDTH - full), 100.0 * done)
}

#[cfg(test)]
mod tests {
    use super::line;

    #[test]
    fn a_line_says_how_much_is_done() {
        assert_eq!(line("comparing", 0.5, 3.0, false), "comparing  ############------------  50 %  3 s left");
        assert_eq!(line("a", 0.0, 3.0, false), "a  ------------------------  0 %");
        assert!(line("a", 7.0, 3.0, true).contains("████████████████████████"));
    }
}
