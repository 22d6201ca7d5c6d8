use std::collections::BTreeMap;
use std::path::PathBuf;

use super::*;
use crate::rewriter::syntax;

const SAMPLE: &str = r#"
class Cart:
    def __init__(self, items=None, limit=3, strict=False):
        """Holds items."""
        self.items = items
        self.total = 0
        self.limit = limit

    def add(self, item, count):
        if not item:
            return None
        if count <= self.limit and not (item is None or count in self.items):
            self.total += item["price"] * count
            self.items.append(item.get("name"))
            self.label = item["name"] + item["price"]
        for place in range(count):
            if place == len(self.items) - 1:
                break
            self.note(item, place)
        return item

    def note(self, item, place):
        if place is None:
            raise KeyError(item)
        try:
            return min(self.items[place + 1:], key=lambda name: name.lower())
        except ValueError:
            return False


def first(a, b):
    last = None
    for x in a:
        last = second(x, b)
    return last


def second(a, b):
    return not a == b
"#;

fn file(text: &str) -> Parsed {
    Parsed::new("a.py", text.to_owned()).unwrap()
}

fn has_error(text: &str) -> bool {
    syntax::parse(text).is_none_or(|tree| tree.root_node().has_error())
}

/// Returns whether the enumeration on the edited text offers the way back.
fn comes_back(text: &str, edit: &Edit) -> bool {
    let broken = edit.apply(text).unwrap();
    let lines = edit.before.matches('\n').count() + edit.after.matches('\n').count();
    let file = file(&broken);
    let (first, last) = file.logical_of(edit.line - 1);
    let near = first..=last + lines as u32 + 1;
    edits(&file, &|row| near.contains(&row)).iter().any(|back| back.apply(&broken).as_deref() == Some(text))
}

#[test]
fn every_kind_is_found_and_undone_in_the_sample() {
    let mut kinds: BTreeMap<Kind, u32> = BTreeMap::new();
    assert!(!has_error(SAMPLE));
    for edit in edits(&file(SAMPLE), &|_| true) {
        assert!(!has_error(&edit.apply(SAMPLE).unwrap()), "{edit:?}");
        if edit.is_undoable {
            assert!(comes_back(SAMPLE, &edit), "{edit:?}");
            *kinds.entry(edit.kind).or_insert(0) += 1;
        }
    }
    let missing: Vec<Kind> = Kind::ALL.into_iter().filter(|kind| !kinds.contains_key(kind)).collect();
    assert!(missing.is_empty(), "{missing:?}");
}

#[test]
fn broken_code_is_no_trouble() {
    for text in
        ["", "def", "def f(:\n  return (", "class\n\n\0", "def f():\n\treturn [x for", "'''", "é = (é"]
    {
        edits(&file(text), &|_| true);
    }
    // Cut anywhere, also in the middle of a construct.
    for (end, _) in SAMPLE.char_indices() {
        let cut = &SAMPLE[..end];
        for edit in edits(&file(cut), &|_| true) {
            assert!(edit.apply(cut).is_some(), "{edit:?}");
        }
    }
}

#[test]
fn an_edit_knows_its_function_and_context() {
    let found = edits(&file(SAMPLE), &|_| true);
    let edit = found.iter().find(|edit| edit.before == "<=" && edit.after == "<").unwrap();
    assert_eq!((&*edit.function, edit.context, edit.line), ("Cart.add", "boolean_operator", 12));
    assert_eq!(edit.kind, Kind::Comparison);
}

/// Real code: modules of Python's own library, where there is one.
fn library() -> Vec<(String, String)> {
    let names = [
        "textwrap",
        "heapq",
        "shlex",
        "csv",
        "cmd",
        "sched",
        "string",
        "fnmatch",
        "netrc",
        "queue",
        "bdb",
        "mimetypes",
        "configparser",
    ];
    let roots = ["/usr/lib", "/usr/local/lib"].into_iter().flat_map(std::fs::read_dir).flatten().flatten();
    let is_python = |path: &PathBuf| path.join("textwrap.py").is_file();
    let Some(root) = roots.map(|entry| entry.path()).filter(is_python).max() else {
        println!("skipped: no library of Python is on this machine");
        return Vec::new();
    };
    let read = |name: &&str| std::fs::read_to_string(root.join(format!("{name}.py"))).ok();
    names.iter().filter_map(|name| Some(((*name).to_owned(), read(name)?))).collect()
}

#[test]
fn what_can_be_planted_in_real_code_can_be_undone() {
    let mut seen: BTreeMap<Kind, [usize; 4]> = BTreeMap::new();
    let modules = library();
    for (name, text) in &modules {
        if has_error(text) {
            continue;
        }
        let found = edits(&file(text), &|_| true);
        for kind in Kind::ALL {
            let those: Vec<&Edit> = found.iter().filter(|edit| edit.kind == kind).collect();
            let plantable: Vec<&&Edit> = those.iter().filter(|edit| edit.is_undoable).collect();
            let counts = seen.entry(kind).or_default();
            counts[0] += those.len();
            counts[1] += plantable.len();
            for edit in plantable.iter().step_by((plantable.len() / 3).max(1)) {
                counts[2] += 1;
                assert!(!has_error(&edit.apply(text).unwrap()), "{name}: {edit:?}");
                if comes_back(text, edit) {
                    counts[3] += 1;
                } else {
                    println!("{name}: no way back from {edit:?}");
                }
            }
        }
    }
    println!("kind              found  plantable  tried  undone");
    for (kind, [found, plantable, tried, undone]) in &seen {
        println!("{:<16} {found:>6} {plantable:>10} {tried:>6} {undone:>7}", kind.as_str());
        assert!(undone * 100 >= tried * 95, "{kind}: {undone} of {tried} can be undone");
        assert!(*plantable > 0 || modules.is_empty(), "{kind} is found nowhere");
    }
}
