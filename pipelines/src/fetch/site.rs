//! Folders of unpacked wheels, one for each set of packages: what the sandbox shows to tests.

use std::fs;
use std::io;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};

use sswe_cache::Fields;

use super::archive::{self, Node};
use super::{Error, unique};
use crate::artifact::Package;

/// Returns the folder of a set of packages below `root`; `wheel` gives the bytes of one.
///
/// It is named by what is in it, made whole or not at all, and made again where it is gone.
pub(super) fn folder(
    root: &Path,
    packages: &[Package],
    wheel: impl Fn(&Package) -> Result<Vec<u8>, Error>,
) -> Result<PathBuf, Error> {
    let mut fields = Fields::new("sswe.site.v1");
    for Package { name, version, sha256, file: _ } in packages {
        fields.text("name", name).text("version", version).text("sha256", sha256);
    }
    let place = root.join(fields.finish().to_string());
    if place.is_dir() {
        return Ok(place);
    }
    let part = root.join(format!(".{}", unique()));
    let made = packages.iter().try_for_each(|package| {
        let bytes = wheel(package)?;
        let files = archive::wheel(&package.file, &bytes)?;
        unpack(&part, files).map_err(|error| {
            Error::Refused(format!("`{}` cannot be unpacked to `{}`: {error}", package.file, part.display()))
        })
    });
    let moved = made.and_then(|()| match fs::rename(&part, &place) {
        // Another process was faster, and made the same.
        Err(_) if place.is_dir() => Ok(()),
        moved => {
            moved.map_err(|error| Error::Refused(format!("`{}` cannot be made: {error}", place.display())))
        }
    });
    let _ = fs::remove_dir_all(&part);
    moved.map(|()| place)
}

fn unpack(root: &Path, files: std::collections::BTreeMap<String, Node>) -> io::Result<()> {
    make(root, root)?;
    for (path, node) in files {
        let Node::File(bytes, _) = node else { continue };
        let Some(inner) = inside(&path) else { continue };
        let place = root.join(inner);
        make(root, place.parent().unwrap_or(root))?;
        fs::write(&place, bytes)?;
        fs::set_permissions(&place, fs::Permissions::from_mode(0o644))?;
    }
    Ok(())
}

/// Makes a folder that everybody may read, whatever the mask of this process: tests run as another user.
fn make(root: &Path, folder: &Path) -> io::Result<()> {
    fs::create_dir_all(folder)?;
    for above in folder.ancestors().take_while(|above| above.starts_with(root)) {
        fs::set_permissions(above, fs::Permissions::from_mode(0o755))?;
    }
    Ok(())
}

/// Returns where a file of a wheel belongs among modules; programs and headers do not.
fn inside(path: &str) -> Option<&str> {
    let (first, rest) = path.split_once('/').unwrap_or((path, ""));
    if !first.ends_with(".data") {
        return Some(path);
    }
    match rest.split_once('/') {
        Some(("purelib" | "platlib", inner)) => Some(inner),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::inside;

    #[test]
    fn modules_are_where_they_are_found() {
        assert_eq!(inside("a/b.py"), Some("a/b.py"));
        assert_eq!(inside("a.py"), Some("a.py"));
        assert_eq!(inside("a-1.data/purelib/b/c.py"), Some("b/c.py"));
        assert_eq!(inside("a-1.data/scripts/run"), None);
        assert_eq!(inside("a-1.dist-info/METADATA"), Some("a-1.dist-info/METADATA"));
    }
}
