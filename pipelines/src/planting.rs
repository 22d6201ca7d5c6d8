//! From a planted edit to a candidate: what the broken repository shows, and how it is told.

use std::collections::BTreeMap;

use sswe_cache::Digest;
use sswe_engine::{Artifact, Context, Fault, Step};

use crate::artifact::{self, Covered, Failure, LOOPS, Observed, Plant, Status, Task, TestResult};
use crate::harness::Report;
use crate::judge::{self, Statuses};
use crate::pipeline::Tools;
use crate::rewriter::{self, Edit};
use crate::shelf::Shelved;

/// A planted edit.
pub(crate) struct Planted {
    /// What became of it.
    pub(crate) task: Task,
    /// What the trusted tests did in a run of their own, where one was made just now.
    pub(crate) run: Option<Statuses>,
}

/// Plants an edit in a repository and looks at what breaks. What breaks is remembered: it is the
/// same whoever plants the edit, and why.
pub(crate) async fn plant(
    context: &Context,
    tools: &Tools,
    repo: &Shelved,
    edit: &Edit,
    card: Option<String>,
    group: u64,
) -> Result<Planted, Fault> {
    let step = Step {
        name: "plant",
        settings: vec![
            ("path".to_owned(), edit.path.to_string()),
            ("start".to_owned(), edit.start.to_string()),
            ("before".to_owned(), edit.before.clone()),
            ("after".to_owned(), edit.after.clone()),
        ],
        inputs: vec![("repo".to_owned(), repo.digest)],
        ..Step::default()
    };
    let mut run = None;
    let work = async {
        let (task, statuses) = look(tools, repo, edit).await?;
        run = Some(statuses);
        Ok(vec![Artifact::new("task", artifact::encode(&task))])
    };
    let bodies = context.step(&step, Box::pin(work)).await?;
    let body = bodies.get("task").map(Vec::as_slice).unwrap_or_default();
    let task: Task = artifact::decode(body).map_err(Fault::Failed)?;
    let task = Task { planted: Plant { card, group, ..task.planted }, ..task };
    Ok(Planted { task, run })
}

/// Names a run of the suite on a bug: whoever asks for the same one gets the same one.
pub(crate) fn run_of(task: &Task, run: u64) -> Result<Step, Fault> {
    let inputs = vec![
        ("bug".to_owned(), Digest::of(&artifact::encode(&task.bug))),
        ("repo".to_owned(), crate::stage::digest(&task.repo)?),
    ];
    Ok(Step { name: "run", inputs, draw: Some(run), ..Step::default() })
}

async fn look(tools: &Tools, repo: &Shelved, edit: &Edit) -> Result<(Task, Statuses), Fault> {
    let old = repo.files.text(&edit.path).unwrap_or_default();
    let bug = BTreeMap::from([(edit.path.to_string(), edit.apply(old).unwrap_or_else(|| old.to_owned()))]);
    // Code that runs in another way than by a call may be noticed by any test.
    let is_plain = repo.source.is_in_plain_body(&edit.path, &edit.function, edit.start);
    let notices = |path: &str, function: &str| !is_plain || is_touched(edit, path, function);
    let judge::Sight { run, report, lines } = judge::observe(tools, repo, &bug, &notices).await?;
    let passes = |id: &str| report.tests.iter().any(|test| test.id == id && test.status.is_passed());
    let (pass_to_pass, fail_to_pass) =
        repo.suite.trusted().map(str::to_owned).partition::<Vec<_>, _>(|id| passes(id));
    let observed = observed(&report, lines.as_ref());
    let statement = rewriter::statement(&observed);
    let planted = Plant {
        kind: edit.kind.as_str().to_owned(),
        path: edit.path.to_string(),
        function: edit.function.to_string(),
        line: edit.line,
        before: edit.before.clone(),
        after: edit.after.clone(),
        start: edit.start,
        card: None,
        group: 0,
    };
    let task = Task {
        schema: "task/1".to_owned(),
        patch_kind: "bug".to_owned(),
        repo: repo.digest.to_string(),
        language: "python".to_owned(),
        statement,
        bug,
        fail_to_pass,
        pass_to_pass,
        observed,
        planted,
    };
    Ok((task, run))
}

/// Returns whether a function, by path and name, is the one around an edit or inside of that.
fn is_touched(edit: &Edit, path: &str, function: &str) -> bool {
    if path != &*edit.path {
        return false;
    }
    let name = rewriter::plain_name(function);
    let inner = name.strip_prefix(&*edit.function);
    inner.is_some_and(|inner| inner.is_empty() || inner.starts_with('.'))
}

/// Sums up what tests did: each different failure once, and who entered and executed what.
fn observed(report: &Report, lines: Option<&Report>) -> Observed {
    let mut failures: BTreeMap<Failure, u32> = BTreeMap::new();
    let mut covered: BTreeMap<(&str, &str), (u32, u32)> = BTreeMap::new();
    let fails = |test: &&TestResult| !test.status.is_passed();
    for test in &report.tests {
        for (path, function) in &test.entered {
            let counts = covered.entry((path, function)).or_default();
            if fails(&test) { counts.0 += 1 } else { counts.1 += 1 }
        }
    }
    for test in report.tests.iter().filter(fails) {
        let (exception, frames) = match &test.raised {
            Some(raised) => (raised.exception.clone(), raised.frames.clone()),
            None if test.status == Status::Timeout => (LOOPS.to_owned(), Vec::new()),
            None => (format!("{:?}", test.status), Vec::new()),
        };
        *failures.entry(Failure { exception, frames, tests: 0 }).or_default() += 1;
    }
    let mut executed: BTreeMap<&str, BTreeMap<u32, (u32, u32)>> = BTreeMap::new();
    let mut watched = 0;
    for test in lines.into_iter().flat_map(|report| &report.tests) {
        watched += u32::from(!fails(&test));
        for (path, lines) in &test.lines {
            let file = executed.entry(path).or_default();
            for line in lines {
                let counts = file.entry(*line).or_default();
                if fails(&test) { counts.0 += 1 } else { counts.1 += 1 }
            }
        }
    }
    for lines in executed.values_mut() {
        lines.retain(|_, (failing, _)| *failing > 0);
    }
    executed.retain(|_, lines| !lines.is_empty());
    // Only what a failing test entered can have failed it.
    covered.retain(|_, (failing, _)| *failing > 0);
    Observed {
        failing: report.tests.iter().filter(fails).count() as u32,
        failures: failures.into_iter().map(|(failure, tests)| Failure { tests, ..failure }).collect(),
        covered: covered
            .into_iter()
            .map(|((path, function), (failing, passing))| Covered {
                path: path.to_owned(),
                function: function.to_owned(),
                failing,
                passing,
            })
            .collect(),
        lines: executed
            .into_iter()
            .map(|(path, lines)| {
                let lines = lines.into_iter().map(|(line, (failing, passing))| (line, failing, passing));
                (path.to_owned(), lines.collect())
            })
            .collect(),
        watched,
    }
}
