//! Runs hostile code where it can harm nothing: the one trait, and what goes in and comes out.
//!
//! A sandbox has no network, no home folder, no file of the host but the programs that it needs,
//! and no process of anybody else. What is not isolated is not run: there is no fallback.

mod channel;
mod child;
#[cfg(feature = "docker")]
mod docker;
mod filter;
mod group;
mod layout;
mod native;
mod spawn;
mod watch;

use std::{collections::BTreeMap, future::Future, path::PathBuf, time::Duration};

pub use channel::{Channel, MESSAGE};
#[cfg(feature = "docker")]
pub use docker::{Daemon, Docker, Image, Unpacked};
pub use filter::program as filter_program;
pub use group::groups;
pub use layout::{NOTHING, WORK, hidden};
pub use native::{Native, Running, Start};
pub use watch::{Usage, pid_of, usage};

/// Runs a command once, isolated from everything.
pub trait Sandbox: Send + Sync {
    /// Runs it. When the future is dropped, every process of it is killed.
    fn run(&self, action: Action) -> impl Future<Output = Result<Outcome, Error>> + Send;
}

/// A command, and all that it may see and use.
#[derive(Clone, Debug, Default)]
pub struct Action {
    /// The files of its work folder, by relative path.
    pub files: BTreeMap<String, Input>,
    /// The program and its arguments. A program without `/` is looked up in `PATH`.
    pub argv: Vec<String>,
    /// Variables besides those that are always set; they win over them.
    pub env: BTreeMap<String, String>,
    /// What it reads.
    pub stdin: Vec<u8>,
    /// What it may use.
    pub limits: Limits,
    /// Whether it may reach the network of the host.
    pub network: bool,
    /// Folders of the host that it may read besides the system's, at the same place.
    pub readable: Vec<PathBuf>,
    /// Further files and folders of the host that it may read, by where it sees them.
    pub shown: BTreeMap<String, PathBuf>,
    /// Folders among all of these that it sees empty.
    pub masked: Vec<String>,
    /// Files of its work folder to bring back when it has ended.
    pub outputs: Vec<String>,
}

/// A file that goes in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Input {
    /// Its bytes.
    pub bytes: Vec<u8>,
    /// Whether it may be executed.
    pub is_program: bool,
}

/// What one run may use.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Processor time of all of its processes.
    pub cpu: Duration,
    /// Time on the clock.
    pub wall: Duration,
    /// Bytes of memory.
    pub memory: u64,
    /// Processes and threads.
    pub pids: u32,
    /// Bytes printed, both streams together.
    pub output: u64,
    /// Bytes in its work folder, and as many in its `/tmp`.
    pub files: u64,
}

impl Default for Limits {
    fn default() -> Limits {
        let minutes = Duration::from_secs(600);
        Limits { cpu: minutes, wall: minutes, memory: 2 << 30, pids: 256, output: 16 << 20, files: 512 << 20 }
    }
}

/// How a run ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// How its first process ended.
    pub exit: Exit,
    /// What it printed, up to the limit.
    pub stdout: Vec<u8>,
    /// What it printed as errors, up to the limit.
    pub stderr: Vec<u8>,
    /// Time on the clock.
    pub wall: Duration,
    /// Processor time, of what has been waited for.
    pub cpu: Duration,
    /// The limit that ended it.
    pub stopped: Option<Stop>,
    /// The files that were asked for and are there: plain files, found without following links.
    pub outputs: BTreeMap<String, Vec<u8>>,
}

/// How a process ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Exit {
    /// It ended with this code.
    Code(i32),
    /// This signal ended it.
    Signal(i32),
}

/// A limit that was reached.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stop {
    /// The clock.
    Wall,
    /// Processor time.
    Cpu,
    /// Memory.
    Memory,
    /// Bytes printed.
    Output,
}

/// Why nothing could be run. None of these says anything about the code.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The kernel does not let this process isolate another.
    #[error("this machine does not allow a sandbox: {step}: {source}; {fix}")]
    Forbidden {
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        source: std::io::Error,
        /// What to do about it.
        fix: &'static str,
    },
    /// The program is not there, or not for the user that code runs as.
    #[error("`{program}` cannot be run inside the sandbox: {source}; {fix}")]
    Program {
        /// Its name.
        program: String,
        /// What the kernel said.
        source: std::io::Error,
        /// What to do about it.
        fix: String,
    },
    /// The action cannot be expressed.
    #[error("`{0}` cannot be given to a sandbox: expected a plain relative path, without NUL bytes")]
    Path(String),
    /// A folder of the host lies where the sandbox has its own.
    #[error("`{}` cannot be shown in a sandbox, which has a `/tmp` and a `/work` of its own: move it", .0.display())]
    Covered(PathBuf),
    /// Docker runs no containers here and now.
    #[error("Docker cannot be used: {why}; {fix}")]
    Daemon {
        /// What is wrong.
        why: String,
        /// What to do about it.
        fix: String,
    },
    /// An image cannot be had, or nothing can be run in it.
    #[error("the image `{image}` cannot be used: {why}; {fix}")]
    Image {
        /// Its name.
        image: String,
        /// What is wrong.
        why: String,
        /// What to do about it.
        fix: String,
    },
    /// A call of the host failed.
    #[error("the sandbox broke: {step}: {source}")]
    Broken {
        /// What was tried.
        step: &'static str,
        /// What the kernel said.
        source: std::io::Error,
    },
}

impl Error {
    pub(crate) fn broken(step: &'static str) -> impl FnOnce(std::io::Error) -> Error {
        move |source| Error::Broken { step, source }
    }
}
