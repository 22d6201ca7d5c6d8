//! Which wheels tests run with: pip decides, inside of a sandbox that has the network for this one step.
//!
//! It is asked what it would install, of wheels only: so no code of any package runs. What it names is
//! downloaded and unpacked here.

use std::collections::BTreeMap;
use std::time::Duration;

use serde::Deserialize;
use sswe_engine::sandbox::{Action, Exit, Input, Limits, Native, Sandbox as _};

use super::Error;
use super::config::Config;
use super::web::{apart, decoded};
use crate::artifact::Package;
use crate::lock::normal;
use crate::python::Python;

/// The oldest pip that can say what it would install.
const OLDEST: &str = "22.2";

#[derive(Deserialize)]
struct Said {
    install: Vec<Chosen>,
}

#[derive(Deserialize)]
struct Chosen {
    download_info: Download,
    metadata: Metadata,
}

#[derive(Deserialize)]
struct Download {
    url: String,
    #[serde(default)]
    archive_info: Option<ArchiveInfo>,
}

#[derive(Deserialize)]
struct ArchiveInfo {
    #[serde(default)]
    hash: Option<String>,
    #[serde(default)]
    hashes: BTreeMap<String, String>,
}

#[derive(Deserialize)]
struct Metadata {
    name: String,
    version: String,
}

/// Finds the wheels for what is asked, with `;` between.
pub(super) fn packages(asked: &str, python: &Python, config: &Config) -> Result<Vec<Package>, Error> {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
    let runtime = runtime.map_err(|error| Error::Refused(format!("pip cannot be asked: {error}")))?;
    let mut argv: Vec<String> = vec![python.program.display().to_string()];
    let options = "-I -m pip install --dry-run --ignore-installed --only-binary :all: --no-cache-dir --no-input \
                   --disable-pip-version-check --quiet --report /work/report.json --";
    argv.extend(options.split_whitespace().map(str::to_owned));
    argv.extend(asked.split(';').map(str::to_owned));
    let mut files = BTreeMap::new();
    let mut env = BTreeMap::from([("PIP_CONFIG_FILE", "/dev/null".to_owned())]);
    // A distribution may forbid pip to install where it is: nothing is installed there.
    env.insert("PIP_BREAK_SYSTEM_PACKAGES", "1".to_owned());
    if let Some(path) = &config.cert {
        let bytes = std::fs::read(path).map_err(|error| {
            Error::Refused(format!("the certificates `{}` cannot be read: {error}", path.display()))
        })?;
        files.insert("ca.pem".to_owned(), Input { bytes, is_program: false });
        env.insert("PIP_CERT", "/work/ca.pem".to_owned());
    }
    if let Some((main, more)) = config.indexes.split_first() {
        env.insert("PIP_INDEX_URL", main.clone());
        if !more.is_empty() {
            env.insert("PIP_EXTRA_INDEX_URL", more.join(" "));
        }
    }
    if !config.trusted.is_empty() {
        env.insert("PIP_TRUSTED_HOST", config.trusted.join(" "));
    }
    for name in
        ["HTTPS_PROXY", "https_proxy", "HTTP_PROXY", "http_proxy", "ALL_PROXY", "NO_PROXY", "no_proxy"]
    {
        if let Ok(value) = std::env::var(name) {
            env.insert(name, value);
        }
    }
    if let Some(proxy) = &config.proxy {
        env.insert("PIP_PROXY", proxy.clone());
    }
    let action = Action {
        files,
        argv,
        env: env.into_iter().map(|(name, value)| (name.to_owned(), value)).collect(),
        limits: Limits { files: 4 << 30, wall: Duration::from_secs(600), ..Limits::default() },
        network: true,
        readable: python.readable.clone(),
        outputs: vec!["report.json".to_owned()],
        ..Action::default()
    };
    let outcome = runtime.block_on(Native.run(action)).map_err(|error| Error::Refused(error.to_string()))?;
    let what = asked.replace(';', ", ");
    let said = outcome.outputs.get("report.json").filter(|_| outcome.exit == Exit::Code(0));
    let Some(said) = said else {
        let complaint = String::from_utf8_lossy(&outcome.stderr).into_owned();
        return Err(refused(&what, &complaint, outcome.stopped.is_some(), python, config));
    };
    let said: Said = serde_json::from_slice(said)
        .map_err(|error| Error::Refused(format!("pip says of {what} what is not understood: {error}")))?;
    let mut found = said.install.into_iter().map(package).collect::<Result<Vec<Package>, Error>>()?;
    found.sort();
    match found.is_empty() {
        true => Err(Error::Refused(format!("pip would install nothing for {what}"))),
        false => Ok(found),
    }
}

fn package(chosen: Chosen) -> Result<Package, Error> {
    let Metadata { name, version } = chosen.metadata;
    let Download { url, archive_info } = chosen.download_info;
    let place = url.split(['#', '?']).next().unwrap_or_default();
    let file = decoded(place.rsplit('/').next().unwrap_or_default());
    let info = archive_info.unwrap_or(ArchiveInfo { hash: None, hashes: BTreeMap::new() });
    let old = info.hash.as_deref().and_then(|hash| hash.strip_prefix("sha256=")).map(str::to_owned);
    let sha256 = info.hashes.get("sha256").cloned().or(old);
    let is_word = |text: &str| !text.is_empty() && !text.contains(char::is_whitespace);
    match sha256 {
        Some(sha256) if file.ends_with(".whl") && is_word(&file) && is_word(&version) => {
            Ok(Package { name: normal(&name), version, sha256: sha256.to_lowercase(), file })
        }
        _ => Err(Error::Refused(format!(
            "the index gives `{name}` {version} as `{file}`, which is no wheel with a SHA-256: it cannot be pinned"
        ))),
    }
}

fn refused(what: &str, complaint: &str, is_stopped: bool, python: &Python, config: &Config) -> Error {
    let mut said = complaint.to_owned();
    for index in &config.indexes {
        said = said.replace(index, &apart(index).0);
    }
    let program = python.program.display();
    let has = |text: &str| said.contains(text);
    if has("No module named pip") {
        return Error::Refused(format!(
            "{what} cannot be resolved: `{program}` has no pip: install it (`apt install python3-pip`, or \
             `{program} -m ensurepip`), or put a Python that has it first on the search path"
        ));
    }
    if has("no such option: --dry-run") || has("no such option: --report") {
        return Error::Refused(format!(
            "{what} cannot be resolved: the pip of `{program}` is older than {OLDEST}: `{program} -m pip install -U pip`"
        ));
    }
    let errors: Vec<&str> = said.lines().filter_map(|line| line.trim().strip_prefix("ERROR: ")).collect();
    let last = errors.first().copied().or_else(|| said.lines().last()).unwrap_or("it said nothing");
    let is_down = [
        "NewConnectionError",
        "ConnectTimeoutError",
        "Connection refused",
        "Max retries exceeded",
        "ReadTimeout",
    ];
    if is_stopped || is_down.iter().any(|sign| has(sign)) {
        return Error::Network(format!(
            "{what} cannot be resolved: the package index cannot be reached; check the network, the proxy \
             (HTTPS_PROXY) and the index (PIP_INDEX_URL)"
        ));
    }
    let hint = match has("No matching distribution") || has("from versions: none") {
        true => {
            "; only wheels are taken, because anything else runs code of the package: name a version that has one"
        }
        false => "",
    };
    Error::Refused(format!("{what} cannot be resolved: pip: {last}{hint}"))
}
