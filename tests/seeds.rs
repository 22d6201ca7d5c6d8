//! Repositories from outside: a real index on loopback, real archives, the real program.

mod index;
mod packages;
mod real;

use std::fs;

use crate::support::{Folder, Run, Sswe};
use index::{Entry, Index, sdist};

const FILE: &str = "\
sswe 1
seeds one { pypi \"Ledger.X\" { at = \"1.0\", test = 'python -m unittest discover tests' } }
seeds exam { dir \"seeds/slots\" { test = 'python -m unittest' } }
model base { backend = rewriter }
validation anchor { from = exam }
curriculum main { seeds = one, solver = base, score { against = anchor } }
";

const PIN: &str = "build --until main/seed/Ledger_X/pin";

/// The source distribution of a small product.
pub(crate) fn ledger() -> Vec<u8> {
    sdist(
        "ledger_x-1.0",
        &[
            ("setup.py", "raise SystemExit('nobody may run this')\n"),
            ("ledger_x/__init__.py", "def total(rows):\n    return sum(rows)\n"),
            ("tests/test_ledger.py", TESTS),
        ],
    )
}

const TESTS: &str = "\
import unittest
import ledger_x


class Total(unittest.TestCase):
    def test_total(self):
        self.assertEqual(ledger_x.total([1, 2]), 3)
";

fn folder() -> Folder {
    Folder::with(FILE).and("seeds/slots/slots.py", "def free(slots):\n    return slots\n")
}

/// Prepares `sswe` with an index.
fn with(folder: &Folder, index: &str, args: &str) -> Sswe {
    let args: Vec<&str> = args.split_whitespace().collect();
    folder.command(&args).env("PIP_INDEX_URL", index).env("PIP_CONFIG_FILE", "/dev/null")
}

fn sswe(folder: &Folder, index: &Index, args: &str) -> Run {
    with(folder, &index.url(), args).run()
}

#[test]
fn either_form_of_an_index_is_pinned_and_read() {
    for is_json in [true, false] {
        let index = Index::start(is_json);
        index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", ledger()));
        let folder = folder();
        sswe(&folder, &index, PIN).exits(0).mentions(&["a.lock written"]);
        let lock = folder.read("a.lock");
        assert!(lock.contains("\npypi ledger-x 1.0 sha256:"), "{lock}");
        assert!(lock.ends_with(" ledger_x-1.0.tar.gz\n"), "{lock}");
        // Nobody is asked again, and there is no interpreter to be asked.
        let asked = index.asked();
        let null = with(&folder, &index.url(), PIN).env("PATH", "/nowhere").run();
        null.exits(0).mentions(&["up to date"]);
        assert_eq!(index.asked(), asked);
        // A store that knows nothing any more still has the archive.
        for entry in fs::read_dir(folder.path(".sswe/store")).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                _ if path.ends_with("fetched") => {}
                true => fs::remove_dir_all(path).unwrap(),
                false => fs::remove_file(path).unwrap(),
            }
        }
        drop(index);
        folder.sswe(&format!("{PIN} --offline --locked")).exits(0);
    }
}

#[test]
fn where_an_index_leads_is_followed() {
    let index = Index::start(false);
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", ledger()).led());
    let folder = folder();
    let with_name = index.url().replace("://", "://me:secret@");
    let run = with(&folder, &with_name, PIN).run().exits(0);
    assert!(!run.err.contains("secret"), "{}", run.err);
    assert!(index.heard("authorization: Basic bWU6c2VjcmV0"));
    assert!(!folder.read("a.lock").contains("secret"));
}

#[test]
fn what_an_index_lacks_is_told() {
    let index = Index::start(true);
    let folder = folder();
    sswe(&folder, &index, "lock").exits(3).mentions(&["there is no package `ledger-x`"]);
    index.has("ledger-x", Entry::new("ledger_x-0.9.tar.gz", ledger()));
    index.has("ledger-x", Entry::new("ledger_x-0.10.tar.gz", ledger()));
    sswe(&folder, &index, "lock").exits(3).mentions(&["has no version 1.0 in the index; it has 0.10, 0.9"]);
    index.has("ledger-x", Entry::new("ledger_x-1.0-py3-none-any.whl", ledger()));
    sswe(&folder, &index, "lock").exits(3).mentions(&["has no source distribution", "with `repo` instead"]);
    assert!(!folder.path("a.lock").exists());
}

#[test]
fn what_was_withdrawn_is_used_only_where_it_is_pinned() {
    let index = Index::start(true);
    let folder = folder();
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", ledger()).yanked("it is broken"));
    sswe(&folder, &index, PIN).exits(3).mentions(&["was withdrawn from the index: it is broken"]);
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", ledger()));
    sswe(&folder, &index, "lock").exits(0);
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", ledger()).yanked("it is broken"));
    sswe(&folder, &index, PIN).exits(0).mentions(&["warning", "was withdrawn from the index: it is broken"]);
}

#[test]
fn what_was_replaced_is_refused() {
    let index = Index::start(false);
    let folder = folder();
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", ledger()));
    sswe(&folder, &index, "lock").exits(0);
    let other = sdist("ledger_x-1.0", &[("ledger_x.py", "import os\n")]);
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", other.clone()));
    let told = ["a.lock pins `pypi ledger-x 1.0 sha256:", "`sswe lock --update ledger-x`"];
    sswe(&folder, &index, PIN).exits(3).mentions(&told);
    // The page still says what was pinned, and the file is another one.
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", ledger()).served(other.clone()));
    sswe(&folder, &index, PIN).exits(3).mentions(&told);
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", other));
    sswe(&folder, &index, "lock --update ledger-x").exits(0).holds(&["- pypi ledger-x", "+ pypi ledger-x"]);
    sswe(&folder, &index, PIN).exits(0);
}

#[test]
fn hostile_archives_are_refused_by_name() {
    let index = Index::start(true);
    let folder = folder();
    let hostile = sdist("ledger_x-1.0", &[("a.py", ""), ("../../../../tmp/sswe-escaped", "x")]);
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", hostile));
    sswe(&folder, &index, PIN)
        .exits(3)
        .mentions(&["entry `ledger_x-1.0/../../../../tmp/sswe-escaped` leads out"]);
    assert!(!std::path::Path::new("/tmp/sswe-escaped").exists());
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", b"no archive".to_vec()));
    sswe(&folder, &index, "lock --update ledger-x").exits(0);
    sswe(&folder, &index, PIN).exits(3).mentions(&["`ledger_x-1.0.tar.gz` cannot be read"]);
}

#[test]
fn an_index_that_is_down_is_told_and_can_be_done_without() {
    let index = Index::start(true);
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", ledger()));
    let (folder, url) = (folder(), index.url());
    with(&folder, &url, "lock --offline").run().exits(6).mentions(&["does not pin `pypi ledger-x 1.0`"]);
    with(&folder, &url, &format!("{PIN} --offline")).run().exits(6);
    sswe(&folder, &index, "lock").exits(0);
    // Pinned, but never fetched.
    with(&folder, &url, &format!("{PIN} --offline")).run().exits(6);
    drop(index);
    with(&folder, &url, "lock --update ledger-x")
        .run()
        .exits(3)
        .mentions(&["cannot be reached", "PIP_INDEX_URL"]);
    let plain = "http://mirror.example/simple";
    with(&folder, plain, "lock --update ledger-x")
        .run()
        .exits(3)
        .mentions(&["is not encrypted", "PIP_TRUSTED_HOST"]);
}

#[test]
fn a_locked_build_takes_only_what_is_pinned() {
    let index = Index::start(true);
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", ledger()));
    let folder = folder();
    let locked = format!("{PIN} --locked");
    sswe(&folder, &index, &locked)
        .exits(5)
        .mentions(&["a.lock does not pin `pypi ledger-x 1.0`", "sswe lock"]);
    sswe(&folder, &index, "lock --locked").exits(5);
    sswe(&folder, &index, "lock").exits(0).holds(&["+ pypi ledger-x", "+ python "]);
    sswe(&folder, &index, "lock").exits(0).prints("").mentions(&["a.lock is up to date: 2 pins"]);
    sswe(&folder, &index, "lock --locked").exits(0);
    sswe(&folder, &index, &locked).exits(0);
    // What nothing needs any more is dropped by `lock`, and by nothing else.
    folder.write("a.sswe", FILE.replace("pypi \"Ledger.X\" { at = \"1.0\",", "dir \"seeds/slots\" same {"));
    sswe(&folder, &index, "lock --locked").exits(5).mentions(&["nothing needs `pypi ledger-x 1.0"]);
    sswe(&folder, &index, "lock").exits(0).holds(&["- pypi ledger-x"]);
    assert_eq!(folder.read("a.lock").lines().count(), 2);
    sswe(&folder, &index, "lock --update ledger").exits(2).mentions(&["a.lock pins no `ledger`"]);
    folder.write("a.lock", "<<<<<<< here\n");
    sswe(&folder, &index, "lock").exits(1).mentions(&["line 1 is not `sswe lock 1`", "remove it"]);
}

#[test]
fn another_interpreter_than_the_pinned_one_is_refused() {
    let index = Index::start(true);
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", ledger()));
    let folder = folder();
    sswe(&folder, &index, "lock").exits(0);
    let lock = folder.read("a.lock");
    let line = lock.lines().find(|line| line.starts_with("python ")).unwrap().to_owned();
    folder.write("a.lock", lock.replace(&line, &format!("python 3.9.0 library:{}", "ab".repeat(32))));
    let env = PIN.replace("/pin", "/env");
    sswe(&folder, &index, &env)
        .exits(3)
        .mentions(&["Python 3.9.0 is pinned, but", "`sswe lock --update python`"]);
    sswe(&folder, &index, "lock --update python").exits(0).holds(&["- python 3.9.0", "+ python 3."]);
    sswe(&folder, &index, &env).exits(0);
}

#[test]
fn a_commit_is_pinned_and_read() {
    let folder = folder();
    let script = "git init -q -b main repo && cd repo && git config user.name x && git config user.email x@example.com \
                  && printf 'a = 1\\n' > a.py && git add -A && git commit -qm one && git tag v1";
    let made = std::process::Command::new("sh").current_dir(folder.path(".")).args(["-ec", script]).status();
    assert!(made.unwrap().success());
    let line = "pypi \"Ledger.X\" { at = \"1.0\",";
    folder.write("a.sswe", FILE.replace(line, "repo \"./repo\" { at = \"v1\","));
    let pin = "build --until main/seed/repo/pin";
    folder.sswe(&format!("{pin} --offline")).exits(0).mentions(&["a.lock written"]);
    let lock = folder.read("a.lock");
    assert!(lock.contains("\nrepo ./repo v1 "), "{lock}");
    // The tag moves on, and the pin does not.
    let moved = "cd repo && printf 'a = 2\\n' > a.py && git commit -qam two && git tag -f v1";
    let made = std::process::Command::new("sh").current_dir(folder.path(".")).args(["-ec", moved]).output();
    assert!(made.unwrap().status.success());
    folder.sswe(pin).exits(0);
    assert_eq!(folder.read("a.lock"), lock);
    folder.sswe("lock --update repo").exits(0).holds(&["- repo ./repo v1", "+ repo ./repo v1"]);
    folder.write("a.sswe", FILE.replace(line, "repo \"./repo\" { at = \"v9\","));
    folder.sswe("lock").exits(3).mentions(&["`./repo` has no tag or branch `v9`"]);
}
