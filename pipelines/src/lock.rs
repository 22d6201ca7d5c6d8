//! Pins: what a build takes from outside, and exactly which. One line each, in a file for people and for git.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

use sswe_compiler::plan::{Stage, StageKind};

use crate::artifact::Package;
use crate::setting;

/// The first line of every lock file.
const HEAD: &str = "sswe lock 1";

/// Something from outside that a stage needs, and a line of the lock says which.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// The interpreter that tests run with.
    Python,
    /// A source distribution of the package index.
    Sdist {
        /// The name of the package, as the index compares names.
        name: String,
        /// The version.
        version: String,
    },
    /// A commit of a git repository.
    Commit {
        /// The repository, as the file names it.
        source: String,
        /// The tag, branch or commit.
        at: String,
    },
    /// The image that tests run in: a name that Docker knows, or a path.
    Image(String),
    /// The packages that tests run with, together: what pip is asked for, sorted, with `;` between.
    Packages(String),
}

/// An interpreter, as it is pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PythonPin {
    /// Its version, such as `3.11.7`.
    pub version: String,
    /// The digest of its standard library.
    pub library: String,
}

/// A source distribution, as it is pinned.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Archive {
    /// The SHA-256 of its bytes, in base 16.
    pub sha256: String,
    /// What the index calls it.
    pub file: String,
}

/// Everything that is pinned.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Pins {
    /// The interpreter.
    pub python: Option<PythonPin>,
    /// Source distributions, by name and version.
    pub sdists: BTreeMap<(String, String), Archive>,
    /// Commits, by source and what was asked for.
    pub commits: BTreeMap<(String, String), String>,
    /// Digests of images, by their names.
    pub images: BTreeMap<String, String>,
    /// Packages by what was asked for, each set complete.
    pub packages: BTreeMap<String, Vec<Package>>,
}

/// Why a lock file cannot be read.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("line {line} {why}")]
pub struct LockError {
    /// The line, from 1.
    pub line: usize,
    /// What is wrong with it.
    pub why: String,
}

impl std::fmt::Display for Need {
    fn fmt(&self, out: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match self {
            Need::Python => write!(out, "python"),
            Need::Sdist { name, version } => write!(out, "pypi {name} {version}"),
            Need::Commit { source, at } => write!(out, "repo {} {at}", plain(source)),
            Need::Image(name) => write!(out, "image {}", plain(name)),
            Need::Packages(asked) => write!(out, "package {asked}"),
        }
    }
}

impl Need {
    /// Returns whether finding out takes the network.
    pub fn needs_network(&self) -> bool {
        match self {
            // An image may be here already; if not, its registry is asked.
            Need::Python | Need::Image(_) => false,
            Need::Sdist { .. } | Need::Packages(_) => true,
            Need::Commit { source, at } => !is_path(source) && !is_commit(at),
        }
    }

    /// Returns what a stage needs from outside, or why that cannot be had.
    pub fn of(stage: &Stage) -> Result<Vec<Need>, String> {
        let text = |name: &str| setting::word(stage, name).map(str::to_owned).unwrap_or_default();
        match (stage.kind, text("kind").as_str()) {
            (StageKind::Pin, "pypi") => {
                Ok(vec![Need::Sdist { name: normal(&text("source")), version: text("at") }])
            }
            (StageKind::Pin, "repo") => {
                let source = match stage.sources.first() {
                    Some(source) if !is_path(&source.path) => format!("./{}", source.path),
                    Some(source) => source.path.clone(),
                    None => text("source"),
                };
                let at = text("at");
                if at.starts_with('-') || at.contains(char::is_whitespace) {
                    return Err(format!("`{at}` is no tag, branch or commit of `{source}`"));
                }
                Ok(vec![Need::Commit { source, at }])
            }
            (StageKind::Env, _) => {
                let asked = requirements(stage)?;
                let packages = (!asked.is_empty()).then_some(Need::Packages(asked));
                // An image brings its own interpreter.
                let place = match text("backend").as_str() {
                    "docker" => Need::Image(text("image")),
                    _ => Need::Python,
                };
                Ok(std::iter::once(place).chain(packages).collect())
            }
            _ => Ok(Vec::new()),
        }
    }
}

/// Returns whether a repository is a folder of this machine.
pub(crate) fn is_path(source: &str) -> bool {
    source.starts_with(['.', '/'])
}

/// Returns whether a text is the whole name of a commit.
pub(crate) fn is_commit(at: &str) -> bool {
    matches!(at.len(), 40 | 64) && at.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'))
}

/// Returns a package's name as the index compares names.
pub(crate) fn normal(name: &str) -> String {
    let mut plain = String::new();
    for letter in name.chars() {
        match letter {
            '-' | '_' | '.' if plain.ends_with('-') => {}
            '-' | '_' | '.' => plain.push('-'),
            letter => plain.extend(letter.to_lowercase()),
        }
    }
    plain
}

/// Returns what pip is asked for so that a repository's tests can run.
fn requirements(stage: &Stage) -> Result<String, String> {
    let asked = setting::words(stage, "packages").unwrap_or_default();
    let mut all = BTreeSet::new();
    let mut names = BTreeSet::new();
    for text in asked {
        let (name, rest) = requirement(text).ok_or_else(|| {
            format!("`packages`: `{text}` is no name that can be pinned: write `name` or `name==1.2`")
        })?;
        names.insert(name.clone());
        all.insert(format!("{name}{rest}"));
    }
    // What the interpreter of this machine happens to have is not there elsewhere.
    if setting::word(stage, "runner").is_ok_and(|runner| runner == "pytest") && !names.contains("pytest") {
        all.insert("pytest".to_owned());
    }
    Ok(all.into_iter().collect::<Vec<_>>().join(";"))
}

/// Takes a requirement apart: the name, and the extras and versions after it. Options, URLs and markers are
/// none, so that pip is told nothing but names.
fn requirement(text: &str) -> Option<(String, String)> {
    let text: String = text.chars().filter(|letter| !letter.is_whitespace()).collect();
    let end = text.find(|c: char| !(c.is_ascii_alphanumeric() || "-_.".contains(c))).unwrap_or(text.len());
    let (name, mut rest) = text.split_at(end);
    let is_name = name.starts_with(|c: char| c.is_ascii_alphanumeric())
        && name.ends_with(|c: char| c.is_ascii_alphanumeric());
    let whole = rest.to_owned();
    if let Some(inner) = rest.strip_prefix('[') {
        let (extras, after) = inner.split_once(']')?;
        if !extras.chars().all(|c| c.is_ascii_alphanumeric() || "-_.,".contains(c)) {
            return None;
        }
        rest = after;
    }
    let is_version = |part: &str| {
        let version = part.trim_start_matches(['<', '>', '=', '!', '~']);
        version.len() < part.len()
            && !version.is_empty()
            && version.chars().all(|c| c.is_ascii_alphanumeric() || ".*+-_".contains(c))
    };
    let versions_ok = rest.is_empty() || rest.split(',').all(is_version);
    (is_name && versions_ok).then(|| (normal(name), whole))
}

/// Writes a text as one word.
fn plain(text: &str) -> String {
    text.replace('%', "%25").replace(' ', "%20")
}

fn plainly(text: &str) -> String {
    text.replace("%20", " ").replace("%25", "%")
}

impl Pins {
    /// Returns whether something is pinned.
    pub fn has(&self, need: &Need) -> bool {
        match need {
            Need::Python => self.python.is_some(),
            Need::Sdist { name, version } => self.sdists.contains_key(&(name.clone(), version.clone())),
            Need::Commit { source, at } => self.commits.contains_key(&(source.clone(), at.clone())),
            Need::Image(name) => self.images.contains_key(name),
            Need::Packages(asked) => self.packages.contains_key(asked),
        }
    }

    /// Returns what identifies the tools of a stage: its pins. Where one is missing, this says so.
    pub(crate) fn tools(&self, stage: &Stage) -> Vec<(String, String)> {
        let mut tools = Vec::new();
        for need in Need::of(stage).unwrap_or_default() {
            match need {
                Need::Python => {
                    let pin = self.python.as_ref();
                    let said = pin.map(|pin| format!("{} library:{}", pin.version, pin.library));
                    tools.push(("python".to_owned(), said.unwrap_or_else(none)));
                }
                Need::Sdist { name, version } => {
                    let said = self.sdists.get(&(name, version)).map(|pin| format!("sha256:{}", pin.sha256));
                    tools.push(("sdist".to_owned(), said.unwrap_or_else(none)));
                }
                Need::Commit { source, at } => {
                    let said = self.commits.get(&(source, at)).cloned();
                    tools.push(("commit".to_owned(), said.unwrap_or_else(none)));
                }
                Need::Image(name) => {
                    let said = self.images.get(&name).cloned();
                    tools.push(("image".to_owned(), said.unwrap_or_else(none)));
                }
                Need::Packages(asked) => match self.packages.get(&asked) {
                    Some(packages) => tools.extend(packages.iter().map(|package| {
                        let said = format!("{} sha256:{}", package.version, package.sha256);
                        (format!("package {}", package.name), said)
                    })),
                    None => tools.push(("packages".to_owned(), none())),
                },
            }
        }
        tools
    }

    /// Forgets what nothing needs.
    pub fn retain(&mut self, needs: &BTreeSet<Need>) {
        if !needs.contains(&Need::Python) {
            self.python = None;
        }
        self.sdists.retain(|(name, version), _| {
            needs.contains(&Need::Sdist { name: name.clone(), version: version.clone() })
        });
        self.commits.retain(|(source, at), _| {
            needs.contains(&Need::Commit { source: source.clone(), at: at.clone() })
        });
        self.images.retain(|name, _| needs.contains(&Need::Image(name.clone())));
        self.packages.retain(|asked, _| needs.contains(&Need::Packages(asked.clone())));
    }

    /// Forgets what goes by a name: `python`, a package, a repository; returns whether there was any.
    ///
    /// Packages are chosen together, and for one interpreter: with one of them goes its whole set, and with
    /// the interpreter go all.
    pub fn forget(&mut self, name: &str) -> bool {
        let before = self.lines().len();
        if name == "python" {
            self.python = None;
            self.packages.clear();
        }
        let wanted = normal(name);
        self.sdists.retain(|(known, _), _| *known != wanted);
        let last = |source: &str| {
            let source = source.trim_end_matches('/').trim_end_matches(".git");
            source.rsplit(['/', ':']).next().unwrap_or_default().to_owned()
        };
        self.commits.retain(|(source, _), _| source != name && last(source) != name);
        self.images.retain(|known, _| known != name);
        self.packages.retain(|_, set| set.iter().all(|package| normal(&package.name) != wanted));
        self.lines().len() < before
    }

    /// Returns the names that [`Pins::forget`] knows.
    pub fn names(&self) -> BTreeSet<String> {
        let mut names: BTreeSet<String> = self.sdists.keys().map(|(name, _)| name.clone()).collect();
        names.extend(self.commits.keys().map(|(source, _)| source.clone()));
        names.extend(self.images.keys().cloned());
        names.extend(self.packages.values().flatten().map(|package| package.name.clone()));
        names.extend(self.python.iter().map(|_| "python".to_owned()));
        names
    }

    /// Returns its lines, sorted.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = Vec::new();
        if let Some(PythonPin { version, library }) = &self.python {
            lines.push(format!("python {version} library:{library}"));
        }
        for ((name, version), Archive { sha256, file }) in &self.sdists {
            lines.push(format!("pypi {name} {version} sha256:{sha256} {file}"));
        }
        for ((source, at), commit) in &self.commits {
            lines.push(format!("repo {} {at} {commit}", plain(source)));
        }
        for (name, digest) in &self.images {
            lines.push(format!("image {} {digest}", plain(name)));
        }
        for (asked, packages) in &self.packages {
            for Package { name, version, sha256, file } in packages {
                lines.push(format!("package {asked} {name} {version} sha256:{sha256} {file}"));
            }
        }
        lines.sort();
        lines
    }

    /// Writes it as a file.
    pub fn text(&self) -> String {
        let mut text = format!("{HEAD}\n");
        for line in self.lines() {
            let _ = writeln!(text, "{line}");
        }
        text
    }

    /// Reads a file.
    pub fn parse(text: &str) -> Result<Pins, LockError> {
        let mut pins = Pins::default();
        let mut lines = text.lines().enumerate();
        let wrong = |line: usize, why: &str| LockError { line: line + 1, why: why.to_owned() };
        match lines.next() {
            Some((_, HEAD)) => {}
            _ => return Err(wrong(0, "is not `sswe lock 1`: this is no lock file that this version reads")),
        }
        for (at, line) in lines {
            let words: Vec<&str> = line.split(' ').collect();
            let again = match words[..] {
                ["python", version, library] => {
                    let library = library
                        .strip_prefix("library:")
                        .ok_or_else(|| wrong(at, "lacks the digest of the library"))?;
                    let pin = PythonPin { version: version.to_owned(), library: library.to_owned() };
                    pins.python.replace(pin).is_some()
                }
                ["pypi", name, version, sha256, file] => {
                    let sha256 = hash(sha256).ok_or_else(|| wrong(at, "has no SHA-256"))?;
                    let pin = Archive { sha256, file: file.to_owned() };
                    pins.sdists.insert((name.to_owned(), version.to_owned()), pin).is_some()
                }
                ["repo", source, wanted, commit] if is_commit(commit) => {
                    let key = (plainly(source), wanted.to_owned());
                    pins.commits.insert(key, commit.to_owned()).is_some()
                }
                ["image", name, digest] => {
                    let sha256 = hash(digest).ok_or_else(|| wrong(at, "has no SHA-256"))?;
                    pins.images.insert(plainly(name), format!("sha256:{sha256}")).is_some()
                }
                ["package", asked, name, version, sha256, file] => {
                    let sha256 = hash(sha256).ok_or_else(|| wrong(at, "has no SHA-256"))?;
                    let set = pins.packages.entry(asked.to_owned()).or_default();
                    let again = set.iter().any(|known| known.name == name);
                    let [name, version, file] = [name, version, file].map(str::to_owned);
                    set.push(Package { name, version, sha256, file });
                    again
                }
                [""] => false,
                _ => {
                    let is_merge =
                        ["<<<<<<<", "=======", ">>>>>>>"].iter().any(|mark| line.starts_with(mark));
                    let why = match is_merge {
                        true => {
                            "is the mark of a merge: keep one side, or remove the file and run `sswe lock`"
                        }
                        false => "is no pin: remove it and run `sswe lock`",
                    };
                    return Err(wrong(at, why));
                }
            };
            if again {
                return Err(wrong(at, "pins what another line pins: keep one of the two"));
            }
        }
        pins.packages.values_mut().for_each(|set| set.sort());
        Ok(pins)
    }
}

fn none() -> String {
    "not pinned yet".to_owned()
}

fn hash(word: &str) -> Option<String> {
    let digits = word.strip_prefix("sha256:")?;
    let is_hash = digits.len() == 64 && digits.bytes().all(|byte| matches!(byte, b'0'..=b'9' | b'a'..=b'f'));
    is_hash.then(|| digits.to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    fn pins() -> Pins {
        let sha256 = "ab".repeat(32);
        let package = |name: &str| Package {
            name: name.to_owned(),
            version: "1.0".to_owned(),
            sha256: sha256.clone(),
            file: format!("{name}-1.0-py3-none-any.whl"),
        };
        let python = PythonPin { version: "3.11.7".to_owned(), library: "cd".repeat(32) };
        let mut pins = Pins { python: Some(python), ..Pins::default() };
        let archive = Archive { sha256: sha256.clone(), file: "toolz-1.0.0.tar.gz".to_owned() };
        pins.sdists.insert(("toolz".to_owned(), "1.0.0".to_owned()), archive);
        pins.commits.insert(("./a folder%".to_owned(), "v1".to_owned()), "0f".repeat(20));
        pins.images.insert("./an image.tar".to_owned(), format!("sha256:{}", "ef".repeat(32)));
        pins.packages.insert("pytest".to_owned(), vec![package("iniconfig"), package("pytest")]);
        pins
    }

    #[test]
    fn what_is_written_is_read() {
        let text = pins().text();
        assert_eq!(Pins::parse(&text).unwrap(), pins());
        let lines: Vec<&str> = text.lines().skip(1).collect();
        assert!(lines.is_sorted());
        // A merge that put the sides one after the other is read all the same.
        let mut turned: Vec<&str> = lines.clone();
        turned.reverse();
        assert_eq!(Pins::parse(&format!("{HEAD}\n{}\n", turned.join("\n"))).unwrap(), pins());
    }

    #[test]
    fn damage_is_told_by_its_line() {
        let told = |text: &str| Pins::parse(text).unwrap_err().to_string();
        assert!(told("").starts_with("line 1 is not"));
        assert!(told(&format!("{HEAD}\n<<<<<<< HEAD\n")).starts_with("line 2 is the mark of a merge"));
        assert!(told(&format!("{HEAD}\npypi toolz 1.0.0 sha256:12 f\n")).contains("line 2 has no SHA-256"));
        assert!(told(&format!("{HEAD}\nrepo a/b v1 1234\n")).contains("is no pin"));
        let twice = format!("{}pypi toolz 1.0.0 sha256:{} f\n", pins().text(), "00".repeat(32));
        assert!(told(&twice).contains("pins what another line pins"));
    }

    #[test]
    fn names_are_forgotten_with_what_belongs_to_them() {
        let forgets = |name: &str| {
            let mut pins = pins();
            let any = pins.forget(name);
            (any, pins.lines().len())
        };
        assert_eq!(pins().lines().len(), 6);
        assert_eq!(forgets("Toolz"), (true, 5));
        assert_eq!(forgets("pytest"), (true, 4));
        assert_eq!(forgets("python"), (true, 3));
        assert_eq!(forgets("./a folder%"), (true, 5));
        assert_eq!(forgets("./an image.tar"), (true, 5));
        assert_eq!(forgets("other"), (false, 6));
        let mut none = pins();
        none.retain(&BTreeSet::from([Need::Python]));
        assert_eq!(none.lines().len(), 1);
    }

    #[test]
    fn requirements_are_names_and_versions_only() {
        let read = |text: &str| requirement(text).map(|(name, rest)| format!("{name}{rest}"));
        assert_eq!(read("Hypothesis == 6.1").as_deref(), Some("hypothesis==6.1"));
        assert_eq!(read("a.b[x,y]>=1,<2").as_deref(), Some("a-b[x,y]>=1,<2"));
        for text in
            ["--index-url=x", "git+https://x/y", "a @ https://x", "a; python_version<'3'", "../a", "", "a=="]
        {
            assert_eq!(read(text), None, "{text}");
        }
    }
}
