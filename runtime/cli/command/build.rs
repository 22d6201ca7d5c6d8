//! `sswe build`

mod signal;

use std::{
    collections::BTreeSet,
    fs::File,
    io::Write as _,
    path::Path,
    sync::{Arc, atomic::AtomicU32},
};

use sswe_cache::Store;
use sswe_compiler::{project, sweep};
use sswe_engine::{Cancel, End, Options, RunEvent, chrome_trace};
use sswe_pipelines::{Pipeline, lock::Need, overlap, summary::Reader};

use super::open_checked;
use crate::{
    Failure,
    args::{self, Compile, Part, Plain},
    exit,
    live::{self, Sinks},
    load::{self, Opened},
    lock::{self, Lock, Rules},
    request::{self, Chosen},
    saved, store, style, summary,
};

pub(crate) fn run(args: &args::Build) -> Result<u8, Failure> {
    let (saved, file, compile, part);
    match args.file.as_deref().filter(|file| saved::is_plan(file)) {
        Some(path) => {
            if !args.compile.is_empty() || !args.part.is_empty() || args.sweep.is_some() {
                let failure = Failure::usage("a saved plan says itself what is built");
                return Err(failure
                    .hint("leave --profile, --set, --sweep, --curriculum, --until and --round to `sswe plan --save`"));
            }
            let read = saved::read(path)?;
            (file, compile, part) = (read.file(path), read.compile(), read.part());
            saved = Some(read);
        }
        None => {
            (file, compile, part) =
                (load::file(args.file.as_ref())?, args.compile.clone(), args.part.clone());
            saved = None;
        }
    }
    let Some(mut opened) = open_checked(&file, &compile)? else { return Ok(exit::FILE_HAS_ERRORS) };
    let chosen = request::choose(&opened, &part, "build")?;
    // With a part of the file, what the rest lacks does not matter; the engine tells the others.
    if part.until.is_none() && part.round.is_none() && request::lacks(&opened) {
        return Ok(exit::FILE_HAS_ERRORS);
    }
    let trace = args.trace.as_deref().map(create).transpose()?;
    let store = store::open(&store::path()).map_err(|error| store::failure(&error))?;
    if let Some(saved) = &saved {
        saved.check(&opened, &chosen, &store)?;
    }
    let asked = Arc::new(AtomicU32::new(0));
    let cancel = Cancel::default();
    signal::listen(cancel.clone(), asked.clone())?;
    let mut lock = Lock::of(&opened)?;
    let needs = match &args.sweep {
        None => lock::needs_of(&opened, &chosen, &lock, &store)?,
        Some(name) => needs_of_cells(&mut opened, &part, name, &lock, &store)?,
    };
    let fetch = lock::fetch(&opened, &lock, args.offline);
    lock.complete(&needs, Rules { locked: args.locked, offline: args.offline }, &fetch)?;
    // A lock that says more than this part needs stays as it is.
    if lock.write()? {
        style::say(format_args!("{} written: commit it, so that others build the same", lock.name()));
    }
    let work = Arc::new(Pipeline::new(lock.pins, fetch.clone()));
    let mut builder =
        Builder { args, compile: &compile, store: &store, work, cancel, asked, kept: Vec::new() };
    let code = match &args.sweep {
        None => builder.build_all(&opened, &chosen, None)?,
        Some(name) => builder.build_cells(&mut opened, &part, name)?,
    };
    lock::warn(&fetch);
    if let Some(mut trace) = trace {
        let lines: Vec<String> =
            builder.kept.iter().filter_map(|event| serde_json::to_string(event).ok()).collect();
        trace
            .write_all(chrome_trace(&lines.join("\n")).as_bytes())
            .map_err(|error| Failure::file(format!("cannot write the trace: {error}")))?;
    }
    Ok(code)
}

/// Returns what the cells of a sweep need from outside.
fn needs_of_cells(
    opened: &mut Opened,
    part: &Part,
    name: &str,
    lock: &Lock,
    store: &Store,
) -> Result<BTreeSet<Need>, Failure> {
    let mut needs = BTreeSet::new();
    for (cell, _) in sweep::cells(&opened.db, opened.project, name).unwrap_or_default() {
        project::choose(&mut opened.db, opened.project, Some(cell));
        let chosen = request::choose(opened, part, "build")?;
        needs.extend(lock::needs_of(opened, &chosen, lock, store)?);
    }
    project::choose(&mut opened.db, opened.project, None);
    Ok(needs)
}

fn create(path: &Path) -> Result<File, Failure> {
    File::create(path)
        .map_err(|error| Failure::file(format!("cannot write the trace `{}`: {error}", path.display())))
}

struct Builder<'a> {
    args: &'a args::Build,
    compile: &'a Compile,
    store: &'a Store,
    work: Arc<Pipeline>,
    cancel: Cancel,
    asked: Arc<AtomicU32>,
    /// The events of all runs, one after another, for the trace.
    kept: Vec<RunEvent>,
}

impl Builder<'_> {
    /// Builds every cell of a sweep; what several cells share is there after the first.
    fn build_cells(&mut self, opened: &mut Opened, part: &Part, name: &str) -> Result<u8, Failure> {
        let Some(cells) = sweep::cells(&opened.db, opened.project, name) else {
            return Err(Failure::usage(format!("there is no sweep called `{name}` in this file")));
        };
        let mut code = exit::OK;
        for (cell, shown) in cells {
            project::choose(&mut opened.db, opened.project, Some(cell));
            style::say(format_args!("{}", style::bold(&format!("== {name}: {shown}"))));
            let chosen = request::choose(opened, part, "build")?;
            let ended = self.build_all(opened, &chosen, Some(&shown))?;
            if ended != exit::OK {
                code = ended;
                if self.ends_all(ended) {
                    break;
                }
            }
        }
        Ok(code)
    }

    fn build_all(&mut self, opened: &Opened, chosen: &[Chosen], cell: Option<&str>) -> Result<u8, Failure> {
        let mut code = exit::OK;
        for of in chosen {
            let ended = self.build(opened, of, cell)?;
            if ended != exit::OK {
                code = ended;
                if self.ends_all(ended) {
                    break;
                }
            }
        }
        Ok(code)
    }

    fn ends_all(&self, code: u8) -> bool {
        code == exit::INTERRUPTED || !self.args.keep_going
    }

    fn build(&mut self, opened: &Opened, of: &Chosen, cell: Option<&str>) -> Result<u8, Failure> {
        let base = of.options(opened, self.args.jobs).base;
        if let Some(found) = overlap::overlaps(&of.plan, &base).first() {
            let overlap::Overlap { trained, held_out, example, functions } = found;
            return Err(Failure::file(format!(
                "`{held_out}` measures, but shares {functions} functions with `{trained}`, which is trained on: \
                 `{example}` is one of them"
            ))
            .hint("a score against code that was trained on means nothing: take one of the two out of the file"));
        }
        let sinks = Sinks { json: self.args.output == Plain::Json, keep: self.args.trace.is_some() };
        let (sender, watch) = live::watch(sinks, self.asked.clone());
        let mut options = Options {
            keep_going: self.args.keep_going,
            offline: self.args.offline,
            cancel: self.cancel.clone(),
            listener: Some(sender),
            info: self.info(opened, of, cell),
            ..of.options(opened, self.args.jobs)
        };
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_all()
            .build()
            .map_err(|error| Failure::file(format!("cannot start: {error}")))?;
        let ran = runtime.block_on(sswe_engine::run(&of.plan, self.store, self.work.clone(), &options));
        // The sender is part of the options: without it, the watching thread would not end.
        options.listener = None;
        let after = self.kept.last().map_or(0.0, |event| event.at_s);
        self.kept.extend(watch.finish().into_iter().map(|mut event| {
            event.at_s += after;
            event
        }));
        // A killed item may sit in a system call; the process does not wait for it.
        runtime.shutdown_background();
        let finished = ran.map_err(|error| request::refused(&error, opened, &of.plan))?;
        if self.args.output == Plain::Human {
            self.sum_up(of, &options);
        }
        Ok(match finished.end {
            End::Done => exit::OK,
            End::Failed => exit::STAGE_FAILED,
            End::Offline => exit::OFFLINE,
            End::Interrupted => exit::INTERRUPTED,
            End::Stopped(_) => exit::LIMIT_REACHED,
        })
    }

    /// Prints what each round came to, as far as there are rounds.
    fn sum_up(&self, of: &Chosen, options: &Options) {
        let outputs = sswe_engine::outputs(&of.plan, self.store, &*self.work, options);
        let summary = outputs.map_err(|error| error.to_string()).and_then(|outputs| {
            sswe_pipelines::summary::summary(&of.plan, Reader::new(self.store, &outputs))
        });
        match summary {
            Ok(summary) => style::print(&summary::table(&summary)),
            // What was built is there all the same.
            Err(why) => style::say(format_args!("note: the rounds cannot be summed up: {why}")),
        }
    }

    /// Returns what the store notes of the run, for `sswe log`.
    fn info(&self, opened: &Opened, of: &Chosen, cell: Option<&str>) -> String {
        serde_json::json!({
            "v": 1,
            "sswe": env!("CARGO_PKG_VERSION"),
            "file": opened.path,
            "curriculum": of.plan.curriculum,
            "profile": self.compile.profile,
            "set": self.compile.set,
            "cell": cell,
            "until": of.until,
            "round": of.round,
        })
        .to_string()
    }
}
