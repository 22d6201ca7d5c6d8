//! Walks the trees of a project and records what they assign.

mod after;
mod gates;
mod paths;

use std::collections::BTreeMap;

use super::{Assignment, Layer, Param, Repo, Rounds, Setting, Settings};
use crate::{
    diagnostic::{Code, FileId, Place, Problem},
    names::{Names, names, path_word},
    project::{Origin, Project, beside, parsed},
    schema::{self, Block, Content, Key, Kind, Labels},
    suggest::{listed, nearest},
    syntax::{
        Item, ItemKind, Label, Name, Param as Declared, Path, Value as Written, ValueKind, path_range,
        path_text,
    },
    typing::{self, Found, Slot},
    value::{EntityId, Type, Value, param_types},
};

/// Mistakes after this many are not collected: the file is not what it was taken for.
const MAX_PROBLEMS: usize = 200;

pub(super) fn collect(db: &dyn salsa::Database, project: Project) -> Settings {
    let names = names(db, project);
    let mut walk = Walk {
        db,
        project,
        names,
        out: Settings::default(),
        required: Vec::new(),
        repo_names: BTreeMap::new(),
        gate_names: BTreeMap::new(),
    };
    let files = project.files(db);
    for index in 0..files.len() {
        walk.params(FileId(index as u32));
    }
    for index in 0..files.len() {
        walk.file(FileId(index as u32));
    }
    walk.overrides();
    walk.finish();
    walk.out
}

struct Walk<'a> {
    db: &'a dyn salsa::Database,
    project: Project,
    names: &'a Names,
    out: Settings,
    /// Blocks whose required keys are looked for at the end, when overrides are in.
    required: Vec<Required>,
    /// Where each repository of a seeds block was first named.
    repo_names: BTreeMap<(EntityId, String), Place>,
    /// The position of each gate of a curriculum.
    gate_names: BTreeMap<(EntityId, String), usize>,
}

/// A block whose required keys must be set.
struct Required {
    block: &'static Block,
    address: String,
    head: Place,
    /// From its word to its brace.
    whole: Place,
}

/// The block that is being walked.
#[derive(Clone)]
struct Here {
    block: &'static Block,
    address: String,
    file: FileId,
    rounds: Rounds,
    layer: Layer,
    /// The labelled block around it.
    entity: EntityId,
}

impl Here {
    fn place(&self, (from, to): (u32, u32)) -> Place {
        Place { file: self.file, from, to }
    }
}

impl<'a> Walk<'a> {
    fn problem(&mut self, problem: Problem) {
        self.out.problems.push(problem);
    }

    /// Returns whether enough is wrong: a file of garbage would fill the memory with findings.
    fn is_full(&self) -> bool {
        self.out.problems.len() >= MAX_PROBLEMS
    }

    fn items(&self, file: FileId) -> &'a [Item] {
        let source = self.project.files(self.db)[file.0 as usize].source;
        &parsed(self.db, source).tree(self.db).items
    }

    /// Declares the parameters of a file: values that name them need their types.
    fn params(&mut self, file: FileId) {
        for item in self.items(file) {
            let ItemKind::Param(declared) = &item.kind else { continue };
            let Declared { name, ty, default, within } = &**declared;
            let Some(id) = self.names.param_of_item(file, name) else { continue };
            let known = Type::of_param(&ty.text);
            if known.is_none() {
                let place = Place { file, from: ty.at, to: ty.at + 1 };
                let types = param_types();
                let mut problem =
                    Problem::new(Code::E0301, place, format!("`{}` is not a type of parameters", ty.text))
                        .label("unknown type")
                        .help(format!("the types are {}", listed(&types, "and")));
                if let Some(meant) = nearest(&ty.text, types.iter().map(String::as_str)) {
                    problem = problem.fix(format!("write `{meant}`"), place, meant);
                }
                self.problem(problem);
            }
            let mut param = Param { ty: known, within: None, within_text: String::new() };
            if let (Some(ty), Some(within)) = (known, within) {
                param.within_text = range_text(within);
                param.within = self.param_range(file, name, ty, within);
            }
            self.out.params.insert(id, param);
            let value = known.and_then(|ty| self.fit(file, &name.text, default, ty));
            let place = Place { file, from: default.from, to: default.to };
            if matches!(value, Some(Value::Param(_) | Value::Template(_))) {
                let problem = Problem::new(Code::E0301, place, "the default of a parameter is a plain value")
                    .label("refers to another parameter");
                self.problem(problem);
            }
            let layer = self.layer_of(file);
            let assignment = Assignment { value, rounds: Rounds::All, layer, place };
            self.check_param(id, &assignment);
            self.out.param_values.entry(id).or_insert_with(|| Vec::with_capacity(1)).push(assignment);
        }
    }

    fn param_range(
        &mut self,
        file: FileId,
        name: &Name,
        ty: Type,
        within: &Written,
    ) -> Option<(Option<Value>, Option<Value>)> {
        const NUMERIC: &[(Type, Type)] = &[
            (Type::Int, Type::Range(&Type::Int)),
            (Type::Ratio, Type::Range(&Type::Ratio)),
            (Type::Score, Type::Range(&Type::Score)),
            (Type::Points, Type::Range(&Type::Points)),
            (Type::Float, Type::Range(&Type::Float)),
            (Type::Duration, Type::Range(&Type::Duration)),
            (Type::Bytes, Type::Range(&Type::Bytes)),
            (Type::Money, Type::Range(&Type::Money)),
        ];
        let Some((_, range)) = NUMERIC.iter().find(|(of, _)| *of == ty) else {
            let place = Place { file, from: within.from, to: within.to };
            let problem = Problem::new(Code::E0301, place, format!("a {} has no range", ty.name()))
                .label("only numbers have one")
                .help("leave `in ...` out");
            self.problem(problem);
            return None;
        };
        match self.fit(file, &name.text, within, *range)? {
            Value::Range(from, to) => Some((from.map(|v| (*v).clone()), to.map(|v| (*v).clone()))),
            _ => None,
        }
    }

    fn layer_of(&self, file: FileId) -> Layer {
        match (file, self.project.files(self.db)[file.0 as usize].source.origin(self.db)) {
            (FileId(0), Origin::File) => Layer::File,
            _ => Layer::Library,
        }
    }

    fn file(&mut self, file: FileId) {
        for item in self.items(file) {
            if self.is_full() {
                return;
            }
            match &item.kind {
                ItemKind::Use { .. } | ItemKind::Param(_) => {}
                ItemKind::Setting { path, .. } => self.stray_setting(file, path),
                ItemKind::Block { path, labels, items } => {
                    self.top_block(file, item, path, labels, items.as_deref())
                }
            }
        }
    }

    fn stray_setting(&mut self, file: FileId, path: &Path) {
        let (from, to) = path_range(path);
        let place = Place { file, from, to };
        let name = path_text(path);
        let homes: Vec<String> = schema::all_keys()
            .iter()
            .filter(|(_, _, key)| key.name == name)
            .filter_map(|(path, ..)| path.strip_suffix(&format!(".{name}")).map(str::to_owned))
            .collect();
        let mut problem =
            Problem::new(Code::E0209, place, format!("`{name}` cannot be set outside of a block"))
                .label("at the top of the file");
        problem = match homes.as_slice() {
            [] => problem.help("settings stand inside blocks such as `curriculum main { ... }`"),
            homes => {
                problem.help(format!("it is a setting of {}", listed(&homes[..homes.len().min(4)], "and")))
            }
        };
        self.problem(problem);
    }

    fn top_block(
        &mut self,
        file: FileId,
        item: &Item,
        path: &Path,
        labels: &[Label],
        items: Option<&[Item]>,
    ) {
        let (from, to) = path_range(path);
        let place = Place { file, from, to };
        let Some((kind, block)) = path_word(path).and_then(schema::top) else {
            self.unknown_top(place, &path_text(path));
            return;
        };
        let [Label::Name(label)] = labels else {
            let (from, to) = labels.first().map_or((from, to), Label::range);
            let place = Place { file, from, to };
            let problem = match labels {
                [] => Problem::new(Code::E0210, place, format!("this {} has no label", block.word))
                    .label("a name belongs after this word")
                    .help(format!("write `{} my_name {{ ... }}`", block.word)),
                [Label::Text(_, text)] => {
                    let name: String =
                        text.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
                    Problem::new(Code::E0210, place, format!("the label of a {} is a plain name", block.word))
                        .label("in quotes")
                        .fix(format!("write `{name}`"), place, name)
                        .unsure()
                }
                _ => {
                    Problem::new(Code::E0210, place, format!("a {} takes one name as its label", block.word))
                        .label("not one name")
                }
            };
            self.problem(problem);
            return;
        };
        // A refused label was reported; its content has no address.
        let Some(entity) = self.names.of_item(file, label) else { return };
        if kind == Kind::Gate && schema::gate(&label.text).is_some() {
            let place = Place { file, from: label.at, to: label.at + 1 };
            let problem = Problem::new(Code::E0208, place, format!("`{}` is a built-in gate", label.text))
                .label("cannot be a label of a gate")
                .help("choose another name");
            self.problem(problem);
        }
        // Profiles and sweeps set paths of other blocks: they wait until all are known.
        if matches!(block.content, Content::Paths | Content::Axes) {
            return;
        }
        let here = Here {
            block,
            address: self.names.entity(entity).address.clone(),
            file,
            rounds: Rounds::All,
            layer: self.layer_of(file),
            entity,
        };
        let head = here.place((item.head().0, item.head().1));
        self.out.blocks.insert(here.address.clone(), head);
        let whole = here.place((item.from, item.to));
        self.required.push(Required { block, address: here.address.clone(), head, whole });
        let items = items.unwrap_or_default();
        let is_round = |item: &&Item| match &item.kind {
            ItemKind::Block { path, .. } => path_word(path) == Some("round"),
            _ => false,
        };
        // Rounds change what the base says, so the base comes first wherever it stands.
        let (rounds, base): (Vec<&Item>, Vec<&Item>) = items.iter().partition(is_round);
        let mut seen = BTreeMap::new();
        for item in base {
            self.item(&here, item, &mut seen);
        }
        if kind == Kind::Curriculum {
            self.add_left_out(&here, item, head);
        }
        for item in rounds {
            self.item(&here, item, &mut seen);
        }
    }

    fn unknown_top(&mut self, place: Place, word: &str) {
        let words: Vec<&str> =
            schema::TOP.iter().map(|(_, block)| block.word).chain(["use", "param"]).collect();
        let mut problem =
            Problem::new(Code::E0205, place, format!("there is no block called `{word}`")).label("unknown");
        let inner = schema::CURRICULUM.block(word).is_some();
        problem = match nearest(word, words.iter().copied()) {
            _ if inner => problem.help(format!("`{word}` stands inside a `curriculum`")),
            Some(meant) => {
                problem.help(format!("did you mean `{meant}`?")).fix(format!("write `{meant}`"), place, meant)
            }
            None => problem.help(format!("a file holds {}", listed(&words, "and"))),
        };
        self.problem(problem);
    }

    fn item(&mut self, here: &Here, item: &Item, seen: &mut BTreeMap<String, Place>) {
        if self.is_full() {
            return;
        }
        match &item.kind {
            ItemKind::Use { .. } | ItemKind::Param(_) => {
                let place = here.place((item.from, item.to));
                let problem = Problem::new(Code::E0209, place, "this cannot stand inside a block")
                    .label("belongs at the top of the file");
                self.problem(problem);
            }
            ItemKind::Setting { path, value } => self.setting(here, path, value, seen),
            ItemKind::Block { path, labels, items } => {
                if here.block.content == Content::Gates {
                    self.gate_item(here, item, path, labels, items.as_deref().unwrap_or_default());
                } else {
                    self.inner_block(here, item, path, labels, items.as_deref(), seen);
                }
            }
        }
    }

    fn setting(&mut self, here: &Here, path: &Path, value: &Written, seen: &mut BTreeMap<String, Place>) {
        let place = here.place(path_range(path));
        let text = path_text(path);
        if !self.first_time(seen, &text, place) {
            return;
        }
        let parts: Vec<&str> = path.iter().map(|name| &*name.text).collect();
        match self.descend(here, &parts) {
            Ok(target) => self.assign(here, &target.address, target.key, target.rounds, value),
            Err(miss) => {
                let problem = self.stuck_problem(miss, path, here.file);
                self.problem(problem);
            }
        }
    }

    /// Returns whether this is the first such setting or block; the second is reported.
    fn first_time(&mut self, seen: &mut BTreeMap<String, Place>, what: &str, place: Place) -> bool {
        match seen.get(what) {
            Some(first) => {
                let problem = Problem::new(Code::E0206, place, format!("`{what}` is given twice"))
                    .label("again here")
                    .other(*first, "first given here")
                    .help("keep one of them");
                self.problem(problem);
                false
            }
            None => {
                seen.insert(what.to_owned(), place);
                true
            }
        }
    }

    fn assign(&mut self, here: &Here, address: &str, key: &'static Key, rounds: Rounds, value: &Written) {
        let place = here.place((value.from, value.to));
        if rounds != Rounds::All && !key.per_round {
            let problem =
                Problem::new(Code::E0506, place, format!("`{}` cannot differ between rounds", key.name))
                    .label("in one round only")
                    .help("set it once for the whole curriculum");
            self.problem(problem);
            return;
        }
        if self.is_late_bootstrap(address, rounds, place) {
            return;
        }
        // The same setting by a path and in its block; rounds are compared when all are known.
        let known = self.out.slots.get(address).filter(|_| rounds == Rounds::All);
        let earlier = known.and_then(|setting| {
            setting.assignments.iter().find(|a| a.layer == here.layer && a.rounds == Rounds::All)
        });
        if let Some(first) = earlier {
            let problem = Problem::new(Code::E0206, place, format!("`{}` is given twice", key.name))
                .label("again here")
                .other(first.place, "first given here")
                .help("keep one of them");
            self.problem(problem);
            return;
        }
        let fitted = self.fit(here.file, key.name, value, key.ty);
        if let Some(value) = &fitted {
            self.check_bounds(key, value, place);
        }
        self.record(address, key, Assignment { value: fitted, rounds, layer: here.layer.clone(), place });
    }

    /// Returns whether this sets the bootstrap of a later round, which there is none of.
    fn is_late_bootstrap(&mut self, address: &str, rounds: Rounds, place: Place) -> bool {
        let is_late =
            address.ends_with(".bootstrap.tasks") && !rounds.includes(Some(1)) && rounds != Rounds::All;
        if is_late {
            let problem = Problem::new(Code::E0502, place, "only round 1 is bootstrapped")
                .label("never runs")
                .help("later rounds start from what the round before selected; write it outside of `round`");
            self.problem(problem);
        }
        is_late
    }

    fn record(&mut self, address: &str, key: &'static Key, assignment: Assignment) {
        // Most settings are assigned once: a vector grows to four at the first push otherwise.
        let empty = || Setting { key, assignments: Vec::with_capacity(1) };
        self.out.slots.entry(address.to_owned()).or_insert_with(empty).assignments.push(assignment);
    }

    fn fit(&mut self, file: FileId, name: &str, value: &Written, ty: Type) -> Option<Value> {
        let params = &self.out.params;
        let param_type = |id: EntityId| params.get(&id).and_then(|param| param.ty);
        let slot = Slot { file, name, names: self.names, param_type: &param_type };
        let mut found = Found::default();
        let fitted = typing::fit(&slot, value, ty, &mut found);
        self.out.used.extend(found.used);
        self.out.used_aliases.extend(found.aliases);
        self.out.problems.extend(found.problems);
        fitted
    }

    /// Checks a value against the table's bounds; parameters are looked at when all are known.
    fn check_bounds(&mut self, key: &'static Key, value: &Value, place: Place) {
        let Some(within) = key.within else { return };
        let Some((from, to)) = typing::bounds_of(within, key.ty) else { return };
        if !typing::is_within(value, from.as_ref(), to.as_ref()) {
            let shown = crate::value::show(value, key.ty, &|_| String::new());
            self.problem(typing::out_of_range(key.name, &shown, within, place));
        }
    }

    /// Checks a parameter's value against the range it was declared with.
    fn check_param(&mut self, id: EntityId, assignment: &Assignment) {
        let Some(param) = self.out.params.get(&id).cloned() else { return };
        let (Some(ty), Some((from, to)), Some(value)) = (param.ty, &param.within, &assignment.value) else {
            return;
        };
        if !typing::is_within(value, from.as_ref(), to.as_ref()) {
            let shown = crate::value::show(value, ty, &|_| String::new());
            let name = self.names.entity(id).address.clone();
            let problem = typing::out_of_range(&name, &shown, &param.within_text, assignment.place)
                .other(self.names.entity(id).place, "declared here");
            self.problem(problem);
        }
    }

    fn inner_block(
        &mut self,
        here: &Here,
        item: &Item,
        path: &Path,
        labels: &[Label],
        items: Option<&[Item]>,
        seen: &mut BTreeMap<String, Place>,
    ) {
        let word = path_text(path);
        let Some(block) = here.block.block(&word) else {
            let problem = self.unknown_block(here, path, labels, items.is_some());
            self.problem(problem);
            return;
        };
        let Some(next) = self.labelled(here, block, item, labels) else { return };
        let head = here.place(item.head());
        let name = match block.labels {
            Labels::None => word,
            _ => format!("{word} {}", next.address.rsplit('.').next().unwrap_or_default()),
        };
        // Repositories of one name are reported as such.
        let may_repeat = matches!(block.labels, Labels::Rounds | Labels::Source);
        if !may_repeat && !self.first_time(seen, &name, head) {
            return;
        }
        if next.rounds != Rounds::All && block.word == "bootstrap" && !next.rounds.includes(Some(1)) {
            let problem = Problem::new(Code::E0502, head, "only round 1 is bootstrapped")
                .label("never runs")
                .help("later rounds start from what the round before selected; write it outside of `round`");
            self.problem(problem);
            return;
        }
        if here.rounds == Rounds::All && block.labels != Labels::Rounds {
            self.out.blocks.insert(next.address.clone(), head);
            if block.keys.iter().any(|key| key.required) {
                let whole = here.place((item.from, item.to));
                self.required.push(Required { block, address: next.address.clone(), head, whole });
            }
        }
        let mut seen = BTreeMap::new();
        for item in items.unwrap_or_default() {
            self.item(&next, item, &mut seen);
        }
    }

    /// Reads the labels of an inner block, and returns where its content goes.
    fn labelled(
        &mut self,
        here: &Here,
        block: &'static Block,
        item: &Item,
        labels: &[Label],
    ) -> Option<Here> {
        let mut next = Here { block, ..here.clone() };
        let word = block.word;
        let wrong = |at: Option<&Label>, message: String, help: String| {
            let range = at.map_or((item.from, item.head().1), Label::range);
            Problem::new(Code::E0210, here.place(range), message).label("wrong label").help(help)
        };
        match (block.labels, labels) {
            (Labels::None, []) => next.address = format!("{}.{word}", here.address),
            (Labels::None, [label, ..]) => {
                let problem = wrong(
                    Some(label),
                    format!("`{word}` takes no label"),
                    format!("write `{word} {{ ... }}`"),
                );
                self.problem(problem);
                return None;
            }
            (Labels::Hat, [Label::Name(hat)]) if matches!(&*hat.text, "solver" | "generator") => {
                next.address = format!("{}.{word}.{}", here.address, hat.text);
            }
            (Labels::Hat, _) => {
                let help = format!("write `{word} solver {{ ... }}` or `{word} generator {{ ... }}`");
                let problem = wrong(labels.first(), format!("`{word}` names a hat of the model"), help);
                self.problem(problem);
                return None;
            }
            (Labels::Source, [Label::Text(at, source), name @ ..]) if name.len() <= 1 => {
                let name = match name {
                    [Label::Name(name)] => name.text.to_string(),
                    _ => repo_name(source),
                };
                let place = here.place((*at, *at + 1));
                if !self.add_repo(here, block.word, source, name.clone(), place) {
                    return None;
                }
                next.address = format!("{}.{name}", here.address);
            }
            (Labels::Source, _) => {
                let what = if word == "dir" { "folder" } else { "name" };
                let help = format!("write `{word} \"{what}\" {{ ... }}`");
                let problem =
                    wrong(labels.first(), format!("`{word}` is followed by a {what} in quotes"), help);
                self.problem(problem);
                return None;
            }
            (Labels::Rounds, [Label::Rounds { from, to, first, last }]) => {
                let place = here.place((*from, *to));
                next.rounds = self.rounds(place, first, last.as_ref().map(Option::as_deref))?;
                next.layer = if here.layer == Layer::File { Layer::Round } else { here.layer.clone() };
                self.out.round_blocks.push((here.entity, next.rounds, place));
            }
            (Labels::Rounds, _) => {
                let help = "write `round 3 { ... }` or `round 2..3 { ... }`".to_owned();
                let problem = wrong(labels.first(), "`round` is followed by its number".into(), help);
                self.problem(problem);
                return None;
            }
            (Labels::Name | Labels::MaybeName, _) => return None,
        }
        Some(next)
    }

    /// Adds a repository; false when its name is another's.
    fn add_repo(
        &mut self,
        here: &Here,
        block: &'static str,
        source: &str,
        name: String,
        place: Place,
    ) -> bool {
        let address = format!("{}.{name}", here.address);
        let file_name = self.project.files(self.db)[here.file.0 as usize].source.path(self.db);
        let repos = self.out.repos.entry(here.entity).or_default();
        let clash = self.repo_names.insert((here.entity, name.clone()), place);
        let identity = identity(block, source, file_name);
        repos.push(Repo { name: name.clone(), address, block, source: source.to_owned(), identity, place });
        if source.is_empty() {
            self.problem(
                Problem::new(Code::E0210, place, format!("`{block}` needs a name in the quotes"))
                    .label("empty"),
            );
        }
        if let Some(first) = clash {
            let problem =
                Problem::new(Code::E0201, place, format!("two repositories here are called `{name}`"))
                    .label("again here")
                    .other(first, "first here")
                    .help(format!("give one a name of its own: `{block} \"{source}\" other_name {{ ... }}`"));
            self.problem(problem);
        }
        clash.is_none()
    }

    fn rounds(&mut self, place: Place, first: &str, last: Option<Option<&str>>) -> Option<Rounds> {
        let read = |text: &str| text.replace('_', "").parse::<u32>().ok().filter(|round| *round > 0);
        let bounds = (read(first), last.map(|last| last.map_or(Some(u32::MAX), read)));
        let rounds = match bounds {
            (Some(first), None) => Some(Rounds::Exact(first)),
            (Some(first), Some(Some(last))) if first < last => Some(Rounds::Span(first, last)),
            (Some(first), Some(Some(last))) if first == last => Some(Rounds::Exact(first)),
            (Some(_), Some(Some(_))) => {
                let problem = Problem::new(Code::E0306, place, "the rounds are the wrong way round")
                    .label("the first number is the larger")
                    .help("ranges go from the smaller to the larger number, both included");
                self.problem(problem);
                return None;
            }
            _ => None,
        };
        if rounds.is_none() {
            let problem = Problem::new(Code::E0210, place, "rounds are whole numbers from 1")
                .label("not a round")
                .help("write `round 3 { ... }` or `round 2..3 { ... }`");
            self.problem(problem);
        }
        rounds
    }
}

/// Returns a range as it was written.
fn range_text(written: &Written) -> String {
    match &written.kind {
        ValueKind::Range(ends) => {
            format!("{}..{}", ends.0.as_deref().unwrap_or_default(), ends.1.as_deref().unwrap_or_default())
        }
        _ => String::new(),
    }
}

/// Returns what a repository is, however it is spelt.
fn identity(block: &str, source: &str, file: &str) -> String {
    let source = source.trim_end_matches('/');
    match block {
        // The package index takes `My_App` and `my-app` for one.
        "pypi" => format!("pypi:{}", source.to_lowercase().replace(['_', '.'], "-")),
        "dir" => format!("dir:{}", beside(file, source)),
        _ if source.starts_with(['.', '/']) => format!("dir:{}", beside(file, source)),
        _ => {
            let plain = source.trim_end_matches(".git");
            let plain = plain.split_once("://").map_or(plain, |(_, rest)| rest);
            let plain = plain.strip_prefix("git@").unwrap_or(plain).replace(':', "/");
            let is_short = plain.matches('/').count() == 1;
            let host = if is_short { "github.com/" } else { "" };
            format!("git:{}", format!("{host}{plain}").to_lowercase())
        }
    }
}

/// Returns the name that stages use for a repository: the last part of its source.
fn repo_name(source: &str) -> String {
    let source = source.trim_end_matches('/');
    let last = source.rsplit(['/', ':', '\\']).next().unwrap_or(source);
    let last = last.strip_suffix(".git").unwrap_or(last);
    let name: String = last.chars().map(|c| if c.is_ascii_alphanumeric() { c } else { '_' }).collect();
    match name.chars().next() {
        Some(c) if c.is_ascii_digit() => format!("_{name}"),
        Some(_) => name,
        None => "_".to_owned(),
    }
}
