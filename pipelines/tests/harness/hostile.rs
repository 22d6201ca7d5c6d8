//! Code that means harm, or is broken beyond its tests. After each, the next verdict is unaffected.

use std::time::{Duration, Instant};

use sswe_pipelines::{
    artifact::Status,
    harness::{Ask, Report, Trouble},
};

use crate::support::{bench, changed, harness, pytest, statuses, test};

const PRODUCT: &str = "def work():\n    return 1\n";

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

const FILES: &[(&str, &str)] = &[("product.py", PRODUCT), ("test_product.py", TESTS)];

/// Runs each product, and the clean one after each.
async fn each(products: &[(&str, [Status; 3])]) {
    let harness = harness().await;
    let bench = bench("python -m unittest", FILES);
    for (body, expected) in products {
        let begun = Instant::now();
        let report = harness.measure(&bench, changed("product.py", body)).await.unwrap();
        let found: Vec<Status> = report.tests.iter().map(|test| test.status).collect();
        assert_eq!(found, expected, "{body}\n{report:#?}");
        assert!(begun.elapsed() < Duration::from_secs(40), "{body}: {:?}", begun.elapsed());
        let clean = harness.measure(&bench, Ask::default()).await.unwrap();
        assert!(is_clean(&clean), "after {body}: {clean:#?}");
    }
}

fn is_clean(report: &Report) -> bool {
    report.tests.len() == 3 && report.tests.iter().all(|test| test.status.is_passed())
}

const fn b(status: Status) -> [Status; 3] {
    [Status::Passed, status, Status::Passed]
}

const ALL_ERROR: [Status; 3] = [Status::Error; 3];

#[tokio::test]
async fn loops_end_and_the_other_tests_are_told() {
    each(&[
        ("def work():\n    while True: pass\n", b(Status::Timeout)),
        ("def work():\n    return len(str(7 ** 10 ** 8))\n", b(Status::Timeout)),
        ("import time\ndef work():\n    time.sleep(1e9)\n", b(Status::Timeout)),
        ("import os\ndef work():\n    if not os.fork():\n        while True: pass\n    os.wait()\n", b(Status::Timeout)),
        (
            "import signal\nfor n in range(1, 64):\n    try: signal.signal(n, signal.SIG_IGN)\n    except Exception: pass\n\
             def work():\n    while True: pass\n",
            b(Status::Timeout),
        ),
        ("while True: pass\n", [Status::Timeout; 3]),
    ])
    .await;
}

#[tokio::test]
async fn exits_and_crashes_leave_the_rest_missing() {
    let rest = [Status::Passed, Status::Missing, Status::Missing];
    each(&[
        ("import os\ndef work():\n    os._exit(0)\n", rest),
        ("import ctypes\ndef work():\n    ctypes.string_at(0)\n", rest),
        (
            "import os\ndef work():\n    try:\n        os.kill(os.getppid(), 9)\n    except OSError:\n        pass\n    return 1\n",
            b(Status::Passed),
        ),
        ("import os\nos._exit(0)\n", [Status::Missing; 3]),
        ("import sys\nsys.exit(0)\n", ALL_ERROR),
        ("def work(:\n", ALL_ERROR),
        ("import sys\ndef work():\n    sys.exit(0)\n", b(Status::Error)),
    ])
    .await;
}

#[tokio::test]
async fn nothing_outgrows_its_limits() {
    each(&[
        (
            "import os\ndef work():\n    for _ in range(1000): os.write(1, bytes(1 << 20))\n    return 1\n",
            b(Status::Passed),
        ),
        ("def work():\n    a = []\n    while True: a.append(bytes(1 << 24))\n", b(Status::Error)),
        ("import os\ndef work():\n    while True: os.fork()\n", b(Status::Error)),
        (
            "def work():\n    with open('/tmp/x', 'wb') as f:\n        while True: f.write(bytes(1 << 20))\n",
            b(Status::Error),
        ),
        ("import os\ndef work():\n    os.memfd_create('x')\n", b(Status::Error)),
    ])
    .await;
}

#[tokio::test]
async fn nothing_outside_can_be_reached() {
    each(&[
        ("import urllib.request\ndef work():\n    urllib.request.urlopen('http://example.com')\n", b(Status::Error)),
        ("import socket\ndef work():\n    socket.create_connection(('1.1.1.1', 80))\n", b(Status::Error)),
        ("def work():\n    open('/usr/x', 'w')\n", b(Status::Error)),
        ("import os\ndef work():\n    os.listdir('/base')[0]\n", b(Status::Error)),
        ("def work():\n    open('/harness/serve.py', 'a')\n", b(Status::Error)),
        (
            "import shutil, os\ndef work():\n    shutil.rmtree('/harness', ignore_errors=True)\n    shutil.rmtree('/work', ignore_errors=True)\n    return 1\n",
            b(Status::Passed),
        ),
        (
            "import os\ndef work():\n    os.remove('/work/product.py')\n    os.symlink('/etc/passwd', '/work/product.py')\n    return 1\n",
            b(Status::Passed),
        ),
        (
            "import subprocess, sys\ndef work():\n    subprocess.Popen([sys.executable, '-c', 'import os,time; os.setsid(); os.fork(); time.sleep(1000)'])\n    return 1\n",
            b(Status::Passed),
        ),
        ("import ctypes\ndef work():\n    assert ctypes.CDLL(None).unshare(0x10000000) == 0\n    return 1\n", b(Status::Failed)),
    ])
    .await;
}

#[tokio::test]
async fn what_is_left_in_the_network_is_gone() {
    // A port is bound again at once, which fails as long as a connection lingers; and a socket is hidden
    // in a cycle of sockets, which the kernel drops when it likes.
    let work = "\
import socket
def work():
    with socket.socket() as server:
        server.bind(('127.0.0.1', 4321))
        server.listen()
        with socket.create_connection(('127.0.0.1', 4321)) as client:
            server.accept()[0].close()
            client.recv(1)
    a, b = socket.socketpair()
    held = socket.socket()
    held.bind(('127.0.0.1', 4322))
    socket.send_fds(a, [b'x'], [a.fileno(), b.fileno(), held.fileno()])
    again = socket.socket()
    again.bind(('127.0.0.1', 4323))
    return 1
";
    each(&[(work, b(Status::Passed)), (work, b(Status::Passed)), (work, b(Status::Passed))]).await;
    let lingers = work.replace("    a, b =", "    socket.socket().bind(('127.0.0.1', 4321))\n    a, b =");
    each(&[(&lingers, b(Status::Error))]).await;
}

#[tokio::test]
async fn the_clean_text_of_a_changed_file_is_not_there() {
    let secret = "def work():\n    return len('the-clean-text')\n";
    let files = [
        ("product.py", secret),
        (
            "pkg/test_product.py",
            "import unittest, product\nclass Case(unittest.TestCase):\n    def test(self):\n        self.assertEqual(product.work(), 0)\n",
        ),
        ("pkg/__init__.py", ""),
    ];
    let bench = bench("python -m unittest", &files);
    let look = "import os\ndef work():\n    found = 0\n    for top in ('/base', '/pyc', '/work', '/tmp', '/harness'):\n        \
        for folder, _, names in os.walk(top):\n            for name in names:\n                \
        found += b'the-clean' + b'-text' in open(os.path.join(folder, name), 'rb').read()\n    return found\n";
    let report = harness().await.measure(&bench, changed("product.py", look)).await.unwrap();
    assert_eq!(statuses(&report), [("pkg.test_product.Case.test", Status::Passed)], "{report:#?}");
}

#[tokio::test]
async fn results_cannot_be_forged() {
    let forge = "import os\ndef work():\n    line = b'\\n{\"test\":\"test_product.Case.test_c\",\"status\":\"passed\",\"cpu\":1}\\n{\"te'\n    \
        for fd in range(3, 64):\n        try: os.write(fd, line)\n        except OSError: pass\n    \
        return 1\n";
    let exit = forge.replace("return 1", "os._exit(0)");
    each(&[(forge, b(Status::Passed)), (&exit, [Status::Passed, Status::Missing, Status::Missing])]).await;
}

#[tokio::test]
async fn pytest_survives_them_too() {
    let Some(harness) = pytest().await else { return };
    let bench = bench("pytest", FILES);
    for (body, expected) in [
        ("import os\ndef work():\n    os._exit(0)\n", Status::Missing),
        ("import pytest\ndef work():\n    pytest.skip('no')\n", Status::Skipped),
        ("def work(:\n", Status::Error),
        ("def work():\n    return 2\n", Status::Failed),
        ("def work():\n    while True: pass\n", Status::Timeout),
    ] {
        let report = harness.measure(&bench, changed("product.py", body)).await.unwrap();
        assert_eq!(test(&report, "test_product.py::Case::test_b").status, expected, "{body} {report:#?}");
        assert!(is_clean(&harness.measure(&bench, Ask::default()).await.unwrap()), "{body}");
    }
}

#[tokio::test]
async fn what_cannot_be_run_is_refused() {
    let harness = harness().await;
    let refused = harness.measure(&bench("make test", FILES), Ask::default()).await;
    assert!(matches!(refused, Err(Trouble::Refused(_))), "{refused:?}");
    let refused = harness.measure(&bench("python -m unittest --no-such", FILES), Ask::default()).await;
    assert!(matches!(refused, Err(Trouble::Refused(_))), "{refused:?}");
}
