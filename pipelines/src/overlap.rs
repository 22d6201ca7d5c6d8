//! Whether what is trained on and what measures share code: then a score would mean nothing.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;

use sswe_cache::{Digest, Fields};
use sswe_compiler::plan::{Plan, StageKind, StageName};

use crate::artifact::Tree;
use crate::rewriter::is_product;
use crate::stage::pin::read_tree;

/// Functions of fewer lines are alike by chance.
const LEAST_LINES: usize = 4;

/// Two repositories that share code.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Overlap {
    /// The folder that is trained on.
    pub trained: String,
    /// The folder that measures.
    pub held_out: String,
    /// A function that both have, as one of them calls it: file and name.
    pub example: String,
    /// How many functions both have.
    pub functions: usize,
}

/// Finds folders of the seeds that share functions with folders of an exam or bench.
///
/// Folders that cannot be read are left to `pin`, which says why.
pub fn overlaps(plan: &Plan, base: &Path) -> Vec<Overlap> {
    let trains = |kind| matches!(kind, StageKind::WarmStart | StageKind::Bootstrap | StageKind::Generate);
    let trained = folders(plan, &trains);
    let held_out = folders(plan, &|kind| kind == StageKind::Tasks);
    if trained.is_empty() || held_out.is_empty() {
        return Vec::new();
    }
    let read = |folders: BTreeSet<String>| -> Vec<(String, BTreeMap<Digest, String>)> {
        let found = folders.into_iter().filter_map(|folder| {
            let tree = read_tree(&base.join(&folder)).ok()?;
            Some((folder, functions(&tree)))
        });
        found.collect()
    };
    let (trained, held_out) = (read(trained), read(held_out));
    let mut found = Vec::new();
    for (trained, own) in &trained {
        for (held_out, other) in &held_out {
            let shared: Vec<&String> =
                own.iter().filter(|(digest, _)| other.contains_key(digest)).map(|(_, name)| name).collect();
            if let Some(example) = shared.first() {
                found.push(Overlap {
                    trained: trained.clone(),
                    held_out: held_out.clone(),
                    example: (*example).clone(),
                    functions: shared.len(),
                });
            }
        }
    }
    found
}

/// Returns the folders whose baselines stages of some kinds read.
fn folders(plan: &Plan, of: &dyn Fn(StageKind) -> bool) -> BTreeSet<String> {
    let readers = plan.stages.iter().filter(|stage| of(stage.kind));
    let baselines = readers.flat_map(|stage| stage.inputs.iter().filter(|input| input.port == "baseline"));
    let pins: BTreeSet<StageName> = baselines
        .filter_map(|input| {
            Some(StageName(format!("{}/pin", input.from.0.strip_suffix("/baseline")?).into()))
        })
        .collect();
    let pins = plan.stages.iter().filter(|stage| pins.contains(&stage.name));
    pins.flat_map(|stage| stage.sources.iter().map(|source| source.path.clone())).collect()
}

/// Returns the functions of a repository's product code, by what they say.
fn functions(tree: &Tree) -> BTreeMap<Digest, String> {
    let mut found = BTreeMap::new();
    for (path, _) in tree.iter().filter(|(path, _)| path.ends_with(".py") && is_product(path)) {
        let lines: Vec<&str> = tree.text(path).unwrap_or_default().lines().collect();
        let indent = |line: &str| line.len() - line.trim_start().len();
        for (at, line) in lines.iter().enumerate() {
            let Some(rest) = line.trim_start().strip_prefix("def ") else { continue };
            let inside = |next: &&&str| next.trim().is_empty() || indent(next) > indent(line);
            let body: Vec<&str> = lines[at + 1..]
                .iter()
                .take_while(inside)
                .map(|line| line.trim())
                .filter(|l| !l.is_empty())
                .collect();
            if body.len() + 1 < LEAST_LINES {
                continue;
            }
            let mut fields = Fields::new("sswe.function.v1");
            for line in &body {
                fields.text("line", line);
            }
            let name = rest.split('(').next().unwrap_or(rest);
            found.entry(fields.finish()).or_insert_with(|| format!("{path}: {name}"));
        }
    }
    found
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

    #[test]
    fn functions_are_known_by_what_they_say() {
        let long = "def f(a):\n    b = a\n\n    c = b\n    return c\n\n\nx = 1\n";
        let one = functions(&tree(&[("m.py", long), ("test_m.py", long)]));
        assert_eq!(one.values().collect::<Vec<_>>(), ["m.py: f"]);
        let moved = format!("class C:\n{}", long.replace("\n", "\n    ").replacen("def", "    def", 1));
        assert_eq!(
            functions(&tree(&[("n.py", &moved)])).keys().collect::<Vec<_>>(),
            one.keys().collect::<Vec<_>>()
        );
        assert!(functions(&tree(&[("m.py", "def f(a):\n    return a\n")])).is_empty());
    }
}
