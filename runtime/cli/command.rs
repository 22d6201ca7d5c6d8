//! One module for each command.

pub(crate) mod align;
mod artifacts;
pub(crate) mod build;
pub(crate) mod cache;
pub(crate) mod check;
pub(crate) mod diff;
pub(crate) mod doctor;
pub(crate) mod explain;
pub(crate) mod fix;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod init;
pub(crate) mod lock;
pub(crate) mod log;
pub(crate) mod overview;
mod patch;
pub(crate) mod plan;
pub(crate) mod report;
pub(crate) mod schema;
pub(crate) mod shell;
pub(crate) mod show;
pub(crate) mod task;
pub(crate) mod why;

use std::path::Path;

use sswe_compiler::diagnostic::{Diagnostic, Severity};

use crate::{
    Failure,
    args::{Compile, Output},
    exit,
    load::{self, Opened},
    render, style,
};

/// Opens a file and prints its errors; nothing when there are any, since it then means nothing.
pub(crate) fn open_checked(path: &Path, compile: &Compile) -> Result<Option<Opened>, Failure> {
    let opened = match load::open(path, compile) {
        Ok(opened) => opened,
        Err(unread) => {
            render::print_all(&[*unread], Output::Human, true, &|_| None);
            return Ok(None);
        }
    };
    let found = opened.diagnostics();
    let (errors, rest): (Vec<Diagnostic>, Vec<Diagnostic>) =
        found.into_iter().partition(|diagnostic| diagnostic.severity == Severity::Error);
    render::print_all(&errors, Output::Human, false, &|file| text_of(&opened, file));
    // Warnings are `check`'s to tell; here one line says that there are some.
    if errors.is_empty() && !rest.is_empty() {
        let path = path.display();
        style::say(format_args!(
            "{}",
            style::dim(&format!("{}: see `sswe check {path}`", render::counts(&rest)))
        ));
    }
    Ok(errors.is_empty().then_some(opened))
}

/// Returns the text of a file that diagnostics speak of.
pub(crate) fn text_of<'a>(opened: &'a Opened, file: &str) -> Option<&'a str> {
    let db = &opened.db;
    let sources = opened.project.files(db).iter().map(|file| file.source);
    let mut sources = sources.chain(std::iter::once(opened.project.flags(db)));
    sources.find(|source| source.path(db) == file).map(|source| source.text(db))
}

fn code_of(found: &[Diagnostic]) -> u8 {
    if render::has_errors(found) { exit::FILE_HAS_ERRORS } else { exit::OK }
}
