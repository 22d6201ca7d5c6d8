//! Finds every label of a project and what it stands for.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diagnostic::{Code, FileId, Place, Problem},
    project::{Origin, Project, parsed},
    schema::{self, Kind, Labels},
    suggest,
    syntax::{Item, ItemKind, Label, Name, path_text},
    value::EntityId,
};

/// A block with a label, or a parameter.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entity {
    /// What it is.
    pub kind: Kind,
    /// The path that reaches it from the root file: `base`, `std.no_secrets`, `param.keep`.
    pub address: String,
    /// Its file.
    pub file: FileId,
    /// Its label.
    pub place: Place,
    /// Its position among the items of its file.
    pub item: usize,
}

/// What a name stands for in one file.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Named {
    Entity(EntityId),
    File(FileId),
    /// A `use` that could not be read: what is looked up in it is not reported again.
    Unread,
}

/// The labels of a project.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Every labelled block and parameter, in the order of files and items.
    pub entities: Vec<Entity>,
    /// The aliases of the root file: name, place, and the file.
    pub aliases: Vec<(String, Place, Option<FileId>)>,
    scopes: Vec<Scope>,
    pub(crate) problems: Vec<Problem>,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Scope {
    labels: BTreeMap<String, (Named, Place)>,
    params: BTreeMap<String, EntityId>,
}

/// Words that cannot be labels, because paths and values use them.
const RESERVED: &[&str] = &["param", "solver"];

/// Why a path names nothing.
pub(crate) enum Miss {
    /// Its `use` could not be read.
    Unread,
    /// No such name; the part of the path, and a suggestion.
    Unknown { part: usize, meant: Option<String> },
}

/// Collects the labels of a project.
#[salsa::tracked]
pub fn names(db: &dyn salsa::Database, project: Project) -> Names {
    let files = project.files(db);
    let mut names = Names { scopes: vec![Scope::default(); files.len()], ..Names::default() };
    let prefixes = prefixes(db, project, &mut names);
    for (index, file) in files.iter().enumerate() {
        let id = FileId(index as u32);
        let tree = parsed(db, file.source).tree(db);
        if let Some((at, number)) = &tree.edition
            && &**number != "1"
        {
            let place = Place { file: id, from: *at, to: *at + 1 };
            names.report(
                Problem::new(Code::E0901, place, format!("edition {number} of the language is not known"))
                    .label("this sswe reads edition 1")
                    .help("write `sswe 1`, or use a newer sswe"),
            );
        }
        let prefix = prefixes[index].as_deref().unwrap_or_default();
        for (position, item) in tree.items.iter().enumerate() {
            match &item.kind {
                ItemKind::Use { alias, file: path } => {
                    let found = file.imports.get(&*path.1).and_then(|found| found.as_ref().ok()).copied();
                    let named = found.map_or(Named::Unread, Named::File);
                    let place = names.place(id, alias);
                    if names.add(id, alias, named) && index == 0 {
                        names.aliases.push((alias.text.to_string(), place, found));
                    }
                }
                ItemKind::Param(param) => names.add_param(id, &param.name, prefix, position),
                ItemKind::Block { path, labels, .. } => {
                    if let Some((kind, block)) = path_word(path).and_then(schema::top)
                        && block.labels == Labels::Name
                        && let Some(Label::Name(label)) = labels.first()
                    {
                        let next = EntityId(names.entities.len() as u32);
                        if names.add(id, label, Named::Entity(next)) {
                            let address = format!("{prefix}{}", label.text);
                            names.push(kind, address, id, label, position);
                        }
                    }
                }
                ItemKind::Setting { .. } => {}
            }
        }
    }
    names
}

/// Returns the single word of a path, if it is one.
pub(crate) fn path_word(path: &[Name]) -> Option<&str> {
    match path {
        [word] => Some(&word.text),
        _ => None,
    }
}

/// Returns what stands before the labels of each file (`std.`), and reports imports that cycle or fail.
fn prefixes(db: &dyn salsa::Database, project: Project, names: &mut Names) -> Vec<Option<String>> {
    let files = project.files(db);
    let mut prefixes: Vec<Option<String>> = vec![None; files.len()];
    if let Some(first) = prefixes.first_mut() {
        *first = Some(String::new());
    }
    // Files are listed in the order they were found, so a parent always comes before.
    for (index, file) in files.iter().enumerate() {
        let id = FileId(index as u32);
        for item in &parsed(db, file.source).tree(db).items {
            let ItemKind::Use { file: (at, path), alias } = &item.kind else { continue };
            let place = Place { file: id, from: *at, to: *at + 1 };
            match file.imports.get(&**path) {
                Some(Ok(target)) => {
                    if reaches(project, db, *target, id) {
                        let text = if *target == id {
                            "a file cannot use itself"
                        } else {
                            "these files use each other"
                        };
                        names.report(
                            Problem::new(Code::E0802, place, text)
                                .label(format!("`{path}` leads back here"))
                                .help("move what both need into a third file"),
                        );
                    }
                    let prefix = prefixes[index].clone().unwrap_or_default();
                    let slot = &mut prefixes[target.0 as usize];
                    if slot.is_none() {
                        *slot = Some(format!("{prefix}{}.", alias.text));
                    }
                }
                Some(Err(why)) => names.report(
                    Problem::new(Code::E0803, place, format!("cannot read `{path}`: {why}"))
                        .label("used here")
                        .help("paths are relative to this file; `std/...` is the built-in library"),
                ),
                None => {}
            }
        }
    }
    prefixes
}

fn reaches(project: Project, db: &dyn salsa::Database, from: FileId, to: FileId) -> bool {
    let files = project.files(db);
    let mut seen = BTreeSet::new();
    let mut next = vec![from];
    while let Some(id) = next.pop() {
        if id == to {
            return true;
        }
        if seen.insert(id) {
            next.extend(files[id.0 as usize].imports.values().filter_map(|found| found.as_ref().ok()));
        }
    }
    false
}

/// Mistakes after this many are not collected: the file is not what it was taken for.
const MAX_PROBLEMS: usize = 200;

impl Names {
    fn report(&mut self, problem: Problem) {
        if self.problems.len() < MAX_PROBLEMS {
            self.problems.push(problem);
        }
    }

    fn place(&self, file: FileId, name: &Name) -> Place {
        Place { file, from: name.at, to: name.at + 1 }
    }

    fn push(&mut self, kind: Kind, address: String, file: FileId, name: &Name, item: usize) {
        let place = self.place(file, name);
        self.entities.push(Entity { kind, address, file, place, item });
    }

    /// Adds a label; false when it cannot be one.
    fn add(&mut self, file: FileId, name: &Name, named: Named) -> bool {
        let place = self.place(file, name);
        if RESERVED.contains(&&*name.text) {
            self.report(
                Problem::new(Code::E0208, place, format!("`{}` cannot be a label", name.text))
                    .label("reserved")
                    .help("`param` begins the paths of parameters, `solver` stands for the weights of the round"),
            );
            return false;
        }
        let scope = &self.scopes[file.0 as usize];
        if let Some((_, first)) = scope.labels.get(&*name.text).copied() {
            self.report(
                Problem::new(Code::E0201, place, format!("the label `{}` is given twice", name.text))
                    .label("again here")
                    .other(first, "first given here")
                    .help(
                        "labels of all kinds share one namespace, because paths begin with them; rename one",
                    ),
            );
            return false;
        }
        self.scopes[file.0 as usize].labels.insert(name.text.to_string(), (named, place));
        true
    }

    fn add_param(&mut self, file: FileId, name: &Name, prefix: &str, item: usize) {
        let place = self.place(file, name);
        let id = EntityId(self.entities.len() as u32);
        if let Some(first) = self.scopes[file.0 as usize].params.get(&*name.text) {
            let first = self.entity(*first).place;
            self.report(
                Problem::new(Code::E0201, place, format!("the parameter `{}` is given twice", name.text))
                    .label("again here")
                    .other(first, "first given here"),
            );
            return;
        }
        self.scopes[file.0 as usize].params.insert(name.text.to_string(), id);
        self.push(Kind::Param, format!("{prefix}param.{}", name.text), file, name, item);
    }

    /// Returns an entity.
    pub fn entity(&self, id: EntityId) -> &Entity {
        &self.entities[id.0 as usize]
    }

    /// Returns the ids of all entities, in order.
    pub fn ids(&self) -> impl Iterator<Item = EntityId> + use<> {
        (0..self.entities.len() as u32).map(EntityId)
    }

    /// Returns the entities of a kind, in order.
    pub fn of_kind(&self, kind: Kind) -> impl Iterator<Item = (EntityId, &Entity)> {
        self.ids().zip(&self.entities).filter(move |(_, entity)| entity.kind == kind)
    }

    /// Returns the entity of that address.
    pub fn by_address(&self, address: &str) -> Option<EntityId> {
        self.ids().find(|id| self.entity(*id).address == address)
    }

    /// Returns the entity at the place of an item: none when its label was refused.
    pub(crate) fn of_item(&self, file: FileId, label: &Name) -> Option<EntityId> {
        match self.scopes[file.0 as usize].labels.get(&*label.text)? {
            (Named::Entity(id), place) if place.from == label.at => Some(*id),
            _ => None,
        }
    }

    /// Returns the parameter at the place of an item.
    pub(crate) fn param_of_item(&self, file: FileId, label: &Name) -> Option<EntityId> {
        let id = *self.scopes[file.0 as usize].params.get(&*label.text)?;
        (self.entity(id).place.from == label.at).then_some(id)
    }

    /// Looks a path up from a file; returns what it names and how many parts of it were used.
    ///
    /// `wanted` are the kinds to suggest first when there is no such name.
    pub(crate) fn lookup(
        &self,
        file: FileId,
        path: &[&str],
        wanted: &[Kind],
    ) -> Result<(EntityId, usize), Miss> {
        let mut file = file;
        for (part, name) in path.iter().enumerate() {
            let scope = &self.scopes[file.0 as usize];
            if *name == "param" && part + 1 < path.len() {
                let wanted = path[part + 1];
                return match scope.params.get(wanted) {
                    Some(id) => Ok((*id, part + 2)),
                    None => {
                        let meant = suggest::nearest(wanted, scope.params.keys().map(String::as_str));
                        Err(Miss::Unknown { part: part + 1, meant: meant.map(str::to_owned) })
                    }
                };
            }
            match scope.labels.get(*name) {
                Some((Named::Entity(id), _)) => return Ok((*id, part + 1)),
                Some((Named::File(next), _)) => file = *next,
                Some((Named::Unread, _)) => return Err(Miss::Unread),
                None => return Err(Miss::Unknown { part, meant: self.meant(file, name, wanted) }),
            }
        }
        Err(Miss::Unknown { part: path.len().saturating_sub(1), meant: None })
    }

    /// Returns the label that was meant: of the right kind first, then any.
    fn meant(&self, file: FileId, name: &str, wanted: &[Kind]) -> Option<String> {
        let scope = &self.scopes[file.0 as usize];
        let right = |named: &Named| match named {
            Named::Entity(id) => wanted.contains(&self.entity(*id).kind),
            _ => false,
        };
        let of_kind =
            scope.labels.iter().filter(|(_, (named, _))| right(named)).map(|(label, _)| label.as_str());
        suggest::nearest(name, of_kind)
            .or_else(|| suggest::nearest(name, scope.labels.keys().map(String::as_str)))
            .map(str::to_owned)
    }

    /// Returns the labels of one kind that a file can name.
    pub(crate) fn labels_of(&self, file: FileId, kinds: &[Kind]) -> Vec<String> {
        let scope = &self.scopes[file.0 as usize];
        let labels = scope.labels.iter().filter_map(|(label, (named, _))| match named {
            Named::Entity(id) if kinds.contains(&self.entity(*id).kind) => Some(label.clone()),
            _ => None,
        });
        labels.collect()
    }
}

/// Returns whether the root file of a project is a library: nothing in it is meant to be built.
pub(crate) fn is_library(db: &dyn salsa::Database, project: Project) -> bool {
    let root = &project.files(db)[0];
    let is_curriculum = |item: &Item| match &item.kind {
        ItemKind::Block { path, .. } => path_text(path) == "curriculum",
        _ => false,
    };
    root.source.origin(db) == Origin::Library
        || !parsed(db, root.source).tree(db).items.iter().any(is_curriculum)
}
