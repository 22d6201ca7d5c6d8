//! What all processes of a sandbox may use together, kept by the kernel where it lets us say so.
//!
//! Runs are measured from outside, and what they did is told by that alone, so that it is told alike on
//! every machine. A control group is the wall behind: it stops what grows faster than anybody looks.
//! Without one, the limits of each process and the looking remain.

use std::{
    fs::{self, File},
    io,
    os::fd::AsRawFd,
    path::{Path, PathBuf},
    sync::{
        LazyLock,
        atomic::{AtomicU32, Ordering},
    },
    time::Duration,
};

/// What is asked of the kernel, in the order in which it is told of.
const CONTROLLERS: [&str; 3] = ["memory", "pids", "cpu"];

/// What groups are called, before the number of the process that made them.
const NAME: &str = "sswe";

/// Where this process may make groups.
#[derive(Debug, Default)]
struct Home {
    /// A folder, and what groups in it can be told to keep.
    places: Vec<(PathBuf, Vec<&'static str>)>,
    is_unified: bool,
    /// Why there is none.
    why: String,
}

static HOME: LazyLock<Home> = LazyLock::new(|| {
    let read = |path: &str| fs::read_to_string(path).unwrap_or_default();
    let mut home = find(&own(&read("/proc/self/cgroup"), &read("/proc/self/mountinfo")));
    for (place, _) in &home.places {
        forget_the_dead(place);
    }
    // A folder that looks open may not be: the only way to know is to make a group.
    let tried = Group::make(&home, &Most { memory: 1 << 40, pids: 1 << 20, cpus: None });
    if let Err(error) = tried {
        home.why = format!("none can be made: {error}");
        home.places.clear();
    }
    home
});

/// Returns what the kernel keeps to its limit for each sandbox as a whole, or why it does not.
pub fn groups() -> Result<Vec<&'static str>, String> {
    let kept = |name: &&'static str| HOME.places.iter().any(|(_, controllers)| controllers.contains(name));
    let kept: Vec<&str> = CONTROLLERS.iter().copied().filter(kept).collect();
    if kept.is_empty() { Err(HOME.why.clone()) } else { Ok(kept) }
}

/// What the processes of a group may use.
#[derive(Clone, Copy, Debug)]
pub(super) struct Most {
    pub memory: u64,
    pub pids: u32,
    /// Without a number, one share, however many processes there are.
    pub cpus: Option<u32>,
}

impl Most {
    /// Returns how many microseconds of each tenth of a second processors may be busy. Half of one is for
    /// what waits for the tests and cleans up behind them.
    fn quota(&self) -> Option<u64> {
        self.cpus.map(|cpus| u64::from(cpus) * PERIOD + PERIOD / 2)
    }
}

const PERIOD: u64 = 100_000;

/// A group of processes, gone when this is dropped. Its processes must be gone before.
#[derive(Debug)]
pub(super) struct Group {
    folders: Vec<PathBuf>,
    /// Of split hierarchies: where a process enters that moves itself, for which nothing has to wait.
    doors: Vec<File>,
    memory: Option<PathBuf>,
}

impl Group {
    /// Makes a group that keeps to these limits, where that is possible.
    pub(super) fn new(most: &Most) -> Option<Group> {
        if HOME.places.is_empty() {
            return None;
        }
        Group::make(&HOME, most).ok()
    }

    fn make(home: &Home, most: &Most) -> io::Result<Group> {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let name = format!("{NAME}-{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed));
        let mut group = Group { folders: Vec::new(), doors: Vec::new(), memory: None };
        for (place, controllers) in &home.places {
            let folder = place.join(&name);
            fs::create_dir(&folder)?;
            group.folders.push(folder.clone());
            let set = |file: &str, most: &str| fs::write(folder.join(file), most);
            let (memory, pids) = (&*most.memory.to_string(), &*most.pids.to_string());
            if !home.is_unified {
                group.doors.push(File::options().write(true).open(folder.join("tasks"))?);
            }
            for controller in controllers {
                match (*controller, home.is_unified) {
                    ("memory", true) => {
                        set("memory.max", memory)?;
                        // Not every kernel counts what is swapped out.
                        let _ = set("memory.swap.max", "0");
                        group.memory = Some(folder.join("memory.events"));
                    }
                    ("memory", false) => {
                        set("memory.limit_in_bytes", memory)?;
                        let _ = set("memory.memsw.limit_in_bytes", memory);
                        group.memory = Some(folder.join("memory.oom_control"));
                    }
                    ("pids", _) => set("pids.max", pids)?,
                    (_, is_unified) => match (most.quota(), is_unified) {
                        (Some(quota), true) => set("cpu.max", &format!("{quota} {PERIOD}"))?,
                        (Some(quota), false) => set("cpu.cfs_quota_us", &quota.to_string())?,
                        (None, _) => {}
                    },
                }
            }
        }
        Ok(group)
    }

    /// Returns where a process enters by writing that it is the one.
    pub(super) fn doors(&self) -> Vec<i32> {
        self.doors.iter().map(AsRawFd::as_raw_fd).collect()
    }

    /// Puts a process that has not begun yet, and all that it will start, under the limits, unless it
    /// enters by itself.
    pub(super) fn add(&self, pid: i32) -> io::Result<()> {
        if !self.doors.is_empty() {
            return Ok(());
        }
        self.folders.iter().try_for_each(|folder| fs::write(folder.join("cgroup.procs"), pid.to_string()))
    }

    /// Returns how many processes the kernel has ended because there was no more memory for all.
    pub(super) fn killed(&self) -> u64 {
        let text = self.memory.as_ref().and_then(|path| fs::read_to_string(path).ok()).unwrap_or_default();
        text.lines().find_map(|line| line.strip_prefix("oom_kill ")?.trim().parse().ok()).unwrap_or(0)
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        for folder in &self.folders {
            // The last process may have been waited for and still be on its way out.
            for _ in 0..10 {
                match fs::remove_dir(folder) {
                    Err(error) if error.raw_os_error() == Some(libc::EBUSY) => {
                        std::thread::sleep(Duration::from_millis(1));
                    }
                    _ => break,
                }
            }
        }
    }
}

/// The group that this process is in, for one hierarchy.
#[derive(Debug, PartialEq, Eq)]
struct Own {
    /// Where the hierarchy is mounted.
    top: PathBuf,
    folder: PathBuf,
    /// What it controls; empty where there is one hierarchy for all.
    controllers: Vec<String>,
}

/// Finds the groups of this process among what is mounted.
fn own(groups: &str, mounts: &str) -> Vec<Own> {
    let mut found = Vec::new();
    for line in groups.lines() {
        let mut parts = line.splitn(3, ':').skip(1);
        let (Some(controllers), Some(path)) = (parts.next(), parts.next()) else { continue };
        let controllers: Vec<String> =
            controllers.split(',').filter(|name| !name.is_empty()).map(str::to_owned).collect();
        for mount in mounts.lines() {
            let Some((place, kind)) = mount.split_once(" - ") else { continue };
            let place: Vec<&str> = place.split(' ').collect();
            let kind: Vec<&str> = kind.split(' ').collect();
            let (Some(root), Some(top)) = (place.get(3), place.get(4)) else { continue };
            let options: Vec<&str> = kind.last().map(|last| last.split(',').collect()).unwrap_or_default();
            let is_it = match kind.first() {
                Some(&"cgroup2") => controllers.is_empty(),
                Some(&"cgroup") => {
                    !controllers.is_empty() && controllers.iter().all(|name| options.contains(&name.as_str()))
                }
                _ => false,
            };
            // What is mounted may be a part of the hierarchy, and this process elsewhere.
            let Some(inner) = is_it.then(|| Path::new(path).strip_prefix(root).ok()).flatten() else {
                continue;
            };
            let folder =
                if inner.as_os_str().is_empty() { PathBuf::from(top) } else { Path::new(top).join(inner) };
            found.push(Own { top: PathBuf::from(top), folder, controllers });
            break;
        }
    }
    found
}

/// Finds where groups can be made for what they are to keep.
fn find(own: &[Own]) -> Home {
    let split: Vec<(PathBuf, Vec<&'static str>)> = own
        .iter()
        .filter_map(|own| {
            let has = |name: &&str| own.controllers.iter().any(|other| other == name);
            let controllers: Vec<&str> = CONTROLLERS.into_iter().filter(has).collect();
            (!controllers.is_empty()).then(|| (own.folder.clone(), controllers))
        })
        .collect();
    if !split.is_empty() {
        return Home { places: split, ..Home::default() };
    }
    let Some(own) = own.iter().find(|own| own.controllers.is_empty()) else {
        return Home { why: "no control groups are mounted".to_owned(), ..Home::default() };
    };
    // A group with processes has no limits for groups inside: the nearest one above that has some.
    for folder in own.folder.ancestors().take_while(|folder| folder.starts_with(&own.top)) {
        let given = fs::read_to_string(folder.join("cgroup.subtree_control")).unwrap_or_default();
        let has = |name: &&str| given.split_whitespace().any(|other| other == *name);
        let controllers: Vec<&str> = CONTROLLERS.into_iter().filter(has).collect();
        if controllers.contains(&"memory") {
            return Home {
                places: vec![(folder.to_owned(), controllers)],
                is_unified: true,
                ..Home::default()
            };
        }
    }
    let why = "no group above this process passes on `memory`".to_owned();
    Home { why, ..Home::default() }
}

/// Removes groups whose makers were killed before they could.
fn forget_the_dead(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let maker =
            name.to_str().and_then(|name| name.strip_prefix(NAME)?.strip_prefix('-')?.split('-').next());
        if let Some(maker) = maker.and_then(|maker| maker.parse::<u32>().ok())
            && !Path::new(&format!("/proc/{maker}")).exists()
        {
            // One that still has processes stays.
            let _ = fs::remove_dir(entry.path());
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used, reason = "a test that cannot go on should stop")]

    use super::*;

    #[test]
    fn the_groups_of_this_process_are_found() {
        let mounts = "\
30 24 0:26 / /sys/fs/cgroup rw,nosuid shared:4 - tmpfs tmpfs rw,mode=755
31 30 0:27 / /sys/fs/cgroup/memory rw,nosuid shared:5 - cgroup cgroup rw,memory
32 30 0:28 / /sys/fs/cgroup/cpu,cpuacct rw - cgroup cgroup rw,cpu,cpuacct
33 30 0:29 /docker/x /sys/fs/cgroup/pids rw - cgroup cgroup rw,pids
34 30 0:30 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw
";
        let groups = "4:cpu,cpuacct:/\n3:memory:/a/b\n2:pids:/docker/x/y\n1:name=systemd:/\n0::/c\n";
        let found = own(groups, mounts);
        let folders: Vec<String> = found.iter().map(|own| own.folder.display().to_string()).collect();
        assert_eq!(
            folders,
            [
                "/sys/fs/cgroup/cpu,cpuacct",
                "/sys/fs/cgroup/memory/a/b",
                "/sys/fs/cgroup/pids/y",
                "/sys/fs/cgroup/unified/c"
            ]
        );
        let home = find(&found);
        let kept: Vec<&[&str]> = home.places.iter().map(|(_, kept)| &kept[..]).collect();
        assert_eq!(kept, [["cpu"], ["memory"], ["pids"]]);
        assert!(!home.is_unified);
    }

    #[test]
    fn of_one_hierarchy_the_nearest_group_that_passes_limits_on_is_taken() {
        let top = std::env::temp_dir().join(format!("sswe-groups-{}", std::process::id()));
        let inner = top.join("user/app/term");
        fs::create_dir_all(&inner).unwrap();
        for (folder, given) in [("", "cpu memory pids"), ("user/app", "memory pids"), ("user/app/term", "")] {
            fs::write(top.join(folder).join("cgroup.subtree_control"), given).unwrap();
        }
        let mounts = format!("1 0 0:1 / {} rw - cgroup2 cgroup2 rw\n", top.display());
        let home = find(&own("0::/user/app/term\n", &mounts));
        let none = find(&own("0::/user\n", "1 0 0:1 / /none rw - cgroup2 cgroup2 rw\n"));
        let made = Group::make(&home, &Most { memory: 1 << 30, pids: 7, cpus: Some(2) }).unwrap();
        let written = |name: &str| fs::read_to_string(made.folders[0].join(name)).unwrap();
        let said = (written("memory.max"), written("pids.max"), made.folders[0].parent().map(Path::to_owned));
        fs::write(made.folders[0].join("memory.events"), "low 0\noom 3\noom_kill 2\n").unwrap();
        let killed = made.killed();
        let places = home.places.clone();
        fs::remove_dir_all(&top).unwrap();
        assert_eq!(places, [(top.join("user/app"), vec!["memory", "pids"])]);
        assert_eq!(said, ("1073741824".to_owned(), "7".to_owned(), Some(top.join("user/app"))));
        assert_eq!(killed, 2);
        assert!(none.places.is_empty() && none.why.contains("memory"), "{none:?}");
    }

    /// The kernel itself ends what takes too much, where it lets us ask for that.
    #[test]
    fn what_takes_too_much_together_is_ended() {
        let most = Most { memory: 48 << 20, pids: 8, cpus: Some(1) };
        let Some(group) = Group::new(&most).filter(|group| group.memory.is_some()) else {
            eprintln!("skipped: {:?}", groups());
            return;
        };
        let folders = group.folders.clone();
        // It keeps all that it reads before it says the last of it.
        let script = "read line; head -c 200000000 /dev/zero | tail -c 190000000 | wc -c";
        let mut shell = std::process::Command::new("sh");
        let mut child = shell.args(["-c", script]).stdin(std::process::Stdio::piped()).spawn().unwrap();
        for folder in &folders {
            fs::write(folder.join("cgroup.procs"), child.id().to_string()).unwrap();
        }
        io::Write::write_all(&mut child.stdin.take().unwrap(), b"go\n").unwrap();
        child.wait().unwrap();
        assert!(group.killed() > 0);
        drop(group);
        assert!(folders.iter().all(|folder| !folder.exists()), "{folders:?}");
    }

    #[test]
    fn groups_of_the_dead_are_removed() {
        let place = std::env::temp_dir().join(format!("sswe-dead-groups-{}", std::process::id()));
        let [dead, alive, other] = ["sswe-4000000000-1", &format!("sswe-{}-1", std::process::id()), "sswe-x"]
            .map(|name| place.join(name));
        for folder in [&dead, &alive, &other] {
            fs::create_dir_all(folder).unwrap();
        }
        forget_the_dead(&place);
        let left = [&dead, &alive, &other].map(|folder| folder.exists());
        fs::remove_dir_all(&place).unwrap();
        assert_eq!(left, [false, true, true]);
    }
}
