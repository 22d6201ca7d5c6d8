//! What the suites share: compiling a text, folders that vanish, and the program itself.

use std::{
    collections::BTreeMap,
    ffi::OsStr,
    fs,
    io::Write as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
};

use sswe_compiler::{
    check::{self, Host},
    diagnostic::{Diagnostic, Severity},
    project::{self, Database, Options, Origin, Project},
};

/// The files that a text may use, by path.
pub(crate) type Files = BTreeMap<String, String>;

/// Returns the root of the repository.
pub(crate) fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// Returns the files in a folder of the repository with that ending: name and text, sorted by name.
pub(crate) fn texts_in(folder: &str, ending: &str) -> Vec<(String, String)> {
    let mut found: Vec<(String, String)> = fs::read_dir(root().join(folder))
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .filter(|path| path.extension() == Some(OsStr::new(ending)))
        .map(|path| {
            (path.file_name().unwrap().to_string_lossy().into_owned(), fs::read_to_string(path).unwrap())
        })
        .collect();
    found.sort();
    found
}

/// Opens a text as the file `path`, which may use `files` and the built-in library.
pub(crate) fn open(path: &str, text: &str, options: &Options, files: &Files) -> (Database, Project) {
    let mut db = Database::default();
    let project = project::open(&mut db, path, text, options, &mut |wanted, from| {
        if let Some(text) = sswe_pipelines::library::text(wanted) {
            return Ok((wanted.to_owned(), Origin::Library, text.to_owned()));
        }
        let folder = from.rfind('/').map_or("", |at| &from[..=at]);
        let found = format!("{folder}{wanted}");
        match files.get(&found) {
            _ if found == path => Ok((found, Origin::File, text.to_owned())),
            Some(text) => Ok((found, Origin::File, text.clone())),
            None => Err("there is no such file".to_owned()),
        }
    });
    (db, project)
}

/// Returns a machine that has everything a project asks for.
pub(crate) fn generous_host(db: &Database, project: Project) -> Host {
    let wants = check::wants(db, project);
    Host {
        variables: wants.variables.into_iter().map(|(name, ..)| (name, true)).collect(),
        paths: wants.paths.into_iter().map(|(_, path, _)| (path, true)).collect(),
        memory: None,
    }
}

/// Returns what is wrong with a text that stands alone, on a machine that has everything.
pub(crate) fn findings(text: &str) -> Vec<Diagnostic> {
    let (db, project) = open("main.sswe", text, &Options::default(), &Files::new());
    check::diagnostics(&db, project, &generous_host(&db, project))
}

/// Counts the errors among findings.
pub(crate) fn errors(found: &[Diagnostic]) -> usize {
    found.iter().filter(|found| found.severity == Severity::Error).count()
}

/// Applies the safe fixes of `found` to `text`, as far as they do not touch each other.
pub(crate) fn apply_safe_fixes(text: &str, found: &[Diagnostic]) -> String {
    let mut edits: Vec<(usize, usize, &str)> = Vec::new();
    for fix in found.iter().filter_map(|found| found.fixes.iter().find(|fix| fix.safe)) {
        let own: Vec<_> =
            fix.edits.iter().map(|edit| (edit.span.bytes.0, edit.span.bytes.1, edit.text.as_str())).collect();
        let apart =
            |(from, to, _): &(usize, usize, &str)| edits.iter().all(|other| *to < other.0 || other.1 < *from);
        if own.iter().all(apart) {
            edits.extend(own);
        }
    }
    edits.sort_unstable();
    let mut text = text.to_owned();
    for (from, to, new) in edits.into_iter().rev() {
        text.replace_range(from..to, new);
    }
    text
}

/// A folder that is removed with everything in it.
pub(crate) struct Folder(PathBuf);

impl Folder {
    /// Makes an empty folder.
    pub(crate) fn new() -> Folder {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("sswe-test-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let path = std::env::temp_dir().join(name);
        fs::create_dir_all(&path).unwrap();
        Folder(path)
    }

    /// Makes a folder with one file, `a.sswe`.
    pub(crate) fn with(text: &str) -> Folder {
        Folder::new().and("a.sswe", text)
    }

    /// Adds a file.
    pub(crate) fn and(self, name: &str, content: impl AsRef<[u8]>) -> Folder {
        self.write(name, content);
        self
    }

    /// Writes a file, and the folders around it.
    pub(crate) fn write(&self, name: &str, content: impl AsRef<[u8]>) {
        let path = self.path(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, content).unwrap();
    }

    /// Reads a file.
    pub(crate) fn read(&self, name: &str) -> String {
        fs::read_to_string(self.path(name)).unwrap()
    }

    /// Returns the path of a file in it.
    pub(crate) fn path(&self, name: &str) -> PathBuf {
        self.0.join(name)
    }

    /// Runs `sswe` here with arguments that are separated by spaces.
    pub(crate) fn sswe(&self, args: &str) -> Run {
        self.command(&args.split_whitespace().collect::<Vec<_>>()).run()
    }

    /// Prepares `sswe` here, with an environment that holds nothing of the caller's but where programs are.
    pub(crate) fn command(&self, args: &[&str]) -> Sswe {
        let mut command = Command::new(env!("CARGO_BIN_EXE_sswe"));
        command.current_dir(&self.0).args(args).env_clear();
        command.env("COLUMNS", "100").env("LANG", "C.UTF-8");
        // Python is found by these.
        for name in ["PATH", "HOME"] {
            command.env(name, std::env::var_os(name).unwrap_or_default());
        }
        command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
        Sswe { command, input: None }
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The program, about to run.
pub(crate) struct Sswe {
    command: Command,
    input: Option<Vec<u8>>,
}

impl Sswe {
    /// Sets an environment variable.
    pub(crate) fn env(mut self, name: &str, value: &str) -> Sswe {
        self.command.env(name, value);
        self
    }

    /// Gives it a text on standard input.
    pub(crate) fn input(mut self, text: impl Into<Vec<u8>>) -> Sswe {
        self.command.stdin(Stdio::piped());
        self.input = Some(text.into());
        self
    }

    /// Runs it to its end.
    pub(crate) fn run(self) -> Run {
        let (child, feeder) = self.start();
        let output = child.wait_with_output().unwrap();
        if let Some(feeder) = feeder {
            feeder.join().unwrap();
        }
        Run {
            code: output.status.code(),
            out: String::from_utf8(output.stdout).unwrap(),
            err: String::from_utf8(output.stderr).unwrap(),
        }
    }

    /// Starts it; the thread feeds its standard input.
    pub(crate) fn start(mut self) -> (Child, Option<std::thread::JoinHandle<()>>) {
        let mut child = self.command.spawn().unwrap();
        let feeder = self.input.map(|input| {
            let mut stdin = child.stdin.take().unwrap();
            // It may stop reading early: that is its right.
            std::thread::spawn(move || drop(stdin.write_all(&input)))
        });
        (child, feeder)
    }
}

/// What the program did.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: Option<i32>,
    pub(crate) out: String,
    pub(crate) err: String,
}

impl Run {
    /// Asserts the exit code, and that nothing went wrong inside.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Run {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", cut(&self.out), cut(&self.err));
        for bad in ["panicked", "internal error", "stack overflow"] {
            assert!(!self.err.contains(bad), "{}", cut(&self.err));
        }
        self
    }

    /// Asserts that stdout is `expected`, but for spaces around it.
    #[track_caller]
    pub(crate) fn prints(self, expected: &str) -> Run {
        assert_text(&self.out, expected);
        self
    }

    /// Asserts that stderr is `expected`, but for spaces around it.
    #[track_caller]
    pub(crate) fn says(self, expected: &str) -> Run {
        assert_text(&self.err, expected);
        self
    }

    /// Asserts that stderr mentions each of `parts`.
    #[track_caller]
    pub(crate) fn mentions(self, parts: &[&str]) -> Run {
        for part in parts {
            assert!(self.err.contains(part), "`{part}` is missing from stderr:\n{}", cut(&self.err));
        }
        self
    }

    /// Asserts that stdout holds each of `parts`.
    #[track_caller]
    pub(crate) fn holds(self, parts: &[&str]) -> Run {
        for part in parts {
            assert!(self.out.contains(part), "`{part}` is missing from stdout:\n{}", cut(&self.out));
        }
        self
    }

    /// Asserts that stdout is the snapshot of that name; `UPDATE=1` writes it anew.
    #[track_caller]
    pub(crate) fn matches(self, name: &str) -> Run {
        snapshot(name, &self.out);
        self
    }

    /// Returns the lines of stdout as JSON.
    #[track_caller]
    pub(crate) fn json_lines(&self) -> Vec<serde_json::Value> {
        self.out.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
    }

    /// Returns stdout as one JSON document.
    #[track_caller]
    pub(crate) fn json(&self) -> serde_json::Value {
        serde_json::from_str(&self.out).unwrap()
    }
}

/// Compares a text with `tests/cli/snapshots/NAME.txt`; `UPDATE=1` writes it anew.
#[track_caller]
pub(crate) fn snapshot(name: &str, actual: &str) {
    let path = root().join("tests/cli/snapshots").join(format!("{name}.txt"));
    if std::env::var_os("UPDATE").is_some() {
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(&path, actual).unwrap();
    }
    let expected = fs::read_to_string(&path)
        .unwrap_or_else(|_| panic!("there is no snapshot `{name}`: run the test with UPDATE=1"));
    assert_eq!(actual, expected, "the snapshot `{name}` differs; UPDATE=1 writes it anew\n{actual}");
}

#[track_caller]
fn assert_text(actual: &str, expected: &str) {
    let plain = |text: &str| {
        let lines: Vec<&str> = text.trim().lines().map(str::trim_end).collect();
        lines.join("\n")
    };
    assert_eq!(plain(actual), plain(expected), "found:\n{actual}");
}

/// Returns the beginning of a long text.
pub(crate) fn cut(text: &str) -> String {
    text.chars().take(4_000).collect()
}
