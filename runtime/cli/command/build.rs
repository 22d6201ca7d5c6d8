//! `sswe build`

mod signal;

use std::{
    collections::{BTreeMap, BTreeSet},
    fs::File,
    io::Write as _,
    path::Path,
    sync::{Arc, atomic::AtomicU32},
};

use sswe_cache::{RunId, Store};
use sswe_compiler::{plan::StageName, project, sweep};
use sswe_engine::{Cancel, End, Options, RunEvent, chrome_trace};
use sswe_pipelines::{
    Pipeline,
    artifact::{Repo, Tree},
    lock::Need,
    overlap::{self, Overlap},
    summary::Reader,
};
use tokio::runtime::Runtime;

use super::open_checked;
use crate::{
    Failure,
    args::{self, Compile, Part, Plain},
    exit,
    live::{self, Sinks, words::count},
    load::{self, Opened},
    lock::{self, Lock, Rules},
    report::{self, record::Record},
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
    let (kept, built) = (Vec::new(), Vec::new());
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::file(format!("cannot start: {error}")))?;
    let compile = &compile;
    let mut builder = Builder { args, compile, store: &store, work, runtime, cancel, asked, kept, built };
    let code = match &args.sweep {
        None => builder.build_all(&opened, &chosen, None),
        Some(name) => builder.build_cells(&mut opened, &part, name),
    };
    if code.is_ok() {
        builder.report();
    }
    let Builder { runtime, kept, .. } = builder;
    // A killed item may sit in a system call; the process does not wait for it.
    runtime.shutdown_background();
    let code = code?;
    lock::warn(&fetch);
    if let Some(mut trace) = trace {
        let lines: Vec<String> = kept.iter().filter_map(|event| serde_json::to_string(event).ok()).collect();
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
    /// One for all runs: what is kept warm between them belongs to it.
    runtime: Runtime,
    cancel: Cancel,
    asked: Arc<AtomicU32>,
    /// The events of all runs, one after another, for the trace.
    kept: Vec<RunEvent>,
    /// The runs of whole curricula, each with how many of its items ran.
    built: Vec<(RunId, Record, u64)>,
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
        let record = Record::new(opened, &of.plan);
        let trees = overlap::folders(&of.plan, &base);
        let mut overlaps = overlap::overlaps(&record.roles(), &trees);
        refuse_copies(&overlaps)?;
        let kept = record.keep(self.store).map_err(|error| store::failure(&error))?;
        let sinks = Sinks { json: self.args.output == Plain::Json, keep: self.args.trace.is_some() };
        let (sender, watch) = live::watch(sinks, self.asked.clone());
        let mut options = Options {
            keep_going: self.args.keep_going,
            offline: self.args.offline,
            cancel: self.cancel.clone(),
            listener: Some(sender),
            info: self.info(opened, of, cell, &kept.to_string()),
            ..of.options(opened, self.args.jobs)
        };
        let ran = self.runtime.block_on(sswe_engine::run(&of.plan, self.store, self.work.clone(), &options));
        // The sender is part of the options: without it, the watching thread would not end.
        options.listener = None;
        let after = self.kept.last().map_or(0.0, |event| event.at_s);
        self.kept.extend(watch.finish().into_iter().map(|mut event| {
            event.at_s += after;
            event
        }));
        let finished = ran.map_err(|error| request::refused(&error, opened, &of.plan))?;
        if let Some(all) = self.overlaps_of_fetched(of, &options, &record, trees) {
            overlaps = all;
        }
        if self.args.output == Plain::Human {
            self.sum_up(of, &options, &summary::contamination(&record.roles(), &overlaps));
        }
        // What a part of a build gave would stand in the place of a whole report.
        if of.until.is_none() && of.round.is_none() {
            self.built.extend(finished.run.map(|run| (run, record, finished.tally.ran)));
        }
        refuse_copies(&overlaps)?;
        Ok(match finished.end {
            End::Done => exit::OK,
            End::Failed => exit::STAGE_FAILED,
            End::Offline => exit::OFFLINE,
            End::Interrupted => exit::INTERRUPTED,
            End::Stopped(_) => exit::LIMIT_REACHED,
        })
    }

    /// Prints what each round came to, as far as there are rounds.
    fn sum_up(&self, of: &Chosen, options: &Options, contamination: &str) {
        let outputs = sswe_engine::outputs(&of.plan, self.store, &*self.work, options);
        let summary = outputs.map_err(|error| error.to_string()).and_then(|outputs| {
            sswe_pipelines::summary::summary(&of.plan, Reader::new(self.store, &outputs))
        });
        match summary {
            Ok(summary) => {
                let table = summary::table(&summary);
                style::print(&table);
                if !table.is_empty() {
                    style::print(contamination);
                }
            }
            // What was built is there all the same.
            Err(why) => style::say(format_args!("note: the rounds cannot be summed up: {why}")),
        }
    }

    /// Looks for shared code once more where repositories were fetched; none where all are folders.
    fn overlaps_of_fetched(
        &self,
        of: &Chosen,
        options: &Options,
        record: &Record,
        mut trees: BTreeMap<String, Tree>,
    ) -> Option<Vec<Overlap>> {
        let roles = record.roles();
        let fetched: BTreeSet<&String> =
            roles.values().flatten().filter(|repo| !trees.contains_key(*repo)).collect();
        if fetched.is_empty() {
            return None;
        }
        let outputs = sswe_engine::outputs(&of.plan, self.store, &*self.work, options).ok()?;
        let reader = Reader::new(self.store, &outputs);
        for repo in fetched {
            let pin = StageName(format!("{}/seed/{repo}/pin", of.plan.curriculum).into());
            let pinned = reader.read_all::<Repo>(&pin, "repo").ok().and_then(|mut repos| repos.pop());
            trees.extend(pinned.map(|pinned| (repo.clone(), pinned.files)));
        }
        Some(overlap::overlaps(&roles, &trees))
    }

    /// Compares what was built side by side, and writes the report of the last run.
    fn report(&self) {
        let Some((last, record, ran)) = self.built.last() else { return };
        if let Err(failure) = self.write_report(*last, record, *ran) {
            // What was built is there all the same.
            style::say(format_args!("note: there is no report: {}", failure.message));
        }
    }

    fn write_report(&self, last: RunId, record: &Record, ran: u64) -> Result<(), Failure> {
        let run = |id| {
            let run = self.store.run(id).map_err(|error| store::failure(&error))?;
            run.ok_or_else(|| Failure::file(format!("run {} is gone", id.0)))
        };
        if self.built.len() > 1 && self.args.output == Plain::Human {
            let mut runs = Vec::new();
            for (id, record, _) in &self.built {
                runs.push((run(*id)?, record.clone()));
            }
            style::print(&report::cells::text(&report::cells::compare(self.store, runs)?));
        }
        let path = report::beside(self.store);
        let last = run(last)?;
        // A build with nothing to do is over in a moment: what it would write is there.
        if ran > 0 || !report::is_of(&path, &last, record) {
            report::write(&path, &report::html(self.store, last)?)?;
        }
        style::say(format_args!("report: {}", path.display()));
        Ok(())
    }

    /// Returns what the store notes of the run, for `sswe log`.
    fn info(&self, opened: &Opened, of: &Chosen, cell: Option<&str>, record: &str) -> String {
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
            "plan": record,
        })
        .to_string()
    }
}

/// Refuses to measure in a repository that is trained on: before anything runs, and for those that
/// were fetched once they are there.
fn refuse_copies(overlaps: &[Overlap]) -> Result<(), Failure> {
    let Some(Overlap { seen, held_out, files, functions, .. }) = overlaps.iter().find(|of| of.is_whole)
    else {
        return Ok(());
    };
    let example = functions.first().or(files.first());
    let example = example.map_or_else(String::new, |name| format!(": `{name}` is one of them"));
    let ((repo, role), (other, other_role)) = (held_out, seen);
    let message = format!(
        "`{repo}` ({role}) is the same code as `{other}` ({other_role}): both have {} and {}{example}",
        count(files.len() as u64, "file"),
        count(functions.len() as u64, "function"),
    );
    Err(Failure::file(message)
        .hint("a score against code that was trained on means nothing: take one of the two out of the file"))
}
