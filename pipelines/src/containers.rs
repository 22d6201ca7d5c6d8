//! What runs in containers: a harness for each image, made when the first of its suites has to run.

use std::collections::BTreeMap;
use std::sync::Arc;

use sswe_engine::Fault;
use sswe_engine::sandbox::{Daemon, Docker, Error};
use tokio::sync::{Mutex, OnceCell};

use crate::fetch::Fetch;
use crate::harness::{Backend, Harness};
use crate::lock::{Pins, PythonPin};
use crate::python::Python;

/// Repositories of an image whose tests are kept ready to run: each takes a container for each job.
const WARM: usize = 8;

#[derive(Debug, Default)]
pub(crate) struct Containers {
    daemon: OnceCell<Daemon>,
    // By the digest that pins the image.
    known: Mutex<BTreeMap<String, (Arc<Harness>, PythonPin)>>,
}

impl Containers {
    /// Returns what runs suites in an image, and which interpreter they find there.
    pub(crate) async fn of(
        &self,
        fetch: &Fetch,
        pins: &Pins,
        image: &str,
    ) -> Result<(Arc<Harness>, PythonPin), Fault> {
        let mut known = self.known.lock().await;
        if let Some(found) = known.get(image) {
            return Ok(found.clone());
        }
        let daemon = self.daemon.get_or_try_init(Daemon::connect).await.map_err(fault)?.clone();
        let image_here = match pins.images.iter().find(|(_, pin)| *pin == image) {
            Some((name, _)) => fetch.image(&daemon, name, image).await?,
            // A task that is judged by itself comes without the lock of its build.
            None => fetch.kept_image(&daemon, image).await?,
        };
        let docker = Docker { daemon, image: image_here };
        let (python, library) = Python::inside(&docker).await.map_err(fault)?;
        let pin = PythonPin { version: python.version.clone(), library: library.to_string() };
        let jobs = std::thread::available_parallelism().map_or(1, usize::from);
        let harness = Arc::new(Harness::new(python, jobs, WARM).inside(Backend::Docker(docker)));
        known.insert(image.to_owned(), (harness.clone(), pin.clone()));
        Ok((harness, pin))
    }
}

fn fault(error: Error) -> Fault {
    match error {
        Error::Image { .. } => Fault::Failed(error.to_string()),
        error => Fault::Infra(error.to_string()),
    }
}
