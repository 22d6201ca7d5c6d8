//! What a sandbox sees: the steps that build its file system, prepared before it is started.
//!
//! They are prepared because they run between `clone` and `exec` of a process with many threads,
//! where nothing may be allocated.

use std::{
    collections::{BTreeMap, BTreeSet},
    ffi::CString,
    fs,
    os::unix::{ffi::OsStrExt, fs::PermissionsExt},
    path::{Path, PathBuf},
};

use super::{Error, Input};

/// The work folder of every sandbox.
pub const WORK: &str = "/work";

/// A folder of every sandbox with nothing in it.
pub const NOTHING: &str = "/.nothing";

/// What the kernel tells everybody of the machine as a whole, and no suite has to know: how it was
/// started, whose keys it keeps, when somebody types. No more than that: each is a mount of every verdict.
pub(super) const HIDDEN: &[&str] = &[
    "/proc/asound",
    "/proc/cmdline",
    "/proc/interrupts",
    "/proc/kcore",
    "/proc/keys",
    "/proc/kmsg",
    "/proc/latency_stats",
    "/proc/sched_debug",
    "/proc/scsi",
    "/proc/sysrq-trigger",
    "/proc/timer_list",
    "/proc/timer_stats",
];

/// Returns the files and folders of `/proc` that a sandbox shows empty; with each what stands in its place.
pub fn hidden() -> Vec<(&'static str, &'static str)> {
    let place = |path: &&'static str| {
        let about = fs::metadata(path).ok()?;
        // What only root may read needs no hiding.
        let is_open = about.permissions().mode() & 0o006 != 0;
        is_open.then_some((*path, if about.is_dir() { NOTHING } else { "/dev/null" }))
    };
    HIDDEN.iter().filter_map(place).collect()
}

/// Where the old root hangs while the new one is being built.
const OLD: &str = "/.old";

/// A step of building the file system.
#[derive(Debug)]
pub(super) enum Op {
    Folder {
        path: CString,
        mode: u32,
    },
    Link {
        target: CString,
        path: CString,
    },
    File {
        path: CString,
        bytes: Vec<u8>,
        mode: u32,
    },
    Tmpfs {
        path: CString,
        data: CString,
    },
    /// Shows a file or folder of the host, read-only, without devices and programs of other users.
    Bind {
        from: CString,
        path: CString,
        is_optional: bool,
    },
    /// Shows a device of the host.
    Device {
        from: CString,
        path: CString,
    },
    Proc,
    /// Shows something empty in the place of a file or folder.
    Hide {
        from: CString,
        path: CString,
    },
    /// From here on as the user that the code runs as.
    User,
    /// Makes the root read-only.
    Seal,
    /// Forgets the old root.
    Forget,
}

/// What a sandbox shows besides the system.
pub(super) struct View<'a> {
    pub readable: &'a [PathBuf],
    /// Further folders of the host, by where they are seen.
    pub shown: &'a BTreeMap<String, PathBuf>,
    pub files: &'a BTreeMap<String, Input>,
    /// Files outside of the work folder, that nothing inside can change.
    pub fixed: &'a BTreeMap<String, Input>,
    /// Further folders in memory, empty, that stay writable.
    pub scratch: &'a [&'a str],
    pub bytes: u64,
    pub network: bool,
}

/// Prepares the steps.
pub(super) fn steps(view: &View<'_>) -> Result<Vec<Op>, Error> {
    let mut made = Made { ops: Vec::new(), folders: BTreeSet::new() };
    for folder in ["/proc", "/dev", "/etc", "/tmp", WORK] {
        made.folder(folder)?;
    }
    for folder in ["/usr", "/bin", "/sbin", "/lib", "/lib32", "/lib64", "/libx32"] {
        system(folder, &mut made)?;
    }
    for folder in ["/etc/alternatives", "/etc/ld.so.cache", "/etc/ld.so.conf", "/etc/ld.so.conf.d"] {
        made.bind(Path::new(folder))?;
    }
    if view.network {
        for path in ["/etc/resolv.conf", "/etc/ssl", "/etc/ca-certificates"] {
            made.bind(Path::new(path))?;
        }
    }
    for folder in outermost(view.readable) {
        // These two are its own: what the host has there would be covered.
        if folder.starts_with("/tmp") || folder.starts_with(WORK) {
            return Err(Error::Covered(folder));
        }
        made.bind(&folder)?;
    }
    for (path, folder) in view.shown {
        made.bind_at(folder, Path::new(path))?;
    }
    for (path, text) in ETC {
        let (path, bytes) = (c(path)?, text.as_bytes().to_vec());
        made.ops.push(Op::File { path, bytes, mode: 0o644 });
    }
    devices(&mut made)?;
    made.ops.push(Op::Proc);
    made.ops.push(Op::Folder { path: c(NOTHING)?, mode: 0o555 });
    for (path, from) in hidden() {
        made.ops.push(Op::Hide { from: c(from)?, path: c(path)? });
    }
    let data = format!("size={},nr_inodes=200000,mode=755,uid=1000,gid=1000", view.bytes.max(4096));
    for path in [WORK, "/tmp"].iter().chain(view.scratch) {
        made.folder(path)?;
        made.ops.push(Op::Tmpfs { path: c(path)?, data: c(&data)? });
    }
    for (path, input) in view.fixed {
        made.file(path, input)?;
    }
    made.ops.push(Op::Forget);
    made.ops.push(Op::Seal);
    made.ops.push(Op::User);
    for (path, input) in view.files {
        let is_plain = path.split('/').all(|part| !matches!(part, "" | "." | ".."));
        if !is_plain {
            return Err(Error::Path(path.clone()));
        }
        made.file(&format!("{WORK}/{path}"), input)?;
    }
    Ok(made.ops)
}

const ETC: &[(&str, &str)] = &[
    ("/etc/passwd", "root:x:0:0:root:/tmp:/bin/sh\nuser:x:1000:1000:user:/tmp:/bin/sh\n"),
    ("/etc/group", "root:x:0:\nuser:x:1000:\n"),
    ("/etc/hosts", "127.0.0.1 localhost\n::1 localhost\n"),
    ("/etc/nsswitch.conf", "passwd: files\ngroup: files\nhosts: files dns\n"),
];

struct Made {
    ops: Vec<Op>,
    folders: BTreeSet<PathBuf>,
}

impl Made {
    fn folder(&mut self, path: impl AsRef<Path>) -> Result<(), Error> {
        let path = path.as_ref();
        let above: Vec<&Path> = path.ancestors().filter(|above| above.parent().is_some()).collect();
        for above in above.into_iter().rev() {
            if self.folders.insert(above.to_owned()) {
                self.ops.push(Op::Folder { path: c(above)?, mode: 0o755 });
            }
        }
        Ok(())
    }

    fn file(&mut self, path: &str, input: &Input) -> Result<(), Error> {
        if let Some(above) = Path::new(path).parent() {
            self.folder(above)?;
        }
        let mode = if input.is_program { 0o755 } else { 0o644 };
        self.ops.push(Op::File { path: c(path)?, bytes: input.bytes.clone(), mode });
        Ok(())
    }

    /// Shows a path of the host where it is; one that is not there is left out.
    fn bind(&mut self, path: &Path) -> Result<(), Error> {
        self.bind_at(path, path)
    }

    /// Shows a path of the host at another place.
    fn bind_at(&mut self, host: &Path, path: &Path) -> Result<(), Error> {
        let Ok(about) = fs::metadata(host) else { return Ok(()) };
        if about.is_dir() {
            self.folder(path)?;
        } else {
            self.folder(path.parent().unwrap_or(Path::new("/")))?;
            self.ops.push(Op::File { path: c(path)?, bytes: Vec::new(), mode: 0o644 });
        }
        // Links of the host would lead into the new root: they are followed here.
        let real = fs::canonicalize(host).map_err(Error::broken("follow a link"))?;
        let mut from = std::ffi::OsString::from(OLD);
        from.push(&real);
        let is_optional = path.starts_with("/etc");
        self.ops.push(Op::Bind { from: c(&from)?, path: c(path)?, is_optional });
        Ok(())
    }
}

fn system(folder: &str, made: &mut Made) -> Result<(), Error> {
    match fs::symlink_metadata(folder) {
        Ok(about) if about.is_symlink() => {
            let target = fs::read_link(folder).map_err(Error::broken("read a system folder"))?;
            made.ops.push(Op::Link { target: c(&target)?, path: c(folder)? });
            Ok(())
        }
        Ok(_) => made.bind(Path::new(folder)),
        Err(_) => Ok(()),
    }
}

fn devices(made: &mut Made) -> Result<(), Error> {
    for name in ["null", "zero", "full", "random", "urandom"] {
        let path = format!("/dev/{name}");
        made.ops.push(Op::File { path: c(&path)?, bytes: Vec::new(), mode: 0o666 });
        made.ops.push(Op::Device { from: c(format!("{OLD}{path}"))?, path: c(&path)? });
    }
    let links = [
        ("/proc/self/fd", "/dev/fd"),
        ("/proc/self/fd/0", "/dev/stdin"),
        ("/proc/self/fd/1", "/dev/stdout"),
        ("/proc/self/fd/2", "/dev/stderr"),
        // Shared memory by name counts as files, and goes when they go.
        ("/tmp", "/dev/shm"),
    ];
    for (target, path) in links {
        made.ops.push(Op::Link { target: c(target)?, path: c(path)? });
    }
    Ok(())
}

/// Returns the folders that are not inside of another one, nor of `/usr`, which is always there.
fn outermost(folders: &[PathBuf]) -> Vec<PathBuf> {
    let mut kept: Vec<PathBuf> = Vec::new();
    let mut sorted: Vec<&PathBuf> = folders.iter().filter(|path| path.is_absolute()).collect();
    sorted.sort();
    for path in sorted {
        let is_shown = path.starts_with("/usr") || kept.iter().any(|above| path.starts_with(above));
        if !is_shown && path.parent().is_some() {
            kept.push(path.clone());
        }
    }
    kept
}

/// Returns what keeps other users from a program: a folder that is shown, or one on the way from there.
pub(super) fn closed(readable: &[PathBuf], program: &Path) -> Option<PathBuf> {
    let shown = outermost(readable);
    let top = shown.iter().find(|folder| program.starts_with(folder))?;
    let way = program.ancestors().take_while(|above| above.starts_with(top));
    // The outermost first: what is inside of it does not matter before.
    let way: Vec<&Path> = way.collect();
    let is_closed =
        |path: &Path| fs::metadata(path).is_ok_and(|about| about.permissions().mode() & 0o001 == 0);
    way.into_iter().rev().find(|path| is_closed(path)).map(Path::to_owned)
}

pub(super) fn c(text: impl AsRef<std::ffi::OsStr>) -> Result<CString, Error> {
    let text = text.as_ref();
    CString::new(text.as_bytes()).map_err(|_| Error::Path(text.to_string_lossy().into_owned()))
}
