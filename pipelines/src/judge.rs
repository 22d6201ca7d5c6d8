//! What tests say of changed code, and what they show of it.

use std::collections::{BTreeMap, BTreeSet};

use sswe_engine::{Artifact, Context, Fault, Step};

use crate::artifact::{self, Counts, Outcome, Status, TestResult};
use crate::grade::{self, Memory};
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
    Memory::Store(context).remembered(step, "statuses", work).await
}

/// Returns what the trusted tests of a repository do as it is.
pub(crate) async fn sound(context: &Context, tools: &Tools, repo: &Shelved) -> Result<Statuses, Fault> {
    grade::sound(Memory::Store(context), &grade::Court::of(tools, repo)).await
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
