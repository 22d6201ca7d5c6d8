//! What the stages compute, for fixed inputs: a change of a digest below needs a new version of the
//! stages that it names, or a store would take old results for new ones.

#![expect(clippy::unwrap_used, reason = "a test")]

use std::collections::BTreeMap;
use std::sync::Arc;

use rand_core::SeedableRng;
use sswe_cache::Digest;
use sswe_compiler::plan::StageKind::{self, Distill, Generate, Gradient, Solve, Tasks, Train, WarmStart};
use sswe_engine::ChaCha8Rng;
use sswe_pipelines::artifact::{
    Attempt, Counts, Covered, Failure, Feedback, File, Frame, Function, KnownStatus, KnownTest, Limits,
    Observed, Outcome, Suite, Tree, Tried,
};
use sswe_pipelines::rewriter::{
    Distill as Lessons, Draw, Earned, Example, Group, Hat, Loss, Method, Policy, Scene, Source, Step, Taste,
    WarmStart as Settings, distill, gradient, plants, repairs, statement, train, warm_start,
};
use sswe_pipelines::stage_version;

const CODE: &str = "\
class Shelf:
    def __init__(self, width: int, books=None):
        self.width = width
        self.books = books or []

    def room(self, extra=0):
        used = sum(book['width'] for book in self.books)
        if used + extra > self.width:
            raise ValueError('too full')
        return self.width - used - extra

    def put(self, book, at=0):
        left = self.room(book['width'])
        for place, other in enumerate(self.books):
            if other['title'] == book['title'] and not other.get('spare'):
                return None
            if place > at:
                break
        self.books.insert(at, book)
        return left
";

/// What is computed, the stages that compute it, their version, and the digest of what comes out.
const KNOWN: &[(&str, &[StageKind], u32, &str)] = &[
    ("plants", &[Tasks, Generate], 3, "1a9097fe16ea"),
    ("statement", &[Tasks, Generate], 3, "39c68cf1d47a"),
    ("attempts", &[Solve], 3, "238b26eaf396"),
    ("warm start", &[WarmStart], 3, "25af11e857d7"),
    ("gradient", &[Gradient], 1, "d2145b2355c2"),
    ("training", &[Train], 1, "23ce7e01a50e"),
    ("cards", &[Distill], 1, "777a3253bd16"),
];

#[test]
fn what_stages_compute_changes_with_their_version_only() {
    let computed = compute();
    let mut wrong = Vec::new();
    for (name, stages, version, digest) in KNOWN {
        let now = Digest::of(computed[name].as_bytes()).short();
        let versions: Vec<u32> = stages.iter().map(|kind| stage_version(*kind).0).collect();
        if now != *digest && versions.iter().any(|now| now == version) {
            wrong.push(format!(
                "{name}: {now}, and not {digest}: raise the version of {stages:?}, then note both"
            ));
        } else if now != *digest || versions.iter().any(|now| now != version) {
            wrong.push(format!("{name}: note version {versions:?} and {now}"));
        }
    }
    assert!(wrong.is_empty(), "{wrong:#?}");
}

fn compute() -> BTreeMap<&'static str, String> {
    let mut tree = Tree::default();
    tree.insert("shelf.py", File::Text(CODE.to_owned())).unwrap();
    let source = Source::new(&tree);
    let mut out = BTreeMap::new();

    let planted = plants(&source, &suite(), Taste::Balanced);
    let bugs: Vec<_> = planted
        .draws(&Policy::default(), &mut ChaCha8Rng::seed_from_u64(1), 12, f64::INFINITY)
        .into_iter()
        .map(|pick| planted.edits()[pick.index].clone())
        .collect();
    out.insert("plants", format!("{bugs:?}"));

    let examples: Vec<Example> = bugs
        .iter()
        .map(|edit| {
            let broken = edit.apply(CODE).unwrap();
            let choices = repairs(&Scene::new(&source.with("shelf.py", &broken), &observed()));
            let answer = choices.find("shelf.py", &broken, CODE).unwrap_or(usize::MAX);
            Example { choices: Arc::new(choices), answer }
        })
        .collect();
    out.insert("statement", statement(&observed()));
    let policy = warm_start(&Policy::default(), &examples, &Settings::default());
    out.insert("warm start", format!("{:?}", policy.to_bytes()));

    let groups: Vec<Group> =
        examples.iter().enumerate().map(|(at, one)| group(&policy, one, at as u64)).collect();
    let drawn: Vec<_> = groups.iter().map(|group| &group.draws).collect();
    out.insert("attempts", format!("{drawn:?}"));
    let loss = |method| Loss { method, ..Loss::of(Hat::Solver) };
    let gradients: Vec<_> =
        groups.iter().map(|group| gradient(&policy, group, &loss(Method::Gdpo)).values).collect();
    out.insert("gradient", format!("{gradients:?}"));
    let trained = [Method::Grpo, Method::Gdpo]
        .map(|method| train(&policy, &groups, &loss(method), &Step::default()).to_bytes());
    out.insert("training", format!("{trained:?}"));
    out.insert("cards", format!("{:?}", distill(&traces(&groups, &examples), &Lessons::default())));
    out
}

/// Every third attempt resolves its task, and some of the others mend a part.
fn group(policy: &Policy, example: &Example, at: u64) -> Group {
    let distribution = example.choices.distribution(policy);
    let draws = (0..6).map(|attempt| {
        let pick = distribution.sample(&mut ChaCha8Rng::seed_from_u64(at * 64 + attempt)).unwrap();
        let fixed = if pick.index.is_multiple_of(3) { 2 } else { (pick.index % 2) as u32 };
        let earned = Earned::Counts(Counts { fixed, failing: 2, kept: 5, passing: 5 });
        Draw { index: pick.index, log_probability: pick.log_probability, earned }
    });
    let draws = draws.collect();
    Group { choices: example.choices.clone(), draws }
}

fn traces(groups: &[Group], examples: &[Example]) -> Vec<(String, Attempt)> {
    let mut all = Vec::new();
    for (task, (group, example)) in groups.iter().zip(examples).enumerate() {
        for (attempt, draw) in group.draws.iter().enumerate() {
            let edit = &example.choices.edits()[draw.index];
            let Earned::Counts(counts) = draw.earned else { continue };
            let tried = Tried {
                path: edit.path.to_string(),
                function: edit.function.to_string(),
                line: edit.line,
                kind: edit.kind.as_str().to_owned(),
                context: edit.context.to_owned(),
                start: edit.start,
                before: edit.before.clone(),
                after: edit.after.clone(),
                log_probability: draw.log_probability,
                choices: example.choices.len() as u32,
            };
            let outcome = [Outcome::Failed, Outcome::Partial, Outcome::Passed][counts.fixed as usize];
            let made = Attempt {
                schema: "trace/1".to_owned(),
                task: format!("task {task}"),
                repo: "repo".to_owned(),
                attempt: attempt as u32,
                statement: statement(&observed()),
                observed: observed(),
                tried,
                feedback: Feedback { counts, ..Feedback::default() },
                outcome,
            };
            all.push((made.digest().to_string(), made));
        }
    }
    all
}

fn suite() -> Suite {
    let names = ["Shelf.__init__", "Shelf.room", "Shelf.put"];
    let functions = names.map(|name| Function { path: "shelf.py".to_owned(), name: name.to_owned() });
    let tests = [("full", vec![0, 1]), ("put", vec![0, 1, 2])]
        .map(|(name, covers)| (format!("tests.{name}"), KnownTest { status: KnownStatus::Passed, covers }));
    Suite {
        command: "python -m unittest".to_owned(),
        limits: Limits::default(),
        network: false,
        runs: 1,
        functions: functions.into(),
        tests: tests.into(),
        unloadable: BTreeMap::new(),
    }
}

fn observed() -> Observed {
    let frame = |function: &str, line| Frame { path: "shelf.py".into(), function: function.into(), line };
    let covered = |function: &str, passing| Covered {
        path: "shelf.py".into(),
        function: function.into(),
        failing: 2,
        passing,
    };
    let lines = (2..21).map(|line| (line, 1 + line % 2, line % 3)).collect();
    Observed {
        failures: vec![
            Failure { exception: "AssertionError".into(), frames: vec![], tests: 1 },
            Failure {
                exception: "ValueError".into(),
                frames: vec![frame("Shelf.put", 13), frame("Shelf.room", 9)],
                tests: 1,
            },
        ],
        covered: vec![covered("Shelf.put", 1), covered("Shelf.room", 3)],
        lines: BTreeMap::from([("shelf.py".to_owned(), lines)]),
        failing: 2,
        watched: 3,
    }
}
