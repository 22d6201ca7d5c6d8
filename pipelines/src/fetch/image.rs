//! Images of containers: which one a name means, and how it comes to be here.
//!
//! A name is one that Docker knows, or the path of a folder with a `Dockerfile` or of a `.tar` with a root
//! file system. What we make of paths is called by the digest of what it is made of, and removed again
//! when all of it takes too much room: what was used longest ago first.

use std::fs::{self, File};
use std::io::{self, Read};
use std::path::{Path, PathBuf};
use std::time::{Duration, SystemTime};

use sha2::{Digest as _, Sha256};
use sswe_engine::sandbox::{self, Daemon, Image};

use super::{Error, Fetch, unique};
use crate::lock::is_path;

#[cfg(test)]
mod tests;

/// The bytes that images may take on disk which we made.
const BUDGET: u64 = 20 << 30;

/// What a name stands for.
enum Source<'a> {
    Named(&'a str),
    Folder(PathBuf),
    Tar(PathBuf),
}

impl From<sandbox::Error> for Error {
    fn from(error: sandbox::Error) -> Error {
        match error {
            sandbox::Error::Image { .. } => Error::Refused(error.to_string()),
            error => Error::Network(error.to_string()),
        }
    }
}

impl Fetch {
    /// Finds out which image a name means, and sees to it that it is here.
    pub(super) fn pin_image(&self, name: &str) -> Result<String, Error> {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build();
        let runtime = runtime.map_err(|error| Error::Refused(format!("cannot start: {error}")))?;
        runtime.block_on(async {
            let daemon = Daemon::connect().await.map_err(|error| Error::Refused(error.to_string()))?;
            match self.source(name)? {
                Source::Named(name) => {
                    let found = match daemon.image(name).await? {
                        Some(found) => found,
                        None => self.pull(&daemon, name, name).await?,
                    };
                    // What a registry knows it by is the same on every machine.
                    Ok(found.remote.unwrap_or(found.id))
                }
                Source::Folder(folder) => {
                    let (context, digest) = self.context(&folder)?;
                    self.build(&daemon, name, &context, &digest).await?;
                    Ok(digest)
                }
                Source::Tar(tar) => {
                    let digest = digest_of(&tar)?;
                    self.import(&daemon, &tar, &digest).await?;
                    Ok(digest)
                }
            }
        })
    }

    /// Returns the pinned image, made or pulled where it is not here.
    pub(crate) async fn image(&self, daemon: &Daemon, name: &str, pin: &str) -> Result<Image, Error> {
        let source = self.source(name)?;
        let wanted = match source {
            Source::Named(name) => format!("{}@{pin}", bare(name)),
            Source::Folder(_) | Source::Tar(_) => Daemon::name_of(pin),
        };
        let image = match daemon.image(&wanted).await? {
            Some(found) => found,
            None => self.bring(daemon, name, pin, source, &wanted).await?,
        };
        self.note(pin);
        Ok(Image { name: name.to_owned(), ..image })
    }

    /// Returns a pinned image of which nobody knows what it is made of: it has to be here.
    pub(crate) async fn kept_image(&self, daemon: &Daemon, pin: &str) -> Result<Image, Error> {
        let made = daemon.image(&Daemon::name_of(pin)).await?;
        let image = match made {
            Some(made) => made,
            None => daemon.image(pin).await?.ok_or_else(|| {
                Error::Refused(format!(
                    "the image {pin} is not in Docker any more: build the file whose lock pins it, which brings it back"
                ))
            })?,
        };
        self.note(pin);
        Ok(image)
    }

    async fn bring(
        &self,
        daemon: &Daemon,
        name: &str,
        pin: &str,
        source: Source<'_>,
        wanted: &str,
    ) -> Result<Image, Error> {
        let other = || {
            Error::Refused(format!(
                "{} pins `image {name} {pin}`, and what is there now is another: bring back what it was, or take \
                 what is there with `sswe lock --update {name}`",
                self.lock
            ))
        };
        match source {
            Source::Named(plain) => {
                // One that never was in a registry is known by what Docker itself calls it.
                if let Some(found) = daemon.image(pin).await? {
                    return Ok(found);
                }
                let pulled = self.pull(daemon, plain, wanted).await;
                match pulled {
                    Err(Error::Refused(_)) if daemon.image(plain).await?.is_some() => Err(other()),
                    pulled => pulled,
                }
            }
            Source::Folder(folder) => {
                let (context, digest) = self.context(&folder)?;
                match digest == pin {
                    true => self.build(daemon, name, &context, &digest).await,
                    false => Err(other()),
                }
            }
            Source::Tar(tar) => match digest_of(&tar)? == pin {
                true => self.import(daemon, &tar, pin).await,
                false => Err(other()),
            },
        }
    }

    fn source<'a>(&self, name: &'a str) -> Result<Source<'a>, Error> {
        if !is_path(name) {
            return Ok(Source::Named(name));
        }
        let path = self.base.join(name);
        match (path.join("Dockerfile").is_file(), path.is_file() && name.ends_with(".tar")) {
            (true, _) => Ok(Source::Folder(path)),
            (_, true) => Ok(Source::Tar(path)),
            _ => Err(Error::Refused(format!(
                "the image `{name}` is no folder with a `Dockerfile` and no `.tar` of a root file system"
            ))),
        }
    }

    async fn pull(&self, daemon: &Daemon, name: &str, full: &str) -> Result<Image, Error> {
        if self.offline {
            return Err(self.meant(name, Error::Offline(format!("the image `{name}` is not in Docker"))));
        }
        daemon.pull(full).await.map_err(|error| self.meant(name, error.into()))?;
        let lost = || Error::Refused(format!("the image `{name}` was pulled and is not there"));
        daemon.image(full).await?.ok_or_else(lost)
    }

    /// Returns what is wrong with the name of an image that is nowhere: it may be a path that was written
    /// like a name.
    fn meant(&self, name: &str, otherwise: Error) -> Error {
        let path = format!("./{name}");
        match self.source(&path) {
            Ok(source) => Error::Refused(format!(
                "no image is called `{name}`, and there is a {} of that name: a path begins with `./`, so write \
                 `image = \"{path}\"`",
                match source {
                    Source::Folder(_) => "folder with a `Dockerfile`",
                    Source::Tar(_) | Source::Named(_) => "file",
                }
            )),
            Err(_) => otherwise,
        }
    }

    async fn import(&self, daemon: &Daemon, tar: &Path, digest: &str) -> Result<Image, Error> {
        // Made once more it would take the name, and leave the first one without any on the disk.
        if daemon.image(&Daemon::name_of(digest)).await?.is_some() {
            return self.made(daemon, digest).await;
        }
        self.make_room(daemon, tar).await?;
        daemon.import(tar, digest).await?;
        self.made(daemon, digest).await
    }

    async fn build(
        &self,
        daemon: &Daemon,
        name: &str,
        context: &Temporary,
        digest: &str,
    ) -> Result<Image, Error> {
        if daemon.image(&Daemon::name_of(digest)).await?.is_some() {
            return self.made(daemon, digest).await;
        }
        self.make_room(daemon, &context.0).await?;
        daemon.build(name, &context.0, digest).await?;
        self.made(daemon, digest).await
    }

    async fn made(&self, daemon: &Daemon, digest: &str) -> Result<Image, Error> {
        self.note(digest);
        let lost = || Error::Refused("an image was made and is not there".to_owned());
        daemon.image(&Daemon::name_of(digest)).await?.ok_or_else(lost)
    }

    /// Packs a folder as Docker takes it, always the same for the same files, and returns its digest.
    fn context(&self, folder: &Path) -> Result<(Temporary, String), Error> {
        let place = self.folder.join("images").join(format!(".context.{}", unique()));
        let wrong = |error: io::Error| Error::Refused(format!("`{}`: {error}", folder.display()));
        fs::create_dir_all(self.folder.join("images")).map_err(wrong)?;
        let temporary = Temporary(place);
        let pack = || {
            let mut tar = tar::Builder::new(File::create(&temporary.0)?);
            tar.mode(tar::HeaderMode::Deterministic);
            tar.follow_symlinks(false);
            add(&mut tar, folder, Path::new(""))?;
            tar.finish()
        };
        pack().map_err(wrong)?;
        let digest = digest_of(&temporary.0)?;
        Ok((temporary, digest))
    }

    /// Notes that an image was used now.
    fn note(&self, digest: &str) {
        let place = self.stamp(digest);
        // Without it, the image only seems to have been used longer ago.
        let _ = fs::create_dir_all(self.folder.join("images")).and_then(|()| File::create(&place));
    }

    fn stamp(&self, digest: &str) -> PathBuf {
        self.folder.join("images").join(digest.trim_start_matches("sha256:"))
    }

    /// Removes images that we made, until there is room for another one.
    async fn make_room(&self, daemon: &Daemon, source: &Path) -> Result<(), Error> {
        let size = source.metadata().map_or(0, |about| about.len());
        self.shrink(daemon, BUDGET.saturating_sub(size)).await?;
        Ok(daemon.has_room(2 * size)?)
    }

    /// Removes images that we made until they take no more than `most` bytes; returns how many it removed.
    pub(super) async fn shrink(&self, daemon: &Daemon, most: u64) -> Result<usize, Error> {
        let mut all = daemon.made().await?;
        let used = |digest: &str| {
            let about = fs::metadata(self.stamp(digest)).and_then(|about| about.modified());
            about.unwrap_or(SystemTime::UNIX_EPOCH)
        };
        all.sort_by_key(|image| used(&image.digest));
        let mut total: u64 = all.iter().map(|image| image.size).sum();
        let mut removed = 0;
        for image in all {
            // One that was used a moment ago may be about to be used by somebody else.
            let is_young = used(&image.digest).elapsed().is_ok_and(|age| age < Duration::from_secs(600));
            if total <= most || is_young {
                continue;
            }
            if daemon.discard(&image.digest).await? {
                let _ = fs::remove_file(self.stamp(&image.digest));
                total = total.saturating_sub(image.size);
                removed += 1;
            }
        }
        Ok(removed)
    }
}

/// A file that goes when this does.
struct Temporary(PathBuf);

impl Drop for Temporary {
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.0);
    }
}

/// Adds a folder, in order; the history of its repository is no part of what is built.
fn add(tar: &mut tar::Builder<File>, folder: &Path, inner: &Path) -> io::Result<()> {
    let mut names: Vec<_> =
        fs::read_dir(folder)?.map(|entry| Ok(entry?.file_name())).collect::<io::Result<_>>()?;
    names.sort();
    for name in names.iter().filter(|name| *name != ".git") {
        let (path, inner) = (folder.join(name), inner.join(name));
        tar.append_path_with_name(&path, &inner)?;
        if fs::symlink_metadata(&path)?.is_dir() {
            add(tar, &path, &inner)?;
        }
    }
    Ok(())
}

fn digest_of(path: &Path) -> Result<String, Error> {
    let read = || {
        let (mut file, mut hash, mut part) = (File::open(path)?, Sha256::new(), vec![0; 1 << 20]);
        loop {
            match file.read(&mut part)? {
                0 => return Ok(hash.finalize()),
                count => hash.update(&part[..count]),
            }
        }
    };
    let hash = read().map_err(|error: io::Error| Error::Refused(format!("`{}`: {error}", path.display())))?;
    Ok(format!("sha256:{}", hash.iter().map(|byte| format!("{byte:02x}")).collect::<String>()))
}

/// Returns the name of an image without tag and digest.
fn bare(name: &str) -> &str {
    let name = name.split('@').next().unwrap_or(name);
    match name.rsplit_once(':') {
        Some((bare, tag)) if !tag.contains('/') => bare,
        _ => name,
    }
}
