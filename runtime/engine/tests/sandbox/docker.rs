//! The same sandbox, made of containers. Without a Docker on this machine these are skipped, aloud.

use std::{
    collections::BTreeMap,
    fs,
    path::Path,
    process::Command,
    time::{Duration, Instant},
};

use sswe_engine::sandbox::{Action, Daemon, Docker, Error, Exit, Input, Limits, Outcome, Sandbox, Stop};

use super::{image::docker, shell};

/// Returns what is asked to do what sandboxes do not.
fn client() -> &'static str {
    ["/usr/bin/docker", "docker"].into_iter().find(|path| Path::new(path).exists()).unwrap_or("docker")
}

async fn run(docker: &Docker, action: Action) -> Outcome {
    docker.run(action).await.unwrap()
}

#[tokio::test]
async fn files_go_into_a_container_and_come_back() {
    let Some(docker) = docker().await else { return };
    let mut action =
        shell("read line; echo $line $NAME; cat in/a.txt; ./run; mkdir out; echo made > out/b; exit 3");
    let input = |text: &str, is_program| Input { bytes: text.as_bytes().to_vec(), is_program };
    action.files.insert("in/a.txt".to_owned(), input("a\n", false));
    action.files.insert("run".to_owned(), input("#!/bin/sh\necho ran\nln -s /etc/passwd link\n", true));
    action.stdin = b"hello\n".to_vec();
    action.env.insert("NAME".to_owned(), "you".to_owned());
    action.outputs = ["out/b", "out/none", "out", "link", "out/../out/b"].map(String::from).into();
    let outcome = run(&docker, action).await;
    assert_eq!(outcome.exit, Exit::Code(3));
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "hello you\na\nran\n");
    assert_eq!(outcome.outputs, BTreeMap::from([("out/b".to_owned(), b"made\n".to_vec())]));
    assert_eq!(outcome.stopped, None);
}

#[tokio::test]
async fn it_has_no_rights_and_sees_nothing() {
    let Some(docker) = docker().await else { return };
    let text =
        "grep -E 'Cap(Eff|Prm|Bnd|Amb)|NoNewPrivs|Seccomp:' /proc/self/status; ls -A /sys /sswe; env; id -u";
    let outcome = run(&docker, shell(text)).await;
    let shown = String::from_utf8_lossy(&outcome.stdout);
    assert_eq!(shown.matches("0000000000000000").count(), 4, "{shown}");
    assert!(shown.contains("NoNewPrivs:\t1") && shown.contains("Seccomp:\t2"), "{shown}");
    assert!(shown.contains("/sys:\n\n") || shown.contains("/sswe:\n\n/sys:\n"), "{shown}");
    assert!(!shown.contains("CARGO") && shown.contains("PYTHONHASHSEED=0"), "{shown}");
    assert!(shown.ends_with("1000\n"), "{shown}");
    let each = [
        "touch /usr/x",
        "touch /etc/passwd",
        "rm -rf /usr/bin/true",
        "mount -t tmpfs x /tmp",
        "unshare -U true",
        "echo 1 > /proc/sys/kernel/panic",
        "chmod 777 /dev",
        "cat /proc/1/environ",
        "sh -c 'kill -9 1'",
    ];
    let text = each.map(|each| format!("if ({each}) 2>/dev/null; then echo {each:?}; fi")).join("\n");
    let outcome = run(&docker, shell(&text)).await;
    assert_eq!(String::from_utf8_lossy(&outcome.stdout), "", "these should have failed");
}

#[tokio::test]
async fn every_limit_ends_a_container() {
    let Some(docker) = docker().await else { return };
    let python = |text: &str| {
        let mut action = shell("");
        action.argv = ["python3", "-c", text].map(String::from).into();
        action
    };
    let short = Duration::from_millis(400);
    let limited = |action: Action, change: &dyn Fn(&mut Limits)| {
        let mut action = action;
        change(&mut action.limits);
        run(&docker, action)
    };
    let begun = Instant::now();
    let wall = limited(shell("sleep 1000"), &|limits| limits.wall = short).await;
    assert_eq!(wall.stopped, Some(Stop::Wall));
    let cpu = limited(shell("while true; do :; done"), &|limits| limits.cpu = short).await;
    assert_eq!(cpu.stopped, Some(Stop::Cpu));
    let output = limited(shell("while true; do echo yyyyyyyyyyyyyyyyyyyy; done"), &|_| {}).await;
    assert_eq!((output.stopped, output.stdout.len()), (Some(Stop::Output), 64 << 10));
    let memory = limited(python("b = bytearray(1 << 30)"), &|limits| limits.memory = 256 << 20).await;
    assert!(String::from_utf8_lossy(&memory.stderr).contains("MemoryError"));
    let many = "import os, time\nb = b'x' * (60 << 20)\nfor _ in range(8):\n    if os.fork() == 0:\n        b = b + b'y'\n        time.sleep(100)\ntime.sleep(100)";
    let memory = limited(python(many), &|limits| limits.memory = 256 << 20).await;
    assert_eq!(memory.stopped, Some(Stop::Memory));
    let files = limited(python("open('/tmp/a', 'wb').write(bytes(20 << 20))"), &|_| {}).await;
    assert_ne!(files.exit, Exit::Code(0));
    let bomb = "import os, time\nn = 0\ntry:\n    while True:\n        if os.fork() == 0:\n            time.sleep(100)\n        n += 1\nexcept OSError:\n    print(n)";
    let bomb = limited(python(bomb), &|_| {}).await;
    let count: u32 = String::from_utf8_lossy(&bomb.stdout).trim().parse().unwrap();
    assert!((20..=32).contains(&count), "{count}");
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
}

#[tokio::test]
async fn what_cannot_be_run_in_a_container_says_why() {
    let Some(docker) = docker().await else { return };
    let mut action = shell("true");
    action.argv = vec!["no-such-program".to_owned()];
    match docker.run(action).await {
        Err(Error::Program { program, fix, .. }) => {
            assert_eq!(program, "no-such-program");
            assert!(fix.contains("image"), "{fix}");
        }
        other => panic!("{other:?}"),
    }
    let mut action = shell("true");
    action.files.insert("../x".to_owned(), Input::default());
    assert!(matches!(docker.run(action).await, Err(Error::Path(path)) if path == "../x"));
    let network = Action { network: true, ..shell("true") };
    assert!(matches!(docker.run(network).await, Err(Error::Daemon { .. })));
}

#[tokio::test]
async fn a_missing_engine_and_a_bad_image_say_what_to_do() {
    let told = |error: Error| error.to_string();
    let none = told(Daemon::at("/no/such.sock").await.unwrap_err());
    assert!(
        none.contains("there is no `/no/such.sock`") && none.contains("apt-get install docker.io"),
        "{none}"
    );
    let folder = std::env::temp_dir().join(format!("sswe-sockets-{}", std::process::id()));
    fs::create_dir(&folder).unwrap();
    let socket = folder.join("docker.sock");
    drop(std::os::unix::net::UnixListener::bind(&socket).unwrap());
    let deaf = told(Daemon::at(socket.to_str().unwrap()).await.unwrap_err());
    assert!(deaf.contains("nobody answers") && deaf.contains("start it"), "{deaf}");

    let Some(docker) = docker().await else { return fs::remove_dir_all(&folder).unwrap() };
    assert!(docker.daemon.image("sswe-no-such-image:1").await.unwrap().is_none());
    let pulled = told(docker.daemon.pull("localhost:1/sswe-no-such-image:1").await.unwrap_err());
    assert!(pulled.contains("cannot be pulled") && pulled.contains("docker load"), "{pulled}");
    assert!(told(docker.daemon.image("NOT A NAME").await.unwrap_err()).contains("write it as `name`"));
    // Something that is no tar, and one without Python.
    let tar = folder.join("root.tar");
    fs::write(&tar, "no tar").unwrap();
    let bad = told(docker.daemon.import(&tar, &"0".repeat(64)).await.unwrap_err());
    assert!(bad.contains("could not be made") && bad.contains("tar of a root file system"), "{bad}");
    fs::create_dir_all(folder.join("root/etc")).unwrap();
    fs::write(folder.join("root/etc/empty"), "").unwrap();
    let packed =
        Command::new("tar").arg("-C").arg(folder.join("root")).arg("-cf").arg(&tar).arg(".").status();
    assert!(packed.unwrap().success());
    let digest = format!("{:064x}", u128::from(std::process::id()));
    docker.daemon.import(&tar, &digest).await.unwrap();
    let image = docker.daemon.image(&Daemon::name_of(&digest)).await.unwrap().unwrap();
    let empty = Docker { image, ..docker.clone() };
    let bad = told(empty.run(shell("true")).await.unwrap_err());
    assert!(bad.contains("it has no `python3`") && bad.contains("Python 3.9"), "{bad}");
    assert!(docker.daemon.made().await.unwrap().iter().any(|made| made.digest == digest));
    assert!(docker.daemon.discard(&digest).await.unwrap());
    assert!(docker.daemon.image(&Daemon::name_of(&digest)).await.unwrap().is_none());
    let full = told(docker.daemon.has_room(1 << 60).unwrap_err());
    assert!(full.contains("are free under") && full.contains("docker system prune"), "{full}");
    fs::remove_dir_all(&folder).unwrap();
}

/// An image for other processors is refused by what it says of itself, and one that says nothing true by what
/// its programs are.
#[tokio::test]
async fn an_image_for_other_processors_is_named() {
    let Some(docker) = docker().await else { return };
    let (here, other, number) = match std::env::consts::ARCH {
        "aarch64" => ("aarch64", "amd64", 0x3e),
        here => (here, "arm64", 0xb7),
    };
    let folder = std::env::temp_dir().join(format!("sswe-foreign-{}", std::process::id()));
    fs::create_dir_all(folder.join("root/usr/bin")).unwrap();
    // The eighteenth byte says which processor a program is for.
    let mut program = fs::read("/usr/bin/true").unwrap();
    program[18] = number;
    let python = folder.join("root/usr/bin/python3");
    fs::write(&python, program).unwrap();
    fs::set_permissions(&python, std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
    let names @ [foreign, liar] =
        &["foreign", "liar"].map(|name| format!("sswe-{name}:{}", std::process::id()));
    let said = if here == "aarch64" { "arm64" } else { "amd64" };
    for (name, architecture) in [(foreign, other), (liar, said)] {
        // As `docker save` writes it.
        let script = format!(
            r#"cd {}; tar -C root -cf layer.tar .; set -- $(sha256sum layer.tar)
            echo '{{"architecture":"{architecture}","os":"linux","rootfs":{{"type":"layers","diff_ids":["sha256:'$1'"]}}}}' >config
            echo '[{{"Config":"config","RepoTags":["{name}"],"Layers":["layer.tar"]}}]' >manifest.json
            tar -cf - layer.tar config manifest.json | {} load"#,
            folder.display(),
            client()
        );
        let done = Command::new("sh").args(["-ec", &script]).output().unwrap();
        assert!(done.status.success(), "{done:?}");
    }
    let refused = docker.daemon.image(foreign).await.map(|_| ()).unwrap_err().to_string();
    let image = docker.daemon.image(liar).await.unwrap().unwrap();
    let empty = Docker { image, ..docker.clone() };
    let failed = empty.run(shell("true")).await.map(|_| ()).unwrap_err().to_string();
    // Its last container may be about to go.
    assert!(Command::new(client()).args(["rmi", "-f"]).args(names).output().unwrap().status.success());
    fs::remove_dir_all(&folder).unwrap();
    assert_eq!(
        refused,
        format!(
            "the image `{foreign}` cannot be used: it is made for linux on {other}, and this machine is {here}; use one \
             for the processors of this machine"
        )
    );
    assert_eq!(
        failed,
        format!(
            "the image `{liar}` cannot be used: it is made for other processors; use one for those of this machine"
        )
    );
}

#[tokio::test]
async fn containers_of_the_dead_are_removed() {
    let Some(docker) = docker().await else { return };
    let client = client();
    // As a process leaves it that was killed between making a container and starting it.
    let boot = fs::read_to_string("/proc/sys/kernel/random/boot_id").unwrap();
    let make = |owner: &str| {
        let owner = format!("dev.sswe.owner={owner}");
        let made = Command::new(client)
            .args(["create", "--network", "none", "--label", &owner, &docker.image.id, "python3"])
            .output();
        let made = made.unwrap();
        assert!(made.status.success(), "{made:?}");
        String::from_utf8(made.stdout).unwrap().trim().to_owned()
    };
    let is_there = |id: &str| Command::new(client).args(["inspect", id]).output().unwrap().status.success();
    let space =
        fs::metadata("/proc/self/ns/pid").map(|about| std::os::unix::fs::MetadataExt::ino(&about)).unwrap();
    let dead = make(&format!("{}:{space}:4194000:1", boot.trim()));
    let rebooted = make("another-boot:1:1:1");
    let unseen = make(&format!("{}:1:4194000:1", boot.trim()));
    assert!(is_there(&dead) && is_there(&rebooted) && is_there(&unseen));
    Daemon::connect().await.unwrap();
    assert!(!is_there(&dead) && !is_there(&rebooted) && is_there(&unseen));
    assert!(Command::new(client).args(["rm", "-f", &unseen]).output().unwrap().status.success());
}

#[tokio::test]
async fn a_run_that_is_given_up_leaves_no_container() {
    let Some(docker) = docker().await else { return };
    for wait in [20, 150, 400, 900, 2500] {
        let sleep = docker.run(shell("sleep 1000"));
        assert!(tokio::time::timeout(Duration::from_millis(wait), sleep).await.is_err());
    }
    let begun = Instant::now();
    let mut quiet = 0;
    // Also none that comes late.
    while quiet < 10 {
        let left = docker.daemon.containers().await.unwrap();
        quiet = if left.is_empty() { quiet + 1 } else { 0 };
        assert!(begun.elapsed() < Duration::from_secs(40), "{left:?}");
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
}
