//! Whether an engine for containers answers, and what it is.

use std::{
    io::{Read, Write},
    os::unix::net::UnixStream,
    path::{Path, PathBuf},
};

use serde_json::Value;

use super::{Finding, MOMENT, State, Wants};

const INSTALL: &str = "apt-get install -y docker.io";

pub(super) fn ask(wants: &Wants) -> Vec<Finding> {
    let lacking = if wants.docker { State::Broken } else { State::Missing };
    let socket = match socket() {
        Ok(socket) => socket,
        Err(why) => return vec![Finding::not("engine", lacking, why, "unset DOCKER_HOST")],
    };
    if !socket.exists() {
        let found = format!("no engine: there is no `{}`", socket.display());
        return vec![Finding::not("engine", lacking, found, INSTALL)];
    }
    let about = match get(&socket, "/info") {
        Ok(about) => about,
        Err(error) => {
            let fix = match error.kind() {
                std::io::ErrorKind::PermissionDenied => "sudo usermod -aG docker $USER && newgrp docker",
                _ => "sudo systemctl restart docker",
            };
            let found = format!("`{}` does not answer: {error}", socket.display());
            return vec![Finding::not("engine", lacking, found, fix)];
        }
    };
    let text = |name: &str| about[name].as_str().unwrap_or("unknown").to_owned();
    let mut found = vec![Finding::works(
        "engine",
        format!("version {} at `{}`", text("ServerVersion"), socket.display()),
    )];
    found.push(storage(&text("Driver"), &text("DockerRootDir"), &about));
    found.push(groups(&about));
    found
}

fn storage(driver: &str, root: &str, about: &Value) -> Finding {
    let images = about["Images"].as_u64().unwrap_or(0);
    let what = format!("{driver} in `{root}`, {images} images");
    match driver {
        // Each container would be a copy of its image.
        "vfs" => Finding::not("storage", State::Limited, what, "dockerd --storage-driver overlay2"),
        _ => Finding::works("storage", what),
    }
}

fn groups(about: &Value) -> Finding {
    let version = about["CgroupVersion"].as_str().unwrap_or("1");
    let lacks: Vec<&str> = [("MemoryLimit", "memory"), ("PidsLimit", "pids"), ("CpuCfsQuota", "cpu")]
        .into_iter()
        .filter(|(name, _)| about[*name].as_bool() == Some(false))
        .map(|(_, controller)| controller)
        .collect();
    let what = format!("version {version}, by {}", about["CgroupDriver"].as_str().unwrap_or("itself"));
    if lacks.is_empty() {
        return Finding::works("control groups", what);
    }
    let found = format!("{what}; containers cannot be held to their {}", lacks.join(", "));
    Finding::not("control groups", State::Limited, found, "boot with `cgroup_enable=memory swapaccount=1`")
}

/// Returns where the engine listens.
fn socket() -> Result<PathBuf, String> {
    let named = std::env::var("DOCKER_HOST").ok().filter(|name| !name.is_empty());
    let Some(named) = named else { return Ok(PathBuf::from("/var/run/docker.sock")) };
    let path = named.strip_prefix("unix://").map(PathBuf::from);
    path.ok_or_else(|| format!("DOCKER_HOST is `{named}`, and only engines at `unix://` are used"))
}

/// Asks the engine something, as plainly as it goes.
fn get(socket: &Path, path: &str) -> std::io::Result<Value> {
    let mut stream = UnixStream::connect(socket)?;
    stream.set_read_timeout(Some(MOMENT))?;
    stream.set_write_timeout(Some(MOMENT))?;
    // To the first version of the protocol nobody answers in pieces.
    stream.write_all(format!("GET {path} HTTP/1.0\r\nHost: docker\r\n\r\n").as_bytes())?;
    let mut answer = Vec::new();
    // Whoever answers a byte now and then is no engine: `PATIENCE` ends that.
    stream.take(4 << 20).read_to_end(&mut answer)?;
    let answer = String::from_utf8_lossy(&answer);
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    let wrong = |why: String| std::io::Error::new(std::io::ErrorKind::InvalidData, why);
    let status = head.split_whitespace().nth(1).unwrap_or_default();
    if status != "200" {
        return Err(wrong(format!("it says {:?}", head.lines().next().unwrap_or_default())));
    }
    serde_json::from_str(body).map_err(|error| wrong(format!("it is no Docker engine: {error}")))
}
