//! Diagnostics as people, programs and workflows read them.

use std::fmt;

use miette::{
    GraphicalReportHandler, GraphicalTheme, LabeledSpan, MietteError, MietteSpanContents, SourceCode,
    SourceSpan, SpanContents,
};
use sswe_compiler::diagnostic::{Diagnostic, Label, Severity, Span};

use crate::{args::Output, style};

/// Gives the text of a file by its name.
pub(crate) type TextOf<'a> = &'a dyn Fn(&str) -> Option<&'a str>;

/// Findings beyond this many are only counted.
const MOST: usize = 50;

/// Lines longer than this are shown by the part around the mark.
const LONGEST_LINE: usize = 400;

/// Prints what was found in a file; `text_of` gives the text of a file by its name.
pub(crate) fn print_all(found: &[Diagnostic], output: Output, all: bool, text_of: TextOf<'_>) {
    match output {
        Output::Human => {
            let shown = if all { found.len() } else { found.len().min(MOST) };
            for diagnostic in &found[..shown] {
                style::say(format_args!("{}", human(diagnostic, text_of)));
            }
            if shown < found.len() {
                style::say(format_args!(
                    "and {} more; `sswe check --all` prints them\n",
                    found.len() - shown
                ));
            }
        }
        Output::Json => {
            for diagnostic in found {
                let line = serde_json::to_string(diagnostic).unwrap_or_default();
                style::print(&format!("{line}\n"));
            }
        }
        Output::Github => {
            for diagnostic in found {
                style::print(&github(diagnostic));
            }
        }
    }
}

/// Counts errors and warnings: "3 errors, 1 warning".
pub(crate) fn counts(found: &[Diagnostic]) -> String {
    let count = |severity: Severity, word: &str| {
        let count = found.iter().filter(|diagnostic| diagnostic.severity == severity).count();
        let plural = if count == 1 { "" } else { "s" };
        (count > 0).then(|| format!("{count} {word}{plural}"))
    };
    let parts =
        [count(Severity::Error, "error"), count(Severity::Warning, "warning"), count(Severity::Note, "note")];
    let parts: Vec<String> = parts.into_iter().flatten().collect();
    if parts.is_empty() { "no findings".to_owned() } else { parts.join(", ") }
}

/// Returns whether any is an error.
pub(crate) fn has_errors(found: &[Diagnostic]) -> bool {
    found.iter().any(|diagnostic| diagnostic.severity == Severity::Error)
}

/// Renders a diagnostic: header, snippets, help, where to read more.
pub(crate) fn human(diagnostic: &Diagnostic, text_of: TextOf<'_>) -> String {
    let Diagnostic { span, severity, code, message, .. } = diagnostic;
    let head = format!("{}[{code}]", severity.as_str());
    let head = match severity {
        Severity::Error => style::red(&head),
        Severity::Warning => style::yellow(&head),
        Severity::Note => style::blue(&head),
    };
    let mut out = format!("{}:{}:{}: {head}: {}\n", span.file, span.line, span.column, style::bold(message));
    let (own, others) = diagnostic.labels.split_at(diagnostic.labels.len().min(1));
    // The place of the mistake stands first, whichever file comes first in the alphabet.
    let here: Vec<&Label> =
        own.iter().chain(others.iter().filter(|label| label.span.file == span.file)).collect();
    out.push_str(&snippet(&here, text_of));
    for other in others.iter().filter(|label| label.span.file != span.file) {
        out.push_str(&snippet(&[other], text_of));
    }
    for (index, line) in diagnostic.help.lines().enumerate() {
        out.push_str(if index == 0 { "  help: " } else { "        " });
        out.push_str(line);
        out.push('\n');
    }
    // The fix in words, unless the help has just said the same.
    if let Some(fix) = diagnostic.fixes.first()
        && !diagnostic.help.contains(&fix.title)
        && !diagnostic.help.starts_with("did you mean")
    {
        out.push_str(&format!("  fix: {}\n", fix.title));
    }
    out.push_str(&style::dim(&format!("  more: sswe explain {code}")));
    out.push('\n');
    out
}

fn snippet(labels: &[&Label], text_of: TextOf<'_>) -> String {
    let Some(first) = labels.first() else { return String::new() };
    let Some(text) = text_of(&first.span.file).filter(|text| !text.is_empty()) else { return String::new() };
    let line_of = |at: usize| {
        let start = text[..at].rfind('\n').map_or(0, |newline| newline + 1);
        let end = text[at..].find('\n').map_or(text.len(), |newline| at + newline);
        start..end
    };
    let is_long = |label: &&&Label| line_of(label.span.bytes.0).len() > LONGEST_LINE;
    if labels.iter().any(|label| is_long(&label)) {
        let shown = labels
            .iter()
            .map(|label| long_line(&label.span, &text[line_of(label.span.bytes.0)], &label.text));
        return shown.collect();
    }
    // Only the lines around the marks are handed over: the text may be long.
    let lines = labels.iter().map(|label| line_of(label.span.bytes.0));
    let (from, to) = lines.fold((text.len(), 0), |(from, to), line| (from.min(line.start), to.max(line.end)));
    let from = if from > 0 { line_of(from - 1).start } else { 0 };
    let to = if to < text.len() { line_of(to + 1).end } else { to };
    let first_line = text[..from].bytes().filter(|byte| *byte == b'\n').count();
    // Marks inside each other on one line are drawn at wrong columns: the first one stays.
    let overlaps = |label: &Label| {
        label.span.line == first.span.line
            && label.span.bytes.0 < first.span.bytes.1
            && first.span.bytes.0 < label.span.bytes.1
    };
    let marks = labels.iter().enumerate().filter(|(index, label)| *index == 0 || !overlaps(label)).map(
        |(_, label)| {
            // A mark runs to the end of its first line at the most.
            let (start, end) = (label.span.bytes.0, label.span.bytes.1.min(line_of(label.span.bytes.0).end));
            let (text, span) = (Some(label.text.clone()), (start - from, end.saturating_sub(start)));
            // The snippet is headed by the place of the mistake, whichever mark comes first.
            if label.span == first.span {
                LabeledSpan::new_primary_with_span(text, span)
            } else {
                LabeledSpan::new_with_span(text, span)
            }
        },
    );
    let theme = match (style::color(), style::unicode()) {
        (true, true) => GraphicalTheme::unicode(),
        (false, true) => GraphicalTheme::unicode_nocolor(),
        (_, false) => GraphicalTheme::none(),
    };
    let handler = GraphicalReportHandler::new_themed(theme)
        .with_links(false)
        .with_context_lines(1)
        .with_width(style::width());
    let window = Window {
        name: first.span.file.clone(),
        // A carriage return would be counted as a line; a space has its width.
        text: text[from..to].replace('\r', " "),
        first_line,
        labels: marks.collect(),
    };
    let mut drawn = String::new();
    if handler.render_report(&mut drawn, &window).is_err() {
        return String::new();
    }
    // The handler begins with a message line, which our header replaces.
    let begin = drawn.lines().position(|line| line.contains(&window.name)).unwrap_or(0);
    let lines =
        drawn.lines().skip(begin).map(|line| format!("{}\n", without_column(line, &window.name).trim_end()));
    lines.collect()
}

/// Drops the column from the head of a snippet: it counts bytes, and the header has it in characters.
fn without_column(line: &str, name: &str) -> String {
    let place = line.find(name).map(|at| at + name.len()).filter(|at| line[*at..].starts_with(':'));
    let Some(at) = place else { return line.to_owned() };
    let rest = &line[at + 1..];
    let digits = |text: &str| text.bytes().take_while(u8::is_ascii_digit).count();
    let number = digits(rest);
    match rest[number..].strip_prefix(':') {
        Some(column) if number > 0 => {
            format!("{}:{}{}", &line[..at], &rest[..number], &column[digits(column)..])
        }
        _ => line.to_owned(),
    }
}

/// Shows the part of a very long line around a mark.
fn long_line(span: &Span, line: &str, text: &str) -> String {
    let start = span.column.saturating_sub(1);
    let length =
        if span.end_line == span.line { span.end_column.saturating_sub(span.column) } else { 1 }.clamp(1, 40);
    let from = start.saturating_sub(30);
    let part: String = line.chars().skip(from).take(70).collect();
    let number = span.line.to_string();
    let gap = " ".repeat(number.len());
    let (before, after) = (if from > 0 { "..." } else { "" }, "...");
    let indent = " ".repeat(before.len() + start - from);
    format!(" {number} | {before}{part}{after}\n {gap} | {indent}{} {text}\n", "^".repeat(length))
}

/// Some lines of a file, with marks.
#[derive(Debug)]
struct Window {
    name: String,
    text: String,
    /// How many lines of the file come before.
    first_line: usize,
    labels: Vec<LabeledSpan>,
}

impl fmt::Display for Window {
    fn fmt(&self, _: &mut fmt::Formatter<'_>) -> fmt::Result {
        Ok(())
    }
}

impl std::error::Error for Window {}

impl SourceCode for Window {
    fn read_span<'a>(
        &'a self,
        span: &SourceSpan,
        before: usize,
        after: usize,
    ) -> Result<Box<dyn SpanContents<'a> + 'a>, MietteError> {
        let inside = self.text.read_span(span, before, after)?;
        Ok(Box::new(MietteSpanContents::new_named(
            self.name.clone(),
            inside.data(),
            *inside.span(),
            inside.line() + self.first_line,
            inside.column(),
            inside.line_count(),
        )))
    }
}

impl miette::Diagnostic for Window {
    fn source_code(&self) -> Option<&dyn SourceCode> {
        Some(self)
    }

    fn labels(&self) -> Option<Box<dyn Iterator<Item = LabeledSpan> + '_>> {
        Some(Box::new(self.labels.iter().cloned()))
    }
}

/// Renders a workflow annotation; its syntax wants some characters escaped.
fn github(diagnostic: &Diagnostic) -> String {
    let level = match diagnostic.severity {
        Severity::Error => "error",
        Severity::Warning => "warning",
        Severity::Note => "notice",
    };
    let data = |text: &str| text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A");
    let property = |text: &str| data(text).replace(':', "%3A").replace(',', "%2C");
    let Span { file, line, column, end_line, end_column, .. } = &diagnostic.span;
    let title = property(&format!("{} {}", diagnostic.code, diagnostic.name));
    let mut message = diagnostic.message.clone();
    if !diagnostic.help.is_empty() {
        message.push_str(&format!("\nhelp: {}", diagnostic.help));
    }
    format!(
        "::{level} file={},line={line},endLine={end_line},col={column},endColumn={end_column},title={title}::{}\n",
        property(file),
        data(&message)
    )
}
