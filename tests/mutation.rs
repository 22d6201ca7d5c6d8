//! Breaks every example and every case in thousands of small ways: nothing may panic, no byte may
//! be lost, and what is found stays bounded and inside the text.

use sswe_compiler::{diagnostic::Diagnostic, format, lex};

use crate::support::{self, apply_safe_fixes, errors, findings, texts_in};

/// Findings in a small file that was broken in one or two places.
const MOST: usize = 200;

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    "(",
    ")",
    "\"",
    "'",
    "=",
    ",",
    ".",
    "..",
    "/",
    ":",
    "#",
    "##",
    "\\",
    "${",
    "${param.x}",
    "\n",
    "\r\n",
    "\r",
    "\t",
    "\u{feff}",
    "\0",
    "é",
    "世",
    "🎉",
    "\u{301}",
    "“",
    "\u{2028}",
    "-",
    "1e999",
    "9223372036854775808",
    "0",
    "-1",
    "50%",
    "1..2",
    "2..1",
    "5/s",
    "10m",
    "1GiB",
    "on",
    "param",
    "param.x",
    "solver",
    "sswe 1\n",
    "round 3 { ",
    "round 1..2 {",
    "use \"x\" as y\n",
    "env(\"X\")",
    "secret(\"X\")",
    "file(\"x\")",
    "stable",
    "gates {",
    "skip {",
    "profile p {",
    "before = ",
    "curriculum main {",
    "# sswe: allow(W0203)\n",
];

/// A small generator of numbers, the same everywhere: a failure can be repeated.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0
    }

    fn below(&mut self, end: usize) -> usize {
        (self.next() % end.max(1) as u64) as usize
    }
}

fn sources() -> Vec<String> {
    let mut sources: Vec<String> = texts_in("examples", "sswe").into_iter().map(|(_, text)| text).collect();
    sources.extend(crate::language::sources());
    sources.retain(|source| source.len() < 20_000);
    sources
}

#[test]
fn sources_themselves() {
    for source in sources() {
        holds(&source, &source);
    }
}

#[test]
fn broken_sources() {
    let sources = sources();
    let mut random = Random(0x5577_e001);
    let rounds = 2_500 / sources.len().max(1) + 1;
    for (index, source) in sources.iter().enumerate() {
        // The complete example is the only one in which everything meets.
        let times = if index == 0 { 200 } else { rounds };
        for _ in 0..times {
            let mut broken = source.clone();
            for _ in 0..=random.below(3) {
                broken = mutate(&broken, &mut random);
            }
            holds(source, &broken);
        }
    }
}

/// Every beginning of a file is a file that someone is typing.
#[test]
fn cut_sources() {
    let (_, source) = texts_in("examples", "sswe").remove(0);
    let ends = source.char_indices().map(|(at, _)| at);
    for end in ends.step_by(7) {
        holds(&source, &source[..end]);
    }
}

/// Changes a text in one place.
fn mutate(source: &str, random: &mut Random) -> String {
    let tokens: Vec<lex::Token> = lex::tokens(source).collect();
    let is_bytes = random.below(3) == 0 || tokens.is_empty();
    let (from, to) = if is_bytes {
        let from = boundary(source, random.below(source.len() + 1));
        (from, boundary(source, (from + random.below(12)).min(source.len())))
    } else {
        let first = random.below(tokens.len());
        let last = (first + random.below(4)).min(tokens.len() - 1);
        (tokens[first].start, tokens[last].end)
    };
    let piece = &source[from..to];
    let word = WORDS[random.below(WORDS.len())];
    let (head, tail) = (&source[..from], &source[to..]);
    match random.below(6) {
        0 => format!("{head}{tail}"),
        1 => format!("{head}{word}{piece}{tail}"),
        2 => format!("{head}{word}{tail}"),
        3 => format!("{head}{piece}{piece}{tail}"),
        4 => format!("{head}{piece}{}{tail}", piece.repeat(20)),
        _ => {
            let at = boundary(source, random.below(source.len() + 1));
            format!("{}{piece}{}", &source[..at], &source[at..])
        }
    }
}

fn boundary(text: &str, at: usize) -> usize {
    (at..=text.len()).find(|at| text.is_char_boundary(*at)).unwrap_or(text.len())
}

/// Checks what must hold for every text; `from` is what it was made of.
fn holds(from: &str, text: &str) {
    let result = std::panic::catch_unwind(|| promises(text));
    match result {
        Ok(Ok(())) => {}
        Ok(Err(why)) => panic!("{why}\n--- in\n{text}\n--- made of\n{from}"),
        Err(_) => panic!("a panic\n--- in\n{text}\n--- made of\n{from}"),
    }
}

fn promises(text: &str) -> Result<(), String> {
    let mut joined = String::with_capacity(text.len());
    lex::tokens(text).for_each(|token| joined.push_str(&text[token.start..token.end]));
    if joined != text {
        return Err("the tokens are not the source".to_owned());
    }
    let found = findings(text);
    if found.len() > MOST {
        return Err(format!("{} findings", found.len()));
    }
    found.iter().try_for_each(|found| inside(found, text))?;
    let fixed = apply_safe_fixes(text, &found);
    // Mending the syntax may bring to light what could not be read before, so only count.
    if findings(&fixed).len() > MOST {
        return Err(format!("its safe fixes make too much of it\n{fixed}"));
    }
    match format::format(text) {
        Some(once) if format::format(&once).as_deref() != Some(&once) => {
            Err(format!("formatting twice is not formatting once:\n{once}"))
        }
        Some(once) => match errors(&findings(&once)) == errors(&found) {
            true => Ok(()),
            false => Err(format!("formatting changes what is wrong:\n{once}")),
        },
        None if errors(&found) == 0 => Err("it has no error, and cannot be formatted".to_owned()),
        None => Ok(()),
    }
}

/// Every place lies in the text, and begins and ends between two characters.
fn inside(found: &Diagnostic, text: &str) -> Result<(), String> {
    let edits = found.fixes.iter().flat_map(|fix| &fix.edits).map(|edit| &edit.span);
    let spans = std::iter::once(&found.span).chain(found.labels.iter().map(|label| &label.span)).chain(edits);
    for span in spans.filter(|span| span.file == "main.sswe") {
        let (from, to) = span.bytes;
        if from > to || to > text.len() || !text.is_char_boundary(from) || !text.is_char_boundary(to) {
            return Err(format!("{}: the place {from}..{to} is not in the text", found.code));
        }
        let line = text[..from].matches('\n').count() + 1;
        if span.line != line || span.column == 0 || span.end_line < span.line {
            return Err(format!("{}: byte {from} is on line {line}, not {}", found.code, span.line));
        }
    }
    match found.message.is_empty() || found.labels.is_empty() {
        true => Err(format!("{} says nothing", found.code)),
        false => Ok(()),
    }
}

#[test]
fn findings_do_not_depend_on_the_order_of_maps() {
    for source in sources().iter().take(40) {
        assert_eq!(support::findings(source), support::findings(source));
    }
}
