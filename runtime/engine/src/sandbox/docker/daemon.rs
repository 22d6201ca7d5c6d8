//! The daemon: one connection for all, so that it is asked a few things at a time.

use std::{
    collections::HashMap,
    fs,
    os::unix::fs::MetadataExt,
    path::Path,
    sync::{
        Arc, LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

use bollard::{
    ClientVersion,
    errors::Error as Said,
    query_parameters::{ListContainersOptionsBuilder, RemoveContainerOptionsBuilder},
};
use tokio::sync::{Semaphore, mpsc};

use super::super::Error;

/// How many calls it gets at once: more would only wait for each other inside of it.
const AT_ONCE: usize = 4;

/// How often a call is made again that it could not answer.
const RETRIES: u32 = 5;

/// Seconds after which an answer is given up.
const PATIENCE: u64 = 120;

/// What has to be free where it keeps its files.
const FREE: u64 = 512 << 20;

/// What each container of ours says of the process that made it.
const OWNER: &str = "dev.sswe.owner";

/// And through which connection that was.
const RUN: &str = "dev.sswe.run";

/// Docker on this machine.
#[derive(Clone, Debug)]
pub struct Daemon(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    api: bollard::Docker,
    turns: Semaphore,
    root: Option<String>,
    architecture: String,
    run: String,
}

impl Daemon {
    /// Finds the daemon, and removes what processes that are gone have left in it.
    pub async fn connect() -> Result<Daemon, Error> {
        Daemon::at(&socket()?).await
    }

    /// Connects to a daemon whose socket is known.
    pub async fn at(socket: &str) -> Result<Daemon, Error> {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let run = format!("{}-{}", std::process::id(), COUNT.fetch_add(1, Ordering::Relaxed));
        let version = ClientVersion { major_version: 1, minor_version: 44 };
        let api = bollard::Docker::connect_with_unix(socket, PATIENCE, &version);
        let api = match api {
            Ok(api) => api.negotiate_version().await,
            Err(error) => Err(error),
        };
        let api = api.map_err(|error| unreachable_daemon(socket, &error))?;
        let info = api.info().await.map_err(|error| failed("say what it is", &error))?;
        if info.os_type.as_deref() != Some("linux") {
            let why = format!("`{socket}` runs containers of {}", info.os_type.unwrap_or_default());
            return Err(Error::Daemon { why, fix: "it has to run Linux containers".to_owned() });
        }
        let daemon = Daemon(Arc::new(Inner {
            api,
            turns: Semaphore::new(AT_ONCE),
            root: info.docker_root_dir,
            architecture: info.architecture.unwrap_or_default(),
            run,
        }));
        daemon.sweep().await?;
        Ok(daemon)
    }

    pub(super) fn api(&self) -> &bollard::Docker {
        &self.0.api
    }

    /// Returns the architecture of this machine, as the kernel calls it.
    pub(super) fn architecture(&self) -> &str {
        &self.0.architecture
    }

    /// Makes a call in its turn, and again where the daemon could not answer.
    pub(super) async fn call<T, A>(&self, what: &str, make: impl Fn(bollard::Docker) -> A) -> Result<T, Error>
    where
        A: Future<Output = Result<T, Said>>,
    {
        self.ask(make).await.map_err(|error| failed(what, &error))
    }

    /// Makes a call in its turn; the error is the daemon's own.
    pub(super) async fn ask<T, A>(&self, make: impl Fn(bollard::Docker) -> A) -> Result<T, Said>
    where
        A: Future<Output = Result<T, Said>>,
    {
        let mut tried = 0;
        loop {
            let answer = {
                // It is never closed.
                let _turn = self.0.turns.acquire().await;
                make(self.0.api.clone()).await
            };
            match answer {
                Err(error) if tried < RETRIES && may_pass(&error) => {
                    tokio::time::sleep(Duration::from_millis(100 << tried)).await;
                    tried += 1;
                }
                answer => return answer,
            }
        }
    }

    /// Sees to it that there is room for `bytes` more.
    pub fn has_room(&self, bytes: u64) -> Result<(), Error> {
        // The folder may be closed to this user: then the daemon itself says when it is full.
        let Some(free) = self.0.root.as_deref().and_then(free) else { return Ok(()) };
        match free >= FREE + bytes {
            true => Ok(()),
            false => Err(Error::Daemon {
                why: format!(
                    "{} MB are free under `{}`, and {} are needed",
                    free >> 20,
                    self.0.root.as_deref().unwrap_or_default(),
                    (FREE + bytes) >> 20
                ),
                fix: "remove what you do not need: `docker system prune`".to_owned(),
            }),
        }
    }

    /// Removes containers whose makers are gone; returns how many.
    pub async fn sweep(&self) -> Result<usize, Error> {
        let filters = HashMap::from([("label".to_owned(), vec![OWNER.to_owned()])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let list = |api: bollard::Docker| {
            let options = options.clone();
            async move { api.list_containers(Some(options)).await }
        };
        let mut removed = 0;
        for container in self.call("list containers", list).await? {
            let labels = container.labels.unwrap_or_default();
            let is_left = labels.get(OWNER).is_some_and(|owner| is_gone(owner));
            if let (true, Some(id)) = (is_left, container.id) {
                remove(&self.0.api, &id).await;
                removed += 1;
            }
        }
        Ok(removed)
    }

    /// Returns what its containers say of where they come from.
    pub(super) fn labels(&self) -> HashMap<String, String> {
        HashMap::from([(OWNER.to_owned(), owner()), (RUN.to_owned(), self.0.run.clone())])
    }

    /// Returns the names of the containers that were made through this connection, and are still there.
    pub async fn containers(&self) -> Result<Vec<String>, Error> {
        let filters = HashMap::from([("label".to_owned(), vec![format!("{RUN}={}", self.0.run)])]);
        let options = ListContainersOptionsBuilder::default().all(true).filters(&filters).build();
        let list = |api: bollard::Docker| {
            let options = options.clone();
            async move { api.list_containers(Some(options)).await }
        };
        let all = self.call("list containers", list).await?;
        Ok(all.into_iter().filter_map(|container| container.names?.into_iter().next()).collect())
    }

    /// Removes a container, whatever it does: later, and even if nobody waits for it.
    pub(super) fn dispose(&self, name: String, is_made: bool) {
        let _ = REAPER.send(Order { api: self.0.api.clone(), name, is_made });
    }
}

struct Order {
    api: bollard::Docker,
    name: String,
    /// Whether it was there; if not, it may still come.
    is_made: bool,
}

/// Removes containers that were dropped, where nobody can wait for it.
static REAPER: LazyLock<mpsc::UnboundedSender<Order>> = LazyLock::new(|| {
    let (sender, mut orders) = mpsc::unbounded_channel::<Order>();
    let work = async move {
        while let Some(Order { api, name, is_made }) = orders.recv().await {
            tokio::spawn(async move {
                let tries = if is_made { 1 } else { LATE };
                for _ in 0..tries {
                    if remove(&api, &name).await {
                        return;
                    }
                    tokio::time::sleep(Duration::from_secs(1)).await;
                }
            });
        }
    };
    let thread = std::thread::Builder::new().name("containers".to_owned()).spawn(move || {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        if let Ok(runtime) = runtime {
            runtime.block_on(work);
        }
    });
    // Without it they go all the same: the end of their socket ends them.
    drop(thread);
    sender
});

/// For how many seconds a container is waited for whose making was given up.
const LATE: u32 = 60;

/// Removes a container; returns whether it was there.
async fn remove(api: &bollard::Docker, name: &str) -> bool {
    let options = RemoveContainerOptionsBuilder::default().force(true).v(true).build();
    match api.remove_container(name, Some(options)).await {
        // The second: its removal is under way.
        Ok(()) | Err(Said::DockerResponseServerError { status_code: 409, .. }) => true,
        Err(_) => false,
    }
}

/// Returns where the daemon of this machine listens.
fn socket() -> Result<String, Error> {
    match std::env::var("DOCKER_HOST").ok().filter(|host| !host.is_empty()) {
        Some(host) => host.strip_prefix("unix://").map(str::to_owned).ok_or_else(|| Error::Daemon {
            why: format!("DOCKER_HOST is `{host}`, which is no socket of this machine"),
            fix: "unset it, or set it to `unix:///var/run/docker.sock`: tests and results go through memory of this \
                  machine"
                .to_owned(),
        }),
        None => {
            let usual = "/var/run/docker.sock".to_owned();
            let own = std::env::var("XDG_RUNTIME_DIR").map(|folder| format!("{folder}/docker.sock"));
            // A daemon of one's own, without root.
            Ok(own.ok().filter(|own| !Path::new(&usual).exists() && Path::new(own).exists()).unwrap_or(usual))
        }
    }
}

fn unreachable_daemon(socket: &str, error: &Said) -> Error {
    let (why, fix) = match (fs::metadata(socket), io_kind(error)) {
        (Err(_), _) => (
            format!("there is no `{socket}`"),
            "install Docker and start it (on Debian: `apt-get install docker.io`, then `systemctl start docker`), or \
             use `backend = native`",
        ),
        (_, Some(std::io::ErrorKind::PermissionDenied)) => (
            format!("this user may not talk to `{socket}`"),
            "add the user to its group (`usermod -aG docker USER`, then log in again), or use `backend = native`",
        ),
        _ => (
            format!("nobody answers at `{socket}`: {error}"),
            "start it (`systemctl start docker`, or `dockerd`), or use `backend = native`",
        ),
    };
    Error::Daemon { why, fix: fix.to_owned() }
}

/// Returns what the system said, wherever in the chain of causes it stands.
fn io_kind(error: &Said) -> Option<std::io::ErrorKind> {
    let mut next: Option<&(dyn std::error::Error + 'static)> = Some(error);
    while let Some(error) = next {
        if let Some(io) = error.downcast_ref::<std::io::Error>() {
            return Some(io.kind());
        }
        next = error.source();
    }
    None
}

/// Returns whether the daemon only struggles: the same call may be answered later.
fn may_pass(error: &Said) -> bool {
    match error {
        Said::DockerResponseServerError { status_code: 500, message } => {
            // What it answers for good, though it blames itself.
            !["no space left", "executable file not found", "exec format error", "invalid", "not found"]
                .iter()
                .any(|words| message.contains(words))
        }
        Said::DockerResponseServerError { status_code, .. } => {
            matches!(status_code, 429 | 502..=504)
        }
        Said::RequestTimeoutError => true,
        _ => matches!(
            io_kind(error),
            Some(
                std::io::ErrorKind::ConnectionRefused
                    | std::io::ErrorKind::ConnectionReset
                    | std::io::ErrorKind::BrokenPipe
                    | std::io::ErrorKind::NotFound
                    | std::io::ErrorKind::UnexpectedEof
                    | std::io::ErrorKind::WouldBlock
            )
        ),
    }
}

/// Says what the daemon could not do.
pub(super) fn failed(what: &str, error: &Said) -> Error {
    let said = said(error);
    let fix = if said.contains("no space left") {
        "its disk is full: `docker system prune` removes what nothing uses"
    } else if io_kind(error).is_some() {
        "it may have been stopped in the middle: see that it runs, and try again"
    } else {
        "its own log says more (`journalctl -u docker`)"
    };
    Error::Daemon { why: format!("it could not {what}: {said}"), fix: fix.to_owned() }
}

/// Returns the daemon's own words.
pub(super) fn said(error: &Said) -> String {
    match error {
        Said::DockerResponseServerError { message, .. } => message.trim().to_owned(),
        error => {
            let mut text = error.to_string();
            let mut next = std::error::Error::source(error);
            while let Some(error) = next {
                let more = error.to_string();
                if !text.ends_with(&more) {
                    text = format!("{text}: {more}");
                }
                next = error.source();
            }
            text
        }
    }
}

/// Returns what tells this process from all others, also from later ones with its number.
fn owner() -> String {
    let pid = std::process::id();
    format!("{}:{}:{pid}:{}", boot(), namespace(), began(pid).unwrap_or_default())
}

fn is_gone(owner: &str) -> bool {
    let mut parts = owner.split(':');
    let (Some(known), Some(space), Some(pid), Some(start)) =
        (parts.next(), parts.next(), parts.next(), parts.next())
    else {
        return true;
    };
    if known != boot() {
        return true;
    }
    // Processes of other namespaces cannot be seen from here.
    space == namespace() && pid.parse().ok().and_then(began).is_none_or(|began| began != start)
}

fn boot() -> String {
    let id = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    id.trim().to_owned()
}

fn namespace() -> String {
    fs::metadata("/proc/self/ns/pid").map_or(0, |about| about.ino()).to_string()
}

/// Returns when a process began.
fn began(pid: u32) -> Option<String> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let rest = stat.get(stat.rfind(')')? + 2..)?;
    rest.split(' ').nth(19).map(str::to_owned)
}

fn free(folder: &str) -> Option<u64> {
    let path = std::ffi::CString::new(folder).ok()?;
    // SAFETY: the kernel fills plain data.
    unsafe {
        let mut about: libc::statvfs = std::mem::zeroed();
        match libc::statvfs(path.as_ptr(), &raw mut about) {
            0 => Some(about.f_bavail as u64 * about.f_frsize as u64),
            _ => None,
        }
    }
}
