//! Small packages, and a harness to run them.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use sswe_pipelines::{
    artifact::{File, Limits, Status, TestResult, Tree},
    harness::{Ask, Backend, Bench, Harness, Policy, Python, Report, Tests},
};

use crate::image::docker;

/// Makes a repository of files; its id is its content.
pub(crate) fn bench(command: &str, files: &[(&str, &str)]) -> Bench {
    let mut tree = Tree::default();
    for (path, text) in files {
        tree.insert(*path, File::Text((*text).to_owned())).unwrap();
    }
    let limits = Limits { wall_ms: 30_000, memory: 1 << 30, pids: 32, files: 16 << 20, ..Limits::default() };
    let id = format!("{command} {files:?}");
    Bench {
        id,
        tree: Arc::new(tree),
        command: command.to_owned(),
        limits,
        network: false,
        site: None,
        trusted: vec![],
        packages: true,
    }
}

pub(crate) async fn harness() -> Harness {
    let policy =
        Policy { unknown: Duration::from_secs(1), idle: Duration::from_secs(1), ..Policy::default() };
    let harness = match std::env::var("SSWE_TEST_BACKEND").as_deref() {
        // The same tests, in containers.
        Ok("docker") => {
            let docker = docker().await.expect("SSWE_TEST_BACKEND asks for it");
            let (python, _) = Python::inside(&docker).await.unwrap();
            Harness::new(python, 2, 4).inside(Backend::Docker(docker))
        }
        _ => Harness::new(Python::find("python3").await.unwrap(), 2, 4),
    };
    harness.with_policy(policy)
}

/// Returns a harness whose interpreter has pytest, if `SSWE_TEST_PYTHON` names one.
pub(crate) async fn pytest() -> Option<Harness> {
    let Ok(name) = std::env::var("SSWE_TEST_PYTHON") else {
        // Written past the capture of the test program: a part that was left out is told.
        let text = "skipped: SSWE_TEST_PYTHON names no interpreter that has pytest\n";
        std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).unwrap();
        return None;
    };
    Some(Harness::new(Python::find(name).await.unwrap(), 2, 4))
}

pub(crate) fn changed(path: &str, text: &str) -> Ask {
    Ask { changed: BTreeMap::from([(path.to_owned(), text.to_owned())]), ..Ask::default() }
}

pub(crate) fn only(ids: &[&str]) -> Tests {
    Tests::Only(ids.iter().map(|id| (*id).to_owned()).collect())
}

/// Returns ids without their module, and what they did.
pub(crate) fn statuses(report: &Report) -> Vec<(&str, Status)> {
    report.tests.iter().map(|test| (test.id.as_str(), test.status)).collect()
}

pub(crate) fn test<'a>(report: &'a Report, id: &str) -> &'a TestResult {
    report.tests.iter().find(|test| test.id == id).unwrap()
}
