//! Every block and setting of the language, in one table.
//!
//! Checking, `show`, `explain`, completion and the reference page are all read from it; nothing
//! else knows a setting by heart but the plan, which gives settings to stages.

mod reference;
mod table;

use crate::value::{Type, Variant};

pub use reference::reference;
pub use table::{
    BENCH, CURRICULUM, CUSTOM_GATE, FACTS, GATE, GATES, LIMITS, MODEL, POOL, REPO_KINDS, REWARD, SANDBOX,
    SEEDS, SKIP, SWEEP, TOP, TRAIN, TRAINER, VALIDATION,
};

/// The kind of a labelled block.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
#[expect(missing_docs, reason = "each is the block of that word; the table documents it")]
pub enum Kind {
    Param,
    Pool,
    Gate,
    Sandbox,
    Seeds,
    Trainer,
    Model,
    Bench,
    Validation,
    Curriculum,
    Profile,
    Sweep,
}

impl Kind {
    /// Returns the word that opens such a block.
    pub fn word(self) -> &'static str {
        match self {
            Kind::Param => "param",
            Kind::Pool => "pool",
            Kind::Gate => "gate",
            Kind::Sandbox => "sandbox",
            Kind::Seeds => "seeds",
            Kind::Trainer => "trainer",
            Kind::Model => "model",
            Kind::Bench => "bench",
            Kind::Validation => "validation",
            Kind::Curriculum => "curriculum",
            Kind::Profile => "profile",
            Kind::Sweep => "sweep",
        }
    }

    /// Returns the word with its article: "a model".
    pub fn noun(self) -> String {
        match self {
            Kind::Seeds => "a seeds block".into(),
            _ => format!("a {}", self.word()),
        }
    }
}

/// What a change of a setting does to what was built before.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Part of what a stage means: its results are made again.
    Semantic,
    /// How and where work is done: nothing reruns.
    Policy,
    /// Only what people see: nothing reruns.
    View,
}

impl Role {
    /// Returns the role as printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Role::Semantic => "semantic",
            Role::Policy => "policy",
            Role::View => "view",
        }
    }

    /// Returns what a change of such a setting reruns.
    pub fn effect(self) -> &'static str {
        match self {
            Role::Semantic => "a change reruns the stages that read it",
            Role::Policy => "a change reruns nothing: it says how work is done, not what it means",
            Role::View => "a change reruns nothing: it is for people",
        }
    }
}

/// A setting.
#[derive(Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name.
    pub name: &'static str,
    /// What it may hold.
    pub ty: Type,
    /// The value when nothing sets it, as it would be written.
    pub default: Option<&'static str>,
    /// Whether a file must set it.
    pub required: bool,
    /// The values allowed, as a range is written.
    pub within: Option<&'static str>,
    /// What a change reruns.
    pub role: Role,
    /// Whether a `round` may change it.
    pub per_round: bool,
    /// What it means, in one or two sentences.
    pub doc: &'static str,
}

/// Which labels a block takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Labels {
    /// None: `score {`
    None,
    /// A name: `model base {`
    Name,
    /// One of two words: `train solver {`
    Hat,
    /// A string and perhaps a name: `repo "owner/name" name {`
    Source,
    /// Rounds: `round 2..3 {`
    Rounds,
    /// Perhaps a name: `stable quick {`
    MaybeName,
}

/// What stands inside a block beside its keys and blocks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Content {
    /// Nothing.
    Plain,
    /// Gates, in order.
    Gates,
    /// `path = value` for any path.
    Paths,
    /// `path = [values]` for any path.
    Axes,
}

/// A block.
#[derive(Debug)]
pub struct Block {
    /// The word that opens it.
    pub word: &'static str,
    /// Its labels.
    pub labels: Labels,
    /// Its settings.
    pub keys: &'static [Key],
    /// The blocks inside it.
    pub blocks: &'static [&'static Block],
    /// What else stands inside it.
    pub content: Content,
    /// What it is for.
    pub doc: &'static str,
}

/// How dear a gate is; cheaper ones should run first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Cost {
    /// Looks at the candidate alone.
    Static,
    /// Looks at the repository.
    Repo,
    /// Runs tests.
    Sandbox,
    /// Asks a model.
    Model,
}

impl Cost {
    /// Returns the class of that name.
    pub fn parse(name: &str) -> Option<Cost> {
        [Cost::Static, Cost::Repo, Cost::Sandbox, Cost::Model].into_iter().find(|cost| cost.as_str() == name)
    }

    /// Returns the name of the class.
    pub fn as_str(self) -> &'static str {
        match self {
            Cost::Static => "static",
            Cost::Repo => "repo",
            Cost::Sandbox => "sandbox",
            Cost::Model => "model",
        }
    }

    /// Returns what it spends on a candidate.
    pub fn unit(self) -> &'static str {
        match self {
            Cost::Static => "look at a candidate",
            Cost::Repo => "look at a repository",
            Cost::Sandbox => "sandbox run",
            Cost::Model => "model call",
        }
    }
}

/// A gate that is part of the language.
#[derive(Debug)]
pub struct BuiltinGate {
    /// Its settings.
    pub block: &'static Block,
    /// Its cost class.
    pub cost: Cost,
    /// Facts an earlier gate must give.
    pub needs: &'static [&'static str],
    /// Facts it gives to later gates.
    pub gives: &'static [&'static str],
}

impl Block {
    /// Returns the setting of that name.
    pub fn key(&self, name: &str) -> Option<&'static Key> {
        self.keys.iter().find(|key| key.name == name)
    }

    /// Returns the inner block that opens with that word.
    pub fn block(&self, word: &str) -> Option<&'static Block> {
        self.blocks.iter().copied().find(|block| block.word == word)
    }
}

/// Returns the top-level block that opens with that word, and the kind of its label.
pub fn top(word: &str) -> Option<(Kind, &'static Block)> {
    TOP.iter().copied().find(|(_, block)| block.word == word)
}

/// Returns the built-in gate of that name.
pub fn gate(word: &str) -> Option<&'static BuiltinGate> {
    GATES.iter().find(|gate| gate.block.word == word)
}

/// Returns every setting with the path by which `explain` knows it: `curriculum.score.mode`.
pub fn all_keys() -> Vec<(String, &'static Block, &'static Key)> {
    let mut found = Vec::new();
    for (_, block) in TOP {
        collect(block, block.word.to_owned(), &mut found);
    }
    found
}

fn collect(block: &'static Block, path: String, found: &mut Vec<(String, &'static Block, &'static Key)>) {
    for key in block.keys {
        found.push((format!("{path}.{}", key.name), block, key));
    }
    // A round holds blocks of its curriculum: they are listed there.
    for inner in block.blocks.iter().filter(|_| block.word != "round") {
        collect(inner, format!("{path}.{}", inner.word), found);
    }
    if block.content == Content::Gates {
        for gate in GATES {
            collect(gate.block, format!("{path}.{}", gate.block.word), found);
        }
    }
}

/// Returns every block with its path: `curriculum.score`.
pub fn all_blocks() -> Vec<(String, &'static Block)> {
    fn walk(block: &'static Block, path: String, found: &mut Vec<(String, &'static Block)>) {
        found.push((path.clone(), block));
        for inner in block.blocks.iter().filter(|_| block.word != "round") {
            walk(inner, format!("{path}.{}", inner.word), found);
        }
        if block.content == Content::Gates {
            for gate in GATES {
                walk(gate.block, format!("{path}.{}", gate.block.word), found);
            }
        }
    }
    let mut found = Vec::new();
    for (_, block) in TOP {
        walk(block, block.word.to_owned(), &mut found);
    }
    found
}

/// Returns why a key's default does not fit its type and range: for tests of the table.
pub fn problem_of_default(key: &'static Key) -> Option<String> {
    let Some(value) = crate::settings::default_value(key) else {
        return Some("it does not fit its type".to_owned());
    };
    let (from, to) = crate::typing::bounds_of(key.within?, key.ty)?;
    let fits = crate::typing::is_within(&value, from.as_ref(), to.as_ref());
    (!fits).then(|| format!("it is outside of {}", key.within.unwrap_or_default()))
}

const fn key(name: &'static str, ty: Type, doc: &'static str) -> Key {
    Key { name, ty, default: None, required: false, within: None, role: Role::Semantic, per_round: true, doc }
}

impl Key {
    const fn default(mut self, text: &'static str) -> Key {
        self.default = Some(text);
        self
    }

    const fn required(mut self) -> Key {
        self.required = true;
        self
    }

    const fn within(mut self, range: &'static str) -> Key {
        self.within = Some(range);
        self
    }

    const fn policy(mut self) -> Key {
        self.role = Role::Policy;
        self
    }

    const fn once(mut self) -> Key {
        self.per_round = false;
        self
    }
}

const fn variant(name: &'static str, doc: &'static str) -> Variant {
    Variant { name, doc }
}
