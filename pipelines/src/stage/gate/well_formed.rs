//! `well_formed`: the patch applies, the result parses, and it is not larger than a bug should be.

use sswe_engine::{Context, Fault};

use super::{Said, reject};
use crate::artifact::Task;
use crate::pipeline::Tools;
use crate::{diff, rewriter, setting};

pub(super) async fn judge(context: &Context, tools: &Tools, task: &Task) -> Said {
    let stage = context.stage();
    let most_files = setting::count(stage, "max_files")?;
    let most_lines = setting::count(stage, "max_lines")?;
    let repo = tools.shelf.repo(context, &crate::stage::digest(&task.repo)?).await?;
    if task.schema != "task/1" || task.patch_kind != "bug" || task.language != "python" {
        return reject(
            "it is not a bug in Python",
            format!("{} {} {}", task.schema, task.patch_kind, task.language),
        );
    }
    if task.statement.trim().is_empty() {
        return reject("it has no statement", "");
    }
    if let Some(leak) = rewriter::leaks(&task.statement, &task.observed, &task.planted) {
        return reject("its statement gives the fix away", leak);
    }
    if task.bug.is_empty() {
        return reject("it changes nothing", "");
    }
    if task.bug.len() as u64 > most_files {
        return reject("it changes too many files", format!("{} of {most_files}", task.bug.len()));
    }
    let mut lines = 0;
    for (path, new) in &task.bug {
        let Some(old) = repo.files.text(path) else {
            return reject("it changes a file that is not there", path.clone());
        };
        if old == new {
            return reject("it changes nothing", path.clone());
        }
        if path.ends_with(".py") && !parses(new) {
            return reject("it does not parse", path.clone());
        }
        lines += diff::changed_lines(old, new);
    }
    if lines > most_lines {
        return reject("it changes too many lines", format!("{lines} of {most_lines}"));
    }
    Ok::<_, Fault>(None)
}

/// Returns whether a text is Python that parses.
fn parses(text: &str) -> bool {
    let mut parser = tree_sitter::Parser::new();
    let is_ready = parser.set_language(&tree_sitter_python::LANGUAGE.into()).is_ok();
    is_ready && parser.parse(text, None).is_some_and(|tree| !tree.root_node().has_error())
}
