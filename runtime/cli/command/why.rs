//! `sswe why`

mod past;
mod reason;

use std::{collections::BTreeMap, fmt::Write as _, path::PathBuf};

use serde_json::json;
use sswe_cache::Store;
use sswe_compiler::{plan::Plan, show::settings_of};
use sswe_engine::{Options, Planned, Reason, State};

use super::open_checked;
use crate::{
    Failure,
    args::{self, Part, Plain},
    exit,
    live::words::count,
    load::{self, Opened},
    lock,
    request::{self, Chosen},
    store::Peek,
    style,
};

pub(crate) use reason::{Teller, label};

pub(crate) fn run(args: &args::Why) -> Result<u8, Failure> {
    let (files, stages): (Vec<&String>, Vec<&String>) = args.what.iter().partition(|what| is_file(what));
    let file = load::file(files.first().map(PathBuf::from).as_ref())?;
    let Some(opened) = open_checked(&file, &args.compile)? else { return Ok(exit::FILE_HAS_ERRORS) };
    let part = Part { curriculum: args.curriculum.clone(), ..Part::default() };
    let chosen = request::choose(&opened, &part, "explain")?;
    let peek = Peek::open()?;
    let store = peek.store()?;
    let mut out = String::new();
    if stages.is_empty() {
        for of in &chosen {
            let asked = Asked::new(&opened, of, store);
            out.push_str(&asked.everything(args.output)?);
        }
    }
    for what in stages {
        let (name, item) = split(what);
        let found =
            chosen.iter().find_map(|of| Some((of, request::full_name(&of.plan, name, |a, b| a == b)?)));
        let Some((of, stage)) = found else {
            return Err(request::no_stage(name, chosen.iter().map(|of| &*of.plan)));
        };
        // Only what the stage needs has to be there to say why it runs.
        let of = Chosen { plan: of.plan.clone(), until: Some(stage.clone()), round: None };
        let asked = Asked::new(&opened, &of, store);
        out.push_str(&match item {
            None => asked.stage(&stage.0, args.output)?,
            Some(item) => asked.item(&stage.0, item, args.output)?,
        });
    }
    style::print(&out);
    Ok(exit::OK)
}

fn is_file(what: &str) -> bool {
    what == "-" || what.ends_with(".sswe")
}

/// Splits `main/r2/solve[4f3a90c1d2e8]`.
fn split(what: &str) -> (&str, Option<&str>) {
    match what.strip_suffix(']').and_then(|what| what.split_once('[')) {
        Some((stage, item)) => (stage, Some(item)),
        None => (what, None),
    }
}

/// A question about a curriculum.
struct Asked<'a> {
    opened: &'a Opened,
    plan: &'a Plan,
    store: &'a Store,
    options: Options,
    teller: Teller<'a>,
}

impl<'a> Asked<'a> {
    fn new(opened: &'a Opened, of: &'a Chosen, store: &'a Store) -> Asked<'a> {
        let teller = Teller::new(&of.plan, settings_of(&opened.db, opened.project));
        Asked { opened, plan: &of.plan, store, options: of.options(opened, None), teller }
    }

    fn states(&self) -> Result<Vec<Planned>, Failure> {
        sswe_engine::states(self.plan, self.store, &lock::look(self.opened)?, &self.options)
            .map_err(|error| request::refused(&error, self.opened, self.plan))
    }

    /// Tells of everything that would run, together where the reason is the same.
    fn everything(&self, output: Plain) -> Result<String, Failure> {
        let states = self.states()?;
        let mut out = String::new();
        if output == Plain::Json {
            for planned in &states {
                let _ = writeln!(out, "{}", self.json(planned, None));
            }
            return Ok(out);
        }
        let name = &self.plan.curriculum;
        let of = |state: State| states.iter().filter(move |planned| planned.state == state);
        let total = |state: State| of(state).count() as u64;
        if total(State::Cached) + total(State::Skipped) == states.len() as u64 {
            let stages = count(total(State::Cached), "stage");
            return Ok(format!("nothing would run: {stages} of {name} are in the store\n"));
        }
        let mut groups: Vec<(String, Vec<&Planned>)> = Vec::new();
        let mut known: BTreeMap<String, usize> = BTreeMap::new();
        for planned in of(State::Run) {
            let reason = self.teller.long(&planned.stage.0, &planned.reason).join("\n    ");
            let at = *known.entry(reason.clone()).or_insert_with(|| {
                groups.push((reason, Vec::new()));
                groups.len() - 1
            });
            groups[at].1.push(planned);
        }
        let runs = total(State::Run);
        let _ = writeln!(out, "{}", style::bold(&format!("{name}: {} would run", count(runs, "stage"))));
        for (reason, stages) in groups {
            let _ = writeln!(out, "  {reason}");
            for planned in stages {
                let _ = writeln!(out, "    {}", style::blue(&planned.stage.0));
            }
        }
        let rest = [
            (total(State::Maybe), "may run, if what they read changes"),
            (total(State::Undecided), "decided at run time"),
            (total(State::Cached), "cached"),
        ];
        let rest = rest.iter().filter(|(number, _)| *number > 0);
        let rest: Vec<String> = rest.map(|(number, what)| format!("{number} {what}")).collect();
        if !rest.is_empty() {
            let _ = writeln!(out, "{}", style::dim(&rest.join("; ")));
        }
        Ok(out)
    }

    fn stage(&self, stage: &str, output: Plain) -> Result<String, Failure> {
        let states = self.states()?;
        let Some(planned) = states.iter().find(|planned| *planned.stage.0 == *stage) else {
            return Err(request::no_stage(stage, std::iter::once(self.plan)));
        };
        if output == Plain::Json {
            return Ok(format!("{}\n", self.json(planned, None)));
        }
        let mut out = format!("{} {}\n", style::bold(stage), verdict(planned.state));
        if planned.state != State::Cached {
            for line in self.teller.long(stage, &planned.reason) {
                let _ = writeln!(out, "  {line}");
            }
        }
        match (&planned.reason, planned.state) {
            (Reason::Cached, _) => {
                out.push_str(&past::made(self.store, stage, planned.key.as_ref())?);
            }
            (Reason::Undecided(_), _) => out.push_str(&self.causes(stage, &states)),
            (Reason::Changed(changes), _) => {
                for upstream in changes.iter().filter_map(|change| change.upstream.as_ref()) {
                    out.push_str(&past::ran_because(self.store, &upstream.0)?);
                }
            }
            _ => (),
        }
        if planned.state == State::Run {
            out.push_str(&past::failed_last(self.store, stage)?);
        }
        Ok(out)
    }

    /// Returns the stages above one that are certain to run: what it all comes from.
    fn causes(&self, stage: &str, states: &[Planned]) -> String {
        let mut above = vec![stage];
        let mut seen: Vec<&str> = Vec::new();
        while let Some(name) = above.pop() {
            if seen.contains(&name) {
                continue;
            }
            seen.push(name);
            let found = self.plan.stages.iter().find(|stage| *stage.name.0 == *name);
            above.extend(found.iter().flat_map(|stage| &stage.inputs).map(|input| &*input.from.0));
        }
        let causes: Vec<&Planned> = states
            .iter()
            .filter(|planned| planned.state == State::Run && *planned.stage.0 != *stage)
            .filter(|planned| seen.contains(&&*planned.stage.0))
            .collect();
        let mut out = String::new();
        if !causes.is_empty() {
            out.push_str("  it all begins with\n");
        }
        for planned in causes.iter().take(5) {
            let reason = self.teller.short(&planned.stage.0, &planned.reason);
            let _ = writeln!(out, "    {}  {reason}", style::blue(&planned.stage.0));
        }
        if causes.len() > 5 {
            let _ = writeln!(out, "    and {} more", causes.len() - 5);
        }
        out
    }

    fn item(&self, stage: &str, item: &str, output: Plain) -> Result<String, Failure> {
        let name = sswe_compiler::plan::StageName(stage.into());
        let reason = sswe_engine::why(
            self.plan,
            self.store,
            &lock::look(self.opened)?,
            &self.options,
            &name,
            Some(item),
        )
        .map_err(|error| request::refused(&error, self.opened, self.plan))?;
        let state = if reason == Reason::Cached { State::Cached } else { State::Run };
        if output == Plain::Json {
            let planned =
                Planned { stage: name, state, reason, items: None, key: None, unless_stopped: false };
            return Ok(format!("{}\n", self.json(&planned, Some(item))));
        }
        if reason == Reason::NeverBuilt {
            let failure = Failure::usage(format!("no item `{item}` of `{stage}` was ever recorded"));
            return Err(failure.hint("events name items: `sswe log last --output json`"));
        }
        let mut out = format!("{} {}\n", style::bold(&format!("{stage}[{item}]")), verdict(state));
        for line in self.teller.long(stage, &reason) {
            let _ = writeln!(out, "  {line}");
        }
        Ok(out)
    }

    fn json(&self, planned: &Planned, item: Option<&str>) -> serde_json::Value {
        json!({
            "stage": planned.stage,
            "item": item,
            "state": label(planned.state),
            "reason": self.teller.short(&planned.stage.0, &planned.reason),
            "changes": self.teller.changes(&planned.stage.0, &planned.reason),
        })
    }
}

fn verdict(state: State) -> &'static str {
    match state {
        State::Cached => "is cached: nothing that it is made of changed",
        State::Run => "would run",
        State::Maybe => "would run if what it reads changes",
        State::Undecided => "is decided at run time",
        State::Skipped => "would not run",
    }
}
