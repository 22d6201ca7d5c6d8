//! `sswe fix`

use super::GOOD;
use crate::support::Folder;

/// Three safe suggestions, one that a person should look at, and one mistake without any.
const WRONG: &str = "\
sswe 1
pool cpu { wrokers = 4 }
sandbox a { network = true, pool = cpuu }
param wall: duration = 10m
param cpus: int = many
";

#[test]
fn applies_what_is_safe() {
    let folder = Folder::with(WRONG);
    let run = folder.sswe("fix a.sswe").exits(1).prints("");
    assert!(run.err.ends_with("fixed 3; left: 2 errors\n"), "{}", run.err);
    let fixed = folder.read("a.sswe");
    assert_eq!(
        fixed,
        WRONG.replace("wrokers", "workers").replace("true", "on").replace("cpuu", "cpu"),
        "nothing else changes"
    );
    let run = folder.sswe("fix a.sswe").exits(1);
    assert!(run.err.ends_with("fixed 0; left: 2 errors\n"), "{}", run.err);
    assert_eq!(folder.read("a.sswe"), fixed);
}

#[test]
fn applies_what_a_person_asked_for() {
    let folder = Folder::with(WRONG);
    let run = folder.sswe("fix --all a.sswe").exits(1);
    assert!(run.err.ends_with("fixed 4; left: 1 error\n"), "{}", run.err);
    assert!(folder.read("a.sswe").contains("= 10min\n"));
}

#[test]
fn shows_the_difference() {
    let folder = Folder::with("sswe 1\npool cpu { wrokers = 4 }\n");
    let run = folder.sswe("fix --diff a.sswe");
    run.exits(0).mentions(&["would fix 1; left: no findings"]).prints(
        "\
--- a.sswe
+++ a.sswe
@@ -1,2 +1,2 @@
 sswe 1
-pool cpu { wrokers = 4 }
+pool cpu { workers = 4 }",
    );
    assert!(folder.read("a.sswe").contains("wrokers"));
}

#[test]
fn from_standard_input() {
    let run = Folder::new().command(&["fix", "-"]).input("sswe 1\npool cpu { wrokers = 4 }\n").run();
    run.exits(0).prints("sswe 1\npool cpu { workers = 4 }");
}

#[test]
fn a_good_file_stays() {
    let folder = Folder::with(GOOD);
    folder.sswe("fix a.sswe").exits(0).prints("").mentions(&["fixed 0; left: no findings"]);
    assert_eq!(folder.read("a.sswe"), GOOD);
}

#[test]
fn a_header_is_added() {
    let folder = Folder::with("pool cpu { workers = 4 }\n");
    folder.sswe("fix a.sswe").exits(0);
    assert_eq!(folder.read("a.sswe"), "sswe 1\n\npool cpu { workers = 4 }\n");
}

#[test]
fn several_files() {
    let folder = Folder::with("sswe 1\npool cpu { wrokers = 4 }\n").and("b.sswe", "sswe 1\npol cpu {}\n");
    folder.sswe("fix a.sswe b.sswe missing.sswe").exits(1).mentions(&["fixed 2; left: 1 error"]);
    assert!(folder.read("a.sswe").contains("workers") && folder.read("b.sswe").contains("pool"));
}

/// A library is not ours to change: the fix belongs into its own file.
#[test]
fn other_files_are_left_alone() {
    let folder = Folder::with("sswe 1\nuse \"b.sswe\" as b\nsandbox py { pool = b.cpu }\n")
        .and("b.sswe", "sswe 1\npool cpu { wrokers = 4 }\n");
    folder.sswe("fix a.sswe").exits(1);
    assert!(folder.read("b.sswe").contains("wrokers"));
}
