//! `sswe check`

use super::{GOOD, bad, warned};
use crate::support::{Folder, Run};

/// Ten mistakes of ten kinds, and where each is.
const TEN: &str = "\
sswe 1
pool cpu { wrokers = 4 }
pool gpu { workers = 1, gpus = 1GiB }
sandbox py { backend = dokcer, pool = gpu }
seeds one { sandbox = gpu, dir \"seeds/ledger\" }
seeds exam { dir \"seeds/slots\" { test = 'x } }
model base { backend = rewriter, context = 9_999_999_999_999_999_999 }
validation anchor { from = exam, size = \"100\" }
curriculum main {
  seeds = one, solver = base, rounds = 200
  score { against = anchro, mode = cosine, mode = dot }
}
";
const PLACES: &[(&str, u64, u64, u64)] = &[
    ("E0205", 2, 12, 19),
    ("E0302", 3, 32, 36),
    ("E0305", 4, 24, 30),
    ("E0204", 5, 23, 26),
    ("E0103", 6, 41, 47),
    ("E0104", 7, 44, 69),
    ("E0301", 8, 41, 46),
    ("E0303", 10, 40, 43),
    ("E0202", 11, 21, 27),
    ("E0206", 11, 44, 48),
];

fn places(run: &Run) -> Vec<(String, u64, u64, u64)> {
    let number = |found: &serde_json::Value, name: &str| found[name].as_u64().unwrap();
    let place = |found: serde_json::Value| {
        let code = found["code"].as_str().unwrap().to_owned();
        (code, number(&found, "line"), number(&found, "column"), number(&found, "end_column"))
    };
    run.json_lines().into_iter().map(place).collect()
}

#[test]
fn ten_mistakes_are_ten_findings() {
    let folder = Folder::with(TEN);
    let run = folder.sswe("check --output json a.sswe").exits(1);
    let expected: Vec<_> = PLACES.iter().map(|(code, a, b, c)| ((*code).to_owned(), *a, *b, *c)).collect();
    assert_eq!(places(&run), expected);
    assert_eq!(run.err, "");
}

#[test]
fn ten_mistakes_for_people() {
    let run = Folder::with(TEN).sswe("check a.sswe").exits(1).prints("");
    for (code, line, column, _) in PLACES {
        let head = format!("a.sswe:{line}:{column}: error[{code}]: ");
        assert!(run.err.contains(&head), "{head} is missing:\n{}", run.err);
    }
    assert!(run.err.contains("\nchecked 1 file: 10 errors"), "{}", run.err);
    crate::support::snapshot("check_ten", &run.err);
}

#[test]
fn ten_mistakes_for_a_workflow() {
    Folder::with(TEN).sswe("check --output github a.sswe").exits(1).says("").matches("check_ten_github");
}

#[test]
fn a_file_without_mistakes() {
    let folder = Folder::with(GOOD);
    folder.sswe("check a.sswe").exits(0).prints("").says("checked 1 file: no findings");
    folder.sswe("check --output json a.sswe").exits(0).prints("").says("");
    folder.sswe("check --output github a.sswe").exits(0).prints("").says("");
}

#[test]
fn a_warning_is_no_failure() {
    let folder = Folder::with(&warned());
    folder
        .sswe("check a.sswe")
        .exits(0)
        .mentions(&["a.sswe:3:35: warning[W0801]: `main` looks like a branch", "checked 1 file: 1 warning"]);
}

#[test]
fn the_only_file_of_a_folder_needs_no_name() {
    Folder::with(&bad()).sswe("check").exits(1).mentions(&["a.sswe:7:56: error[E0303]"]);
    Folder::new().sswe("check").exits(2).mentions(&["no .sswe file", "sswe init"]);
    Folder::with(GOOD).and("b.sswe", GOOD).sswe("check").exits(2).mentions(&["several", "a.sswe, b.sswe"]);
}

#[test]
fn several_files() {
    let folder = Folder::with(&bad()).and("b.sswe", warned()).and("c.sswe", GOOD);
    folder.sswe("check c.sswe b.sswe a.sswe").exits(1).mentions(&[
        "b.sswe:3:35: warning[W0801]",
        "a.sswe:7:56: error[E0303]",
        "checked 3 files: 1 error, 1 warning",
    ]);
    folder.sswe("check b.sswe c.sswe").exits(0);
    let run = folder.sswe("check --output json a.sswe b.sswe").exits(1);
    let files: Vec<_> =
        run.json_lines().iter().map(|line| line["file"].as_str().unwrap().to_owned()).collect();
    assert_eq!(files, ["a.sswe", "b.sswe"]);
}

#[test]
fn standard_input() {
    let folder = Folder::new();
    folder.command(&["check", "-"]).input(GOOD).run().exits(0);
    folder.command(&["check", "-"]).input(bad()).run().exits(1).mentions(&["-:7:56: error[E0303]"]);
    folder.command(&["check", "-"]).input("").run().exits(1).mentions(&["-:1:1: error[E0106]"]);
}

#[test]
fn paths_of_all_kinds() {
    let folder = Folder::new().and("my folder/größe 1.sswe", bad());
    let run = folder.command(&["check", "my folder/größe 1.sswe"]).run();
    run.exits(1).mentions(&["my folder/größe 1.sswe:7:56: error[E0303]"]);
    let run = folder.command(&["check", "--output", "github", "my folder/größe 1.sswe"]).run();
    run.exits(1).holds(&["::error file=my folder/größe 1.sswe,line=7,"]);
    let folder = Folder::new().and("-dash.sswe", GOOD);
    folder.sswe("check -- -dash.sswe").exits(0);
    folder.sswe("check ./-dash.sswe").exits(0);
}

#[test]
fn profiles_and_set() {
    let text = format!("{GOOD}profile smoke {{ main.rounds = 1 }}\nprofile other {{ main.rounds = 3 }}\n");
    let folder = Folder::with(&text);
    folder.sswe("check --profile smoke a.sswe").exits(0);
    folder.sswe("check --profile smoke,other a.sswe").exits(1).mentions(&["E0512"]);
    folder.sswe("check --profile smok a.sswe").exits(1).mentions(&["E0202", "--profile smoke"]);
    folder.sswe("check --set main.rounds=200 a.sswe").exits(1).mentions(&["--set:1:13: error[E0303]"]);
    folder.command(&["check", "--set", "main.score.mode = dot", "a.sswe"]).run().exits(0);
}

/// The fields that the language reference fixes, and those that we add.
#[test]
fn a_json_line_has_its_fields() {
    let run = Folder::with(TEN).sswe("check --output json a.sswe").exits(1);
    let fixed = [
        "code",
        "name",
        "severity",
        "message",
        "file",
        "line",
        "column",
        "end_line",
        "end_column",
        "help",
        "labels",
        "fixes",
    ];
    let added = ["bytes"];
    let mut expected: Vec<&str> = fixed.into_iter().chain(added).collect();
    expected.sort_unstable();
    for line in run.json_lines() {
        let mut fields: Vec<&str> = line.as_object().unwrap().keys().map(String::as_str).collect();
        fields.sort_unstable();
        assert_eq!(fields, expected);
        assert!(line["help"].is_string() && line["labels"].is_array() && line["fixes"].is_array());
    }
    let schema = Folder::new().sswe("schema diagnostic").exits(0).json();
    let mut documented: Vec<&str> =
        schema["properties"].as_object().unwrap().keys().map(String::as_str).collect();
    documented.sort_unstable();
    assert_eq!(documented, expected, "`sswe schema diagnostic` lists the same fields");
}

#[test]
fn a_mistake_in_a_used_file_names_that_file() {
    let folder = Folder::new()
        .and("sub/a.sswe", "sswe 1\nuse \"lib/b.sswe\" as b\nsandbox py { pool = b.cpu }\n")
        .and("sub/lib/b.sswe", "sswe 1\npool cpu { wokers = 1 }\n");
    folder.sswe("check sub/a.sswe").exits(1).mentions(&["sub/lib/b.sswe:2:12: error[E0205]"]);
}

#[test]
fn many_findings_are_counted() {
    let mut text = String::from("sswe 1\n");
    for index in 0..80 {
        text.push_str(&format!("pool p{index} {{ nonsense = 1 }}\n"));
    }
    let folder = Folder::with(&text);
    let run = folder.sswe("check a.sswe").exits(1);
    assert_eq!(run.err.matches("error[").count(), 50);
    assert!(run.err.contains("and 30 more; `sswe check --all` prints them"), "{}", run.err);
    assert_eq!(folder.sswe("check --all a.sswe").exits(1).err.matches("error[").count(), 80);
    assert_eq!(folder.sswe("check --output json a.sswe").exits(1).out.lines().count(), 80);
}
