//! Text that may stand in a page: escaped, tamed, and without paths of the host.

/// Returns a text as the content of an element or attribute.
///
/// Names of repositories, cards and tests come from code that nobody vouches for: besides the five
/// characters of markup, what would reorder or hide the text around it is left out.
pub(crate) fn esc(text: &str) -> String {
    let mut out = String::with_capacity(text.len() + 8);
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            '\n' | '\t' => out.push(' '),
            // Marks of direction, and characters that no page may hold.
            '\u{200e}' | '\u{200f}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}' => (),
            '\u{fffe}' | '\u{ffff}' => (),
            character if character.is_control() => (),
            character => out.push(character),
        }
    }
    out
}

/// Cuts a text to so many characters, and escapes it.
pub(crate) fn short(text: &str, width: usize) -> String {
    esc(&crate::live::words::cut(text, width, true))
}

/// Replaces absolute paths by their last part: where something lies on a host is nobody's business.
pub(crate) fn scrub(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    let mut rest = text;
    let mut before = None;
    while let Some(next) = rest.chars().next() {
        let starts = next == '/' || rest.starts_with("~/");
        let is_inside =
            before.is_some_and(|c: char| c.is_alphanumeric() || matches!(c, '/' | '.' | ':' | '_' | '-'));
        let length =
            rest.find(|c: char| c.is_whitespace() || "'\"`,;:()[]{}<>|=".contains(c)).unwrap_or(rest.len());
        let path = &rest[..length];
        if starts && !is_inside && path.matches('/').count() > 1 {
            out.push('…');
            let last = path.trim_end_matches('/').rsplit('/').next().unwrap_or_default();
            out.push('/');
            out.push_str(last);
            before = last.chars().next_back();
            rest = &rest[length..];
            continue;
        }
        out.push(next);
        before = Some(next);
        rest = &rest[next.len_utf8()..];
    }
    out
}

/// Shows a coordinate or length: a tenth is finer than any screen.
pub(crate) fn px(number: f64) -> String {
    let text = format!("{number:.1}");
    let text = text.strip_suffix(".0").unwrap_or(&text);
    if text == "-0" { "0".to_owned() } else { text.to_owned() }
}

/// Shows a share: `11.7 %`.
pub(crate) fn percent(share: f64) -> String {
    format!("{:.1}\u{202f}%", 100.0 * share)
}

/// Shows a difference of shares: `+7.1`, with a real minus.
pub(crate) fn points(difference: f64) -> String {
    signed(100.0 * difference, 1)
}

/// Shows a number with its sign.
pub(crate) fn signed(number: f64, digits: usize) -> String {
    let text = format!("{:.digits$}", number.abs());
    let is_zero = text.chars().all(|c| matches!(c, '0' | '.'));
    match number {
        _ if is_zero => text,
        _ if number < 0.0 => format!("\u{2212}{text}"),
        _ => format!("+{text}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn nothing_in_a_name_is_markup() {
        let hostile = "<script>alert('x')</script>\u{202e}\"&\u{0}\u{1b}[31m\n";
        let safe = esc(hostile);
        assert_eq!(safe, "&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt;&quot;&amp;[31m ");
        assert_eq!(short("<<<<<<", 4), "&lt;&lt;&lt;…");
    }

    #[test]
    fn paths_of_the_host_are_shortened() {
        assert_eq!(scrub("cannot read `/home/someone/x/a.py`: no"), "cannot read `…/a.py`: no");
        assert_eq!(scrub("tests/unit --root=/tmp/x ~/me/y"), "tests/unit --root=…/x …/y");
        assert_eq!(scrub("1/2 a/b/c /x 300/min"), "1/2 a/b/c /x 300/min");
        assert_eq!(scrub("https://host/a/b"), "https://host/a/b");
    }

    #[test]
    fn numbers_are_short() {
        assert_eq!([px(12.0), px(-0.01), px(2.06)], ["12", "0", "2.1"]);
        assert_eq!([points(0.071), points(-0.2), points(0.0001)], ["+7.1", "\u{2212}20.0", "0.0"]);
        assert_eq!(percent(0.1166), "11.7\u{202f}%");
    }
}
