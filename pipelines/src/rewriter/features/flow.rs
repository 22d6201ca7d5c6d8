//! Where the names of a function get their values, and where these are read.

use super::super::enumerate::{Role, role};
use super::super::hash::{self, Table, mix};
use super::super::source::Parsed;
use super::super::syntax::Span;

/// The names of a function, by the hash of their text.
#[derive(Default)]
pub(super) struct Flow {
    names: Table<Uses>,
}

/// What happens to a name, in the order of the text.
#[derive(Default)]
struct Uses {
    loads: Vec<Use>,
    stores: Vec<Use>,
    /// The hash of the type that it is said to have; 0 for none.
    hint: u64,
}

#[derive(Clone, Copy)]
struct Use {
    byte: u32,
    row: u32,
    /// The token before and the one behind.
    beside: [u64; 2],
}

impl Flow {
    /// Reads a function.
    pub(super) fn new(file: &Parsed, function: &Span) -> Flow {
        let mut flow = Flow::default();
        let arena = file.arena();
        let from = arena.nodes.partition_point(|node| node.start < function.start);
        let to = arena.nodes.partition_point(|node| node.start < function.end);
        for (node, at) in arena.nodes[from..to].iter().zip(from as u32..) {
            if node.kind != "identifier" {
                continue;
            }
            let uses = flow.names.entry(hash::text(arena.text(at))).or_default();
            let role = role(arena, at);
            if role == Role::Other {
                continue;
            }
            let token = file.tokens.partition_point(|token| token.start < node.start);
            let hash_at =
                |at: Option<usize>| at.and_then(|at| file.tokens.get(at)).map_or(0, |token| token.hash);
            let beside = [hash_at(token.checked_sub(1)), hash_at(Some(token + 1))];
            let place = Use { byte: node.start, row: node.row, beside };
            if role == Role::Store {
                uses.stores.push(place);
                let up = arena.parent(at);
                if let Some(hint) = arena.field(up, "type") {
                    uses.hint = hash::text(arena.text(hint));
                }
            } else {
                uses.loads.push(place);
            }
        }
        flow
    }

    /// Gives features of one name in the place of another.
    pub(super) fn swap(
        &self,
        kind: u64,
        byte: u32,
        rows: (u32, u32),
        swap: &Swap,
        add: &mut dyn FnMut(u64, f32),
    ) {
        let [old, new] = [self.about(swap.old, byte, rows, swap), self.about(swap.new, byte, rows, swap)];
        for (side, about) in [(0, &old), (1, &new)] {
            add(mix(mix(FLOW, side), mix(kind, about.counts)), 0.5);
            add(mix(mix(FLOW, 2 + side), about.bound), 0.5);
            add(mix(mix(FLOW, 4 + side), about.later), 0.25);
        }
        add(mix(mix(FLOW, 6), old.counts * 64 + new.counts), 0.5);
        add(mix(mix(FLOW, 7), old.here * 8 + new.here), 0.5);
        add(mix(mix(FLOW, 8), old.alike[0] * 8 + new.alike[0]), 0.5);
        add(mix(mix(FLOW, 9), old.alike[1] * 8 + new.alike[1]), 0.5);
        for (about, value) in [(&old, -0.5), (&new, 0.5)] {
            if about.hint != 0 {
                add(mix(mix(FLOW, 10), mix(about.hint, swap.beside[1])), value);
                add(mix(mix(FLOW, 11), mix(about.hint, swap.beside[0])), value);
            }
        }
    }

    fn about(&self, name: u64, byte: u32, rows: (u32, u32), swap: &Swap) -> About {
        let none = Uses::default();
        let uses = self.names.get(&name).unwrap_or(&none);
        let loads = || uses.loads.iter().filter(|place| place.byte != byte);
        let stores = || uses.stores.iter().filter(|place| place.byte != byte);
        let count = |count: usize, most: usize| count.min(most) as u64;
        let row = rows.0;
        let bound = stores()
            .rfind(|place| place.byte < byte)
            .map_or(15, |place| u64::from(super::bucket(row.saturating_sub(place.row) as usize)));
        let is_here = |place: &&Use| (rows.0..=rows.1).contains(&place.row);
        let is_alike = |side: usize| {
            let alike = |place: &&Use| place.beside[side] == swap.beside[side];
            count(loads().filter(alike).count(), 3)
        };
        About {
            counts: count(stores().count(), 3) * 8 + count(loads().count(), 4),
            bound,
            later: count(loads().filter(|place| place.byte > byte).count(), 2),
            here: count(loads().filter(is_here).count(), 2) + 3 * count(stores().filter(is_here).count(), 1),
            alike: [is_alike(0), is_alike(1)],
            hint: uses.hint,
        }
    }
}

/// Two names, and the tokens around the place.
pub(super) struct Swap {
    pub(super) old: u64,
    pub(super) new: u64,
    pub(super) beside: [u64; 2],
}

/// What is known of a name at a place, without the place itself.
struct About {
    counts: u64,
    bound: u64,
    later: u64,
    here: u64,
    alike: [u64; 2],
    hint: u64,
}

const FLOW: u64 = 16;
