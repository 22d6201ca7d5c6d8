//! Whether what a verdict says can be believed: a test that must fail is among the others.

use std::{collections::BTreeMap, fmt};

use sswe_cache::Fields;

use super::{Ask, wire::Line};
use crate::artifact::Status;

/// Why nothing of a run counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Forged {
    /// A test passed that must fail.
    Passed,
    /// A test was skipped that must fail.
    Skipped,
    /// Nothing was heard of a test that must fail, though all others told what they did.
    Silent,
    /// A test is said to have passed without having run, or besides what it did.
    Told,
}

impl fmt::Display for Forged {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Forged::Passed => "a test passed that must fail",
            Forged::Skipped => "a test was skipped that must fail",
            Forged::Silent => "nothing was heard of a test that must fail",
            Forged::Told => "tests are said to have passed that did not",
        })
    }
}

/// Returns where the test that must fail stands: it follows from what is asked, so that the same
/// verdict is the same each time.
pub(super) fn place(ask: &Ask, only: Option<&[String]>) -> String {
    let mut said = Fields::new("sswe.canary.v1");
    for (path, text) in &ask.changed {
        said.text("path", path).text("text", text);
    }
    for path in &ask.deleted {
        said.text("deleted", path);
    }
    for id in only.into_iter().flatten() {
        said.text("test", id);
    }
    said.finish().to_string().chars().filter(char::is_ascii_hexdigit).take(16).collect()
}

/// Returns why the lines of one process cannot be believed, if they cannot. `usual` is what the test
/// that must fail did on the clean tree: where it could not be run there, it says nothing.
pub(super) fn forged(lines: &[Line], only: Option<&[String]>, usual: Option<Status>) -> Option<Forged> {
    let mut planned: Option<BTreeMap<&str, usize>> = None;
    let mut told: BTreeMap<&str, Vec<Status>> = BTreeMap::new();
    let mut groups: Vec<&str> = Vec::new();
    let mut canary: Option<&str> = None;
    let mut said: Vec<Status> = Vec::new();
    for line in lines {
        match line {
            Line::Plan { .. } if planned.is_some() => return Some(Forged::Told),
            Line::Plan { plan } => {
                let counts = planned.insert(BTreeMap::new());
                for id in plan {
                    *counts.entry(id).or_default() += 1;
                }
            }
            Line::Test { test, status, .. } => told.entry(test).or_default().push(*status),
            Line::Canary { canary: id, status } => {
                canary = canary.or(Some(id));
                said.extend(status);
            }
            Line::Groups { groups: broken, .. } => groups.extend(broken.iter().map(String::as_str)),
            Line::Unloadable { .. }
            | Line::Broken { .. }
            | Line::Loaded { .. }
            | Line::Known { .. }
            | Line::Begun { .. }
            | Line::Done { .. } => {}
        }
    }
    let planned = planned.unwrap_or_default();
    let is_believable = |id: &str, statuses: &[Status]| {
        let times = planned.get(id).copied().unwrap_or_default();
        let passes = statuses.first().is_some_and(|status| status.is_passed());
        let changes = statuses.len() > times && statuses.iter().any(|status| !status.is_passed());
        !passes || (times > 0 && !changes)
    };
    if told.iter().any(|(id, statuses)| !is_believable(id, statuses)) {
        return Some(Forged::Told);
    }
    if said.contains(&Status::Passed) {
        return Some(Forged::Passed);
    }
    let fails = |status: Status| matches!(status, Status::Failed | Status::Error);
    if !usual.is_some_and(fails) {
        return None;
    }
    if said.contains(&Status::Skipped) {
        return Some(Forged::Skipped);
    }
    let all_told = match only {
        Some(ids) => ids.iter().all(|id| told.contains_key(id.as_str())),
        None => planned.keys().all(|id| told.contains_key(id)),
    };
    let passes = told.values().flatten().any(|status| status.is_passed());
    // What broke its group stopped it too.
    let is_stopped = canary.is_some_and(|id| groups.iter().any(|group| id.starts_with(group)));
    (said.is_empty() && all_told && passes && !is_stopped).then_some(Forged::Silent)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn plan(ids: &[&str]) -> Line {
        Line::Plan { plan: ids.iter().map(|id| (*id).to_owned()).collect() }
    }

    fn test(id: &str, status: Status) -> Line {
        let (entered, lines, marks) = (Vec::new(), Vec::new(), Vec::new());
        Line::Test { test: id.to_owned(), status, cpu: 1, raised: None, entered, lines, marks }
    }

    fn canary(status: Option<Status>) -> Line {
        Line::Canary { canary: "case.x".to_owned(), status }
    }

    fn why(lines: &[Line]) -> Option<Forged> {
        forged(lines, None, Some(Status::Failed))
    }

    #[test]
    fn what_must_fail_tells() {
        use Status::{Failed, Missing, Passed, Skipped};
        let with = |status| [plan(&["a"]), canary(None), test("a", Passed), canary(Some(status))];
        assert_eq!(why(&with(Failed)), None);
        assert_eq!(why(&with(Passed)), Some(Forged::Passed));
        assert_eq!(why(&with(Skipped)), Some(Forged::Skipped));
        assert_eq!(why(&[plan(&["a"]), canary(None), test("a", Passed)]), Some(Forged::Silent));
        assert_eq!(why(&[plan(&["a"]), test("a", Passed)]), Some(Forged::Silent));
        // What cannot be used on the clean tree says nothing, unless it passes.
        for usual in [None, Some(Skipped), Some(Missing)] {
            assert_eq!(forged(&[plan(&["a"]), test("a", Passed)], None, usual), None);
            assert_eq!(forged(&with(Skipped), None, usual), None);
            assert_eq!(forged(&with(Passed), None, usual), Some(Forged::Passed));
        }
    }

    #[test]
    fn a_process_that_died_forged_nothing() {
        let lines = [plan(&["a", "b"]), canary(None), test("a", Status::Passed)];
        assert_eq!(why(&lines), None);
        let asked = ["a".to_owned()];
        assert_eq!(forged(&lines, Some(&asked), Some(Status::Failed)), Some(Forged::Silent));
    }

    #[test]
    fn a_broken_group_stops_it_too() {
        let broken = Line::Groups { groups: vec!["case.".to_owned()], status: Status::Error, raised: None };
        let lines = [plan(&["a"]), canary(None), broken, test("a", Status::Passed)];
        assert_eq!(why(&lines), None);
    }

    #[test]
    fn results_are_told_once() {
        use Status::{Failed, Passed};
        let end = || canary(Some(Failed));
        let twice = [plan(&["a"]), test("a", Passed), test("a", Failed), end()];
        assert_eq!(why(&twice), Some(Forged::Told));
        // A suite that runs a test again until it passes, and one that has a test twice.
        assert_eq!(why(&[plan(&["a"]), test("a", Failed), test("a", Passed), end()]), None);
        assert_eq!(why(&[plan(&["a", "a"]), test("a", Passed), test("a", Failed), end()]), None);
        assert_eq!(why(&[plan(&["a"]), plan(&["a"]), test("a", Passed), end()]), Some(Forged::Told));
        assert_eq!(why(&[plan(&["a"]), test("b", Passed), end()]), Some(Forged::Told));
        assert_eq!(why(&[test("a", Passed), end()]), Some(Forged::Told));
    }

    #[test]
    fn it_stands_where_the_question_says() {
        let ask =
            |text: &str| Ask { changed: [("a.py".to_owned(), text.to_owned())].into(), ..Ask::default() };
        assert_eq!(place(&ask("x"), None), place(&ask("x"), None));
        assert_ne!(place(&ask("x"), None), place(&ask("y"), None));
        assert_eq!(place(&ask("x"), None).len(), 16);
    }
}
