//! What a compilation reads: files and overrides, given by the caller as salsa inputs.

#![expect(missing_docs, reason = "salsa writes constructors and setters without docs")]

use std::{collections::BTreeMap, sync::Arc};

use salsa::Setter as _;

use crate::{
    diagnostic::{FileId, Problem},
    lex::{self, Lexed},
    parse,
    syntax::{ItemKind, Tree},
};

/// Holds the inputs and remembers every answer that is still true.
#[salsa::db]
#[derive(Clone, Default)]
pub struct Database {
    storage: salsa::Storage<Self>,
}

#[salsa::db]
impl salsa::Database for Database {}

impl Database {
    /// Makes a database that reports each query it executes, by name: for tests of what reruns.
    pub fn with_log(log: impl Fn(&str) + Send + Sync + 'static) -> Database {
        let storage = salsa::Storage::new(Some(Box::new(move |event: salsa::Event| {
            if let salsa::EventKind::WillExecute { database_key } = event.kind {
                let shown = format!("{database_key:?}");
                log(shown.split('(').next().unwrap_or(&shown));
            }
        })));
        Database { storage }
    }
}

/// Where a text comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Origin {
    /// A file of the user's.
    File,
    /// A file of the built-in library.
    Library,
    /// `--set` on the command line: settings without a header.
    Flags,
}

/// A text.
#[salsa::input(debug)]
pub struct Source {
    /// The name that diagnostics print.
    #[returns(deref)]
    pub path: String,
    /// The text.
    #[returns(deref)]
    pub text: String,
    /// Where it comes from.
    #[returns(copy)]
    pub origin: Origin,
}

/// A file of a project, with what its `use` lines led to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct File {
    /// Its text.
    pub source: Source,
    /// For each path that it uses: the file, or why it could not be read.
    pub imports: BTreeMap<String, Result<FileId, String>>,
}

/// Everything a compilation depends on.
#[salsa::input]
pub struct Project {
    /// The files; the first is the one that was named.
    #[returns(deref)]
    pub files: Vec<File>,
    /// The active profiles.
    #[returns(deref)]
    pub profiles: Vec<String>,
    /// The settings given as `--set`, a text of [`Origin::Flags`].
    #[returns(copy)]
    pub flags: Source,
    /// The sweep cell that is compiled, if one is.
    #[returns(ref)]
    pub cell: Option<Cell>,
}

/// A cell of a sweep: one value for each of its paths.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Cell {
    /// The sweep's label.
    pub sweep: String,
    /// The index of the value taken on each axis, in the order of the axes.
    pub choice: Vec<usize>,
    /// Which repetition, from 0; it is added to the curriculum's seed.
    pub repeat: u32,
}

/// A parsed text.
#[salsa::tracked]
pub struct Parsed<'db> {
    /// What was written; equal after an edit of spacing or comments.
    #[tracked]
    #[returns(ref)]
    pub tree: Arc<Tree>,
    /// What is wrong with the syntax.
    #[tracked]
    #[returns(deref)]
    pub problems: Vec<Problem>,
    /// Where the tokens are; moves with every edit.
    #[tracked]
    #[returns(ref)]
    pub lexed: Arc<Lexed>,
}

/// Parses a text.
#[salsa::tracked(returns(copy))]
pub fn parsed<'db>(db: &'db dyn salsa::Database, source: Source) -> Parsed<'db> {
    let text = source.text(db);
    let lexed = lex::significant(text);
    let (tree, problems) = parse::parse(text, &lexed, source.origin(db) != Origin::Flags);
    Parsed::new(db, Arc::new(tree), problems, Arc::new(lexed))
}

/// How a file is compiled, beside its text.
#[derive(Clone, Debug, Default)]
pub struct Options {
    /// The active profiles.
    pub profiles: Vec<String>,
    /// `path=value` overrides.
    pub set: Vec<String>,
}

/// What reading a used file gives: the name to print, where it comes from and its text, or why not.
pub type Loaded = Result<(String, Origin, String), String>;

/// Opens a project: its root text, and every file that it uses, read by `load`.
///
/// `load` gets the path as written and the name of the file that wrote it. It answers with the
/// name to print, where the text comes from, and the text; or why it could not be read.
pub fn open(
    db: &mut Database,
    path: &str,
    text: &str,
    options: &Options,
    load: &mut dyn FnMut(&str, &str) -> Loaded,
) -> Project {
    let root = Source::new(db, path.to_owned(), text.to_owned(), Origin::File);
    let mut files = vec![File { source: root, imports: BTreeMap::new() }];
    let mut at = 0;
    while at < files.len() {
        let source = files[at].source;
        for import in imports(db, source) {
            let found = match load(&import, source.path(db)) {
                Ok((path, origin, text)) => {
                    let known = files.iter().position(|file| file.source.path(db) == path);
                    let index = known.unwrap_or_else(|| {
                        let source = Source::new(db, path, text, origin);
                        files.push(File { source, imports: BTreeMap::new() });
                        files.len() - 1
                    });
                    Ok(FileId(index as u32))
                }
                Err(why) => Err(why),
            };
            files[at].imports.insert(import, found);
        }
        at += 1;
    }
    let flags = Source::new(db, "--set".to_owned(), options.set.join("\n"), Origin::Flags);
    Project::new(db, files, options.profiles.clone(), flags, None)
}

/// Replaces a text, if it differs: setting the same text again would rerun the parser.
pub fn edit(db: &mut Database, source: Source, text: &str) {
    if source.text(db) != text {
        source.set_text(db).to(text.to_owned());
    }
}

/// Chooses the sweep cell that is compiled from here on.
pub fn choose(db: &mut Database, project: Project, cell: Option<Cell>) {
    if *project.cell(db) != cell {
        project.set_cell(db).to(cell);
    }
}

/// Returns a path as seen from where the file `from` is named, without `.` and `..` where they can go.
pub fn beside(from: &str, path: &str) -> String {
    let folder = from.rfind('/').map_or("", |at| &from[..at + 1]);
    let joined = if path.starts_with('/') { path.to_owned() } else { format!("{folder}{path}") };
    let mut parts: Vec<&str> = Vec::new();
    for part in joined.split('/') {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    let root = if joined.starts_with('/') { "/" } else { "" };
    format!("{root}{}", parts.join("/"))
}

/// Returns the paths that a file uses, in order.
fn imports(db: &Database, source: Source) -> Vec<String> {
    let tree = parsed(db, source).tree(db);
    let paths = tree.items.iter().filter_map(|item| match &item.kind {
        ItemKind::Use { file, .. } => Some(file.1.to_string()),
        _ => None,
    });
    paths.collect()
}
