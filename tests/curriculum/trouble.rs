//! Seeds that misbehave: a clear message each, and nothing lost.

use super::site::{Built, Site};

const SUITE: &str = "import unittest\nfrom thing import add\n\n\nclass Adds(unittest.TestCase):\n    def test_adds(self):\n        self.assertEqual(add(1, 2), 3)\n";
const PRODUCT: &str = "def add(a, b):\n    return a + b\n";

fn file(seed: &str) -> String {
    format!(
        "sswe 1
sandbox box {{ limits {{ wall = 5s, memory = 256MiB, pids = 64 }} }}
seeds core {{ sandbox = box, runs = 2, dir \"{seed}\" {{ test = 'python -m unittest' }} }}
seeds exam {{ sandbox = box, runs = 2, dir \"good\" {{ test = 'python -m unittest' }} }}
model base {{ backend = rewriter }}
validation practice {{ from = exam, size = 2 }}
curriculum main {{ seeds = core, solver = base, rounds = 1, score {{ against = practice }} }}
"
    )
}

/// Builds the baselines of a good repository and of one with this product and these tests.
fn baselines(product: &str, suite: &str) -> Built {
    let files = [
        ("bad/thing.py", product),
        ("bad/test_thing.py", suite),
        ("good/fine.py", PRODUCT),
        ("good/test_thing.py", &SUITE.replace("from thing", "from fine")),
    ];
    Site::with(&file("bad"), &files).build("store", "--keep-going --until main/r0/warm_start")
}

#[track_caller]
fn says(built: &Built, words: &str) {
    let reason = &built.reasons["main/seed/bad/baseline"];
    assert_eq!(built.code, 3, "{built:?}");
    assert!(reason.contains(words), "{reason}");
}

#[test]
fn a_suite_that_never_passes() {
    says(&baselines(PRODUCT, &SUITE.replace("3)", "4)")), "none of 1 tests passes");
}

#[test]
fn a_syntax_error_in_a_seed() {
    says(&baselines("def add(a, b:\n", SUITE), "SyntaxError");
}

#[test]
fn a_suite_without_tests() {
    says(&baselines(PRODUCT, "x = 1\n"), "finds no tests");
}

#[test]
fn a_suite_that_loops() {
    let looping = SUITE.replace("self.assertEqual(add(1, 2), 3)", "\n        while True: pass");
    says(&baselines(PRODUCT, &looping), "it does not come to an end");
}

#[test]
fn a_suite_that_sleeps_for_ever() {
    let built =
        baselines(PRODUCT, &SUITE.replace("self.assertEqual(add(1, 2), 3)", "__import__('time').sleep(1e6)"));
    says(&built, "it does not come to an end");
}

#[test]
fn a_suite_that_needs_the_network() {
    let calls = "__import__('socket').create_connection(('10.0.0.1', 80), 2)";
    says(
        &baselines(PRODUCT, &SUITE.replace("self.assertEqual(add(1, 2), 3)", calls)),
        "none of 1 tests passes",
    );
}

#[test]
fn a_suite_that_prints_without_end() {
    let prints = "[print('x' * 1_000_000) for _ in range(1_000)]";
    let built = baselines(PRODUCT, &SUITE.replace("self.assertEqual(add(1, 2), 3)", prints));
    // What is printed is thrown away: printing alone is no failure.
    assert!(built.code == 0 && built.digests.contains_key("main/seed/bad/baseline"), "{built:?}");
}

#[test]
fn a_suite_that_forks_without_end() {
    let forks = "\n        import os\n        while True: os.fork()";
    says(
        &baselines(PRODUCT, &SUITE.replace("self.assertEqual(add(1, 2), 3)", forks)),
        "none of 1 tests passes",
    );
}

#[test]
fn a_suite_that_deletes_itself() {
    let deletes = "__import__('shutil').rmtree('.', ignore_errors=True)";
    let built = baselines(PRODUCT, &SUITE.replace("self.assertEqual(add(1, 2), 3)", deletes));
    // Each run has files of its own: nothing is gone for the next one.
    assert!(built.code == 0 && built.digests.contains_key("main/seed/bad/baseline"), "{built:?}");
}

#[test]
fn an_exam_that_shares_code_with_the_seeds() {
    let product = "def add(a, b):\n    total = a\n    total += b\n    return total\n";
    let files = [
        ("bad/thing.py", product),
        ("bad/test_thing.py", SUITE),
        ("good/other.py", product),
        ("good/test_thing.py", SUITE),
    ];
    let run = Site::with(&file("bad"), &files).sswe("store", "build tiny.sswe").exits(1);
    run.mentions(&[
        "`good` (exam `practice`) is the same code as `bad` (trained on): both have 1 file and 1 function",
        "other.py: add",
        "take one of the two out",
    ]);
}

#[test]
fn a_round_without_a_survivor() {
    let site = Site::tiny();
    site.edit("tiny.sswe", "    separates\n", "    nothing\n    separates\n");
    site.edit("tiny.sswe", "model base", "gate nothing { run = 'false' }\n\nmodel base");
    site.edit("tiny.sswe", "valid = 4, group = 4", "valid = 4, group = 4, max_draws = 8");
    let built = site.built("store", "");
    assert!(
        built.reasons["main/r1/generate"].contains("0 of 4 were accepted in 8 draws"),
        "{:?}",
        built.reasons
    );
    let shown = site.sswe("store", "show run tiny.sswe").exits(0);
    assert!(shown.out.contains("nothing 8 its command says no"), "{}", shown.out);
}
