//! Every attempt to get out, made by code under test: within a verdict, and by one verdict on the next.
//!
//! `cargo test --workspace --test harness escapes -- --nocapture` prints the table.

use std::{
    sync::LazyLock,
    time::{Duration, Instant},
};

use sswe_engine::sandbox::Native;
use sswe_pipelines::{
    artifact::Status,
    harness::{Ask, Backend, Bench, Harness, Policy, Python, Report},
};
use tokio::{runtime::Runtime, sync::Mutex};

use crate::{
    image::docker,
    prey::{ESCAPES, Neighbour, Prey, every_attempt, tell},
    support::{bench, changed},
};

const TESTS: &str = "\
import unittest
import product

class Case(unittest.TestCase):
    def test_a(self):
        self.assertEqual(1, 1)

    def test_b(self):
        self.assertEqual(product.work(), 1)

    def test_c(self):
        self.assertEqual(2, 2)
";

/// Each has one server, as long as it is clean: what a verdict leaves behind, the next one meets.
struct World {
    runtime: Runtime,
    places: Vec<Place>,
    turn: Mutex<()>,
}

struct Place {
    name: &'static str,
    harness: Harness,
    neighbour: Neighbour,
}

static WORLD: LazyLock<World> = LazyLock::new(|| {
    let runtime = Runtime::new().unwrap();
    let short = Duration::from_secs(1);
    let policy = Policy { unknown: short, idle: short, ..Policy::default() };
    let make = |python, backend| Harness::new(python, 1, 4).inside(backend).with_policy(policy.clone());
    let python = runtime.block_on(Python::find("python3")).unwrap();
    let neighbour = Neighbour::in_a(|_| Native);
    let mut places =
        vec![Place { name: "native verdict", harness: make(python, Backend::Native), neighbour }];
    if let Some(docker) = runtime.block_on(docker()) {
        let (python, _) = runtime.block_on(Python::inside(&docker)).unwrap();
        let neighbour = Neighbour::in_a(|runtime| runtime.block_on(crate::image::docker()).unwrap());
        places.push(Place {
            name: "docker verdict",
            harness: make(python, Backend::Docker(docker)),
            neighbour,
        });
    }
    World { runtime, places, turn: Mutex::new(()) }
});

/// Makes attempts, one after the other, each in a verdict of its own.
fn escape(attempts: &[&str]) {
    let world = &*WORLD;
    world.runtime.block_on(async {
        let _turn = world.turn.lock().await;
        let files = [
            ("product.py", "def work():\n    return 1\n"),
            ("escapes.py", ESCAPES),
            ("test_product.py", TESTS),
        ];
        let bench = bench("python -m unittest", &files);
        let mut prey = Prey::lay_out(bench.limits.files);
        for Place { name, harness, neighbour } in &world.places {
            for attempt in attempts {
                let begun = Instant::now();
                let happened = one(harness, &bench, attempt, &prey.facts).await;
                assert!(
                    begun.elapsed() < Duration::from_secs(120),
                    "{name}: {attempt}: {:?}",
                    begun.elapsed()
                );
                let harm = prey.harm();
                assert!(harm.is_empty(), "{name}: {attempt}: {happened}: {harm:?}");
                neighbour.is_there(&format!("{name}: {attempt}"));
                tell(name, attempt, &happened);
            }
            let clean = harness.measure(&bench, Ask::default()).await.unwrap();
            assert!(
                clean.tests.iter().all(|test| test.status.is_passed()),
                "{name}: after {attempts:?}: {clean:#?}"
            );
            assert_eq!(clean.tests.len(), 3);
        }
    });
}

/// Makes an attempt, and returns what kept it.
async fn one(harness: &Harness, bench: &Bench, attempt: &str, facts: &str) -> String {
    // A text of JSON is one of Python, too.
    let facts = serde_json::to_string(facts).unwrap();
    let product = format!(
        "import json\nimport escapes\n\n\ndef work():\n    raise AssertionError(escapes.attempt({attempt:?}, json.loads({facts})))\n"
    );
    let report = harness.measure(bench, changed("product.py", &product)).await.unwrap();
    happened(attempt, &report)
}

fn happened(attempt: &str, report: &Report) -> String {
    let [a, b, _] = &report.tests[..] else { panic!("{attempt}: {report:#?}") };
    assert_eq!(a.status, Status::Passed, "{attempt}: {report:#?}");
    let raised = b.raised.as_ref().map(|raised| (raised.exception.as_str(), raised.message.as_str()));
    match (b.status, raised) {
        (Status::Error, Some(("Held", why))) => why.to_owned(),
        (Status::Error, Some(("MemoryError", why))) => format!("ended: {why}"),
        (Status::Timeout, _) => "ended: it used up its time".to_owned(),
        // In a container a verdict is an ordinary process, and what it sends to everybody reaches itself.
        (Status::Missing, None) if attempt == "signal_everybody" => "ended: it ended itself".to_owned(),
        _ => panic!("{attempt} got out: {b:#?}"),
    }
}

macro_rules! attempts {
    ($($name:ident)*) => {
        $(#[test]
        fn $name() {
            escape(&[stringify!($name)]);
        })*
    };
}

every_attempt!(attempts);

attempts! {
    change_the_harness
    read_the_clean_tree
    fill_the_results
}

#[test]
fn leave_something_behind() {
    escape(&["leave_something_behind", "find_what_was_left"]);
}
