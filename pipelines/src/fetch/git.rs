//! Commits, by the program `git`: fetched into a folder of their own, and read without a work tree, so that
//! nothing that a repository brings is executed: no hooks, no filters, no submodules.

use std::collections::BTreeMap;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use super::archive::{self, Node};
use super::{Error, unique};
use crate::artifact::Tree;
use crate::lock::{is_commit, is_path};
use crate::stage::pin::MOST_BYTES;

/// Settings that win over those of the user and the machine.
const SETTINGS: &[&str] = &[
    "core.hooksPath=/dev/null",
    "core.fsmonitor=false",
    "core.attributesFile=/dev/null",
    "fetch.recurseSubmodules=false",
    "submodule.recurse=false",
    "fetch.writeCommitGraph=false",
    "gc.auto=0",
    "maintenance.auto=false",
    "protocol.version=2",
    "protocol.ext.allow=never",
];

/// A folder that goes when it is dropped.
struct Scratch(PathBuf);

impl Drop for Scratch {
    fn drop(&mut self) {
        // In the folder for such things: what stays behind is removed some day.
        let _ = std::fs::remove_dir_all(&self.0);
    }
}

/// Finds the commit that a tag, branch or commit of a repository is.
pub(super) fn resolve(base: &Path, source: &str, at: &str) -> Result<String, Error> {
    if is_commit(at) {
        return Ok(at.to_owned());
    }
    let url = url(base, source)?;
    let names = [format!("refs/tags/{at}"), format!("refs/tags/{at}^{{}}"), format!("refs/heads/{at}")];
    let mut args = vec!["ls-remote", "--", &url];
    args.extend(names.iter().map(String::as_str));
    let output = git(None, &args, &[], source)?;
    let text = String::from_utf8_lossy(&output);
    let found: BTreeMap<&str, &str> =
        text.lines().filter_map(|line| line.split_once('\t')).map(|(commit, name)| (name, commit)).collect();
    // What a signed tag is of comes before the tag itself, and a tag before a branch.
    let commit = [&names[1], &names[0], &names[2]].into_iter().find_map(|name| found.get(name.as_str()));
    match commit.filter(|commit| is_commit(commit)) {
        Some(commit) => Ok((*commit).to_owned()),
        None => Err(Error::Refused(format!(
            "`{source}` has no tag or branch `{at}`; a commit is named by all of its 40 digits"
        ))),
    }
}

/// Reads the files of a commit.
pub(super) fn tree(base: &Path, source: &str, at: &str, commit: &str) -> Result<Tree, Error> {
    let url = url(base, source)?;
    let scratch = Scratch(std::env::temp_dir().join(format!("sswe-git-{}", unique())));
    let folder = &scratch.0;
    git(
        None,
        &["init", "--bare", "--quiet", "--template=", "--", &folder.display().to_string()],
        &[],
        source,
    )?;
    let plain = ["fetch", "--quiet", "--no-tags", "--no-recurse-submodules", "--no-write-fetch-head"];
    let fetch = |more: &[&str]| {
        let args: Vec<&str> = plain.iter().chain(more).copied().collect();
        git(Some(folder), &args, &[], source)
    };
    // Some servers give no commit by its name: they are asked for what it was called, then for everything.
    let called = [format!("refs/tags/{at}"), format!("refs/heads/{at}")];
    let has = || git(Some(folder), &["cat-file", "-e", &format!("{commit}^{{commit}}")], &[], source).is_ok();
    let mut last = fetch(&["--depth=1", "--", &url, commit]);
    for name in called.iter().map(String::as_str).chain(["+refs/*:refs/fetched/*"]) {
        if has() {
            break;
        }
        // Nobody answered: asking for something else does not help.
        if let Err(error @ Error::Network(_)) = last {
            return Err(error);
        }
        let deep = name.starts_with('+');
        last = if deep { fetch(&["--", &url, name]) } else { fetch(&["--depth=1", "--", &url, name]) };
    }
    if !has() {
        last?;
        return Err(Error::Refused(format!(
            "`{source}` has no commit {commit} any more, which `{at}` was pinned to: `sswe lock --update {}` pins \
             what is there now",
            source.rsplit('/').next().unwrap_or(source)
        )));
    }
    read(folder, source, commit)
}

fn read(folder: &Path, source: &str, commit: &str) -> Result<Tree, Error> {
    let listed = git(Some(folder), &["ls-tree", "-r", "-z", "-l", "--full-tree", commit], &[], source)?;
    let mut wanted = Vec::new();
    let mut total = 0_u64;
    for line in listed.split(|byte| *byte == 0).filter(|line| !line.is_empty()) {
        let line = std::str::from_utf8(line)
            .map_err(|_| Error::Refused(format!("`{source}` has a file that is not named in UTF-8")))?;
        let Some((about, path)) = line.split_once('\t') else { continue };
        let about: Vec<&str> = about.split_whitespace().collect();
        let [mode, "blob", object, size] = about[..] else { continue };
        total = total.saturating_add(size.parse().unwrap_or(0));
        if total > MOST_BYTES {
            return Err(Error::Refused(format!(
                "`{source}` brings more than {} MiB of files: that is data, not code",
                MOST_BYTES >> 20
            )));
        }
        let path = archive::plain(path).ok_or_else(|| {
            Error::Refused(format!("`{source}` has the path `{path}`, which leads out of it"))
        })?;
        wanted.push((mode.to_owned(), object.to_owned(), path));
    }
    let asked: String = wanted.iter().map(|(_, object, _)| format!("{object}\n")).collect();
    let bodies = git(Some(folder), &["cat-file", "--batch"], asked.as_bytes(), source)?;
    let torn = || Error::Refused(format!("`git` gave something else than the files of `{source}`"));
    let mut rest = &bodies[..];
    let mut nodes = BTreeMap::new();
    for (mode, object, path) in wanted {
        let end = rest.iter().position(|byte| *byte == b'\n').ok_or_else(torn)?;
        let head = String::from_utf8_lossy(&rest[..end]).into_owned();
        let size = head.strip_prefix(&*object).and_then(|rest| rest.strip_prefix(" blob "));
        let size: usize = size.and_then(|size| size.parse().ok()).ok_or_else(torn)?;
        let body = rest.get(end + 1..end + 1 + size).ok_or_else(torn)?.to_vec();
        rest = rest.get(end + 2 + size..).ok_or_else(torn)?;
        let node = match mode.as_str() {
            "120000" => match archive::target(&path, &String::from_utf8_lossy(&body)) {
                Some(to) => Node::Link(to),
                // Repositories link to files of their users' machines now and then: it leads nowhere here.
                None => continue,
            },
            mode => Node::File(body, mode == "100755"),
        };
        archive::add(&mut nodes, path, node).map_err(|why| Error::Refused(format!("`{source}`: {why}")))?;
    }
    archive::tree(source, nodes, "")
}

/// Returns where a repository is.
fn url(base: &Path, source: &str) -> Result<String, Error> {
    if is_path(source) {
        let path = base.join(source);
        let path = std::fs::canonicalize(&path)
            .map_err(|error| Error::Refused(format!("`{source}` is no repository: {error}")))?;
        return Ok(path.display().to_string());
    }
    if source.starts_with('-') || source.contains("::") || source.contains(char::is_whitespace) {
        return Err(Error::Refused(format!(
            "`{source}` is no repository: write `owner/name`, a URL or a path"
        )));
    }
    let is_short = !source.contains(':') && source.split('/').filter(|part| !part.is_empty()).count() == 2;
    Ok(if is_short { format!("https://github.com/{source}") } else { source.to_owned() })
}

/// Runs `git`, and returns what it says.
fn git(folder: Option<&Path>, args: &[&str], input: &[u8], source: &str) -> Result<Vec<u8>, Error> {
    let mut command = Command::new("git");
    for (name, _) in std::env::vars_os() {
        // Which repository, index and objects: ours, whoever called.
        if name.to_string_lossy().starts_with("GIT_") && !is_kept(&name.to_string_lossy()) {
            command.env_remove(name);
        }
    }
    command.env("GIT_TERMINAL_PROMPT", "0").env("GIT_ATTR_NOSYSTEM", "1").env("GIT_NO_LAZY_FETCH", "1");
    command.env("GIT_ALLOW_PROTOCOL", "https:http:ssh:git:file").env("LC_ALL", "C");
    command.env("GIT_OPTIONAL_LOCKS", "0").env("GIT_NO_REPLACE_OBJECTS", "1");
    if std::env::var_os("GIT_SSH_COMMAND").is_none() {
        command.env("GIT_SSH_COMMAND", "ssh -o BatchMode=yes");
    }
    command.env("GIT_ASKPASS", "true").env("SSH_ASKPASS", "true");
    for setting in SETTINGS {
        command.args(["-c", setting]);
    }
    if let Some(folder) = folder {
        command.arg("--git-dir").arg(folder);
    }
    command.args(args).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => Error::Refused(format!(
            "`{source}` needs the program `git`: install it, or name an archive with `pypi`"
        )),
        _ => Error::Refused(format!("`git` cannot be started: {error}")),
    })?;
    let stdin = child.stdin.take();
    let output = std::thread::scope(|scope| {
        // From beside: both ends of a full pipe would wait for each other.
        let feed = scope.spawn(move || stdin.map(|mut stdin| stdin.write_all(input)));
        let output = child.wait_with_output();
        let _ = feed.join();
        output
    });
    let output = output.map_err(|error| Error::Refused(format!("`git` cannot be run: {error}")))?;
    if output.status.success() {
        return Ok(output.stdout);
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let told = said.lines().find(|line| line.starts_with("fatal:") || line.starts_with("error:"));
    let told = told.or_else(|| said.lines().last()).unwrap_or("it said nothing");
    let told = format!("`{}` cannot be fetched: git: {}", shown(source), shown(told));
    let is_down = [
        "Could not resolve host",
        "Could not resolve hostname",
        "Failed to connect",
        "Connection refused",
        "Connection timed out",
        "Operation timed out",
        "Network is unreachable",
        "Connection reset",
        "early EOF",
    ];
    Err(match is_down.iter().any(|sign| said.contains(sign)) {
        true => Error::Network(format!("{told}; check the network")),
        false => Error::Refused(told),
    })
}

/// Returns whether a variable says how this machine reaches others.
fn is_kept(name: &str) -> bool {
    name.starts_with("GIT_SSL_")
        || name.starts_with("GIT_CONFIG_")
        || matches!(
            name,
            "GIT_SSH" | "GIT_SSH_COMMAND" | "GIT_SSH_VARIANT" | "GIT_PROXY_COMMAND" | "GIT_EXEC_PATH"
        )
}

/// Returns a text without the credentials of addresses in it.
fn shown(text: &str) -> String {
    let words = text.split_inclusive([' ', '\'', '"']);
    words.map(|word| super::web::apart(word).0).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    fn sh(folder: &Path, script: &str) {
        let ended = Command::new("sh").current_dir(folder).args(["-ec", script]).output().unwrap();
        assert!(ended.status.success(), "{}", String::from_utf8_lossy(&ended.stderr));
    }

    /// Makes a repository with a tag, a branch, a link, a filter, a submodule and hooks.
    fn repository() -> Scratch {
        let scratch = Scratch(std::env::temp_dir().join(format!("sswe-git-test-{}", unique())));
        std::fs::create_dir_all(&scratch.0).unwrap();
        sh(
            &scratch.0,
            "git init -q -b main .; git config user.name x; git config user.email x@example.com
             printf 'a = 1\\n' > a.py; printf '#!/bin/sh\\n' > run; chmod +x run; ln -s a.py b.py; ln -s /etc out
             printf '*.py filter=bad export-ignore\\n' > .gitattributes
             git config filter.bad.smudge 'touch /tmp/sswe-smudged; cat'; git add -A; git commit -qm one
             git tag -a -m v1 v1; printf 'a = 2\\n' > a.py; git commit -qam two
             git update-index --add --cacheinfo 160000,$(git rev-parse HEAD),sub; git commit -qm three",
        );
        scratch
    }

    #[test]
    fn a_commit_is_read_as_it_is() {
        let repository = repository();
        let source = repository.0.display().to_string();
        let base = Path::new("/");
        let tag = resolve(base, &source, "v1").unwrap();
        let branch = resolve(base, &source, "main").unwrap();
        assert_eq!(resolve(base, &source, &tag).unwrap(), tag);
        let old = tree(base, &source, "v1", &tag).unwrap();
        let paths: Vec<&str> = old.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, [".gitattributes", "a.py", "b.py", "run"]);
        assert_eq!((old.text("a.py"), old.text("b.py")), (Some("a = 1\n"), Some("a = 1\n")));
        assert!(old.get("run").unwrap().is_program());
        assert_eq!(tree(base, &source, "main", &branch).unwrap().text("a.py"), Some("a = 2\n"));
        // By its place beside a file, and where a commit has no name.
        let name = repository.0.file_name().unwrap().to_string_lossy().into_owned();
        let inner = tree(repository.0.parent().unwrap(), &format!("./{name}"), &tag, &tag).unwrap();
        assert_eq!(inner, old);
        assert!(!Path::new("/tmp/sswe-smudged").exists());
    }

    #[test]
    fn what_is_not_there_is_told() {
        let repository = repository();
        let source = repository.0.display().to_string();
        let told = |source: &str, at: &str| resolve(Path::new("/"), source, at).unwrap_err();
        assert!(told(&source, "v9").to_string().contains("has no tag or branch `v9`"));
        assert!(told("/nowhere", "v9").to_string().contains("`/nowhere` is no repository"));
        assert!(told("ext::sh -c x", "v9").to_string().contains("is no repository"));
        assert!(told("--upload-pack=x", "v9").to_string().contains("is no repository"));
        let gone = tree(Path::new("/"), &source, "v1", &"0f".repeat(20)).unwrap_err().to_string();
        assert!(gone.contains("cannot be fetched") || gone.contains("has no commit"), "{gone}");
        // Nobody listens there.
        let down = told("https://me:secret@127.0.0.1:9/a/b", "v9");
        assert!(matches!(&down, Error::Network(why) if !why.contains("secret")), "{down}");
    }

    #[test]
    fn short_names_are_of_the_usual_host() {
        let url = |source| url(Path::new("/"), source).unwrap();
        assert_eq!(url("owner/name"), "https://github.com/owner/name");
        assert_eq!(url("git@host:owner/name"), "git@host:owner/name");
        assert_eq!(url("https://h.example/a/b.git"), "https://h.example/a/b.git");
    }
}
