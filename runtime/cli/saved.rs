//! Plans in files: what `sswe plan --save` writes and `sswe build FILE.plan` runs.
//!
//! A saved plan holds what was planned, and the digests of all that it was made from. It is planned
//! again before it is built, and refused where anything came out differently: so what was looked at
//! is what runs.

use std::{
    collections::{BTreeMap, BTreeSet},
    path::{Path, PathBuf},
};

use serde::{Deserialize, Serialize};
use serde_json::Value;
use sswe_cache::{Digest, SKIPPED, StatCache, Store, digest_tree};
use sswe_compiler::{plan::Plan, project::beside};

use crate::{
    Failure,
    args::{self, Compile, Part},
    load::Opened,
    lock,
    request::{self, Chosen},
    store,
};

/// The version of the form.
const VERSION: u32 = 1;

/// How many differences are told.
const TOLD: usize = 6;

/// A plan in a file.
#[derive(Debug, Serialize, Deserialize)]
pub(crate) struct Saved {
    v: u32,
    /// The `.sswe` file, from where the plan is.
    file: String,
    profile: Vec<String>,
    set: Vec<String>,
    curriculum: Option<String>,
    until: Option<String>,
    round: Option<u32>,
    /// The digests of the files and folders that stages read, by path.
    sources: BTreeMap<String, String>,
    /// The digests of the environment variables that stages read, by name.
    env: BTreeMap<String, String>,
    plans: Vec<Value>,
}

/// Returns whether a file is a saved plan, by its name.
pub(crate) fn is_plan(path: &Path) -> bool {
    path.extension().is_some_and(|end| end == "plan")
}

/// Reads a saved plan.
pub(crate) fn read(path: &Path) -> Result<Saved, Failure> {
    let name = path.display();
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::file(format!("cannot read `{name}`: {error}")))?;
    let again = "write it with `sswe plan --save FILE.plan`";
    let json: Value = serde_json::from_str(&text)
        .map_err(|error| Failure::file(format!("`{name}` is no saved plan: {error}")).hint(again))?;
    match json["v"].as_u64() {
        Some(v) if v == u64::from(VERSION) => (),
        v => {
            let found = v.map_or("no version".to_owned(), |v| format!("version {v}"));
            let failure =
                Failure::file(format!("`{name}` has {found}, and this sswe reads version {VERSION}"));
            return Err(failure.hint(again));
        }
    }
    serde_json::from_value(json)
        .map_err(|error| Failure::file(format!("`{name}` is no saved plan: {error}")).hint(again))
}

/// Writes a plan to a file.
pub(crate) fn write(
    path: &Path,
    args: &args::Plan,
    opened: &Opened,
    chosen: &[Chosen],
    store: &Store,
) -> Result<(), Failure> {
    if !is_plan(path) {
        let failure = Failure::usage(format!("cannot save a plan as `{}`", path.display()));
        return Err(failure.hint("its name must end in .plan: `sswe build` knows it by that"));
    }
    if opened.path == "-" {
        return Err(Failure::usage("a plan of standard input cannot be saved")
            .hint("it names the file that it is of: write that first"));
    }
    let Part { curriculum, until, round } = &args.part;
    let saved = Saved {
        v: VERSION,
        file: file_from(path, &opened.path)?,
        profile: args.compile.profile.clone(),
        set: args.compile.set.clone(),
        curriculum: curriculum.clone(),
        until: until.clone(),
        round: *round,
        sources: sources(opened, chosen, store)?,
        env: env(chosen),
        plans: plans(chosen),
    };
    let text = serde_json::to_string_pretty(&saved).unwrap_or_default() + "\n";
    std::fs::write(path, text)
        .map_err(|error| Failure::file(format!("cannot write `{}`: {error}", path.display())))
}

/// Returns how the file is called from where the plan lies.
fn file_from(plan: &Path, file: &str) -> Result<String, Failure> {
    let absolute = |path: &Path| {
        std::path::absolute(path)
            .map_err(|error| Failure::file(format!("cannot resolve `{}`: {error}", path.display())))
    };
    let (plan, file) = (absolute(plan)?, absolute(Path::new(file))?);
    let folder = plan.parent().unwrap_or(Path::new("/"));
    Ok(file.strip_prefix(folder).unwrap_or(&file).to_string_lossy().into_owned())
}

fn plans(chosen: &[Chosen]) -> Vec<Value> {
    chosen.iter().map(|of| serde_json::to_value::<&Plan>(&of.plan).unwrap_or_default()).collect()
}

/// Returns the digests of what the stages read that would be made, so that a plan of a part does
/// not depend on the rest.
fn sources(opened: &Opened, chosen: &[Chosen], store: &Store) -> Result<BTreeMap<String, String>, Failure> {
    let mut stats = StatCache::load(store).map_err(|error| store::failure(&error))?;
    let mut found = BTreeMap::new();
    for of in chosen {
        let states = sswe_engine::states(&of.plan, store, &lock::look(opened)?, &of.options(opened, None))
            .map_err(|error| request::refused(&error, opened, &of.plan))?;
        let wanted: BTreeSet<&str> = states.iter().map(|planned| &*planned.stage.0).collect();
        let stages = of.plan.stages.iter().filter(|stage| wanted.contains(&*stage.name.0));
        for source in stages.flat_map(|stage| &stage.sources) {
            if found.contains_key(&source.path) {
                continue;
            }
            let path = PathBuf::from(beside(&opened.path, &source.path));
            let digest = match path.is_dir() {
                true => digest_tree(&path, SKIPPED, &mut stats).map(|tree| tree.digest),
                false => stats.digest(&path),
            };
            let digest = digest.map_err(|error| store::failure(&error))?;
            found.insert(source.path.clone(), digest.to_string());
        }
    }
    Ok(found)
}

/// Returns digests, not values: a plan is handed around.
fn env(chosen: &[Chosen]) -> BTreeMap<String, String> {
    let all = chosen.iter().flat_map(|of| &of.plan.stages).flat_map(|stage| &stage.env);
    let digest = |name: &str| match std::env::var(name) {
        Ok(value) => Digest::of(value.as_bytes()).to_string(),
        Err(_) => "missing".to_owned(),
    };
    all.map(|(_, name)| (name.clone(), digest(name))).collect()
}

impl Saved {
    /// Returns the `.sswe` file, from here; `plan` is the file that this was read from.
    pub(crate) fn file(&self, plan: &Path) -> PathBuf {
        PathBuf::from(beside(&plan.to_string_lossy(), &self.file))
    }

    /// Returns how the file is compiled.
    pub(crate) fn compile(&self) -> Compile {
        Compile { profile: self.profile.clone(), set: self.set.clone() }
    }

    /// Returns which part of it is built.
    pub(crate) fn part(&self) -> Part {
        Part { curriculum: self.curriculum.clone(), until: self.until.clone(), round: self.round }
    }

    /// Refuses a plan that is not what the file means now.
    pub(crate) fn check(&self, opened: &Opened, chosen: &[Chosen], store: &Store) -> Result<(), Failure> {
        let mut found = Vec::new();
        let now = plans(chosen);
        let by_name = |plans: &[Value]| -> BTreeMap<String, Value> {
            let stages = plans.iter().flat_map(|plan| plan["stages"].as_array().cloned().unwrap_or_default());
            stages.map(|stage| (stage["name"].as_str().unwrap_or_default().to_owned(), stage)).collect()
        };
        let (before, after) = (by_name(&self.plans), by_name(&now));
        for (name, stage) in &after {
            match before.get(name) {
                None => found.push(format!("{name} is new")),
                Some(before) if before != stage => {
                    found.push(format!("{name}: {}", difference(before, stage)))
                }
                Some(_) => (),
            }
        }
        found.extend(
            before.keys().filter(|name| !after.contains_key(*name)).map(|name| format!("{name} is gone")),
        );
        if found.is_empty() && self.plans != now {
            found.push("the stages stand in another order".to_owned());
        }
        let changed = |before: &BTreeMap<String, String>, now: BTreeMap<String, String>, what: &str| {
            let differs = now.into_iter().filter(|(name, digest)| before.get(name) != Some(digest));
            differs.map(|(name, _)| format!("{what} `{name}` changed")).collect::<Vec<_>>()
        };
        found.extend(changed(&self.sources, sources(opened, chosen, store)?, "the content of"));
        found.extend(changed(&self.env, env(chosen), "the environment variable"));
        if found.is_empty() {
            return Ok(());
        }
        let more = found.len().saturating_sub(TOLD);
        found.truncate(TOLD);
        let mut failure = Failure::file("this plan is not what its file means any more; nothing was built");
        for found in found {
            failure = failure.hint(found);
        }
        if more > 0 {
            failure = failure.hint(format!("and {more} more differences"));
        }
        Err(failure.hint("look at it again, and save it again: `sswe plan --save FILE.plan`"))
    }
}

/// Says what differs between two stages of one name.
fn difference(before: &Value, after: &Value) -> String {
    let settings = |stage: &Value| -> BTreeMap<String, String> {
        let all = stage["settings"].as_array().cloned().unwrap_or_default();
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        all.iter().map(|setting| (text(&setting["address"]), text(&setting["shown"]))).collect()
    };
    let (old, new) = (settings(before), settings(after));
    for (address, value) in &new {
        match old.get(address) {
            Some(old) if old != value => return format!("`{address}` {old} -> {value}"),
            None => return format!("`{address}` is new"),
            Some(_) => (),
        }
    }
    let fields = ["shape", "inputs", "sources", "seed", "pool", "env", "kind", "round"];
    let differs = fields.iter().find(|field| before[**field] != after[**field]);
    differs.map_or("its settings differ".to_owned(), |field| format!("its {field} differs"))
}
