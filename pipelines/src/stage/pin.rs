//! `pin`: takes the files of a repository, and nothing of its history.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;

use sswe_engine::{Artifact, Context, Fault, Made};

use crate::artifact::{self, File, Repo, Tree};
use crate::lock::Need;
use crate::pipeline::Tools;
use crate::setting;

/// The largest repository that is taken: what is larger is data, not code.
pub(crate) const MOST_BYTES: u64 = 64 << 20;

/// Names that are never part of a repository: history, and what programs leave behind.
const LEFT_OUT: &[&str] = &[
    ".git",
    ".hg",
    ".svn",
    ".sswe",
    "__pycache__",
    ".pytest_cache",
    ".mypy_cache",
    ".ruff_cache",
    ".venv",
    ".tox",
];

/// Returns whether a name is one of those.
pub(crate) fn is_left_out(name: &str) -> bool {
    LEFT_OUT.contains(&name) || name.ends_with(".pyc")
}

pub(crate) async fn run(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let stage = context.stage();
    let need = Need::of(stage).map_err(Fault::Failed)?.into_iter().next();
    let (fetch, pins) = (tools.fetch.clone(), &tools.pins);
    let files = match (need, setting::word(stage, "kind")?, context.sources()) {
        (Some(Need::Sdist { name, version }), ..) => {
            let key = (name, version);
            let pin = pins.sdists.get(&key).cloned();
            let (name, version) = key;
            match pin {
                Some(pin) => super::blocking(move || fetch.sdist(&name, &version, &pin)).await??,
                None => return Err(super::unpinned(&Need::Sdist { name, version })),
            }
        }
        (Some(Need::Commit { source, at }), ..) => {
            let key = (source, at);
            let pin = pins.commits.get(&key).cloned();
            let (source, at) = key;
            match pin {
                Some(commit) => super::blocking(move || fetch.commit(&source, &at, &commit)).await??,
                None => return Err(super::unpinned(&Need::Commit { source, at })),
            }
        }
        (_, _, [source]) => {
            let path = source.path.clone();
            super::blocking(move || read_tree(&path)).await??
        }
        (_, kind, _) => return Err(Fault::Failed(format!("a `{kind}` cannot be fetched"))),
    };
    let repo =
        Repo { schema: "repo/1".to_owned(), language: "python".to_owned(), files, env: None, suite: None };
    Ok(Made { artifacts: vec![Artifact::new("repo", artifact::encode(&repo))], ..Made::default() })
}

/// Reads the files of a folder that are a repository's own.
pub(crate) fn read_tree(root: &Path) -> Result<Tree, Fault> {
    let mut tree = Tree::default();
    let mut bytes = 0;
    read_folder(root, "", &mut tree, &mut bytes)?;
    if tree.is_empty() {
        return Err(Fault::Failed(format!("`{}` has no files", root.display())));
    }
    Ok(tree)
}

fn read_folder(folder: &Path, inside: &str, tree: &mut Tree, bytes: &mut u64) -> Result<(), Fault> {
    let unreadable = |path: &Path, error: std::io::Error| {
        Fault::Failed(format!("`{}` cannot be read: {error}", path.display()))
    };
    for entry in fs::read_dir(folder).map_err(|error| unreadable(folder, error))? {
        let path = entry.map_err(|error| unreadable(folder, error))?.path();
        let Some(name) = path.file_name().and_then(|name| name.to_str()) else {
            return Err(Fault::Failed(format!("`{}` is not named in UTF-8", path.display())));
        };
        // Beside an archive's sources they say what is installed; beside one's own they are left behind.
        if is_left_out(name) || name.ends_with(".egg-info") {
            continue;
        }
        let inner = if inside.is_empty() { name.to_owned() } else { format!("{inside}/{name}") };
        let about = fs::symlink_metadata(&path).map_err(|error| unreadable(&path, error))?;
        if about.is_dir() {
            read_folder(&path, &inner, tree, bytes)?;
        } else if about.is_file() {
            *bytes += about.len();
            if *bytes > MOST_BYTES {
                return Err(Fault::Failed(format!(
                    "`{}` brings the repository over {} MiB: leave data out of it",
                    path.display(),
                    MOST_BYTES >> 20
                )));
            }
            let content = fs::read(&path).map_err(|error| unreadable(&path, error))?;
            let is_program = about.permissions().mode() & 0o100 != 0;
            tree.insert(inner, File::new(content, is_program))
                .map_err(|error| Fault::Failed(error.to_string()))?;
        }
        // Links are left out: they may lead outside.
    }
    Ok(())
}
