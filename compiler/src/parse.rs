//! Turns significant tokens into a tree; every mistake becomes a problem beside the good items.
//!
//! An item is parsed by nom combinators over a slice of tokens. Errors never leave an item: the
//! loop in [`Parser::items`] records the furthest one and goes on at the next anchor, which is a
//! name at the start of a line, a comma, or the closing brace of the block.

mod input;
mod item;
mod text;

use smol_str::SmolStr;

use crate::{
    diagnostic::{Code, FileId, Place, Problem},
    lex::{At, Kind, Lexed},
    syntax::{Item, ItemKind, Tree, ValueKind},
};
use input::{Cursor, Failure};

/// Words that begin a block at the top of a file, and nowhere else at column 0.
const TOP_WORDS: &[&str] = &[
    "use",
    "param",
    "pool",
    "gate",
    "sandbox",
    "seeds",
    "trainer",
    "model",
    "bench",
    "validation",
    "curriculum",
    "profile",
    "sweep",
];

/// Blocks and lists may be this deep inside each other.
pub(crate) const MAX_DEPTH: u32 = 64;

/// Mistakes after this many are not collected: the file is not what it was taken for.
const MAX_PROBLEMS: usize = 200;

/// A large file with an item in fewer bytes than this, on average, is no pipeline; memory stays bounded.
const BYTES_PER_ITEM: usize = 24;

/// A path may have this many parts.
pub(crate) const MAX_PARTS: usize = 32;

/// A list may hold this many values.
pub(crate) const MAX_VALUES: usize = 10_000;

/// Returns the tree of a text and what is wrong with its syntax; a file has a header.
pub(crate) fn parse(source: &str, lexed: &Lexed, has_header: bool) -> (Tree, Vec<Problem>) {
    let mut parser = Parser { source, lexed, problems: Vec::new(), pos: 0, count: 0, ended_early: 0 };
    parser.lexical();
    let edition = if has_header { parser.header() } else { None };
    let items = parser.items(0, None);
    parser.problems.sort_by_key(|problem| problem.place);
    parser.problems.truncate(MAX_PROBLEMS);
    (Tree { edition, items }, parser.problems)
}

struct Parser<'a> {
    source: &'a str,
    lexed: &'a Lexed,
    problems: Vec<Problem>,
    pos: At,
    /// Items read so far.
    count: usize,
    /// Blocks that were ended without their brace, because a top-level block began.
    ended_early: usize,
}

impl Parser<'_> {
    fn most_items(&self) -> usize {
        50_000 + self.source.len() / BYTES_PER_ITEM
    }

    fn kind(&self, at: At) -> Option<Kind> {
        self.lexed.kind(at)
    }

    fn text(&self, at: At) -> &str {
        &self.source[self.lexed.bytes(self.source, at, at + 1)]
    }

    fn starts_line(&self, at: At) -> bool {
        self.lexed.marks().get(at as usize).is_none_or(|mark| mark.starts_line())
    }

    fn push(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    /// Reports what the lexer could not read, once for each token.
    fn lexical(&mut self) {
        for (at, mark) in self.lexed.marks().iter().enumerate() {
            let at = at as At;
            match mark.kind {
                Kind::OpenText => {
                    let quote = self.text(at).chars().next().unwrap_or('"');
                    self.push(
                        problem(Code::E0103, at, at + 1, "this string has no closing quote")
                            .label("runs to the end of the line")
                            .help(format!("close it with `{quote}` on the same line")),
                    );
                }
                Kind::Stray => self.stray(at),
                Kind::Text => self.escapes(at),
                _ => {}
            }
        }
    }

    fn escapes(&mut self, at: At) {
        let text = self.text(at);
        if !text.contains(['\\', '$']) {
            return;
        }
        let (_, wrong) = text::pieces(&text[1..text.len() - 1]);
        for escape in wrong {
            let found = problem(Code::E0110, at, at + 1, format!("`{escape}` in this string means nothing"));
            self.push(match escape.as_str() {
                "${" => found
                    .label("`${` must be followed by a parameter and `}`")
                    .help("write `${param.name}`, or use a '...' string, where nothing is replaced"),
                _ => found
                    .label("unknown escape")
                    .help("the escapes are \\n \\t \\r \\0 \\\" \\\\ \\$ \\' \\u{1F600}; in a '...' string nothing is replaced"),
            });
        }
    }

    fn stray(&mut self, at: At) {
        // A run of them is one mistake.
        let touches = at > 0
            && self.kind(at - 1) == Some(Kind::Stray)
            && self.lexed.end(self.source, at - 1) == self.lexed.start(at);
        if touches {
            return;
        }
        let text = self.text(at).to_owned();
        let shown = text.escape_debug();
        let found = problem(Code::E0109, at, at + 1, format!("`{shown}` has no meaning here"))
            .label("not part of the language");
        let found = match text.as_str() {
            ";" => found.help("settings end with their line; nothing else is needed"),
            "-" => found.help("names are written with `_`: `my_model`"),
            "\u{201c}" | "\u{201d}" | "`" => found.help("strings are written \"like this\" or 'like this'"),
            "<" | ">" | "*" | "+" | "$" | "!" | "?" | "&" | "|" => {
                found.help("values are plain data; there are no expressions")
            }
            _ => found.help("only strings and comments may hold such characters"),
        };
        self.push(found);
    }

    /// Reads `sswe 1`.
    fn header(&mut self) -> Option<(At, SmolStr)> {
        let is_header = self.kind(0) == Some(Kind::Name) && self.text(0) == "sswe";
        if !is_header {
            let mut missing = problem(Code::E0106, 0, 0, "the file does not start with its language edition")
                .label("the header belongs here")
                .help("write `sswe 1` as the first line");
            if !self.lexed.is_empty() {
                missing = missing.fix("add the header", place(0, 0), "sswe 1\n\n");
            }
            self.push(missing);
            return None;
        }
        self.pos = 1;
        if self.kind(1) == Some(Kind::Number) && !self.starts_line(1) {
            self.pos = 2;
            return Some((1, self.text(1).into()));
        }
        self.push(
            problem(Code::E0106, 0, 1, "the header lacks the edition number")
                .label("which edition?")
                .help("write `sswe 1`")
                .fix("write `sswe 1`", place(0, 1), "sswe 1"),
        );
        self.recover(0);
        None
    }

    /// Parses items up to the closing brace of the block opened at `open`, or the end of the file.
    fn items(&mut self, depth: u32, open: Option<At>) -> Vec<Item> {
        let mut items = Vec::new();
        // The header counts as an item: what follows needs a separator.
        let mut separated = self.pos == 0 || open.is_some();
        loop {
            while self.kind(self.pos) == Some(Kind::Comma) {
                self.pos += 1;
                separated = true;
            }
            let Some(kind) = self.kind(self.pos) else {
                if let Some(open) = open {
                    self.unclosed(open, None);
                }
                return items;
            };
            match kind {
                Kind::CloseBrace if open.is_some() => return items,
                // The brace of a block that we thought was never closed.
                Kind::CloseBrace if self.ended_early > 0 => {
                    self.ended_early -= 1;
                    self.pos += 1;
                    separated = true;
                    continue;
                }
                Kind::CloseBrace | Kind::CloseList | Kind::CloseCall => {
                    let text = self.text(self.pos).to_owned();
                    self.push(
                        problem(Code::E0107, self.pos, self.pos + 1, format!("this `{text}` closes nothing"))
                            .label("no open bracket matches it")
                            .fix(format!("remove the `{text}`"), place(self.pos, self.pos + 1), "")
                            .unsure(),
                    );
                    self.pos += 1;
                    separated = true;
                    continue;
                }
                _ => {}
            }
            if let Some(open) = open
                && self.is_top_item(self.pos)
            {
                self.unclosed(open, Some(self.pos));
                self.ended_early += 1;
                return items;
            }
            let from = self.pos;
            if !separated && !self.starts_line(from) {
                let is_unit = self.missing_separator();
                // `30 min` was reported: the value is what was meant, so that nothing else complains.
                if is_unit
                    && let Some(Item { kind: ItemKind::Setting { value, .. }, .. }) = items.last_mut()
                    && let ValueKind::Number(text) = &mut value.kind
                {
                    *text = format!("{text}{}", self.text(from)).into();
                }
                if kind != Kind::Name || is_unit {
                    self.recover(from);
                    continue;
                }
            }
            separated = false;
            self.count += 1;
            if self.count > self.most_items() {
                if self.count == self.most_items() + 1 {
                    let message = format!(
                        "the file holds more than {} settings and blocks, too many for its size",
                        self.most_items()
                    );
                    self.push(problem(Code::E0112, from, from + 1, message).label("the rest is not read"));
                }
                self.pos = self.lexed.len();
                continue;
            }
            match self.item(depth) {
                Some(item) => items.push(item),
                None => self.recover(from),
            }
        }
    }

    /// Parses one item; on a mistake records it and returns what is still usable.
    fn item(&mut self, depth: u32) -> Option<Item> {
        let cursor = Cursor::new(self.source, self.lexed, self.pos);
        let (rest, item) = match item::head(cursor) {
            Ok(done) => done,
            Err(nom::Err::Error(failure) | nom::Err::Failure(failure)) => {
                self.pos = self.pos.max(failure.at);
                self.fail(failure);
                return None;
            }
            Err(nom::Err::Incomplete(_)) => return None,
        };
        self.pos = rest.at();
        let Item { from, kind, .. } = item;
        let ItemKind::Block { path, labels, .. } = kind else {
            return Some(Item { from, to: self.pos, kind });
        };
        let items = match self.kind(self.pos) {
            Some(Kind::OpenBrace) if !self.starts_line(self.pos) => Some(self.braces(depth)),
            Some(Kind::Comma | Kind::CloseBrace) | None => None,
            _ if self.starts_line(self.pos) => None,
            _ => {
                self.bad_head(from);
                return None;
            }
        };
        let kind = ItemKind::Block { path, labels, items };
        Some(Item { from, to: self.pos, kind })
    }

    fn braces(&mut self, depth: u32) -> Vec<Item> {
        let open = self.pos;
        if depth >= MAX_DEPTH {
            self.push(
                problem(Code::E0108, open, open + 1, format!("blocks are nested more than {MAX_DEPTH} deep"))
                    .label("this one is too deep"),
            );
            self.skip_braces();
            return Vec::new();
        }
        self.pos += 1;
        let items = self.items(depth + 1, Some(open));
        if self.kind(self.pos) == Some(Kind::CloseBrace) {
            self.pos += 1;
        }
        items
    }

    fn skip_braces(&mut self) {
        let mut depth = 0u32;
        while let Some(kind) = self.kind(self.pos) {
            match kind {
                Kind::OpenBrace => depth += 1,
                Kind::CloseBrace => depth -= 1,
                _ => {}
            }
            self.pos += 1;
            if depth == 0 {
                return;
            }
        }
    }

    /// Reports a word or label followed by something that neither sets nor opens.
    fn bad_head(&mut self, from: At) {
        let at = self.pos;
        let head = self.source[self.lexed.bytes(self.source, from, at)].to_owned();
        let found = item::describe(self.kind(at), self.text(at));
        let opens = self.kind(at + 1) == Some(Kind::OpenBrace) && !self.starts_line(at + 1);
        if opens && matches!(self.kind(at), Some(Kind::Equals | Kind::Colon)) {
            let mark = self.text(at).to_owned();
            self.push(mark_before_brace(&mark, at));
            return;
        }
        let mut bad =
            problem(Code::E0101, at, at + 1, format!("expected `=` or `{{` after `{head}`, found {found}"))
                .label("not expected here");
        if self.kind(at) == Some(Kind::Colon) && at == from + 1 {
            bad = bad.help(format!("settings are written `{head} = value`")).fix(
                "write ` =`",
                place(at, at + 1),
                " =",
            );
        }
        if self.kind(at) != Some(Kind::Stray) {
            self.push(bad);
        }
    }

    /// Reports that two items touch; returns whether the second is a unit of the first's number.
    fn missing_separator(&mut self) -> bool {
        let at = self.pos;
        let found = item::describe(self.kind(at), self.text(at));
        match self.kind(at) {
            // The lexer has already said what is wrong here.
            Some(Kind::Stray | Kind::OpenText) => {}
            Some(Kind::Name)
                if self.kind(at - 1) == Some(Kind::Number) && crate::value::is_unit(self.text(at)) =>
            {
                let joined = format!("{}{}", self.text(at - 1), self.text(at));
                self.push(
                    problem(Code::E0104, at - 1, at + 1, "a unit follows its number without a space")
                        .label("a space between")
                        .fix(format!("write `{joined}`"), place(at - 1, at + 1), joined),
                );
                return true;
            }
            Some(Kind::Name) => self.push(
                problem(Code::E0105, at, at + 1, format!("expected a comma or a new line before {found}"))
                    .label("a new item starts here")
                    .fix("add a comma", place(at - 1, at), format!("{},", self.text(at - 1))),
            ),
            _ => self.push(
                problem(Code::E0101, at, at + 1, format!("expected a comma or a new line, found {found}"))
                    .label("not expected here"),
            ),
        }
        false
    }

    fn unclosed(&mut self, open: At, next: Option<At>) {
        let end = next.unwrap_or(self.lexed.len());
        // An unterminated string may have eaten the brace: one report is enough.
        let eaten =
            self.count > self.most_items() || (open..end).any(|at| self.kind(at) == Some(Kind::OpenText));
        // Every open block around this one fails at the same place; the innermost speaks.
        let told = self.problems.iter().any(|p| p.code == Code::E0102 && p.place.from > open);
        if eaten || told {
            return;
        }
        let mut found = problem(Code::E0102, open, open + 1, "this block is never closed")
            .label("opened here")
            .help("add the missing `}`");
        if let Some(next) = next {
            found = found.other(place(next, next + 1), "the next block starts here");
        }
        self.push(found);
    }

    fn is_top_item(&self, at: At) -> bool {
        self.lexed.marks().get(at as usize).is_some_and(|mark| mark.at_column_0())
            && self.kind(at) == Some(Kind::Name)
            && TOP_WORDS.contains(&self.text(at))
            && !self.starts_line(at + 1)
            && matches!(self.kind(at + 1), Some(Kind::Name | Kind::Text | Kind::RawText))
    }

    /// Skips to the next place where an item can start.
    fn recover(&mut self, from: At) {
        // Where the mistake lies inside brackets, their commas and lines are no anchors.
        let mut lists = 0u32;
        let mut depth = 0u32;
        let mut at = from;
        while let Some(kind) = self.kind(at) {
            if at >= self.pos && at > from {
                let is_anchor = match kind {
                    Kind::CloseBrace => depth == 0,
                    Kind::Comma => depth == 0 && lists == 0,
                    Kind::Name => depth == 0 && self.starts_line(at) && (lists == 0 || self.is_item(at)),
                    _ => false,
                };
                if is_anchor || self.is_top_item(at) {
                    break;
                }
            }
            match kind {
                Kind::OpenBrace => depth += 1,
                Kind::CloseBrace => depth = depth.saturating_sub(1),
                Kind::OpenList | Kind::OpenCall => lists += 1,
                Kind::CloseList | Kind::CloseCall => lists = lists.saturating_sub(1),
                _ => {}
            }
            at += 1;
        }
        self.pos = at.max(self.pos);
    }

    /// Returns whether the name at the start of a line begins an item rather than a value of a list.
    fn is_item(&self, at: At) -> bool {
        !self.starts_line(at + 1)
            && matches!(
                self.kind(at + 1),
                Some(Kind::Equals | Kind::OpenBrace | Kind::Name | Kind::Text | Kind::RawText)
            )
    }

    fn fail(&mut self, failure: Failure) {
        let at = failure.at;
        // The lexer has already said what is wrong there.
        if self.kind(at) == Some(Kind::Stray) {
            return;
        }
        if self.kind(at) == Some(Kind::OpenBrace) && at > 0 && self.kind(at - 1) == Some(Kind::Equals) {
            self.push(mark_before_brace("=", at - 1));
            return;
        }
        if self.kind(at) == Some(Kind::OpenBrace) && self.starts_line(at) && at > 0 {
            self.push(
                problem(Code::E0101, at, at + 1, "the `{` of a block stands on the line of its name")
                    .label("on a line of its own"),
            );
            return;
        }
        let found = match self.kind(at) {
            Some(kind) => item::describe(Some(kind), self.text(at)),
            None => "the end of the file".to_owned(),
        };
        let mut problem = failure.problem(&found);
        let kinds = |from: At| [self.kind(from), self.kind(from + 1), self.kind(from + 2)];
        if at >= 2 && kinds(at - 2) == [Some(Kind::Number), Some(Kind::Comma), Some(Kind::Number)] {
            problem =
                problem.help("digits are grouped with `_`, and a fraction follows a `.`: `12_000`, `0.85`");
        } else if kinds(at)[..2] == [Some(Kind::Dot), Some(Kind::Number)] {
            problem = problem.help(format!("a number begins with a digit: `0.{}`", self.text(at + 1)));
        } else if self.kind(at) == Some(Kind::Equals) && at > 0 && self.kind(at - 1) == Some(Kind::Equals) {
            problem = problem.help("one `=` sets a value");
        }
        self.push(problem);
    }
}

/// Returns the problem of `score = { ... }` and `score: { ... }`.
fn mark_before_brace(mark: &str, at: At) -> Problem {
    problem(Code::E0101, at, at + 1, format!("there is no `{mark}` before the `{{` of a block"))
        .label("not expected here")
        .fix(format!("remove the `{mark}`"), place(at, at + 1), "")
}

fn place(from: At, to: At) -> Place {
    Place { file: FileId::default(), from, to }
}

fn problem(code: Code, from: At, to: At, message: impl Into<String>) -> Problem {
    Problem::new(code, place(from, to), message)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::lex::significant;

    /// Checks the codes and columns of what is found, in order: `E0101@2:5`.
    fn check(source: &str, expected: &str) {
        let lexed = significant(source);
        let (_, problems) = parse(source, &lexed, true);
        let lines = crate::diagnostic::LineIndex::new(source);
        let shown: Vec<String> = problems
            .iter()
            .map(|p| {
                let start = lexed.bytes(source, p.place.from, p.place.to).start;
                let (line, column) = lines.position(source, start);
                format!("{}@{line}:{column}", p.code.as_str())
            })
            .collect();
        assert_eq!(shown.join(" "), expected, "{source}\n{problems:#?}");
    }

    #[test]
    fn the_shipped_examples_parse() {
        check(include_str!("../../examples/complete.sswe"), "");
        check(include_str!("../../examples/minimal.sswe"), "");
    }

    #[test]
    fn each_mistake_is_found_once() {
        check("pool cpu {}", "E0106@1:1");
        check("sswe 1\npool cpu { workers = }", "E0101@2:20");
        check("sswe 1\npool cpu {\n  workers =\n  gpus = 1\n}", "E0101@3:11");
        check("sswe 1\npool cpu { workers = 1 gpus = 2 }", "E0105@2:24");
        check("sswe 1\npool cpu { workers: 1, gpus = 2 }", "E0101@2:19");
        check("sswe 1\npool cpu {\n  workers = 1\npool gpu { gpus = 1 }", "E0102@2:10");
        check("sswe 1\na { b { c {\n", "E0102@2:11");
        check("sswe 1\na { x = [1, 2 }\nb { y = ] }", "E0102@2:9 E0101@3:7");
        check("sswe 1\na { x = \"abc }\nb {}", "E0103@2:9");
        check("sswe 1\na { x = 1; y = 2 }", "E0109@2:10");
        check("sswe 1\n}\na {}", "E0107@2:1");
        check("sswe 1\na { x = [1 2] }", "E0105@2:12");
        check("sswe 1\na { x = \"a\\q${}\" }", "E0110@2:9 E0110@2:9");
        check("sswe\na {}", "E0106@1:1");
        check("", "E0106@1:1");
        check("sswe 1 pool cpu {}", "E0105@1:8");
        check("sswe 1\na {\nb.\nc = 1 }", "E0101@3:2");
        check("sswe 1\na { x = 1.5.6, y = 2 }", "E0101@2:12");
        check("sswe 1\na { x = b., y = 2 }", "E0101@2:10");
        check("sswe 1\na { x = [1,,2], y = [,] }", "E0101@2:12 E0101@2:22");
        check("sswe 1\na b\n{ c = 1 }\nd {}", "E0101@3:1");
        check("sswe 1\na { x = ''' }\nb {}", "E0103@2:11");
        check("sswe 1\na { x = [12\n..200, 300\n/min, b\n.c, env\n(\"x\")] }", "");
        check("sswe 1\nseeds a {\nuse \"x\" as y\n}\n", "E0102@2:9");
        check("sswe 1\na {\n x = [b,\n c d,\n e]\n y = }", "E0105@4:4 E0101@6:4");
        check("sswe 1\nuse \"x\"\nuse \"y\" as\npool a {}", "E0101@3:1 E0101@4:1");
    }

    #[test]
    fn depth_is_bounded() {
        let deep = format!("sswe 1\n{}", "a {".repeat(100_000));
        let (_, problems) = parse(&deep, &significant(&deep), true);
        assert!(problems.iter().any(|p| p.code == Code::E0108) && problems.len() < 5, "{}", problems.len());
        let lists = format!("sswe 1\na {{ x = {}", "[".repeat(100_000));
        let (_, problems) = parse(&lists, &significant(&lists), true);
        assert!(problems.iter().any(|p| p.code == Code::E0108), "{problems:?}");
    }
}
