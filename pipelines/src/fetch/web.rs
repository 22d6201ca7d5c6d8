//! Asks a server for a file, as this machine is set up to.

use std::sync::Arc;
use std::time::Duration;

use ureq::tls::{PemItem, RootCerts, TlsConfig, parse_pem};
use ureq::{Agent, Proxy, ResponseExt as _};

use super::Error;
use super::config::Config;

/// How long a server may take to be reached, and to say something.
const PATIENCE: Duration = Duration::from_secs(30);
/// How long a whole file may take.
const WHOLE: Duration = Duration::from_secs(600);

/// A client.
#[derive(Debug)]
pub(super) struct Web {
    pub(super) config: Config,
    agent: Agent,
}

/// What a server gave.
#[derive(Debug)]
pub(super) struct Page {
    /// Where it came from in the end, without credentials.
    pub(super) url: String,
    /// Its kind, such as `text/html`.
    pub(super) kind: String,
    pub(super) bytes: Vec<u8>,
}

impl Web {
    pub(super) fn new(config: Config) -> Result<Web, Error> {
        let mut tls = TlsConfig::builder()
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()));
        if let Some(path) = &config.cert {
            let bytes = std::fs::read(path).map_err(|error| {
                Error::Refused(format!("the certificates `{}` cannot be read: {error}", path.display()))
            })?;
            let found = parse_pem(&bytes).filter_map(|item| match item {
                Ok(PemItem::Certificate(certificate)) => Some(certificate),
                _ => None,
            });
            tls = tls.root_certs(RootCerts::Specific(Arc::new(found.collect())));
        }
        let mut builder = Agent::config_builder()
            .tls_config(tls.build())
            .http_status_as_error(false)
            .user_agent(concat!("sswe/", env!("CARGO_PKG_VERSION")))
            .timeout_resolve(Some(PATIENCE))
            .timeout_connect(Some(PATIENCE))
            .timeout_recv_response(Some(PATIENCE))
            .timeout_global(Some(WHOLE));
        if let Some(proxy) = &config.proxy {
            let proxy = Proxy::new(proxy)
                .map_err(|_| Error::Refused("pip's `proxy` is no address of a proxy".to_owned()))?;
            builder = builder.proxy(Some(proxy));
        }
        Ok(Web { agent: builder.build().new_agent(), config })
    }

    /// Returns what is at an address of up to `most` bytes; nothing where there is nothing.
    pub(super) fn get(&self, url: &str, accept: &str, most: u64) -> Result<Option<Page>, Error> {
        let (bare, credentials) = apart(url);
        let host = host(&bare);
        self.allow(&bare, host)?;
        let mut request = self.agent.get(&bare).header("accept", accept);
        let credentials = credentials.or_else(|| {
            let of_host = self.config.indexes.iter().map(|index| apart(index));
            of_host
                .filter(|(index, _)| origin(index) == origin(&bare))
                .find_map(|(_, credentials)| credentials)
        });
        if let Some(credentials) = credentials {
            request = request.header("authorization", format!("Basic {}", base64(credentials.as_bytes())));
        }
        let down = |error: ureq::Error| {
            let what = format!("`{host}` cannot be reached: {error}");
            match error {
                ureq::Error::Rustls(_) | ureq::Error::Tls(_) | ureq::Error::Pem(_) => {
                    Error::Refused(format!(
                        "{what}; name the certificates that your network uses in PIP_CERT or SSL_CERT_FILE"
                    ))
                }
                ureq::Error::BodyExceedsLimit(_) => {
                    Error::Refused(format!("`{bare}` is larger than {} MiB", most >> 20))
                }
                _ => Error::Network(format!(
                    "{what}; check the network, the proxy (HTTPS_PROXY) and the index (PIP_INDEX_URL)"
                )),
            }
        };
        let mut response = request.call().map_err(down)?;
        let status = response.status().as_u16();
        let url = response.get_uri().to_string();
        match status {
            200 => {}
            404 | 410 => return Ok(None),
            401 | 403 => {
                return Err(Error::Refused(format!(
                    "`{host}` answers {status} to `{bare}`: put credentials into the address of the index"
                )));
            }
            408 | 429 | 500.. => {
                return Err(Error::Network(format!("`{host}` answers {status} to `{bare}`")));
            }
            _ => return Err(Error::Refused(format!("`{host}` answers {status} to `{bare}`"))),
        }
        // Where it was led on to must be as good as where it was asked.
        self.allow(&url, self::host(&url))?;
        let kind = response.body().mime_type().unwrap_or_default().to_owned();
        let bytes = response.body_mut().with_config().limit(most).read_to_vec().map_err(down)?;
        Ok(Some(Page { url, kind, bytes }))
    }

    /// Refuses what others could change on the way.
    fn allow(&self, url: &str, host: &str) -> Result<(), Error> {
        let name = match host.rsplit_once(':') {
            Some((name, port)) if port.bytes().all(|byte| byte.is_ascii_digit()) => name,
            _ => host,
        };
        let is_here = matches!(name, "localhost" | "127.0.0.1" | "[::1]");
        let is_trusted = || self.config.trusted.iter().any(|trusted| trusted == name || trusted == host);
        if url.starts_with("https://") || (url.starts_with("http://") && (is_here || is_trusted())) {
            return Ok(());
        }
        Err(Error::Refused(format!(
            "`{url}` is not encrypted: use https, or name the host in PIP_TRUSTED_HOST"
        )))
    }
}

/// Takes the credentials out of an address.
pub(super) fn apart(url: &str) -> (String, Option<String>) {
    let Some((scheme, rest)) = url.split_once("://") else { return (url.to_owned(), None) };
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let Some(at) = rest[..end].rfind('@') else { return (url.to_owned(), None) };
    (format!("{scheme}://{}", &rest[at + 1..]), Some(decoded(&rest[..at])))
}

/// Returns the host of an address, with its port.
fn host(url: &str) -> &str {
    let rest = url.split_once("://").map_or(url, |(_, rest)| rest);
    &rest[..rest.find(['/', '?', '#']).unwrap_or(rest.len())]
}

fn origin(url: &str) -> (&str, &str) {
    (url.split_once("://").map_or("", |(scheme, _)| scheme), host(url))
}

/// Returns a text in which `%41` is `A`.
pub(super) fn decoded(text: &str) -> String {
    let mut bytes = Vec::with_capacity(text.len());
    let mut rest = text.as_bytes();
    while let Some((byte, after)) = rest.split_first() {
        let digits = (*byte == b'%').then(|| after.get(..2)).flatten();
        let value = digits.and_then(|two| u8::from_str_radix(std::str::from_utf8(two).ok()?, 16).ok());
        bytes.push(value.unwrap_or(*byte));
        rest = if value.is_some() { &after[2..] } else { after };
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

/// Returns where a link of a page leads.
pub(super) fn join(page: &str, link: &str) -> String {
    if link.contains("://") {
        return link.to_owned();
    }
    let (scheme, _) = page.split_once("://").unwrap_or(("https", ""));
    if let Some(rest) = link.strip_prefix("//") {
        return format!("{scheme}://{rest}");
    }
    let host = host(page);
    let path = &page[(scheme.len() + 3 + host.len()).min(page.len())..];
    let path = &path[..path.find(['?', '#']).unwrap_or(path.len())];
    let folder = &path[..path.rfind('/').unwrap_or(0)];
    let (link, query) = link.split_at(link.find(['?', '#']).unwrap_or(link.len()));
    let whole = if link.starts_with('/') { link.to_owned() } else { format!("{folder}/{link}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in whole.split('/').skip(1) {
        match part {
            "." => {}
            ".." => drop(parts.pop()),
            part => parts.push(part),
        }
    }
    format!("{scheme}://{host}/{}{query}", parts.join("/"))
}

fn base64(bytes: &[u8]) -> String {
    const LETTERS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut text = String::new();
    for chunk in bytes.chunks(3) {
        let word = (0..3).fold(0_u32, |word, at| word << 8 | u32::from(chunk.get(at).copied().unwrap_or(0)));
        for at in 0..4 {
            let letter = LETTERS[(word >> (18 - 6 * at) & 63) as usize] as char;
            text.push(if at <= chunk.len() { letter } else { '=' });
        }
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn links_are_followed_from_their_page() {
        let join = |link| join("https://h.example:8/simple/toolz/?x=/y", link);
        assert_eq!(join("../../f/a.tar.gz#sha256=1"), "https://h.example:8/f/a.tar.gz#sha256=1");
        assert_eq!(join("a.zip"), "https://h.example:8/simple/toolz/a.zip");
        assert_eq!(join("/b"), "https://h.example:8/b");
        assert_eq!(join("//o.example/b"), "https://o.example/b");
        assert_eq!(join("http://o.example/b"), "http://o.example/b");
        assert_eq!(join("../../../../b"), "https://h.example:8/b");
    }

    #[test]
    fn credentials_are_taken_out() {
        let found = apart("https://me:p%40ss@h.example/simple");
        assert_eq!(found, ("https://h.example/simple".to_owned(), Some("me:p@ss".to_owned())));
        assert_eq!(apart("https://h.example/a@b").1, None);
        assert_eq!(base64(b"me:p@ss"), "bWU6cEBzcw==");
        assert_eq!([base64(b"abc"), base64(b"ab")], ["YWJj", "YWI="]);
    }

    #[test]
    fn what_others_could_change_is_refused() {
        let config =
            Config { indexes: vec![], cert: None, trusted: vec!["mirror.example".to_owned()], proxy: None };
        let web = Web::new(config).unwrap();
        let allowed = |url: &str| web.allow(url, host(url)).is_ok();
        assert!(allowed("https://a.example/x") && allowed("http://127.0.0.1:80/x"));
        assert!(allowed("http://mirror.example:8080/x"));
        assert!(
            !allowed("http://a.example/x") && !allowed("http://127.0.0.1.a.example/") && !allowed("ftp://a/")
        );
    }
}
