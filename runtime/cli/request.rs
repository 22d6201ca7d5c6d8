//! What of a file is meant: the curricula and stages that a command is about.

use std::{num::NonZero, sync::Arc};

use sswe_compiler::{
    diagnostic::{Code, Diagnostic, Severity, Span},
    nearest,
    plan::{Plan, StageName, plans},
    show::settings_of,
};
use sswe_engine::{Error, Options};

use crate::{
    Failure,
    args::{Output, Part},
    command::text_of,
    load::Opened,
    policy, render, store,
};

/// A curriculum, and which part of it is meant.
pub(crate) struct Chosen {
    pub(crate) plan: Arc<Plan>,
    pub(crate) until: Option<StageName>,
    pub(crate) round: Option<u32>,
}

impl Chosen {
    /// Returns how to run it.
    pub(crate) fn options(&self, opened: &Opened, jobs: Option<NonZero<u32>>) -> Options {
        let options = policy::options(&opened.db, opened.project, &self.plan, &opened.path, jobs);
        Options { until: self.until.clone(), round: self.round, ..options }
    }
}

/// Returns the curricula of a file that a command is about; `to` says what it would do with them.
pub(crate) fn choose(opened: &Opened, part: &Part, to: &str) -> Result<Vec<Chosen>, Failure> {
    let all = plans(&opened.db, opened.project);
    if all.is_empty() {
        return Err(Failure::file(format!("`{}` has no curriculum: there is nothing to {to}", opened.path))
            .hint("libraries have none; a curriculum begins with `curriculum main {`"));
    }
    let Part { curriculum, until, round } = part;
    let known = all.iter().map(|plan| &*plan.curriculum);
    if let Some(name) = curriculum
        && !known.clone().any(|known| known == name)
    {
        let failure = Failure::usage(format!("there is no curriculum `{name}` in `{}`", opened.path));
        let labels: Vec<&str> = known.collect();
        return Err(failure.hint(format!("it has {}", labels.join(", "))));
    }
    let mut chosen: Vec<Chosen> = all
        .iter()
        .filter(|plan| curriculum.as_ref().is_none_or(|name| *name == plan.curriculum))
        .map(|plan| Chosen { plan: plan.clone(), until: None, round: *round })
        .collect();
    if let Some(round) = round {
        let rounds: Vec<String> =
            chosen.iter().map(|of| format!("`{}` has {}", of.plan.curriculum, of.plan.rounds)).collect();
        chosen.retain(|of| *round <= of.plan.rounds);
        if chosen.is_empty() {
            return Err(Failure::usage(format!("there is no round {round}")).hint(rounds.join(", ")));
        }
    }
    if let Some(until) = until {
        let failure = no_stage(until, chosen.iter().map(|of| &*of.plan));
        chosen.retain_mut(|of| {
            of.until = full_name(&of.plan, until, begins);
            of.until.is_some()
        });
        if chosen.is_empty() {
            return Err(failure);
        }
    }
    Ok(chosen)
}

/// Returns a stage's name as the plan has it: the curriculum may be left out.
pub(crate) fn full_name(plan: &Plan, name: &str, fits: fn(&str, &str) -> bool) -> Option<StageName> {
    let long = format!("{}/{name}", plan.curriculum);
    let is_there = |name: &str| plan.stages.iter().any(|stage| fits(&stage.name.0, name));
    let found = [name, &long].into_iter().find(|name| is_there(name))?;
    Some(StageName(found.into()))
}

/// Returns whether a stage is meant by a name that may be the beginning of several.
fn begins(stage: &str, name: &str) -> bool {
    stage.strip_prefix(name).is_some_and(|rest| rest.is_empty() || rest.starts_with(['.', '/']))
}

/// Makes the failure of a name that no stage has.
pub(crate) fn no_stage<'a>(name: &str, plans: impl Iterator<Item = &'a Plan>) -> Failure {
    let names: Vec<&str> = plans.flat_map(|plan| plan.stages.iter().map(|stage| &*stage.name.0)).collect();
    // The curriculum may have been left out.
    let short = names.iter().filter_map(|name| name.split_once('/').map(|(_, rest)| rest));
    let near = nearest(name, names.iter().copied().chain(short));
    let last = name.rsplit('/').next().unwrap_or(name);
    let near = near.or_else(|| names.iter().copied().find(|known| known.ends_with(last)));
    let failure = Failure::usage(format!("there is no stage `{name}`"));
    match near {
        Some(near) => failure.hint(format!("did you mean {near}?")),
        None => failure.hint("`sswe plan` lists all of them"),
    }
}

/// Makes the failure of a run that could not begin; what the file can do about it is printed first.
pub(crate) fn refused(error: &Error, opened: &Opened, plan: &Plan) -> Failure {
    let mentioned = match error {
        Error::Variable { variable, .. } => Some(format!("`{variable}`")),
        Error::Source { stage, setting, .. } => {
            let stage = plan.stages.iter().find(|of| of.name == *stage);
            let source = stage.and_then(|stage| stage.sources.iter().find(|of| of.setting == *setting));
            source.map(|source| format!("`{}`", source.path))
        }
        _ => None,
    };
    if let Some(mentioned) = mentioned {
        let found = outside(opened).into_iter().filter(|found| found.message.contains(&mentioned));
        print_errors(opened, found.collect());
    }
    match error {
        Error::NoStage { name, .. } => no_stage(name, std::iter::once(plan)),
        Error::Store(error) => store::failure(error),
        error => Failure::file(error.to_string()),
    }
}

/// Prints what a build needs from outside and this machine lacks, as errors; returns whether there
/// is any. `check` warns of it: another machine may have it.
pub(crate) fn lacks(opened: &Opened) -> bool {
    let mut found = outside(opened);
    if found.is_empty() {
        return false;
    }
    // What another value has replaced is not needed.
    let shown = settings_of(&opened.db, opened.project);
    let spans = |winners: bool| -> Vec<&Span> {
        let origins = shown.iter().flat_map(|shown| shown.origins.iter().enumerate());
        let kept = origins.filter(|(at, _)| (*at == 0) == winners);
        kept.filter_map(|(_, origin)| origin.span.as_ref()).collect()
    };
    let (winners, losers) = (spans(true), spans(false));
    found.retain(|found| winners.contains(&&found.span) || !losers.contains(&&found.span));
    let any = !found.is_empty();
    print_errors(opened, found);
    any
}

fn outside(opened: &Opened) -> Vec<Diagnostic> {
    let found = opened.diagnostics().into_iter();
    found.filter(|found| [Code::W0705, Code::W0804].iter().any(|code| code.as_str() == found.code)).collect()
}

fn print_errors(opened: &Opened, mut found: Vec<Diagnostic>) {
    found.iter_mut().for_each(|found| found.severity = Severity::Error);
    render::print_all(&found, Output::Human, true, &|file| text_of(opened, file));
}
