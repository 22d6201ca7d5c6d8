//! Finds tasks: in files, and among what builds made.

use std::{collections::BTreeSet, path::Path, sync::Arc};

use serde_json::Value;
use sswe_cache::{Digest, Store};
use sswe_compiler::{nearest, plan::StageKind};
use sswe_pipelines::{
    artifact::{Card, Repo, Task, decode, encode},
    fetch::Fetch,
    summary::Reader,
};

use crate::{Failure, report, store, style};

/// How many builds are looked through for a task: sweeps make many.
const BUILDS: usize = 200;

/// A task, with the digest that names it.
pub(super) struct Found {
    pub(super) digest: Digest,
    pub(super) task: Task,
}

impl Found {
    fn new(task: Task) -> Found {
        Found { digest: Digest::of(&encode(&task)), task }
    }
}

/// Finds the task that an id means: the beginning of its digest, or of its face's.
pub(super) fn by_id(store: &Store, id: &str) -> Result<Found, Failure> {
    let fits = |digest: &Digest| id.len() >= 4 && digest.to_string().starts_with(id);
    let mut seen: BTreeSet<String> = BTreeSet::new();
    let runs = store.runs(BUILDS).map_err(|error| store::failure(&error))?;
    for run in runs {
        // A run that kept no plan, or whose log is gone, tells nothing.
        let Ok(record) = report::record_of(store, &run) else { continue };
        let Ok(outputs) = report::outputs(store, &run, &record) else { continue };
        let reader = Reader::new(store, &outputs);
        for stage in &record.plan().stages {
            let port = match stage.kind {
                StageKind::Tasks | StageKind::Bootstrap => "tasks",
                StageKind::Generate => "candidates",
                _ => continue,
            };
            for entry in reader.entries(&stage.name, port) {
                if !seen.insert(entry.digest.to_string()) {
                    continue;
                }
                let Ok(task) = reader.read::<Task>(&entry.digest) else { continue };
                if fits(&entry.digest) || fits(&task.face()) {
                    return Ok(Found { digest: entry.digest, task });
                }
            }
        }
    }
    // One that no build lists any more may still be there.
    let kept = id.parse::<Digest>().ok().and_then(|digest| store.get(&digest).ok());
    if let Some(task) = kept.and_then(|bytes| decode::<Task>(&bytes).ok()) {
        return Ok(Found::new(task));
    }
    let failure =
        Failure::usage(format!("there is no task `{id}` in the store `{}`", store.path().display()));
    if id.len() < 4 {
        return Err(failure.hint("at least four digits of an id are needed; `sswe show tasks` lists them"));
    }
    let near = nearest(id, seen.iter().filter_map(|known| known.get(..id.len())));
    Err(match (near, seen.len()) {
        (Some(near), _) => failure.hint(format!("did you mean `{near}`?")),
        (None, 0) => failure.hint("no build made tasks yet: `sswe build`"),
        (None, count) => {
            failure.hint(format!("`sswe show tasks` lists {count} of them; the beginning of an id is enough"))
        }
    })
}

/// Reads the tasks of a file: a `task/1`, or lines as `sswe show tasks --json` prints them.
pub(super) fn in_file(path: &Path) -> Result<Vec<Found>, Failure> {
    const HINT: &str = "`sswe show tasks ID --json` prints one; `sswe schema task` says what it has";
    let name = path.display();
    let text = match path == Path::new("-") {
        true => std::io::read_to_string(std::io::stdin()),
        false => std::fs::read_to_string(path),
    };
    let text = text.map_err(|error| Failure::file(format!("cannot read `{name}`: {error}")))?;
    // One document over many lines, or one on each.
    let values: Vec<(usize, Value)> = match serde_json::from_str(&text) {
        Ok(value) => vec![(1, value)],
        Err(_) => {
            let lines = (1..).zip(text.lines()).filter(|(_, line)| !line.trim().is_empty());
            let read = lines.map(|(number, line)| match serde_json::from_str(line) {
                Ok(value) => Ok((number, value)),
                Err(error) => {
                    Err(Failure::file(format!("`{name}`, line {number}: it is no JSON: {error}")).hint(HINT))
                }
            });
            read.collect::<Result<_, _>>()?
        }
    };
    if values.is_empty() {
        return Err(Failure::file(format!("`{name}` is empty")).hint(HINT));
    }
    let read = values.into_iter().map(|(number, mut value)| {
        let inner = value.get_mut("task").filter(|inner| inner.is_object()).map(Value::take);
        serde_json::from_value::<Task>(inner.unwrap_or(value)).map(Found::new).map_err(|error| {
            Failure::file(format!("`{name}`, line {number}: it is no task: {error}")).hint(HINT)
        })
    });
    read.collect()
}

/// Reads the repository of a task.
pub(super) fn repo_of(store: &Store, task: &Task) -> Result<Repo, Failure> {
    let digest = task.repo.parse::<Digest>();
    let read = digest.map_err(|_| "that is no digest".to_owned()).and_then(|digest| {
        let bytes = store.get(&digest).map_err(|error| error.to_string())?;
        decode::<Repo>(&bytes)
    });
    read.map_err(|why| {
        let short: String = task.repo.chars().take(12).collect();
        Failure::file(format!("the repository {short} of the task cannot be read: {why}")).hint(
            "a build of the curriculum that made the task puts it into the store; --store names another one",
        )
    })
}

/// Reads the card that guided a task, if one did and is still there.
pub(super) fn cards_of(store: &Store, task: &Task) -> Vec<Card> {
    let digest = task.planted.card.as_ref().and_then(|card| card.parse::<Digest>().ok());
    let bytes = digest.and_then(|digest| store.get(&digest).ok());
    bytes.and_then(|bytes| decode(&bytes).ok()).into_iter().collect()
}

/// Returns what has the packages that a build unpacked, or gets those that are gone.
pub(super) fn fetch(store: &Store) -> Arc<Fetch> {
    Arc::new(Fetch::new(store.path(), Path::new("."), "the lock file", false))
}

/// Tells a person something beside the result.
pub(super) fn note(text: &str) {
    style::say(format_args!("{}", style::dim(text)));
}
