//! What a Solver may see of a task: the broken files without the tests that judge it, and nothing
//! from which the sound ones could be learned.

mod place;

use std::collections::{BTreeMap, BTreeSet};

use crate::artifact::{File, Repo, Task, Tree};
use crate::diff;
use crate::rewriter::is_product;
use crate::stage::pin::is_left_out;

pub(crate) use place::git;
pub use place::{Placed, Surroundings, write};

/// What a Solver may see of a task, and what is kept from it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct View {
    /// The files that it sees.
    pub files: Tree,
    /// The files that it does not see, with the reason.
    pub withheld: BTreeMap<String, Withheld>,
}

/// Why a Solver does not see a file.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Withheld {
    /// It defines a test that judges the task, or says the same as one that does.
    Hidden,
    /// It is history, a cache, or was built from the sources: it may hold the sound code.
    LeftBehind,
}

impl Withheld {
    /// Returns the reason in words.
    pub fn as_str(self) -> &'static str {
        match self {
            Withheld::Hidden => "a hidden test",
            Withheld::LeftBehind => "history, a cache or built",
        }
    }
}

/// Returns what a Solver may see of a task of a repository.
///
/// Files that define a test which the bug makes fail are withheld whole, and so is every copy of
/// them. Other tests stay: they pass on the bug, and whoever mends it wants to keep them so. A test
/// that product code defines (a doctest) cannot be withheld: [`crate::leaks`] tells of it.
pub fn solver(task: &Task, repo: &Repo) -> View {
    let hidden = hidden_files(&task.fail_to_pass, &repo.files);
    let secret: BTreeSet<Vec<u8>> = hidden
        .iter()
        .filter_map(|path| repo.files.get(path))
        .map(File::bytes)
        .filter(|bytes| !bytes.is_empty())
        .collect();
    let entered = |folder: &str| {
        let mut functions = repo.suite.iter().flat_map(|suite| &suite.functions);
        functions.any(|function| function.path.starts_with(folder))
    };
    let built = BUILT.iter().filter(|folder| !entered(folder)).copied().collect();
    let mut view = View::default();
    for (path, file) in repo.files.iter() {
        let why = if is_behind(path, &built) {
            Some(Withheld::LeftBehind)
        } else if hidden.contains(path) || !is_product(path) && secret.contains(&file.bytes()) {
            Some(Withheld::Hidden)
        } else {
            None
        };
        if let Some(why) = why {
            view.withheld.insert(path.to_owned(), why);
        } else if view.files.insert(path, file.clone()).is_ok()
            && let Some(broken) = task.bug.get(path)
        {
            view.files.replace(path, broken.clone());
        }
    }
    view
}

/// Returns the reference fix as a patch: it leads from what a Solver sees to the sound repository.
pub fn reference(task: &Task, repo: &Repo) -> String {
    let mut broken = repo.files.clone();
    task.bug.iter().for_each(|(path, text)| broken.replace(path, text.clone()));
    let sound = task.bug.keys().filter_map(|path| Some((path.clone(), repo.files.text(path)?.to_owned())));
    diff::patch(&broken, &sound.collect())
}

/// Returns the modules that a repository brings.
pub fn modules_of(repo: &Repo) -> Vec<String> {
    place::modules(repo.files.iter().map(|(path, _)| path)).into_keys().collect()
}

/// Folders at the top that builds write; one whose code tests enter is a package of that name.
const BUILT: &[&str] = &["build/", "dist/", "_build/", ".eggs/", ".nox/", "wheels/"];

/// Returns whether a file is history, a cache, or what a build or an edit left behind.
fn is_behind(path: &str, built: &BTreeSet<&str>) -> bool {
    const ENDINGS: &[&str] = &[".pyo", ".orig", ".rej", ".egg-link", ".whl", ".egg", "~"];
    let is_made = |part: &str| part.ends_with(".egg-info") || part.ends_with(".dist-info");
    path.split('/').any(|part| is_left_out(part) || is_made(part))
        || ENDINGS.iter().any(|ending| path.ends_with(ending))
        || built.iter().any(|folder| path.starts_with(folder))
}

/// Returns whether a file of a view is what nobody should have left in it.
pub(crate) fn is_left_behind(path: &str) -> bool {
    is_behind(path, &BTreeSet::from(["build/lib", "dist/"]))
}

/// Returns the files that define one of these tests, but for product code.
fn hidden_files(tests: &[String], files: &Tree) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    for id in tests {
        found.extend(files_of(id, files).into_iter().filter(|path| !is_product(path)).map(str::to_owned));
    }
    found
}

/// Returns the files that define a test: the one that its id names, and where the function is not in
/// it but inherited, those that have a function of that name.
pub(crate) fn files_of<'a>(id: &str, files: &'a Tree) -> Vec<&'a str> {
    let stems: Vec<String> = match id.split_once("::") {
        Some((path, _)) => vec![path.trim_end_matches(".py").to_owned()],
        None => {
            let parts: Vec<&str> = id.split('.').collect();
            (1..parts.len()).rev().map(|count| parts[..count].join("/")).collect()
        }
    };
    let is_it = |path: &str, stem: &str| {
        let file = path.strip_suffix(".py").unwrap_or_default();
        let file = file.strip_suffix("/__init__").unwrap_or(file);
        // Tests may be discovered from a folder below the top.
        file == stem || file.strip_suffix(stem).is_some_and(|rest| rest.ends_with('/'))
    };
    let with = |stem: &String| -> Vec<&'a str> {
        files.iter().map(|(path, _)| path).filter(|path| is_it(path, stem)).collect()
    };
    let mut found = stems.iter().map(with).find(|found| !found.is_empty()).unwrap_or_default();
    let head = format!("def {}(", function_of(id));
    let defines = |path: &&str| files.text(path).is_some_and(|text| text.contains(&head));
    if !found.iter().any(defines) {
        let tests = files.iter().map(|(path, _)| path).filter(|path| path.ends_with(".py"));
        found.extend(tests.filter(|path| !is_product(path)).filter(defines));
    }
    found
}

/// Returns the name of the function that a test is.
pub(crate) fn function_of(id: &str) -> &str {
    let id = id.split('[').next().unwrap_or(id);
    id.rsplit(['.', ':']).next().unwrap_or(id)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.insert(*path, File::Text((*text).to_owned())).unwrap();
        }
        tree
    }

    #[test]
    fn tests_are_found_by_their_ids() {
        let files = tree(&[
            ("shop/cart.py", "def test_less(): pass\n"),
            ("tests/__init__.py", ""),
            ("tests/base.py", "class Base:\n    def test_shared(self): pass\n"),
            ("tests/test_cart.py", "class Cart(Base):\n    def test_own(self): pass\n"),
        ]);
        let of = |id: &str| files_of(id, &files);
        assert_eq!(of("tests.test_cart.Cart.test_own"), ["tests/test_cart.py"]);
        assert_eq!(of("test_cart.Cart.test_own"), ["tests/test_cart.py"]);
        assert_eq!(of("tests/test_cart.py::Cart::test_own[1.5-x::y]"), ["tests/test_cart.py"]);
        assert_eq!(of("tests.test_cart.Cart.test_shared"), ["tests/test_cart.py", "tests/base.py"]);
        assert_eq!(of("nowhere.test_none"), Vec::<&str>::new());
    }

    #[test]
    fn what_is_left_behind_is_not_seen() {
        let built = BUILT.iter().copied().collect();
        for path in [
            ".git/HEAD",
            "a/__pycache__/b.cpython-311.pyc",
            "b.pyc",
            "build/lib/a/b.py",
            "a/b.py.orig",
            "src/a.egg-info/PKG-INFO",
            "a-1.dist-info/RECORD",
            "dist/a-1.tar.gz",
            "a.py~",
        ] {
            assert!(is_behind(path, &built), "{path}");
        }
        for path in ["a/build.py", "a/build/b.py", "builder/a.py", "a/dist.py", ".gitignore", "setup.cfg"] {
            assert!(!is_behind(path, &built), "{path}");
        }
        assert!(!is_behind("build/core.py", &BTreeSet::new()));
    }
}
