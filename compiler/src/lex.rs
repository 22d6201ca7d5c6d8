//! Splits text into tokens; never fails, and loses no byte.
//!
//! [`tokens`] yields every token, spaces and comments included: joined, they are the source.
//! [`significant`] keeps what the parser reads. A significant token is known by its ordinal
//! ([`At`]), which spacing and comments do not move; [`Lexed`] turns ordinals back into bytes.

use nom::{
    IResult, Input, Parser,
    branch::alt,
    bytes::complete::{tag, take_while, take_while1},
    combinator::{opt, recognize},
    sequence::{pair, preceded},
};

/// The ordinal of a significant token in its file.
pub type At = u32;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Kind {
    /// `[A-Za-z_][A-Za-z0-9_]*`
    Name,
    /// Digits with an optional fraction, exponent and unit: `12_000`, `35%`, `10min`.
    Number,
    /// A `"..."` string, with escapes and `${param.x}`.
    Text,
    /// A `'...'` string, taken as it is.
    RawText,
    /// A string without its closing quote, up to the end of its line.
    OpenText,
    /// `{`
    OpenBrace,
    /// `}`
    CloseBrace,
    /// `[`
    OpenList,
    /// `]`
    CloseList,
    /// `(`
    OpenCall,
    /// `)`
    CloseCall,
    /// `=`
    Equals,
    /// `,`
    Comma,
    /// `.`
    Dot,
    /// `..`
    DotDot,
    /// `:`
    Colon,
    /// `/`
    Slash,
    /// Anything the language has no use for.
    Stray,
    /// Spaces, tabs, a byte order mark.
    Space,
    /// `\n` or `\r\n`.
    Newline,
    /// `# ...` to the end of the line.
    Comment,
    /// `## ...` to the end of the line.
    Doc,
}

impl Kind {
    /// Returns whether the parser skips this kind.
    pub fn is_trivia(self) -> bool {
        matches!(self, Kind::Space | Kind::Newline | Kind::Comment | Kind::Doc)
    }
}

/// A token of the full stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Token {
    /// What it is.
    pub kind: Kind,
    /// Its first byte.
    pub start: usize,
    /// The byte after its last.
    pub end: usize,
}

/// Returns every token of `source` in order; their ranges touch and cover it.
pub fn tokens(source: &str) -> impl Iterator<Item = Token> + '_ {
    tokens_from(source, 0)
}

/// Returns the tokens of `source` from byte `start`, which must begin a token.
pub fn tokens_from(source: &str, mut start: usize) -> impl Iterator<Item = Token> + '_ {
    std::iter::from_fn(move || {
        let rest = source.get(start..).filter(|rest| !rest.is_empty())?;
        let (kind, len) = token(rest);
        let token = Token { kind, start, end: start + len };
        start = token.end;
        Some(token)
    })
}

/// A significant token, packed: a file has many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Mark {
    start: u32,
    /// `u16::MAX` means "this long or longer: measure again".
    len: u16,
    pub(crate) kind: Kind,
    flags: u8,
}

const AFTER_NEWLINE: u8 = 1;
const AT_COLUMN_0: u8 = 2;

impl Mark {
    pub(crate) fn starts_line(self) -> bool {
        self.flags & AFTER_NEWLINE != 0
    }

    pub(crate) fn at_column_0(self) -> bool {
        self.flags & AT_COLUMN_0 != 0
    }
}

/// The significant tokens of one file, with the way back to its bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lexed {
    marks: Vec<Mark>,
    source_len: usize,
}

/// Returns the significant tokens of `source`, which must be shorter than 4 GiB.
pub fn significant(source: &str) -> Lexed {
    let mut marks = Vec::with_capacity(source.len() / 6);
    let mut flags = AFTER_NEWLINE | AT_COLUMN_0;
    for token in tokens(source) {
        match token.kind {
            Kind::Newline => flags = AFTER_NEWLINE | AT_COLUMN_0,
            Kind::Space if token.start == 0 && source.starts_with('\u{feff}') => {}
            kind if kind.is_trivia() => flags &= !AT_COLUMN_0,
            kind => {
                marks.push(Mark {
                    start: token.start as u32,
                    len: u16::try_from(token.end - token.start).unwrap_or(u16::MAX),
                    kind,
                    flags,
                });
                flags = 0;
            }
        }
    }
    marks.shrink_to_fit();
    Lexed { marks, source_len: source.len() }
}

impl Lexed {
    pub(crate) fn marks(&self) -> &[Mark] {
        &self.marks
    }

    /// Returns how many significant tokens there are.
    pub fn len(&self) -> At {
        self.marks.len() as At
    }

    /// Returns whether the file has no significant token.
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// Returns the byte where token `at` begins, or the end of the file.
    pub fn start(&self, at: At) -> usize {
        self.marks.get(at as usize).map_or(self.source_len, |mark| mark.start as usize)
    }

    /// Returns the byte after token `at`, or the end of the file.
    pub fn end(&self, source: &str, at: At) -> usize {
        self.marks
            .get(at as usize)
            .map_or(self.source_len, |mark| mark.start as usize + mark_len(*mark, source))
    }

    /// Returns what token `at` is.
    pub fn kind(&self, at: At) -> Option<Kind> {
        self.marks.get(at as usize).map(|mark| mark.kind)
    }

    /// Returns the bytes of the tokens `from..to`; an empty range lies just before `from`.
    pub fn bytes(&self, source: &str, from: At, to: At) -> std::ops::Range<usize> {
        let start = self.start(from);
        let end = if to > from { self.end(source, to - 1) } else { start };
        start..end.max(start)
    }
}

pub(crate) fn mark_text(mark: Mark, source: &str) -> &str {
    let start = mark.start as usize;
    &source[start..start + mark_len(mark, source)]
}

fn mark_len(mark: Mark, source: &str) -> usize {
    match mark.len {
        u16::MAX => token(&source[mark.start as usize..]).1,
        len => usize::from(len),
    }
}

/// Returns the kind and length of the token that `rest`, which is not empty, begins with.
fn token(rest: &str) -> (Kind, usize) {
    let (after, kind) = any_token(rest).unwrap_or_else(|_| {
        // No rule fits: one stray character, whole, so that the next token starts on a boundary.
        let len = rest.chars().next().map_or(1, char::len_utf8);
        (rest.take_from(len), Kind::Stray)
    });
    (kind, rest.len() - after.len())
}

fn any_token(rest: &str) -> IResult<&str, Kind> {
    match rest.as_bytes().first() {
        Some(b'a'..=b'z' | b'A'..=b'Z' | b'_') => take_while(is_name).map(|_| Kind::Name).parse(rest),
        Some(b' ' | b'\t') => take_while(is_space).map(|_| Kind::Space).parse(rest),
        Some(b'\n') => tag("\n").map(|_| Kind::Newline).parse(rest),
        // A lone carriage return is a space: the line goes on.
        Some(b'\r') => alt((tag("\r\n").map(|_| Kind::Newline), tag("\r").map(|_| Kind::Space))).parse(rest),
        Some(b'#') => comment(rest),
        Some(b'"') => quoted(rest),
        Some(b'\'') => raw(rest),
        Some(b'0'..=b'9' | b'-') => number(rest),
        Some(byte) => {
            let kind = match byte {
                b'{' => Kind::OpenBrace,
                b'}' => Kind::CloseBrace,
                b'[' => Kind::OpenList,
                b']' => Kind::CloseList,
                b'(' => Kind::OpenCall,
                b')' => Kind::CloseCall,
                b'=' => Kind::Equals,
                b',' => Kind::Comma,
                b':' => Kind::Colon,
                b'/' => Kind::Slash,
                b'.' if rest.starts_with("..") => return Ok((&rest[2..], Kind::DotDot)),
                b'.' => Kind::Dot,
                _ => return tag("\u{feff}").map(|_| Kind::Space).parse(rest),
            };
            Ok((&rest[1..], kind))
        }
        None => tag("\0").map(|_| Kind::Stray).parse(rest),
    }
}

fn comment(rest: &str) -> IResult<&str, Kind> {
    let kind = if rest.starts_with("##") { Kind::Doc } else { Kind::Comment };
    let (after, text) = take_while(|c| c != '\n').parse(rest)?;
    // The carriage return of a CRLF belongs to the newline.
    let cut = usize::from(text.ends_with('\r') && !after.is_empty());
    Ok((rest.take_from(text.len() - cut), kind))
}

fn quoted(rest: &str) -> IResult<&str, Kind> {
    let bytes = rest.as_bytes();
    let mut at = 1;
    while let Some(byte) = bytes.get(at) {
        match byte {
            b'"' => return Ok((&rest[at + 1..], Kind::Text)),
            b'\n' => break,
            // The byte after `\` is skipped only when it cannot end the string's line.
            b'\\' if bytes.get(at + 1).is_some_and(|next| matches!(next, b'"' | b'\\')) => at += 2,
            _ => at += 1,
        }
    }
    Ok((open_end(rest, at), Kind::OpenText))
}

fn raw(rest: &str) -> IResult<&str, Kind> {
    let (after, body) = preceded(tag("'"), take_while(|c| c != '\'' && c != '\n')).parse(rest)?;
    match after.strip_prefix('\'') {
        Some(after) => Ok((after, Kind::RawText)),
        None => Ok((open_end(rest, 1 + body.len()), Kind::OpenText)),
    }
}

/// Returns what follows an unterminated string that runs to byte `at`, before a `\r\n`.
fn open_end(rest: &str, at: usize) -> &str {
    let at = match rest.as_bytes().get(at - 1) {
        Some(b'\r') if at > 1 && at < rest.len() => at - 1,
        _ => at,
    };
    &rest[at..]
}

fn number(rest: &str) -> IResult<&str, Kind> {
    let digits = || (take_while1(|c: char| c.is_ascii_digit()), take_while(is_digit));
    let exponent = (
        alt((tag("e"), tag("E"))),
        opt(alt((tag("+"), tag("-")))),
        take_while1(|c: char| c.is_ascii_digit()),
    );
    recognize((
        opt(tag("-")),
        digits(),
        opt(pair(tag("."), digits())),
        opt(exponent),
        alt((tag("%"), take_while(is_name))),
    ))
    .map(|_| Kind::Number)
    .parse(rest)
}

fn is_name(c: char) -> bool {
    c.is_ascii_alphanumeric() || c == '_'
}

fn is_digit(c: char) -> bool {
    c.is_ascii_digit() || c == '_'
}

fn is_space(c: char) -> bool {
    c == ' ' || c == '\t'
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(source: &str, expected: &str) {
        let shown: Vec<String> = tokens(source)
            .map(|token| format!("{:?}:{}", token.kind, &source[token.start..token.end]))
            .collect();
        assert_eq!(shown.join(" "), expected, "{source:?}");
        let joined: String = tokens(source).map(|t| &source[t.start..t.end]).collect();
        assert_eq!(joined, source);
    }

    #[test]
    fn numbers_keep_their_unit_and_leave_ranges_alone() {
        check("12_000", "Number:12_000");
        check("5%..100%", "Number:5% DotDot:.. Number:100%");
        check("12..200", "Number:12 DotDot:.. Number:200");
        check("1e-6", "Number:1e-6");
        check("0.5pp", "Number:0.5pp");
        check("300/min", "Number:300 Slash:/ Name:min");
        check("-", "Stray:-");
        check("3em", "Number:3em");
    }

    #[test]
    fn an_open_string_ends_with_its_line() {
        check("\"ab\n", "OpenText:\"ab Newline:\n");
        check("'ab\r\nc", "OpenText:'ab Newline:\r\n Name:c");
        check("\"a\\", "OpenText:\"a\\");
        check("\"a\\\"b\"", "Text:\"a\\\"b\"");
    }

    #[test]
    fn strange_bytes_are_stray_tokens() {
        check("\0é;", "Stray:\0 Stray:é Stray:;");
        check("\u{feff}a", "Space:\u{feff} Name:a");
    }

    #[test]
    fn ordinals_ignore_spacing_and_comments() {
        let (one, two) = ("a = 1\n# c\nb = 2", "a=1 # x\n\n\n  b   = 2\n");
        let kinds = |s| significant(s).marks().iter().map(|m| m.kind).collect::<Vec<_>>();
        assert_eq!(kinds(one), kinds(two));
        assert_eq!(&two[significant(two).bytes(two, 3, 6)], "b   = 2");
    }
}
