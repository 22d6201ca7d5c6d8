//! One module for each command.

pub(crate) mod check;
mod diff;
pub(crate) mod explain;
pub(crate) mod fix;
pub(crate) mod fmt;
pub(crate) mod graph;
pub(crate) mod init;
pub(crate) mod overview;
pub(crate) mod plan;
pub(crate) mod schema;
pub(crate) mod shell;
pub(crate) mod show;

use std::path::Path;

use sswe_compiler::diagnostic::Diagnostic;

use crate::{
    Failure,
    args::{Compile, Output},
    exit,
    load::{self, Opened},
    render,
};

/// Opens a file and prints what is wrong with it; nothing when that makes it meaningless.
fn open_checked(path: &Path, compile: &Compile) -> Result<Option<Opened>, Failure> {
    let opened = match load::open(path, compile) {
        Ok(opened) => opened,
        Err(unread) => {
            render::print_all(&[*unread], Output::Human, true, &|_| None);
            return Ok(None);
        }
    };
    let found = opened.diagnostics();
    let has_errors = render::has_errors(&found);
    render::print_all(&found, Output::Human, false, &|file| text_of(&opened, file));
    Ok((!has_errors).then_some(opened))
}

/// Returns the text of a file that diagnostics speak of.
fn text_of(opened: &Opened, file: &str) -> Option<String> {
    let db = &opened.db;
    let sources = opened.project.files(db).iter().map(|file| file.source);
    let mut sources = sources.chain(std::iter::once(opened.project.flags(db)));
    sources.find(|source| source.path(db) == file).map(|source| source.text(db).to_owned())
}

fn code_of(found: &[Diagnostic]) -> u8 {
    if render::has_errors(found) { exit::FILE_HAS_ERRORS } else { exit::OK }
}
