//! Statements: guards, returns, assignments, jumps.

use super::operators::alternatives;
use super::{Finder, POOL, Role, role};
use crate::rewriter::edit::Kind;

const ASSIGNMENTS: &[(&str, &[&str])] = &[
    ("=", &["+=", "-=", "|="]),
    ("+=", &["=", "-=", "*="]),
    ("-=", &["=", "+="]),
    ("|=", &["=", "&="]),
    ("&=", &["|="]),
    ("*=", &["+=", "/="]),
    ("/=", &["*=", "//="]),
    ("//=", &["/="]),
];

/// How many names of the statement behind a guard the guard may be about.
const GUARDED: usize = 3;

pub(super) fn find(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    match arena.kind(at) {
        "break_statement" => jump(finder, at, ["continue", "pass"]),
        "continue_statement" => jump(finder, at, ["break", "pass"]),
        "pass_statement" => jump(finder, at, ["break", "continue"]),
        "assignment" | "augmented_assignment" => assignment(finder, at),
        "return_statement" => returned(finder, at),
        "if_statement" | "elif_clause" => condition(finder, at),
        _ => (),
    }
    if arena.kind(arena.parent(at)) == "block" {
        guards(finder, at);
    }
}

fn jump(finder: &mut Finder<'_>, at: u32, others: [&str; 2]) {
    let arena = finder.arena;
    let mut around = arena.above(at).map(|up| arena.kind(up));
    let nearest = around.find(|kind| {
        matches!(*kind, "for_statement" | "while_statement" | "function_definition" | "class_definition")
    });
    if matches!(nearest, Some("for_statement" | "while_statement")) {
        let block = arena.parent(at);
        for other in others {
            finder.offer(at, other, Kind::LoopControl, arena.context(block), true);
        }
    }
}

fn assignment(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let Some((left, right)) = arena.field(at, "left").zip(arena.field(at, "right")) else { return };
    let is_chain = matches!(arena.kind(right), "assignment" | "augmented_assignment");
    let up = arena.parent(at);
    let is_simple = matches!(arena.kind(left), "identifier" | "attribute" | "subscript");
    if is_chain || !is_simple || arena.kind(up) != "expression_statement" || arena.field(at, "type").is_some()
    {
        return;
    }
    let sign = arena.children(at).find(|sign| {
        arena.node(*sign).is_some_and(|node| !node.is_named) && arena.kind(*sign).ends_with('=')
    });
    let Some(sign) = sign else { return };
    let context = arena.context(arena.parent(up));
    let name = arena.text(left);
    let start = arena.nodes[left as usize].start;
    // The first assignment of a name would fail always, whatever the tests do.
    let has_value = arena.kind(left) != "identifier"
        || finder.bindings(name).iter().filter(|(from, _)| *from <= start).count()
            > usize::from(arena.kind(at) == "assignment");
    for other in alternatives(ASSIGNMENTS, arena.kind(sign)) {
        finder.offer(sign, *other, Kind::Augmented, context, has_value);
    }
}

fn returned(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    for value in arena.named(at) {
        if arena.kind(value) == "none" {
            let node = arena.nodes[value as usize];
            for name in finder.near(node.start, node.end).into_iter().take(POOL) {
                finder.offer(value, name, Kind::Return, "return_statement", true);
            }
        }
    }
    let Some((line, indent)) = indent(finder, at) else { return };
    let node = arena.nodes[at as usize];
    let block = arena.parent(at);
    let siblings = arena.named(block);
    let place = siblings.iter().position(|sibling| *sibling == at);
    // Behind a loop: into it.
    let earlier = place.and_then(|place| siblings.get(place.checked_sub(1)?)).copied();
    if let Some(inner) = earlier.and_then(|earlier| body_indent(finder, earlier, node.start)) {
        finder.offer_text(line, node.start, node.row, inner, Kind::Return, arena.context(block), true);
    }
    // The last statement of a loop: behind it.
    let around = arena.parent(block);
    let is_last = siblings.len() > 1 && place == Some(siblings.len() - 1);
    let is_loop = matches!(arena.kind(around), "for_statement" | "while_statement");
    let has_else = arena.field(around, "alternative").is_some();
    if is_last && is_loop && !has_else && arena.nodes[around as usize].next == super::NONE {
        let context = arena.context(arena.parent(around));
        if let Some((_, outer)) = self::indent(finder, around) {
            let undoes = body_indent(finder, around, node.end).as_deref() == Some(indent);
            finder.offer_text(line, node.start, node.row, outer, Kind::Return, context, undoes);
        }
    }
}

/// Returns the start of a statement's line, and the spacing before it; none when something else
/// stands before it.
fn indent<'a>(finder: &Finder<'a>, at: u32) -> Option<(u32, &'a str)> {
    let text = finder.arena.text;
    let start = finder.arena.node(at)?.start as usize;
    let line = text.get(..start)?.rfind('\n').map_or(0, |end| end + 1);
    let spacing = &text[line..start];
    spacing.bytes().all(|byte| matches!(byte, b' ' | b'\t')).then_some((line as u32, spacing))
}

/// Returns the spacing before the statements of a loop that has no `else`, when nothing but
/// spacing lies between its end and `until`.
fn body_indent(finder: &Finder<'_>, at: u32, until: u32) -> Option<String> {
    let arena = finder.arena;
    let node = arena.node(at)?;
    let is_loop = matches!(node.kind, "for_statement" | "while_statement");
    if !is_loop || arena.field(at, "alternative").is_some() {
        return None;
    }
    let between = arena.text.get(node.end as usize..until as usize).unwrap_or("");
    if !between.trim().is_empty() {
        return None;
    }
    let first = *arena.named(arena.field(at, "body")?).first()?;
    let (_, spacing) = indent(finder, first)?;
    Some(spacing.to_owned())
}

/// Offers a condition that always or never holds, and the way back from one.
fn condition(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let Some(test) = arena.field(at, "condition") else { return };
    let node = arena.nodes[test as usize];
    let context = arena.kind(at);
    let near = finder.near(node.start, node.end);
    let offers = near.iter().take(POOL).flat_map(|name| conditions(name));
    if matches!(node.kind, "true" | "false") {
        let offers: Vec<String> = offers.collect();
        for offer in offers {
            finder.offer(test, offer, Kind::Guard, context, true);
        }
    } else {
        let text = arena.text(test);
        let undoes = offers.into_iter().any(|offer| offer == text);
        finder.offer(test, "False", Kind::Guard, context, undoes);
        finder.offer(test, "True", Kind::Guard, context, undoes);
    }
}

fn conditions(name: &str) -> [String; 4] {
    [name.to_owned(), format!("not {name}"), format!("{name} is None"), format!("{name} is not None")]
}

/// Offers to put a guard before a statement, or to take one away.
fn guards(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let block = arena.parent(at);
    let is_loop = match arena.kind(arena.parent(block)) {
        "function_definition" => false,
        "for_statement" | "while_statement" => true,
        _ => return,
    };
    let siblings = arena.named(block);
    let Some(place) = siblings.iter().position(|sibling| *sibling == at) else { return };
    let is_opening = |sibling: &u32| {
        matches!(arena.kind(*sibling), "if_statement")
            || arena.named(*sibling).first().is_some_and(|inner| arena.kind(*inner) == "string")
    };
    if !siblings[..place].iter().all(is_opening) {
        return;
    }
    let context = arena.kind(arena.parent(block));
    let Some((_, spacing)) = indent(finder, at) else { return };
    let node = arena.nodes[at as usize];
    for guard in guards_before(finder, at, spacing, is_loop) {
        finder.offer_text(node.start, node.start, node.row, guard, Kind::Guard, context, true);
    }
    if let (true, Some(next)) = (node.kind == "if_statement", siblings.get(place + 1)) {
        let end = arena.nodes[*next as usize].start;
        let whole = arena.text.get(node.start as usize..end as usize).unwrap_or("");
        if guards_before(finder, *next, spacing, is_loop).iter().any(|guard| guard == whole) {
            finder.offer_text(node.start, end, node.row, "", Kind::Guard, context, true);
        }
    }
}

/// Returns the guards that may stand before a statement.
fn guards_before(finder: &Finder<'_>, at: u32, spacing: &str, is_loop: bool) -> Vec<String> {
    let arena = finder.arena;
    let Some(node) = arena.node(at) else { return Vec::new() };
    let mut names: Vec<&str> = Vec::new();
    for inner in at..arena.after(at) {
        let is_use = arena.kind(inner) == "identifier" && role(arena, inner) == Role::Load;
        let name = arena.text(inner);
        if is_use
            && arena.nodes[inner as usize].row == node.row
            && !matches!(name, "self" | "cls")
            && !names.contains(&name)
            && finder.is_bound(name, node.start)
        {
            names.push(name);
        }
    }
    names.truncate(GUARDED);
    let step = if spacing.contains('\t') { "\t" } else { "    " };
    let mut guards = Vec::new();
    for name in names {
        let returned = format!("return {name}");
        let bodies: &[&str] =
            if is_loop { &["continue"] } else { &["return", "return None", "return False", &returned] };
        for test in [format!("not {name}"), format!("{name} is None")] {
            for body in bodies {
                guards.push(format!("if {test}:\n{spacing}{step}{body}\n{spacing}"));
            }
        }
    }
    guards
}
