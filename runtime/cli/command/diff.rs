//! `sswe diff`: two runs, stage by stage.

use std::{collections::BTreeMap, fmt::Write as _};

use serde_json::json;
use sswe_cache::{Run, Store};
use sswe_engine::{Event, RunEvent};

use super::log::{self, Row, moment, shown};
use crate::{
    Failure,
    args::{self, Plain},
    exit,
    live::words::count,
    store, style,
};

pub(crate) fn run(args: &args::Diff) -> Result<u8, Failure> {
    let store = store::existing()?;
    let (old, new) = match args.runs.as_slice() {
        [] => last_two(&store)?,
        [one] => (log::find(&store, one)?, log::find(&store, "last")?),
        [old, new, ..] => (log::find(&store, old)?, log::find(&store, new)?),
    };
    let (before, after) = (stages(&store, &old)?, stages(&store, &new)?);
    let differences = compare(&before, &after);
    style::print(&match args.output {
        Plain::Json => json(&old, &new, &differences),
        Plain::Human => human(&store, [old, new], &differences, &before, &after),
    });
    Ok(exit::OK)
}

fn last_two(store: &Store) -> Result<(Run, Run), Failure> {
    let runs = store.runs(2).map_err(|error| store::failure(&error))?;
    let [new, old] = <[Run; 2]>::try_from(runs).map_err(|runs| {
        Failure::usage(format!(
            "there is nothing to compare: the store has {}",
            count(runs.len() as u64, "run")
        ))
        .hint("`sswe build` makes another")
    })?;
    Ok((old, new))
}

/// What a stage came to in a run.
struct Gave {
    digest: Option<String>,
    reason: String,
}

fn stages(store: &Store, run: &Run) -> Result<BTreeMap<String, Gave>, Failure> {
    let log = log::events(store, run)?;
    let events = log.lines().filter_map(|line| serde_json::from_str::<RunEvent>(line).ok());
    let stages = events.filter_map(|event| match event.event {
        Event::StageFinished { stage, digest, reason, .. } => Some((stage, Gave { digest, reason })),
        Event::StageSkipped { stage, reason, .. } => Some((stage, Gave { digest: None, reason })),
        _ => None,
    });
    let stages: BTreeMap<String, Gave> = stages.collect();
    if stages.is_empty() {
        return Err(Failure::file(format!("run {} left no log of its stages", run.id.0))
            .hint("it never began, or a sweep of the store took the log"));
    }
    Ok(stages)
}

/// How a stage differs between two runs.
struct Difference<'a> {
    stage: &'a str,
    what: &'static str,
    from: Option<&'a str>,
    to: Option<&'a str>,
    reason: &'a str,
}

fn compare<'a>(before: &'a BTreeMap<String, Gave>, after: &'a BTreeMap<String, Gave>) -> Vec<Difference<'a>> {
    let mut found = Vec::new();
    for (stage, new) in after {
        let (what, from) = match before.get(stage) {
            None => ("new", None),
            Some(old) if old.digest != new.digest => ("changed", old.digest.as_deref()),
            Some(_) => continue,
        };
        found.push(Difference { stage, what, from, to: new.digest.as_deref(), reason: &new.reason });
    }
    for (stage, old) in before.iter().filter(|(stage, _)| !after.contains_key(*stage)) {
        found.push(Difference { stage, what: "gone", from: old.digest.as_deref(), to: None, reason: "" });
    }
    found
}

fn human(
    store: &Store,
    runs: [Run; 2],
    differences: &[Difference<'_>],
    before: &BTreeMap<String, Gave>,
    after: &BTreeMap<String, Gave>,
) -> String {
    let mut out = String::new();
    let results = [0, 1].map(|at: usize| runs[at].result.map(|digest| digest.short()));
    for run in runs {
        let result = run.result.map_or(String::new(), |digest| format!("  result {}", digest.short()));
        let row = Row::new(store, run);
        let line = format!(
            "run {}  {}  {}  {}{result}",
            row.run.id.0,
            moment(row.run.started),
            row.name(),
            row.ended()
        );
        let _ = writeln!(out, "{}", style::bold(&line));
    }
    let widest = differences.iter().map(|of| of.stage.chars().count()).max().unwrap_or(0);
    for Difference { stage, what, from, to, reason } in differences {
        let digests = match *what {
            "changed" => format!("{} -> {}", shown(*from), shown(*to)),
            "new" => shown(*to).to_owned(),
            _ => shown(*from).to_owned(),
        };
        let word = format!("{what:<7}");
        let word = match *what {
            "changed" => style::yellow(&word),
            "new" => style::green(&word),
            _ => style::red(&word),
        };
        let line = format!("  {word}  {stage:<widest$}  {digests}  {}", style::dim(reason));
        let _ = writeln!(out, "{}", line.trim_end());
    }
    let same =
        after.iter().filter(|(stage, new)| before.get(*stage).is_some_and(|old| old.digest == new.digest));
    let same = count(same.count() as u64, "stage");
    let results = match &results {
        [Some(old), Some(new)] if old == new => "; the results are equal".to_owned(),
        [Some(old), Some(new)] => format!("; the results differ: {old} -> {new}"),
        _ => String::new(),
    };
    let _ = writeln!(out, "{same} gave the same{results}");
    out
}

fn json(old: &Run, new: &Run, differences: &[Difference<'_>]) -> String {
    let mut out = String::new();
    for Difference { stage, what, from, to, reason } in differences {
        let line = json!({ "stage": stage, "what": what, "from": from, "to": to, "reason": reason });
        let _ = writeln!(out, "{line}");
    }
    let result = |run: &Run| run.result.map(|digest| digest.to_string());
    let line = json!({
        "runs": [old.id.0, new.id.0],
        "differences": differences.len(),
        "results": [result(old), result(new)],
    });
    let _ = writeln!(out, "{line}");
    out
}
