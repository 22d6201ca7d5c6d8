//! Many action rows at once, in memory.

use std::collections::HashMap;
use std::sync::OnceLock;

use rusqlite::Connection;

use super::{next_output, outputs_are_whole};
use crate::{ActionKey, Digest, Result, Store};

/// Action rows in memory.
#[derive(Default)]
pub struct Actions {
    rows: Vec<Packed>,
    by_key: ByKey,
    latest: OnceLock<HashMap<(u32, Box<str>), u32>>,
    names: Vec<(Box<str>, Box<str>)>,
    /// From the number of a stage in the index to its place in `names`.
    stages: HashMap<i64, u32>,
    // One allocation for all items, one for all outputs: a row costs no allocation.
    items: String,
    outputs: Vec<u8>,
    damaged: bool,
}

struct Packed {
    seq: i64,
    key: ActionKey,
    stage: u32,
    item: (u32, u32),
    outputs: (u32, u32),
    used: u32,
}

/// One row of [`Actions`].
#[derive(Clone, Copy)]
pub struct Hit<'a> {
    all: &'a Actions,
    row: &'a Packed,
}

impl Store {
    /// Loads every action, in one scan.
    pub fn actions(&self) -> Result<Actions> {
        self.load(|conn, actions| {
            let rows =
                conn.query_row("SELECT max(seq) FROM action", (), |row| row.get::<_, Option<u32>>(0))?;
            actions.rows.reserve(rows.unwrap_or(0).min(1 << 20) as usize);
            actions.scan(conn, "", [])
        })
    }

    /// Loads every action of one stage.
    pub fn actions_of(&self, stage: &str) -> Result<Actions> {
        let condition = "WHERE stage IN (SELECT id FROM stage WHERE name = ?1) ORDER BY seq";
        self.load(|conn, actions| actions.scan(conn, condition, [stage]))
    }

    /// Loads the actions with these keys: better than a scan while they are few of many.
    pub fn actions_with(&self, keys: &[ActionKey]) -> Result<Actions> {
        self.load(|conn, actions| {
            for key in keys {
                actions.scan(conn, "WHERE key = ?1", [key.0.as_bytes()])?;
            }
            Ok(())
        })
    }

    fn load(&self, fill: impl FnOnce(&Connection, &mut Actions) -> rusqlite::Result<()>) -> Result<Actions> {
        let actions = self.read(|conn| {
            let tx = conn.unchecked_transaction()?;
            let mut actions = Actions::default();
            actions.load_stages(&tx)?;
            fill(&tx, &mut actions)?;
            actions.by_key = ByKey::new(&actions.rows, |row| &row.key);
            Ok(actions)
        })?;
        if actions.damaged {
            return Err(self.unreadable("an action"));
        }
        Ok(actions)
    }
}

impl Actions {
    /// Looks an action up.
    pub fn get(&self, key: &ActionKey) -> Option<Hit<'_>> {
        let row = self.by_key.get(&self.rows, |row| &row.key, key)?;
        Some(Hit { all: self, row })
    }

    /// Returns the row last recorded for an item of a stage, whatever its key.
    pub fn latest(&self, stage: &str, item: &str) -> Option<Hit<'_>> {
        let latest = self.latest.get_or_init(|| {
            let mut latest: HashMap<(u32, Box<str>), u32> = HashMap::with_capacity(self.rows.len());
            for (at, row) in self.rows.iter().enumerate() {
                let item = self.hit(at as u32).item();
                let newest = latest.entry((row.stage, item.into())).or_insert(at as u32);
                if self.rows[*newest as usize].seq < row.seq {
                    *newest = at as u32;
                }
            }
            latest
        });
        let stages = self.names.iter().enumerate().filter(|(_, (name, _))| **name == *stage);
        stages
            .filter_map(|(number, _)| latest.get(&(number as u32, item.into())))
            .map(|&at| self.hit(at))
            .max_by_key(|hit| hit.row.seq)
    }

    /// Returns every row, in the order in which they were recorded.
    pub fn iter(&self) -> impl Iterator<Item = Hit<'_>> {
        self.rows.iter().map(|row| Hit { all: self, row })
    }

    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    fn hit(&self, at: u32) -> Hit<'_> {
        Hit { all: self, row: &self.rows[at as usize] }
    }

    fn load_stages(&mut self, conn: &Connection) -> rusqlite::Result<()> {
        let mut statement = conn.prepare_cached("SELECT id, name, kind FROM stage")?;
        let mut rows = statement.query(())?;
        while let Some(row) = rows.next()? {
            self.stages.insert(row.get(0)?, self.names.len() as u32);
            self.names.push((row.get(1)?, row.get(2)?));
        }
        Ok(())
    }

    fn scan(
        &mut self,
        conn: &Connection,
        condition: &str,
        values: impl rusqlite::Params,
    ) -> rusqlite::Result<()> {
        let sql = format!("SELECT seq, key, stage, item, used, outputs FROM action {condition}");
        let mut statement = conn.prepare_cached(&sql)?;
        let mut rows = statement.query(values)?;
        let mut last = None;
        while let Some(row) = rows.next()? {
            let key = Digest::from_slice(row.get_ref(1)?.as_blob()?);
            let number = row.get(2)?;
            // Rows of a stage mostly come together.
            if last.is_none_or(|(last, _)| last != number) {
                last = self.stages.get(&number).map(|&stage| (number, stage));
            }
            let outputs = row.get_ref(5)?.as_blob()?;
            let (Some(key), Some((_, stage)), true) = (key, last, outputs_are_whole(outputs)) else {
                self.damaged = true;
                continue;
            };
            let item = append(self.items.len(), row.get_ref(3)?.as_str()?.len());
            self.items.push_str(row.get_ref(3)?.as_str()?);
            let at = append(self.outputs.len(), outputs.len());
            self.outputs.extend_from_slice(outputs);
            self.rows.push(Packed {
                seq: row.get(0)?,
                key: ActionKey(key),
                stage,
                item,
                outputs: at,
                used: row.get(4)?,
            });
        }
        Ok(())
    }
}

impl<'a> Hit<'a> {
    /// Returns the key.
    pub fn key(&self) -> ActionKey {
        self.row.key
    }

    /// Returns the stage.
    pub fn stage(&self) -> &'a str {
        &self.all.names[self.row.stage as usize].0
    }

    /// Returns the kind of the stage.
    pub fn kind(&self) -> &'a str {
        &self.all.names[self.row.stage as usize].1
    }

    /// Returns the item; empty for the row of a whole stage.
    pub fn item(&self) -> &'a str {
        &self.all.items[self.row.item.0 as usize..self.row.item.1 as usize]
    }

    /// Returns every output: name, body and sidecar.
    pub fn outputs(&self) -> impl Iterator<Item = (&'a str, Digest, Option<Digest>)> + use<'a> {
        let (from, to) = self.row.outputs;
        let mut rest = &self.all.outputs[from as usize..to as usize];
        std::iter::from_fn(move || next_output(&mut rest))
    }

    /// Returns the body of the output of that name.
    pub fn output(&self, name: &str) -> Option<Digest> {
        self.outputs().find(|found| found.0 == name).map(|found| found.1)
    }

    pub(crate) fn seq(&self) -> i64 {
        self.row.seq
    }

    pub(crate) fn used(&self) -> i64 {
        self.row.used.into()
    }
}

/// Finds rows by key: places in the list of rows, at the place that the key's first bytes say
/// or soon after. A key is a digest, so these are as good as any hash of it.
///
/// A map of keys would hold each key a second time, and is slower to fill.
#[derive(Default)]
pub(super) struct ByKey(Vec<u32>);

impl ByKey {
    pub(super) fn new<R>(rows: &[R], key: impl Fn(&R) -> &ActionKey) -> ByKey {
        let mut places = vec![EMPTY; (rows.len() * 2).next_power_of_two()];
        for (number, row) in rows.iter().enumerate() {
            let mut at = first_place(key(row), places.len());
            while places[at] != EMPTY {
                at = (at + 1) % places.len();
            }
            places[at] = number as u32;
        }
        ByKey(places)
    }

    pub(super) fn get<'r, R>(
        &self,
        rows: &'r [R],
        of: impl Fn(&R) -> &ActionKey,
        key: &ActionKey,
    ) -> Option<&'r R> {
        let places = &self.0;
        let mut at = first_place(key, places.len());
        while let Some(&row) = places.get(at).filter(|&&row| row != EMPTY) {
            let row = &rows[row as usize];
            if of(row) == key {
                return Some(row);
            }
            at = (at + 1) % places.len();
        }
        None
    }
}

const EMPTY: u32 = u32::MAX;

fn first_place(key: &ActionKey, places: usize) -> usize {
    let [a, b, c, d, e, f, g, h, ..] = *key.0.as_bytes();
    // At least one place, and a power of two.
    u64::from_le_bytes([a, b, c, d, e, f, g, h]) as usize & places.saturating_sub(1)
}

pub(super) fn append(from: usize, length: usize) -> (u32, u32) {
    (from as u32, (from + length) as u32)
}
