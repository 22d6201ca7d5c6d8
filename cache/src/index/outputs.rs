//! What all actions made, in memory, and nothing else of them.

use super::actions::{ByKey, append};
use super::{next_output, outputs_are_whole};
use crate::{ActionKey, Digest, Result, Store};

/// What all actions made, by key: all that a build asks of most rows.
///
/// Less than [`crate::Actions`], and twice as fast to load where each row has a stage of its own.
#[derive(Default)]
pub struct Outputs {
    rows: Vec<Row>,
    by_key: ByKey,
    // One allocation for all of them.
    bytes: Vec<u8>,
}

struct Row {
    seq: i64,
    key: ActionKey,
    used: i64,
    bytes: (u32, u32),
}

impl Store {
    /// Loads what every action made, in one scan.
    pub fn outputs(&self) -> Result<Outputs> {
        let (outputs, damaged) = self.read(|conn| {
            let tx = conn.unchecked_transaction()?;
            let last = tx.query_row("SELECT max(seq) FROM action", (), |row| row.get::<_, Option<u32>>(0))?;
            let mut outputs = Outputs::default();
            outputs.rows.reserve(last.unwrap_or(0).min(1 << 20) as usize);
            let mut damaged = false;
            let mut statement = tx.prepare_cached("SELECT seq, key, used, outputs FROM action")?;
            let mut rows = statement.query(())?;
            while let Some(row) = rows.next()? {
                let key = Digest::from_slice(row.get_ref(1)?.as_blob()?);
                let bytes = row.get_ref(3)?.as_blob()?;
                let (Some(key), true) = (key, outputs_are_whole(bytes)) else {
                    damaged = true;
                    continue;
                };
                let place = append(outputs.bytes.len(), bytes.len());
                outputs.bytes.extend_from_slice(bytes);
                let (seq, used) = (row.get_ref(0)?.as_i64()?, row.get_ref(2)?.as_i64()?);
                outputs.rows.push(Row { seq, key: ActionKey(key), used, bytes: place });
            }
            outputs.by_key = ByKey::new(&outputs.rows, |row| &row.key);
            Ok((outputs, damaged))
        })?;
        match damaged {
            true => Err(self.unreadable("an action")),
            false => Ok(outputs),
        }
    }
}

impl Outputs {
    /// Returns every output of an action: name, body and sidecar; `None` when there is no such row.
    pub fn get(
        &self,
        key: &ActionKey,
    ) -> Option<impl Iterator<Item = (&str, Digest, Option<Digest>)> + use<'_>> {
        let (from, to) = self.row(key)?.bytes;
        let mut rest = &self.bytes[from as usize..to as usize];
        Some(std::iter::from_fn(move || next_output(&mut rest)))
    }

    /// Returns how many rows there are.
    pub fn len(&self) -> usize {
        self.rows.len()
    }

    /// Returns whether there is no row.
    pub fn is_empty(&self) -> bool {
        self.rows.is_empty()
    }

    /// Returns an action's place in the index, and the day on which it was last used.
    pub(crate) fn use_of(&self, key: &ActionKey) -> Option<(i64, i64)> {
        self.row(key).map(|row| (row.seq, row.used))
    }

    fn row(&self, key: &ActionKey) -> Option<&Row> {
        self.by_key.get(&self.rows, |row| &row.key, key)
    }
}
