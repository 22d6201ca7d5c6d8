//! `sswe show` and `sswe plan`

use super::{GOOD, bad};
use crate::support::{Folder, root};

/// A file in which every layer sets something.
const LAYERS: &str = "\
sswe 1

param keep: ratio = 35%

seeds one { pypi \"toolz\" { at = \"1.0.0\" } }
seeds exam { pypi \"schema\" { at = \"0.7.8\" } }
model base { backend = rewriter }
validation anchor { from = exam }
curriculum main {
  seeds = one, solver = base, rounds = 3
  score { against = anchor }
  select { top = param.keep }
  round 3 { select { top = 25% } }
}
profile smoke { main.rounds = 2 }
sweep modes { main.score.mode = [cosine, dot, random], repeat = 2, skip { main.score.mode = random } }
";

#[test]
fn show_what_is_set() {
    Folder::with(LAYERS).sswe("show a.sswe").exits(0).says("").matches("show");
}

#[test]
fn show_one_setting_with_its_origins() {
    let folder = Folder::with(LAYERS);
    folder.sswe("show main.r3.select.top a.sswe").exits(0).prints(
        "\
main.r3.select.top = 25%
  The best share of the scored tasks.
  type ratio, semantic
  * round 3  25%  a.sswe:13:28
    file     param.keep  a.sswe:12:18
    default  100%",
    );
    folder.sswe("show --set param.keep=50% main.select.top").exits(0).holds(&["main.select.top = 50%"]);
    folder.sswe("show --profile smoke main.rounds").exits(0).holds(&[
        "main.rounds = 2",
        "* profile `smoke`  2  a.sswe:15:31",
        "file             3  a.sswe:10:40",
        "default",
    ]);
}

#[test]
fn show_a_block() {
    let run = Folder::with(LAYERS).sswe("show main.select").exits(0);
    let paths: Vec<&str> = run.out.lines().filter_map(|line| line.split(" = ").next()).collect();
    assert!(paths.iter().all(|path| path.starts_with("main.select.") || path.starts_with("main.r3.select.")));
    assert!(run.out.contains("main.select.replay = 10%"), "a block is shown whole:\n{}", run.out);
}

#[test]
fn show_defaults() {
    let folder = Folder::with(LAYERS);
    assert!(!folder.sswe("show").exits(0).out.contains("main.solve.attempts"));
    folder.sswe("show --defaults").exits(0).holds(&["main.solve.attempts = 8", "# default"]);
}

#[test]
fn show_as_json() {
    let folder = Folder::with(LAYERS);
    let json = folder.sswe("show --json").exits(0).says("").json();
    assert_eq!((&json["v"], &json["file"]), (&1.into(), &"a.sswe".into()));
    let settings = json["settings"].as_array().unwrap();
    let top = settings.iter().find(|setting| setting["path"] == "main.r3.select.top").unwrap();
    assert_eq!(top["value"], "25%");
    assert_eq!(top["type"], "ratio");
    assert_eq!(top["role"], "semantic");
    assert_eq!(top["origins"][0]["layer"], "round 3");
    assert_eq!(top["origins"][0]["span"]["line"], 13);
    assert_eq!(top["origins"][2]["layer"], "default");
}

#[test]
fn show_what_is_not_there() {
    let folder = Folder::with(LAYERS);
    folder
        .sswe("show main.selct.top")
        .exits(2)
        .prints("")
        .mentions(&["no setting or block `main.selct.top`"]);
    folder.sswe("show missing.sswe").exits(1);
    Folder::with(&bad()).sswe("show").exits(1).prints("").mentions(&["error[E0303]"]);
}

#[test]
fn plan_for_people() {
    let run = Folder::with(GOOD).sswe("plan a.sswe").exits(0).says("");
    crate::support::snapshot("plan", &without_hashes(&run.out));
}

/// A hash changes with each version of the language; that it is there is enough.
fn without_hashes(text: &str) -> String {
    let is_hash = |word: &str| word.len() == 12 && word.chars().all(|c| c.is_ascii_hexdigit());
    let line = |line: &str| {
        let words: Vec<&str> =
            line.split(' ').map(|word| if is_hash(word) { "<hash>" } else { word }).collect();
        format!("{}\n", words.join(" "))
    };
    text.lines().map(line).collect()
}

#[test]
fn plan_as_json() {
    let folder = Folder::with(GOOD);
    let run = folder.sswe("plan --output json a.sswe").exits(0).says("");
    let stages = run.json_lines();
    let names: Vec<&str> = stages.iter().map(|stage| stage["name"].as_str().unwrap()).collect();
    assert!(names.contains(&"main/r2/gates.stable"));
    for (at, stage) in stages.iter().enumerate() {
        assert_eq!(stage["spec"].as_str().unwrap().len(), 64);
        for input in stage["inputs"].as_array().unwrap() {
            let from = input["from"].as_str().unwrap();
            let position = names.iter().position(|name| *name == from).unwrap();
            assert!(position < at, "{} reads {from}, which comes later", names[at]);
        }
    }
    let mut sorted = names.clone();
    sorted.sort_unstable();
    sorted.dedup();
    assert_eq!(sorted.len(), names.len(), "two stages share a name");
}

#[test]
fn plan_of_one_round() {
    let folder = Folder::with(GOOD);
    let stages = folder.sswe("plan --round 2 --output json a.sswe").exits(0).json_lines();
    assert!(!stages.is_empty());
    assert!(stages.iter().all(|stage| stage["name"].as_str().unwrap().starts_with("main/r2/")));
    folder.sswe("plan --round 2 a.sswe").exits(0).holds(&["round 2 of 2", "gates.stable"]);
}

#[test]
fn plan_in_full() {
    Folder::with(GOOD).sswe("plan --full a.sswe").exits(0).holds(&[
        "candidates   <- main/r1/gates.grounded",
        "runs         = 3",
        "flaky        = 0%",
    ]);
}

#[test]
fn plan_of_a_sweep() {
    let folder = Folder::with(LAYERS);
    let run = folder.sswe("plan --sweep modes a.sswe").exits(0);
    assert_eq!(run.out.lines().count(), 5, "{}", run.out);
    let last = run.out.lines().last().unwrap();
    assert!(last.starts_with("modes: 4 cells, "), "{last}");
    let cells = folder.sswe("plan --sweep modes --output json a.sswe").exits(0).json_lines();
    assert_eq!(cells.len(), 4);
    assert!(cells.iter().all(|cell| cell["own"].as_u64() < cell["stages"].as_u64()), "nothing is shared");
    folder.sswe("plan --sweep nothing a.sswe").exits(2).mentions(&["no sweep called `nothing`"]);
}

#[test]
fn plan_of_what_has_none() {
    Folder::with("sswe 1\npool cpu { workers = 1 }\n")
        .sswe("plan a.sswe")
        .exits(1)
        .mentions(&["no curriculum"]);
    Folder::with(&bad()).sswe("plan a.sswe").exits(1).prints("").mentions(&["error[E0303]"]);
}

#[test]
fn a_plan_is_the_same_anywhere() {
    let (here, there) = (Folder::with(GOOD), Folder::new().and("deep/er/b.sswe", GOOD));
    let one = here.sswe("plan --output json a.sswe").exits(0).out;
    assert_eq!(one, there.sswe("plan --output json deep/er/b.sswe").exits(0).out);
    let absolute = here.path("a.sswe").to_string_lossy().into_owned();
    assert_eq!(one, there.command(&["plan", "--output", "json", &absolute]).run().exits(0).out);
}

#[test]
fn the_files_of_the_language_page_plan() {
    for name in ["complete.sswe", "minimal.sswe"] {
        let text = std::fs::read_to_string(root().join("examples").join(name)).unwrap();
        let folder = Folder::with(&text);
        folder.sswe("check a.sswe").exits(0).mentions(&["warning"]);
        folder.sswe("fmt --check a.sswe").exits(0);
        folder.sswe("show --json a.sswe").exits(0).json();
        folder.sswe("plan a.sswe").exits(0).holds(&["round 3 of 3"]);
        folder.sswe("graph --format svg a.sswe").exits(0).holds(&["</svg>"]);
    }
}
