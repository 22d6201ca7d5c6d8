//! Typed values, their canonical bytes, and the units that people write them with.

use std::{fmt, sync::Arc};

use crate::{decimal::Decimal, schema::Kind};

/// What a setting may hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Type {
    /// `600`, `8_192`, `64k`
    Int,
    /// `0.35`, `35%`: from 0 to 1.
    Ratio,
    /// `0.05`, `-0.2`: from -1 to 1.
    Score,
    /// `0.5pp`: a difference between two percentages.
    Points,
    /// `1e-6`
    Float,
    /// `500ms`, `30s`, `10min`
    Duration,
    /// `4GiB`
    Bytes,
    /// `300/min`
    Rate,
    /// `400usd`
    Money,
    /// `"text"`
    Text,
    /// A path relative to the file that names it; its content is what counts.
    Path,
    /// A tag, branch or commit, or a version of a package.
    GitRef,
    /// A container image.
    Image,
    /// `on`, `off`
    Bool,
    /// One of a few words.
    Enum(&'static [Variant]),
    /// A block of one of these kinds.
    Ref(&'static [Kind]),
    /// `anchor.resolved`
    Metric,
    /// A fact that a gate needs or gives: `parsed`.
    Fact,
    /// `12..200`, `3..`, `..25`
    Range(&'static Type),
    /// `[a, b]`, in order.
    List(&'static Type),
    /// `[a, b]`, in any order.
    Set(&'static [Variant]),
    /// `secret("NAME")`
    Secret,
}

/// A word of an enum.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Variant {
    /// The word.
    pub name: &'static str,
    /// What it means.
    pub doc: &'static str,
}

impl Type {
    /// Returns the type as printed: `list<ref<bench>>`.
    pub fn name(self) -> String {
        match self {
            Type::Int => "int".into(),
            Type::Ratio => "ratio".into(),
            Type::Score => "score".into(),
            Type::Points => "points".into(),
            Type::Float => "float".into(),
            Type::Duration => "duration".into(),
            Type::Bytes => "bytes".into(),
            Type::Rate => "rate".into(),
            Type::Money => "money".into(),
            Type::Text => "text".into(),
            Type::Path => "path".into(),
            Type::GitRef => "gitref".into(),
            Type::Image => "image".into(),
            Type::Bool => "bool".into(),
            Type::Metric => "metric".into(),
            Type::Fact => "fact".into(),
            Type::Secret => "secret".into(),
            Type::Enum(variants) => words(variants, " | "),
            Type::Ref(kinds) => {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
                format!("ref<{}>", kinds.join(" | "))
            }
            Type::Range(of) => format!("range<{}>", of.name()),
            Type::List(of) => format!("list<{}>", of.name()),
            Type::Set(variants) => format!("set<{}>", words(variants, " | ")),
        }
    }

    /// Returns the type a `param` may be declared with.
    pub fn of_param(name: &str) -> Option<Type> {
        PARAM_TYPES.iter().copied().find(|ty| ty.name() == name)
    }

    /// Returns words and an example for a message: "a duration, such as `30s`".
    pub fn describe(self) -> String {
        match self {
            Type::Int => "a whole number, such as `8` or `12_000`".into(),
            Type::Ratio => "a ratio, such as `35%` or `0.35`".into(),
            Type::Score => "a score from -1 to 1, such as `0.05`".into(),
            Type::Points => "percentage points, such as `0.5pp`".into(),
            Type::Float => "a number, such as `1e-6`".into(),
            Type::Duration => "a duration, such as `30s` or `10min`".into(),
            Type::Bytes => "a size, such as `4GiB`".into(),
            Type::Rate => "a rate, such as `300/min`".into(),
            Type::Money => "an amount of money, such as `400usd`".into(),
            Type::Text => "a string, such as \"text\"".into(),
            Type::Path => "a path in quotes".into(),
            Type::GitRef => "a tag, commit or version in quotes, such as \"v1.2.0\"".into(),
            Type::Image => "an image name in quotes, such as \"python:3.12\"".into(),
            Type::Bool => "`on` or `off`".into(),
            Type::Metric => "a metric, such as `anchor.resolved`".into(),
            Type::Fact => "the name of a fact, such as `parsed`".into(),
            Type::Secret => "`secret(\"NAME\")`, which reads the environment variable NAME".into(),
            Type::Enum(variants) => format!("one of `{}`", words(variants, "`, `")),
            Type::Ref(kinds) => {
                let kinds: Vec<&str> = kinds.iter().map(|kind| kind.word()).collect();
                format!("the label of a {} block", kinds.join(" or "))
            }
            Type::Range(of) => match of {
                Type::Ratio => "a range, such as `5%..15%` or `..15%`".into(),
                _ => "a range, such as `12..200` or `3..`".into(),
            },
            Type::List(of) => format!("a list in brackets; each value is {}", of.describe()),
            Type::Set(variants) => format!("a list of `{}`", words(variants, "`, `")),
        }
    }

    /// Returns whether the text forms `env("X")` and `file("X")` and `"${param.x}"` fit.
    pub fn is_textual(self) -> bool {
        matches!(self, Type::Text | Type::Path | Type::GitRef | Type::Image)
    }
}

const PARAM_TYPES: &[Type] = &[
    Type::Int,
    Type::Ratio,
    Type::Score,
    Type::Points,
    Type::Float,
    Type::Duration,
    Type::Bytes,
    Type::Rate,
    Type::Money,
    Type::Text,
    Type::Path,
    Type::GitRef,
    Type::Image,
    Type::Bool,
];

/// Returns the names of the types a `param` may have.
pub(crate) fn param_types() -> Vec<String> {
    PARAM_TYPES.iter().map(|ty| ty.name()).collect()
}

fn words(variants: &[Variant], between: &str) -> String {
    let names: Vec<&str> = variants.iter().map(|variant| variant.name).collect();
    names.join(between)
}

/// A block with a label, by its position in the project's table.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct EntityId(pub u32);

/// A part of a text with holes.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Part {
    /// Text as it is.
    Text(Arc<str>),
    /// The value of a parameter.
    Param(EntityId),
}

/// A value that fits its type.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Value {
    /// A whole number.
    Int(i64),
    /// A ratio, score, points or float; the slot's type tells which.
    Number(Decimal),
    /// Nanoseconds.
    Duration(u64),
    /// Bytes.
    Bytes(u64),
    /// Events in a number of seconds, reduced.
    Rate(u64, u64),
    /// Millionths of a US dollar.
    Money(i64),
    /// A text, path, gitref or image.
    Text(Arc<str>),
    /// A text with holes for parameters.
    Template(Arc<[Part]>),
    /// On or off.
    Bool(bool),
    /// A word of an enum.
    Variant(&'static str),
    /// A fact of gates.
    Fact(Arc<str>),
    /// Another block.
    Ref(EntityId),
    /// `solver`: the weights of the round.
    Solver,
    /// A figure of a validation or bench block.
    Metric(EntityId, &'static str),
    /// From, to; both included.
    Range(Option<Arc<Value>>, Option<Arc<Value>>),
    /// Values in order; sorted when the type is a set.
    List(Arc<[Value]>),
    /// `env("NAME")`
    Env(Arc<str>),
    /// `file("path")`
    File(Arc<str>),
    /// `secret("NAME")`
    Secret(Arc<str>),
    /// `param.name`, to be replaced before use.
    Param(EntityId),
}

/// A unit of time, size, money or count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Dimension {
    Count,
    Time,
    Size,
    Percent,
    Points,
    Money,
}

impl Dimension {
    pub(crate) fn noun(self) -> &'static str {
        match self {
            Dimension::Count => "a count",
            Dimension::Time => "a duration",
            Dimension::Size => "a size in bytes",
            Dimension::Percent => "a percentage",
            Dimension::Points => "percentage points",
            Dimension::Money => "an amount of money",
        }
    }
}

/// Name, dimension, and the factor to the base unit as `factor * 10^power`.
const UNITS: &[(&str, Dimension, i128, i32)] = &[
    ("d", Dimension::Time, 86_400, 9),
    ("h", Dimension::Time, 3_600, 9),
    ("min", Dimension::Time, 60, 9),
    ("s", Dimension::Time, 1, 9),
    ("ms", Dimension::Time, 1, 6),
    ("TiB", Dimension::Size, 1 << 40, 0),
    ("GiB", Dimension::Size, 1 << 30, 0),
    ("MiB", Dimension::Size, 1 << 20, 0),
    ("KiB", Dimension::Size, 1 << 10, 0),
    ("TB", Dimension::Size, 1, 12),
    ("GB", Dimension::Size, 1, 9),
    ("MB", Dimension::Size, 1, 6),
    ("KB", Dimension::Size, 1, 3),
    ("%", Dimension::Percent, 1, -2),
    ("pp", Dimension::Points, 1, -2),
    ("usd", Dimension::Money, 1, 6),
    ("k", Dimension::Count, 1, 3),
    ("M", Dimension::Count, 1, 6),
];

/// A number token, read.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Measured {
    /// The value in the base unit of its dimension.
    pub(crate) value: Decimal,
    /// The dimension of its unit, if it has one.
    pub(crate) dimension: Option<Dimension>,
}

/// Why a number token could not be read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum BadNumber {
    TooLarge,
    /// The unit, and the one that was perhaps meant.
    Unit(String, Option<&'static str>),
}

/// Reads a number token with its unit.
pub(crate) fn measure(text: &str) -> Result<Measured, BadNumber> {
    let (digits, unit) = split_unit(text);
    let value = Decimal::parse(digits).ok_or(BadNumber::TooLarge)?;
    if unit.is_empty() {
        return Ok(Measured { value, dimension: None });
    }
    let Some((_, dimension, factor, power)) = UNITS.iter().find(|known| known.0 == unit) else {
        return Err(BadNumber::Unit(unit.to_owned(), meant_unit(unit)));
    };
    let value = value.scale(*factor, *power).ok_or(BadNumber::TooLarge)?;
    Ok(Measured { value, dimension: Some(*dimension) })
}

/// Splits `1e-6`, `10min`, `35%` before the unit.
pub(crate) fn split_unit(text: &str) -> (&str, &str) {
    let bytes = text.as_bytes();
    let digit = |at: usize| bytes.get(at).is_some_and(u8::is_ascii_digit);
    let mut at = usize::from(bytes.first() == Some(&b'-'));
    while digit(at) || bytes.get(at) == Some(&b'_') || (bytes.get(at) == Some(&b'.') && digit(at + 1)) {
        at += 1;
    }
    if matches!(bytes.get(at), Some(b'e' | b'E')) {
        let sign = usize::from(matches!(bytes.get(at + 1), Some(b'+' | b'-')));
        if digit(at + 1 + sign) {
            at += 1 + sign;
            while digit(at) {
                at += 1;
            }
        }
    }
    text.split_at(at)
}

fn meant_unit(unit: &str) -> Option<&'static str> {
    let known = |name: &str| UNITS.iter().map(|unit| unit.0).find(|known| *known == name);
    match unit.to_ascii_lowercase().as_str() {
        "m" | "mins" | "minute" | "minutes" => known("min"),
        "sec" | "secs" | "second" | "seconds" => known("s"),
        "hr" | "hrs" | "hour" | "hours" => known("h"),
        "day" | "days" => known("d"),
        "g" | "gi" | "gig" => known("GiB"),
        "mi" | "meg" => known("MiB"),
        "dollar" | "dollars" => known("usd"),
        "percent" => known("%"),
        lower => UNITS.iter().map(|unit| unit.0).find(|known| known.to_ascii_lowercase() == lower),
    }
}

/// Returns whether this is a unit, or was perhaps meant as one.
pub(crate) fn is_unit(text: &str) -> bool {
    UNITS.iter().any(|unit| unit.0 == text) || meant_unit(text).is_some()
}

/// Returns the seconds of a rate's `/min`.
pub(crate) fn seconds_of(unit: &str) -> Option<u64> {
    match unit {
        "s" => Some(1),
        "min" => Some(60),
        "h" => Some(3_600),
        "d" => Some(86_400),
        _ => None,
    }
}

/// Writes a value's canonical bytes: tagged, length-prefixed, the same for every spelling.
pub(crate) fn canonical(value: &Value, out: &mut Vec<u8>) {
    let mut text = |tag: u8, text: &str| {
        out.push(tag);
        out.extend((text.len() as u64).to_le_bytes());
        out.extend(text.as_bytes());
    };
    match value {
        Value::Int(int) => {
            out.push(b'i');
            out.extend(int.to_le_bytes());
        }
        Value::Number(number) => {
            let (mantissa, exponent) = number.parts();
            out.push(b'n');
            out.extend(mantissa.to_le_bytes());
            out.extend(exponent.to_le_bytes());
        }
        Value::Duration(ns) => {
            out.push(b'd');
            out.extend(ns.to_le_bytes());
        }
        Value::Bytes(bytes) => {
            out.push(b'b');
            out.extend(bytes.to_le_bytes());
        }
        Value::Rate(events, seconds) => {
            out.push(b'r');
            out.extend(events.to_le_bytes());
            out.extend(seconds.to_le_bytes());
        }
        Value::Money(micro) => {
            out.push(b'$');
            out.extend(micro.to_le_bytes());
        }
        Value::Bool(on) => out.extend([b'?', u8::from(*on)]),
        Value::Text(value) => text(b't', value),
        Value::Variant(name) => text(b'v', name),
        Value::Fact(name) => text(b'f', name),
        // Names of variables and files are not their meaning: the stage hashes what they hold.
        Value::Env(_) => out.push(b'E'),
        Value::File(_) => out.push(b'F'),
        Value::Solver => out.push(b'S'),
        Value::Range(from, to) => {
            out.push(b'.');
            for end in [from, to] {
                match end {
                    Some(value) => canonical(value, out),
                    None => out.push(b'_'),
                }
            }
        }
        Value::List(values) => {
            out.push(b'l');
            out.extend((values.len() as u64).to_le_bytes());
            for value in values.iter() {
                canonical(value, out);
            }
        }
        // The name of a secret is how it is found, not what is asked of the model.
        Value::Secret(_) => out.push(b'X'),
        // These are replaced by content before anything is hashed; see `plan::settings`.
        Value::Ref(EntityId(id)) | Value::Param(EntityId(id)) | Value::Metric(EntityId(id), _) => {
            out.push(b'@');
            out.extend(id.to_le_bytes());
        }
        Value::Template(pieces) => {
            out.push(b'T');
            out.extend((pieces.len() as u64).to_le_bytes());
        }
    }
}

/// Shows a value as it could be written in a file; `label` names a block.
pub(crate) fn show(value: &Value, ty: Type, label: &dyn Fn(EntityId) -> String) -> String {
    match value {
        Value::Int(int) => int.to_string(),
        Value::Number(number) => show_number(*number, ty),
        Value::Duration(ns) => show_unit(i128::from(*ns), Dimension::Time),
        Value::Bytes(bytes) => show_unit(i128::from(*bytes), Dimension::Size),
        Value::Money(micro) => show_unit(i128::from(*micro), Dimension::Money),
        Value::Rate(events, seconds) => show_rate(*events, *seconds),
        Value::Text(text) => quote(text),
        Value::Template(parts) => {
            let shown = parts.iter().map(|part| match part {
                Part::Text(text) => escape(text),
                Part::Param(id) => format!("${{{}}}", label(*id)),
            });
            format!("\"{}\"", shown.collect::<String>())
        }
        Value::Bool(on) => if *on { "on" } else { "off" }.to_owned(),
        Value::Variant(name) => (*name).to_owned(),
        Value::Fact(name) => name.to_string(),
        Value::Ref(id) => label(*id),
        Value::Param(id) => label(*id),
        Value::Solver => "solver".to_owned(),
        Value::Metric(id, name) => format!("{}.{name}", label(*id)),
        Value::Range(from, to) => {
            let of = match ty {
                Type::Range(of) => *of,
                other => other,
            };
            let end =
                |value: &Option<Arc<Value>>| value.as_ref().map_or(String::new(), |v| show(v, of, label));
            format!("{}..{}", end(from), end(to))
        }
        Value::List(values) => {
            let of = match ty {
                Type::List(of) => *of,
                other => other,
            };
            let shown: Vec<String> = values.iter().map(|value| show(value, of, label)).collect();
            format!("[{}]", shown.join(", "))
        }
        Value::Env(name) => format!("env({})", quote(name)),
        Value::File(path) => format!("file({})", quote(path)),
        Value::Secret(name) => format!("secret({})", quote(name)),
    }
}

fn show_number(number: Decimal, ty: Type) -> String {
    let hundred = number.scale(1, 2);
    match (ty, hundred) {
        (Type::Ratio, Some(percent)) => format!("{percent}%"),
        (Type::Points, Some(points)) => format!("{points}pp"),
        _ => number.to_string(),
    }
}

/// Shows a whole number of base units in the largest unit that keeps it whole.
fn show_unit(value: i128, dimension: Dimension) -> String {
    let units = UNITS.iter().filter(|unit| unit.1 == dimension);
    let whole = units.clone().filter_map(|(name, _, factor, power)| {
        let unit = factor * 10i128.pow(*power as u32);
        (value % unit == 0 && value != 0).then_some((value / unit, name))
    });
    let whole = whole.min_by_key(|(count, _)| count.abs()).map(|(count, name)| format!("{count}{name}"));
    // No unit fits: the smallest one, with a fraction.
    let smallest = || {
        let (name, _, factor, power) = match dimension {
            Dimension::Size => ("KB", dimension, 1, 3),
            _ => *units.clone().next_back().unwrap_or(&UNITS[0]),
        };
        let shown = Decimal::new(value, -power).filter(|_| factor == 1);
        shown.map_or_else(|| value.to_string(), |shown| format!("{shown}{name}"))
    };
    whole.unwrap_or_else(smallest)
}

fn show_rate(events: u64, seconds: u64) -> String {
    let units = [("s", 1u64), ("min", 60), ("h", 3_600), ("d", 86_400)];
    let exact = units.iter().find(|(_, unit)| (events * unit).is_multiple_of(seconds));
    match exact {
        Some((name, unit)) => format!("{}/{name}", events * unit / seconds),
        None => format!("{events}/{seconds}s"),
    }
}

impl Value {
    /// Calls `each` for the value and for every value inside it, with its place in the list.
    pub(crate) fn for_each(&self, name: &str, each: &mut dyn FnMut(&str, &Value)) {
        each(name, self);
        if let Value::List(values) = self {
            for (index, value) in values.iter().enumerate() {
                value.for_each(&format!("{name}[{index}]"), each);
            }
        }
    }
}

/// Reads a value from outside of a file, such as a flag: it can name nothing of the file.
pub fn read(text: &str, ty: Type) -> Result<Value, String> {
    crate::typing::read(text, ty)
}

/// Returns a text in quotes, as a file could hold it.
pub fn quote(text: &str) -> String {
    if text.contains('"') && !text.contains(['\'', '\n']) {
        return format!("'{text}'");
    }
    format!("\"{}\"", escape(text))
}

fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut chars = text.chars().peekable();
    while let Some(c) = chars.next() {
        match c {
            '"' => out.push_str("\\\""),
            '\\' => out.push_str("\\\\"),
            '\n' => out.push_str("\\n"),
            '\t' => out.push_str("\\t"),
            '\r' => out.push_str("\\r"),
            '$' if chars.peek() == Some(&'{') => out.push_str("\\$"),
            c if c.is_control() => out.push_str(&format!("\\u{{{:x}}}", u32::from(c))),
            c => out.push(c),
        }
    }
    out
}

impl fmt::Display for Type {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}
