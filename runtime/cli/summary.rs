//! The table at the end of a build: what each round came to.

use std::collections::{BTreeMap, BTreeSet};

use sswe_pipelines::{
    overlap::{Overlap, Role},
    summary::{Gate, Interval, LeftOut, Round, Summary},
};

use crate::{
    live::words::{chance, one_line},
    report, style,
};

/// Draws what each round came to; nothing when no round did anything yet.
pub(crate) fn table(summary: &Summary) -> String {
    let mut out = String::new();
    for LeftOut { repo, tests, by_status, unloadable } in &summary.left_out {
        let what: Vec<String> = by_status.iter().map(|(what, count)| format!("{count} {what}")).collect();
        if !what.is_empty() {
            out.push_str(&format!("{repo}: of {tests} tests, {} are left out\n", what.join(", ")));
        }
        for (module, reason) in unloadable {
            out.push_str(&format!("{repo}: `{module}` cannot be loaded: {reason}\n"));
        }
    }
    let rounds: Vec<&Round> = summary.rounds.iter().filter(|round| is_filled(round)).collect();
    if rounds.is_empty() {
        return out;
    }
    let gates = columns(&rounds, |round| round.gates.iter().map(|gate| gate.name.clone()).collect());
    let exams = columns(&rounds, |round| round.evaluations.iter().map(|one| one.on.clone()).collect());
    let mut head: Vec<String> = vec!["round".into(), "drawn".into()];
    head.extend(gates.iter().cloned());
    head.extend(["cards".into(), "scored".into(), "trained".into()]);
    head.extend(exams.iter().map(|exam| format!("{exam} resolved")));
    let mut rows = vec![head];
    for round in &rounds {
        let mut row = vec![if round.round == 0 { "base".to_owned() } else { round.round.to_string() }];
        row.push(round.candidates.map_or_else(String::new, |drawn| drawn.to_string()));
        row.extend(
            gates.iter().map(|name| gate(round, name).map_or_else(String::new, |g| g.accepted.to_string())),
        );
        row.push(
            round.cards.map_or_else(String::new, |(all, born, retired)| format!("{all} +{born} -{retired}")),
        );
        row.push(
            round.scored.map_or_else(String::new, |(all, ok, _)| format!("{all} ({ok} with a gradient)")),
        );
        row.push(round.trained.map_or_else(String::new, |(all, earlier)| match earlier {
            0 => all.to_string(),
            _ => format!("{all} ({earlier} again)"),
        }));
        row.extend(exams.iter().map(|exam| measured(round, exam)));
        rows.push(row);
    }
    out.push_str(&aligned(&rows));
    for round in &rounds {
        let rejects: Vec<String> = round.gates.iter().filter_map(rejected).collect();
        if !rejects.is_empty() {
            out.push_str(&format!("round {} rejected: {}\n", round.round, rejects.join("; ")));
        }
    }
    for round in rounds.iter().rev().take(1).filter(|round| round.round > 0) {
        for one in &round.evaluations {
            let Some(gain) = one.gain else { continue };
            let p = one.p.map_or_else(String::new, |p| {
                format!("; any of k: {}, McNemar p {}", percent(one.any), chance(p))
            });
            out.push_str(&format!(
                "{} over {} tasks, round {} against the base: {} points{p}\n",
                one.on,
                one.tasks,
                round.round,
                points(gain)
            ));
        }
    }
    out
}

/// Says what is shared by what is trained on and what measures: one line where nothing is.
pub(crate) fn contamination(roles: &BTreeMap<Role, BTreeSet<String>>, overlaps: &[Overlap]) -> String {
    if overlaps.is_empty() {
        let apart = roles.iter().filter(|(role, _)| **role != Role::Trained);
        let apart: Vec<String> = apart.map(|(role, repos)| format!("{role} ({})", repos.len())).collect();
        let trained = roles.get(&Role::Trained).map_or(0, BTreeSet::len);
        return match apart.is_empty() || trained == 0 {
            true => String::new(),
            false => format!(
                "contamination: none; what is trained on ({trained}) shares no file and no function with {}\n",
                apart.join(", ")
            ),
        };
    }
    let said = overlaps.iter().map(|overlap| one_line(&report::parts::said(overlap)));
    said.map(|said| format!("{}: {said}\n", style::yellow("contamination"))).collect()
}

fn is_filled(round: &Round) -> bool {
    round.candidates.is_some() || round.cards.is_some() || !round.evaluations.is_empty()
}

/// Collects names in the order in which they first occur.
fn columns(rounds: &[&Round], of: impl Fn(&Round) -> Vec<String>) -> Vec<String> {
    let mut found: Vec<String> = Vec::new();
    for name in rounds.iter().flat_map(|round| of(round)) {
        if !found.contains(&name) {
            found.push(name);
        }
    }
    found
}

fn gate<'a>(round: &'a Round, name: &str) -> Option<&'a Gate> {
    round.gates.iter().find(|gate| gate.name == name)
}

fn measured(round: &Round, exam: &str) -> String {
    let found = round.evaluations.iter().find(|one| one.on == exam);
    found.map_or_else(String::new, |one| percent(one.resolved))
}

fn rejected(gate: &Gate) -> Option<String> {
    let mut reasons: BTreeMap<std::cmp::Reverse<usize>, Vec<&str>> = BTreeMap::new();
    for (reason, count) in &gate.reasons {
        reasons.entry(std::cmp::Reverse(*count)).or_default().push(reason);
    }
    let words: Vec<String> = reasons
        .iter()
        .flat_map(|(count, reasons)| reasons.iter().map(move |reason| format!("{} {reason}", count.0)))
        .collect();
    (!words.is_empty()).then(|| format!("{} {}", gate.name, words.join(", ")))
}

fn percent(Interval { value, low, high }: Interval) -> String {
    format!("{:.1} % ({:.1} to {:.1})", 100.0 * value, 100.0 * low, 100.0 * high)
}

fn points(Interval { value, low, high }: Interval) -> String {
    format!("{:+.1} ({:+.1} to {:+.1})", 100.0 * value, 100.0 * low, 100.0 * high)
}

/// Lays rows out in columns, the first of them as a heading.
pub(crate) fn aligned(rows: &[Vec<String>]) -> String {
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..rows[0].len()).map(width).collect();
    let mut out = String::new();
    for (at, row) in rows.iter().enumerate() {
        let cells: Vec<String> =
            row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        let line = cells.join("  ");
        let line = line.trim_end();
        out.push_str(&if at == 0 { style::bold(line) } else { line.to_owned() });
        out.push('\n');
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use sswe_pipelines::summary::Measured;

    fn interval(value: f64) -> Interval {
        Interval { value, low: value - 0.05, high: value + 0.05 }
    }

    #[test]
    fn a_table_has_a_row_for_each_round() {
        let measured = |value: f64, gain: Option<f64>| Measured {
            on: "fresh".to_owned(),
            tasks: 60,
            resolved: interval(value),
            any: interval(value + 0.2),
            gain: gain.map(interval),
            p: gain.map(|_| 0.04),
        };
        let base = Round { evaluations: vec![measured(0.3, None)], ..Round::default() };
        let reasons = BTreeMap::from([("no test notices the bug".to_owned(), 3)]);
        let first = Round {
            round: 1,
            candidates: Some(20),
            gates: vec![Gate { name: "separates".to_owned(), seen: 20, accepted: 17, reasons }],
            cards: Some((9, 9, 0)),
            scored: Some((17, 12, 0.1)),
            trained: Some((17, 2)),
            evaluations: vec![measured(0.35, Some(0.05))],
        };
        let text = table(&Summary { rounds: vec![base, first], left_out: Vec::new() });
        assert_eq!(
            text,
            "round  drawn  separates  cards    scored                   trained       fresh resolved\n\
             base                                                                     30.0 % (25.0 to 35.0)\n\
             1      20     17         9 +9 -0  17 (12 with a gradient)  17 (2 again)  35.0 % (30.0 to 40.0)\n\
             round 1 rejected: separates 3 no test notices the bug\n\
             fresh over 60 tasks, round 1 against the base: +5.0 (+0.0 to +10.0) points; any of k: 55.0 % (50.0 to 60.0), \
             McNemar p = 0.04\n"
        );
    }

    #[test]
    fn nothing_is_drawn_of_nothing() {
        assert_eq!(table(&Summary::default()), "");
    }
}
