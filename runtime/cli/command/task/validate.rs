//! `sswe task validate`: the gates and the leak checks on given tasks.

use std::{fmt::Write as _, path::Path};

use serde_json::json;
use sswe_pipelines::{
    artifact::{Repo, Task},
    leaks::{self, Caught},
    validate::{Judged, Validation},
    view,
};

use super::{find, wait};
use crate::{Failure, args::Plain, exit, store, style};

pub(super) fn run(tasks: &[String], trace: Option<&Path>, output: Plain) -> Result<u8, Failure> {
    let store = store::existing()?;
    let mut found = Vec::new();
    for named in tasks {
        let path = Path::new(named);
        // An id has no dot and no slash; a file of that name goes first.
        let is_file = named == "-" || path.exists() || named.contains(['.', '/']);
        match is_file {
            true => found.extend(find::in_file(path)?),
            false => found.push(find::by_id(&store, named)?),
        }
    }
    let mut with = Vec::new();
    for found in found {
        let repo = find::repo_of(&store, &found.task)?;
        with.push((found.digest.to_string(), found.task, repo));
    }
    let steps = trace.map(read_steps).transpose()?.unwrap_or_default();
    let judged = wait(async {
        let validation = Validation::new(find::fetch(&store)).await?;
        let gates: Vec<String> = validation.gates().iter().map(|gate| (*gate).to_owned()).collect();
        let mut judged = Vec::new();
        for (id, task, repo) in &with {
            let cards = find::cards_of(&store, task);
            let result = validation.judge(task, repo, &cards).await;
            let caught = caught(&steps, repo);
            if output == Plain::Human {
                style::print(&one(id, task, &result, &caught));
            }
            judged.push((id.as_str(), result, caught));
        }
        Ok::<_, String>((gates, judged))
    })?;
    let (gates, judged) = judged.map_err(|why| Failure::of(exit::STAGE_FAILED, why))?;
    match output {
        Plain::Human => style::print(&funnel(&gates, &judged)),
        Plain::Json => {
            for (id, judged, caught) in &judged {
                let Judged { verdicts, leaks, trouble } = judged;
                let line = json!({
                    "id": id, "sound": judged.is_sound(), "verdicts": verdicts, "leaks": leaks, "trouble": trouble,
                    "caught": caught,
                });
                style::print(&format!("{line}\n"));
            }
        }
    }
    let is_good = |(_, judged, caught): &(&str, Judged, Vec<Caught>)| judged.is_sound() && caught.is_empty();
    Ok(if judged.iter().all(is_good) { exit::OK } else { exit::FILE_HAS_ERRORS })
}

/// Reads the commands of an attempt: one a line.
fn read_steps(path: &Path) -> Result<Vec<String>, Failure> {
    let text = match path == Path::new("-") {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(path),
    };
    let text = text.map_err(|error| {
        Failure::file(format!("cannot read `{}`: {error}", path.display()))
            .hint("it has one command on each line")
    })?;
    Ok(text.lines().map(str::to_owned).collect())
}

fn caught(steps: &[String], repo: &Repo) -> Vec<Caught> {
    let modules = view::modules_of(repo);
    let modules: Vec<&str> = modules.iter().map(String::as_str).collect();
    leaks::trace(steps, &modules)
}

fn one(id: &str, task: &Task, judged: &Judged, caught: &[Caught]) -> String {
    let short: String = id.chars().take(12).collect();
    let word = match (&judged.trouble, judged.is_sound()) {
        (Some(_), _) => style::yellow("not judged"),
        (None, true) => style::green("sound"),
        (None, false) => style::red("rejected"),
    };
    let mut out = format!("{short}  {word}  {} tests fail on it\n", task.fail_to_pass.len());
    for verdict in judged.verdicts.iter().filter(|verdict| !verdict.pass) {
        let detail = if verdict.detail.is_empty() { String::new() } else { format!(": {}", verdict.detail) };
        let _ = writeln!(out, "  {}: {}{detail}", verdict.gate, verdict.reason);
    }
    for leak in &judged.leaks {
        let _ = writeln!(out, "  leak: {leak}\n    help: {}", leak.remedy);
    }
    for caught in caught {
        let _ = writeln!(out, "  step {}: {}: {}", caught.step + 1, caught.aim.as_str(), caught.command);
    }
    if let Some(trouble) = &judged.trouble {
        let _ = writeln!(out, "  {trouble}");
    }
    out
}

/// Draws how many tasks each gate saw and let pass.
fn funnel(gates: &[String], judged: &[(&str, Judged, Vec<Caught>)]) -> String {
    let mut out = format!("\n{:<12} {:>5} {:>5}\n", "", "seen", "pass");
    for (at, gate) in gates.iter().enumerate() {
        let verdicts = judged.iter().filter_map(|(_, judged, _)| judged.verdicts.get(at));
        let (seen, pass) = (verdicts.clone().count(), verdicts.filter(|verdict| verdict.pass).count());
        let _ = writeln!(out, "{gate:<12} {seen:>5} {pass:>5}");
    }
    let tight =
        judged.iter().filter(|(_, judged, _)| judged.leaks.is_empty() && judged.trouble.is_none()).count();
    let _ = writeln!(out, "{:<12} {:>5} {tight:>5}", "leaks", judged.len());
    let sound = judged.iter().filter(|(_, judged, _)| judged.is_sound()).count();
    let _ = writeln!(out, "{sound} of {} tasks are sound", judged.len());
    out
}
