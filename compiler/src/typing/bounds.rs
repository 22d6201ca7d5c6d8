//! The values that the table allows.

use std::{collections::HashMap, sync::LazyLock};

use super::parse_bare;
use crate::{
    schema,
    value::{Type, Value},
};

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

pub(super) fn read_bounds(text: &str, ty: Type) -> Option<Bounds> {
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
