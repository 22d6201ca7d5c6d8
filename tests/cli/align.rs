//! `sswe align`: rankings, and what keeps gradients from being ranked.

use std::fs;

use sswe_kernels::{About, Dtype, shard::Writer};

use crate::support::Folder;

/// Writes a shard of these rows, called by these names.
fn shard(folder: &Folder, name: &str, rows: &[(&str, Vec<f32>)]) {
    let path = folder.path(name);
    let mut writer = Writer::create(&path, Dtype::F32, rows[0].1.len(), About::default()).unwrap();
    for (name, row) in rows {
        writer.push(name, row).unwrap();
    }
    writer.finish().unwrap();
}

/// A row of 700 numbers that points along the first of them, and by so much along the second.
fn row(first: f32, second: f32) -> Vec<f32> {
    let mut row = vec![0.0; 700];
    (row[0], row[1]) = (first, second);
    row
}

fn filled() -> Folder {
    let folder = Folder::new();
    let mut broken = row(1.0, 0.0);
    broken[699] = f32::NAN;
    let rows = [
        ("zero", row(0.0, 0.0)),
        ("against", row(-1.0, 0.0)),
        ("broken", broken),
        ("across", row(3.0, 4.0)),
        ("along", row(2.0, 0.0)),
    ];
    shard(&folder, "grads.shard", &rows);
    shard(&folder, "exam.shard", &[("one", row(1.0, 1.0)), ("two", row(1.0, -1.0))]);
    folder
}

#[test]
fn gradients_are_ranked() {
    let folder = filled();
    let run = folder.sswe("align grads.shard --against exam.shard").exits(0);
    let lines: Vec<Vec<&str>> =
        run.out.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(
        lines,
        [
            vec!["1", "along", "1.00000", "-", "2.00000"],
            vec!["2", "across", "0.60000", "-", "5.00000"],
            vec!["3", "against", "-1.00000", "-", "1.00000"],
            vec!["4", "zero", "-", "-", "0.00000", "zero"],
            vec!["5", "broken", "-", "-", "-", "non_finite"],
        ]
    );
    run.mentions(&["5 of 5 gradients, 2 without a direction", "against 2 gradients", "need 20 of them"]);
    let top = folder.sswe("align grads.shard --against exam.shard --top 1 --mode dot --output json").exits(0);
    let best = &top.json_lines()[0];
    assert_eq!(top.out.lines().count(), 1);
    assert_eq!((&best["name"], &best["score"], &best["row"]), (&"across".into(), &3.0.into(), &3.into()));
}

#[test]
fn a_row_without_score_is_null() {
    let folder = filled();
    let lines = folder.sswe("align grads.shard --against exam.shard --output json").exits(0).json_lines();
    assert_eq!(lines.len(), 5);
    assert!(lines[3]["score"].is_null() && lines[4]["score"].is_null() && lines[4]["norm"].is_null());
    assert_eq!((&lines[3]["status"], &lines[4]["status"]), (&"zero".into(), &"non_finite".into()));
}

#[test]
fn strata_weights_and_types() {
    let folder = filled();
    fs::write(folder.path("strata.txt"), "one easy\n\ntwo  hard\n").unwrap();
    let score = |flags: &str| -> f64 {
        let command = format!("align grads.shard --against exam.shard --output json --top 1 {flags}");
        folder.sswe(&command).exits(0).json_lines()[0]["score"].as_f64().unwrap()
    };
    assert!((score("--strata strata.txt") - 7.0 / 5.0 / 2f64.sqrt()).abs() < 1e-6);
    assert!((score("--strata strata.txt --over mean") - 0.5f64.sqrt()).abs() < 1e-6);
    assert_eq!(score("--dtype int8 --jobs 3"), 1.0);
    shard(&folder, "weights.shard", &[("w", row(4.0, 1.0))]);
    let lines = folder
        .sswe("align grads.shard --against exam.shard --precondition weights.shard --output json")
        .exits(0)
        .json_lines();
    // 4 * 3 / (sqrt(4 * 9 + 16) * sqrt(4))
    assert!((lines[1]["score"].as_f64().unwrap() - 12.0 / (52f64.sqrt() * 2.0)).abs() < 1e-6);
    fs::write(folder.path("strata.txt"), "one easy\n").unwrap();
    folder
        .sswe("align grads.shard --against exam.shard --strata strata.txt")
        .exits(1)
        .prints("")
        .mentions(&["strata.txt", "`two`", "exam.shard"]);
    fs::write(folder.path("strata.txt"), "one\n").unwrap();
    folder
        .sswe("align grads.shard --against exam.shard --strata strata.txt")
        .exits(1)
        .mentions(&["strata.txt:1", "no stratum"]);
}

#[test]
fn candidates_are_packed() {
    let folder = filled();
    folder
        .sswe("align grads.shard --save small.shard --dtype int8")
        .exits(0)
        .mentions(&["5 gradients", "int8"]);
    let ranks = |file: &str| -> Vec<String> {
        let lines = folder.sswe(&format!("align {file} --against exam.shard --output json")).exits(0);
        lines.json_lines().iter().map(|line| line["name"].to_string()).collect()
    };
    assert_eq!(ranks("small.shard"), ranks("grads.shard"));
}

#[test]
fn what_cannot_be_compared() {
    let folder = filled();
    let fails = |command: &str, parts: &[&str]| {
        folder.sswe(command).exits(1).prints("").mentions(parts).mentions(&["help:"]);
    };
    let good = fs::read(folder.path("grads.shard")).unwrap();
    let mut flipped = good.clone();
    flipped[4_096 + 2 * 4_096 + 5] ^= 4;
    fs::write(folder.path("flipped.shard"), flipped).unwrap();
    fails("align flipped.shard --against exam.shard", &["flipped.shard, row broken", "write the file again"]);
    fs::write(folder.path("short.shard"), &good[..good.len() - 9]).unwrap();
    fails("align short.shard --against exam.shard", &["short.shard", "cut off"]);
    shard(&folder, "long.shard", &[("a", vec![1.0; 701])]);
    fails("align long.shard --against exam.shard", &["long.shard", "701", "exam.shard", "700"]);
    shard(&folder, "zeros.shard", &[("a", row(0.0, 0.0)), ("b", row(0.0, 0.0))]);
    fails("align grads.shard --against zeros.shard", &["zeros.shard", "zero"]);
    fails("align exam.shard --against grads.shard", &["grads.shard, row broken: it holds a NaN"]);
    fails("align none.shard --against exam.shard", &["none.shard"]);
    fs::create_dir(folder.path("empty")).unwrap();
    fails("align empty --against exam.shard", &["empty", "holds no gradient"]);
    fs::write(folder.path("empty/index.jsonl"), "{\"file\":\"a.safetensors\"}\n").unwrap();
    fails("align empty --against exam.shard", &["index.jsonl", "a.safetensors, which is missing"]);
    fails(
        "align grads.shard --against exam.shard --device cuda:0",
        &["no CUDA device can be used here", "--device cpu"],
    );
}

#[test]
fn types_are_not_mixed_unseen() {
    let folder = Folder::new();
    fs::create_dir(folder.path("grads")).unwrap();
    let shard = |name: &str, dtype: Dtype| {
        let path = folder.path(name);
        let mut writer = Writer::create(&path, dtype, 700, About::default()).unwrap();
        writer.push(name, &row(1.0, 2.0)).unwrap();
        writer.finish().unwrap();
    };
    shard("grads/a.safetensors", Dtype::F32);
    shard("grads/b.safetensors", Dtype::Bf16);
    shard("exam.shard", Dtype::F32);
    folder.sswe("align grads --against exam.shard").exits(1).prints("").mentions(&[
        "a.safetensors",
        "f32",
        "b.safetensors",
        "bf16",
        "--dtype",
    ]);
    folder.sswe("align grads --against exam.shard --dtype bf16").exits(0).mentions(&["2 of 2 gradients"]);
}

#[test]
fn wrong_words() {
    let folder = filled();
    folder.sswe("align grads.shard").exits(2).mentions(&["--against"]);
    folder.sswe("align grads.shard --against exam.shard --device tpu").exits(2).mentions(&["tpu", "cuda:N"]);
    folder.sswe("align grads.shard --against exam.shard --dtype int4").exits(2).mentions(&["int4", "int8"]);
}
