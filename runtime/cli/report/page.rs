//! The page: sections of words, tables and pictures, in one file that needs nothing else.

use std::fmt::Write as _;

use sswe_pipelines::statistics::Estimate;

use super::cells::{self, Table};
use super::chart::{self, difference, interval, name_of};
use super::parts;
use super::story::{Measure, Point, Story};
use super::text::{esc, percent, points, px};
use crate::live::words::{chance, count};

const STYLE: &str = include_str!("style.css");

/// What hatched areas are filled with.
const HATCH: &str = "<svg width=\"0\" height=\"0\" style=\"position:absolute\" aria-hidden=\"true\"><defs>\
<pattern id=\"hatch\" width=\"5\" height=\"5\" patternUnits=\"userSpaceOnUse\" patternTransform=\"rotate(45)\">\
<line class=\"hatch\" x1=\"0\" y1=\"0\" x2=\"0\" y2=\"5\"/></pattern></defs></svg>\n";

/// What a page says of itself at its beginning, so that a build can see whether it is still right.
pub(crate) fn mark(result: Option<&str>, whole: &str) -> String {
    format!("<meta name=\"sswe\" content=\"{} {}\"/>", esc(result.unwrap_or("none")), esc(whole))
}

/// Writes the page of a run; `tables` compare it with others of the same file.
pub(crate) fn page(story: &Story, tables: &[Table]) -> String {
    let record = &story.record;
    let result = story.run.result.map(|digest| digest.to_string());
    let mut out = format!(
        "<!DOCTYPE html>\n<html lang=\"en\">\n<head>\n<meta charset=\"utf-8\"/>\n{}\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n\
         <title>{} \u{b7} run {} \u{b7} sswe</title>\n<style>\n{STYLE}</style>\n</head>\n<body>\n{HATCH}",
        mark(result.as_deref(), &record.whole),
        esc(&record.curriculum),
        story.run.id.0,
    );
    header(&mut out, story);
    if tables.iter().any(|table| table.rows.len() > 1 || table.rows.iter().any(|row| row.runs.len() > 1)) {
        comparison(&mut out, tables);
    }
    measures(&mut out, story);
    parts::gates(&mut out, story);
    parts::scores(&mut out, story);
    parts::cards(&mut out, story);
    parts::time(&mut out, story);
    parts::repos(&mut out, story);
    parts::contamination(&mut out, story);
    parts::settings(&mut out, story);
    parts::footer(&mut out, story);
    out.push_str("</body>\n</html>\n");
    out
}

/// Begins a section.
pub(crate) fn section(out: &mut String, id: &str, title: &str) {
    let _ = writeln!(out, "<section id=\"{id}\">\n<h2>{title}</h2>");
}

fn header(out: &mut String, story: &Story) {
    let file = story.info["file"].as_str().unwrap_or_default();
    let file = file.rsplit('/').next().unwrap_or_default();
    let _ = writeln!(
        out,
        "<header>\n<h1>{} <span>\u{b7} {} \u{b7} run {} of {}</span></h1>",
        esc(&story.record.curriculum),
        esc(file),
        story.run.id.0,
        esc(&crate::command::log::moment(story.run.started)),
    );
    let main = story.measures.iter().find(|measure| measure.rounds.len() > 1);
    match main {
        Some(measure) => headline(out, measure),
        None => {
            let _ = writeln!(out, "<p class=\"lead\">Nothing was measured after the base yet.</p>");
        }
    }
    for measure in story.measures.iter().filter(|of| main.is_none_or(|main| main.on != of.on)) {
        if let [Some(base), Some(last)] = [measure.rounds.first(), measure.rounds.last()]
            && let Some(gain) = last.gain
        {
            let _ = writeln!(
                out,
                "<p class=\"sub\">On the {} <b>{}</b>, {}: {} \u{2192} {}, {} points.</p>",
                if measure.is_bench { "bench" } else { "practice exam" },
                esc(&measure.on),
                if measure.is_bench { "never trained on" } else { "which steers training and is no proof" },
                percent(base.resolved.value),
                percent(last.resolved.value),
                difference(gain),
            );
        }
    }
    if !story.without.is_empty() {
        let names: Vec<String> =
            story.without.iter().take(3).map(|name| format!("<code>{}</code>", esc(name))).collect();
        let more = story.without.len().saturating_sub(3);
        let more = if more > 0 { format!(" and {more} more") } else { String::new() };
        let _ = writeln!(
            out,
            "<p class=\"sub warn\">Not complete: {}{more} gave nothing. <code>sswe log {}</code> says why.</p>",
            names.join(", "),
            story.run.id.0
        );
    }
    if story.swept > 0 {
        let _ = writeln!(
            out,
            "<p class=\"sub warn\">What {} stages gave is no longer in the store; they are left out.</p>",
            story.swept
        );
    }
    out.push_str("</header>\n");
}

fn headline(out: &mut String, measure: &Measure) {
    let [Some(base), Some(last)] = [measure.rounds.first(), measure.rounds.last()] else { return };
    let Some(gain) = last.gain else { return };
    let verdict = match gain {
        Estimate { low, .. } if low > 0.0 => "The interval lies above zero.",
        Estimate { high, .. } if high < 0.0 => "The interval lies below zero: training made it worse.",
        _ => "The interval holds zero: this run alone shows no gain.",
    };
    let _ = writeln!(
        out,
        "<p class=\"lead\">On <b>{}</b> the Solver resolved {} of attempts at the base and {} after {}: \
         <b>{} points</b>, 95\u{202f}% interval {} to {}. {verdict}</p>",
        esc(&measure.on),
        percent(base.resolved.value),
        percent(last.resolved.value),
        name_of(last.round),
        points(gain.value),
        points(gain.low),
        points(gain.high),
    );
    let repos = match measure.repos.len() {
        1 => "1 repository".to_owned(),
        repos => format!("{repos} repositories"),
    };
    let p = last.p.map_or_else(String::new, |p| format!(" (McNemar p {})", esc(&chance(p))));
    let _ = writeln!(
        out,
        "<p class=\"sub\">{} in {repos} {}, {} each. Some attempt resolved {} of the \
         tasks, {} before{p}.</p>",
        count(measure.tasks as u64, "task"),
        if measure.is_bench { "that training never saw" } else { "that training is steered by" },
        count(measure.attempts as u64, "attempt"),
        percent(last.any.value),
        percent(base.any.value),
    );
}

fn comparison(out: &mut String, tables: &[Table]) {
    section(out, "cells", "Curricula side by side");
    out.push_str(
        "<p class=\"note\">One row for each different setting; curricula that differ in their seed only are pooled. \
         Differences are paired with the base of the same seed, with 95\u{202f}% intervals from a bootstrap over seeds, \
         repositories and tasks.</p>\n",
    );
    for table in tables {
        let gains = table.rows.iter().filter_map(|row| row.gain.or(row.to_first));
        let reach = gains.flat_map(|gain| [gain.low.abs(), gain.high.abs()]);
        let reach = reach.fold(0.01, f64::max);
        let _ = writeln!(
            out,
            "<h3>{} {}</h3>\n<div class=\"scroll\"><table>\n<tr><th>cell</th><th class=\"n\">seeds</th><th class=\"n\">base</th>\
             <th class=\"n\">last round</th><th class=\"n\">difference</th><th></th><th class=\"n\">any of k, difference</th>\
             <th class=\"n\">against the first row</th><th class=\"n\">trained</th><th class=\"n\">updates</th></tr>",
            if table.is_bench { "Bench" } else { "Practice exam" },
            esc(&table.on)
        );
        for row in &table.rows {
            let _ = writeln!(
                out,
                "<tr><td class=\"cell\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
                 <td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
                esc(&row.name),
                row.runs.len(),
                row.base.map_or_else(String::new, interval),
                interval(row.last),
                row.gain.map_or_else(String::new, difference),
                row.gain.or(row.to_first).map_or_else(String::new, |gain| chart::around_zero(gain, reach)),
                row.any_gain.map_or_else(String::new, difference),
                row.to_first.map_or_else(String::new, difference),
                cells::mean(row.trained),
                cells::mean(row.updates),
            );
        }
        out.push_str("</table></div>\n");
    }
    out.push_str("</section>\n");
}

fn measures(out: &mut String, story: &Story) {
    section(out, "resolved", "Resolved, round by round");
    if story.measures.is_empty() {
        out.push_str("<p class=\"note\">Nothing was measured yet.</p>\n</section>\n");
        return;
    }
    out.push_str(
        "<p class=\"note\">Share of attempts that resolved their task, with 95\u{202f}% intervals from a bootstrap over \
         repositories and tasks; the thin line is the share of tasks that any attempt resolved.</p>\n<div class=\"row\">\n",
    );
    for (at, measure) in story.measures.iter().enumerate() {
        let what = if measure.is_bench { "Bench" } else { "Practice exam" };
        let _ = writeln!(
            out,
            "<div><h3>{what} {}</h3>\n{}</div>",
            esc(&measure.on),
            chart::curve(&format!("m{at}"), measure)
        );
    }
    out.push_str("</div>\n");
    for measure in &story.measures {
        rounds(out, measure);
    }
    out.push_str("</section>\n");
}

fn rounds(out: &mut String, measure: &Measure) {
    let k = measure.attempts;
    // The ends stand in columns of their own.
    let middle: Vec<String> = (2..k).map(|k| k.to_string()).collect();
    let mut head = String::from(
        "<th class=\"n\">resolved (pass@1)</th><th class=\"n\">over the base</th><th class=\"n\">over the round before</th>",
    );
    if !middle.is_empty() {
        let _ = write!(head, "<th class=\"n\">pass@{}</th>", middle.join(", @"));
    }
    let _ = writeln!(
        out,
        "<div class=\"scroll\"><table>\n<tr><th>{}, {} tasks</th>{head}<th class=\"n\">any of {k}</th>\
         <th class=\"n\">won, lost (McNemar p)</th></tr>",
        esc(&measure.on),
        measure.tasks
    );
    for point in &measure.rounds {
        let Point { round, resolved, any, pass_at, gain, step, flips, p } = point;
        let maybe = |of: &Option<Estimate>| of.map_or_else(String::new, difference);
        let _ = write!(
            out,
            "<tr><td class=\"w\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>",
            name_of(*round),
            interval(*resolved),
            maybe(gain),
            maybe(step)
        );
        if !middle.is_empty() {
            let figures: Vec<String> =
                pass_at.iter().take(k - 1).skip(1).map(|at| format!("{:.1}", 100.0 * at)).collect();
            let _ = write!(out, "<td class=\"n\">{}\u{202f}%</td>", figures.join(" \u{b7} "));
        }
        let _ = writeln!(
            out,
            "<td class=\"n\">{}</td><td class=\"n\">{}{}</td></tr>",
            interval(*any),
            flips.map_or_else(String::new, |(won, lost)| format!("+{won} \u{2212}{lost}")),
            p.map_or_else(String::new, |p| format!(
                " <small>({})</small>",
                esc(chance(p).trim_start_matches("= "))
            ))
        );
    }
    out.push_str("</table></div>\n");
}

/// Explains a fill beside a chart.
pub(crate) fn key(class: &str, words: &str) -> String {
    format!(
        "<span class=\"key-word\"><svg class=\"key-box\" width=\"{0}\" height=\"{0}\" viewBox=\"0 0 {0} {0}\" aria-hidden=\"true\">\
         <rect class=\"{class}\" width=\"{0}\" height=\"{0}\"/></svg>{words}</span>",
        px(12.0)
    )
}
