//! What the front end costs: `cargo bench -p sswe-compiler`.
//!
//! The figures to look at: parse in MB/s on 5 MB, format against parse, check of 1 MB, and a whole
//! process on the complete example (skipped, aloud, until `cargo build --release` made one).

#![expect(clippy::disallowed_types, clippy::disallowed_methods, reason = "one bench times a whole process")]
#![expect(clippy::print_stderr, reason = "a skip says so")]

use std::{collections::BTreeMap, fmt::Write, path::PathBuf, process::Command};

use divan::{Bencher, black_box, counter::BytesCount};
use sswe_compiler::{
    check::{self, Host},
    format, lex,
    plan::plans,
    project::{self, Database, Options, Origin, Project, Source, parsed},
};

fn main() {
    divan::main();
}

const COMPLETE: &str = include_str!("../../examples/complete.sswe");
const LIBRARY: &str = include_str!("../../pipelines/library/gates.sswe");

/// Returns a valid file of about so many bytes: whole pipelines, one after the other.
fn generated(bytes: usize) -> String {
    let mut text = String::from("sswe 1\n\n");
    let mut index = 0;
    while text.len() < bytes {
        let i = index;
        let _ = write!(
            text,
            r#"# Pipeline number {i}.
param tasks_{i}: int = 12_000 in 24..50_000  ## Valid tasks to collect per round.
pool cpu_{i} {{ workers = 64, memory = 8GiB }}
sandbox py_{i} {{
  backend = docker                              # native | docker | remote
  image   = "ghcr.io/acme/swe-py:3.{i}"
  network = off
  limits  {{ cpus = 2, memory = 4GiB, wall = 10min, pids = 256 }}
  pool    = cpu_{i}
}}
seeds core_{i} {{
  sandbox = py_{i}
  repo "acme/one_{i}" {{ at = "v3.2.2", test = 'pytest -q' }}
  pypi "two_{i}"      {{ at = "1.0.0", test = 'pytest -q' }}
}}
seeds exam_{i} {{ sandbox = py_{i}, pypi "schema_{i}" {{ at = "0.7.8" }} }}
seeds unseen_{i} {{ sandbox = py_{i}, pypi "semver_{i}" {{ at = "3.1.1" }} }}
model base_{i} {{ backend = rewriter }}
bench fresh_{i} {{ from = unseen_{i}, size = 300 }}
validation anchor_{i} {{
  from     = exam_{i}
  size     = 100
  strata   = [language, difficulty]
  disjoint = [core_{i}, fresh_{i}]
}}
curriculum main_{i} {{
  seeds  = core_{i}
  solver = base_{i}
  rounds = 3
  seed   = {i}

  solve    {{ attempts = 8, steps = 60, wall = 30min, hide = [reference, verifier] }}
  distill  {{ learn_from = [passed, partial, failed], dedupe = 0.85, coverage = 3 }}
  generate {{ valid = param.tasks_{i}, group = 8, per_card = 12..200, dedupe = 0.90 }}
  gates {{
    well_formed {{ max_files = 8, max_lines = 400 }}
    grounded    {{ symbols = strict }}
    stable      {{ runs = 3, flaky = 0%, wall = 5min }}
    separates   {{ broken = fails, fixed = passes, keep_green = 100% }}
  }}
  score {{ mode = cosine, against = anchor_{i}, invalid = -1.0 }}
  select {{ growth = union, min_score = 0.05, top = 35%, per_repo = ..15%, replay = 10% }}
  train solver {{ method = gdpo, lr = 1e-6, weighting = after, reward {{ all_pass = 0.5, fixed = 0.3 }} }}
  evaluate {{ on = [fresh_{i}], attempts = 5 }}
  stop {{ metric = anchor_{i}.resolved, min_gain = 0.5pp, patience = 2 }}
  round 3 {{
    gates {{ stable {{ runs = 5 }} }}
    select {{ top = 25% }}
  }}
}}

"#
        );
        index += 1;
    }
    text
}

fn open(db: &mut Database, text: &str) -> Project {
    project::open(db, "bench.sswe", text, &Options::default(), &mut |path, _| {
        Ok((path.to_owned(), Origin::Library, LIBRARY.to_owned()))
    })
}

fn parse(bencher: Bencher<'_, '_>, text: &str) {
    let input = || {
        let db = Database::default();
        let source = Source::new(&db, "bench.sswe".to_owned(), text.to_owned(), Origin::File);
        (db, source)
    };
    bencher.counter(BytesCount::of_str(text)).with_inputs(input).bench_local_refs(|(db, source)| {
        black_box(parsed(db, *source));
    });
}

fn host() -> Host {
    Host { variables: BTreeMap::new(), paths: BTreeMap::new(), memory: None }
}

#[divan::bench(sample_count = 15)]
fn lex_5_mb(bencher: Bencher<'_, '_>) {
    let text = generated(5_000_000);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| lex::significant(black_box(&text)));
}

/// Tokens, tree, recovery; the tree is dropped outside of the measure.
#[divan::bench(sample_count = 15)]
fn parse_5_mb(bencher: Bencher<'_, '_>) {
    let text = generated(5_000_000);
    parse(bencher, &text);
}

#[divan::bench(sample_count = 15)]
fn parse_5_mb_with_mistakes(bencher: Bencher<'_, '_>) {
    let text = generated(5_000_000).replace("rounds = 3", "rounds 3 =");
    parse(bencher, &text);
}

#[divan::bench(sample_count = 15)]
fn format_5_mb(bencher: Bencher<'_, '_>) {
    let text = generated(5_000_000);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| format::format(black_box(&text)));
}

#[divan::bench(sample_count = 15)]
fn check_1_mb(bencher: Bencher<'_, '_>) {
    let text = generated(1_000_000);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        let mut db = Database::default();
        let project = open(&mut db, black_box(&text));
        let found = check::diagnostics(&db, project, &host());
        assert!(found.is_empty(), "{:?}", found.first());
    });
}

#[divan::bench(sample_count = 15)]
fn plan_1_mb(bencher: Bencher<'_, '_>) {
    let text = generated(1_000_000);
    bencher.counter(BytesCount::of_str(&text)).bench_local(|| {
        let mut db = Database::default();
        let project = open(&mut db, black_box(&text));
        plans(&db, project).len()
    });
}

#[divan::bench]
fn check_complete_example(bencher: Bencher<'_, '_>) {
    bencher.bench_local(|| {
        let mut db = Database::default();
        let project = open(&mut db, black_box(COMPLETE));
        check::diagnostics(&db, project, &host()).len()
    });
}

/// After an edit of a comment in the complete example: parse, and nothing else.
#[divan::bench]
fn replan_after_comment(bencher: Bencher<'_, '_>) {
    let mut db = Database::default();
    let project = open(&mut db, COMPLETE);
    let source = project.files(&db)[0].source;
    let mut count = 0u64;
    bencher.bench_local(|| {
        count += 1;
        project::edit(&mut db, source, &format!("{COMPLETE}# {count}\n"));
        plans(&db, project).len()
    });
}

/// `sswe check` of the complete example as a whole process.
#[divan::bench(sample_count = 30)]
fn process_check_complete_example(bencher: Bencher<'_, '_>) {
    process(bencher, &["check", "examples/complete.sswe"]);
}

/// `sswe --version`: the floor of a process.
#[divan::bench(sample_count = 30)]
fn process_version(bencher: Bencher<'_, '_>) {
    process(bencher, &["--version"]);
}

fn process(bencher: Bencher<'_, '_>, args: &[&str]) {
    let root = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("..");
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(|| root.join("target"), PathBuf::from);
    let binary = target.join("release/sswe");
    if !binary.exists() {
        eprintln!("skipped: no {}; run `cargo build --release` first", binary.display());
        return;
    }
    bencher.bench_local(|| {
        let out = Command::new(&binary).args(args).current_dir(&root).output();
        assert!(out.is_ok_and(|out| out.status.success()));
    });
}
