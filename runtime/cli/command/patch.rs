//! The lines that differ between two texts, as a patch shows them.

use crate::style;

/// Lines shown around a change.
const AROUND: usize = 3;

enum Line<'a> {
    Same(&'a str),
    Gone(&'a str),
    New(&'a str),
}

/// Returns a patch from `old` to `new`; empty when they are equal.
pub(super) fn between(name: &str, old: &str, new: &str) -> String {
    if old == new {
        return String::new();
    }
    let lines = compare(
        &old.split_inclusive('\n').collect::<Vec<_>>(),
        &new.split_inclusive('\n').collect::<Vec<_>>(),
    );
    let mut out =
        format!("{}\n{}\n", style::bold(&format!("--- {name}")), style::bold(&format!("+++ {name}")));
    let changed: Vec<usize> = lines
        .iter()
        .enumerate()
        .filter(|(_, line)| !matches!(line, Line::Same(_)))
        .map(|(index, _)| index)
        .collect();
    let mut at = 0;
    while at < changed.len() {
        let first = changed[at].saturating_sub(AROUND);
        let mut last = changed[at];
        while at < changed.len() && changed[at] <= last + 2 * AROUND {
            last = changed[at];
            at += 1;
        }
        let end = (last + AROUND + 1).min(lines.len());
        out.push_str(&hunk(&lines, first, end));
    }
    out
}

fn hunk(lines: &[Line<'_>], first: usize, end: usize) -> String {
    let count = |part: &[Line<'_>], old: bool| {
        part.iter()
            .filter(|line| !matches!((line, old), (Line::Gone(_), false) | (Line::New(_), true)))
            .count()
    };
    let (old_start, new_start) = (count(&lines[..first], true) + 1, count(&lines[..first], false) + 1);
    let part = &lines[first..end];
    let head = format!("@@ -{old_start},{} +{new_start},{} @@", count(part, true), count(part, false));
    let mut out = format!("{}\n", style::blue(&head));
    for line in part {
        let (text, shown) = match line {
            Line::Same(text) => (text, format!(" {}", text.trim_end_matches('\n'))),
            Line::Gone(text) => (text, style::red(&format!("-{}", text.trim_end_matches('\n')))),
            Line::New(text) => (text, style::green(&format!("+{}", text.trim_end_matches('\n')))),
        };
        out.push_str(&shown);
        out.push('\n');
        if !text.ends_with('\n') {
            out.push_str("\\ No newline at end of file\n");
        }
    }
    out
}

/// Compares line by line: the common ends first, then the longest common subsequence between.
fn compare<'a>(old: &[&'a str], new: &[&'a str]) -> Vec<Line<'a>> {
    let head = old.iter().zip(new).take_while(|(a, b)| a == b).count();
    let tail = old[head..].iter().rev().zip(new[head..].iter().rev()).take_while(|(a, b)| a == b).count();
    let (a, b) = (&old[head..old.len() - tail], &new[head..new.len() - tail]);
    let mut lines: Vec<Line<'a>> = old[..head].iter().map(|line| Line::Same(line)).collect();
    // The table is quadratic: two texts with nothing in common are shown as one replacement.
    if a.len().saturating_mul(b.len()) > 4_000_000 {
        lines.extend(a.iter().map(|line| Line::Gone(line)));
        lines.extend(b.iter().map(|line| Line::New(line)));
    } else {
        let mut common = vec![vec![0u32; b.len() + 1]; a.len() + 1];
        for i in (0..a.len()).rev() {
            for j in (0..b.len()).rev() {
                common[i][j] = if a[i] == b[j] {
                    common[i + 1][j + 1] + 1
                } else {
                    common[i + 1][j].max(common[i][j + 1])
                };
            }
        }
        let (mut i, mut j) = (0, 0);
        while i < a.len() || j < b.len() {
            if i < a.len() && j < b.len() && a[i] == b[j] {
                lines.push(Line::Same(a[i]));
                (i, j) = (i + 1, j + 1);
            } else if i < a.len() && (j == b.len() || common[i + 1][j] >= common[i][j + 1]) {
                lines.push(Line::Gone(a[i]));
                i += 1;
            } else {
                lines.push(Line::New(b[j]));
                j += 1;
            }
        }
    }
    lines.extend(old[old.len() - tail..].iter().map(|line| Line::Same(line)));
    lines
}
