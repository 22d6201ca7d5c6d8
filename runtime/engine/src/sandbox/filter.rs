//! The system calls that code in a sandbox cannot make.
//!
//! Namespaces and dropped capabilities isolate; this takes away what has most often been a way
//! around them. What is refused says "not permitted", except where libraries know how to go on
//! without it: those are told that the call does not exist, as are all calls that are newer than
//! this list.
//!
//! Calls whose arguments decide come last: the kernel remembers for every other number what the
//! answer is, and asks no more.

use libc::{BPF_ABS, BPF_ALU, BPF_AND, BPF_JEQ, BPF_JMP, BPF_K, BPF_LD, BPF_RET, BPF_W, c_long, sock_filter};

const REFUSED: &[c_long] = &[
    libc::SYS_ptrace,
    libc::SYS_process_vm_readv,
    libc::SYS_process_vm_writev,
    libc::SYS_mount,
    libc::SYS_umount2,
    libc::SYS_pivot_root,
    libc::SYS_chroot,
    libc::SYS_move_mount,
    libc::SYS_open_tree,
    libc::SYS_fsopen,
    libc::SYS_fsconfig,
    libc::SYS_fsmount,
    libc::SYS_fspick,
    libc::SYS_mount_setattr,
    libc::SYS_unshare,
    libc::SYS_setns,
    libc::SYS_keyctl,
    libc::SYS_add_key,
    libc::SYS_request_key,
    libc::SYS_bpf,
    libc::SYS_perf_event_open,
    libc::SYS_kexec_load,
    libc::SYS_kexec_file_load,
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
    QUOTACTL_FD,
    libc::SYS_nfsservctl,
    libc::SYS_settimeofday,
    libc::SYS_clock_settime,
    libc::SYS_adjtimex,
    libc::SYS_clock_adjtime,
    libc::SYS_sethostname,
    libc::SYS_setdomainname,
    libc::SYS_name_to_handle_at,
    libc::SYS_open_by_handle_at,
    libc::SYS_syslog,
    libc::SYS_lookup_dcookie,
    libc::SYS_fanotify_init,
    libc::SYS_vhangup,
    libc::SYS_personality,
    libc::SYS_kcmp,
    libc::SYS_pidfd_getfd,
    PROCESS_MADVISE,
    PROCESS_MRELEASE,
    libc::SYS_migrate_pages,
    libc::SYS_move_pages,
    // System V memory and memory files live outside of every limit on memory and files.
    libc::SYS_shmget,
    libc::SYS_semget,
    libc::SYS_msgget,
];

const UNKNOWN: &[c_long] = &[
    libc::SYS_userfaultfd,
    libc::SYS_io_uring_setup,
    libc::SYS_io_uring_enter,
    libc::SYS_io_uring_register,
    libc::SYS_memfd_create,
    MEMFD_SECRET,
    // They tell where on the host the folders come from.
    STATMOUNT,
    LISTMOUNT,
    // Its flags stand behind a pointer, where no filter can look: `clone` is used instead.
    libc::SYS_clone3,
];

/// Calls that only the older of the two architectures has: some reach ports and segments of the processor.
#[cfg(target_arch = "x86_64")]
const OLD: &[c_long] = &[
    libc::SYS_iopl,
    libc::SYS_ioperm,
    libc::SYS_modify_ldt,
    libc::SYS_uselib,
    libc::SYS_ustat,
    libc::SYS_sysfs,
    libc::SYS__sysctl,
];
#[cfg(target_arch = "aarch64")]
const OLD: &[c_long] = &[];

// The same numbers on both.
const PROCESS_MADVISE: c_long = 440;
const QUOTACTL_FD: c_long = 443;
const MEMFD_SECRET: c_long = 447;
const PROCESS_MRELEASE: c_long = 448;
const STATMOUNT: c_long = 457;
const LISTMOUNT: c_long = 458;

/// The first number that nobody has looked at.
const NEWER: u32 = 467;

/// The families of sockets that there are: of one machine, and of a network that is its own. Some of
/// the others, such as those to whatever runs a virtual machine, know nothing of namespaces.
const FAMILIES: &[i32] = &[libc::AF_UNIX, libc::AF_INET, libc::AF_INET6];

/// The protocols of them: what else there is, the kernel would load for whoever asks.
const PROTOCOLS: &[i32] = &[0, libc::IPPROTO_TCP, libc::IPPROTO_UDP];

/// Requests that put words into a terminal, as if its owner had typed them, or change what drives it.
const TERMINALS: &[u32] = &[0x5412, 0x541c, 0x5423];

/// New namespaces of any kind.
const NAMESPACES: u32 = (libc::CLONE_NEWUSER
    | libc::CLONE_NEWNS
    | libc::CLONE_NEWPID
    | libc::CLONE_NEWNET
    | libc::CLONE_NEWIPC
    | libc::CLONE_NEWUTS
    | libc::CLONE_NEWCGROUP) as u32;

#[cfg(target_arch = "x86_64")]
const ARCHITECTURE: u32 = 0xc000_003e;
#[cfg(target_arch = "aarch64")]
const ARCHITECTURE: u32 = 0xc000_00b7;

/// Returns the filter as the kernel wants it: eight bytes an instruction, in native order.
pub fn program() -> Vec<u8> {
    instructions()
        .iter()
        .flat_map(|step| {
            let mut bytes = [0; 8];
            bytes[..2].copy_from_slice(&step.code.to_ne_bytes());
            bytes[2] = step.jt;
            bytes[3] = step.jf;
            bytes[4..].copy_from_slice(&step.k.to_ne_bytes());
            bytes
        })
        .collect()
}

pub(super) fn instructions() -> Vec<sock_filter> {
    let step = |code: u32, jt: u8, jf: u8, k: u32| sock_filter { code: code as u16, jt, jf, k };
    let load = |offset: u32| step(BPF_LD | BPF_W | BPF_ABS, 0, 0, offset);
    let give = |answer: u32| step(BPF_RET | BPF_K, 0, 0, answer);
    let errno = |number: i32| give(libc::SECCOMP_RET_ERRNO | number as u32);
    let equal = |k: u32, yes: u8, no: u8| step(BPF_JMP | BPF_JEQ | BPF_K, yes, no, k);
    let allow = give(libc::SECCOMP_RET_ALLOW);
    // Flags, families and requests are numbers of 32 bits: what stands above them the kernel drops, too.
    let argument = |at: u32| load(16 + 8 * at);
    let mut program = vec![load(4), equal(ARCHITECTURE, 1, 0), give(libc::SECCOMP_RET_KILL_PROCESS), load(0)];
    // The 32-bit numbers of the same processor would pass every test below; they stand above these.
    program.extend([step(BPF_JMP | libc::BPF_JGE | BPF_K, 0, 1, NEWER), errno(libc::ENOSYS)]);
    for (calls, number) in [(REFUSED, libc::EPERM), (OLD, libc::EPERM), (UNKNOWN, libc::ENOSYS)] {
        for call in calls {
            program.extend([equal(*call as u32, 0, 1), errno(number)]);
        }
    }
    let mut on = |call: c_long, steps: Vec<sock_filter>| {
        program.push(equal(call as u32, 0, steps.len() as u8));
        program.extend(steps);
    };
    let clone = [argument(0), step(BPF_ALU | BPF_AND | BPF_K, 0, 0, NAMESPACES), equal(0, 1, 0)];
    on(libc::SYS_clone, [&clone[..], &[errno(libc::EPERM), allow]].concat());
    let among = |at: u32, numbers: &[i32], otherwise: i32| {
        let left = |done: usize| (numbers.len() - done) as u8;
        let tests = numbers.iter().enumerate().map(|(done, number)| equal(*number as u32, left(done), 0));
        [argument(at)].into_iter().chain(tests).chain([errno(otherwise)]).collect::<Vec<_>>()
    };
    let families = among(0, FAMILIES, libc::EAFNOSUPPORT);
    let protocols = among(2, PROTOCOLS, libc::EPROTONOSUPPORT);
    on(libc::SYS_socket, [families.clone(), protocols, vec![allow]].concat());
    on(libc::SYS_socketpair, [families, vec![allow]].concat());
    let terminals = TERMINALS.iter().flat_map(|request| [equal(*request, 0, 1), errno(libc::EPERM)]);
    on(libc::SYS_ioctl, [argument(1)].into_iter().chain(terminals).chain([allow]).collect());
    // A limit of one byte keeps the kernel from handing what crashed to a program of the host. Who asks
    // for none, as programs do that expect to crash, is told that it is so.
    let cores = libc::RLIMIT_CORE;
    on(libc::SYS_setrlimit, vec![argument(0), equal(cores, 0, 1), errno(0), allow]);
    // To ask what the limit is gives no new one.
    let asks = [load(32), equal(0, 0, 2), load(36), equal(0, 1, 0)];
    let prlimit = [&[argument(1), equal(cores, 0, 5)], &asks[..], &[errno(0), allow]].concat();
    on(libc::SYS_prlimit64, prlimit);
    program.push(allow);
    program
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Runs the filter as the kernel would.
    fn answer(call: c_long, arguments: [u64; 6]) -> u32 {
        let mut data = [0_u8; 64];
        data[..4].copy_from_slice(&(call as u32).to_ne_bytes());
        data[4..8].copy_from_slice(&ARCHITECTURE.to_ne_bytes());
        for (at, argument) in arguments.iter().enumerate() {
            data[16 + 8 * at..24 + 8 * at].copy_from_slice(&argument.to_ne_bytes());
        }
        let (mut at, mut held) = (0, 0_u32);
        let program = instructions();
        loop {
            let sock_filter { code, jt, jf, k } = program[at];
            at += 1;
            let jump = |is: bool| usize::from(if is { jt } else { jf });
            match u32::from(code) {
                code if code == BPF_LD | BPF_W | BPF_ABS => {
                    held = data[k as usize..k as usize + 4].try_into().map_or(0, u32::from_ne_bytes);
                }
                code if code == BPF_RET | BPF_K => return k,
                code if code == BPF_ALU | BPF_AND | BPF_K => held &= k,
                code if code == BPF_JMP | BPF_JEQ | BPF_K => at += jump(held == k),
                code if code == BPF_JMP | libc::BPF_JGE | BPF_K => at += jump(held >= k),
                code => panic!("an instruction that is not known: {code}"),
            }
        }
    }

    #[test]
    fn calls_are_answered_by_their_arguments() {
        let refused = |number: i32| libc::SECCOMP_RET_ERRNO | number as u32;
        let allow = libc::SECCOMP_RET_ALLOW;
        let one = |call, first: i32| answer(call, [first as u64, 0, 0, 0, 0, 0]);
        assert_eq!(one(libc::SYS_read, 0), allow);
        assert_eq!(one(libc::SYS_ptrace, 0), refused(libc::EPERM));
        assert_eq!(one(libc::SYS_clone3, 0), refused(libc::ENOSYS));
        assert_eq!(one(c_long::from(NEWER), 0), refused(libc::ENOSYS));
        assert_eq!(one(0x4000_0000 + 1, 0), refused(libc::ENOSYS));
        assert_eq!(one(libc::SYS_clone, libc::SIGCHLD | libc::CLONE_VM), allow);
        for namespace in [libc::CLONE_NEWUSER, libc::CLONE_NEWNS, libc::CLONE_NEWCGROUP] {
            assert_eq!(one(libc::SYS_clone, libc::SIGCHLD | namespace), refused(libc::EPERM));
        }
        let socket = |family: i32, protocol: i32| {
            answer(libc::SYS_socket, [family as u64, libc::SOCK_STREAM as u64, protocol as u64, 0, 0, 0])
        };
        for family in FAMILIES {
            assert_eq!(socket(*family, 0), allow);
            assert_eq!(one(libc::SYS_socketpair, *family), allow);
        }
        assert_eq!(socket(libc::AF_INET, libc::IPPROTO_TCP), allow);
        assert_eq!(socket(libc::AF_INET, libc::IPPROTO_SCTP), refused(libc::EPROTONOSUPPORT));
        for family in [libc::AF_NETLINK, libc::AF_PACKET, libc::AF_ALG, libc::AF_VSOCK] {
            assert_eq!(socket(family, 0), refused(libc::EAFNOSUPPORT));
            assert_eq!(one(libc::SYS_socketpair, family), refused(libc::EAFNOSUPPORT));
        }
        // What is above 32 bits the kernel does not read: it must not hide the family.
        assert_eq!(
            answer(libc::SYS_socket, [1 << 32 | libc::AF_VSOCK as u64, 0, 0, 0, 0, 0]),
            refused(libc::EAFNOSUPPORT)
        );
        let ioctl = |request: u64| answer(libc::SYS_ioctl, [0, request, 0, 0, 0, 0]);
        assert_eq!([ioctl(0x5401), ioctl(0x5413)], [allow; 2]);
        assert_eq!([ioctl(0x5412), ioctl(0x541c), ioctl(1 << 32 | 0x5412)], [refused(libc::EPERM); 3]);
        let limit = |which: u64, new: u64| answer(libc::SYS_prlimit64, [0, which, new, 0, 0, 0]);
        let cores = u64::from(libc::RLIMIT_CORE);
        assert_eq!([limit(cores, 0), limit(7, 4096)], [allow; 2]);
        assert_eq!([limit(cores, 4096), limit(cores, 1 << 40)], [refused(0); 2]);
        assert_eq!(answer(libc::SYS_setrlimit, [cores, 4096, 0, 0, 0, 0]), refused(0));
        assert_eq!(answer(libc::SYS_setrlimit, [7, 4096, 0, 0, 0, 0]), allow);
    }
}
