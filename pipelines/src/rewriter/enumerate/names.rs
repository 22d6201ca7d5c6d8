//! Names: variables, attributes, keys, arguments, functions, exceptions.

use std::collections::BTreeMap;

use super::{Finder, LONGEST_TEXT, POOL, Role, role};
use crate::rewriter::edit::Kind;
use crate::rewriter::source::{is_key_method, object_key};

const FUNCTIONS: &[&[&str]] = &[
    &["min", "max"],
    &["any", "all"],
    &["sorted", "reversed", "list", "tuple", "set"],
    &["int", "float", "str", "bool"],
    &["isinstance", "issubclass"],
    &["len", "sum"],
    &["hasattr", "getattr"],
    &["chr", "ord"],
];

const METHODS: &[&[&str]] = &[
    &["append", "extend"],
    &["lower", "upper"],
    &["startswith", "endswith"],
    &["strip", "lstrip", "rstrip"],
    &["find", "rfind", "index", "rindex"],
    &["split", "rsplit"],
    &["partition", "rpartition"],
    &["keys", "values", "items"],
    &["add", "discard", "remove"],
    &["union", "intersection", "difference"],
    &["issubset", "issuperset"],
    &["ljust", "rjust"],
    &["encode", "decode"],
    &["pop", "get", "setdefault"],
    &["popleft", "appendleft"],
    &["match", "search", "fullmatch"],
    &["isdigit", "isalpha", "isalnum"],
    &["write", "writelines"],
    &["acquire", "release"],
    &["insert", "append"],
];

const EXCEPTIONS: &[&str] =
    &["ValueError", "TypeError", "KeyError", "IndexError", "AttributeError", "RuntimeError"];

pub(super) fn find(finder: &mut Finder<'_>, at: u32) {
    match finder.arena.kind(at) {
        "identifier" => match role(finder.arena, at) {
            Role::Load => variable(finder, at),
            Role::Callee => function(finder, at),
            Role::Other => {
                if finder.arena.nodes[at as usize].field == "attribute" {
                    attribute(finder, at);
                }
            }
            Role::Store => (),
        },
        "string" => key(finder, at),
        "argument_list" => arguments(finder, at),
        "raise_statement" | "except_clause" => exceptions(finder, at),
        _ => (),
    }
}

fn variable(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let node = arena.nodes[at as usize];
    let name = arena.text(at);
    if matches!(name, "self" | "cls" | "_") || !finder.is_bound(name, node.start) {
        return;
    }
    let pool = finder.near(node.start, node.end);
    let is_returned = arena.kind(node.parent) == "return_statement";
    let kind = if is_returned { Kind::Return } else { Kind::Variable };
    finder.offer_pool(at, &pool, kind, arena.context(at));
    if is_returned {
        let undoes = pool.iter().take(POOL).any(|near| *near == name);
        finder.offer(at, "None", Kind::Return, "return_statement", undoes);
    }
}

/// Returns the words of a pool without one occurrence of `current`, the frequent ones first.
fn frequent<'p>(pool: Option<&'p BTreeMap<String, u32>>, current: &str) -> Vec<&'p str> {
    let mut words: Vec<(u32, &str)> = pool
        .into_iter()
        .flatten()
        .map(|(word, count)| (count - u32::from(word == current).min(*count), word.as_str()))
        .filter(|(count, _)| *count > 0)
        .collect();
    words.sort_unstable_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
    words.into_iter().map(|(_, word)| word).collect()
}

fn attribute(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let file = finder.file;
    let access = arena.parent(at);
    let up = arena.parent(access);
    let is_called = arena.kind(up) == "call" && arena.nodes[access as usize].field == "function";
    if is_called {
        siblings(finder, at, METHODS, arena.context(up));
    }
    let Some(object) = arena.field(access, "object").filter(|object| arena.kind(*object) == "identifier")
    else {
        return;
    };
    let class = file.function_at(arena.nodes[at as usize].start).map_or(0, |function| function.class);
    let key = object_key(arena.text(object), class, is_called);
    let pool = frequent(file.attributes.get(&key), arena.text(at));
    finder.offer_pool(at, &pool, Kind::Attribute, arena.context(access));
}

/// Offers the others of each group that a name is in.
fn siblings(finder: &mut Finder<'_>, at: u32, groups: &[&[&str]], context: &'static str) {
    let name = finder.arena.text(at);
    for group in groups.iter().filter(|group| group.contains(&name)) {
        for other in group.iter().filter(|other| **other != name) {
            finder.offer(at, *other, Kind::Call, context, true);
        }
    }
}

fn function(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let name = arena.text(at);
    let context = arena.context(arena.parent(at));
    if finder.is_bound(name, arena.nodes[at as usize].start) {
        return;
    }
    siblings(finder, at, FUNCTIONS, context);
    // Functions of the module that take as many arguments, and are defined near each other.
    let file = finder.file;
    let tops: Vec<(&str, usize)> = file
        .functions
        .iter()
        .filter(|function| function.is_top)
        .map(|function| (&*function.name, function.parameters.len()))
        .collect();
    let Some((_, width)) = tops.iter().find(|(known, _)| *known == name).copied() else { return };
    let alike: Vec<&str> =
        tops.iter().filter(|(_, other)| *other == width).map(|(known, _)| *known).collect();
    let Some(place) = alike.iter().position(|known| *known == name) else { return };
    for (other_place, other) in alike.iter().enumerate() {
        if *other != name && place.abs_diff(other_place) <= POOL / 2 {
            finder.offer(at, *other, Kind::Call, context, true);
        }
    }
}

/// Returns whether a node is a plain string on one line.
fn is_plain_string(finder: &Finder<'_>, at: u32) -> bool {
    let text = finder.arena.text(at);
    let is_quoted = text.starts_with('"') || text.starts_with('\'');
    is_quoted && !text.contains('\n') && !text.starts_with("'''") && !text.starts_with("\"\"\"")
}

fn key(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let node = arena.nodes[at as usize];
    if !is_plain_string(finder, at) {
        return;
    }
    let up = node.parent;
    let is_key = match arena.kind(up) {
        "subscript" => node.field == "subscript" && arena.named(up).len() == 2,
        "argument_list" => {
            let function = arena.field(arena.parent(up), "function");
            let method = function.and_then(|function| arena.field(function, "attribute"));
            arena.named(up).first() == Some(&at) && method.is_some_and(|name| is_key_method(arena.text(name)))
        }
        "comparison_operator" => {
            arena.named(up).first() == Some(&at)
                && arena.children(up).any(|sign| matches!(arena.kind(sign), "in" | "not in"))
        }
        _ => false,
    };
    if is_key {
        let file = finder.file;
        let pool = frequent(Some(&file.keys), arena.text(at));
        finder.offer_pool(at, &pool, Kind::Key, arena.context(at));
    }
}

fn arguments(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let call = arena.parent(at);
    if arena.kind(call) != "call" {
        return;
    }
    let context = arena.context(call);
    let list = arena.named(at);
    for pair in list.windows(2) {
        let parts = match (arena.kind(pair[0]), arena.kind(pair[1])) {
            ("keyword_argument", "keyword_argument") => {
                arena.field(pair[0], "value").zip(arena.field(pair[1], "value"))
            }
            (a, b) => {
                let is_value =
                    |kind: &str| !matches!(kind, "list_splat" | "dictionary_splat" | "keyword_argument");
                (is_value(a) && is_value(b)).then_some((pair[0], pair[1]))
            }
        };
        let Some((first, second)) = parts else { continue };
        let (left, right) = (arena.nodes[first as usize], arena.nodes[second as usize]);
        let Some(between) = arena.text.get(left.end as usize..right.start as usize) else { continue };
        let swapped = [arena.text(second), between, arena.text(first)].concat();
        if swapped.len() <= LONGEST_TEXT && !swapped.contains('\n') {
            finder.offer_text(left.start, right.end, left.row, swapped, Kind::Arguments, context, true);
        }
    }
}

fn exceptions(finder: &mut Finder<'_>, at: u32) {
    let arena = finder.arena;
    let context = arena.kind(at);
    let mut names: Vec<u32> = Vec::new();
    for child in arena.named(at) {
        match arena.kind(child) {
            "identifier" if arena.nodes[child as usize].field != "alias" => names.push(child),
            "call" => names.extend(arena.field(child, "function")),
            "tuple" => names.extend(arena.named(child)),
            "as_pattern" => names.extend(arena.named(child).first()),
            _ => (),
        }
    }
    for name in names {
        let text = arena.text(name);
        let is_type = arena.kind(name) == "identifier" && text.starts_with(char::is_uppercase);
        if !is_type || finder.is_bound(text, arena.nodes[name as usize].start) {
            continue;
        }
        let file = finder.file;
        let mut own = frequent(Some(&file.exceptions), text);
        own.retain(|other| !EXCEPTIONS.contains(other) && other.starts_with(char::is_uppercase));
        let rank = own.iter().position(|other| *other == text);
        let is_common = EXCEPTIONS.contains(&text);
        for other in EXCEPTIONS.iter().filter(|other| **other != text) {
            let undoes = is_common || rank.is_some_and(|rank| rank < POOL);
            finder.offer(name, *other, Kind::Exception, context, undoes);
        }
        let others = own.iter().enumerate().filter(|(_, other)| **other != text).take(POOL);
        for (place, other) in others {
            let undoes = is_common || rank.is_some_and(|rank| rank - usize::from(place < rank) < POOL);
            finder.offer(name, *other, Kind::Exception, context, undoes);
        }
    }
}
