//! `sswe plan`

use std::{collections::BTreeMap, fmt::Write as _, sync::Arc};

use sswe_compiler::{
    plan::{Plan, Shape, Stage, StageKind, plans},
    project::{self, Cell},
    sweep,
};

use super::open_checked;
use crate::{
    Failure,
    args::{self, Plain},
    exit,
    load::{self, Opened},
    style,
};

pub(crate) fn run(args: &args::Plan) -> Result<u8, Failure> {
    let file = load::file(args.file.as_ref())?;
    let Some(mut opened) = open_checked(&file, &args.compile)? else { return Ok(exit::FILE_HAS_ERRORS) };
    if let Some(name) = &args.sweep {
        return sweep_of(&mut opened, name, args.output);
    }
    let plans = plans(&opened.db, opened.project);
    if plans.is_empty() {
        return Err(Failure::file(format!("`{}` has no curriculum: there is nothing to plan", opened.path))
            .hint("libraries have none; a curriculum begins with `curriculum main {`"));
    }
    if let Some(round) = args.round
        && !plans.iter().any(|plan| round <= plan.rounds)
    {
        let rounds: Vec<String> =
            plans.iter().map(|plan| format!("`{}` has {}", plan.curriculum, plan.rounds)).collect();
        return Err(Failure::usage(format!("there is no round {round}")).hint(rounds.join(", ")));
    }
    let is_one = plans.len() == 1;
    for plan in plans {
        if !is_one && args.output == Plain::Human {
            style::print(&format!("{}\n", style::bold(&format!("== {}", plan.curriculum))));
        }
        match args.output {
            Plain::Json => style::print(&json(&plan, args.round)),
            Plain::Human => style::print(&human(&plan, args.round, args.full)),
        }
    }
    Ok(exit::OK)
}

fn chosen(plan: &Plan, round: Option<u32>) -> impl Iterator<Item = &Arc<Stage>> {
    plan.stages.iter().filter(move |stage| round.is_none() || in_round(stage) == round)
}

/// Returns the round that a stage's name speaks of; repositories have none.
fn in_round(stage: &Stage) -> Option<u32> {
    stage.name.0.split('/').nth(1)?.strip_prefix('r')?.parse().ok()
}

fn json(plan: &Plan, round: Option<u32>) -> String {
    let mut out = String::new();
    for stage in chosen(plan, round) {
        let _ = writeln!(out, "{}", serde_json::to_string(&**stage).unwrap_or_default());
    }
    out
}

fn human(plan: &Plan, round: Option<u32>, full: bool) -> String {
    let mut out = String::new();
    let mut heading = None;
    let widest = plan.stages.iter().map(|stage| short(stage).chars().count()).max().unwrap_or(0);
    for stage in chosen(plan, round) {
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
        let spec = &stage.spec.to_string()[..12];
        let _ = writeln!(out, "  {name}{pad}  {}  {}", style::dim(spec), words(stage));
        if full {
            let _ = write!(out, "{}", details(stage));
        }
    }
    if round.is_none() {
        let _ = writeln!(out, "\n{}: {} stages, {}", plan.curriculum, plan.stages.len(), kinds(plan));
    }
    out
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

/// Shows the cells of a sweep, and how many of their stages are the same.
fn sweep_of(opened: &mut Opened, name: &str, output: Plain) -> Result<u8, Failure> {
    let Some(cells) = sweep::cells(&opened.db, opened.project, name) else {
        return Err(Failure::usage(format!("there is no sweep called `{name}` in this file")));
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows: Vec<(Cell, String, Vec<String>)> = Vec::new();
    for (cell, shown) in cells {
        project::choose(&mut opened.db, opened.project, Some(cell.clone()));
        let mut keys = Vec::new();
        for plan in plans(&opened.db, opened.project) {
            keys.extend(sweep::identities(&plan));
        }
        for key in &keys {
            *counts.entry(key.clone()).or_default() += 1;
        }
        rows.push((cell, shown, keys));
    }
    project::choose(&mut opened.db, opened.project, None);
    let mut out = String::new();
    for (cell, shown, keys) in &rows {
        let own = keys.iter().filter(|key| counts.get(*key) == Some(&1)).count();
        match output {
            Plain::Human => {
                let _ = writeln!(
                    out,
                    "  {shown}  {}",
                    style::dim(&format!("{} stages, {own} of its own", keys.len()))
                );
            }
            Plain::Json => {
                let line = serde_json::json!({ "sweep": cell.sweep, "choice": cell.choice, "repeat": cell.repeat, "settings": shown, "stages": keys.len(), "own": own });
                let _ = writeln!(out, "{line}");
            }
        }
    }
    if output == Plain::Human {
        let all: usize = rows.iter().map(|(.., keys)| keys.len()).sum();
        let _ =
            writeln!(out, "{name}: {} cells, {all} stages, {} of them different", rows.len(), counts.len());
    }
    style::print(&out);
    Ok(exit::OK)
}
