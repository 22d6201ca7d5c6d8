//! `sswe task shell ID`: the Solver's view of a task, in the sandbox that a Solver would have.

use std::{io::IsTerminal as _, path::Path};

use sswe_engine::sandbox::{Exit, Native};
use sswe_pipelines::{
    Python,
    view::{self, Placed, Surroundings},
};

use super::{find, wait};
use crate::{Failure, exit, store, style};

pub(super) fn run(id: &str, out: Option<&Path>, command: &[String]) -> Result<u8, Failure> {
    let store = store::existing()?;
    let find::Found { task, .. } = find::by_id(&store, id)?;
    let repo = find::repo_of(&store, &task)?;
    let seen = view::solver(&task, &repo);
    let write = |folder: &Path| -> Result<Placed, Failure> {
        let placed = view::write(&seen.files, folder).map_err(Failure::file)?;
        if placed.commit.is_none() {
            find::note("`git` is not on the search path: these are plain files, without a repository");
        }
        Ok(placed)
    };
    if let Some(out) = out {
        let placed = write(out)?;
        let commit = placed.commit.map_or_else(String::new, |commit| format!(", commit {commit}"));
        style::say(format_args!("{} files in {}{commit}", seen.files.len(), out.display()));
        return Ok(exit::OK);
    }
    let trouble = |why: String| Failure::of(exit::STAGE_FAILED, why);
    let python = wait(Python::find("python3"))?.map_err(trouble)?;
    let around = Surroundings::of(&repo, python, &find::fetch(&store)).map_err(trouble)?;
    if let Some(image) = repo.env.as_ref().and_then(|env| env.image.as_deref()) {
        find::note(&format!(
            "its tests run in a container of {image}: this shell shows the same files, with this machine's Python"
        ));
    }
    let folder = Temporary::new();
    write(&folder.0)?;
    let is_person = command.is_empty() && std::io::stdin().is_terminal();
    let action =
        around.action(&folder.0, argv(command, is_person)).map_err(|error| trouble(error.to_string()))?;
    if is_person {
        style::say(format_args!("{}", task.statement.trim()));
        find::note("this is the Solver's view: no network, no history, no hidden test; `exit` leaves it");
    }
    let ran = wait(async {
        let run = Native.attended(action);
        tokio::pin!(run);
        loop {
            tokio::select! {
                ended = &mut run => return Some(ended),
                // The shell has a session of its own, and does not hear of it: a person leaves by `exit`.
                _ = tokio::signal::ctrl_c() => if !is_person { return None },
            }
        }
    })?;
    match ran {
        None => Ok(exit::INTERRUPTED),
        Some(Ok(Exit::Code(code))) => Ok(u8::try_from(code).unwrap_or(u8::MAX)),
        Some(Ok(Exit::Signal(signal))) => Ok(u8::try_from(128 + signal).unwrap_or(u8::MAX)),
        Some(Err(error)) => Err(trouble(error.to_string())
            .hint("`sswe task shell ID --out DIR` writes the same files without a sandbox")),
    }
}

fn argv(command: &[String], is_person: bool) -> Vec<String> {
    let words = match (command, is_person) {
        ([], true) if Path::new("/bin/bash").exists() => vec!["bash", "--norc", "--noprofile", "-i"],
        ([], true) => vec!["sh", "-i"],
        ([], false) => vec!["sh"],
        (command, _) => return command.to_vec(),
    };
    words.into_iter().map(str::to_owned).collect()
}

/// A folder that goes when the command ends.
struct Temporary(std::path::PathBuf);

impl Temporary {
    fn new() -> Temporary {
        Temporary(std::env::temp_dir().join(format!("sswe-view-{}", std::process::id())))
    }
}

impl Drop for Temporary {
    fn drop(&mut self) {
        // In the folder for such things: what stays behind is removed some day.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}
