//! A view as a folder with a repository of one commit, and as a sandbox.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use sswe_engine::sandbox::{self, Action, Input, Limits, Outcome};

use crate::artifact::{self, Repo, Tree};
use crate::fetch::Fetch;
use crate::harness::Backend;
use crate::python::Python;

/// Where packages are in the sandbox of a Solver.
const SITE: &str = "/site";

/// The moment of the one commit: a time of this machine would tell runs apart.
const MOMENT: &str = "2020-01-01T00:00:00+0000";

/// A view that lies in a folder.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Placed {
    /// The one commit; none where this machine has no `git`, so that there are plain files only.
    pub commit: Option<String>,
}

/// Writes files into a folder that is empty or not there, as a work tree whose repository has one
/// commit and nothing else: no other branch, tag, remote, reflog or object.
///
/// The commit is the same wherever and whenever it is made. The error is for people.
pub fn write(files: &Tree, folder: &Path) -> Result<Placed, String> {
    let failed = |path: &Path| {
        let path = path.display().to_string();
        move |error: io::Error| format!("`{path}` cannot be written: {error}")
    };
    if fs::read_dir(folder).is_ok_and(|mut entries| entries.next().is_some()) {
        return Err(format!("`{}` is not empty: name a folder that is", folder.display()));
    }
    for (path, file) in files.iter() {
        let place = folder.join(path);
        let above = place.parent().unwrap_or(folder);
        fs::create_dir_all(above).map_err(failed(above))?;
        fs::write(&place, file.bytes()).map_err(failed(&place))?;
        let mode = if file.is_program() { 0o755 } else { 0o644 };
        fs::set_permissions(&place, fs::Permissions::from_mode(mode)).map_err(failed(&place))?;
    }
    fs::create_dir_all(folder).map_err(failed(folder))?;
    if git(folder, &["--version"]).is_err() {
        return Ok(Placed { commit: None });
    }
    // Nothing of the user's settings, templates or hooks, and no line of a reflog.
    git(folder, &["init", "-q", "--template="])?;
    git(folder, &["symbolic-ref", "HEAD", "refs/heads/main"])?;
    git(folder, &["add", "--all", "--force", "."])?;
    git(folder, &["commit", "-q", "--allow-empty", "--no-verify", "-m", "The repository"])?;
    let _ = fs::remove_file(folder.join(".git/COMMIT_EDITMSG"));
    let commit = git(folder, &["rev-parse", "HEAD"])?;
    Ok(Placed { commit: Some(commit.trim().to_owned()) })
}

/// Runs `git` in a folder, with nothing of this machine's or user's settings; returns what it prints.
pub(crate) fn git(folder: &Path, args: &[&str]) -> Result<String, String> {
    let mut command = Command::new("git");
    command.arg("-C").arg(folder).args([
        "-c",
        "core.logAllRefUpdates=false",
        "-c",
        "core.autocrlf=false",
        "-c",
        "commit.gpgSign=false",
        "-c",
        "core.hooksPath=/dev/null",
        "-c",
        "gc.auto=0",
        "-c",
        "safe.directory=*",
    ]);
    command.args(args).stdin(Stdio::null());
    for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("GIT_")) {
        command.env_remove(name);
    }
    for who in ["AUTHOR", "COMMITTER"] {
        command.env(format!("GIT_{who}_NAME"), "sswe").env(format!("GIT_{who}_EMAIL"), "sswe@localhost");
        command.env(format!("GIT_{who}_DATE"), MOMENT);
    }
    command.env("GIT_CONFIG_NOSYSTEM", "1").env("GIT_CONFIG_GLOBAL", "/dev/null").env("LC_ALL", "C");
    command.env("GIT_DEFAULT_HASH", "sha1").env("GIT_ATTR_NOSYSTEM", "1").env("HOME", folder);
    let output = command.output().map_err(|error| format!("`git` cannot be run: {error}"))?;
    match output.status.success() {
        true => Ok(String::from_utf8_lossy(&output.stdout).into_owned()),
        false => {
            let said = String::from_utf8_lossy(&output.stderr);
            Err(format!("`git {}` failed: {}", args.join(" "), said.trim()))
        }
    }
}

/// What a Solver's sandbox has besides the view.
#[derive(Clone, Debug)]
pub struct Surroundings {
    /// What isolates it.
    pub backend: Backend,
    /// The interpreter.
    pub python: Python,
    /// The folder of the packages that tests run with, if there are any.
    pub site: Option<PathBuf>,
    /// What one run may use.
    pub limits: artifact::Limits,
}

impl Surroundings {
    /// Returns what goes with a repository that has a suite; its packages are unpacked where they are not.
    pub fn of(repo: &Repo, python: Python, fetch: &Fetch) -> Result<Surroundings, String> {
        let (Some(env), Some(suite)) = (&repo.env, &repo.suite) else {
            return Err("the repository has no suite: a build gives it one".to_owned());
        };
        let site = match env.packages.as_slice() {
            [] => None,
            packages => Some(fetch.site(packages).map_err(|error| error.to_string())?),
        };
        Ok(Surroundings { backend: Backend::Native, python, site, limits: suite.limits.clone() })
    }

    /// Runs what [`Surroundings::action`] has made.
    pub async fn run(&self, action: Action) -> Result<Outcome, sandbox::Error> {
        self.backend.run(action).await
    }

    /// Returns the packages that a Solver of a repository sees, by where it sees them.
    pub(crate) fn packages_of(&self, repo: &Repo) -> Result<BTreeMap<String, PathBuf>, String> {
        let own = modules(repo.files.iter().map(|(path, _)| path));
        self.packages(&own).map_err(|error| format!("packages cannot be listed: {error}"))
    }

    /// Makes an action of a command on what lies in a folder: no network, no home, no package of
    /// this machine's Python, and none that is called as the repository's own.
    pub fn action(&self, folder: &Path, argv: Vec<String>) -> io::Result<Action> {
        let mut files = BTreeMap::new();
        read(folder, "", &mut files)?;
        let modules = modules(files.keys().map(String::as_str));
        let roots = modules.values().map(|root| format!("/work/{root}").trim_end_matches('/').to_owned());
        let roots: BTreeSet<String> = roots.chain(["/work".to_owned()]).collect();
        let mut path: Vec<String> = roots.into_iter().collect();
        let shown = self.packages(&modules)?;
        if !shown.is_empty() {
            path.push(SITE.to_owned());
        }
        let artifact::Limits { cpus: _, memory, wall_ms, pids, output, files: bytes } = self.limits;
        let wall = std::time::Duration::from_millis(wall_ms);
        let programs = self.python.program.parent().unwrap_or(Path::new("/usr/bin")).display().to_string();
        let env = [
            ("PYTHONPATH", path.join(":")),
            // The interpreter that tests run with is the first `python3`.
            ("PATH", format!("{programs}:/usr/local/bin:/usr/bin:/bin")),
        ];
        Ok(Action {
            files,
            argv,
            env: env.map(|(name, value)| (name.to_owned(), value)).into(),
            limits: Limits { cpu: wall, wall, memory, pids, output, files: bytes },
            readable: self.python.readable.clone(),
            shown,
            masked: self.masked(),
            ..Action::default()
        })
    }

    /// Returns the packages of the site that are not the repository's own, by where they are seen.
    fn packages(&self, modules: &BTreeMap<String, String>) -> io::Result<BTreeMap<String, PathBuf>> {
        let mut shown = BTreeMap::new();
        for entry in self.site.iter().map(fs::read_dir) {
            for entry in entry? {
                let entry = entry?;
                let name = entry.file_name().to_string_lossy().into_owned();
                if !modules.contains_key(&module_of(&name)) {
                    shown.insert(format!("{SITE}/{name}"), entry.path());
                }
            }
        }
        Ok(shown)
    }

    /// Returns the folders in which this machine keeps packages of its own: another release of the
    /// repository may be among them, and pip brings many more inside of it.
    fn masked(&self) -> Vec<String> {
        if self.backend.is_contained() {
            // An image has what its suite needs, and nothing of this machine.
            return Vec::new();
        }
        let mut found = BTreeSet::new();
        let system = ["/usr/lib", "/usr/local/lib"].map(PathBuf::from);
        let libraries = system.iter().flat_map(|path| children(path)).chain(
            self.python.readable.iter().flat_map(|root| {
                // `lib64` is often a link to `lib`.
                let below =
                    [root.join("lib"), root.join("lib64")].into_iter().filter(|path| !path.is_symlink());
                below.flat_map(|path| children(&path)).chain([root.clone()]).collect::<Vec<_>>()
            }),
        );
        for library in libraries {
            for name in ["site-packages", "dist-packages", "ensurepip/_bundled"] {
                let place = library.join(name);
                if place.is_dir() && !place.is_symlink() {
                    found.insert(place.to_string_lossy().into_owned());
                }
            }
        }
        for python in self.python.readable.iter().filter(|path| path.ends_with("site-packages")) {
            found.insert(python.to_string_lossy().into_owned());
        }
        // Wheels that Debian keeps for new environments.
        found.extend(
            ["/usr/share/python-wheels".to_owned()].into_iter().filter(|path| Path::new(path).is_dir()),
        );
        found.into_iter().collect()
    }
}

fn children(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).into_iter().flatten().flatten();
    let folders = entries.map(|entry| entry.path()).filter(|path| {
        path.file_name().is_some_and(|name| name.to_string_lossy().starts_with("python")) && path.is_dir()
    });
    folders.collect()
}

/// Returns the modules that a repository brings, with the folder from which they are imported.
pub(crate) fn modules<'a>(paths: impl Iterator<Item = &'a str>) -> BTreeMap<String, String> {
    let mut found = BTreeMap::new();
    for path in paths.filter(|path| crate::rewriter::is_product(path)) {
        let (root, inner) = match path.split_once('/') {
            Some((root @ ("src" | "lib"), inner)) => (root, inner),
            _ => ("", path),
        };
        let name = match inner.split_once('/') {
            Some((package, _)) => package,
            None => inner.trim_end_matches(".py"),
        };
        found.insert(name.replace('-', "_").to_lowercase(), root.to_owned());
    }
    found
}

/// Returns the module that an entry of a site is, or is about.
pub(crate) fn module_of(entry: &str) -> String {
    let name = entry
        .strip_suffix(".dist-info")
        .and_then(|name| name.rsplit_once('-'))
        .map_or(entry, |(name, _)| name);
    let name = name.split('.').next().unwrap_or(name);
    name.replace('-', "_").to_lowercase()
}

/// Reads what lies in a folder; links are left out.
fn read(folder: &Path, inside: &str, files: &mut BTreeMap<String, Input>) -> io::Result<()> {
    for entry in fs::read_dir(folder)? {
        let entry = entry?;
        let name = entry.file_name().to_string_lossy().into_owned();
        let inner = if inside.is_empty() { name } else { format!("{inside}/{name}") };
        let kind = entry.file_type()?;
        if kind.is_dir() {
            read(&entry.path(), &inner, files)?;
        } else if kind.is_file() {
            let is_program = entry.metadata()?.permissions().mode() & 0o100 != 0;
            files.insert(inner, Input { bytes: fs::read(entry.path())?, is_program });
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_repository_knows_its_modules() {
        let found = modules(
            ["src/pluggy/_hooks.py", "setup.py", "tests/test_a.py", "parse.py", "a-b/c.py"].into_iter(),
        );
        let expected = [("a_b", ""), ("parse", ""), ("pluggy", "src")];
        assert_eq!(found, expected.map(|(name, root)| (name.to_owned(), root.to_owned())).into());
        for entry in
            ["pluggy", "Pluggy-1.5.0.dist-info", "pluggy.py", "pluggy.cpython-311-x86_64-linux-gnu.so"]
        {
            assert_eq!(module_of(entry), "pluggy", "{entry}");
        }
        assert_eq!(module_of("typing_extensions-4.1.dist-info"), "typing_extensions");
    }
}
