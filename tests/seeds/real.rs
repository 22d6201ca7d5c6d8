//! `examples/pypi.sswe`, from the index that this machine uses: `cargo test real_packages -- --ignored --nocapture`.

use std::collections::BTreeMap;

use sswe_cache::{OpenOptions, Store};
use sswe_compiler::plan::{StageName, plans};
use sswe_engine::outputs;
use sswe_pipelines::{
    Pipeline,
    artifact::{KnownStatus, Repo},
    lock::Pins,
    summary::Reader,
};

use crate::support::{Files, Folder, open, root};

#[test]
#[ignore = "takes the network, and minutes"]
fn real_packages_have_suites_that_can_be_trusted() {
    let read = |name: &str| std::fs::read_to_string(root().join("examples").join(name)).unwrap();
    let folder = Folder::new().and("pypi.sswe", read("pypi.sswe")).and("pypi.lock", read("pypi.lock"));
    let sswe = |args: &str| {
        let mut command = folder.command(&args.split(' ').collect::<Vec<_>>());
        for (name, value) in std::env::vars() {
            let is_ours = ["PIP_", "UV_", "SSL_", "HTTP", "http", "no_", "NO_", "REQUESTS_"];
            if is_ours.iter().any(|start| name.starts_with(start)) {
                command = command.env(&name, &value);
            }
        }
        command.run()
    };
    // What is pinned was pinned for another interpreter, maybe.
    sswe("lock pypi.sswe --update python").exits(0);
    let run = sswe("build pypi.sswe --until main/seed --keep-going --jobs 1 --output json").exits(0);
    let walls: BTreeMap<String, f64> = run
        .json_lines()
        .into_iter()
        .filter(|line| line["kind"] == "item.finished")
        .filter_map(|line| Some((line["stage"].as_str()?.to_owned(), line["wall_s"].as_f64()?)))
        .collect();

    let (db, project) = open("pypi.sswe", &folder.read("pypi.sswe"), &Default::default(), &Files::new());
    let plan = plans(&db, project).remove(0);
    let store = Store::open(&folder.path(".sswe/store"), OpenOptions::default()).unwrap();
    let pins = Pins::parse(&folder.read("pypi.lock")).unwrap();
    let options = sswe_engine::Options {
        base: folder.path("."),
        until: Some(StageName("main/seed".into())),
        ..Default::default()
    };
    let found = outputs(&plan, &store, &Pipeline::to_look_at(pins), &options).unwrap();
    let reader = Reader::new(&store, &found);
    eprintln!(
        "{:14} {:>8} {:>6} {:>7} {:>8} {:>10} {:>10}",
        "package", "trusted", "flaky", "failed", "skipped", "functions", "seconds"
    );
    let mut count = 0;
    for (stage, wall) in walls.iter().filter(|(stage, _)| stage.ends_with("/baseline")) {
        let repos: Vec<Repo> = reader.read_all(&StageName(stage.as_str().into()), "repo").unwrap();
        let suite = repos[0].suite.as_ref().unwrap();
        let of = |status| suite.tests.values().filter(|test| test.status == status).count();
        let [trusted, flaky, failed, skipped] =
            [KnownStatus::Passed, KnownStatus::Flaky, KnownStatus::Failed, KnownStatus::Skipped].map(of);
        let name = stage.split('/').nth(2).unwrap();
        let functions = suite.functions.len();
        eprintln!("{name:14} {trusted:>8} {flaky:>6} {failed:>7} {skipped:>8} {functions:>10} {wall:>10.1}");
        assert!(trusted >= 20 && functions >= 5, "{name}");
        assert!(suite.unloadable.is_empty(), "{name}: {:?}", suite.unloadable);
        count += 1;
    }
    assert_eq!(count, 11);
}
