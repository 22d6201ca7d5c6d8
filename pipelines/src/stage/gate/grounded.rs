//! `grounded`: the files and symbols that the task names exist in the repository.

use sswe_engine::Context;

use super::{Said, reject};
use crate::artifact::{Task, Tree};
use crate::pipeline::Tools;
use crate::setting;

pub(super) async fn judge(context: &Context, tools: &Tools, task: &Task) -> Said {
    let is_strict = setting::word(context.stage(), "symbols")? == "strict";
    let repo = tools.shelf.repo(context, &crate::stage::digest(&task.repo)?).await?;
    for id in task.fail_to_pass.iter().chain(&task.pass_to_pass) {
        if !repo.suite.tests.contains_key(id) {
            return reject("it names a test that does not exist", id.clone());
        }
    }
    for name in quoted(&task.statement) {
        let is_path = name.contains('/') || name.ends_with(".py");
        if is_path {
            if repo.files.get(name).is_none() {
                return reject("it names a file that does not exist", name);
            }
            continue;
        }
        let Some(last) = name.trim_end_matches("()").rsplit('.').next().filter(|last| is_identifier(last))
        else {
            continue;
        };
        let known = match is_strict {
            true => defines(&repo.files, last) || is_exception(last),
            false => repo
                .files
                .iter()
                .any(|(path, _)| repo.files.text(path).is_some_and(|text| text.contains(last))),
        };
        if !known && !repo.suite.tests.contains_key(name) {
            return reject("it names a symbol that does not exist", name);
        }
    }
    Ok(None)
}

/// Returns what a statement has in backticks.
fn quoted(statement: &str) -> impl Iterator<Item = &str> {
    statement.split('`').skip(1).step_by(2)
}

fn is_identifier(text: &str) -> bool {
    let mut all = text.chars();
    all.next().is_some_and(|first| first.is_alphabetic() || first == '_')
        && all.all(|next| next.is_alphanumeric() || next == '_')
}

/// Returns whether some file defines a function or class of that name.
fn defines(files: &Tree, name: &str) -> bool {
    let is_it = |line: &str| {
        let line = line.trim_start();
        let line = line.strip_prefix("async ").unwrap_or(line);
        let rest = line.strip_prefix("def ").or_else(|| line.strip_prefix("class "));
        rest.and_then(|rest| rest.strip_prefix(name))
            .is_some_and(|rest| rest.starts_with(['(', ':', '[', ' ']))
    };
    files.iter().any(|(path, _)| files.text(path).is_some_and(|text| text.lines().any(is_it)))
}

/// Exceptions of the language itself are defined in no repository.
fn is_exception(name: &str) -> bool {
    name.ends_with("Error")
        || name.ends_with("Exception")
        || matches!(name, "StopIteration" | "KeyboardInterrupt")
}
