//! Colour, width, and the two streams: results go to stdout, words for people to stderr.

use std::{
    fmt,
    io::{IsTerminal, Write},
    sync::atomic::{AtomicBool, Ordering},
};

use crate::args::When;

static COLOR: AtomicBool = AtomicBool::new(false);

/// Decides once whether words are coloured.
pub(crate) fn choose(when: When) {
    let set = |name: &str| std::env::var_os(name).is_some_and(|value| !value.is_empty() && value != "0");
    let on = match when {
        When::Always => true,
        When::Never => false,
        When::Auto if set("NO_COLOR") => false,
        When::Auto if set("CLICOLOR_FORCE") || set("FORCE_COLOR") => true,
        When::Auto => {
            std::io::stderr().is_terminal() && std::env::var_os("TERM").is_none_or(|term| term != "dumb")
        }
    };
    COLOR.store(on, Ordering::Relaxed);
}

/// Returns whether words are coloured.
pub(crate) fn color() -> bool {
    COLOR.load(Ordering::Relaxed)
}

/// Returns the width that text should keep to.
pub(crate) fn width() -> usize {
    let columns = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse::<usize>().ok());
    columns.or_else(terminal_width).unwrap_or(100).clamp(40, 160)
}

fn terminal_width() -> Option<usize> {
    terminal_size::terminal_size_of(std::io::stderr()).map(|(width, _)| usize::from(width.0))
}

/// Returns whether the locale can show box-drawing characters.
pub(crate) fn unicode() -> bool {
    let locale = ["LC_ALL", "LC_CTYPE", "LANG"]
        .iter()
        .find_map(|name| std::env::var(name).ok().filter(|v| !v.is_empty()));
    // No locale at all is the bare container of today: its terminals read UTF-8.
    locale.is_none_or(|locale| locale.to_uppercase().replace('-', "").contains("UTF8"))
}

/// Writes a line to stderr, for people.
pub(crate) fn say(text: fmt::Arguments<'_>) {
    // Nobody is left to tell when stderr is closed.
    let _ = writeln!(std::io::stderr(), "{text}");
}

/// Writes text to stdout; a reader that went away ends the program quietly.
pub(crate) fn print(text: &str) {
    if std::io::stdout().lock().write_all(text.as_bytes()).and_then(|()| std::io::stdout().flush()).is_err() {
        std::process::exit(0);
    }
}

pub(crate) fn red(text: &str) -> String {
    paint("1;31", text)
}

pub(crate) fn yellow(text: &str) -> String {
    paint("1;33", text)
}

pub(crate) fn blue(text: &str) -> String {
    paint("1;34", text)
}

pub(crate) fn green(text: &str) -> String {
    paint("32", text)
}

pub(crate) fn bold(text: &str) -> String {
    paint("1", text)
}

pub(crate) fn dim(text: &str) -> String {
    paint("2", text)
}

fn paint(code: &str, text: &str) -> String {
    if color() { format!("\x1b[{code}m{text}\x1b[0m") } else { text.to_owned() }
}
