//! Archives, read in memory: nothing is written or executed, and nothing in them can lead outside.

use std::collections::BTreeMap;
use std::io::{Cursor, Read};

use flate2::read::GzDecoder;
use tar::{Archive, EntryType};
use zip::ZipArchive;

use super::Error;
use crate::artifact::{File, Tree};
use crate::stage::pin::{MOST_BYTES, is_left_out};

/// The most entries of an archive.
const MOST_ENTRIES: usize = 100_000;
/// The most bytes of an unpacked wheel.
const MOST_WHEEL: u64 = 2 << 30;

/// What an archive has at a path.
#[derive(Debug)]
pub(super) enum Node {
    /// A file: its bytes, and whether it is a program.
    File(Vec<u8>, bool),
    /// A link to a path of the archive.
    Link(String),
}

/// Reads a source distribution: the files below its one top folder.
pub(super) fn sdist(file: &str, bytes: &[u8]) -> Result<Tree, Error> {
    let nodes = match file.ends_with(".zip") {
        true => unzip(file, bytes, MOST_BYTES)?,
        false => untar(file, bytes)?,
    };
    let top = nodes.keys().next().and_then(|path| path.split_once('/')).map(|(top, _)| format!("{top}/"));
    let top = top.filter(|top| nodes.keys().all(|path| path.starts_with(top))).unwrap_or_default();
    tree(file, nodes, &top)
}

/// Reads the files of a wheel.
pub(super) fn wheel(file: &str, bytes: &[u8]) -> Result<BTreeMap<String, Node>, Error> {
    unzip(file, bytes, MOST_WHEEL)
}

/// Makes a tree of what is below `top`; links become what they lead to.
pub(super) fn tree(name: &str, nodes: BTreeMap<String, Node>, top: &str) -> Result<Tree, Error> {
    let mut tree = Tree::default();
    let mut total = 0;
    for (path, node) in &nodes {
        let Some(inner) = path.strip_prefix(top).filter(|inner| !inner.is_empty()) else { continue };
        if inner.split('/').any(is_left_out) {
            continue;
        }
        // What leads to a folder, in a circle or nowhere is left out.
        let mut node = node;
        let mut steps = 0;
        while let Node::Link(to) = node {
            steps += 1;
            match nodes.get(to) {
                Some(next) if steps < 16 => node = next,
                _ => break,
            }
        }
        let Node::File(bytes, is_program) = node else { continue };
        total += bytes.len() as u64;
        // Many links may lead to one large file.
        if total > MOST_BYTES {
            return Err(large(name, MOST_BYTES));
        }
        tree.insert(inner, File::new(bytes.clone(), *is_program))
            .map_err(|error| Error::Refused(format!("`{name}`: {error}")))?;
    }
    if tree.is_empty() {
        return Err(Error::Refused(format!("`{name}` has no files")));
    }
    Ok(tree)
}

/// Adds an entry. Where an archive has a path twice, the later one counts, as for all who unpack it.
pub(super) fn add(nodes: &mut BTreeMap<String, Node>, path: String, node: Node) -> Result<(), String> {
    if nodes.len() >= MOST_ENTRIES {
        return Err(format!("it has more than {MOST_ENTRIES} entries"));
    }
    let is_below =
        |above: &str, path: &str| path.strip_prefix(above).is_some_and(|rest| rest.starts_with('/'));
    let next = nodes.range(format!("{path}/")..).next().map(|(next, _)| next);
    let mut above = path.rfind('/').map(|at| &path[..at]);
    while let Some(folder) = above {
        if nodes.contains_key(folder) {
            return Err(format!("`{path}` is inside of `{folder}`, which is no folder"));
        }
        above = folder.rfind('/').map(|at| &folder[..at]);
    }
    if next.is_some_and(|next| is_below(&path, next)) {
        return Err(format!("`{path}` is a file and a folder"));
    }
    nodes.insert(path, node);
    Ok(())
}

/// Returns a path of an archive in its plain form; none where it leads outside.
pub(super) fn plain(path: &str) -> Option<String> {
    if path.starts_with('/') || path.contains(['\\', '\0']) {
        return None;
    }
    let mut parts = Vec::new();
    for part in path.split('/') {
        match part {
            "" | "." => {}
            ".." => return None,
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

/// Returns where a link leads, inside of the archive; none where it leads outside.
pub(super) fn target(path: &str, to: &str) -> Option<String> {
    if to.starts_with('/') || to.contains(['\\', '\0']) {
        return None;
    }
    let mut parts: Vec<&str> = path.split('/').collect();
    parts.pop();
    for part in to.split('/') {
        match part {
            "" | "." => {}
            ".." => drop(parts.pop()?),
            part => parts.push(part),
        }
    }
    Some(parts.join("/"))
}

fn large(name: &str, most: u64) -> Error {
    Error::Refused(format!("`{name}` unpacks to more than {} MiB: that is data, not code", most >> 20))
}

fn hostile(name: &str, entry: &str, why: &str) -> Error {
    let entry: String = entry.chars().take(200).flat_map(char::escape_default).collect();
    Error::Refused(format!("`{name}` is refused: its entry `{entry}` {why}"))
}

fn untar(name: &str, bytes: &[u8]) -> Result<BTreeMap<String, Node>, Error> {
    let broken = |error: std::io::Error| Error::Refused(format!("`{name}` cannot be read: {error}"));
    // All of it, once, and bounded: a small archive may unpack to anything.
    let most = 2 * MOST_BYTES;
    let mut whole = Vec::new();
    GzDecoder::new(bytes).take(most + 1).read_to_end(&mut whole).map_err(broken)?;
    if whole.len() as u64 > most {
        return Err(large(name, MOST_BYTES));
    }
    let mut nodes = BTreeMap::new();
    let mut archive = Archive::new(Cursor::new(whole));
    for entry in archive.entries().map_err(broken)? {
        let mut entry = entry.map_err(broken)?;
        let kind = entry.header().entry_type();
        if matches!(kind, EntryType::XGlobalHeader | EntryType::XHeader) {
            continue;
        }
        let raw = String::from_utf8(entry.path_bytes().into_owned());
        let raw = raw.map_err(|error| {
            hostile(name, &String::from_utf8_lossy(error.as_bytes()), "is not named in UTF-8")
        })?;
        let path = plain(&raw).ok_or_else(|| hostile(name, &raw, "leads out of its folder"))?;
        let link = |entry: &tar::Entry<'_, _>| {
            let to = entry.link_name_bytes().map(|to| String::from_utf8_lossy(&to).into_owned());
            to.unwrap_or_default()
        };
        let out = |to: &str| hostile(name, &raw, &format!("links to `{to}`, out of its folder"));
        let node = match kind {
            EntryType::Directory => continue,
            EntryType::Regular | EntryType::Continuous | EntryType::GNUSparse => {
                let is_program = entry.header().mode().unwrap_or(0) & 0o100 != 0;
                let mut content = Vec::new();
                entry.by_ref().take(MOST_BYTES + 1).read_to_end(&mut content).map_err(broken)?;
                if content.len() as u64 > MOST_BYTES {
                    return Err(large(name, MOST_BYTES));
                }
                Node::File(content, is_program)
            }
            EntryType::Symlink => {
                let to = link(&entry);
                Node::Link(target(&path, &to).ok_or_else(|| out(&to))?)
            }
            // These are named from the top.
            EntryType::Link => {
                let to = link(&entry);
                Node::Link(plain(&to).ok_or_else(|| out(&to))?)
            }
            _ => return Err(hostile(name, &raw, "is a device or something else that no source needs")),
        };
        if path.is_empty() {
            continue;
        }
        add(&mut nodes, path, node).map_err(|why| Error::Refused(format!("`{name}` is refused: {why}")))?;
    }
    Ok(nodes)
}

fn unzip(name: &str, bytes: &[u8], most: u64) -> Result<BTreeMap<String, Node>, Error> {
    let broken = |error: zip::result::ZipError| Error::Refused(format!("`{name}` cannot be read: {error}"));
    let unread = |error: std::io::Error| Error::Refused(format!("`{name}` cannot be read: {error}"));
    let mut archive = ZipArchive::new(Cursor::new(bytes)).map_err(broken)?;
    let (mut nodes, mut total) = (BTreeMap::new(), 0);
    for at in 0..archive.len() {
        let mut entry = archive.by_index(at).map_err(broken)?;
        let raw = entry.name().map_err(broken)?.into_owned();
        let path = plain(&raw).ok_or_else(|| hostile(name, &raw, "leads out of its folder"))?;
        let mode = entry.unix_mode().unwrap_or(0o644);
        if entry.is_dir() || path.is_empty() {
            continue;
        }
        let mut content = Vec::new();
        entry.by_ref().take(most - total + 1).read_to_end(&mut content).map_err(unread)?;
        total += content.len() as u64;
        if total > most {
            return Err(large(name, most));
        }
        let node = match mode & 0o170_000 {
            0 | 0o100_000 => Node::File(content, mode & 0o100 != 0),
            0o120_000 => {
                let to = String::from_utf8_lossy(&content).into_owned();
                let inside = target(&path, &to);
                let out = || hostile(name, &raw, &format!("links to `{to}`, out of its folder"));
                Node::Link(inside.ok_or_else(out)?)
            }
            _ => return Err(hostile(name, &raw, "is a device or something else that no source needs")),
        };
        add(&mut nodes, path, node).map_err(|why| Error::Refused(format!("`{name}` is refused: {why}")))?;
    }
    Ok(nodes)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use std::io::Write as _;

    use flate2::{Compression, write::GzEncoder};

    use super::*;

    /// Makes an archive of entries: kind, path, content or what it links to. Paths are put into the raw
    /// header, since no library writes what is tested here.
    fn tarred(entries: &[(EntryType, &str, &str)]) -> Vec<u8> {
        let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
        for (kind, path, content) in entries {
            let mut header = tar::Header::new_gnu();
            header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
            header.set_entry_type(*kind);
            header.set_mode(0o644);
            let is_file = *kind == EntryType::Regular;
            if !is_file {
                header.as_mut_bytes()[157..157 + content.len()].copy_from_slice(content.as_bytes());
            }
            header.set_size(if is_file { content.len() as u64 } else { 0 });
            header.set_cksum();
            let data = if is_file { content.as_bytes() } else { b"" };
            builder.append(&header, data).unwrap();
        }
        builder.into_inner().unwrap().finish().unwrap()
    }

    fn zipped(entries: &[(&str, &str, u32)]) -> Vec<u8> {
        let mut writer = zip::ZipWriter::new(Cursor::new(Vec::new()));
        for (path, content, mode) in entries {
            let options = zip::write::SimpleFileOptions::default().unix_permissions(*mode);
            match mode & 0o170_000 {
                0o120_000 => writer.add_symlink(*path, *content, options).unwrap(),
                _ => {
                    writer.start_file(*path, options).unwrap();
                    writer.write_all(content.as_bytes()).unwrap();
                }
            }
        }
        writer.finish().unwrap().into_inner()
    }

    use EntryType::{Block, Directory, Fifo, Link, Regular, Symlink};

    #[test]
    fn a_source_distribution_is_what_is_below_its_folder() {
        let bytes = tarred(&[
            (Directory, "x-1/", ""),
            (Regular, "x-1/a.py", "a = 1\n"),
            (Regular, "x-1/x.egg-info/PKG-INFO", "Name: x\n"),
            (Regular, "x-1/__pycache__/a.pyc", "no"),
            (Symlink, "x-1/docs/b.py", "../a.py"),
            (Link, "x-1/c.py", "x-1/a.py"),
            (Symlink, "x-1/dangling", "nothing"),
            (Symlink, "x-1/round", "round"),
        ]);
        let tree = sdist("x-1.tar.gz", &bytes).unwrap();
        let paths: Vec<&str> = tree.iter().map(|(path, _)| path).collect();
        assert_eq!(paths, ["a.py", "c.py", "docs/b.py", "x.egg-info/PKG-INFO"]);
        assert_eq!(tree.text("docs/b.py"), Some("a = 1\n"));
        let zip = zipped(&[("x-1/a.py", "a = 1\n", 0o644), ("x-1/run", "#!/bin/sh\n", 0o755)]);
        let tree = sdist("x-1.zip", &zip).unwrap();
        assert!(tree.get("run").unwrap().is_program() && !tree.get("a.py").unwrap().is_program());
    }

    #[test]
    fn nothing_leads_outside() {
        let refused = |entries: &[(EntryType, &str, &str)], entry: &str| {
            let error = sdist("x-1.tar.gz", &tarred(entries)).unwrap_err().to_string();
            assert!(error.contains(entry), "{error}");
        };
        refused(&[(Regular, "x-1/../../etc/passwd", "x")], "entry `x-1/../../etc/passwd` leads out");
        refused(&[(Regular, "/etc/passwd", "x")], "entry `/etc/passwd` leads out");
        refused(&[(Symlink, "x-1/a", "/etc/passwd")], "entry `x-1/a` links to `/etc/passwd`");
        refused(&[(Symlink, "x-1/a", "../../etc")], "entry `x-1/a` links to `../../etc`");
        refused(&[(Link, "x-1/a", "/etc/shadow")], "entry `x-1/a` links to `/etc/shadow`");
        refused(&[(Link, "x-1/a", "../b")], "entry `x-1/a` links to `../b`");
        refused(&[(Fifo, "x-1/a", "")], "entry `x-1/a` is a device");
        refused(&[(Block, "x-1/a", "")], "entry `x-1/a` is a device");
        refused(&[(Symlink, "x-1/a", "b"), (Regular, "x-1/a/c", "x")], "`x-1/a/c` is inside of `x-1/a`");
        refused(&[(Regular, "x-1/a/c", "x"), (Regular, "x-1/a", "x")], "`x-1/a` is a file and a folder");
        let zip = |path, content, mode| {
            sdist("x-1.zip", &zipped(&[(path, content, mode)])).unwrap_err().to_string()
        };
        assert!(zip("../x", "x", 0o644).contains("leads out"));
        assert!(zip("x/a", "../../b", 0o120_777).contains("links to `../../b`"));
    }

    #[test]
    fn what_is_broken_or_too_large_is_told() {
        for bytes in [&b""[..], b"no archive", &tarred(&[(Regular, "x/a", "a")])[..40]] {
            for name in ["x-1.tar.gz", "x-1.zip"] {
                assert!(sdist(name, bytes).unwrap_err().to_string().contains("x-1."), "{name}");
            }
        }
        let zeros = "\0".repeat(MOST_BYTES as usize + 1);
        let bomb = tarred(&[(Regular, "x/a", &zeros)]);
        assert!(bomb.len() < 1 << 20);
        assert!(sdist("x-1.tar.gz", &bomb).unwrap_err().to_string().contains("more than 64 MiB"));
    }
}
