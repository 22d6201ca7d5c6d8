//! The reference page, written from the table.

use std::fmt::Write;

use super::{Block, Content, GATES, Key, Labels, TOP};
use crate::value::Type;

/// Returns the reference of all blocks and settings as Markdown.
pub fn reference() -> String {
    let mut out = String::from(
        "# Blocks and settings\n\nWritten from the compiler's own table by `sswe explain --reference`; a test keeps it so.\n\
         Role says what a change reruns: *semantic* reruns the stages that read the setting, *policy* and *view* rerun nothing.\n",
    );
    for (_, block) in TOP {
        section(block, block.word, 2, &mut out);
    }
    out
}

fn section(block: &Block, path: &str, level: usize, out: &mut String) {
    let label = match block.labels {
        Labels::None => "",
        Labels::Name => " NAME",
        Labels::Hat => " solver|generator",
        Labels::Source => " \"SOURCE\" [NAME]",
        Labels::Rounds => " N|N..M",
        Labels::MaybeName => " [NAME]",
    };
    let _ = write!(out, "\n{} `{}{label}`\n\n{}\n", "#".repeat(level), block.word, block.doc);
    if path.contains('.') {
        let _ = writeln!(out, "Inside `{}`.", path.rsplit_once('.').map_or("", |(outer, _)| outer));
    }
    if !block.keys.is_empty() {
        out.push_str("\n| setting | type | default | range | role | meaning |\n|---|---|---|---|---|---|\n");
        for key in block.keys {
            row(key, out);
        }
    }
    let is_round = block.word == "round";
    if is_round {
        let inner: Vec<String> = block.blocks.iter().map(|inner| format!("`{}`", inner.word)).collect();
        let _ = writeln!(out, "\nIt may hold {}, each with only what differs.", inner.join(", "));
        return;
    }
    for inner in block.blocks {
        section(inner, &format!("{path}.{}", inner.word), level + 1, out);
    }
    if block.content == Content::Gates {
        for gate in GATES {
            section(gate.block, &format!("{path}.{}", gate.block.word), level + 1, out);
            let facts =
                |facts: &[&str]| if facts.is_empty() { "nothing".to_owned() } else { facts.join(", ") };
            let (needs, gives) = (facts(gate.needs), facts(gate.gives));
            let _ = writeln!(out, "\nCost class {}; needs {needs}; gives {gives}.", gate.cost.as_str());
        }
    }
}

fn row(key: &Key, out: &mut String) {
    let default = match (key.default, key.required) {
        (Some(default), _) => format!("`{default}`"),
        (None, true) => "required".to_owned(),
        (None, false) => "unset".to_owned(),
    };
    let within = key.within.map_or(String::new(), |within| format!("`{within}`"));
    let ty = match key.ty {
        Type::Enum(_) => "enum".to_owned(),
        Type::Set(_) => "set".to_owned(),
        ty => ty.name().replace('|', "\\|"),
    };
    let mut doc = key.doc.to_owned();
    if let Type::Enum(variants) | Type::Set(variants) = key.ty {
        let words: Vec<String> =
            variants.iter().map(|variant| format!("`{}`: {}", variant.name, variant.doc)).collect();
        doc = format!("{doc} {}.", words.join("; "));
    }
    let _ = writeln!(
        out,
        "| `{}` | {ty} | {default} | {within} | {} | {} |",
        key.name,
        key.role.as_str(),
        doc.replace('|', "\\|")
    );
}
