//! Comparisons, arithmetic, `and` and `or`, `not`.

use super::{Finder, LONGEST_TEXT};
use crate::rewriter::edit::Kind;

const COMPARISONS: &[(&str, &[&str])] = &[
    ("<", &["<=", ">", ">=", "==", "!="]),
    ("<=", &["<", ">", ">=", "==", "!="]),
    (">", &[">=", "<", "<=", "==", "!="]),
    (">=", &[">", "<", "<=", "==", "!="]),
    ("==", &["!=", "<", "<=", ">", ">=", "is"]),
    ("!=", &["==", "<", "<=", ">", ">=", "is not"]),
    ("in", &["not in"]),
    ("not in", &["in"]),
    ("is", &["is not", "=="]),
    ("is not", &["is", "!="]),
];

const ARITHMETIC: &[(&str, &[&str])] = &[
    ("+", &["-", "*"]),
    ("-", &["+", "*", "//"]),
    ("*", &["+", "-", "/", "**", "//"]),
    ("/", &["*", "//"]),
    ("//", &["/", "*", "%", "-"]),
    ("%", &["//"]),
    ("**", &["*"]),
    ("&", &["|", "^"]),
    ("|", &["&", "^"]),
    ("^", &["|", "&"]),
    ("<<", &[">>"]),
    (">>", &["<<"]),
];

/// Returns the alternatives of a word in a table.
pub(super) fn alternatives<'t>(table: &'t [(&str, &'t [&'t str])], word: &str) -> &'t [&'t str] {
    table.iter().find(|(from, _)| *from == word).map_or(&[], |(_, to)| *to)
}

pub(super) fn find(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let context = arena.context(at);
    match arena.kind(at) {
        "comparison_operator" => {
            let signs: Vec<u32> =
                arena.children(at).filter(|sign| arena.nodes[*sign as usize].field == "operators").collect();
            for sign in signs {
                let is_plain = arena.text(sign) == arena.kind(sign);
                for other in alternatives(COMPARISONS, arena.kind(sign)) {
                    finder.offer(sign, *other, Kind::Comparison, context, is_plain);
                }
            }
        }
        "binary_operator" => {
            let Some(sign) = arena.field(at, "operator") else { return };
            // Text is formatted by `%`: nothing else may stand there.
            let left = arena.field(at, "left").map_or("", |left| arena.kind(left));
            if arena.kind(sign) == "%" && matches!(left, "string" | "concatenated_string") {
                return;
            }
            for other in alternatives(ARITHMETIC, arena.kind(sign)) {
                finder.offer(sign, *other, Kind::Arithmetic, context, true);
            }
        }
        "boolean_operator" => {
            let Some(sign) = arena.field(at, "operator") else { return };
            let other = if arena.kind(sign) == "and" { "or" } else { "and" };
            finder.offer(sign, other, Kind::Boolean, context, true);
        }
        _ => (),
    }
    negations(finder, at, context);
}

/// A place where `not` can come and go.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Place {
    /// The whole condition.
    Whole,
    /// An operand of `and` or `or`.
    Operand,
    /// A returned value.
    Returned,
}

fn negations(finder: &mut Finder<'_>, at: u32, context: &'static str) {
    let arena = finder.arena;
    let Some(place) = place(finder, at) else { return };
    let text = arena.text(at);
    if text.len() > LONGEST_TEXT || text.contains('\n') {
        return;
    }
    let takes_not = |kind: &str, place: Place| match kind {
        "identifier" | "call" | "comparison_operator" | "parenthesized_expression" => true,
        "attribute" | "subscript" => place != Place::Returned,
        _ => false,
    };
    match arena.kind(at) {
        "not_operator" => {
            let Some(inner) = arena.field(at, "argument") else { return };
            let rest = arena.text(inner);
            let wrapped = arena.named(inner).first().copied().filter(|wrapped| {
                arena.kind(inner) == "parenthesized_expression" && arena.kind(*wrapped) == "boolean_operator"
            });
            match wrapped {
                Some(wrapped) if place != Place::Operand => {
                    let rest = arena.text(wrapped);
                    finder.offer(at, rest, Kind::Negation, context, text == format!("not ({rest})"));
                }
                _ => {
                    let undoes = takes_not(arena.kind(inner), place) && text == format!("not {rest}");
                    finder.offer(at, rest, Kind::Negation, context, undoes);
                }
            }
        }
        "boolean_operator" if place != Place::Operand => {
            finder.offer(at, format!("not ({text})"), Kind::Negation, context, true);
        }
        kind if takes_not(kind, place) => {
            let wrapped =
                arena.named(at).first().is_some_and(|inner| arena.kind(*inner) == "boolean_operator");
            let undoes = !(kind == "parenthesized_expression" && wrapped && place != Place::Operand);
            finder.offer(at, format!("not {text}"), Kind::Negation, context, undoes);
        }
        _ => (),
    }
}

fn place(finder: &Finder<'_>, at: u32) -> Option<Place> {
    let arena = finder.arena;
    let node = arena.node(at).filter(|node| node.is_named)?;
    let up = node.parent;
    match (arena.kind(up), node.field) {
        ("if_statement" | "elif_clause" | "while_statement", "condition") => Some(Place::Whole),
        ("if_clause", _) => Some(Place::Whole),
        ("assert_statement", _) if arena.named(up).first() == Some(&at) => Some(Place::Whole),
        ("conditional_expression", _) if arena.named(up).get(1) == Some(&at) => Some(Place::Whole),
        ("boolean_operator", "left" | "right") => Some(Place::Operand),
        ("return_statement", _) => Some(Place::Returned),
        _ => None,
    }
}
