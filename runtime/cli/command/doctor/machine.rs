//! Room, memory, what the kernel allows, and the store.

use std::{fs, path::Path};

use super::{Finding, State, Wants, size, told};
use crate::{load, store};

/// With less than this, a build does not get far.
const LEAST_ROOM: u64 = 256 << 20;

/// With less than this, a longer one does not.
const LITTLE_ROOM: u64 = 4 << 30;

pub(super) fn ask(_: &Wants) -> Vec<Finding> {
    let processors = std::thread::available_parallelism().map_or(1, |count| count.get());
    let mut found = vec![Finding::works("processors", processors.to_string())];
    found.push(match (load::memory(), meminfo("MemAvailable:")) {
        (Some(all), Some(free)) if free < 1 << 30 => Finding::not(
            "memory",
            State::Limited,
            format!("{} of {} free", size(free), size(all)),
            "sswe build --jobs 1",
        ),
        (Some(all), Some(free)) => Finding::works("memory", format!("{} of {} free", size(free), size(all))),
        _ => Finding::not("memory", State::Limited, "the kernel does not say", "mount -t proc proc /proc"),
    });
    found.extend(disk());
    found
}

/// Returns a number of `/proc/meminfo`, in bytes.
fn meminfo(name: &str) -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    line.split_whitespace().next()?.parse::<u64>().ok().map(|kib| kib << 10)
}

fn disk() -> Vec<Finding> {
    let path = store::path();
    let path = std::path::absolute(&path).unwrap_or(path);
    // Where there is no store yet, its room is that of the folder it will be made in.
    let Some(there) = path.ancestors().find(|folder| folder.is_dir()) else { return Vec::new() };
    let name = there.display().to_string();
    let asked = |column| {
        let args = if column == "space" { ["-Pk", "--"] } else { ["-Pi", "--"] };
        let text = told("df", &[args[0], args[1], &name])?;
        let fields: Vec<&str> = text.lines().next_back().unwrap_or_default().split_whitespace().collect();
        fields.get(3).and_then(|field| field.parse::<u64>().ok()).ok_or_else(|| format!("`df` says {text:?}"))
    };
    let fix = "sswe cache gc --older-than 30d";
    let mut found = vec![match asked("space").map(|kib| kib << 10) {
        Ok(free) if free < LEAST_ROOM => {
            Finding::not("disk", State::Broken, format!("{} free at `{name}`", size(free)), fix)
        }
        Ok(free) if free < LITTLE_ROOM => {
            Finding::not("disk", State::Limited, format!("{} free at `{name}`", size(free)), fix)
        }
        Ok(free) => Finding::works("disk", format!("{} free at `{name}`", size(free))),
        Err(why) => Finding::not("disk", State::Limited, why, "df -k ."),
    }];
    // Some file systems have no fixed number, and say zero.
    if let Ok(1..10_000) = asked("files") {
        found.push(Finding::not("files", State::Limited, format!("few more files fit at `{name}`"), fix));
    }
    found
}

pub(super) fn ask_kernel(_: &Wants) -> Vec<Finding> {
    let read = |path: &str| fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let number = |path: &str| read(path)?.parse::<u64>().ok();
    let mut found = Vec::new();
    let release = read("/proc/sys/kernel/osrelease").unwrap_or_default();
    let mut parts = release.split(['.', '-']).map_while(|part| part.parse::<u32>().ok());
    let version = (parts.next().unwrap_or(0), parts.next().unwrap_or(0));
    found.push(match version {
        (5, 12..) | (6.., _) => Finding::works("Linux", release),
        _ => Finding::not(
            "Linux",
            State::Broken,
            format!("{release}: sandboxes need 5.12"),
            "apt-get dist-upgrade",
        ),
    });
    let is_closed = |path: &str, closed: u64| number(path) == Some(closed);
    // What closes the door comes before how many may go through it.
    found.push(if is_closed("/proc/sys/kernel/unprivileged_userns_clone", 0) && !is_root() {
        let fix = "sudo sysctl -w kernel.unprivileged_userns_clone=1";
        Finding::not("user namespaces", State::Broken, "only root may make them", fix)
    } else if is_closed("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", 1) && !is_root() {
        let fix = "sudo sysctl -w kernel.apparmor_restrict_unprivileged_userns=0";
        Finding::not(
            "user namespaces",
            State::Broken,
            "AppArmor takes the rights from whoever makes one",
            fix,
        )
    } else {
        match number("/proc/sys/user/max_user_namespaces") {
            Some(most @ 0..64) => Finding::not(
                "user namespaces",
                if most < 4 { State::Broken } else { State::Limited },
                format!("{most} may be made"),
                "sudo sysctl -w user.max_user_namespaces=10000",
            ),
            Some(most) => Finding::works("user namespaces", format!("{most} may be made")),
            None => Finding::not(
                "user namespaces",
                State::Broken,
                "the kernel has none",
                "boot one with CONFIG_USER_NS",
            ),
        }
    });
    let actions = read("/proc/sys/kernel/seccomp/actions_avail").unwrap_or_default();
    found.push(match actions.contains("errno") {
        true => Finding::works("filters", "seccomp"),
        false => {
            Finding::not("filters", State::Broken, "no seccomp", "boot a kernel with CONFIG_SECCOMP_FILTER")
        }
    });
    let limit = |name: &str| {
        let text = read("/proc/self/limits")?;
        let line = text.lines().find_map(|line| line.strip_prefix(name)).map(str::to_owned)?;
        Some(line.split_whitespace().next()?.parse::<u64>().unwrap_or(u64::MAX))
    };
    let shown = |most: u64| if most == u64::MAX { "no limit".to_owned() } else { most.to_string() };
    let mut at_least = |name, found_is: Option<u64>, least: u64, fix: &str| {
        let Some(most) = found_is else { return };
        found.push(match most < least {
            true => Finding::not(name, State::Limited, format!("{most}, and {least} are better"), fix),
            false => Finding::works(name, shown(most)),
        });
    };
    at_least("open files", limit("Max open files"), 1024, "ulimit -n 4096");
    let pids =
        [number("/proc/sys/kernel/pid_max"), number("/proc/sys/kernel/threads-max"), limit("Max processes")];
    at_least("processes", pids.into_iter().flatten().min(), 4096, "ulimit -u 16384");
    at_least(
        "watched files",
        number("/proc/sys/fs/inotify/max_user_watches"),
        8192,
        "sudo sysctl -w fs.inotify.max_user_watches=65536",
    );
    found
}

fn is_root() -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let user = status.lines().find_map(|line| line.strip_prefix("Uid:"));
    user.and_then(|users| users.split_whitespace().nth(1)) == Some("0")
}

pub(super) fn ask_store(_: &Wants) -> Vec<Finding> {
    let path = store::path();
    let name = path.display().to_string();
    if !store::is_there(&path) {
        return vec![Finding::works("store", format!("none at `{name}` yet: the first build makes it"))];
    }
    let seen = match sswe_cache::look(&path) {
        Ok(seen) => seen,
        Err(error) => {
            return vec![Finding::not("store", State::Broken, error.to_string(), fix_of(&error, &path))];
        }
    };
    let mut found = vec![match seen.format == seen.known {
        true => Finding::works("store", format!("format {} at `{name}`", seen.format)),
        false => Finding::works(
            "store",
            format!("format {} at `{name}`: the next command makes it {}", seen.format, seen.known),
        ),
    }];
    let list = |pids: &[u32]| pids.iter().map(u32::to_string).collect::<Vec<_>>().join(", ");
    found.push(match (seen.held_by, &seen.builds[..]) {
        (Some(0), _) => Finding::works("lock", "another process works on the whole store: others wait"),
        (Some(pid), _) => {
            Finding::works("lock", format!("process {pid} works on the whole store: others wait"))
        }
        (None, []) => Finding::works("lock", "free"),
        (None, builds) => Finding::works("lock", format!("free; builds run: process {}", list(builds))),
    });
    found
}

fn fix_of(error: &sswe_cache::Error, path: &Path) -> String {
    use sswe_cache::Error;
    match error {
        Error::Corrupt { .. } => "sswe cache verify --repair".to_owned(),
        Error::Newer { .. } | Error::Foreign { .. } => {
            "name another folder: sswe --store DIR build".to_owned()
        }
        _ => format!("ls -ld {}", path.display()),
    }
}
