//! Strings, and the functions `env`, `secret` and `file`.

use std::sync::Arc;

use super::{Found, Slot, mismatch, reference::resolve, single};
use crate::{
    diagnostic::{Code, Place, Problem},
    schema::Kind,
    suggest::nearest,
    syntax::{Name, Piece, Value as Written, ValueKind},
    value::{Part, Type, Value},
};

pub(super) fn text(
    slot: &Slot<'_>,
    pieces: &[Piece],
    ty: Type,
    place: Place,
    found: &mut Found,
) -> Option<Value> {
    if let [Piece::Literal(text)] = pieces {
        if text.is_empty() && ty != Type::Text {
            let problem =
                Problem::new(Code::E0303, place, format!("`{}` cannot be empty", slot.name)).label("empty");
            found.problems.push(problem.help(format!("it takes {}", ty.describe())));
            return None;
        }
        return Some(Value::Text(text.as_str().into()));
    }
    let mut parts = Vec::new();
    for piece in pieces {
        let path: Vec<&str> = match piece {
            Piece::Literal(text) => {
                parts.push(Part::Text(text.as_str().into()));
                continue;
            }
            Piece::Hole(path) => path.iter().map(|part| &**part).collect(),
        };
        if path.first() != Some(&"param") || path.len() != 2 {
            let message = format!("only parameters can stand in a string; found `{}`", path.join("."));
            let problem = Problem::new(Code::E0301, place, message).label("in this string");
            found.problems.push(problem.help("write `${param.name}`, or `\\$` for a dollar sign"));
            return None;
        }
        let id = resolve(slot, &path, &[Kind::Param], place, found);
        if id.is_none()
            && let Some(problem) = found.problems.last_mut()
        {
            // The fix would replace the whole string by the name.
            problem.fixes.clear();
        }
        found.used.push(id?);
        parts.push(Part::Param(id?));
    }
    Some(Value::Template(parts.into()))
}

pub(super) fn call(
    slot: &Slot<'_>,
    function: &Name,
    values: &[Written],
    ty: Type,
    place: Place,
    found: &mut Found,
) -> Option<Value> {
    let argument = match values {
        [Written { kind: ValueKind::Text(pieces), .. }] => match &**pieces {
            [Piece::Literal(text)] if !text.is_empty() => Some(Arc::<str>::from(text.as_ref())),
            _ => None,
        },
        _ => None,
    };
    let name = &*function.text;
    let at = Place { from: function.at, to: function.at + 1, ..place };
    let known = ["env", "secret", "file"];
    if !known.contains(&name) {
        let mut problem = Problem::new(Code::E0307, at, format!("there is no function `{name}`"))
            .label("unknown")
            .help("the functions are `env(\"NAME\")`, `secret(\"NAME\")` and `file(\"path\")`; there are no others");
        if let Some(meant) = nearest(name, known) {
            problem = problem.fix(format!("write `{meant}`"), at, meant);
        }
        found.problems.push(problem);
        return None;
    }
    let Some(argument) = argument else {
        found.problems.push(
            Problem::new(Code::E0307, place, format!("`{name}` takes one string in quotes"))
                .label("wrong arguments")
                .help(format!("write `{name}(\"NAME\")`"))
                .fixes_of(bare_name(values).map(|word| {
                    let text = format!("{name}(\"{word}\")");
                    (format!("write `{text}`"), place, text)
                })),
        );
        return None;
    };
    let is_variable = argument.chars().all(|c| c.is_ascii_alphanumeric() || c == '_');
    if name != "file" && !is_variable {
        found.problems.push(
            Problem::new(
                Code::E0307,
                place,
                format!("`{argument}` cannot be the name of an environment variable"),
            )
            .label("not a name")
            .help("names have letters, digits and `_`; the value itself does not belong here"),
        );
        return None;
    }
    match (name, ty) {
        ("secret", Type::Secret) => Some(Value::Secret(argument)),
        ("secret", _) => {
            found.problems.push(
                Problem::new(Code::E0703, place, format!("`{}` is not a place for a secret", slot.name))
                    .label("this would be hashed and shown")
                    .help("`secret` fits only where a key is asked for; elsewhere use `env(\"NAME\")`"),
            );
            None
        }
        ("env", Type::Secret) => {
            found.problems.push(
                Problem::new(
                    Code::E0704,
                    place,
                    format!("`{}` is a secret, and `env` would show it", slot.name),
                )
                .label("hashed and shown")
                .fix("write `secret`", at, "secret"),
            );
            None
        }
        ("env", _) if ty.is_textual() => Some(Value::Env(argument)),
        ("file", Type::Text) => Some(Value::File(argument)),
        _ => {
            let kind = ValueKind::Call(Box::new((function.clone(), values.to_vec())));
            let written = Written { from: place.from, to: place.to, kind };
            mismatch(slot, &written, ty, place, found)
        }
    }
}

/// Returns the single bare name of a call: `env(SOLVER_URL)`.
pub(super) fn bare_name(values: &[Written]) -> Option<&str> {
    match values {
        [Written { kind: ValueKind::Path(path), .. }] => single(path).map(|name| &*name.text),
        _ => None,
    }
}
