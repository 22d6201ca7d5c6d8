//! Syntax trees in a form that is quick to ask: nodes in one vector, in the order of the text.

use std::sync::{Arc, LazyLock};

use tree_sitter::{Node, Parser, TreeCursor};

use super::hash;

/// No node.
pub(super) const NONE: u32 = u32::MAX;

/// A node.
#[derive(Clone, Copy, Debug)]
pub(super) struct Syn {
    pub(super) kind: &'static str,
    /// Its part in its parent; empty when it has no name.
    pub(super) field: &'static str,
    pub(super) start: u32,
    pub(super) end: u32,
    /// Its first line, from 0.
    pub(super) row: u32,
    pub(super) last_row: u32,
    pub(super) parent: u32,
    pub(super) next: u32,
    pub(super) first: u32,
    /// The function around it.
    pub(super) function: u32,
    pub(super) is_named: bool,
    /// Whether it is out of bounds for edits.
    pub(super) is_closed: bool,
}

/// The nodes of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Arena<'a> {
    pub(super) text: &'a str,
    pub(super) nodes: &'a [Syn],
}

/// A function.
#[derive(Clone, Debug)]
pub(super) struct Span {
    /// Its name, with the classes and functions around it.
    pub(super) name: Arc<str>,
    /// The hash of its own name.
    pub(super) own: u64,
    /// The hash of the name of the class around it, with what is around that; 0 for none.
    pub(super) class: u64,
    pub(super) start: u32,
    pub(super) end: u32,
    pub(super) row: u32,
    pub(super) last_row: u32,
    /// Where its body begins, and on which line.
    pub(super) body: u32,
    pub(super) body_row: u32,
    /// The names of its parameters.
    pub(super) parameters: Vec<u64>,
    pub(super) is_top: bool,
}

/// The names of kinds and fields by their numbers: asked for by number, no name is checked anew.
struct Names {
    kinds: Vec<&'static str>,
    fields: Vec<&'static str>,
}

static NAMES: LazyLock<Names> = LazyLock::new(|| {
    let language: tree_sitter::Language = tree_sitter_python::LANGUAGE.into();
    let kinds = 0..language.node_kind_count() as u16;
    let fields = 0..=language.field_count() as u16;
    Names {
        kinds: kinds.map(|kind| language.node_kind_for_id(kind).unwrap_or("")).collect(),
        fields: fields.map(|field| language.field_name_for_id(field).unwrap_or("")).collect(),
    }
});

fn kind_of(node: &Node<'_>) -> &'static str {
    // What is no Python has a number beyond those of the grammar.
    NAMES.kinds.get(usize::from(node.kind_id())).copied().unwrap_or("ERROR")
}

fn field_of(cursor: &TreeCursor<'_>) -> &'static str {
    cursor.field_id().and_then(|field| NAMES.fields.get(usize::from(field.get()))).copied().unwrap_or("")
}

/// Parses Python; none when the grammar cannot be loaded, which no input causes.
pub(super) fn parse(text: &str) -> Option<tree_sitter::Tree> {
    let mut parser = Parser::new();
    parser.set_language(&tree_sitter_python::LANGUAGE.into()).ok()?;
    parser.parse(text, None)
}

/// Returns the nodes of a tree, in the order of the text.
pub(super) fn nodes(tree: &tree_sitter::Tree) -> Vec<Syn> {
    let mut nodes: Vec<Syn> = Vec::with_capacity(tree.root_node().descendant_count());
    let mut cursor = tree.walk();
    let mut above: Vec<u32> = Vec::new();
    let mut last: Vec<u32> = vec![NONE];
    loop {
        let node = cursor.node();
        let at = nodes.len() as u32;
        let parent = above.last().copied().unwrap_or(NONE);
        let around = nodes.get(parent as usize);
        let function = match around {
            Some(around) if around.kind == "function_definition" => parent,
            Some(around) => around.function,
            None => NONE,
        };
        let is_closed = around.is_some_and(|around| around.is_closed || is_out_of_bounds(around.kind));
        nodes.push(Syn {
            kind: kind_of(&node),
            field: field_of(&cursor),
            start: node.start_byte() as u32,
            end: node.end_byte() as u32,
            row: node.start_position().row as u32,
            last_row: node.end_position().row as u32,
            parent,
            next: NONE,
            first: NONE,
            function,
            is_named: node.is_named(),
            is_closed,
        });
        match last.last().copied() {
            Some(NONE) | None => {
                if let Some(up) = nodes.get_mut(parent as usize) {
                    up.first = at;
                }
            }
            Some(before) => nodes[before as usize].next = at,
        }
        if let Some(before) = last.last_mut() {
            *before = at;
        }
        if cursor.goto_first_child() {
            above.push(at);
            last.push(NONE);
            continue;
        }
        while !cursor.goto_next_sibling() {
            if !cursor.goto_parent() {
                return nodes;
            }
            above.pop();
            last.pop();
        }
    }
}

/// Returns whether nothing below a node of this kind is edited.
fn is_out_of_bounds(kind: &str) -> bool {
    matches!(
        kind,
        "string"
            | "type"
            | "decorator"
            | "import_statement"
            | "import_from_statement"
            | "global_statement"
            | "nonlocal_statement"
            | "delete_statement"
            | "case_pattern"
            | "ERROR"
    )
}

/// Returns the functions of a file, outer ones before inner ones.
pub(super) fn functions(arena: Arena<'_>) -> Vec<Span> {
    let mut found = Vec::new();
    let mut around = Around { names: Vec::new(), class: 0, depth: 0 };
    gather(arena, 0, &mut around, &mut found);
    found
}

struct Around {
    names: Vec<String>,
    class: u64,
    depth: u32,
}

/// Deeper than any code that a person wrote; a file that is nested deeper is not gone through.
const DEEPEST: u32 = 100;

fn gather(arena: Arena<'_>, at: u32, around: &mut Around, found: &mut Vec<Span>) {
    if around.depth > DEEPEST {
        return;
    }
    around.depth += 1;
    for child in arena.children(at) {
        match arena.kind(child) {
            kind @ ("function_definition" | "class_definition") => {
                let name = arena.field(child, "name").map_or("", |name| arena.text(name)).to_owned();
                let class = around.class;
                around.names.push(name);
                let qualified = around.names.join(".");
                if kind == "class_definition" {
                    around.class = hash::text(&qualified);
                } else {
                    found.extend(span(arena, child, &qualified, class, around.names.len() == 1));
                }
                gather(arena, child, around, found);
                around.names.pop();
                around.class = class;
            }
            "decorated_definition"
            | "block"
            | "if_statement"
            | "elif_clause"
            | "else_clause"
            | "try_statement"
            | "except_clause"
            | "finally_clause"
            | "with_statement"
            | "for_statement"
            | "while_statement"
            | "ERROR" => gather(arena, child, around, found),
            _ => (),
        }
    }
    around.depth -= 1;
}

fn span(arena: Arena<'_>, at: u32, qualified: &str, class: u64, is_top: bool) -> Option<Span> {
    let node = arena.node(at)?;
    let mut names = Vec::new();
    for parameter in arena.field(at, "parameters").into_iter().flat_map(|list| arena.children(list)) {
        let name = match arena.kind(parameter) {
            "identifier" => Some(parameter),
            "default_parameter" | "typed_default_parameter" => arena.field(parameter, "name"),
            "typed_parameter" => arena
                .children(parameter)
                .find(|child| arena.node(*child).is_some_and(|child| child.is_named))
                .filter(|name| arena.kind(*name) == "identifier"),
            _ => None,
        };
        names.extend(name.map(|name| hash::text(arena.text(name))));
    }
    let body = arena.field(at, "body").and_then(|body| arena.node(body));
    Some(Span {
        name: qualified.into(),
        own: hash::text(arena.field(at, "name").map_or("", |name| arena.text(name))),
        class,
        start: node.start,
        end: node.end,
        row: node.row,
        last_row: node.last_row,
        body: body.map_or(node.end, |body| body.start),
        body_row: body.map_or(node.last_row, |body| body.row),
        parameters: names,
        is_top,
    })
}

impl<'a> Arena<'a> {
    pub(super) fn node(self, at: u32) -> Option<&'a Syn> {
        self.nodes.get(at as usize)
    }

    pub(super) fn kind(self, at: u32) -> &'static str {
        self.node(at).map_or("", |node| node.kind)
    }

    pub(super) fn parent(self, at: u32) -> u32 {
        self.node(at).map_or(NONE, |node| node.parent)
    }

    pub(super) fn text(self, at: u32) -> &'a str {
        self.node(at).and_then(|node| self.text.get(node.start as usize..node.end as usize)).unwrap_or("")
    }

    pub(super) fn children(self, at: u32) -> impl Iterator<Item = u32> + use<'a> {
        let mut next = self.node(at).map_or(NONE, |node| node.first);
        std::iter::from_fn(move || {
            let now = next;
            next = self.node(now)?.next;
            Some(now)
        })
    }

    /// Returns the named children, without comments.
    pub(super) fn named(self, at: u32) -> Vec<u32> {
        let is_part = |child: &u32| {
            self.node(*child).is_some_and(|node| node.is_named) && self.kind(*child) != "comment"
        };
        self.children(at).filter(is_part).collect()
    }

    pub(super) fn field(self, at: u32, field: &str) -> Option<u32> {
        self.children(at).find(|child| self.node(*child).is_some_and(|node| node.field == field))
    }

    /// Returns the nodes above, nearest first.
    pub(super) fn above(self, at: u32) -> impl Iterator<Item = u32> + use<'a> {
        let mut next = self.parent(at);
        std::iter::from_fn(move || {
            let now = next;
            next = self.node(now)?.parent;
            Some(now)
        })
    }

    /// Returns the kind of the node above that is not a mere parenthesis.
    pub(super) fn context(self, at: u32) -> &'static str {
        self.above(at).map(|up| self.kind(up)).find(|kind| *kind != "parenthesized_expression").unwrap_or("")
    }

    /// Returns the node behind the last one below a node.
    pub(super) fn after(self, at: u32) -> u32 {
        let mut here = at;
        while let Some(node) = self.node(here) {
            if node.next != NONE {
                return node.next;
            }
            here = node.parent;
        }
        self.nodes.len() as u32
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_stand_for_the_names_of_kinds_and_fields() {
        let text = "@d\ndef f(a, *b: int, c=1, **k) -> str:\n    \"\"\"x {a}\"\"\"\n    return f'{a!r:>{c}}' if not a else -c ** 2\n\
                    async def g():\n    async for x in [y for y in z if y]:\n        x[1:2] += await lambda: {1: 2}\n\
                    try:\n    pass\nexcept* (A, B) as e:\n    raise C from e\nfinally:\n    print >>x, 1\nmatch a:\n    case [1, *_]: del b\n\
                    def ( : = 'open\n";
        let tree = parse(text).unwrap();
        let mut cursor = tree.walk();
        let (mut nodes, mut errors) = (0, 0);
        'all: loop {
            assert_eq!(kind_of(&cursor.node()), cursor.node().kind());
            assert_eq!(field_of(&cursor), cursor.field_name().unwrap_or(""));
            nodes += 1;
            errors += u32::from(cursor.node().is_error());
            if cursor.goto_first_child() {
                continue;
            }
            while !cursor.goto_next_sibling() {
                if !cursor.goto_parent() {
                    break 'all;
                }
            }
        }
        assert!(nodes > 150 && errors > 0, "{nodes} nodes, {errors} errors");
    }
}
