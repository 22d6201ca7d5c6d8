//! Starts the first process of a sandbox, in namespaces of its own.
//!
//! One thread starts them all and never ends: the kernel kills a sandbox when the *thread* that
//! started it is gone, which is how nothing survives the host.

use std::{
    fs, io,
    os::fd::{AsRawFd, FromRawFd, OwnedFd, RawFd},
    sync::{LazyLock, mpsc},
};

use super::{
    Error,
    child::{self, EXEC, Failed, Prepared, STEPS},
    group::Group,
};

/// A process that was started; it runs once its parent says so.
pub(super) struct Child {
    pub pid: i32,
    pub process: OwnedFd,
}

enum Order {
    Spawn(Box<Prepared>, tokio::sync::oneshot::Sender<Result<Child, Error>>),
    /// Waits for a process that was killed, and then forgets its group.
    Reap(OwnedFd, Option<Group>),
}

static SPAWNER: LazyLock<mpsc::Sender<Order>> = LazyLock::new(|| {
    let (sender, orders) = mpsc::channel::<Order>();
    let reaper = sender.clone();
    std::thread::Builder::new()
        .name("sandboxes".to_owned())
        .spawn(move || {
            for order in orders {
                match order {
                    Order::Spawn(prepared, answer) => {
                        if let Err(Ok(child)) = answer.send(clone(*prepared)) {
                            kill(&child.process);
                            let _ = reaper.send(Order::Reap(child.process, None));
                        }
                    }
                    Order::Reap(process, group) => {
                        let _ = wait(&process);
                        drop(group);
                    }
                }
            }
        })
        .map_or_else(|_| mpsc::channel().0, |_| sender)
});

/// Starts a process that waits for the word to go.
pub(super) async fn spawn(prepared: Prepared) -> Result<Child, Error> {
    let (answer, child) = tokio::sync::oneshot::channel();
    let gone = || Error::Broken { step: "start a thread", source: io::Error::other("it has ended") };
    SPAWNER.send(Order::Spawn(Box::new(prepared), answer)).map_err(|_| gone())?;
    child.await.map_err(|_| gone())?
}

/// Kills a sandbox: with its first process go all the others.
pub(super) fn kill(process: &OwnedFd) {
    let null = std::ptr::null::<libc::siginfo_t>();
    // SAFETY: a signal to a process that this descriptor stands for.
    unsafe { libc::syscall(libc::SYS_pidfd_send_signal, process.as_raw_fd(), libc::SIGKILL, null, 0) };
}

/// Sees to it that a killed process leaves no entry behind, and no group.
pub(super) fn reap(process: OwnedFd, group: Option<Group>) {
    let _ = SPAWNER.send(Order::Reap(process, group));
}

/// Waits for the end of a process, and returns its status and what it has used.
pub(super) fn wait(process: &OwnedFd) -> io::Result<(i32, i32, libc::rusage)> {
    // SAFETY: both are plain data, and the kernel fills them.
    unsafe {
        let mut about: libc::siginfo_t = std::mem::zeroed();
        let mut used: libc::rusage = std::mem::zeroed();
        let which = libc::P_PIDFD as libc::c_long;
        // The call of the kernel has a fifth argument, which the library's does not pass on.
        let result = libc::syscall(
            libc::SYS_waitid,
            which,
            process.as_raw_fd(),
            &raw mut about,
            libc::WEXITED | libc::__WALL,
            &raw mut used,
        );
        if result < 0 {
            return Err(io::Error::last_os_error());
        }
        Ok((about.si_code, about.si_status(), used))
    }
}

fn clone(prepared: Prepared) -> Result<Child, Error> {
    let mut process: RawFd = -1;
    let mut flags = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP
        | libc::CLONE_PIDFD;
    if !prepared.network {
        flags |= libc::CLONE_NEWNET;
    }
    let [argv, envp] = [child::pointers(&prepared.texts[0]), child::pointers(&prepared.texts[1])];
    // SAFETY: all zero is how its fields are left out.
    let mut args: libc::clone_args = unsafe { std::mem::zeroed() };
    args.flags = flags as u64;
    args.pidfd = (&raw mut process) as u64;
    args.exit_signal = libc::SIGCHLD as u64;
    // SAFETY: the child touches only what was prepared, and never returns.
    let pid = unsafe { libc::syscall(libc::SYS_clone3, &raw mut args, size_of::<libc::clone_args>()) };
    if pid == 0 {
        // SAFETY: this is the fresh process.
        unsafe {
            let Failed { step, errno } = child::run(&prepared, &argv, &envp);
            let words = [step, errno as u32];
            libc::send(prepared.sync, words.as_ptr().cast(), 8, libc::MSG_NOSIGNAL);
            libc::_exit(127);
        }
    }
    if pid < 0 {
        return Err(forbidden("new namespaces", io::Error::last_os_error()));
    }
    // SAFETY: the kernel has just made this descriptor for us.
    let child = Child { pid: pid as i32, process: unsafe { OwnedFd::from_raw_fd(process) } };
    if let Err(source) = map_users(child.pid) {
        kill(&child.process);
        drop(wait(&child.process));
        return Err(forbidden("map its user", source));
    }
    Ok(child)
}

/// Makes user 1000 of the sandbox a user of the host who owns nothing: oneself, or nobody when that is root.
fn map_users(pid: i32) -> io::Result<()> {
    // SAFETY: these only read.
    let (user, group) = unsafe { (libc::geteuid(), libc::getegid()) };
    if user == 0 {
        // User 0 is who builds the file system; code never becomes it, and has no right to.
        let map = "0 0 1\n1000 65534 1\n";
        fs::write(format!("/proc/{pid}/uid_map"), map)?;
        return fs::write(format!("/proc/{pid}/gid_map"), map);
    }
    fs::write(format!("/proc/{pid}/uid_map"), format!("1000 {user} 1\n"))?;
    fs::write(format!("/proc/{pid}/setgroups"), "deny")?;
    fs::write(format!("/proc/{pid}/gid_map"), format!("1000 {group} 1\n"))
}

/// Tells what failed in the child, by the number of its step.
pub(super) fn explain(step: u32, errno: i32, program: &str) -> Error {
    let source = io::Error::from_raw_os_error(errno);
    let name = STEPS.get(step as usize).copied().unwrap_or("an unknown step");
    match (step, errno) {
        (EXEC, _) => {
            let fix = "it sees the system's programs only".to_owned();
            Error::Program { program: program.to_owned(), source, fix }
        }
        (_, libc::EPERM | libc::EACCES | libc::ENOSYS) => forbidden(name, source),
        _ => Error::Broken { step: name, source },
    }
}

fn forbidden(step: &'static str, source: io::Error) -> Error {
    Error::Forbidden { step, source, fix: fix() }
}

/// Returns what most likely helps on this machine.
fn fix() -> &'static str {
    let is = |path: &str, value: &str| fs::read_to_string(path).is_ok_and(|text| text.trim() == value);
    if is("/proc/sys/kernel/unprivileged_userns_clone", "0") {
        "allow it: sysctl -w kernel.unprivileged_userns_clone=1"
    } else if is("/proc/sys/kernel/apparmor_restrict_unprivileged_userns", "1") {
        "allow it: sysctl -w kernel.apparmor_restrict_unprivileged_userns=0"
    } else if is("/proc/sys/user/max_user_namespaces", "0") {
        "allow it: sysctl -w user.max_user_namespaces=10000"
    } else {
        "it needs Linux 5.12 with user namespaces; inside of a container run that with \
         `--security-opt seccomp=unconfined --security-opt apparmor=unconfined --security-opt systempaths=unconfined`"
    }
}
