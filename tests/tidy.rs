//! Rules of the repository itself: its layout, its crates and the arrows between them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fs,
    path::{Path, PathBuf},
};

use crate::support::root;

/// The crates, where each is, and which of ours it may use.
const CRATES: &[(&str, &str, &[&str])] = &[
    ("sswe-compiler", "compiler", &[]),
    ("sswe-cache", "cache", &[]),
    ("sswe-kernels", "kernels", &[]),
    ("sswe-engine", "runtime/engine", &["sswe-compiler", "sswe-cache"]),
    ("sswe-pipelines", "pipelines", &["sswe-engine", "sswe-kernels", "sswe-cache", "sswe-compiler"]),
    ("sswe", ".", &["sswe-pipelines", "sswe-engine", "sswe-kernels", "sswe-cache", "sswe-compiler"]),
];

/// The first line of each crate.
const SENTENCES: &[(&str, &str)] = &[
    (
        "compiler/src/lib.rs",
        "//! Turns `.sswe` text into a plan or diagnostics; touches neither disk, clock nor network.",
    ),
    ("cache/src/lib.rs", "//! Keeps bytes by digest, and remembers which action made them."),
    ("kernels/src/lib.rs", "//! Computes fused gradients on a GPU, with a CPU version as the reference."),
    ("runtime/engine/src/lib.rs", "//! Runs a `Plan`, doing only the work the cache cannot answer."),
    ("pipelines/src/lib.rs", "//! Says what each stage does, and which model it asks."),
    ("runtime/cli/main.rs", "//! Shows "),
];

/// What may stand at the top of the repository.
const TOP: &[&str] = &[
    "ARCHITECTURE.md",
    "CHANGELOG.md",
    "CONTRIBUTING.md",
    "Cargo.lock",
    "Cargo.toml",
    "LICENSE-APACHE",
    "LICENSE-MIT",
    "README.md",
    "SECURITY.md",
    "cache",
    "clippy.toml",
    "compiler",
    "deny.toml",
    "examples",
    "kernels",
    "pipelines",
    "runtime",
    "rust-toolchain.toml",
    "rustfmt.toml",
    "tests",
];

/// Lines beyond which a file is more than one story.
const LONGEST: usize = 800;

/// Returns the names of ours that a manifest depends on; the sections are `[dependencies]` and kin.
fn dependencies(manifest: &str) -> BTreeSet<String> {
    let mut found = BTreeSet::new();
    let mut is_dependencies = false;
    for line in manifest.lines().map(str::trim) {
        if line.starts_with('[') {
            let section = line.trim_matches(['[', ']']);
            is_dependencies = section.ends_with("dependencies") && !section.starts_with("workspace");
            // `[dependencies.name]`
            if let Some((_, name)) = section.split_once("dependencies.")
                && !section.starts_with("workspace")
            {
                found.insert(name.to_owned());
            }
        } else if is_dependencies && let Some(name) = line.split(['=', '.', ' ']).next() {
            found.insert(name.to_owned());
        }
    }
    found.retain(|name| name.starts_with("sswe"));
    found
}

#[test]
fn crates_use_only_what_their_arrows_allow() {
    for (name, folder, allowed) in CRATES {
        let Ok(manifest) = fs::read_to_string(root().join(folder).join("Cargo.toml")) else { continue };
        for used in dependencies(&manifest) {
            assert!(allowed.contains(&used.as_str()), "`{name}` must not use `{used}`");
        }
    }
}

#[test]
fn every_crate_is_known() {
    let manifests = files(root(), "toml").into_iter().filter(|path| path.ends_with("Cargo.toml"));
    for path in manifests.filter(|path| !path.ends_with("fuzz/Cargo.toml")) {
        let folder = path.parent().unwrap().strip_prefix(root()).unwrap();
        let folder = if folder == Path::new("") { "." } else { folder.to_str().unwrap() };
        assert!(CRATES.iter().any(|(_, known, _)| *known == folder), "no arrows are drawn for `{folder}`");
    }
}

#[test]
fn every_crate_opens_with_its_sentence() {
    for (path, sentence) in SENTENCES {
        let Ok(text) = fs::read_to_string(root().join(path)) else { continue };
        let plain = |text: &str| text.replace('`', "").to_lowercase();
        let first = text.lines().next().unwrap_or_default();
        assert!(plain(first).starts_with(&plain(sentence)), "{path} begins with {first}");
    }
}

#[test]
fn no_file_is_too_long() {
    for path in files(root(), "rs") {
        let lines = fs::read_to_string(&path).unwrap().lines().count();
        assert!(lines <= LONGEST, "{} has {lines} lines", path.display());
    }
}

#[test]
fn the_top_level_is_the_fixed_list() {
    let output = std::process::Command::new("git").arg("ls-files").current_dir(root()).output();
    let Some(listed) = output.ok().filter(|output| output.status.success()) else {
        eprintln!("SKIPPED: this is no git checkout, so what belongs to the repository is not known");
        return;
    };
    let listed = String::from_utf8(listed.stdout).unwrap();
    let tops: BTreeSet<&str> = listed.lines().filter_map(|path| path.split('/').next()).collect();
    let strange: Vec<&&str> = tops.iter().filter(|top| !top.starts_with('.') && !TOP.contains(top)).collect();
    assert!(strange.is_empty(), "{strange:?} at the top of the repository");
}

#[test]
fn the_compiler_is_kept_pure() {
    let rules = fs::read_to_string(root().join("compiler/clippy.toml")).unwrap_or_default();
    for forbidden in ["std::fs", "std::env", "SystemTime"] {
        assert!(rules.contains(forbidden), "compiler/clippy.toml does not forbid `{forbidden}`");
    }
    for path in files(&root().join("compiler/src"), "rs") {
        let text = fs::read_to_string(&path).unwrap();
        for forbidden in ["std::fs", "std::env", "std::net", "std::time", "std::process", "println!"] {
            assert!(!text.contains(forbidden), "{} mentions `{forbidden}`", path.display());
        }
    }
}

/// Every file under `tests/` is read by something.
#[test]
fn no_test_file_is_stray() {
    let mut strange = Vec::new();
    for path in all_files(&root().join("tests")) {
        let name = path.strip_prefix(root().join("tests")).unwrap().to_string_lossy().into_owned();
        let is_known = match name.rsplit_once('.') {
            Some((stem, "rs")) => is_module(stem),
            Some((stem, "md")) => stem == "README" || stem.starts_with("language/"),
            Some((stem, "txt")) => stem.strip_prefix("cli/snapshots/").is_some_and(is_snapshot),
            _ => false,
        };
        if !is_known {
            strange.push(name);
        }
    }
    assert!(strange.is_empty(), "nothing reads {strange:?}");
}

/// Returns whether the file is the root, or named by a `mod` line of its parent.
fn is_module(stem: &str) -> bool {
    let (parent, name) = match stem.rsplit_once('/') {
        Some((folder, name)) => (format!("tests/{folder}.rs"), name),
        None => ("tests/main.rs".to_owned(), stem),
    };
    let parent = fs::read_to_string(root().join(parent)).unwrap_or_default();
    stem == "main" || parent.lines().any(|line| line.trim() == format!("mod {name};"))
}

/// Returns whether a test names the snapshot.
fn is_snapshot(name: &str) -> bool {
    let quoted = format!("\"{name}\"");
    files(&root().join("tests/cli"), "rs")
        .iter()
        .any(|path| fs::read_to_string(path).unwrap().contains(&quoted))
}

/// The pages are read in the order of their numbers.
#[test]
fn no_two_pages_share_a_number() {
    let mut seen: BTreeMap<String, PathBuf> = BTreeMap::new();
    for path in files(&root().join("tests/language"), "md") {
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let number = name.split('-').next().unwrap_or_default().to_owned();
        if let Some(other) = seen.insert(number, path.clone()) {
            panic!("{} and {} have one number", path.display(), other.display());
        }
    }
}

fn files(folder: &Path, ending: &str) -> Vec<PathBuf> {
    let mut found = all_files(folder);
    found.retain(|path| path.extension().is_some_and(|own| own == ending));
    found
}

/// Returns every file below a folder, but for what builds leave behind.
fn all_files(folder: &Path) -> Vec<PathBuf> {
    let mut found = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_string_lossy().into_owned();
        let is_left_behind =
            name.starts_with('.') || matches!(&*name, "target" | "corpus" | "artifacts" | "coverage");
        match path.is_dir() {
            _ if is_left_behind => {}
            true => found.extend(all_files(&path)),
            false => found.push(path),
        }
    }
    found.sort();
    found
}
