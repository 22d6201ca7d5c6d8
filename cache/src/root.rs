//! Names for what a sweep must keep.

use rusqlite::params;

use crate::{ActionKey, Digest, Result, Store};

/// Something that a sweep keeps, and why.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Root {
    /// What kind of thing needs it.
    pub kind: RootKind,
    /// Which one: a run's number, a lock file's or a bundle's name.
    pub name: String,
    /// What it needs.
    pub targets: Vec<Target>,
}

/// What kind of thing needs a root.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum RootKind {
    /// A run whose results are kept.
    Run = 0,
    /// A lock file.
    Lock = 1,
    /// An exported or imported bundle.
    Bundle = 2,
}

/// What a root keeps.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Target {
    /// An action with everything it made, and with it all rows of its stage that have the same
    /// shared components: the row of a stage stands for its items.
    Action(ActionKey),
    /// One blob.
    Blob(Digest),
}

impl Store {
    /// Keeps the targets under a name; whatever it kept before is let go.
    pub fn set_root(&self, kind: RootKind, name: &str, targets: &[Target]) -> Result<()> {
        self.write(|tx| {
            let write = || {
                tx.execute("DELETE FROM root WHERE kind = ?1 AND name = ?2", params![kind as i64, name])?;
                let mut add = tx.prepare_cached("INSERT OR IGNORE INTO root VALUES (?1, ?2, ?3, ?4)")?;
                for target in targets {
                    let (action, digest) = match target {
                        Target::Action(key) => (true, &key.0),
                        Target::Blob(digest) => (false, digest),
                    };
                    add.execute(params![kind as i64, name, action, digest.as_bytes()])?;
                }
                Ok(())
            };
            write().map_err(|source| self.sql(source))
        })
    }

    /// Lets go of what was kept under a name.
    pub fn drop_root(&self, kind: RootKind, name: &str) -> Result<()> {
        self.set_root(kind, name, &[])
    }

    /// Returns every root, by kind and name.
    pub fn roots(&self) -> Result<Vec<Root>> {
        self.read(|conn| {
            let mut statement =
                conn.prepare("SELECT kind, name, action, target FROM root ORDER BY kind, name")?;
            let mut rows = statement.query(())?;
            let mut roots: Vec<Root> = Vec::new();
            while let Some(row) = rows.next()? {
                let kind = match row.get(0)? {
                    0 => RootKind::Run,
                    1 => RootKind::Lock,
                    2 => RootKind::Bundle,
                    other => return Err(rusqlite::Error::IntegralValueOutOfRange(0, other)),
                };
                let name: String = row.get(1)?;
                let Some(digest) = Digest::from_slice(row.get_ref(3)?.as_blob()?) else {
                    continue;
                };
                let target = match row.get(2)? {
                    true => Target::Action(ActionKey(digest)),
                    false => Target::Blob(digest),
                };
                match roots.last_mut() {
                    Some(last) if last.kind == kind && last.name == name => last.targets.push(target),
                    _ => roots.push(Root { kind, name, targets: vec![target] }),
                }
            }
            Ok(roots)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::Scratch;

    #[test]
    fn a_root_is_replaced_whole() {
        let scratch = Scratch::new();
        let store = scratch.store();
        let (a, b) = (Digest::of(b"a"), Digest::of(b"b"));
        store.set_root(RootKind::Run, "1", &[Target::Blob(a), Target::Action(ActionKey(b))]).unwrap();
        store.set_root(RootKind::Lock, "x.lock", &[Target::Blob(b)]).unwrap();
        assert_eq!(store.roots().unwrap().len(), 2);
        store.set_root(RootKind::Run, "1", &[Target::Blob(b)]).unwrap();
        assert_eq!(store.roots().unwrap()[0].targets, [Target::Blob(b)]);
        store.drop_root(RootKind::Run, "1").unwrap();
        assert_eq!(store.roots().unwrap()[0].kind, RootKind::Lock);
    }
}
