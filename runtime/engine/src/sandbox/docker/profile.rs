//! The system calls that no process of a container can make, not even the first one.
//!
//! What code runs under is the filter of the native sandbox, which is stricter by one call: the
//! first process has to turn off random addresses. This is the wall around that one.

use serde_json::{Value, json};

const REFUSED: &[&str] = &[
    "_sysctl",
    "acct",
    "add_key",
    "adjtimex",
    "bpf",
    "chroot",
    "clock_adjtime",
    "clock_settime",
    "create_module",
    "delete_module",
    "fanotify_init",
    "finit_module",
    "fsconfig",
    "fsmount",
    "fsopen",
    "fspick",
    "get_kernel_syms",
    "init_module",
    "ioperm",
    "iopl",
    "kcmp",
    "kexec_file_load",
    "kexec_load",
    "keyctl",
    "lookup_dcookie",
    "mount",
    "mount_setattr",
    "move_mount",
    "msgget",
    "name_to_handle_at",
    "nfsservctl",
    "open_by_handle_at",
    "open_tree",
    "perf_event_open",
    "pidfd_getfd",
    "pivot_root",
    "process_madvise",
    "process_vm_readv",
    "process_vm_writev",
    "ptrace",
    "query_module",
    "quotactl",
    "quotactl_fd",
    "reboot",
    "request_key",
    "semget",
    "setdomainname",
    "sethostname",
    "setns",
    "settimeofday",
    "shmget",
    "swapoff",
    "swapon",
    "syslog",
    "umount",
    "umount2",
    "unshare",
    "uselib",
    "vhangup",
    "vm86",
    "vm86old",
];

/// Told that they do not exist, so that libraries go on without them.
const UNKNOWN: &[&str] = &["clone3", "io_uring_enter", "io_uring_register", "io_uring_setup", "userfaultfd"];

/// New namespaces of any kind, flag by flag: the profile knows no "any of these".
const NAMESPACES: &[i32] = &[
    libc::CLONE_NEWNS,
    libc::CLONE_NEWCGROUP,
    libc::CLONE_NEWUTS,
    libc::CLONE_NEWIPC,
    libc::CLONE_NEWUSER,
    libc::CLONE_NEWPID,
    libc::CLONE_NEWNET,
];

/// Returns the profile as the daemon takes it.
pub(super) fn text() -> String {
    let refuse = |names: &[&str], number: i32, args: Value| json!({ "names": names, "action": "SCMP_ACT_ERRNO", "errnoRet": number, "args": args });
    let random = json!([{ "index": 0, "value": libc::ADDR_NO_RANDOMIZE, "op": "SCMP_CMP_NE" }]);
    let mut rules = vec![
        refuse(REFUSED, libc::EPERM, json!([])),
        refuse(UNKNOWN, libc::ENOSYS, json!([])),
        refuse(&["personality"], libc::EPERM, random),
    ];
    rules.extend(NAMESPACES.iter().map(|flag| {
        let any = json!([{ "index": 0, "value": flag, "valueTwo": flag, "op": "SCMP_CMP_MASKED_EQ" }]);
        refuse(&["clone"], libc::EPERM, any)
    }));
    let architecture = match std::env::consts::ARCH {
        "aarch64" => "SCMP_ARCH_AARCH64",
        _ => "SCMP_ARCH_X86_64",
    };
    // Those of other architectures, the 32-bit numbers of this one among them, end the process.
    json!({ "defaultAction": "SCMP_ACT_ALLOW", "architectures": [architecture], "syscalls": rules })
        .to_string()
}
