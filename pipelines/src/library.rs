//! The files that `use "std/..."` finds: compiled in, the same for everyone.

const FILES: &[(&str, &str)] = &[("std/gates.sswe", include_str!("../library/gates.sswe"))];

/// Returns the text of a library file, by the path that `use` names.
pub fn text(path: &str) -> Option<&'static str> {
    FILES.iter().find(|(name, _)| *name == path).map(|(_, text)| *text)
}

/// Returns the paths of all library files.
pub fn paths() -> impl Iterator<Item = &'static str> {
    FILES.iter().map(|(path, _)| *path)
}
