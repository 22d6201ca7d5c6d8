//! A program that looks for the answer from inside of the sandbox that a Solver has.

use std::path::Path;

use serde::{Deserialize, Serialize};
use sswe_engine::sandbox::Exit;

use super::{Answer, Check, Finding};
use crate::view::Surroundings;

/// The program; what it looks for it reads from its input, so that no file and no variable holds it.
const PROGRAM: &str = include_str!("search.py");

/// What is looked for.
#[derive(Serialize)]
struct Wanted<'a> {
    /// Pairs of strings: both in one file are a hidden test.
    canaries: Vec<(&'a str, &'a str)>,
    /// The sound files: path and text.
    sound: Vec<(&'a str, String)>,
    /// The names of the functions that only they have.
    functions: Vec<&'a str>,
    /// What files of the system are called that are worth a look.
    names: Vec<&'a str>,
    /// The folders of the interpreter.
    system: Vec<String>,
}

#[derive(Deserialize)]
struct Found {
    place: String,
    what: String,
}

/// Searches the sandbox that a Solver would have over a folder: its files, compiled code, objects of the
/// repository, processes, variables and mounts. The error says why it could not be searched.
pub async fn search(folder: &Path, answer: &Answer, around: &Surroundings) -> Result<Vec<Finding>, String> {
    let files = answer.sound.keys().chain(answer.tests.keys());
    let wanted = Wanted {
        canaries: answer.canaries(),
        sound: answer
            .sound
            .iter()
            .map(|(path, bytes)| (path.as_str(), String::from_utf8_lossy(bytes).into_owned()))
            .collect(),
        functions: answer
            .code
            .values()
            .flat_map(|(_, own)| own.functions.values())
            .map(String::as_str)
            .collect(),
        names: files.map(|path| path.rsplit_once('/').map_or(path.as_str(), |(_, name)| name)).collect(),
        system: around.python.readable.iter().map(|path| path.display().to_string()).collect(),
    };
    let program = around.python.program.display().to_string();
    let argv = [program, "-sS".to_owned(), "-c".to_owned(), PROGRAM.to_owned()];
    let mut action = around.action(folder, argv.to_vec()).map_err(|error| error.to_string())?;
    action.stdin = serde_json::to_vec(&wanted).map_err(|error| error.to_string())?;
    let outcome = around.run(action).await.map_err(|error| error.to_string())?;
    let failed = |why: &str| {
        let said = String::from_utf8_lossy(&outcome.stderr);
        format!(
            "the Solver's sandbox could not be searched: {why}: {}",
            said.lines().next_back().unwrap_or_default()
        )
    };
    if outcome.exit != Exit::Code(0) {
        return Err(failed(&format!("{:?} {:?}", outcome.exit, outcome.stopped)));
    }
    let found: Vec<Found> =
        serde_json::from_slice(&outcome.stdout).map_err(|error| failed(&error.to_string()))?;
    let finding = |Found { place, what }| {
        Finding::new(Check::Search, place, what, "leave it out of the sandbox: see `sswe task shell`")
    };
    Ok(found.into_iter().map(finding).collect())
}
