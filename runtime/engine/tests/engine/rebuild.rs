//! The cases of `tests/rebuild`: build, edit, build, and name exactly what ran.
//!
//! A case is a heading, a plan, and then edits, each with what runs after it:
//!
//! ````text
//! ## One more task
//! ```plan
//! main/r1/tasks one make=3
//! ```
//! ```edit
//! main/r1/tasks make=4
//! ran: main/r1/tasks 1, main/r1/solve 1
//! ```
//! ````
//!
//! An edit replaces settings of a stage, or, with `-`, removes them; a line with a shape is a new
//! stage, `swap A B` exchanges two, and `rename A B` calls a stage otherwise. `result: same` says
//! that the result did not change.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;
use std::sync::Arc;

use crate::scratch::{Scratch, build};
use crate::script::Script;

#[test]
fn cases() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/rebuild");
    let mut files: Vec<_> = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path()).collect();
    files.sort();
    let mut cases = 0;
    for file in files {
        let text = fs::read_to_string(&file).unwrap();
        for case in text.split("\n## ").skip(1) {
            let title = case.lines().next().unwrap();
            check(&format!("{}: {title}", file.file_name().unwrap().display()), case);
            cases += 1;
        }
    }
    assert!(cases >= 14, "only {cases} cases");
}

fn check(title: &str, case: &str) {
    let scratch = Scratch::new();
    let store = scratch.store();
    let mut plan = String::new();
    let mut last = None;
    for block in case.split("```").skip(1).step_by(2) {
        let (word, body) = block.split_once('\n').unwrap();
        let mut ran = None;
        let mut same = None;
        match word {
            "plan" => plan = body.to_owned(),
            "edit" => {
                for line in body.lines() {
                    if let Some(expected) = line.strip_prefix("ran: ") {
                        ran = Some(counts(expected));
                    } else if let Some(expected) = line.strip_prefix("result: ") {
                        same = Some(expected == "same");
                    } else {
                        plan = edit(&plan, line);
                    }
                }
            }
            other => panic!("{title}: no block `{other}`"),
        }
        let script = Script::new(&plan);
        let told = build(&store, &script);
        let result = told.finished.result;
        assert!(result.is_some(), "{title}: {:?}", told.finished);
        if let Some(expected) = ran {
            assert_eq!(script.take_ran(), expected, "{title}: {body}");
        }
        if let Some(same) = same {
            assert_eq!(result == last, same, "{title}: {body}");
        }
        let clean = Scratch::new();
        let fresh = build(&clean.store(), &Script::new(&plan));
        assert_eq!(fresh.finished.result, result, "{title}: not as a clean build: {body}");
        let again: Arc<Script> = Script::new(&plan);
        assert_eq!(build(&store, &again).finished.tally.ran, 0, "{title}");
        assert!(again.take_ran().is_empty(), "{title}");
        last = result;
    }
}

fn counts(text: &str) -> BTreeMap<String, usize> {
    let pairs = text.split(',').map(str::trim).filter(|pair| *pair != "nothing");
    pairs
        .map(|pair| {
            let (stage, count) = pair.rsplit_once(' ').unwrap();
            (stage.to_owned(), count.parse().unwrap())
        })
        .collect()
}

/// Applies an edit to the text of a plan.
pub(crate) fn edit(plan: &str, line: &str) -> String {
    let words: Vec<&str> = line.split_whitespace().collect();
    let mut lines: Vec<String> = plan.lines().map(str::to_owned).filter(|line| !line.is_empty()).collect();
    let find = |lines: &[String], name: &str| {
        lines.iter().position(|line| line.split_whitespace().next() == Some(name))
    };
    match words[..] {
        [] => (),
        ["swap", a, b] => {
            let (a, b) = (find(&lines, a).unwrap(), find(&lines, b).unwrap());
            lines.swap(a, b);
        }
        ["rename", from, to] => {
            let swap = |word: &str| match word.split_once('<') {
                Some((port, of)) if of == from => format!("{port}<{to}"),
                _ if word == from => to.to_owned(),
                _ => word.to_owned(),
            };
            for line in &mut lines {
                *line = line.split_whitespace().map(swap).collect::<Vec<_>>().join(" ");
            }
        }
        ["remove", name] => lines.retain(|line| line.split_whitespace().next() != Some(name)),
        [name, ..] => match find(&lines, name) {
            None => lines.push(line.to_owned()),
            Some(at) => {
                let mut old: Vec<String> = lines[at].split_whitespace().map(str::to_owned).collect();
                for word in &words[1..] {
                    let key = |word: &str| word.find(['=', '<']).map(|end| word[..=end].to_owned());
                    let gone = word.strip_prefix('-').map(|name| format!("{name}="));
                    let same = gone.clone().or_else(|| key(word));
                    old.retain(|kept| key(kept).is_none() || key(kept) != same);
                    if gone.is_none() {
                        let shape = word.starts_with("first=");
                        old.insert(if shape { 1 } else { old.len() }, (*word).to_owned());
                    }
                }
                lines[at] = old.join(" ");
            }
        },
    }
    lines.join("\n") + "\n"
}
