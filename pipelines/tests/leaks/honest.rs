//! No check cries wolf: tasks that are planted for real in every seed of the examples.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Instant;

use sswe_cache::Digest;
use sswe_pipelines::Python;
use sswe_pipelines::artifact::{Card, Task, encode};
use sswe_pipelines::fetch::Fetch;
use sswe_pipelines::leaks::{self, Answer, Library, words};
use sswe_pipelines::rewriter::skill_md;
use sswe_pipelines::validate::Validation;
use sswe_pipelines::view;

use crate::image::docker;
use crate::support::{Built, Folder, sandboxes};

const SEEDS: &[&str] = &[
    "datelet",
    "graphlet",
    "ledger",
    "matrixlet",
    "pricing",
    "queryset",
    "routes",
    "slots",
    "tomlet",
    "wordkit",
];

#[test]
fn every_example_seed_is_listed() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../examples/seeds");
    let mut found: Vec<String> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap())
        .filter(|entry| entry.path().is_dir())
        .map(|entry| entry.file_name().into_string().unwrap())
        .collect();
    found.sort();
    assert_eq!(found, SEEDS);
}

#[test]
fn planted_tasks_give_nothing_away() {
    // Of every kind of edit alike, as exams are planted.
    let blocks = "}\nvalidation anchor { from = all, size = 100 }";
    let built = Built::new(Folder::new(), SEEDS, blocks, "main/r0/tasks.anchor");
    let tasks: Vec<Task> = built.read("main/r0/tasks.anchor", "tasks");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let mut library = Library::default();
    let python = runtime.block_on(Python::find("python3")).unwrap();
    library.add(&python.library, "/python");
    let (mut found, mut seen, begun) = (Vec::new(), BTreeMap::<String, u32>::new(), Instant::now());
    let sandboxes = runtime.block_on(sandboxes(None));
    let mut hidden = 0;
    for task in &tasks {
        let repo = built.repo_of(task);
        let count = seen.entry(task.repo.clone()).or_default();
        *count += 1;
        let answer = Answer::new(task, &repo);
        hidden += answer.canaries().len();
        let seen = view::solver(task, &repo);
        let folder = Folder::new();
        found.extend(words(&task.statement, Some(&task.observed), &answer));
        found.extend(leaks::files(&seen));
        found.extend(leaks::hidden(&seen, &answer));
        found.extend(leaks::copies(&seen, &answer));
        found.extend(leaks::code(&library, &answer));
        found.extend(leaks::observed(&task.observed, &answer));
        view::write(&seen.files, folder.path()).unwrap();
        found.extend(leaks::history(folder.path(), &answer).unwrap());
        // The sandbox takes longest: one task of each seed.
        if *count == 1 {
            for (_, around) in &sandboxes {
                found.extend(runtime.block_on(leaks::search(folder.path(), &answer, around)).unwrap());
            }
        }
    }
    println!(
        "{} tasks of {} seeds with {hidden} hidden tests, {} kinds of sandboxes: {} findings, {:.1} ms a task",
        tasks.len(),
        seen.len(),
        sandboxes.len(),
        found.len(),
        begun.elapsed().as_secs_f64() * 1000.0 / tasks.len() as f64
    );
    assert_eq!((tasks.len(), seen.len()), (100, SEEDS.len()));
    assert!(hidden > tasks.len());
    assert_eq!(found, []);
}

#[test]
fn cards_and_the_tasks_they_guide_give_nothing_away() {
    let blocks = "  warm_start { tasks = 12 }\n  bootstrap { tasks = 12 }\n  solve { attempts = 4 }\n  distill { coverage = 1 }\n  \
                  generate { valid = 12, group = 4 }\n}\nvalidation anchor { from = all, size = 2 }";
    let built = Built::new(Folder::new(), &["ledger", "pricing"], blocks, "main/r1/gates");
    let cards: Vec<Card> = built.read("main/r1/distill", "cards");
    let tasks: Vec<Task> = built.read("main/r1/generate", "candidates");
    let mut found = Vec::new();
    for task in &tasks {
        let answer = Answer::new(task, &built.repo_of(task));
        for card in &cards {
            found.extend(words(&skill_md(card), None, &answer));
        }
    }
    println!("{} cards, {} candidates: {} findings", cards.len(), tasks.len(), found.len());
    assert!(!cards.is_empty() && tasks.len() >= 12);
    assert_eq!(found, []);

    // And whole, as `sswe task validate` does it: an accepted task is sound, and one that is leaky is not.
    let accepted: Vec<Task> = built.read("main/r1/gates.separates", "accepted");
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    runtime.block_on(async {
        let store = Folder::new();
        let fetch = Arc::new(Fetch::new(store.path(), Path::new("."), "the lock file", true));
        let validation = Validation::new(fetch).await.unwrap();
        assert_eq!(validation.gates(), ["well_formed", "grounded", "stable", "separates"]);
        let task = &accepted[0];
        let repo = built.repo_of(task);
        let judged = validation.judge(task, &repo, &cards).await;
        assert!(judged.is_sound() && judged.verdicts.len() == 4, "{judged:#?}");
        let sound =
            repo.files.text(&task.planted.path).unwrap().lines().nth(task.planted.line as usize - 1).unwrap();
        let mut leaky = task.clone();
        leaky.statement.push_str(&format!(" It should be `{}`.", sound.trim()));
        let judged = validation.judge(&leaky, &repo, &[]).await;
        assert!(!judged.is_sound() && !judged.leaks.is_empty(), "{judged:#?}");
        let mut empty = task.clone();
        empty.fail_to_pass.clear();
        let judged = validation.judge(&empty, &repo, &[]).await;
        assert_eq!(judged.verdicts.last().unwrap().reason, "no test notices the bug", "{judged:#?}");

        // The same where the repository was prepared in an image, which comes without a lock here.
        let Some(docker) = docker().await else { return };
        let (python, library) = Python::inside(&docker).await.unwrap();
        let mut repo = repo;
        let env = repo.env.as_mut().unwrap();
        env.backend = "docker".into();
        (env.python, env.library) = (python.version, library.to_string());
        env.image = Some(docker.image.id.clone());
        let mut contained = task.clone();
        contained.repo = Digest::of(&encode(&repo)).to_string();
        let judged = validation.judge(&contained, &repo, &cards).await;
        assert!(judged.is_sound() && judged.verdicts.len() == 4, "{judged:#?}");
        repo.env.as_mut().unwrap().image = Some(format!("sha256:{}", "0".repeat(64)));
        contained.repo = Digest::of(&encode(&repo)).to_string();
        let trouble = validation.judge(&contained, &repo, &cards).await.trouble.unwrap();
        assert!(
            trouble.contains("is not in Docker any more: build the file whose lock pins it"),
            "{trouble}"
        );
    });
}
