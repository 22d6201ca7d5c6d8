//! Everything that is wrong with a project, at its place in the text.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    diagnostic::{Code, Diagnostic, Edit, FileId, Fix, Label, LineIndex, Place, Problem, Severity, Span},
    lex::{Kind as Token, tokens},
    lint::lints,
    names::names,
    project::{Project, Source, beside, parsed},
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
    /// Files and folders: the path as written, the path from where the root file is named, the place.
    pub paths: Vec<(String, String, Place)>,
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
    // Advice is for files that mean something; contradictions are told with the other mistakes.
    let lints = lints(db, project);
    let is_meaningful = !all.iter().chain(lints).any(Problem::is_error);
    // What seems missing may be what could not be read.
    let is_read = !all.iter().any(|problem| problem.code < Code::E0201);
    let is_sure = |problem: &&Problem| {
        is_meaningful || (problem.is_error() && (is_read || problem.code != Code::E0207))
    };
    all.extend(lints.iter().filter(is_sure).cloned());
    if is_meaningful {
        all.extend(outside(db, project, host));
    }
    all.sort_by_key(|problem| (problem.place, problem.code));
    all.dedup();
    all
}

/// Returns the diagnostics of a project: problems with their places in the text.
pub fn diagnostics(db: &dyn salsa::Database, project: Project, host: &Host) -> Vec<Diagnostic> {
    let files = Files::new(db, project);
    let (allowed, unknown) = files.allowed();
    let placed = problems(db, project, host).into_iter().map(|problem| files.diagnostic(&problem));
    let kept = placed.filter(|found| found.severity == Severity::Error || !is_allowed(found, &allowed));
    kept.chain(unknown).collect()
}

/// Returns what a project reads from outside.
pub fn wants(db: &dyn salsa::Database, project: Project) -> Wants {
    let settings = settings(db, project);
    let mut wants = Wants::default();
    let from =
        |path: &str, place: Place| (path.to_owned(), beside(&file_name(db, project, place), path), place);
    for setting in settings.slots.values() {
        for assignment in &setting.assignments {
            let Some(value) = &assignment.value else { continue };
            value.for_each("", &mut |_, value| match value {
                Value::Env(name) => wants.variables.push((name.to_string(), assignment.place, false)),
                Value::Secret(name) => wants.variables.push((name.to_string(), assignment.place, true)),
                Value::File(path) => wants.paths.push(from(path, assignment.place)),
                Value::Text(path) if setting.key.ty == Type::Path => {
                    wants.paths.push(from(path, assignment.place));
                }
                _ => {}
            });
        }
    }
    for repo in settings.repos.values().flatten().filter(|repo| repo.block == "dir") {
        wants.paths.push(from(&repo.source, repo.place));
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
    for (path, found_at, place) in wants.paths {
        if host.paths.get(&found_at) == Some(&false) {
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

    /// Returns the lines on which `# sswe: allow(code, ...)` silences warnings, by file, and what
    /// such comments name that is no code.
    fn allowed(&self) -> (BTreeSet<(String, usize, Code)>, Vec<Diagnostic>) {
        let mut allowed = BTreeSet::new();
        let mut unknown = Vec::new();
        for (source, lines) in &self.files {
            let (path, text) = (source.path(self.db), source.text(self.db));
            if !text.contains("allow(") {
                continue;
            }
            // Comments on lines of their own speak of the next line that is none.
            let mut waiting: Vec<Code> = Vec::new();
            for (number, line) in text.lines().enumerate() {
                let found = tokens(line).find(|token| token.kind == Token::Comment);
                let is_own = line.trim_start().starts_with('#');
                let start = line.as_ptr() as usize - text.as_ptr() as usize;
                let here = found.map_or(Vec::new(), |comment| names_in(line, comment.start, comment.end));
                let mut codes = Vec::new();
                for (name, bytes) in here {
                    match Code::parse(name) {
                        Some(code) => codes.push(code),
                        None => {
                            let span = lines.span(path, text, start + bytes.start..start + bytes.end);
                            let message = format!("there is no code called `{name}`");
                            let help = "`sswe explain --list` prints all of them";
                            unknown.push(Diagnostic::at(Code::E0212, span, message, help));
                        }
                    }
                }
                if is_own {
                    waiting.extend(codes);
                } else if !line.trim().is_empty() {
                    let all = codes.into_iter().chain(waiting.drain(..));
                    allowed.extend(all.map(|code| (path.to_owned(), number + 1, code)));
                }
            }
        }
        (allowed, unknown)
    }
}

/// Returns the names in `# sswe: allow(a, b)` with their places in the line.
fn names_in(line: &str, start: usize, end: usize) -> Vec<(&str, std::ops::Range<usize>)> {
    let comment = &line[start..end];
    let body = comment.trim_start_matches('#').trim_start();
    let inside = body.strip_prefix("sswe:").map(str::trim_start).and_then(|rest| rest.strip_prefix("allow("));
    let Some((names, _)) = inside.and_then(|rest| rest.split_once(')')) else { return Vec::new() };
    let named = names.split(',').map(|name| {
        let name = name.trim();
        let at = name.as_ptr() as usize - line.as_ptr() as usize;
        (name, at..at + name.len())
    });
    named.filter(|(name, _)| !name.is_empty()).collect()
}

fn is_allowed(found: &Diagnostic, allowed: &BTreeSet<(String, usize, Code)>) -> bool {
    let code = Code::parse(found.code);
    code.is_some_and(|code| allowed.contains(&(found.span.file.clone(), found.span.line, code)))
}
