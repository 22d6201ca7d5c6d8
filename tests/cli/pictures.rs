//! `sswe graph`

use std::collections::BTreeSet;

use super::{GOOD, bad};
use crate::support::{Folder, texts_in};

#[test]
fn json_is_a_graph() {
    let run = Folder::with(GOOD).sswe("graph --format json a.sswe").exits(0).says("");
    let json = run.json();
    assert_eq!(json["v"], 1);
    let nodes: BTreeSet<&str> =
        json["nodes"].as_array().unwrap().iter().map(|node| node["id"].as_str().unwrap()).collect();
    let edges = json["edges"].as_array().unwrap();
    assert!(nodes.len() > 30 && edges.len() > nodes.len());
    for edge in edges {
        for end in ["from", "to"] {
            assert!(nodes.contains(edge[end].as_str().unwrap()), "{edge} has an unknown end");
        }
    }
}

#[test]
fn dot_is_balanced() {
    let run = Folder::with(GOOD).sswe("graph --format dot a.sswe").exits(0).says("");
    assert!(run.out.starts_with("digraph sswe {\n") && run.out.ends_with("}\n"));
    assert_eq!(run.out.matches('"').count() % 2, 0);
    assert!(run.out.contains("\"main/r1/gates.grounded\" -> \"main/r1/gates.stable\""), "{}", run.out);
}

#[test]
fn svg_is_well_formed() {
    let mut texts = texts_in("examples", "sswe");
    texts.push(("good".to_owned(), GOOD.to_owned()));
    texts.push((
        "two curricula".to_owned(),
        format!("{GOOD}{}", GOOD.lines().last().unwrap().replace("main", "other")),
    ));
    for (name, text) in texts {
        let run = Folder::with(&text).sswe("graph --format svg a.sswe").exits(0);
        let shown = well_formed(&run.out).unwrap_or_else(|why| panic!("{name}: {why}"));
        assert!(shown.contains("stable"), "{name}: the gate `stable` is not drawn");
        assert!(
            !["NaN", "\"inf", ",inf", " inf"].iter().any(|bad| run.out.contains(bad)),
            "{name}: a place is no number"
        );
    }
}

#[test]
fn svg_is_the_default() {
    let folder = Folder::with(GOOD);
    let svg = folder.sswe("graph --format svg").exits(0).out;
    assert_eq!(folder.sswe("graph").exits(0).out, svg);
}

#[test]
fn nothing_to_draw() {
    Folder::with("sswe 1\n").sswe("graph").exits(1).prints("").mentions(&["no curriculum"]);
    Folder::with(&bad()).sswe("graph").exits(1).prints("").mentions(&["error[E0303]"]);
    Folder::with(GOOD).sswe("graph --format png").exits(2);
}

/// Returns the text between the tags of an XML document; says what is wrong with it.
///
/// Knows what our pictures use: elements, attributes in double quotes, and the five entities.
fn well_formed(xml: &str) -> Result<String, String> {
    let mut open: Vec<&str> = Vec::new();
    let mut shown = String::new();
    let mut rest = xml.trim();
    let mut roots = 0;
    while let Some(at) = rest.find('<') {
        shown.push_str(entities(&rest[..at])?);
        if open.is_empty() && !rest[..at].trim().is_empty() {
            return Err(format!("text outside of the root: {}", &rest[..at]));
        }
        let end = rest[at..].find('>').ok_or("a tag is not closed")? + at;
        let tag = &rest[at + 1..end];
        rest = &rest[end + 1..];
        if let Some(name) = tag.strip_prefix('/') {
            let opened = open.pop().ok_or(format!("</{name}> closes nothing"))?;
            if opened != name.trim() {
                return Err(format!("</{name}> closes <{opened}>"));
            }
            continue;
        }
        let (tag, is_empty) = tag.strip_suffix('/').map_or((tag, false), |tag| (tag, true));
        let name = tag.split_whitespace().next().ok_or("a tag has no name")?;
        attributes(tag[name.len()..].trim())?;
        roots += u32::from(open.is_empty());
        if !is_empty {
            open.push(name);
        }
    }
    match (open.as_slice(), rest.trim(), roots) {
        ([], "", 1) => Ok(shown),
        ([], "", _) => Err(format!("{roots} roots")),
        ([], more, _) => Err(format!("text after the root: {more}")),
        (open, ..) => Err(format!("{open:?} are not closed")),
    }
}

fn attributes(mut rest: &str) -> Result<(), String> {
    let mut names = BTreeSet::new();
    while !rest.is_empty() {
        let (name, value) = rest.split_once("=\"").ok_or(format!("no attribute: {rest}"))?;
        let (value, after) = value.split_once('"').ok_or(format!("`{name}` is not closed"))?;
        entities(value)?;
        if !names.insert(name.trim()) {
            return Err(format!("`{name}` is given twice"));
        }
        if !after.is_empty() && !after.starts_with(char::is_whitespace) {
            return Err(format!("no space after `{name}`"));
        }
        rest = after.trim();
    }
    Ok(())
}

fn entities(text: &str) -> Result<&str, String> {
    let known = ["amp;", "lt;", "gt;", "quot;", "apos;", "#39;", "#34;"];
    match text.split('&').skip(1).find(|part| !known.iter().any(|entity| part.starts_with(entity))) {
        Some(part) => Err(format!("a bare `&` before `{part}`")),
        None => Ok(text),
    }
}
