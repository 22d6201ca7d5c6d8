//! `sswe lock`

use std::{collections::BTreeSet, path::Path};

use sswe_compiler::{nearest, plan::plans};

use super::open_checked;
use crate::{
    Failure, args, exit,
    load::{self},
    lock::{self, Lock, Rules},
    style,
};

pub(crate) fn run(args: &args::Lock) -> Result<u8, Failure> {
    let file = load::file(args.file.as_ref())?;
    if file == Path::new("-") {
        return Err(
            Failure::usage("standard input has no lock").hint("pins are kept beside a file: name one")
        );
    }
    let Some(opened) = open_checked(&file, &Default::default())? else { return Ok(exit::FILE_HAS_ERRORS) };
    let mut lock = Lock::of(&opened)?;
    let before: BTreeSet<String> = lock.pins.lines().into_iter().collect();
    for name in &args.update {
        let known = lock.pins.names();
        if !lock.pins.forget(name) {
            let failure = Failure::usage(format!("{} pins no `{name}`", lock.name()));
            return Err(match nearest(name, known.iter().map(String::as_str)) {
                Some(near) => failure.hint(format!("did you mean {near}?")),
                None => failure.hint("it names packages, repositories and `python`"),
            });
        }
    }
    let plans = plans(&opened.db, opened.project);
    let needs = lock::needs(plans.iter().flat_map(|plan| &plan.stages).map(|stage| &**stage))?;
    lock.pins.retain(&needs);
    let fetch = lock::fetch(&opened, &lock, args.offline);
    lock.complete(&needs, Rules { locked: args.locked, offline: args.offline }, &fetch)?;
    lock::warn(&fetch);
    if args.locked {
        if lock.is_stale() {
            let after: BTreeSet<String> = lock.pins.lines().into_iter().collect();
            let gone: Vec<String> =
                before.difference(&after).map(|line| format!("nothing needs `{line}`")).collect();
            let failure =
                Failure::of(exit::LOCK_STALE, format!("{} is not what `sswe lock` would write", lock.name()));
            return Err(gone.into_iter().fold(failure, Failure::hint));
        }
        return Ok(exit::OK);
    }
    let written = lock.write()?;
    let after: BTreeSet<String> = lock.pins.lines().into_iter().collect();
    let mut out = String::new();
    for line in before.difference(&after) {
        out += &format!("{}\n", style::red(&format!("- {line}")));
    }
    for line in after.difference(&before) {
        out += &format!("{}\n", style::green(&format!("+ {line}")));
    }
    style::print(&out);
    let count = after.len();
    let pins = if count == 1 { "1 pin".to_owned() } else { format!("{count} pins") };
    style::say(format_args!("{} {}: {pins}", lock.name(), if written { "written" } else { "is up to date" }));
    Ok(exit::OK)
}
