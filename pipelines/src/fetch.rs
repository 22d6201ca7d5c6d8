//! Takes what is named in a file from outside: archives of a package index, commits, packages for tests.
//!
//! Nothing that was fetched is ever executed here: archives are read in memory, commits without a work tree,
//! and packages are wheels, which are unpacked and not installed.

mod archive;
mod config;
mod git;
#[cfg(feature = "docker")]
mod image;
mod index;
mod resolve;
mod site;
mod web;

use std::fs;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};

use sha2::{Digest as _, Sha256};
use sswe_engine::Fault;

use crate::artifact::{Package, Tree};
use crate::lock::{Archive, Need, Pins, PythonPin};
use crate::python::Python;
use config::Config;
use web::Web;

/// Why something cannot be had.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// It is not there, or not what was pinned: trying again does not help.
    #[error("{0}")]
    Refused(String),
    /// Nobody answers: trying again may help.
    #[error("{0}")]
    Network(String),
    /// It takes the network, which is out of bounds.
    #[error("{0}")]
    Offline(String),
}

impl From<Error> for Fault {
    fn from(error: Error) -> Fault {
        match error {
            Error::Refused(why) => Fault::Failed(why),
            Error::Network(why) => Fault::Infra(why),
            Error::Offline(why) => Fault::Offline(why),
        }
    }
}

/// Where what is fetched comes from, and where it is kept.
#[derive(Debug)]
pub struct Fetch {
    /// The folder of the store.
    folder: PathBuf,
    /// The folder that paths of repositories start from.
    base: PathBuf,
    /// What the lock file is called, for messages.
    lock: String,
    offline: bool,
    web: OnceLock<Result<Web, Error>>,
    told: Mutex<Vec<String>>,
}

impl Fetch {
    /// Makes a fetcher that keeps what it fetched in the folder of a store; paths of repositories start from
    /// `base`, and `lock` is what messages call the lock file.
    pub fn new(folder: &Path, base: &Path, lock: &str, offline: bool) -> Fetch {
        let [folder, base] =
            [folder, base].map(|path| std::path::absolute(path).unwrap_or_else(|_| path.to_owned()));
        let (web, told) = (OnceLock::new(), Mutex::default());
        Fetch { folder, base, lock: lock.to_owned(), offline, web, told }
    }

    /// Returns what a person should know of what was fetched, and forgets it.
    pub fn warnings(&self) -> Vec<String> {
        std::mem::take(&mut *self.told.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn warn(&self, text: String) {
        let mut told = self.told.lock().unwrap_or_else(PoisonError::into_inner);
        if !told.contains(&text) {
            told.push(text);
        }
    }

    fn web(&self) -> Result<&Web, Error> {
        self.web.get_or_init(|| Web::new(Config::of_host())).as_ref().map_err(Clone::clone)
    }

    /// Finds out what there is to pin, and adds it to the pins.
    pub fn pin(&self, need: &Need, python: Option<&Python>, pins: &mut Pins) -> Result<(), Error> {
        if self.offline && need.needs_network() {
            return Err(Error::Offline(format!(
                "`{need}` is not in {}: run `sswe lock` with the network",
                self.lock
            )));
        }
        let lacking = || Error::Refused("no Python was found".to_owned());
        match need {
            Need::Python => {
                let python = python.ok_or_else(lacking)?;
                let library = python.library_digest().map_err(Error::Refused)?.to_string();
                pins.python = Some(PythonPin { version: python.version.clone(), library });
            }
            Need::Sdist { name, version } => {
                let found = index::sdist(self.web()?, name, version)?;
                let sha256 = match found.sha256.clone() {
                    Some(sha256) => sha256,
                    // An index that says nothing of what it has: the first download decides.
                    None => {
                        let bytes = index::download(self.web()?, &found)?;
                        let sha256 = sha256_of(&bytes);
                        self.keep(&sha256, &bytes)?;
                        sha256
                    }
                };
                let archive = Archive { sha256, file: found.file };
                pins.sdists.insert((name.clone(), version.clone()), archive);
            }
            Need::Commit { source, at } => {
                let commit = git::resolve(&self.base, source, at)?;
                pins.commits.insert((source.clone(), at.clone()), commit);
            }
            #[cfg(feature = "docker")]
            Need::Image(name) => {
                let digest = self.pin_image(name)?;
                pins.images.insert(name.clone(), digest);
            }
            #[cfg(not(feature = "docker"))]
            Need::Image(name) => {
                let why = "this program was built without the feature `docker`";
                return Err(Error::Refused(format!("the image `{name}` cannot be pinned: {why}")));
            }
            Need::Packages(asked) => {
                let found = resolve::packages(asked, python.ok_or_else(lacking)?, &self.web()?.config)?;
                pins.packages.insert(asked.clone(), found);
            }
        }
        Ok(())
    }

    /// Returns the files of a source distribution.
    pub(crate) fn sdist(&self, name: &str, version: &str, pin: &Archive) -> Result<Tree, Error> {
        let Archive { sha256, file } = pin;
        let line = format!("pypi {name} {version} sha256:{sha256}");
        let bytes = self.file(name, file, sha256, &line)?;
        archive::sdist(file, &bytes)
    }

    /// Returns the files of a commit.
    pub(crate) fn commit(&self, source: &str, at: &str, commit: &str) -> Result<Tree, Error> {
        if self.offline && !crate::lock::is_path(source) {
            return Err(Error::Offline(format!("commit {commit} of `{source}` is not in the store")));
        }
        git::tree(&self.base, source, at, commit)
    }

    /// Returns the folder that holds packages, unpacked: made where it is not there.
    pub(crate) fn site(&self, packages: &[Package]) -> Result<PathBuf, Error> {
        site::folder(&self.folder.join("envs"), packages, |package| {
            let Package { name, version, sha256, file } = package;
            let line = format!("package {name} {version} sha256:{sha256}");
            self.file(name, file, sha256, &line)
        })
    }

    /// Returns a file of the index: kept from before, or fetched now; `line` is what pins it.
    fn file(&self, name: &str, file: &str, sha256: &str, line: &str) -> Result<Vec<u8>, Error> {
        if let Ok(bytes) = fs::read(self.kept(sha256))
            && sha256_of(&bytes) == sha256
        {
            return Ok(bytes);
        }
        if self.offline {
            return Err(Error::Offline(format!("`{file}` is not in the store")));
        }
        let web = self.web()?;
        let lock = &self.lock;
        let other = |has: &str| {
            Error::Refused(format!(
                "{lock} pins `{line}`, but the index has `{file}` with sha256:{has}: it was replaced after it was \
                 pinned; to take what is there now run `sswe lock --update {name}`"
            ))
        };
        let found = index::file(web, name, file, sha256)?;
        if let Some(has) = found.sha256.as_deref().filter(|has| *has != sha256) {
            return Err(other(has));
        }
        if let Some(why) = &found.yanked {
            self.warn(format!("`{file}` was withdrawn from the index{why}; {lock} pins it, so it is used"));
        }
        let bytes = index::download(web, &found)?;
        let has = sha256_of(&bytes);
        if has != sha256 {
            return Err(other(&has));
        }
        self.keep(sha256, &bytes)?;
        Ok(bytes)
    }

    fn kept(&self, sha256: &str) -> PathBuf {
        self.folder.join("fetched").join(sha256)
    }

    /// Keeps a download: whole, or not at all.
    fn keep(&self, sha256: &str, bytes: &[u8]) -> Result<(), Error> {
        let place = self.kept(sha256);
        let part = place.with_file_name(format!(".{sha256}.{}", unique()));
        let write = || {
            fs::create_dir_all(self.folder.join("fetched"))?;
            let mut file = fs::File::create(&part)?;
            file.write_all(bytes)?;
            file.sync_all()?;
            fs::rename(&part, &place)
        };
        write().map_err(|error| {
            let _ = fs::remove_file(&part);
            Error::Refused(format!("`{}` cannot be written: {error}", place.display()))
        })
    }
}

fn sha256_of(bytes: &[u8]) -> String {
    Sha256::digest(bytes).iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Returns a word that no other process and no other call here has.
fn unique() -> String {
    static NEXT: AtomicU32 = AtomicU32::new(0);
    format!("{}-{}", std::process::id(), NEXT.fetch_add(1, Ordering::Relaxed))
}
