//! Whether a task gives its answer away: the reference fix and the hidden tests are looked for
//! wherever a Solver could find them.
//!
//! Each check is a function that returns what it found. None of them decides anything in a build:
//! what a task says is written from what the broken repository shows, and no model has a shell yet.

mod answer;
mod code;
mod history;
mod search;
mod trace;

use std::fmt;
use std::path::Path;

use serde::Serialize;

use crate::artifact::{Attempt, Card, Feedback, Observed, Repo, Task};
use crate::rewriter::{self, is_product};
use crate::view::{self, Surroundings, View};

pub use answer::Answer;
pub use code::{Library, code, copies};
pub use history::history;
pub use search::search;
pub use trace::{Aim, Caught, trace};

/// Something from which a Solver could take the answer.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
pub struct Finding {
    /// What found it.
    pub check: Check,
    /// Where it is.
    pub place: String,
    /// What it is.
    pub what: String,
    /// What to do about it.
    pub remedy: &'static str,
}

/// What looks for a leak.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Check {
    /// Files that builds, tools and version control leave behind.
    Files,
    /// The objects and references of the repository.
    History,
    /// The sound code, elsewhere.
    Code,
    /// The statement and the cards.
    Words,
    /// The text of hidden tests.
    Hidden,
    /// What a program in the Solver's sandbox finds.
    Search,
    /// What verdicts told.
    Feedback,
}

impl Check {
    /// Returns its name.
    pub fn as_str(self) -> &'static str {
        match self {
            Check::Files => "files",
            Check::History => "history",
            Check::Code => "code",
            Check::Words => "words",
            Check::Hidden => "hidden",
            Check::Search => "search",
            Check::Feedback => "feedback",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}: {}", self.check.as_str(), self.place, self.what)
    }
}

impl Finding {
    pub(crate) fn new(
        check: Check,
        place: impl Into<String>,
        what: impl Into<String>,
        remedy: &'static str,
    ) -> Finding {
        Finding { check, place: place.into(), what: what.into(), remedy }
    }
}

/// Looks everywhere: at what the task says, and at its view, which is written to `folder` and searched
/// from inside of the sandbox that a Solver would have. The error says why that was not possible.
pub async fn inspect(
    task: &Task,
    repo: &Repo,
    cards: &[Card],
    library: &Library,
    around: &Surroundings,
    folder: &Path,
) -> Result<Vec<Finding>, String> {
    let answer = Answer::new(task, repo);
    let view = view::solver(task, repo);
    let mut found = words(&task.statement, Some(&task.observed), &answer);
    for card in cards {
        let about = |finding: Finding| Finding { place: format!("card `{}`", card.name), ..finding };
        found.extend(words(&rewriter::skill_md(card), None, &answer).into_iter().map(about));
    }
    found.extend(files(&view));
    found.extend(hidden(&view, &answer));
    found.extend(copies(&view, &answer));
    found.extend(code(library, &answer));
    found.extend(observed(&task.observed, &answer));
    let placed = view::write(&view.files, folder)?;
    if placed.commit.is_some() {
        found.extend(history(folder, &answer)?);
    }
    found.extend(search(folder, &answer, around).await?);
    found.sort();
    found.dedup();
    Ok(found)
}

/// Finds names in a view that no repository should have: history, caches, what was built.
pub fn files(view: &View) -> Vec<Finding> {
    let what = "history, a cache or something that was built: it may hold the sound code";
    let paths = view.files.iter().map(|(path, _)| path).filter(|path| view::is_left_behind(path));
    paths.map(|path| Finding::new(Check::Files, path, what, "leave it out of what the Solver gets")).collect()
}

/// Finds text of hidden tests in a view: a test that product code defines, a copy, a patch, a log.
pub fn hidden(view: &View, answer: &Answer) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, _) in view.files.iter() {
        let Some(text) = view.files.text(path) else { continue };
        for test in &answer.hidden {
            if test.is_in(text) {
                let what = format!("the text of the hidden test `{}`", test.id);
                let remedy = match is_product(path) {
                    true => "a test inside of product code cannot be hidden: leave it out of the suite",
                    false => "withhold the file",
                };
                found.push(Finding::new(Check::Hidden, path, what, remedy));
            }
        }
    }
    found
}

/// Finds out whether a text gives the fix away: names, strings or pieces of code that only the sound
/// side has. What the failure itself shows may be named.
pub fn words(text: &str, observed: Option<&Observed>, answer: &Answer) -> Vec<Finding> {
    let remedy = "say only what can be seen of the failure";
    let told = rewriter::quotes(text, observed, &answer.pieces);
    let place = if observed.is_some() { "the statement" } else { "the text" };
    told.into_iter().map(|told| Finding::new(Check::Words, place, told, remedy)).collect()
}

/// Finds text of tests in what was observed of a failure: it reaches statements and cards.
pub fn observed(observed: &Observed, answer: &Answer) -> Vec<Finding> {
    let remedy = "tell the type of an exception and frames of product code, and no message";
    let mut found = Vec::new();
    for failure in &observed.failures {
        let is_name = |text: &str| {
            !text.is_empty() && text.chars().all(|letter| letter.is_alphanumeric() || "_.".contains(letter))
        };
        if !is_name(&failure.exception) {
            let what = format!("`{}` is more than the type of an exception", failure.exception);
            found.push(Finding::new(Check::Feedback, "what was observed", what, remedy));
        }
        for frame in failure.frames.iter().filter(|frame| !is_product(&frame.path)) {
            let what = format!("a frame of `{}`, which is no product code", frame.path);
            found.push(Finding::new(Check::Feedback, "what was observed", what, remedy));
        }
    }
    let text = String::from_utf8(crate::artifact::encode(observed)).unwrap_or_default();
    found.extend(carried("what was observed", &text, answer, remedy));
    found
}

/// Finds text of tests in what an attempt was told, and in the trace that later rounds learn from.
pub fn feedback(attempt: &Attempt, answer: &Answer) -> Vec<Finding> {
    let remedy = "tell ids of tests and what they did, and nothing that they printed";
    let mut found = observed(&attempt.observed, answer);
    // An alarm and dropped paths are words of ours and of the attempt: the text below is looked through.
    let Feedback { not_passed, counts: _, alarm: _, dropped: _ } = &attempt.feedback;
    for id in not_passed.keys().filter(|id| id.contains('\n')) {
        found.push(Finding::new(Check::Feedback, "the feedback", format!("`{id}` is no id"), remedy));
    }
    let text = String::from_utf8(crate::artifact::encode(&attempt.feedback)).unwrap_or_default();
    found.extend(carried("the feedback", &text, answer, remedy));
    found
}

/// Finds lines of hidden tests in a text that is about them.
pub fn carried(place: &str, text: &str, answer: &Answer, remedy: &'static str) -> Vec<Finding> {
    let lines = answer.hidden.iter().flat_map(|test| test.lines.iter().map(move |line| (test, line)));
    // As it is, and as a string of JSON has it.
    let quoted = |line: &str| serde_json::Value::from(line).to_string().trim_matches('"').to_owned();
    let carries = lines.filter(|(_, line)| text.contains(line.as_str()) || text.contains(&quoted(line)));
    let finding = |(test, line): (&answer::Hidden, &String)| {
        Finding::new(Check::Feedback, place, format!("a line of `{}`: `{line}`", test.id), remedy)
    };
    carries.map(finding).collect()
}
