//! Images: finding, pulling, making and removing them.

use std::{
    collections::HashMap,
    fs::File,
    io::{self, Read},
    path::Path,
};

use bollard::{
    errors::Error as Said,
    query_parameters::{
        BuildImageOptionsBuilder, CreateImageOptionsBuilder, ListImagesOptionsBuilder, RemoveImageOptions,
    },
};
use futures_util::{Stream, StreamExt, stream};

use super::{
    super::Error,
    daemon::{Daemon, said},
};

/// What each image says that we made: the digest of what it was made of.
const MADE: &str = "dev.sswe.image";

/// The most bytes that go to the daemon at once.
const PART: usize = 1 << 20;

/// An image that containers can be made of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Image {
    /// What people call it.
    pub name: String,
    /// What the daemon knows it by.
    pub id: String,
    /// The digest that a registry knows it by: it has one if it came from there.
    pub remote: Option<String>,
    /// The bytes that it takes on disk.
    pub size: u64,
}

/// An image that we made, on disk.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unpacked {
    /// What the daemon knows it by.
    pub id: String,
    /// The digest of what it was made of.
    pub digest: String,
    /// The bytes that it takes.
    pub size: u64,
}

impl Daemon {
    /// Finds an image that is here, by a name or by what the daemon knows it by.
    pub async fn image(&self, name: &str) -> Result<Option<Image>, Error> {
        let about = self.ask(|api| {
            let name = name.to_owned();
            async move { api.inspect_image(&name).await }
        });
        let about = match about.await {
            Ok(about) => about,
            Err(Said::DockerResponseServerError { status_code: 404, .. }) => return Ok(None),
            Err(Said::DockerResponseServerError { status_code: 400, message }) => {
                let fix = "write it as `name`, `name:tag` or `name@sha256:...`".to_owned();
                return Err(Error::Image { image: name.to_owned(), why: message, fix });
            }
            Err(error) => return Err(super::daemon::failed("look at an image", &error)),
        };
        let is_here = |os: &str, known: &str| os == "linux" && architecture(known) == self.architecture();
        let (os, known) = (about.os.unwrap_or_default(), about.architecture.unwrap_or_default());
        if !is_here(&os, &known) {
            return Err(Error::Image {
                image: name.to_owned(),
                why: format!("it is made for {os} on {known}, and this machine is {}", self.architecture()),
                fix: "use one for the processors of this machine".to_owned(),
            });
        }
        if let Some(volume) = about.config.and_then(|config| config.volumes?.into_iter().next()) {
            return Err(Error::Image {
                image: name.to_owned(),
                why: format!("it declares the volume `{volume}`, which would outlive a verdict"),
                fix: "use one without `VOLUME`".to_owned(),
            });
        }
        let remote = about.repo_digests.unwrap_or_default().into_iter().find_map(|full| {
            let (repository, digest) = full.split_once('@')?;
            (repository == bare(name)).then(|| digest.to_owned())
        });
        Ok(Some(Image {
            name: name.to_owned(),
            id: about.id.unwrap_or_default(),
            remote,
            size: about.size.unwrap_or_default().max(0) as u64,
        }))
    }

    /// Takes an image from a registry.
    pub async fn pull(&self, name: &str) -> Result<(), Error> {
        self.has_room(0)?;
        let name = match name.contains('@') || name.rsplit('/').next().is_some_and(|last| last.contains(':'))
        {
            true => name.to_owned(),
            // Without a tag it would be all of them.
            false => format!("{name}:latest"),
        };
        let pulled = self.ask(|api| {
            let options = CreateImageOptionsBuilder::default().from_image(&name).build();
            async move {
                let mut steps = api.create_image(Some(options), None, None);
                while let Some(step) = steps.next().await {
                    step?;
                }
                Ok(())
            }
        });
        pulled.await.map_err(|error| Error::Image {
            image: name.clone(),
            why: format!("it is not here, and cannot be pulled: {}", said(&error)),
            fix: "check its name, or bring it here (`docker load`, `docker import`)".to_owned(),
        })
    }

    /// Makes an image of the tar of a root file system, and calls it by the digest of what it was made of.
    pub async fn import(&self, tar: &Path, digest: &str) -> Result<(), Error> {
        let size = tar.metadata().map_or(0, |about| about.len());
        // The daemon keeps it packed and unpacked for a while.
        self.has_room(2 * size)?;
        let (repository, tag) = tag_of(digest);
        let options = CreateImageOptionsBuilder::default()
            .from_src("-")
            .repo(repository)
            .tag(&tag)
            .changes(vec![format!("LABEL {MADE}={digest}")])
            .build();
        let name = tar.display().to_string();
        // Once: what was sent in part cannot be sent again.
        let mut steps =
            self.api().create_image(Some(options), Some(bollard::body_try_stream(parts(tar)?)), None);
        let made = async {
            while let Some(step) = steps.next().await {
                step?;
            }
            Ok(())
        };
        made.await.map_err(|error| refused(&name, &error, "it has to be the tar of a root file system"))
    }

    /// Builds an image of the tar of a folder with a `Dockerfile`.
    pub async fn build(&self, name: &str, context: &Path, digest: &str) -> Result<(), Error> {
        self.has_room(2 * context.metadata().map_or(0, |about| about.len()))?;
        let (repository, tag) = tag_of(digest);
        let labels = HashMap::from([(MADE.to_owned(), digest.to_owned())]);
        let options = BuildImageOptionsBuilder::default()
            .t(&format!("{repository}:{tag}"))
            .labels(&labels)
            .rm(true)
            .forcerm(true)
            .build();
        let mut steps =
            self.api().build_image(options, None, Some(bollard::body_try_stream(parts(context)?)));
        let mut last = String::new();
        let made = async {
            while let Some(step) = steps.next().await {
                let step = step?;
                if let Some(text) = step.stream.filter(|text| !text.trim().is_empty()) {
                    last = text.trim().to_owned();
                }
                if let Some(why) = step.error_detail.and_then(|why| why.message) {
                    return Err(Said::DockerStreamError { error: format!("{why} (after `{last}`)") });
                }
            }
            Ok(())
        };
        made.await.map_err(|error| refused(name, &error, "see that `docker build` works in this folder"))
    }

    /// Returns the images that we made.
    pub async fn made(&self) -> Result<Vec<Unpacked>, Error> {
        let filters = HashMap::from([("label".to_owned(), vec![MADE.to_owned()])]);
        let options = ListImagesOptionsBuilder::default().filters(&filters).build();
        let list = |api: bollard::Docker| {
            let options = options.clone();
            async move { api.list_images(Some(options)).await }
        };
        let all = self.call("list images", list).await?;
        let mut all: Vec<Unpacked> = all
            .into_iter()
            .filter_map(|mut image| {
                let (digest, size) = (image.labels.remove(MADE)?, image.size.max(0) as u64);
                Some(Unpacked { id: image.id, digest, size })
            })
            .collect();
        all.sort_by(|a, b| a.digest.cmp(&b.digest));
        Ok(all)
    }

    /// Removes an image that we made; returns whether it is gone. One that a container uses stays.
    pub async fn discard(&self, digest: &str) -> Result<bool, Error> {
        let gone = self.ask(|api| {
            let name = name_of(digest);
            async move { api.remove_image(&name, None::<RemoveImageOptions>, None).await }
        });
        match gone.await {
            Ok(_) | Err(Said::DockerResponseServerError { status_code: 404, .. }) => Ok(true),
            Err(Said::DockerResponseServerError { status_code: 409, .. }) => Ok(false),
            Err(error) => Err(super::daemon::failed("remove an image", &error)),
        }
    }

    /// Returns what an image is called that we make.
    pub fn name_of(digest: &str) -> String {
        name_of(digest)
    }
}

fn name_of(digest: &str) -> String {
    let (repository, tag) = tag_of(digest);
    format!("{repository}:{tag}")
}

fn tag_of(digest: &str) -> (&'static str, String) {
    ("sswe", digest.trim_start_matches("sha256:").to_owned())
}

/// Returns the name of an image without tag and digest.
fn bare(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or(name);
    match name.rsplit_once(':') {
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => name,
    }
}

/// Returns what the kernel calls an architecture.
fn architecture(name: &str) -> &str {
    match name {
        "amd64" => "x86_64",
        "arm64" => "aarch64",
        other => other,
    }
}

fn refused(name: &str, error: &Said, fix: &str) -> Error {
    let said = said(error);
    let fix = match said.contains("no space left") {
        true => "its disk is full: `docker system prune` removes what nothing uses",
        false => fix,
    };
    Error::Image { image: name.to_owned(), why: format!("it could not be made: {said}"), fix: fix.to_owned() }
}

/// Reads a file part by part while it is sent.
fn parts<P: From<Vec<u8>> + Send + 'static>(
    path: &Path,
) -> Result<impl Stream<Item = io::Result<P>> + Send + 'static, Error> {
    let file = File::open(path).map_err(Error::broken("open an image"))?;
    Ok(stream::unfold(Some(file), |file| async move {
        let mut file = file?;
        let read = tokio::task::spawn_blocking(move || {
            let mut part = vec![0; PART];
            let count = file.read(&mut part)?;
            part.truncate(count);
            io::Result::Ok((part, file))
        });
        match read.await.unwrap_or_else(|error| Err(io::Error::other(error))) {
            Ok((part, _)) if part.is_empty() => None,
            Ok((part, file)) => Some((Ok(P::from(part)), Some(file))),
            Err(error) => Some((Err(error), None)),
        }
    }))
}
