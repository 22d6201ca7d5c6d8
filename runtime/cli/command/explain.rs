//! `sswe explain`

use std::fmt::Write as _;

use sswe_compiler::{
    diagnostic::Code,
    schema::{self, Block, Key},
    value::Type,
};

use crate::{
    Failure,
    args::{Explain, Plain},
    exit, style,
};

pub(crate) fn run(args: &Explain) -> Result<u8, Failure> {
    let text = match (&args.what, args.list) {
        _ if args.reference => schema::reference(),
        (Some(what), false) => explain(what, args.output)?,
        _ => list(args.output),
    };
    style::print(&text);
    Ok(exit::OK)
}

fn explain(what: &str, output: Plain) -> Result<String, Failure> {
    if let Some(code) = Code::parse(what) {
        return Ok(match output {
            Plain::Human => page(code.page()),
            Plain::Json => format!("{}\n", code_json(code)),
        });
    }
    let keys: Vec<_> = schema::all_keys().into_iter().filter(|(path, ..)| matches_path(path, what)).collect();
    let blocks: Vec<_> =
        schema::all_blocks().into_iter().filter(|(path, _)| matches_path(path, what)).collect();
    if keys.is_empty() && blocks.is_empty() {
        return Err(unknown(what));
    }
    let mut out = String::new();
    for (path, block) in &blocks {
        match output {
            Plain::Human => out.push_str(&block_text(path, block)),
            Plain::Json => {
                let keys: Vec<&str> = block.keys.iter().map(|key| key.name).collect();
                let _ = writeln!(
                    out,
                    "{}",
                    serde_json::json!({ "block": path, "doc": block.doc, "settings": keys })
                );
            }
        }
    }
    for (path, _, key) in &keys {
        match output {
            Plain::Human => out.push_str(&key_text(path, key)),
            Plain::Json => {
                let _ = writeln!(out, "{}", key_json(path, key));
            }
        }
    }
    Ok(out)
}

/// `stable.runs` means `curriculum.gates.stable.runs`.
fn matches_path(path: &str, what: &str) -> bool {
    path == what || path.strip_suffix(what).is_some_and(|before| before.ends_with('.'))
}

fn unknown(what: &str) -> Failure {
    let last = what.rsplit('.').next().unwrap_or(what);
    let paths: Vec<String> = schema::all_keys().into_iter().map(|(path, ..)| path).collect();
    let near: Vec<&str> =
        paths.iter().map(String::as_str).filter(|path| path.contains(last)).take(4).collect();
    let failure = Failure::usage(format!("there is no code, setting or block called `{what}`"));
    match near.as_slice() {
        [] => failure.hint("`sswe explain --list` prints all of them"),
        near => failure.hint(format!("did you mean {}?", near.join(" or "))),
    }
}

/// Prints a page of Markdown as text: headings and code stand out, nothing is lost.
fn page(markdown: &str) -> String {
    let mut out = String::new();
    let mut is_code = false;
    for line in markdown.lines() {
        if line.starts_with("```") {
            is_code = !is_code;
            continue;
        }
        match line.strip_prefix('#').filter(|_| !is_code) {
            Some(title) => out.push_str(&style::bold(title.trim_start_matches('#').trim())),
            None if is_code && line.is_empty() => {}
            None if is_code => {
                out.push_str("    ");
                out.push_str(&style::green(line));
            }
            None => out.push_str(line),
        }
        out.push('\n');
    }
    out
}

fn block_text(path: &str, block: &Block) -> String {
    let mut out = format!("{}\n  {}\n", style::bold(path), block.doc);
    for key in block.keys {
        let default = match (key.default, key.required) {
            (Some(default), _) => format!("= {default}"),
            (None, true) => "(required)".to_owned(),
            (None, false) => "(unset)".to_owned(),
        };
        let _ = writeln!(out, "    {:<14} {:<18} {}", key.name, default, style::dim(key.doc));
    }
    for inner in block.blocks {
        let _ =
            writeln!(out, "    {:<14} {:<18} {}", format!("{} {{}}", inner.word), "", style::dim(inner.doc));
    }
    out.push('\n');
    out
}

fn key_text(path: &str, key: &Key) -> String {
    let mut out = format!("{}\n  {}\n", style::bold(path), key.doc);
    let _ = writeln!(out, "  type      {}", key.ty.name());
    match (key.default, key.required) {
        (Some(default), _) => {
            let _ = writeln!(out, "  default   {default}");
        }
        (None, true) => out.push_str("  required\n"),
        (None, false) => out.push_str("  default   unset\n"),
    }
    if let Some(within) = key.within {
        let _ = writeln!(out, "  range     {within}");
    }
    let _ = writeln!(out, "  role      {}: {}", key.role.as_str(), key.role.effect());
    if let Type::Enum(variants) | Type::Set(variants) = key.ty {
        for variant in variants {
            let _ = writeln!(out, "    {:<14} {}", variant.name, style::dim(variant.doc));
        }
    }
    out.push('\n');
    out
}

fn list(output: Plain) -> String {
    let mut out = String::new();
    for code in Code::ALL {
        match output {
            Plain::Human => {
                let title = code.page().lines().next().unwrap_or_default().trim_start_matches('#').trim();
                let _ =
                    writeln!(out, "{} {:<24} {}", style::bold(code.as_str()), code.name(), style::dim(title));
            }
            Plain::Json => {
                let _ = writeln!(out, "{}", code_json(*code));
            }
        }
    }
    for (path, _, key) in schema::all_keys() {
        match output {
            Plain::Human => {
                let _ = writeln!(out, "{path:<44} {}", style::dim(key.doc));
            }
            Plain::Json => {
                let _ = writeln!(out, "{}", key_json(&path, key));
            }
        }
    }
    out
}

fn code_json(code: Code) -> serde_json::Value {
    serde_json::json!({ "code": code.as_str(), "name": code.name(), "severity": code.severity(), "page": code.page() })
}

/// Returns what the table says of a setting.
pub(super) fn key_json(path: &str, key: &Key) -> serde_json::Value {
    serde_json::json!({
        "setting": path, "type": key.ty.name(), "default": key.default, "required": key.required,
        "range": key.within, "role": key.role.as_str(), "per_round": key.per_round, "doc": key.doc,
    })
}
