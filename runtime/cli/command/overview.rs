//! `sswe` alone: the state of this folder's pipeline, and what to do next.

use std::path::Path;

use clap::CommandFactory;
use sswe_cache::{RunStatus, Store};
use sswe_engine::State;

use super::log::{Row, moment};
use crate::{
    Failure,
    args::{Args, Compile, Part},
    exit,
    live::words::count,
    load::{self, Opened},
    lock, render,
    request::{self, Chosen},
    store, style,
};

pub(crate) fn run() -> Result<u8, Failure> {
    let mut files = load::in_folder()?;
    files.sort();
    if files.is_empty() {
        let mut help = Args::command();
        style::print(&format!("{}\n", help.render_help()));
        style::say(format_args!("this folder has no .sswe file; next: {}", style::bold("sswe init")));
        return Ok(exit::OK);
    }
    // To look must not make a store; one that cannot be read is for other commands to tell of.
    let path = store::path();
    let store = if store::is_there(&path) { store::open(&path).ok() } else { None };
    let last = store.as_ref().and_then(|store| {
        let run = store.runs(1).ok()?.into_iter().next()?;
        Some(Row::new(store, run))
    });
    let mut out = String::new();
    let mut next = None;
    for path in &files {
        let (state, wants) = file(path, store.as_ref(), last.as_ref());
        out.push_str(&format!("{}  {state}\n", style::bold(&path.display().to_string())));
        next.get_or_insert(wants);
    }
    if let Some(row) = &last {
        let run = &row.run;
        out.push_str(&format!(
            "last run: {} on {}, {}, {}\n",
            run.id.0,
            moment(run.started),
            row.name(),
            row.summary()
        ));
    }
    style::print(&out);
    if let Some(next) = next {
        style::print(&format!("next: {}\n", style::bold(&next)));
    }
    Ok(exit::OK)
}

/// Returns the state of a file, and the command that goes on from there.
fn file(path: &Path, store: Option<&Store>, last: Option<&Row>) -> (String, String) {
    let command = |word: &str| format!("sswe {word} {}", path.display());
    let opened = match load::open(path, &Compile::default()) {
        Ok(opened) => opened,
        Err(unread) => return (unread.message.clone(), command("check")),
    };
    let found = opened.diagnostics();
    let findings = render::counts(&found);
    if render::has_errors(&found) {
        return (findings, command("check"));
    }
    let Ok(chosen) = request::choose(&opened, &Part::default(), "build") else {
        return (format!("a library; {findings}"), command("check"));
    };
    let mut stages = Vec::new();
    let mut is_all_there = true;
    for of in &chosen {
        let plan = &of.plan;
        let size = format!(
            "{}: {} stages in {}",
            plan.curriculum,
            plan.stages.len(),
            count(plan.rounds.into(), "round")
        );
        let done = store.and_then(|store| progress(&opened, of, store));
        is_all_there &= done.is_some_and(|(done, all)| done == all);
        stages.push(match done {
            Some((done, all)) if done == all => format!("{size}, up to date"),
            Some((done, _)) if done > 0 => format!("{size}, {done} of them cached"),
            _ => size,
        });
    }
    let next = match last.map(|row| row.run.status) {
        _ if is_all_there => "sswe log".to_owned(),
        None => command("plan"),
        Some(RunStatus::Failed) => "sswe log last".to_owned(),
        Some(RunStatus::Done) => command("plan"),
        Some(RunStatus::Running | RunStatus::Interrupted | RunStatus::Stopped) => command("build"),
    };
    (format!("{}; {findings}", stages.join(", ")), next)
}

/// Returns how many stages the store answers or the curriculum leaves out, and how many there are.
fn progress(opened: &Opened, of: &Chosen, store: &Store) -> Option<(usize, usize)> {
    let states =
        sswe_engine::states(&of.plan, store, &lock::look(opened).ok()?, &of.options(opened, None)).ok()?;
    let done = states.iter().filter(|planned| matches!(planned.state, State::Cached | State::Skipped));
    Some((done.count(), states.len()))
}
