//! Whether code can be isolated here: a sandbox is really started.

use std::time::{Duration, Instant};

use sswe_engine::sandbox::{self, Action, Error, Exit, Limits, Native, Outcome, Sandbox};

use super::{Finding, MOMENT, State, Wants};

/// How many runs are timed; the fastest counts, since others may keep the machine busy.
const RUNS: u32 = 5;

pub(super) fn ask(_: &Wants) -> Vec<Finding> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let ran = match runtime {
        Ok(runtime) => runtime.block_on(native()),
        Err(error) => Err((format!("cannot start: {error}"), "raise `ulimit -n` and `ulimit -u`".to_owned())),
    };
    let mut found = match ran {
        Ok(Ran { fastest, status }) => {
            let line = |name: &str| {
                status.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim()
            };
            let is_bare = line("CapEff:").bytes().all(|digit| digit == b'0') && line("NoNewPrivs:") == "1";
            let millis = fastest.as_secs_f64() * 1e3;
            vec![match (is_bare, line("Seccomp:")) {
                (true, "2") => Finding::works(
                    "native",
                    format!("a program ran in {millis:.1} ms, filtered and without any right"),
                ),
                _ => Finding::not(
                    "native",
                    State::Broken,
                    "a program ran in it with rights that it should not have",
                    "please report it, with the output of `uname -r`",
                ),
            }]
        }
        Err((why, fix)) => return vec![Finding::not("native", State::Broken, why, fix)],
    };
    found.push(match sandbox::groups() {
        Ok(kept) if kept.len() == 3 => Finding::works(
            "control groups",
            format!("the kernel holds each sandbox as a whole to its {}", kept.join(", ")),
        ),
        Ok(kept) => Finding::not(
            "control groups",
            State::Limited,
            format!("the kernel holds each sandbox as a whole to its {} only", kept.join(", ")),
            SCOPE,
        ),
        Err(why) => Finding::not(
            "control groups",
            State::Limited,
            format!("{why}; each process has limits, and all together are measured while they run"),
            SCOPE,
        ),
    });
    found
}

const SCOPE: &str = "systemd-run --user --scope sswe build";

struct Ran {
    fastest: Duration,
    /// What the kernel says of a process in the sandbox.
    status: String,
}

async fn native() -> Result<Ran, (String, String)> {
    let mut fastest = Duration::MAX;
    let mut status = String::new();
    for _ in 0..RUNS {
        let action = Action {
            argv: ["cat", "/proc/self/status"].map(String::from).into(),
            limits: Limits { wall: MOMENT, cpu: MOMENT, files: 1 << 20, ..Limits::default() },
            ..Action::default()
        };
        let begun = Instant::now();
        let ran = tokio::time::timeout(2 * MOMENT, Native.run(action)).await;
        fastest = fastest.min(begun.elapsed());
        status = match ran {
            Ok(Ok(Outcome { exit: Exit::Code(0), stdout, .. })) => {
                String::from_utf8_lossy(&stdout).into_owned()
            }
            // Inside of a container that hides parts of it, there is no `/proc`.
            Ok(Ok(Outcome { exit: Exit::Code(_), .. })) => {
                let why = "a program ran, but does not see its own processes: crashes tell less, and loops end later";
                return Err((why.to_owned(), CONTAINER.to_owned()));
            }
            Ok(Ok(outcome)) => {
                return Err((format!("a program ended with {:?}", outcome.exit), REPORT.to_owned()));
            }
            Ok(Err(Error::Forbidden { step, source, fix })) => {
                return Err((format!("this machine does not allow it: {step}: {source}"), fix.to_owned()));
            }
            Ok(Err(error)) => return Err((error.to_string(), REPORT.to_owned())),
            Err(_) => return Err((format!("a program did not end in {:?}", 2 * MOMENT), REPORT.to_owned())),
        };
    }
    Ok(Ran { fastest, status })
}

const REPORT: &str = "please report it, with the output of `uname -r`";
const CONTAINER: &str =
    "docker run --security-opt systempaths=unconfined --security-opt seccomp=unconfined ...";
