//! Every attempt of `escapes.py`, through every sandbox that this machine has. Each must be in vain.
//!
//! `cargo test --workspace --test sandbox escapes -- --nocapture` prints the table.

use std::{
    path::{Path, PathBuf},
    process::{Command, Stdio},
    sync::LazyLock,
    time::Duration,
};

use sswe_engine::sandbox::{Action, Exit, Input, Limits, Native, Outcome, Sandbox};

use crate::prey::{ESCAPES, Neighbour, Prey, every_attempt, tell};

const FILES: u64 = 8 << 20;

fn limits() -> Limits {
    Limits {
        cpu: Duration::from_secs(10),
        wall: Duration::from_secs(30),
        memory: 384 << 20,
        pids: 24,
        output: 64 << 10,
        files: FILES,
    }
}

/// Makes an attempt, or several in a row, each in a run of its own.
async fn escape(attempts: &[&str]) {
    static NATIVE: LazyLock<Neighbour> = LazyLock::new(|| Neighbour::in_a(|_| Native));
    let mut prey = Prey::lay_out(FILES);
    through("native", &Native, &NATIVE, &PYTHON, attempts, &mut prey).await;
    #[cfg(feature = "docker")]
    if let Some(docker) = crate::image::docker().await {
        static DOCKER: LazyLock<Neighbour> =
            LazyLock::new(|| Neighbour::in_a(|runtime| runtime.block_on(crate::image::docker()).unwrap()));
        let python = ("python3".to_owned(), Vec::new());
        through("docker", &docker, &DOCKER, &python, attempts, &mut prey).await;
    }
}

async fn through(
    name: &str,
    sandbox: &impl Sandbox,
    neighbour: &Neighbour,
    python: &Interpreter,
    attempts: &[&str],
    prey: &mut Prey,
) {
    for attempt in attempts {
        let happened = one(sandbox, python, attempt, &prey.facts).await;
        let harm = prey.harm();
        assert!(harm.is_empty(), "{name}: {attempt}: {happened}: {harm:?}");
        neighbour.is_there(&format!("{name}: {attempt}"));
        tell(name, attempt, &happened);
    }
}

/// Makes an attempt, and returns what kept it.
async fn one(sandbox: &impl Sandbox, python: &Interpreter, attempt: &str, facts: &str) -> String {
    let program = Input { bytes: ESCAPES.as_bytes().to_vec(), is_program: false };
    let action = Action {
        argv: [&python.0, "-S", "escapes.py", attempt, facts].map(String::from).into(),
        files: [("escapes.py".to_owned(), program)].into(),
        limits: Limits {
            cpu: Duration::from_secs(if attempt == "ignore_every_signal" { 1 } else { 10 }),
            ..limits()
        },
        readable: python.1.clone(),
        ..Action::default()
    };
    let outcome = sandbox.run(action).await.unwrap();
    let text = String::from_utf8_lossy(&outcome.stdout);
    let line = text.lines().next_back().and_then(|line| serde_json::from_str::<serde_json::Value>(line).ok());
    let part = |name: &str| Some(line.as_ref()?.get(name)?.as_str()?.to_owned());
    if let Some(got) = part("got") {
        panic!("{attempt} got out: {got}");
    }
    match (part("held"), outcome.stopped) {
        (Some(held), _) => held,
        (None, Some(stop)) => format!("ended: {stop:?}"),
        (None, None) => ended(attempt, &outcome),
    }
}

/// Returns how a run ended that did not say why: what it sent to everybody may have reached itself.
fn ended(attempt: &str, outcome: &Outcome) -> String {
    match outcome.exit {
        Exit::Signal(signal) if attempt == "signal_everybody" => format!("ended: signal {signal}"),
        _ => panic!("{attempt} said nothing: {outcome:?} {}", String::from_utf8_lossy(&outcome.stderr)),
    }
}

/// An interpreter, and the folders that it needs.
type Interpreter = (String, Vec<PathBuf>);

static PYTHON: LazyLock<Interpreter> = LazyLock::new(|| {
    if let Some(path) =
        ["/usr/bin/python3", "/usr/local/bin/python3"].into_iter().find(|path| Path::new(path).exists())
    {
        return (path.to_owned(), Vec::new());
    }
    let asked =
        Command::new("python3").args(["-c", "import sys; print(sys.executable, sys.base_prefix)"]).output();
    let told = String::from_utf8(asked.unwrap().stdout).unwrap();
    let (program, folder) = told.trim().split_once(' ').unwrap();
    (program.to_owned(), vec![folder.into()])
});

macro_rules! attempts {
    ($($name:ident)*) => {
        $(#[tokio::test]
        async fn $name() {
            escape(&[stringify!($name)]).await;
        })*

        /// All that are tried, but for those of a verdict alone.
        const ATTEMPTS: &[&str] = &[$(stringify!($name)),*];
    };
}

every_attempt!(attempts);

#[tokio::test]
async fn leave_something_behind() {
    escape(&["leave_something_behind", "find_what_was_left"]).await;
}

/// Attempts that only a verdict can make, and the pair above.
const OTHERS: &[&str] = &[
    "leave_something_behind",
    "find_what_was_left",
    "change_the_harness",
    "read_the_clean_tree",
    "fill_the_results",
];

#[test]
fn every_attempt_is_made() {
    let defined = ESCAPES.lines().filter_map(|line| line.strip_prefix("def ")?.strip_suffix("(facts):"));
    for name in defined {
        assert!(ATTEMPTS.contains(&name) || OTHERS.contains(&name), "nobody tries {name}");
    }
}

/// Returns what an attempt did where nothing keeps it.
fn outside(attempt: &str, facts: &str) -> String {
    let ran =
        Command::new("python3").args(["-c", ESCAPES, attempt, facts]).stdin(Stdio::null()).output().unwrap();
    String::from_utf8(ran.stdout).unwrap()
}

/// What is in vain inside succeeds where nothing keeps it: the attempts are real. Only those are made
/// that harm nobody.
#[test]
fn outside_of_a_sandbox_they_get_what_they_want() {
    // SAFETY: it only reads.
    let is_root = unsafe { libc::geteuid() } == 0;
    let for_all = [
        "reach_a_port_of_the_host",
        "send_a_packet_to_the_host",
        "speak_to_a_socket_file_of_the_host",
        "speak_to_a_nameless_socket_of_the_host",
        "ask_the_kernel_for_networks",
        "trace_a_child",
        "signal_the_parent",
        "see_processes_of_the_host",
        "run_a_program_from_memory",
        "read_a_file_of_the_host",
        "read_the_environment_of_the_host",
        "read_the_store",
        "read_what_the_kernel_tells",
        "link_to_files_of_the_host",
        "change_how_programs_run",
        "open_devices_of_the_host",
    ];
    let for_root = ["read_passwords", "listen_to_the_wire", "read_memory_files_of_others"];
    for attempt in for_all.into_iter().chain(for_root.into_iter().filter(|_| is_root)) {
        let prey = Prey::lay_out(FILES);
        let told = outside(attempt, &prey.facts);
        assert!(told.starts_with("{\"got\": "), "{attempt}: {told}");
    }
}

/// A link in what comes back is never followed, and a file of the system cannot be given a second name.
#[tokio::test]
async fn bring_back_files_of_the_host() {
    bring_back("native", &Native).await;
    #[cfg(feature = "docker")]
    if let Some(docker) = crate::image::docker().await {
        bring_back("docker", &docker).await;
    }
}

async fn bring_back(name: &str, sandbox: &impl Sandbox) {
    let prey = Prey::lay_out(FILES);
    let facts: serde_json::Value = serde_json::from_str(&prey.facts).unwrap();
    let secret = facts["secret"].as_str().unwrap();
    let folder = facts["folder"].as_str().unwrap();
    let text = format!(
        "ln -s {secret} link; ln -s {folder} folder; ln -s / root; mkdir -p a/b; ln -s ../../.. a/b/up; \
         ln /etc/passwd hard; ln -s /proc/self/root proc; mkfifo pipe; ln -s /dev/zero zero; ln -s link twice; echo"
    );
    let names = [
        "link",
        "folder/secret",
        "root/etc/passwd",
        "a/b/up/etc/passwd",
        "hard",
        "pipe",
        "zero",
        "twice",
        "proc/etc/passwd",
        "../../etc/passwd",
        secret,
        "/etc/passwd",
        ".",
        "",
    ];
    let action = Action {
        argv: vec!["sh".to_owned(), "-c".to_owned(), text],
        outputs: names.map(String::from).into(),
        limits: limits(),
        ..Action::default()
    };
    let outcome = sandbox.run(action).await.unwrap();
    assert_eq!(outcome.exit, Exit::Code(0), "{name}: {}", String::from_utf8_lossy(&outcome.stderr));
    assert_eq!(outcome.outputs, Default::default(), "{name}");
    println!(
        "{:14} | {:40} | {:90} | links are not followed",
        name, "bring back files of the host", "none came back"
    );
}
