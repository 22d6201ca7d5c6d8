//! Which package index this machine uses, and whom it trusts: as pip and uv are told.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

/// The index where nobody names another.
const DEFAULT: &str = "https://pypi.org/simple";

/// Where Linux distributions keep the certificates that they trust.
const BUNDLES: &[&str] = &[
    "/etc/ssl/certs/ca-certificates.crt",
    "/etc/pki/tls/certs/ca-bundle.crt",
    "/etc/ssl/ca-bundle.pem",
    "/etc/ssl/cert.pem",
];

/// How to reach the index.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Config {
    /// The indexes; the first that has a package decides. They may hold credentials: never to be shown.
    pub(super) indexes: Vec<String>,
    /// A file of certificates to trust.
    pub(super) cert: Option<PathBuf>,
    /// Hosts that may be asked without encryption.
    pub(super) trusted: Vec<String>,
    /// A proxy, where the usual variables do not say it.
    pub(super) proxy: Option<String>,
}

impl Config {
    /// Reads the environment and pip's files.
    pub(super) fn of_host() -> Config {
        let variable = |name: &str| std::env::var(name).ok().filter(|value| !value.trim().is_empty());
        let mut pip = BTreeMap::new();
        for path in files(&variable) {
            if let Ok(text) = std::fs::read_to_string(&path) {
                read(&text, &mut pip);
            }
        }
        Config::from(&variable, &pip)
    }

    fn from(variable: &dyn Fn(&str) -> Option<String>, pip: &BTreeMap<String, String>) -> Config {
        let first = |names: &[&str], key: &str| {
            names.iter().find_map(|name| variable(name)).or_else(|| pip.get(key).cloned())
        };
        let words = |text: Option<String>| -> Vec<String> {
            let text = text.unwrap_or_default();
            // uv names some of its indexes: `name=url`.
            let bare = |word: &str| match word.split_once('=') {
                Some((name, url)) if !name.contains(['/', ':']) => url.to_owned(),
                _ => word.to_owned(),
            };
            text.split_whitespace().map(bare).collect()
        };
        let main = first(&["PIP_INDEX_URL", "UV_DEFAULT_INDEX", "UV_INDEX_URL"], "index-url");
        let mut indexes = words(variable("UV_INDEX"));
        indexes.extend(words(Some(main.unwrap_or_else(|| DEFAULT.to_owned()))));
        indexes.extend(words(first(&["PIP_EXTRA_INDEX_URL", "UV_EXTRA_INDEX_URL"], "extra-index-url")));
        let cert = variable("PIP_CERT").or_else(|| pip.get("cert").cloned());
        let usual = ["REQUESTS_CA_BUNDLE", "CURL_CA_BUNDLE", "SSL_CERT_FILE"];
        let cert = cert.or_else(|| usual.iter().find_map(|name| variable(name)));
        let found = || BUNDLES.iter().find(|path| Path::new(path).exists()).map(PathBuf::from);
        Config {
            indexes: indexes.iter().map(|url| url.trim_end_matches('/').to_owned()).collect(),
            cert: cert.map(PathBuf::from).or_else(found),
            trusted: words(first(&["PIP_TRUSTED_HOST", "UV_INSECURE_HOST"], "trusted-host")),
            proxy: variable("PIP_PROXY").or_else(|| pip.get("proxy").cloned()),
        }
    }
}

/// Returns pip's files, in the order in which they are read: later ones win.
fn files(variable: &dyn Fn(&str) -> Option<String>) -> Vec<PathBuf> {
    let home = variable("HOME").map(PathBuf::from);
    let settings = variable("XDG_CONFIG_HOME").map(PathBuf::from);
    let settings = settings.or_else(|| home.as_ref().map(|home| home.join(".config")));
    let named = variable("PIP_CONFIG_FILE");
    if named.as_deref() == Some("/dev/null") {
        return Vec::new();
    }
    let shared = variable("XDG_CONFIG_DIRS").unwrap_or_else(|| "/etc/xdg".to_owned());
    let mut files: Vec<PathBuf> =
        shared.split(':').map(|folder| Path::new(folder).join("pip/pip.conf")).collect();
    files.push(PathBuf::from("/etc/pip.conf"));
    files.extend(home.map(|home| home.join(".pip/pip.conf")));
    files.extend(settings.map(|settings| settings.join("pip/pip.conf")));
    files.extend(variable("VIRTUAL_ENV").map(|folder| Path::new(&folder).join("pip.conf")));
    files.extend(named.map(PathBuf::from));
    files
}

/// Reads what a file of pip's says to all commands, and to those that fetch.
fn read(text: &str, into: &mut BTreeMap<String, String>) {
    let mut is_ours = false;
    let mut last: Option<String> = None;
    for line in text.lines() {
        let bare = line.trim();
        if bare.is_empty() || bare.starts_with(['#', ';']) {
            continue;
        }
        if let Some(section) = bare.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
            is_ours = matches!(section, "global" | "install" | "download");
            last = None;
        } else if !is_ours {
            continue;
        } else if line.starts_with([' ', '\t']) && last.is_some() {
            // A value goes on in lines that are set in.
            if let Some(value) = last.as_ref().and_then(|key| into.get_mut(key)) {
                value.push(' ');
                value.push_str(bare);
            }
        } else if let Some((key, value)) = bare.split_once(['=', ':']) {
            let key = key.trim().to_lowercase().replace('_', "-");
            into.insert(key.clone(), value.trim().to_owned());
            last = Some(key);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn config(variables: &[(&str, &str)], pip: &str) -> Config {
        let mut read_of_file = BTreeMap::new();
        read(pip, &mut read_of_file);
        let known: BTreeMap<&str, &str> = variables.iter().copied().collect();
        Config::from(&|name| known.get(name).map(|value| (*value).to_owned()), &read_of_file)
    }

    #[test]
    fn what_pip_is_told_is_heard() {
        let file = "[global]\nindex-url = https://u:p@a.example/simple/\ncert = /c.pem\nextra-index-url =\n  \
                    https://b.example\n  https://c.example\n[freeze]\nproxy = no\n";
        let of_file = config(&[], file);
        assert_eq!(
            of_file.indexes,
            ["https://u:p@a.example/simple", "https://b.example", "https://c.example"]
        );
        assert_eq!(of_file.cert, Some(PathBuf::from("/c.pem")));
        assert_eq!(of_file.proxy, None);
        let variables = [
            ("PIP_INDEX_URL", "https://d.example"),
            ("UV_INDEX", "own=https://e.example/?a=b"),
            ("SSL_CERT_FILE", "/late.pem"),
        ];
        let both = config(&variables, file);
        assert_eq!(both.indexes[..2], ["https://e.example/?a=b", "https://d.example"]);
        assert_eq!(both.cert, Some(PathBuf::from("/c.pem")));
        assert_eq!(config(&variables, "").cert, Some(PathBuf::from("/late.pem")));
        assert_eq!(config(&[("UV_INDEX_URL", "https://f.example/s/")], "").indexes, ["https://f.example/s"]);
        assert_eq!(config(&[], "").indexes, [DEFAULT]);
    }
}
