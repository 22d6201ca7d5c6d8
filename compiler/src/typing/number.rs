//! Numbers with their units.

use std::sync::Arc;

use super::{
    Found, Slot,
    bounds::{compare, is_within},
    mismatch,
    word::bool_text,
};
use crate::{
    decimal::Decimal,
    diagnostic::{Code, Place, Problem},
    syntax::{Name, Value as Written, ValueKind},
    value::{self, BadNumber, Dimension, Type, Value, measure},
};
use smol_str::SmolStr;

pub(super) fn number(
    slot: &Slot<'_>,
    text: &str,
    ty: Type,
    place: Place,
    found: &mut Found,
) -> Option<Value> {
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
            let problem = out_of_range(slot.name, text, range, place);
            let is_percent = ty == Type::Ratio && measured.dimension.is_none() && value <= Decimal::HUNDRED;
            found.problems.push(match is_percent && value > Decimal::ZERO {
                true => problem.fix(format!("write `{text}%`"), place, format!("{text}%")).unsure(),
                false => problem,
            });
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

pub(super) fn bad_number(text: &str, bad: BadNumber, place: Place) -> Problem {
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

pub(super) fn short(text: &str) -> String {
    match text.char_indices().nth(24) {
        Some((at, _)) => format!("{}...", &text[..at]),
        None => text.to_owned(),
    }
}

pub(super) fn rate_value(
    slot: &Slot<'_>,
    count: &str,
    per: &Name,
    place: Place,
    found: &mut Found,
) -> Option<Value> {
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

pub(super) fn gcd(a: u64, b: u64) -> u64 {
    if b == 0 { a.max(1) } else { gcd(b, a % b) }
}

pub(super) fn range(
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
