//! Finds a Python interpreter, and what a sandbox has to show of the host for it to run.

use std::{
    path::{Path, PathBuf},
    process::Stdio,
};

use serde::Deserialize;

use super::Trouble;

/// An interpreter.
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
    /// Finds the interpreter of that name or path: `python3` for the first one in `PATH`.
    pub async fn find(name: impl AsRef<Path>) -> Result<Python, Trouble> {
        let name = name.as_ref();
        let mut command = tokio::process::Command::new(name);
        command.args(["-s", "-c", QUESTION]).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        let output = command.output().await;
        let refused = |why: String| {
            Trouble::Refused(format!("`{}` is no Python that can be used: {why}", name.display()))
        };
        let output = output.map_err(|error| refused(error.to_string()))?;
        let python: Python =
            serde_json::from_slice(&output.stdout).map_err(|_| refused("it gave no answer".to_owned()))?;
        let mut numbers = python.version.split('.').map_while(|part| part.parse::<u32>().ok());
        match (numbers.next(), numbers.next()) {
            (Some(3), Some(9..)) => Ok(python),
            _ => Err(refused(format!("found version {}, expected 3.9 or later", python.version))),
        }
    }
}
