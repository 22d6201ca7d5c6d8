//! `sswe fmt`

use super::GOOD;
use crate::support::Folder;

const LOOSE: &str = "sswe 1 # the edition\npool  cpu {workers=4,gpus =1}   # a pool\n";
const TIGHT: &str = "\
sswe 1                                          # the edition

pool cpu { workers = 4, gpus = 1 }              # a pool
";

#[test]
fn rewrites_the_file() {
    let folder = Folder::with(LOOSE);
    folder.sswe("fmt a.sswe").exits(0).prints("").says("formatted a.sswe");
    let once = folder.read("a.sswe");
    for comment in ["# the edition", "# a pool"] {
        assert!(once.contains(comment), "{once}");
    }
    folder.sswe("fmt a.sswe").exits(0).prints("").says("");
    assert_eq!(folder.read("a.sswe"), once);
    folder.sswe("fmt --check").exits(0);
    let left: Vec<_> = std::fs::read_dir(folder.path(".")).unwrap().collect();
    assert_eq!(left.len(), 1, "a temporary file was left");
}

#[test]
fn only_says_so() {
    let folder = Folder::with(LOOSE).and("b.sswe", "sswe 1\n");
    folder
        .sswe("fmt --check a.sswe b.sswe")
        .exits(1)
        .prints("")
        .mentions(&["a.sswe is not formatted", "1 to format, 1 already formatted"]);
    folder.sswe("fmt --check b.sswe").exits(0);
    assert_eq!(folder.read("a.sswe"), LOOSE);
}

#[test]
fn shows_the_difference() {
    let folder = Folder::with("sswe 1\n\npool cpu {workers=4}\n");
    folder.sswe("fmt --diff a.sswe").exits(1).says("").prints(
        "\
--- a.sswe
+++ a.sswe
@@ -1,3 +1,3 @@
 sswe 1

-pool cpu {workers=4}
+pool cpu { workers = 4 }",
    );
    assert_eq!(folder.read("a.sswe"), "sswe 1\n\npool cpu {workers=4}\n");
    Folder::with("sswe 1\n").sswe("fmt --diff a.sswe").exits(0).prints("");
}

#[test]
fn from_standard_input() {
    let folder = Folder::new();
    let run = folder.command(&["fmt", "-"]).input(LOOSE).run().exits(0).says("");
    let again = folder.command(&["fmt", "-"]).input(run.out.clone()).run().exits(0);
    assert_eq!(run.out, again.out);
    assert_eq!(run.out.split_whitespace().collect::<Vec<_>>(), TIGHT.split_whitespace().collect::<Vec<_>>());
}

#[test]
fn leaves_a_file_with_mistakes_alone() {
    let text = "sswe 1\npool  cpu {workers=}\n";
    let folder = Folder::with(text).and("b.sswe", LOOSE);
    folder.sswe("fmt a.sswe b.sswe").exits(1).mentions(&["a.sswe:2:", "error[E0101]", "formatted b.sswe"]);
    assert_eq!(folder.read("a.sswe"), text);
    let run = folder.command(&["fmt", "-"]).input(text).run().exits(1);
    assert_eq!(run.out, "", "half a file would be worse than none");
}

/// What a file means is no concern of its layout.
#[test]
fn formats_a_file_with_mistakes_of_meaning() {
    let folder = Folder::with("sswe 1\npool  cpu {wrokers=4}\n");
    folder.sswe("fmt a.sswe").exits(0);
    assert!(folder.read("a.sswe").contains("pool cpu { wrokers = 4 }"));
}

#[test]
fn any_line_ends() {
    let folder = Folder::with("\u{feff}sswe 1\r\n\r\npool cpu {\r\n\tworkers = 4\r\n}");
    folder.sswe("fmt a.sswe").exits(0);
    assert_eq!(folder.read("a.sswe"), "sswe 1\n\npool cpu {\n  workers = 4\n}\n");
}

#[test]
fn keeps_the_plan() {
    let folder = Folder::with(&GOOD.replace(" { ", "{ ").replace(" = ", "="));
    let before = folder.sswe("plan --output json a.sswe").exits(0).out;
    folder.sswe("fmt a.sswe").exits(0).mentions(&["formatted"]);
    assert_eq!(folder.sswe("plan --output json a.sswe").exits(0).out, before);
}

#[cfg(unix)]
#[test]
fn keeps_mode_and_links() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::new().and("real/a.sswe", LOOSE);
    let real = folder.path("real/a.sswe");
    std::fs::set_permissions(&real, std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real/a.sswe", folder.path("link.sswe")).unwrap();
    folder.sswe("fmt link.sswe").exits(0);
    assert!(std::fs::symlink_metadata(folder.path("link.sswe")).unwrap().is_symlink(), "the link is gone");
    assert_ne!(folder.read("real/a.sswe"), LOOSE);
    assert_eq!(std::fs::metadata(&real).unwrap().permissions().mode() & 0o777, 0o640);
}
