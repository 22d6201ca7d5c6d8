//! `sswe task`: tasks of a build, outside of any curriculum.

use serde_json::Value;

use super::site::Site;

/// Builds the tasks of the first round; returns them as `show tasks --json` prints them.
fn planted() -> (Site, Vec<Value>) {
    let site = Site::tiny();
    site.built("s", "--until main/r1/bootstrap");
    let tasks = site.sswe("s", "show tasks tiny.sswe --json").exits(0).json_lines();
    assert!(tasks.len() >= 4, "{tasks:#?}");
    (site, tasks)
}

#[test]
fn sound_tasks_are_told_from_others() {
    let (site, tasks) = planted();
    let id = &tasks[0]["id"].as_str().unwrap()[..12];
    site.sswe("s", &format!("task validate {id}")).exits(0).holds(&[
        id,
        "sound",
        "well_formed      1     1",
        "separates        1     1",
        "leaks            1     1",
        "1 of 1 tasks are sound",
    ]);
    let lines: String = tasks[..3].iter().map(|task| format!("{task}\n")).collect();
    site.write("tasks.jsonl", &lines);
    let judged = site.sswe("s", "task validate tasks.jsonl --output json").exits(0).json_lines();
    assert_eq!(judged.len(), 3);
    for one in &judged {
        assert!(one["sound"].as_bool().unwrap() && one["verdicts"].as_array().unwrap().len() == 4, "{one:#}");
    }

    // One whose statement quotes the fix, and one that breaks nothing.
    let mut leaky = tasks[0]["task"].clone();
    // The line as it was: a word or an operator alone gives nothing away.
    let (path, line) =
        (leaky["planted"]["path"].as_str().unwrap(), leaky["planted"]["line"].as_u64().unwrap());
    let sound = site.folder.read(&format!("seeds/{}/{path}", path.split('/').next().unwrap()));
    let sound = sound.lines().nth(line as usize - 1).unwrap().trim();
    let said = format!("{} It should be `{sound}`.", leaky["statement"].as_str().unwrap());
    leaky["statement"] = said.into();
    site.write("leaky.json", &leaky.to_string());
    site.sswe("s", "task validate leaky.json").exits(1).holds(&["rejected", "gives the fix away", "0 of 1"]);
    let mut empty = tasks[0]["task"].clone();
    empty["fail_to_pass"] = Value::Array(Vec::new());
    site.write("empty.json", &serde_json::to_string_pretty(&empty).unwrap());
    site.sswe("s", "task validate empty.json").exits(1).holds(&["no test notices the bug"]);

    // The commands of an attempt.
    site.write("steps.txt", "git status\ngit log --all -p\ncat ledger/money.py\n");
    site.sswe("s", &format!("task validate {id} --trace steps.txt"))
        .exits(1)
        .holds(&["step 2: mines history: git log --all -p"]);
    // Nothing of it is listed among builds.
    assert_eq!(site.sswe("s", "log --output json").exits(0).json_lines().len(), 1);
}

#[test]
fn each_side_sees_its_own() {
    let (site, tasks) = planted();
    let (id, task) = (&tasks[0]["id"].as_str().unwrap()[..12], &tasks[0]["task"]);
    let hidden = task["fail_to_pass"][0].as_str().unwrap();
    let before = task["planted"]["before"].as_str().unwrap();
    let json = site.sswe("s", &format!("task show {id} --as verifier --output json")).exits(0).json_lines();
    assert_eq!(json[0]["task"], *task);
    let withheld: Vec<&str> =
        json[0]["withheld"].as_array().unwrap().iter().map(|one| one["path"].as_str().unwrap()).collect();
    assert!(!withheld.is_empty());
    let solver = site.sswe("s", &format!("task show {id}")).exits(0);
    assert!(solver.out.contains(task["statement"].as_str().unwrap()));
    let other = site.sswe("s", &format!("task show {id} --as solver --output json")).exits(0);
    for text in [&solver.out, &other.out] {
        for secret in withheld.iter().chain(&[hidden, "planted", tasks[0]["id"].as_str().unwrap()]) {
            assert!(!text.contains(secret), "{secret}: {text}");
        }
    }
    let verifier = site.sswe("s", &format!("task show {id} --as verifier")).exits(0);
    assert!(verifier.out.contains(hidden) && verifier.out.contains("a hidden test"), "{}", verifier.out);
    let first = before.lines().next().unwrap();
    assert!(
        verifier.out.lines().any(|line| line.starts_with('+') && line.contains(first)),
        "{}",
        verifier.out
    );
}

#[test]
fn a_shell_is_the_solvers() {
    let (site, tasks) = planted();
    let id = tasks[0]["id"].as_str().unwrap();
    let hidden = tasks[0]["task"]["fail_to_pass"][0].as_str().unwrap();
    let name = hidden.rsplit('.').next().unwrap();
    let sh = |command: &str| {
        let args = ["task", "shell", id, "--", "sh", "-c", command];
        let store = site.folder.path("s");
        site.folder.command(&args).env("SSWE_STORE", store.to_str().unwrap()).run()
    };
    assert_eq!(sh("git log --all --format=%s; pwd").exits(0).out, "The repository\n/work\n");
    sh("exit 7").exits(7);
    sh(&format!("grep -r 'def {name}(' . && exit 3; ls {} 2>/dev/null; ls ledger", "tests/__init__.py"))
        .exits(0)
        .holds(&["tests/__init__.py", "money.py"]);
    // Its tests run there: those that are left pass.
    sh("python3 -m unittest").exits(0);
    sh("python3 -c \"import urllib.request as u; u.urlopen('https://pypi.org', timeout=3)\"").exits(1);

    let run = site.sswe("s", &format!("task shell {id} --out view")).exits(0);
    assert!(run.err.contains("files in view, commit "), "{}", run.err);
    assert!(site.folder.path("view/.git/HEAD").exists());
    site.sswe("s", &format!("task shell {id} --out view")).exits(1).mentions(&["`view` is not empty"]);
}

#[test]
fn what_is_not_there_is_told_with_a_remedy() {
    let (site, tasks) = planted();
    let id = tasks[0]["id"].as_str().unwrap();
    let other = if id.as_bytes()[7] == b'0' { '1' } else { '0' };
    let near = format!("{}{other}", &id[..7]);
    site.sswe("s", &format!("task show {near}"))
        .exits(2)
        .mentions(&[&format!("there is no task `{near}`"), &format!("did you mean `{}`?", &id[..8])]);
    site.sswe("s", "task shell abc").exits(2).mentions(&["at least four digits"]);
    site.sswe("s", "task validate none.json").exits(1).mentions(&["cannot read `none.json`"]);
    site.write("bad.json", "{\"schema\":\"task/1\"}");
    site.sswe("s", "task validate bad.json")
        .exits(1)
        .mentions(&["line 1: it is no task: missing field", "sswe show tasks ID --json"]);
    site.write("bad.json", "{\"a\":1}\n{nonsense\n");
    site.sswe("s", "task validate bad.json").exits(1).mentions(&["`bad.json`, line 2: it is no JSON"]);
    let mut elsewhere = tasks[0]["task"].clone();
    elsewhere["repo"] = "ab".repeat(32).into();
    site.write("elsewhere.json", &elsewhere.to_string());
    site.sswe("s", "task validate elsewhere.json")
        .exits(1)
        .mentions(&["the repository abababababab", "--store"]);
    site.sswe("none", "task validate 3f2a").exits(1).mentions(&["there is no store"]);
}
