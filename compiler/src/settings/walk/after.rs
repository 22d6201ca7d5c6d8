//! What comes after the files: profiles, sweep cells and `--set`, and checks that need them all.

use std::collections::BTreeMap;

use super::{Here, Required, Walk, paths::Start};
use crate::{
    diagnostic::{Code, FileId, Place, Problem},
    names::path_word,
    project::parsed,
    schema::{self, Kind},
    settings::{Assignment, Axis, Gate, GateDef, Layer, Rounds, Sweep, Target},
    suggest::{listed, nearest},
    syntax::{Item, ItemKind, Label, Path, Value as Written, ValueKind, path_range, path_text},
    typing,
    value::{Type, Value},
};

/// A sweep may have this many cells; each is a whole curriculum.
const MAX_CELLS: usize = 10_000;

/// What active profiles have set so far: the profile, the place and the value of each target.
type Said = BTreeMap<String, (String, Place, Option<Value>)>;

/// What a setting of a sweep takes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Lists {
    /// A list, each value of which meets each of the others.
    Crossed,
    /// A list, side by side with the others.
    Zipped,
    /// A list or one value.
    Optional,
}

impl Walk<'_> {
    /// Adds the gates that a curriculum has when it names none, and asks for its score's settings.
    pub(super) fn add_left_out(&mut self, here: &Here, item: &Item, head: Place) {
        if !self.out.blocks.contains_key(&format!("{}.gates", here.address)) {
            let builtin = schema::GATES.iter().map(|gate| Gate {
                name: gate.block.word.to_owned(),
                def: GateDef::Builtin(gate.block.word),
                place: head,
                rounds: Rounds::All,
            });
            for gate in builtin {
                self.add_gate(here.entity, gate);
            }
        }
        let score = format!("{}.score", here.address);
        if !self.out.blocks.contains_key(&score)
            && let Some(block) = schema::CURRICULUM.block("score")
        {
            let whole = here.place((item.from, item.to));
            self.required.push(Required { block, address: score, head, whole });
        }
    }

    pub(super) fn overrides(&mut self) {
        let root = FileId(0);
        let active = self.project.profiles(self.db);
        let mut said = Said::new();
        let mut known = Vec::new();
        for item in self.items(root) {
            let Some((word, label, items)) = labelled(item) else { continue };
            match word {
                "profile" => {
                    known.push(label.to_owned());
                    let is_active = active.iter().any(|name| name == label);
                    self.profile(root, label, items, is_active, &mut said);
                }
                "sweep" => self.sweep(root, label, items),
                _ => {}
            }
        }
        for name in active.iter().filter(|name| !known.contains(name)) {
            let message = format!("there is no profile called `{name}`");
            let mut problem = Problem::new(Code::E0202, Place::default(), message).label("in this file");
            problem = match (nearest(name, known.iter().map(String::as_str)), known.as_slice()) {
                (Some(meant), _) => problem.help(format!("did you mean `--profile {meant}`?")),
                (None, []) => problem.help("this file has no profile"),
                (None, known) => problem.help(format!("this file has {}", listed(known, "and"))),
            };
            self.problem(problem);
        }
        self.cell();
        self.flags();
    }

    fn profile(&mut self, file: FileId, label: &str, items: &[Item], is_active: bool, said: &mut Said) {
        let layer = Layer::Profile(label.to_owned());
        let mut seen = BTreeMap::new();
        for item in items {
            if self.is_full() {
                return;
            }
            let ItemKind::Setting { path, value } = &item.kind else {
                self.only_paths(file, item, "a profile");
                continue;
            };
            let (from, to) = path_range(path);
            let place = Place { file, from, to };
            let path_name = path_text(path);
            if !self.first_time(&mut seen, &path_name, place) {
                continue;
            }
            let Some((start, assignment)) = self.override_value(file, path, value, &layer) else { continue };
            if !is_active {
                continue;
            }
            let target = match &start {
                Start::Param(id) => self.names.entity(*id).address.clone(),
                Start::Setting(target) => format!("{} {:?}", target.address, target.rounds),
            };
            if let Some((other, first, theirs)) = said.get(&target)
                && other != label
                && *theirs != assignment.value
            {
                let message = format!("the profiles `{other}` and `{label}` set `{path_name}` differently");
                let problem = Problem::new(Code::E0512, place, message)
                    .label(format!("in profile `{label}`"))
                    .other(*first, format!("in profile `{other}`"))
                    .help("use one of the two, or make them agree");
                self.problem(problem);
            }
            said.insert(target, (label.to_owned(), place, assignment.value.clone()));
            self.apply(start, assignment);
        }
    }

    fn only_paths(&mut self, file: FileId, item: &Item, what: &str) {
        let place = Place { file, from: item.from, to: item.head().1 };
        let problem = Problem::new(Code::E0209, place, format!("{what} holds only settings of other blocks"))
            .label("not `path = value`")
            .help("write the whole path: `main.score.mode = dot`");
        self.problem(problem);
    }

    /// Types the value of an override; nothing when its path leads nowhere.
    fn override_value(
        &mut self,
        file: FileId,
        path: &Path,
        value: &Written,
        layer: &Layer,
    ) -> Option<(Start, Assignment)> {
        let start = self.follow(file, path, layer)?;
        let scope = self.scope_of(file);
        let place = Place { file, from: value.from, to: value.to };
        let before = self.out.problems.len();
        let (fitted, rounds) = match &start {
            Start::Param(id) => {
                let ty = self.out.params.get(id).and_then(|param| param.ty)?;
                (self.fit(scope, &path_text(path), value, ty), Rounds::All)
            }
            Start::Setting(target) if target.rounds != Rounds::All && !target.key.per_round => {
                let message = format!("`{}` cannot differ between rounds", target.key.name);
                let problem = Problem::new(Code::E0506, place, message).label("in one round only");
                self.problem(problem);
                return None;
            }
            Start::Setting(target) if self.is_late_bootstrap(&target.address, target.rounds, place) => {
                return None;
            }
            Start::Setting(target) => {
                let fitted = self.fit(scope, target.key.name, value, target.key.ty);
                if let Some(value) = &fitted {
                    self.check_bounds(target.key, value, place);
                }
                (fitted, target.rounds)
            }
        };
        // A value of `--set` is read against the root file's labels, but it stands in the flags.
        if scope != file {
            for problem in &mut self.out.problems[before..] {
                problem.place.file = file;
                problem.fixes.clear();
            }
        }
        let assignment = Assignment { value: fitted, rounds, layer: layer.clone(), place };
        if let Start::Param(id) = &start {
            self.check_param(*id, &assignment);
        }
        Some((start, assignment))
    }

    fn apply(&mut self, start: Start, assignment: Assignment) {
        match start {
            Start::Param(id) => {
                self.out.param_values.entry(id).or_insert_with(|| Vec::with_capacity(1)).push(assignment);
            }
            Start::Setting(target) => self.record(&target.address, target.key, assignment),
        }
    }

    fn sweep(&mut self, file: FileId, label: &str, items: &[Item]) {
        let Some(entity) = self.names.by_address(label) else { return };
        let block = &schema::SWEEP;
        let address = label.to_owned();
        let here = Here { block, address, file, rounds: Rounds::All, layer: Layer::File, entity };
        let mut sweep = Sweep { name: label.to_owned(), axes: Vec::new(), skips: Vec::new() };
        let mut seen = BTreeMap::new();
        // Side by side, a value may come again beside others.
        let lists = if items.iter().any(is_zip) { Lists::Zipped } else { Lists::Crossed };
        for item in items {
            if self.is_full() {
                break;
            }
            match &item.kind {
                ItemKind::Setting { path, value } => {
                    let place = here.place(path_range(path));
                    if !self.first_time(&mut seen, &path_text(path), place) {
                        continue;
                    }
                    match path_word(path).and_then(|word| block.key(word)) {
                        Some(key) => {
                            self.assign(&here, &format!("{label}.{}", key.name), key, Rounds::All, value)
                        }
                        None => sweep.axes.extend(self.axis(file, path, value, lists)),
                    }
                }
                ItemKind::Block { path, items: Some(items), .. } if path_word(path) == Some("skip") => {
                    sweep.skips.push(self.skip(file, items));
                }
                ItemKind::Block { path, labels, items } => {
                    let problem = self.unknown_block(&here, path, labels, items.is_some());
                    self.problem(problem);
                }
                _ => self.only_paths(file, item, "a sweep"),
            }
        }
        for skip in sweep.skips.iter().flatten() {
            self.check_skip(&sweep, skip);
        }
        self.check_sweep(&here, &sweep, seen.is_empty());
        self.out.sweeps.push(sweep);
    }

    fn skip(&mut self, file: FileId, items: &[Item]) -> Vec<Axis> {
        let mut axes = Vec::new();
        for item in items {
            match &item.kind {
                ItemKind::Setting { path, value } => {
                    axes.extend(self.axis(file, path, value, Lists::Optional))
                }
                _ => self.only_paths(file, item, "`skip`"),
            }
        }
        axes
    }

    /// Reads `path = [values]`; in a `skip`, one value needs no brackets.
    fn axis(&mut self, file: FileId, path: &Path, value: &Written, lists: Lists) -> Option<Axis> {
        let place = Place { file, from: value.from, to: value.to };
        let name = path_text(path);
        let start = self.follow(file, path, &Layer::Cell(String::new()))?;
        let param = match &start {
            Start::Param(id) => Some(*id),
            Start::Setting(_) => None,
        };
        let (target, ty) = match start {
            Start::Setting(target) => {
                let ty = target.key.ty;
                (target, ty)
            }
            Start::Param(id) => {
                let ty = self.out.params.get(&id).and_then(|param| param.ty)?;
                let address = self.names.entity(id).address.clone();
                (Target { address, key: param_key(), rounds: Rounds::All }, ty)
            }
        };
        let values: &[Written] = match &value.kind {
            ValueKind::List(values) => values,
            _ if lists == Lists::Optional => std::slice::from_ref(value),
            _ => {
                let problem = Problem::new(
                    Code::E0513,
                    place,
                    format!("`{name}` needs a list of values to sweep over"),
                )
                .label("not a list")
                .help("write `[a, b, c]`");
                self.problem(problem);
                return None;
            }
        };
        if values.is_empty() {
            let problem =
                Problem::new(Code::E0513, place, format!("`{name}` has no value to take")).label("empty");
            self.problem(problem);
            return None;
        }
        let mut fitted = Vec::new();
        for value in values {
            let place = Place { file, from: value.from, to: value.to };
            let value = self.fit(file, &name, value, ty);
            if let Some(value) = &value {
                self.check_bounds(target.key, value, place);
            }
            if let Some(id) = param {
                let layer = Layer::Cell(String::new());
                self.check_param(id, &Assignment { value: value.clone(), rounds: Rounds::All, layer, place });
            }
            if lists != Lists::Zipped && value.is_some() && fitted.contains(&value) {
                let problem = Problem::new(Code::E0206, place, format!("`{name}` takes this value twice"))
                    .label("again here")
                    .help("keep one of them");
                self.problem(problem);
                continue;
            }
            fitted.push(value);
        }
        Some(Axis { path: name, target, values: fitted, place })
    }

    fn check_skip(&mut self, sweep: &Sweep, skip: &Axis) {
        let Some(axis) = sweep.axes.iter().find(|axis| axis.path == skip.path) else {
            let known: Vec<&str> = sweep.axes.iter().map(|axis| axis.path.as_str()).collect();
            let problem = Problem::new(Code::E0513, skip.place, format!("`{}` is not swept over", skip.path))
                .label("nothing to skip")
                .help(format!("this sweep varies {}", listed(&known, "and")));
            self.problem(problem);
            return;
        };
        if skip.values.iter().any(|value| value.is_some() && !axis.values.contains(value)) {
            let problem =
                Problem::new(Code::E0513, skip.place, format!("`{}` never takes this value", skip.path))
                    .label("nothing to skip")
                    .other(axis.place, "its values");
            self.problem(problem);
        }
    }

    fn check_sweep(&mut self, here: &Here, sweep: &Sweep, is_empty: bool) {
        let place = self.names.entity(here.entity).place;
        if is_empty {
            let problem =
                Problem::new(Code::E0513, place, format!("the sweep `{}` varies nothing", sweep.name))
                    .label("no list of values")
                    .help("write a path and its values: `main.score.mode = [cosine, dot]`");
            self.problem(problem);
        }
        let empty_skip = sweep.skips.iter().find(|skip| {
            !skip.is_empty()
                && skip.len() == sweep.axes.len()
                && skip.iter().all(|skipped| {
                    let axis = sweep.axes.iter().find(|axis| axis.path == skipped.path);
                    axis.is_some_and(|axis| axis.values.iter().all(|value| skipped.values.contains(value)))
                })
        });
        if let Some(first) = empty_skip.and_then(|skip| skip.first()) {
            let problem =
                Problem::new(Code::E0513, first.place, format!("this leaves no cell of `{}`", sweep.name))
                    .label("skips everything");
            self.problem(problem);
        }
        let own =
            |name: &str| schema::SWEEP.key(name).and_then(|key| self.out.value(&here.address, key, None));
        let repeat = match own("repeat") {
            Some(Value::Int(repeat)) => usize::try_from(repeat).unwrap_or(1),
            _ => 1,
        };
        let cells = sweep.axes.iter().fold(repeat, |cells, axis| cells.saturating_mul(axis.values.len()));
        if cells > MAX_CELLS && own("arrange") != Some(Value::Variant("zip")) {
            let message = format!("the sweep `{}` has more than {MAX_CELLS} cells", sweep.name);
            let problem = Problem::new(Code::E0513, place, message).label("too many combinations");
            self.problem(problem.help("vary fewer things at once, or write `arrange = zip`"));
        }
        let arrange = schema::SWEEP.key("arrange").and_then(|key| self.out.value(&here.address, key, None));
        if arrange == Some(Value::Variant("zip"))
            && let Some(first) = sweep.axes.first()
            && let Some(other) = sweep.axes.iter().find(|axis| axis.values.len() != first.values.len())
        {
            let problem = Problem::new(Code::E0513, other.place, "zipped lists must be equally long")
                .label(format!("{} values", other.values.len()))
                .other(first.place, format!("{} values", first.values.len()));
            self.problem(problem);
        }
    }

    /// Applies the chosen cell of a sweep.
    fn cell(&mut self) {
        let Some(cell) = self.project.cell(self.db) else { return };
        let Some(sweep) = self.out.sweeps.iter().find(|sweep| sweep.name == cell.sweep).cloned() else {
            return;
        };
        for (axis, choice) in sweep.axes.into_iter().zip(&cell.choice) {
            let assignment = Assignment {
                value: axis.values.get(*choice).cloned().flatten(),
                rounds: axis.target.rounds,
                layer: Layer::Cell(cell.sweep.clone()),
                place: axis.place,
            };
            let param = self.names.by_address(&axis.target.address);
            match param.filter(|id| self.names.entity(*id).kind == Kind::Param) {
                Some(id) => self.apply(Start::Param(id), assignment),
                None => self.apply(Start::Setting(axis.target), assignment),
            }
        }
    }

    fn flags(&mut self) {
        let file = FileId(self.project.files(self.db).len() as u32);
        let source = self.project.flags(self.db);
        for item in &parsed(self.db, source).tree(self.db).items {
            match &item.kind {
                ItemKind::Setting { path, value } => {
                    if let Some((start, assignment)) = self.override_value(file, path, value, &Layer::Flag) {
                        self.apply(start, assignment);
                    }
                }
                _ => self.only_paths(file, item, "`--set`"),
            }
        }
    }

    pub(super) fn finish(&mut self) {
        for required in std::mem::take(&mut self.required) {
            // What is missing may be what the parser could not read.
            if !self.has_syntax_error(required.whole) {
                self.look_for_required(&required);
            }
        }
        self.parameters_in_bounds();
        self.overlapping_rounds();
        self.shadowed_overrides();
        self.rounds_beyond();
    }

    /// An override of a round that the curriculum does not have changes nothing.
    fn rounds_beyond(&mut self) {
        let mut problems = Vec::new();
        let set = self.out.slots.iter().flat_map(|(address, setting)| {
            let overrides = setting.assignments.iter().filter(|a| a.layer > Layer::Round);
            overrides.map(move |a| (address, a.rounds, a.place))
        });
        let swept = self.out.sweeps.iter().flat_map(|sweep| &sweep.axes);
        let swept = swept.map(|axis| (&axis.target.address, axis.target.rounds, axis.place));
        for (address, rounds, place) in set.chain(swept) {
            let Rounds::Exact(round) = rounds else { continue };
            let curriculum = address.split('.').next().unwrap_or(address);
            let last = self.out.rounds(curriculum);
            if round > last {
                let message = format!("`{curriculum}` has no round {round}");
                let problem = Problem::new(Code::W0501, place, message).label("never runs");
                problems.push(problem.help(format!("it has {last}; say so with `{curriculum}.rounds`")));
            }
        }
        self.out.problems.extend(problems);
    }

    fn has_syntax_error(&self, whole: Place) -> bool {
        let source = self.project.files(self.db)[whole.file.0 as usize].source;
        let inside = |at: Place| whole.from <= at.from && at.from <= whole.to;
        parsed(self.db, source)
            .problems(self.db)
            .iter()
            .any(|problem| problem.is_error() && inside(problem.place))
    }

    fn look_for_required(&mut self, Required { block, address, head, .. }: &Required) {
        let place = *head;
        for key in block.keys.iter().filter(|key| key.required) {
            let known = self.out.slots.get(&format!("{address}.{}", key.name));
            if known.is_some_and(|setting| setting.assignments.iter().any(|a| a.rounds == Rounds::All)) {
                continue;
            }
            let name = address.rsplit('.').next().unwrap_or(address);
            let mut problem =
                Problem::new(Code::E0207, place, format!("`{name}` does not say `{}`", key.name))
                    .label(format!("`{} = ...` is missing", key.name))
                    .help(format!("`{}` takes {}", key.name, key.ty.describe()));
            if let Type::Ref(kinds) = key.ty
                && let labels @ [_, ..] = self.names.labels_of(place.file, kinds).as_slice()
            {
                problem = problem.help(format!("this file has {}", listed(labels, "and")));
            }
            self.problem(problem);
        }
    }

    /// A parameter's value must fit the bounds of every setting that uses it.
    fn parameters_in_bounds(&mut self) {
        let mut problems = Vec::new();
        for setting in self.out.slots.values() {
            let Some(within) = setting.key.within else { continue };
            for assignment in &setting.assignments {
                let Some(Value::Param(id)) = &assignment.value else { continue };
                let Some(value) = self.out.param(*id) else { continue };
                let Some((from, to)) = typing::bounds_of(within, setting.key.ty) else { continue };
                if !typing::is_within(&value, from.as_ref(), to.as_ref()) {
                    let shown = crate::value::show(&value, setting.key.ty, &|_| String::new());
                    let problem = typing::out_of_range(setting.key.name, &shown, within, assignment.place);
                    problems.push(problem.other(self.names.entity(*id).place, "this parameter"));
                }
            }
        }
        self.out.problems.extend(problems);
    }

    fn overlapping_rounds(&mut self) {
        let mut problems = Vec::new();
        for setting in self.out.slots.values() {
            let name = setting.key.name;
            let mut exact: BTreeMap<u32, &Assignment> = BTreeMap::new();
            let mut spans: Vec<(u32, u32, &Assignment)> = Vec::new();
            for own in setting.assignments.iter().filter(|a| a.layer == Layer::Round) {
                match own.rounds {
                    Rounds::All => {}
                    Rounds::Span(first, last) => spans.push((first, last, own)),
                    Rounds::Exact(round) => {
                        if let Some(earlier) = exact.insert(round, own) {
                            let message = format!("`{name}` is given twice for this round");
                            let problem = Problem::new(Code::E0206, own.place, message).label("again here");
                            problems.push(problem.other(earlier.place, "first set here"));
                        }
                    }
                }
            }
            // In the order of their first rounds, a span overlaps another exactly if it does one before it.
            spans.sort_by_key(|(first, _, own)| (*first, own.place));
            for pair in spans.windows(2) {
                let ((_, last, earlier), (first, _, later)) = (pair[0], pair[1]);
                if first <= last {
                    problems.push(
                        Problem::new(Code::E0503, later.place, format!("two ranges of rounds set `{name}`"))
                            .label("again for some of the same rounds")
                            .other(earlier.place, "first set here")
                            .help(
                                "keep the ranges apart, or name the one round: an exact round beats a range",
                            ),
                    );
                }
            }
        }
        self.out.problems.extend(problems);
    }

    /// Notes where an override of every round loses to a round's own setting.
    fn shadowed_overrides(&mut self) {
        let mut problems = Vec::new();
        for (address, setting) in &self.out.slots {
            let Some((curriculum, rest)) = address.split_once('.') else { continue };
            let general =
                setting.assignments.iter().filter(|a| a.layer > Layer::Round && a.rounds == Rounds::All);
            for general in general {
                // A round that the same layer sets too, or sets equally, is as was wanted.
                let lost = |own: &Assignment| {
                    own.rounds != Rounds::All && own.layer < general.layer && own.value != general.value
                };
                let mut winners = (1..=self.out.rounds(curriculum)).filter_map(|round| {
                    let own = self.out.winner(address, Some(round))?;
                    lost(own).then_some((round, own))
                });
                let Some((round, own)) = winners.next() else { continue };
                let message = format!("in round {round} another value of `{}` holds", setting.key.name);
                problems.push(
                    Problem::new(Code::N0505, general.place, message)
                        .label(format!("set here by {}", general.layer.describe()))
                        .other(own.place, "more specific, so it wins")
                        .help(format!("to change that round too, set `{curriculum}.r{round}.{rest}`")),
                );
            }
        }
        self.out.problems.extend(problems);
    }
}

fn labelled(item: &Item) -> Option<(&str, &str, &[Item])> {
    match &item.kind {
        ItemKind::Block { path, labels, items: Some(items) } => match labels.as_slice() {
            [Label::Name(label)] => Some((path_word(path)?, &label.text, items)),
            _ => None,
        },
        _ => None,
    }
}

/// The key that stands for a parameter where a key is asked for: it has no bounds of its own.
/// Returns whether a setting of a sweep says that its lists stand side by side.
fn is_zip(item: &Item) -> bool {
    let ItemKind::Setting { path, value } = &item.kind else { return false };
    path_word(path) == Some("arrange")
        && matches!(&value.kind, ValueKind::Path(names) if names.iter().map(|name| name.text.as_str()).eq(["zip"]))
}

fn param_key() -> &'static schema::Key {
    static KEY: schema::Key = schema::Key {
        name: "param",
        ty: Type::Text,
        default: None,
        required: false,
        within: None,
        role: schema::Role::Semantic,
        per_round: false,
        doc: "A parameter.",
    };
    &KEY
}
