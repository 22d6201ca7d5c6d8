//! How well the rewriter finds known repairs in repositories that it was not shown.
//!
//! `cargo bench -p sswe-pipelines --bench repairs -- SHOWN HELD FOLDER...`: two files that `sswe show
//! tasks --json` printed, and the folders of their repositories. The policy learns the answers of the
//! first and is measured on the second: the share of tasks whose planted edit is undone exactly, at
//! the first of one and of five attempts. What mends a task in another way counts as a failure.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "it prints what it measures")]

use std::{collections::BTreeMap, fs, path::Path, sync::Arc};

use sswe_pipelines::{
    artifact::{File, Task, Tree},
    rewriter::{Example, Policy, Scene, Source, WarmStart, repairs, warm_start},
};

fn main() {
    let args: Vec<String> = std::env::args().skip(1).filter(|arg| !arg.starts_with("--")).collect();
    let [shown, held, folders @ ..] = &args[..] else {
        println!("needs two files of tasks and the folders of their repositories");
        return;
    };
    let sources: Vec<(Tree, Source)> = folders
        .iter()
        .map(|folder| {
            let mut tree = Tree::default();
            read(Path::new(folder), "", &mut tree);
            let source = Source::new(&tree);
            (tree, source)
        })
        .collect();
    let begun = std::time::Instant::now();
    let (shown, held) = (tasks(shown, &sources), tasks(held, &sources));
    println!("{} shown, {} held out, {:.1} s", shown.len(), held.len(), begun.elapsed().as_secs_f64());
    let reach = held.iter().filter(|(_, one)| one.answer < usize::MAX).count();
    let choices: usize = held.iter().map(|(_, one)| one.choices.len()).sum();
    println!("{reach} of {} in reach, among {} choices", held.len(), choices / held.len());
    for (count, lr, passes) in
        [(60, 0.05, 3), (200, 0.05, 3), (600, 0.05, 3), (600, 0.05, 10), (600, 0.1, 10), (600, 0.2, 10)]
    {
        let examples: Vec<Example> = shown.iter().take(count).map(|(_, one)| one.clone()).collect();
        let settings = WarmStart { lr, passes, ..WarmStart::default() };
        let policy = warm_start(&Policy::default(), &examples, &settings);
        let whole = measure(&policy, held.iter());
        println!("{count:4} shown, lr {lr}, {passes:2} passes: {whole}   on what was shown {}", {
            measure(&policy, shown.iter().take(count))
        });
        if (count, passes) == (600, 10) && lr == 0.1 {
            let mut kinds: BTreeMap<&str, Vec<&(String, Example)>> = BTreeMap::new();
            held.iter().for_each(|one| kinds.entry(&one.0).or_default().push(one));
            for (kind, ones) in kinds {
                let reach = ones.iter().filter(|(_, one)| one.answer < usize::MAX).count();
                let figures = measure(&policy, ones.iter().copied());
                println!("    {kind:<14} {:3} tasks, {reach:3} in reach: {figures}", ones.len());
            }
        }
    }
}

/// The share that one attempt resolves, that any of five does, and of attempts on the right line, in
/// percent.
fn measure<'a>(policy: &Policy, tasks: impl Iterator<Item = &'a (String, Example)>) -> String {
    let (mut one, mut five, mut line, mut count) = (0.0, 0.0, 0.0, 0.0);
    for (_, example) in tasks {
        let found = example.answer < usize::MAX;
        let distribution = example.choices.distribution(policy);
        let p = if found { distribution.probability(example.answer) } else { 0.0 };
        if found {
            let edits = example.choices.edits();
            let right = &edits[example.answer];
            let is_there = |at: &usize| edits[*at].path == right.path && edits[*at].line == right.line;
            line += (0..edits.len()).filter(is_there).map(|at| distribution.probability(at)).sum::<f64>();
        }
        one += p;
        five += 1.0 - (1.0 - p).powi(5);
        count += 1.0;
    }
    let percent = |sum: f64| 100.0 * sum / count;
    format!("pass@1 {:5.1}  pass@5 {:5.1}  line {:5.1}", percent(one), percent(five), percent(line))
}

fn tasks(file: &str, sources: &[(Tree, Source)]) -> Vec<(String, Example)> {
    let text = fs::read_to_string(file).unwrap();
    let mut all = Vec::new();
    for line in text.lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let task: Task = serde_json::from_value(line["task"].clone()).unwrap();
        let (path, buggy) = task.bug.first_key_value().unwrap();
        let Some((tree, source)) = sources.iter().find(|(tree, _)| tree.get(path).is_some()) else {
            continue;
        };
        let source = source.with(path, buggy);
        let choices = Arc::new(repairs(&Scene::new(&source, &task.observed)));
        let answer = choices.find(path, buggy, tree.text(path).unwrap()).unwrap_or(usize::MAX);
        all.push((task.planted.kind.clone(), Example { choices, answer }));
    }
    all
}

fn read(folder: &Path, prefix: &str, tree: &mut Tree) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let name = entry.file_name().to_string_lossy().into_owned();
        let path = if prefix.is_empty() { name } else { format!("{prefix}/{name}") };
        if entry.path().is_dir() {
            read(&entry.path(), &path, tree);
        } else if path.ends_with(".py") {
            tree.insert(&path, File::Text(fs::read_to_string(entry.path()).unwrap())).unwrap();
        }
    }
}
