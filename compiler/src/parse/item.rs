//! The grammar of one item and of values.

use nom::{
    Parser as _,
    branch::alt,
    combinator::{map, opt},
    multi::many_m_n,
    sequence::preceded,
};

use super::{
    MAX_DEPTH, MAX_PARTS, MAX_VALUES,
    input::{Cursor, Failure, Parsed, Want, name, token},
};
use smol_str::SmolStr;

use crate::{
    lex::Kind,
    syntax::{Item, ItemKind, Label, Param, Path, Piece, Value, ValueKind},
};

/// Labels that are kept of a block.
const MAX_LABELS: usize = 32;

/// Parses an item up to its `=` and value, or up to where a block's `{` may stand.
pub(super) fn head(input: Cursor<'_>) -> Parsed<'_, Item> {
    let from = input.at();
    let (rest, kind) = match (input.kind(), input.text()) {
        (Some(Kind::Name), "use") if second_kind(input, &[Kind::Text, Kind::RawText]) => import(input)?,
        (Some(Kind::Name), "param") if second_kind(input, &[Kind::Name]) => param(input)?,
        (Some(Kind::Name), _) => setting_or_block(input)?,
        _ => return Err(fail(input, Want::Thing("a setting or a block"))),
    };
    let to = rest.at();
    Ok((rest, Item { from, to, kind }))
}

fn second_kind(input: Cursor<'_>, kinds: &[Kind]) -> bool {
    let (rest, _) = nom::Input::take_split(&input, 1);
    !rest.starts_line() && rest.kind().is_some_and(|kind| kinds.contains(&kind))
}

fn import(input: Cursor<'_>) -> Parsed<'_, ItemKind> {
    let (rest, _) = name(input)?;
    let file_at = rest.at();
    let (rest, file) = string(rest)?;
    let want =
        if rest.starts_line() { "`as` and a name on the same line" } else { "`as` and a name for the file" };
    let (rest, _) = word("as")(rest).map_err(|_| fail(rest, Want::Thing(want)))?;
    let (rest, alias) = on_line(name, "a name for the file")(rest)?;
    let file = (file_at, plain(&file));
    Ok((rest, ItemKind::Use { file, alias }))
}

fn param(input: Cursor<'_>) -> Parsed<'_, ItemKind> {
    let (rest, _) = name(input)?;
    let (rest, label) = name(rest)?;
    let colon = token(Kind::Colon, "`:` and a type, as in `param keep: ratio = 35%`");
    let (rest, _) = on_line(colon, "`:` and a type on this line")(rest)?;
    let (rest, ty) = on_line(name, "a type")(rest)?;
    let (rest, _) =
        on_line(token(Kind::Equals, "`=` and a default"), "`=` and a default on this line")(rest)?;
    let (rest, default) = set_value(rest)?;
    let (rest, within) = match word("in")(rest) {
        Ok((rest, _)) => map(on_line(|input| value(input, 0), "a range"), Some).parse(rest)?,
        Err(_) => (rest, None),
    };
    let kind = ItemKind::Param(Box::new(Param { name: label, ty, default, within }));
    Ok((rest, kind))
}

fn setting_or_block(input: Cursor<'_>) -> Parsed<'_, ItemKind> {
    let (rest, path) = path(input)?;
    if rest.kind() == Some(Kind::Equals) && !rest.starts_line() {
        let (rest, _) = token(Kind::Equals, "`=`")(rest)?;
        let (rest, value) = set_value(rest)?;
        return Ok((rest, ItemKind::Setting { path, value }));
    }
    // No block has more than two; what follows more is reported once, not kept.
    let (rest, labels) = many_m_n(0, MAX_LABELS, label).parse(rest)?;
    let kind = ItemKind::Block { path, labels, items: None };
    Ok((rest, kind))
}

fn set_value(input: Cursor<'_>) -> Parsed<'_, Value> {
    if input.starts_line() || !starts_value(input) {
        return Err(fail(input, Want::Value));
    }
    value(input, 0)
}

fn starts_value(input: Cursor<'_>) -> bool {
    use Kind::{DotDot, Name, Number, OpenList, OpenText, RawText, Text};
    matches!(input.kind(), Some(Name | Number | Text | RawText | OpenText | OpenList | DotDot))
}

fn path(input: Cursor<'_>) -> Parsed<'_, Path> {
    let (mut rest, first) = name(input)?;
    let mut parts: Path = smallvec::smallvec![first];
    while rest.kind() == Some(Kind::Dot) && !rest.starts_line() {
        let after = nom::Input::take_split(&rest, 1).0;
        if parts.len() == MAX_PARTS {
            return Err(fail(rest, Want::ShorterPath));
        }
        if after.kind() != Some(Kind::Name) || after.starts_line() {
            return Err(fail(after, Want::AfterDot));
        }
        let (next, part) = name(after)?;
        parts.push(part);
        rest = next;
    }
    Ok((rest, parts))
}

/// Reads a token of `kind` that does not begin a line.
fn same_line<'a>(kind: Kind) -> impl Fn(Cursor<'a>) -> Parsed<'a, Cursor<'a>> {
    move |input| match input.starts_line() {
        true => Err(soft(input, "more on this line")),
        false => token(kind, "more on this line")(input),
    }
}

/// Runs `parser` unless the line has ended.
fn on_line<'a, T>(
    parser: impl Fn(Cursor<'a>) -> Parsed<'a, T>,
    thing: &'static str,
) -> impl Fn(Cursor<'a>) -> Parsed<'a, T> {
    move |input| match input.starts_line() {
        true => Err(soft(input, thing)),
        false => parser(input),
    }
}

fn word<'a>(text: &'static str) -> impl Fn(Cursor<'a>) -> Parsed<'a, Cursor<'a>> {
    move |input| match !input.starts_line() && input.kind() == Some(Kind::Name) && input.text() == text {
        true => Ok(nom::Input::take_split(&input, 1)),
        false => Err(soft(input, text)),
    }
}

fn label(input: Cursor<'_>) -> Parsed<'_, Label> {
    if input.starts_line() {
        return Err(soft(input, "a label"));
    }
    alt((map(name, Label::Name), text_label, rounds)).parse(input)
}

fn text_label(input: Cursor<'_>) -> Parsed<'_, Label> {
    let at = input.at();
    map(string, |pieces| Label::Text(at, plain(&pieces))).parse(input)
}

fn rounds(input: Cursor<'_>) -> Parsed<'_, Label> {
    let from = input.at();
    let (rest, first) = number(input)?;
    let end = |input| opt(preceded(same_line(Kind::DotDot), opt(on_line(number, "a round")))).parse(input);
    let (rest, last) = end(rest)?;
    let to = rest.at();
    Ok((rest, Label::Rounds { from, to, first, last }))
}

fn number(input: Cursor<'_>) -> Parsed<'_, SmolStr> {
    map(token(Kind::Number, "a number"), |token| token.text().into()).parse(input)
}

/// Parses a value inside `depth` lists or calls.
pub(super) fn value(input: Cursor<'_>, depth: u32) -> Parsed<'_, Value> {
    if depth > MAX_DEPTH {
        return Err(fail(input, Want::Shallower));
    }
    let from = input.at();
    let (rest, kind) = match input.kind() {
        Some(Kind::Number | Kind::DotDot) => numeric(input)?,
        Some(Kind::Text | Kind::RawText | Kind::OpenText) => map(string, ValueKind::Text).parse(input)?,
        Some(Kind::OpenList) => {
            let (rest, values) = listed(input, Kind::CloseList, "]", depth)?;
            (rest, ValueKind::List(values.into()))
        }
        Some(Kind::Name) => call_or_path(input, depth)?,
        _ => return Err(fail(input, Want::Thing("a value"))),
    };
    let to = rest.at();
    Ok((rest, Value { from, to, kind }))
}

/// `300`, `300/min`, `12..200`, `3..`, `..15%`
fn numeric(input: Cursor<'_>) -> Parsed<'_, ValueKind> {
    if input.kind() == Some(Kind::DotDot) {
        let upto = preceded(token(Kind::DotDot, "`..`"), on_line(number, "a number after `..`"));
        return map(upto, |last| ValueKind::Range(Box::new((None, Some(last))))).parse(input);
    }
    let (rest, first) = number(input)?;
    if rest.starts_line() {
        return Ok((rest, ValueKind::Number(first)));
    }
    match rest.kind() {
        Some(Kind::Slash) => {
            let (rest, _) = token(Kind::Slash, "`/`")(rest)?;
            let (rest, per) = on_line(name, "a unit of time after `/`")(rest)?;
            Ok((rest, ValueKind::Rate(Box::new((first, per)))))
        }
        Some(Kind::DotDot) => {
            let (rest, last) =
                preceded(same_line(Kind::DotDot), opt(on_line(number, "a number"))).parse(rest)?;
            Ok((rest, ValueKind::Range(Box::new((Some(first), last)))))
        }
        _ => Ok((rest, ValueKind::Number(first))),
    }
}

fn call_or_path(input: Cursor<'_>, depth: u32) -> Parsed<'_, ValueKind> {
    let (rest, parts) = path(input)?;
    if let [function] = parts.as_slice()
        && rest.kind() == Some(Kind::OpenCall)
        && !rest.starts_line()
    {
        let function = function.clone();
        let (rest, values) = listed(rest, Kind::CloseCall, ")", depth)?;
        return Ok((rest, ValueKind::Call(Box::new((function, values)))));
    }
    Ok((rest, ValueKind::Path(parts.into_vec().into())))
}

/// Values between brackets: new lines do not matter, a trailing comma is fine.
fn listed<'a>(input: Cursor<'a>, close: Kind, bracket: &'static str, depth: u32) -> Parsed<'a, Vec<Value>> {
    let open = input.at();
    let (mut rest, _) = nom::Input::take_split(&input, 1);
    let was_inside = rest.set_in_brackets(true);
    let mut values = Vec::new();
    loop {
        if rest.kind() == Some(close) {
            let (mut rest, _) = nom::Input::take_split(&rest, 1);
            rest.set_in_brackets(was_inside);
            values.shrink_to_fit();
            return Ok((rest, values));
        }
        if !starts_value(rest) {
            return Err(unclosed(rest, bracket, open));
        }
        if values.len() == MAX_VALUES {
            return Err(fail(rest, Want::Fewer));
        }
        let (after, found) = value(rest, depth + 1)?;
        values.push(found);
        rest = match after.kind() {
            Some(Kind::Comma) => nom::Input::take_split(&after, 1).0,
            Some(kind) if kind == close => after,
            _ if !starts_value(after) => return Err(unclosed(after, bracket, open)),
            // `name =` or `name {` on the next line: the list was never closed.
            _ if after.begins_line() && begins_item(after) => return Err(unclosed(after, bracket, open)),
            _ => return Err(fail(after, Want::Comma)),
        };
    }
}

fn begins_item(input: Cursor<'_>) -> bool {
    let (next, _) = nom::Input::take_split(&input, 1);
    let opens =
        matches!(next.kind(), Some(Kind::Equals | Kind::OpenBrace | Kind::Name | Kind::Text | Kind::RawText));
    input.kind() == Some(Kind::Name) && !next.begins_line() && opens
}

fn unclosed(input: Cursor<'_>, bracket: &'static str, open: u32) -> nom::Err<Failure> {
    match input.kind() {
        Some(Kind::Stray | Kind::Comma | Kind::Equals | Kind::Colon) if !input.begins_line() => {
            fail(input, Want::Thing("a value"))
        }
        _ => fail(input, Want::Close(bracket, open)),
    }
}

/// A mistake that no other reading of the tokens can mend.
fn fail(input: Cursor<'_>, want: Want) -> nom::Err<Failure> {
    nom::Err::Failure(Failure { at: input.at(), want })
}

/// A mistake after which another reading may be tried.
fn soft(input: Cursor<'_>, thing: &'static str) -> nom::Err<Failure> {
    nom::Err::Error(Failure { at: input.at(), want: Want::Thing(thing) })
}

fn string(input: Cursor<'_>) -> Parsed<'_, Box<[Piece]>> {
    match input.kind() {
        Some(Kind::RawText) => {
            let text = input.text();
            let body = &text[1..text.len() - 1];
            Ok((nom::Input::take_split(&input, 1).0, Box::new([Piece::Literal(body.into())])))
        }
        // An open string keeps its text, so that nothing else complains about its value.
        Some(Kind::Text | Kind::OpenText) => {
            let text = input.text();
            let body = text[1..].strip_suffix('"').unwrap_or(&text[1..]);
            Ok((nom::Input::take_split(&input, 1).0, super::text::pieces(body).0))
        }
        _ => Err(soft(input, "a string")),
    }
}

/// Returns the text of a string that cannot have holes.
fn plain(pieces: &[Piece]) -> SmolStr {
    let texts = pieces.iter().map(|piece| match piece {
        Piece::Literal(text) => text.to_string(),
        Piece::Hole(path) => format!("${{{}}}", path.join(".")),
    });
    texts.collect::<String>().into()
}

/// Returns words for a token: "`=`", "the name `core`".
pub(super) fn describe(kind: Option<Kind>, text: &str) -> String {
    let short: String = text.chars().take(24).collect();
    let short = if short.len() < text.len() { format!("{short}...") } else { short };
    match kind {
        Some(Kind::Name) => format!("the name `{short}`"),
        Some(Kind::Number) => format!("the number `{short}`"),
        Some(Kind::Text | Kind::RawText | Kind::OpenText) => format!("the string {short}"),
        Some(_) => format!("`{}`", short.escape_debug()),
        None => "the end of the file".to_owned(),
    }
}
