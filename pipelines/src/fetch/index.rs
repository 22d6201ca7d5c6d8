//! The package index: which files it has of a package, in either form of the simple API.

use serde::Deserialize;

use super::Error;
use super::web::{Web, apart, decoded, join};
use crate::lock::normal;

/// The forms that an index may answer in, the better one first.
const ACCEPT: &str =
    "application/vnd.pypi.simple.v1+json, application/vnd.pypi.simple.v1+html;q=0.2, text/html;q=0.1";
/// The longest list of files.
const MOST_LIST: u64 = 64 << 20;
/// The largest file.
const MOST_FILE: u64 = 1 << 30;
/// How many versions an error lists.
const TOLD: usize = 8;

/// A file that an index has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Found {
    /// Its name.
    pub(super) file: String,
    /// Where it is.
    url: String,
    /// Its SHA-256, where the index says it.
    pub(super) sha256: Option<String>,
    /// Whether it was withdrawn: the reason, after a colon.
    pub(super) yanked: Option<String>,
}

/// Finds the source distribution of a version.
pub(super) fn sdist(web: &Web, name: &str, version: &str) -> Result<Found, Error> {
    let files = list(web, name)?;
    let archives = files.iter().filter_map(|found| Some((found, version_of(&found.file, name)?)));
    let mut archives: Vec<(&Found, String)> = archives.collect();
    // The first form that was ever usual is the last choice.
    archives.sort_by_key(|(found, _)| !found.file.ends_with(".tar.gz"));
    let of_version = archives.iter().filter(|(_, of)| same(of, version));
    let (live, gone): (Vec<_>, Vec<_>) = of_version.partition(|(found, _)| found.yanked.is_none());
    if let Some((found, _)) = live.first() {
        return Ok((*found).clone());
    }
    if let Some((found, _)) = gone.first() {
        let why = found.yanked.clone().unwrap_or_default();
        return Err(Error::Refused(format!(
            "`{name}` {version} was withdrawn from the index{why}: take another version"
        )));
    }
    let plain = normal(name).replace('-', "_");
    let has_wheel = |found: &Found| {
        let mut parts = found.file.splitn(3, '-');
        let is_it = parts.next().is_some_and(|first| normal(first).replace('-', "_") == plain);
        is_it && parts.next().is_some_and(|of| same(of, version))
    };
    if files.iter().any(has_wheel) {
        return Err(Error::Refused(format!(
            "`{name}` {version} has no source distribution that can be read (.tar.gz or .zip), which would bring its \
             tests: name its repository with `repo` instead"
        )));
    }
    let mut known: Vec<String> = Vec::new();
    archives.sort_by_key(|(_, version)| numbers(version));
    for (_, version) in archives.iter().rev().filter(|(found, _)| found.yanked.is_none()) {
        if !known.contains(version) {
            known.push(version.clone());
        }
    }
    let more = if known.len() > TOLD { ", and older ones" } else { "" };
    known.truncate(TOLD);
    let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
    Err(Error::Refused(format!("`{name}` has no version {version} in the index; it has {known}{more}")))
}

/// Finds a file that was pinned.
pub(super) fn file(web: &Web, name: &str, file: &str, sha256: &str) -> Result<Found, Error> {
    let mut last = None;
    for index in &web.config.indexes {
        let found =
            list_of(web, index, name)?.unwrap_or_default().into_iter().find(|found| found.file == file);
        match found {
            Some(found) if found.sha256.as_deref().is_none_or(|has| has == sha256) => return Ok(found),
            Some(found) => last = Some(found),
            None => {}
        }
    }
    last.ok_or_else(|| {
        Error::Refused(format!(
            "the index has no `{file}` any more, which is pinned: `sswe lock --update {name}` takes what is there now"
        ))
    })
}

/// Downloads a file.
pub(super) fn download(web: &Web, found: &Found) -> Result<Vec<u8>, Error> {
    match web.get(&found.url, "*/*", MOST_FILE)? {
        Some(page) => Ok(page.bytes),
        None => Err(Error::Refused(format!("the index lists `{}`, but there is nothing", found.file))),
    }
}

/// Lists the files of the first index that has a package.
fn list(web: &Web, name: &str) -> Result<Vec<Found>, Error> {
    for index in &web.config.indexes {
        if let Some(files) = list_of(web, index, name)? {
            return Ok(files);
        }
    }
    let asked: Vec<String> = web.config.indexes.iter().map(|index| format!("`{}`", apart(index).0)).collect();
    Err(Error::Refused(format!("there is no package `{name}` in {}: check the name", asked.join(", "))))
}

fn list_of(web: &Web, index: &str, name: &str) -> Result<Option<Vec<Found>>, Error> {
    let Some(page) = web.get(&format!("{index}/{}/", normal(name)), ACCEPT, MOST_LIST)? else {
        return Ok(None);
    };
    let text = String::from_utf8_lossy(&page.bytes);
    let files = match page.kind.ends_with("json") {
        true => of_json(&page.url, &text)
            .map_err(|error| Error::Refused(format!("`{}` is no list of files: {error}", page.url)))?,
        false => of_html(&page.url, &text),
    };
    Ok(Some(files))
}

#[derive(Deserialize)]
struct List {
    files: Vec<Listed>,
}

#[derive(Deserialize)]
struct Listed {
    filename: String,
    url: String,
    #[serde(default)]
    hashes: std::collections::BTreeMap<String, String>,
    #[serde(default)]
    yanked: serde_json::Value,
}

fn of_json(page: &str, text: &str) -> Result<Vec<Found>, serde_json::Error> {
    let list: List = serde_json::from_str(text)?;
    let found = list.files.into_iter().map(|listed| Found {
        url: join(page, &listed.url),
        sha256: listed.hashes.get("sha256").map(|hash| hash.to_lowercase()),
        yanked: match listed.yanked {
            serde_json::Value::Bool(true) => Some(String::new()),
            serde_json::Value::String(why) => Some(reason(&why)),
            _ => None,
        },
        file: listed.filename,
    });
    Ok(found.filter(|found| is_name(&found.file)).collect())
}

fn reason(why: &str) -> String {
    let why = why.trim().trim_end_matches('.');
    if why.is_empty() { String::new() } else { format!(": {why}") }
}

/// Returns whether a name is one of a file, and one word of a lock.
fn is_name(file: &str) -> bool {
    !file.is_empty() && !file.contains(['/', '\\', '\0']) && !file.contains(char::is_whitespace)
}

/// Reads the links of a page. A page of an index is flat: no more of HTML is needed.
fn of_html(page: &str, text: &str) -> Vec<Found> {
    let mut base = page.to_owned();
    let mut found = Vec::new();
    let mut rest = text;
    while let Some(at) = rest.find('<') {
        rest = &rest[at + 1..];
        if let Some(comment) = rest.strip_prefix("!--") {
            rest = comment.find("-->").map_or("", |end| &comment[end + 3..]);
            continue;
        }
        let name_end = rest.find(|c: char| !c.is_ascii_alphanumeric()).unwrap_or(rest.len());
        let name = rest[..name_end].to_ascii_lowercase();
        if name.is_empty() {
            continue;
        }
        let (attributes, after) = attributes(&rest[name_end..]);
        rest = after;
        let get =
            |wanted: &str| attributes.iter().find(|(name, _)| name == wanted).map(|(_, value)| value.clone());
        match (name.as_str(), get("href")) {
            ("base", Some(link)) => base = join(page, &link),
            ("a", Some(link)) => {
                let url = join(&base, &link);
                let (place, fragment) = url.split_once('#').unwrap_or((&url, ""));
                let path = &place[..place.find('?').unwrap_or(place.len())];
                let file = decoded(path.rsplit('/').next().unwrap_or_default());
                let sha256 = fragment.split('&').find_map(|part| part.strip_prefix("sha256="));
                found.push(Found {
                    file,
                    url: place.to_owned(),
                    sha256: sha256.map(str::to_lowercase),
                    yanked: get("data-yanked").map(|why| reason(&why)),
                });
            }
            _ => {}
        }
    }
    found.retain(|found| is_name(&found.file));
    found
}

/// Reads attributes up to the end of a tag; returns them and what comes after it.
fn attributes(text: &str) -> (Vec<(String, String)>, &str) {
    let mut found = Vec::new();
    let mut rest = text;
    loop {
        rest = rest.trim_start_matches(|c: char| c.is_whitespace() || c == '/');
        if rest.is_empty() {
            return (found, rest);
        }
        if let Some(after) = rest.strip_prefix('>') {
            return (found, after);
        }
        let end = rest.find(|c: char| c.is_whitespace() || "=>/".contains(c)).unwrap_or(rest.len());
        let (name, after) = rest.split_at(end.max(1).min(rest.len()));
        let after = after.trim_start();
        let (value, after) = match after.strip_prefix('=').map(str::trim_start) {
            Some(quoted) if quoted.starts_with(['"', '\'']) => {
                let (mark, inner) = quoted.split_at(1);
                inner.split_once(mark).unwrap_or((inner, ""))
            }
            Some(bare) => {
                bare.split_at(bare.find(|c: char| c.is_whitespace() || c == '>').unwrap_or(bare.len()))
            }
            None => ("", after),
        };
        found.push((name.to_ascii_lowercase(), unescaped(value)));
        rest = after;
    }
}

fn unescaped(text: &str) -> String {
    let pairs = [
        ("&lt;", "<"),
        ("&gt;", ">"),
        ("&quot;", "\""),
        ("&#34;", "\""),
        ("&#39;", "'"),
        ("&#x27;", "'"),
        ("&amp;", "&"),
    ];
    pairs.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to))
}

/// Returns the version that a source distribution is of.
fn version_of(file: &str, name: &str) -> Option<String> {
    let stem = [".tar.gz", ".tgz", ".zip"].iter().find_map(|end| file.strip_suffix(end))?;
    let wanted = normal(name);
    // Versions may have hyphens, and names too.
    let cuts = stem.match_indices('-').map(|(at, _)| stem.split_at(at));
    let fit = cuts.map(|(name, version)| (name, &version[1..])).find(|(name, version)| {
        normal(name) == wanted && version.starts_with(|c: char| c.is_ascii_digit() || c == 'v')
    });
    fit.map(|(_, version)| version.to_owned())
}

/// Returns whether two texts name one version.
fn same(one: &str, other: &str) -> bool {
    let plain = |text: &str| {
        let text = text.trim().to_lowercase().replace(['-', '_'], ".");
        let mut text = text.trim_start_matches('v').to_owned();
        for (long, short) in [("alpha", "a"), ("beta", "b"), (".rc", "rc"), (".a", "a"), (".b", "b")] {
            text = text.replace(long, short);
        }
        while text.bytes().all(|byte| byte.is_ascii_digit() || byte == b'.') && text.ends_with(".0") {
            text.truncate(text.len() - 2);
        }
        text
    };
    plain(one) == plain(other)
}

/// Returns the numbers of a version, so that versions can be told in their order.
fn numbers(version: &str) -> Vec<u64> {
    version.split(|c: char| !c.is_ascii_digit()).filter_map(|part| part.parse().ok()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    const PAGE: &str = "https://h.example/simple/x-y/";

    #[test]
    fn both_forms_say_the_same() {
        let sha256 = "ab".repeat(32);
        let html = format!(
            "<!DOCTYPE html><!-- <a href=\"no-1.zip\">no</a> --><body><A data-requires-python=\"&gt;=3\" \
             HREF='../../f/x_y-1.0.tar.gz?a=1#sha256={sha256}' data-yanked=\"broken &amp; bad\">x</A><br/>\
             <a href=https://o.example/X.Y-2.0.zip>y</a></body>"
        );
        let json = format!(
            r#"{{"meta":{{"api-version":"1.0"}},"files":[
             {{"filename":"x_y-1.0.tar.gz","url":"../../f/x_y-1.0.tar.gz?a=1","hashes":{{"sha256":"{sha256}"}},"yanked":"broken & bad"}},
             {{"filename":"X.Y-2.0.zip","url":"https://o.example/X.Y-2.0.zip","hashes":{{}},"yanked":false}}]}}"#
        );
        let found = of_html(PAGE, &html);
        assert_eq!(found, of_json(PAGE, &json).unwrap());
        assert_eq!(found.len(), 2);
        assert_eq!(found[0].url, "https://h.example/f/x_y-1.0.tar.gz?a=1");
        assert_eq!(found[0].sha256, Some(sha256));
        assert_eq!(found[0].yanked.as_deref(), Some(": broken & bad"));
        assert_eq!((found[1].sha256.clone(), found[1].yanked.clone()), (None, None));
    }

    #[test]
    fn broken_pages_end() {
        for text in
            ["<a", "<a href", "<a href=", "<a href='x", "<!--", "<", "<a =", "<a //", "<a href=\"x.zip\""]
        {
            of_html(PAGE, text);
        }
    }

    #[test]
    fn versions_are_found_in_names() {
        let of = |file| version_of(file, "zope.event-x");
        assert_eq!(of("zope_event_x-1.0.post1.tar.gz").as_deref(), Some("1.0.post1"));
        assert_eq!(of("zope.event-x-4.5-1.zip").as_deref(), Some("4.5-1"));
        assert_eq!(of("zope-event-1.0.tar.gz"), None);
        assert_eq!(of("zope_event_x-1.0-py3-none-any.whl"), None);
        assert!(
            same("1.0", "1.0.0")
                && same("v1.0", "1")
                && same("1.0-rc1", "1.0rc1")
                && same("1.0alpha1", "1.0a1")
        );
        assert!(!same("1.0", "1.0.1") && !same("1.0.post1", "1.0") && !same("10", "1"));
    }
}
