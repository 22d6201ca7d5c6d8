//! The rewriter from outside: it plants bugs in real code, learns to repair them, and gets better
//! at it in repositories that it never saw.

#![expect(clippy::unwrap_used, reason = "helpers of tests are tests")]

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_core::SeedableRng;
use sswe_engine::ChaCha8Rng;
use sswe_pipelines::artifact::{
    Card, Counts, Covered, Evidence, File, Function, KnownStatus, KnownTest, Limits, Lineage, Observed,
    Suite, Tree, Weakness,
};
use sswe_pipelines::rewriter::{
    Draw, Earned, Edit, Example, Group, Hat, Kind, Loss, Method, Policy, Scene, Source, Step, Taste,
    WarmStart, gradient, plants, repairs, train, warm_start,
};

/// A repository of one module, whose every function a test enters.
struct Repository {
    source: Source,
    suite: Suite,
    /// The line of each function.
    lines: Vec<u32>,
}

/// A bug with what it shows.
struct Bug {
    repository: usize,
    edit: Edit,
    sound: String,
    broken: String,
    observed: Observed,
}

fn repository(text: &str) -> Repository {
    let mut tree = Tree::default();
    tree.insert("module.py", File::Text(text.to_owned())).unwrap();
    let (mut functions, mut lines) = (Vec::new(), Vec::new());
    let mut around: Vec<(usize, &str)> = Vec::new();
    for (row, line) in text.lines().enumerate() {
        let code = line.trim_start();
        let depth = line.len() - code.len();
        let Some(rest) = code.strip_prefix("def ").or_else(|| code.strip_prefix("class ")) else { continue };
        around.retain(|(outer, _)| *outer < depth);
        around.push((depth, rest.split(['(', ':']).next().unwrap()));
        if code.starts_with("def ") {
            let name = around.iter().map(|(_, name)| *name).collect::<Vec<_>>().join(".");
            functions.push(Function { path: "module.py".into(), name });
            lines.push(row as u32 + 1);
        }
    }
    let covers = (0..functions.len() as u32).collect();
    let tests = BTreeMap::from([("t".to_owned(), KnownTest { status: KnownStatus::Passed, covers })]);
    let suite = Suite {
        command: "python -m unittest".into(),
        limits: Limits::default(),
        network: false,
        runs: 1,
        functions,
        tests,
        unloadable: BTreeMap::new(),
    };
    Repository { source: Source::new(&tree), suite, lines }
}

fn weakness(kind: Kind, context: &str, weight: f64) -> Weakness {
    Weakness { kind: kind.as_str().into(), context: context.into(), weight }
}

/// A card that is about every kind alike.
fn balanced() -> Card {
    let share = 1.0 / Kind::ALL.len() as f64;
    Card {
        schema: "card/1".into(),
        name: "all".into(),
        description: String::new(),
        applicability: vec![],
        operations: vec![],
        weakness: Kind::ALL.iter().map(|kind| weakness(*kind, "", share)).collect(),
        evidence: Evidence::default(),
        anti_patterns: vec![],
        scope: "transfer".into(),
        lineage: Lineage::default(),
    }
}

/// Plants bugs. What shows of each: its function and the one behind it were entered, all of their
/// lines ran, and nothing says which line is wrong.
fn bugs(repositories: &[Repository], policy: &Policy, round: u64, each: usize) -> Vec<Bug> {
    let mut bugs = Vec::new();
    for (place, repository) in repositories.iter().enumerate() {
        let choices = plants(&repository.source, &repository.suite, Taste::Card(&balanced()));
        let mut random = ChaCha8Rng::seed_from_u64(round * 1000 + place as u64);
        let text = repository.source.text("module.py").unwrap();
        for pick in choices.draws(policy, &mut random, each, 0.9) {
            let edit = choices.edits()[pick.index].clone();
            let functions = &repository.suite.functions;
            let at = functions.iter().position(|function| function.name == *edit.function).unwrap();
            let covered: Vec<Covered> = functions[at..functions.len().min(at + 2)]
                .iter()
                .enumerate()
                .map(|(nearness, function)| Covered {
                    path: "module.py".into(),
                    function: function.name.clone(),
                    failing: 4 - 2 * nearness as u32,
                    passing: 3,
                })
                .collect();
            let end = repository.lines.get(at + 2).map_or(text.lines().count() as u32, |next| next - 1);
            let lines = (repository.lines[at] + 1..=end).map(|line| (line, 4, 3)).collect();
            let observed = Observed {
                failures: vec![],
                covered,
                lines: BTreeMap::from([("module.py".to_owned(), lines)]),
                failing: 4,
                watched: 3,
            };
            let broken = edit.apply(text).unwrap();
            bugs.push(Bug { repository: place, edit, sound: text.to_owned(), broken, observed });
        }
    }
    bugs
}

fn example(repositories: &[Repository], bug: &Bug) -> (Example, bool) {
    let source = repositories[bug.repository].source.with("module.py", &bug.broken);
    let choices = Arc::new(repairs(&Scene::new(&source, &bug.observed)));
    let answer = choices.find("module.py", &bug.broken, &bug.sound);
    (Example { choices, answer: answer.unwrap_or(usize::MAX) }, answer.is_some())
}

fn mean_probability(policy: &Policy, examples: &[Example]) -> f64 {
    let probability = |one: &Example| one.choices.distribution(policy).probability(one.answer);
    examples.iter().map(probability).sum::<f64>() / examples.len() as f64
}

fn attempts(policy: &Policy, example: &Example, seed: u64, count: u64) -> Group {
    let distribution = example.choices.distribution(policy);
    let draws = (0..count).filter_map(|attempt| {
        let pick = distribution.sample(&mut ChaCha8Rng::seed_from_u64(seed * 64 + attempt))?;
        let fixed = if pick.index == example.answer { 4 } else { 0 };
        let kept = if fixed == 4 || pick.index % 3 == 0 { 9 } else { 7 };
        let earned = Earned::Counts(Counts { fixed, failing: 4, kept, passing: 9 });
        Some(Draw { index: pick.index, log_probability: pick.log_probability, earned })
    });
    let draws: Vec<Draw> = draws.collect();
    Group { choices: example.choices.clone(), draws }
}

fn modules(names: &[&str]) -> Vec<Repository> {
    let roots = ["/usr/lib", "/usr/local/lib"].into_iter().flat_map(std::fs::read_dir).flatten().flatten();
    let is_python = |path: &std::path::PathBuf| path.join("textwrap.py").is_file();
    let Some(root) = roots.map(|root| root.path()).filter(is_python).max() else { return Vec::new() };
    let read = |name: &&str| std::fs::read_to_string(root.join(format!("{name}.py"))).ok();
    names.iter().filter_map(|name| Some(repository(&read(name)?))).collect()
}

#[test]
fn rewards_teach_repair_in_repositories_that_were_never_seen() {
    let shown = modules(&["textwrap", "shlex", "csv", "cmd", "string", "heapq", "mimetypes", "fractions"]);
    let unseen = modules(&["sched", "netrc", "queue", "configparser", "fnmatch", "statistics"]);
    if shown.len() < 4 || unseen.len() < 3 {
        println!("skipped: no library of Python is on this machine");
        return;
    }
    let nothing = Policy::default();
    let test_bugs = bugs(&unseen, &nothing, 99, 10);
    let mut by_kind: BTreeMap<Kind, [usize; 2]> = BTreeMap::new();
    let mut tests = Vec::new();
    let mut offered = 0;
    let begun = std::time::Instant::now();
    for bug in &test_bugs {
        let (example, is_found) = example(&unseen, bug);
        offered += example.choices.len();
        let counts = by_kind.entry(bug.edit.kind).or_default();
        counts[0] += 1;
        counts[1] += usize::from(is_found);
        if !is_found {
            println!(
                "out of reach among {}: {} {} line {} `{}`",
                example.choices.len(),
                bug.edit.kind,
                bug.edit.function,
                bug.edit.line,
                bug.edit.after
            );
        }
        tests.push(example);
    }
    let spent = begun.elapsed().as_secs_f64() * 1000.0 / test_bugs.len() as f64;
    println!("{} held-out tasks, {} choices each, {spent:.1} ms a scene", tests.len(), offered / tests.len());
    for (kind, [all, found]) in &by_kind {
        println!("  {:<14} {found:>3} of {all:>3} are among the choices", kind.as_str());
    }
    let reachable: usize = by_kind.values().map(|[_, found]| found).sum();
    assert!(reachable * 100 >= tests.len() * 80, "{reachable} of {}", tests.len());

    let examples: Vec<Example> =
        bugs(&shown, &nothing, 7, 10).iter().map(|bug| example(&shown, bug).0).collect();
    let warm = warm_start(&nothing, &examples, &WarmStart::default());
    let start = mean_probability(&warm, &tests);
    println!("mean p: untrained {:.4}, warm {start:.4}", mean_probability(&nothing, &tests));
    for method in [Method::Grpo, Method::Gdpo] {
        let loss = Loss { method, ..Loss::of(Hat::Solver) };
        let mut policy = warm.clone();
        for round in 1..=3 {
            let groups: Vec<Group> = bugs(&shown, &nothing, 10 + round, 9)
                .iter()
                .enumerate()
                .map(|(at, bug)| attempts(&policy, &example(&shown, bug).0, round * 10_000 + at as u64, 8))
                .collect();
            let is_silent =
                |group: &&Group| group.draws.iter().all(|draw| draw.earned == group.draws[0].earned);
            let silent = groups.iter().filter(is_silent).count();
            policy = train(&policy, &groups, &loss, &Step::default());
            let now = mean_probability(&policy, &tests);
            println!("{method:?} round {round}: mean p {now:.4}; {silent} of {} groups silent", groups.len());
        }
        let end = mean_probability(&policy, &tests);
        assert!(end > start * 1.05, "{method:?}: {start} -> {end}");
    }
}

#[test]
fn the_generator_learns_what_scores_and_the_solver_does_not_notice() {
    let text = "def f(a, b):\n    if a < b and b > 0:\n        return a + b\n    return a - 1\n";
    let repositories = [repository(text)];
    let choices = Arc::new(plants(&repositories[0].source, &repositories[0].suite, Taste::Generic));
    let mut policy = Policy::default();
    let share = |policy: &Policy| -> f64 {
        let distribution = choices.distribution(policy);
        let is_arithmetic = |at: &usize| choices.edits()[*at].kind == Kind::Arithmetic;
        (0..choices.len()).filter(is_arithmetic).map(|at| distribution.probability(at)).sum()
    };
    let before = share(&policy);
    for round in 0..5 {
        let mut random = ChaCha8Rng::seed_from_u64(round);
        let draws = choices.draws(&policy, &mut random, 8, 1.1).into_iter().map(|pick| {
            let is_wanted = choices.edits()[pick.index].kind == Kind::Arithmetic;
            let earned = Earned::Score(if is_wanted { 0.4 } else { -0.1 });
            Draw { index: pick.index, log_probability: pick.log_probability, earned }
        });
        let group = Group { choices: choices.clone(), draws: draws.collect() };
        policy = train(&policy, &[group], &Loss::of(Hat::Generator), &Step::default());
    }
    assert!(share(&policy) > before + 0.1, "{before} -> {}", share(&policy));

    let bug = &bugs(&repositories, &policy, 1, 1)[0];
    let (example, _) = example(&repositories, bug);
    let (taught, plain) =
        (example.choices.distribution(&policy), example.choices.distribution(&Policy::default()));
    assert_eq!(taught.logs(), plain.logs());
}

#[test]
fn a_card_decides_what_is_planted() {
    let repository = repository(concat!(
        "def f(a, b, c):\n    if not a:\n        return None\n    while a < b and b != c:\n",
        "        a += 1\n        if a == c:\n            break\n    return max(a, b)\n",
    ));
    let card = Card {
        weakness: vec![
            weakness(Kind::Comparison, "if_statement", 0.5),
            weakness(Kind::LoopControl, "", 0.3),
            // There is no key to mistake here.
            weakness(Kind::Key, "", 0.2),
        ],
        ..balanced()
    };
    let choices = plants(&repository.source, &repository.suite, Taste::Card(&card));
    let distribution = choices.distribution(&Policy::default());
    let share = |is: &dyn Fn(&Edit) -> bool| -> f64 {
        let those = choices.edits().iter().enumerate().filter(|(_, edit)| is(edit));
        those.map(|(at, _)| distribution.probability(at)).sum()
    };
    let compared = share(&|edit| edit.kind == Kind::Comparison && edit.context == "if_statement");
    let jumps = share(&|edit| edit.kind == Kind::LoopControl);
    assert!((share(&|_| true) - 1.0).abs() < 1e-12);
    assert!((0.92 * 0.625..0.65).contains(&compared), "{compared}");
    assert!((0.92 * 0.375..0.40).contains(&jumps), "{jumps}");

    // A shorter list of draws is the start of a longer one: each draw can be made alone.
    let draw = |most| choices.draws(&Policy::default(), &mut ChaCha8Rng::seed_from_u64(3), most, 0.9);
    let eight = draw(8);
    assert_eq!(eight[..3], draw(3)[..]);
    let is_new = |at: usize| eight[..at].iter().all(|other| other.index != eight[at].index);
    assert!((0..eight.len()).all(is_new));
}

#[test]
fn nothing_is_known_of_the_sound_code() {
    let text = concat!(
        "def f(a, b):\n    if a < b:\n        return a\n    return b\n\n\n",
        "def g(a, b):\n    return a < b\n"
    );
    let repository = repository(text);
    let broken = text.replacen("a < b", "a <= b", 1);
    let mut tree = Tree::default();
    tree.insert("module.py", File::Text(broken.clone())).unwrap();
    let observed = Observed {
        covered: vec![Covered { path: "module.py".into(), function: "f".into(), failing: 1, passing: 0 }],
        failing: 1,
        ..Observed::default()
    };
    let from_sound = repairs(&Scene::new(&repository.source.with("module.py", &broken), &observed));
    let from_broken = repairs(&Scene::new(&Source::new(&tree), &observed));
    let (from_sound, from_broken) = (Arc::new(from_sound), Arc::new(from_broken));
    let answer = from_sound.find("module.py", &broken, text).unwrap();
    // Weights of every feature: one that differed would show.
    let examples = vec![Example { choices: from_sound.clone(), answer }; 8];
    let policy = warm_start(&Policy::default(), &examples, &WarmStart::default());
    assert_ne!(policy, Policy::default());
    assert_eq!(from_sound.edits(), from_broken.edits());
    assert_eq!(from_sound.distribution(&policy).logs(), from_broken.distribution(&policy).logs());
    let group = attempts(&policy, &Example { choices: from_broken, answer }, 5, 8);
    let again = Group { choices: from_sound, draws: group.draws.clone() };
    let loss = Loss::of(Hat::Solver);
    assert_eq!(gradient(&policy, &group, &loss), gradient(&policy, &again, &loss));
}
