//! What of a proposed change may cross over to where it is judged.
//!
//! A Solver may return anything: files that decide which tests run or how, links, files outside of the
//! repository. Only what is plain text of the product crosses; the rest stays as the task has it.

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::{Dropped, Tree};

/// A proposed change, by path.
pub type Proposal = BTreeMap<String, Put>;

/// What is proposed for a path.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Put {
    /// This text.
    Text(String),
    /// Bytes that are no text, such as a compiled module.
    Bytes(Vec<u8>),
    /// A link to somewhere.
    Link(String),
    /// No file.
    Deleted,
}

/// What crosses, and what does not.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Crossing {
    /// The new text of files.
    pub changed: BTreeMap<String, String>,
    /// The files that are not there any more.
    pub deleted: BTreeSet<String>,
    /// What was left out, and why.
    pub dropped: BTreeMap<String, Dropped>,
}

/// The largest file that crosses, in bytes, and the most of all together.
const LARGEST: usize = 1 << 20;
const MOST: usize = 8 << 20;

/// Lets through what may cross. `allowed` are paths that the reference itself changes: a task that is about
/// such a file can be solved.
pub fn filter(tree: &Tree, proposal: &Proposal, allowed: &BTreeSet<&str>) -> Crossing {
    let mut crossing = Crossing::default();
    let environment = imported_by_tests(tree);
    let mut total = 0;
    for (path, put) in proposal {
        let is_allowed = allowed.contains(path.as_str());
        let why = if !is_plain(path) {
            Some(Dropped::Outside)
        } else if !is_allowed && is_control(path) {
            Some(Dropped::Control)
        } else if !is_allowed && stands_in(tree, path, &environment) {
            Some(Dropped::StandsIn)
        } else if clashes(tree, path) {
            Some(Dropped::Clash)
        } else {
            match put {
                Put::Link(_) => Some(Dropped::Link),
                Put::Bytes(_) => Some(Dropped::Binary),
                Put::Text(text) if text.contains('\0') => Some(Dropped::Binary),
                Put::Text(text) if text.len() > LARGEST || total + text.len() > MOST => {
                    Some(Dropped::TooLarge)
                }
                Put::Text(_) | Put::Deleted => None,
            }
        };
        match (why, put) {
            (Some(why), _) => drop(crossing.dropped.insert(path.clone(), why)),
            (None, Put::Text(text)) => {
                total += text.len();
                crossing.changed.insert(path.clone(), text.clone());
            }
            (None, _) => drop(crossing.deleted.insert(path.clone())),
        }
    }
    crossing
}

/// Returns whether a path is relative, without detours, and stays inside.
fn is_plain(path: &str) -> bool {
    path.split('/').all(|part| !matches!(part, "" | "." | ".."))
        && !path.contains(|letter: char| letter == '\\' || letter.is_control())
}

/// Returns whether a file decides which tests run, how, or what they find: for Python.
pub fn is_control(path: &str) -> bool {
    let mut folders: Vec<&str> = path.split('/').collect();
    let name = folders.pop().unwrap_or_default();
    let in_folder = |folder: &&str| {
        matches!(*folder, "tests" | "test" | "__pycache__" | ".git")
            || folder.ends_with(".dist-info")
            || folder.ends_with(".egg-info")
            || folder.ends_with(".egg")
    };
    let is_named = matches!(
        name,
        "conftest.py"
            | "pytest.ini"
            | ".pytest.ini"
            | "pytest.toml"
            | ".pytest.toml"
            | "tox.ini"
            | "tox.toml"
            | "setup.cfg"
            | "pyproject.toml"
            | ".coveragerc"
            | "sitecustomize.py"
            | "usercustomize.py"
            | "noxfile.py"
            | "tests.py"
            | "test.py"
            | "Makefile"
    );
    let is_test = (name.starts_with("test_") || name.ends_with("_test.py")) && name.ends_with(".py");
    let has_ending =
        [".pth", ".pyc", ".egg-link", ".egg-info", ".dist-info"].iter().any(|end| name.ends_with(end));
    is_named || is_test || has_ending || folders.iter().any(in_folder)
}

/// Returns whether a new module of the top level would be found in the place of one that tests take from the
/// environment, such as `unittest`.
fn stands_in(tree: &Tree, path: &str, environment: &BTreeSet<String>) -> bool {
    let (root, inner) = match path.split_once('/') {
        Some((root @ ("src" | "lib"), inner)) => (root, inner),
        _ => ("", path),
    };
    let top = inner.split('/').next().unwrap_or_default();
    let module = top.split('.').next().unwrap_or_default();
    let prefix = if root.is_empty() { module.to_owned() } else { format!("{root}/{module}") };
    let is_there = |known: &str| {
        known.strip_prefix(prefix.as_str()).is_some_and(|rest| rest == ".py" || rest.starts_with('/'))
    };
    environment.contains(module) && !tree.iter().any(|(known, _)| is_there(known))
}

/// Returns the first parts of the modules that the tests of a tree import, and those of the frameworks.
fn imported_by_tests(tree: &Tree) -> BTreeSet<String> {
    let mut found: BTreeSet<String> =
        ["unittest", "pytest", "_pytest", "pluggy"].iter().map(|name| (*name).to_owned()).collect();
    for (path, _) in tree.iter().filter(|(path, _)| path.ends_with(".py") && is_control(path)) {
        for line in tree.text(path).unwrap_or_default().lines() {
            let line = line.trim_start();
            let (names, is_from) = match (line.strip_prefix("import "), line.strip_prefix("from ")) {
                (Some(names), _) => (names, false),
                (_, Some(names)) => (names, true),
                _ => continue,
            };
            for name in names.split(',').take(if is_from { 1 } else { usize::MAX }) {
                let first = name.trim().split(['.', ' ']).next().unwrap_or_default();
                if !first.is_empty() {
                    found.insert(first.to_owned());
                }
            }
        }
    }
    found
}

/// Returns whether a file would be where a folder is, or inside of a file.
fn clashes(tree: &Tree, path: &str) -> bool {
    let folder = format!("{path}/");
    let mut above = path.match_indices('/').map(|(at, _)| &path[..at]);
    tree.iter().any(|(known, _)| known.starts_with(&folder)) || above.any(|known| tree.get(known).is_some())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::File;

    fn tree() -> Tree {
        let mut tree = Tree::default();
        for (path, text) in [
            ("shop/price.py", "def f(): pass\n"),
            ("conftest.py", ""),
            (
                "tests/test_price.py",
                "import json, pytest\nfrom numpy.testing import assert_equal\nimport shop.price\n",
            ),
        ] {
            tree.insert(path, File::Text(text.to_owned())).unwrap();
        }
        tree
    }

    fn why(path: &str, put: Put) -> Option<Dropped> {
        let proposal = Proposal::from([(path.to_owned(), put)]);
        let crossing = filter(&tree(), &proposal, &BTreeSet::new());
        assert_eq!(
            crossing.dropped.len() + crossing.changed.len() + crossing.deleted.len(),
            1,
            "{path}: {crossing:?}"
        );
        crossing.dropped.get(path).copied()
    }

    #[test]
    fn what_decides_tests_stays_as_it_is() {
        for path in [
            "conftest.py",
            "shop/conftest.py",
            "pytest.ini",
            "tox.ini",
            "setup.cfg",
            "pyproject.toml",
            ".coveragerc",
            "sitecustomize.py",
            "evil.pth",
            "evil-1.0.dist-info/entry_points.txt",
            "evil.egg-info/entry_points.txt",
            "tests/data/x.json",
            "test_new.py",
            "shop/price_test.py",
            "shop/__pycache__/price.cpython-311.pyc",
        ] {
            assert_eq!(why(path, Put::Text(String::new())), Some(Dropped::Control), "{path}");
            assert_eq!(why(path, Put::Deleted), Some(Dropped::Control), "{path}");
        }
    }

    #[test]
    fn what_the_product_is_made_of_crosses() {
        for path in ["shop/price.py", "shop/new.py", "other.py", "README.md", "shop/testing.py", "attest.py"]
        {
            assert_eq!(why(path, Put::Text("x = 1\n".to_owned())), None, "{path}");
        }
        assert_eq!(why("shop/price.py", Put::Deleted), None);
    }

    #[test]
    fn what_is_no_plain_file_of_the_tree_stays_out() {
        let text = || Put::Text(String::new());
        for path in
            ["../x.py", "/etc/passwd", "a//b.py", "./conftest.py", "a/../conftest.py", "", "a\\b.py", "a\nb"]
        {
            assert_eq!(why(path, text()), Some(Dropped::Outside), "{path}");
        }
        assert_eq!(why("shop/x.py", Put::Link("/etc/passwd".to_owned())), Some(Dropped::Link));
        assert_eq!(why("shop/x.so", Put::Bytes(vec![127])), Some(Dropped::Binary));
        assert_eq!(why("shop/x.py", Put::Text("a\0b".to_owned())), Some(Dropped::Binary));
        assert_eq!(why("shop/x.py", Put::Text("#".repeat(LARGEST + 1))), Some(Dropped::TooLarge));
        assert_eq!(why("shop", text()), Some(Dropped::Clash));
        assert_eq!(why("shop/price.py/x.py", text()), Some(Dropped::Clash));
    }

    #[test]
    fn nothing_stands_in_for_what_tests_import() {
        for path in
            ["unittest/__init__.py", "pytest.py", "json.py", "numpy/testing.py", "src/json/__init__.py"]
        {
            assert_eq!(why(path, Put::Text(String::new())), Some(Dropped::StandsIn), "{path}");
        }
        // Of the tree itself.
        assert_eq!(why("shop/json.py", Put::Text(String::new())), None);
    }

    #[test]
    fn what_the_reference_changes_is_allowed() {
        let proposal = Proposal::from([("conftest.py".to_owned(), Put::Text("x = 1\n".to_owned()))]);
        let crossing = filter(&tree(), &proposal, &BTreeSet::from(["conftest.py"]));
        assert_eq!(crossing.changed.len(), 1);
    }
}
