//! Shards and safetensors files: what comes back, and what is refused.

use std::fs;

use sswe_kernels::{
    About, Dtype, Error, Gradients, PANEL, Settings, align,
    element::{decode, encode},
    shard::{self, Writer},
};

use crate::support::{Folder, random, rows, safetensors, set};

fn about() -> About {
    About { keys: "0123456789abcdef".to_owned(), adapter: "adapter".to_owned(), ..About::default() }
}

fn write(folder: &Folder, name: &str, dtype: Dtype, rows: &[Vec<f32>]) {
    let mut writer = Writer::create(&folder.path(name), dtype, rows[0].len(), about()).unwrap();
    for (at, row) in rows.iter().enumerate() {
        writer.push(&format!("task {at}"), row).unwrap();
    }
    writer.finish().unwrap();
}

fn open(folder: &Folder, name: &str) -> Result<Gradients, Error> {
    Gradients::open(&folder.path(name), false)
}

#[test]
fn a_shard_comes_back() {
    let folder = Folder::new();
    let mut all = rows(1, 3, 40_001);
    all.push(vec![0.0; 40_001]);
    all[2][7] = f32::NAN;
    for dtype in Dtype::ALL {
        write(&folder, "a.safetensors", dtype, &all);
        let found = open(&folder, "a.safetensors").unwrap();
        assert_eq!((found.count(), found.dim(), found.about()), (4, 40_001, &about()));
        for (at, row) in all.iter().enumerate() {
            assert_eq!((found.name(at), found.dtype(at)), (&*format!("task {at}"), dtype));
            let wanted = decode(dtype, 40_001, &encode(dtype, row));
            let same = |(a, b): (&f32, &f32)| a.to_bits() == b.to_bits() || a.is_nan() && b.is_nan();
            assert!(found.values(at).unwrap().iter().zip(&wanted).all(same), "{dtype} {at}");
        }
        assert_eq!(found.stored_norm2(3), Some(0.0));
        assert!(found.stored_norm2(2).unwrap().is_nan());
        let validation = rows(60, 2, 40_001);
        let score = |candidates: &Gradients| {
            align(candidates, &set(Dtype::F32, &validation), &[], &Settings::default(), &|_| ()).unwrap()
        };
        let kept = score(&set(dtype, &all));
        let found = score(&found);
        assert_eq!(found.scores, kept.scores, "{dtype}");
    }
    assert_eq!(folder.names(), ["a.safetensors"]);
}

#[test]
fn what_was_not_finished_leaves_nothing() {
    let folder = Folder::new();
    let mut writer = Writer::create(&folder.path("a.safetensors"), Dtype::F32, 10, about()).unwrap();
    writer.push("one", &[1.0; 10]).unwrap();
    assert_eq!(folder.names().len(), 1);
    drop(writer);
    assert!(folder.names().is_empty());
    let nowhere = folder.path("nowhere/a.safetensors");
    assert!(matches!(Writer::create(&nowhere, Dtype::F32, 10, about()), Err(Error::Io { .. })));
}

#[test]
fn no_bit_of_a_shard_can_turn_over_unseen() {
    let folder = Folder::new();
    let all = rows(1, 3, 600);
    let validation = set(Dtype::F32, &rows(60, 2, 600));
    for dtype in [Dtype::Bf16, Dtype::Int8] {
        write(&folder, "a.safetensors", dtype, &all);
        let score = || -> Result<Vec<_>, Error> {
            let found = open(&folder, "a.safetensors")?;
            let names: Vec<String> = (0..found.count()).map(|row| found.name(row).to_owned()).collect();
            let scores = align(&found, &validation, &[], &Settings::default(), &|_| ())?.scores;
            Ok(scores.into_iter().zip(names).collect())
        };
        let (wanted, good) = (score().unwrap(), fs::read(folder.path("a.safetensors")).unwrap());
        let mut seen = 0;
        // Every byte of the header's text and of the tables, and many of the rows.
        let text = good[8..].iter().rposition(|byte| *byte == b'}').unwrap_or_default().min(2_000);
        let tables = good.len() - 3 * (8 + 8 + 1) - 40;
        for at in (0..text).chain((4_096..tables).step_by(17)).chain(tables..good.len()) {
            let mut bad = good.clone();
            bad[at] ^= 1 << (at % 8);
            fs::write(folder.path("a.safetensors"), &bad).unwrap();
            match score() {
                Err(error) => {
                    assert!(error.to_string().contains("a.safetensors"), "{error}");
                    assert!(!error.help().is_empty());
                    seen += 1;
                }
                // A header has spaces, and words that mean nothing to us.
                Ok(found) => assert!(found == wanted && at < text, "byte {at} of {}", good.len()),
            }
        }
        assert!(seen > 500, "{seen}");
        for length in (0..good.len()).step_by(97).chain([good.len() - 1]) {
            fs::write(folder.path("a.safetensors"), &good[..length]).unwrap();
            assert!(score().is_err(), "{length} bytes of {}", good.len());
        }
    }
}

#[test]
fn a_damaged_row_is_named() {
    let folder = Folder::new();
    write(&folder, "a.safetensors", Dtype::F32, &rows(1, 3, 2 * PANEL));
    let mut bytes = fs::read(folder.path("a.safetensors")).unwrap();
    // In the second row's second panel.
    let at = 4_096 + 2 * PANEL * 4 + PANEL * 4 + 1_000;
    bytes[at] ^= 1;
    fs::write(folder.path("a.safetensors"), &bytes).unwrap();
    let found = open(&folder, "a.safetensors").unwrap();
    let error = align(
        &found,
        &set(Dtype::F32, &rows(60, 1, 2 * PANEL)),
        &[],
        &Settings { threads: 3, ..Settings::default() },
        &|_| (),
    );
    let error = error.unwrap_err().to_string();
    assert!(error.contains("a.safetensors, row task 1: columns 16384 to 32768"), "{error}");
}

#[test]
fn an_adapters_gradient_is_one_row() {
    let folder = Folder::new();
    let (a, b) = (random(1, 5_000), random(2, 301));
    let metadata = [
        ("schema", "socratic.grad/1"),
        ("task_id", "toolz-1"),
        ("adapter_sha256", "abc"),
        ("optimizer_precond", "none"),
    ];
    let whole = [a.clone(), b.clone()].concat();
    for dtype in [Dtype::F32, Dtype::Bf16, Dtype::F16] {
        let wanted = decode(dtype, 5_301, &encode(dtype, &whole));
        let tensors: [(&str, Dtype, &[f32]); 2] =
            [("x.lora_A.weight", dtype, &a), ("x.lora_B.weight", dtype, &b)];
        safetensors(&folder.path("a.safetensors"), &metadata, &tensors);
        // The same tensors, the other way round in the file: the order of names counts.
        safetensors(&folder.path("b.safetensors"), &metadata[..1], &[tensors[1], tensors[0]]);
        let (found, turned) =
            (open(&folder, "a.safetensors").unwrap(), open(&folder, "b.safetensors").unwrap());
        assert_eq!((found.name(0), turned.name(0)), ("toolz-1", "b"));
        assert_eq!((found.dim(), found.dtype(0)), (5_301, dtype));
        assert_eq!(found.about().keys, turned.about().keys);
        assert_eq!((&*found.about().adapter, &*found.about().precondition), ("abc", ""));
        assert_eq!(found.values(0).unwrap(), wanted);
        assert_eq!(turned.values(0).unwrap(), wanted);
        let validation = set(Dtype::F32, &rows(60, 2, 5_301));
        let score =
            |set: &Gradients| align(set, &validation, &[], &Settings::default(), &|_| ()).unwrap().scores;
        assert_eq!(score(&found), score(&set(dtype, std::slice::from_ref(&whole))));
        assert_eq!(score(&turned), score(&found));
    }
    // A folder is one set, and can be written as one shard.
    shard::save(
        &Gradients::open(folder.as_ref(), false).unwrap(),
        &folder.path("all.shard"),
        Dtype::Int8,
        &|_| (),
    )
    .unwrap();
    let packed = open(&folder, "all.shard").unwrap();
    assert_eq!((packed.count(), packed.name(0), packed.dtype(1)), (2, "toolz-1", Dtype::Int8));
    assert_eq!((&*packed.about().adapter, packed.dim()), ("abc", 5_301));
}

#[test]
fn gradients_of_different_things_are_refused() {
    let folder = Folder::new();
    let values = random(1, 700);
    let one = |name: &str, metadata: &[(&str, &str)], key: &str, dtype: Dtype, values: &[f32]| {
        safetensors(&folder.path(name), metadata, &[(key, dtype, values)]);
    };
    let refused = |parts: &[&str]| {
        let error = Gradients::open(folder.as_ref(), false).unwrap_err();
        for part in parts.iter().chain(&["a.safetensors", "b.safetensors"]) {
            assert!(error.to_string().contains(part), "`{part}` is missing: {error}");
        }
        assert!(!error.help().is_empty());
    };
    one("a.safetensors", &[("adapter_sha256", "one")], "w", Dtype::F32, &values);
    one("b.safetensors", &[("adapter_sha256", "one")], "w", Dtype::F32, &values[1..]);
    refused(&["700", "699", "dimension"]);
    one("b.safetensors", &[("adapter_sha256", "two")], "w", Dtype::F32, &values);
    refused(&["adapter `one`", "`two`"]);
    one("b.safetensors", &[("adapter_sha256", "one")], "u", Dtype::F32, &values);
    refused(&["fingerprint"]);
    one("b.safetensors", &[("adapter_sha256", "one")], "w", Dtype::Bf16, &values);
    refused(&["f32", "bf16"]);
    assert_eq!(Gradients::open(folder.as_ref(), true).unwrap().count(), 2);
    one("a.safetensors", &[("sketch", "rademacher:k=700:seed=1")], "sketch", Dtype::F32, &values);
    one("b.safetensors", &[("sketch", "rademacher:k=700:seed=2")], "sketch", Dtype::F32, &values);
    refused(&["projection", "seed=1", "seed=2"]);
}

#[test]
fn what_is_no_gradient_is_refused() {
    let folder = Folder::new();
    let refused = |name: &str, parts: &[&str]| {
        let error = open(&folder, name).unwrap_err();
        let text = format!("{error}\n{}", error.help());
        for part in parts.iter().chain(&[name]) {
            assert!(text.contains(part), "`{part}` is missing: {text}");
        }
    };
    refused("none.safetensors", &["No such file", "check the path"]);
    fs::write(folder.path("empty.safetensors"), "").unwrap();
    refused("empty.safetensors", &["no safetensors file"]);
    fs::write(folder.path("text.safetensors"), "this is a text, and no tensor").unwrap();
    refused("text.safetensors", &["no safetensors file"]);
    safetensors(&folder.path("nothing.safetensors"), &[], &[]);
    refused("nothing.safetensors", &["no numbers"]);
    safetensors(
        &folder.path("mixed.safetensors"),
        &[],
        &[("a", Dtype::F32, &[1.0]), ("b", Dtype::Bf16, &[1.0])],
    );
    refused("mixed.safetensors", &["`a` is f32", "`b` is bf16", "export"]);
    safetensors(&folder.path("strange.safetensors"), &[("schema", "x/9")], &[("a", Dtype::F32, &[1.0])]);
    refused("strange.safetensors", &["`x/9`", "socratic.grad/1"]);
    let sub = Folder::new();
    assert!(matches!(Gradients::open(sub.as_ref(), false), Err(Error::Empty { .. })));
}

#[test]
fn what_an_index_names_must_be_there() {
    let folder = Folder::new();
    for name in ["a.safetensors", "b.safetensors"] {
        safetensors(&folder.path(name), &[], &[("w", Dtype::F32, &[1.0, 2.0])]);
    }
    let line = |name: &str| format!("{{\"task_id\":\"x\",\"file\":\"grads/{name}.safetensors\"}}\n");
    fs::write(folder.path("index.jsonl"), line("a") + &line("b")).unwrap();
    assert_eq!(Gradients::open(folder.as_ref(), false).unwrap().count(), 2);
    fs::write(folder.path("index.jsonl"), line("a") + "\n" + &line("c")).unwrap();
    let error = Gradients::open(folder.as_ref(), false).unwrap_err().to_string();
    assert!(error.contains("line 3 names grads/c.safetensors, which is missing"), "{error}");
    fs::write(folder.path("index.jsonl"), "{").unwrap();
    let error = Gradients::open(folder.as_ref(), false).unwrap_err().to_string();
    assert!(error.contains("index.jsonl: line 1"), "{error}");
}

#[test]
fn one_missing_file_of_ten_thousand_is_named() {
    let folder = Folder::new();
    let mut index = String::new();
    for at in 0..10_000 {
        let name = format!("{at:05}.safetensors");
        safetensors(&folder.path(&name), &[], &[("w", Dtype::F32, &[1.0, at as f32])]);
        index += &format!("{{\"file\":\"{name}\"}}\n");
    }
    fs::write(folder.path("index.jsonl"), index).unwrap();
    let found = Gradients::open(folder.as_ref(), false).unwrap();
    assert_eq!((found.count(), found.name(9_999)), (10_000, "09999"));
    fs::remove_file(folder.path("07341.safetensors")).unwrap();
    let error = Gradients::open(folder.as_ref(), false).unwrap_err();
    assert!(error.to_string().contains("line 7342 names 07341.safetensors, which is missing"), "{error}");
    assert!(error.help().contains("export the missing gradients"));
}

/// A gigabyte of rows, most of it holes, which read as zeros.
#[test]
#[cfg(target_os = "linux")]
fn rows_may_be_larger_than_memory() {
    use std::{
        io::{Seek as _, SeekFrom, Write as _},
        sync::atomic::{AtomicU64, Ordering},
    };
    const DIM: usize = 64 << 20;
    let folder = Folder::new();
    for at in 0..4u64 {
        let path = folder.path(&format!("{at}.safetensors"));
        let header = format!(r#"{{"w":{{"dtype":"F32","shape":[{DIM}],"data_offsets":[0,{}]}}}}"#, DIM * 4);
        let mut file = fs::File::create(&path).unwrap();
        file.write_all(&(header.len() as u64).to_le_bytes()).unwrap();
        file.write_all(header.as_bytes()).unwrap();
        let begin = file.stream_position().unwrap();
        file.set_len(begin + 4 * DIM as u64).unwrap();
        // One number each, in different places but for the first two rows.
        file.seek(SeekFrom::Start(begin + (at.max(1) * 60_000_000))).unwrap();
        file.write_all(&1.0f32.to_le_bytes()).unwrap();
    }
    let all = Gradients::open(folder.as_ref(), false).unwrap();
    let one = Gradients::open(&folder.path("0.safetensors"), false).unwrap();
    let most = AtomicU64::new(0);
    let watch = |_: f64| {
        let pages = fs::read_to_string("/proc/self/statm").unwrap();
        let resident = pages.split(' ').nth(1).unwrap().parse::<u64>().unwrap() * 4096;
        most.fetch_max(resident, Ordering::Relaxed);
    };
    let found = align(&all, &one, &[], &Settings::default(), &watch).unwrap();
    let scores: Vec<f64> = found.scores.iter().map(|score| score.score.unwrap()).collect();
    assert_eq!(scores, [1.0, 1.0, 0.0, 0.0]);
    let most = most.into_inner() >> 20;
    println!("{most} MiB of {} were resident", all.bytes() >> 20);
    assert!(most < 512, "{most} MiB were resident");
}
