//! Words of enums, `on` and `off`.

use super::{Found, Slot};
use crate::{
    diagnostic::{Code, Place, Problem},
    suggest::{listed, nearest},
    syntax::{Name, path_text},
    value::{Value, Variant},
};

pub(super) fn variant(
    slot: &Slot<'_>,
    word: &Name,
    variants: &'static [Variant],
    place: Place,
    found: &mut Found,
) -> Option<Value> {
    if let Some(known) = variants.iter().find(|variant| variant.name == &*word.text) {
        return Some(Value::Variant(known.name));
    }
    let known: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
    let mut problem = Problem::new(Code::E0305, place, format!("`{}` cannot be `{}`", slot.name, word.text))
        .label("not one of its words")
        .help(format!("it is one of {}", listed(&known, "or")));
    if let Some(meant) = nearest(&word.text, known.iter().copied()) {
        problem = problem.fix(format!("write `{meant}`"), place, meant);
    }
    found.problems.push(problem);
    None
}

pub(super) fn bool_word(slot: &Slot<'_>, path: &[Name], place: Place, found: &mut Found) -> Option<Value> {
    let text = path_text(path);
    match text.as_str() {
        "on" => Some(Value::Bool(true)),
        "off" => Some(Value::Bool(false)),
        _ => bool_text(slot, &text, place, found),
    }
}

pub(super) fn bool_text(slot: &Slot<'_>, text: &str, place: Place, found: &mut Found) -> Option<Value> {
    let meant = match text.to_ascii_lowercase().as_str() {
        "true" | "yes" | "1" | "enabled" | "on" => Some("on"),
        "false" | "no" | "0" | "disabled" | "off" | "none" => Some("off"),
        _ => None,
    };
    let mut problem =
        Problem::new(Code::E0304, place, format!("`{}` is either `on` or `off`; found `{text}`", slot.name))
            .label("neither `on` nor `off`");
    if let Some(meant) = meant {
        problem = problem.fix(format!("write `{meant}`"), place, meant);
    }
    found.problems.push(problem);
    None
}
