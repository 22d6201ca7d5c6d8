//! Numbers, truth values, `None`, and bounds.

use super::Finder;
use crate::rewriter::edit::Kind;

/// Larger numbers mean something of their own.
const LARGEST: i64 = 1_000_000;

pub(super) fn find(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let up = arena.parent(at);
    let is_default = matches!(arena.kind(up), "default_parameter" | "typed_default_parameter");
    match arena.kind(at) {
        "integer" if !is_minus(finder, up) => numbers(finder, at, is_default),
        "unary_operator" if is_minus(finder, at) => numbers(finder, at, is_default),
        word @ ("true" | "false" | "none") => {
            let others: &[&str] = match word {
                "true" => &["False", "None"],
                "false" => &["True", "None"],
                _ => &["True", "False"],
            };
            // `is None` is one thought.
            if arena.kind(up) == "comparison_operator" {
                return;
            }
            let kind = if is_default { Kind::Default } else { Kind::Constant };
            for other in others {
                finder.offer(at, *other, kind, arena.context(at), true);
            }
        }
        _ => (),
    }
    bounds(finder, at);
}

/// Returns whether a node is a number with a minus before it.
fn is_minus(finder: &Finder<'_>, at: u32) -> bool {
    let arena = finder.arena;
    arena.kind(at) == "unary_operator"
        && arena.field(at, "operator").is_some_and(|sign| arena.kind(sign) == "-")
        && arena.field(at, "argument").is_some_and(|number| arena.kind(number) == "integer")
}

fn numbers(finder: &mut Finder<'_>, at: u32, is_default: bool) {
    let arena = finder.arena;
    let context = arena.context(at);
    let Ok(value) = arena.text(at).parse::<i64>() else { return };
    if value.abs() > LARGEST || arena.text(at) != value.to_string() {
        return;
    }
    // `0 ** 2` and `-1 ** 2` are not read alike.
    let takes_minus = !matches!(arena.kind(arena.parent(at)), "binary_operator" | "attribute" | "call");
    let mut others = vec![(value + 1, Kind::OffByOne), (value - 1, Kind::OffByOne)];
    if matches!(value, -1..=2) {
        others.extend([-1, 0, 1, 2].map(|other| (other, Kind::Constant)));
    }
    others.push((-value, Kind::Constant));
    for (other, kind) in others {
        if other == value || (other < 0 && !takes_minus) {
            continue;
        }
        let kind = if is_default { Kind::Default } else { kind };
        finder.offer(at, other.to_string(), kind, context, value >= 0 || takes_minus);
    }
}

/// Offers one more and one less where a bound or an index stands.
fn bounds(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    if !is_bound_place(finder, at) {
        return;
    }
    let context = arena.context(at);
    let text = arena.text(at);
    if text.contains('\n') {
        return;
    }
    let takes = |at: u32| match arena.kind(at) {
        "identifier" | "call" | "attribute" | "subscript" => true,
        "unary_operator" => !is_minus(finder, at),
        _ => false,
    };
    if takes(at) {
        finder.offer(at, format!("{text} + 1"), Kind::OffByOne, context, true);
        finder.offer(at, format!("{text} - 1"), Kind::OffByOne, context, true);
        return;
    }
    if arena.kind(at) != "binary_operator" {
        return;
    }
    let part = |field: &str| arena.field(at, field);
    let (Some(left), Some(sign), Some(right)) = (part("left"), part("operator"), part("right")) else {
        return;
    };
    if matches!(arena.kind(sign), "+" | "-") && arena.text(right) == "1" {
        let rest = arena.text(left);
        let undoes = takes(left) && text == format!("{rest} {} 1", arena.kind(sign));
        finder.offer(at, rest, Kind::OffByOne, context, undoes);
    }
}

fn is_bound_place(finder: &Finder<'_>, at: u32) -> bool {
    let arena = finder.arena;
    let Some(node) = arena.node(at).filter(|node| node.is_named) else { return false };
    let up = node.parent;
    match arena.kind(up) {
        "slice" => true,
        "subscript" => node.field == "subscript",
        "argument_list" => {
            let call = arena.parent(up);
            arena.kind(call) == "call"
                && arena.field(call, "function").is_some_and(|function| arena.text(function) == "range")
        }
        "comparison_operator" => {
            let is_order = |sign: u32| matches!(arena.kind(sign), "<" | "<=" | ">" | ">=");
            arena.children(up).any(is_order)
        }
        _ => false,
    }
}
