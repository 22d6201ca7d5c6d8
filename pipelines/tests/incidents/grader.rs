//! H11, H12, H13, H14: what the grader itself must not do.

use sswe_engine::Fault;
use sswe_pipelines::artifact::{Counts, Feedback, Status};
use sswe_pipelines::grade::{Court, Memory, attempt};
use sswe_pipelines::harness::{Ask, Proposal, Put, Tests, Trouble};

use crate::support::{Framework, SOUND, Shop, bench, harness, judges, mended, product, proposal, tree};

#[tokio::test]
async fn h11_nothing_scores_nothing() {
    for (backend, framework) in judges().await {
        let shop = Shop::new(backend, framework).await;
        let mut seen: Vec<Feedback> = Vec::new();
        for _ in 0..5 {
            seen.push(shop.refuses("H11", "no edit at all", &Proposal::new()).await);
        }
        assert!(seen.iter().all(|feedback| *feedback == seen[0]), "{seen:#?}");
        assert_eq!((seen[0].counts.fixed, seen[0].counts.kept), (0, 2));
        let whole = proposal(&[("shop/price.py", SOUND)]);
        for _ in 0..5 {
            let feedback = shop.attempt(&whole).await;
            assert_eq!(feedback.counts, Counts { fixed: 4, failing: 4, kept: 2, passing: 2 });
            let expected = Feedback { counts: feedback.counts, ..Feedback::default() };
            assert_eq!(feedback, expected, "an honest attempt says nothing but its counts");
        }
        shop.line("H11", "the reference, five times", "resolved each time", "no alarm");
    }
}

#[tokio::test]
async fn h12_junk_scores_nothing() {
    for (backend, framework) in judges().await {
        let shop = Shop::new(backend, framework).await;
        for (attack, junk) in [
            ("a comment", product("# Mended.\n")),
            ("a new file", proposal(&[("shop/more.py", "x = 1\n")])),
            ("words", proposal(&[("README.md", "It is mended now.\n")])),
            ("no Python", proposal(&[("shop/price.py", "))) not python (((")])),
            ("nothing left", proposal(&[("shop/price.py", "")])),
            ("a file that is not there deleted", Proposal::from([("shop/x.py".to_owned(), Put::Deleted)])),
            ("the product deleted", Proposal::from([("shop/price.py".to_owned(), Put::Deleted)])),
            ("bytes", Proposal::from([("shop/price.py".to_owned(), Put::Bytes(vec![0, 255]))])),
        ] {
            let feedback = shop.refuses("H12", attack, &junk).await;
            assert_eq!(feedback.counts.fixed, 0, "{attack}: {feedback:#?}");
        }
        // What is new and used is judged with the rest; what is deleted is not there.
        let moved = Proposal::from([
            ("shop/price.py".to_owned(), Put::Text("from shop.money import *\n".to_owned())),
            ("shop/money.py".to_owned(), Put::Text(SOUND.to_owned())),
        ]);
        let feedback = shop.attempt(&moved).await;
        assert!(feedback.counts.is_resolved() && feedback.alarm.is_none(), "{feedback:#?}");
        shop.line("H12", "an honest change of two files", "resolved", "no alarm");
    }
}

#[tokio::test]
async fn h13_broken_surroundings_are_no_verdict() {
    for (backend, framework) in judges().await {
        let shop = Shop::new(backend.clone(), framework).await;
        if framework == Framework::Unittest {
            // The framework is not there.
            let mut bare = bench("bare", tree(&[("shop.py", SOUND)]), "python -m pytest");
            bare.packages = false;
            let refused = harness(backend, framework).await.measure(&bare, Ask::default()).await;
            assert!(
                matches!(&refused, Err(Trouble::Refused(why)) if why.contains("packages")),
                "{refused:?}"
            );
            shop.line("H13", "no pytest", "refused: no verdict", "the server says what is missing");
        }
        // Something outside kills what judges an attempt: the process that runs it, which is begun again, or
        // the whole server.
        let sleeps = |name: &str| {
            product(&format!(
                "import ctypes, time\nctypes.CDLL(None).prctl(15, b'{name}', 0, 0, 0)\n\
                 def discount(*_):\n    time.sleep(1)\n    return 180\n"
            ))
        };
        let court = Court::new(&shop.harness, &shop.bench, &shop.suite);
        let fork = sleeps("incident-fork");
        let judging = attempt(Memory::None, &court, &shop.task, &fork, None);
        let (judged, ()) = tokio::join!(judging, kill("incident-fork", false));
        let feedback = judged.unwrap();
        assert_eq!((feedback.counts.fixed, feedback.counts.kept), (0, 2), "{feedback:#?}");
        shop.line(
            "H13",
            "the process of a verdict is killed",
            "it is begun again",
            "the signal can only come from outside",
        );
        let server = sleeps("incident-all");
        let judging = attempt(Memory::None, &court, &shop.task, &server, None);
        let (judged, ()) = tokio::join!(judging, kill("incident-all", true));
        assert!(matches!(judged, Err(Fault::Infra(_))), "{judged:?}");
        shop.line("H13", "the test server is killed", "infra: tried again, no reward", "the host");
        shop.is_unharmed().await;
    }
}

/// Kills the process of that name when it is there, or the one that this program started above it.
async fn kill(name: &str, above: bool) {
    for _ in 0..500 {
        tokio::time::sleep(std::time::Duration::from_millis(20)).await;
        let Some(mut pid) = processes().into_iter().find_map(|(pid, _, its)| (its == name).then_some(pid))
        else {
            continue;
        };
        let own = std::process::id();
        while above && let Some((_, parent, _)) = processes().into_iter().find(|(its, ..)| *its == pid) {
            // A container's first process is a child of what the daemon started for it.
            let is_ours =
                |(its, _, name): &(u32, u32, String)| *its == parent && !name.starts_with("containerd");
            if parent == own || parent <= 1 || !processes().iter().any(is_ours) {
                break;
            }
            pid = parent;
        }
        std::process::Command::new("kill").args(["-9", &pid.to_string()]).status().unwrap();
        return;
    }
    panic!("no process called {name}");
}

/// Returns all processes with their parents and names.
fn processes() -> Vec<(u32, u32, String)> {
    let mut found = Vec::new();
    for entry in std::fs::read_dir("/proc").unwrap().flatten() {
        let Some(pid) = entry.file_name().to_str().and_then(|name| name.parse().ok()) else { continue };
        let Ok(stat) = std::fs::read_to_string(entry.path().join("stat")) else { continue };
        let Some((name, rest)) = stat.split_once('(').and_then(|(_, rest)| rest.rsplit_once(')')) else {
            continue;
        };
        let parent = rest.split_whitespace().nth(1).and_then(|parent| parent.parse().ok()).unwrap_or(0);
        found.push((pid, parent, name.to_owned()));
    }
    found
}

#[tokio::test]
async fn h14_no_result_is_no_pass() {
    for (backend, framework) in judges().await {
        let shop = Shop::new(backend, framework).await;
        let loops = product("def total(*_):\n    while True: pass\n");
        let feedback = shop.refuses("H14", "a loop", &loops).await;
        assert!(feedback.not_passed.values().any(|status| *status == Status::Timeout), "{feedback:#?}");
        let eats = product("def total(*_):\n    kept = []\n    while True: kept.append(bytes(1 << 24))\n");
        let feedback = shop.refuses("H14", "all memory", &eats).await;
        assert!(!feedback.not_passed.is_empty(), "{feedback:#?}");
        let threads = product(
            "import threading\ndef total(*_):\n    threading.stack_size(1 << 20)\n    started = []\n    \
             while True:\n        thread = threading.Thread(target=threading.Event().wait, daemon=True)\n        \
             thread.start()\n        started.append(thread)\n",
        );
        let feedback = shop.refuses("H14", "threads without end", &threads).await;
        assert!(!feedback.not_passed.is_empty(), "{feedback:#?}");
        // A suite that has none of the tests that are asked for.
        let gone: Vec<String> = ["tests.gone.Case.test", "tests/gone.py::test"].map(str::to_owned).to_vec();
        let ask = Ask { tests: Tests::Only(gone), ..Ask::default() };
        let report = shop.harness.measure(&shop.bench, ask).await.unwrap();
        assert!(report.tests.iter().all(|test| test.status == Status::Missing), "{report:#?}");
        // And a task that no test tells of: nothing mends it.
        let court = Court::new(&shop.harness, &shop.bench, &shop.suite);
        let mut task = shop.task.clone();
        (task.fail_to_pass, task.pass_to_pass) = (vec![], vec![]);
        let feedback = attempt(Memory::None, &court, &task, &mended(), None).await.unwrap();
        assert!(!feedback.counts.is_resolved(), "{feedback:#?}");
        shop.line("H14", "no tests at all", "not resolved", "an empty list is no pass");
        shop.is_unharmed().await;
    }
}
