//! What tests say of changed code, and what they show of it.

use std::collections::{BTreeMap, BTreeSet};

use sswe_engine::{Artifact, Context, Fault, Step};

use crate::artifact::{self, Counts, Outcome, Status, TestResult};
use crate::grade::Memory;
use crate::harness::{Ask, Report, Tests, Trace};
use crate::pipeline::Tools;
use crate::shelf::Shelved;

/// What tests did, by id.
pub(crate) type Statuses = BTreeMap<String, Status>;

/// Returns what the trusted tests of a repository do after some files changed. Remembered as `step`.
pub(crate) async fn statuses(
    context: &Context,
    tools: &Tools,
    repo: &Shelved,
    changed: &BTreeMap<String, String>,
    step: &Step,
) -> Result<Statuses, Fault> {
    let work = async {
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

/// What tests show of a changed repository: their results with the functions they enter, and the
/// lines that those execute which do not pass, and some that pass.
pub(crate) async fn observe(
    tools: &Tools,
    repo: &Shelved,
    changed: &BTreeMap<String, String>,
) -> Result<(Report, Option<Report>), Fault> {
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
    if loops(&report) || report.tests.iter().all(|test| test.status.is_passed()) {
        return Ok((report, None));
    }
    let report = tools.measure(repo, ask(trusted, Trace::Functions)).await?;
    let failing: Vec<String> =
        report.tests.iter().filter(|test| !test.status.is_passed()).map(|test| test.id.clone()).collect();
    let watched = watched(&report);
    let lines = tools.measure(repo, ask(failing.into_iter().chain(watched).collect(), Trace::Lines)).await?;
    Ok((report, Some(lines)))
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
