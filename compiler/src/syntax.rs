//! The tree of one file: what was written, without where.
//!
//! Nodes know the ordinals of their tokens, not bytes, so an edit of spacing or of a comment
//! leaves the whole tree equal and nothing that reads it runs again.

use smallvec::SmallVec;
use smol_str::SmolStr;

use crate::lex::At;

/// A name and its place.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Name {
    /// Its token.
    pub at: At,
    /// Its text.
    pub text: SmolStr,
}

/// A dotted name, never empty; most have one part, which needs no memory of its own.
pub type Path = SmallVec<[Name; 1]>;

/// A piece of a `"..."` string.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Piece {
    /// Text as it is.
    Literal(SmolStr),
    /// `${param.x}`
    Hole(Box<[SmolStr]>),
}

/// A value as written.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Value {
    /// Its first token.
    pub from: At,
    /// The token after its last.
    pub to: At,
    /// What it is.
    pub kind: ValueKind,
}

/// The forms of a value.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// A number with its unit.
    Number(SmolStr),
    /// `300/min`
    Rate(Box<(SmolStr, Name)>),
    /// `12..200`, `3..`, `..15%`
    Range(Box<(Option<SmolStr>, Option<SmolStr>)>),
    /// A string.
    Text(Box<[Piece]>),
    /// `[a, b]`
    List(Box<[Value]>),
    /// `env("X")`
    Call(Box<(Name, Vec<Value>)>),
    /// A reference, an enum variant, or `on`.
    Path(Box<[Name]>),
}

/// A label between a block's word and its brace.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum Label {
    /// `core`
    Name(Name),
    /// `"oauthlib/oauthlib"`
    Text(At, SmolStr),
    /// `3`, `2..3`, `2..`
    Rounds {
        /// Its first token.
        from: At,
        /// The token after its last.
        to: At,
        /// The first number.
        first: SmolStr,
        /// The number after `..`; `Some(None)` when the range is open.
        last: Option<Option<SmolStr>>,
    },
}

impl Label {
    /// Returns the token range of the label.
    pub fn range(&self) -> (At, At) {
        match self {
            Label::Name(name) => (name.at, name.at + 1),
            Label::Text(at, _) => (*at, *at + 1),
            Label::Rounds { from, to, .. } => (*from, *to),
        }
    }
}

/// One line of a file or block.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Item {
    /// Its first token.
    pub from: At,
    /// The token after its last.
    pub to: At,
    /// What it is.
    pub kind: ItemKind,
}

/// The declaration of a parameter.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Param {
    /// Its name.
    pub name: Name,
    /// Its type.
    pub ty: Name,
    /// Its default.
    pub default: Value,
    /// The values it may take.
    pub within: Option<Value>,
}

/// The forms of an item.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ItemKind {
    /// `use "std/gates.sswe" as std`
    Use {
        /// The file, and the token that names it.
        file: (At, SmolStr),
        /// The name it gets.
        alias: Name,
    },
    /// `param keep: ratio = 35% in 5%..100%`; boxed, since it is rare and large.
    Param(Box<Param>),
    /// `path = value`
    Setting {
        /// What is set.
        path: Path,
        /// To what.
        value: Value,
    },
    /// `path labels { items }`; the braces may be left out.
    Block {
        /// Its word.
        path: Path,
        /// Its labels.
        labels: Vec<Label>,
        /// Its content, if it has braces.
        items: Option<Vec<Item>>,
    },
}

/// A whole file.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Tree {
    /// The edition number after `sswe`, if the header was readable.
    pub edition: Option<(At, SmolStr)>,
    /// Its items.
    pub items: Vec<Item>,
}

impl Item {
    /// Returns the token range of the head: everything before `=` or `{`.
    pub fn head(&self) -> (At, At) {
        let to = match &self.kind {
            ItemKind::Use { .. } => self.to,
            ItemKind::Param(param) => param.name.at + 1,
            ItemKind::Setting { path, .. } => path_range(path).1,
            ItemKind::Block { path, labels, .. } => {
                labels.last().map_or(path_range(path).1, |label| label.range().1)
            }
        };
        (self.from, to)
    }
}

/// Returns the token range of a path.
pub fn path_range(path: &[Name]) -> (At, At) {
    match (path.first(), path.last()) {
        (Some(first), Some(last)) => (first.at, last.at + 1),
        _ => (0, 0),
    }
}

/// Returns a path as written: `a.b.c`.
pub fn path_text(path: &[Name]) -> String {
    let parts: Vec<&str> = path.iter().map(|name| &*name.text).collect();
    parts.join(".")
}
