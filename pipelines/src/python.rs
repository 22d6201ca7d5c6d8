//! The Python that tests run with.

use std::path::{Path, PathBuf};
use std::process::Stdio;

use serde::Deserialize;
use sswe_cache::{Digest, Fields};

/// An interpreter, and what a sandbox has to show of the host for it to run.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Python {
    /// Where it is.
    pub program: PathBuf,
    /// Its version, such as `3.11.7`.
    pub version: String,
    /// The folder of its standard library.
    pub library: PathBuf,
    /// The folders that it needs.
    pub readable: Vec<PathBuf>,
}

const QUESTION: &str = "
import json, os, sys, sysconfig
paths = {sys.prefix, sys.base_prefix, sys.exec_prefix, sys.base_exec_prefix, sysconfig.get_paths()['stdlib']}
paths.add(os.path.dirname(os.path.dirname(os.path.realpath(sys.executable))))
paths.update(path for path in sys.path[1:] if os.path.exists(path))
print(json.dumps({'program': sys.executable, 'version': sys.version.split()[0],
    'library': sysconfig.get_paths()['stdlib'], 'readable': sorted(paths)}))
";

impl Python {
    /// Finds the interpreter of that name or path: `python3` for the first one in `PATH`. The error says what
    /// to do about it.
    pub async fn find(name: impl AsRef<Path>) -> Result<Python, String> {
        let name = name.as_ref();
        let mut command = tokio::process::Command::new(name);
        command.args(["-s", "-c", QUESTION]).stdin(Stdio::null()).stderr(Stdio::null()).kill_on_drop(true);
        command.env_remove("PYTHONPATH").env_remove("PYTHONHOME");
        let refused = |why: String| {
            format!(
                "`{}` is no Python that can be used: {why}; install Python 3.9 or later, so that `python3` is on the \
                 search path",
                name.display()
            )
        };
        let output = command.output().await.map_err(|error| refused(error.to_string()))?;
        let python: Python =
            serde_json::from_slice(&output.stdout).map_err(|_| refused("it gave no answer".to_owned()))?;
        match python.is_known() {
            true => Ok(python),
            false => Err(refused(format!("found version {}", python.version))),
        }
    }

    /// Returns the digest of its standard library: the names and bytes of its source files.
    pub fn library_digest(&self) -> Result<Digest, String> {
        let root = &self.library;
        let mut files = Vec::new();
        collect(root, &mut files).map_err(|error| format!("{}: {error}", root.display()))?;
        let mut digests = Vec::new();
        for path in files {
            let bytes = std::fs::read(&path).map_err(|error| format!("{}: {error}", path.display()))?;
            let inside = path.strip_prefix(root).unwrap_or(&path);
            digests.push((inside.to_owned(), Digest::of(&bytes)));
        }
        Ok(digest(digests))
    }

    /// Finds the `python3` of where code runs, and the digest of its standard library: the same as on a host
    /// that has the same one.
    #[cfg(feature = "docker")]
    pub async fn inside(
        docker: &sswe_engine::sandbox::Docker,
    ) -> Result<(Python, Digest), sswe_engine::sandbox::Error> {
        use sswe_engine::sandbox::{Action, Error, Exit, Limits, Sandbox};

        let script = format!("{QUESTION}{LIBRARY}");
        let action = Action {
            argv: ["python3", "-s", "-c", &script].map(str::to_owned).into(),
            limits: Limits { output: 1 << 30, ..Limits::default() },
            ..Action::default()
        };
        let outcome = docker.run(action).await?;
        let refused = |why: String| Error::Image {
            image: docker.image.name.clone(),
            why,
            fix: "it needs Python 3.9 or later as `python3` on its search path".to_owned(),
        };
        let (answer, files) = match outcome.exit {
            Exit::Code(0) => {
                parts(&outcome.stdout).ok_or_else(|| refused("its Python gave half an answer".to_owned()))?
            }
            _ => {
                let said = String::from_utf8_lossy(&outcome.stderr)
                    .trim()
                    .lines()
                    .next_back()
                    .unwrap_or_default()
                    .to_owned();
                return Err(refused(format!("its Python gave no answer: {said}")));
            }
        };
        let python: Python = serde_json::from_slice(answer).map_err(|error| refused(error.to_string()))?;
        match python.is_known() {
            // What it needs is in the image.
            true => Ok((Python { readable: Vec::new(), ..python }, digest(files))),
            false => Err(refused(format!("its Python is {}", python.version))),
        }
    }

    fn is_known(&self) -> bool {
        let mut numbers = self.version.split('.').map_while(|part| part.parse::<u32>().ok());
        matches!((numbers.next(), numbers.next()), (Some(3), Some(9..)))
    }
}

/// Files of a standard library, by their paths inside of it.
type Files = Vec<(PathBuf, Digest)>;

/// Returns the digest of a standard library.
fn digest(mut files: Files) -> Digest {
    files.sort();
    let mut fields = Fields::new("sswe.python.library.v1");
    for (path, digest) in files {
        fields.digest(&path.to_string_lossy(), &digest);
    }
    fields.finish()
}

/// Writes every source file of the standard library, as `collect` finds them: sizes of name and content,
/// name, content.
#[cfg(feature = "docker")]
const LIBRARY: &str = "
import struct
sys.stdout.flush()
def walk(folder, inner):
    for entry in os.scandir(folder):
        name = inner + os.fsencode(entry.name)
        if entry.is_dir(follow_symlinks=False):
            if entry.name not in ('site-packages', 'dist-packages', '__pycache__', 'test'):
                walk(entry.path, name + b'/')
        elif entry.is_file(follow_symlinks=False) and entry.name.endswith('.py'):
            with open(entry.path, 'rb') as file:
                data = file.read()
            sys.stdout.buffer.write(struct.pack('<II', len(name), len(data)) + name + data)
walk(sysconfig.get_paths()['stdlib'], b'')
";

/// Reads what they wrote: the answer, which is a line, and the files.
#[cfg(feature = "docker")]
fn parts(text: &[u8]) -> Option<(&[u8], Files)> {
    use std::os::unix::ffi::OsStrExt;

    let end = text.iter().position(|byte| *byte == b'\n')?;
    let (answer, mut rest) = (&text[..end], &text[end + 1..]);
    let mut files = Vec::new();
    while let Some((sizes, more)) = rest.split_first_chunk::<8>() {
        let [name, content] = [&sizes[..4], &sizes[4..]]
            .map(|size| size.try_into().map_or(0, |size| u32::from_le_bytes(size) as usize));
        let path = std::ffi::OsStr::from_bytes(more.get(..name)?);
        files.push((PathBuf::from(path), Digest::of(more.get(name..name + content)?)));
        rest = &more[name + content..];
    }
    rest.is_empty().then_some((answer, files))
}

/// Collects source files; what was installed beside the library, and tests of its own, are no part of it.
fn collect(folder: &Path, files: &mut Vec<PathBuf>) -> std::io::Result<()> {
    for entry in std::fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name();
        let name = name.to_string_lossy();
        let kind = entry.file_type()?;
        if kind.is_dir() && !matches!(&*name, "site-packages" | "dist-packages" | "__pycache__" | "test") {
            collect(&entry.path(), files)?;
        } else if kind.is_file() && name.ends_with(".py") {
            files.push(entry.path());
        }
    }
    Ok(())
}
