//! Any text is checked, shown and planned without a panic; places lie inside it.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sswe_compiler::{
    check::{self, Host},
    plan::plans,
    project::{self, Database, Options, Origin},
    show::settings_of,
};

fuzz_target!(|text: &str| {
    // A text may name itself and one library; nothing else can be read.
    let library = "sswe 1\npool cpu { workers = 2 }\ngate small { run = 'true', cost = static }\n";
    let mut db = Database::default();
    let project = project::open(&mut db, "fuzz.sswe", text, &Options::default(), &mut |path, _| match path {
        "fuzz.sswe" => Ok((path.to_owned(), Origin::File, text.to_owned())),
        "std/gates.sswe" => Ok((path.to_owned(), Origin::Library, library.to_owned())),
        _ => Err("there is no such file".to_owned()),
    });
    let mut host = Host { memory: Some(1 << 34), ..Host::default() };
    let wants = check::wants(&db, project);
    host.variables.extend(wants.variables.into_iter().map(|(name, ..)| (name, false)));
    host.paths.extend(wants.paths.into_iter().map(|(_, path, _)| (path, false)));
    for found in check::diagnostics(&db, project, &host) {
        let edits = found.fixes.iter().flat_map(|fix| &fix.edits).map(|edit| &edit.span);
        for span in found.labels.iter().map(|label| &label.span).chain(edits).chain([&found.span]) {
            if span.file == "fuzz.sswe" {
                assert!(text.get(span.bytes.0..span.bytes.1).is_some(), "{found:?}");
                assert!(span.line > 0 && span.column > 0 && span.end_line >= span.line, "{found:?}");
            }
        }
    }
    settings_of(&db, project);
    for plan in plans(&db, project) {
        for (at, stage) in plan.stages.iter().enumerate() {
            let is_before = |name| plan.stages[..at].iter().any(|earlier| earlier.name == name);
            assert!(
                stage.inputs.iter().all(|input| is_before(input.from.clone())),
                "{} reads what comes later",
                stage.name
            );
        }
    }
});
