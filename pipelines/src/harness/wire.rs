//! What crosses into a verdict, and what comes out of it.

use std::collections::{BTreeMap, BTreeSet};

use serde::{Deserialize, Serialize};

use crate::artifact::{Frame, Limits, Raised, Status};

/// What a server is told when it starts.
#[derive(Serialize)]
pub(super) struct Config<'a> {
    pub runner: &'a str,
    pub is_module: bool,
    pub args: &'a [String],
    pub network: bool,
    pub site: &'a [&'a str],
    pub contained: bool,
    pub filter: String,
    /// What is shown empty, and what stands in its place.
    pub hidden: Vec<(&'a str, &'a str)>,
}

/// What a fork is told: only it ever reads this.
#[derive(Serialize)]
pub(super) struct Request<'a> {
    pub nonce: String,
    pub changed: &'a BTreeMap<String, String>,
    pub deleted: &'a BTreeSet<String>,
    /// Where the test that must fail stands, in base 16.
    pub canary: String,
    pub look: bool,
    pub only: Option<&'a [String]>,
    pub trace: &'a str,
    pub noted: Option<&'a BTreeSet<String>>,
    pub stop_early: bool,
    pub limits: &'a Limits,
}

/// A line of a verdict.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
pub(super) enum Line {
    Plan {
        plan: Vec<String>,
    },
    Test {
        test: String,
        status: Status,
        cpu: u64,
        #[serde(default)]
        raised: Option<WireRaised>,
        #[serde(default)]
        entered: Vec<(String, String)>,
        #[serde(default)]
        lines: Vec<(String, Vec<u32>)>,
        #[serde(default)]
        marks: Vec<String>,
    },
    /// The test that must fail: announced, and then what it did.
    Canary {
        canary: String,
        status: Option<Status>,
    },
    Known {
        known: Vec<String>,
    },
    /// Everything is ready, and nothing of the product has run.
    Begun {
        #[serde(rename = "begun")]
        _begun: bool,
    },
    Groups {
        groups: Vec<String>,
        status: Status,
        raised: Option<WireRaised>,
    },
    Unloadable {
        unloadable: String,
        raised: WireRaised,
    },
    Broken {
        broken: WireRaised,
    },
    Loaded {
        loaded: u64,
    },
    Done {
        #[serde(rename = "done")]
        _done: bool,
    },
}

/// An exception, with frames as lists.
#[derive(Debug, Deserialize)]
pub(super) struct WireRaised {
    exception: String,
    message: String,
    frames: Vec<(String, String, u32)>,
}

impl From<WireRaised> for Raised {
    fn from(raised: WireRaised) -> Raised {
        let WireRaised { exception, message, frames } = raised;
        let frame = |(path, function, line)| Frame { path, function, line };
        Raised { exception, message, frames: frames.into_iter().map(frame).collect() }
    }
}

/// Reads a line, if it is one of ours and not something that other code wrote.
pub(super) fn read(line: &[u8], nonce: &str) -> Option<Line> {
    serde_json::from_slice(line.strip_prefix(nonce.as_bytes())?).ok()
}

/// Returns a word that nobody can guess.
pub(super) fn nonce() -> Result<String, std::io::Error> {
    let mut bytes = [0_u8; 16];
    // SAFETY: the kernel fills the array.
    let got = unsafe { libc::getrandom(bytes.as_mut_ptr().cast(), bytes.len(), 0) };
    match got {
        16 => Ok(bytes.iter().map(|byte| format!("{byte:02x}")).collect()),
        _ => Err(std::io::Error::last_os_error()),
    }
}
