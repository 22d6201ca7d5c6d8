//! `sswe report`

use super::log::find;
use crate::{
    Failure,
    args::{self, Plain},
    exit, report, store, style,
};

pub(crate) fn run(args: &args::Report) -> Result<u8, Failure> {
    let store = store::existing()?;
    let run = find(&store, args.run.as_deref().unwrap_or("last"))?;
    if args.table {
        let record = report::record_of(&store, &run)?;
        let siblings = report::cells::siblings(&store, &record.text)?;
        if siblings.is_empty() {
            return Err(Failure::file("no complete run of this file is stored")
                .hint("`sswe build` makes one; `sswe build --sweep NAME` makes every cell of a sweep"));
        }
        let tables = report::cells::compare(&store, siblings)?;
        if tables.is_empty() {
            return Err(Failure::file("the runs of this file measured nothing after the base")
                .hint("`evaluate { on = [...] }` names what is measured"));
        }
        style::print(&match args.output {
            Plain::Human => report::cells::text(&tables),
            Plain::Json => report::cells::lines(&tables),
        });
        return Ok(exit::OK);
    }
    let html = report::html(&store, run)?;
    match &args.out {
        Some(out) if out.as_os_str() == "-" => style::print(&html),
        out => {
            let path = out.clone().unwrap_or_else(|| report::beside(&store));
            report::write(&path, &html)?;
            style::say(format_args!("report: {}", path.display()));
        }
    }
    Ok(exit::OK)
}
