//! Whether what is trained on, what scores and what measures share code: then a score would mean
//! nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::path::Path;

use sswe_cache::{Digest, Fields};
use sswe_compiler::plan::{Plan, StageKind};

use crate::artifact::Tree;
use crate::rewriter::is_product;
use crate::stage::pin::read_tree;

pub(crate) mod code;

/// Functions and files of fewer lines are alike by chance.
pub(crate) const LEAST_LINES: usize = 4;

/// What a repository is for.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Role {
    /// It is trained on.
    Trained,
    /// The validation block of that name is planted in it: training is steered by it.
    Exam(String),
    /// The bench of that name is planted in it.
    Bench(String),
}

impl fmt::Display for Role {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Role::Trained => f.write_str("trained on"),
            Role::Exam(name) => write!(f, "exam `{name}`"),
            Role::Bench(name) => write!(f, "bench `{name}`"),
        }
    }
}

/// Two repositories that share code, although one of them should not know the other.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The one that is trained on or that steers training, and what it is for.
    pub seen: (String, Role),
    /// The one that measures, and what it is for.
    pub held_out: (String, Role),
    /// The files that both have, as the second calls them.
    pub files: Vec<String>,
    /// The functions that both have, as the second calls them: file and name.
    pub functions: Vec<String>,
    /// Whether they are one repository: half of the files or functions of either are the other's.
    pub is_whole: bool,
}

/// Returns which repositories of a plan play which part; `exams` are the validation blocks of its
/// file, which the plan alone cannot tell from benches.
///
/// The seeds of an exam and of a bench may be the same block: then a repository is in both.
pub fn roles(plan: &Plan, exams: &BTreeSet<String>) -> BTreeMap<Role, BTreeSet<String>> {
    let mut found: BTreeMap<Role, BTreeSet<String>> = BTreeMap::new();
    for stage in &plan.stages {
        let name = stage.name.0.rsplit('/').next().unwrap_or_default();
        let block = name.strip_prefix("tasks.").unwrap_or(name);
        let role = match stage.kind {
            StageKind::WarmStart | StageKind::Bootstrap | StageKind::Generate => Role::Trained,
            StageKind::Tasks if exams.contains(block) => Role::Exam(block.to_owned()),
            StageKind::Tasks => Role::Bench(block.to_owned()),
            _ => continue,
        };
        let baselines = stage.inputs.iter().filter(|input| input.port == "baseline");
        let repos = baselines.filter_map(|input| input.from.0.rsplit('/').nth(1));
        found.entry(role).or_default().extend(repos.map(str::to_owned));
    }
    found
}

/// Returns the files of the repositories of a plan that are folders here, by name.
///
/// Folders that cannot be read are left to `pin`, which says why.
pub fn folders(plan: &Plan, base: &Path) -> BTreeMap<String, Tree> {
    let pins = plan.stages.iter().filter(|stage| stage.kind == StageKind::Pin);
    let trees = pins.filter_map(|stage| {
        let name = stage.name.0.rsplit('/').nth(1)?.to_owned();
        let tree = read_tree(&base.join(&stage.sources.first()?.path)).ok()?;
        Some((name, tree))
    });
    trees.collect()
}

/// Finds repositories that share code across the line between what is seen and what measures.
pub fn overlaps(roles: &BTreeMap<Role, BTreeSet<String>>, trees: &BTreeMap<String, Tree>) -> Vec<Overlap> {
    let prints: BTreeMap<&str, Prints> =
        trees.iter().map(|(name, tree)| (name.as_str(), Prints::new(tree))).collect();
    let mut found = Vec::new();
    for (role, repos) in roles {
        for (other, held_out) in roles.iter().filter(|(other, _)| is_apart(role, other)) {
            for (a, b) in repos.iter().flat_map(|a| held_out.iter().map(move |b| (a, b))) {
                let (Some(own), Some(its)) = (prints.get(a.as_str()), prints.get(b.as_str())) else {
                    continue;
                };
                found.extend(own.shared((a, role), its, (b, other)));
            }
        }
    }
    found
}

/// Returns whether the second must not know the first: benches may share with each other.
fn is_apart(seen: &Role, held_out: &Role) -> bool {
    match (seen, held_out) {
        (Role::Trained, Role::Exam(_) | Role::Bench(_)) | (Role::Exam(_), Role::Bench(_)) => true,
        (Role::Trained | Role::Bench(_), _) | (Role::Exam(_), _) => false,
    }
}

/// What the product code of a repository says, without comments and spacing.
#[derive(Debug, Default)]
struct Prints {
    /// Files by what they say: their paths.
    files: BTreeMap<Digest, String>,
    /// Functions by what their bodies say: file and name.
    functions: BTreeMap<Digest, String>,
}

impl Prints {
    fn new(tree: &Tree) -> Prints {
        let mut prints = Prints::default();
        for (path, _) in tree.iter().filter(|(path, _)| path.ends_with(".py") && is_product(path)) {
            let lines = code::lines(tree.text(path).unwrap_or_default());
            let said = |lines: &[code::Line]| {
                let mut fields = Fields::new("sswe.code.v1");
                lines.iter().for_each(|line| {
                    fields.text("line", &line.said);
                });
                fields.finish()
            };
            if lines.len() >= LEAST_LINES {
                prints.files.entry(said(&lines)).or_insert_with(|| path.to_owned());
            }
            for (name, body) in code::functions(&lines) {
                if body.len() + 1 >= LEAST_LINES {
                    prints.functions.entry(said(body)).or_insert_with(|| format!("{path}: {name}"));
                }
            }
        }
        prints
    }

    fn shared(&self, own: (&str, &Role), other: &Prints, its: (&str, &Role)) -> Option<Overlap> {
        let both = |a: &BTreeMap<Digest, String>, b: &BTreeMap<Digest, String>| -> Vec<String> {
            b.iter().filter(|(digest, _)| a.contains_key(*digest)).map(|(_, name)| name.clone()).collect()
        };
        let (mut files, mut functions) =
            (both(&self.files, &other.files), both(&self.functions, &other.functions));
        files.sort();
        functions.sort();
        let half = |shared: usize, all: usize| shared > 0 && 2 * shared >= all;
        let is_whole = own.0 == its.0
            || half(files.len(), self.files.len().min(other.files.len()))
            || half(functions.len(), self.functions.len().min(other.functions.len()));
        let is_any = is_whole || !files.is_empty() || !functions.is_empty();
        let place = |(name, role): (&str, &Role)| (name.to_owned(), role.clone());
        is_any.then(|| Overlap { seen: place(own), held_out: place(its), files, functions, is_whole })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::artifact::File;

    fn tree(files: &[(&str, &str)]) -> Tree {
        let mut tree = Tree::default();
        for (path, text) in files {
            tree.insert(*path, File::Text((*text).to_owned())).unwrap();
        }
        tree
    }

    const LONG: &str = "def f(a):\n    b = a\n\n    c = b  # why not\n    return c\n\n\nx = 1\n";

    /// A file with that many functions of its own.
    fn own(name: &str, functions: usize) -> String {
        let body =
            |at| format!("def {name}{at}(a):\n    b = a * {at}\n    c = b - {at}\n    return c + a\n\n");
        (2..functions + 2).map(body).collect()
    }

    fn between(a: &Tree, b: &Tree) -> Vec<Overlap> {
        let names = |name: &str| BTreeSet::from([name.to_owned()]);
        let roles = BTreeMap::from([
            (Role::Trained, names("a")),
            (Role::Exam("anchor".to_owned()), BTreeSet::new()),
            (Role::Bench("fresh".to_owned()), names("b")),
        ]);
        let trees = BTreeMap::from([("a".to_owned(), a.clone()), ("b".to_owned(), b.clone())]);
        overlaps(&roles, &trees)
    }

    #[test]
    fn functions_are_known_by_what_they_say() {
        let one = Prints::new(&tree(&[("m.py", LONG), ("test_m.py", LONG)]));
        assert_eq!(one.functions.values().collect::<Vec<_>>(), ["m.py: f"]);
        let moved = format!("class C:\n{}", LONG.replace('\n', "\n    ").replacen("def", "    def", 1));
        let moved = Prints::new(&tree(&[("n.py", &moved.replace("b = a", "b  =  a  # a comment"))]));
        assert_eq!(moved.functions.keys().collect::<Vec<_>>(), one.functions.keys().collect::<Vec<_>>());
        assert!(Prints::new(&tree(&[("m.py", "def f(a):\n    return a\n")])).functions.is_empty());
    }

    #[test]
    fn a_copy_is_the_same_repository() {
        let seeds = tree(&[("a/m.py", &own("f", 6)), ("a/n.py", &own("g", 2))]);
        let copied = tree(&[("b/other.py", &own("f", 6).replace("\n\n", "\n# copied\n\n\n"))]);
        let found = between(&seeds, &copied);
        assert_eq!(found.len(), 1);
        assert!(found[0].is_whole, "{found:?}");
        assert_eq!((&*found[0].files, found[0].functions.len()), (&["b/other.py".to_owned()][..], 6));
        // Under other names of functions, and among more code: the bodies tell.
        let mixed = format!("{}{LONG}", own("other", 6));
        assert!(between(&seeds, &tree(&[("b/m.py", &mixed)]))[0].is_whole);
    }

    #[test]
    fn a_shared_function_is_named() {
        let seeds = tree(&[("a/m.py", &format!("{LONG}\n{}", own("f", 4).replace('*', "+")))]);
        let bench = tree(&[("b/m.py", &own("g", 9)), ("b/n.py", LONG)]);
        let found = between(&seeds, &bench);
        assert!(!found[0].is_whole, "{found:?}");
        assert_eq!((found[0].files.len(), &*found[0].functions), (0, &["b/n.py: f".to_owned()][..]));
        assert_eq!(between(&seeds, &tree(&[("b/m.py", &own("g", 9))])), []);
        // What is alike by chance is no overlap.
        assert_eq!(between(&tree(&[("a/m.py", "x = 1\n")]), &tree(&[("b/m.py", "x = 1\n")])), []);
    }

    #[test]
    fn benches_may_share_and_exams_may_not() {
        let role = |role: fn(String) -> Role, name: &str| role(name.to_owned());
        let (exam, bench) = (role(Role::Exam, "a"), role(Role::Bench, "b"));
        assert!(
            is_apart(&Role::Trained, &exam) && is_apart(&Role::Trained, &bench) && is_apart(&exam, &bench)
        );
        assert!(!is_apart(&bench, &exam) && !is_apart(&bench, &role(Role::Bench, "c")));
        assert!(!is_apart(&exam, &role(Role::Exam, "c")) && !is_apart(&exam, &Role::Trained));
    }
}
