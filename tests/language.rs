//! Runs the literate cases of `tests/language/*.md`, which are also the language reference.
//!
//! `tests/README.md` says how a case is written.

mod document;
mod expect;

use std::{collections::BTreeSet, sync::Arc};

use sswe_compiler::{
    check,
    diagnostic::{Code, Diagnostic},
    format,
    plan::{Plan, plans},
    project::{self, Options},
    schema,
    show::{Shown, settings_of},
    sweep,
};

use crate::support::{self, Files, errors};
use document::{Block, Case, Flags, document};

/// A source of a case, compiled.
struct Compiled {
    shown: Vec<Shown>,
    plans: Vec<Arc<Plan>>,
}

#[test]
fn every_case_holds() {
    let filter = std::env::var("CASE").unwrap_or_default();
    let (mut failures, mut pending, mut count) = (Vec::new(), Vec::new(), 0);
    for (file, text) in support::texts_in("tests/language", "md") {
        let document = document(&text);
        for case in &document.cases {
            if !file.contains(&filter) && !case.title.contains(&filter) {
                continue;
            }
            count += 1;
            let place = format!("tests/language/{file}:{} {}", case.line, case.title);
            let wrong = run(case, &document.prelude);
            match (&case.pending, wrong.is_empty()) {
                (None, true) => {}
                (None, false) => failures.push(format!("{place}\n    {}", wrong.join("\n    "))),
                (Some(why), false) => pending.push(format!("{place}: {why}\n    {}", wrong.join("\n    "))),
                (Some(_), true) => {
                    failures.push(format!("{place}\n    holds now: remove its `pending` mark"))
                }
            }
        }
    }
    for case in &pending {
        eprintln!("PENDING {case}");
    }
    eprintln!("{count} cases, {} pending", pending.len());
    assert!(failures.is_empty(), "{} of {count} cases fail:\n\n{}\n", failures.len(), failures.join("\n\n"));
}

#[test]
fn every_code_is_shown() {
    // These are about bytes and sizes, which a page cannot hold: `cli/bad_input.rs` has them.
    let elsewhere = [Code::E0111, Code::E0112];
    let mut shown = BTreeSet::new();
    for (_, text) in support::texts_in("tests/language", "md") {
        for case in document(&text).cases.iter().filter(|case| case.pending.is_none()) {
            let blocks = case.blocks.iter().map(|block| expect::expected(&block.text));
            shown.extend(blocks.flatten().map(|expected| expected.code));
        }
    }
    let missing: Vec<&str> = Code::ALL
        .iter()
        .filter(|code| !elsewhere.contains(code) && !shown.contains(code.as_str()))
        .map(|code| code.as_str())
        .collect();
    assert!(missing.is_empty(), "no case of tests/language shows {}", missing.join(", "));
}

#[test]
fn every_setting_is_shown() {
    let all: String = support::texts_in("tests/language", "md").into_iter().map(|(_, text)| text).collect();
    let words: BTreeSet<&str> = all.split(|c: char| !c.is_ascii_alphanumeric() && c != '_').collect();
    let keys = schema::all_keys().into_iter().map(|(path, _, key)| (path, key.name));
    let blocks = schema::all_blocks().into_iter().map(|(path, block)| (path, block.word));
    let missing: Vec<String> =
        keys.chain(blocks).filter(|(_, word)| !words.contains(word)).map(|(path, _)| path).collect();
    assert!(missing.is_empty(), "no page of tests/language mentions {}", missing.join(", "));
}

/// Runs a case; returns what is wrong.
fn run(case: &Case, prelude: &str) -> Vec<String> {
    let mut wrong = Vec::new();
    let files: Files =
        case.blocks.iter().filter_map(|block| Some((block.file()?, block.text.clone()))).collect();
    let (mut flags, mut done) = (Flags::default(), Vec::<Compiled>::new());
    for block in &case.blocks {
        let last = done.last();
        let found = match (block.lang.as_str(), last) {
            ("flags", _) => {
                flags = Flags::parse(&block.text);
                Vec::new()
            }
            ("sswe", _) if block.file().is_none() => {
                let (compiled, found) = compile(block, prelude, &std::mem::take(&mut flags), &files);
                done.push(compiled);
                found
            }
            ("show", Some(last)) => expect::show(&block.text, &last.shown),
            ("plan", Some(last)) => expect::plan(&block.text, &last.plans),
            ("changes", Some(last)) if done.len() > 1 => {
                expect::changes(&block.text, &done[done.len() - 2].plans, &last.plans)
            }
            ("show" | "plan" | "changes", _) => vec!["there is no source before this block".to_owned()],
            _ => Vec::new(),
        };
        wrong.extend(found.into_iter().map(|found| format!("line {}: {found}", block.line)));
    }
    wrong
}

/// Compiles a source, and checks its findings and what must hold for every source.
fn compile(block: &Block, prelude: &str, flags: &Flags, files: &Files) -> (Compiled, Vec<String>) {
    let text = block.source(prelude);
    let options = Options { profiles: flags.profiles.clone(), set: flags.set.clone() };
    let (mut db, project) = support::open("main.sswe", &text, &options, files);
    if let Some((name, index)) = &flags.cell {
        let cells = sweep::cells(&db, project, name).unwrap_or_default();
        let Some((cell, _)) = cells.into_iter().nth(*index) else {
            let none = Compiled { shown: Vec::new(), plans: Vec::new() };
            return (none, vec![format!("the sweep `{name}` has no cell {index}")]);
        };
        project::choose(&mut db, project, Some(cell));
    }
    let mut host = support::generous_host(&db, project);
    flags.change(&mut host);
    let found = check::diagnostics(&db, project, &host);
    let set = flags.set_lines.join("\n");
    let sources = [("main.sswe", text.as_str()), ("--set", set.as_str())];
    let sources = sources.into_iter().chain(files.iter().map(|(path, text)| (path.as_str(), text.as_str())));
    let mut wrong = expect::findings(sources, &found);
    let compiled = Compiled { shown: settings_of(&db, project), plans: plans(&db, project) };
    if errors(&found) == 0 {
        wrong.extend(survives_format(&text, &compiled, &options, files, flags.cell.is_some()));
    }
    wrong.extend(survives_fix(&text, &found));
    (compiled, wrong)
}

/// Formatting again changes nothing, and formatting at all changes no hash.
fn survives_format(
    text: &str,
    before: &Compiled,
    options: &Options,
    files: &Files,
    is_cell: bool,
) -> Vec<String> {
    let Some(formatted) = format::format(text) else { return vec!["it cannot be formatted".to_owned()] };
    if format::format(&formatted).as_deref() != Some(&formatted) {
        return vec![format!("formatting it twice is not formatting it once:\n{formatted}")];
    }
    let (db, project) = support::open("main.sswe", &formatted, options, files);
    if !is_cell && plans(&db, project) != before.plans {
        return vec!["formatting changes its plan".to_owned()];
    }
    Vec::new()
}

/// Safe fixes never make a text worse.
fn survives_fix(text: &str, found: &[Diagnostic]) -> Vec<String> {
    let own: Vec<Diagnostic> = found.iter().filter(|found| found.span.file == "main.sswe").cloned().collect();
    let before = errors(&support::findings(text));
    let after = errors(&support::findings(&support::apply_safe_fixes(text, &own)));
    match after > before {
        true => vec![format!("its safe fixes turn {before} errors into {after}")],
        false => Vec::new(),
    }
}

/// Returns every source of every page that stands alone.
pub(crate) fn sources() -> Vec<String> {
    let mut sources = Vec::new();
    for (_, text) in support::texts_in("tests/language", "md") {
        let document = document(&text);
        let blocks = document.cases.iter().flat_map(|case| &case.blocks);
        sources
            .extend(blocks.filter(|block| block.lang == "sswe").map(|block| block.source(&document.prelude)));
    }
    sources
}
