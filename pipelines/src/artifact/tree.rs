//! Files by path: what a repository is made of.

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Files by path, sorted: a repository at one moment, without history.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Tree(BTreeMap<String, File>);

/// A file.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(untagged)]
pub enum File {
    /// Text that anyone may read.
    Text(String),
    /// A program.
    Program {
        /// Its text.
        program: String,
    },
    /// Anything else, in base 16.
    Bytes {
        /// The bytes.
        hex: String,
    },
}

/// Why a path cannot be part of a tree.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{path}` cannot be part of a repository: {why}")]
pub struct TreeError {
    /// The path.
    pub path: String,
    /// Why.
    pub why: &'static str,
}

impl Tree {
    /// Adds a file; the path is relative, with `/`, and stays inside.
    pub fn insert(&mut self, path: impl Into<String>, file: File) -> Result<(), TreeError> {
        let path = path.into();
        let parts_ok = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !parts_ok || path.contains('\0') || path.contains('\\') {
            return Err(TreeError { path, why: "it is not a plain relative path" });
        }
        self.0.insert(path, file);
        Ok(())
    }

    /// Returns a file.
    pub fn get(&self, path: &str) -> Option<&File> {
        self.0.get(path)
    }

    /// Returns the text of a file that is text.
    pub fn text(&self, path: &str) -> Option<&str> {
        match self.0.get(path)? {
            File::Text(text) | File::Program { program: text } => Some(text),
            File::Bytes { .. } => None,
        }
    }

    /// Replaces the text of a file that is there, and keeps whether it is a program.
    pub fn replace(&mut self, path: &str, new: String) {
        match self.0.get_mut(path) {
            Some(File::Program { program }) => *program = new,
            Some(file) => *file = File::Text(new),
            None => (),
        }
    }

    /// Returns all files, sorted by path.
    pub fn iter(&self) -> impl Iterator<Item = (&str, &File)> {
        self.0.iter().map(|(path, file)| (path.as_str(), file))
    }

    /// Returns how many files there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Returns whether there is no file.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }
}

impl File {
    /// Makes a file of bytes: text where they are, and where there is no need to write them apart.
    pub fn new(bytes: Vec<u8>, is_program: bool) -> File {
        match String::from_utf8(bytes) {
            Ok(program) if is_program => File::Program { program },
            Ok(text) => File::Text(text),
            Err(error) => {
                let hex = error.as_bytes().iter().map(|byte| format!("{byte:02x}")).collect();
                File::Bytes { hex }
            }
        }
    }

    /// Returns the bytes; a damaged base-16 text gives what can be read of it.
    pub fn bytes(&self) -> Vec<u8> {
        match self {
            File::Text(text) | File::Program { program: text } => text.clone().into_bytes(),
            File::Bytes { hex } => hex
                .as_bytes()
                .chunks(2)
                .map_while(|pair| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok())
                .collect(),
        }
    }

    /// Returns whether it may be executed.
    pub fn is_program(&self) -> bool {
        matches!(self, File::Program { .. })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn files_keep_their_bytes() {
        for bytes in [&b"plain"[..], &[0xff, 0x00, 0x10], b""] {
            assert_eq!(File::new(bytes.to_vec(), false).bytes(), bytes);
        }
    }

    #[test]
    fn paths_stay_inside() {
        for path in ["../x", "/etc/passwd", "a//b", "a/./b", "", "a\\b"] {
            assert!(Tree::default().insert(path, File::Text(String::new())).is_err(), "{path}");
        }
        assert!(Tree::default().insert("a/b.py", File::Text(String::new())).is_ok());
    }
}
