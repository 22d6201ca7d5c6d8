//! What the formatter promises for every file, tried on random ones.

use sswe_compiler::{
    format::format,
    lex::{self, Kind},
};

const EXAMPLES: [&str; 2] =
    [include_str!("../../examples/complete.sswe"), include_str!("../../examples/minimal.sswe")];

#[test]
fn random_files_keep_their_meaning() {
    for seed in 1..3_000 {
        let source = Writer::file(seed);
        let output = format(&source).unwrap_or_else(|| panic!("seed {seed} has errors:\n{source}"));
        check(&source, &output, seed);
    }
}

#[test]
fn examples_survive_any_spacing() {
    let mut valid = 0;
    for seed in 1..400_u64 {
        let example = EXAMPLES[usize::from(!seed.is_multiple_of(8))];
        let source = disturb(example, seed);
        // A line end in the wrong place is an error of the file.
        if let Some(output) = format(&source) {
            check(&source, &output, seed);
            valid += 1;
        }
    }
    assert!(valid > 100, "{valid}");
}

/// Checks everything the formatter promises about one file.
fn check(source: &str, output: &str, seed: u64) {
    let shown = || format!("seed {seed}\n--- source\n{source}\n--- output\n{output}");
    let again = format(output);
    assert_eq!(again.as_deref(), Some(output), "formatting again moves something: {}", shown());
    let respaced = respace(source, seed);
    assert_eq!(
        format(&respaced).as_deref(),
        Some(output),
        "spaces matter: {}\n--- respaced\n{respaced}",
        shown()
    );
    assert_eq!(meaning(source), meaning(output), "{}", shown());
    assert_eq!(comments(source).len(), comments(output).len(), "{}", shown());
    for (before, after) in comments(source).iter().zip(&comments(output)) {
        assert_eq!((&before.text, before.follows), (&after.text, after.follows), "{}", shown());
        if before.line != Line::Comma {
            assert_eq!(before.line, after.line, "`{}` {}", before.text, shown());
        }
    }
    assert!(output.ends_with('\n') && !output.ends_with("\n\n") && !output.contains("\n\n\n"), "{}", shown());
    assert!(!output.lines().any(|line| line.ends_with(char::is_whitespace)), "{}", shown());
    let spaces = lex::tokens(output).filter(|token| matches!(token.kind, Kind::Space | Kind::Newline));
    assert!(
        spaces.into_iter().all(|t| !output[t.start..t.end].contains(['\t', '\r', '\u{feff}'])),
        "{}",
        shown()
    );
}

/// Returns the significant tokens, with one `;` between items and one `,` between values.
fn meaning(source: &str) -> Vec<&str> {
    let mut found: Vec<&str> = Vec::new();
    let mut open = Vec::new();
    let (mut comma, mut newline) = (false, false);
    let mut before = Kind::OpenBrace;
    for token in lex::tokens(source).filter(|token| token.kind == Kind::Newline || !token.kind.is_trivia()) {
        match token.kind {
            Kind::Newline => newline = true,
            Kind::Comma => comma = true,
            kind => {
                let in_block = open.last().is_none_or(|open| *open == Kind::OpenBrace);
                // Line ends inside a path or before `=` end nothing.
                let inside = before == Kind::Dot || matches!(kind, Kind::Colon | Kind::Equals);
                let edge = is_open(before) || is_close(kind);
                match in_block {
                    true if (comma || newline) && !edge && !inside => found.push(";"),
                    false if comma && !edge => found.push(","),
                    _ => {}
                }
                if is_open(kind) {
                    open.push(kind);
                } else if is_close(kind) {
                    open.pop();
                }
                found.push(&source[token.start..token.end]);
                (comma, newline, before) = (false, false, kind);
            }
        }
    }
    found
}

fn is_open(kind: Kind) -> bool {
    matches!(kind, Kind::OpenBrace | Kind::OpenList | Kind::OpenCall)
}

fn is_close(kind: Kind) -> bool {
    matches!(kind, Kind::CloseBrace | Kind::CloseList | Kind::CloseCall)
}

/// A comment and what it belongs to.
struct Comment<'a> {
    text: &'a str,
    /// How many tokens other than commas come before it.
    follows: usize,
    line: Line,
}

/// What else stands on the line of a comment.
#[derive(Clone, Copy, Debug, PartialEq)]
enum Line {
    Empty,
    Comma,
    Token,
}

fn comments(source: &str) -> Vec<Comment<'_>> {
    let mut found = Vec::new();
    let (mut follows, mut line) = (0, Line::Empty);
    for token in lex::tokens(source) {
        match token.kind {
            Kind::Comment | Kind::Doc => {
                let text = source[token.start..token.end].trim_end();
                found.push(Comment { text, follows, line });
            }
            Kind::Newline => line = Line::Empty,
            Kind::Space => {}
            Kind::Comma if line == Line::Empty => line = Line::Comma,
            Kind::Comma => {}
            _ => (follows, line) = (follows + 1, Line::Token),
        }
    }
    found
}

/// Changes the width of every space.
fn respace(source: &str, seed: u64) -> String {
    let mut random = Random::new(seed);
    let tokens = lex::tokens(source);
    tokens
        .map(|token| match token.kind {
            Kind::Space => random.pick(&[" ", "\t", "   ", " \t \t"]),
            _ => &source[token.start..token.end],
        })
        .collect()
}

/// Changes spaces and line ends, and adds comments.
fn disturb(source: &str, seed: u64) -> String {
    let mut writer = Writer { random: Random::new(seed), out: String::new(), newline: "\n" };
    let rare = writer.random.below(60) + 2;
    for token in lex::tokens(source) {
        match token.kind {
            Kind::Newline if writer.random.one_in(4) => writer.lines(),
            Kind::Space if writer.random.one_in(2) => writer.gap(),
            Kind::Comma | Kind::Dot | Kind::OpenBrace | Kind::OpenList if writer.random.one_in(rare) => {
                writer.out.push_str(&source[token.start..token.end]);
                writer.lines();
            }
            Kind::CloseBrace | Kind::CloseList | Kind::Colon if writer.random.one_in(rare * 2) => {
                writer.lines();
                writer.out.push_str(&source[token.start..token.end]);
            }
            _ => writer.out.push_str(&source[token.start..token.end]),
        }
    }
    writer.out
}

/// A xorshift generator: the same seed gives the same file everywhere.
struct Random(u64);

impl Random {
    fn new(seed: u64) -> Random {
        Random(seed.wrapping_mul(0x9E37_79B9_7F4A_7C15) | 1)
    }

    fn below(&mut self, end: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 >> 33) as usize % end
    }

    fn one_in(&mut self, count: usize) -> bool {
        self.below(count) == 0
    }

    fn pick<'a>(&mut self, choices: &[&'a str]) -> &'a str {
        choices[self.below(choices.len())]
    }
}

/// Writes a valid file as carelessly as the grammar allows.
struct Writer {
    random: Random,
    out: String,
    newline: &'static str,
}

impl Writer {
    fn file(seed: u64) -> String {
        let mut random = Random::new(seed);
        let newline = random.pick(&["\n", "\r\n"]);
        let mut writer = Writer { random, out: String::new(), newline };
        writer.push(&["", "", "\u{feff}"]);
        if writer.random.one_in(3) {
            writer.lines();
        }
        writer.out.push_str("sswe");
        writer.gap();
        writer.out.push('1');
        let count = writer.random.below(6);
        for _ in 0..count {
            writer.separator();
            writer.item(0);
        }
        if writer.random.one_in(2) {
            writer.separator();
        }
        writer.space();
        writer.push(&["", "# no line end", "## no line end \r"]);
        writer.out
    }

    fn push(&mut self, choices: &[&str]) {
        let choice = self.random.pick(choices);
        self.out.push_str(choice);
    }

    /// Writes perhaps a space.
    fn space(&mut self) {
        self.push(&["", "", " ", "  ", "\t", "\r", "\u{feff}"]);
    }

    /// Writes a space.
    fn gap(&mut self) {
        self.push(&[" ", " ", "   ", "\t", " \t"]);
    }

    /// Writes one line end or more, with comments.
    fn lines(&mut self) {
        let count = 1 + self.random.below(4);
        for _ in 0..count {
            self.space();
            if self.random.one_in(3) {
                self.push(&[
                    "#",
                    "# c",
                    "#c  ",
                    "## doc",
                    "##",
                    "# { } [ ( \" ' , é \t",
                    "# ----------------------------",
                ]);
            }
            self.out.push_str(self.newline);
        }
        self.space();
    }

    /// Writes what may stand around a token inside brackets.
    fn loose(&mut self) {
        match self.random.one_in(12) {
            true => self.lines(),
            false => self.space(),
        }
    }

    fn separator(&mut self) {
        match self.random.below(4) {
            0 => {
                self.loose();
                self.out.push(',');
                self.loose();
            }
            1 => {
                self.push(&[",", ", ,"]);
                self.lines();
            }
            _ => self.lines(),
        }
    }

    fn item(&mut self, depth: usize) {
        // A word of the top level at column 0 ends every block.
        if depth > 0 && self.out.ends_with('\n') {
            self.out.push(' ');
        }
        match self.random.below(if depth > 3 { 7 } else { 12 }) {
            0 => {
                self.out.push_str("use");
                self.space();
                self.push(&["'a.sswe'", "\"é.sswe\""]);
                self.space();
                self.out.push_str("as");
                self.gap();
                self.name();
            }
            1 => self.param(),
            2..=5 => {
                self.path();
                self.equals();
                self.value(0);
            }
            6 => {
                self.path();
                self.labels();
            }
            _ => {
                self.path();
                self.labels();
                self.space();
                self.items(depth);
            }
        }
    }

    fn items(&mut self, depth: usize) {
        self.out.push('{');
        // Half of the blocks stand on one line.
        let flat = self.random.one_in(2);
        let count = self.random.below(4);
        for nth in 0..count {
            match (nth, flat) {
                (0, true) => self.space(),
                (0, false) => self.loose(),
                (_, true) => self.push(&[",", " , ", ", ", ",,"]),
                (_, false) => self.separator(),
            }
            self.item(depth + 1);
        }
        match flat {
            true => self.push(&["", " ", ",", " , "]),
            false => self.loose(),
        }
        self.out.push('}');
    }

    fn param(&mut self) {
        self.out.push_str("param");
        self.gap();
        self.name();
        self.space();
        self.out.push(':');
        self.space();
        self.push(&["int", "ratio", "a_very_long_type"]);
        self.equals();
        self.value(0);
        if self.random.one_in(2) {
            self.gap();
            self.out.push_str("in");
            self.gap();
            self.value(0);
        }
    }

    fn equals(&mut self) {
        self.space();
        self.out.push('=');
        self.space();
    }

    fn name(&mut self) {
        self.push(&[
            "a",
            "bc",
            "_x1",
            "use",
            "param",
            "sswe",
            "in",
            "pool",
            "some_name",
            "rather_a_long_name_here",
        ]);
    }

    fn path(&mut self) {
        // Not `use` and `param`, which may read what follows in their own way.
        self.push(&["a", "b", "pool", "seeds", "some_name", "rather_a_long_name_here"]);
        while self.random.one_in(5) {
            self.space();
            self.out.push('.');
            self.space();
            self.name();
        }
    }

    fn labels(&mut self) {
        while self.random.one_in(2) {
            self.gap();
            match self.random.below(4) {
                0 => self.name(),
                1 => self.push(&["1", "2..3", "4 .. 5", "2 .. 'x'"]),
                _ => self.push(&["'x'", "\"a/b\"", "'naïve ☃'", "\"https://example.org/a.git\""]),
            }
        }
    }

    fn value(&mut self, depth: usize) {
        match self.random.below(if depth > 3 { 5 } else { 8 }) {
            0 => self.push(&["1", "12_000", "-1.0", "35%", "0.5pp", "1e-6", "64k", "10min"]),
            1 => self.push(&["300/min", "300 / min", "12..200", "-5% .. -1%", "3..", "..15%", ".. 2"]),
            2 => self.push(&[
                "'raw # , { \"'",
                "\"text \\\" ${param.x} # '\"",
                "''",
                "\"tab\tand\rreturn\"",
                "'ünï'",
            ]),
            3 => self.path(),
            4 => {
                self.push(&["param.", "a."]);
                // Line ends mean nothing, but only inside brackets.
                match depth {
                    0 => self.space(),
                    _ => self.loose(),
                }
                self.name();
            }
            5 => {
                self.push(&["env", "secret", "file"]);
                self.space();
                self.listed('(', ')', depth);
            }
            _ => self.listed('[', ']', depth),
        }
    }

    fn listed(&mut self, open: char, close: char, depth: usize) {
        self.out.push(open);
        let count = self.random.below(4);
        for nth in 0..count {
            if nth > 0 {
                self.out.push(',');
            }
            self.loose();
            self.value(depth + 1);
            self.loose();
        }
        if count > 0 && self.random.one_in(3) {
            self.out.push(',');
        }
        self.loose();
        self.out.push(close);
    }
}
