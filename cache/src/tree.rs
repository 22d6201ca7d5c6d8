//! One digest for a whole folder.

use std::fs;
use std::os::unix::ffi::OsStrExt;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use crate::error::At;
use crate::{Digest, Error, Fields, Result, StatCache};

/// Names that are never part of a tree: what tools leave there, not what people wrote.
pub const SKIPPED: &[&str] = &[".git", ".sswe", "__pycache__"];

/// A folder's files, sorted by the bytes of their paths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tree {
    /// Stands for the whole: paths, kinds and contents.
    pub digest: Digest,
    /// Every file and symbolic link. Empty folders do not count, as in git.
    pub files: Vec<TreeFile>,
}

/// One file of a tree.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TreeFile {
    /// Where it is, relative to the tree.
    pub path: PathBuf,
    /// What it is.
    pub kind: TreeKind,
    /// The digest of its content, or of the path that a link holds.
    pub digest: Digest,
}

/// What a file of a tree is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TreeKind {
    /// A file.
    File = 0,
    /// A file that its owner may execute.
    Executable = 1,
    /// A symbolic link, which is not followed.
    Link = 2,
}

/// Hashes the folder `root`: two with equal files have one digest, wherever they lie.
///
/// Names in `skip` are left out at every depth. Times, owners and other permissions do not
/// count. A socket, pipe or device is refused.
pub fn digest_tree(root: &Path, skip: &[&str], stats: &mut StatCache) -> Result<Tree> {
    let mut files = Vec::new();
    walk(root, root, skip, stats, &mut files)?;
    // Over whole paths: a walk gives `a/b` before `a.b`, and the order must be one of bytes.
    files.sort_by(|a, b| a.path.as_os_str().cmp(b.path.as_os_str()));
    let mut fields = Fields::new("sswe.tree.v1");
    for TreeFile { path, kind, digest } in &files {
        fields
            .bytes("path", path.as_os_str().as_bytes())
            .number("kind", *kind as u64)
            .digest("content", digest);
    }
    Ok(Tree { digest: fields.finish(), files })
}

fn walk(
    root: &Path,
    folder: &Path,
    skip: &[&str],
    stats: &mut StatCache,
    files: &mut Vec<TreeFile>,
) -> Result<()> {
    for entry in fs::read_dir(folder).at("read", folder)? {
        let entry = entry.at("read", folder)?;
        let path = entry.path();
        if skip.iter().any(|name| entry.file_name() == *name) {
            continue;
        }
        let metadata = entry.metadata().at("read", &path)?;
        if metadata.is_dir() {
            walk(root, &path, skip, stats, files)?;
            continue;
        }
        let (kind, digest) = if metadata.is_symlink() {
            let target = fs::read_link(&path).at("read", &path)?;
            (TreeKind::Link, Digest::of(target.as_os_str().as_bytes()))
        } else if metadata.is_file() {
            let kind = match metadata.permissions().mode() & 0o100 {
                0 => TreeKind::File,
                _ => TreeKind::Executable,
            };
            (kind, stats.digest_of(&path, &metadata)?)
        } else {
            let kind = match metadata.file_type() {
                kind if kind.is_fifo() => "a pipe",
                kind if kind.is_socket() => "a socket",
                _ => "a device",
            };
            return Err(Error::Unhashable { path, kind });
        };
        let relative = path.strip_prefix(root).unwrap_or(&path);
        files.push(TreeFile { path: relative.into(), kind, digest });
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::ffi::OsStr;
    use std::os::unix::fs::symlink;

    use super::*;
    use crate::testing::Scratch;

    fn digest(root: &Path) -> Digest {
        let scratch = Scratch::new();
        let mut stats = StatCache::load(&scratch.store()).unwrap();
        digest_tree(root, SKIPPED, &mut stats).unwrap().digest
    }

    fn sample(root: &Path) {
        fs::create_dir_all(root.join("a/empty")).unwrap();
        fs::write(root.join("a/b"), "1").unwrap();
        fs::write(root.join("a.b"), "2").unwrap();
        fs::write(root.join(OsStr::from_bytes(b"\xff\n")), "3").unwrap();
        symlink("a/b", root.join("link")).unwrap();
    }

    #[test]
    fn the_digest_is_stable() {
        let scratch = Scratch::new();
        sample(scratch.path());
        // Golden: stored keys depend on it.
        assert_eq!(
            digest(scratch.path()).to_string(),
            "9659453c8e39eb7ed227ad975e71f62351601eb98a517aa96cf3fa40f6f531cd"
        );
        let elsewhere = Scratch::new();
        sample(elsewhere.path());
        fs::create_dir(elsewhere.path().join("__pycache__")).unwrap();
        fs::write(elsewhere.path().join("__pycache__/x.pyc"), "x").unwrap();
        fs::create_dir_all(elsewhere.path().join("a/.git/objects")).unwrap();
        fs::write(elsewhere.path().join("a/.git/HEAD"), "x").unwrap();
        assert_eq!(digest(scratch.path()), digest(elsewhere.path()));
    }

    #[test]
    fn every_difference_that_counts_is_seen() {
        let edits: [fn(&Path); 7] = [
            |_| (),
            |root| fs::write(root.join("a/b"), "changed").unwrap(),
            |root| fs::write(root.join("new"), "").unwrap(),
            |root| fs::rename(root.join("a.b"), root.join("a.c")).unwrap(),
            |root| fs::set_permissions(root.join("a.b"), PermissionsExt::from_mode(0o755)).unwrap(),
            |root| {
                fs::remove_file(root.join("link")).unwrap();
                symlink("a.b", root.join("link")).unwrap();
            },
            |root| {
                // A file with the bytes of the link's target is not that link.
                fs::remove_file(root.join("link")).unwrap();
                fs::write(root.join("link"), "a/b").unwrap();
            },
        ];
        let mut seen = Vec::new();
        for edit in edits {
            let scratch = Scratch::new();
            sample(scratch.path());
            edit(scratch.path());
            let digest = digest(scratch.path());
            assert!(!seen.contains(&digest), "edit {}", seen.len());
            seen.push(digest);
        }
    }

    #[test]
    fn a_pipe_is_refused() {
        let scratch = Scratch::new();
        let made = std::process::Command::new("mkfifo").arg(scratch.path().join("p")).status();
        assert!(made.unwrap().success());
        let mut stats = StatCache::load(&Scratch::new().store()).unwrap();
        let error = digest_tree(scratch.path(), SKIPPED, &mut stats).unwrap_err().to_string();
        assert!(error.contains("is a pipe, which has no content"), "{error}");
    }
}
