//! `sswe show`

use std::path::{Path, PathBuf};

use sswe_compiler::{
    nearest,
    show::{Origin, Shown, settings_of},
};

use super::{artifacts, open_checked};
use crate::{Failure, args::Show, exit, load, style};

pub(crate) fn run(args: &Show) -> Result<u8, Failure> {
    if args.what.iter().any(|what| artifacts::WHAT.contains(&what.as_str())) {
        return artifacts::run(args);
    }
    let (files, paths): (Vec<&String>, Vec<&String>) = args.what.iter().partition(|what| is_file(what));
    let file = load::file(files.first().map(PathBuf::from).as_ref())?;
    let Some(opened) = open_checked(&file, &args.compile)? else { return Ok(exit::FILE_HAS_ERRORS) };
    let all = settings_of(&opened.db, opened.project);
    let mut chosen: Vec<&Shown> = Vec::new();
    for path in &paths {
        let before = chosen.len();
        let inside = format!("{path}.");
        chosen.extend(all.iter().filter(|shown| shown.path == **path || shown.path.starts_with(&inside)));
        if chosen.len() == before {
            return Err(unknown(path, &all));
        }
    }
    let is_exact = paths.len() == 1 && chosen.len() == 1;
    if paths.is_empty() {
        chosen = all.iter().collect();
    }
    if !args.defaults && !is_exact {
        // Asked for by name, a block is shown whole.
        chosen.retain(|shown| !paths.is_empty() || !shown.is_default());
    }
    if args.json {
        let json = serde_json::json!({ "v": 1, "file": opened.path, "settings": chosen });
        style::print(&format!("{}\n", serde_json::to_string_pretty(&json).unwrap_or_default()));
    } else if let [shown] = chosen.as_slice()
        && is_exact
    {
        style::print(&one(shown));
    } else {
        style::print(&table(&chosen));
    }
    Ok(exit::OK)
}

fn is_file(what: &str) -> bool {
    what == "-" || what.ends_with(".sswe") || Path::new(what).is_file()
}

fn unknown(path: &str, all: &[Shown]) -> Failure {
    let last = path.rsplit('.').next().unwrap_or(path);
    let same_end =
        all.iter().map(|shown| shown.path.as_str()).filter(|known| known.rsplit('.').next() == Some(last));
    // A block is the beginning of its settings' paths.
    let depth = path.matches('.').count();
    let beginnings = all.iter().map(|shown| {
        let end = shown.path.match_indices('.').nth(depth).map_or(shown.path.len(), |(at, _)| at);
        &shown.path[..end]
    });
    let near = nearest(path, beginnings);
    let failure = Failure::usage(format!("there is no setting or block `{path}` in this file"));
    match (near, same_end.take(4).collect::<Vec<_>>().as_slice()) {
        (Some(near), _) => failure.hint(format!("did you mean {near}?")),
        (None, []) => failure.hint("`sswe show --defaults` lists all of them"),
        (None, known) => failure.hint(format!("did you mean {}?", known.join(" or "))),
    }
}

/// Shows one setting with the whole chain of values that were given to it.
fn one(shown: &Shown) -> String {
    let value = shown.value.as_deref().unwrap_or("(unset)");
    let mut out = format!("{} = {value}\n", style::bold(&shown.path));
    out.push_str(&format!("  {}\n  type {}, {}\n", shown.doc, shown.ty, shown.role));
    let layer = shown.origins.iter().map(|origin| origin.layer.len()).max().unwrap_or(0);
    for (index, origin) in shown.origins.iter().enumerate() {
        let mark = if index == 0 { "*" } else { " " };
        let value = origin.value.as_deref().unwrap_or("(no value)");
        let place = place(origin);
        let line = format!("  {mark} {:layer$}  {value}  {}", origin.layer, style::dim(&place));
        out.push_str(line.trim_end());
        out.push('\n');
    }
    out
}

fn place(origin: &Origin) -> String {
    origin.span.as_ref().map_or(String::new(), |span| format!("{}:{}:{}", span.file, span.line, span.column))
}

fn table(chosen: &[&Shown]) -> String {
    let lines: Vec<String> = chosen
        .iter()
        .map(|shown| format!("{} = {}", shown.path, shown.value.as_deref().unwrap_or("(unset)")))
        .collect();
    let widest =
        lines.iter().map(|line| line.chars().count()).filter(|width| *width <= 70).max().unwrap_or(0);
    let mut out = String::new();
    for (line, shown) in lines.iter().zip(chosen) {
        let origin = match shown.origins.first() {
            Some(origin) => format!("# {} {}", origin.layer, place(origin)),
            None => "# nothing sets it".to_owned(),
        };
        let pad = " ".repeat(widest.saturating_sub(line.chars().count()));
        out.push_str(&format!("{line}{pad}  {}\n", style::dim(origin.trim_end())));
    }
    out
}
