//! Shows the compiler and the engine to people: commands, diagnostics, progress.

mod args;
mod command;
mod live;
mod load;
mod lock;
mod policy;
mod render;
mod report;
mod request;
mod saved;
mod store;
mod style;
mod summary;

use std::process::ExitCode;

use clap::Parser;

use args::{Args, Command};

/// Exit codes, as the language reference fixes them.
mod exit {
    pub(crate) const OK: u8 = 0;
    pub(crate) const FILE_HAS_ERRORS: u8 = 1;
    pub(crate) const USAGE: u8 = 2;
    pub(crate) const STAGE_FAILED: u8 = 3;
    pub(crate) const LIMIT_REACHED: u8 = 4;
    pub(crate) const LOCK_STALE: u8 = 5;
    pub(crate) const OFFLINE: u8 = 6;
    pub(crate) const HAS_WORK: u8 = 10;
    pub(crate) const INTERNAL: u8 = 70;
    pub(crate) const INTERRUPTED: u8 = 130;
}

fn main() -> ExitCode {
    let args = Args::parse();
    style::choose(args.color);
    // A panic is a mistake of ours, not of the file: say so, and how to report it.
    std::panic::set_hook(Box::new(|info| {
        style::say(format_args!(
            "internal error: {info}\nthis is a mistake in sswe: please report it with the file that caused it"
        ));
    }));
    let result = std::panic::catch_unwind(|| run(args));
    match result {
        Ok(Ok(code)) => ExitCode::from(code),
        Ok(Err(failure)) => {
            style::say(format_args!("{}: {}", style::red("error"), failure.message));
            for hint in &failure.hints {
                style::say(format_args!("  help: {hint}"));
            }
            ExitCode::from(failure.code)
        }
        Err(_) => ExitCode::from(exit::INTERNAL),
    }
}

fn run(args: Args) -> Result<u8, Failure> {
    store::choose(args.store);
    match args.command {
        None => command::overview::run(),
        Some(Command::Init(args)) => command::init::run(&args),
        Some(Command::Check(args)) => command::check::run(&args),
        Some(Command::Fmt(args)) => command::fmt::run(&args),
        Some(Command::Fix(args)) => command::fix::run(&args),
        Some(Command::Show(args)) => command::show::run(&args),
        Some(Command::Plan(args)) => command::plan::run(&args),
        Some(Command::Build(args)) => command::build::run(&args),
        Some(Command::Why(args)) => command::why::run(&args),
        Some(Command::Log(args)) => command::log::run(&args),
        Some(Command::Diff(args)) => command::diff::run(&args),
        Some(Command::Report(args)) => command::report::run(&args),
        Some(Command::Align(args)) => command::align::run(&args),
        Some(Command::Task(args)) => command::task::run(&args),
        Some(Command::Graph(args)) => command::graph::run(&args),
        Some(Command::Explain(args)) => command::explain::run(&args),
        Some(Command::Lock(args)) => command::lock::run(&args),
        Some(Command::Cache(args)) => command::cache::run(&args),
        Some(Command::Doctor(args)) => command::doctor::run(&args),
        Some(Command::Schema(args)) => command::schema::run(&args),
        Some(Command::Completions(args)) => command::shell::completions(&args),
        Some(Command::Man(args)) => command::shell::man(&args),
    }
}

/// Why a command could not do its work.
#[derive(Debug)]
pub(crate) struct Failure {
    code: u8,
    message: String,
    hints: Vec<String>,
}

impl Failure {
    /// Makes the failure of a command that was called wrongly.
    pub(crate) fn usage(message: impl Into<String>) -> Failure {
        Failure { code: exit::USAGE, message: message.into(), hints: Vec::new() }
    }

    /// Makes the failure of a file that cannot be read or written.
    pub(crate) fn file(message: impl Into<String>) -> Failure {
        Failure { code: exit::FILE_HAS_ERRORS, message: message.into(), hints: Vec::new() }
    }

    /// Makes a failure with an exit code of its own.
    pub(crate) fn of(code: u8, message: impl Into<String>) -> Failure {
        Failure { code, message: message.into(), hints: Vec::new() }
    }

    /// Adds what to do about it.
    pub(crate) fn hint(mut self, hint: impl Into<String>) -> Failure {
        self.hints.push(hint.into());
        self
    }
}
