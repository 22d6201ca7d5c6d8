//! `sswe explain`, `schema`, `completions`, `man` and `init`

use sswe_cache::{Batch, OpenOptions, Store};
use sswe_compiler::{diagnostic::Code, schema};

use super::GOOD;
use crate::support::Folder;

#[test]
fn every_code_has_a_page() {
    let folder = Folder::new();
    let list = folder.sswe("explain --list").exits(0).out;
    for code in Code::ALL {
        let line = format!("{} {} ", code.as_str(), code.name());
        assert!(list.contains(&line), "`explain --list` lacks {line}");
    }
    for code in [Code::E0204, Code::W0402, Code::N0505] {
        let by_code = folder.sswe(&format!("explain {}", code.as_str())).exits(0).says("");
        assert!(by_code.out.len() > 40, "the page of {} is empty", code.as_str());
        assert_eq!(folder.sswe(&format!("explain {}", code.name())).exits(0).out, by_code.out);
        assert_eq!(
            folder.sswe(&format!("explain {}", code.as_str().to_lowercase())).exits(0).out,
            by_code.out
        );
    }
}

#[test]
fn a_setting_has_a_page() {
    let folder = Folder::new();
    folder.sswe("explain curriculum.gates.stable.runs").exits(0).holds(&[
        "type",
        "int",
        "default   3",
        "1..100",
        "semantic",
    ]);
    folder.sswe("explain stable.runs").exits(0).holds(&["curriculum.gates.stable.runs"]);
    folder.sswe("explain curriculum.score").exits(0).holds(&["mode", "= cosine", "against", "(required)"]);
    for (path, ..) in schema::all_keys().into_iter().step_by(17) {
        folder.sswe(&format!("explain {path}")).exits(0).holds(&[&path]);
    }
}

#[test]
fn explained_as_json() {
    let folder = Folder::new();
    let code = folder.sswe("explain E0204 --output json").exits(0).json();
    assert_eq!(
        (&code["code"], &code["name"], &code["severity"]),
        (&"E0204".into(), &"wrong-kind".into(), &"error".into())
    );
    let lines = folder.sswe("explain --list --output json").exits(0).json_lines();
    assert_eq!(lines.len(), Code::ALL.len() + schema::all_keys().len());
}

#[test]
fn what_cannot_be_explained() {
    let folder = Folder::new();
    folder.sswe("explain E9999").exits(2).prints("").mentions(&["E9999"]);
    folder.sswe("explain stable.rnus").exits(2).prints("").mentions(&["stable.rnus"]);
}

#[test]
fn every_schema_is_json() {
    let folder = Folder::new();
    let names = folder.sswe("schema").exits(0).out;
    let names: Vec<&str> = names.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert!(["diagnostic", "plan", "graph", "show"].iter().all(|name| names.contains(name)), "{names:?}");
    for name in names {
        let schema = folder.sswe(&format!("schema {name}")).exits(0).says("").json();
        if name != "settings" {
            assert!(schema["$schema"].as_str().unwrap().starts_with("https://json-schema.org/"), "{name}");
        }
    }
    folder.sswe("schema nonsense").exits(2).prints("").mentions(&["nonsense", "diagnostic"]);
}

/// What is printed has the fields that its schema asks for, and no others.
#[test]
fn what_is_printed_fits_its_schema() {
    let folder = Folder::with(GOOD);
    let bad = Folder::with("sswe 1\npool cpu { wrokers = 4 }\n");
    let printed = [
        ("plan", folder.sswe("plan --output json").json_lines()),
        ("graph", folder.sswe("graph --format json").json_lines()),
        ("show", vec![folder.sswe("show --json").json()]),
        ("diagnostic", bad.sswe("check --output json").json_lines()),
    ];
    for (name, values) in printed {
        let schema = folder.sswe(&format!("schema {name}")).exits(0).json();
        assert!(!values.is_empty());
        values.iter().for_each(|value| fits(value, &schema, name));
    }
}

/// Knows the words of JSON Schema that our schemas use.
fn fits(value: &serde_json::Value, schema: &serde_json::Value, at: &str) {
    let types: Vec<&str> = match &schema["type"] {
        serde_json::Value::String(one) => vec![one],
        serde_json::Value::Array(many) => many.iter().filter_map(|one| one.as_str()).collect(),
        _ => Vec::new(),
    };
    let is = |ty: &str| match ty {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        _ => value.is_null(),
    };
    assert!(types.is_empty() || types.into_iter().any(is), "{at}: {value} is not of {}", schema["type"]);
    if let Some(variants) = schema["enum"].as_array() {
        assert!(variants.contains(value), "{at}: {value} is not one of {variants:?}");
    }
    for name in schema["required"].as_array().into_iter().flatten() {
        assert!(value.get(name.as_str().unwrap()).is_some(), "{at}: {name} is missing");
    }
    if let (Some(object), Some(properties)) = (value.as_object(), schema["properties"].as_object()) {
        for (name, inner) in object {
            let inner_schema =
                properties.get(name).unwrap_or_else(|| panic!("{at}.{name} is not documented"));
            fits(inner, inner_schema, &format!("{at}.{name}"));
        }
    }
    for item in value.as_array().into_iter().flatten() {
        fits(item, &schema["items"], &format!("{at}[]"));
    }
}

#[test]
fn completions_for_each_shell() {
    let folder = Folder::new();
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        folder.sswe(&format!("completions {shell}")).exits(0).says("").holds(&["sswe", "explain"]);
    }
    folder.sswe("completions tcsh").exits(2);
}

#[test]
fn manual_pages() {
    let folder = Folder::new();
    folder.sswe("man").exits(0).says("").holds(&[".TH sswe 1"]);
    folder.sswe("man --dir pages").exits(0);
    for page in ["sswe.1", "sswe-check.1", "sswe-fmt.1", "sswe-plan.1"] {
        assert!(folder.read(&format!("pages/{page}")).contains(".TH"), "{page}");
    }
}

#[test]
fn a_starter_file() {
    let folder = Folder::new();
    folder.sswe("init").exits(0).mentions(&["wrote curriculum.sswe", "sswe check"]);
    folder.sswe("check").exits(0).says("checked 1 file: no findings");
    folder.sswe("check --profile smoke").exits(0).says("checked 1 file: no findings");
    folder.sswe("fmt --check").exits(0);
    folder.sswe("plan").exits(0).holds(&["round 1 of"]);
    let text = folder.read("curriculum.sswe");
    assert!(text.matches("\n#").count() > 3, "the starter is commented");
}

#[test]
fn a_starter_never_overwrites() {
    let folder = Folder::with("mine");
    folder.sswe("init a.sswe").exits(2).mentions(&["exists already"]);
    assert_eq!(folder.read("a.sswe"), "mine");
    folder.sswe("init no/such/folder.sswe").exits(1).mentions(&["cannot write"]);
}

/// The store that a build makes, seen from outside.
#[test]
fn the_store() {
    let folder = Folder::new();
    folder.sswe("cache path").exits(0).says("");
    for command in ["cache stats", "cache gc", "cache verify"] {
        folder.sswe(command).exits(1).mentions(&["there is no store at `.sswe/store`", "SSWE_STORE"]);
    }
    let path = folder.path(".sswe/store");
    let store = Store::open(&path, OpenOptions::default()).unwrap();
    let mut batch = Batch::new(&store);
    let digest = batch.put(&vec![7; 100_000]).unwrap();
    batch.commit().unwrap();
    drop(store);
    folder.sswe("cache stats").exits(0).holds(&["actions      0", "0 small, 1 in files", "97.7 KiB"]);
    folder.sswe("cache verify").exits(0).holds(&["hashed 1 blobs", "clean"]);
    folder.sswe("cache gc --max-size 4").exits(2).mentions(&["no unit"]);
    folder.sswe("cache gc --older-than 30d --dry-run").exits(0).holds(&["would remove", "1 blobs"]);
    folder.sswe("cache stats").exits(0).holds(&["0 small, 1 in files"]);

    let shown = digest.to_string();
    let (folder_name, rest) = shown.split_at(2);
    let blob = std::fs::read_dir(path.join("cas").join(folder_name)).unwrap().next().unwrap().unwrap().path();
    assert!(blob.file_name().unwrap().to_string_lossy().starts_with(rest), "{blob:?}");
    std::fs::write(&blob, b"not what it was").unwrap();
    folder.sswe("cache verify").exits(1).holds(&["damaged", "cache verify --repair"]);
    folder.sswe("cache verify --repair").exits(0).holds(&["mended"]);
    folder.sswe("cache verify").exits(0).holds(&["clean"]);

    std::fs::write(path.join("index.sqlite"), vec![1; 4096]).unwrap();
    folder.sswe("cache stats").exits(1);
    folder.sswe("cache verify --repair").exits(0).holds(&["built anew"]);
    folder.sswe("cache verify").exits(0).holds(&["clean"]);
}
