//! Containers to test with: an image that has this machine's own Python, where there is a Docker.

use std::{
    fs,
    io::Write,
    path::{Path, PathBuf},
    process::Command,
    sync::Once,
};

use sswe_cache::Digest;
use sswe_engine::sandbox::{Daemon, Docker};
use tokio::sync::Mutex;

/// Returns containers of that image. A missing Docker is told, or fails where the tests are to have one.
pub(crate) async fn docker() -> Option<Docker> {
    match Daemon::connect().await {
        Ok(daemon) => Some(of(daemon).await),
        Err(error) => {
            assert!(std::env::var("SSWE_TEST_DOCKER").is_err(), "{error}");
            // Once, and past the capture of the test program: a part that was left out is told.
            static TOLD: Once = Once::new();
            let text = format!("skipped, with all that takes containers: {error}\n");
            TOLD.call_once(|| std::io::stderr().write_all(text.as_bytes()).unwrap());
            None
        }
    }
}

/// Returns containers of that image, which is made where this Docker does not have it.
pub(crate) async fn of(daemon: Daemon) -> Docker {
    // Made once, and not by every test of a program at the same time.
    static TURN: Mutex<()> = Mutex::const_new(());
    let _turn = TURN.lock().await;
    let recipe = recipe();
    let parts = [&*recipe, Path::new("/usr/bin/python3")]
        .map(|path| Digest::of(&fs::read(path).unwrap()).to_string());
    let digest = Digest::of(parts.concat().as_bytes()).to_string();
    let name = Daemon::name_of(&digest);
    if daemon.image(&name).await.unwrap().is_none() {
        let tar = std::env::temp_dir().join(format!("sswe-image-{}.tar", std::process::id()));
        assert!(Command::new(recipe).arg(&tar).status().unwrap().success());
        daemon.import(&tar, &digest).await.unwrap();
        fs::remove_file(&tar).unwrap();
    }
    let image = daemon.image(&name).await.unwrap().unwrap();
    Docker { daemon, image }
}

/// Returns what makes the tar of a root file system.
pub(crate) fn recipe() -> PathBuf {
    let above = Path::new(env!("CARGO_MANIFEST_DIR")).ancestors();
    above.map(|folder| folder.join(".ci/image")).find(|path| path.exists()).unwrap()
}
