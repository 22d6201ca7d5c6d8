//! A slice of tokens as nom reads it, and the error that remembers how far it got.

use nom::{IResult, Input, Needed, error::ParseError};

use super::{place, problem};
use crate::{
    diagnostic::{Code, Problem},
    lex::{At, Kind, Lexed, Mark, mark_text},
};

/// The tokens that are left, with the text they stand for.
#[derive(Clone, Copy, Debug)]
pub(super) struct Cursor<'a> {
    source: &'a str,
    marks: &'a [Mark],
    at: At,
    /// Inside brackets, where new lines do not matter.
    in_brackets: bool,
}

/// The result of a parser over tokens.
pub(super) type Parsed<'a, T> = IResult<Cursor<'a>, T, Failure>;

impl<'a> Cursor<'a> {
    pub(super) fn new(source: &'a str, lexed: &'a Lexed, at: At) -> Cursor<'a> {
        let marks = lexed.marks().get(at as usize..).unwrap_or_default();
        Cursor { source, marks, at, in_brackets: false }
    }

    pub(super) fn at(self) -> At {
        self.at
    }

    pub(super) fn kind(self) -> Option<Kind> {
        self.marks.first().map(|mark| mark.kind)
    }

    /// Returns whether the line ends before the next token, where lines matter.
    pub(super) fn starts_line(self) -> bool {
        self.marks.first().is_none_or(|mark| mark.starts_line() && !self.in_brackets)
    }

    /// Returns whether the next token begins a line of the file, in brackets or not.
    pub(super) fn begins_line(self) -> bool {
        self.marks.first().is_none_or(|mark| mark.starts_line())
    }

    /// Enters or leaves brackets; returns whether it was inside before.
    pub(super) fn set_in_brackets(&mut self, inside: bool) -> bool {
        std::mem::replace(&mut self.in_brackets, inside)
    }

    /// Returns the text of the next token.
    pub(super) fn text(self) -> &'a str {
        self.marks.first().map_or("", |mark| mark_text(*mark, self.source))
    }
}

impl<'a> Input for Cursor<'a> {
    type Item = Mark;
    type Iter = std::iter::Copied<std::slice::Iter<'a, Mark>>;
    type IterIndices = std::iter::Enumerate<Self::Iter>;

    fn input_len(&self) -> usize {
        self.marks.len()
    }

    fn take(&self, index: usize) -> Self {
        Cursor { marks: &self.marks[..index], ..*self }
    }

    fn take_from(&self, index: usize) -> Self {
        Cursor { marks: &self.marks[index..], at: self.at + index as At, ..*self }
    }

    fn take_split(&self, index: usize) -> (Self, Self) {
        (self.take_from(index), self.take(index))
    }

    fn position<P: Fn(Self::Item) -> bool>(&self, predicate: P) -> Option<usize> {
        self.marks.iter().position(|mark| predicate(*mark))
    }

    fn iter_elements(&self) -> Self::Iter {
        self.marks.iter().copied()
    }

    fn iter_indices(&self) -> Self::IterIndices {
        self.marks.iter().copied().enumerate()
    }

    fn slice_index(&self, count: usize) -> Result<usize, Needed> {
        match self.marks.len() >= count {
            true => Ok(count),
            false => Err(Needed::new(count - self.marks.len())),
        }
    }
}

/// Why an item could not be read: of several attempts, the one that got furthest.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    pub(super) at: At,
    pub(super) want: Want,
}

/// What would have been right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Want {
    /// Words for a person: "a name".
    Thing(&'static str),
    /// A value on the line of the `=` before.
    Value,
    /// The bracket that closes the one at this token.
    Close(&'static str, At),
    /// A comma between the values of a list.
    Comma,
    /// A name behind the dot that was just read.
    AfterDot,
    /// A shorter path.
    ShorterPath,
    /// A shorter list.
    Fewer,
    /// Fewer levels.
    Shallower,
}

impl Failure {
    pub(super) fn problem(self, found: &str) -> Problem {
        let at = self.at;
        match self.want {
            Want::Thing(thing) => {
                problem(Code::E0101, at, at + 1, format!("expected {thing}, found {found}"))
                    .label("not expected here")
            }
            // The dot is marked: the next token may be lines away.
            Want::AfterDot => {
                problem(Code::E0101, at - 1, at, format!("expected a name after `.`, found {found}"))
                    .label("the name follows on this line")
            }
            // A point after the `=`: the next token may be lines away.
            Want::Value => {
                problem(Code::E0101, at - 1, at, format!("expected a value after `=`, found {found}"))
                    .label("the value starts on this line")
            }
            Want::Close(bracket, open) => {
                problem(Code::E0102, open, open + 1, format!("expected `{bracket}` before {found}"))
                    .label("opened here")
                    .other(place(at, at + 1), format!("`{bracket}` is missing before this"))
                    .help(format!("add the missing `{bracket}`"))
            }
            Want::Comma => problem(Code::E0105, at, at + 1, format!("expected a comma before {found}"))
                .label("the next value starts here")
                .fix("add a comma", place(at, at), ", "),
            Want::ShorterPath => {
                let message = format!("a path has at most {} parts", super::MAX_PARTS);
                problem(Code::E0108, at, at + 1, message).label("one too many")
            }
            Want::Fewer => {
                let message = format!("this list holds more than {} values", super::MAX_VALUES);
                problem(Code::E0112, at, at + 1, message).label("one too many")
            }
            Want::Shallower => problem(
                Code::E0108,
                at,
                at + 1,
                format!("lists are nested more than {} deep", super::MAX_DEPTH),
            )
            .label("this one is too deep"),
        }
    }
}

impl<'a> ParseError<Cursor<'a>> for Failure {
    fn from_error_kind(input: Cursor<'a>, _: nom::error::ErrorKind) -> Self {
        Failure { at: input.at(), want: Want::Thing("something else") }
    }

    fn append(_: Cursor<'a>, _: nom::error::ErrorKind, other: Self) -> Self {
        other
    }

    fn or(self, other: Self) -> Self {
        if other.at > self.at { other } else { self }
    }
}

/// Reads one token of `kind`, or fails wanting `thing`.
pub(super) fn token<'a>(kind: Kind, thing: &'static str) -> impl Fn(Cursor<'a>) -> Parsed<'a, Cursor<'a>> {
    move |input| match input.kind() {
        Some(found) if found == kind => Ok(input.take_split(1)),
        _ => Err(nom::Err::Error(Failure { at: input.at(), want: Want::Thing(thing) })),
    }
}

/// Reads a name.
pub(super) fn name(input: Cursor<'_>) -> Parsed<'_, crate::syntax::Name> {
    let (rest, token) = token(Kind::Name, "a name")(input)?;
    let name = crate::syntax::Name { at: token.at(), text: token.text().into() };
    Ok((rest, name))
}
