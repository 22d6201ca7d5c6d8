//! What must not be found: the sound code where the bug is, and the hidden tests.

use std::collections::{BTreeMap, BTreeSet};

use sswe_cache::{Digest, Fields};

use crate::artifact::{Repo, Task};
use crate::overlap::{LEAST_LINES, code};
use crate::rewriter::{Pieces, is_product};
use crate::view::{files_of, function_of};

/// The answer to a task, as the checks look for it.
#[derive(Clone, Debug, Default)]
pub struct Answer {
    /// The sound text of each file that the bug changes.
    pub(super) sound: BTreeMap<String, Vec<u8>>,
    /// The files of hidden tests.
    pub(super) tests: BTreeMap<String, Vec<u8>>,
    /// All that the sound files say, and what of it only they say.
    pub(super) code: BTreeMap<String, (Prints, Prints)>,
    /// Names, strings and expressions that only the sound side has.
    pub(super) pieces: Pieces,
    /// The hidden tests.
    pub(super) hidden: Vec<Hidden>,
}

/// A hidden test: where its lines are, it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Hidden {
    /// Its id.
    pub(super) id: String,
    /// Its longest lines.
    pub(super) lines: Vec<String>,
    /// How the line begins that defines it.
    head: String,
}

/// What code says, without comments and spacing.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Prints {
    /// The functions: their names, by what their bodies say.
    pub(super) functions: BTreeMap<Digest, String>,
    /// Those among them that are short enough to be alike by chance.
    pub(super) short: BTreeSet<Digest>,
    /// Some lines that follow each other, wherever they are.
    pub(super) lines: BTreeSet<Digest>,
}

/// A line as long as this is hardly ever written twice by chance.
const LONG: usize = 24;
/// How many lines of a test are looked for.
const LINES: usize = 3;

impl Answer {
    /// Returns the answer to a task of a repository.
    pub fn new(task: &Task, repo: &Repo) -> Answer {
        let mut answer = Answer::default();
        let mut broken = repo.files.clone();
        for (path, bug) in &task.bug {
            broken.replace(path, bug.clone());
            let Some(sound) = repo.files.text(path) else { continue };
            answer.sound.insert(path.clone(), sound.as_bytes().to_vec());
            let says = Prints::of(sound);
            let own = says.without(&Prints::of(bug));
            answer.code.insert(path.clone(), (says, own));
            answer.pieces.add(sound, bug);
        }
        answer.pieces.forget(broken.iter().filter_map(|(path, _)| broken.text(path)));
        for id in &task.fail_to_pass {
            for path in files_of(id, &repo.files) {
                let Some(file) = repo.files.get(path) else { continue };
                let text = repo.files.text(path).unwrap_or_default();
                answer.hidden.extend(Hidden::of(id, text));
                if !is_product(path) {
                    answer.tests.insert(path.to_owned(), file.bytes());
                }
            }
        }
        answer
    }

    /// Returns pairs of strings: where both are in one place, a hidden test is.
    pub fn canaries(&self) -> Vec<(&str, &str)> {
        self.hidden.iter().filter_map(Hidden::canary).collect()
    }
}

impl Hidden {
    fn canary(&self) -> Option<(&str, &str)> {
        Some((&self.head, self.lines.first()?))
    }

    /// Finds a test in the text of a file.
    fn of(id: &str, text: &str) -> Option<Hidden> {
        let head = format!("def {}(", function_of(id));
        let mut lines = text.lines().skip_while(|line| !line.contains(&head));
        let first = lines.next()?;
        let depth = |line: &str| line.len() - line.trim_start().len();
        let body = lines.take_while(|line| line.trim().is_empty() || depth(line) > depth(first));
        let mut lines: Vec<String> = body.map(|line| line.trim().to_owned()).collect();
        lines.retain(|line| !line.is_empty());
        lines.sort_by_key(|line| std::cmp::Reverse(line.len()));
        // A test of short lines is known by the longest of them.
        let long = lines.iter().filter(|line| line.len() >= LONG).count();
        lines.truncate(long.clamp(1, LINES));
        (!lines.is_empty()).then(|| Hidden { id: id.to_owned(), lines, head })
    }

    /// Returns whether a text holds it: the line that defines it, and all of the lines that tell.
    pub(super) fn is_in(&self, text: &str) -> bool {
        text.contains(&self.head) && self.lines.iter().all(|line| text.contains(line.as_str()))
    }
}

impl Prints {
    /// Returns what a text says.
    pub(super) fn of(text: &str) -> Prints {
        let lines = code::lines(text);
        let mut prints = Prints::default();
        let said = |lines: &[code::Line]| {
            let mut fields = Fields::new("sswe.leak.v1");
            lines.iter().for_each(|line| {
                fields.text("line", &line.said);
            });
            fields.finish()
        };
        for (name, body) in code::functions(&lines) {
            let print = said(body);
            if body.len() + 1 < LEAST_LINES {
                prints.short.insert(print);
            }
            prints.functions.insert(print, name.to_owned());
        }
        prints.lines = lines.windows(LEAST_LINES).map(said).collect();
        prints
    }

    /// Returns what another text does not say. Lines count only where no function differs.
    fn without(&self, other: &Prints) -> Prints {
        let mut rest = self.clone();
        rest.functions.retain(|print, _| !other.functions.contains_key(print));
        rest.short.retain(|print| rest.functions.contains_key(print));
        match rest.functions.is_empty() {
            true => rest.lines.retain(|print| !other.lines.contains(print)),
            false => rest.lines.clear(),
        }
        rest
    }

    /// Returns what of this another text says: a function by its name, or lines.
    pub(super) fn said_by(&self, other: &Prints) -> Option<String> {
        let same = self.functions.iter().find(|(print, _)| other.functions.contains_key(*print));
        same.map(|(_, name)| format!("the sound code of `{name}`")).or_else(|| {
            self.lines.iter().any(|print| other.lines.contains(print)).then(|| "the sound lines".to_owned())
        })
    }

    /// Returns whether two texts are releases of one file: half of the functions of either are the
    /// other's. A single one is alike by chance, unless there is nothing else.
    pub(super) fn is_alike(&self, other: &Prints) -> bool {
        let (own, its) = (self.functions.len(), other.functions.len());
        let shared = self.functions.keys().filter(|print| other.functions.contains_key(*print)).count();
        shared > 1 && 2 * shared >= own.min(its) || shared == 1 && own == 1 && its == 1
    }
}
