//! What a process and all of its descendants have used, as the host sees it.

use std::{
    fs,
    os::fd::{AsRawFd, BorrowedFd},
    time::Duration,
};

/// What a family of processes has used.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Usage {
    /// Processor time, of the living and of those that were waited for.
    pub cpu: Duration,
    /// Time for which a process could have run, and had no processor.
    pub waiting: Duration,
    /// Bytes of memory that are resident.
    pub memory: u64,
    /// Processes.
    pub processes: u32,
}

/// Returns the process behind a descriptor, by the number that the host knows it by.
pub fn pid_of(process: BorrowedFd<'_>) -> Option<i32> {
    let info = fs::read_to_string(format!("/proc/self/fdinfo/{}", process.as_raw_fd())).ok()?;
    let pid = info.lines().find_map(|line| line.strip_prefix("Pid:"))?.trim().parse().ok()?;
    (pid > 0).then_some(pid)
}

/// Returns what a process and its descendants have used; `None` when it is gone.
pub fn usage(pid: i32) -> Option<Usage> {
    let mut sum = Usage::default();
    let mut open = vec![pid];
    while let Some(pid) = open.pop() {
        // A bomb of processes is measured as far as it can be: the limit on processes ends it.
        if sum.processes >= 4096 {
            break;
        }
        add(pid, &mut sum, &mut open);
    }
    (sum.processes > 0).then_some(sum)
}

fn add(pid: i32, sum: &mut Usage, open: &mut Vec<i32>) -> Option<()> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name may hold anything, also spaces and parentheses.
    let fields: Vec<&str> = stat[stat.rfind(')')? + 2..].split(' ').collect();
    let number = |at: usize| fields.get(at).and_then(|text| text.parse::<u64>().ok()).unwrap_or(0);
    // From the third field on: utime, stime, cutime, cstime are fields 14 to 17, rss is 24.
    let ticks = number(11) + number(12) + number(13) + number(14);
    sum.cpu += Duration::from_millis(ticks * 1000 / ticks_per_second());
    sum.memory += number(21) * page_size();
    sum.processes += 1;
    for task in fs::read_dir(format!("/proc/{pid}/task")).ok()?.flatten() {
        let folder = task.path();
        if let Ok(text) = fs::read_to_string(folder.join("schedstat")) {
            let waiting = text.split(' ').nth(1).and_then(|text| text.parse().ok()).unwrap_or(0);
            sum.waiting += Duration::from_nanos(waiting);
        }
        if let Ok(text) = fs::read_to_string(folder.join("children")) {
            open.extend(text.split_whitespace().filter_map(|text| text.parse::<i32>().ok()));
        }
    }
    Some(())
}

fn ticks_per_second() -> u64 {
    // SAFETY: `sysconf` reads a constant.
    unsafe { libc::sysconf(libc::_SC_CLK_TCK) }.max(1) as u64
}

fn page_size() -> u64 {
    // SAFETY: `sysconf` reads a constant.
    unsafe { libc::sysconf(libc::_SC_PAGESIZE) }.max(1) as u64
}
