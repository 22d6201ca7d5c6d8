//! Differences between texts: how large they are, and as a patch that people and `git` read.

use std::collections::BTreeMap;

use similar::{ChangeTag, TextDiff};

use crate::artifact::Tree;

/// Returns how many lines a change takes out or puts in, whichever is more.
pub(crate) fn changed_lines(old: &str, new: &str) -> u64 {
    let (mut out, mut into) = (0, 0);
    for change in TextDiff::from_lines(old, new).iter_all_changes() {
        match change.tag() {
            ChangeTag::Delete => out += 1,
            ChangeTag::Insert => into += 1,
            ChangeTag::Equal => (),
        }
    }
    out.max(into)
}

/// Returns the patch that leads from a tree to the same tree with some files changed.
pub(crate) fn patch(tree: &Tree, changed: &BTreeMap<String, String>) -> String {
    let mut text = String::new();
    for (path, new) in changed {
        let old = tree.text(path).unwrap_or_default();
        let diff = TextDiff::from_lines(old, new.as_str());
        let mut unified = diff.unified_diff();
        text.push_str(
            &unified.context_radius(3).header(&format!("a/{path}"), &format!("b/{path}")).to_string(),
        );
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::File;

    #[test]
    fn a_patch_reads_as_one() {
        let mut tree = Tree::default();
        tree.insert("a.py", File::Text("one\ntwo\nthree\n".to_owned())).unwrap();
        let changed = BTreeMap::from([("a.py".to_owned(), "one\n2\nthree\n".to_owned())]);
        assert_eq!(
            patch(&tree, &changed),
            "--- a/a.py\n+++ b/a.py\n@@ -1,3 +1,3 @@\n one\n-two\n+2\n three\n"
        );
        assert_eq!(changed_lines("a\nb\n", "a\nc\nd\n"), 2);
    }
}
