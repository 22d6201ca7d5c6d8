//! The stages, one module each.

pub(crate) mod baseline;
pub(crate) mod distill;
pub(crate) mod env;
pub(crate) mod gate;
pub(crate) mod generate;
pub(crate) mod gradient;
pub(crate) mod pin;
pub(crate) mod score;
pub(crate) mod select;
pub(crate) mod solve;
pub(crate) mod stop;
pub(crate) mod tasks;
pub(crate) mod train;
pub(crate) mod warm_start;

use serde::de::DeserializeOwned;
use sswe_cache::Digest;
use sswe_engine::{Context, Entry, Fault};

use crate::artifact;
use crate::lock::Need;

/// Makes the fault of something that no line of the lock pins.
pub(crate) fn unpinned(need: &Need) -> Fault {
    Fault::Failed(format!("`{need}` is not pinned: run `sswe lock`"))
}

/// Computes on a thread of its own: the engine's goes on with other items meanwhile.
pub(crate) async fn blocking<T: Send + 'static>(
    work: impl FnOnce() -> T + Send + 'static,
) -> Result<T, Fault> {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => Ok(done),
        Err(error) => match error.try_into_panic() {
            Ok(panic) => std::panic::resume_unwind(panic),
            Err(error) => Err(Fault::Infra(error.to_string())),
        },
    }
}

/// Reads an artifact.
pub(crate) async fn read<T: DeserializeOwned>(context: &Context, digest: &Digest) -> Result<T, Fault> {
    let bytes = context.read(digest).await?;
    artifact::decode(&bytes)
        .map_err(|error| Fault::Failed(format!("artifact {} cannot be read: {error}", digest.short())))
}

/// Reads all artifacts of a port.
pub(crate) async fn read_port<T: DeserializeOwned>(context: &Context, port: &str) -> Result<Vec<T>, Fault> {
    let entries: Vec<Entry> = context.inputs().entries(port).cloned().collect();
    let mut found = Vec::with_capacity(entries.len());
    for entry in entries {
        found.push(read(context, &entry.digest).await?);
    }
    Ok(found)
}

/// Reads a digest that an artifact names.
pub(crate) fn digest(text: &str) -> Result<Digest, Fault> {
    text.parse().map_err(|_| Fault::Failed(format!("`{text}` is no digest")))
}
