//! Curricula of one file side by side: those that differ in their seed only are one row.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::json;
use sswe_cache::{Run, Store};
use sswe_compiler::plan::StageKind;
use sswe_engine::outputs_of;
use sswe_pipelines::{
    artifact::{Evaluation, Selection},
    statistics::{self, Estimate, Pair},
    summary::Reader,
};

use super::record::Record;
use super::story::{evaluations, told};
use crate::{Failure, store, summary::aligned};

/// What the rows came to on one bench or exam.
pub(crate) struct Table {
    pub(crate) on: String,
    pub(crate) is_bench: bool,
    pub(crate) rows: Vec<Row>,
}

/// Curricula that differ in their seed only.
pub(crate) struct Row {
    pub(crate) name: String,
    pub(crate) runs: Vec<i64>,
    pub(crate) tasks: usize,
    /// The last round that all of them measured.
    pub(crate) round: u32,
    /// What the weights were worth before the first round, and what was gained since; none where that was
    /// not measured.
    pub(crate) base: Option<Estimate>,
    pub(crate) last: Estimate,
    pub(crate) gain: Option<Estimate>,
    pub(crate) any: (Option<Estimate>, Estimate),
    pub(crate) any_gain: Option<Estimate>,
    /// The difference of the last rounds, paired by seed and task; none in the first row.
    pub(crate) to_first: Option<Estimate>,
    /// Tasks trained on and updates of the Solver, each for one seed on average.
    pub(crate) trained: f64,
    pub(crate) updates: f64,
}

/// One complete run, as far as a comparison needs it.
struct Cell {
    run: i64,
    record: Record,
    measured: BTreeMap<String, BTreeMap<u32, Vec<Evaluation>>>,
    trained: usize,
    updates: usize,
}

/// Returns the complete runs that one text led to, in their order: of equal plans the last.
pub(crate) fn siblings(store: &Store, text: &str) -> Result<Vec<(Run, Record)>, Failure> {
    let runs = store.runs(usize::MAX).map_err(|error| store::failure(&error))?;
    let mut seen = BTreeSet::new();
    let mut found = Vec::new();
    for run in runs.into_iter().filter(|run| run.result.is_some()) {
        let Some(record) = Record::of(store, &run).filter(|record| record.text == text) else { continue };
        if seen.insert(record.whole.clone()) {
            found.push((run, record));
        }
    }
    found.reverse();
    Ok(found)
}

/// Compares runs; there is nothing to compare where one plan is all there is.
pub(crate) fn compare(store: &Store, runs: Vec<(Run, Record)>) -> Result<Vec<Table>, Failure> {
    let mut cells = Vec::new();
    for (run, record) in runs {
        cells.push(cell(store, run, record)?);
    }
    let mut order: Vec<&str> = Vec::new();
    let mut groups: BTreeMap<&str, Vec<&Cell>> = BTreeMap::new();
    for cell in &cells {
        if !order.contains(&cell.record.seedless.as_str()) {
            order.push(&cell.record.seedless);
        }
        groups.entry(&cell.record.seedless).or_default().push(cell);
    }
    let records: Vec<&Record> = order.iter().map(|of| &groups[of][0].record).collect();
    let names = names(&records, &order.iter().map(|of| &groups[of][..]).collect::<Vec<_>>());
    let blocks: BTreeSet<(bool, &str)> = cells
        .iter()
        .flat_map(|cell| cell.measured.keys().map(|on| (!cell.record.is_bench(on), on.as_str())))
        .collect();
    let tables = blocks.into_iter().map(|(is_exam, on)| {
        let first = &groups[order[0]];
        let rows = order.iter().zip(&names).filter_map(|(of, name)| row(name, on, &groups[of], first));
        Table { on: on.to_owned(), is_bench: !is_exam, rows: rows.collect() }
    });
    Ok(tables.filter(|table| !table.rows.is_empty()).collect())
}

fn cell(store: &Store, run: Run, record: Record) -> Result<Cell, Failure> {
    let gave = told(store, &run, &record)?.gave;
    let outputs = outputs_of(store, &gave).map_err(|error| Failure::file(error.to_string()))?;
    let reader = Reader::new(store, &outputs);
    let unreadable = |why: String| {
        Failure::file(format!("run {} cannot be read from the store: {why}", run.id.0))
            .hint("`sswe build` makes what is missing")
    };
    let measured = evaluations(&record, reader).map_err(unreadable)?;
    let (mut trained, mut updates) = (0, 0);
    for (name, kind, _) in gave.iter().map(|(name, kind, digest)| (name, *kind, digest)) {
        match kind {
            StageKind::Select => {
                let selections: Vec<Selection> = reader.read_all(name, "selection").map_err(unreadable)?;
                trained += selections.iter().map(|of| of.tasks.len()).sum::<usize>();
            }
            StageKind::Train if name.0.ends_with("/train.solver") => updates += 1,
            _ => (),
        }
    }
    Ok(Cell { run: run.id.0, record, measured, trained, updates })
}

fn row(name: &str, on: &str, cells: &[&Cell], first: &[&Cell]) -> Option<Row> {
    let measured: Vec<&BTreeMap<u32, Vec<Evaluation>>> =
        cells.iter().filter_map(|cell| cell.measured.get(on)).collect();
    let ended: Vec<_> = measured.iter().filter_map(|rounds| Some((rounds, end(rounds)?))).collect();
    let last: Vec<&[Evaluation]> = ended.iter().map(|(_, (_, last))| *last).collect();
    let base: Vec<&[Evaluation]> =
        ended.iter().filter_map(|(rounds, _)| Some(rounds.get(&0)?.as_slice())).collect();
    let pairs: Vec<Pair<'_>> = match base.len() == last.len() {
        true => base.iter().copied().zip(last.iter().copied()).collect(),
        false => Vec::new(),
    };
    let is_first = first.first().zip(cells.first()).is_some_and(|(first, own)| first.run == own.run);
    let to_first: Vec<Pair<'_>> = first
        .iter()
        .zip(cells)
        .filter(|_| !is_first)
        .filter_map(|(first, own)| Some((end(first.measured.get(on)?)?.1, end(own.measured.get(on)?)?.1)))
        .collect();
    let count = cells.len().max(1) as f64;
    Some(Row {
        name: name.to_owned(),
        runs: cells.iter().map(|cell| cell.run).collect(),
        tasks: last.first()?.len(),
        round: ended.iter().map(|(_, (round, _))| *round).max()?,
        base: statistics::resolved_over(&base).filter(|_| !pairs.is_empty()),
        last: statistics::resolved_over(&last)?,
        gain: statistics::gain_over(&pairs),
        any: (
            statistics::resolved_by_any_over(&base).filter(|_| !pairs.is_empty()),
            statistics::resolved_by_any_over(&last)?,
        ),
        any_gain: statistics::gain_by_any_over(&pairs),
        to_first: statistics::gain_over(&to_first),
        trained: cells.iter().map(|cell| cell.trained as f64).sum::<f64>() / count,
        updates: cells.iter().map(|cell| cell.updates as f64).sum::<f64>() / count,
    })
}

/// Returns the last round that was measured, after the base: a curriculum that stopped early is where it ended.
fn end(rounds: &BTreeMap<u32, Vec<Evaluation>>) -> Option<(u32, &[Evaluation])> {
    let (round, last) = rounds.last_key_value()?;
    (*round > 0).then_some((*round, last.as_slice()))
}

/// Names rows: the first by the settings in which any of them differ, the others by those in which they
/// differ from the first. Where there is nothing to tell, by curriculum.
fn names(records: &[&Record], groups: &[&[&Cell]]) -> Vec<String> {
    let own = |record: &Record| -> BTreeMap<String, String> {
        let prefix = format!("{}.", record.curriculum);
        let short = |path: &str| path.strip_prefix(&prefix).unwrap_or(path).to_owned();
        record.settings.iter().map(|(path, value)| (short(path), value.clone())).collect()
    };
    let all: Vec<BTreeMap<String, String>> = records.iter().map(|record| own(record)).collect();
    let paths: BTreeSet<&String> =
        all.iter().flat_map(BTreeMap::keys).filter(|path| *path != "seed").collect();
    let differs = |path: &&String| all.iter().any(|of| of.get(*path) != all[0].get(*path));
    let paths: Vec<&String> = paths.into_iter().filter(differs).collect();
    let named = |at: usize| {
        let mut labels: Vec<&str> = groups[at].iter().map(|cell| cell.record.curriculum.as_str()).collect();
        labels.dedup();
        let label = labels.join(", ");
        let value = |of: usize, path: &String| all[of].get(path).map_or("unset", String::as_str);
        let values = paths
            .iter()
            .filter(|path| at == 0 || value(at, path) != value(0, path))
            .map(|path| format!("{path} = {}", value(at, path)));
        let values: Vec<String> = values.collect();
        let is_same = records.iter().all(|record| record.curriculum == records[0].curriculum);
        match (values.is_empty(), is_same) {
            (true, _) => label,
            (false, true) => values.join(", "),
            (false, false) => format!("{label}: {}", values.join(", ")),
        }
    };
    (0..records.len()).map(named).collect()
}

/// Draws the tables as text.
pub(crate) fn text(tables: &[Table]) -> String {
    let mut out = String::new();
    for table in tables {
        let what = if table.is_bench { "bench" } else { "exam" };
        let mut rows = vec![
            [
                &*format!("{what} {}", table.on),
                "seeds",
                "base",
                "last round",
                "difference",
                "any of k",
                "difference",
                "against the first row",
                "trained",
                "updates",
            ]
            .map(str::to_owned)
            .to_vec(),
        ];
        for row in &table.rows {
            rows.push(vec![
                crate::live::words::one_line(&row.name),
                row.runs.len().to_string(),
                row.base.map_or_else(String::new, share),
                format!("{} r{}", share(row.last), row.round),
                row.gain.map_or_else(String::new, points),
                share(row.any.1),
                row.any_gain.map_or_else(String::new, points),
                row.to_first.map_or_else(String::new, points),
                mean(row.trained),
                mean(row.updates),
            ]);
        }
        out.push_str(&aligned(&rows));
    }
    if !tables.is_empty() {
        let tasks: Vec<usize> =
            tables.iter().flat_map(|table| table.rows.iter().map(|row| row.tasks)).collect();
        let (few, many) = (tasks.iter().min().unwrap_or(&0), tasks.iter().max().unwrap_or(&0));
        let tasks = if few == many { few.to_string() } else { format!("{few} to {many}") };
        out.push_str(&format!(
            "percent of attempts that resolved one of {tasks} tasks, 95 % intervals clustered by repository, task and seed; \
             differences are paired, in points\n"
        ));
    }
    out
}

/// Draws the tables as one JSON object a line.
pub(crate) fn lines(tables: &[Table]) -> String {
    let of = |Estimate { value, low, high }: Estimate| json!({ "value": value, "low": low, "high": high });
    let mut out = String::new();
    for table in tables {
        for row in &table.rows {
            let line = json!({
                "on": table.on, "bench": table.is_bench, "cell": row.name, "runs": row.runs,
                "seeds": row.runs.len(), "tasks": row.tasks, "round": row.round,
                "base": row.base.map(of), "last": of(row.last), "gain": row.gain.map(of),
                "any_base": row.any.0.map(of), "any_last": of(row.any.1), "any_gain": row.any_gain.map(of),
                "to_first": row.to_first.map(of),
                "trained": row.trained, "updates": row.updates,
            });
            out.push_str(&format!("{line}\n"));
        }
    }
    out
}

fn share(Estimate { value, low, high }: Estimate) -> String {
    format!("{:.1} ({:.1} to {:.1})", 100.0 * value, 100.0 * low, 100.0 * high)
}

fn points(Estimate { value, low, high }: Estimate) -> String {
    format!("{:+.1} ({:+.1} to {:+.1})", 100.0 * value, 100.0 * low, 100.0 * high)
}

/// Shows a mean over seeds: a whole number where it is one.
pub(crate) fn mean(value: f64) -> String {
    if value.fract() == 0.0 { format!("{value:.0}") } else { format!("{value:.1}") }
}
