//! A gate of the user's own: a shell command that accepts a candidate by exiting with 0.

use std::collections::BTreeMap;

use sswe_engine::sandbox::{Action, Exit, Input, Limits, Stop, WORK};
use sswe_engine::{Context, Fault};

use super::{Said, reject};
use crate::artifact::Task;
use crate::pipeline::Tools;
use crate::{diff, setting};

/// The name of the patch in the work folder: no repository has such a file.
const CANDIDATE: &str = ".sswe-candidate.patch";

pub(super) async fn judge(context: &Context, tools: &Tools, task: &Task) -> Said {
    let stage = context.stage();
    let run = setting::word(stage, "run")?;
    let wall = setting::duration(stage, "wall")?;
    let repo = tools.shelf.repo(context, &crate::stage::digest(&task.repo)?).await?;
    // The repository as the candidate leaves it, and the patch that leads there.
    let mut files: BTreeMap<String, Input> = repo
        .files
        .iter()
        .map(|(path, file)| {
            let bytes = task.bug.get(path).map_or_else(|| file.bytes(), |text| text.clone().into_bytes());
            (path.to_owned(), Input { bytes, is_program: file.is_program() })
        })
        .collect();
    let patch = diff::patch(&repo.files, &task.bug).into_bytes();
    files.insert(CANDIDATE.to_owned(), Input { bytes: patch, is_program: false });
    let limits = &repo.suite.limits;
    let action = Action {
        files,
        argv: ["sh", "-c", run].map(str::to_owned).to_vec(),
        env: BTreeMap::from([("CANDIDATE".to_owned(), format!("{WORK}/{CANDIDATE}"))]),
        limits: Limits {
            wall,
            cpu: wall,
            memory: limits.memory,
            pids: limits.pids,
            output: limits.output,
            files: limits.files,
        },
        ..Action::default()
    };
    let outcome = tools.run(&repo.env, action).await?;
    if outcome.stopped == Some(Stop::Wall) {
        return Err(Fault::Infra(format!(
            "`{}` did not end within {wall:?}: raise `wall` of the gate",
            stage.name
        )));
    }
    let said = String::from_utf8_lossy(&outcome.stderr);
    let said = said.lines().next().unwrap_or_default().trim();
    if let Some(stop) = outcome.stopped {
        return Err(Fault::Failed(format!("its command reached a limit of the sandbox ({stop:?}): {said}")));
    }
    match outcome.exit {
        Exit::Code(0) => Ok(None),
        Exit::Code(126 | 127) => Err(Fault::Failed(format!("its command cannot be run: {said}"))),
        Exit::Code(2) if said.to_lowercase().contains("syntax error") => {
            Err(Fault::Failed(format!("its command is no shell command: {said}")))
        }
        Exit::Code(code) => reject("its command says no", format!("exit code {code}: {said}")),
        Exit::Signal(signal) => reject("its command was killed", format!("signal {signal}")),
    }
}
