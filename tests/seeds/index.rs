//! A package index on loopback: the simple API in both forms, and files.

use std::{
    collections::BTreeMap,
    fmt::Write as _,
    io::{BufRead as _, BufReader, Read as _, Write as _},
    net::{Ipv4Addr, SocketAddr, TcpListener, TcpStream},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
};

use flate2::{Compression, write::GzEncoder};
use sha2::{Digest as _, Sha256};

/// A file of the index.
#[derive(Clone)]
pub(crate) struct Entry {
    file: String,
    bytes: Vec<u8>,
    sha256: String,
    yanked: Option<String>,
    is_led: bool,
}

impl Entry {
    pub(crate) fn new(file: &str, bytes: Vec<u8>) -> Entry {
        let sha256 = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        Entry { file: file.to_owned(), bytes, sha256, yanked: None, is_led: false }
    }

    /// Withdraws it.
    pub(crate) fn yanked(self, why: &str) -> Entry {
        Entry { yanked: Some(why.to_owned()), ..self }
    }

    /// Serves other bytes than the page says.
    pub(crate) fn served(self, bytes: Vec<u8>) -> Entry {
        Entry { bytes, ..self }
    }

    /// Leads to it over another address.
    pub(crate) fn led(self) -> Entry {
        Entry { is_led: true, ..self }
    }
}

#[derive(Default)]
struct State {
    packages: BTreeMap<String, BTreeMap<String, Entry>>,
    heard: Vec<String>,
}

/// A running index; it is gone when it is dropped.
pub(crate) struct Index {
    address: SocketAddr,
    state: Arc<Mutex<State>>,
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

impl Index {
    /// Starts an index that has nothing yet.
    pub(crate) fn start(is_json: bool) -> Index {
        let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap();
        let address = listener.local_addr().unwrap();
        let (state, is_over) = (Arc::new(Mutex::new(State::default())), Arc::new(AtomicBool::new(false)));
        let (known, over) = (state.clone(), is_over.clone());
        let thread = std::thread::spawn(move || {
            for stream in listener.incoming() {
                if over.load(Ordering::SeqCst) {
                    return;
                }
                if let Ok(stream) = stream {
                    let known = known.clone();
                    std::thread::spawn(move || answer(stream, &known, is_json));
                }
            }
        });
        Index { address, state, is_over, thread: Some(thread) }
    }

    pub(crate) fn url(&self) -> String {
        format!("http://{}/simple/", self.address)
    }

    /// Adds a file to a package, or replaces the one of that name.
    pub(crate) fn has(&self, package: &str, entry: Entry) {
        let mut state = self.state.lock().unwrap();
        state.packages.entry(package.to_owned()).or_default().insert(entry.file.clone(), entry);
    }

    /// Returns how often it was asked.
    pub(crate) fn asked(&self) -> usize {
        self.state.lock().unwrap().heard.iter().filter(|line| line.starts_with("GET ")).count()
    }

    /// Returns whether somebody sent such a line.
    pub(crate) fn heard(&self, line: &str) -> bool {
        self.state.lock().unwrap().heard.iter().any(|heard| heard.eq_ignore_ascii_case(line))
    }
}

impl Drop for Index {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::SeqCst);
        // Wakes it up, so that it sees that.
        let _ = TcpStream::connect(self.address);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn answer(mut stream: TcpStream, state: &Mutex<State>, is_json: bool) {
    let mut lines = BufReader::new(stream.try_clone().unwrap()).take(1 << 16).lines();
    let Some(Ok(first)) = lines.next() else { return };
    let rest: Vec<String> = lines.map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let path = first.split(' ').nth(1).unwrap_or_default().to_owned();
    let mut state = state.lock().unwrap();
    state.heard.push(first);
    state.heard.extend(rest);
    let (status, head, body) = page(&state, &path, is_json);
    drop(state);
    let head =
        format!("HTTP/1.1 {status}\r\n{head}content-length: {}\r\nconnection: close\r\n\r\n", body.len());
    let _ = stream.write_all(head.as_bytes()).and_then(|()| stream.write_all(&body));
}

fn page(state: &State, path: &str, is_json: bool) -> (&'static str, String, Vec<u8>) {
    let nothing = || ("404 Not Found", String::new(), Vec::new());
    if let Some(name) = path.strip_prefix("/simple/").and_then(|rest| rest.strip_suffix('/')) {
        let Some(files) = state.packages.get(name) else { return nothing() };
        let kind = if is_json { "application/vnd.pypi.simple.v1+json" } else { "text/html; charset=utf-8" };
        let body = if is_json { json(name, files) } else { html(files) };
        return ("200 OK", format!("content-type: {kind}\r\n"), body.into_bytes());
    }
    let find = |file: &str| state.packages.values().find_map(|files| files.get(file));
    if let Some(entry) = path.strip_prefix("/files/").and_then(find) {
        return match entry.is_led {
            true => ("302 Found", format!("location: /elsewhere/{}\r\n", entry.file), Vec::new()),
            false => ("200 OK", String::new(), entry.bytes.clone()),
        };
    }
    match path.strip_prefix("/elsewhere/").and_then(find) {
        Some(entry) => ("200 OK", String::new(), entry.bytes.clone()),
        None => nothing(),
    }
}

fn html(files: &BTreeMap<String, Entry>) -> String {
    let mut body = "<!DOCTYPE html><html><body><h1>Links</h1>\n".to_owned();
    for Entry { file, sha256, yanked, .. } in files.values() {
        let yanked = yanked.as_ref().map_or(String::new(), |why| format!(" data-yanked=\"{why}\""));
        let _ = writeln!(body, "<a href=\"../../files/{file}#sha256={sha256}\"{yanked}>{file}</a><br/>");
    }
    body + "</body></html>\n"
}

fn json(name: &str, files: &BTreeMap<String, Entry>) -> String {
    let files = files.values().map(|entry| {
        serde_json::json!({
            "filename": entry.file,
            "url": format!("../../files/{}", entry.file),
            "hashes": { "sha256": entry.sha256 },
            "yanked": entry.yanked.clone().map_or(serde_json::Value::Bool(false), Into::into),
        })
    });
    let files: Vec<_> = files.collect();
    serde_json::json!({ "meta": { "api-version": "1.0" }, "name": name, "files": files }).to_string()
}

/// Makes a source distribution of a folder's files.
pub(crate) fn sdist(top: &str, files: &[(&str, &str)]) -> Vec<u8> {
    let mut builder = tar::Builder::new(GzEncoder::new(Vec::new(), Compression::fast()));
    for (path, text) in files {
        let path = format!("{top}/{path}");
        let mut header = tar::Header::new_gnu();
        // Into the raw header: no library writes all that is tested here.
        header.as_mut_bytes()[..path.len()].copy_from_slice(path.as_bytes());
        header.set_mode(0o644);
        header.set_size(text.len() as u64);
        header.set_cksum();
        builder.append(&header, text.as_bytes()).unwrap();
    }
    builder.into_inner().unwrap().finish().unwrap()
}
