//! The same suites in containers: the same verdicts, and nothing of one in the next.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    sync::Arc,
    time::{Duration, Instant},
};

use sswe_engine::sandbox::{Daemon, Docker};
use sswe_pipelines::{
    artifact::{File, Limits, Status, Tree},
    fetch::Fetch,
    harness::{Ask, Backend, Bench, Harness, Python, Report, Tests, Trace},
    lock::{Need, Pins},
};

use crate::{
    friendly::FILES,
    image::{docker, recipe},
    support::{bench, changed, statuses, test},
};

async fn contained(docker: &Docker) -> Harness {
    let (python, _) = Python::inside(docker).await.unwrap();
    Harness::new(python, 1, 4).inside(Backend::Docker(docker.clone()))
}

#[tokio::test]
async fn the_python_of_an_image_is_known_as_on_a_host() {
    let Some(docker) = docker().await else { return };
    let host = Python::find("/usr/bin/python3").await.unwrap();
    let (python, library) = Python::inside(&docker).await.unwrap();
    assert_eq!((&python.program, &python.version), (&host.program, &host.version));
    assert_eq!(library, host.library_digest().unwrap());
}

/// Plants small changes: the `at`-th place of some token gets another one.
fn edits(tree: &Tree) -> Vec<(String, String)> {
    let swaps = [
        (" + ", " - "),
        (" < ", " <= "),
        (" == ", " != "),
        ("return ", "return not "),
        (" and ", " or "),
        ("[0]", "[-1]"),
        ("(self, ", "(self, *, "),
        ("    ", "   "),
        (" in ", " not in "),
        ("1", "2"),
        ("None", "[]"),
        (":\n", ":\n        raise KeyError('planted')\n"),
    ];
    let mut found = Vec::new();
    let is_product = |path: &str| path.ends_with(".py") && !path.contains("test");
    for (number, (path, file)) in tree.iter().filter(|(path, _)| is_product(path)).enumerate() {
        let text = String::from_utf8(file.bytes()).unwrap();
        for (from, to) in swaps.iter().cycle().skip(number * 5).take(5) {
            let places: Vec<usize> = text.match_indices(from).map(|(at, _)| at).collect();
            if let Some(at) = places.get(places.len() / 2) {
                let new = format!("{}{to}{}", &text[..*at], &text[at + from.len()..]);
                found.push((path.to_owned(), new));
            }
        }
    }
    found.truncate(5);
    found
}

fn seed(folder: &Path) -> Bench {
    fn walk(folder: &Path, root: &Path, tree: &mut Tree) {
        for entry in fs::read_dir(folder).unwrap().flatten() {
            let path = entry.path();
            if path.is_dir() {
                if !path.ends_with("__pycache__") {
                    walk(&path, root, tree);
                }
            } else {
                let inner = path.strip_prefix(root).unwrap().display().to_string();
                tree.insert(inner, File::new(fs::read(&path).unwrap(), false)).unwrap();
            }
        }
    }
    let mut tree = Tree::default();
    walk(folder, folder, &mut tree);
    Bench {
        id: folder.display().to_string(),
        tree: Arc::new(tree),
        command: "python -m unittest".to_owned(),
        limits: Limits::default(),
        network: false,
        site: None,
        trusted: vec![],
        packages: false,
    }
}

/// Returns a report without what is never a result.
fn results(report: &Report) -> impl PartialEq + std::fmt::Debug {
    (report.tests.clone(), report.unloadable.clone())
}

#[tokio::test]
async fn verdicts_are_the_same_as_in_namespaces() {
    let Some(docker) = docker().await else { return };
    let contained = contained(&docker).await;
    let native = Harness::new(Python::find("/usr/bin/python3").await.unwrap(), 1, 4);
    let seeds = concat!(env!("CARGO_MANIFEST_DIR"), "/../examples/seeds");
    let mut seeds: Vec<_> = fs::read_dir(seeds).unwrap().map(|entry| entry.unwrap().path()).collect();
    seeds.retain(|path| path.is_dir());
    seeds.sort();
    let (mut count, mut broken) = (0, 0);
    for folder in seeds {
        let bench = seed(&folder);
        let mut asks = vec![Ask { trace: Trace::Lines, ..Ask::default() }];
        for (path, text) in edits(&bench.tree) {
            asks.push(Ask { trace: Trace::Lines, ..changed(&path, &text) });
        }
        for ask in asks {
            let there = contained.measure(&bench, ask.clone()).await.unwrap();
            let here = native.measure(&bench, ask.clone()).await.unwrap();
            assert_eq!(results(&there), results(&here), "{}: {:?}", folder.display(), ask.changed);
            count += 1;
            broken += usize::from(here.tests.iter().any(|test| !test.status.is_passed()));
        }
    }
    assert!(count >= 50 && broken >= 25 && broken < count, "{broken} of {count} verdicts broke a test");
}

const HOSTILE: &str = "\
import ctypes, os, signal, socket, subprocess, sys, time, unittest

def leave():
    deep = os.open('/tmp', os.O_RDONLY)
    for _ in range(3000):
        os.mkdir('d' * 200, dir_fd=deep)
        inner = os.open('d' * 200, os.O_RDONLY, dir_fd=deep)
        os.close(deep)
        deep = inner
    open('/tmp/left', 'w').write('left')
    os.mkfifo('/work/pipe')
    os.symlink('/etc', '/work/link')
    os.makedirs('/tmp/closed/inner')
    open('/tmp/closed/inner/file', 'w').write('x')
    os.chmod('/tmp/closed/inner', 0o1000)
    os.chmod('/tmp/closed', 0)
    os.setxattr('/work', 'user.left', b'left') if hasattr(os, 'setxattr') else None
    os.chmod('/work', 0)
    libc = ctypes.CDLL(None)
    libc.mq_open(b'/left', os.O_CREAT | os.O_RDWR, 0o600, None)
    for _ in range(5):
        if os.fork() == 0:
            os.setsid()
            signal.signal(signal.SIGTERM, signal.SIG_IGN)
            if os.fork() == 0:
                libc.prctl(36, 1, 0, 0, 0)
                while True:
                    if os.fork() == 0:
                        time.sleep(1000)
                    time.sleep(0.01)
            os._exit(0)
    time.sleep(0.1)

def look():
    found = [name for name in os.listdir('/tmp')]
    found += [name for name in os.listdir('/work') if name in ('pipe', 'link', 'left')]
    found += os.listxattr('/work')
    found += os.listdir('/dev/mqueue') if os.path.exists('/dev/mqueue') else []
    mine = {str(os.getpid()), str(os.getppid()), '1'}
    found += [pid for pid in os.listdir('/proc') if pid.isdigit() and pid not in mine]
    found += [line for name in ('shm', 'sem', 'msg') for line in open('/proc/sysvipc/' + name).readlines()[1:]]
    if oct(os.stat('/work').st_mode) != '0o40755':
        found.append(oct(os.stat('/work').st_mode))
    return found

class Case(unittest.TestCase):
    def test_it(self):
        import part
        self.assertEqual(part.run(sys.modules[__name__]), [])
";

#[tokio::test]
async fn nothing_of_a_verdict_is_there_for_the_next() {
    let Some(docker) = docker().await else { return };
    let harness = contained(&docker).await;
    let bench = bench(
        "python -m unittest",
        &[
            ("part.py", "def run(m):\n    return m.look()\n"),
            ("tests/__init__.py", ""),
            ("tests/test_it.py", HOSTILE),
        ],
    );
    let id = "tests.test_it.Case.test_it";
    let look = || Ask::default();
    let leave = || changed("part.py", "def run(m):\n    m.leave()\n    return []\n");
    for _ in 0..3 {
        let report = harness.measure(&bench, leave()).await.unwrap();
        assert_eq!(statuses(&report), [(id, Status::Passed)], "{report:#?}");
        let report = harness.measure(&bench, look()).await.unwrap();
        assert_eq!(statuses(&report), [(id, Status::Passed)], "{:#?}", test(&report, id).raised);
    }
    // All of that in one container: it was clean each time.
    assert_eq!(docker.daemon.containers().await.unwrap().len(), 1);
}

#[tokio::test]
async fn what_was_changed_cannot_be_read_as_it_was() {
    let Some(docker) = docker().await else { return };
    let harness = contained(&docker).await;
    let tests = "\
import os, unittest

class Case(unittest.TestCase):
    def test_it(self):
        import secret
        found = []
        for top in ('/base', '/pyc', '/sswe', '/harness', '/proc/1', '/tmp', '/work', '/dev', '/etc', '/run', '/var'):
            for folder, _, names in os.walk(top):
                for name in names:
                    path = os.path.join(folder, name)
                    try:
                        if os.path.isfile(path) and b'the answer' in open(path, 'rb').read(1 << 20):
                            found.append(path)
                    except OSError:
                        pass
        self.assertEqual(found, [])
        self.assertEqual(secret.word(), 'another')
        self.assertRaises(OSError, os.listdir, '/base')
        self.assertRaises(OSError, open, '/proc/1/mem', 'rb')
        self.assertRaises(OSError, os.kill, 1, 9)
        self.assertRaises(OSError, os.kill, os.getppid(), 9)
        self.assertEqual(os.listdir('/sswe'), [])
        self.assertEqual(os.listdir('/sys'), [])
"
    .replace("b'the answer'", "b'the ' + b'answer'");
    let bench = bench(
        "python -m unittest",
        &[
            ("secret.py", "def word():\n    return 'the answer'\n"),
            ("tests/__init__.py", ""),
            ("tests/test_it.py", &tests),
        ],
    );
    let id = "tests.test_it.Case.test_it";
    let ask = || changed("secret.py", "def word():\n    return 'another'\n");
    for _ in 0..2 {
        let report = harness.measure(&bench, ask()).await.unwrap();
        assert_eq!(statuses(&report), [(id, Status::Passed)], "{:#?}", test(&report, id).raised);
        // Unchanged, its compiled form is there again, and says what it says.
        let report = harness.measure(&bench, Ask::default()).await.unwrap();
        assert_eq!(statuses(&report), [(id, Status::Failed)]);
    }
}

#[tokio::test]
async fn a_container_that_is_not_clean_is_not_used_again() {
    let Some(docker) = docker().await else { return };
    let harness = contained(&docker).await;
    let tests = "\
import socket, unittest

class Case(unittest.TestCase):
    def test_it(self):
        server = socket.create_server(('127.0.0.1', 5999))
        client = socket.create_connection(('127.0.0.1', 5999))
        server.accept()[0].close()
        client.recv(1)
        client.close()
";
    let bench = bench("python -m unittest", &[("tests/__init__.py", ""), ("tests/test_it.py", tests)]);
    let mut seen = Vec::new();
    for _ in 0..2 {
        // Without a new one the port would be in use.
        let report = harness.measure(&bench, Ask::default()).await.unwrap();
        assert_eq!(report.tests[0].status, Status::Passed, "{report:#?}");
        seen.extend(docker.daemon.containers().await.unwrap());
    }
    seen.dedup();
    assert!(seen.len() > 1, "{seen:?}");
}

#[tokio::test]
async fn one_that_was_killed_is_replaced() {
    let Some(docker) = docker().await else { return };
    let harness = contained(&docker).await;
    let bench = bench("python -m unittest", FILES);
    let before = harness.measure(&bench, Ask::default()).await.unwrap();
    let client = ["/usr/bin/docker", "docker"].into_iter().find(|path| Path::new(path).exists());
    let client = client.unwrap_or("docker");
    for name in docker.daemon.containers().await.unwrap() {
        let killed = Command::new(client).args(["kill", name.trim_start_matches('/')]).output();
        assert!(killed.unwrap().status.success());
    }
    let after = harness.measure(&bench, Ask::default()).await.unwrap();
    assert_eq!(results(&before), results(&after));
}

#[tokio::test]
async fn nothing_is_left_when_all_is_done() {
    let Some(docker) = docker().await else { return };
    let harness = contained(&docker).await;
    let bench = bench("python -m unittest", FILES);
    harness.measure(&bench, Ask::default()).await.unwrap();
    let slow = changed("ledger/book.py", "import time\ntime.sleep(1000)\n");
    // A verdict that nobody waits for any more.
    assert!(tokio::time::timeout(Duration::from_millis(300), harness.measure(&bench, slow)).await.is_err());
    drop(harness);
    let begun = Instant::now();
    while !docker.daemon.containers().await.unwrap().is_empty() {
        assert!(begun.elapsed() < Duration::from_secs(20));
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    let own = format!("sswe-docker-{}-", std::process::id());
    let names = fs::read_dir(std::env::temp_dir()).unwrap().flatten();
    let left = names.filter(|entry| entry.file_name().to_string_lossy().starts_with(&own)).count();
    assert_eq!(left, 0);
}

#[tokio::test]
async fn tests_of_a_container_are_limited_as_they_are_elsewhere() {
    let Some(docker) = docker().await else { return };
    let harness = contained(&docker).await;
    let tests = "\
import os, unittest

class Case(unittest.TestCase):
    def test_files(self):
        with self.assertRaises(OSError):
            for at in range(200):
                open('/tmp/%d' % at, 'wb').write(bytes(1 << 20))

    def test_memory(self):
        with self.assertRaises(MemoryError):
            bytearray(3 << 30)

    def test_processes(self):
        with self.assertRaises(OSError):
            for _ in range(200):
                if os.fork() == 0:
                    import time
                    time.sleep(100)

    def test_loop(self):
        while True:
            pass
";
    let bench = bench("python -m unittest", &[("tests/__init__.py", ""), ("tests/test_it.py", tests)]);
    let ids = ["files", "memory", "processes"].map(|name| format!("tests.test_it.Case.test_{name}"));
    let ask = Ask { tests: Tests::Only(ids.to_vec()), ..Ask::default() };
    let bench = Bench { trusted: ids.to_vec(), ..bench };
    let report = harness.measure(&bench, ask).await.unwrap();
    assert!(report.tests.iter().all(|test| test.status == Status::Passed), "{report:#?}");
    let id = "tests.test_it.Case.test_loop".to_owned();
    let cpu_ms = BTreeMap::from([(id.clone(), 200)]);
    let ask = Ask { tests: Tests::Only(vec![id.clone()]), cpu_ms, ..Ask::default() };
    let report = harness.measure(&bench, ask).await.unwrap();
    assert_eq!(statuses(&report), [(id.as_str(), Status::Timeout)]);
}

#[test]
fn images_are_pinned_by_what_they_are_made_of() {
    let runtime = tokio::runtime::Runtime::new().unwrap();
    let Some(docker) = runtime.block_on(docker()) else { return };
    let base = std::env::temp_dir().join(format!("sswe-images-{}", std::process::id()));
    fs::create_dir_all(base.join("image")).unwrap();
    assert!(Command::new(recipe()).arg(base.join("root.tar")).status().unwrap().success());
    fs::copy(base.join("root.tar"), base.join("image/root.tar")).unwrap();
    fs::write(base.join("image/Dockerfile"), "FROM scratch\nADD root.tar /\n").unwrap();
    let fetch = Fetch::new(&base.join("store"), &base, "a.lock", true);
    let pin = |name: &str| {
        let mut pins = Pins::default();
        let done = fetch.pin(&Need::Image(name.to_owned()), None, &mut pins);
        done.map(|()| (pins.images[name].clone(), pins.text()))
    };
    let (tar, text) = pin("./root.tar").unwrap();
    assert_eq!(text, format!("sswe lock 1\nimage ./root.tar {tar}\n"));
    let (folder, _) = pin("./image").unwrap();
    assert!(tar != folder && pin("./root.tar").unwrap().0 == tar && pin("./image").unwrap().0 == folder);
    let made = runtime.block_on(docker.daemon.made()).unwrap();
    let made: Vec<&str> = made.iter().map(|image| image.digest.as_str()).collect();
    assert!(made.contains(&tar.as_str()) && made.contains(&folder.as_str()), "{made:?}");
    // One that has no registry is known by what Docker calls it.
    let name = Daemon::name_of(&folder);
    let here = runtime.block_on(docker.daemon.image(&name)).unwrap().unwrap();
    assert_eq!(pin(&name).unwrap().0, here.id);
    // Code runs in what was built.
    let built = Docker { image: here, ..docker.clone() };
    let (_, library) = runtime.block_on(Python::inside(&built)).unwrap();
    assert_eq!(library, runtime.block_on(Python::inside(&docker)).unwrap().1);

    let told = |name: &str| pin(name).unwrap_err().to_string();
    assert!(told("./none").contains("is no folder with a `Dockerfile`"), "{}", told("./none"));
    assert!(told("sswe-none:1").contains("is not in Docker"), "{}", told("sswe-none:1"));
    // A path that was written like a name, which Docker knows nothing of.
    for (name, what) in [("root.tar", "a file"), ("image", "a folder with a `Dockerfile`")] {
        let told = told(name);
        assert!(told.starts_with(&format!("no image is called `{name}`, and there is {what}")), "{told}");
        assert!(told.ends_with(&format!("write `image = \"./{name}\"`")), "{told}");
    }
    fs::write(base.join("image/Dockerfile"), "FROM scratch\nADD none /\n").unwrap();
    assert!(told("./image").contains("see that `docker build` works"), "{}", told("./image"));
    for digest in [tar, folder] {
        assert!(runtime.block_on(docker.daemon.discard(&digest)).unwrap());
    }
    fs::remove_dir_all(&base).unwrap();
}
