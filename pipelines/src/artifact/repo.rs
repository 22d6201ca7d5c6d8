//! `repo/1`: a repository, and what is known of its tests.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::Tree;

/// A repository. `pin` gives the files; `baseline` gives the same with an environment and a suite.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Repo {
    /// `repo/1`.
    pub schema: String,
    /// The language that it is written in.
    pub language: String,
    /// Its files.
    pub files: Tree,
    /// What its tests run with.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub env: Option<Env>,
    /// What is known of its tests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub suite: Option<Suite>,
}

/// `env/1`: what tests run with.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Env {
    /// `env/1`.
    pub schema: String,
    /// What isolates the code: `native` or `docker`.
    pub backend: String,
    /// The digest of the image that it runs in, as the lock pins it; a native environment has none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub image: Option<String>,
    /// The version of the interpreter, such as `3.11.7`.
    pub python: String,
    /// The digest of its standard library.
    pub library: String,
    /// The packages beside the standard library, sorted.
    pub packages: Vec<Package>,
}

/// A package that tests run with: a wheel, known by its bytes.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub struct Package {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
    /// The SHA-256 of the wheel, in base 16.
    pub sha256: String,
    /// What the package index calls the wheel.
    pub file: String,
}

/// What one run in the sandbox may use.
#[derive(Clone, Debug, PartialEq, Eq, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Limits {
    /// Processors.
    pub cpus: u32,
    /// Bytes of memory.
    pub memory: u64,
    /// Milliseconds on the clock.
    pub wall_ms: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Bytes printed.
    pub output: u64,
    /// Bytes written to files.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        Limits { cpus: 1, memory: 2 << 30, wall_ms: 600_000, pids: 256, output: 16 << 20, files: 512 << 20 }
    }
}

/// What is known of a repository's tests.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Suite {
    /// The command that runs it.
    pub command: String,
    /// What one run may use.
    pub limits: Limits,
    /// Whether it may reach the network.
    pub network: bool,
    /// How often it ran.
    pub runs: u32,
    /// The functions of the product code that some test enters, sorted.
    pub functions: Vec<Function>,
    /// Its tests, by id.
    pub tests: BTreeMap<String, KnownTest>,
    /// Modules that could not be loaded, with the reason: their tests are left out.
    pub unloadable: BTreeMap<String, String>,
}

/// A function of the product code.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize, JsonSchema)]
pub struct Function {
    /// The file.
    pub path: String,
    /// Its name, with the classes and functions around it: `Ledger.post`.
    pub name: String,
}

/// A test as the baseline knows it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct KnownTest {
    /// What it does on the untouched repository.
    pub status: KnownStatus,
    /// The functions it enters: places in `functions`, sorted.
    pub covers: Vec<u32>,
}

/// What a test does on the untouched repository.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KnownStatus {
    /// It passes each time: only such a test decides anything.
    Passed,
    /// It fails each time.
    Failed,
    /// It is skipped each time.
    Skipped,
    /// It does not do the same each time.
    Flaky,
}

impl Suite {
    /// Returns the tests that decide: those that pass each time.
    pub fn trusted(&self) -> impl Iterator<Item = &str> {
        self.tests.iter().filter(|(_, test)| test.status == KnownStatus::Passed).map(|(id, _)| id.as_str())
    }

    /// Returns the trusted tests that enter one of these functions of a file.
    pub fn covering<'a>(
        &'a self,
        is_touched: &'a dyn Fn(&Function) -> bool,
    ) -> impl Iterator<Item = &'a str> {
        self.tests
            .iter()
            .filter(move |(_, test)| {
                let enters = |at: &u32| self.functions.get(*at as usize).is_some_and(is_touched);
                test.status == KnownStatus::Passed && test.covers.iter().any(enters)
            })
            .map(|(id, _)| id.as_str())
    }
}
