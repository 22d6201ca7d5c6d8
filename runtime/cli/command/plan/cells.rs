//! `sswe plan --sweep`

use std::{collections::BTreeMap, fmt::Write as _};

use sswe_compiler::{
    plan::plans,
    project::{self, Cell},
    sweep,
};

use crate::{Failure, args::Plain, exit, load::Opened, style};

/// Shows the cells of a sweep, and how many of their stages are the same.
pub(super) fn show(opened: &mut Opened, name: &str, output: Plain) -> Result<u8, Failure> {
    let Some(cells) = sweep::cells(&opened.db, opened.project, name) else {
        return Err(Failure::usage(format!("there is no sweep called `{name}` in this file")));
    };
    let mut counts: BTreeMap<String, usize> = BTreeMap::new();
    let mut rows: Vec<(Cell, String, Vec<String>)> = Vec::new();
    for (cell, shown) in cells {
        project::choose(&mut opened.db, opened.project, Some(cell.clone()));
        let mut keys = Vec::new();
        for plan in plans(&opened.db, opened.project) {
            keys.extend(sweep::identities(&plan));
        }
        for key in &keys {
            *counts.entry(key.clone()).or_default() += 1;
        }
        rows.push((cell, shown, keys));
    }
    project::choose(&mut opened.db, opened.project, None);
    let mut out = String::new();
    for (cell, shown, keys) in &rows {
        let own = keys.iter().filter(|key| counts.get(*key) == Some(&1)).count();
        match output {
            Plain::Human => {
                let _ = writeln!(
                    out,
                    "  {shown}  {}",
                    style::dim(&format!("{} stages, {own} of its own", keys.len()))
                );
            }
            Plain::Json => {
                let line = serde_json::json!({ "sweep": cell.sweep, "choice": cell.choice, "repeat": cell.repeat, "settings": shown, "stages": keys.len(), "own": own });
                let _ = writeln!(out, "{line}");
            }
        }
    }
    if output == Plain::Human {
        let all: usize = rows.iter().map(|(.., keys)| keys.len()).sum();
        let _ =
            writeln!(out, "{name}: {} cells, {all} stages, {} of them different", rows.len(), counts.len());
    }
    style::print(&out);
    Ok(exit::OK)
}
