//! Numbers as people read them.

/// Shows seconds: `8 ms`, `12.3 s`, `4 min 5 s`, `3 h 12 min`.
pub(crate) fn time(seconds: f64) -> String {
    let whole = seconds.max(0.0).round() as u64;
    match seconds {
        // What is faster than a millisecond took some time all the same.
        _ if seconds < 0.9995 => format!("{} ms", (seconds.max(0.0) * 1e3).round().max(1.0)),
        _ if seconds < 59.95 => format!("{:.1} s", seconds),
        _ if whole < 3_600 => two(whole / 60, "min", whole % 60, "s"),
        _ if whole < 86_400 => two(whole / 3_600, "h", whole % 3_600 / 60, "min"),
        _ => two(whole / 86_400, "d", whole % 86_400 / 3_600, "h"),
    }
}

/// Shows seconds that are counted up or down: no tenths, which would flicker.
pub(crate) fn whole_time(seconds: f64) -> String {
    let whole = seconds.max(0.0).floor() as u64;
    if whole < 60 { format!("{whole} s") } else { time(whole as f64) }
}

fn two(large: u64, of: &str, small: u64, rest: &str) -> String {
    if small == 0 { format!("{large} {of}") } else { format!("{large} {of} {small} {rest}") }
}

/// Shows how many things are done in a second, a minute or an hour.
pub(crate) fn rate(per_second: f64) -> String {
    match per_second {
        _ if per_second >= 100.0 => format!("{per_second:.0}/s"),
        _ if per_second >= 1.0 => format!("{per_second:.1}/s"),
        _ if per_second >= 1.0 / 60.0 => format!("{:.1}/min", per_second * 60.0),
        _ => format!("{:.1}/h", per_second * 3_600.0),
    }
}

/// Returns how a probability compares: none is zero.
pub(crate) fn chance(p: f64) -> String {
    if p < 0.005 { "< 0.01".to_owned() } else { format!("= {p:.2}") }
}

/// Counts things: `1 stage`, `2 stages`.
pub(crate) fn count(number: u64, word: &str) -> String {
    format!("{number} {word}{}", if number == 1 { "" } else { "s" })
}

/// Draws a bar.
pub(crate) fn bar(fraction: f64, width: usize, unicode: bool) -> String {
    let done = (fraction.clamp(0.0, 1.0) * width as f64).floor() as usize;
    match unicode {
        true => format!("{}{}", "━".repeat(done), "─".repeat(width - done)),
        false => format!("{}{}", "#".repeat(done), "-".repeat(width - done)),
    }
}

/// Draws something that moves, where there is no end to measure by.
pub(crate) fn spinner(seconds: f64, width: usize, unicode: bool) -> String {
    let (line, mark) = if unicode { ('─', '━') } else { ('-', '#') };
    let mark_width = 3.min(width);
    let steps = 2 * (width - mark_width).max(1);
    let at = (seconds.max(0.0) * 10.0) as usize % steps;
    let at = at.min(steps - at);
    (0..width).map(|column| if (at..at + mark_width).contains(&column) { mark } else { line }).collect()
}

/// Cuts a text to so many characters.
pub(crate) fn cut(text: &str, width: usize, unicode: bool) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let end = if unicode { "…" } else { "..." };
    let kept = width.saturating_sub(end.chars().count());
    format!("{}{end}", text.chars().take(kept).collect::<String>())
}

/// Replaces what would move the cursor or change colours: reasons hold what programs printed.
pub(crate) fn one_line(text: &str) -> String {
    let text: String = text.chars().map(|c| if c.is_control() { ' ' } else { c }).collect();
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn no_probability_is_zero() {
        assert_eq!([0.0, 0.004, 0.006, 1.0].map(chance), ["< 0.01", "< 0.01", "= 0.01", "= 1.00"]);
    }

    #[test]
    fn times_have_one_or_two_units() {
        let cases = [
            (0.0, "1 ms"),
            (0.0084, "8 ms"),
            (0.9996, "1.0 s"),
            (12.34, "12.3 s"),
            (59.97, "1 min"),
            (245.4, "4 min 5 s"),
            (3_599.9, "1 h"),
            (11_520.0, "3 h 12 min"),
            (180_000.0, "2 d 2 h"),
        ];
        for (seconds, expected) in cases {
            assert_eq!(time(seconds), expected);
        }
        assert_eq!((whole_time(0.9), whole_time(61.9)), ("0 s".to_owned(), "1 min 1 s".to_owned()));
    }

    #[test]
    fn rates_choose_their_unit() {
        assert_eq!(
            [512.3, 4.16, 0.5, 0.001].map(rate),
            ["512/s", "4.2/s", "30.0/min", "3.6/h"].map(str::to_owned)
        );
    }

    #[test]
    fn bars_keep_their_width() {
        for fraction in [-1.0, 0.0, 0.3, 0.999, 1.0, 7.0] {
            assert_eq!(bar(fraction, 20, true).chars().count(), 20);
        }
        assert_eq!(bar(0.5, 4, false), "##--");
        for tenth in 0..100 {
            assert_eq!(spinner(f64::from(tenth) / 10.0, 12, false).matches('#').count(), 3);
        }
    }

    #[test]
    fn texts_are_cut_and_tamed() {
        assert_eq!(cut("abcdef", 4, true), "abc…");
        assert_eq!(cut("abcdef", 6, true), "abcdef");
        assert_eq!(one_line("a\u{1b}[31mb\n\n c\r"), "a [31mb c");
    }
}
