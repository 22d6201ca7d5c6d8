//! `sswe init`

use std::io::Write;

use crate::{Failure, args::Init, exit, style};

const STARTER: &str = include_str!("../starter.sswe");

pub(crate) fn run(args: &Init) -> Result<u8, Failure> {
    let name = args.file.display();
    // `create_new` decides and creates in one step: a file of the user's is never written over.
    let file = std::fs::OpenOptions::new().write(true).create_new(true).open(&args.file);
    let mut file = file.map_err(|error| match error.kind() {
        std::io::ErrorKind::AlreadyExists => {
            Failure::usage(format!("`{name}` exists already; it was left as it is"))
                .hint("name another file: `sswe init other.sswe`")
        }
        _ => Failure::file(format!("cannot write `{name}`: {error}")),
    })?;
    file.write_all(STARTER.as_bytes())
        .map_err(|error| Failure::file(format!("cannot write `{name}`: {error}")))?;
    style::say(format_args!("wrote {name}\nnext: sswe check {name}, then sswe plan {name}"));
    Ok(exit::OK)
}
