//! `sswe plan`

mod cells;

use std::{collections::BTreeMap, fmt::Write as _};

use sswe_compiler::{
    plan::{Plan, Shape, Stage, StageKind},
    show::settings_of,
};
use sswe_engine::{Error, Planned, Reason, State};

use super::{
    open_checked,
    why::{Teller, label},
};
use crate::{
    Failure,
    args::{self, Plain},
    exit,
    load::{self, Opened},
    lock,
    request::{self, Chosen},
    saved,
    store::Peek,
    style,
};

pub(crate) fn run(args: &args::Plan) -> Result<u8, Failure> {
    let file = load::file(args.file.as_ref())?;
    let Some(mut opened) = open_checked(&file, &args.compile)? else { return Ok(exit::FILE_HAS_ERRORS) };
    if let Some(name) = &args.sweep {
        return cells::show(&mut opened, name, args.output);
    }
    let chosen = request::choose(&opened, &args.part, "plan")?;
    let peek = Peek::open()?;
    let store = peek.store()?;
    let work = lock::look(&opened)?;
    let mut has_work = false;
    for of in &chosen {
        let options = of.options(&opened, None);
        let states = match sswe_engine::states(&of.plan, store, &work, &options) {
            Ok(states) => Some(states),
            // What is not here may be elsewhere: the plan is the same, only not how far it is.
            Err(error @ (Error::Variable { .. } | Error::Source { .. })) if args.save.is_none() => {
                style::say(format_args!(
                    "{}: {error}\n  help: without it, this shows all stages and not which are cached; `sswe build` needs it",
                    style::yellow("warning"),
                ));
                None
            }
            Err(error) => return Err(request::refused(&error, &opened, &of.plan)),
        };
        has_work |= states.iter().flatten().any(|planned| is_work(planned.state));
        has_work |= states.is_none();
        let shown = Shown::new(&opened, of, states.as_deref());
        if chosen.len() > 1 && args.output == Plain::Human {
            style::print(&format!("{}\n", style::bold(&format!("== {}", of.plan.curriculum))));
        }
        style::print(&match args.output {
            Plain::Json => shown.json(),
            Plain::Human => shown.human(args.full),
        });
    }
    if let Some(path) = &args.save {
        saved::write(path, args, &opened, &chosen, store)?;
        style::say(format_args!("saved; next: {}", style::bold(&format!("sswe build {}", path.display()))));
    }
    Ok(if has_work && args.detailed_exit_code { exit::HAS_WORK } else { exit::OK })
}

fn is_work(state: State) -> bool {
    match state {
        State::Run | State::Maybe | State::Undecided => true,
        State::Cached | State::Skipped => false,
    }
}

/// Returns the round that a stage's name speaks of; repositories have none.
fn in_round(stage: &Stage) -> Option<u32> {
    stage.name.0.split('/').nth(1)?.strip_prefix('r')?.parse().ok()
}

/// A plan to be shown, as far as it is asked for.
struct Shown<'a> {
    plan: &'a Plan,
    is_part: bool,
    stages: Vec<(&'a Stage, Option<&'a Planned>)>,
    teller: Teller<'a>,
}

impl<'a> Shown<'a> {
    fn new(opened: &Opened, of: &'a Chosen, states: Option<&'a [Planned]>) -> Shown<'a> {
        let by_name: BTreeMap<&str, &Planned> = states
            .iter()
            .flat_map(|states| states.iter())
            .map(|planned| (&*planned.stage.0, planned))
            .collect();
        let stages = of.plan.stages.iter().map(|stage| (&**stage, by_name.get(&*stage.name.0).copied()));
        let stages = stages.filter(|(stage, planned)| {
            // Of a round, its own stages; up to a stage, all that it needs.
            let is_asked = states.is_none() || planned.is_some();
            is_asked && (of.round.is_none() || in_round(stage) == of.round)
        });
        Shown {
            plan: &of.plan,
            is_part: of.round.is_some() || of.until.is_some(),
            stages: stages.collect(),
            teller: Teller::new(&of.plan, settings_of(&opened.db, opened.project)),
        }
    }

    fn json(&self) -> String {
        let mut out = String::new();
        for (stage, planned) in &self.stages {
            let mut line = serde_json::to_value(stage).unwrap_or_default();
            line["state"] = planned.map(|planned| label(planned.state)).into();
            line["reason"] = planned.map(|planned| self.reason(planned)).into();
            line["items"] = planned.and_then(|planned| planned.items).into();
            let _ = writeln!(out, "{line}");
        }
        out
    }

    fn reason(&self, planned: &Planned) -> String {
        let reason = self.teller.short(&planned.stage.0, &planned.reason);
        match (planned.state, &planned.reason) {
            (State::Maybe, Reason::Undecided(_)) => reason.replacen("reads", "if it changes:", 1),
            (State::Undecided, Reason::Undecided(_)) => format!("never built, {reason}"),
            _ => reason,
        }
    }

    fn human(&self, full: bool) -> String {
        let mut out = String::new();
        let mut heading = None;
        let plan = self.plan;
        let widest = self.stages.iter().map(|(stage, _)| short(stage).chars().count()).max().unwrap_or(0);
        let items_width = self.stages.iter().filter_map(|(_, planned)| Some(items((*planned)?).len())).max();
        let items_width = items_width.unwrap_or(0);
        for (stage, planned) in &self.stages {
            let of = in_round(stage);
            if heading != Some(of) {
                heading = Some(of);
                let title = match of {
                    None => "repositories".to_owned(),
                    Some(0) => "round 0: exams and the base".to_owned(),
                    Some(round) if stage.unless_stopped => {
                        format!("round {round} of {}, if not saturated", plan.rounds)
                    }
                    Some(round) => format!("round {round} of {}", plan.rounds),
                };
                let _ = writeln!(out, "{}{}", if out.is_empty() { "" } else { "\n" }, style::bold(&title));
            }
            let name = short(stage);
            let pad = " ".repeat(widest - name.chars().count());
            let state = planned
                .map_or_else(|| style::dim(&words(stage)), |planned| self.state(stage, planned, items_width));
            let _ = writeln!(out, "{}", format!("  {name}{pad}  {state}").trim_end());
            if full {
                let spec = &stage.spec.to_string()[..12];
                let _ = writeln!(out, "      {}", style::dim(&format!("{}, spec {spec}", words(stage))));
                let _ = write!(out, "{}", details(stage));
            }
        }
        let _ = writeln!(out, "\n{}", self.summary());
        out
    }

    fn state(&self, stage: &Stage, planned: &Planned, items_width: usize) -> String {
        let word = format!("{:<7}", label(planned.state));
        let word = match planned.state {
            State::Cached | State::Skipped => style::green(&word),
            State::Run => style::yellow(&word),
            State::Maybe | State::Undecided => style::blue(&word),
        };
        let reason = match (planned.state, &planned.reason) {
            // What it reads is drawn by `--full` and `graph`; here is what it will be.
            (State::Undecided, Reason::Undecided(_)) => format!("never built; {}", words(stage)),
            _ => self.reason(planned),
        };
        let reason = if reason.is_empty() { reason } else { style::dim(&format!("  {reason}")) };
        let items = items(planned);
        let gap = if items_width > 0 { "  " } else { "" };
        format!("{word}{gap}{items:<items_width$}{reason}")
    }

    fn summary(&self) -> String {
        let plan = self.plan;
        let total = |state: State| {
            let of = self.stages.iter().filter(|(_, planned)| planned.is_some_and(|of| of.state == state));
            of.count()
        };
        let totals = [
            (State::Cached, "cached"),
            (State::Run, "to run"),
            (State::Maybe, "to run if what they read changes"),
            (State::Undecided, "decided at run time"),
            (State::Skipped, "skipped"),
        ];
        let totals = totals.map(|(state, words)| (total(state), words));
        let totals = totals.iter().filter(|(number, _)| *number > 0);
        let totals: Vec<String> = totals.map(|(number, words)| format!("{number} {words}")).collect();
        let size = match self.is_part {
            true => format!("{} of {} stages", self.stages.len(), plan.stages.len()),
            false => format!("{} stages, {}", plan.stages.len(), kinds(plan)),
        };
        let totals = if totals.is_empty() { String::new() } else { format!(": {}", totals.join(", ")) };
        format!("{}: {size}{totals}", plan.curriculum)
    }
}

/// Says how many items a stage has, or had the last time.
fn items(planned: &Planned) -> String {
    match (planned.state, planned.items) {
        (_, None | Some(1)) | (State::Skipped, _) => String::new(),
        (State::Cached, Some(items)) => format!("{items} items"),
        // As many as the last time: how many there will be is not known yet.
        (_, Some(items)) => format!("~{items} items"),
    }
}

fn short(stage: &Stage) -> String {
    stage.name.0.splitn(3, '/').nth(2).unwrap_or(&stage.name.0).to_owned()
}

fn words(stage: &Stage) -> String {
    let shape = match (stage.shape, stage.kind) {
        (Shape::One, _) => "once".to_owned(),
        (Shape::Each, StageKind::Gate) => "each candidate".to_owned(),
        (Shape::Each, _) => "each task".to_owned(),
        (Shape::Gather, _) => "over all".to_owned(),
        (Shape::FirstN(count), _) => format!("until {count} are valid"),
        (Shape::Stop, _) => "may end the curriculum".to_owned(),
    };
    match &stage.pool {
        Some(pool) => format!("{shape}, pool {pool}"),
        None => shape,
    }
}

fn details(stage: &Stage) -> String {
    let mut out = String::new();
    let mut inputs: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for input in &stage.inputs {
        inputs.entry(input.port).or_default().push(&input.from.0);
    }
    for (port, from) in inputs {
        let _ = writeln!(out, "      {port:<12} {} {}", style::dim("<-"), from.join(" "));
    }
    for source in &stage.sources {
        let _ =
            writeln!(out, "      {:<12} {} the content of {}", source.setting, style::dim("<-"), source.path);
    }
    for setting in &stage.settings {
        let _ = writeln!(out, "      {:<12} = {}", setting.name, setting.shown);
    }
    out
}

fn kinds(plan: &Plan) -> String {
    let repos = plan.stages.iter().filter(|stage| stage.kind == StageKind::Pin).count();
    let plural = |count: usize, word: &str| format!("{count} {word}{}", if count == 1 { "" } else { "s" });
    let repos = match repos {
        1 => "1 repository".to_owned(),
        repos => format!("{repos} repositories"),
    };
    format!("{repos}, {}", plural(plan.rounds as usize, "round"))
}
