//! Fits a written value to the type of its slot, or says why it does not fit.

use std::{
    collections::HashMap,
    sync::{Arc, LazyLock},
};

use smol_str::SmolStr;

use crate::{
    decimal::Decimal,
    diagnostic::{Code, FileId, Place, Problem},
    lex,
    names::{Miss, Names},
    parse,
    schema::{self, Key, Kind},
    suggest::{listed, nearest},
    syntax::{ItemKind, Name, Piece, Value as Written, ValueKind, path_text},
    value::{self, BadNumber, Dimension, EntityId, Type, Value, Variant, measure},
};

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
        (ValueKind::Call(call), _) => self::call(slot, &call.0, &call.1, ty, place, found),
        _ => mismatch(slot, written, ty, place, found),
    }
}

/// Returns the value that a key has when nothing sets it.
pub(crate) fn default_of(key: &'static Key) -> Option<Value> {
    let text = key.default?;
    parse_bare(key.name, text, key.ty)
}

/// From and to, both included; nothing where there is no bound.
pub(crate) type Bounds = (Option<Value>, Option<Value>);

/// Returns the bounds that the table writes as `text`, fitted to a type; each is read once.
pub(crate) fn bounds_of(text: &'static str, ty: Type) -> Option<&'static Bounds> {
    static BOUNDS: LazyLock<HashMap<(&str, Type), Option<Bounds>>> = LazyLock::new(|| {
        let keys = schema::all_keys().into_iter().filter_map(|(_, _, key)| Some((key.within?, key.ty)));
        keys.map(|(text, ty)| ((text, ty), read_bounds(text, ty))).collect()
    });
    BOUNDS.get(&(text, ty))?.as_ref()
}

fn read_bounds(text: &str, ty: Type) -> Option<Bounds> {
    let of: &'static Type = match ty {
        Type::Range(of) => of,
        Type::Int => &Type::Int,
        Type::Ratio => &Type::Ratio,
        Type::Score => &Type::Score,
        Type::Points => &Type::Points,
        Type::Float => &Type::Float,
        Type::Duration => &Type::Duration,
        Type::Bytes => &Type::Bytes,
        _ => return None,
    };
    match parse_bare("within", text, Type::Range(of))? {
        Value::Range(from, to) => Some((from.map(|v| (*v).clone()), to.map(|v| (*v).clone()))),
        _ => None,
    }
}

/// Reads a value of the table: it names nothing of a project but `solver`.
fn parse_bare(name: &str, text: &str, ty: Type) -> Option<Value> {
    let source = format!("{name} = {text}");
    let (tree, _) = parse::parse(&source, &lex::significant(&source), false);
    let ItemKind::Setting { value, .. } = &tree.items.first()?.kind else { return None };
    let names = Names::default();
    let slot = Slot { file: FileId(0), name, names: &names, param_type: &|_| None };
    let mut found = Found::default();
    fit(&slot, value, ty, &mut found)
}

/// Returns whether a value lies in bounds of its type; lists and ranges are looked into.
pub(crate) fn is_within(value: &Value, from: Option<&Value>, to: Option<&Value>) -> bool {
    match value {
        Value::List(values) => values.iter().all(|value| is_within(value, from, to)),
        Value::Range(low, high) => [low, high].into_iter().flatten().all(|value| is_within(value, from, to)),
        _ => {
            let above = from.is_none_or(|from| compare(value, from).is_none_or(|order| order.is_ge()));
            let below = to.is_none_or(|to| compare(value, to).is_none_or(|order| order.is_le()));
            above && below
        }
    }
}

/// Orders two values of one numeric type.
pub(crate) fn compare(a: &Value, b: &Value) -> Option<std::cmp::Ordering> {
    match (a, b) {
        (Value::Int(a), Value::Int(b)) => Some(a.cmp(b)),
        (Value::Number(a), Value::Number(b)) => Some(a.cmp(b)),
        (Value::Duration(a), Value::Duration(b)) | (Value::Bytes(a), Value::Bytes(b)) => Some(a.cmp(b)),
        (Value::Money(a), Value::Money(b)) => Some(a.cmp(b)),
        (Value::Rate(a, per_a), Value::Rate(b, per_b)) => {
            Some((u128::from(*a) * u128::from(*per_b)).cmp(&(u128::from(*b) * u128::from(*per_a))))
        }
        _ => None,
    }
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

fn number(slot: &Slot<'_>, text: &str, ty: Type, place: Place, found: &mut Found) -> Option<Value> {
    let measured = match measure(text) {
        Ok(measured) => measured,
        Err(bad) => {
            found.problems.push(bad_number(text, bad, place));
            return None;
        }
    };
    let wanted = match ty {
        Type::Int => Some(Dimension::Count),
        Type::Ratio | Type::Score => Some(Dimension::Percent),
        Type::Points => Some(Dimension::Points),
        Type::Duration => Some(Dimension::Time),
        Type::Bytes => Some(Dimension::Size),
        Type::Money => Some(Dimension::Money),
        Type::Float => None,
        Type::Bool if text == "1" || text == "0" => return bool_text(slot, text, place, found),
        Type::Range(_) => {
            let code = Code::E0301;
            let problem = Problem::new(
                code,
                place,
                format!("`{}` takes {}; found one number", slot.name, ty.describe()),
            )
            .label("not a range")
            .help(format!("write `{text}..{text}` for just this value, or `..{text}`, or `{text}..`"));
            found.problems.push(problem);
            return None;
        }
        _ => {
            let written = Written { from: place.from, to: place.to, kind: ValueKind::Number(text.into()) };
            return mismatch(slot, &written, ty, place, found);
        }
    };
    let needs_unit = matches!(ty, Type::Points | Type::Duration | Type::Bytes | Type::Money);
    match measured.dimension {
        None if needs_unit && measured.value != Decimal::ZERO => {
            let unit = match ty {
                Type::Points => "pp",
                Type::Duration => "s",
                Type::Bytes => "MiB",
                _ => "usd",
            };
            let problem = Problem::new(
                Code::E0302,
                place,
                format!("`{}` takes {}; `{text}` has no unit", slot.name, ty.describe()),
            )
            .label("add a unit")
            .fix(format!("write `{text}{unit}`"), place, format!("{text}{unit}"))
            .unsure();
            found.problems.push(problem);
            return None;
        }
        Some(dimension) if Some(dimension) != wanted => {
            let (_, unit) = value::split_unit(text);
            let problem = Problem::new(
                Code::E0302,
                place,
                format!("`{}` takes {}; `{text}` is {}", slot.name, ty.describe(), dimension.noun()),
            )
            .label(format!("`{unit}` makes it {}", dimension.noun()));
            let problem = match (ty, text.strip_suffix('%')) {
                (Type::Points, Some(digits)) => {
                    problem.fix(format!("write `{digits}pp`"), place, format!("{digits}pp")).unsure()
                }
                _ => problem,
            };
            found.problems.push(problem);
            return None;
        }
        _ => {}
    }
    let value = measured.value;
    let converted = match ty {
        Type::Int => value.to_i64().map(Value::Int),
        Type::Duration => value.to_i64().and_then(|ns| u64::try_from(ns).ok()).map(Value::Duration),
        Type::Bytes => value.to_i64().and_then(|bytes| u64::try_from(bytes).ok()).map(Value::Bytes),
        Type::Money => value.to_i64().map(Value::Money),
        _ => Some(Value::Number(value)),
    };
    let Some(converted) = converted else {
        let is_negative = value < Decimal::ZERO;
        let is_fraction = value.parts().1 < 0;
        let problem = match ty {
            Type::Int if is_fraction => Problem::new(
                Code::E0301,
                place,
                format!("`{}` takes {}; `{text}` has a fraction", slot.name, ty.describe()),
            )
            .label("not a whole number"),
            Type::Duration | Type::Bytes if is_negative => {
                Problem::new(Code::E0303, place, format!("`{}` cannot be negative", slot.name))
                    .label("less than nothing")
            }
            _ if is_fraction => {
                Problem::new(Code::E0303, place, format!("`{text}` is finer than `{}` can be", slot.name))
                    .label("too fine")
            }
            _ => bad_number(text, BadNumber::TooLarge, place),
        };
        found.problems.push(problem);
        return None;
    };
    let natural = match ty {
        Type::Ratio => Some("0%..100%"),
        Type::Score => Some("-1..1"),
        _ => None,
    };
    if let Some(range) = natural {
        let top = Value::Number(Decimal::ONE);
        let bottom = Value::Number(if ty == Type::Score { Decimal::MINUS_ONE } else { Decimal::ZERO });
        if !is_within(&converted, Some(&bottom), Some(&top)) {
            found.problems.push(out_of_range(slot.name, text, range, place));
            return None;
        }
    }
    Some(converted)
}

/// Returns the problem of a value outside of its bounds.
pub(crate) fn out_of_range(name: &str, text: &str, range: &str, place: Place) -> Problem {
    let bounds = match range.split_once("..") {
        Some((from, "")) => format!("at least {from}"),
        Some(("", to)) => format!("at most {to}"),
        Some((from, to)) => format!("from {from} to {to}"),
        None => range.to_owned(),
    };
    Problem::new(Code::E0303, place, format!("`{name}` must be {bounds}; found `{text}`"))
        .label("out of range")
}

fn bad_number(text: &str, bad: BadNumber, place: Place) -> Problem {
    match bad {
        BadNumber::TooLarge => Problem::new(
            Code::E0104,
            place,
            format!("the number `{}` is too large or too long to keep exactly", short(text)),
        )
        .label("cannot be kept")
        .help("whole numbers go up to 9_223_372_036_854_775_807; other numbers have at most 30 digits"),
        BadNumber::Unit(unit, meant) => {
            let (digits, _) = value::split_unit(text);
            let problem = Problem::new(Code::E0104, place, format!("`{}` is not a unit", short(&unit)))
                .label("unknown unit");
            match meant {
                Some("min") if unit == "m" => problem
                    .help("minutes are `min`, and millions are `M`")
                    .fix(format!("write `{digits}min`"), place, format!("{digits}min"))
                    .unsure(),
                Some(meant) => {
                    problem.fix(format!("write `{digits}{meant}`"), place, format!("{digits}{meant}"))
                }
                None => problem.help(
                    "the units are ms s min h d, KiB MiB GiB TiB KB MB GB TB, %, pp, usd, and the counts k M",
                ),
            }
        }
    }
}

fn short(text: &str) -> String {
    match text.char_indices().nth(24) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

fn rate_value(slot: &Slot<'_>, count: &str, per: &Name, place: Place, found: &mut Found) -> Option<Value> {
    let at = Place { from: per.at, to: per.at + 1, ..place };
    let Some(seconds) = value::seconds_of(&per.text) else {
        found.problems.push(
            Problem::new(Code::E0104, at, format!("`{}` is not a unit of time for a rate", per.text))
                .label("unknown unit")
                .help("rates are for each `s`, `min`, `h` or `d`: `300/min`"),
        );
        return None;
    };
    let events = match number(slot, count, Type::Int, place, found)? {
        Value::Int(events) => events,
        _ => return None,
    };
    let Ok(events) = u64::try_from(events) else {
        found.problems.push(
            Problem::new(Code::E0303, place, format!("`{}` cannot be negative", slot.name))
                .label("less than nothing"),
        );
        return None;
    };
    let divisor = gcd(events, seconds);
    Some(Value::Rate(events / divisor, seconds / divisor))
}

fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

fn range(
    slot: &Slot<'_>,
    (from, to): (&Option<SmolStr>, &Option<SmolStr>),
    of: Type,
    place: Place,
    found: &mut Found,
) -> Option<Value> {
    let mut end = |text: &Option<SmolStr>| match text {
        Some(text) => number(slot, text, of, place, found).map(|value| Some(Arc::new(value))),
        None => Some(None),
    };
    let (from, to) = (end(from), end(to));
    let (from, to) = (from?, to?);
    if let (Some(low), Some(high)) = (&from, &to)
        && compare(low, high).is_some_and(|order| order.is_gt())
    {
        found.problems.push(
            Problem::new(Code::E0306, place, format!("the range of `{}` is the wrong way round", slot.name))
                .label("the first number is the larger")
                .help("ranges go from the smaller to the larger number, both included"),
        );
        return None;
    }
    Some(Value::Range(from, to))
}

fn variant(
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

fn bool_word(slot: &Slot<'_>, path: &[Name], place: Place, found: &mut Found) -> Option<Value> {
    let text = path_text(path);
    match text.as_str() {
        "on" => Some(Value::Bool(true)),
        "off" => Some(Value::Bool(false)),
        _ => bool_text(slot, &text, place, found),
    }
}

fn bool_text(slot: &Slot<'_>, text: &str, place: Place, found: &mut Found) -> Option<Value> {
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

fn text(slot: &Slot<'_>, pieces: &[Piece], ty: Type, place: Place, found: &mut Found) -> Option<Value> {
    if let [Piece::Literal(text)] = pieces {
        if text.is_empty() && ty != Type::Text {
            let problem =
                Problem::new(Code::E0303, place, format!("`{}` cannot be empty", slot.name)).label("empty");
            found.problems.push(problem.help(format!("it takes {}", ty.describe())));
            return None;
        }
        return Some(Value::Text(text.as_str().into()));
    }
    for piece in pieces {
        let Piece::Hole(path) = piece else { continue };
        let path: Vec<&str> = path.iter().map(|part| &**part).collect();
        if path.first() != Some(&"param") || path.len() != 2 {
            found.problems.push(
                Problem::new(
                    Code::E0301,
                    place,
                    format!("only parameters can stand in a string; found `{}`", path.join(".")),
                )
                .label("in this string")
                .help("write `${param.name}`, or `\\$` for a dollar sign"),
            );
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
    }
    Some(Value::Template(pieces.into()))
}

fn call(
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
fn bare_name(values: &[Written]) -> Option<&str> {
    match values {
        [Written { kind: ValueKind::Path(path), .. }] => single(path).map(|name| &*name.text),
        _ => None,
    }
}

fn param(slot: &Slot<'_>, path: &[Name], ty: Type, place: Place, found: &mut Found) -> Option<Value> {
    let parts: Vec<&str> = path.iter().map(|name| &*name.text).collect();
    let id = resolve(slot, &parts, &[Kind::Param], place, found)?;
    found.used.push(id);
    let param_type = (slot.param_type)(id)?;
    if param_type != ty && !(param_type.is_textual() && ty.is_textual()) {
        let at = slot.names.entity(id).place;
        found.problems.push(
            Problem::new(
                Code::E0301,
                place,
                format!(
                    "`{}` takes {}; `{}` is a {}",
                    slot.name,
                    ty.describe(),
                    parts.join("."),
                    param_type.name()
                ),
            )
            .label(format!("a {}", param_type.name()))
            .other(at, "declared here"),
        );
        return None;
    }
    Some(Value::Param(id))
}

fn reference(
    slot: &Slot<'_>,
    path: &[Name],
    kinds: &'static [Kind],
    place: Place,
    found: &mut Found,
) -> Option<Value> {
    let parts: Vec<&str> = path.iter().map(|name| &*name.text).collect();
    if parts == ["solver"] && kinds.contains(&Kind::Model) && slot.name != "solver" {
        return Some(Value::Solver);
    }
    if parts == ["solver"] && kinds.contains(&Kind::Model) {
        let problem = Problem::new(
            Code::E0204,
            place,
            "`solver` stands for the weights of the round, not for a model block",
        )
        .label("a model's label belongs here");
        let labels = slot.names.labels_of(slot.file, kinds);
        let help = if labels.is_empty() {
            "add a model block".to_owned()
        } else {
            format!("this file has {}", listed(&labels, "and"))
        };
        found.problems.push(problem.help(help));
        return None;
    }
    let id = resolve(slot, &parts, kinds, place, found)?;
    let entity = slot.names.entity(id);
    found.used.push(id);
    if parts.len() > 1 {
        found.aliases.push((slot.file, parts[0].to_owned()));
    }
    if kinds.contains(&entity.kind) {
        return Some(Value::Ref(id));
    }
    let wanted: Vec<String> = kinds.iter().map(|kind| kind.noun()).collect();
    let mut problem = Problem::new(
        Code::E0204,
        place,
        format!(
            "`{}` is {}, but `{}` needs {}",
            parts.join("."),
            entity.kind.noun(),
            slot.name,
            wanted.join(" or ")
        ),
    )
    .label(format!("this is {}", entity.kind.noun()))
    .other(entity.place, "defined here");
    let labels = slot.names.labels_of(slot.file, kinds);
    let plural = kinds.first().map_or("", |kind| kind.word());
    problem = match labels.as_slice() {
        [] => problem.help(format!("this file has no {plural} block; add one")),
        [one] => problem
            .help(format!("the only {plural} block in this file is `{one}`"))
            .fix(format!("write `{one}`"), place, one.clone())
            .unsure(),
        many => problem.help(format!("this file has {}", listed(many, "and"))),
    };
    found.problems.push(problem);
    None
}

fn metric(slot: &Slot<'_>, path: &[Name], place: Place, found: &mut Found) -> Option<Value> {
    let parts: Vec<&str> = path.iter().map(|name| &*name.text).collect();
    let (figure, block) = parts.split_last()?;
    if block.is_empty() || *figure != "resolved" {
        let mut problem =
            Problem::new(Code::E0607, place, format!("`{}` takes {}", slot.name, Type::Metric.describe()))
                .label("not a metric")
                .help("write the label of a validation block, a dot, and `resolved`");
        let labels = slot.names.labels_of(slot.file, &[Kind::Validation]);
        if let [one] = labels.as_slice() {
            problem =
                problem.fix(format!("write `{one}.resolved`"), place, format!("{one}.resolved")).unsure();
        }
        found.problems.push(problem);
        return None;
    }
    // The label alone, without the dot and the figure.
    let label = Place { to: place.to - 2, ..place };
    let id = resolve(slot, block, &[Kind::Validation, Kind::Bench], label, found)?;
    found.used.push(id);
    let kind = slot.names.entity(id).kind;
    if !matches!(kind, Kind::Validation | Kind::Bench) {
        let problem = Problem::new(
            Code::E0204,
            place,
            format!("`{}` is {}, and has no figure `resolved`", block.join("."), kind.noun()),
        )
        .label(format!("this is {}", kind.noun()))
        .other(slot.names.entity(id).place, "defined here");
        found.problems.push(problem);
        return None;
    }
    Some(Value::Metric(id, "resolved"))
}

/// Looks a whole path up; reports it when it names nothing.
fn resolve(
    slot: &Slot<'_>,
    parts: &[&str],
    kinds: &[Kind],
    place: Place,
    found: &mut Found,
) -> Option<EntityId> {
    match slot.names.lookup(slot.file, parts, kinds) {
        Ok((id, used)) if used == parts.len() => Some(id),
        Ok((id, used)) => {
            let label = parts[..used].join(".");
            found.problems.push(
                Problem::new(Code::E0202, place, format!("`{}` names nothing", parts.join("."))).label(
                    format!(
                        "`{label}` is {}; a value cannot reach inside it",
                        slot.names.entity(id).kind.noun()
                    ),
                ),
            );
            None
        }
        Err(Miss::Unread) => None,
        Err(Miss::Unknown { part, meant }) => {
            found.problems.push(unknown_name(slot, parts, part, meant, kinds, place));
            None
        }
    }
}

fn unknown_name(
    slot: &Slot<'_>,
    parts: &[&str],
    part: usize,
    meant: Option<String>,
    kinds: &[Kind],
    place: Place,
) -> Problem {
    let what = kinds.first().map_or("block".to_owned(), |kind| match kind {
        Kind::Param => "parameter".to_owned(),
        kind => format!("{} block", kind.word()),
    });
    let problem = Problem::new(Code::E0202, place, format!("there is no {what} called `{}`", parts[part]))
        .label("not found");
    if let Some(meant) = meant {
        let mut fixed: Vec<&str> = parts.to_vec();
        fixed[part] = &meant;
        return problem.help(format!("did you mean `{}`?", fixed.join("."))).fix(
            format!("write `{}`", fixed.join(".")),
            place,
            fixed.join("."),
        );
    }
    let labels = slot.names.labels_of(slot.file, kinds);
    match (labels.as_slice(), kinds.first()) {
        ([], Some(Kind::Param)) | (_, None) => problem,
        ([], Some(kind)) => problem.help(format!("this file has no {} block", kind.word())),
        (some, _) => problem.help(format!("this file has {}", listed(some, "and"))),
    }
}
