//! Lays a file out in the one canonical way; only spacing, line ends and commas change.
//!
//! The tree says what belongs together, the tokens say what is written. The author decides two
//! things: which blocks and lists are spread over lines, and where blank lines stand. [`breaks`]
//! reads the first from the tokens, [`notes`] the second from what stands between them, with the
//! comments; everything else follows from the tokens alone.

use crate::{
    diagnostic::Problem,
    lex::{self, At, Kind, Lexed, mark_text},
    parse::parse,
    syntax::{Item, ItemKind, Label, Param, Tree, Value, ValueKind},
};

/// Trailing comments start after this many columns.
const COMMENT_COLUMN: usize = 48;

/// A line that would need more padding than this to reach a shared column gets none.
const MAX_PADDING: usize = 10;

/// Returns `source` in its canonical layout, or `None` if its syntax has errors.
pub fn format(source: &str) -> Option<String> {
    // Longer files have no ordinals for their tokens.
    u32::try_from(source.len()).ok()?;
    let lexed = lex::significant(source);
    let (tree, problems) = parse(source, &lexed, true);
    if problems.iter().any(Problem::is_error) {
        return None;
    }
    let mut printer = Printer {
        source,
        lexed: &lexed,
        broken: breaks(source, &lexed),
        out: String::with_capacity(source.len() + source.len() / 8),
        line: 0,
        indent: 0,
        before: None,
        pos: 0,
    };
    printer.file(&tree);
    Some(printer.out)
}

struct Printer<'a> {
    source: &'a str,
    lexed: &'a Lexed,
    /// What [`breaks`] found.
    broken: Vec<bool>,
    out: String,
    /// Where the last line of `out` begins.
    line: usize,
    /// Levels of indentation of the next line.
    indent: usize,
    /// The last token on the last line of `out`.
    before: Option<Kind>,
    /// The byte of `source` after the last token written.
    pos: usize,
}

/// Whether a blank line comes before the next line.
#[derive(Clone, Copy)]
enum Blank {
    Never,
    Kept,
    Always,
}

impl Printer<'_> {
    fn file(&mut self, tree: &Tree) {
        self.gap(0, Blank::Never);
        self.tokens(0, 2);
        let blank = self.items(&tree.items, Blank::Always);
        self.comments(self.lexed.len(), blank);
        self.line_break(false);
    }

    /// Writes each item on its own line; returns what may come before the next line.
    fn items(&mut self, items: &[Item], mut blank: Blank) -> Blank {
        let mut rest = items;
        while !rest.is_empty() {
            let (run, after) = rest.split_at(self.run_len(rest));
            let columns = self.columns(run);
            for item in run {
                self.gap(item.from, blank);
                self.item(item, columns);
                blank = Blank::Kept;
            }
            rest = after;
        }
        blank
    }

    /// Returns how many of `items`, which is not empty, share their columns.
    fn run_len(&self, items: &[Item]) -> usize {
        if !self.is_one_line(&items[0]) {
            return 1;
        }
        let joined = items.windows(2).take_while(|pair| {
            let (from, to) = (self.lexed.end(self.source, pair[0].to - 1), self.lexed.start(pair[1].from));
            let plain = notes(self.source, from, to)
                .all(|note| note.trailing || (note.text.is_empty() && !note.blank));
            plain && self.is_one_line(&pair[1])
        });
        1 + joined.count()
    }

    fn is_one_line(&self, item: &Item) -> bool {
        !self.broken[item.from as usize..item.to as usize].contains(&true)
    }

    /// Returns the columns that the lines of `run` share.
    fn columns(&self, run: &[Item]) -> Columns {
        let mut columns = Columns::default();
        if run.len() == 1 {
            return columns;
        }
        // First stops first: they move the second ones.
        for nth in 0..2 {
            for item in run {
                let mut from = item.from;
                let mut width = 2 * self.indent;
                for (index, stop) in stops(item).into_iter().enumerate().take(nth + 1) {
                    let Some((stop, to)) = stop else { continue };
                    width += self.width(from, to) + usize::from(from > item.from);
                    let column = &mut columns[stop as usize];
                    match index == nth {
                        true => *column = width.max(*column),
                        false => width += padding(width, *column, stop),
                    }
                    from = to;
                }
            }
        }
        columns
    }

    fn width(&self, from: At, to: At) -> usize {
        let marks = &self.lexed.marks()[from as usize..to as usize];
        let text: usize = marks.iter().map(|mark| mark_text(*mark, self.source).chars().count()).sum();
        let spaces = marks.windows(2).filter(|pair| is_spaced(pair[0].kind, pair[1].kind)).count();
        text + spaces
    }

    fn item(&mut self, item: &Item, columns: Columns) {
        let mut from = item.from;
        for (stop, to) in stops(item).into_iter().flatten() {
            self.tokens(from, to);
            self.spaces(padding(self.line_width(), columns[stop as usize], stop));
            from = to;
        }
        match &item.kind {
            ItemKind::Setting { value, .. } => {
                self.tokens(from, value.from);
                self.value(value);
            }
            ItemKind::Param(param) => {
                let Param { default, within, .. } = &**param;
                self.tokens(from, default.from);
                self.value(default);
                if let Some(within) = within {
                    self.tokens(default.to, within.from);
                    self.value(within);
                }
            }
            ItemKind::Block { items: Some(items), .. } if self.broken[from as usize] => {
                self.tokens(from, from + 1);
                self.indent += 1;
                let blank = self.items(items, Blank::Never);
                self.close(item.to - 1, blank);
            }
            ItemKind::Block { .. } | ItemKind::Use { .. } => self.tokens(from, item.to),
        }
    }

    fn value(&mut self, value: &Value) {
        let (open, values) = match &value.kind {
            ValueKind::List(values) => (value.from, &**values),
            ValueKind::Call(call) => (value.from + 1, &*call.1),
            _ => return self.tokens(value.from, value.to),
        };
        if !self.broken[open as usize] {
            return self.tokens(value.from, value.to);
        }
        self.tokens(value.from, open + 1);
        self.indent += 1;
        let mut blank = Blank::Never;
        for value in values {
            self.gap(value.from, blank);
            self.value(value);
            self.out.push(',');
            blank = Blank::Kept;
        }
        self.close(value.to - 1, blank);
    }

    /// Writes a closing bracket on its own line.
    fn close(&mut self, at: At, blank: Blank) {
        self.comments(at, blank);
        self.indent -= 1;
        self.line_break(false);
        self.tokens(at, at + 1);
    }

    /// Writes tokens on one line, with commas between items and values and nowhere else.
    fn tokens(&mut self, from: At, to: At) {
        let mut comma = false;
        for at in from as usize..to as usize {
            let mark = self.lexed.marks()[at];
            if mark.kind == Kind::Comma {
                comma = true;
                continue;
            }
            if self.broken[at] && !is_open(mark.kind) {
                self.indent += 1;
                self.gap(at as At, Blank::Never);
                self.indent -= 1;
            }
            if let Some(before) = self.before {
                if comma && !is_open(before) && !is_close(mark.kind) {
                    self.out.push_str(", ");
                } else if is_spaced(before, mark.kind) {
                    self.out.push(' ');
                }
            }
            let text = mark_text(mark, self.source);
            self.out.push_str(text);
            self.before = Some(mark.kind);
            self.pos = self.lexed.start(at as At) + text.len();
            comma = false;
        }
    }

    /// Writes the comments before token `at`, and begins its line.
    fn gap(&mut self, at: At, blank: Blank) {
        let blank = self.comments(at, blank);
        self.line_break(blank);
    }

    /// Writes the comments before token `at`; returns whether a blank line comes next.
    fn comments(&mut self, at: At, mut blank: Blank) -> bool {
        for note in notes(self.source, self.pos, self.lexed.start(at)) {
            let blank_here = match blank {
                Blank::Never => false,
                Blank::Kept => note.blank,
                Blank::Always => true,
            };
            if note.text.is_empty() {
                return blank_here;
            }
            if note.trailing && !self.out.is_empty() {
                let width = self.line_width();
                self.spaces(COMMENT_COLUMN.saturating_sub(width).max(2));
            } else {
                self.line_break(blank_here);
                blank = Blank::Kept;
            }
            self.out.push_str(note.text);
        }
        false
    }

    fn line_break(&mut self, blank: bool) {
        if !self.out.is_empty() {
            self.out.push_str(if blank { "\n\n" } else { "\n" });
        }
        self.line = self.out.len();
        self.before = None;
        self.spaces(2 * self.indent);
    }

    fn line_width(&self) -> usize {
        self.out[self.line..].chars().count()
    }

    fn spaces(&mut self, count: usize) {
        self.out.extend(std::iter::repeat_n(' ', count));
    }
}

/// A place in a line that a run lines up.
#[derive(Clone, Copy)]
enum Stop {
    /// The string label of a block.
    Label,
    /// The `=` of a setting, the `{` of a block.
    Value,
    /// The `{` of a block with a string label; such labels differ widely in length.
    Body,
    /// The type of a parameter.
    Type,
    /// The `=` of a parameter.
    Default,
}

/// The column of each [`Stop`], less the space before it.
type Columns = [usize; 5];

/// Returns the stops of an item, each with the token that stands there.
fn stops(item: &Item) -> [Option<(Stop, At)>; 2] {
    let (_, head) = item.head();
    match &item.kind {
        ItemKind::Use { .. } => [None, None],
        ItemKind::Param(param) => {
            let (name, ty) = (&param.name, &param.ty);
            [Some((Stop::Type, name.at + 2)), Some((Stop::Default, ty.at + 1))]
        }
        ItemKind::Setting { .. } => [None, Some((Stop::Value, head))],
        ItemKind::Block { labels, items, .. } => {
            let text = labels.iter().find_map(|label| match label {
                Label::Text(at, _) => Some((Stop::Label, *at)),
                Label::Name(_) | Label::Rounds { .. } => None,
            });
            let stop = if text.is_some() { Stop::Body } else { Stop::Value };
            [text, items.as_ref().map(|_| (stop, head))]
        }
    }
}

fn padding(width: usize, column: usize, stop: Stop) -> usize {
    let most = if matches!(stop, Stop::Body) { 4 * MAX_PADDING } else { MAX_PADDING };
    let missing = column.saturating_sub(width);
    if missing <= most { missing } else { 0 }
}

/// Returns whether a space stands between two tokens of one line.
fn is_spaced(before: Kind, after: Kind) -> bool {
    use Kind::{
        CloseBrace, CloseCall, CloseList, Colon, Dot, DotDot, Number, OpenBrace, OpenCall, OpenList, Slash,
    };
    !matches!(
        (before, after),
        (Dot | Slash | OpenList | OpenCall, _)
            | (_, Dot | Slash | Colon | OpenCall | CloseList | CloseCall)
            | (Number, DotDot)
            | (DotDot, Number)
            | (OpenBrace, CloseBrace)
    )
}

fn is_open(kind: Kind) -> bool {
    matches!(kind, Kind::OpenBrace | Kind::OpenList | Kind::OpenCall)
}

fn is_close(kind: Kind) -> bool {
    matches!(kind, Kind::CloseBrace | Kind::CloseList | Kind::CloseCall)
}

/// Returns, for each opening bracket, whether its inside is spread over lines; for any other
/// token, whether a comment stands before it in the middle of its item.
fn breaks(source: &str, lexed: &Lexed) -> Vec<bool> {
    struct Open {
        at: usize,
        /// A line ends inside, where that counts.
        lines: bool,
        /// There is something inside.
        content: bool,
    }
    let marks = lexed.marks();
    let mut broken = vec![false; marks.len()];
    let mut stack: Vec<Open> = Vec::new();
    for (at, mark) in marks.iter().enumerate() {
        let commented = at > 0 && mark.starts_line() && {
            let at = at as At;
            source[lexed.end(source, at - 1)..lexed.start(at)].contains('#')
        };
        if let Some(open) = stack.last_mut() {
            // Lists flow: only a line end after the bracket asks for one value a line.
            let counts = marks[open.at].kind == Kind::OpenBrace || open.at + 1 == at;
            open.lines |= commented || (counts && mark.starts_line());
            open.content |= commented || !(is_close(mark.kind) || mark.kind == Kind::Comma);
        }
        let inside =
            matches!(mark.kind, Kind::Colon | Kind::Equals) || (at > 0 && marks[at - 1].kind == Kind::Dot);
        broken[at] = commented && inside;
        if is_open(mark.kind) {
            stack.push(Open { at, lines: false, content: false });
        } else if is_close(mark.kind)
            && let Some(closed) = stack.pop()
        {
            broken[closed.at] = closed.lines && closed.content;
            // A line cannot hold what takes several.
            if let Some(around) = stack.last_mut() {
                around.lines |= broken[closed.at];
            }
        }
    }
    broken
}

/// A comment between two tokens, or, without text, the second token.
struct Note<'a> {
    text: &'a str,
    /// Stands on the line of the first token.
    trailing: bool,
    /// A blank line comes before it.
    blank: bool,
}

/// Returns the comments between two bytes, then a note for what follows.
fn notes(source: &str, from: usize, to: usize) -> impl Iterator<Item = Note<'_>> {
    let mut tokens = lex::tokens_from(source, from).take_while(move |token| token.start < to);
    let (mut newlines, mut commented, mut done) = (0, false, false);
    std::iter::from_fn(move || {
        for token in tokens.by_ref() {
            match token.kind {
                Kind::Newline => newlines += 1,
                // It will follow the first token: the line that it stands on is that one's.
                Kind::Comma => newlines = 0,
                Kind::Comment | Kind::Doc => {
                    let text = source[token.start..token.end].trim_end();
                    let note = Note { text, trailing: newlines == 0 && !commented, blank: newlines > 1 };
                    (newlines, commented) = (0, true);
                    return Some(note);
                }
                _ => {}
            }
        }
        let last = Note { text: "", trailing: false, blank: newlines > 1 };
        (!std::mem::replace(&mut done, true)).then_some(last)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Checks the layout of `input` after a header, and that it means the same and is final.
    fn check(input: &str, expected: &str) {
        let input = format!("sswe 1\n\n{input}");
        let output = format(&input).expect("no syntax errors");
        assert_eq!(output.strip_prefix("sswe 1\n\n").unwrap_or(&output), expected, "{input}");
        assert_eq!(format(&output).as_ref(), Some(&output), "formatting again moves something");
        assert_eq!(shape(&output), shape(&input));
    }

    /// Returns the tree without its ordinals, which commas move.
    fn shape(source: &str) -> String {
        let shown = format!("{:?}", parse(source, &lex::significant(source), true));
        let (mut quoted, mut escaped) = (false, false);
        let keep = |c: &char| {
            quoted ^= *c == '"' && !escaped;
            escaped = *c == '\\' && !escaped;
            quoted || !c.is_ascii_digit()
        };
        shown.chars().filter(keep).collect()
    }

    #[test]
    fn broken_syntax_is_left_alone() {
        assert_eq!(format(""), None);
        assert_eq!(format("pool a {}"), None);
        assert_eq!(format("sswe 1\npool a {"), None);
        assert_eq!(format("sswe 1\nx = \"\\q\""), None);
    }

    #[test]
    fn the_header_stands_apart() {
        let expected = "sswe 1\n\npool a {}\n";
        for source in
            ["sswe 1,pool a {}", "\u{feff}\r\n sswe\t1\r\npool a{\r\n}", "\n\nsswe 1\n\n\n\npool a { , }\n\n"]
        {
            assert_eq!(format(source).as_deref(), Some(expected), "{source:?}");
        }
        assert_eq!(format("sswe 1").as_deref(), Some("sswe 1\n"));
        assert_eq!(
            format("# who\n\n\nsswe 1 # what\n# why\n\n").as_deref(),
            Some("# who\n\nsswe 1                                          # what\n\n# why\n")
        );
    }

    #[test]
    fn spacing_follows_the_tokens() {
        check("a=1\n", "a = 1\n");
        check("a . b = c\t. d\n", "a.b = c.d\n");
        check("a = 12 .. 200\n\na = 3 ..\n\na = .. 15%\n", "a = 12..200\n\na = 3..\n\na = ..15%\n");
        check("a = 300 / min\n", "a = 300/min\n");
        check("a = env ( \"X\" , )\n", "a = env(\"X\")\n");
        check("use   'x'as y\n", "use 'x' as y\n");
        check("param keep:ratio=3..in 5%..\n", "param keep: ratio = 3.. in 5%..\n");
        check("param keep:ratio=[1]in..5%\n", "param keep: ratio = [1] in ..5%\n");
        check("round 1 .. 3{}\nround 2..{}\n", "round 1..3 {}\nround 2..  {}\n");
        check("a\"x\"'y'1 2b{}\n", "a \"x\" 'y' 1 2b {}\n");
    }

    #[test]
    fn a_block_keeps_its_line_or_takes_several() {
        check("a{b=1,c{},}\n", "a { b = 1, c {} }\n");
        check("a{,b,,c=[1,]}\n", "a { b, c = [1] }\n");
        check("a {\n\n# c\n\n}\n", "a {\n  # c\n}\n");
        check("a { b = 1,\nc = 2, d }\n", "a {\n  b = 1\n  c = 2\n  d\n}\n");
        check("a { b\n\n\n, c }\n", "a {\n  b\n  c\n}\n");
        check("a { b = 1, c { d = 2\n } }\n", "a {\n  b = 1\n  c {\n    d = 2\n  }\n}\n");
        check("a { b = [\n1], c }\n", "a {\n  b = [\n    1,\n  ]\n  c\n}\n");
        check("a { b = [1,\n2] }\n", "a { b = [1, 2] }\n");
        check("a {\n\n\nb\n\n\n\nc\n\n}\n\n\n\nd\n\n", "a {\n  b\n\n  c\n}\n\nd\n");
    }

    #[test]
    fn a_list_spreads_when_asked_to() {
        check("a = [ ]\n\na = [\n]\n", "a = []\n\na = []\n");
        check("a = [1\n,2,\n]\n", "a = [1, 2]\n");
        check("a = [\n1,2]\n", "a = [\n  1,\n  2,\n]\n");
        check("a = env(\n'X')\n", "a = env(\n  'X',\n)\n");
        check("a = [1, [\n2, env('x')]]\n", "a = [\n  1,\n  [\n    2,\n    env('x'),\n  ],\n]\n");
        check("a = [1 # one\n, # also\n2]\n", &format!("a = [\n  1,{:44}# one\n  # also\n  2,\n]\n", ""));
        check("a = [1\n# last\n]\n", "a = [\n  1,\n  # last\n]\n");
    }

    #[test]
    fn lines_of_a_run_share_columns() {
        check("a = 1\nb.long = 2\nc { d = 1 }\n", "a      = 1\nb.long = 2\nc      { d = 1 }\n");
        check("a = 1\n\nb.long = 2\n", "a = 1\n\nb.long = 2\n");
        check("a = 1\n# c\nb.long = 2\n", "a = 1\n# c\nb.long = 2\n");
        check("a = 1\nlong {\nb = 2\n}\nlonger = 2\n", "a = 1\nlong {\n  b = 2\n}\nlonger = 2\n");
        check("a = 1\nplain.word\nbb = 2\n", "a  = 1\nplain.word\nbb = 2\n");
        check("train a { b = 1 }\nselect { c = 1 }\n", "train a { b = 1 }\nselect  { c = 1 }\n");
        check("abcdefghijkl = 1\nab = 2\na = 3\n", "abcdefghijkl = 1\nab           = 2\na = 3\n");
        check("a 'é' {}\nbc 'e' { d }\n", "a  'é' {}\nbc 'e' { d }\n");
    }

    #[test]
    fn labels_and_types_line_up() {
        check(
            "repo \"a/long\" { at = 1 }\ndir \"b\" { at = 1 }\nwxyz { at = 1 }\ndir2 'c'\n",
            "repo \"a/long\" { at = 1 }\ndir  \"b\"      { at = 1 }\nwxyz { at = 1 }\ndir2 'c'\n",
        );
        check(
            "param tasks: int = 1 in 1..2\nparam of: duration = 3s\na = 1\n",
            "param tasks: int      = 1 in 1..2\nparam of:    duration = 3s\na = 1\n",
        );
        check(
            "param a_very_long_name_indeed: int = 1\nparam b: duration = 3s\nparam a_very_long_name: ratio = 3s\n",
            "param a_very_long_name_indeed: int   = 1\nparam b: duration = 3s\nparam a_very_long_name:        ratio = 3s\n",
        );
    }

    #[test]
    fn comments_stay_with_what_they_follow() {
        let pad = |text: &str| format!("{text:48}");
        check("a = 1 # c  \n", &format!("{}# c\n", pad("a = 1")));
        check("a = 1 ## c\r\n  \t# d\n", &format!("{}## c\n# d\n", pad("a = 1")));
        check("a = 1, # c\nb = 2\n", &format!("{}# c\nb = 2\n", pad("a = 1")));
        check("a = 1\n, # c\nb = 2\n", &format!("{}# c\nb = 2\n", pad("a = 1")));
        check(
            "a { # c\n\n  b # d\n  # e\n} # f",
            &format!("{}# c\n{}# d\n  # e\n{}# f\n", pad("a {"), pad("  b"), pad("}")),
        );
        let (short, long) = (format!("a = '{}'", "é".repeat(40)), format!("a = '{}'", "é".repeat(41)));
        check(&format!("{short}# c\n"), &format!("{short}  # c\n"));
        check(&format!("{long}# c\n"), &format!("{long}  # c\n"));
        check("a = 1\n\n\n# c\n\n\n# d\nb = 2\n", "a = 1\n\n# c\n\n# d\nb = 2\n");
        check(
            "a = [ # c\n1,\n\n\n# d\n2\n]# e\n",
            &format!("{}# c\n  1,\n\n  # d\n  2,\n{}# e\n", pad("a = ["), pad("]")),
        );
    }

    #[test]
    fn a_comment_inside_a_value_survives() {
        check("a = [b. # c\n# d\nc]\n", &format!("a = [\n{:48}# c\n    # d\n    c,\n]\n", "  b."));
    }

    #[test]
    fn depth_is_no_trouble() {
        let flat = format!("{}b{}\n", "a { ".repeat(64), " }".repeat(64));
        check(&flat, &flat);
        let spread = format!(
            "sswe 1\n{}x = {}1{}{}",
            "a {\n".repeat(64),
            "[\n".repeat(64),
            "]".repeat(64),
            "}".repeat(64)
        );
        assert_eq!(format(&spread).expect("no syntax errors").lines().count(), 2 + 64 + 129 + 64);
    }

    #[test]
    fn the_shipped_examples_keep_their_meaning() {
        for source in
            [include_str!("../../examples/complete.sswe"), include_str!("../../examples/minimal.sswe")]
        {
            let output = format(source).expect("no syntax errors");
            assert_eq!(shape(&output), shape(source));
            assert_eq!(format(&output).as_ref(), Some(&output));
        }
    }
}
