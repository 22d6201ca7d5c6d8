//! A daemon that is killed, is away, and comes back in the middle of a run: an engine of our own, since others
//! use the machine's.

use std::{
    fs,
    os::unix::fs::PermissionsExt as _,
    path::{Path, PathBuf},
    process::{Child, Command, Stdio},
    time::{Duration, Instant},
};

use sswe_engine::sandbox::Daemon;
use sswe_pipelines::harness::{Ask, Backend, Harness, Python, Trouble};

use crate::{
    friendly::FILES,
    image,
    support::{bench, changed, statuses},
};

/// Docker, with everything of it in one folder. It ends, and the folder goes, when this is dropped.
struct Engine {
    program: PathBuf,
    folder: PathBuf,
    child: Child,
}

impl Engine {
    /// Starts one, if this machine can; what is missing is told.
    async fn start() -> Option<Engine> {
        let program = ["/usr/sbin/dockerd", "/usr/bin/dockerd", "/usr/local/bin/dockerd"].map(PathBuf::from);
        // SAFETY: it only reads.
        let is_root = unsafe { libc::geteuid() } == 0;
        let Some(program) = program.into_iter().find(|path| is_root && path.exists()) else {
            let text = "skipped: a Docker of one's own takes root and a `dockerd`\n";
            std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).unwrap();
            return None;
        };
        let folder = PathBuf::from(format!("/var/tmp/sswe-engine-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        fs::set_permissions(&folder, fs::Permissions::from_mode(0o711)).unwrap();
        let child = spawn(&program, &folder);
        let mut engine = Engine { program, folder, child };
        match engine.answers().await {
            true => Some(engine),
            // Such as where there are no control groups to write to: then the machine's own does not run either.
            false => {
                let log = fs::read_to_string(engine.folder.join("log")).unwrap_or_default();
                let last = log.lines().next_back().unwrap_or_default();
                assert!(std::env::var("SSWE_TEST_DOCKER").is_err(), "{last}");
                let text = format!("skipped: a Docker of one's own does not start: {last}\n");
                std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).unwrap();
                None
            }
        }
    }

    /// Waits until it answers; returns whether it does.
    async fn answers(&mut self) -> bool {
        let begun = Instant::now();
        while begun.elapsed() < Duration::from_secs(60) && self.child.try_wait().unwrap().is_none() {
            if Daemon::at(&self.socket()).await.is_ok() {
                return true;
            }
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
        false
    }

    fn socket(&self) -> String {
        self.folder.join("docker.sock").display().to_string()
    }

    /// Ends it with a signal, and waits until it is gone.
    fn end(&mut self, signal: i32) {
        // SAFETY: a signal to a child that nobody has waited for.
        unsafe { libc::kill(self.child.id() as i32, signal) };
        self.child.wait().unwrap();
    }

    /// Starts it again where it was killed.
    async fn again(&mut self) {
        // What it had started ends a moment later; as long as nobody has waited for that, it seems to run.
        while self.processes().iter().any(|(_, name)| !name.contains("shim")) {
            tokio::time::sleep(Duration::from_millis(50)).await;
        }
        for name in ["docker.sock", "pid", "exec/containerd/containerd.pid"] {
            let _ = fs::remove_file(self.folder.join(name));
        }
        self.child = spawn(&self.program, &self.folder);
        assert!(self.answers().await);
    }

    /// Returns the processes that it has started and that are still there, and what they are called.
    fn processes(&self) -> Vec<(i32, String)> {
        let folder = self.folder.display().to_string();
        let all = fs::read_dir("/proc").unwrap().flatten();
        let own = all.filter_map(|entry| {
            let line = fs::read_to_string(entry.path().join("cmdline")).ok()?;
            let pid = entry.file_name().to_str()?.parse().ok()?;
            line.contains(&folder).then(|| (pid, line.split('\0').next().unwrap_or_default().to_owned()))
        });
        own.collect()
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        if self.child.try_wait().is_ok_and(|status| status.is_none()) {
            self.end(libc::SIGTERM);
        }
        // Where a test failed without a daemon, its containers are still there.
        for (pid, _) in self.processes() {
            // SAFETY: a signal to a process that names our folder.
            unsafe { libc::kill(pid, libc::SIGKILL) };
        }
        let mounts = fs::read_to_string("/proc/mounts").unwrap_or_default();
        let folder = self.folder.display().to_string();
        let own = mounts.lines().filter_map(|line| line.split(' ').nth(1));
        for place in own.filter(|place| place.starts_with(&folder)) {
            let _ = Command::new("umount").args(["-l", place]).output();
        }
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn spawn(program: &Path, folder: &Path) -> Child {
    let log = fs::File::options().append(true).create(true).open(folder.join("log")).unwrap();
    let at = |name: &str| folder.join(name).display().to_string();
    Command::new(program)
        .args(["--iptables=false", "--bridge=none", "--data-root", &at("data"), "--exec-root", &at("exec")])
        .args(["--pidfile", &at("pid"), "--host", &format!("unix://{}", at("docker.sock"))])
        .stdin(Stdio::null())
        .stdout(log.try_clone().unwrap())
        .stderr(log)
        .spawn()
        .unwrap()
}

/// The product, which takes its time.
fn slow(seconds: u32) -> Ask {
    let (path, text) = FILES.iter().find(|(path, _)| *path == "ledger/book.py").unwrap();
    changed(path, &format!("import time\ntime.sleep({seconds})\n{text}"))
}

#[tokio::test]
async fn a_daemon_that_goes_and_comes_back_changes_no_verdict() {
    let Some(mut engine) = Engine::start().await else { return };
    let docker = image::of(Daemon::at(&engine.socket()).await.unwrap()).await;
    let (python, _) = Python::inside(&docker).await.unwrap();
    let harness = Harness::new(python, 1, 4).inside(Backend::Docker(docker.clone()));
    let suite = bench("python -m unittest", FILES);
    let clean = harness.measure(&suite, Ask::default()).await.unwrap();
    assert_eq!(clean.tests.iter().filter(|test| test.status.is_passed()).count(), 4, "{clean:#?}");

    // Killed during a verdict: nothing of one goes through the daemon, so it is reached.
    let away = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        engine.end(libc::SIGKILL);
    };
    let (during, ()) = tokio::join!(harness.measure(&suite, slow(2)), away);
    assert_eq!(statuses(&during.unwrap()), statuses(&clean));
    // The next one needs another container: with the daemon, sockets of its own in the network of this one have
    // gone, so that it is not as it was. There is none to be had, and that says nothing of anybody's code.
    match harness.measure(&suite, Ask::default()).await {
        Ok(report) => assert_eq!(statuses(&report), statuses(&clean)),
        Err(why) => is_told(&why),
    }
    let other = bench("python -m unittest", &[("test_other.py", "import unittest\n")]);
    is_told(&harness.measure(&other, Ask::default()).await.unwrap_err());
    engine.again().await;
    assert_eq!(statuses(&harness.measure(&suite, Ask::default()).await.unwrap()), statuses(&clean));

    // Gone and back within a verdict: it ends what it finds, so the verdict of that moment is none, and the next
    // one gets a new container.
    let away = async {
        tokio::time::sleep(Duration::from_millis(700)).await;
        engine.end(libc::SIGKILL);
        engine.again().await;
    };
    let (during, ()) = tokio::join!(harness.measure(&suite, slow(15)), away);
    match during {
        Ok(report) => assert_eq!(statuses(&report), statuses(&clean)),
        Err(Trouble::Infra(why)) => assert!(why.starts_with("the test server died"), "{why}"),
        Err(other) => panic!("{other}"),
    }
    let after = harness.measure(&suite, Ask::default()).await.unwrap();
    assert_eq!(statuses(&after), statuses(&clean));

    // Nothing is left of all those.
    drop(harness);
    let begun = Instant::now();
    loop {
        let containers = Command::new("docker")
            .args(["--host", &format!("unix://{}", engine.socket()), "ps", "--all", "--quiet"])
            .output()
            .unwrap();
        assert!(containers.status.success(), "{containers:?}");
        let processes = engine.processes();
        let shims = processes.iter().filter(|(_, name)| name.contains("shim")).count();
        if containers.stdout.is_empty() && shims == 0 {
            break;
        }
        assert!(begun.elapsed() < Duration::from_secs(20), "{containers:?} {processes:?}");
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    engine.end(libc::SIGTERM);
    assert_eq!(engine.processes(), []);
}

/// Looks at the words for a container that could not be had.
fn is_told(trouble: &Trouble) {
    let Trouble::Infra(why) = trouble else { panic!("{trouble:?}") };
    assert!(why.starts_with("Docker cannot be used: it could not make a container"), "{why}");
    assert!(why.ends_with("see that it runs, and try again"), "{why}");
}
