//! Python text as tokens: never fails, and knows only what features and pools need.

use super::hash;

/// What a token is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Class {
    Name,
    Keyword,
    Number,
    Text,
    Sign,
    /// The end of a logical line.
    End,
}

/// A token.
#[derive(Clone, Copy, Debug)]
pub(super) struct Token {
    pub(super) start: u32,
    pub(super) end: u32,
    /// The line, from 0.
    pub(super) row: u32,
    pub(super) class: Class,
    /// The hash of its text.
    pub(super) hash: u64,
    /// The hash of what is left when names, numbers and strings are all alike.
    pub(super) shape: u64,
}

/// Sorted.
const KEYWORDS: &[&str] = &[
    "False", "None", "True", "and", "as", "assert", "async", "await", "break", "class", "continue", "def",
    "del", "elif", "else", "except", "finally", "for", "from", "global", "if", "import", "in", "is",
    "lambda", "nonlocal", "not", "or", "pass", "raise", "return", "try", "while", "with", "yield",
];

const LONG_SIGNS: &[&str] = &[
    "**=", "//=", ">>=", "<<=", "...", "**", "//", ">>", "<<", "<=", ">=", "==", "!=", "->", "+=", "-=",
    "*=", "/=", "%=", "&=", "|=", "^=", "@=", ":=", "<>",
];

/// Returns whether a word belongs to the language.
pub(super) fn is_keyword(word: &str) -> bool {
    (2..=8).contains(&word.len()) && KEYWORDS.binary_search(&word).is_ok()
}

/// Cuts text into tokens; spacing and comments are left out.
pub(super) fn tokens(text: &str) -> Vec<Token> {
    let mut found = Vec::with_capacity(text.len() / 4);
    tokens_into(text, &mut found);
    found
}

/// Cuts text into tokens, and puts them into an empty vector.
pub(super) fn tokens_into(text: &str, found: &mut Vec<Token>) {
    let bytes = text.as_bytes();
    let (mut at, mut row, mut depth) = (0, 0_u32, 0_u32);
    while at < bytes.len() {
        let byte = bytes[at];
        let start = at;
        let first_row = row;
        let class = match byte {
            b'\n' => {
                let begun = found.last().is_some_and(|last| last.class != Class::End);
                at += 1;
                row += 1;
                if depth > 0 || !begun {
                    continue;
                }
                Class::End
            }
            b' ' | b'\t' | b'\r' | 0x0c | b'\\' => {
                at += 1;
                continue;
            }
            b'#' => {
                while at < bytes.len() && bytes[at] != b'\n' {
                    at += 1;
                }
                continue;
            }
            b'\'' | b'"' => {
                at = string_end(bytes, at, &mut row);
                Class::Text
            }
            b'0'..=b'9' => {
                at = number_end(bytes, at);
                Class::Number
            }
            b'.' if bytes.get(at + 1).is_some_and(u8::is_ascii_digit) => {
                at = number_end(bytes, at);
                Class::Number
            }
            _ if is_word(byte) => {
                while at < bytes.len() && is_word(bytes[at]) {
                    at += 1;
                }
                let is_prefix = at - start <= 2
                    && matches!(bytes.get(at), Some(b'\'' | b'"'))
                    && bytes[start..at].iter().all(|byte| b"rRbBuUfFtT".contains(byte));
                if is_prefix {
                    at = string_end(bytes, at, &mut row);
                    Class::Text
                } else if is_keyword(&text[start..at]) {
                    Class::Keyword
                } else {
                    Class::Name
                }
            }
            _ => {
                let rest = &bytes[at..];
                let may_be_long = rest.get(1).is_some_and(|next| b"*/=<>.".contains(next));
                let long = LONG_SIGNS.iter().find(|sign| may_be_long && rest.starts_with(sign.as_bytes()));
                at += long.map_or(1, |sign| sign.len());
                match byte {
                    b'(' | b'[' | b'{' => depth += 1,
                    b')' | b']' | b'}' => depth = depth.saturating_sub(1),
                    _ => (),
                }
                Class::Sign
            }
        };
        let hash = if class == Class::End { 1 } else { hash::text(&text[start..at]) };
        let shape = match class {
            Class::Name => 2,
            Class::Number => 3,
            Class::Text => 4,
            Class::Keyword | Class::Sign | Class::End => hash,
        };
        found.push(Token { start: start as u32, end: at as u32, row: first_row, class, hash, shape });
    }
}

/// Splits a name into its words: `readLine` and `read_line` give `read` and `line`.
pub(super) fn words(name: &str) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut was_lower = false;
    let mut is_open = false;
    for letter in name.chars() {
        if !letter.is_alphanumeric() {
            is_open = false;
            was_lower = false;
            continue;
        }
        if letter.is_uppercase() && was_lower {
            is_open = false;
        }
        was_lower = letter.is_lowercase() || letter.is_numeric();
        let lower = letter.to_lowercase();
        match words.last_mut() {
            Some(word) if is_open => word.extend(lower),
            _ => words.push(lower.collect()),
        }
        is_open = true;
    }
    words
}

fn is_word(byte: u8) -> bool {
    byte == b'_' || byte >= 0x80 || byte.is_ascii_alphanumeric()
}

fn number_end(bytes: &[u8], mut at: usize) -> usize {
    while at < bytes.len() {
        let is_sign = at > 0 && matches!(bytes[at], b'+' | b'-') && matches!(bytes[at - 1], b'e' | b'E');
        if !(is_word(bytes[at]) || bytes[at] == b'.' || is_sign) {
            break;
        }
        at += 1;
    }
    at
}

/// Returns where the string ends whose quote is at `at`; an open one ends with its line, or with
/// the text when it may span lines.
fn string_end(bytes: &[u8], at: usize, row: &mut u32) -> usize {
    let quote = bytes[at];
    let is_long = bytes[at..].starts_with(&[quote; 3]);
    let mut next = at + if is_long { 3 } else { 1 };
    while next < bytes.len() {
        match bytes[next] {
            b'\\' => {
                if bytes.get(next + 1) == Some(&b'\n') {
                    *row += 1;
                }
                next += 2;
            }
            b'\n' if !is_long => return next,
            b'\n' => {
                *row += 1;
                next += 1;
            }
            byte if byte == quote && !is_long => return next + 1,
            byte if byte == quote && bytes[next..].starts_with(&[quote; 3]) => return next + 3,
            _ => next += 1,
        }
    }
    bytes.len()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> =
            tokens(text).iter().map(|token| &text[token.start as usize..token.end as usize]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn python_becomes_tokens() {
        check("a<=b # no\n", &["a", "<=", "b", "\n"]);
        check("f('it''s', rb\"\\\"\")", &["f", "(", "'it'", "'s'", ",", "rb\"\\\"\"", ")"]);
        check("x = (1,\n 2.5e-3)\n\n\ny", &["x", "=", "(", "1", ",", "2.5e-3", ")", "\n", "y"]);
        check("'''a\n'b''' 'open\nz", &["'''a\n'b'''", "'open", "\n", "z"]);
        check("é≤'", &["é≤", "'"]);
    }

    #[test]
    fn keywords_are_sorted() {
        assert!(KEYWORDS.is_sorted());
        assert!(KEYWORDS.iter().all(|word| is_keyword(word)) && !is_keyword("self"));
    }

    #[test]
    fn rows_count_lines_in_strings() {
        let found = tokens("a = '''x\n\ny'''\nb = 'p\\\nq'\nc");
        assert_eq!(found.last().map(|token| token.row), Some(5));
    }

    #[test]
    fn names_have_words() {
        assert_eq!(words("readLine_no2"), ["read", "line", "no2"]);
        assert_eq!(words("__init__"), ["init"]);
        assert_eq!(words("HTTPError"), ["httperror"]);
    }
}
