//! L9 and L10: what is told of a task.

use std::sync::Arc;

use sswe_pipelines::artifact::{Limits, Task, Traces};
use sswe_pipelines::harness::{Ask, Bench, Harness};
use sswe_pipelines::leaks::{Answer, carried, feedback, observed, words};
use sswe_pipelines::{Python, rewriter};

use crate::support::{Built, Folder, answer, row, shop_with, task};

/// A test that puts its own source into what it raises, as pytest's assertions and tracebacks do.
const TELLING: &str = "\
import inspect
import unittest
from shop.cart import total


class TotalTest(unittest.TestCase):
    def test_discount_begins_at_a_hundred(self):
        rows = [{'unit_price': 40, 'count': 1}, {'unit_price': 60, 'count': 1}]
        told = inspect.getsource(type(self).test_discount_begins_at_a_hundred)
        self.assertEqual(total(rows, 0.5), 50, told)

    def test_an_empty_cart_is_free(self):
        self.assertEqual(total([], 0.5), 0, inspect.getsource(type(self)))

    def test_prices_are_added(self):
        rows = [{'unit_price': 7, 'count': 2}, {'unit_price': 3, 'count': 1}]
        self.assertEqual(total(rows, 0.5), 17, inspect.getsource(type(self)))
";

#[tokio::test]
async fn l09_tracebacks_carry_test_source() {
    let mut files = shop_with(&[]).files;
    files.replace("tests/test_total.py", TELLING.to_owned());
    let repo = sswe_pipelines::artifact::Repo { files: files.clone(), ..shop_with(&[]) };
    let bench = Bench {
        id: "l09".to_owned(),
        tree: Arc::new(files),
        command: "python -m unittest".to_owned(),
        limits: Limits::default(),
        network: false,
        packages: false,
        site: None,
        trusted: Vec::new(),
    };
    let harness = Harness::new(Python::find("python3").await.unwrap(), 1, 1);
    let report = harness.measure(&bench, Ask { changed: task().bug, ..Ask::default() }).await.unwrap();
    let messages: Vec<String> =
        report.tests.iter().filter_map(|test| Some(test.raised.as_ref()?.message.clone())).collect();
    // The verifier knows it; whoever hands it on gives the test away.
    let answer = Answer::new(&task(), &repo);
    let text = messages.join("\n");
    let caught = carried("the verifier's message", &text, &answer, "tell ids and statuses only");
    row("L9", "a traceback quotes the hidden test", &format!("the message is {text:?}"), &caught);
}

#[test]
fn l09_what_the_loop_tells_has_no_test_source() {
    let folder = Folder::new();
    for (path, text) in
        [("shop/__init__.py", ""), ("shop/cart.py", crate::support::CART), ("tests/__init__.py", "")]
    {
        folder.write(&format!("seeds/shop/{path}"), text);
    }
    folder.write("seeds/shop/tests/test_total.py", TELLING);
    let blocks = "  bootstrap { tasks = 6 }\n  solve { attempts = 4 }\n  warm_start { tasks = 4 }\n}\nvalidation anchor { from = all, size = 2 }";
    let built = Built::new(folder, &["shop"], blocks, "main/r1/solve");
    let tasks: Vec<Task> = built.read("main/r1/bootstrap", "tasks");
    let traces: Vec<Traces> = built.read("main/r1/solve", "traces");
    let mut told = 0;
    for task in &tasks {
        let answer = Answer::new(task, &built.repo_of(task));
        assert!(!answer.canaries().is_empty());
        assert_eq!(observed(&task.observed, &answer), []);
        assert_eq!(words(&task.statement, Some(&task.observed), &answer), []);
        for attempt in
            traces.iter().filter(|traces| traces.task == task.face().to_string()).flat_map(Traces::each)
        {
            assert_eq!(feedback(&attempt, &answer), []);
            // Were it otherwise, it would be seen.
            let mut leaky = attempt.clone();
            leaky.observed.failures.push(sswe_pipelines::artifact::Failure {
                exception: format!("AssertionError: {}", TELLING.lines().nth(8).unwrap()),
                frames: Vec::new(),
                tests: 1,
            });
            assert!(!feedback(&leaky, &answer).is_empty());
            told += 1;
        }
    }
    assert!(told > 8, "{told}");
    println!(
        "L9 | {told} attempts on {} tasks whose tests raise their own source | feedback has ids and statuses | `feedback` finds nothing",
        tasks.len()
    );
}

#[test]
fn l10_texts_quote_the_fix() {
    let (task, answer) = (task(), answer());
    let told = |text: &str| words(text, Some(&task.observed), &answer);
    assert_eq!(told(&task.statement), []);
    for (leak, text) in [
        ("a quoted condition", "The discount is missing: it should read `amount >= 100`."),
        ("other spacing", "Check that amount>=100 gets the discount."),
        (
            "a block of code",
            "Use this:\n```python\nif amount >= 100:\n    amount = amount - amount * rate\n```",
        ),
    ] {
        row("L10", &format!("a statement with {leak}"), &format!("it says {text:?}"), &told(text));
    }
    assert_eq!(told("The discount is not given where `amount > 100` fails for exactly 100."), []);

    // A name that only the sound side has.
    let mut renamed = task.clone();
    let sound =
        shop_with(&[("shop/rates.py", "def of(cart):\n    kind = cart.discount_kind\n    return kind\n")]);
    renamed.bug =
        [("shop/rates.py".to_owned(), "def of(cart):\n    kind = cart.kind\n    return kind\n".to_owned())]
            .into();
    let answer = Answer::new(&renamed, &sound);
    let caught = words("`of` should ask for the discount_kind.", Some(&task.observed), &answer);
    row("L10", "a name that only the fix has", "it says `discount_kind`", &caught);

    // A card is text as well.
    let mut card: sswe_pipelines::artifact::Card = serde_json::from_str(
        r#"{"schema":"card/1","name":"bounds","description":"A bound is wrong.","applicability":[],"operations":[],
            "weakness":[],"evidence":{"traces":[],"passed":0,"partial":0,"failed":0,"tasks":0},"anti_patterns":[],
            "scope":"transfer","lineage":{"merged":[]}}"#,
    )
    .unwrap();
    assert_eq!(words(&rewriter::skill_md(&card), None, &crate::support::answer()), []);
    card.operations.push("Turn `amount >= 100` into something else.".to_owned());
    let caught = words(&rewriter::skill_md(&card), None, &crate::support::answer());
    row("L10", "a card with the fix in it", "it says `amount >= 100`", &caught);
}
