//! What a Solver sees of a failure, and the edits that may mend it.

use std::collections::{BTreeMap, BTreeSet};

use super::choices::{Choices, Hat};
use super::edit::Edit;
use super::enumerate;
use super::features::{self, Near};
use super::hash;
use super::source::{Parsed, Source};
use crate::artifact::Observed;

/// How many lines are looked at.
const LINES: usize = 160;
/// How many edits are offered: whole lines are taken, the most suspicious first, up to here.
const EDITS: usize = 640;

/// A buggy repository and what it shows, with its lines ranked by how suspicious they are.
#[derive(Clone, Debug)]
pub struct Scene {
    source: Source,
    suspects: Vec<Suspect>,
    exceptions: Vec<u64>,
}

/// A line that may be wrong.
#[derive(Clone, Debug, PartialEq)]
pub struct Suspect {
    /// The file.
    pub path: String,
    /// The line, from 1.
    pub line: u32,
    /// How suspicious it is: larger is more.
    pub suspicion: f64,
    /// How well failing tests are told by entering the function (Ochiai), from 0 to 1.
    pub function: f64,
    /// The share of the failing tests that executed it, from 0 to 1.
    pub share: f64,
    /// How well failing tests are told by executing the line (Ochiai), from 0 to 1.
    pub spectrum: f64,
    /// How far it is from the nearest innermost frame of a failure in its function, in lines.
    pub distance: Option<u32>,
    /// Whether it is on the way of a failure: the line of a frame.
    pub is_frame: bool,
}

impl Scene {
    /// Ranks the lines of the buggy code; it looks at nothing but the code and the record.
    pub fn new(source: &Source, observed: &Observed) -> Scene {
        let mut failures: Vec<(u32, &str)> =
            observed.failures.iter().map(|failure| (failure.tests, failure.exception.as_str())).collect();
        failures.sort_by(|a, b| b.0.cmp(&a.0).then(a.1.cmp(b.1)));
        failures.dedup_by_key(|(_, exception)| *exception);
        let exceptions = failures.iter().take(2).map(|(_, exception)| hash::text(exception)).collect();
        Scene { source: source.clone(), suspects: suspects(source, observed), exceptions }
    }

    /// Returns the suspicious lines, the most suspicious first.
    pub fn suspects(&self) -> &[Suspect] {
        &self.suspects
    }

    /// Returns the buggy code.
    pub fn source(&self) -> &Source {
        &self.source
    }
}

/// Returns the edits that a Solver chooses from, with their features.
pub fn repairs(scene: &Scene) -> Choices {
    let mut by_path: BTreeMap<&str, Vec<(u32, usize)>> = BTreeMap::new();
    for (rank, suspect) in scene.suspects.iter().enumerate() {
        by_path.entry(&suspect.path).or_default().push((suspect.line - 1, rank));
    }
    let mut ranked: Vec<(usize, Edit)> = Vec::new();
    for (path, suspects) in by_path {
        let Some(file) = scene.source.file(path) else { continue };
        // By row: every node of the file asks.
        let last = suspects.iter().map(|(row, _)| *row).max().unwrap_or(0);
        let mut ranks = vec![usize::MAX; last as usize + 1];
        suspects.iter().for_each(|(row, rank)| ranks[*row as usize] = *rank);
        let rank = |row: u32| ranks.get(row as usize).copied().unwrap_or(usize::MAX);
        let edits = enumerate::edits(file, &|row| rank(row) != usize::MAX);
        ranked.extend(edits.into_iter().map(|edit| (rank(edit.line - 1), edit)));
    }
    // Stable: within a line the order of the text stays.
    ranked.sort_by_key(|(rank, _)| *rank);
    if let Some((last, _)) = ranked.get(EDITS) {
        let last = *last;
        let first_kept = ranked.first().map(|(rank, _)| *rank);
        if first_kept == Some(last) {
            ranked.truncate(EDITS);
        } else {
            ranked.retain(|(rank, _)| *rank < last);
        }
    }
    let mut choices = Choices::new(Hat::Solver);
    let mut features = features::Extractor::new(&scene.source);
    let most = scene.suspects.iter().map(|suspect| suspect.spectrum).fold(0.0, f64::max);
    for (rank, edit) in ranked {
        let Some(suspect) = scene.suspects.get(rank) else { continue };
        let near = Near { suspect, rank, most, exceptions: &scene.exceptions };
        features.repair(&edit, &near, &mut choices);
        choices.push(edit, 0.0);
    }
    choices
}

/// Returns the name of a function as the parser writes it: without what Python adds for functions
/// inside of functions.
pub(crate) fn plain_name(name: &str) -> String {
    name.split('.').filter(|part| !part.starts_with('<')).collect::<Vec<_>>().join(".")
}

/// What is known of a function.
#[derive(Clone, Copy, Default)]
struct Known {
    ochiai: f64,
    innermost: Option<u32>,
    is_on_way: bool,
}

fn suspects(source: &Source, observed: &Observed) -> Vec<Suspect> {
    let failing = f64::from(observed.failing.max(1));
    let mut known: BTreeMap<&str, BTreeMap<String, Known>> = BTreeMap::new();
    for covered in observed.covered.iter().filter(|covered| covered.failing > 0) {
        let (hits, passes) = (f64::from(covered.failing), f64::from(covered.passing));
        let ochiai = (hits / libm::sqrt(failing * (hits + passes)).max(1.0)).min(1.0);
        let functions = known.entry(&covered.path).or_default();
        let entry = functions.entry(plain_name(&covered.function)).or_default();
        entry.ochiai = entry.ochiai.max(ochiai);
    }
    let mut frames: BTreeSet<(&str, u32)> = BTreeSet::new();
    for failure in &observed.failures {
        for (depth, frame) in failure.frames.iter().rev().enumerate() {
            frames.insert((&frame.path, frame.line));
            let functions = known.entry(&frame.path).or_default();
            let entry = functions.entry(plain_name(&frame.function)).or_default();
            entry.is_on_way = true;
            if depth == 0 {
                entry.innermost.get_or_insert(frame.line);
            }
        }
    }

    let mut found: Vec<Found<'_>> = Vec::new();
    for path in source.paths() {
        let Some(file) = source.file(path) else { continue };
        let functions = known.get(path);
        let lines = observed.lines.get(path);
        for (row, (share, spectrum)) in shares(file, lines, failing, functions, known.is_empty()) {
            let Some(function) = file.function_of_row(row) else { continue };
            let about =
                functions.and_then(|functions| functions.get(&*function.name)).copied().unwrap_or_default();
            let is_frame = frames.contains(&(path, row + 1));
            let distance = about.innermost.map(|line| line.abs_diff(row + 1));
            let nearness = distance.map_or(0.0, |distance| 0.5 / f64::from(1 + distance));
            let suspicion = about.ochiai
                + 0.2 * share
                + 0.6 * spectrum
                + nearness
                + if is_frame { 0.3 } else { 0.0 }
                + if about.is_on_way { 0.1 } else { 0.0 };
            found.push(Found {
                suspicion,
                path,
                line: row + 1,
                function: about.ochiai,
                share,
                spectrum,
                distance,
                is_frame,
            });
        }
    }
    found.sort_by(|a, b| {
        b.suspicion.total_cmp(&a.suspicion).then(a.path.cmp(b.path)).then(a.line.cmp(&b.line))
    });
    found.truncate(LINES);
    found.iter().map(Found::suspect).collect()
}

/// Returns which rows of a file may be wrong, each with the share of the failing tests that
/// executed it, and how well these are told by it.
fn shares(
    file: &Parsed,
    lines: Option<&Vec<(u32, u32, u32)>>,
    failing: f64,
    functions: Option<&BTreeMap<String, Known>>,
    is_nothing_known: bool,
) -> BTreeMap<u32, (f64, f64)> {
    let mut shares: BTreeMap<u32, (f64, f64)> = BTreeMap::new();
    for (line, tests, others) in lines.into_iter().flatten() {
        let hits = f64::from(*tests);
        let share = (hits / failing).min(1.0);
        let spectrum = hits / libm::sqrt(failing.max(hits) * (hits + f64::from(*others))).max(1.0);
        let (first, last) = file.logical_of(line.saturating_sub(1));
        // A long literal is one logical line: only what is near counts.
        for row in first..=last.min(first + 40) {
            let entry = shares.entry(row).or_insert((0.0, 0.0));
            *entry = (entry.0.max(share), entry.1.max(spectrum));
        }
    }
    for function in &file.functions {
        let is_known = functions.is_some_and(|functions| functions.contains_key(&*function.name));
        if !is_known && !is_nothing_known {
            continue;
        }
        // The head holds the defaults, which ran before any test; without a record of lines the
        // whole function is suspicious.
        let has_lines = lines.is_some();
        let last = if has_lines { function.body_row.max(function.row + 1) - 1 } else { function.last_row };
        for row in function.row..=last {
            shares.entry(row).or_insert(if has_lines { (0.25, 0.0) } else { (0.5, 0.25) });
        }
    }
    shares
}

/// A suspect whose path is borrowed: most are not kept.
struct Found<'a> {
    suspicion: f64,
    path: &'a str,
    line: u32,
    function: f64,
    share: f64,
    spectrum: f64,
    distance: Option<u32>,
    is_frame: bool,
}

impl Found<'_> {
    fn suspect(&self) -> Suspect {
        let Found { suspicion, path, line, function, share, spectrum, distance, is_frame } = *self;
        Suspect { path: path.to_owned(), line, suspicion, function, share, spectrum, distance, is_frame }
    }
}
