//! Compares what was found with what a page says.

use std::{collections::BTreeMap, sync::Arc};

use sswe_compiler::{
    diagnostic::Diagnostic,
    plan::{Plan, Stage, StageName},
    show::Shown,
};

/// A finding that a comment asks for.
#[derive(Clone, Debug)]
pub(super) struct Expected {
    line: usize,
    severity: &'static str,
    pub(super) code: String,
    message: String,
}

/// Returns what the comments of a text ask for: `# error: [E0202] "part of the message"`.
///
/// A line that begins with `#^` speaks of the line above it.
pub(super) fn expected(text: &str) -> Vec<Expected> {
    let mut found = Vec::new();
    let mut above = 0;
    for (index, line) in text.lines().enumerate() {
        let is_below = line.trim_start().starts_with("#^");
        if !is_below {
            above = index + 1;
        }
        for severity in ["error", "warning", "note"] {
            let mark = format!("{severity}: [");
            let Some(comment) = line.find('#') else { continue };
            for (at, _) in line[comment..].match_indices(&mark) {
                let rest = &line[comment + at + mark.len()..];
                let Some((code, rest)) = rest.split_once(']') else { continue };
                let message = rest.trim_start().strip_prefix('"').and_then(|rest| rest.split_once('"'));
                let message = message.map_or(String::new(), |(message, _)| message.to_owned());
                found.push(Expected { line: above, severity, code: code.to_owned(), message });
            }
        }
    }
    found
}

/// Compares findings with the comments of the files; returns what differs.
pub(super) fn findings<'a>(
    sources: impl Iterator<Item = (&'a str, &'a str)>,
    found: &[Diagnostic],
) -> Vec<String> {
    let mut wanted: Vec<(&str, Expected)> = Vec::new();
    for (path, text) in sources {
        wanted.extend(expected(text).into_iter().map(|expected| (path, expected)));
    }
    let mut wrong = Vec::new();
    for found in found {
        let is_it = |(path, expected): &(&str, Expected)| {
            *path == found.span.file
                && expected.line == found.span.line
                && expected.code == found.code
                && expected.severity == found.severity.as_str()
                && found.message.contains(&expected.message)
        };
        match wanted.iter().position(is_it) {
            Some(index) => {
                wanted.remove(index);
            }
            None => wrong.push(format!(
                "found but not expected: {}:{}:{}: {}: [{}] \"{}\"",
                found.span.file,
                found.span.line,
                found.span.column,
                found.severity.as_str(),
                found.code,
                found.message
            )),
        }
    }
    wrong.extend(wanted.iter().map(|(path, expected)| {
        let Expected { line, severity, code, message } = expected;
        format!("expected but not found: {path}:{line}: {severity}: [{code}] \"{message}\"")
    }));
    wrong
}

/// Compares effective settings with lines such as `main.r3.select.top = 25%  # round 3 > file`.
pub(super) fn show(text: &str, shown: &[Shown]) -> Vec<String> {
    let mut wrong = Vec::new();
    for line in text.lines().filter(|line| !line.trim().is_empty()) {
        let (line, origins) = match line.split_once("  # ") {
            Some((line, origins)) => (line.trim(), Some(origins.trim())),
            None => (line.trim(), None),
        };
        let (path, value) = match line.split_once(" = ") {
            Some((path, value)) => (path.trim(), Some(value.trim())),
            None => (line.trim_end_matches(" is unset"), None),
        };
        let Some(found) = find(path, shown) else {
            wrong.push(format!("there is no setting `{path}`"));
            continue;
        };
        if found.value.as_deref() != value {
            wrong.push(format!("`{path}` is {:?}, not {value:?}", found.value));
        }
        let layers: Vec<&str> = found.origins.iter().map(|origin| origin.layer.as_str()).collect();
        if origins.is_some_and(|origins| origins != layers.join(" > ")) {
            wrong.push(format!("`{path}` comes from {}", layers.join(" > ")));
        }
    }
    wrong
}

/// A round that says nothing of a setting has the curriculum's.
fn find<'a>(path: &str, shown: &'a [Shown]) -> Option<&'a Shown> {
    let of = |path: &str| shown.iter().find(|shown| shown.path == path);
    let base = || {
        let mut parts: Vec<&str> = path.split('.').collect();
        let round = parts.get(1)?.strip_prefix('r')?;
        round.parse::<u32>().ok()?;
        parts.remove(1);
        of(&parts.join("."))
    };
    of(path).or_else(base)
}

/// Compares stages with lines: a name, `-name` for one that must be absent, `name <- inputs`.
///
/// The names stand in the order in which the stages can run.
pub(super) fn plan(text: &str, plans: &[Arc<Plan>]) -> Vec<String> {
    let stages = stages(plans);
    let order: Vec<&str> = plans.iter().flat_map(|plan| &plan.stages).map(|stage| &*stage.name.0).collect();
    let mut wrong = Vec::new();
    let mut reached = 0;
    for line in text.lines().map(str::trim).filter(|line| !line.is_empty()) {
        if let Some(name) = line.strip_prefix('-') {
            if stages.contains_key(name) {
                wrong.push(format!("the stage `{name}` should not be there"));
            }
            continue;
        }
        let (name, inputs) = line.split_once(" <- ").unwrap_or((line, ""));
        let Some(stage) = stages.get(name) else {
            wrong.push(format!("there is no stage `{name}`"));
            continue;
        };
        let at = order.iter().position(|other| *other == name).unwrap();
        if at < reached {
            wrong.push(format!("the stage `{name}` stands before an earlier line's"));
        }
        reached = reached.max(at);
        for input in inputs.split_whitespace() {
            if !stage.inputs.iter().any(|own| &*own.from.0 == input) {
                wrong.push(format!("`{name}` does not read `{input}`"));
            }
        }
    }
    wrong
}

type Differs = fn(&Stage, &Stage) -> bool;

/// What may differ in a stage of two plans; pools are policy and may always differ.
const PARTS: &[(&str, Differs)] = &[
    ("spec", |a, b| a.spec != b.spec),
    ("inputs", |a, b| a.inputs != b.inputs),
    ("seed", |a, b| a.seed != b.seed),
    ("shape", |a, b| a.shape != b.shape),
    ("sources", |a, b| a.sources != b.sources),
    ("env", |a, b| a.env != b.env),
];

/// Compares two plans with lines such as `spec: main/r3/gates.stable`; what is not named is equal.
///
/// `*` in a name stands for anything. `added` and `gone` name stages of only one plan. `renamed: a b`
/// says that the stages of `a` are compared with those of `b`.
pub(super) fn changes(text: &str, before: &[Arc<Plan>], after: &[Arc<Plan>]) -> Vec<String> {
    let renamed = text.lines().filter_map(|line| line.strip_prefix("renamed:")?.trim().split_once(' '));
    let before = renamed.fold(before.to_vec(), |plans, (old, new)| rename(&plans, old, new));
    let (before, after) = (stages(&before), stages(after));
    let mut found: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    for (name, old) in &before {
        let Some(new) = after.get(name) else {
            found.entry("gone").or_default().push(name);
            continue;
        };
        for (part, _) in PARTS.iter().filter(|(_, differs)| differs(old, new)) {
            found.entry(part).or_default().push(name);
        }
    }
    found.entry("added").or_default().extend(after.keys().filter(|name| !before.contains_key(**name)));
    let mut wanted: BTreeMap<&str, Vec<&str>> = BTreeMap::new();
    let lines = text.lines().map(str::trim).filter(|line| !line.starts_with("renamed:"));
    for line in lines.filter(|line| !line.is_empty() && *line != "nothing") {
        let (part, names) = line.split_once(':').unwrap_or((line, ""));
        wanted.entry(part).or_default().extend(names.split_whitespace());
    }
    let mut wrong = Vec::new();
    for part in PARTS.iter().map(|(part, _)| *part).chain(["added", "gone"]) {
        let (found, wanted) =
            (found.remove(part).unwrap_or_default(), wanted.remove(part).unwrap_or_default());
        let unasked = found.iter().filter(|name| !wanted.iter().any(|pattern| fits(pattern, name)));
        wrong.extend(unasked.map(|name| format!("{part}: `{name}` changed")));
        let missed = wanted.iter().filter(|pattern| !found.iter().any(|name| fits(pattern, name)));
        wrong.extend(missed.map(|name| format!("{part}: `{name}` did not change")));
    }
    wrong.extend(wanted.keys().map(|part| format!("a stage has no part `{part}`")));
    wrong
}

/// Returns the plans with `old` replaced in every name of a stage.
fn rename(plans: &[Arc<Plan>], old: &str, new: &str) -> Vec<Arc<Plan>> {
    let name = |name: &StageName| {
        let parts: Vec<String> = name.0.split('/').map(|part| rename_part(part, old, new)).collect();
        StageName(parts.join("/").into())
    };
    let stage = |stage: &Arc<Stage>| {
        let mut stage = Stage::clone(stage);
        stage.name = name(&stage.name);
        for input in &mut stage.inputs {
            input.from = name(&input.from);
        }
        Arc::new(stage)
    };
    let plan = |plan: &Arc<Plan>| {
        let stages = plan.stages.iter().map(stage).collect();
        Arc::new(Plan { curriculum: plan.curriculum.clone(), rounds: plan.rounds, stages })
    };
    plans.iter().map(plan).collect()
}

fn rename_part(part: &str, old: &str, new: &str) -> String {
    let words: Vec<&str> = part.split('.').map(|word| if word == old { new } else { word }).collect();
    words.join(".")
}

fn stages(plans: &[Arc<Plan>]) -> BTreeMap<&str, &Stage> {
    plans.iter().flat_map(|plan| &plan.stages).map(|stage| (&*stage.name.0, &**stage)).collect()
}

/// Returns whether a name fits a pattern in which `*` stands for anything.
fn fits(pattern: &str, name: &str) -> bool {
    match pattern.split_once('*') {
        None => pattern == name,
        Some((head, rest)) => name.strip_prefix(head).is_some_and(|name| {
            (0..=name.len()).any(|at| name.is_char_boundary(at) && fits(rest, &name[at..]))
        }),
    }
}
