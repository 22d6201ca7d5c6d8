//! Any text becomes a tree whose items lie in order inside each other, and few problems.

#![no_main]

use libfuzzer_sys::fuzz_target;
use sswe_compiler::{
    project::{Database, Origin, Source, parsed},
    syntax::{Item, ItemKind},
};

fuzz_target!(|text: &str| {
    let db = Database::default();
    let source = Source::new(&db, "fuzz.sswe".to_owned(), text.to_owned(), Origin::File);
    let parsed = parsed(&db, source);
    let end = parsed.lexed(&db).len();
    ordered(&parsed.tree(&db).items, 0, end);
    let problems = parsed.problems(&db);
    assert!(problems.len() <= 200, "{} problems", problems.len());
    for problem in problems {
        assert!(problem.place.from <= problem.place.to && problem.place.from <= end, "{problem:?}");
        assert!(!problem.message.is_empty());
    }
});

/// Items follow one another between `from` and `to`, and so do those inside of them.
fn ordered(items: &[Item], from: u32, to: u32) {
    let mut at = from;
    for item in items {
        assert!(
            at <= item.from && item.from < item.to && item.to <= to,
            "{} {} {at} {to}",
            item.from,
            item.to
        );
        if let ItemKind::Block { items: Some(items), .. } = &item.kind {
            ordered(items, item.from, item.to);
        }
        at = item.to;
    }
}
