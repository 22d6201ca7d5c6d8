//! `sswe task show ID --as solver|verifier`

use std::fmt::Write as _;

use serde_json::json;
use sswe_pipelines::{artifact::Task, view};

use super::find;
use crate::{
    Failure,
    args::{Plain, Side},
    exit, store, style,
};

pub(super) fn run(id: &str, side: Side, output: Plain) -> Result<u8, Failure> {
    let store = store::existing()?;
    let find::Found { digest, task } = find::by_id(&store, id)?;
    let repo = find::repo_of(&store, &task)?;
    let seen = view::solver(&task, &repo);
    let files: Vec<&str> = seen.files.iter().map(|(path, _)| path).collect();
    let text = match (side, output) {
        (Side::Solver, Plain::Json) => {
            let Task { statement, language, observed, .. } = &task;
            let line = json!({
                "id": task.face().to_string(), "as": "solver", "statement": statement, "language": language,
                "observed": observed, "files": files,
            });
            format!("{line}\n")
        }
        (Side::Verifier, Plain::Json) => {
            let withheld =
                seen.withheld.iter().map(|(path, why)| json!({ "path": path, "why": why.as_str() }));
            let line = json!({
                "id": digest.to_string(), "as": "verifier", "task": task, "reference": view::reference(&task, &repo),
                "withheld": withheld.collect::<Vec<_>>(),
            });
            format!("{line}\n")
        }
        (Side::Solver, Plain::Human) => solver(&task, &files),
        (Side::Verifier, Plain::Human) => {
            let mut out = format!("task {digest}, as its verifier knows it\n\n");
            let _ = writeln!(out, "must pass, and fail on the bug: {}", task.fail_to_pass.len());
            task.fail_to_pass.iter().for_each(|test| out.push_str(&format!("  {test}\n")));
            let _ = writeln!(out, "must go on passing: {}", task.pass_to_pass.len());
            out.push_str("withheld from the Solver:\n");
            seen.withheld
                .iter()
                .for_each(|(path, why)| out.push_str(&format!("  {path}: {}\n", why.as_str())));
            let _ = write!(out, "the reference fix:\n\n{}", view::reference(&task, &repo));
            out
        }
    };
    style::print(&text);
    Ok(exit::OK)
}

/// Tells nothing but what a Solver may know: not even the digest of the task, which depends on the rest.
fn solver(task: &Task, files: &[&str]) -> String {
    let mut out = format!("task {}, as a Solver sees it\n\n{}\n\n", task.face(), task.statement.trim());
    let _ = writeln!(out, "{} tests fail:", task.observed.failing);
    for failure in &task.observed.failures {
        let place = failure.frames.last().map_or_else(String::new, |frame| {
            format!(", out of `{}` in {}:{}", frame.function, frame.path, frame.line)
        });
        let _ = writeln!(out, "  {}{place} ({})", failure.exception, failure.tests);
    }
    let _ = writeln!(out, "files: {}", files.len());
    files.iter().for_each(|path| out.push_str(&format!("  {path}\n")));
    out
}
