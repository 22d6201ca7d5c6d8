//! `sswe doctor`

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    os::unix::{fs::PermissionsExt, net::UnixListener},
    time::{Duration, Instant},
};

use serde_json::Value;
use sswe_cache::{OpenOptions, Store};

use super::GOOD;
use crate::support::{Folder, Run};

/// Returns what is said of each thing, by group and name.
fn told(run: &Run) -> BTreeMap<(String, String), Value> {
    let key = |line: &Value| ["group", "name"].map(|name| line[name].as_str().unwrap().to_owned());
    run.json_lines().into_iter().map(|line| (key(&line).into(), line)).collect()
}

fn of<'a>(told: &'a BTreeMap<(String, String), Value>, group: &str, name: &str) -> &'a Value {
    told.get(&(group.to_owned(), name.to_owned())).unwrap_or_else(|| panic!("no {group}, {name}: {told:?}"))
}

fn doctor(folder: &Folder, more: &[(&str, &str)]) -> Run {
    let command = folder.command(&["doctor", "--output", "json"]);
    more.iter().fold(command, |command, (name, value)| command.env(name, value)).run()
}

#[test]
fn everything_that_a_build_may_need_is_looked_at() {
    let folder = Folder::with(GOOD);
    let run = doctor(&folder, &[]);
    let told = told(&run);
    for (group, name) in [
        ("sandboxes", "native"),
        ("sandboxes", "control groups"),
        ("docker", "engine"),
        ("programs", "Python"),
        ("programs", "in a sandbox"),
        ("programs", "git"),
        ("GPU", "device"),
        ("GPU", "NVRTC"),
        ("machine", "memory"),
        ("machine", "disk"),
        ("kernel", "Linux"),
        ("kernel", "user namespaces"),
        ("kernel", "open files"),
        ("store", "store"),
    ] {
        // There may be several devices, and each has what is found of it.
        assert!(!of(&told, group, name)["found"].as_str().unwrap().is_empty());
    }
    // The suites of this repository need these as well.
    assert_eq!(of(&told, "sandboxes", "native")["state"], "works");
    assert_eq!(of(&told, "programs", "in a sandbox")["state"], "works");
    for line in told.values() {
        assert_eq!(line["state"] == "works", line.get("fix").is_none(), "how is it mended? {line}");
    }
    let is_broken = told.values().any(|line| line["state"] == "broken");
    assert_eq!(run.code, Some(i32::from(is_broken)));
    let shown = folder.sswe("doctor");
    assert_eq!(shown.code, run.code);
    shown.holds(&["sandboxes\n  native", "  works", "\nkernel\n"]).mentions(&["ready"]);
}

#[test]
fn looking_changes_nothing() {
    let folder = Folder::with(GOOD);
    drop(Store::open(&folder.path(".sswe/store"), OpenOptions::default()).unwrap());
    let all = || {
        let folders = [folder.path(""), folder.path(".sswe"), folder.path(".sswe/store")];
        let entries = folders.iter().flat_map(|path| fs::read_dir(path).unwrap().flatten());
        let mut all: Vec<_> = entries
            .map(|entry| {
                (entry.path(), entry.metadata().unwrap().len(), entry.metadata().unwrap().modified().unwrap())
            })
            .collect();
        all.sort();
        all
    };
    let before = all();
    let run = doctor(&folder, &[]);
    assert_eq!(of(&told(&run), "store", "store")["state"], "works");
    assert_eq!(all(), before);
}

#[test]
fn what_is_missing_is_told_with_its_remedy() {
    let folder = Folder::with(GOOD).and("empty/none", "");
    let run = doctor(&folder, &[("PATH", &folder.path("empty").display().to_string())]).exits(1);
    let told = told(&run);
    assert_eq!(of(&told, "programs", "Python")["state"], "broken");
    assert!(of(&told, "programs", "Python")["fix"].as_str().unwrap().contains("apt-get install -y python3"));
    // No seed is a repository.
    assert_eq!(of(&told, "programs", "git")["state"], "missing");
    let repo =
        Folder::with(&GOOD.replace("pypi \"toolz\" { at = \"1.0.0\" }", "repo \"a/toolz\" { at = \"v1\" }"));
    let run = doctor(&repo, &[("PATH", &folder.path("empty").display().to_string())]).exits(1);
    assert_eq!(of(&self::told(&run), "programs", "git")["state"], "broken");
    folder.sswe("doctor none.sswe").exits(1).prints("").mentions(&["none.sswe"]);
}

#[test]
fn what_hangs_is_not_waited_for() {
    let folder = Folder::with(GOOD).and("bin/python3", "#!/bin/sh\nexec sleep 1000\n");
    fs::set_permissions(folder.path("bin/python3"), fs::Permissions::from_mode(0o755)).unwrap();
    // An engine that takes every question, and answers none.
    let silent = UnixListener::bind(folder.path("silent")).unwrap();
    let path = format!("{}:/usr/bin:/bin", folder.path("bin").display());
    let host = format!("unix://{}", folder.path("silent").display());
    let begun = Instant::now();
    let run = doctor(&folder, &[("PATH", &path), ("DOCKER_HOST", &host)]).exits(1);
    assert!(begun.elapsed() < Duration::from_secs(40), "{:?}", begun.elapsed());
    drop(silent);
    let told = told(&run);
    assert_eq!(of(&told, "programs", "Python")["state"], "broken");
    assert!(of(&told, "programs", "Python")["found"].as_str().unwrap().contains("did not answer"));
    assert!(of(&told, "docker", "engine")["found"].as_str().unwrap().contains("does not answer"));
}

/// Answers one question, as an engine does.
fn engine(folder: &Folder, name: &str, answer: &str) -> String {
    let path = folder.path(name);
    let listener = UnixListener::bind(&path).unwrap();
    let answer = answer.to_owned();
    std::thread::spawn(move || {
        for mut stream in listener.incoming().flatten() {
            let _ = stream.read(&mut [0; 1024]);
            let _ = stream.write_all(answer.as_bytes());
        }
    });
    format!("unix://{}", path.display())
}

#[test]
fn an_engine_is_needed_where_a_file_names_it() {
    let folder = Folder::with(GOOD);
    let gone = format!("unix://{}", folder.path("gone").display());
    let state = |folder: &Folder, host: &str| {
        let run = doctor(folder, &[("DOCKER_HOST", host)]);
        let told = told(&run);
        (of(&told, "docker", "engine")["state"].as_str().unwrap().to_owned(), run.code, told)
    };
    assert_eq!(state(&folder, &gone).0, "missing");
    let image = "sandbox box { backend = docker, image = \"python:3.12\" }\nseeds one { sandbox = box, ";
    let asks = Folder::with(&GOOD.replace("seeds one { ", image));
    let (word, code, _) = state(&asks, &gone);
    assert_eq!((word.as_str(), code), ("broken", Some(1)));
    let (word, ..) = state(&asks, "tcp://10.0.0.1:2375");
    assert_eq!(word, "broken");
    let info = r#"{"ServerVersion":"1.2.3","Driver":"vfs","DockerRootDir":"/d","Images":2,"CgroupVersion":"2","CgroupDriver":"systemd","MemoryLimit":true,"PidsLimit":false,"CpuCfsQuota":true}"#;
    let (word, _, told) =
        state(&asks, &engine(&folder, "engine", &format!("HTTP/1.0 200 OK\r\nA: b\r\n\r\n{info}")));
    assert_eq!(word, "works");
    assert!(of(&told, "docker", "engine")["found"].as_str().unwrap().contains("1.2.3"));
    assert_eq!(of(&told, "docker", "storage")["state"], "limited");
    assert!(of(&told, "docker", "control groups")["found"].as_str().unwrap().contains("held to their pids"));
    for (name, answer) in
        [("other", "hello"), ("broken", "HTTP/1.0 500 No\r\n\r\n"), ("text", "HTTP/1.0 200 OK\r\n\r\nhi")]
    {
        assert_eq!(state(&asks, &engine(&folder, name, answer)).0, "broken", "{name}");
    }
}

#[test]
fn a_store_or_lock_that_cannot_be_used_is_told() {
    let folder = Folder::with(GOOD).and("a.lock", "sswe lock 1\npython 3.0.1 library:0000\n");
    folder.write(".sswe/store/index.sqlite", "this is no database, and never was one");
    let told = told(&doctor(&folder, &[]).exits(1));
    assert_eq!(of(&told, "store", "store")["state"], "broken");
    folder.write("a.lock", "nonsense\n");
    fs::remove_dir_all(folder.path(".sswe")).unwrap();
    let told = self::told(&doctor(&folder, &[]).exits(1));
    assert_eq!(of(&told, "programs", "lock")["state"], "broken");
    assert!(of(&told, "programs", "lock")["fix"].as_str().unwrap().contains("sswe lock"));
}

#[test]
fn another_python_than_the_locks_is_told() {
    let digest = "0".repeat(64);
    let folder = Folder::with(GOOD).and("a.lock", format!("sswe lock 1\npython 3.0.1 library:{digest}\n"));
    let lock = of(&told(&doctor(&folder, &[])), "programs", "lock").clone();
    assert_eq!((&lock["state"], &lock["fix"]), (&"limited".into(), &"sswe lock --update python".into()));
    assert!(lock["found"].as_str().unwrap().contains("3.0.1"), "{lock}");
}
