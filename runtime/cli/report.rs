//! The report of a run: one page without scripts, drawn from the store and the stored log alone.

pub(crate) mod cells;
mod chart;
mod page;
pub(crate) mod parts;
pub(crate) mod record;
mod story;
mod text;
mod time;

use std::{
    io::Read as _,
    path::{Path, PathBuf},
};

use sswe_cache::{Run, Store};
use sswe_engine::{Outputs, outputs_of};

use crate::Failure;
use record::Record;

/// Returns where the report of the last build of a store is.
pub(crate) fn beside(store: &Store) -> PathBuf {
    store.path().with_file_name("report.html")
}

/// Writes the page of a run; equal stores give equal pages.
pub(crate) fn html(store: &Store, run: Run) -> Result<String, Failure> {
    let record = record_of(store, &run)?;
    let siblings = cells::siblings(store, &record.text)?;
    let tables = if siblings.len() > 1 { cells::compare(store, siblings)? } else { Vec::new() };
    Ok(page::page(&story::gather(store, run, record)?, &tables))
}

/// Returns what a run kept of its plan.
pub(crate) fn record_of(store: &Store, run: &Run) -> Result<Record, Failure> {
    Record::of(store, run).ok_or_else(|| {
        Failure::file(format!("run {} kept no plan, so nothing can be told of it", run.id.0))
            .hint("an older sswe made it; `sswe build` again keeps one, and runs nothing that is there")
    })
}

/// Returns what the stages of a run gave, as far as the store still has it.
pub(crate) fn outputs(store: &Store, run: &Run, record: &Record) -> Result<Outputs, Failure> {
    let gave = story::told(store, run, record)?.gave;
    outputs_of(store, &gave).map_err(|error| Failure::file(error.to_string()))
}

/// Returns whether the page in a file is of this result and plan.
pub(crate) fn is_of(path: &Path, run: &Run, record: &Record) -> bool {
    let wanted = page::mark(run.result.map(|digest| digest.to_string()).as_deref(), &record.whole);
    let mut head = Vec::new();
    let read = std::fs::File::open(path).and_then(|file| file.take(512).read_to_end(&mut head));
    read.is_ok() && String::from_utf8_lossy(&head).contains(&wanted)
}

/// Writes a page into a file: whole, or not at all.
pub(crate) fn write(path: &Path, html: &str) -> Result<(), Failure> {
    let failed = |error: std::io::Error| {
        Failure::file(format!("cannot write the report `{}`: {error}", path.display()))
            .hint("`sswe report --out FILE` writes it elsewhere")
    };
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(format!(".{}.tmp", std::process::id()));
    let temporary = path.with_file_name(name);
    std::fs::write(&temporary, html).and_then(|()| std::fs::rename(&temporary, path)).map_err(|error| {
        let _ = std::fs::remove_file(&temporary);
        failed(error)
    })
}
