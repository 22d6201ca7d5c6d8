//! Any bytes: a clear error with a place, no panic, no stack overflow.

use std::time::{Duration, Instant};

use crate::support::{Folder, Run};

/// Every command that reads a file, with that file.
fn all_commands(folder: &Folder, file: &str) -> Vec<Run> {
    let commands: &[&[&str]] = &[
        &["check", file],
        &["check", "--output", "json", file],
        &["check", "--output", "github", file],
        &["fmt", "--check", file],
        &["fix", "--diff", file],
        &["show", file],
        &["plan", file],
        &["graph", file],
    ];
    commands.iter().map(|args| folder.command(args).run()).collect()
}

#[track_caller]
fn refused(content: impl AsRef<[u8]>, place: &str) {
    let folder = Folder::new().and("a.sswe", content);
    for run in all_commands(&folder, "a.sswe") {
        run.exits(1);
    }
    folder.sswe("check a.sswe").exits(1).mentions(&[place]);
}

#[test]
fn no_such_file() {
    let folder = Folder::new();
    for run in all_commands(&folder, "missing.sswe") {
        run.exits(1);
    }
    folder.sswe("check missing.sswe").exits(1).mentions(&[
        "missing.sswe:1:1: error[E0803]: cannot read `missing.sswe`: there is no such file",
        "sswe init",
    ]);
}

#[test]
fn a_folder() {
    let folder = Folder::new().and("dir.sswe/x", "");
    for run in all_commands(&folder, "dir.sswe") {
        run.exits(1);
    }
    folder.sswe("check dir.sswe").exits(1).mentions(&["error[E0803]", "it is a folder"]);
}

#[cfg(unix)]
#[test]
fn a_file_that_may_not_be_read() {
    use std::os::unix::fs::PermissionsExt as _;
    let folder = Folder::with("sswe 1\n");
    std::fs::set_permissions(folder.path("a.sswe"), std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::read(folder.path("a.sswe")).is_ok() {
        eprintln!("SKIPPED: this user may read every file, so nothing is unreadable");
        return;
    }
    folder.sswe("check a.sswe").exits(1).mentions(&["a.sswe:1:1: error[E0803]", "you may not read it"]);
}

#[test]
fn no_text() {
    refused(
        b"sswe 1\npool cpu { \xff }\n",
        "a.sswe:2:12: error[E0111]: the file is not UTF-8 text: byte 0xff",
    );
    refused(b"\xff\xfes\0s\0w\0", "a.sswe:1:1: error[E0111]");
    refused(b"sswe 1\n# caf\xe9", "a.sswe:2:6: error[E0111]");
}

#[test]
fn nul() {
    refused("sswe 1\npool cpu { \0 }\n", "a.sswe:2:12: error[E0109]: `\\0`");
    refused("\0", "a.sswe:1:1: error[E01");
}

#[test]
fn nothing_at_all() {
    refused("", "a.sswe:1:1: error[E0106]");
    refused("\n\n  \n", "error[E0106]");
    refused("\u{feff}", "a.sswe:1:1: error[E0106]");
    refused("# only a comment", "error[E0106]");
}

/// The same for what takes a while: one command for each way to read a file.
#[track_caller]
fn refused_when_deep(content: impl AsRef<[u8]>, place: &str) {
    let folder = Folder::new().and("a.sswe", content);
    folder.sswe("check a.sswe").exits(1).mentions(&[place]);
    folder.sswe("fmt --check a.sswe").exits(1);
}

#[test]
fn deep_nesting() {
    let deep = 100_000;
    refused_when_deep("{".repeat(deep), "a.sswe:1:1: error[E01");
    refused_when_deep("}".repeat(deep), "error[E0107]");
    refused_when_deep(format!("sswe 1\n{}", "pool a { ".repeat(deep)), "error[E0108]");
    refused_when_deep(format!("sswe 1\npool a {{ workers = {}", "[".repeat(deep)), "error[E0108]");
    refused_when_deep(format!("sswe 1\npool a {{ workers = {}", "env(".repeat(deep)), "error[E0108]");
    refused_when_deep(format!("sswe 1\npool a {{ workers = {} }}", "a.".repeat(deep)), "error[E01");
    refused_when_deep(format!("sswe 1\n{}", "pool a {\n".repeat(deep)), "error[E0102]");
}

#[test]
fn numbers_beyond_everything() {
    let at = |number: &str| format!("sswe 1\npool cpu {{ workers = {number} }}\n");
    refused(at("9223372036854775808"), "a.sswe:2:22: error[E0104]");
    refused(at("1e999"), "a.sswe:2:22: error[E0104]");
    refused(at("1e99999999999999999999"), "a.sswe:2:22: error[E0104]");
    refused(at("-1e999"), "a.sswe:2:22: error[E0104]");
    refused(at("1e-999"), "a.sswe:2:22: error[");
    refused(at(&"9".repeat(100_000)), "a.sswe:2:22: error[E0104]");
    refused(at(&format!("0.{}1", "0".repeat(100_000))), "a.sswe:2:22: error[");
    refused("sswe 1\nparam d: duration = 999999999999d\n", "a.sswe:2:21: error[E0104]");
    refused("sswe 1\nparam d: bytes = 99999999TiB\n", "a.sswe:2:18: error[E0104]");
    refused("sswe 1\nparam d: money = 99999999999999999usd\n", "a.sswe:2:18: error[E0104]");
    refused("sswe 1\npool p { rate = 99999999999999999999/s }\n", "a.sswe:2:17: error[E0104]");
}

#[test]
fn a_unit_of_the_wrong_dimension() {
    refused("sswe 1\npool cpu { workers = 4GiB }\n", "a.sswe:2:22: error[E0302]");
}

#[test]
fn files_that_use_each_other() {
    refused("sswe 1\nuse \"a.sswe\" as me\n", "a.sswe:2:5: error[E0802]: a file cannot use itself");
    refused("sswe 1\nuse \"./x/../a.sswe\" as me\n", "a.sswe:2:5: error[E0802]: a file cannot use itself");
    let folder = Folder::with("sswe 1\nuse \"b.sswe\" as b\n")
        .and("b.sswe", "sswe 1\nuse \"c.sswe\" as c\n")
        .and("c.sswe", "sswe 1\nuse \"a.sswe\" as a\n");
    folder.sswe("check a.sswe").exits(1).mentions(&["a.sswe:2:5: error[E0802]", "c.sswe:2:5: error[E0802]"]);
    // However it is spelled on the command line.
    folder.sswe("check ./a.sswe").exits(1).mentions(&["error[E0802]"]);
}

#[test]
fn files_that_cannot_be_used() {
    let using = |path: &str| format!("sswe 1\nuse \"{path}\" as b\n");
    refused(using("missing.sswe"), "a.sswe:2:5: error[E0803]: cannot read `missing.sswe`");
    refused(using("."), "a.sswe:2:5: error[E0803]");
    refused(using(""), "a.sswe:2:5: error[E0803]");
    let folder = Folder::with(&using("b.sswe")).and("b.sswe", b"\xff");
    folder.sswe("check a.sswe").exits(1).mentions(&["a.sswe:2:5: error[E0803]", "not UTF-8"]);
}

#[test]
fn a_chain_of_many_files() {
    let folder = Folder::new();
    for index in 0..300 {
        folder.write(&format!("f{index}.sswe"), format!("sswe 1\nuse \"f{}.sswe\" as n\n", index + 1));
    }
    folder.write("f300.sswe", "sswe 1\n");
    folder.sswe("check f0.sswe").exits(0);
}

#[test]
fn one_line_of_fifty_megabytes() {
    let folder = Folder::new().and("a.sswe", vec![b'x'; 50 << 20]);
    let begin = Instant::now();
    let run = folder.sswe("check a.sswe").exits(1);
    assert!(run.err.starts_with("a.sswe:1:1: error[E0112]: cannot read `a.sswe`: it is larger than 16 MiB"));
    assert!(begin.elapsed() < Duration::from_secs(10));
    let run = folder.command(&["check", "-"]).input(vec![b'x'; 50 << 20]).run().exits(1);
    assert!(run.err.starts_with("-:1:1: error[E0112]"), "{}", run.err);
}

#[test]
fn one_line_of_fifteen_megabytes() {
    let mut line = String::from("sswe 1, pool cpu { workers = 4 }, # ");
    line.extend(std::iter::repeat_n('x', 15 << 20));
    let folder = Folder::with(&line);
    folder.sswe("check a.sswe").exits(0);
    let mut line = String::from("sswe 1, pool cpu { wrokers = 4 }, # ");
    line.extend(std::iter::repeat_n('x', 15 << 20));
    let run = Folder::with(&line).sswe("check a.sswe").exits(1).mentions(&["a.sswe:1:20: error[E0205]"]);
    assert!(run.err.len() < 2_000, "the line is shown in full");
}

#[test]
fn a_tab_and_wide_characters_before_a_mistake() {
    let folder = Folder::with("sswe 1\ngate g {\trun = \"世界\", cots = static }\n");
    let run = folder.sswe("check --output json a.sswe").exits(1);
    let lines = run.json_lines();
    assert_eq!((&lines[0]["line"], &lines[0]["column"]), (&2.into(), &22.into()));
}
