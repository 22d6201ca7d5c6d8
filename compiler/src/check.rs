//! Everything that is wrong with a project, at its place in the text.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diagnostic::{Code, Diagnostic, Edit, FileId, Fix, Label, LineIndex, Place, Problem, Severity, Span},
    lex::{Kind as Token, tokens},
    lint::lints,
    names::names,
    project::{Project, Source, parsed},
    schema::{self, Kind},
    settings::settings,
    value::{Type, Value},
};

/// What the caller knows of the machine; everything left out is not checked.
#[derive(Clone, Debug, Default)]
pub struct Host {
    /// Whether each environment variable of [`wants`] is set.
    pub variables: BTreeMap<String, bool>,
    /// Whether each path of [`wants`] exists.
    pub paths: BTreeMap<String, bool>,
    /// Bytes of memory.
    pub memory: Option<u64>,
}

/// What a project reads from outside.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wants {
    /// Environment variables: the name, the place, and whether it is a secret.
    pub variables: Vec<(String, Place, bool)>,
    /// Files and folders, relative to the file that names them.
    pub paths: Vec<(String, Place)>,
}

/// Returns the problems of a project, in the order of files and places.
pub fn problems(db: &dyn salsa::Database, project: Project, host: &Host) -> Vec<Problem> {
    let mut all = Vec::new();
    for (index, source) in sources(db, project).into_iter().enumerate() {
        let file = FileId(index as u32);
        all.extend(parsed(db, source).problems(db).iter().map(|problem| in_file(problem, file)));
    }
    all.extend(names(db, project).problems.iter().cloned());
    all.extend(settings(db, project).problems.iter().cloned());
    // Lints speak of what settings mean: a file with mistakes means nothing yet.
    if !all.iter().any(Problem::is_error) {
        all.extend(lints(db, project).iter().cloned());
        all.extend(outside(db, project, host));
    }
    all.sort_by_key(|problem| (problem.place, problem.code));
    all.dedup();
    all
}

/// Returns the diagnostics of a project: problems with their places in the text.
pub fn diagnostics(db: &dyn salsa::Database, project: Project, host: &Host) -> Vec<Diagnostic> {
    let files = Files::new(db, project);
    let allowed = files.allowed();
    let placed = problems(db, project, host).into_iter().map(|problem| files.diagnostic(&problem));
    placed.filter(|found| found.severity == Severity::Error || !is_allowed(found, &allowed)).collect()
}

/// Returns what a project reads from outside.
pub fn wants(db: &dyn salsa::Database, project: Project) -> Wants {
    let settings = settings(db, project);
    let mut wants = Wants::default();
    for setting in settings.slots.values() {
        for assignment in &setting.assignments {
            match &assignment.value {
                Some(Value::Env(name)) => wants.variables.push((name.to_string(), assignment.place, false)),
                Some(Value::Secret(name)) => wants.variables.push((name.to_string(), assignment.place, true)),
                Some(Value::File(path)) => wants.paths.push((path.to_string(), assignment.place)),
                Some(Value::Text(path)) if setting.key.ty == Type::Path => {
                    wants.paths.push((path.to_string(), assignment.place));
                }
                _ => {}
            }
        }
    }
    for repo in settings.repos.values().flatten().filter(|repo| repo.block == "dir") {
        wants.paths.push((repo.source.clone(), repo.place));
    }
    wants
}

/// Returns the name of the file that a place is in.
pub fn file_name(db: &dyn salsa::Database, project: Project, place: Place) -> String {
    sources(db, project).get(place.file.0 as usize).map_or(String::new(), |source| source.path(db).to_owned())
}

/// Returns where a place is in the text.
pub fn span(db: &dyn salsa::Database, project: Project, place: Place) -> Span {
    Files::new(db, project).span(place)
}

fn sources(db: &dyn salsa::Database, project: Project) -> Vec<Source> {
    let files = project.files(db).iter().map(|file| file.source);
    files.chain(std::iter::once(project.flags(db))).collect()
}

fn in_file(problem: &Problem, file: FileId) -> Problem {
    let mut problem = problem.clone();
    problem.place.file = file;
    for (place, _) in &mut problem.others {
        place.file = file;
    }
    for (place, _) in problem.fixes.iter_mut().flat_map(|fix| &mut fix.edits) {
        place.file = file;
    }
    problem
}

/// What the host lacks: warnings, since another machine may have it.
fn outside(db: &dyn salsa::Database, project: Project, host: &Host) -> Vec<Problem> {
    let mut found = Vec::new();
    let wants = wants(db, project);
    for (name, place, is_secret) in wants.variables {
        if host.variables.get(&name) == Some(&false) {
            let what = if is_secret { "secret" } else { "variable" };
            found.push(
                Problem::new(Code::W0705, place, format!("the environment variable `{name}` is not set"))
                    .label(format!("this {what}"))
                    .help(format!("set it before `sswe build`: `export {name}=...`")),
            );
        }
    }
    for (path, place) in wants.paths {
        if host.paths.get(&path) == Some(&false) {
            found.push(
                Problem::new(Code::W0804, place, format!("`{path}` does not exist"))
                    .label("not found")
                    .help("paths are relative to the file that names them; `sswe build` needs it"),
            );
        }
    }
    found.extend(memory(db, project, host));
    found
}

/// Workers that may fill more memory than there is.
fn memory(db: &dyn salsa::Database, project: Project, host: &Host) -> Vec<Problem> {
    let mut found = Vec::new();
    let Some(available) = host.memory else { return found };
    let (names, settings) = (names(db, project), settings(db, project));
    let get = |address: &str, block: &'static schema::Block, name: &str| {
        block.key(name).and_then(|key| settings.value(address, key, None))
    };
    for (_, sandbox) in names.of_kind(Kind::Sandbox) {
        let Some(Value::Ref(pool)) = get(&sandbox.address, &schema::SANDBOX, "pool") else { continue };
        let pool = &names.entity(pool).address;
        let limits = format!("{}.limits", sandbox.address);
        let (workers, each) =
            match (get(pool, &schema::POOL, "workers"), get(&limits, &schema::LIMITS, "memory")) {
                (Some(Value::Int(workers)), Some(Value::Bytes(each))) => {
                    (u64::try_from(workers).unwrap_or(0), each)
                }
                _ => continue,
            };
        let capped =
            matches!(get(pool, &schema::POOL, "memory"), Some(Value::Bytes(cap)) if cap <= available);
        let total = workers.saturating_mul(each);
        if total <= available || capped {
            continue;
        }
        let at =
            |address: &str, name: &str| settings.winner(&format!("{address}.{name}"), None).map(|w| w.place);
        let place = at(pool, "workers").unwrap_or(sandbox.place);
        let gib = |bytes: u64| bytes.div_ceil(1 << 30);
        let mut problem = Problem::new(
            Code::W0702,
            place,
            format!(
                "{workers} workers of {} GiB may use {} GiB; this machine has {}",
                gib(each),
                gib(total),
                gib(available)
            ),
        )
        .label("too many for the memory")
        .help(format!(
            "write `workers = {}`, or give the pool a `memory` of its own",
            (available / each.max(1)).max(1)
        ));
        if let Some(each) = at(&limits, "memory") {
            problem = problem.other(each, "memory of each");
        }
        found.push(problem);
    }
    found
}

/// The texts of a project, with what is needed to find places in them.
struct Files<'db> {
    db: &'db dyn salsa::Database,
    files: Vec<(Source, LineIndex)>,
}

impl<'db> Files<'db> {
    fn new(db: &'db dyn salsa::Database, project: Project) -> Files<'db> {
        let files = sources(db, project)
            .into_iter()
            .map(|source| (source, LineIndex::new(source.text(db))))
            .collect();
        Files { db, files }
    }

    fn span(&self, place: Place) -> Span {
        let (source, lines) = &self.files[(place.file.0 as usize).min(self.files.len() - 1)];
        let text = source.text(self.db);
        let lexed = parsed(self.db, *source).lexed(self.db);
        let bytes = match (lexed.is_empty(), place.from >= lexed.len()) {
            (true, _) => 0..0,
            // Past the last token: just behind it, not on some empty line below.
            (_, true) => {
                let end = lexed.end(text, lexed.len() - 1);
                end..end
            }
            _ => lexed.bytes(text, place.from, place.to),
        };
        lines.span(source.path(self.db), text, bytes)
    }

    fn diagnostic(&self, problem: &Problem) -> Diagnostic {
        let span = self.span(problem.place);
        let own = Label { span: span.clone(), text: problem.label.clone() };
        let others =
            problem.others.iter().map(|(place, text)| Label { span: self.span(*place), text: text.clone() });
        let fixes = problem.fixes.iter().map(|fix| Fix {
            title: fix.title.clone(),
            safe: fix.safe,
            edits: fix
                .edits
                .iter()
                .map(|(at, text)| Edit { span: self.span(*at), text: text.clone() })
                .collect(),
        });
        Diagnostic {
            code: problem.code.as_str(),
            name: problem.code.name(),
            severity: problem.code.severity(),
            message: problem.message.clone(),
            help: problem.help.join("\n"),
            labels: std::iter::once(own).chain(others).collect(),
            fixes: fixes.collect(),
            span,
        }
    }

    /// Returns the lines on which `# sswe: allow(code, ...)` silences warnings, by file.
    fn allowed(&self) -> BTreeSet<(String, usize, String)> {
        let mut allowed = BTreeSet::new();
        for (source, lines) in &self.files {
            let text = source.text(self.db);
            if !text.contains("sswe: allow(") {
                continue;
            }
            let comments = tokens(text).filter(|token| token.kind == Token::Comment);
            for comment in comments {
                let body = text[comment.start..comment.end].trim_start_matches('#').trim();
                let names = body.strip_prefix("sswe: allow(").and_then(|rest| rest.split_once(')'));
                let Some((names, _)) = names else { continue };
                let (line, _) = lines.position(text, comment.start);
                let own_line =
                    text[..comment.start].rsplit('\n').next().is_some_and(|before| before.trim().is_empty());
                let line = if own_line { line + 1 } else { line };
                for name in names.split(',') {
                    allowed.insert((source.path(self.db).to_owned(), line, name.trim().to_owned()));
                }
            }
        }
        allowed
    }
}

fn is_allowed(found: &Diagnostic, allowed: &BTreeSet<(String, usize, String)>) -> bool {
    [found.code, found.name].into_iter().any(|name| {
        let key = (found.span.file.clone(), found.span.line, name.to_owned());
        allowed.contains(&key)
    })
}
