//! Reasons in words, with the place in the file that a changed setting has.

use std::fmt::Write as _;

use serde_json::json;
use sswe_cache::Value;
use sswe_compiler::{
    diagnostic::Span,
    plan::{Plan, Stage},
    show::Shown,
};
use sswe_engine::{Change, Reason, State, date};

use crate::live::{short_digest, words::one_line};

/// So many stages are named where more are meant.
const NAMED: usize = 3;

/// Returns the word for a state.
pub(crate) fn label(state: State) -> &'static str {
    match state {
        State::Cached => "cached",
        State::Run => "run",
        State::Maybe => "maybe",
        State::Undecided => "later",
        State::Skipped => "skipped",
    }
}

/// Puts reasons into words, for the stages of one plan.
pub(crate) struct Teller<'a> {
    plan: &'a Plan,
    shown: Vec<Shown>,
}

impl<'a> Teller<'a> {
    /// `shown` are the settings of the file with their places.
    pub(crate) fn new(plan: &'a Plan, shown: Vec<Shown>) -> Teller<'a> {
        Teller { plan, shown }
    }

    /// Says why in half a line.
    pub(crate) fn short(&self, stage: &str, reason: &Reason) -> String {
        match reason {
            Reason::Changed(changes) if changes.is_empty() => NOTHING_SHOWS.to_owned(),
            Reason::Changed(changes) => {
                let mut words: Vec<String> =
                    changes.iter().take(2).map(|change| self.change(stage, change)).collect();
                if changes.len() > 2 {
                    words.push(format!("{} more", changes.len() - 2));
                }
                words.join(", ")
            }
            Reason::Undecided(open) => {
                let prefix = format!("{}/", self.plan.curriculum);
                let short = |name: &'_ str| name.strip_prefix(&prefix).unwrap_or(name).to_owned();
                let names: Vec<String> = open.iter().map(|name| short(&name.0)).collect();
                format!("reads {}", named(names.iter().map(String::as_str)))
            }
            Reason::Cached => String::new(),
            Reason::NeverBuilt | Reason::Evicted { .. } | Reason::Stopped => reason.to_string(),
        }
    }

    /// Says why in as many lines as it takes.
    pub(crate) fn long(&self, stage: &str, reason: &Reason) -> Vec<String> {
        match reason {
            Reason::Changed(changes) if changes.is_empty() => vec![NOTHING_SHOWS.to_owned()],
            Reason::Changed(changes) => {
                let line = |change: &Change| {
                    let mut line = self.change(stage, change);
                    if let Some(span) = self.place(stage, change) {
                        let _ = write!(line, "  at {}:{}:{}", span.file, span.line, span.column);
                    } else if change.address.is_some() && change.to.is_some() {
                        line.push_str("  by default");
                    }
                    line
                };
                changes.iter().map(line).collect()
            }
            Reason::Undecided(open) => {
                vec![format!("it reads what is not there yet: {}", named(open.iter().map(|name| &*name.0)))]
            }
            Reason::Evicted { gone, why } => {
                let (why, next) = match why {
                    sswe_cache::Why::Age => {
                        ("it was not used for long", "keep more: `sswe cache gc --older-than` a longer time")
                    }
                    sswe_cache::Why::Size => {
                        ("the store was to be smaller", "keep more: `sswe cache gc --max-size` a larger size")
                    }
                    sswe_cache::Why::Damage => (
                        "something that it made was damaged or gone",
                        "look for more of that: `sswe cache verify`",
                    ),
                };
                vec![format!("it was built, and evicted on {}: {why}", date(*gone)), format!("help: {next}")]
            }
            Reason::NeverBuilt => vec!["never built".to_owned()],
            Reason::Stopped => vec!["the curriculum stops before it".to_owned()],
            Reason::Cached => Vec::new(),
        }
    }

    /// Returns changes as data.
    pub(crate) fn changes(&self, stage: &str, reason: &Reason) -> serde_json::Value {
        let Reason::Changed(changes) = reason else { return json!([]) };
        let change = |change: &Change| {
            json!({
                "part": change.part,
                "from": change.from.as_ref().map(text),
                "to": change.to.as_ref().map(text),
                "address": change.address,
                "upstream": change.upstream,
                "place": self.place(stage, change).map(|span| {
                    json!({ "file": span.file, "line": span.line, "column": span.column })
                }),
            })
        };
        changes.iter().map(change).collect()
    }

    fn stage(&self, name: &str) -> Option<&Stage> {
        self.plan.stages.iter().find(|stage| *stage.name.0 == *name).map(|stage| &**stage)
    }

    fn change(&self, stage: &str, change: &Change) -> String {
        let Change { part, from, to, address, upstream } = change;
        if upstream.is_some() {
            return one_line(&change.to_string());
        }
        let arrow = || match (from, to) {
            (Some(Value::Text(from)), Some(Value::Text(to))) => {
                format!(" {} -> {}", one_line(from), one_line(to))
            }
            (Some(_), Some(_)) => " changed".to_owned(),
            (None, _) => " is new".to_owned(),
            (_, None) => " is gone".to_owned(),
        };
        let (section, name) = part.split_once('.').unwrap_or((part, ""));
        match section {
            "setting" => format!("`{}`{}", address.as_deref().unwrap_or(name), arrow()),
            "source" => {
                let source = self.stage(stage).and_then(|of| of.sources.iter().find(|of| of.setting == name));
                match (source, from, to) {
                    (Some(source), Some(_), Some(_)) => format!("the content of `{}` changed", source.path),
                    (Some(source), ..) => format!("it now reads `{}`", source.path),
                    (None, ..) => format!("it no longer reads a file for `{name}`"),
                }
            }
            "tool" => format!("the tool `{name}`{}", arrow()),
            "env" => {
                let variable =
                    self.stage(stage).and_then(|of| of.env.iter().find(|(setting, _)| setting == name));
                format!("the environment variable `{}`{}", variable.map_or(name, |(_, name)| name), arrow())
            }
            "version" => format!("what sswe does here: version{}", arrow()),
            "schema" | "port" | "kind" => "sswe itself: this stage means something else since".to_owned(),
            "seed" => format!("the seed{}", arrow()),
            "round" => format!("the round{}", arrow()),
            "count" => format!("how many are wanted:{}", arrow()),
            "judge" => format!("what judges its draws changed: `{name}`"),
            "spec" => "its settings mean something else".to_owned(),
            _ => format!("`{part}`{}", arrow()),
        }
    }

    /// Returns where the value stands that a changed setting has now.
    fn place(&self, stage: &str, change: &Change) -> Option<&Span> {
        let address = change.address.as_deref()?;
        // Where a round has a value of its own, that is the one that counts.
        let of_round = self.stage(stage)?.round.and_then(|round| {
            let (curriculum, rest) = address.split_once('.')?;
            let path = format!("{curriculum}.r{round}.{rest}");
            self.shown.iter().find(|shown| shown.path == path)
        });
        let shown = of_round.or_else(|| self.shown.iter().find(|shown| shown.path == address))?;
        shown.origins.first()?.span.as_ref()
    }
}

/// When a key differs and no part of it does: the store was written by a version that noted less.
const NOTHING_SHOWS: &str = "its key differs, in no part that is noted";

fn text(value: &Value) -> String {
    match value {
        Value::Text(text) => text.clone(),
        Value::Digest(digest) => short_digest(&digest.to_string()).to_owned(),
    }
}

/// Names some stages: "`a`, `b` and 3 more".
fn named<'n>(names: impl Iterator<Item = &'n str>) -> String {
    let all: Vec<&str> = names.collect();
    let some: Vec<String> = all.iter().take(NAMED).map(|name| format!("`{name}`")).collect();
    match all.len().saturating_sub(NAMED) {
        0 => some.join(", "),
        more => format!("{} and {more} more", some.join(", ")),
    }
}
