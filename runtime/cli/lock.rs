//! The lock: what a file takes from outside, pinned in a file beside it.

use std::{
    collections::BTreeSet,
    io::ErrorKind,
    path::{Path, PathBuf},
    sync::Arc,
    time::Duration,
};

use sswe_cache::Store;
use sswe_compiler::plan::Stage;
use sswe_pipelines::{
    Pipeline, Python,
    fetch::{Error, Fetch},
    lock::{Need, Pins},
};

use crate::{Failure, exit, load::Opened, request::Chosen, store, style};

/// How often the network is tried again while something is pinned.
const RETRIES: u32 = 2;

/// What a command may do about pins that are missing.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Rules {
    /// Nothing: it ends with 5.
    pub(crate) locked: bool,
    /// Only what takes no network: else it ends with 6.
    pub(crate) offline: bool,
}

/// Pins, and the file that they are in.
pub(crate) struct Lock {
    pub(crate) pins: Pins,
    /// Where they are; standard input has none.
    path: Option<PathBuf>,
    /// What the file says.
    text: Option<String>,
}

impl Lock {
    /// Reads the lock of a file; one that is not there pins nothing.
    pub(crate) fn of(opened: &Opened) -> Result<Lock, Failure> {
        let path = (opened.path != "-").then(|| Path::new(&opened.path).with_extension("lock"));
        let Some(path) = path else { return Ok(Lock { pins: Pins::default(), path: None, text: None }) };
        let text = match std::fs::read_to_string(&path) {
            Ok(text) => text,
            Err(error) if error.kind() == ErrorKind::NotFound => {
                return Ok(Lock { pins: Pins::default(), path: Some(path), text: None });
            }
            Err(error) => return Err(Failure::file(format!("cannot read `{}`: {error}", path.display()))),
        };
        let pins = Pins::parse(&text).map_err(|error| {
            Failure::file(format!("`{}`: {error}", path.display()))
                .hint("a lock file can always be made again: remove it and run `sswe lock`")
        })?;
        Ok(Lock { pins, path: Some(path), text: Some(text) })
    }

    /// Returns what messages call it.
    pub(crate) fn name(&self) -> String {
        self.path.as_ref().map_or("the lock".to_owned(), |path| path.display().to_string())
    }

    /// Returns whether the file says anything else than these pins.
    pub(crate) fn is_stale(&self) -> bool {
        match &self.text {
            Some(text) => *text != self.pins.text(),
            // Nothing needs no file.
            None => self.pins != Pins::default(),
        }
    }

    /// Writes the file where it says something else; returns whether it did.
    pub(crate) fn write(&mut self) -> Result<bool, Failure> {
        let (Some(path), true) = (&self.path, self.is_stale()) else { return Ok(false) };
        let text = self.pins.text();
        let part = path.with_extension(format!("lock.{}", std::process::id()));
        let written = std::fs::write(&part, &text).and_then(|()| std::fs::rename(&part, path));
        written.map_err(|error| {
            let _ = std::fs::remove_file(&part);
            Failure::file(format!("cannot write `{}`: {error}", path.display()))
                .hint("what is built is known by its pins, so they have to be kept beside the file")
        })?;
        self.text = Some(text);
        Ok(true)
    }

    /// Pins what is needed and not pinned yet.
    pub(crate) fn complete(
        &mut self,
        needs: &BTreeSet<Need>,
        rules: Rules,
        fetch: &Fetch,
    ) -> Result<(), Failure> {
        let missing: Vec<&Need> = needs.iter().filter(|need| !self.pins.has(need)).collect();
        let named = || missing.iter().map(|need| format!("`{need}`")).collect::<Vec<_>>().join(", ");
        if missing.is_empty() {
            return Ok(());
        }
        let name = self.name();
        if rules.locked {
            return Err(Failure::of(exit::LOCK_STALE, format!("{name} does not pin {}", named()))
                .hint("`sswe lock` pins what is missing; commit the file that it writes"));
        }
        if rules.offline && missing.iter().any(|need| need.needs_network()) {
            let lacking = missing.iter().filter(|need| need.needs_network());
            let lacking = lacking.map(|need| format!("`{need}`")).collect::<Vec<_>>().join(", ");
            return Err(Failure::of(
                exit::OFFLINE,
                format!("{name} does not pin {lacking}, and --offline is set"),
            )
            .hint("run `sswe lock` once with the network"));
        }
        let takes_python = |need: &&Need| matches!(need, Need::Python | Need::Packages(_));
        let python = if missing.iter().any(takes_python) { Some(python()?) } else { None };
        for need in missing {
            if need.needs_network() {
                style::say(format_args!("{}", style::dim(&format!("pinning {need}"))));
            }
            let mut tried = 0;
            loop {
                match fetch.pin(need, python.as_ref(), &mut self.pins) {
                    Err(Error::Network(_)) if tried < RETRIES => {
                        std::thread::sleep(Duration::from_secs(1 << tried));
                        tried += 1;
                    }
                    Err(error) => return Err(failure(&error)),
                    Ok(()) => break,
                }
            }
        }
        Ok(())
    }
}

/// Finds the interpreter of this machine.
fn python() -> Result<Python, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::file(format!("cannot start: {error}")))?;
    runtime.block_on(Python::find("python3")).map_err(|why| Failure::of(exit::STAGE_FAILED, why))
}

fn failure(error: &Error) -> Failure {
    match error {
        Error::Refused(why) => Failure::of(exit::STAGE_FAILED, why.clone()),
        Error::Network(why) => Failure::of(exit::STAGE_FAILED, why.clone())
            .hint("with `--offline`, what is pinned and in the store is used"),
        Error::Offline(why) => Failure::of(exit::OFFLINE, why.clone()),
    }
}

/// Returns what stages need from outside.
pub(crate) fn needs<'a>(stages: impl Iterator<Item = &'a Stage>) -> Result<BTreeSet<Need>, Failure> {
    let mut needs = BTreeSet::new();
    for stage in stages {
        needs.extend(Need::of(stage).map_err(|why| Failure::file(format!("`{}`: {why}", stage.name.0)))?);
    }
    Ok(needs)
}

/// Returns what the stages that would be made need from outside.
pub(crate) fn needs_of(
    opened: &Opened,
    chosen: &[Chosen],
    lock: &Lock,
    store: &Store,
) -> Result<BTreeSet<Need>, Failure> {
    let work = Pipeline::to_look_at(lock.pins.clone());
    let mut all = BTreeSet::new();
    for of in chosen {
        let states = sswe_engine::states(&of.plan, store, &work, &of.options(opened, None));
        // Where the engine cannot look yet, it says why when it runs.
        let wanted: Option<BTreeSet<String>> =
            states.ok().map(|states| states.iter().map(|planned| planned.stage.0.to_string()).collect());
        let stages = of.plan.stages.iter().map(|stage| &**stage);
        all.extend(needs(
            stages.filter(|stage| wanted.as_ref().is_none_or(|names| names.contains(&*stage.name.0))),
        )?);
    }
    Ok(all)
}

/// Makes what fetches for a file.
pub(crate) fn fetch(opened: &Opened, lock: &Lock, offline: bool) -> Arc<Fetch> {
    let base = Path::new(&opened.path).parent().unwrap_or(Path::new(""));
    let base = if base.as_os_str().is_empty() { Path::new(".") } else { base };
    Arc::new(Fetch::new(&store::path(), base, &lock.name(), offline))
}

/// Returns the stages of a file as its lock pins them, to look at.
pub(crate) fn look(opened: &Opened) -> Result<Pipeline, Failure> {
    Ok(Pipeline::to_look_at(Lock::of(opened)?.pins))
}

/// Tells what a person should know of what was fetched.
pub(crate) fn warn(fetch: &Fetch) {
    for warning in fetch.warnings() {
        style::say(format_args!("{}: {warning}", style::yellow("warning")));
    }
}
