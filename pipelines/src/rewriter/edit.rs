//! An edit: one small change of a program, and its kind.

use std::fmt;
use std::sync::Arc;

/// A kind of edit. Each kind undoes itself: what can be planted can be repaired.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Kind {
    /// `<` for `<=`, `in` for `not in`, `is` for `is not`.
    Comparison,
    /// `+` for `-`, `/` for `//`.
    Arithmetic,
    /// `and` for `or`.
    Boolean,
    /// A `not` too many or too few.
    Negation,
    /// One more or one less, in numbers and bounds.
    OffByOne,
    /// Another number, truth value or `None`.
    Constant,
    /// Another name that is in scope.
    Variable,
    /// Another attribute of the same object.
    Attribute,
    /// Two neighbouring arguments in each other's place.
    Arguments,
    /// Another string key.
    Key,
    /// A guard that is missing, or that always or never holds.
    Guard,
    /// Another returned name, or a return inside of a loop.
    Return,
    /// `+=` for `=` or `-=`.
    Augmented,
    /// A sibling of the function that should be called.
    Call,
    /// `break` for `continue` or `pass`.
    LoopControl,
    /// Another type of exception.
    Exception,
    /// Another default of a parameter.
    Default,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Kind; 17] = [
        Kind::Comparison,
        Kind::Arithmetic,
        Kind::Boolean,
        Kind::Negation,
        Kind::OffByOne,
        Kind::Constant,
        Kind::Variable,
        Kind::Attribute,
        Kind::Arguments,
        Kind::Key,
        Kind::Guard,
        Kind::Return,
        Kind::Augmented,
        Kind::Call,
        Kind::LoopControl,
        Kind::Exception,
        Kind::Default,
    ];

    /// Returns its name, as traces and cards write it.
    pub fn as_str(self) -> &'static str {
        match self {
            Kind::Comparison => "comparison",
            Kind::Arithmetic => "arithmetic",
            Kind::Boolean => "boolean",
            Kind::Negation => "negation",
            Kind::OffByOne => "off_by_one",
            Kind::Constant => "constant",
            Kind::Variable => "variable",
            Kind::Attribute => "attribute",
            Kind::Arguments => "arguments",
            Kind::Key => "key",
            Kind::Guard => "guard",
            Kind::Return => "return",
            Kind::Augmented => "augmented",
            Kind::Call => "call",
            Kind::LoopControl => "loop_control",
            Kind::Exception => "exception",
            Kind::Default => "default",
        }
    }

    /// Returns the kind of this name.
    pub fn from_name(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.as_str() == name)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// An edit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Edit {
    /// The file.
    pub path: Arc<str>,
    /// Where the text begins that it replaces, in bytes.
    pub start: u32,
    /// The text that it replaces; empty when it inserts.
    pub before: String,
    /// The text that it puts there; empty when it removes.
    pub after: String,
    /// The line, from 1.
    pub line: u32,
    /// Its kind.
    pub kind: Kind,
    /// The function around it, with the classes and functions around that.
    pub function: Arc<str>,
    /// The kind of the syntax around it, such as `if_statement`.
    pub context: &'static str,
    /// Whether the same enumeration, run on the edited file, offers the way back.
    pub(super) is_undoable: bool,
}

impl Edit {
    /// Returns the edited text; none when `before` is not where the edit says.
    pub fn apply(&self, text: &str) -> Option<String> {
        let start = self.start as usize;
        let end = start + self.before.len();
        if text.get(start..end)? != self.before {
            return None;
        }
        Some([&text[..start], &self.after, &text[end..]].concat())
    }

    /// Returns where the replaced text ends, in bytes.
    pub fn end(&self) -> u32 {
        self.start + self.before.len() as u32
    }
}
