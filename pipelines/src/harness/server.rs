//! A warm server, and one verdict of it.

use std::{
    collections::BTreeMap,
    io::{self, PipeReader, PipeWriter, Read, Write},
    os::fd::{AsFd, AsRawFd, FromRawFd},
    sync::Arc,
    time::{Duration, Instant},
};

use super::{
    Backend, Bench, Python, Trouble,
    command::{self, Runner},
    wire::{self, Config, Line, Request},
};
use sswe_engine::sandbox::{Channel, Input, Running, Start, Usage, filter_program, hidden, usage};

const FILES: &[(&str, &str)] = &[
    ("/harness/serve.py", include_str!("serve.py")),
    ("/harness/isolate.py", include_str!("isolate.py")),
    ("/harness/contained.py", include_str!("contained.py")),
    ("/harness/report.py", include_str!("report.py")),
    ("/harness/units.py", include_str!("units.py")),
    ("/harness/pytests.py", include_str!("pytests.py")),
    ("/harness/warm.py", include_str!("warm.py")),
    ("/harness/canary.py", include_str!("canary.py")),
    ("/harness/second.py", include_str!("second.py")),
];

/// Where packages are in every sandbox, wherever they are on the host.
const SITE: &str = "/site";

/// How long a server may take to be ready.
const PATIENCE: Duration = Duration::from_secs(120);

/// How often a verdict that takes long is looked at.
const TICK: Duration = Duration::from_millis(20);

/// The most bytes of results that are read: what is longer was not written by us.
const MOST: usize = 256 << 20;

/// A server, ready for a verdict.
#[derive(Debug)]
pub(super) struct Server {
    source: Arc<Source>,
    running: Running,
    /// Whether it can reach no other verdict.
    is_spent: bool,
}

/// What servers are made of.
#[derive(Debug)]
pub(super) struct Source {
    pub bench: Bench,
    pub python: Python,
    pub backend: Backend,
}

/// The bytes that a pipe of results holds.
const PIPE: usize = 1 << 20;

/// What a verdict gave.
#[derive(Debug, Default)]
pub(super) struct Raw {
    pub lines: Vec<Line>,
    pub end: End,
}

/// Why a verdict ended.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) enum End {
    /// By itself.
    #[default]
    Own,
    /// Something used up its processor time.
    Cpu,
    /// Something neither ran nor waited for a processor.
    Idle,
    /// Memory.
    Memory,
    /// The clock, and the machine is to blame.
    Wall,
    /// Something outside killed it: nothing inside can.
    Killed,
}

/// What one part of a verdict, a test or the loading of all, may use.
pub(super) trait Allow {
    /// Is told of each line.
    fn heard(&mut self, line: &Line);
    /// Returns the processor time for what is running now.
    fn cpu(&self) -> Duration;
    /// Returns how long it may be idle.
    fn idle(&self) -> Duration;
}

impl Server {
    pub(super) async fn start(source: &Arc<Source>) -> Result<Server, Trouble> {
        let Source { bench, python, backend } = &**source;
        let command = command::parse(&bench.command)?;
        let mut fixed: BTreeMap<String, Input> = FILES
            .iter()
            .map(|(path, text)| {
                ((*path).to_owned(), Input { bytes: text.as_bytes().to_vec(), is_program: false })
            })
            .collect();
        fixed.extend(bench.tree.iter().map(|(path, file)| {
            (
                format!("{}/{path}", backend.base()),
                Input { bytes: file.bytes(), is_program: file.is_program() },
            )
        }));
        let site: &[&str] = if bench.site.is_some() { &[SITE] } else { &[] };
        // For programs that tests start; the server itself knows them from its settings.
        let env = site.iter().map(|path| ("PYTHONPATH".to_owned(), (*path).to_owned())).collect();
        let program = python.program.display().to_string();
        let start = Start {
            // Without `site`, nothing is there that the environment does not name.
            argv: match bench.packages {
                true => vec![program, "-s".to_owned(), "/harness/serve.py".to_owned()],
                false => vec![program, "-sS".to_owned(), "/harness/serve.py".to_owned()],
            },
            env,
            fixed,
            scratch: vec!["/base".to_owned(), "/pyc".to_owned()],
            readable: python.readable.clone(),
            shown: bench.site.iter().map(|folder| (SITE.to_owned(), folder.clone())).collect(),
            network: bench.network,
            files: bench.limits.files,
            memory: bench.limits.memory,
            pids: bench.limits.pids,
            cpus: bench.limits.cpus,
        };
        let running = backend.start(start).await?;
        let config = Config {
            runner: match command.runner {
                Runner::Unittest => "unittest",
                Runner::Pytest => "pytest",
            },
            is_module: command.is_module,
            args: &command.args,
            network: bench.network,
            site,
            contained: backend.is_contained(),
            filter: filter_program().iter().map(|byte| format!("{byte:02x}")).collect(),
            hidden: hidden(),
        };
        let server = Server { source: source.clone(), running, is_spent: false };
        let config = serde_json::to_vec(&config).map_err(|error| Trouble::Infra(error.to_string()))?;
        let ready = async {
            server.running.control.send(&config, &[]).await?;
            server.running.control.recv().await
        };
        match tokio::time::timeout(PATIENCE, ready).await {
            Ok(Ok((word, _))) if word == b"ready" => Ok(server),
            Ok(Err(error)) => Err(server.died(&error.to_string())),
            Ok(Ok(_)) => {
                let complaint = server.running.complaint();
                let last = complaint.lines().next_back().unwrap_or("it said nothing").to_owned();
                if last.starts_with("ModuleNotFoundError: No module named '") {
                    let hint = "name the package that brings it in `packages`";
                    return Err(Trouble::Refused(format!(
                        "`{}` cannot be run: {last}: {hint}",
                        bench.command
                    )));
                }
                Err(server.died(&complaint))
            }
            Err(_) => Err(Trouble::Infra("the test server was not ready in two minutes".to_owned())),
        }
    }

    fn died(&self, why: &str) -> Trouble {
        let complaint = self.running.complaint();
        Trouble::Infra(format!("the test server died: {why} {complaint}").trim().to_owned())
    }

    /// Returns whether another verdict can be reached here: nothing is there of those before.
    fn is_fresh(&self) -> bool {
        // The first process, and the one that waits for the next request. Where each verdict has its
        // own namespaces there is nothing to look at.
        let is_alone = || self.running.processes().is_some_and(|count| count <= 2);
        !self.is_spent && (!self.source.backend.is_contained() || is_alone())
    }

    /// Reaches one verdict.
    pub(super) async fn verdict(
        &mut self,
        mut request: Request<'_>,
        allow: &mut (dyn Allow + Send + Sync),
    ) -> Result<Raw, Trouble> {
        if !self.is_fresh() {
            *self = Server::start(&self.source).await?;
        }
        let infra = |error: io::Error| Trouble::Infra(format!("a verdict could not be begun: {error}"));
        request.nonce = wire::nonce().map_err(infra)?;
        let wall = Duration::from_millis(request.limits.wall_ms);
        let (nonce, memory) = (request.nonce.clone(), request.limits.memory);
        let body = serde_json::to_vec(&request).map_err(|error| Trouble::Infra(error.to_string()))?;
        let asked = in_memory(&body).map_err(infra)?;
        let (mut results, told) = wide_pipe().map_err(infra)?;
        let control = &self.running.control;
        if let Err(error) = control.send(b"go", &[asked.as_fd(), told.as_fd()]).await {
            return Err(self.died(&error.to_string()));
        }
        drop((asked, told));
        let mut flow = Flow { nonce: &nonce, rest: Vec::new(), searched: 0, bytes: 0, lines: Vec::new() };
        let mut end = End::Own;
        let mut watch = Watch::new(self.running.pid(), wall, memory);
        let killed = self.running.killed();
        let mut tick = tokio::time::interval_at(tokio::time::Instant::now() + 2 * TICK, TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        // Nobody waits for lines: to be woken up for each of them would cost more than the tests do.
        let exit = loop {
            tokio::select! {
                biased;
                message = control.recv() => break message,
                _ = tick.tick() => {
                    flow.read(&mut results);
                    watch.heard |= flow.tell(allow);
                    if end == End::Own && let Some(why) = watch.look(allow) {
                        end = why;
                        stop(control).await;
                    }
                }
            }
        };
        match exit {
            // In namespaces it is the first process: whatever it runs cannot end it with this signal.
            Ok((bytes, _)) if matches!(bytes.len(), 12 | 13) => {
                // Reached, but nothing more is to be asked where it was.
                self.is_spent = bytes.len() == 13;
                let [a, b, c, d, ..] = bytes[..] else { return Err(self.died("")) };
                let status = i32::from_ne_bytes([a, b, c, d]);
                if end == End::Own && libc::WIFSIGNALED(status) && libc::WTERMSIG(status) == libc::SIGKILL {
                    end = End::Killed;
                }
            }
            Ok(_) => return Err(self.died("")),
            Err(error) => return Err(self.died(&error.to_string())),
        }
        // Whoever could write is gone, so this is all.
        flow.read(&mut results);
        flow.tell(allow);
        // Faster than anybody looks, and so told as if somebody had.
        if self.running.killed() > killed {
            end = End::Memory;
        }
        if end == End::Own && !flow.lines.iter().any(|line| matches!(line, Line::Begun { .. })) {
            return Err(Trouble::Infra(
                "a verdict could not be begun: its tree could not be made".to_owned(),
            ));
        }
        Ok(Raw { lines: flow.lines, end })
    }
}

async fn stop(control: &Channel) {
    // When this fails the server is gone, and the next message says so.
    let _ = control.send(b"stop", &[]).await;
}

/// Makes a file in memory, to be read from its start.
fn in_memory(bytes: &[u8]) -> io::Result<std::fs::File> {
    // SAFETY: the name is a text; the descriptor is new, and ours.
    let mut file = unsafe {
        match libc::memfd_create(c"verdict".as_ptr(), libc::MFD_CLOEXEC) {
            -1 => return Err(io::Error::last_os_error()),
            file => std::fs::File::from_raw_fd(file),
        }
    };
    file.write_all(bytes)?;
    io::Seek::rewind(&mut file)?;
    Ok(file)
}

/// Makes a pipe that holds what most verdicts have to say, and can be read without waiting.
fn wide_pipe() -> io::Result<(PipeReader, PipeWriter)> {
    let (read, write) = io::pipe()?;
    // SAFETY: flags of our own descriptors. Where the pipe stays narrow, who writes waits for a tick.
    unsafe {
        libc::fcntl(write.as_raw_fd(), libc::F_SETPIPE_SZ, PIPE as libc::c_int);
        match libc::fcntl(read.as_raw_fd(), libc::F_SETFL, libc::O_NONBLOCK) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok((read, write)),
        }
    }
}

struct Flow<'a> {
    nonce: &'a str,
    rest: Vec<u8>,
    /// The bytes of these that hold no end of a line: who writes without one shall not keep us busy.
    searched: usize,
    bytes: usize,
    lines: Vec<Line>,
}

impl Flow<'_> {
    /// Reads what there is, and no more than a pipe holds: it may be written faster than it is read.
    fn read(&mut self, results: &mut PipeReader) {
        let mut part = vec![0; PIPE];
        let mut left = PIPE;
        while left > 0 && self.bytes <= MOST {
            // It does not wait: nothing there is an error as well.
            let count = results.read(&mut part[..left]).unwrap_or(0);
            if count == 0 {
                return;
            }
            self.rest.extend_from_slice(&part[..count]);
            self.bytes += count;
            left -= count;
        }
    }

    /// Takes out the lines that are complete; returns whether there was one of ours.
    fn tell(&mut self, allow: &mut (dyn Allow + Send + Sync)) -> bool {
        let new = self.rest[self.searched..].iter().rposition(|byte| *byte == b'\n');
        let Some(end) = new.map(|at| self.searched + at) else {
            self.searched = self.rest.len();
            return false;
        };
        let before = self.lines.len();
        for line in self.rest[..end].split(|byte| *byte == b'\n') {
            if let Some(line) = wire::read(line, self.nonce) {
                allow.heard(&line);
                self.lines.push(line);
            }
        }
        self.rest.drain(..=end);
        self.searched = self.rest.len();
        self.lines.len() > before
    }
}

/// Looks at a verdict that takes long.
struct Watch {
    server: i32,
    child: Option<i32>,
    begun: Instant,
    wall: Duration,
    memory: u64,
    heard: bool,
    /// What was used when the part that runs now was first seen.
    base: Usage,
    since: Instant,
    /// The last time that anything had moved.
    moved: (Usage, Instant),
}

impl Watch {
    fn new(server: i32, wall: Duration, memory: u64) -> Watch {
        let now = Instant::now();
        let none = Usage::default();
        let moved = (none, now);
        Watch { server, child: None, begun: now, wall, memory, heard: false, base: none, since: now, moved }
    }

    fn look(&mut self, allow: &(dyn Allow + Send + Sync)) -> Option<End> {
        let path = format!("/proc/{0}/task/{0}/children", self.server);
        self.child = self
            .child
            .or_else(|| std::fs::read_to_string(path).ok()?.split_whitespace().next()?.parse().ok());
        let used = usage(self.child?)?;
        let now = Instant::now();
        if std::mem::take(&mut self.heard) {
            (self.base, self.since) = (used, now);
        }
        let busy = |used: Usage| used.cpu + used.waiting;
        // A process that sleeps and wakes up now and then is no busier than one that sleeps.
        let (before, at) = self.moved;
        if busy(used).saturating_sub(busy(before)) > (now - at) / 20 + TICK / 2 {
            self.moved = (used, now);
        }
        if self.since > self.moved.1 {
            self.moved = (used, self.since);
        }
        if used.cpu.saturating_sub(self.base.cpu) > allow.cpu() {
            return Some(End::Cpu);
        }
        if used.memory > self.memory {
            return Some(End::Memory);
        }
        if now - self.moved.1 > allow.idle() {
            return Some(End::Idle);
        }
        if now - self.begun > self.wall {
            let spent = busy(used).saturating_sub(busy(self.base));
            return Some(if spent < (now - self.since) / 2 { End::Idle } else { End::Wall });
        }
        None
    }
}
