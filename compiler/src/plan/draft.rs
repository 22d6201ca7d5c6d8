//! Gathers what one stage reads.

use std::sync::Arc;

use super::{Body, Input, Laid, Shape, SourcePath, StageKind, StageName, StageSetting};
use crate::{
    diagnostic::{FileId, Place},
    names::Names,
    project::{Project, beside},
    schema::{Block, Key, Kind, Role},
    settings::{Effective, Settings, block_of},
    value::{self, EntityId, Type, Value},
};

/// What a layout reads from.
#[derive(Clone, Copy)]
pub(super) struct From<'a> {
    pub(super) db: &'a dyn salsa::Database,
    pub(super) project: Project,
    pub(super) names: &'a Names,
    pub(super) settings: &'a Settings,
}

impl<'a> From<'a> {
    /// Returns the value of a setting of a labelled block.
    pub(super) fn of(
        self,
        address: &str,
        block: &'static Block,
        name: &str,
        round: Option<u32>,
    ) -> Option<Value> {
        self.settings.value(address, block.key(name)?, round)
    }

    pub(super) fn address(self, id: EntityId) -> &'a str {
        &self.names.entity(id).address
    }

    fn label(self, id: EntityId) -> String {
        self.address(id).to_owned()
    }

    /// Returns a path as seen from the folder of the root file.
    fn path_from(self, file: FileId, path: &str) -> String {
        let files = self.project.files(self.db);
        let of = |file: FileId| files.get(file.0 as usize).map_or("", |file| file.source.path(self.db));
        let found = beside(of(file), path);
        let root = beside(of(FileId(0)), ".");
        if found.starts_with('/') != root.starts_with('/') {
            return found;
        }
        let parts = |path: &str| -> Vec<String> {
            path.split('/').filter(|part| !part.is_empty()).map(str::to_owned).collect()
        };
        let (found_parts, root_parts) = (parts(&found), parts(&root));
        let common = found_parts.iter().zip(&root_parts).take_while(|(a, b)| a == b).count();
        // A folder whose name is not known cannot be left again.
        if root_parts[common..].iter().any(|part| part == "..") {
            return found;
        }
        let up = root_parts[common..].iter().map(|_| "..".to_owned());
        let relative: Vec<String> = up.chain(found_parts[common..].iter().cloned()).collect();
        relative.join("/")
    }
}

/// A stage that is being laid out.
pub(super) struct Draft<'a> {
    from: From<'a>,
    name: String,
    body: Body,
}

impl<'a> Draft<'a> {
    pub(super) fn new(from: From<'a>, kind: StageKind, name: String, round: Option<u32>) -> Draft<'a> {
        let body = Body {
            kind,
            round,
            shape: Shape::One,
            settings: Vec::new(),
            inputs: Vec::new(),
            sources: Vec::new(),
            env: Vec::new(),
            seed: None,
            pool: None,
            unless_stopped: false,
        };
        Draft { from, name, body }
    }

    pub(super) fn shape(mut self, shape: Shape) -> Self {
        self.body.shape = shape;
        self
    }

    pub(super) fn seed(mut self, seed: u64) -> Self {
        self.body.seed = Some(seed);
        self
    }

    pub(super) fn unless_stopped(mut self, unless: bool) -> Self {
        self.body.unless_stopped = unless;
        self
    }

    /// Says which round the stage belongs to, where its settings are another round's.
    pub(super) fn in_round(mut self, round: u32) -> Self {
        self.body.round = Some(round);
        self
    }

    pub(super) fn pool(mut self, pool: Option<Value>) -> Self {
        if let Some(Value::Ref(id)) = pool {
            self.body.pool = Some(self.from.label(id));
        }
        self
    }

    pub(super) fn input(mut self, port: &'static str, from: &StageName, output: &'static str) -> Self {
        self.body.inputs.push(Input { port, from: from.clone(), output });
        self
    }

    pub(super) fn inputs(self, port: &'static str, from: &[StageName], output: &'static str) -> Self {
        from.iter().fold(self, |draft, from| draft.input(port, from, output))
    }

    /// Reads some settings of a block.
    pub(super) fn read(mut self, address: &str, block: &'static Block, names: &[&str]) -> Self {
        for key in names.iter().filter_map(|name| block.key(name)) {
            let effective = self.from.settings.effective(address, key, self.body.round);
            self.add(key.name.to_owned(), format!("{address}.{}", key.name), key, effective);
        }
        self
    }

    /// Reads every semantic setting of a block, under `prefix`.
    pub(super) fn read_all(mut self, prefix: &str, address: &str, block: &'static Block) -> Self {
        for key in block.keys {
            let effective = self.from.settings.effective(address, key, self.body.round);
            self.add(format!("{prefix}{}", key.name), format!("{address}.{}", key.name), key, effective);
        }
        for inner in block.blocks {
            self = self.read_all(
                &format!("{prefix}{}.", inner.word),
                &format!("{address}.{}", inner.word),
                inner,
            );
        }
        self
    }

    /// Reads one setting that was looked up elsewhere.
    pub(super) fn read_one(mut self, address: String, key: &'static Key, effective: Effective<'_>) -> Self {
        self.add(key.name.to_owned(), address, key, effective);
        self
    }

    /// Reads a value that is no setting of its own, such as the name of a repository.
    pub(super) fn fact(mut self, name: &str, address: &str, value: Value) -> Self {
        let shown = value::show(&value, Type::Text, &|_| String::new());
        self.body.settings.push(StageSetting {
            name: name.to_owned(),
            address: address.to_owned(),
            shown,
            value,
        });
        self
    }

    /// Reads the content of a file or folder.
    pub(super) fn source(mut self, setting: &str, path: &str, place: Place) -> Self {
        let path = self.from.path_from(place.file, path);
        self.body.sources.push(SourcePath { setting: setting.to_owned(), path });
        self
    }

    fn add(&mut self, name: String, address: String, key: &'static Key, effective: Effective<'_>) {
        if key.role != Role::Semantic {
            return;
        }
        let Some(mut value) = effective.value else { return };
        // Which blocks a list names is in the inputs of a stage, not in what it says.
        if let Value::List(values) = &value
            && values.iter().any(|value| matches!(value, Value::Ref(_)))
        {
            return;
        }
        let from = self.from;
        let shown = value::show(&value, key.ty, &|id| from.label(id));
        let file = effective.from.map_or(FileId(0), |from| from.place.file);
        match &value {
            Value::Ref(id) => {
                self.content_of(&name, *id);
                return;
            }
            Value::Text(path) if key.ty == Type::Path => {
                let path = from.path_from(file, path);
                value = Value::File(path.as_str().into());
                self.body.sources.push(SourcePath { setting: name.clone(), path });
            }
            _ => {}
        }
        value.for_each(&name, &mut |name, value| match value {
            Value::Env(variable) => self.body.env.push((name.to_owned(), variable.to_string())),
            // A path was added above.
            Value::File(path) if key.ty != Type::Path => {
                let path = from.path_from(file, path);
                self.body.sources.push(SourcePath { setting: name.to_owned(), path });
            }
            _ => {}
        });
        self.body.settings.push(StageSetting { name, address, shown, value });
    }

    /// Reads what a block says in place of its label, so that renaming it changes nothing.
    fn content_of(&mut self, name: &str, id: EntityId) {
        let entity = self.from.names.entity(id);
        // Whole sets of repositories and tasks are inputs of a stage, not settings.
        if !matches!(entity.kind, Kind::Model | Kind::Trainer | Kind::Sandbox) {
            return;
        }
        let Some(block) = block_of(entity.kind) else { return };
        for key in block.keys {
            let effective = self.from.settings.effective(&entity.address, key, None);
            self.add(
                format!("{name}.{}", key.name),
                format!("{}.{}", entity.address, key.name),
                key,
                effective,
            );
        }
    }

    pub(super) fn lay<'db>(mut self, db: &'db dyn salsa::Database) -> (StageName, Laid<'db>) {
        // What a stage works on comes first, what may make it unnecessary last.
        self.body.inputs.sort_by_key(|input| input.port == "stop");
        let name = StageName(Arc::from(self.name));
        (name.clone(), Laid::new(db, name, self.body))
    }
}
