//! Tests of the sandboxes with real programs, friendly and hostile.

#![expect(
    clippy::unwrap_used,
    clippy::print_stdout,
    reason = "a test fails, or says what it needs; and a table is printed for who asks for it"
)]

mod escapes;
#[cfg(feature = "docker")]
mod image;
mod prey;

use std::{
    collections::BTreeMap,
    fs,
    time::{Duration, Instant},
};

#[cfg(feature = "docker")]
mod docker;

use sswe_engine::sandbox::{Action, Error, Exit, Input, Limits, Native, Outcome, Sandbox, Stop, groups};

fn shell(text: &str) -> Action {
    let limits = Limits {
        wall: Duration::from_secs(20),
        cpu: Duration::from_secs(10),
        files: 8 << 20,
        output: 64 << 10,
        pids: 32,
        ..Limits::default()
    };
    Action { argv: ["sh", "-c", text].map(String::from).into(), limits, ..Action::default() }
}

async fn run(action: Action) -> Outcome {
    Native.run(action).await.unwrap()
}

async fn stdout(text: &str) -> String {
    let outcome = run(shell(text)).await;
    let errors = String::from_utf8_lossy(&outcome.stderr).into_owned();
    assert_eq!(outcome.exit, Exit::Code(0), "{text}: {errors}");
    String::from_utf8(outcome.stdout).unwrap()
}

#[tokio::test]
async fn files_go_in_and_come_back() {
    let mut action =
        shell("read line; echo $line $NAME; cat in/a.txt; ./run; mkdir out; echo made > out/b; exit 3");
    let input = |text: &str, is_program| Input { bytes: text.as_bytes().to_vec(), is_program };
    action.files.insert("in/a.txt".to_owned(), input("a\n", false));
    action.files.insert("run".to_owned(), input("#!/bin/sh\necho ran\n", true));
    action.stdin = b"hello\n".to_vec();
    action.env.insert("NAME".to_owned(), "you".to_owned());
    action.outputs = ["out/b", "out/none", "out"].map(String::from).into();
    let outcome = run(action).await;
    assert_eq!(outcome.exit, Exit::Code(3));
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "hello you\na\nran\n");
    assert_eq!(outcome.outputs, BTreeMap::from([("out/b".to_owned(), b"made\n".to_vec())]));
    assert_eq!(outcome.stopped, None);
}

#[tokio::test]
async fn it_sees_nothing_of_the_host() {
    let home = std::env::var("HOME").unwrap_or("/root".to_owned());
    let secret = std::env::temp_dir().join(format!("sswe-secret-{}", std::process::id()));
    fs::write(&secret, "secret").unwrap();
    let text = format!("cat {} {home}/.profile; ls -A / /tmp /etc; env", secret.display());
    let shown = stdout(&text).await;
    fs::remove_file(&secret).unwrap();
    assert!(!shown.contains("secret") && !shown.contains("CARGO") && !shown.contains("shadow"), "{shown}");
    assert!(shown.contains("PYTHONHASHSEED=0") && shown.contains("HOME=/tmp"), "{shown}");
    let processes = stdout("ls /proc | grep -c '^[0-9]'").await;
    assert!(processes.trim().parse::<u32>().unwrap() <= 4, "{processes}");
}

#[tokio::test]
async fn it_has_no_rights() {
    let text = "grep -E 'Cap(Eff|Prm|Bnd|Amb)|NoNewPrivs|Seccomp:' /proc/self/status; id -u";
    let shown = stdout(text).await;
    assert_eq!(shown.matches("0000000000000000").count(), 4, "{shown}");
    assert!(shown.contains("NoNewPrivs:\t1") && shown.contains("Seccomp:\t2"), "{shown}");
    assert!(shown.ends_with("1000\n"), "{shown}");
    for forbidden in [
        "touch /usr/x",
        "touch /x",
        "touch /etc/passwd",
        "rm -rf /usr/bin/true",
        "mount -t tmpfs x /tmp",
        "unshare -U true",
        "unshare -r true",
        "mknod /tmp/sda b 8 0",
        "echo 1 > /proc/sys/kernel/panic",
        "chroot / true",
        "hostname other",
    ] {
        let outcome = run(shell(forbidden)).await;
        assert_ne!(outcome.exit, Exit::Code(0), "{forbidden}");
    }
}

#[tokio::test]
async fn there_is_no_network_but_its_own() {
    let shown = stdout("cat /proc/net/dev | tail -n +3 | cut -d: -f1 | tr -d ' '").await;
    assert_eq!(shown.lines().filter(|name| !["lo", "sit0", "tunl0", "ip6tnl0"].contains(name)).count(), 0);
}

async fn stopped(text: &str, change: impl FnOnce(&mut Limits)) -> (Option<Stop>, Outcome) {
    let mut action = shell(text);
    change(&mut action.limits);
    let begun = Instant::now();
    let outcome = run(action).await;
    assert!(begun.elapsed() < Duration::from_secs(15), "{text}: {:?}", begun.elapsed());
    (outcome.stopped, outcome)
}

#[tokio::test]
async fn every_limit_ends_a_run() {
    let short = Duration::from_millis(400);
    assert_eq!(stopped("sleep 1000", |limits| limits.wall = short).await.0, Some(Stop::Wall));
    assert_eq!(stopped("while :; do :; done", |limits| limits.cpu = short).await.0, Some(Stop::Cpu));
    let loops = "for i in 1 2; do (while :; do :; done) & done; wait";
    assert_eq!(stopped(loops, |limits| limits.cpu = short).await.0, Some(Stop::Cpu));
    let (stop, outcome) = stopped("yes", |_| ()).await;
    assert_eq!((stop, outcome.stdout.len()), (Some(Stop::Output), 64 << 10));
}

#[tokio::test]
async fn a_bomb_of_processes_stays_inside() {
    let (_, outcome) = stopped("bomb() { bomb | bomb & }; bomb; sleep 0.5; echo end", |_| ()).await;
    assert_ne!(outcome.exit, Exit::Code(-1));
    assert_eq!(stdout("echo fine").await, "fine\n");
}

#[tokio::test]
async fn it_is_in_a_group_where_that_is_possible() {
    match groups() {
        Ok(kept) => {
            let shown = stdout("cat /proc/self/cgroup").await;
            assert_eq!(
                shown.matches("/sswe-").count(),
                if shown.contains("0::/sswe-") { 1 } else { kept.len() },
                "{shown}"
            );
        }
        Err(why) => eprintln!("skipped: {why}"),
    }
}

#[tokio::test]
async fn files_are_bounded() {
    let (_, outcome) = stopped("dd if=/dev/zero of=/work/a bs=1M count=100; wc -c < /work/a", |_| ()).await;
    let size: u64 = String::from_utf8_lossy(&outcome.stdout).trim().parse().unwrap_or(0);
    assert!(size <= 8 << 20, "{size}");
}

#[tokio::test]
async fn what_is_left_behind_dies() {
    let mark = format!("{}", 100_000 + std::process::id());
    stdout(&format!("(setsid sleep {mark} &) ; (setsid sleep {mark} >/dev/null 2>&1 &); echo")).await;
    assert_eq!(alive(&mark), 0);
}

#[tokio::test]
async fn dropping_the_future_kills() {
    let mark = format!("{}", 200_000 + std::process::id());
    let action = shell(&format!("sleep {mark} & sleep {mark}"));
    assert!(tokio::time::timeout(Duration::from_millis(500), Native.run(action)).await.is_err());
    let begun = Instant::now();
    while alive(&mark) > 0 {
        assert!(begun.elapsed() < Duration::from_secs(5));
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
}

/// Counts the processes of the host that have this argument.
fn alive(argument: &str) -> usize {
    let has = |path: std::path::PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes())
    };
    fs::read_dir("/proc").unwrap().flatten().filter(|entry| has(entry.path())).count()
}

#[tokio::test]
async fn links_bring_nothing_back() {
    let mut action = shell("ln -s /etc/passwd a; ln -s /etc d; mkfifo p; mkdir e; echo x > e/x; ln -s e f");
    action.outputs = ["a", "d/passwd", "p", "f/x", "../etc/passwd", "/etc/passwd"].map(String::from).into();
    assert_eq!(run(action).await.outputs, BTreeMap::new());
}

#[tokio::test]
async fn a_folder_that_is_closed_to_others_is_named() {
    // SAFETY: it only reads. To its owner the folder is open, whoever else may not enter it.
    if unsafe { libc::geteuid() } != 0 {
        eprintln!("skipped: only where root runs sandboxes do they run as somebody else");
        return;
    }
    // Not below `/tmp`, which a sandbox has of its own.
    let top = std::path::PathBuf::from(format!("/var/tmp/sswe-closed-{}", std::process::id()));
    let closed = top.join("closed");
    std::fs::create_dir_all(&closed).unwrap();
    std::fs::copy("/bin/true", closed.join("program")).unwrap();
    let open =
        |mode| std::fs::set_permissions(&closed, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    let action = || Action {
        argv: vec![closed.join("program").display().to_string()],
        readable: vec![top.clone()],
        ..Action::default()
    };
    open(0o700);
    let refused = Native.run(action()).await.unwrap_err().to_string();
    open(0o755);
    let ran = Native.run(action()).await.unwrap();
    std::fs::remove_dir_all(&top).unwrap();
    assert!(refused.contains(&format!("chmod go+rx {}", closed.display())), "{refused}");
    assert_eq!(ran.exit, Exit::Code(0));
}

#[tokio::test]
async fn bad_actions_are_named() {
    let mut action = shell("true");
    action.files.insert("../x".to_owned(), Input::default());
    assert!(matches!(Native.run(action).await, Err(Error::Path(path)) if path == "../x"));
    let action = Action { argv: vec!["no-such-program".to_owned()], ..Action::default() };
    assert!(
        matches!(Native.run(action).await, Err(Error::Program { program, .. }) if program == "no-such-program")
    );
}
