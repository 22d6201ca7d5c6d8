//! Ctrl-C: once to finish what runs, twice to end it, three times to leave at once.

use std::sync::{
    Arc,
    atomic::{AtomicU32, Ordering},
};

use sswe_engine::Cancel;
use tokio::signal::unix::{SignalKind, signal};

use crate::{Failure, exit};

/// Listens from here on, until the process ends.
///
/// On a thread of its own: the one that runs stages may be reading files, and the third Ctrl-C
/// must always be heard.
pub(crate) fn listen(cancel: Cancel, asked: Arc<AtomicU32>) -> Result<(), Failure> {
    let refused = |error: std::io::Error| Failure::file(format!("cannot listen to signals: {error}"));
    let runtime = tokio::runtime::Builder::new_current_thread().enable_io().build().map_err(refused)?;
    // Before anything runs: a signal in between would end the process.
    let (mut interrupts, mut terms) = {
        let _inside = runtime.enter();
        (signal(SignalKind::interrupt()).map_err(refused)?, signal(SignalKind::terminate()).map_err(refused)?)
    };
    std::thread::spawn(move || {
        runtime.block_on(async {
            loop {
                tokio::select! {
                    _ = interrupts.recv() => (),
                    _ = terms.recv() => (),
                }
                if asked.fetch_add(1, Ordering::Relaxed) >= 2 {
                    std::process::exit(exit::INTERRUPTED.into());
                }
                cancel.request();
            }
        });
    });
    Ok(())
}
