//! `sswe fix`

use std::path::Path;

use sswe_compiler::diagnostic::{Diagnostic, Edit, Severity};

use super::{code_of, fmt, patch, text_of};
use crate::{
    Failure,
    args::{Compile, Fix, Output},
    load, render, style,
};

/// One fix may make room for another; beyond this something goes in circles.
const ROUNDS: usize = 20;

pub(crate) fn run(args: &Fix) -> Result<u8, Failure> {
    let mut left = Vec::new();
    let mut total = 0;
    for path in load::files(&args.files)? {
        let text = match load::read(&path) {
            Ok(text) => text,
            Err(unread) => {
                render::print_all(&[(*unread).clone()], Output::Human, true, &|_| None);
                left.push(*unread);
                continue;
            }
        };
        let name = path.to_string_lossy().into_owned();
        let (fixed, count) = fix(&name, &text, args.all);
        total += count;
        let opened = load::open_text(&name, fixed.clone(), &Compile::default());
        let found = opened.diagnostics();
        if args.diff {
            style::print(&patch::between(&name, &text, &fixed));
        } else if path == Path::new("-") {
            style::print(&fixed);
        } else if fixed != text {
            fmt::write(&path, &fixed)?;
        }
        render::print_all(&found, Output::Human, false, &|file| text_of(&opened, file));
        left.extend(found);
    }
    let verb = if args.diff { "would fix" } else { "fixed" };
    style::say(format_args!("{verb} {total}; left: {}", render::counts(&left)));
    Ok(code_of(&left))
}

/// Applies fixes until none is left; returns the text and how many were applied.
fn fix(name: &str, text: &str, all: bool) -> (String, usize) {
    let mut text = text.to_owned();
    let mut total = 0;
    let mut found = diagnostics(name, &text);
    for _ in 0..ROUNDS {
        let (next, count) = apply(name, &text, &found, all);
        if count == 0 {
            break;
        }
        let after = diagnostics(name, &next);
        // A fix that makes things worse was none: keep what we have.
        if errors(&after) > errors(&found) {
            break;
        }
        (text, found, total) = (next, after, total + count);
    }
    (text, total)
}

fn diagnostics(name: &str, text: &str) -> Vec<Diagnostic> {
    load::open_text(name, text.to_owned(), &Compile::default()).diagnostics()
}

fn errors(found: &[Diagnostic]) -> usize {
    found.iter().filter(|diagnostic| diagnostic.severity == Severity::Error).count()
}

/// Applies the first fix of each diagnostic, as far as they do not touch each other.
fn apply(name: &str, text: &str, found: &[Diagnostic], all: bool) -> (String, usize) {
    let mut edits: Vec<&Edit> = Vec::new();
    let mut count = 0;
    for diagnostic in found {
        let Some(fix) = diagnostic.fixes.iter().find(|fix| fix.safe || all) else { continue };
        let here = fix.edits.iter().all(|edit| edit.span.file == name);
        let apart = fix.edits.iter().all(|edit| {
            edits
                .iter()
                .all(|other| edit.span.bytes.1 < other.span.bytes.0 || other.span.bytes.1 < edit.span.bytes.0)
        });
        if here && apart {
            edits.extend(&fix.edits);
            count += 1;
        }
    }
    edits.sort_by_key(|edit| std::cmp::Reverse(edit.span.bytes.0));
    let mut text = text.to_owned();
    for edit in edits {
        text.replace_range(edit.span.bytes.0..edit.span.bytes.1, &edit.text);
    }
    (text, count)
}
