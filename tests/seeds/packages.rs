//! Packages that tests run with: pip chooses them in a sandbox, and they are unpacked, not installed.

use std::io::{Cursor, Write as _};

use super::index::{Entry, Index, sdist};
use super::{FILE, folder, sswe, with};

/// Makes a wheel with one module.
fn wheel(name: &str, version: &str, text: &str) -> Entry {
    let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
    let info = format!("{name}-{version}.dist-info");
    let files = [
        (format!("{name}.py"), text.to_owned()),
        (format!("{info}/METADATA"), format!("Metadata-Version: 2.1\nName: {name}\nVersion: {version}\n")),
        (
            format!("{info}/WHEEL"),
            "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n".to_owned(),
        ),
        (format!("{info}/RECORD"), String::new()),
    ];
    for (path, text) in files {
        writer.start_file(path, zip::write::SimpleFileOptions::default()).unwrap();
        writer.write_all(text.as_bytes()).unwrap();
    }
    let bytes = writer.finish().unwrap().into_inner();
    Entry::new(&format!("{name}-{version}-py3-none-any.whl"), bytes)
}

fn has_pip() -> bool {
    let asked = std::process::Command::new("python3").args(["-I", "-m", "pip", "--version"]).output();
    let has = asked.is_ok_and(|output| output.status.success());
    if !has {
        eprintln!("skipped: `python3` has no pip here, which chooses packages");
    }
    has
}

const TESTS: &str = "\
import unittest
import helper


class Total(unittest.TestCase):
    def test_helper(self):
        self.assertEqual(helper.NAME, 'helped')
        self.assertTrue(helper.__file__.startswith('/site/'), helper.__file__)
";

#[test]
fn packages_are_pinned_and_found() {
    let index = Index::start(false);
    let product = [("setup.py", ""), ("ledger_x.py", "def f():\n    return 1\n"), ("tests/test_x.py", TESTS)];
    index.has("ledger-x", Entry::new("ledger_x-1.0.tar.gz", sdist("ledger_x-1.0", &product)));
    let folder = folder();
    let baseline = "build --until main/seed/Ledger_X/baseline";
    sswe(&folder, &index, baseline).exits(3).mentions(&["No module named 'helper'", "in `packages`"]);
    if !has_pip() {
        return;
    }
    folder.write("a.sswe", FILE.replace("{ at = ", "{ packages = [\"helper<2\"], at = "));
    sswe(&folder, &index, "lock").exits(3).mentions(&["helper<2 cannot be resolved", "from versions: none"]);
    // A source distribution would run code: it is none.
    index.has("helper", Entry::new("helper-1.5.tar.gz", sdist("helper-1.5", &[("setup.py", "x")])));
    sswe(&folder, &index, "lock").exits(3).mentions(&["only wheels are taken"]);
    index.has("helper", wheel("helper", "1.0", "NAME = 'helped'\n"));
    index.has("helper", wheel("helper", "2.0", "NAME = 'other'\n"));
    sswe(&folder, &index, "lock").exits(0).holds(&["+ package helper<2 helper 1.0 sha256:"]);
    sswe(&folder, &index, baseline).exits(0);
    // The folder is made again where it is gone, from what was fetched before.
    std::fs::remove_dir_all(folder.path(".sswe/store/envs")).unwrap();
    let url = index.url();
    drop(index);
    folder.write("a.sswe", folder.read("a.sswe").replace("discover tests", "discover -s tests"));
    with(&folder, &url, &format!("{baseline} --offline --locked")).run().exits(0);
}

#[test]
fn an_index_that_is_down_resolves_nothing() {
    if !has_pip() {
        return;
    }
    let folder = folder();
    folder.write(
        "a.sswe",
        FILE.replace(
            "pypi \"Ledger.X\" { at = \"1.0\",",
            "dir \"seeds/slots\" same { packages = [\"helper\"],",
        ),
    );
    let url = Index::start(true).url();
    with(&folder, &url, "lock").run().exits(3).mentions(&["helper cannot be resolved", "PIP_INDEX_URL"]);
    folder.write("a.sswe", FILE.replace("{ at = ", "{ packages = [\"--pre x\"], at = "));
    with(&folder, &url, "lock").run().exits(1).mentions(&["`--pre x` is no name that can be pinned"]);
}
