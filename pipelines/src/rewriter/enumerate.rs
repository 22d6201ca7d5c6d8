//! Finds the edits that a place offers: the same for planting and for repairing.
//!
//! Pools (names, attributes, keys, exceptions) are made of what occurs *outside of* the place
//! that is edited, so an edit does not change the pool of its own place, and what can be planted
//! can be undone. Where a bound on a pool would prevent that, the edit says so and is not planted.

mod names;
mod numbers;
mod operators;
mod statements;

use std::collections::BTreeMap;

use super::edit::{Edit, Kind};
use super::source::Parsed;
use super::syntax::{Arena, NONE};

/// How many alternatives a pool offers at one place.
const POOL: usize = 6;
/// Longer text is not moved about.
const LONGEST_TEXT: usize = 160;

/// Finds all edits on the wanted rows of the functions of a file, in the order of the text.
pub(super) fn edits(file: &Parsed, is_wanted: &dyn Fn(u32) -> bool) -> Vec<Edit> {
    let mut finder = Finder { file, arena: file.arena(), scope: None, found: Vec::new() };
    for (node, at) in file.nodes.iter().zip(0..) {
        let function = node.function;
        if function == NONE || node.is_closed || !is_wanted(node.row) {
            continue;
        }
        finder.enter(function);
        operators::find(&mut finder, at);
        numbers::find(&mut finder, at);
        names::find(&mut finder, at);
        statements::find(&mut finder, at);
    }
    let mut found = finder.found;
    found.retain(|edit| edit.before != edit.after);
    // Stable: two kinds may offer the same change, and the first to find it names it.
    found.sort_by(|a, b| (a.start, a.before.len(), &a.after).cmp(&(b.start, b.before.len(), &b.after)));
    found.dedup_by(|b, a| (a.start, a.before.len(), &a.after) == (b.start, b.before.len(), &b.after));
    found
}

struct Finder<'a> {
    file: &'a Parsed,
    arena: Arena<'a>,
    scope: Option<(u32, Scope<'a>)>,
    found: Vec<Edit>,
}

/// The names of a function.
#[derive(Debug, Default)]
struct Scope<'a> {
    names: BTreeMap<&'a str, Name>,
    /// The bytes at which names occur, in the order of the text.
    occurrences: Vec<u32>,
}

/// A name of a function.
#[derive(Debug, Default)]
struct Name {
    /// Between which bytes it is bound, once for each time.
    bindings: Vec<(u32, u32)>,
    /// Which of the occurrences are its own.
    places: Vec<u32>,
}

impl Name {
    /// Returns how many occurrences lie between a place and the nearest of this name; the place
    /// itself holds those from `before` to `behind`.
    fn distance(&self, before: u32, behind: u32) -> Option<u32> {
        let earlier = self.places.partition_point(|place| *place < before);
        let later = self.places.partition_point(|place| *place < behind);
        let earlier = earlier.checked_sub(1).and_then(|at| self.places.get(at)).map(|at| before - 1 - at);
        let later = self.places.get(later).map(|at| at - behind);
        earlier.into_iter().chain(later).min()
    }
}

/// What an identifier does.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Load,
    Store,
    Callee,
    Other,
}

impl<'a> Finder<'a> {
    fn enter(&mut self, function: u32) {
        if self.scope.as_ref().is_none_or(|(known, _)| *known != function) {
            self.scope = Some((function, self.scope_of(function)));
        }
    }

    fn scope_of(&self, function: u32) -> Scope<'a> {
        let mut scope = Scope::default();
        for at in function..self.arena.after(function) {
            let node = &self.arena.nodes[at as usize];
            if node.function != function || node.kind != "identifier" {
                continue;
            }
            let role = role(self.arena, at);
            if matches!(role, Role::Callee | Role::Other) {
                continue;
            }
            let name = scope.names.entry(self.arena.text(at)).or_default();
            name.places.push(scope.occurrences.len() as u32);
            scope.occurrences.push(node.start);
            if role == Role::Store {
                name.bindings.push(self.reach(at, function));
            }
        }
        scope
    }

    /// Returns between which bytes a name counts that is bound here.
    fn reach(&self, at: u32, function: u32) -> (u32, u32) {
        let arena = self.arena;
        let is_inner = |up: &u32| {
            matches!(
                arena.kind(*up),
                "lambda"
                    | "list_comprehension"
                    | "set_comprehension"
                    | "dictionary_comprehension"
                    | "generator_expression"
            )
        };
        let around = arena.above(at).take_while(|up| *up != function).find(is_inner).unwrap_or(function);
        arena.node(around).map_or((0, 0), |node| (node.start, node.end))
    }

    /// Returns the names in scope for a place, nearest first.
    ///
    /// Nearness is counted in occurrences of names, without those in the place itself: it is the
    /// same whatever stands there.
    fn near(&self, start: u32, end: u32) -> Vec<&'a str> {
        let Some((_, scope)) = &self.scope else { return Vec::new() };
        let before = scope.occurrences.partition_point(|byte| *byte < start) as u32;
        let behind = scope.occurrences.partition_point(|byte| *byte < end) as u32;
        let is_bound = |name: &Name| name.bindings.iter().any(|(from, to)| *from <= start && end <= *to);
        let mut near: Vec<(u32, &'a str)> = scope
            .names
            .iter()
            .filter(|(text, name)| !matches!(**text, "self" | "cls" | "_") && is_bound(name))
            .filter_map(|(text, name)| Some((name.distance(before, behind)?, *text)))
            .collect();
        near.sort_unstable();
        near.into_iter().map(|(_, name)| name).collect()
    }

    /// Returns between which bytes a name is bound, once for each time.
    fn bindings(&self, name: &str) -> &[(u32, u32)] {
        let known = self.scope.as_ref().and_then(|(_, scope)| scope.names.get(name));
        known.map_or(&[], |name| &name.bindings)
    }

    fn is_bound(&self, name: &str, at: u32) -> bool {
        self.bindings(name).iter().any(|(from, to)| *from <= at && at < *to)
    }

    /// Offers to put `after` in the place of a node.
    fn offer(&mut self, at: u32, after: impl Into<String>, kind: Kind, context: &'static str, undoes: bool) {
        let Some(node) = self.arena.node(at) else { return };
        let (start, end, row) = (node.start, node.end, node.row);
        self.offer_text(start, end, row, after, kind, context, undoes);
    }

    #[expect(clippy::too_many_arguments, reason = "the fields of an edit, in their order")]
    fn offer_text(
        &mut self,
        start: u32,
        end: u32,
        row: u32,
        after: impl Into<String>,
        kind: Kind,
        context: &'static str,
        undoes: bool,
    ) {
        let Some(before) = self.file.text.get(start as usize..end as usize) else { return };
        let Some(function) = self.file.function_at(start) else { return };
        self.found.push(Edit {
            path: self.file.path.clone(),
            start,
            before: before.to_owned(),
            after: after.into(),
            line: row + 1,
            kind,
            function: function.name.clone(),
            context,
            is_undoable: undoes,
        });
    }

    /// Offers the names of a pool for the text of a node. The pool is what occurs elsewhere, best
    /// first; `current` is put back by the same pool when it is among the first without `after`.
    fn offer_pool(&mut self, at: u32, pool: &[&str], kind: Kind, context: &'static str) {
        let current = self.arena.text(at);
        let rank = pool.iter().position(|name| *name == current);
        let others = pool.iter().enumerate().filter(|(_, name)| **name != current);
        for (place, name) in others.take(POOL) {
            let undoes = rank.is_some_and(|rank| rank - usize::from(place < rank) < POOL);
            self.offer(at, *name, kind, context, undoes);
        }
    }
}

/// Returns what an identifier does.
pub(super) fn role(arena: Arena<'_>, at: u32) -> Role {
    let up = arena.parent(at);
    let field = arena.node(at).map_or("", |node| node.field);
    let is = |name: &str, yes: Role, no: Role| if field == name { yes } else { no };
    match arena.kind(up) {
        "attribute" => is("attribute", Role::Other, Role::Load),
        "keyword_argument" => is("name", Role::Other, Role::Load),
        "parameters" | "lambda_parameters" | "typed_parameter" => Role::Store,
        "default_parameter" | "typed_default_parameter" | "named_expression" => {
            is("name", Role::Store, Role::Load)
        }
        "list_splat_pattern"
        | "dictionary_splat_pattern"
        | "pattern_list"
        | "tuple_pattern"
        | "list_pattern"
        | "as_pattern_target" => Role::Store,
        "assignment" | "for_statement" | "for_in_clause" => is("left", Role::Store, Role::Load),
        "augmented_assignment" => is("left", Role::Other, Role::Load),
        "except_clause" => is("alias", Role::Store, Role::Other),
        "call" => is("function", Role::Callee, Role::Load),
        "function_definition"
        | "class_definition"
        | "global_statement"
        | "nonlocal_statement"
        | "delete_statement"
        | "dotted_name"
        | "aliased_import"
        | "type"
        | "decorator"
        | "case_pattern"
        | "keyword_pattern"
        | "raise_statement" => Role::Other,
        _ => Role::Load,
    }
}

#[cfg(test)]
mod tests;
