//! What a repository remembers: it may have one commit, and nothing that the commit does not reach.

use std::fs;
use std::path::Path;

use super::{Answer, Check, Finding};
use crate::view::git;

/// Files of a repository that keep what it was before, or lead to another one.
const TRACES: &[&str] = &[
    "FETCH_HEAD",
    "ORIG_HEAD",
    "MERGE_HEAD",
    "CHERRY_PICK_HEAD",
    "REBASE_HEAD",
    "logs",
    "objects/info/alternates",
    "modules",
    "worktrees",
    "shallow",
    "svn",
    "hooks",
    "lost-found",
    "rebase-apply",
    "rebase-merge",
    "refs/stash",
];

/// Finds history in the repository of a work tree, and in repositories below it. The error says why
/// `git` cannot look.
pub fn history(folder: &Path, answer: &Answer) -> Result<Vec<Finding>, String> {
    const REMEDY: &str = "give the Solver a repository that was made anew of the broken files alone";
    let mut found = Vec::new();
    let mut add = |place: &str, what: String| found.push(Finding::new(Check::History, place, what, REMEDY));
    let lines = |args: &[&str]| -> Result<Vec<String>, String> {
        Ok(git(folder, args)?.lines().map(str::to_owned).collect())
    };
    let commits = lines(&["rev-list", "--all", "--count"])?.concat();
    if commits != "1" {
        add(".git", format!("{commits} commits where there should be one"));
    }
    let roots = lines(&["rev-list", "--all", "--max-parents=0"])?;
    let head = lines(&["rev-parse", "HEAD"])?;
    if roots != head {
        add(".git/HEAD", "it is not the only root commit".to_owned());
    }
    for line in
        lines(&["for-each-ref", "--format=%(refname)"])?.iter().filter(|name| *name != "refs/heads/main")
    {
        add(&format!(".git/{line}"), "another branch, a tag or a stash".to_owned());
    }
    for name in lines(&["remote"])? {
        add(".git/config", format!("the remote `{name}`"));
    }
    // Objects that no reference reaches stay readable: what was reset, amended or dropped.
    for line in lines(&["fsck", "--unreachable", "--no-reflogs", "--no-progress"])? {
        if let Some(object) = line.strip_prefix("unreachable ") {
            add(".git/objects", format!("the unreachable {object}"));
        }
    }
    let objects = lines(&["cat-file", "--batch-all-objects", "--batch-check=%(objectname)"])?;
    let secrets = answer.sound.iter().map(|(path, bytes)| (path, bytes, "the sound text of"));
    let secrets =
        secrets.chain(answer.tests.iter().map(|(path, bytes)| (path, bytes, "the hidden tests in")));
    for (path, bytes, what) in secrets {
        let name = git_name(folder, bytes)?;
        if objects.contains(&name) {
            add(".git/objects", format!("{what} `{path}`, as blob {}", &name[..name.len().min(12)]));
        }
    }
    for name in TRACES.iter().filter(|name| fs::symlink_metadata(folder.join(".git").join(name)).is_ok()) {
        add(&format!(".git/{name}"), "it keeps what was before, or leads to another repository".to_owned());
    }
    inner(folder, "", &mut |place| add(place, "a repository inside of the repository".to_owned()));
    Ok(found)
}

/// Returns the name that an object with these bytes has in the repository.
fn git_name(folder: &Path, bytes: &[u8]) -> Result<String, String> {
    let place = std::env::temp_dir().join(format!("sswe-blob-{}-{}", std::process::id(), unique()));
    fs::write(&place, bytes).map_err(|error| format!("`{}` cannot be written: {error}", place.display()))?;
    let named = git(folder, &["hash-object", "--no-filters", &place.to_string_lossy()]);
    let _ = fs::remove_file(&place);
    Ok(named?.trim().to_owned())
}

fn unique() -> u32 {
    static NEXT: std::sync::atomic::AtomicU32 = std::sync::atomic::AtomicU32::new(0);
    NEXT.fetch_add(1, std::sync::atomic::Ordering::Relaxed)
}

fn inner(folder: &Path, inside: &str, add: &mut dyn FnMut(&str)) {
    for entry in fs::read_dir(folder.join(inside)).into_iter().flatten().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if inside.is_empty() { name.clone() } else { format!("{inside}/{name}") };
        match entry.file_type() {
            Ok(_) if name == ".git" && !inside.is_empty() => add(&path),
            Ok(kind) if kind.is_dir() && name != ".git" => inner(folder, &path, add),
            _ => (),
        }
    }
}
