//! The system calls that code in a sandbox cannot make.
//!
//! Namespaces and dropped capabilities isolate; this takes away what has most often been a way
//! around them. What is refused says "not permitted", except where libraries know how to go on
//! without it: those are told that the call does not exist.

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
    libc::SYS_init_module,
    libc::SYS_finit_module,
    libc::SYS_delete_module,
    libc::SYS_reboot,
    libc::SYS_swapon,
    libc::SYS_swapoff,
    libc::SYS_acct,
    libc::SYS_quotactl,
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
    // Its flags stand behind a pointer, where no filter can look: `clone` is used instead.
    libc::SYS_clone3,
];

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
    let mut program = vec![load(4), equal(ARCHITECTURE, 1, 0), give(libc::SECCOMP_RET_KILL_PROCESS), load(0)];
    // The 32-bit numbers of the same processor would pass every test below.
    #[cfg(target_arch = "x86_64")]
    program.extend([step(BPF_JMP | libc::BPF_JGE | BPF_K, 0, 1, 0x4000_0000), errno(libc::ENOSYS)]);
    for (calls, number) in [(REFUSED, libc::EPERM), (UNKNOWN, libc::ENOSYS)] {
        for call in calls {
            program.extend([equal(*call as u32, 0, 1), errno(number)]);
        }
    }
    program.extend([
        equal(libc::SYS_clone as u32, 0, 4),
        load(16),
        step(BPF_ALU | BPF_AND | BPF_K, 0, 0, NAMESPACES),
        equal(0, 1, 0),
        errno(libc::EPERM),
        give(libc::SECCOMP_RET_ALLOW),
    ]);
    program
}
