//! What the host has that nobody inside may reach: laid out before an attempt, looked at after it.

use std::{
    collections::BTreeMap,
    fs,
    io::Write,
    net::{TcpListener, UdpSocket},
    os::{
        linux::net::SocketAddrExt,
        unix::net::{SocketAddr, UnixListener},
    },
    path::PathBuf,
    process::{Child, Command, Stdio},
    sync::{
        Arc, Mutex,
        atomic::{AtomicU32, Ordering},
    },
    time::{Duration, Instant},
};

use sswe_engine::sandbox::{Action, Input, Limits, Sandbox};
use tokio::runtime::Runtime;

/// The attempts: each is a function of this program.
pub(crate) const ESCAPES: &str =
    concat!(include_str!("escapes.py"), "\n\n", include_str!("escapes/files.py"));

/// Gives the names of all attempts that can be made anywhere to another macro.
macro_rules! every_attempt {
    ($with:ident) => {
        $with! {
            reach_a_port_of_the_host
            send_a_packet_to_the_host
            ask_for_a_name
            ask_the_cloud_for_credentials
            speak_to_a_socket_file_of_the_host
            speak_to_a_nameless_socket_of_the_host
            ask_the_kernel_for_networks
            speak_to_what_runs_this_machine
            listen_to_the_wire
            use_ciphers_of_the_kernel
            load_a_protocol
            trace_a_child
            trace_the_host
            read_memory_of_others
            read_memory_files_of_others
            take_an_open_file_of_others
            signal_a_process_of_the_host
            signal_the_parent
            signal_everybody
            see_processes_of_the_host
            mount_memory
            mount_the_processes_again
            make_the_root_writable
            mount_the_new_way
            become_root_of_a_new_world
            clone_into_a_new_world
            clone_the_newer_way
            enter_namespaces_of_others
            leave_by_a_second_root
            change_the_root
            open_files_by_number
            become_root
            take_back_rights
            run_a_program_of_root
            make_a_device
            open_devices_of_the_host
            type_into_the_terminal
            set_the_clock
            rename_the_machine
            restart_the_machine
            keep_a_key
            look_for_keys
            use_rings
            hold_faults
            load_a_program_into_the_kernel
            watch_the_processor
            load_a_module
            read_the_log_of_the_kernel
            watch_all_files
            change_how_programs_run
            run_a_program_from_memory
            hide_memory
            call_by_the_old_numbers
            call_by_the_newest_numbers
            read_passwords
            read_home
            read_a_file_of_the_host
            read_the_environment_of_the_host
            read_the_store
            read_the_work_of_others
            write_system_files
            write_settings_of_the_kernel
            read_what_the_kernel_tells
            find_the_group_of_the_host
            change_its_own_program
            link_to_files_of_the_host
            link_files_of_the_system
            find_open_files_of_the_host
            grow_in_memory
            grow_in_memory_together
            fork_without_end
            start_threads_without_end
            open_files_without_end
            fill_the_disk
            fill_the_disk_with_empty_files
            print_without_end
            outlive_its_run
            ignore_every_signal
        }
    };
}
pub(crate) use every_attempt;

const SECRET: &str = "only the host knows this";

/// Files, sockets and a process of the host.
pub(crate) struct Prey {
    /// What attempts are told of it, as JSON.
    pub(crate) facts: String,
    folder: PathBuf,
    mark: String,
    victim: Child,
}

impl Prey {
    /// Lays everything out. `room` is what each of an attempt's folders may hold.
    pub(crate) fn lay_out(room: u64) -> Prey {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("sswe-prey-{}-{number}", std::process::id());
        // Not below `/tmp`, which everybody has of their own: that would hide it for another reason.
        let folder = PathBuf::from("/var/tmp").join(&name);
        fs::create_dir_all(&folder).unwrap();
        fs::write(folder.join("secret"), SECRET).unwrap();
        let socket = folder.join("socket");
        let files = UnixListener::bind(&socket).unwrap();
        let nameless = SocketAddr::from_abstract_name(&name).unwrap();
        let nameless = UnixListener::bind_addr(&nameless).unwrap();
        let tcp = TcpListener::bind("0.0.0.0:0").unwrap();
        let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
        let ports = (tcp.local_addr().unwrap().port(), udp.local_addr().unwrap().port());
        for listener in [files, nameless] {
            std::thread::spawn(move || {
                listener.incoming().flatten().for_each(|mut link| drop(link.write_all(b"hello")))
            });
        }
        std::thread::spawn(move || {
            tcp.incoming().flatten().for_each(|mut link| drop(link.write_all(b"hello")));
        });
        std::thread::spawn(move || {
            while let Ok((_, from)) = udp.recv_from(&mut [0; 100]) {
                let _ = udp.send_to(b"hello", from);
            }
        });
        // Too long for anybody to wait, and no number that others use.
        let mark = format!("{}", 1_000_000_000 + u64::from(std::process::id()) * 1000 + u64::from(number));
        let victim = Command::new("sleep").arg(format!("{mark}.5")).stdin(Stdio::null()).spawn().unwrap();
        let home = std::env::var("HOME").unwrap_or("/root".to_owned());
        let dns = fs::read_to_string("/etc/resolv.conf").unwrap_or_default();
        let dns: BTreeMap<&str, u32> =
            dns.lines().filter_map(|line| Some((line.strip_prefix("nameserver ")?.trim(), 53))).collect();
        let facts = serde_json::json!({
            "tcp": ports.0, "udp": ports.1, "unix": socket, "abstract": name, "addresses": addresses(),
            "dns": dns, "victim": victim.id(), "mark": mark, "secret": folder.join("secret"), "folder": folder,
            "home": home, "neighbour": held(), "room": room * 4,
        });
        Prey { facts: facts.to_string(), folder, mark, victim }
    }

    /// Returns what an attempt did to the host.
    pub(crate) fn harm(&mut self) -> Vec<String> {
        let mut harm = Vec::new();
        if self.victim.try_wait().unwrap().is_some() {
            harm.push("a process of the host was ended".to_owned());
        }
        if fs::read_to_string(self.folder.join("secret")).ok().as_deref() != Some(SECRET) {
            harm.push("a file of the host was changed".to_owned());
        }
        for top in ["/tmp", "/var/tmp", "/dev/shm", "/"] {
            let names = fs::read_dir(top).into_iter().flatten().flatten();
            let names = names.map(|entry| entry.file_name().to_string_lossy().into_owned());
            let strange = names.filter(|name| name == "left" || name.starts_with("filling-"));
            harm.extend(strange.map(|name| format!("{top}/{name} is on the host")));
        }
        let begun = Instant::now();
        while asleep(&self.mark) {
            if begun.elapsed() > Duration::from_secs(5) {
                harm.push("a process lives on".to_owned());
                break;
            }
            std::thread::sleep(Duration::from_millis(10));
        }
        harm
    }
}

impl Drop for Prey {
    fn drop(&mut self) {
        let _ = self.victim.kill();
        let _ = self.victim.wait();
        let _ = fs::remove_dir_all(&self.folder);
    }
}

/// Somebody else in a sandbox of the same kind, who has something to hide and is there until this program ends.
pub(crate) struct Neighbour {
    mark: String,
    /// How it ended, which it should not.
    ended: Arc<Mutex<Option<String>>>,
}

/// What neighbours hold.
fn held() -> String {
    format!("neighbour-{}", std::process::id())
}

impl Neighbour {
    /// Returns when the neighbour is there. Its life does not depend on who waits for what.
    pub(crate) fn in_a<S: Sandbox>(make: impl FnOnce(&Runtime) -> S + Send + 'static) -> Neighbour {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let mark = format!("{}.{number}", 1_000_000_000 + u64::from(std::process::id()));
        let text = format!("cp neighbour /tmp/neighbour; exec sleep {mark}");
        let action = Action {
            argv: ["sh".to_owned(), "-c".to_owned(), text].into(),
            files: [("neighbour".to_owned(), Input { bytes: held().into_bytes(), is_program: false })].into(),
            limits: Limits {
                wall: Duration::from_secs(1 << 20),
                files: 1 << 20,
                pids: 24,
                ..Limits::default()
            },
            ..Action::default()
        };
        let ended = Arc::new(Mutex::new(None));
        let told = ended.clone();
        std::thread::spawn(move || {
            let runtime = Runtime::new().unwrap();
            let sandbox = make(&runtime);
            let outcome = runtime.block_on(sandbox.run(action));
            *told.lock().unwrap() = Some(format!("{outcome:?}"));
        });
        let neighbour = Neighbour { mark, ended };
        let begun = Instant::now();
        while !asleep(&neighbour.mark) {
            assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", neighbour.ended.lock());
            std::thread::sleep(Duration::from_millis(10));
        }
        neighbour
    }

    /// Fails where the neighbour has been ended.
    pub(crate) fn is_there(&self, who: &str) {
        assert!(asleep(&self.mark), "{who}: the neighbour was ended: {:?}", self.ended.lock());
    }
}

/// Returns whether a process of this machine has that argument.
fn asleep(argument: &str) -> bool {
    let has = |path: PathBuf| {
        let line = fs::read(path.join("cmdline")).unwrap_or_default();
        line.split(|byte| *byte == 0).any(|part| part == argument.as_bytes())
    };
    fs::read_dir("/proc").unwrap().flatten().any(|entry| has(entry.path()))
}

/// Returns the addresses of this machine that others would use.
fn addresses() -> Vec<String> {
    let socket = UdpSocket::bind("0.0.0.0:0").unwrap();
    // Nothing is sent: the kernel says which way it would go.
    let address = socket.connect("203.0.113.1:9").and_then(|()| socket.local_addr());
    address.map(|address| vec![address.ip().to_string()]).unwrap_or_default()
}

/// Returns what is meant to keep an attempt, as it says itself.
pub(crate) fn keeper(attempt: &str) -> &'static str {
    let lines = ESCAPES.split_once(&format!("def {attempt}(facts):\n    \"\"\"")).unwrap().1;
    lines.split_once("\"\"\"").unwrap().0
}

/// Prints a line of the table.
pub(crate) fn tell(sandbox: &str, attempt: &str, happened: &str) {
    let attempt = attempt.replace('_', " ");
    println!("{sandbox:14} | {attempt:40} | {happened:90} | {}", keeper(&attempt.replace(' ', "_")));
}
