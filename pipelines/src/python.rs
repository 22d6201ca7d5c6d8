//! The Python that tests run with.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::{Arc, OnceLock};

use serde::Deserialize;
use sswe_cache::{Digest, Fields};

/// What Python says of itself.
const PROBE: &str = "import sys, json, sysconfig
print(json.dumps({'path': sys.executable, 'version': sys.version.replace(chr(10), ' '),
 'library': sysconfig.get_paths()['stdlib'], 'sites': [p for p in sys.path if p.endswith('-packages')]}))";

/// A Python that is asked about itself once, when someone wants to know.
#[derive(Clone, Debug, Default)]
pub(crate) struct Python {
    known: Arc<OnceLock<Result<Facts, String>>>,
}

/// What is known of it.
#[derive(Clone, Debug, Deserialize)]
pub(crate) struct Facts {
    /// The program itself.
    pub(crate) path: PathBuf,
    version: String,
    library: PathBuf,
    sites: Vec<PathBuf>,
}

impl Python {
    /// Returns what is known of it.
    pub(crate) fn facts(&self) -> Result<&Facts, String> {
        self.known.get_or_init(probe).as_ref().map_err(Clone::clone)
    }

    /// Returns its version, with the build that it comes from.
    pub(crate) fn version(&self) -> Result<String, String> {
        Ok(self.facts()?.version.clone())
    }

    /// Returns the digest of its standard library: the names and bytes of its source files.
    pub(crate) fn library_digest(&self) -> Result<Digest, String> {
        let root = &self.facts()?.library;
        let mut files = Vec::new();
        collect(root, &mut files).map_err(|error| format!("{}: {error}", root.display()))?;
        files.sort();
        let mut fields = Fields::new("sswe.python.library.v1");
        for path in files {
            let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let inside = path.strip_prefix(root).unwrap_or(&path);
            fields.digest(&inside.to_string_lossy(), &Digest::of(&bytes));
        }
        Ok(fields.finish())
    }

    /// Returns an installed package with its version, by the name that `pip` has for it.
    pub(crate) fn package(&self, name: &str) -> Option<String> {
        let facts = self.facts().ok()?;
        let bare = name.split(['=', '<', '>', '~', '!', '[', ' ']).next().unwrap_or(name);
        let plain = |text: &str| text.to_lowercase().replace(['-', '.'], "_");
        let wanted = plain(bare);
        let entries = facts.sites.iter().filter_map(|site| std::fs::read_dir(site).ok()).flatten().flatten();
        let mut found: Vec<String> = entries
            .filter_map(|entry| {
                let file = entry.file_name().to_string_lossy().into_owned();
                let stem = file.strip_suffix(".dist-info").or_else(|| file.strip_suffix(".egg-info"))?;
                let (package, version) = stem.split_once('-').unwrap_or((stem, ""));
                (plain(package) == wanted).then(|| format!("{bare}=={version}"))
            })
            .collect();
        found.sort();
        found.into_iter().next()
    }
}

fn probe() -> Result<Facts, String> {
    let found = Command::new("python3").args(["-c", PROBE]).output();
    let remedy = "install Python 3.9 or newer, so that `python3` is on the search path";
    let output = found.map_err(|error| format!("`python3` cannot be started: {error}; {remedy}"))?;
    if !output.status.success() {
        let said = String::from_utf8_lossy(&output.stderr);
        return Err(format!(
            "`python3` does not work: {}; {remedy}",
            said.lines().last().unwrap_or_default()
        ));
    }
    serde_json::from_slice(&output.stdout)
        .map_err(|error| format!("`python3` does not say what it is: {error}"))
}

/// Collects source files; what was installed beside the library, and tests of its own, are no part of it.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type()?;
        if kind.is_dir() && !matches!(&*name, "site-packages" | "dist-packages" | "__pycache__" | "test") {
            collect(&entry.path(), files)?;
        } else if kind.is_file() && name.ends_with(".py") {
            files.push(entry.path());
        }
    }
    Ok(())
}
