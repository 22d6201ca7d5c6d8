//! What can keep a run from going on.

use sswe_cache::Digest;
use sswe_compiler::plan::StageName;

/// Why a run could not begin, or had to be given up.
///
/// A stage that fails is none of these: it is part of how a run ends.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// The store refused.
    #[error(transparent)]
    Store(#[from] sswe_cache::Error),
    /// An environment variable that a stage reads is not set.
    #[error("`{stage}` reads the environment variable `{variable}`, which is not set: export it")]
    Variable {
        /// The stage.
        stage: StageName,
        /// The variable.
        variable: String,
    },
    /// A file that a stage reads cannot be read.
    #[error("`{stage}` cannot read its `{setting}`: {source}")]
    Source {
        /// The stage.
        stage: StageName,
        /// The setting that names the file.
        setting: String,
        /// What the file system said.
        source: Box<sswe_cache::Error>,
    },
    /// The plan has no such stage.
    #[error("there is no stage `{name}`{}", near(nearest))]
    NoStage {
        /// What was asked for.
        name: String,
        /// A stage with a similar name.
        nearest: Option<StageName>,
    },
    /// A stage reads what no stage before it makes.
    #[error("`{stage}` reads `{output}` of `{from}`, which no stage before it makes")]
    NoInput {
        /// The stage.
        stage: StageName,
        /// Whose output it reads.
        from: StageName,
        /// The output.
        output: String,
    },
    /// An item could never start.
    #[error(
        "an item of pool `{pool}` needs {needed} {what}, but there are {there}: lower it, or raise the machine's"
    )]
    TooLarge {
        /// The pool.
        pool: String,
        /// What is needed: `cpus`, `gpus`, `bytes of memory`.
        what: &'static str,
        /// How much an item needs.
        needed: u64,
        /// How much there is.
        there: u64,
    },
    /// A blob was lost, and what should make it again did not.
    #[error("blob {} is lost, and building again did not bring it back: run `sswe cache verify --repair`", digest.short())]
    Lost {
        /// The blob.
        digest: Digest,
    },
    /// The log of the run could not be written.
    #[error("cannot write the log of the run: {0}")]
    Log(std::io::Error),
}

fn near(nearest: &Option<StageName>) -> String {
    nearest.as_ref().map_or(String::new(), |name| format!(": did you mean `{name}`?"))
}
