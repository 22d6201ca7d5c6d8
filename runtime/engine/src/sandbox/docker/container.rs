//! One container, from its creation to the word that its program runs.

use std::{
    collections::HashMap,
    fs::{self, File, Permissions},
    io,
    os::{
        fd::{AsFd, AsRawFd, BorrowedFd, FromRawFd, OwnedFd},
        unix::fs::{FileExt, PermissionsExt},
    },
    path::{Path, PathBuf},
    sync::atomic::{AtomicU64, Ordering},
    time::{Duration, Instant},
};

use bollard::{
    errors::Error as Said,
    models::{
        ContainerCreateBody, HostConfig, HostConfigCgroupnsModeEnum, HostConfigLogConfig, Mount, MountType,
    },
    query_parameters::{
        CreateContainerOptionsBuilder, InspectContainerOptions, LogsOptionsBuilder, StartContainerOptions,
    },
};
use futures_util::StreamExt;

use super::{
    super::{
        Channel, Error,
        channel::{high, watched},
        layout::{HIDDEN, WORK, c},
        spawn, watch,
    },
    Frame, Image,
    daemon::{Daemon, failed, said},
    profile,
};

/// The program that is started in each container, before anything else.
const INSIDE: &str = include_str!("inside.py");

/// Where a container sees the folder with that program and the socket.
const MEETING: &str = "/sswe";

/// How long a container may take to be there.
const PATIENCE: Duration = Duration::from_secs(60);

/// How often a container that is not there yet is asked for.
const TICK: Duration = Duration::from_millis(200);

/// Memory for what is not the code's: the first process, and files, which count as memory.
const SLACK: u64 = 256 << 20;

/// What a container shows and has.
pub(super) struct Shape<'a> {
    pub frame: &'a Frame,
    /// Folders of the host, by where they are seen.
    pub shown: Vec<(String, PathBuf)>,
    /// Folders among those and the image's that are shown empty.
    pub hidden: Vec<String>,
    /// Folders in memory that belong to the code.
    pub writable: &'a [&'a str],
    /// Folders in memory that belong to us.
    pub fixed: Vec<String>,
    /// Bytes in each of them.
    pub files: u64,
}

/// A container. When this is dropped it is killed and removed.
#[derive(Debug)]
pub(in super::super) struct Container {
    name: String,
    is_made: bool,
    pid: i32,
    process: Option<OwnedFd>,
    /// Where the kernel counts its processes, if we may look there.
    count: Option<File>,
    daemon: Daemon,
}

impl Container {
    /// Starts a container of an image, and returns it with a socket to its first process.
    pub(super) async fn start(
        daemon: &Daemon,
        image: &Image,
        shape: &Shape<'_>,
    ) -> Result<(Container, Channel), Error> {
        daemon.has_room(0)?;
        let meeting = Meeting::new().map_err(Error::broken("make a socket"))?;
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sswe-{}-{count}", std::process::id());
        // From here on it is removed, whatever happens.
        let mut container = Container {
            name: name.clone(),
            is_made: false,
            pid: 0,
            process: None,
            count: None,
            daemon: daemon.clone(),
        };
        let body = body(daemon, image, shape, &meeting)?;
        let options = CreateContainerOptionsBuilder::default().name(&name).build();
        let created = daemon.ask(|api| {
            let (options, body) = (options.clone(), body.clone());
            async move { api.create_container(Some(options), body).await }
        });
        created.await.map_err(|error| explain(image, "make a container", &error))?;
        container.is_made = true;
        let started = daemon.ask(|api| {
            let name = name.clone();
            async move { api.start_container(&name, None::<StartContainerOptions>).await }
        });
        started.await.map_err(|error| explain(image, "start a container", &error))?;
        let begun = Instant::now();
        let control = loop {
            if let Ok(met) = tokio::time::timeout(TICK, meeting.accept()).await {
                let (socket, peer) = met.map_err(Error::broken("meet a container"))?;
                container.pid = match container.look(image).await? {
                    Some(pid) => pid,
                    None => return Err(container.once_more(image, body).await),
                };
                if peer == container.pid {
                    break socket;
                }
                if fs::metadata(format!("/proc/{}", container.pid)).is_err() {
                    return Err(elsewhere());
                }
                // Somebody else of this machine: not our container.
                continue;
            }
            if container.look(image).await?.is_none() {
                return Err(container.once_more(image, body).await);
            }
            if begun.elapsed() > PATIENCE {
                let why = "a container did not answer in a minute".to_owned();
                let fix = "the machine may be too busy: lower `--jobs`".to_owned();
                return Err(Error::Daemon { why, fix });
            }
        };
        drop(meeting);
        // SAFETY: a call with plain numbers; the descriptor is new, and ours.
        container.process = unsafe {
            match libc::syscall(libc::SYS_pidfd_open, container.pid, 0) {
                ..0 => None,
                file => Some(OwnedFd::from_raw_fd(file as i32)),
            }
        };
        container.count = count_of(container.pid);
        if container.processes().is_none() {
            return Err(Error::Daemon {
                why: "the processes of its containers cannot be seen from here".to_owned(),
                fix: "mount `/proc` without `hidepid`, or run as root".to_owned(),
            });
        }
        let control = Channel::new(control).map_err(Error::broken("make a socket"))?;
        Ok((container, control))
    }

    /// Returns the number of its first process on this machine.
    pub(in super::super) fn pid(&self) -> i32 {
        self.pid
    }

    /// Returns how many processes and threads it has now; `None` when it is gone.
    pub(in super::super) fn processes(&self) -> Option<u32> {
        match &self.count {
            Some(file) => {
                let mut text = [0; 16];
                let size = file.read_at(&mut text, 0).ok()?;
                std::str::from_utf8(&text[..size]).ok()?.trim().parse().ok()
            }
            None => watch::usage(self.pid).map(|used| used.processes),
        }
    }

    /// Starts one that stays when it has ended, and returns why it does: the first was gone before it was asked.
    async fn once_more(&self, image: &Image, mut body: ContainerCreateBody) -> Error {
        if let Some(host) = &mut body.host_config {
            host.auto_remove = Some(false);
        }
        let name = format!("{}-again", self.name);
        let (daemon, is_made) = (self.daemon.clone(), false);
        let again = Container { name, is_made, pid: 0, process: None, count: None, daemon };
        let options = CreateContainerOptionsBuilder::default().name(&again.name).build();
        let begun = async {
            let api = again.daemon.api();
            api.create_container(Some(options), body).await?;
            api.start_container(&again.name, None::<StartContainerOptions>).await
        };
        if let Err(error) = begun.await {
            return explain(image, "start a container", &error);
        }
        let mut tries = 10;
        loop {
            match again.look(image).await {
                Ok(Some(_)) if tries > 0 => tokio::time::sleep(TICK).await,
                // This one goes on: nothing is wrong with the image.
                Ok(_) => {
                    let why = "somebody else removed a container".to_owned();
                    return Error::Daemon { why, fix: "try again".to_owned() };
                }
                Err(error) => return error,
            }
            tries -= 1;
        }
    }

    /// Returns the number of its first process, or why it has none; `None` when it is not there any more.
    async fn look(&self, image: &Image) -> Result<Option<i32>, Error> {
        let name = self.name.clone();
        let about = self.daemon.ask(|api| {
            let name = name.clone();
            async move { api.inspect_container(&name, None::<InspectContainerOptions>).await }
        });
        let state = match about.await {
            Ok(about) => about.state.unwrap_or_default(),
            Err(Said::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            Err(error) => return Err(failed("look at a container", &error)),
        };
        match (state.running, state.pid) {
            (Some(true), Some(pid)) if pid > 0 => Ok(Some(pid as i32)),
            _ => {
                let said = self.complaint().await;
                if said.contains("exec format error") {
                    return Err(foreign(image));
                }
                let code = state.exit_code.unwrap_or_default();
                Err(Error::Image {
                    image: image.name.clone(),
                    why: format!("its `python3` ended with {code}: {said}").trim_end_matches(": ").to_owned(),
                    fix: "it needs Python 3.9 or later, with `ctypes`, as `python3` on its search path"
                        .to_owned(),
                })
            }
        }
    }

    /// Returns the last line that it has printed.
    async fn complaint(&self) -> String {
        let options = LogsOptionsBuilder::default().stderr(true).stdout(true).tail("20").build();
        let mut lines = self.daemon.api().logs(&self.name, Some(options));
        let mut text = String::new();
        while let Some(Ok(part)) = lines.next().await {
            text.push_str(&String::from_utf8_lossy(&part.into_bytes()));
        }
        text.lines().next_back().unwrap_or_default().trim().to_owned()
    }
}

impl Drop for Container {
    fn drop(&mut self) {
        // Where this is allowed it is dead at once; the daemon then finds that out by itself.
        if let Some(process) = &self.process {
            spawn::kill(process);
        }
        self.daemon.dispose(std::mem::take(&mut self.name), self.is_made);
    }
}

/// Opens what the kernel keeps of the number of processes in the group of a process.
fn count_of(pid: i32) -> Option<File> {
    let groups = fs::read_to_string(format!("/proc/{pid}/cgroup")).ok()?;
    let place = groups.lines().find_map(|line| {
        let mut parts = line.splitn(3, ':').skip(1);
        let (which, path) = (parts.next()?, parts.next()?);
        // The first version has a tree for each kind, the second one for all.
        match which {
            "pids" => Some(format!("/sys/fs/cgroup/pids{path}")),
            _ => None,
        }
    });
    let second = groups.lines().find_map(|line| line.strip_prefix("0::"));
    let place = place.or_else(|| second.map(|path| format!("/sys/fs/cgroup{path}")))?;
    File::open(format!("{place}/pids.current")).ok()
}

fn body(
    daemon: &Daemon,
    image: &Image,
    shape: &Shape<'_>,
    meeting: &Meeting,
) -> Result<ContainerCreateBody, Error> {
    let Shape { frame, shown, hidden, writable, fixed, files } = shape;
    let files = (*files).max(4096);
    let mut tmpfs = HashMap::new();
    for path in *writable {
        let data = format!("rw,exec,nosuid,nodev,size={files},nr_inodes=200000,mode=755,uid=1000,gid=1000");
        tmpfs.insert((*path).to_owned(), data);
    }
    for path in fixed {
        let data = format!("rw,exec,nosuid,nodev,size={files},nr_inodes=200000,mode=755");
        tmpfs.insert(path.clone(), data);
    }
    let mount = |target: &str, source: &Path| Mount {
        target: Some(target.to_owned()),
        source: Some(source.display().to_string()),
        typ: Some(MountType::BIND),
        read_only: Some(true),
        ..Mount::default()
    };
    let mut mounts = vec![mount(MEETING, &meeting.shown())];
    for (target, source) in shown {
        let real = fs::canonicalize(source).map_err(Error::broken("follow a link"))?;
        mounts.push(mount(target, &real));
    }
    let memory = frame.memory + files * (writable.len() + fixed.len()) as u64 + SLACK;
    // More than there are is an error, and no limit is the same as all.
    let cpus = std::thread::available_parallelism().map_or(1, usize::from).min(frame.cpus as usize);
    let log =
        HashMap::from([("max-size".to_owned(), "64k".to_owned()), ("max-file".to_owned(), "1".to_owned())]);
    // As in namespaces: nothing of the machine as a whole, and five devices, none of which is a terminal.
    let more = ["/proc/acpi", "/sys", "/dev/pts", "/dev/tty"];
    let masked = HIDDEN.iter().chain(&more).map(|path| (*path).to_owned());
    let masked: Vec<String> = masked.chain(hidden.iter().cloned()).collect();
    let own = |words: &[&str]| Some(words.iter().map(|word| (*word).to_owned()).collect::<Vec<_>>());
    let host = HostConfig {
        auto_remove: Some(true),
        cap_add: own(&["SETUID", "SETGID", "SETPCAP"]),
        cap_drop: own(&["ALL"]),
        // Or its path would tell who runs it, and which container it is.
        cgroupns_mode: Some(HostConfigCgroupnsModeEnum::PRIVATE),
        ipc_mode: Some("none".to_owned()),
        log_config: Some(HostConfigLogConfig { typ: Some("json-file".to_owned()), config: Some(log) }),
        masked_paths: Some(masked),
        memory: Some(memory as i64),
        memory_swap: Some(memory as i64),
        mounts: Some(mounts),
        nano_cpus: Some(cpus as i64 * 1_000_000_000),
        network_mode: Some("none".to_owned()),
        // The first process, one that waits for the verdict, and the code's.
        pids_limit: Some(i64::from(frame.pids) + 3),
        readonly_rootfs: Some(true),
        security_opt: Some(vec!["no-new-privileges".to_owned(), format!("seccomp={}", profile::text())]),
        tmpfs: Some(tmpfs),
        ..HostConfig::default()
    };
    let inside = format!("{MEETING}/inside.py");
    Ok(ContainerCreateBody {
        image: Some(image.id.clone()),
        hostname: Some("sandbox".to_owned()),
        user: Some("0:0".to_owned()),
        entrypoint: own(&["python3", "-sSEB", &inside]),
        cmd: Some(Vec::new()),
        working_dir: Some(WORK.to_owned()),
        labels: Some(daemon.labels()),
        host_config: Some(host),
        ..ContainerCreateBody::default()
    })
}

/// Says why a container of an image could not be made or started.
fn explain(image: &Image, what: &str, error: &Said) -> Error {
    let words = said(error);
    let bad = |why: &str, fix: &str| Error::Image {
        image: image.name.clone(),
        why: why.to_owned(),
        fix: fix.to_owned(),
    };
    if words.contains("No such image") {
        bad("it is not here any more", "build again: it is then made or pulled again")
    } else if words.contains("executable file not found") {
        bad("it has no `python3`", "use one that has Python 3.9 or later on its search path")
    } else if words.contains("exec format error") {
        foreign(image)
    } else if words.contains("bind source path does not exist") {
        elsewhere()
    } else {
        failed(what, error)
    }
}

fn foreign(image: &Image) -> Error {
    Error::Image {
        image: image.name.clone(),
        why: "it is made for other processors".to_owned(),
        fix: "use one for those of this machine".to_owned(),
    }
}

fn elsewhere() -> Error {
    Error::Daemon {
        why: "its containers see other files or processes than this one does".to_owned(),
        fix: "it has to run on this machine, outside of any container, and see the same temporary folder (TMPDIR)"
            .to_owned(),
    }
}

/// A folder in which a container finds its program, and a socket to us.
struct Meeting {
    /// Nobody but us and the daemon comes in here.
    folder: PathBuf,
    listener: tokio::io::unix::AsyncFd<OwnedFd>,
}

impl Meeting {
    fn new() -> io::Result<Meeting> {
        static COUNT: AtomicU64 = AtomicU64::new(0);
        let count = COUNT.fetch_add(1, Ordering::Relaxed);
        let folder = std::env::temp_dir().join(format!("sswe-docker-{}-{count}", std::process::id()));
        // A folder of a process that had our number is of no use to anybody.
        let _ = fs::remove_dir_all(&folder);
        let shown = folder.join("shown");
        fs::create_dir(&folder)?;
        let made = (|| {
            fs::set_permissions(&folder, Permissions::from_mode(0o700))?;
            fs::create_dir(&shown)?;
            // The root of a container may be anybody here.
            fs::set_permissions(&shown, Permissions::from_mode(0o755))?;
            let program = shown.join("inside.py");
            fs::write(&program, INSIDE)?;
            fs::set_permissions(&program, Permissions::from_mode(0o644))?;
            watched(high(listen(&shown, "host")?)?)
        })();
        match made {
            Ok(listener) => Ok(Meeting { folder, listener }),
            Err(error) => {
                let _ = fs::remove_dir_all(&folder);
                Err(error)
            }
        }
    }

    fn shown(&self) -> PathBuf {
        self.folder.join("shown")
    }

    /// Waits for somebody; returns the socket, and the process at its other end.
    async fn accept(&self) -> io::Result<(OwnedFd, i32)> {
        let accept = |listener: &OwnedFd| {
            let flags = libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
            // SAFETY: nobody's address is asked for; the descriptor is new, and ours.
            unsafe {
                match libc::accept4(listener.as_raw_fd(), std::ptr::null_mut(), std::ptr::null_mut(), flags) {
                    -1 => Err(io::Error::last_os_error()),
                    file => Ok(OwnedFd::from_raw_fd(file)),
                }
            }
        };
        let socket = self.listener.async_io(tokio::io::Interest::READABLE, accept).await?;
        Ok((high(socket.try_clone()?)?, peer(socket.as_fd())?))
    }
}

impl Drop for Meeting {
    fn drop(&mut self) {
        let _ = fs::remove_dir_all(&self.folder);
    }
}

fn listen(folder: &Path, name: &str) -> io::Result<OwnedFd> {
    let path = folder.join(name);
    let inner = File::open(folder)?;
    // However long the path of the folder is, this one is short enough for an address.
    let short = format!("/proc/self/fd/{}/{name}", inner.as_raw_fd());
    let short = c(&short).map_err(io::Error::other)?;
    // SAFETY: the address is plain data of this frame, and the text fits into it.
    unsafe {
        let kind = libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
        let socket = match libc::socket(libc::AF_UNIX, kind, 0) {
            -1 => return Err(io::Error::last_os_error()),
            socket => OwnedFd::from_raw_fd(socket),
        };
        let mut address: libc::sockaddr_un = std::mem::zeroed();
        address.sun_family = libc::AF_UNIX as libc::sa_family_t;
        for (to, from) in address.sun_path.iter_mut().zip(short.to_bytes()) {
            *to = *from as libc::c_char;
        }
        let size = size_of::<libc::sockaddr_un>() as libc::socklen_t;
        if libc::bind(socket.as_raw_fd(), (&raw const address).cast(), size) < 0 {
            return Err(io::Error::last_os_error());
        }
        // Before anybody can come: whoever connects is looked at.
        fs::set_permissions(&path, Permissions::from_mode(0o666))?;
        match libc::listen(socket.as_raw_fd(), 1) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(socket),
        }
    }
}

fn peer(socket: BorrowedFd<'_>) -> io::Result<i32> {
    // SAFETY: the kernel fills plain data of this frame.
    unsafe {
        let mut about: libc::ucred = std::mem::zeroed();
        let mut size = size_of::<libc::ucred>() as libc::socklen_t;
        let (level, name) = (libc::SOL_SOCKET, libc::SO_PEERCRED);
        match libc::getsockopt(socket.as_raw_fd(), level, name, (&raw mut about).cast(), &raw mut size) {
            -1 => Err(io::Error::last_os_error()),
            _ => Ok(about.pid),
        }
    }
}
