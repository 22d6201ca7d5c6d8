//! Runs commands in containers of an image, through the Docker of this machine.
//!
//! Each container has no network, a root that cannot be written to, two rights for its first
//! process and none for anybody else. That process connects to us and gets everything else as open
//! files, so nothing of what runs there goes through the daemon.

mod container;
mod daemon;
mod image;
mod profile;

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read, Seek, Write},
    os::fd::{AsFd, FromRawFd},
    path::Path,
    time::{Duration, Instant},
};

use serde_json::json;

pub(super) use container::Container;
use container::Shape;
pub use daemon::Daemon;
pub use image::{Image, Unpacked};

use super::{
    Action, Channel, Error, Exit, Input, Limits, Outcome, Running, Sandbox, Start, Stop, WORK,
    filter_program,
    native::{Streams, clean_env, fed, piped},
    watch,
};

/// How often a run is measured.
const TICK: Duration = Duration::from_millis(50);

/// The sandbox of containers of one image.
#[derive(Clone, Debug)]
pub struct Docker {
    /// Who runs them.
    pub daemon: Daemon,
    /// What they are made of.
    pub image: Image,
}

/// What a container as a whole may use.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Frame {
    cpus: u32,
    /// Bytes of memory, besides those of files.
    memory: u64,
    pids: u32,
}

impl Docker {
    /// Starts a program that stays, and is the first process of a container.
    pub async fn start(&self, start: Start) -> Result<Running, Error> {
        let Start { argv, env, fixed, scratch, readable, shown, network, files, memory, pids, cpus } = start;
        let frame = Frame { cpus, memory, pids };
        refuse_network(network)?;
        let mut folders: Vec<String> = fixed.keys().map(|path| top(path)).chain(scratch).collect();
        folders.sort();
        folders.dedup();
        let mut places: Vec<_> = shown.into_iter().collect();
        places.extend(readable.into_iter().map(|path| (path.display().to_string(), path)));
        let writable = [WORK, "/tmp"];
        let hidden = Vec::new();
        let shape =
            Shape { frame: &frame, shown: places, hidden, writable: &writable, fixed: folders, files };
        let (container, control) = Container::start(&self.daemon, &self.image, &shape).await?;
        let (stderr, errors) = piped()?;
        let files: Vec<(&str, &Input)> = fixed.iter().map(|(path, input)| (path.as_str(), input)).collect();
        let given = given(&argv, &env, &files, json!({})).map_err(Error::broken("write to memory"))?;
        let sent = control.send(b"stay", &[given.as_fd(), errors.as_fd()]).await;
        sent.map_err(Error::broken("talk to a container"))?;
        drop(errors);
        self.begun(&control, &argv).await?;
        Ok(Running::of_container(control, stderr, container))
    }

    /// Waits for the word that the program runs.
    async fn begun(&self, control: &Channel, argv: &[String]) -> Result<(), Error> {
        let (word, _) = control.recv().await.map_err(Error::broken("talk to a container"))?;
        match word.split_first() {
            Some((b'+', _)) => Ok(()),
            Some((b'!', number)) => {
                let number = number.try_into().map_or(libc::EIO, i32::from_ne_bytes);
                Err(Error::Program {
                    program: argv.first().cloned().unwrap_or_default(),
                    source: io::Error::from_raw_os_error(number),
                    fix: format!("it sees the programs of the image `{}` only", self.image.name),
                })
            }
            _ => Err(Error::Broken { step: "start a program in a container", source: lost() }),
        }
    }
}

impl Sandbox for Docker {
    async fn run(&self, action: Action) -> Result<Outcome, Error> {
        let begun = Instant::now();
        refuse_network(action.network)?;
        check(&action)?;
        let limits = &action.limits;
        // One process less of ours than where a program stays, and the command itself counts.
        let pids = limits.pids.saturating_sub(2);
        let frame = Frame { cpus: u32::MAX, memory: limits.memory, pids };
        let mut shown: Vec<_> = action.shown.clone().into_iter().collect();
        shown.extend(action.readable.iter().map(|path| (path.display().to_string(), path.clone())));
        let (hidden, fixed) = (action.masked.clone(), Vec::new());
        let shape =
            Shape { frame: &frame, shown, hidden, writable: &[WORK, "/tmp"], fixed, files: limits.files };
        let (container, control) = Container::start(&self.daemon, &self.image, &shape).await?;
        let (stdin, feed) = fed()?;
        let (stdout, out) = piped()?;
        let (stderr, errors) = piped()?;
        let more = json!({
            "limits": numbers(limits),
            "outputs": action.outputs,
            "filter": filter_program().iter().map(|byte| format!("{byte:02x}")).collect::<String>(),
        });
        let files: Vec<_> = action.files.iter().map(|(path, input)| (path.as_str(), input)).collect();
        let given =
            given(&action.argv, &action.env, &files, more).map_err(Error::broken("write to memory"))?;
        let all = [given.as_fd(), stdin.as_fd(), out.as_fd(), errors.as_fd()];
        control.send(b"run", &all).await.map_err(Error::broken("talk to a container"))?;
        drop((stdin, out, errors));
        self.begun(&control, &action.argv).await?;
        let mut streams = Streams { stdout, stderr, out: Vec::new(), errors: Vec::new() };
        let mut run = Run { control, pid: container.pid(), begun, files: BTreeMap::new(), stopped: None };
        let (exit, cpu) = run.supervise(&mut streams, feed, &action).await?;
        streams.rest(limits.output).await;
        let stopped = run.stopped.or((exit == Exit::Signal(libc::SIGXCPU)).then_some(Stop::Cpu));
        let outputs = run.outputs(&action);
        let Streams { out: stdout, errors: stderr, .. } = streams;
        Ok(Outcome { exit, stdout, stderr, wall: begun.elapsed(), cpu, stopped, outputs })
    }
}

/// A command in a container, while it runs.
struct Run {
    control: Channel,
    pid: i32,
    begun: Instant,
    /// What came back, by its place in the list of what was asked for.
    files: BTreeMap<usize, File>,
    stopped: Option<Stop>,
}

impl Run {
    async fn supervise(
        &mut self,
        streams: &mut Streams,
        mut feed: tokio::net::unix::pipe::Sender,
        action: &Action,
    ) -> Result<(Exit, Duration), Error> {
        let limits = &action.limits;
        // What our own process in there has used until now is not the command's.
        let before = watch::usage(self.pid).unwrap_or_default();
        let mut is_open = [true; 2];
        let mut tick = tokio::time::interval(TICK);
        tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
        let wall = tokio::time::sleep(limits.wall.saturating_sub(self.begun.elapsed()));
        tokio::pin!(wall);
        let write = async {
            use tokio::io::AsyncWriteExt;
            // A program that does not read its input is none of our business.
            let _ = feed.write_all(&action.stdin).await;
            drop(feed);
            std::future::pending::<()>().await;
        };
        tokio::pin!(write);
        loop {
            let is_over = self.stopped.is_some();
            let mut stop = (streams.len() > limits.output && !is_over).then_some(Stop::Output);
            tokio::select! {
                message = self.control.recv() => {
                    let (bytes, files) = message.map_err(Error::broken("talk to a container"))?;
                    match (<[u8; 4]>::try_from(&*bytes), files.into_iter().next(), bytes.len()) {
                        (Ok(at), Some(file), _) => {
                            self.files.insert(u32::from_ne_bytes(at) as usize, file.into());
                        }
                        (_, _, 12) => return Ok(ended(&bytes)),
                        _ => return Err(Error::Broken { step: "run in a container", source: lost() }),
                    }
                }
                () = &mut wall, if !is_over => stop = Some(Stop::Wall),
                _ = tick.tick(), if !is_over => {
                    let used = watch::usage(self.pid).unwrap_or_default();
                    if used.cpu.saturating_sub(before.cpu) > limits.cpu {
                        stop = Some(Stop::Cpu);
                    }
                    if used.memory.saturating_sub(before.memory) > limits.memory {
                        stop = Some(Stop::Memory);
                    }
                }
                _ = streams.read(limits.output, &mut is_open), if is_open != [false; 2] => {}
                () = &mut write => {}
            }
            if let Some(why) = stop {
                self.stopped = Some(why);
                self.control.send(b"stop", &[]).await.map_err(Error::broken("talk to a container"))?;
            }
        }
    }

    /// Reads the files that came back: memory of a container whose processes are all gone.
    fn outputs(self, action: &Action) -> BTreeMap<String, Vec<u8>> {
        let read = |(at, file): (usize, File)| {
            let path = action.outputs.get(at)?;
            if !file.metadata().ok()?.is_file() {
                return None;
            }
            let mut bytes = Vec::new();
            file.take(action.limits.files).read_to_end(&mut bytes).ok()?;
            Some((path.clone(), bytes))
        };
        self.files.into_iter().filter_map(read).collect()
    }
}

/// Reads how a process ended: its status as the kernel gives it, and microseconds of processor time.
fn ended(bytes: &[u8]) -> (Exit, Duration) {
    let status = bytes[..4].try_into().map_or(0, i32::from_ne_bytes);
    let micros = bytes[4..].try_into().map_or(0, u64::from_ne_bytes);
    let exit = match libc::WIFSIGNALED(status) {
        true => Exit::Signal(libc::WTERMSIG(status)),
        false => Exit::Code(libc::WEXITSTATUS(status)),
    };
    (exit, Duration::from_micros(micros))
}

fn lost() -> io::Error {
    io::Error::other("the container is gone: it was stopped from outside, or ran out of memory")
}

fn refuse_network(network: bool) -> Result<(), Error> {
    match network {
        true => Err(Error::Daemon {
            why: "no container of ours has a network".to_owned(),
            fix: "set `network = off`".to_owned(),
        }),
        false => Ok(()),
    }
}

fn check(action: &Action) -> Result<(), Error> {
    if action.argv.is_empty() {
        return Err(Error::Path("an empty command".to_owned()));
    }
    let is_plain =
        |path: &&String| !path.contains('\0') && path.split('/').all(|part| !matches!(part, "" | "." | ".."));
    match action.files.keys().find(|path| !is_plain(path)) {
        Some(path) => Err(Error::Path(path.clone())),
        None => Ok(()),
    }
}

fn numbers(limits: &Limits) -> Vec<(u32, u64)> {
    vec![
        // Whole seconds, for each process: the finer sum is watched from outside.
        (libc::RLIMIT_CPU, limits.cpu.as_secs() + 1),
        (libc::RLIMIT_AS, limits.memory),
        (libc::RLIMIT_NOFILE, 1024),
        (libc::RLIMIT_FSIZE, limits.files),
        (libc::RLIMIT_CORE, 0),
    ]
}

/// Returns the outermost folder of a path.
fn top(path: &str) -> String {
    let first = Path::new(path).components().nth(1);
    first.map_or("/".to_owned(), |name| format!("/{}", name.as_os_str().to_string_lossy()))
}

/// Writes into memory what the first process of a container gets.
fn given(
    argv: &[String],
    env: &BTreeMap<String, String>,
    files: &[(&str, &Input)],
    more: serde_json::Value,
) -> io::Result<File> {
    let mut all = clean_env();
    all.extend(env.iter().map(|(name, value)| (name.clone(), value.clone())));
    let list: Vec<_> = files
        .iter()
        .map(|(path, input)| {
            let mode = if input.is_program { 0o755 } else { 0o644 };
            json!([path, input.bytes.len(), mode])
        })
        .collect();
    let mut head = json!({ "argv": argv, "env": all, "files": list });
    if let (Some(head), serde_json::Value::Object(more)) = (head.as_object_mut(), more) {
        head.extend(more);
    }
    let head = serde_json::to_vec(&head)?;
    // SAFETY: the name is a text; the descriptor is new, and ours.
    let mut file = unsafe {
        match libc::memfd_create(c"given".as_ptr(), libc::MFD_CLOEXEC) {
            -1 => return Err(io::Error::last_os_error()),
            file => File::from_raw_fd(file),
        }
    };
    file.write_all(&(head.len() as u64).to_le_bytes())?;
    file.write_all(&head)?;
    for (_, input) in files {
        file.write_all(&input.bytes)?;
    }
    file.rewind()?;
    Ok(file)
}
