//! The inside of a `"..."` string: escapes and `${param.x}`.

use smol_str::SmolStr;

use crate::syntax::Piece;

/// Returns the pieces of a string's body, and the escapes in it that mean nothing.
pub(super) fn pieces(body: &str) -> (Box<[Piece]>, Vec<String>) {
    let mut found = Vec::new();
    let mut wrong = Vec::new();
    let mut literal = String::new();
    let mut rest = body;
    // One string of garbage needs no more than some reports.
    const MOST: usize = 100;
    while let Some(at) = rest.find(['\\', '$']) {
        literal.push_str(&rest[..at]);
        rest = &rest[at..];
        if let Some((path, after)) = hole(rest) {
            if !literal.is_empty() {
                found.push(Piece::Literal(std::mem::take(&mut literal).into()));
            }
            found.push(Piece::Hole(path));
            rest = after;
        } else if rest.starts_with("${") {
            if wrong.len() < MOST {
                wrong.push("${".to_owned());
            }
            literal.push_str("${");
            rest = &rest[2..];
        } else if rest.starts_with('$') {
            literal.push('$');
            rest = &rest[1..];
        } else {
            let (c, len) = escape(rest);
            match c {
                Some(c) => literal.push(c),
                None => {
                    if wrong.len() < MOST {
                        wrong.push(rest[..len].to_owned());
                    }
                    literal.push_str(&rest[..len]);
                }
            }
            rest = &rest[len..];
        }
    }
    literal.push_str(rest);
    if !literal.is_empty() || found.is_empty() {
        found.push(Piece::Literal(literal.into()));
    }
    (found.into(), wrong)
}

fn hole(rest: &str) -> Option<(Box<[SmolStr]>, &str)> {
    let (inside, after) = rest.strip_prefix("${")?.split_once('}')?;
    let is_name = |part: &str| {
        part.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_')
            && part.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')
    };
    let parts: Vec<&str> = inside.trim().split('.').collect();
    parts.iter().all(|part| is_name(part)).then(|| (parts.iter().map(SmolStr::new).collect(), after))
}

/// Returns the character an escape stands for, and its length in the source.
fn escape(rest: &str) -> (Option<char>, usize) {
    let Some(c) = rest[1..].chars().next() else {
        return (None, 1);
    };
    let simple = match c {
        'n' => Some('\n'),
        't' => Some('\t'),
        'r' => Some('\r'),
        '0' => Some('\0'),
        '"' | '\\' | '$' | '\'' => Some(c),
        _ => None,
    };
    if simple.is_some() {
        return (simple, 1 + c.len_utf8());
    }
    if let Some((digits, _)) = rest.strip_prefix("\\u{").and_then(|tail| tail.split_once('}')) {
        let len = 3 + digits.len() + 1;
        let c = u32::from_str_radix(digits, 16).ok().and_then(char::from_u32);
        if digits.len() <= 6 && c.is_some() {
            return (c, len);
        }
    }
    (None, 1 + c.len_utf8())
}
