//! `sswe graph`

mod svg;

use std::fmt::Write as _;

use sswe_compiler::plan::{Plan, plans};

use super::open_checked;
use crate::{
    Failure,
    args::{Graph, GraphFormat},
    exit, load, style,
};

pub(crate) fn run(args: &Graph) -> Result<u8, Failure> {
    let file = load::file(args.file.as_ref())?;
    let Some(opened) = open_checked(&file, &args.compile)? else { return Ok(exit::FILE_HAS_ERRORS) };
    let plans = plans(&opened.db, opened.project);
    if plans.is_empty() {
        return Err(Failure::file(format!("`{}` has no curriculum: there is nothing to draw", opened.path)));
    }
    let plans: Vec<&Plan> = plans.iter().map(|plan| &**plan).collect();
    style::print(&match args.format {
        GraphFormat::Json => json(&plans),
        GraphFormat::Dot => dot(&plans),
        GraphFormat::Svg => svg::draw(&plans),
    });
    Ok(exit::OK)
}

fn json(plans: &[&Plan]) -> String {
    let stages = plans.iter().flat_map(|plan| &plan.stages);
    let nodes: Vec<serde_json::Value> = stages
        .clone()
        .map(|stage| {
            serde_json::json!({
                "id": stage.name, "kind": stage.kind, "round": stage.round,
                "shape": stage.shape, "spec": stage.spec, "unless_stopped": stage.unless_stopped,
            })
        })
        .collect();
    let edges: Vec<serde_json::Value> = stages
        .flat_map(|stage| {
            let to = &stage.name;
            stage.inputs.iter().map(move |input| {
                serde_json::json!({ "from": input.from, "to": to, "output": input.output, "port": input.port })
            })
        })
        .collect();
    format!("{}\n", serde_json::json!({ "v": 1, "nodes": nodes, "edges": edges }))
}

fn dot(plans: &[&Plan]) -> String {
    let mut out =
        String::from("digraph sswe {\n  rankdir = LR\n  node [shape = box, fontname = \"sans-serif\"]\n");
    for plan in plans {
        for stage in &plan.stages {
            let _ = writeln!(out, "  {:?}", &*stage.name.0);
            for input in &stage.inputs {
                let _ = writeln!(
                    out,
                    "  {:?} -> {:?} [label = {:?}]",
                    &*input.from.0, &*stage.name.0, input.port
                );
            }
        }
    }
    out.push_str("}\n");
    out
}
