//! `sswe doctor`

mod containers;
mod machine;
mod programs;
mod sandboxes;

use std::{
    io::Read,
    process::{Command, Stdio},
    sync::mpsc,
    time::{Duration, Instant},
};

use serde::Serialize;
use sswe_compiler::{
    names::names,
    schema::{self, Kind},
    settings::settings,
    value::Value,
};

use crate::{
    Failure,
    args::{Compile, Doctor, Plain},
    exit, load,
    lock::{self, Lock},
    style,
};

/// How long one group of questions may take; what has not answered then is told of.
const PATIENCE: Duration = Duration::from_secs(15);

/// How long a program or an engine that is asked something may take.
const MOMENT: Duration = Duration::from_secs(5);

/// Whether something works.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
enum State {
    Works,
    /// It works, but not as well as it could.
    Limited,
    /// It does not work, and this folder's files do not need it.
    Missing,
    /// It does not work, and without it no build does.
    Broken,
}

/// What was found out about one thing.
#[derive(Clone, Debug, Serialize)]
struct Finding {
    #[serde(skip)]
    group: &'static str,
    name: &'static str,
    state: State,
    found: String,
    #[serde(skip_serializing_if = "Option::is_none")]
    fix: Option<String>,
}

impl Finding {
    fn works(name: &'static str, found: impl Into<String>) -> Finding {
        Finding { group: "", name, state: State::Works, found: found.into(), fix: None }
    }

    fn not(name: &'static str, state: State, found: impl Into<String>, fix: impl Into<String>) -> Finding {
        Finding { group: "", name, state, found: found.into(), fix: Some(fix.into()) }
    }
}

/// A group of questions.
type Ask = fn(&Wants) -> Vec<Finding>;

const GROUPS: &[(&str, Ask)] = &[
    ("sandboxes", sandboxes::ask),
    ("docker", containers::ask),
    ("programs", programs::ask),
    ("GPU", programs::ask_gpu),
    ("machine", machine::ask),
    ("kernel", machine::ask_kernel),
    ("store", machine::ask_store),
];

/// What the files of this folder ask of the machine.
#[derive(Clone, Debug, Default)]
struct Wants {
    docker: bool,
    git: bool,
    /// The interpreter that a lock pins, and the lock's name.
    python: Option<(sswe_pipelines::lock::PythonPin, String)>,
    /// Locks that cannot be read.
    unread: Vec<String>,
}

pub(crate) fn run(args: &Doctor) -> Result<u8, Failure> {
    let wants = wants(args)?;
    // Side by side: the slowest of them is waited for, and none for ever.
    let begun = Instant::now();
    let asked: Vec<(&str, mpsc::Receiver<Vec<Finding>>)> = GROUPS
        .iter()
        .map(|(name, ask)| {
            let (answer, answers) = mpsc::channel();
            let (ask, wants) = (*ask, wants.clone());
            std::thread::spawn(move || answer.send(ask(&wants)));
            (*name, answers)
        })
        .collect();
    let mut all = Vec::new();
    for (group, answers) in asked {
        let left = PATIENCE.saturating_sub(begun.elapsed());
        let late = |error| match error {
            mpsc::RecvTimeoutError::Timeout => {
                let found = format!("no answer in {} seconds", PATIENCE.as_secs());
                vec![Finding::not("answer", State::Broken, found, "see what hangs: `dmesg | tail`, `mount`")]
            }
            mpsc::RecvTimeoutError::Disconnected => {
                let fix = "please report it: this is a mistake in sswe";
                vec![Finding::not("answer", State::Broken, "the question failed", fix)]
            }
        };
        let found = answers.recv_timeout(left).unwrap_or_else(late);
        all.extend(found.into_iter().map(|finding| Finding { group, ..finding }));
    }
    let is_broken = all.iter().any(|finding| finding.state == State::Broken);
    style::print(&match args.output {
        Plain::Human => shown(&all),
        Plain::Json => all.iter().map(line).collect(),
    });
    if args.output == Plain::Human {
        style::say(format_args!("{}", summary(&all, is_broken)));
    }
    Ok(if is_broken { exit::FILE_HAS_ERRORS } else { exit::OK })
}

fn line(finding: &Finding) -> String {
    let mut value = serde_json::to_value(finding).unwrap_or_default();
    value["group"] = finding.group.into();
    format!("{value}\n")
}

fn summary(all: &[Finding], is_broken: bool) -> String {
    let count = |state| all.iter().filter(|finding| finding.state == state).count();
    match (is_broken, count(State::Limited) + count(State::Missing)) {
        (true, _) => format!(
            "{}: {} of these things must work before `sswe build` does",
            style::red("not ready"),
            count(State::Broken)
        ),
        (false, 0) => style::green("ready: everything works"),
        (false, _) => format!("{}: what a build here needs works", style::green("ready")),
    }
}

fn shown(all: &[Finding]) -> String {
    let widest = all.iter().map(|finding| finding.name.len()).max().unwrap_or(0);
    let mut out = String::new();
    let mut group = "";
    for finding in all {
        if finding.group != group {
            group = finding.group;
            out.push_str(&format!("{}\n", style::bold(group)));
        }
        let word = match finding.state {
            State::Works => style::green("works  "),
            State::Limited => style::yellow("limited"),
            State::Missing => style::blue("missing"),
            State::Broken => style::red("broken "),
        };
        let inset = 2 + widest + 2 + 7 + 2;
        let found = wrapped(&finding.found, inset);
        out.push_str(&format!("  {:<widest$}  {word}  {found}\n", finding.name));
        if let Some(fix) = &finding.fix {
            let fix = wrapped(&format!("fix: {fix}"), inset);
            out.push_str(&format!("{:inset$}{}\n", "", style::dim(&fix)));
        }
    }
    out
}

/// Breaks a line at spaces, so that it stays in its column.
fn wrapped(text: &str, inset: usize) -> String {
    let width = style::width().saturating_sub(inset).max(20);
    let (mut out, mut used) = (String::new(), 0);
    for word in text.split_whitespace() {
        let length = word.chars().count();
        if used > 0 && used + 1 + length > width {
            out.push_str(&format!("\n{:inset$}", ""));
            used = 0;
        } else if used > 0 {
            out.push(' ');
            used += 1;
        }
        out.push_str(word);
        used += length;
    }
    out
}

/// Finds out what the files need that are named, or are here. A file with errors is `check`'s to tell of.
fn wants(args: &Doctor) -> Result<Wants, Failure> {
    let files = match &args.file {
        Some(file) => vec![file.clone()],
        None => {
            let mut files = load::in_folder()?;
            files.sort();
            files
        }
    };
    let mut wants = Wants::default();
    for file in files {
        let opened = match load::open(&file, &Compile::default()) {
            Ok(opened) => opened,
            Err(unread) if args.file.is_some() => return Err(Failure::file(unread.message.clone())),
            Err(_) => continue,
        };
        let (names, settings) = (names(&opened.db, opened.project), settings(&opened.db, opened.project));
        if let Some(key) = schema::SANDBOX.key("backend") {
            let backend = |address: &str| settings.value(address, key, None);
            let mut sandboxes = names.of_kind(Kind::Sandbox);
            wants.docker |= sandboxes
                .any(|(_, sandbox)| matches!(backend(&sandbox.address), Some(Value::Variant("docker"))));
        }
        let plans = sswe_compiler::plan::plans(&opened.db, opened.project);
        let stages = plans.iter().flat_map(|plan| &plan.stages).map(|stage| &**stage);
        let needs = lock::needs(stages).unwrap_or_default();
        wants.git |= needs.iter().any(|need| matches!(need, sswe_pipelines::lock::Need::Commit { .. }));
        match Lock::of(&opened) {
            Ok(lock) => {
                let pinned = lock.pins.python.clone().map(|pin| (pin, lock.name()));
                wants.python = wants.python.take().or(pinned);
            }
            Err(failure) => wants.unread.push(failure.message),
        }
    }
    Ok(wants)
}

/// Runs a program that answers at once, and returns what it prints, or why it did not.
fn told(program: &str, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new(program);
    command.args(args).stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::null()).env("LC_ALL", "C");
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => format!("no program `{program}` is on the search path"),
        _ => format!("`{program}` cannot be started: {error}"),
    })?;
    let mut stdout = child.stdout.take();
    let (answer, answers) = mpsc::channel();
    std::thread::spawn(move || {
        let mut text = String::new();
        // What is no text is no answer.
        let _ = stdout.as_mut().map(|stdout| stdout.take(1 << 20).read_to_string(&mut text));
        answer.send(text)
    });
    let text = answers.recv_timeout(MOMENT).map_err(|_| {
        let _ = child.kill();
        format!("`{program}` did not answer in {} seconds", MOMENT.as_secs())
    })?;
    let begun = Instant::now();
    loop {
        match child.try_wait() {
            Ok(Some(status)) if status.success() => return Ok(text.trim().to_owned()),
            Ok(Some(status)) => return Err(format!("`{program} {}` ended with {status}", args.join(" "))),
            Ok(None) if begun.elapsed() < MOMENT => std::thread::sleep(Duration::from_millis(5)),
            _ => {
                let _ = child.kill();
                return Err(format!("`{program}` does not end"));
            }
        }
    }
}

/// Shows bytes with a unit that a person can take in.
fn size(bytes: u64) -> String {
    match bytes {
        0..1_048_576 => format!("{} KiB", bytes >> 10),
        1_048_576..1_073_741_824 => format!("{} MiB", bytes >> 20),
        _ => format!("{:.1} GiB", bytes as f64 / 1_073_741_824.0),
    }
}
