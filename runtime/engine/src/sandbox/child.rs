//! What happens between `clone` and `exec`: one system call after the other.
//!
//! The process is a copy of one thread of a program with many. Locks of the others may be held for
//! ever, so nothing here allocates, panics or calls into the standard library beyond plain data.

use std::{ffi::CString, ptr};

use libc::{c_char, c_int, c_ulong, c_void};

use super::layout::Op;

/// Everything the child needs, prepared.
pub(super) struct Prepared {
    pub ops: Vec<Op>,
    pub program: Vec<CString>,
    /// Its arguments and its variables.
    pub texts: [Vec<CString>; 2],
    pub filter: Option<Vec<libc::sock_filter>>,
    pub limits: Vec<(u32, u64)>,
    /// Capabilities that the program keeps, as a set of bits.
    pub keeps: u64,
    /// Descriptors that become 0, 1, 2 and, where there is one, 3.
    pub stdio: [c_int; 3],
    pub control: Option<c_int>,
    /// The child's end of the socket to its parent.
    pub sync: c_int,
    /// The parent's end, which this process must not keep open.
    pub parent: c_int,
    pub network: bool,
    /// Groups that it puts itself into.
    pub doors: Vec<c_int>,
}

/// What the parent hears when a step fails: its number and what the kernel said.
pub(super) struct Failed {
    pub step: u32,
    pub errno: i32,
}

/// The steps, by number, in words.
pub(super) const STEPS: &[&str] = &[
    "wait for its user",
    "make its mounts private",
    "make a root",
    "change the root",
    "make a folder",
    "make a link",
    "write a file",
    "mount memory",
    "show a folder",
    "show a device",
    "show its processes",
    "become its user",
    "seal the root",
    "leave the old root",
    "hand over its work folder",
    "set a limit",
    "drop capabilities",
    "install the filter",
    "connect its streams",
    "start the program",
    "hide what the kernel tells",
];

/// The step that fails when there is no such program.
pub(super) const EXEC: u32 = 19;

/// Returns pointers to texts as the kernel takes them: closed by one that leads nowhere.
pub(super) fn pointers(texts: &[CString]) -> Vec<*const c_char> {
    texts.iter().map(|text| text.as_ptr()).chain([ptr::null()]).collect()
}

/// Runs the steps and then the program; returns only what failed.
///
/// # Safety
/// To be called in a fresh process, with everything in `prepared` still alive.
pub(super) unsafe fn run(prepared: &Prepared, argv: &[*const c_char], envp: &[*const c_char]) -> Failed {
    // SAFETY: the caller's.
    match unsafe { attempt(prepared, argv, envp) } {
        Ok(never) => never,
        Err(step) => Failed { step, errno: errno() },
    }
}

fn errno() -> i32 {
    // SAFETY: the address of this thread's own number.
    unsafe { *libc::__errno_location() }
}

fn check(result: impl Into<i64>, step: u32) -> Result<i64, u32> {
    let result = result.into();
    if result < 0 { Err(step) } else { Ok(result) }
}

unsafe fn attempt(
    prepared: &Prepared,
    argv: &[*const c_char],
    envp: &[*const c_char],
) -> Result<Failed, u32> {
    let null = ptr::null::<c_void>();
    // SAFETY: plain system calls on prepared memory.
    unsafe {
        libc::close(prepared.parent);
        // Others that wait as this one does hold the other end open, too: its end alone tells little.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
        let mut go = 0_u8;
        if libc::recv(prepared.sync, (&raw mut go).cast(), 1, 0) != 1 {
            return Err(0);
        }
        for door in &prepared.doors {
            // Without the group, what it does is measured all the same.
            libc::write(*door, c"0".as_ptr().cast(), 1);
        }
        reset_signals();
        libc::setsid();
        libc::umask(0o022);
        // Code that goes by addresses, as a set of plain objects does, finds the same ones each time.
        // Where that is not allowed, its order stays a matter of chance.
        libc::personality(libc::ADDR_NO_RANDOMIZE as c_ulong);
        // Keeps capabilities over the change of the user: they are dropped below, all at once.
        check(libc::prctl(libc::PR_SET_SECUREBITS, 1 << 2, 0, 0, 0), 11)?;
        let private = (libc::MS_REC | libc::MS_PRIVATE) as c_ulong;
        check(libc::mount(c"none".as_ptr(), c"/".as_ptr(), ptr::null(), private, null), 1)?;
        let plain = libc::MS_NOSUID | libc::MS_NODEV;
        let data = c"size=64m,nr_inodes=100000,mode=755".as_ptr().cast();
        check(libc::mount(c"sandbox".as_ptr(), c"/tmp".as_ptr(), c"tmpfs".as_ptr(), plain, data), 2)?;
        check(libc::mkdir(c"/tmp/.old".as_ptr(), 0o700), 2)?;
        check(libc::syscall(libc::SYS_pivot_root, c"/tmp".as_ptr(), c"/tmp/.old".as_ptr()), 3)?;
        check(libc::chdir(c"/".as_ptr()), 3)?;
        for op in &prepared.ops {
            build(op)?;
        }
        if !prepared.network {
            raise_loopback();
        }
        libc::sethostname(c"sandbox".as_ptr(), 7);
        check(libc::chdir(c"/work".as_ptr()), 14)?;
        hand_over(prepared.sync)?;
        // The kernel forgets this at a change of the user, so it comes again; a parent that died
        // before shows as an end of the socket.
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL, 0, 0, 0);
        if libc::recv(prepared.sync, (&raw mut go).cast(), 1, libc::MSG_DONTWAIT) == 0 {
            return Err(0);
        }
        connect(prepared)?;
        for (which, most) in &prepared.limits {
            let limit = libc::rlimit { rlim_cur: *most, rlim_max: *most };
            check(libc::setrlimit(*which as _, &limit), 15)?;
        }
        drop_capabilities(prepared.keeps)?;
        check(libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0), 17)?;
        if let Some(filter) = &prepared.filter {
            let program = libc::sock_fprog { len: filter.len() as u16, filter: filter.as_ptr().cast_mut() };
            let mode = libc::SECCOMP_MODE_FILTER;
            check(libc::prctl(libc::PR_SET_SECCOMP, mode, &raw const program, 0, 0), 17)?;
        }
        for program in &prepared.program {
            libc::execve(program.as_ptr(), argv.as_ptr(), envp.as_ptr());
            if errno() != libc::ENOENT && errno() != libc::ENOTDIR {
                break;
            }
        }
        Err(EXEC)
    }
}

unsafe fn build(op: &Op) -> Result<(), u32> {
    let null = ptr::null::<c_void>();
    let plain = libc::MS_NOSUID | libc::MS_NODEV;
    let bind = libc::MS_BIND | libc::MS_REC;
    // SAFETY: plain system calls on prepared memory.
    unsafe {
        match op {
            Op::Folder { path, mode } => {
                if libc::mkdir(path.as_ptr(), *mode) < 0 && errno() != libc::EEXIST {
                    return Err(4);
                }
            }
            Op::Link { target, path } => {
                check(libc::symlink(target.as_ptr(), path.as_ptr()), 5)?;
            }
            Op::File { path, bytes, mode } => {
                let flags =
                    libc::O_WRONLY | libc::O_CREAT | libc::O_TRUNC | libc::O_NOFOLLOW | libc::O_CLOEXEC;
                let file = check(libc::open(path.as_ptr(), flags, *mode), 6)? as c_int;
                let mut at = 0;
                while at < bytes.len() {
                    let wrote = libc::write(file, bytes.as_ptr().add(at).cast(), bytes.len() - at);
                    at += check(wrote as i64, 6)? as usize;
                }
                libc::close(file);
            }
            Op::Tmpfs { path, data } => {
                let (from, kind) = (c"sandbox".as_ptr(), c"tmpfs".as_ptr());
                check(libc::mount(from, path.as_ptr(), kind, plain, data.as_ptr().cast()), 7)?;
            }
            Op::Bind { from, path, is_optional } => {
                let bound = libc::mount(from.as_ptr(), path.as_ptr(), ptr::null(), bind, null);
                if bound < 0 && *is_optional {
                    return Ok(());
                }
                check(bound, 8)?;
                let mut attr: libc::mount_attr = std::mem::zeroed();
                attr.attr_set = libc::MOUNT_ATTR_RDONLY | libc::MOUNT_ATTR_NOSUID | libc::MOUNT_ATTR_NODEV;
                let size = size_of::<libc::mount_attr>();
                let (here, flags) = (libc::AT_FDCWD, libc::AT_RECURSIVE);
                let call = libc::SYS_mount_setattr;
                check(libc::syscall(call, here, path.as_ptr(), flags, &raw const attr, size), 8)?;
            }
            Op::Device { from, path } => {
                check(libc::mount(from.as_ptr(), path.as_ptr(), ptr::null(), libc::MS_BIND, null), 9)?;
            }
            Op::Proc => {
                let flags = plain | libc::MS_NOEXEC;
                let (from, path, kind) = (c"proc".as_ptr(), c"/proc".as_ptr(), c"proc".as_ptr());
                // Inside of a container that hides parts of it the kernel refuses: it stays empty.
                if libc::mount(from, path, kind, flags, null) < 0 && errno() != libc::EPERM {
                    return Err(10);
                }
            }
            Op::Hide { from, path } => {
                let bound = libc::mount(from.as_ptr(), path.as_ptr(), ptr::null(), libc::MS_BIND, null);
                // Where there are no processes to see, this is not there either.
                if bound < 0 && errno() != libc::ENOENT {
                    return Err(20);
                }
            }
            Op::User => {
                // The calls of the kernel: the library's would lock, and wait for threads that this
                // copy does not have. Without root, groups cannot and need not be given up.
                libc::syscall(libc::SYS_setgroups, 0, null);
                check(libc::syscall(libc::SYS_setresgid, 1000, 1000, 1000), 11)?;
                check(libc::syscall(libc::SYS_setresuid, 1000, 1000, 1000), 11)?;
                // A change of the user clears it, and without it `/proc/self` belongs to nobody.
                libc::prctl(libc::PR_SET_DUMPABLE, 1, 0, 0, 0);
            }
            Op::Seal => {
                let flags = libc::MS_REMOUNT | libc::MS_BIND | libc::MS_RDONLY | plain;
                check(libc::mount(ptr::null(), c"/".as_ptr(), ptr::null(), flags, null), 12)?;
            }
            Op::Forget => {
                check(libc::umount2(c"/.old".as_ptr(), libc::MNT_DETACH), 13)?;
                check(libc::rmdir(c"/.old".as_ptr()), 13)?;
            }
        }
    }
    Ok(())
}

unsafe fn reset_signals() {
    // SAFETY: plain system calls on memory of this frame.
    unsafe {
        let mut none: libc::sigset_t = std::mem::zeroed();
        libc::sigemptyset(&raw mut none);
        libc::sigprocmask(libc::SIG_SETMASK, &raw const none, ptr::null_mut());
        for signal in 1..32 {
            libc::signal(signal, libc::SIG_DFL);
        }
    }
}

/// Lets programs of the sandbox talk to each other over the loopback; there is no other device.
unsafe fn raise_loopback() {
    // SAFETY: plain system calls on memory of this frame.
    unsafe {
        let socket = libc::socket(libc::AF_INET, libc::SOCK_DGRAM | libc::SOCK_CLOEXEC, 0);
        if socket < 0 {
            return;
        }
        let mut device: libc::ifreq = std::mem::zeroed();
        device.ifr_name[0] = b'l' as c_char;
        device.ifr_name[1] = b'o' as c_char;
        device.ifr_ifru.ifru_flags = (libc::IFF_UP | libc::IFF_RUNNING) as i16;
        libc::ioctl(socket, libc::SIOCSIFFLAGS as _, &raw const device);
        libc::close(socket);
    }
}

/// Gives the parent the work folder: it can read files there when all processes are gone.
unsafe fn hand_over(sync: c_int) -> Result<(), u32> {
    // SAFETY: plain system calls on memory of this frame; the buffer holds one descriptor.
    unsafe {
        let folder =
            check(libc::open(c".".as_ptr(), libc::O_RDONLY | libc::O_DIRECTORY | libc::O_CLOEXEC), 14)?;
        let folder = folder as c_int;
        let mut byte = 0_u8;
        let mut part = libc::iovec { iov_base: (&raw mut byte).cast(), iov_len: 1 };
        let mut space = [0_u64; 4];
        let mut message: libc::msghdr = std::mem::zeroed();
        message.msg_iov = &raw mut part;
        message.msg_iovlen = 1;
        message.msg_control = space.as_mut_ptr().cast();
        message.msg_controllen = libc::CMSG_SPACE(4) as _;
        let header = libc::CMSG_FIRSTHDR(&raw const message);
        (*header).cmsg_level = libc::SOL_SOCKET;
        (*header).cmsg_type = libc::SCM_RIGHTS;
        (*header).cmsg_len = libc::CMSG_LEN(4) as _;
        libc::CMSG_DATA(header).cast::<c_int>().write_unaligned(folder);
        check(libc::sendmsg(sync, &raw const message, libc::MSG_NOSIGNAL) as i64, 14)?;
        libc::close(folder);
    }
    Ok(())
}

unsafe fn connect(prepared: &Prepared) -> Result<(), u32> {
    // SAFETY: plain system calls; the parent made all of these descriptors above 9.
    unsafe {
        for (to, from) in prepared.stdio.iter().enumerate() {
            check(libc::dup2(*from, to as c_int), 18)?;
        }
        let mut first = 3;
        if let Some(control) = prepared.control {
            check(libc::dup2(control, 3), 18)?;
            first = 4;
        }
        // The socket to the parent is among these: its end tells that the program has started.
        check(libc::syscall(libc::SYS_close_range, first, c_int::MAX, libc::CLOSE_RANGE_CLOEXEC), 18)?;
    }
    Ok(())
}

#[repr(C)]
struct Header {
    version: u32,
    pid: i32,
}

unsafe fn drop_capabilities(keeps: u64) -> Result<(), u32> {
    // SAFETY: plain system calls on memory of this frame.
    unsafe {
        for capability in 0..64 {
            if keeps & 1 << capability == 0
                && libc::prctl(libc::PR_CAPBSET_DROP, capability, 0, 0, 0) < 0
                && errno() != libc::EINVAL
            {
                return Err(16);
            }
        }
        let header = Header { version: 0x2008_0522, pid: 0 };
        let (low, high) = (keeps as u32, (keeps >> 32) as u32);
        let sets = [low, low, low, high, high, high];
        check(libc::syscall(libc::SYS_capset, &raw const header, sets.as_ptr()), 16)?;
        for capability in 0..64_u64 {
            if keeps & 1 << capability != 0 {
                let raise = libc::PR_CAP_AMBIENT_RAISE;
                check(libc::prctl(libc::PR_CAP_AMBIENT, raise, capability, 0, 0), 16)?;
            }
        }
    }
    Ok(())
}
