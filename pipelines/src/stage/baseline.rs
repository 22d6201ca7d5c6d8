//! `baseline`: runs a repository's tests until it is known which can be trusted.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use sswe_engine::{Artifact, Context, Fault, Made};

use crate::artifact::{self, Env, Function, KnownStatus, KnownTest, Limits, Repo, Status, Suite, TestResult};
use crate::harness::{Ask, Tests, Trace};
use crate::pipeline::Tools;
use crate::setting;

pub(crate) async fn run(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let stage = context.stage();
    let digest = context.inputs().one("repo")?.digest;
    let repo: Repo = super::read(context, &digest).await?;
    let env: Env = super::read(context, &context.inputs().one("env")?.digest).await?;
    let network = setting::is_on(stage, "network")?;
    if network {
        return Err(Fault::Failed("no sandbox has a network yet: set `network = off`".to_owned()));
    }
    let mut suite = Suite {
        command: setting::word(stage, "test")?.to_owned(),
        limits: Limits {
            cpus: setting::count(stage, "limits.cpus")? as u32,
            memory: setting::bytes(stage, "limits.memory")?,
            wall_ms: setting::duration(stage, "limits.wall")?.as_millis() as u64,
            pids: setting::count(stage, "limits.pids")? as u32,
            output: setting::bytes(stage, "limits.output")?,
            files: setting::bytes(stage, "limits.files")?,
        },
        network,
        runs: setting::count(stage, "runs")? as u32,
        functions: Vec::new(),
        tests: BTreeMap::new(),
        unloadable: BTreeMap::new(),
    };
    let files = Arc::new(repo.files.clone());
    let mut seen: BTreeMap<String, Vec<TestResult>> = BTreeMap::new();
    let mut times = BTreeMap::new();
    for run in 0..suite.runs {
        let trace = if run == 0 { Trace::Functions } else { Trace::Off };
        let ask = Ask { tests: Tests::All, trace, ..Ask::default() };
        let report = tools.measure_raw(&digest, &files, &env, &suite, ask).await?;
        for (module, raised) in report.unloadable {
            suite.unloadable.insert(module, format!("{}: {}", raised.exception, raised.message));
        }
        times = report.cpu_us;
        for test in report.tests {
            seen.entry(test.id.clone()).or_default().push(test);
        }
    }
    know(&mut suite, &seen);
    if suite.trusted().next().is_none() {
        return Err(Fault::Failed(hopeless(&suite, &seen)));
    }
    let repo = Repo { env: Some(env), suite: Some(suite), ..repo };
    let artifact = Artifact::new("repo", artifact::encode(&repo)).sidecar(artifact::encode(&times));
    Ok(Made { artifacts: vec![artifact], ..Made::default() })
}

/// Decides what is known of each test.
fn know(suite: &mut Suite, seen: &BTreeMap<String, Vec<TestResult>>) {
    let entered: BTreeSet<Function> = seen
        .values()
        .flatten()
        .flat_map(|test| &test.entered)
        .map(|(path, name)| Function { path: path.clone(), name: name.clone() })
        .collect();
    suite.functions = entered.into_iter().collect();
    for (id, results) in seen {
        let statuses: BTreeSet<Status> = results.iter().map(|test| test.status).collect();
        let status = match statuses.first() {
            _ if statuses.len() > 1 || results.len() < suite.runs as usize => KnownStatus::Flaky,
            Some(Status::Passed) => KnownStatus::Passed,
            Some(Status::Skipped) => KnownStatus::Skipped,
            _ => KnownStatus::Failed,
        };
        let place = |(path, name): &(String, String)| {
            let function = Function { path: path.clone(), name: name.clone() };
            suite.functions.binary_search(&function).ok().map(|at| at as u32)
        };
        let mut covers: Vec<u32> = results.iter().flat_map(|test| &test.entered).filter_map(place).collect();
        covers.sort_unstable();
        covers.dedup();
        suite.tests.insert(id.clone(), KnownTest { status, covers });
    }
}

/// Says why a suite is of no use.
fn hopeless(suite: &Suite, seen: &BTreeMap<String, Vec<TestResult>>) -> String {
    let command = &suite.command;
    if let Some((module, reason)) = suite.unloadable.first_key_value() {
        let hint = match reason.starts_with("ModuleNotFoundError") {
            true => "; name the package that brings it in `packages`",
            false => "",
        };
        return format!("`{command}` cannot load `{module}`: {reason}{hint}");
    }
    match seen.first_key_value() {
        None => format!(
            "`{command}` finds no tests: check the `test` setting, and that `tests` has an `__init__.py`"
        ),
        Some((id, results)) => {
            let raised = results.iter().find_map(|test| test.raised.as_ref());
            let why = match (raised, results.iter().find(|test| !test.status.is_passed())) {
                (Some(raised), _) => format!(": {}: {}", raised.exception, raised.message),
                (None, Some(test)) if test.status == Status::Timeout => {
                    ": it does not come to an end".to_owned()
                }
                (None, Some(test)) if test.status == Status::Missing => {
                    ": nothing was heard of it".to_owned()
                }
                _ => String::new(),
            };
            format!("none of {} tests passes each time; `{id}` does not{why}", seen.len())
        }
    }
}
