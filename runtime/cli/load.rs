//! Reads files for the compiler, which reads none itself.

use std::{
    collections::BTreeMap,
    io::Read,
    path::{Path, PathBuf},
};

use sswe_compiler::{
    check::{self, Host},
    diagnostic::{Code, Diagnostic, LineIndex},
    project::{self, Database, Loaded, Options, Origin, Project},
};

use crate::{Failure, args::Compile};

/// Larger files are not pipelines, whatever they are called.
const MAX_BYTES: u64 = 16 << 20;

/// A project may use this many files.
const MAX_FILES: usize = 1_000;

/// A file that was opened with all that it uses.
pub(crate) struct Opened {
    pub(crate) db: Database,
    pub(crate) project: Project,
    pub(crate) host: Host,
    pub(crate) path: String,
}

impl Opened {
    /// Returns what is wrong with it.
    pub(crate) fn diagnostics(&self) -> Vec<Diagnostic> {
        check::diagnostics(&self.db, self.project, &self.host)
    }
}

/// Returns the files that a command is about: those named, or the only one of this folder.
pub(crate) fn files(named: &[PathBuf]) -> Result<Vec<PathBuf>, Failure> {
    if !named.is_empty() {
        return Ok(named.to_vec());
    }
    let mut found = in_folder()?;
    match found.len() {
        1 => Ok(found),
        0 => Err(Failure::usage("this folder has no .sswe file")
            .hint("name a file, or write a starter with `sswe init`")),
        _ => {
            found.sort();
            let names: Vec<String> = found.iter().map(|path| path.display().to_string()).collect();
            Err(Failure::usage("this folder has several .sswe files")
                .hint(format!("name one of {}", names.join(", "))))
        }
    }
}

/// Returns the `.sswe` files of this folder.
pub(crate) fn in_folder() -> Result<Vec<PathBuf>, Failure> {
    let entries =
        std::fs::read_dir(".").map_err(|error| Failure::file(format!("cannot read this folder: {error}")))?;
    let paths = entries.filter_map(|entry| Some(PathBuf::from(entry.ok()?.file_name())));
    Ok(paths.filter(|path| path.extension().is_some_and(|end| end == "sswe")).collect())
}

/// Returns the one file that a command is about.
pub(crate) fn file(named: Option<&PathBuf>) -> Result<PathBuf, Failure> {
    let named: Vec<PathBuf> = named.into_iter().cloned().collect();
    files(&named)?.into_iter().next().ok_or_else(|| Failure::usage("no file was named"))
}

/// Reads the text of a file, or says why it is none.
pub(crate) fn read(path: &Path) -> Result<String, Box<Diagnostic>> {
    let name = name_of(path);
    let bytes = read_bytes(path).map_err(|why| {
        let help = match path.exists() || name == "-" {
            true => "",
            false => "check the name; `sswe init` writes a starter file",
        };
        let code = if why.starts_with("it is larger") { Code::E0112 } else { Code::E0803 };
        Box::new(Diagnostic::of_file(code, &name, format!("cannot read `{name}`: {why}"), help))
    })?;
    String::from_utf8(bytes).map_err(|error| {
        let at = error.utf8_error().valid_up_to();
        let bytes = error.into_bytes();
        let valid = String::from_utf8_lossy(&bytes[..at]);
        let span = LineIndex::new(&valid).span(&name, &valid, valid.len()..valid.len());
        let found = bytes.get(at).copied().unwrap_or_default();
        let message = format!("the file is not UTF-8 text: byte 0x{found:02x} at offset {at}");
        Box::new(Diagnostic::at(Code::E0111, span, message, "save it as UTF-8"))
    })
}

fn read_bytes(path: &Path) -> Result<Vec<u8>, String> {
    let mut bytes = Vec::new();
    let limit = MAX_BYTES + 1;
    let result = if path == Path::new("-") {
        std::io::stdin().lock().take(limit).read_to_end(&mut bytes)
    } else {
        if path.is_dir() {
            return Err("it is a folder".to_owned());
        }
        let file = std::fs::File::open(path).map_err(|error| plain(&error))?;
        file.take(limit).read_to_end(&mut bytes)
    };
    result.map_err(|error| plain(&error))?;
    if bytes.len() as u64 > MAX_BYTES {
        return Err(format!("it is larger than {} MiB, which no pipeline is", MAX_BYTES >> 20));
    }
    Ok(bytes)
}

fn plain(error: &std::io::Error) -> String {
    match error.kind() {
        std::io::ErrorKind::NotFound => "there is no such file".to_owned(),
        std::io::ErrorKind::PermissionDenied => "you may not read it".to_owned(),
        _ => error.to_string(),
    }
}

fn name_of(path: &Path) -> String {
    path.to_string_lossy().into_owned()
}

/// Opens a file with all that it uses; an unreadable file is a diagnostic like any other.
pub(crate) fn open(path: &Path, compile: &Compile) -> Result<Opened, Box<Diagnostic>> {
    let text = read(path)?;
    Ok(open_text(&name_of(path), text, compile))
}

/// Opens a text as if it were a file of that name.
pub(crate) fn open_text(path: &str, text: String, compile: &Compile) -> Opened {
    let mut db = Database::default();
    let options = Options { profiles: compile.profile.clone(), set: compile.set.clone() };
    let mut count = 0;
    let project = project::open(&mut db, path, &text, &options, &mut |wanted, from| {
        count += 1;
        if count > MAX_FILES {
            return Err(format!("more than {MAX_FILES} files are used"));
        }
        load(wanted, from)
    });
    let host = host(&db, project);
    Opened { db, project, host, path: path.to_owned() }
}

fn load(wanted: &str, from: &str) -> Loaded {
    if wanted.starts_with("std/") {
        let text = sswe_pipelines::library::text(wanted).ok_or_else(|| {
            let known: Vec<String> =
                sswe_pipelines::library::paths().map(|path| format!("`{path}`")).collect();
            format!("the built-in library has {}", known.join(", "))
        })?;
        return Ok((wanted.to_owned(), Origin::Library, text.to_owned()));
    }
    let path = project::beside(from, wanted);
    let bytes = read_bytes(Path::new(&path))?;
    let text = String::from_utf8(bytes).map_err(|_| "it is not UTF-8 text".to_owned())?;
    Ok((path, Origin::File, text))
}

fn host(db: &Database, project: Project) -> Host {
    let wants = check::wants(db, project);
    let variables = wants.variables.into_iter().map(|(name, ..)| {
        let is_set = std::env::var_os(&name).is_some();
        (name, is_set)
    });
    let paths = wants.paths.into_iter().map(|(_, path, _)| {
        let exists = Path::new(&path).exists();
        (path, exists)
    });
    Host { variables: variables.collect::<BTreeMap<_, _>>(), paths: paths.collect(), memory: memory() }
}

/// Returns how many bytes of memory the machine has, where it says so.
pub(crate) fn memory() -> Option<u64> {
    let text = std::fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find(|line| line.starts_with("MemTotal:"))?;
    line.split_whitespace().nth(1)?.parse::<u64>().ok().map(|kib| kib * 1024)
}
