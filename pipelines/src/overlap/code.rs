//! Python text as lines of code: without comments, spacing and empty lines.

/// A line that says something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Line {
    /// How far it is indented; a line that continues another one is never less than that.
    indent: usize,
    /// What it says, without spacing.
    pub(crate) said: String,
    /// Whether it goes on with the line before: inside brackets or a string.
    continues: bool,
}

/// A string that is open at the end of a line.
#[derive(Clone, Copy)]
struct Quote {
    mark: char,
    triple: bool,
}

/// Cuts text into lines of code.
pub(crate) fn lines(text: &str) -> Vec<Line> {
    let mut found = Vec::new();
    let mut quote: Option<Quote> = None;
    let mut depth = 0usize;
    for text in text.lines() {
        let continues = quote.is_some() || depth > 0;
        let indent = text.len() - text.trim_start().len();
        let (mut said, mut is_apart) = (String::new(), false);
        let mut rest = text.chars().peekable();
        while let Some(next) = rest.next() {
            match (quote, next) {
                (_, '\\') => {
                    said.push(next);
                    said.extend(rest.next());
                }
                (Some(open), _) if next == open.mark => {
                    said.push(next);
                    if !open.triple || has_two(&mut rest, next) {
                        quote = None;
                    }
                }
                (Some(_), _) if next.is_whitespace() => (),
                (Some(_), _) => said.push(next),
                (None, '#') => break,
                (None, '\'' | '"') => {
                    said.push(next);
                    quote = Some(Quote { mark: next, triple: has_two(&mut rest, next) });
                }
                (None, next) if next.is_whitespace() => is_apart = true,
                (None, next) => {
                    match next {
                        '(' | '[' | '{' => depth += 1,
                        ')' | ']' | '}' => depth = depth.saturating_sub(1),
                        _ => (),
                    }
                    // Words stay apart: `def f` is not `deff`.
                    if is_apart && is_word(Some(next)) && is_word(said.chars().next_back()) {
                        said.push(' ');
                    }
                    said.push(next);
                    is_apart = false;
                }
            }
        }
        // Only a triple quote goes on at the next line.
        quote = quote.filter(|open| open.triple);
        if !said.is_empty() {
            found.push(Line { indent, said, continues });
        }
    }
    found
}

fn is_word(character: Option<char>) -> bool {
    character.is_some_and(|character| character.is_alphanumeric() || character == '_')
}

/// Takes two more of a mark, if they are next.
fn has_two(rest: &mut std::iter::Peekable<std::str::Chars<'_>>, mark: char) -> bool {
    let mut ahead = rest.clone();
    let found = ahead.next() == Some(mark) && ahead.next() == Some(mark);
    if found {
        *rest = ahead;
    }
    found
}

/// Returns the functions among lines: name and body, without what the signature says.
pub(crate) fn functions(lines: &[Line]) -> Vec<(&str, &[Line])> {
    let mut found = Vec::new();
    for (at, line) in lines.iter().enumerate().filter(|(_, line)| !line.continues) {
        let said = line.said.strip_prefix("async ").unwrap_or(&line.said);
        let Some(rest) = said.strip_prefix("def ") else { continue };
        let name = rest.split(['(', ' ', '[']).next().unwrap_or(rest);
        let from = at + 1 + lines[at + 1..].iter().take_while(|line| line.continues).count();
        let body = lines[from..].iter().take_while(|next| next.continues || next.indent > line.indent);
        found.push((name, &lines[from..from + body.count()]));
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;

    fn said(text: &str) -> Vec<String> {
        lines(text).into_iter().map(|line| line.said).collect()
    }

    #[test]
    fn comments_and_spacing_say_nothing() {
        assert_eq!(said("x=1\n"), said("\n  # a comment\nx =  1   # another\n\n"));
        assert_eq!(said("s = '# no comment'\n"), ["s='#nocomment'"]);
        assert_ne!(said("s = '#'  # x\n"), said("s = '#x'\n"));
        assert_eq!(said("s = \"\"\"a # b\n  'c\n\"\"\"  # d\n"), ["s=\"a#b", "'c", "\""]);
        assert_eq!(said("s = 'it\\'s'  # x\n"), ["s='it\\'s'"]);
        // A quote that is never closed ends with its line.
        assert_eq!(said("s = 'open\ny = 2  # z\n").last().unwrap(), "y=2");
    }

    #[test]
    fn a_signature_may_have_many_lines() {
        let text = "class C:\n    async def f(\n        self,\n        a,\n    ):\n        '''Says\nwhat.'''\n        return (\n  a\n        )\n    x = 1\ndef g(): pass\n";
        let lines = lines(text);
        let found = functions(&lines);
        let names: Vec<&str> = found.iter().map(|(name, _)| *name).collect();
        assert_eq!(names, ["f", "g"]);
        let body: Vec<&str> = found[0].1.iter().map(|line| line.said.as_str()).collect();
        assert_eq!(body.last(), Some(&")"), "{body:?}");
        assert!(body.contains(&"return(") && !body.contains(&"self,"), "{body:?}");
    }
}
