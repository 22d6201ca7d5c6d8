//! Runs commands in namespaces of this Linux: no daemon, no root, a few milliseconds a run.

use std::{
    collections::BTreeMap,
    fs::File,
    io::{self, Read},
    os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd},
    path::{Path, PathBuf},
    time::{Duration, Instant},
};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt, unix::AsyncFd},
    net::unix::pipe,
};

use super::{
    Action, Channel, Error, Exit, Input, Limits, Outcome, Sandbox, Stop,
    channel::{high, nonblocking, pair, watched},
    child::Prepared,
    filter,
    group::{Group, Most},
    layout::{self, View, WORK, c},
    spawn::{self, Child},
    watch,
};

/// How often a run is measured.
const TICK: Duration = Duration::from_millis(50);

/// The sandbox of Linux namespaces.
#[derive(Clone, Copy, Debug, Default)]
pub struct Native;

/// A program that stays, with a socket to talk to it. It may make namespaces itself, so what it
/// runs is ours: hostile code comes one step later.
#[derive(Clone, Debug, Default)]
pub struct Start {
    /// The program, at its place in the sandbox, and its arguments.
    pub argv: Vec<String>,
    /// Variables besides those that are always set.
    pub env: BTreeMap<String, String>,
    /// Files by absolute path, which nothing inside can change.
    pub fixed: BTreeMap<String, Input>,
    /// Folders by absolute path that are in memory, empty and writable.
    pub scratch: Vec<String>,
    /// Folders of the host that it may read besides the system's.
    pub readable: Vec<PathBuf>,
    /// Further folders of the host that it may read, by where it sees them.
    pub shown: BTreeMap<String, PathBuf>,
    /// Whether it shares the network of the host.
    pub network: bool,
    /// Bytes in the work folder, in `/tmp` and in each folder of `scratch`.
    pub files: u64,
    /// Bytes of memory that what it runs is held to, from outside.
    pub memory: u64,
    /// Processes that it may start, besides itself.
    pub pids: u32,
    /// Processors that all of them may keep busy, where the kernel can hold them to that.
    pub cpus: u32,
}

/// A program that stays. It and all that it started is killed when this is dropped.
#[derive(Debug)]
pub struct Running {
    /// The socket: descriptor 3 of the program.
    pub control: Channel,
    stderr: pipe::Receiver,
    kept: Kept,
}

/// What is killed when it is dropped.
#[derive(Debug)]
enum Kept {
    Native(Body),
    #[cfg(feature = "docker")]
    Docker(super::docker::Container),
}

#[derive(Debug)]
struct Body {
    process: Option<AsyncFd<OwnedFd>>,
    pid: i32,
    work: OwnedFd,
    group: Option<Group>,
    // Open as long as the sandbox may live: its end tells the starting process that we are gone.
    _sync: AsyncFd<OwnedFd>,
}

impl Native {
    /// Runs a command on the streams of this process, where a person sits: no clock ends it. It is
    /// in a session of its own, so it cannot type for that person.
    pub async fn attended(&self, action: Action) -> Result<Exit, Error> {
        let [stdin, stdout, stderr] = [
            io::stdin().as_fd().try_clone_to_owned(),
            io::stdout().as_fd().try_clone_to_owned(),
            io::stderr().as_fd().try_clone_to_owned(),
        ]
        .map(|own| own.and_then(high).map_err(Error::broken("hand over its streams")));
        let (stdin, stdout, stderr) = (stdin?, stdout?, stderr?);
        let (none, masked) = (BTreeMap::new(), masked(&action));
        let view = view(&action, &none, &masked);
        let stdio = [stdin.as_raw_fd(), stdout.as_raw_fd(), stderr.as_raw_fd()];
        let limits = limits(&action.limits);
        let group = group(&action.limits);
        let make = Make { view: &view, argv: &action.argv, env: &action.env, stdio, limits, keeps: 0, group };
        let mut body = begin(make, None).await?;
        body.over().await;
        Ok(body.ended().await?.0)
    }

    /// Starts a program that stays.
    pub async fn start(&self, start: Start) -> Result<Running, Error> {
        let (ours, theirs) = pair().map_err(Error::broken("make a socket"))?;
        let (stderr, errors) = piped()?;
        let none = open_null()?;
        let scratch: Vec<&str> = start.scratch.iter().map(String::as_str).collect();
        let view = View {
            readable: &start.readable,
            shown: &start.shown,
            files: &BTreeMap::new(),
            fixed: &start.fixed,
            scratch: &scratch,
            bytes: start.files,
            network: start.network,
        };
        let stdio = [none.as_raw_fd(), none.as_raw_fd(), errors.as_raw_fd()];
        let limits = [ALWAYS, &[(libc::RLIMIT_NOFILE, 1024)]].concat();
        // To make namespaces, a loopback, and to give all of this up.
        let keeps = [8, 12, 21].iter().fold(0, |set, capability| set | 1 << capability);
        let folders = start.files.saturating_mul(2 + start.scratch.len() as u64);
        let group = Group::new(&Most {
            memory: most(start.memory, folders),
            pids: start.pids.saturating_add(SPARE),
            cpus: (start.cpus > 0).then_some(start.cpus),
        });
        let make = Make { view: &view, argv: &start.argv, env: &start.env, stdio, limits, keeps, group };
        let body = begin(make, Some(theirs.as_raw_fd())).await?;
        let control = Channel::new(ours).map_err(Error::broken("make a socket"))?;
        Ok(Running { control, stderr, kept: Kept::Native(body) })
    }
}

impl Running {
    /// Returns what it has printed as errors since this was last asked, up to a page.
    pub fn complaint(&self) -> String {
        let mut page = vec![0; 4096];
        let read = self.stderr.try_read(&mut page).unwrap_or(0);
        String::from_utf8_lossy(&page[..read]).trim().to_owned()
    }

    /// Returns how many of its processes the kernel has ended because all together used up their memory.
    pub fn killed(&self) -> u64 {
        match &self.kept {
            Kept::Native(body) => body.killed(),
            // What its memory is for is the daemon's to tell, and the looking finds what grows.
            #[cfg(feature = "docker")]
            Kept::Docker(_) => 0,
        }
    }

    /// Returns the number of its first process on the host.
    pub fn pid(&self) -> i32 {
        match &self.kept {
            Kept::Native(body) => body.pid,
            #[cfg(feature = "docker")]
            Kept::Docker(container) => container.pid(),
        }
    }

    /// Returns how many processes there are now, its first one included; `None` when that is gone.
    pub fn processes(&self) -> Option<u32> {
        match &self.kept {
            Kept::Native(body) => watch::usage(body.pid).map(|used| used.processes),
            #[cfg(feature = "docker")]
            Kept::Docker(container) => container.processes(),
        }
    }

    #[cfg(feature = "docker")]
    pub(super) fn of_container(
        control: Channel,
        stderr: pipe::Receiver,
        container: super::docker::Container,
    ) -> Running {
        Running { control, stderr, kept: Kept::Docker(container) }
    }
}

impl Sandbox for Native {
    async fn run(&self, action: Action) -> Result<Outcome, Error> {
        let begun = Instant::now();
        let (stdin, mut feed) = fed()?;
        let (stdout, out) = piped()?;
        let (stderr, errors) = piped()?;
        let (none, masked) = (BTreeMap::new(), masked(&action));
        let view = view(&action, &none, &masked);
        let stdio = [stdin.as_raw_fd(), out.as_raw_fd(), errors.as_raw_fd()];
        let limits = limits(&action.limits);
        let group = group(&action.limits);
        let make = Make { view: &view, argv: &action.argv, env: &action.env, stdio, limits, keeps: 0, group };
        let mut body = begin(make, None).await?;
        drop((stdin, out, errors));
        let mut streams = Streams { stdout, stderr, out: Vec::new(), errors: Vec::new() };
        let write = async {
            // A program that does not read its input is none of our business.
            let _ = feed.write_all(&action.stdin).await;
            drop(feed);
            std::future::pending::<()>().await;
        };
        let stopped = tokio::select! {
            stopped = supervise(&body, &mut streams, &action.limits, begun) => stopped,
            () = write => None,
        };
        body.kill();
        streams.rest(action.limits.output).await;
        let (exit, cpu) = body.ended().await?;
        let outputs = bring_back(&body.work, &action.outputs, action.limits.files);
        let stopped = stopped.or((exit == Exit::Signal(libc::SIGXCPU)).then_some(Stop::Cpu));
        let stopped = stopped.or((body.killed() > 0).then_some(Stop::Memory));
        let Streams { out: stdout, errors: stderr, .. } = streams;
        Ok(Outcome { exit, stdout, stderr, wall: begun.elapsed(), cpu, stopped, outputs })
    }
}

/// Makes the group of a command that runs once.
fn group(limits: &Limits) -> Option<Group> {
    let Limits { memory, pids, files, .. } = *limits;
    let memory = most(memory, files.saturating_mul(2));
    Group::new(&Most { memory, pids: pids.saturating_add(SPARE), cpus: None })
}

fn masked(action: &Action) -> Vec<&str> {
    action.masked.iter().map(String::as_str).collect()
}

fn view<'a>(action: &'a Action, fixed: &'a BTreeMap<String, Input>, masked: &'a [&'a str]) -> View<'a> {
    View {
        readable: &action.readable,
        shown: &action.shown,
        files: &action.files,
        fixed,
        scratch: masked,
        bytes: action.limits.files,
        network: action.network,
    }
}

struct Make<'a> {
    view: &'a View<'a>,
    argv: &'a [String],
    env: &'a BTreeMap<String, String>,
    stdio: [i32; 3],
    limits: Vec<(u32, u64)>,
    keeps: u64,
    group: Option<Group>,
}

/// More processes than a sandbox is allowed: the limit of its user is the one that it shall notice.
const SPARE: u32 = 32;

/// Returns the bytes that a group may fill. What its processes hold is measured, and files in memory have
/// limits of their own: this is more than both, for what grows faster than anybody looks.
fn most(memory: u64, files: u64) -> u64 {
    memory.saturating_add(memory / 4).saturating_add(files).saturating_add(256 << 20)
}

async fn begin(make: Make<'_>, control: Option<i32>) -> Result<Body, Error> {
    let (ours, theirs) = pair().map_err(Error::broken("make a socket"))?;
    let Some(name) = make.argv.first().cloned() else {
        return Err(Error::Path("an empty command".to_owned()));
    };
    let prepared = {
        let argv = make.argv.iter().map(c).collect::<Result<Vec<_>, _>>()?;
        let mut env = clean_env();
        env.extend(make.env.iter().map(|(name, value)| (name.clone(), value.clone())));
        let program = match name.contains('/') {
            true => vec![c(&name)?],
            false => {
                let path = env.get("PATH").cloned().unwrap_or_default();
                path.split(':').map(|folder| c(format!("{folder}/{name}"))).collect::<Result<_, _>>()?
            }
        };
        let env = env.iter().map(|(name, value)| c(format!("{name}={value}")));
        let env = env.collect::<Result<Vec<_>, _>>()?;
        Prepared {
            ops: layout::steps(make.view)?,
            program,
            texts: [argv, env],
            filter: (make.keeps == 0).then(filter::instructions),
            limits: make.limits,
            keeps: make.keeps,
            stdio: make.stdio,
            control,
            sync: theirs.as_raw_fd(),
            parent: ours.as_raw_fd(),
            network: make.view.network,
            doors: make.group.as_ref().map(Group::doors).unwrap_or_default(),
        }
    };
    let Child { pid, process } = spawn::spawn(prepared).await?;
    drop(theirs);
    let broken = Error::broken("talk to the sandbox");
    let ours = Channel::new(ours);
    let process = watched(process);
    let (ours, process) = match (ours, process) {
        (Ok(ours), Ok(process)) => (ours, process),
        (Err(error), _) | (_, Err(error)) => return Err(broken(error)),
    };
    // It has not begun: whatever it starts will be in the group. Where that is refused, there is none.
    let group = make.group.filter(|group| group.add(pid).is_ok());
    let mut guard = Guard(Some(process), group);
    let heard = async {
        ours.send(&[1], &[]).await?;
        let mut work = None;
        loop {
            match ours.recv().await {
                Ok((bytes, _)) if bytes.is_empty() => return Ok(Ok(work)),
                Ok((bytes, _)) if bytes.len() == 8 => return Ok(Err(bytes)),
                Ok((_, files)) => work = files.into_iter().next().or(work),
                // The other end closed with something unread.
                Err(error) if error.raw_os_error() == Some(libc::ECONNRESET) => return Ok(Ok(work)),
                Err(error) => return Err(error),
            }
        }
    };
    let heard: Result<Option<OwnedFd>, Vec<u8>> =
        heard.await.map_err(Error::broken("talk to the sandbox"))?;
    match heard {
        Err(words) => {
            let word = |at: usize| words[at..at + 4].try_into().map_or(0, u32::from_ne_bytes);
            let mut error = spawn::explain(word(0), word(4) as i32, &name);
            if let Error::Program { source, fix, .. } = &mut error
                && source.kind() == io::ErrorKind::PermissionDenied
                && let Some(closed) = layout::closed(make.view.readable, Path::new(&name))
            {
                let closed = closed.display();
                *fix = format!(
                    "code runs as a user of its own, who may not enter `{closed}`: `chmod go+rx {closed}`, or use a \
                     Python outside of it"
                );
            }
            Err(error)
        }
        Ok(None) => Err(spawn::explain(0, libc::EIO, &name)),
        Ok(Some(work)) => {
            let (process, group) = (guard.0.take(), guard.1.take());
            Ok(Body { process, pid, work, group, _sync: ours.into_inner() })
        }
    }
}

/// Kills what was started if its start is given up.
struct Guard(Option<AsyncFd<OwnedFd>>, Option<Group>);

impl Drop for Guard {
    fn drop(&mut self) {
        if let Some(process) = self.0.take() {
            spawn::kill(process.get_ref());
            spawn::reap(process.into_inner(), self.1.take());
        }
    }
}

impl Body {
    fn killed(&self) -> u64 {
        self.group.as_ref().map_or(0, Group::killed)
    }

    fn kill(&self) {
        if let Some(process) = &self.process {
            spawn::kill(process.get_ref());
        }
    }

    /// Waits until its first process has ended, and with it all others.
    async fn over(&self) {
        if let Some(process) = &self.process {
            let _ = process.readable().await;
        }
    }

    async fn ended(&mut self) -> Result<(Exit, Duration), Error> {
        self.over().await;
        let gone = || Error::Broken { step: "wait for its end", source: io::Error::other("it is gone") };
        let process = self.process.take().ok_or_else(gone)?.into_inner();
        let (code, status, used) = spawn::wait(&process).map_err(Error::broken("wait for its end"))?;
        let exit = if code == libc::CLD_EXITED { Exit::Code(status) } else { Exit::Signal(status) };
        let time =
            |time: libc::timeval| Duration::from_micros(time.tv_sec as u64 * 1_000_000 + time.tv_usec as u64);
        Ok((exit, time(used.ru_utime) + time(used.ru_stime)))
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        drop(Guard(self.process.take(), self.group.take()));
    }
}

pub(super) struct Streams {
    pub(super) stdout: pipe::Receiver,
    pub(super) stderr: pipe::Receiver,
    pub(super) out: Vec<u8>,
    pub(super) errors: Vec<u8>,
}

impl Streams {
    /// Reads what there is of either stream; returns false when both have ended.
    pub(super) async fn read(&mut self, limit: u64, is_open: &mut [bool; 2]) -> bool {
        let room = limit as usize + 1 - (self.out.len() + self.errors.len()).min(limit as usize + 1);
        let (mut first, mut second) = ([0; 16 << 10], [0; 16 << 10]);
        let (which, count) = tokio::select! {
            count = self.stdout.read(&mut first), if is_open[0] => (0, count.unwrap_or(0)),
            count = self.stderr.read(&mut second), if is_open[1] => (1, count.unwrap_or(0)),
            else => return false,
        };
        is_open[which] = count > 0;
        let kept = count.min(room);
        match which {
            0 => self.out.extend_from_slice(&first[..kept]),
            _ => self.errors.extend_from_slice(&second[..kept]),
        }
        true
    }

    pub(super) fn len(&self) -> u64 {
        (self.out.len() + self.errors.len()) as u64
    }

    /// Reads what is left in the pipes; whoever could write to them is dead.
    pub(super) async fn rest(&mut self, limit: u64) {
        let mut is_open = [true; 2];
        while self.read(limit, &mut is_open).await {}
        if self.len() > limit {
            match self.errors.len() {
                0 => drop(self.out.pop()),
                _ => drop(self.errors.pop()),
            }
        }
    }
}

async fn supervise(body: &Body, streams: &mut Streams, limits: &Limits, begun: Instant) -> Option<Stop> {
    let mut is_open = [true; 2];
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let wall = tokio::time::sleep(limits.wall.saturating_sub(begun.elapsed()));
    tokio::pin!(wall);
    loop {
        if streams.len() > limits.output {
            return Some(Stop::Output);
        }
        tokio::select! {
            () = body.over() => return None,
            () = &mut wall => return Some(Stop::Wall),
            _ = tick.tick() => {
                let used = watch::usage(body.pid).unwrap_or_default();
                if used.cpu > limits.cpu {
                    return Some(Stop::Cpu);
                }
                if used.memory > limits.memory {
                    return Some(Stop::Memory);
                }
            }
            _ = streams.read(limits.output, &mut is_open), if is_open != [false; 2] => {}
        }
    }
}

/// What nobody needs: files of what crashed, and to be served before others. With one byte instead of
/// none, the kernel does not hand what crashed to a program of the host either.
const ALWAYS: &[(u32, u64)] = &[(libc::RLIMIT_CORE, 1), (libc::RLIMIT_NICE, 0), (libc::RLIMIT_RTPRIO, 0)];

fn limits(limits: &Limits) -> Vec<(u32, u64)> {
    let own = [
        // Whole seconds, for each process: the finer sum is watched from outside.
        (libc::RLIMIT_CPU, limits.cpu.as_secs() + 1),
        (libc::RLIMIT_AS, limits.memory),
        // Counted in the sandbox's own namespace of users, so nobody else's processes count.
        (libc::RLIMIT_NPROC, u64::from(limits.pids)),
        (libc::RLIMIT_NOFILE, 1024),
        (libc::RLIMIT_FSIZE, limits.files),
    ];
    [&own, ALWAYS].concat()
}

pub(super) fn clean_env() -> BTreeMap<String, String> {
    [
        ("PATH", "/usr/local/bin:/usr/bin:/bin:/usr/local/sbin:/usr/sbin:/sbin"),
        ("HOME", "/tmp"),
        ("TMPDIR", "/tmp"),
        ("LANG", "C.UTF-8"),
        ("LC_ALL", "C.UTF-8"),
        ("TZ", "UTC"),
        ("PYTHONHASHSEED", "0"),
        ("PYTHONDONTWRITEBYTECODE", "1"),
        ("SOURCE_DATE_EPOCH", "1577836800"),
        ("PWD", WORK),
    ]
    .map(|(name, value)| (name.to_owned(), value.to_owned()))
    .into()
}

fn pipe_ends() -> Result<(OwnedFd, OwnedFd), Error> {
    let mut ends = [-1; 2];
    // SAFETY: the kernel fills both.
    if unsafe { libc::pipe2(ends.as_mut_ptr(), libc::O_CLOEXEC) } < 0 {
        return Err(Error::Broken { step: "make a pipe", source: io::Error::last_os_error() });
    }
    // SAFETY: both are new, and ours.
    let [read, write] = ends.map(|end| unsafe { OwnedFd::from_raw_fd(end) });
    let high = |end| high(end).map_err(Error::broken("make a pipe"));
    Ok((high(read)?, high(write)?))
}

pub(super) fn piped() -> Result<(pipe::Receiver, OwnedFd), Error> {
    let (read, write) = pipe_ends()?;
    nonblocking(&read).map_err(Error::broken("make a pipe"))?;
    Ok((pipe::Receiver::from_owned_fd(read).map_err(Error::broken("make a pipe"))?, write))
}

pub(super) fn fed() -> Result<(OwnedFd, pipe::Sender), Error> {
    let (read, write) = pipe_ends()?;
    nonblocking(&write).map_err(Error::broken("make a pipe"))?;
    Ok((read, pipe::Sender::from_owned_fd(write).map_err(Error::broken("make a pipe"))?))
}

fn open_null() -> Result<OwnedFd, Error> {
    let file = File::options().read(true).write(true).open("/dev/null");
    high(file.map_err(Error::broken("open /dev/null"))?.into()).map_err(Error::broken("open /dev/null"))
}

/// Reads files of a work folder whose processes are all gone.
fn bring_back(work: &OwnedFd, wanted: &[String], most: u64) -> BTreeMap<String, Vec<u8>> {
    let read = |path: &String| {
        let name = c(path).ok()?;
        // SAFETY: all zero is how its fields are left out.
        let mut how: libc::open_how = unsafe { std::mem::zeroed() };
        how.flags = (libc::O_RDONLY | libc::O_CLOEXEC | libc::O_NONBLOCK | libc::O_NOFOLLOW) as u64;
        // The kernel itself refuses links and ways out of the folder.
        how.resolve = libc::RESOLVE_BENEATH | libc::RESOLVE_NO_SYMLINKS | libc::RESOLVE_NO_MAGICLINKS;
        let size = size_of::<libc::open_how>();
        // SAFETY: a call on memory of this frame; the descriptor is new, and ours.
        let file = unsafe {
            let call = libc::SYS_openat2;
            match libc::syscall(call, work.as_raw_fd(), name.as_ptr(), &raw const how, size) {
                ..0 => return None,
                file => File::from_raw_fd(file as i32),
            }
        };
        if !file.metadata().ok()?.is_file() {
            return None;
        }
        let mut bytes = Vec::new();
        file.take(most).read_to_end(&mut bytes).ok()?;
        Some((path.clone(), bytes))
    };
    wanted.iter().filter_map(read).collect()
}
