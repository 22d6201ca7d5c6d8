//! The programs that builds start, and the libraries that they load.

use sswe_engine::sandbox::{Action, Exit, Limits, Native, Sandbox};
use sswe_kernels::cuda::{self, nvrtc::Nvrtc};
use sswe_pipelines::Python;

use super::{Finding, MOMENT, State, Wants, size, told};

pub(super) fn ask(wants: &Wants) -> Vec<Finding> {
    let mut found = python(wants);
    let lacking = if wants.git { State::Broken } else { State::Missing };
    found.push(match told("git", &["--version"]) {
        Ok(version) => Finding::works("git", version.trim_start_matches("git ").to_owned()),
        Err(why) => Finding::not("git", lacking, why, "apt-get install -y git"),
    });
    found
}

const INSTALL: &str = "apt-get install -y python3";

fn python(wants: &Wants) -> Vec<Finding> {
    let runtime = match tokio::runtime::Builder::new_current_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return vec![Finding::not("Python", State::Broken, error.to_string(), INSTALL)],
    };
    let asked = runtime.block_on(async { tokio::time::timeout(MOMENT, Python::find("python3")).await });
    let python = match asked {
        Ok(Ok(python)) => python,
        Ok(Err(why)) => {
            let (why, fix) = why.split_once("; ").unwrap_or((&why, INSTALL));
            return vec![Finding::not("Python", State::Broken, why, format!("{INSTALL}  ({fix})"))];
        }
        Err(_) => {
            let why = format!("`python3` did not answer in {} seconds", MOMENT.as_secs());
            return vec![Finding::not("Python", State::Broken, why, "see what `python3 -c 1` does")];
        }
    };
    let place = python.program.display();
    let mut found = Vec::new();
    let digest = match python.library_digest() {
        Ok(digest) => digest.to_string(),
        Err(why) => {
            found.push(Finding::not("Python", State::Broken, why, INSTALL));
            return found;
        }
    };
    let short: String = digest.chars().take(12).collect();
    found.push(Finding::works("Python", format!("{} at `{place}`, library {short}", python.version)));
    found.push(runtime.block_on(inside(&python)));
    found.extend(
        wants
            .unread
            .iter()
            .map(|why| Finding::not("lock", State::Broken, why.clone(), "remove it and run `sswe lock`")),
    );
    if let Some((pin, lock)) = &wants.python {
        found.push(match (pin.version == python.version, pin.library == digest) {
            (true, true) => Finding::works("lock", format!("{lock} pins this Python")),
            (is_equal, _) => {
                let what = if is_equal {
                    "another library of".to_owned()
                } else {
                    format!("{} and not", pin.version)
                };
                let found = format!("{lock} pins {what} {}: what must run asks for that one", python.version);
                Finding::not("lock", State::Limited, found, "sswe lock --update python")
            }
        });
    }
    found
}

/// Starts the interpreter where tests will.
async fn inside(python: &Python) -> Finding {
    let action = Action {
        argv: vec![
            python.program.display().to_string(),
            "-sS".to_owned(),
            "-c".to_owned(),
            "import json".to_owned(),
        ],
        readable: python.readable.clone(),
        limits: Limits { wall: MOMENT, cpu: MOMENT, ..Limits::default() },
        ..Action::default()
    };
    let name = "in a sandbox";
    match tokio::time::timeout(2 * MOMENT, Native.run(action)).await {
        Ok(Ok(outcome)) if outcome.exit == Exit::Code(0) => {
            Finding::works(name, "it starts, and finds its library")
        }
        Ok(Ok(outcome)) => {
            let errors = String::from_utf8_lossy(&outcome.stderr).into_owned();
            let last = errors.lines().next_back().unwrap_or("it said nothing").to_owned();
            Finding::not(name, State::Broken, format!("it does not start there: {last}"), INSTALL)
        }
        Ok(Err(error)) => {
            let text = error.to_string();
            let (found, fix) = text.split_once("; ").unwrap_or((&text, INSTALL));
            Finding::not(name, State::Broken, found, fix)
        }
        Err(_) => Finding::not(name, State::Broken, "it does not start there in time", INSTALL),
    }
}

pub(super) fn ask_gpu(_: &Wants) -> Vec<Finding> {
    // None is needed: the CPU computes the same bits.
    let missing = |name, error: &cuda::Missing| {
        let text = error.to_string();
        let (found, fix) = text.split_once("; ").unwrap_or((&text, "compute on the CPU"));
        Finding::not(name, State::Missing, found, fix)
    };
    let mut found = match cuda::devices() {
        Ok(cards) => cards
            .iter()
            .map(|card| {
                let (major, minor) = card.architecture;
                let memory = size(card.memory as u64);
                Finding::works(
                    "device",
                    format!("{}: {}, sm_{major}{minor}, {memory}", card.ordinal, card.name),
                )
            })
            .collect(),
        Err(error) => vec![missing("device", &error)],
    };
    found.push(match Nvrtc::find() {
        Ok(nvrtc) => Finding::works("NVRTC", format!("`{}`", nvrtc.place().display())),
        Err(error) => missing("NVRTC", &error),
    });
    found
}
