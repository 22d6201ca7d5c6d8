//! Which action made what: rows by key, read one by one or all in one scan.

mod actions;
mod outputs;

use std::sync::Arc;

use rusqlite::{OptionalExtension, Row};

pub use actions::{Actions, Hit};
pub use outputs::Outputs;

use crate::{ActionKey, Components, Digest, Error, Result, RunId, Store, Time, code};

/// An action that ran, to be remembered.
#[derive(Clone, Debug)]
pub struct NewAction {
    /// Its key.
    pub key: ActionKey,
    /// The stage, such as `main/r3/gates.stable`.
    pub stage: Arc<str>,
    /// The kind of the stage, such as `gate`.
    pub kind: Arc<str>,
    /// The item; empty for the row of a whole stage.
    pub item: String,
    /// What it made.
    pub outputs: Vec<Output>,
    /// What its key has in common with the stage's other items; stored once, however many.
    ///
    /// Rows of one stage with equal shared components age together: a sweep keeps or removes
    /// them as one, since the row of the stage names what the rows of its items made.
    pub shared: Arc<Components>,
    /// What is its own in its key.
    pub own: Components,
    /// How long it took, in microseconds.
    pub wall_us: u64,
    /// What it cost, in millionths of a US dollar.
    pub cost_micros: u64,
    /// The run in which it ran.
    pub run: Option<RunId>,
}

/// One named output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Output {
    /// The port, such as `accepted`.
    pub name: Arc<str>,
    /// The canonical body.
    pub body: Digest,
    /// The facts beside it that no one hashes.
    pub sidecar: Option<Digest>,
}

/// An action as the store remembers it.
#[derive(Clone, Debug)]
pub struct Action {
    /// Its key.
    pub key: ActionKey,
    /// The stage.
    pub stage: String,
    /// The kind of the stage.
    pub kind: String,
    /// The item; empty for the row of a whole stage.
    pub item: String,
    /// What it made.
    pub outputs: Vec<Output>,
    /// When it was recorded.
    pub made: Time,
    /// How long it took, in microseconds.
    pub wall_us: u64,
    /// What it cost, in millionths of a US dollar.
    pub cost_micros: u64,
    /// The run in which it ran.
    pub run: Option<RunId>,
    pub(crate) seq: i64,
    pub(crate) used: i64,
}

/// What is left of an action whose row was removed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tombstone {
    /// The action.
    pub key: ActionKey,
    /// Its stage.
    pub stage: String,
    /// Its item.
    pub item: String,
    /// When it was removed.
    pub gone: Time,
    /// Why.
    pub why: Why,
}

/// Why an action's row was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// A sweep found it unused for too long.
    Age = 0,
    /// A sweep needed the room.
    Size = 1,
    /// Something that it made was damaged or gone.
    Damage = 2,
}

impl Store {
    /// Looks an action up.
    pub fn action(&self, key: &ActionKey) -> Result<Option<Action>> {
        self.one_action("a.key = ?1", [key.0.as_bytes()])
    }

    /// Returns the row last recorded for an item of a stage, whatever its key.
    pub fn latest(&self, stage: &str, item: &str) -> Result<Option<Action>> {
        let condition = "a.item = ?2 AND a.stage IN (SELECT id FROM stage WHERE name = ?1) \
                         ORDER BY a.seq DESC LIMIT 1";
        self.one_action(condition, [stage, item])
    }

    /// Returns what an action's key was made of.
    pub fn components(&self, key: &ActionKey) -> Result<Option<Components>> {
        let found = self.read(|conn| {
            conn.prepare_cached(
                "SELECT s.components, d.own FROM action a JOIN detail d USING (seq) \
                 JOIN shared s ON s.id = d.shared WHERE a.key = ?1",
            )?
            .query_row([key.0.as_bytes()], |row| Ok((row.get::<_, Vec<u8>>(0)?, row.get::<_, Vec<u8>>(1)?)))
            .optional()
        })?;
        let Some((shared, own)) = found else {
            return Ok(None);
        };
        let both = Components::decode(&shared).zip(Components::decode(&own));
        let (shared, own) = both.ok_or_else(|| self.unreadable("components"))?;
        Ok(Some(shared.merged(own)))
    }

    /// Returns what is left of an action, when its row was removed.
    pub fn tombstone(&self, key: &ActionKey) -> Result<Option<Tombstone>> {
        self.read(|conn| {
            conn.prepare_cached("SELECT stage, item, gone, why FROM tombstone WHERE key = ?1")?
                .query_row([key.0.as_bytes()], |row| {
                    Ok(Tombstone {
                        key: *key,
                        stage: row.get(0)?,
                        item: row.get(1)?,
                        gone: Time(row.get(2)?),
                        why: match row.get(3)? {
                            0 => Why::Age,
                            1 => Why::Size,
                            _ => Why::Damage,
                        },
                    })
                })
                .optional()
        })
    }

    fn one_action(&self, condition: &str, values: impl rusqlite::Params) -> Result<Option<Action>> {
        let found = self.read(|conn| {
            let sql = format!(
                "SELECT a.seq, a.key, s.name, s.kind, a.item, a.used, a.outputs, \
                 d.made, d.wall, d.cost, d.run \
                 FROM action a JOIN stage s ON s.id = a.stage JOIN detail d USING (seq) \
                 WHERE {condition}"
            );
            conn.prepare_cached(&sql)?.query_row(values, read_action).optional()
        })?;
        match found {
            Some(None) => Err(self.unreadable("an action")),
            Some(action) => Ok(action),
            None => Ok(None),
        }
    }

    pub(crate) fn unreadable(&self, what: &str) -> Error {
        Error::Corrupt { path: self.index_path().into(), detail: format!("the row of {what} cannot be read") }
    }
}

impl Action {
    /// Returns the body of the output of that name.
    pub fn output(&self, name: &str) -> Option<Digest> {
        self.outputs.iter().find(|found| *found.name == *name).map(|found| found.body)
    }
}

pub(crate) fn encode_outputs(outputs: &[Output]) -> Vec<u8> {
    let mut out = Vec::with_capacity(outputs.len() * 80);
    for Output { name, body, sidecar } in outputs {
        code::put(&mut out, name.as_bytes());
        out.push(sidecar.is_some().into());
        out.extend_from_slice(body.as_bytes());
        if let Some(sidecar) = sidecar {
            out.extend_from_slice(sidecar.as_bytes());
        }
    }
    out
}

pub(crate) fn decode_outputs(mut bytes: &[u8]) -> Option<Vec<Output>> {
    let mut outputs = Vec::new();
    while !bytes.is_empty() {
        let (name, body, sidecar) = next_output(&mut bytes)?;
        outputs.push(Output { name: name.into(), body, sidecar });
    }
    Some(outputs)
}

fn outputs_are_whole(mut bytes: &[u8]) -> bool {
    while !bytes.is_empty() {
        if next_output(&mut bytes).is_none() {
            return false;
        }
    }
    true
}

fn next_output<'a>(bytes: &mut &'a [u8]) -> Option<(&'a str, Digest, Option<Digest>)> {
    let name = std::str::from_utf8(code::take(bytes)?).ok()?;
    let has_sidecar = code::take_byte(bytes)?;
    let body = Digest::from_slice(code::take_exact(bytes, 32)?)?;
    let sidecar = match has_sidecar {
        0 => None,
        _ => Some(Digest::from_slice(code::take_exact(bytes, 32)?)?),
    };
    Some((name, body, sidecar))
}

fn read_action(row: &Row<'_>) -> rusqlite::Result<Option<Action>> {
    let key = Digest::from_slice(row.get_ref(1)?.as_blob()?);
    let outputs = decode_outputs(row.get_ref(6)?.as_blob()?);
    let Some((key, outputs)) = key.zip(outputs) else {
        return Ok(None);
    };
    Ok(Some(Action {
        key: ActionKey(key),
        stage: row.get(2)?,
        kind: row.get(3)?,
        item: row.get(4)?,
        outputs,
        made: Time(row.get(7)?),
        wall_us: row.get(8)?,
        cost_micros: row.get(9)?,
        run: row.get::<_, Option<i64>>(10)?.map(RunId),
        seq: row.get(0)?,
        used: row.get(5)?,
    }))
}
