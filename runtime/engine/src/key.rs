//! What an action's name is made of.
//!
//! `key = BLAKE3(shared, level, inputs, draw, …)`, where `shared` is what all items of a stage
//! have in common. The same walk over a stage gives the digest and the components that `why`
//! compares, so that neither can have a part that the other lacks.

use std::path::PathBuf;
use std::sync::Arc;

use smallvec::SmallVec;
use sswe_cache::{ActionKey, Component, Components, Digest, Value};
use sswe_compiler::plan::{SourcePath, Stage};

use crate::{Declaration, Stream};

/// The version of the recipe: raised when equal parts should give other keys.
const SCHEMA: u64 = 1;

/// What is known of a stage before it runs, beside what its plan says.
#[derive(Clone, Debug, Default)]
pub(crate) struct Facts {
    pub(crate) declared: Arc<Declaration>,
    /// The values of the environment variables that it reads, by setting.
    pub(crate) env: Vec<(String, String)>,
    /// The digests of the files that it reads, in the order of the stage's sources.
    pub(crate) sources: SmallVec<[Digest; 1]>,
}

/// A file or folder that a stage reads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Source {
    /// The setting that names it.
    pub setting: String,
    /// Where it is.
    pub path: PathBuf,
    /// The digest of its content.
    pub digest: Digest,
}

/// What the keys of a stage start with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Recipe {
    /// For steps: without what the stage says.
    pub(crate) base: Digest,
    /// For the stage and its items.
    pub(crate) shared: Digest,
}

/// What sort of action a key is for; two sorts never share a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Level {
    /// A whole stage.
    Stage,
    /// An item or a draw.
    Item,
    /// A step of an item.
    Step,
}

/// What a part of a key is for.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Use {
    /// Keys of steps too.
    Base,
    /// Keys of the stage and its items.
    Stage,
    /// People.
    Shown,
}

enum Part<'a> {
    Text(&'a str),
    Number(u64),
    Digest(Digest),
}

fn walk<'a>(stage: &'a Stage, facts: &'a Facts, see: &mut dyn FnMut(Use, &'static str, &'a str, Part<'a>)) {
    // No `..`: a new field is part of the key, or named here as left out. `shape` counts in the
    // key of the whole stage, `inputs` by their digests; `pool` and `unless_stopped` are policy.
    let Stage {
        name: _,
        kind,
        round,
        shape: _,
        spec,
        settings,
        inputs: _,
        sources: paths,
        env: _,
        seed,
        pool: _,
        unless_stopped: _,
    } = stage;
    let Facts { declared, env, sources } = facts;
    let Declaration { version, tools, ports } = &**declared;
    see(Use::Base, "schema", "", Part::Number(SCHEMA));
    see(Use::Base, "kind", "", Part::Text(kind.as_str()));
    see(Use::Base, "version", "", Part::Number((*version).into()));
    for port in ports {
        see(Use::Base, "port", port, Part::Text(""));
    }
    for (name, value) in tools {
        see(Use::Base, "tool", name, Part::Text(value));
    }
    for (setting, value) in env {
        see(Use::Base, "env", setting, Part::Text(value));
    }
    see(Use::Stage, "spec", "", Part::Digest(Digest::from_bytes(spec.0)));
    for (SourcePath { setting, path: _ }, digest) in paths.iter().zip(sources) {
        see(Use::Stage, "source", setting, Part::Digest(*digest));
    }
    if let Some(Stream { seed, kind: _, round }) = stream(*seed, stage, *round) {
        see(Use::Stage, "seed", "", Part::Number(seed));
        if let Some(round) = round {
            see(Use::Stage, "round", "", Part::Number(round.into()));
        }
    }
    for setting in settings {
        see(Use::Shown, "setting", &setting.name, Part::Text(&setting.shown));
    }
}

fn stream(seed: Option<u64>, stage: &Stage, round: Option<u32>) -> Option<Stream> {
    seed.map(|seed| Stream { seed, kind: stage.kind, round })
}

/// Returns the random stream of a stage, if it draws.
pub(crate) fn stream_of(stage: &Stage) -> Option<Stream> {
    stream(stage.seed, stage, stage.round)
}

/// Hashes what the actions of a stage have in common. `base` is known where a stage with the same
/// kind, declaration and environment was hashed before.
pub(crate) fn recipe(stage: &Stage, facts: &Facts, base: Option<Digest>) -> Recipe {
    let base = base.unwrap_or_else(|| {
        let mut frame = Frame::new("sswe.base.v1");
        walk(stage, facts, &mut |used, section, name, part| {
            if used == Use::Base {
                frame.part(section, name, &part);
            }
        });
        frame.digest()
    });
    let mut frame = Frame::new("sswe.shared.v1");
    frame.bytes("base", base.as_bytes());
    walk(stage, facts, &mut |used, section, name, part| {
        if used == Use::Stage {
            frame.part(section, name, &part);
        }
    });
    Recipe { base, shared: frame.digest() }
}

/// Fields with their names and lengths, one after another, hashed at once: a key is made for each
/// item, and many small steps of a hash take longer than the hash.
pub(crate) struct Frame {
    /// All of it, while it is short: most are, and then take no memory of their own.
    short: [u8; 384],
    length: usize,
    /// All of it, once it is long.
    long: Vec<u8>,
}

impl Frame {
    pub(crate) fn new(domain: &str) -> Frame {
        let mut frame = Frame { short: [0; 384], length: 0, long: Vec::new() };
        frame.bytes(domain, &[]);
        frame
    }

    pub(crate) fn bytes(&mut self, name: &str, value: &[u8]) {
        for bytes in [name.as_bytes(), value] {
            self.push(&(bytes.len() as u32).to_le_bytes());
            self.push(bytes);
        }
    }

    #[inline]
    fn push(&mut self, bytes: &[u8]) {
        let end = self.length + bytes.len();
        if let Some(place) = self.short.get_mut(self.length..end) {
            place.copy_from_slice(bytes);
        } else {
            if self.long.is_empty() {
                self.long.extend_from_slice(&self.short[..self.length]);
            }
            self.long.extend_from_slice(bytes);
        }
        self.length = end;
    }

    fn part(&mut self, section: &str, name: &str, part: &Part<'_>) {
        self.bytes(section, name.as_bytes());
        match part {
            Part::Text(text) => self.bytes("text", text.as_bytes()),
            Part::Number(number) => self.bytes("number", &number.to_le_bytes()),
            Part::Digest(digest) => self.bytes("digest", digest.as_bytes()),
        }
    }

    pub(crate) fn digest(&self) -> Digest {
        Digest::of(if self.long.is_empty() { &self.short[..self.length] } else { &self.long })
    }
}

/// Returns what the actions of a stage have in common, for people.
pub(crate) fn components(stage: &Stage, facts: &Facts) -> Components {
    let mut all = Vec::new();
    walk(stage, facts, &mut |_, section, name, part| {
        let name = match name {
            "" => section.to_owned(),
            name => format!("{section}.{name}"),
        };
        let value = match part {
            Part::Text(text) => Value::Text(text.to_owned()),
            Part::Number(number) => Value::Text(number.to_string()),
            Part::Digest(digest) => Value::Digest(digest),
        };
        all.push(Component { name, value });
    });
    Components::new(all)
}

/// What is an action's own in its key.
pub(crate) struct Own<'a> {
    pub(crate) level: Level,
    /// Sorted, or in an order that has a meaning.
    pub(crate) inputs: &'a [(&'a str, Digest)],
    pub(crate) draw: Option<u64>,
    /// For a stage that draws: how many, and what judges the draws.
    pub(crate) until: Option<(u64, Digest)>,
}

/// Returns the name of an action.
pub(crate) fn action_key(shared: &Digest, own: &Own<'_>) -> ActionKey {
    // No `..`, as above.
    let Own { level, inputs, draw, until } = own;
    let level = match level {
        Level::Stage => "stage",
        Level::Item => "item",
        Level::Step => "step",
    };
    let mut frame = Frame::new("sswe.action.v1");
    frame.bytes(level, shared.as_bytes());
    for (port, digest) in *inputs {
        frame.bytes("input", port.as_bytes());
        frame.bytes("", digest.as_bytes());
    }
    if let Some(draw) = draw {
        frame.bytes("draw", &draw.to_le_bytes());
    }
    if let Some((count, judges)) = until {
        frame.bytes("until", &count.to_le_bytes());
        frame.bytes("judges", judges.as_bytes());
    }
    ActionKey(frame.digest())
}

#[cfg(test)]
mod tests {
    use sswe_compiler::plan::{Shape, SpecHash, StageKind, StageName};

    use super::*;

    fn stage() -> Stage {
        Stage {
            name: StageName(Arc::from("main/r1/solve")),
            kind: StageKind::Solve,
            round: Some(1),
            shape: Shape::Each,
            spec: SpecHash([7; 32]),
            settings: Vec::new(),
            inputs: Vec::new(),
            sources: Vec::new(),
            env: Vec::new(),
            seed: Some(7),
            pool: None,
            unless_stopped: false,
        }
    }

    fn facts() -> Facts {
        let tools = vec![("python".to_owned(), "3.12".to_owned())];
        let declared = Declaration { version: 1, tools, ports: vec!["traces"] };
        Facts {
            declared: declared.into(),
            env: vec![("url".to_owned(), "a".to_owned())],
            sources: SmallVec::new(),
        }
    }

    fn key(stage: &Stage, facts: &Facts) -> ActionKey {
        let inputs = [("task", Digest::of(b"task"))];
        let own = Own { level: Level::Item, inputs: &inputs, draw: Some(3), until: None };
        action_key(&recipe(stage, facts, None).shared, &own)
    }

    #[test]
    fn keys_are_stable() {
        // Golden: every stored result depends on it.
        let golden = "dea29e0dd956a50cb96e47bff912d7a8c89f997ece3d775c71172c7fb0f31df1";
        assert_eq!(key(&stage(), &facts()).to_string(), golden);
    }

    #[test]
    fn what_counts_changes_the_key_and_what_does_not_does_not() {
        let with = |edit: fn(&mut Stage, &mut Facts)| {
            let (mut stage, mut facts) = (stage(), facts());
            stage.sources.push(SourcePath { setting: "tasks".to_owned(), path: "a".to_owned() });
            facts.sources.push(Digest::from_bytes([1; 32]));
            edit(&mut stage, &mut facts);
            key(&stage, &facts)
        };
        let plain = with(|_, _| ());
        let counts: [fn(&mut Stage, &mut Facts); 11] = [
            |stage, _| stage.kind = StageKind::Score,
            |stage, _| stage.round = Some(2),
            |stage, _| stage.spec = SpecHash([8; 32]),
            |stage, _| stage.seed = Some(8),
            |_, facts| Arc::make_mut(&mut facts.declared).version = 2,
            |_, facts| Arc::make_mut(&mut facts.declared).tools[0].1 = "3.13".to_owned(),
            |_, facts| Arc::make_mut(&mut facts.declared).ports = vec!["traces", "more"],
            |_, facts| facts.env[0].1 = "b".to_owned(),
            |_, facts| facts.sources[0] = Digest::from_bytes([2; 32]),
            |stage, _| stage.sources[0].setting = "other".to_owned(),
            |_, facts| facts.sources.clear(),
        ];
        let mut keys: Vec<ActionKey> = counts.into_iter().map(with).chain([plain]).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), 12);
        let same: [fn(&mut Stage, &mut Facts); 4] = [
            |stage, _| stage.name = StageName(Arc::from("other/r1/solve")),
            |stage, _| stage.pool = Some("cpu".to_owned()),
            |stage, _| stage.unless_stopped = true,
            |stage, _| stage.sources[0].path = "elsewhere".to_owned(),
        ];
        assert!(same.into_iter().all(|edit| with(edit) == plain));
    }

    #[test]
    fn a_frame_is_the_same_short_and_long() {
        let value = [7; 200];
        let mut expected: Vec<u8> = Vec::new();
        let mut frame = Frame::new("domain");
        expected.extend(b"\x06\0\0\0domain\0\0\0\0");
        for size in (0..200).step_by(23) {
            assert_eq!(frame.digest(), Digest::of(&expected));
            frame.bytes("n", &value[..size]);
            expected.extend(b"\x01\0\0\0n");
            expected.extend((size as u32).to_le_bytes());
            expected.extend(&value[..size]);
        }
        assert_eq!(frame.digest(), Digest::of(&expected));
    }

    #[test]
    fn a_round_counts_only_where_something_is_drawn() {
        let mut stage = stage();
        stage.seed = None;
        let first = key(&stage, &facts());
        stage.round = Some(2);
        assert_eq!(key(&stage, &facts()), first);
    }
}
