//! Pictures of a run: SVG as text, coloured by the page's classes, with words beside every colour.

use std::fmt::Write as _;

use sswe_pipelines::statistics::Estimate;

use super::story::{Measure, Point, RoundScores};
use super::text::{esc, percent, points, px, short, signed};
use super::time::Spent;
use crate::live::words::time;

/// Opens a picture that says what it is; `id` is unique in the page.
fn open(id: &str, size: (f64, f64), title: &str, description: &str) -> String {
    let (width, height) = (px(size.0), px(size.1));
    format!(
        "<svg viewBox=\"0 0 {width} {height}\" width=\"{width}\" height=\"{height}\" role=\"img\" \
         aria-labelledby=\"{id}-t {id}-d\"><title id=\"{id}-t\">{}</title><desc id=\"{id}-d\">{}</desc>\n",
        esc(title),
        esc(description)
    )
}

fn line(class: &str, from: (f64, f64), to: (f64, f64)) -> String {
    format!(
        "<line class=\"{class}\" x1=\"{}\" y1=\"{}\" x2=\"{}\" y2=\"{}\"/>\n",
        px(from.0),
        px(from.1),
        px(to.0),
        px(to.1)
    )
}

fn rect(class: &str, at: (f64, f64), size: (f64, f64)) -> String {
    format!(
        "<rect class=\"{class}\" x=\"{}\" y=\"{}\" width=\"{}\" height=\"{}\"/>\n",
        px(at.0),
        px(at.1),
        px(size.0.max(0.0)),
        px(size.1.max(0.0))
    )
}

/// Writes a label; `safe` is escaped already.
fn label(class: &str, at: (f64, f64), safe: &str) -> String {
    format!("<text class=\"{class}\" x=\"{}\" y=\"{}\">{safe}</text>\n", px(at.0), px(at.1))
}

/// Returns steps that a scale to `most` is read by: 1, 2 or 5 times a power of ten.
fn steps(most: f64, count: f64) -> f64 {
    let raw = (most / count).max(1e-9);
    let power = 10f64.powf(raw.log10().floor());
    [1.0, 2.0, 5.0, 10.0].iter().map(|step| step * power).find(|step| *step >= raw).unwrap_or(raw)
}

/// Draws how a bench or exam went, round by round: resolved attempts with intervals, and thinner
/// the tasks that any attempt resolved. The base is dashed across.
pub(crate) fn curve(id: &str, measure: &Measure) -> String {
    let (width, height, left, right, top, bottom) = (464.0, 236.0, 40.0, 108.0, 14.0, 28.0);
    let [Some(first), Some(last)] = [measure.rounds.first(), measure.rounds.last()] else {
        return String::new();
    };
    let step = steps(highest_of(measure) * 1.04, 4.0);
    let most = ((highest_of(measure) * 1.04 / step).ceil() * step).min(1.0).max(step);
    let x = |at: usize| {
        let last = measure.rounds.len().saturating_sub(1).max(1) as f64;
        left + 18.0 + at as f64 / last * (width - left - right - 36.0)
    };
    let y = |share: f64| height - bottom - share / most * (height - top - bottom);
    let figures: Vec<String> = measure
        .rounds
        .iter()
        .map(|point| format!("{} {}", name_of(point.round), interval(point.resolved)))
        .collect();
    let mut out = open(
        id,
        (width, height),
        &format!("Resolved on {} by round", measure.on),
        &format!("Share of attempts that resolved their task, with 95 % intervals: {}.", figures.join("; ")),
    );
    let mut mark = 0.0;
    while mark <= most + 1e-9 {
        out.push_str(&line(
            if mark == 0.0 { "axis" } else { "grid" },
            (left, y(mark)),
            (width - right, y(mark)),
        ));
        let text =
            format!("{}{}", px((mark * 1000.0).round() / 10.0), if mark == 0.0 { "" } else { "\u{202f}%" });
        out.push_str(&label("tick end", (left - 6.0, y(mark) + 3.5), &text));
        mark += step;
    }
    let base = first.resolved.value;
    let has_base = first.round == 0 && measure.rounds.len() > 1;
    if has_base {
        out.push_str(&line("base", (left, y(base)), (width - right, y(base))));
    }
    let path = |of: fn(&Point) -> f64| {
        let points = measure.rounds.iter().enumerate();
        points.map(|(at, point)| format!("{},{}", px(x(at)), px(y(of(point))))).collect::<Vec<_>>().join(" ")
    };
    let _ = writeln!(out, "<polyline class=\"thin\" points=\"{}\"/>", path(|point| point.any.value));
    let _ = writeln!(out, "<polyline class=\"main\" points=\"{}\"/>", path(|point| point.resolved.value));
    for (at, point) in measure.rounds.iter().enumerate() {
        let Estimate { value, low, high } = point.resolved;
        out.push_str(&line("whisker", (x(at), y(low)), (x(at), y(high))));
        let dot = if point.round == 0 { "dot hollow" } else { "dot" };
        let _ =
            writeln!(out, "<circle class=\"{dot}\" cx=\"{}\" cy=\"{}\" r=\"3.5\"/>", px(x(at)), px(y(value)));
        // The ends are told at the right.
        let is_end = at + 1 == measure.rounds.len() || (point.round == 0 && has_base);
        if !is_end {
            out.push_str(&label("value", (x(at) + 6.0, y(value) - 10.0), &percent(value)));
        }
        out.push_str(&label("tick middle", (x(at), height - bottom + 17.0), &name_of(point.round)));
    }
    // The labels at the right keep apart, in the order of their values.
    let mut ends = vec![
        (y(last.any.value), "key", format!("any of {} {}", measure.attempts, percent(last.any.value))),
        (y(last.resolved.value), "key strong", format!("resolved {}", percent(last.resolved.value))),
    ];
    if has_base {
        ends.push((y(base), "key", format!("base {}", percent(base))));
    }
    ends.sort_by(|a, b| a.0.total_cmp(&b.0));
    for at in 1..ends.len() {
        ends[at].0 = ends[at].0.max(ends[at - 1].0 + 14.0);
    }
    for (at, class, text) in &ends {
        out.push_str(&label(class, (width - right + 8.0, at + 4.0), text));
    }
    out.push_str("</svg>\n");
    out
}

fn highest_of(measure: &Measure) -> f64 {
    let highest = measure.rounds.iter().flat_map(|point| [point.resolved.high, point.any.value]);
    highest.fold(0.02, f64::max)
}

/// Says a figure with its interval: `11.7 % (4.0 to 20.4)`.
pub(crate) fn interval(of: Estimate) -> String {
    format!("{} ({:.1} to {:.1})", percent(of.value), 100.0 * of.low, 100.0 * of.high)
}

/// Says a difference with its interval: `+7.1 (+1.2 to +14.1)`.
pub(crate) fn difference(of: Estimate) -> String {
    format!("{} ({} to {})", points(of.value), points(of.low), points(of.high))
}

/// Names a round; the base is what there was before the first.
pub(crate) fn name_of(round: u32) -> String {
    if round == 0 { "base".to_owned() } else { format!("round {round}") }
}

/// One bar of a funnel: its name, how many came through, and how many came in.
pub(crate) struct Bar {
    pub(crate) name: String,
    pub(crate) kept: u64,
    pub(crate) of: u64,
}

/// Draws what became of the candidates of a round; what was dropped is hatched.
pub(crate) fn funnel(id: &str, title: &str, bars: &[Bar], most: u64) -> String {
    let (width, left, right, row) = (300.0, 92.0, 62.0, 20.0);
    let height = row * bars.len() as f64 + 4.0;
    let scale = (width - left - right) / most.max(1) as f64;
    let told: Vec<String> =
        bars.iter().map(|bar| format!("{} {} of {}", bar.name, bar.kept, bar.of)).collect();
    let mut out = open(id, (width, height), title, &told.join("; "));
    for (at, bar) in bars.iter().enumerate() {
        let y = at as f64 * row + 3.0;
        let lost = bar.of.saturating_sub(bar.kept);
        out.push_str(&label("name end", (left - 8.0, y + 11.5), &short(&bar.name, 15)));
        // What is left at the end is what it is all about.
        let class = if at + 1 == bars.len() { "bar" } else { "pale" };
        out.push_str(&rect(class, (left, y), (bar.kept as f64 * scale, 14.0)));
        if lost > 0 {
            let from = left + bar.kept as f64 * scale;
            out.push_str(&rect("lost", (from, y), ((lost as f64 * scale).max(1.5), 14.0)));
        }
        let end = left + bar.of.max(bar.kept) as f64 * scale + 6.0;
        let text = if lost > 0 { format!("{} \u{2212}{lost}", bar.kept) } else { bar.kept.to_string() };
        out.push_str(&label("value", (end, y + 11.5), &text));
    }
    out.push_str("</svg>\n");
    out
}

/// Draws the scores of a round as a histogram: trained on below, the others on top of it.
pub(crate) fn histogram(id: &str, scores: &RoundScores, reach: f64, highest: usize) -> String {
    let (width, height, side, top, bottom) = (300.0, 132.0, 12.0, 16.0, 24.0);
    let counts = bins(scores, reach);
    let taken: usize = counts.iter().map(|(taken, _)| taken).sum();
    let others: usize = counts.iter().map(|(_, other)| other).sum();
    let title = format!("Scores in round {}", scores.round);
    let mut out = open(
        id,
        (width, height),
        &title,
        &format!("{taken} tasks that were trained on and {others} others, by {} score.", scores.mode),
    );
    let bar = (width - 2.0 * side) / BINS as f64;
    let unit = (height - top - bottom) / highest.max(1) as f64;
    let floor = height - bottom;
    for (at, (taken, other)) in counts.iter().enumerate() {
        let x = side + at as f64 * bar;
        let (low, high) = (*taken as f64 * unit, *other as f64 * unit);
        if *taken > 0 {
            out.push_str(&rect("bar", (x + 0.5, floor - low), (bar - 1.0, low)));
        }
        if *other > 0 {
            out.push_str(&rect("lost", (x + 0.5, floor - low - high), (bar - 1.0, high)));
        }
    }
    out.push_str(&line("axis", (side, floor), (width - side, floor)));
    let middle = width / 2.0;
    out.push_str(&line("base", (middle, top - 6.0), (middle, floor)));
    for (at, class, value) in
        [(side, "tick", -reach), (middle, "tick middle", 0.0), (width - side, "tick end", reach)]
    {
        out.push_str(&label(class, (at, height - 8.0), &signed(value, 2)));
    }
    let mean = mean(scores);
    let x = middle + mean / reach * (width / 2.0 - side);
    let _ = writeln!(out, "<path class=\"mean\" d=\"M{} {}l-4 6h8z\"/>", px(x), px(floor + 2.0),);
    out.push_str("</svg>\n");
    out
}

/// So many bars has a histogram: an even number, so that zero is between two.
const BINS: usize = 28;

/// Counts the tasks of each bar: trained on, and others. Tasks without a gradient have no score.
pub(crate) fn bins(scores: &RoundScores, reach: f64) -> Vec<(usize, usize)> {
    let mut found = vec![(0, 0); BINS];
    for (score, _, is_taken) in scores.tasks.iter().filter(|(_, is_ok, _)| *is_ok) {
        let at = ((score / reach + 1.0) / 2.0 * BINS as f64).floor().clamp(0.0, (BINS - 1) as f64);
        let bin = &mut found[at as usize];
        if *is_taken { bin.0 += 1 } else { bin.1 += 1 }
    }
    found
}

/// Returns the mean score of the tasks that have a gradient.
pub(crate) fn mean(scores: &RoundScores) -> f64 {
    let known: Vec<f64> =
        scores.tasks.iter().filter(|(_, is_ok, _)| *is_ok).map(|(score, ..)| *score).collect();
    known.iter().sum::<f64>() / known.len().max(1) as f64
}

/// Draws in which rounds a card lived: a dot each, joined; a ring where it was born.
pub(crate) fn life(rounds: &[u32], all: u32) -> String {
    let (step, height) = (18.0, 14.0);
    let width = step * f64::from(all);
    let x = |round: u32| step * (f64::from(round) - 0.5);
    let mut out = format!(
        "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" aria-hidden=\"true\">\n",
        px(width),
        px(height)
    );
    for pair in rounds.windows(2).filter(|pair| pair[1] == pair[0] + 1) {
        out.push_str(&line("main", (x(pair[0]), 7.0), (x(pair[1]), 7.0)));
    }
    for round in 1..=all {
        let class = match rounds.contains(&round) {
            true if rounds.first() == Some(&round) => "dot hollow",
            true => "dot",
            false => "speck",
        };
        let radius = if class == "speck" { 1.0 } else { 3.5 };
        let _ = writeln!(
            out,
            "<circle class=\"{class}\" cx=\"{}\" cy=\"7\" r=\"{}\"/>",
            px(x(round)),
            px(radius)
        );
    }
    out.push_str("</svg>");
    out
}

/// Draws two figures with their intervals over one scale: the base hollow, the last round filled.
pub(crate) fn pair(base: Estimate, last: Estimate, most: f64) -> String {
    let (width, height) = (180.0, 22.0);
    let x = |share: f64| 5.0 + share / most.max(1e-9) * (width - 10.0);
    let mut out = small(width, height);
    out.push_str(&line("grid", (x(0.0), 11.0), (x(most), 11.0)));
    for (of, y, class, dot) in [(base, 6.5, "whisker faint", "dot hollow"), (last, 15.5, "whisker", "dot")] {
        out.push_str(&line(class, (x(of.low), y), (x(of.high), y)));
        let _ =
            writeln!(out, "<circle class=\"{dot}\" cx=\"{}\" cy=\"{}\" r=\"3.5\"/>", px(x(of.value)), px(y));
    }
    out.push_str("</svg>");
    out
}

/// Draws a difference with its interval around zero.
pub(crate) fn around_zero(of: Estimate, reach: f64) -> String {
    let (width, height) = (120.0, 16.0);
    let x = |value: f64| width / 2.0 + (value / reach.max(1e-9)).clamp(-1.0, 1.0) * (width / 2.0 - 6.0);
    let mut out = small(width, height);
    out.push_str(&line("base", (x(0.0), 0.0), (x(0.0), height)));
    out.push_str(&line("whisker", (x(of.low), 8.0), (x(of.high), 8.0)));
    let _ = writeln!(out, "<circle class=\"dot\" cx=\"{}\" cy=\"8\" r=\"3.5\"/>", px(x(of.value)));
    out.push_str("</svg>");
    out
}

/// Opens a picture that only repeats what stands beside it.
fn small(width: f64, height: f64) -> String {
    format!(
        "<svg viewBox=\"0 0 {0} {1}\" width=\"{0}\" height=\"{1}\" aria-hidden=\"true\">\n",
        px(width),
        px(height)
    )
}

/// What a kind of stage took, by round.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) parts: Vec<(Option<u32>, Spent)>,
}

/// Draws where the time went: a row for each kind of stage, a segment for each round; hatched is
/// what came from the store.
pub(crate) fn times(id: &str, rows: &[Row]) -> String {
    let (width, left, right, row, top) = (940.0, 132.0, 190.0, 21.0, 4.0);
    let height = row * rows.len() as f64 + top;
    let total = |row: &Row| row.parts.iter().map(|(_, part)| part.ran_s + part.saved_s).sum::<f64>();
    let most = rows.iter().map(total).fold(1e-9, f64::max);
    let scale = (width - left - right) / most;
    let told: Vec<String> = rows.iter().map(|row| format!("{} {}", row.name, told(row))).collect();
    let mut out = open(id, (width, height), "Time by stage", &told.join("; "));
    for (at, of) in rows.iter().enumerate() {
        let y = top + at as f64 * row;
        out.push_str(&label("name end", (left - 8.0, y + 11.5), &short(&of.name, 20)));
        let mut x = left;
        for (round, part) in &of.parts {
            for (seconds, class) in [(part.ran_s, "bar"), (part.saved_s, "lost")] {
                let length = seconds * scale;
                if length > 0.0 {
                    // A gap of a hair tells rounds apart.
                    out.push_str(&rect(class, (x, y), ((length - 1.0).max(0.6), 14.0)));
                    if let Some(round) = round
                        && length > 26.0
                    {
                        let class = if class == "bar" { "on-bar" } else { "on-lost" };
                        out.push_str(&label(class, (x + 5.0, y + 11.0), &format!("r{round}")));
                    }
                }
                x += length;
            }
        }
        out.push_str(&label("value", (x.max(left) + 7.0, y + 11.5), &esc(&told_short(of))));
    }
    out.push_str("</svg>\n");
    out
}

fn told(row: &Row) -> String {
    let ran: f64 = row.parts.iter().map(|(_, part)| part.ran_s).sum();
    let saved: f64 = row.parts.iter().map(|(_, part)| part.saved_s).sum();
    match (ran > 0.0, saved > 0.0) {
        (true, true) => format!("{}, and {} cached", time(ran), time(saved)),
        (false, true) => format!("{} cached", time(saved)),
        (true, false) => time(ran),
        (false, false) => "cached".to_owned(),
    }
}

fn told_short(row: &Row) -> String {
    told(row).replace(", and ", " + ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn scales_have_round_steps() {
        for (most, expected) in [(0.23, 0.1), (1.0, 0.5), (0.04, 0.01), (0.5, 0.2)] {
            assert!((steps(most, 4.0) - expected).abs() < 1e-12, "{most}: {}", steps(most, 4.0));
        }
    }

    #[test]
    fn every_scored_task_is_in_a_bar() {
        let tasks = vec![(-1.0, true, false), (1.0, true, true), (0.0, true, true), (0.0, false, false)];
        let scores = RoundScores {
            round: 1,
            mode: "cosine".into(),
            exam: (1, 1),
            tasks,
            left_out: Default::default(),
        };
        let bins = bins(&scores, 1.0);
        assert_eq!((bins[0], bins[BINS - 1], bins[BINS / 2]), ((0, 1), (1, 0), (1, 0)));
        assert_eq!(mean(&scores), 0.0);
    }
}
