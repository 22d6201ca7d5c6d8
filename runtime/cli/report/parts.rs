//! The sections of a page that say how a run came to its figures.

use std::collections::BTreeMap;
use std::fmt::Write as _;

use sswe_pipelines::overlap::{Overlap, Role};
use sswe_pipelines::summary::{Gate, Round};

use super::chart::{self, Bar, Row, difference};
use super::page::{key, section};
use super::story::{CardLine, RepoLine, Story};
use super::text::{esc, scrub, short, signed};
use super::time::Spent;
use crate::live::words::{count, time as duration};

/// So many cards are listed.
const CARDS: usize = 40;

pub(super) fn gates(out: &mut String, story: &Story) {
    section(out, "gates", "From draws to training");
    let rounds: Vec<(&Round, Vec<Bar>)> = story
        .summary
        .rounds
        .iter()
        .map(|round| (round, bars(round)))
        .filter(|(_, bars)| !bars.is_empty())
        .collect();
    if rounds.is_empty() {
        out.push_str("<p class=\"note\">No candidates were drawn yet.</p>\n</section>\n");
        return;
    }
    let _ = writeln!(
        out,
        "<p class=\"note\">Candidates through the gates, cheapest first. {} {}</p>\n<div class=\"row three\">",
        key("bar", "came through"),
        key("lost", "rejected, or left out by selection")
    );
    let most =
        rounds.iter().flat_map(|(_, bars)| bars.iter().map(|bar| bar.of.max(bar.kept))).max().unwrap_or(1);
    for (round, bars) in &rounds {
        let title = format!("Round {}", round.round);
        let _ = writeln!(
            out,
            "<div><h3>{title}</h3>\n{}</div>",
            chart::funnel(
                &format!("f{}", round.round),
                &format!("Funnel of round {}", round.round),
                bars,
                most
            )
        );
    }
    out.push_str("</div>\n");
    reasons(out, story, &rounds);
    out.push_str("</section>\n");
}

fn bars(round: &Round) -> Vec<Bar> {
    let Some(drawn) = round.candidates.map(|drawn| drawn as u64) else { return Vec::new() };
    let mut bars = vec![Bar { name: "drawn".to_owned(), kept: drawn, of: drawn }];
    for Gate { name, seen, accepted, .. } in &round.gates {
        bars.push(Bar { name: name.clone(), kept: *accepted as u64, of: *seen as u64 });
    }
    if let (Some((all, earlier)), Some((scored, ..))) = (round.trained, round.scored) {
        let own = all.saturating_sub(earlier) as u64;
        bars.push(Bar { name: "trained on".to_owned(), kept: own, of: (scored as u64).max(own) });
    }
    bars
}

fn reasons(out: &mut String, story: &Story, rounds: &[(&Round, Vec<Bar>)]) {
    let mut table: BTreeMap<(usize, &str, &str), BTreeMap<u32, usize>> = BTreeMap::new();
    for (round, _) in rounds {
        for (at, gate) in round.gates.iter().enumerate() {
            for (reason, count) in &gate.reasons {
                table.entry((at, &gate.name, reason)).or_default().insert(round.round, *count);
            }
        }
    }
    let mut left: BTreeMap<&str, BTreeMap<u32, usize>> = BTreeMap::new();
    for of in &story.scores {
        for (reason, count) in &of.left_out {
            left.entry(reason).or_default().insert(of.round, *count as usize);
        }
    }
    let lines = table.into_iter().map(|((_, gate, reason), counts)| (gate, reason, counts));
    let lines = lines.chain(left.into_iter().map(|(reason, counts)| ("select", reason, counts)));
    let lines: Vec<(&str, &str, BTreeMap<u32, usize>)> = lines.collect();
    if lines.is_empty() {
        out.push_str("<p class=\"note\">Nothing was rejected.</p>\n");
        return;
    }
    out.push_str("<div class=\"scroll\"><table>\n<tr><th>gate</th><th>why not</th>");
    for (round, _) in rounds {
        let _ = write!(out, "<th class=\"n\">round {}</th>", round.round);
    }
    out.push_str("</tr>\n");
    for (gate, reason, counts) in lines {
        let _ = write!(out, "<tr><td>{}</td><td>{}</td>", esc(gate), short(&scrub(reason), 120));
        for (round, _) in rounds {
            let count = counts.get(&round.round).map_or_else(String::new, usize::to_string);
            let _ = write!(out, "<td class=\"n\">{count}</td>");
        }
        out.push_str("</tr>\n");
    }
    out.push_str("</table></div>\n");
}

pub(super) fn scores(out: &mut String, story: &Story) {
    section(out, "scores", "Alignment with the practice exam");
    let Some(first) = story.scores.first() else {
        out.push_str("<p class=\"note\">No tasks were scored yet.</p>\n</section>\n");
        return;
    };
    let all = story.scores.iter().flat_map(|of| &of.tasks).filter(|(_, is_ok, _)| *is_ok);
    let reach = all.map(|(score, ..)| score.abs()).fold(0.01, f64::max);
    let counts = story.scores.iter().flat_map(|of| chart::bins(of, reach));
    let highest = counts.map(|(taken, other)| taken + other).max().unwrap_or(1);
    let _ = writeln!(
        out,
        "<p class=\"note\">Scores ({}) of the accepted tasks, a bar for each range; dashed is zero, the triangle the mean. \
         {} {}</p>\n<div class=\"row three\">",
        esc(&first.mode),
        key("bar", "trained on"),
        key("lost", "not")
    );
    for of in &story.scores {
        let without = of.tasks.iter().filter(|(_, is_ok, _)| !is_ok).count();
        let without = if without > 0 { format!(", {without} without a gradient") } else { String::new() };
        let _ = writeln!(
            out,
            "<div><h3>Round {}</h3>\n{}<p class=\"note\">{} scored, mean {}{without}; {} of {} exam tasks have a gradient</p></div>",
            of.round,
            chart::histogram(&format!("s{}", of.round), of, reach, highest),
            of.tasks.len(),
            signed(chart::mean(of), 3),
            of.exam.0,
            of.exam.1,
        );
    }
    out.push_str("</div>\n</section>\n");
}

pub(super) fn cards(out: &mut String, story: &Story) {
    section(out, "cards", "Cards");
    if story.cards.is_empty() {
        out.push_str("<p class=\"note\">No cards were made yet.</p>\n</section>\n");
        return;
    }
    let rounds = story.record.rounds;
    let mut words = Vec::new();
    for round in &story.summary.rounds {
        if let Some((all, born, retired)) = round.cards {
            words.push(format!("Round {}: {all} cards ({born} born, {retired} retired)", round.round));
        }
    }
    let _ = writeln!(
        out,
        "<p class=\"note\">Mistakes that the Solver's own traces show. {}. A ring is the round a card was born in, a dot \
         one that kept it.</p>",
        words.join(". ")
    );
    let _ = writeln!(
        out,
        "<div class=\"scroll\"><table class=\"long\">\n<tr><th>card</th><th>rounds 1 to {rounds}</th><th class=\"n\">traces: passed</th>\
         <th class=\"n\">partial</th><th class=\"n\">failed</th><th class=\"n\">tasks seen</th><th class=\"n\">planted</th>\
         <th class=\"n\">trained on</th></tr>"
    );
    for CardLine { name, rounds: lived, card, tasks } in story.cards.iter().take(CARDS) {
        let evidence = &card.evidence;
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td class=\"w\">{} <small>{}</small></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            short(name, 64),
            chart::life(lived, rounds),
            ranges(lived),
            evidence.passed,
            evidence.partial,
            evidence.failed,
            evidence.tasks,
            tasks.0,
            tasks.1,
        );
    }
    out.push_str("</table></div>\n");
    let more = story.cards.len().saturating_sub(CARDS);
    if more > 0 {
        let _ = writeln!(out, "<p class=\"note\">{more} more: <code>sswe show cards</code> lists all.</p>");
    }
    out.push_str("</section>\n");
}

/// Says rounds as ranges: `1, 3 to 5`.
fn ranges(rounds: &[u32]) -> String {
    let mut found: Vec<(u32, u32)> = Vec::new();
    for round in rounds {
        match found.last_mut() {
            Some((_, last)) if *last + 1 == *round => *last = *round,
            _ => found.push((*round, *round)),
        }
    }
    let words = found.iter().map(|(first, last)| match first == last {
        true => first.to_string(),
        false => format!("{first} to {last}"),
    });
    words.collect::<Vec<_>>().join(", ")
}

pub(super) fn time(out: &mut String, story: &Story) {
    section(out, "time", "Time by stage");
    let mut order: Vec<String> = Vec::new();
    let mut rows: BTreeMap<String, Vec<(Option<u32>, Spent)>> = BTreeMap::new();
    for spent in &story.spent {
        let (name, round) = place(&spent.stage);
        if !order.contains(&name) {
            order.push(name.clone());
        }
        rows.entry(name).or_default().push((round, spent.clone()));
    }
    // As the loop goes, which is how the plan has them.
    let planned: Vec<String> = story.record.stages.iter().map(|(name, ..)| place(name).0).collect();
    order.sort_by_key(|name| planned.iter().position(|of| of == name));
    let mut rows: Vec<Row> = order
        .into_iter()
        .filter_map(|name| {
            let mut parts = rows.remove(&name)?;
            parts.sort_by_key(|(round, _)| *round);
            Some(Row { name, parts })
        })
        .collect();
    let of = |row: &Row| row.parts.iter().map(|(_, part)| part.ran_s + part.saved_s).sum::<f64>();
    let whole: f64 = rows.iter().map(of).sum();
    let small = rows.iter().filter(|row| of(row) < whole / 500.0).count();
    rows.retain(|row| of(row) >= whole / 500.0 && of(row) > 0.0);
    let [ran, cached, failed, infra] = story.tally;
    let saved: f64 = story.spent.iter().map(|part| part.saved_s).sum();
    let wall =
        story.wall_s.map_or_else(|| "did not end".to_owned(), |wall| format!("took {}", duration(wall)));
    let broken = if infra > 0 { format!(", {infra} met broken surroundings") } else { String::new() };
    let _ = writeln!(
        out,
        "<p class=\"note\">The run {wall}: {} ran, {cached} came from the store{}{broken}; what came from the store once took {}. \
         Times of items are added up, whatever ran beside them. {} {}</p>",
        count(ran, "item"),
        if failed > 0 { format!(", {failed} failed") } else { String::new() },
        duration(saved),
        key("bar", "ran"),
        key("lost", "from the store: what it took when it ran")
    );
    if !rows.is_empty() {
        out.push_str(&chart::times("t", &rows));
    }
    if small > 0 {
        let stages = if small == 1 { "One kind of stage" } else { "Kinds of stages" };
        let these = if small == 1 { String::new() } else { format!("{small} ") };
        let _ = writeln!(
            out,
            "<p class=\"note\">{these}{} below a five-hundredth of the time are left out.</p>",
            stages.to_lowercase()
        );
    }
    out.push_str("</section>\n");
}

/// Returns what a stage is called without its curriculum, repository and round.
fn place(stage: &str) -> (String, Option<u32>) {
    let mut parts = stage.splitn(3, '/').skip(1);
    let (group, rest) = (parts.next().unwrap_or_default(), parts.next().unwrap_or_default());
    match group.strip_prefix('r').and_then(|round| round.parse().ok()) {
        Some(round) => (rest.to_owned(), Some(round)),
        None => (rest.rsplit('/').next().unwrap_or(rest).to_owned(), None),
    }
}

pub(super) fn repos(out: &mut String, story: &Story) {
    section(out, "repositories", "Repositories");
    out.push_str(
        "<div class=\"scroll\"><table>\n<tr><th>repository</th><th>part</th><th class=\"n\">files</th><th class=\"n\">tests</th>\
         <th class=\"n\">trusted</th><th class=\"n\">bugs planted</th><th class=\"n\">trained on</th></tr>\n",
    );
    for RepoLine { name, roles, files, tests, trusted, drawn, trained, .. } in &story.repos {
        let maybe = |number: &u32| if *number > 0 { number.to_string() } else { String::new() };
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"n\">{files}</td><td class=\"n\">{tests}</td><td class=\"n\">{trusted}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td></tr>",
            short(name, 48),
            esc(&roles.join(", ")),
            maybe(drawn),
            maybe(trained)
        );
    }
    out.push_str("</table></div>\n");
    for measure in story.measures.iter().filter(|measure| !measure.repos.is_empty()) {
        let most = measure.repos.iter().flat_map(|of| [of.base.high, of.last.high]).fold(0.05, f64::max);
        let last = measure.rounds.last().map_or(0, |point| point.round);
        let _ = writeln!(
            out,
            "<div class=\"scroll\"><table>\n<tr><th>{}</th><th class=\"n\">tasks</th><th class=\"n\">base</th><th class=\"n\">round {last}</th>\
             <th>0 to {}\u{202f}%: base hollow, round {last} filled</th><th class=\"n\">difference</th><th class=\"n\">any of {}: tasks</th></tr>",
            esc(&measure.on),
            (most * 100.0).round(),
            measure.attempts
        );
        for of in &measure.repos {
            let _ = writeln!(
                out,
                "<tr><td>{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td><td>{}</td>\
                 <td class=\"n\">{}</td><td class=\"n\">{} \u{2192} {}</td></tr>",
                short(&of.repo, 48),
                of.tasks,
                super::text::percent(of.base.value),
                super::text::percent(of.last.value),
                chart::pair(of.base, of.last, most),
                of.gain.map_or_else(String::new, difference),
                of.any.0,
                of.any.1
            );
        }
        out.push_str("</table></div>\n");
    }
    out.push_str("</section>\n");
}

pub(super) fn contamination(out: &mut String, story: &Story) {
    section(out, "contamination", "Contamination");
    let roles = story.record.roles();
    let parts: Vec<String> = roles
        .iter()
        .map(|(role, repos)| {
            let what = match role {
                Role::Trained => "trained on".to_owned(),
                Role::Exam(name) => format!("exam {}", esc(name)),
                Role::Bench(name) => format!("bench {}", esc(name)),
            };
            format!("{} {what}", repos.len())
        })
        .collect();
    let _ = writeln!(
        out,
        "<p>{} Compared: files, and functions of four lines or more, without comments and spacing, of the repositories of \
         each part ({}).</p>",
        match story.overlaps.is_empty() {
            true =>
                "No file and no function is on both sides of the line between what is trained on and what measures.",
            false =>
                "<b class=\"warn\">Code is on both sides of the line between what is trained on and what measures.</b>",
        },
        parts.join(", ")
    );
    if !story.overlaps.is_empty() {
        out.push_str("<ul>\n");
        for overlap in &story.overlaps {
            let _ = writeln!(out, "<li>{}</li>", esc(&said(overlap)));
        }
        out.push_str("</ul>\n");
    }
    out.push_str("</section>\n");
}

/// Says what two repositories share, for people.
pub(crate) fn said(overlap: &Overlap) -> String {
    const NAMED: usize = 4;
    let Overlap { seen, held_out, files, functions, is_whole } = overlap;
    let names: Vec<&str> = functions.iter().chain(files).take(NAMED).map(String::as_str).collect();
    let more = (files.len() + functions.len()).saturating_sub(NAMED);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    let whole = if *is_whole { "are the same repository and " } else { "" };
    format!(
        "{} ({}) and {} ({}) {whole}share {} and {}: {}{more}",
        seen.0,
        seen.1,
        held_out.0,
        held_out.1,
        count(files.len() as u64, "file"),
        count(functions.len() as u64, "function"),
        names.join(", ")
    )
}

pub(super) fn settings(out: &mut String, story: &Story) {
    section(out, "settings", "Settings and pins");
    out.push_str("<p class=\"note\">Everything that decides results, as it held. Pools, rates and addresses of servers decide none.</p>\n<dl class=\"settings\">\n");
    for (path, value) in &story.record.settings {
        let _ = writeln!(out, "<div><dt>{}</dt><dd>{}</dd></div>", short(path, 80), short(value, 120));
    }
    out.push_str("</dl>\n<div class=\"scroll\"><table>\n<tr><th>repository</th><th>from</th><th>pinned files</th><th>Python</th></tr>\n");
    for RepoLine { name, source, pin, python, .. } in &story.repos {
        let _ = writeln!(
            out,
            "<tr><td>{}</td><td>{}</td><td class=\"mono\">{}</td><td>{}</td></tr>",
            short(name, 48),
            short(source, 80),
            esc(pin),
            esc(python)
        );
    }
    out.push_str("</table></div>\n</section>\n");
}

pub(super) fn footer(out: &mut String, story: &Story) {
    let result =
        story.run.result.map_or_else(|| "none: not complete".to_owned(), |digest| digest.to_string());
    let version = story.info["sswe"].as_str().unwrap_or("unknown");
    let _ = writeln!(
        out,
        "<footer>\n<dl class=\"facts\">\n<dt>result</dt><dd class=\"mono\">{result}</dd>\n<dt>run</dt><dd>{} of this store, {}</dd>\n\
         <dt>sswe</dt><dd>{}</dd>\n<dt>file</dt><dd class=\"mono\">{}</dd>\n</dl>\n</footer>",
        story.run.id.0,
        esc(&crate::command::log::moment(story.run.started)),
        esc(version),
        esc(&story.record.text),
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_are_told_as_ranges() {
        assert_eq!(ranges(&[1, 3, 4, 5]), "1, 3 to 5");
        assert_eq!(ranges(&[2]), "2");
    }

    #[test]
    fn stages_are_told_without_their_place() {
        assert_eq!(place("main/r2/gates.stable"), ("gates.stable".to_owned(), Some(2)));
        assert_eq!(place("main/seed/ledger/baseline"), ("baseline".to_owned(), None));
    }
}
