//! What the host has that nobody inside may reach: laid out before an attempt, looked at after it.

use std::{
    collections::BTreeMap,
    fs,
    io::{Read, Write},
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::atomic::{AtomicU32, Ordering},
    time::{Duration, Instant},
};

/// The attempts: each is a function of this file.
pub(crate) const ESCAPES: &str = include_str!("escapes.py");

const SECRET: &str = "only the host knows this";

/// Files, sockets and a process of the host.
pub(crate) struct Prey {
    /// What attempts are told of it, as JSON.
    pub(crate) facts: String,
    /// What a neighbour keeps to itself.
    pub(crate) neighbour: String,
    folder: PathBuf,
    mark: String,
    victim: Child,
}

impl Prey {
    /// Lays everything out. `room` is what each of an attempt's folders may hold.
    pub(crate) fn lay_out(room: u64) -> Prey {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sswe-prey-{}-{number}", std::process::id());
        // Not below `/tmp`, which everybody has of their own: that would hide it for another reason.
        let folder = PathBuf::from("/var/tmp").join(&name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("secret"), SECRET).unwrap();
        let socket = folder.join("socket");
        let files = UnixListener::bind(&socket).unwrap();
        let nameless = SocketAddr::from_abstract_name(&name).unwrap();
        let nameless = UnixListener::bind_addr(&nameless).unwrap();
        let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
        let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
        let ports = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
        for listener in [files, nameless] {
            std::thread::spawn(move || {
                listener.incoming().flatten().for_each(|mut link| drop(link.write_all(b"hello")))
            });
        }
        std::thread::spawn(move || {
            tcp.incoming().flatten().for_each(|mut link| drop(link.write_all(b"hello")));
        });
        std::thread::spawn(move || {
            while let Ok((_, from)) = udp.recv_from(&mut [0; 100]) {
                let _ = udp.send_to(b"hello", from);
            }
        });
        // Too long for anybody to wait, and no number that others use.
        let mark = format!("{}", 1_000_000_000 + u64::from(std::process::id()) * 1000 + u64::from(number));
        let victim = Command::new("sleep").arg(format!("{mark}.5")).stdin(Stdio::null()).spawn().unwrap();
        let neighbour = format!("neighbour-{mark}");
        let home = std::env::var("HOME").unwrap_or("/root".to_owned());
        let dns = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let dns: BTreeMap<&str, u32> =
            dns.lines().filter_map(|line| Some((line.strip_prefix("nameserver ")?.trim(), 53))).collect();
        let facts = serde_json::json!({
            "tcp": ports.0, "udp": ports.1, "unix": socket, "abstract": name, "addresses": addresses(),
            "dns": dns, "victim": victim.id(), "mark": mark, "secret": folder.join("secret"), "folder": folder,
            "home": home, "neighbour": neighbour, "room": room * 4,
        });
        Prey { facts: facts.to_string(), neighbour, folder, mark, victim }
    }

    /// Returns what an attempt did to the host.
    pub(crate) fn harm(&mut self) -> Vec<String> {
        let mut harm = Vec::new();
        if self.victim.try_wait().unwrap().is_some() {
            harm.push("a process of the host was ended".to_owned());
        }
        if fs::read_to_string(self.folder.join("secret")).ok().as_deref() != Some(SECRET) {
            harm.push("a file of the host was changed".to_owned());
        }
        for top in ["/tmp", "/var/tmp", "/dev/shm", "/"] {
            let names = fs::read_dir(top).into_iter().flatten().flatten();
            let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
            let strange = names.filter(|name| name == "left" || name.starts_with("filling-"));
            harm.extend(strange.map(|name| format!("{top}/{name} is on the host")));
        }
        let begun = Instant::now();
        while asleep(&self.mark) {
            if begun.elapsed() > Duration::from_secs(5) {
                harm.push("a process lives on".to_owned());
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        harm
    }
}

impl Drop for Prey {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Returns whether a process of this machine has that argument.
fn asleep(argument: &str) -> bool {
    let has = |path: PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes())
    };
    fs::read_dir("/proc").unwrap().flatten().any(|entry| has(entry.path()))
}

/// Returns the addresses of this machine that others would use.
fn addresses() -> Vec<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the kernel says which way it would go.
    let address = socket.connect("203.0.113.1:9").and_then(|()| socket.local_addr());
    address.map(|address| vec![address.ip().to_string()]).unwrap_or_default()
}

/// Returns what is meant to keep an attempt, as it says itself.
pub(crate) fn keeper(attempt: &str) -> &'static str {
    let lines = ESCAPES.split_once(&format!("def {attempt}(facts):\n    \"\"\"")).unwrap().1;
    lines.split_once("\"\"\"").unwrap().0
}

/// Prints a line of the table.
pub(crate) fn tell(sandbox: &str, attempt: &str, happened: &str) {
    let attempt = attempt.replace('_', " ");
    println!("{sandbox:15} | {attempt:40} | {happened:90} | {}", keeper(&attempt.replace(' ', "_")));
}

/// Returns what an attempt did where nothing keeps it.
pub(crate) fn outside(attempt: &str, facts: &str) -> String {
    let mut child = Command::new("python3")
        .args(["-c", ESCAPES, attempt, facts])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .spawn()
        .unwrap();
    let mut told = String::new();
    child.stdout.take().unwrap().read_to_string(&mut told).unwrap();
    child.wait().unwrap();
    told
}
