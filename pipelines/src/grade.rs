//! What an attempt is worth: what of it crosses, what the tests say, and a second look where all of them pass.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};
use sswe_cache::{Digest, Fields};
use sswe_engine::{Artifact, Context, Fault, Step};

use crate::artifact::{self, Counts, Feedback, Function, Status, Suite, Task, Tree};
use crate::harness::{Ask, Bench, Crossing, Harness, Proposal, Report, Tests, filter};
use crate::pipeline::{Tools, fault};
use crate::shelf::Shelved;

/// Where it is remembered what was found out.
#[derive(Clone, Copy)]
pub enum Memory<'a> {
    /// In the store, as steps of an item.
    Store(&'a Context),
    /// Nowhere: everything is run.
    None,
}

/// What judges: a repository, what is known of its tests, and what runs them.
#[derive(Debug)]
pub struct Court<'a> {
    runner: Runner<'a>,
    tree: &'a Tree,
    repo: Digest,
    suite: &'a Suite,
}

#[derive(Debug)]
enum Runner<'a> {
    /// Found when something must run.
    Tools(&'a Tools, &'a Shelved),
    Harness(&'a Harness, &'a Bench),
}

impl<'a> Court<'a> {
    /// Makes one of a repository that is run here, whose suite is known.
    pub fn new(harness: &'a Harness, bench: &'a Bench, suite: &'a Suite) -> Court<'a> {
        let repo = Digest::of(bench.id.as_bytes());
        Court { runner: Runner::Harness(harness, bench), tree: &bench.tree, repo, suite }
    }

    pub(crate) fn of(tools: &'a Tools, repo: &'a Shelved) -> Court<'a> {
        Court { runner: Runner::Tools(tools, repo), tree: &repo.files, repo: repo.digest, suite: &repo.suite }
    }

    async fn measure(&self, ask: Ask) -> Result<Report, Fault> {
        match self.runner {
            Runner::Tools(tools, repo) => Box::pin(tools.measure(repo, ask)).await,
            Runner::Harness(harness, bench) => Box::pin(harness.measure(bench, ask)).await.map_err(fault),
        }
    }
}

/// What tests said of a change, test by test.
type Statuses = BTreeMap<String, Status>;

/// Returns what the tests say of an attempt on a task.
///
/// The tests that fail on the bug, and those that enter the edited function where it is known, run first;
/// only where all of them pass, the others decide. Where some fail, the others count as kept: they do not
/// enter what was edited. An attempt that passes them all and is not the reference is looked at once more.
pub async fn attempt(
    memory: Memory<'_>,
    court: &Court<'_>,
    task: &Task,
    proposal: &Proposal,
    edited: Option<(&str, &str)>,
) -> Result<Feedback, Fault> {
    let allowed: BTreeSet<&str> = task.bug.keys().map(String::as_str).collect();
    let crossing = filter(court.tree, proposal, &allowed);
    let step = Step {
        name: "attempt",
        inputs: vec![
            ("edit".to_owned(), digest_of(&crossing)),
            ("face".to_owned(), task.face()),
            ("hidden".to_owned(), task.hidden()),
        ],
        ..Step::default()
    };
    let judged = async { encoded("feedback", &judge(memory, court, task, &crossing, edited).await?) };
    let mut feedback: Feedback = memory.remembered(&step, "feedback", judged).await?;
    if feedback.counts.is_resolved() && !is_reference(court, task, &crossing) {
        let step = Step { name: "second", ..step };
        let (ids, _) = order(court.suite, task, edited);
        let (changed, deleted) = applied(court, task, &crossing);
        let looked = async { encoded("marks", &look(court, changed, deleted, ids).await?) };
        let marks: Marks = memory.remembered(&step, "marks", looked).await?;
        let reference = reference(memory, court).await?;
        if let Some(why) = alarm(&reference, &marks) {
            feedback = nothing(task, why);
        }
    }
    feedback.dropped = crossing.dropped;
    Ok(feedback)
}

async fn judge(
    memory: Memory<'_>,
    court: &Court<'_>,
    task: &Task,
    crossing: &Crossing,
    edited: Option<(&str, &str)>,
) -> Result<Feedback, Fault> {
    let (changed, deleted) = applied(court, task, crossing);
    let (first, rest) = order(court.suite, task, edited);
    let mut found = Statuses::new();
    if is_reference(court, task, crossing) {
        // What undoes a bug is the tree that it was planted in, whatever the bug was.
        found = Box::pin(sound(memory, court)).await?;
        found.retain(|id, _| first.contains(id) || rest.contains(id));
        // A test that it says nothing of must be asked.
        let is_whole = found.len() == first.len() + rest.len();
        if !is_whole || !found.values().all(|status| status.is_passed()) {
            found.clear();
        }
    }
    let is_known = !found.is_empty();
    for ids in [first, rest].into_iter().filter(|_| !is_known) {
        if ids.is_empty() || !found.values().all(|status| status.is_passed()) {
            continue;
        }
        let ask = Ask {
            changed: changed.clone(),
            deleted: deleted.clone(),
            tests: Tests::Only(ids.clone()),
            stop_at_loop: true,
            ..Ask::default()
        };
        let report = court.measure(ask).await?;
        if let Some(why) = report.forged {
            return Ok(nothing(task, why.to_string()));
        }
        found.extend(report.tests.into_iter().map(|test| (test.id, test.status)));
        // A test that nothing was heard of did not pass.
        for id in ids {
            found.entry(id).or_insert(Status::Missing);
        }
    }
    let passes = |id: &&String| found.get(*id).is_none_or(|status| status.is_passed());
    let counts = Counts {
        fixed: task.fail_to_pass.iter().filter(passes).count() as u32,
        failing: task.fail_to_pass.len() as u32,
        kept: task.pass_to_pass.iter().filter(passes).count() as u32,
        passing: task.pass_to_pass.len() as u32,
    };
    found.retain(|_, status| !status.is_passed());
    Ok(Feedback { not_passed: found, counts, ..Feedback::default() })
}

/// Returns what the trusted tests of a repository do as it is.
pub(crate) async fn sound(memory: Memory<'_>, court: &Court<'_>) -> Result<Statuses, Fault> {
    let step = Step { name: "sound", inputs: vec![("repo".to_owned(), court.repo)], ..Step::default() };
    let run = async {
        let trusted: Vec<String> = court.suite.trusted().map(str::to_owned).collect();
        let ask = Ask { tests: Tests::Only(trusted), stop_at_loop: true, ..Ask::default() };
        let tests = court.measure(ask).await?.tests;
        let statuses: Statuses = tests.into_iter().map(|test| (test.id, test.status)).collect();
        encoded("statuses", &statuses)
    };
    memory.remembered(&step, "statuses", run).await
}

/// Returns which tests run first, and which only where those pass.
fn order(suite: &Suite, task: &Task, edited: Option<(&str, &str)>) -> (Vec<String>, Vec<String>) {
    let passing: BTreeSet<&str> = task.pass_to_pass.iter().map(String::as_str).collect();
    let is_touched = |known: &Function| {
        edited.is_some_and(|(path, function)| known.path == path && known.name == function)
    };
    let mut covering: BTreeSet<String> =
        suite.covering(&is_touched).filter(|id| passing.contains(id)).map(str::to_owned).collect();
    // Code outside of functions runs when a module is loaded: any test may notice.
    if covering.is_empty() {
        covering = task.pass_to_pass.iter().cloned().collect();
    }
    let rest = task.pass_to_pass.iter().filter(|id| !covering.contains(*id)).cloned().collect();
    covering.extend(task.fail_to_pass.iter().cloned());
    (covering.into_iter().collect(), rest)
}

/// Returns the files that differ from the clean tree, and those that are not there: the bug, and what an
/// attempt made of it.
fn applied(
    court: &Court<'_>,
    task: &Task,
    crossing: &Crossing,
) -> (BTreeMap<String, String>, BTreeSet<String>) {
    let mut changed = task.bug.clone();
    changed.extend(crossing.changed.iter().map(|(path, text)| (path.clone(), text.clone())));
    changed.retain(|path, _| !crossing.deleted.contains(path));
    let is_there = |path: &&String| court.tree.get(path).is_some();
    (changed, crossing.deleted.iter().filter(is_there).cloned().collect())
}

/// Returns whether an attempt leaves the tree as it was before the bug.
fn is_reference(court: &Court<'_>, task: &Task, crossing: &Crossing) -> bool {
    let (changed, deleted) = applied(court, task, crossing);
    deleted.is_empty() && changed.iter().all(|(path, text)| court.tree.text(path) == Some(text))
}

/// Names what crosses.
fn digest_of(crossing: &Crossing) -> Digest {
    let mut said = Fields::new("sswe.edit.v1");
    for (path, text) in &crossing.changed {
        said.text("path", path).text("text", text);
    }
    for path in &crossing.deleted {
        said.text("deleted", path);
    }
    said.finish()
}

/// Returns what an attempt earns that cheats: no test passed.
fn nothing(task: &Task, why: String) -> Feedback {
    let all = task.fail_to_pass.iter().chain(&task.pass_to_pass);
    Feedback {
        not_passed: all.map(|id| (id.clone(), Status::Missing)).collect(),
        counts: Counts {
            failing: task.fail_to_pass.len() as u32,
            passing: task.pass_to_pass.len() as u32,
            ..Counts::default()
        },
        alarm: Some(why),
        ..Feedback::default()
    }
}

/// What a second look at some tests shows.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
struct Marks {
    /// The tests that pass.
    passed: BTreeSet<String>,
    /// The others that were asked for.
    not_passed: BTreeSet<String>,
    /// Those that compare anything at all.
    compared: BTreeSet<String>,
    /// What is remarkable of the values that they compare.
    marks: BTreeSet<String>,
    /// Why none of this counts.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    forged: Option<String>,
}

/// What a test is marked with that compares anything.
const COMPARES: &str = "compares";

impl Marks {
    fn of(report: Report, ids: &[String]) -> Marks {
        let is_passed =
            |id: &String| report.tests.iter().any(|test| test.id == *id && test.status.is_passed());
        let (passed, not_passed) = ids.iter().cloned().partition(is_passed);
        let does = |(id, marks): (&String, &BTreeSet<String>)| marks.contains(COMPARES).then(|| id.clone());
        let compared = report.marks.iter().filter_map(does).collect();
        let mut marks: BTreeSet<String> = report.marks.into_values().flatten().collect();
        marks.remove(COMPARES);
        Marks { passed, not_passed, compared, marks, forged: report.forged.map(|why| why.to_string()) }
    }
}

/// Looks at tests a second time.
async fn look(
    court: &Court<'_>,
    changed: BTreeMap<String, String>,
    deleted: BTreeSet<String>,
    ids: Vec<String>,
) -> Result<Marks, Fault> {
    let tests = Tests::Only(ids.clone());
    let ask = Ask { changed, deleted, tests, look: true, ..Ask::default() };
    Ok(Marks::of(court.measure(ask).await?, &ids))
}

/// Returns what a second look at the product shows as it should be. All of it, for whatever is asked later.
async fn reference(memory: Memory<'_>, court: &Court<'_>) -> Result<Marks, Fault> {
    let step = Step { name: "reference", inputs: vec![("repo".to_owned(), court.repo)], ..Step::default() };
    let looked = async {
        let trusted: Vec<String> = court.suite.trusted().map(str::to_owned).collect();
        let ask = Ask { tests: Tests::Only(trusted.clone()), look: true, ..Ask::default() };
        let report = court.measure(ask).await?;
        let known = report.known.clone();
        let mut marks = Marks::of(report, &trusted);
        marks.marks.extend(known);
        encoded("marks", &marks)
    };
    memory.remembered(&step, "marks", looked).await
}

/// Returns why an attempt that passes is none that mends, if a second look says so.
fn alarm(reference: &Marks, attempt: &Marks) -> Option<String> {
    let new = attempt.marks.difference(&reference.marks).next();
    let lost = attempt.not_passed.iter().find(|id| reference.passed.contains(*id));
    let forged = attempt.forged.as_ref().map(|why| format!("at a second look {why}"));
    let is_empty = |id: &&String| reference.compared.contains(*id) && !attempt.compared.contains(*id);
    let empty = attempt.passed.iter().find(is_empty);
    forged
        .or_else(|| new.map(|mark| format!("what tests compare is not what it was: {mark}")))
        .or_else(|| lost.map(|id| format!("`{id}` passes, but not at a second look")))
        .or_else(|| empty.map(|id| format!("`{id}` passes without comparing anything")))
}

fn encoded<T: Serialize>(port: &'static str, what: &T) -> Result<Vec<Artifact>, Fault> {
    Ok(vec![Artifact::new(port, artifact::encode(what))])
}

impl Memory<'_> {
    /// Returns what a step gives at a port: from memory, or by working.
    pub(crate) async fn remembered<T: serde::de::DeserializeOwned>(
        self,
        step: &Step,
        port: &str,
        work: impl Future<Output = Result<Vec<Artifact>, Fault>>,
    ) -> Result<T, Fault> {
        let absent = || Fault::Failed(format!("step `{}` gave no {port}", step.name));
        // In a box: one step within another is too large for a stack.
        let work = Box::pin(work);
        match self {
            Memory::Store(context) => {
                let bodies = context.step(step, work).await?;
                artifact::decode(bodies.get(port).ok_or_else(absent)?).map_err(Fault::Failed)
            }
            Memory::None => {
                let made = work.await?;
                let body = made.iter().find(|artifact| artifact.port() == port).ok_or_else(absent)?;
                artifact::decode(body.bytes().ok_or_else(absent)?).map_err(Fault::Failed)
            }
        }
    }
}
