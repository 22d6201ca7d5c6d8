//! The sound code, elsewhere: in copies inside of the view, and in what is installed.

use std::collections::BTreeMap;
use std::fs;
use std::path::Path;

use sswe_cache::Digest;

use super::answer::{Answer, Prints};
use super::{Check, Finding};
use crate::view::View;

/// The code that a Solver sees besides the repository: the standard library, and packages.
#[derive(Clone, Debug, Default)]
pub struct Library {
    /// Functions by what they say: files.
    functions: BTreeMap<Digest, String>,
    /// Files, with what they say.
    files: Vec<(String, Prints)>,
}

/// Names of folders that are not looked into: no Solver sees what this machine has installed.
const UNSEEN: &[&str] =
    &["site-packages", "dist-packages", "_bundled", "test", "tests", "idlelib", "lib2to3"];

impl Library {
    /// Adds the code in a file or folder of this machine, which a Solver sees as `seen`. What cannot be read
    /// adds nothing: neither can a Solver read it.
    pub fn add(&mut self, place: &Path, seen: &str) {
        if seen.ends_with(".py")
            && let Ok(text) = fs::read_to_string(place)
        {
            self.add_text(seen, &text);
        }
        for entry in fs::read_dir(place).into_iter().flatten().flatten() {
            let name = entry.file_name().to_string_lossy().into_owned();
            if !UNSEEN.contains(&name.as_str()) && !entry.path().is_symlink() {
                self.add(&entry.path(), &format!("{seen}/{name}"));
            }
        }
    }

    /// Adds a file.
    pub fn add_text(&mut self, seen: &str, text: &str) {
        let prints = Prints::of(text);
        for print in prints.functions.keys().filter(|print| !prints.short.contains(*print)) {
            self.functions.entry(*print).or_insert_with(|| seen.to_owned());
        }
        self.files.push((seen.to_owned(), prints));
    }
}

/// Finds the sound code among what is installed. A function of a few lines is alike by chance: it
/// counts only in a file that is another release of the one in question.
pub fn code(library: &Library, answer: &Answer) -> Vec<Finding> {
    let remedy = "leave the package that brings it out of `packages`, or the repository out of the seeds";
    let mut found = Vec::new();
    for (says, own) in answer.code.values() {
        for (print, name) in own.functions.iter().filter(|(print, _)| !own.short.contains(*print)) {
            if let Some(place) = library.functions.get(print) {
                let what = format!("the sound code of `{name}`");
                found.push(Finding::new(Check::Code, place, what, remedy));
            }
        }
        for (place, prints) in library.files.iter().filter(|(_, prints)| says.is_alike(prints)) {
            let told = own.said_by(prints).map(|what| Finding::new(Check::Code, place, what, remedy));
            found.extend(told);
        }
    }
    found
}

/// Finds copies of the sound files inside of a view: a vendored one, a backup. Equal functions in
/// files that are otherwise unlike are the repository's own business.
pub fn copies(view: &View, answer: &Answer) -> Vec<Finding> {
    let mut found = Vec::new();
    for (path, _) in view.files.iter() {
        let Some(text) = view.files.text(path) else { continue };
        for (sound, (says, own)) in answer.code.iter().filter(|(sound, _)| *sound != path) {
            let is_same = answer.sound.get(sound).is_some_and(|sound| sound == text.as_bytes());
            // What is not called like code may be: a backup, a patch.
            let prints = Prints::of(text);
            let told = if is_same { Some("the sound file".to_owned()) } else { own.said_by(&prints) };
            if (is_same || says.is_alike(&prints))
                && let Some(what) = told
            {
                let what = format!("{what} of `{sound}`");
                found.push(Finding::new(Check::Code, path, what, "leave the copy out of the repository"));
            }
        }
    }
    found
}
