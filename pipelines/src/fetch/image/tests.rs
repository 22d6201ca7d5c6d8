//! Images that take too much room, in a real Docker.

use std::process::Command;

use super::*;

#[path = "../../../../runtime/engine/tests/sandbox/image.rs"]
mod image;

/// A folder that goes, and images that go with it.
struct Made(PathBuf, Vec<String>);

impl Made {
    /// Returns what its one container is called.
    fn container(&self) -> String {
        format!("sswe-room-{}", std::process::id())
    }
}

impl Drop for Made {
    fn drop(&mut self) {
        let _ = Command::new("docker").args(["rm", "-f", &self.container()]).output();
        for digest in &self.1 {
            let _ = Command::new("docker").args(["rmi", "-f", &Daemon::name_of(digest)]).output();
        }
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// Notes that an image was last used so many hours ago.
fn used(fetch: &Fetch, digest: &str, hours: u64) {
    fetch.note(digest);
    let file = File::options().write(true).open(fetch.stamp(digest)).unwrap();
    file.set_modified(SystemTime::now() - Duration::from_secs(3600 * hours)).unwrap();
}

#[tokio::test]
async fn what_was_used_longest_ago_makes_room() {
    let Some(docker) = image::docker().await else { return };
    let daemon = &docker.daemon;
    let mut made = Made(std::env::temp_dir().join(format!("sswe-room-{}", std::process::id())), Vec::new());
    let base = made.0.clone();
    let fetch = Fetch::new(&base, &base, "a.lock", true);
    fs::create_dir_all(&base).unwrap();
    // What others have made is in use as long as this runs.
    for other in daemon.made().await.unwrap() {
        fetch.note(&other.digest);
    }
    for (name, hours) in [("oldest", 4), ("middle", 3), ("newest", 2), ("in use", 5)] {
        let (folder, tar) = (base.join(name), base.join(format!("{name}.tar")));
        fs::create_dir(&folder).unwrap();
        fs::write(folder.join("name"), format!("{name} {}", std::process::id())).unwrap();
        fs::write(folder.join("bytes"), vec![0; 1 << 20]).unwrap();
        let packed = Command::new("tar").arg("-C").arg(&folder).arg("-cf").arg(&tar).arg(".").status();
        assert!(packed.unwrap().success());
        let digest = digest_of(&tar).unwrap();
        // Twice is once: nothing without a name is left behind.
        let first = fetch.import(daemon, &tar, &digest).await.unwrap();
        assert_eq!(fetch.import(daemon, &tar, &digest).await.unwrap().id, first.id);
        assert_eq!(daemon.made().await.unwrap().iter().filter(|image| image.digest == digest).count(), 1);
        used(&fetch, &digest, hours);
        made.1.push(digest);
    }
    let [oldest, middle, newest, in_use] = &made.1[..] else { panic!("{:?}", made.1) };
    let name = made.container();
    let create = ["create", "--name", &name, "--network", "none", &Daemon::name_of(in_use), "true"];
    let created = Command::new("docker").args(create).output().unwrap();
    assert!(created.status.success(), "{created:?}");
    let left = async || {
        let all = daemon.made().await.unwrap();
        let is_there = |digest: &&String| all.iter().any(|image| image.digest == **digest);
        let total: u64 = all.iter().map(|image| image.size).sum();
        (made.1.iter().filter(is_there).cloned().collect::<Vec<_>>(), total)
    };
    let (all, total) = left().await;
    assert_eq!(all, made.1);
    // There is room: nothing goes.
    assert_eq!(fetch.shrink(daemon, total).await.unwrap(), 0);
    // A byte too much: what was used longest ago goes, but for the one that a container is made of.
    assert_eq!(fetch.shrink(daemon, total - 1).await.unwrap(), 1);
    let (some, total) = left().await;
    assert_eq!(some, [middle, newest, in_use].map(Clone::clone));
    // It is used again, and so the next one goes; and with it all that is not young, where that is not enough.
    used(&fetch, middle, 1);
    assert_eq!(fetch.shrink(daemon, total - 1).await.unwrap(), 1);
    assert_eq!(left().await.0, [middle, in_use].map(Clone::clone));
    fetch.note(middle);
    assert_eq!(fetch.shrink(daemon, 0).await.unwrap(), 0, "what was used a moment ago stays");
    used(&fetch, middle, 1);
    assert_eq!(fetch.shrink(daemon, 0).await.unwrap(), 1);
    assert_eq!(left().await.0, [in_use].map(Clone::clone));
    let gone = Command::new("docker").args(["rm", "-f", &name]).output().unwrap();
    assert!(gone.status.success());
    assert_eq!(fetch.shrink(daemon, 0).await.unwrap(), 1);
    // Stamps went with them, and what is gone is made again where it is wanted.
    assert!(!fetch.stamp(oldest).exists() && !fetch.stamp(newest).exists());
    fetch.import(daemon, &base.join("oldest.tar"), oldest).await.unwrap();
    assert_eq!(left().await.0, [oldest].map(Clone::clone));
}
