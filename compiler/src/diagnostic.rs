//! What is wrong with a file, and where: plain data that terminal, JSON and editor all draw from.

use serde::Serialize;

use crate::lex::At;

macro_rules! codes {
    ($($code:ident $name:literal,)*) => {
        /// The stable code of a kind of mistake; never reused.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
        #[expect(missing_docs, reason = "each code has a page of its own under `codes/`")]
        pub enum Code { $($code,)* }

        impl Code {
            /// Every code, in order.
            pub const ALL: &[Code] = &[$(Code::$code,)*];

            /// Returns the code as printed: `E0204`.
            pub fn as_str(self) -> &'static str {
                match self { $(Code::$code => stringify!($code),)* }
            }

            /// Returns the kebab name: `wrong-kind`.
            pub fn name(self) -> &'static str {
                match self { $(Code::$code => $name,)* }
            }

            /// Returns the Markdown page that `sswe explain` prints.
            pub fn page(self) -> &'static str {
                match self { $(Code::$code => include_str!(concat!("codes/", stringify!($code), ".md")),)* }
            }
        }
    };
}

codes! {
    E0101 "expected",
    E0102 "unclosed-block",
    E0103 "unterminated-string",
    E0104 "bad-number",
    E0105 "missing-separator",
    E0106 "missing-header",
    E0107 "stray-bracket",
    E0108 "nested-too-deep",
    E0109 "stray-character",
    E0110 "bad-escape",
    E0111 "not-text",
    E0112 "too-large",
    E0201 "duplicate-name",
    E0202 "unknown-name",
    W0203 "unused",
    E0204 "wrong-kind",
    E0205 "unknown-key",
    E0206 "given-twice",
    E0207 "missing-key",
    E0208 "reserved-name",
    E0209 "misplaced",
    E0210 "bad-label",
    E0211 "conflicting-keys",
    E0212 "unknown-allow",
    E0301 "wrong-type",
    E0302 "wrong-unit",
    E0303 "out-of-range",
    E0304 "bool-spelling",
    E0305 "unknown-variant",
    E0306 "reversed-range",
    E0307 "bad-call",
    E0401 "missing-fact",
    W0402 "gate-order",
    E0406 "same-gate-twice",
    W0407 "nothing-discriminates",
    W0501 "round-never-runs",
    E0502 "first-round-only",
    E0503 "overlapping-rounds",
    E0504 "new-gate-in-round",
    N0505 "shadowed-override",
    E0506 "not-per-round",
    E0512 "profiles-disagree",
    E0513 "bad-sweep",
    W0602 "small-validation",
    E0603 "not-disjoint",
    W0604 "overlap",
    W0605 "hide-incomplete",
    W0606 "stop-on-benchmark",
    E0607 "bad-metric",
    W0608 "reward-without-effect",
    W0609 "setting-without-effect",
    W0610 "invalid-not-negative",
    E0611 "needs-rewriter",
    W0612 "solver-cannot-learn",
    W0702 "memory-above-machine",
    E0703 "secret-in-plain-slot",
    E0704 "secret-in-file",
    W0705 "variable-not-set",
    W0801 "branch-as-at",
    E0802 "import-cycle",
    E0803 "not-read",
    W0804 "data-missing",
    E0901 "unknown-edition",
}

impl Code {
    /// Returns the code that is printed or named `text`, whatever its case.
    pub fn parse(text: &str) -> Option<Code> {
        Code::ALL.iter().copied().find(|code| code.as_str().eq_ignore_ascii_case(text) || code.name() == text)
    }

    /// Returns how bad it is: the first letter of the code says so.
    pub fn severity(self) -> Severity {
        match self.as_str().as_bytes()[0] {
            b'E' => Severity::Error,
            b'W' => Severity::Warning,
            _ => Severity::Note,
        }
    }
}

/// How bad a diagnostic is.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Severity {
    /// The file has no meaning until this is mended.
    Error,
    /// The file means something, perhaps not what was wanted.
    Warning,
    /// Worth knowing.
    Note,
}

impl Severity {
    /// Returns the word that is printed.
    pub fn as_str(self) -> &'static str {
        match self {
            Severity::Error => "error",
            Severity::Warning => "warning",
            Severity::Note => "note",
        }
    }
}

/// A file of the project, by its position in the project's list of files.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FileId(pub u32);

/// A range of significant tokens in a file; it survives edits of spacing and comments.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Place {
    /// The file.
    pub file: FileId,
    /// The first token.
    pub from: At,
    /// The token after the last; equal to `from` for a point before it.
    pub to: At,
}

/// A mistake as the queries find it: placed by tokens, not bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Its code.
    pub code: Code,
    /// One sentence, lower case, no final period.
    pub message: String,
    /// Where it is.
    pub place: Place,
    /// What stands under the mark there.
    pub label: String,
    /// Other places that belong to it.
    pub others: Vec<(Place, String)>,
    /// What to do, one line each.
    pub help: Vec<String>,
    /// Edits that mend it.
    pub fixes: Vec<Repair>,
}

/// An edit in terms of tokens; an empty place inserts before it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Repair {
    /// What the edit does, as an order.
    pub title: String,
    /// Whether `sswe fix` may apply it unasked.
    pub safe: bool,
    /// The replacements.
    pub edits: Vec<(Place, String)>,
}

impl Problem {
    pub(crate) fn new(code: Code, place: Place, message: impl Into<String>) -> Problem {
        Problem {
            code,
            message: message.into(),
            place,
            label: String::new(),
            others: Vec::new(),
            help: Vec::new(),
            fixes: Vec::new(),
        }
    }

    pub(crate) fn label(mut self, label: impl Into<String>) -> Problem {
        self.label = label.into();
        self
    }

    pub(crate) fn other(mut self, place: Place, label: impl Into<String>) -> Problem {
        self.others.push((place, label.into()));
        self
    }

    pub(crate) fn help(mut self, help: impl Into<String>) -> Problem {
        self.help.push(help.into());
        self
    }

    pub(crate) fn fix(mut self, title: impl Into<String>, place: Place, text: impl Into<String>) -> Problem {
        self.fixes.push(Repair { title: title.into(), safe: true, edits: vec![(place, text.into())] });
        self
    }

    pub(crate) fn fixes_of(self, fix: Option<(String, Place, String)>) -> Problem {
        match fix {
            Some((title, place, text)) => self.fix(title, place, text),
            None => self,
        }
    }

    /// Marks the last fix as one that a person should confirm.
    pub(crate) fn unsure(mut self) -> Problem {
        if let Some(fix) = self.fixes.last_mut() {
            fix.safe = false;
        }
        self
    }

    pub(crate) fn is_error(&self) -> bool {
        self.code.severity() == Severity::Error
    }
}

/// A mistake with its place in the text; the JSON form is fixed in the language reference.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Diagnostic {
    /// Its code: `E0204`.
    pub code: &'static str,
    /// Its kebab name: `wrong-kind`.
    pub name: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// One sentence.
    pub message: String,
    /// Where it is.
    #[serde(flatten)]
    pub span: Span,
    /// What to do, lines joined by newlines; empty when the message says it.
    pub help: String,
    /// Marked places: the first is the diagnostic's own.
    pub labels: Vec<Label>,
    /// Edits that mend it.
    pub fixes: Vec<Fix>,
}

/// A place in a text: lines and columns from 1, columns in characters.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Span {
    /// The file as the user named it.
    pub file: String,
    /// The line of the first character.
    pub line: usize,
    /// Its column.
    pub column: usize,
    /// The line of the end.
    pub end_line: usize,
    /// The column after the last character.
    pub end_column: usize,
    /// The same as bytes of the file.
    pub bytes: (usize, usize),
}

/// A marked place.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Label {
    /// Where.
    #[serde(flatten)]
    pub span: Span,
    /// What to say there.
    pub text: String,
}

/// An edit that mends a mistake.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Fix {
    /// What it does, as an order.
    pub title: String,
    /// Whether `sswe fix` may apply it unasked.
    pub safe: bool,
    /// The replacements; they do not overlap.
    pub edits: Vec<Edit>,
}

/// A replacement in a text.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Edit {
    /// What goes.
    #[serde(flatten)]
    pub span: Span,
    /// What comes.
    pub text: String,
}

/// The line starts of a text.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LineIndex {
    starts: Vec<usize>,
}

impl LineIndex {
    /// Finds the lines of `text`.
    pub fn new(text: &str) -> LineIndex {
        let newlines = text.bytes().enumerate().filter(|(_, byte)| *byte == b'\n');
        LineIndex { starts: std::iter::once(0).chain(newlines.map(|(at, _)| at + 1)).collect() }
    }

    /// Returns the line and column, from 1, of a byte of `text`.
    pub fn position(&self, text: &str, byte: usize) -> (usize, usize) {
        let line = self.starts.partition_point(|start| *start <= byte).max(1);
        let start = self.starts[line - 1];
        let before = text.get(start..byte).unwrap_or_default();
        // A byte order mark has no width.
        (line, before.chars().filter(|c| *c != '\u{feff}').count() + 1)
    }

    /// Returns the span of `bytes` in `text`.
    pub fn span(&self, file: &str, text: &str, bytes: std::ops::Range<usize>) -> Span {
        let (line, column) = self.position(text, bytes.start);
        let (end_line, end_column) = self.position(text, bytes.end);
        Span { file: file.to_owned(), line, column, end_line, end_column, bytes: (bytes.start, bytes.end) }
    }
}

impl Diagnostic {
    /// Makes a diagnostic of a whole file: its place is the first character.
    pub fn of_file(code: Code, file: &str, message: impl Into<String>, help: &str) -> Diagnostic {
        let span =
            Span { file: file.to_owned(), line: 1, column: 1, end_line: 1, end_column: 1, bytes: (0, 0) };
        Diagnostic::at(code, span, message, help)
    }

    /// Makes a diagnostic of a place outside of the queries, such as a byte that is no text.
    pub fn at(code: Code, span: Span, message: impl Into<String>, help: &str) -> Diagnostic {
        Diagnostic {
            code: code.as_str(),
            name: code.name(),
            severity: code.severity(),
            message: message.into(),
            labels: vec![Label { span: span.clone(), text: String::new() }],
            span,
            help: help.to_owned(),
            fixes: Vec::new(),
        }
    }
}
