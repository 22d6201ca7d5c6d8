//! `sswe schema`

use serde_json::{Value, json};
use sswe_compiler::schema;

use super::explain::key_json;
use crate::{Failure, args::Schema, exit, style};

/// Makes a schema.
type Make = fn() -> Value;

/// Name, what it describes, and the schema.
const SCHEMAS: &[(&str, &str, Make)] = &[
    ("diagnostic", "a line of `check --output json`", diagnostic),
    ("plan", "a line of `plan --output json`: a stage", plan),
    ("events", "a line of `build --output json`: something that happened", events),
    ("repo", "repo/1: a repository, and what is known of its tests", repo),
    ("task", "task/1: something to repair; a candidate is one that no gate has judged yet", task),
    ("trace", "trace/1: all attempts of some weights on a task", trace),
    ("card", "card/1: a recurring mistake, and how to practise it", card),
    ("verdict", "verdict/1: what a gate says of a candidate", verdict),
    ("score", "score/1: what the accepted tasks of a round are worth", score),
    ("selection", "selection/1: which tasks are trained on", selection),
    ("evaluation", "evaluation/1: how some weights did on one held-out task", evaluation),
    ("graph", "what `graph --format json` prints", graph),
    ("show", "what `show --json` prints", show),
    ("doctor", "a line of `doctor --output json`: something that a build may need", doctor),
    ("settings", "the table of all settings (data, not a schema)", settings),
];

pub(crate) fn run(args: &Schema) -> Result<u8, Failure> {
    let Some(name) = &args.name else {
        for (name, what, _) in SCHEMAS {
            style::print(&format!("{name:<12} {what}\n"));
        }
        return Ok(exit::OK);
    };
    let Some((.., make)) = SCHEMAS.iter().find(|(known, ..)| known == name) else {
        let names: Vec<&str> = SCHEMAS.iter().map(|(name, ..)| *name).collect();
        return Err(Failure::usage(format!("there is no schema called `{name}`"))
            .hint(format!("the schemas are {}", names.join(", "))));
    };
    style::print(&format!("{}\n", serde_json::to_string_pretty(&make()).unwrap_or_default()));
    Ok(exit::OK)
}

fn document(title: &str, mut body: Value) -> Value {
    body["$schema"] = json!("https://json-schema.org/draft/2020-12/schema");
    body["title"] = json!(title);
    body
}

fn object(required: &[&str], properties: Value) -> Value {
    json!({ "type": "object", "required": required, "properties": properties })
}

/// The place of a diagnostic, label or edit: lines and columns from 1.
fn span() -> Value {
    let number = json!({ "type": "integer", "minimum": 1 });
    json!({
        "file": { "type": "string" }, "line": number, "column": number, "end_line": number, "end_column": number,
        "bytes": { "type": "array", "items": { "type": "integer", "minimum": 0 }, "minItems": 2, "maxItems": 2 },
    })
}

fn with_span(mut properties: Value) -> Value {
    if let (Value::Object(all), Value::Object(span)) = (&mut properties, span()) {
        all.extend(span);
    }
    properties
}

const PLACE: [&str; 6] = ["file", "line", "column", "end_line", "end_column", "bytes"];

fn placed(more: &[&str], properties: Value) -> Value {
    object(&[more, &PLACE].concat(), with_span(properties))
}

fn diagnostic() -> Value {
    let text = json!({ "type": "string" });
    let edit = placed(&["text"], json!({ "text": text }));
    let fix = object(
        &["title", "safe", "edits"],
        json!({ "title": text, "safe": { "type": "boolean" }, "edits": { "type": "array", "items": edit } }),
    );
    document(
        "diagnostic/1",
        placed(
            &["code", "name", "severity", "message", "help", "labels", "fixes"],
            json!({
                "code": { "type": "string", "pattern": "^[EWN][0-9]{4}$" },
                "name": text,
                "severity": { "enum": ["error", "warning", "note"] },
                "message": text,
                "help": text,
                "labels": { "type": "array", "items": placed(&["text"], json!({ "text": text })) },
                "fixes": { "type": "array", "items": fix },
            }),
        ),
    )
}

fn kinds() -> Value {
    json!({ "enum": [
        "pin", "env", "baseline", "tasks", "weights", "warm_start", "bootstrap", "solve", "distill", "generate",
        "gate", "gradient", "score", "select", "train", "evaluate", "stop",
    ] })
}

fn shape() -> Value {
    json!({ "oneOf": [
        { "enum": ["one", "each", "gather", "stop"] },
        object(&["first_n"], json!({ "first_n": { "type": "integer", "minimum": 0 } })),
    ] })
}

fn plan() -> Value {
    let text = json!({ "type": "string" });
    let setting =
        object(&["name", "address", "shown"], json!({ "name": text, "address": text, "shown": text }));
    let input = object(&["port", "from", "output"], json!({ "port": text, "from": text, "output": text }));
    let source = object(&["setting", "path"], json!({ "setting": text, "path": text }));
    document(
        "stage/1",
        object(
            &[
                "name",
                "kind",
                "round",
                "shape",
                "spec",
                "settings",
                "inputs",
                "sources",
                "env",
                "seed",
                "pool",
                "unless_stopped",
                "state",
                "reason",
                "items",
            ],
            json!({
                "name": text,
                "kind": kinds(),
                "round": { "type": ["integer", "null"] },
                "shape": shape(),
                "spec": { "type": "string", "pattern": "^[0-9a-f]{64}$" },
                "settings": { "type": "array", "items": setting },
                "inputs": { "type": "array", "items": input },
                "sources": { "type": "array", "items": source },
                "env": { "type": "array", "items": { "type": "array", "items": text } },
                "seed": { "type": ["integer", "null"] },
                "pool": { "type": ["string", "null"] },
                "unless_stopped": { "type": "boolean" },
                "state": { "enum": ["run", "maybe", "cached", "later", "skipped", null] },
                "reason": { "type": ["string", "null"] },
                "items": { "type": ["integer", "null"] },
            }),
        ),
    )
}

/// From the types themselves: a field that is added there is described here.
fn events() -> Value {
    let mut schema = schemars::schema_for!(sswe_engine::RunEvent).to_value();
    schema["title"] = json!("event/1");
    schema
}

/// Makes the schemas of artifacts: from the types, like that of events.
macro_rules! artifacts {
    ($($name:ident: $of:ident,)*) => {$(
        fn $name() -> Value {
            let mut schema = schemars::schema_for!(sswe_pipelines::artifact::$of).to_value();
            schema["title"] = json!(concat!(stringify!($name), "/1"));
            schema
        }
    )*};
}

artifacts! {
    repo: Repo,
    task: Task,
    trace: Traces,
    card: Card,
    verdict: Verdict,
    score: Scores,
    selection: Selection,
    evaluation: Evaluation,
}

fn graph() -> Value {
    let text = json!({ "type": "string" });
    let node = object(
        &["id", "kind", "round", "shape", "spec", "unless_stopped"],
        json!({
            "id": text, "kind": kinds(), "round": { "type": ["integer", "null"] }, "shape": shape(), "spec": text,
            "unless_stopped": { "type": "boolean" },
        }),
    );
    let edge = object(
        &["from", "to", "output", "port"],
        json!({ "from": text, "to": text, "output": text, "port": text }),
    );
    let list = |items: Value| json!({ "type": "array", "items": items });
    document(
        "graph/1",
        object(
            &["v", "nodes", "edges"],
            json!({ "v": { "const": 1 }, "nodes": list(node), "edges": list(edge) }),
        ),
    )
}

fn show() -> Value {
    let text = json!({ "type": "string" });
    let maybe = json!({ "type": ["string", "null"] });
    let origin =
        object(&["layer", "value"], json!({ "layer": text, "value": maybe, "span": placed(&[], json!({})) }));
    let setting = object(
        &["path", "value", "type", "role", "doc", "origins"],
        json!({
            "path": text, "value": maybe, "type": text, "role": { "enum": ["semantic", "policy", "view"] }, "doc": text,
            "origins": { "type": "array", "items": origin },
        }),
    );
    document(
        "show/1",
        object(
            &["v", "file", "settings"],
            json!({ "v": { "const": 1 }, "file": text, "settings": { "type": "array", "items": setting } }),
        ),
    )
}

fn doctor() -> Value {
    let text = json!({ "type": "string" });
    document(
        "doctor/1",
        object(
            &["group", "name", "state", "found"],
            json!({
                "group": text, "name": text, "found": text, "fix": text,
                "state": { "enum": ["works", "limited", "missing", "broken"] },
            }),
        ),
    )
}

fn settings() -> Value {
    schema::all_keys().iter().map(|(path, _, key)| key_json(path, key)).collect()
}
