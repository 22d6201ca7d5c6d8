//! What tests say of changed code: the one place where stages run them.

use std::collections::{BTreeMap, BTreeSet};

use sswe_cache::Fields;
use sswe_engine::{Artifact, Context, Fault, Step};

use crate::artifact::{self, Counts, Feedback, Outcome, Status, Task, TestResult};
use crate::harness::{Ask, Report, Tests, Trace};
use crate::pipeline::Tools;
use crate::shelf::{Entered, Shelved};

/// What tests did, by id.
pub(crate) type Statuses = BTreeMap<String, Status>;

/// Returns what the trusted tests of a repository do after some files changed. Remembered as `step`.
/// Where they were run for another reason, `made` is what they did.
pub(crate) async fn statuses(
    context: &Context,
    tools: &Tools,
    repo: &Shelved,
    changed: &BTreeMap<String, String>,
    step: &Step,
    made: Option<Statuses>,
) -> Result<Statuses, Fault> {
    let work = async {
        if let Some(made) = made {
            return Ok(vec![Artifact::new("statuses", artifact::encode(&made))]);
        }
        let trusted: Vec<String> = repo.suite.trusted().map(str::to_owned).collect();
        let ask = Ask {
            changed: changed.clone(),
            tests: Tests::Only(trusted),
            stop_at_loop: true,
            ..Ask::default()
        };
        let statuses = by_id(&tools.measure(repo, ask).await?);
        Ok(vec![Artifact::new("statuses", artifact::encode(&statuses))])
    };
    remembered(context, step, "statuses", work).await
}

/// Returns what the trusted tests of a repository do as it is.
pub(crate) async fn sound(context: &Context, tools: &Tools, repo: &Shelved) -> Result<Statuses, Fault> {
    let step = Step { name: "sound", inputs: vec![("repo".to_owned(), repo.digest)], ..Step::default() };
    statuses(context, tools, repo, &BTreeMap::new(), &step, None).await
}

/// Returns what the tests say of an attempt: an edited version of the buggy repository.
///
/// The tests that fail on the bug, and those that enter the edited function, run first; only where
/// all of them pass, the others decide. Where some fail, the others count as kept: they do not
/// enter what was edited.
pub(crate) async fn attempt(
    context: &Context,
    tools: &Tools,
    repo: &Shelved,
    task: &Task,
    edited: (&str, &str, &str),
) -> Result<Feedback, Fault> {
    let (path, function, text) = edited;
    let mut said = Fields::new("sswe.edit.v1");
    said.text("path", path).text("text", text);
    let step = Step {
        name: "attempt",
        inputs: vec![
            ("edit".to_owned(), said.finish()),
            ("face".to_owned(), task.face()),
            ("hidden".to_owned(), task.hidden()),
        ],
        ..Step::default()
    };
    let work = async {
        let mut changed = task.bug.clone();
        changed.insert(path.to_owned(), text.to_owned());
        let failing: BTreeSet<&str> = task.fail_to_pass.iter().map(String::as_str).collect();
        let passing: BTreeSet<&str> = task.pass_to_pass.iter().map(String::as_str).collect();
        let is_touched = |known: &artifact::Function| known.path == path && known.name == function;
        let covering: BTreeSet<&str> =
            repo.suite.covering(&is_touched).filter(|id| passing.contains(id)).collect();
        // Code outside of functions runs when a module is loaded: any test may notice.
        let covering = if covering.is_empty() { passing.clone() } else { covering };

        let all_pass = |found: &Statuses| found.values().all(|status| status.is_passed());
        changed.retain(|path, text| repo.files.text(path) != Some(text));
        let mut found = Statuses::new();
        if changed.is_empty() {
            // What undoes a bug is the tree that it was planted in, whatever the bug was.
            found = sound(context, tools, repo).await?;
            found.retain(|id, _| failing.contains(&**id) || passing.contains(&**id));
        }
        if found.is_empty() || !all_pass(&found) {
            let first: Vec<&str> = failing.union(&covering).copied().collect();
            found = run(tools, repo, &changed, &first).await?;
            let rest: Vec<&str> = passing.difference(&covering).copied().collect();
            if all_pass(&found) && !rest.is_empty() {
                found.extend(run(tools, repo, &changed, &rest).await?);
            }
        }
        let passes = |id: &&&str| found.get(**id).is_none_or(|status| status.is_passed());
        let counts = Counts {
            fixed: failing.iter().filter(passes).count() as u32,
            failing: failing.len() as u32,
            kept: passing.iter().filter(passes).count() as u32,
            passing: passing.len() as u32,
        };
        found.retain(|_, status| !status.is_passed());
        Ok(vec![Artifact::new("feedback", artifact::encode(&Feedback { not_passed: found, counts }))])
    };
    remembered(context, &step, "feedback", work).await
}

/// Returns how an attempt ended.
pub(crate) fn outcome(counts: Counts) -> Outcome {
    if counts.is_resolved() {
        Outcome::Passed
    } else if counts.fixed > 0 {
        Outcome::Partial
    } else {
        Outcome::Failed
    }
}

async fn run(
    tools: &Tools,
    repo: &Shelved,
    changed: &BTreeMap<String, String>,
    ids: &[&str],
) -> Result<Statuses, Fault> {
    let tests = Tests::Only(ids.iter().map(|id| (*id).to_owned()).collect());
    let report = tools
        .measure(repo, Ask { changed: changed.clone(), tests, stop_at_loop: true, ..Ask::default() })
        .await?;
    let mut found = by_id(&report);
    // A test that nothing was heard of did not pass.
    for id in ids {
        found.entry((*id).to_owned()).or_insert(Status::Missing);
    }
    Ok(found)
}

fn by_id(report: &Report) -> Statuses {
    report.tests.iter().map(|test| (test.id.clone(), test.status)).collect()
}

/// Passing tests whose lines are noted, at the most: what they execute too is less suspicious.
const WATCHED: usize = 40;

/// What tests show of a changed repository.
pub(crate) struct Sight {
    /// What they did in a run without notes: as good as any other run, whose outcome [`statuses`] gives.
    pub(crate) run: Statuses,
    /// Their results with the functions they enter.
    pub(crate) report: Report,
    /// The lines that those execute which do not pass, and some that pass.
    pub(crate) lines: Option<Report>,
}

/// Looks at a changed repository. A test notices the change where it enters a function that `notices` it.
pub(crate) async fn observe(
    tools: &Tools,
    repo: &Shelved,
    changed: &BTreeMap<String, String>,
    notices: &(dyn Fn(&str, &str) -> bool + Sync),
) -> Result<Sight, Fault> {
    let trusted: Vec<String> = repo.suite.trusted().map(str::to_owned).collect();
    let ask = |tests: Vec<String>, trace: Trace| Ask {
        changed: changed.clone(),
        tests: Tests::Only(tests),
        trace,
        stop_at_loop: true,
        ..Ask::default()
    };
    // Without notes first: what loops would loop ten times longer with them.
    let report = tools.measure(repo, ask(trusted.clone(), Trace::Off)).await?;
    let run = by_id(&report);
    if loops(&report) || run.values().all(|status| status.is_passed()) {
        return Ok(Sight { run, report, lines: None });
    }
    // A test that does not notice the change enters what it enters on the clean tree; unless one of them
    // fails all the same. All run, in their order, so that each finds what the others leave behind.
    let known = entered(tools, repo).await?;
    let may_notice =
        |id: &String| known.get(id).is_none_or(|all| all.iter().any(|(path, name)| notices(path, name)));
    let noted: BTreeSet<String> = trusted.iter().filter(|id| may_notice(id)).cloned().collect();
    let is_strange = |test: &TestResult| !test.status.is_passed() && !noted.contains(&test.id);
    let mut is_whole = report.tests.iter().any(is_strange);
    let mut report = report;
    if !is_whole {
        let some = Ask { noted: Some(noted.clone()), ..ask(trusted.clone(), Trace::Functions) };
        report = tools.measure(repo, some).await?;
        is_whole = report.tests.iter().any(is_strange);
    }
    if is_whole {
        report = tools.measure(repo, ask(trusted, Trace::Functions)).await?;
    } else {
        for test in report.tests.iter_mut().filter(|test| !noted.contains(&test.id)) {
            test.entered = known.get(&test.id).cloned().unwrap_or_default();
        }
    }
    let failing: Vec<String> =
        report.tests.iter().filter(|test| !test.status.is_passed()).map(|test| test.id.clone()).collect();
    let watched = watched(&report);
    let lines = tools.measure(repo, ask(failing.into_iter().chain(watched).collect(), Trace::Lines)).await?;
    Ok(Sight { run, report, lines: Some(lines) })
}

/// Returns the functions that trusted tests enter on the clean tree, where they are run as on a changed one.
async fn entered<'a>(tools: &Tools, repo: &'a Shelved) -> Result<&'a Entered, Fault> {
    let run = || async {
        let tests = Tests::Only(repo.suite.trusted().map(str::to_owned).collect());
        let ask = Ask { tests, trace: Trace::Functions, stop_at_loop: true, ..Ask::default() };
        let tests = tools.measure(repo, ask).await?.tests;
        Ok(tests
            .into_iter()
            .filter(|test| test.status.is_passed())
            .map(|test| (test.id, test.entered))
            .collect())
    };
    repo.entered.get_or_try_init(run).await
}

/// Returns the passing tests that share most functions with the failing ones: those that all enter,
/// as modules are loaded, do not count.
fn watched(report: &Report) -> Vec<String> {
    let (passing, failing): (Vec<_>, Vec<_>) = report.tests.iter().partition(|test| test.status.is_passed());
    let suspicious: BTreeSet<_> = failing.iter().flat_map(|test| &test.entered).collect();
    let everywhere =
        |function: &&(String, String)| !report.tests.iter().all(|test| test.entered.contains(function));
    let suspicious: BTreeSet<_> = suspicious.into_iter().filter(everywhere).collect();
    let shared =
        |test: &&TestResult| test.entered.iter().filter(|function| suspicious.contains(function)).count();
    let mut found: Vec<(usize, &str)> = passing
        .iter()
        .map(|test| (shared(test), test.id.as_str()))
        .filter(|(shared, _)| *shared > 0)
        .collect();
    found.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    found.into_iter().take(WATCHED).map(|(_, id)| id.to_owned()).collect()
}

/// Returns whether some test did not come to an end.
pub(crate) fn loops(report: &Report) -> bool {
    report.tests.iter().any(|test| test.status == Status::Timeout)
}

async fn remembered<T: serde::de::DeserializeOwned>(
    context: &Context,
    step: &Step,
    port: &str,
    work: impl Future<Output = Result<Vec<Artifact>, Fault>>,
) -> Result<T, Fault> {
    let bodies = context.step(step, work).await?;
    let body =
        bodies.get(port).ok_or_else(|| Fault::Failed(format!("step `{}` gave no {port}", step.name)))?;
    artifact::decode(body).map_err(Fault::Failed)
}
