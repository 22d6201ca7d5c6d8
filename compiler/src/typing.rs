//! Fits a written value to the type of its slot, or says why it does not fit.

mod bounds;
mod number;
mod reference;
mod text;
mod word;

use crate::{
    diagnostic::{Code, FileId, Place, Problem},
    lex,
    names::Names,
    parse,
    schema::Key,
    syntax::{ItemKind, Name, Piece, Value as Written, ValueKind, path_text},
    value::{EntityId, Type, Value, measure},
};
pub(crate) use bounds::{bounds_of, is_within};
pub(crate) use number::out_of_range;
use number::{number, range, rate_value};
use reference::{metric, param, reference};
use text::{call, text};
use word::{bool_word, variant};

/// A slot that a value is fitted to.
pub(crate) struct Slot<'a> {
    /// The file that the value stands in.
    pub(crate) file: FileId,
    /// The name that messages use for the slot.
    pub(crate) name: &'a str,
    /// The labels that a value may name.
    pub(crate) names: &'a Names,
    /// The types of parameters.
    pub(crate) param_type: &'a dyn Fn(EntityId) -> Option<Type>,
}

/// What fitting found beside the value.
#[derive(Default)]
pub(crate) struct Found {
    /// What is wrong.
    pub(crate) problems: Vec<Problem>,
    /// The entities that the value names.
    pub(crate) used: Vec<EntityId>,
    /// The aliases that it goes through.
    pub(crate) aliases: Vec<(FileId, String)>,
}

/// Fits a value to a type; nothing when it does not fit, with the reason in `found`.
pub(crate) fn fit(slot: &Slot<'_>, written: &Written, ty: Type, found: &mut Found) -> Option<Value> {
    let place = Place { file: slot.file, from: written.from, to: written.to };
    match (&written.kind, ty) {
        (ValueKind::Path(path), _) if path.len() > 1 && &*path[0].text == "param" => {
            param(slot, path, ty, place, found)
        }
        (ValueKind::Path(path), Type::Ref(kinds)) => reference(slot, path, kinds, place, found),
        (ValueKind::Path(path), Type::Metric) => metric(slot, path, place, found),
        (ValueKind::Path(path), Type::Bool) => bool_word(slot, path, place, found),
        (ValueKind::Path(path), Type::Enum(variants)) => match single(path) {
            Some(word) => variant(slot, word, variants, place, found),
            None => mismatch(slot, written, ty, place, found),
        },
        (ValueKind::Path(path), Type::Fact) if path.len() == 1 => {
            Some(Value::Fact(path[0].text.as_str().into()))
        }
        (ValueKind::Number(text), _) => number(slot, text, ty, place, found),
        (ValueKind::Rate(rate), Type::Rate) => rate_value(slot, &rate.0, &rate.1, place, found),
        (ValueKind::Range(ends), Type::Range(of)) => range(slot, (&ends.0, &ends.1), *of, place, found),
        (ValueKind::List(values), Type::List(of)) => {
            let fitted: Vec<Option<Value>> =
                values.iter().map(|value| fit(slot, value, *of, found)).collect();
            let fitted = fitted.into_iter().collect::<Option<Vec<_>>>()?;
            if matches!(of, Type::Ref(_))
                && let Some(again) = (1..fitted.len()).find(|at| fitted[..*at].contains(&fitted[*at]))
            {
                let place = Place { from: values[again].from, to: values[again].to, ..place };
                let problem =
                    Problem::new(Code::E0206, place, format!("`{}` names this block twice", slot.name));
                found.problems.push(problem.label("again here").help("keep one of them"));
                return None;
            }
            Some(Value::List(fitted.into()))
        }
        (ValueKind::List(values), Type::Set(variants)) => {
            let of = Type::Enum(variants);
            let fitted: Vec<Option<Value>> = values.iter().map(|value| fit(slot, value, of, found)).collect();
            let mut fitted = fitted.into_iter().collect::<Option<Vec<_>>>()?;
            let position = |value: &Value| variants.iter().position(|v| *value == Value::Variant(v.name));
            fitted.sort_by_key(position);
            fitted.dedup();
            Some(Value::List(fitted.into()))
        }
        (ValueKind::Text(pieces), _) if ty.is_textual() => text(slot, pieces, ty, place, found),
        (ValueKind::Call(written), _) => call(slot, &written.0, &written.1, ty, place, found),
        _ => mismatch(slot, written, ty, place, found),
    }
}

/// Returns the value that a key has when nothing sets it.
pub(crate) fn default_of(key: &'static Key) -> Option<Value> {
    let text = key.default?;
    parse_bare(key.name, text, key.ty)
}

/// Reads a value that stands alone, or says why it does not fit.
pub(crate) fn read(text: &str, ty: Type) -> Result<Value, String> {
    let mut found = Found::default();
    let value = parse_alone("it", text, ty, &mut found);
    let why = || found.problems.first().map(|problem| problem.message.clone());
    value.ok_or_else(|| why().unwrap_or_else(|| format!("`{text}` is not {}", ty.describe())))
}

/// Reads a value of the table: it names nothing of a project but `solver`.
fn parse_bare(name: &str, text: &str, ty: Type) -> Option<Value> {
    parse_alone(name, text, ty, &mut Found::default())
}

fn parse_alone(name: &str, text: &str, ty: Type, found: &mut Found) -> Option<Value> {
    let source = format!("{name} = {text}");
    let (tree, problems) = parse::parse(&source, &lex::significant(&source), false);
    let [item] = tree.items.as_slice() else { return None };
    let ItemKind::Setting { value, .. } = &item.kind else { return None };
    if !problems.is_empty() {
        return None;
    }
    let names = Names::default();
    let slot = Slot { file: FileId(0), name, names: &names, param_type: &|_| None };
    fit(&slot, value, ty, found)
}

fn single(path: &[Name]) -> Option<&Name> {
    match path {
        [word] => Some(word),
        _ => None,
    }
}

fn mismatch(slot: &Slot<'_>, written: &Written, ty: Type, place: Place, found: &mut Found) -> Option<Value> {
    let what = match &written.kind {
        ValueKind::Number(text) => format!("the number `{text}`"),
        ValueKind::Rate(_) => "a rate".into(),
        ValueKind::Range(_) => "a range".into(),
        ValueKind::Text(_) => "a string".into(),
        ValueKind::List(_) => "a list".into(),
        ValueKind::Call(call) => format!("`{}(...)`", call.0.text),
        ValueKind::Path(path) => format!("the name `{}`", path_text(path)),
    };
    let mut problem =
        Problem::new(Code::E0301, place, format!("`{}` takes {}; found {what}", slot.name, ty.describe()))
            .label(format!("not {}", article(ty)));
    match (&written.kind, ty) {
        (ValueKind::Text(_), Type::Secret) => {
            problem = Problem::new(Code::E0704, place, "a secret does not belong in a file".to_owned())
                .label("looks like a key")
                .help("put it in an environment variable, and name that: `secret(\"MY_KEY\")`");
        }
        (ValueKind::Text(pieces), Type::Ref(_) | Type::Enum(_) | Type::Bool | Type::Fact | Type::Metric) => {
            if let [Piece::Literal(text)] = &**pieces
                && !text.is_empty()
                && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '_' || c == '.')
            {
                problem = problem.help("names and words are written without quotes").fix(
                    "remove the quotes",
                    place,
                    text.to_string(),
                );
            }
        }
        (
            ValueKind::Text(pieces),
            Type::Int | Type::Duration | Type::Bytes | Type::Ratio | Type::Float | Type::Money,
        ) => {
            if let [Piece::Literal(text)] = &**pieces
                && measure(text).is_ok()
            {
                problem = problem.help("numbers are written without quotes").fix(
                    "remove the quotes",
                    place,
                    text.to_string(),
                );
            }
        }
        (ValueKind::Path(path), _) if ty.is_textual() => {
            let text = path_text(path);
            problem =
                problem.help("text is written in quotes").fix("add quotes", place, format!("\"{text}\""));
        }
        (ValueKind::List(_), _) => problem = problem.help("write one value, without brackets"),
        (ValueKind::Range(_), _) => problem = problem.help("write one value, without `..`"),
        (ValueKind::Path(path), Type::List(_) | Type::Set(_)) => {
            let text = format!("[{}]", path_text(path));
            problem = problem
                .help("lists are written in brackets")
                .fix(format!("write `{text}`"), place, text)
                .unsure();
        }
        (_, Type::List(_) | Type::Set(_)) => problem = problem.help("lists are written in brackets"),
        _ => {}
    }
    found.problems.push(problem);
    None
}

fn article(ty: Type) -> String {
    match ty {
        Type::Int => "a whole number".into(),
        Type::Text => "a string".into(),
        Type::Bool => "`on` or `off`".into(),
        Type::Enum(_) => "one of its words".into(),
        Type::Ref(kinds) => kinds.first().map_or("a label".into(), |kind| kind.noun()),
        Type::List(_) | Type::Set(_) => "a list".into(),
        Type::Range(_) => "a range".into(),
        Type::Image => "an image name".into(),
        Type::Bytes => "a size".into(),
        Type::Points => "percentage points".into(),
        Type::Money => "an amount of money".into(),
        other => format!("a {}", other.name()),
    }
}
