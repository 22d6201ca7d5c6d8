//! What keeps gradients from being compared: each error says where, what, and what to do.

use std::path::PathBuf;

/// Why gradients cannot be read, written or compared.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file cannot be read or written.
    #[error("{}: {source}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system says.
        source: std::io::Error,
    },
    /// A file is not what it should be.
    #[error("{}: {why}", path.display())]
    Form {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        why: String,
        /// What to do.
        help: &'static str,
    },
    /// A row is not what was written.
    #[error("{}, row {row}: {why}", path.display())]
    Damaged {
        /// The file.
        path: PathBuf,
        /// The row.
        row: String,
        /// What is wrong with it.
        why: String,
    },
    /// Gradients of different things: their products would mean nothing.
    #[error("{why}")]
    Differ {
        /// Both files, and what each has.
        why: String,
        /// What to do.
        help: &'static str,
    },
    /// There is nothing to compare.
    #[error("{} holds no gradient", path.display())]
    Empty {
        /// The file or folder.
        path: PathBuf,
    },
    /// A validation row, or a weight, that spoils every score.
    #[error("{}, row {row}: {why}", path.display())]
    Unusable {
        /// The file.
        path: PathBuf,
        /// The row.
        row: String,
        /// What is wrong with it.
        why: &'static str,
        /// What to do.
        help: &'static str,
    },
    /// A device that is not there.
    #[error("no CUDA device can be used here: {why}")]
    NoDevice {
        /// Why.
        why: String,
    },
}

#[cfg(feature = "cuda")]
impl From<crate::cuda::Error> for Error {
    fn from(error: crate::cuda::Error) -> Error {
        Error::NoDevice { why: error.to_string() }
    }
}

impl Error {
    /// Returns what to do about it.
    pub fn help(&self) -> &'static str {
        match self {
            Error::Io { .. } => "check the path, and that the file may be read",
            Error::Form { help, .. } | Error::Differ { help, .. } | Error::Unusable { help, .. } => help,
            Error::Damaged { .. } => "write the file again from the gradients it was made of",
            Error::Empty { .. } => "name a .safetensors file, a shard, or a folder of them",
            Error::NoDevice { .. } => "use --device cpu",
        }
    }
}
