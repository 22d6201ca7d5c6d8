//! Colour, width, pipes, and exit codes.

use std::io::Read as _;

use super::{GOOD, bad};
use crate::support::Folder;

const ESCAPE: char = '\u{1b}';

#[test]
fn no_colour_in_a_pipe() {
    let folder = Folder::with(&bad());
    for args in ["check a.sswe", "check --color never a.sswe", "explain E0204", "--help", "fmt --diff a.sswe"]
    {
        let run = folder.sswe(args);
        assert!(!run.err.contains(ESCAPE) && !run.out.contains(ESCAPE), "sswe {args} prints escape codes");
    }
}

#[test]
fn colour_when_asked_for() {
    let folder = Folder::with(&bad());
    let check = || folder.command(&["check", "a.sswe"]);
    assert!(check().env("CLICOLOR_FORCE", "1").run().exits(1).err.contains(ESCAPE));
    assert!(!check().env("CLICOLOR_FORCE", "0").run().exits(1).err.contains(ESCAPE));
    assert!(!check().env("CLICOLOR_FORCE", "1").env("NO_COLOR", "1").run().exits(1).err.contains(ESCAPE));
    assert!(folder.sswe("--color always check a.sswe").exits(1).err.contains(ESCAPE));
    let run = folder.command(&["check", "--color", "always", "a.sswe"]).env("NO_COLOR", "1").run().exits(1);
    assert!(run.err.contains(ESCAPE), "a flag beats the environment");
}

/// With colours or without, the words are the same.
#[test]
fn colour_changes_no_word() {
    let folder = Folder::with(&bad());
    let plain = folder.sswe("check a.sswe").exits(1).err;
    let coloured = folder.sswe("check --color always a.sswe").exits(1).err;
    assert!(!coloured.contains("\u{1b}]8;"), "a hyperlink");
    assert_eq!(without_escapes(&coloured), plain);
}

fn without_escapes(text: &str) -> String {
    let mut out = String::new();
    let mut rest = text;
    while let Some((before, after)) = rest.split_once(ESCAPE) {
        out.push_str(before);
        rest = after.split_once('m').map_or("", |(_, rest)| rest);
    }
    out + rest
}

#[test]
fn json_has_no_colour() {
    let folder = Folder::with(&bad());
    let run = folder.command(&["check", "--output", "json", "--color", "always", "a.sswe"]).run().exits(1);
    assert_eq!(run.json_lines().len(), 1);
    let run = folder.command(&["check", "--output", "github", "--color", "always", "a.sswe"]).run().exits(1);
    assert!(!run.out.contains(ESCAPE));
}

#[test]
fn a_narrow_terminal() {
    let folder = Folder::with("sswe 1\npool cpu { wrokers = 4 }\nsandbox py { pool = cpuu }\n");
    for columns in ["40", "1", "nonsense"] {
        let run = folder.command(&["check", "a.sswe"]).env("COLUMNS", columns).run().exits(1);
        let run = run.mentions(&["wrokers", "did you mean `workers`?", "a.sswe:2:12: error[E0205]: "]);
        // Marks stay under what they mark.
        let lines: Vec<&str> = run.err.lines().collect();
        let at = lines.iter().position(|line| line.contains("2 │ pool cpu { wrokers = 4 }")).unwrap();
        let column = |line: &str, part: &str| line.find(part).map(|at| line[..at].chars().count());
        assert_eq!(column(lines[at], "wrokers"), column(lines[at + 1], "───┬───"), "{}", run.err);
    }
}

#[test]
fn an_old_locale_gets_plain_characters() {
    let folder = Folder::with(&bad());
    let run = folder.command(&["check", "a.sswe"]).env("LC_ALL", "C").run().exits(1);
    assert!(run.err.is_ascii(), "{}", run.err);
}

#[test]
fn a_reader_that_goes_away() {
    let folder = Folder::with(GOOD);
    for args in
        [&["explain", "--list"][..], &["plan", "a.sswe"], &["schema", "settings"], &["completions", "zsh"]]
    {
        let (mut child, _) = folder.command(args).start();
        let mut first = [0; 1];
        let mut out = child.stdout.take().unwrap();
        out.read_exact(&mut first).unwrap();
        drop(out);
        let output = child.wait_with_output().unwrap();
        let err = String::from_utf8(output.stderr).unwrap();
        assert_eq!((output.status.code(), err.as_str()), (Some(0), ""), "sswe {args:?}");
    }
}

#[test]
fn usage_is_code_two() {
    let folder = Folder::with(GOOD);
    for args in
        ["nonsense", "check --nonsense", "check --output xml", "plan --round x", "explain", "init a b c"]
    {
        folder.sswe(args).exits(2).prints("");
    }
}

#[test]
fn help_and_version() {
    let folder = Folder::new();
    let run = folder.sswe("--version").exits(0).says("");
    assert_eq!(run.out, format!("sswe {}\n", env!("CARGO_PKG_VERSION")));
    folder.sswe("--help").exits(0).holds(&["check", "plan", "explain", "Usage: sswe"]);
    let commands = [
        "init",
        "check",
        "fmt",
        "fix",
        "show",
        "plan",
        "graph",
        "explain",
        "schema",
        "doctor",
        "completions",
        "man",
    ];
    for command in commands {
        folder.sswe(&format!("{command} --help")).exits(0).holds(&[&format!("Usage: sswe {command}")]);
    }
}

#[test]
fn alone_it_says_what_is_next() {
    Folder::new().sswe("").exits(0).mentions(&["sswe init"]);
    Folder::with(GOOD).sswe("").exits(0).holds(&["a.sswe", "next: sswe plan a.sswe"]);
    Folder::with(&bad()).sswe("").exits(0).holds(&["1 error", "next: sswe check a.sswe"]);
}
