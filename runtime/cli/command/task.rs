//! `sswe task`: single tasks, outside of any curriculum.

mod find;
mod shell;
mod show;
mod validate;

use crate::{
    Failure,
    args::{Task, TaskCommand},
    exit,
};

pub(crate) fn run(args: &Task) -> Result<u8, Failure> {
    match &args.command {
        TaskCommand::Validate { tasks, trace, output } => validate::run(tasks, trace.as_deref(), *output),
        TaskCommand::Show { id, side, output } => show::run(id, *side, *output),
        TaskCommand::Shell { id, out, command } => shell::run(id, out.as_deref(), command),
    }
}

/// Runs what waits for processes.
fn wait<T>(work: impl Future<Output = T>) -> Result<T, Failure> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::of(exit::INTERNAL, format!("cannot start a runtime: {error}")))?;
    let done = runtime.block_on(work);
    runtime.shutdown_background();
    Ok(done)
}
