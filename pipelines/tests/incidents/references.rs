//! No false alarm: the honest attempts on real bugs in every package of the examples.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::Path;

use rand_core::SeedableRng;
use sswe_engine::ChaCha8Rng;
use sswe_pipelines::artifact::{File, Function, KnownStatus, KnownTest, Suite, Task, Tree};
use sswe_pipelines::grade::{Court, Memory, attempt};
use sswe_pipelines::harness::{Ask, Bench, Harness, Trace};
use sswe_pipelines::rewriter::{Edit, Policy, Source, Taste, plants};

use crate::support::{Backend, Framework, bench, harness, judges, print, proposal, site, task};

/// Bugs of each package.
const BUGS: usize = 12;
/// Other edits of the same function that are tried on some of them.
const OTHERS: usize = 24;

fn read(folder: &Path, root: &Path, tree: &mut Tree) {
    for entry in fs::read_dir(folder).unwrap().flatten() {
        let path = entry.path();
        if path.is_dir() {
            read(&path, root, tree);
        } else if !path.components().any(|part| part.as_os_str() == "__pycache__") {
            let inner = path.strip_prefix(root).unwrap().display().to_string();
            tree.insert(inner, File::new(fs::read(&path).unwrap(), false)).unwrap();
        }
    }
}

/// Says what is known of a suite, with the functions that its tests enter.
async fn known(harness: &Harness, bench: &Bench) -> Suite {
    let report = harness.measure(bench, Ask { trace: Trace::Functions, ..Ask::default() }).await.unwrap();
    assert_eq!(report.forged, None);
    let function = |(path, name): &(String, String)| Function { path: path.clone(), name: name.clone() };
    let functions: BTreeSet<Function> =
        report.tests.iter().flat_map(|test| test.entered.iter().map(function)).collect();
    let functions: Vec<Function> = functions.into_iter().collect();
    let tests = report.tests.iter().map(|test| {
        let status = if test.status.is_passed() { KnownStatus::Passed } else { KnownStatus::Failed };
        let place = |entered| functions.binary_search(&function(entered)).unwrap() as u32;
        (test.id.clone(), KnownTest { status, covers: test.entered.iter().map(place).collect() })
    });
    let tests: BTreeMap<String, KnownTest> = tests.collect();
    Suite {
        command: bench.command.clone(),
        limits: bench.limits.clone(),
        network: false,
        runs: 1,
        functions,
        tests,
        unloadable: BTreeMap::new(),
    }
}

#[tokio::test]
async fn honest_attempts_raise_no_alarm() {
    let seeds = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/seeds"));
    let mut folders: Vec<_> = fs::read_dir(seeds).unwrap().flatten().map(|entry| entry.path()).collect();
    folders.retain(|folder| folder.is_dir());
    folders.sort();
    let (mut references, mut others) = (0, 0);
    for (backend, framework) in judges().await {
        let command = match framework {
            Framework::Unittest => "python -m unittest",
            Framework::Pytest => "python -m pytest",
        };
        // The bugs are the same: with another framework or backend some of them are enough.
        let is_first = matches!(backend, Backend::Native) && framework == Framework::Unittest;
        let most = if is_first { BUGS } else { BUGS / 4 };
        let site = site(&backend, framework);
        let harness = harness(backend, framework).await;
        for folder in &folders {
            let mut tree = Tree::default();
            read(folder, folder, &mut tree);
            let source = Source::new(&tree);
            let bench = Bench { site: site.clone(), ..bench(&folder.display().to_string(), tree, command) };
            let suite = known(&harness, &bench).await;
            let court = Court::new(&harness, &bench, &suite);
            let (mut bugs, mut seen) = (0, 0);
            for edit in draws(&source, &suite, 4 * most) {
                let sound = bench.tree.text(&edit.path).unwrap();
                let buggy = edit.apply(sound).unwrap();
                let bug = BTreeMap::from([(edit.path.to_string(), buggy.clone())]);
                let task = task(&harness, &bench, &suite, bug).await;
                if task.fail_to_pass.is_empty() {
                    continue;
                }
                // Not the same text, or nothing would be looked at twice.
                let text = format!("{sound}\n# Mended.\n");
                let touched = Some((&*edit.path, &*edit.function));
                let mended = proposal(&[(&edit.path, &text)]);
                let feedback = attempt(Memory::None, &court, &task, &mended, touched).await.unwrap();
                assert!(
                    feedback.counts.is_resolved() && feedback.alarm.is_none() && feedback.dropped.is_empty(),
                    "{folder:?} {edit:?}: {feedback:#?}"
                );
                bugs += 1;
                if bugs == 1 && is_first {
                    seen += alternatives(&court, &source, &suite, &task, &edit, &buggy, sound).await;
                }
                if bugs == most {
                    break;
                }
            }
            assert!(bugs >= most / 2, "{folder:?}: only {bugs} bugs");
            references += bugs;
            others += seen;
        }
    }
    print(&format!("{references} references and {others} other repairs that pass: no alarm"));
}

/// Tries other edits near a bug: those that pass all tests are repairs too. Returns how many there were.
async fn alternatives(
    court: &Court<'_>,
    source: &Source,
    suite: &Suite,
    task: &Task,
    bug: &Edit,
    buggy: &str,
    sound: &str,
) -> usize {
    let broken = source.with(&bug.path, buggy);
    let planted = plants(&broken, suite, Taste::Balanced);
    let near =
        planted.edits().iter().filter(|edit| edit.path == bug.path && edit.line.abs_diff(bug.line) <= 1);
    let mut found = 0;
    for edit in near.take(OTHERS) {
        let text = edit.apply(buggy).unwrap();
        if text == sound {
            continue;
        }
        let touched = Some((&*edit.path, &*edit.function));
        let tried = proposal(&[(&edit.path, &text)]);
        let feedback = attempt(Memory::None, court, task, &tried, touched).await.unwrap();
        assert_eq!(feedback.alarm, None, "{edit:?}: {feedback:#?}");
        found += usize::from(feedback.counts.is_resolved());
    }
    found
}

fn draws(source: &Source, suite: &Suite, most: usize) -> Vec<Edit> {
    let planted = plants(source, suite, Taste::Balanced);
    let picks = planted.draws(&Policy::default(), &mut ChaCha8Rng::seed_from_u64(7), most, f64::INFINITY);
    picks.into_iter().map(|pick| planted.edits()[pick.index].clone()).collect()
}
