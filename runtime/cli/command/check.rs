//! `sswe check`

use super::{code_of, text_of};
use crate::{
    Failure,
    args::{Check, Output},
    load, render, style,
};

pub(crate) fn run(args: &Check) -> Result<u8, Failure> {
    let files = load::files(&args.files)?;
    let mut all = Vec::new();
    for path in &files {
        match load::open(path, &args.compile) {
            Ok(opened) => {
                let found = opened.diagnostics();
                render::print_all(&found, args.output, args.all, &|file| text_of(&opened, file));
                all.extend(found);
            }
            Err(unread) => {
                render::print_all(&[(*unread).clone()], args.output, args.all, &|_| None);
                all.push(*unread);
            }
        }
    }
    if args.output == Output::Human {
        let plural = if files.len() == 1 { "file" } else { "files" };
        let fixable = all.iter().filter(|found| found.fixes.iter().any(|fix| fix.safe)).count();
        let hint = if fixable > 0 { format!("; `sswe fix` mends {fixable}") } else { String::new() };
        style::say(format_args!("checked {} {plural}: {}{hint}", files.len(), render::counts(&all)));
    }
    Ok(code_of(&all))
}
