//! The Python that tests run with.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use sswe_cache::{Digest, Fields};

/// An interpreter, and what a sandbox has to show of the host for it to run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Python {
    /// Where it is.
    pub program: PathBuf,
    /// Its version, such as `3.11.7`.
    pub version: String,
    /// The folder of its standard library.
    pub library: PathBuf,
    /// The folders that it needs.
    pub readable: Vec<PathBuf>,
}

const QUESTION: &str = "
import json, os, sys, sysconfig
paths = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, sysconfig.get_paths()['stdlib']}
paths.add(os.path.dirname(os.path.dirname(os.path.realpath(sys.executable))))
paths.update(path for path in sys.path[1:] if os.path.exists(path))
print(json.dumps({'program': sys.executable, 'version': sys.version.split()[0],
    'library': sysconfig.get_paths()['stdlib'], 'readable': sorted(paths)}))
";

impl Python {
    /// Finds the interpreter of that name or path: `python3` for the first one in `PATH`. The error says what
    /// to do about it.
    pub async fn find(name: impl AsRef<Path>) -> Result<Python, String> {
        let name = name.as_ref();
        let mut command = tokio::process::Command::new(name);
        command.args(["-s", "-c", QUESTION]).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        let refused = |why: String| {
            format!(
                "`{}` is no Python that can be used: {why}; install Python 3.9 or later, so that `python3` is on the \
                 search path",
                name.display()
            )
        };
        let output = command.output().await.map_err(|error| refused(error.to_string()))?;
        let python: Python =
            serde_json::from_slice(&output.stdout).map_err(|_| refused("it gave no answer".to_owned()))?;
        let mut numbers = python.version.split('.').map_while(|part| part.parse::<u32>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(3), Some(9..)) => Ok(python),
            _ => Err(refused(format!("found version {}", python.version))),
        }
    }

    /// Returns the digest of its standard library: the names and bytes of its source files.
    pub fn library_digest(&self) -> Result<Digest, String> {
        let root = &self.library;
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
