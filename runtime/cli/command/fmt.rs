//! `sswe fmt`

use std::path::Path;

use super::{patch, text_of};
use crate::{
    Failure,
    args::{Compile, Fmt, Output},
    exit, load, render, style,
};

pub(crate) fn run(args: &Fmt) -> Result<u8, Failure> {
    let mut code = exit::OK;
    let (mut changed, mut same) = (0, 0);
    for path in load::files(&args.files)? {
        let text = match load::read(&path) {
            Ok(text) => text,
            Err(unread) => {
                render::print_all(&[*unread], Output::Human, true, &|_| None);
                code = exit::FILE_HAS_ERRORS;
                continue;
            }
        };
        let name = path.to_string_lossy().into_owned();
        let Some(formatted) = sswe_compiler::format::format(&text) else {
            // The checker says why it cannot be laid out.
            let opened = load::open_text(&name, text, &Compile::default());
            render::print_all(&opened.diagnostics(), Output::Human, false, &|file| text_of(&opened, file));
            code = exit::FILE_HAS_ERRORS;
            continue;
        };
        let is_stream = path == Path::new("-");
        if formatted == text {
            same += 1;
        } else {
            changed += 1;
        }
        match (args.diff, args.check) {
            (true, _) => style::print(&patch::between(&name, &text, &formatted)),
            (_, true) if formatted != text => style::say(format_args!("{name} is not formatted")),
            (_, true) => {}
            _ if is_stream => style::print(&formatted),
            _ if formatted != text => {
                write(&path, &formatted)?;
                style::say(format_args!("formatted {name}"));
            }
            _ => {}
        }
    }
    if args.check || args.diff {
        if changed > 0 {
            code = exit::FILE_HAS_ERRORS;
        }
        if !args.diff {
            style::say(format_args!("{changed} to format, {same} already formatted"));
        }
    }
    Ok(code)
}

/// Replaces a file in one step: nobody ever sees half of it, and its mode is kept.
pub(super) fn write(path: &Path, text: &str) -> Result<(), Failure> {
    // A link stays a link: what it points to is replaced.
    let path = &std::fs::canonicalize(path).unwrap_or_else(|_| path.to_owned());
    let name = path.file_name().unwrap_or_default().to_string_lossy();
    let beside = path.with_file_name(format!(".{name}.{}.tmp", std::process::id()));
    let replace = || {
        std::fs::write(&beside, text)?;
        if let Ok(metadata) = std::fs::metadata(path) {
            std::fs::set_permissions(&beside, metadata.permissions())?;
        }
        std::fs::rename(&beside, path)
    };
    replace().map_err(|error| {
        let _ = std::fs::remove_file(&beside);
        Failure::file(format!("cannot write `{}`: {error}", path.display()))
    })
}
