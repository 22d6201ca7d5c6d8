//! The scorer against sums in `f64`, against itself on other threads, slabs and instruction sets, and
//! against the change of a loss that it stands for.

use std::collections::BTreeMap;

use sswe_kernels::{
    Alignment, Device, Dtype, Gradients, Isa, Mode, Score, Settings, Status, Strata, align, cpu,
    element::{decode, encode},
};

use crate::support::{random, rows, set};

fn run(
    candidates: &Gradients,
    validation: &Gradients,
    labels: &[&str],
    settings: &Settings<'_>,
) -> Alignment {
    align(candidates, validation, labels, settings, &|_| ()).unwrap()
}

fn mean(rows: &[&Vec<f32>]) -> Vec<f64> {
    let mut sum = vec![0.0; rows[0].len()];
    for row in rows {
        sum.iter_mut().zip(row.iter()).for_each(|(sum, x)| *sum += f64::from(*x));
    }
    sum.iter().map(|sum| sum / rows.len() as f64).collect()
}

fn dot(a: &[f64], b: &[f64]) -> f64 {
    a.iter().zip(b).map(|(a, b)| a * b).sum()
}

fn cosine(a: &[f64], b: &[f64]) -> f64 {
    dot(a, b) / (dot(a, a) * dot(b, b)).sqrt()
}

fn wide(row: &[f32]) -> Vec<f64> {
    row.iter().copied().map(f64::from).collect()
}

#[test]
fn scores_are_close_to_exact_ones() {
    // As long as real rows: what a short row's sums are rounded by is larger.
    let dim = 300_007;
    let (candidates, validation) = (rows(1, 9, dim), rows(100, 5, dim));
    let direction = mean(&validation.iter().collect::<Vec<_>>());
    for (dtype, most) in [(Dtype::F32, 1e-9), (Dtype::F16, 1e-5), (Dtype::Bf16, 1e-5), (Dtype::Int8, 1e-4)] {
        let found = run(&set(dtype, &candidates), &set(Dtype::F32, &validation), &[], &Settings::default());
        let mut largest = 0.0f64;
        for (row, score) in candidates.iter().zip(&found.scores) {
            let row = wide(row);
            largest = largest.max((score.score.unwrap() - cosine(&row, &direction)).abs());
            let norm = dot(&row, &row).sqrt();
            assert!((score.norm.unwrap() / norm - 1.0).abs() < 1e-3);
            assert_eq!((score.status, score.error), (Status::Ok, None));
        }
        println!("{dtype}: a cosine is wrong by {largest:.1e} at most; {most:e} are allowed");
        assert!(largest <= most, "{dtype}: {largest:e}");
        assert!((found.norm / dot(&direction, &direction).sqrt() - 1.0).abs() < 1e-6);
        assert_eq!((found.validation, found.pointing, found.strata), (5, 5, 1));
    }
}

#[test]
fn a_score_has_the_bits_of_the_reference() {
    let dim = 20_000;
    let (candidates, validation) = (rows(1, 3, dim), rows(9, 1, dim));
    for dtype in Dtype::ALL {
        let found = run(&set(dtype, &candidates), &set(Dtype::F32, &validation), &[], &Settings::default());
        let norm2 = cpu::sums(&validation[0], &validation[0]).norm2;
        for (row, score) in candidates.iter().zip(&found.scores) {
            let sums = cpu::encoded_sums(dtype, &encode(dtype, row), &validation[0]);
            assert_eq!(score.score, sums.cosine(norm2));
            assert_eq!(score.norm, Some(sums.norm2.sqrt()));
        }
    }
}

/// Returns a digest of every bit that came out.
fn digest(found: &Alignment) -> String {
    let mut bytes = Vec::new();
    let mut add = |value: Option<f64>| match value {
        Some(value) => bytes.extend(value.to_le_bytes()),
        None => bytes.push(0),
    };
    add(Some(found.norm));
    for Score { row, status, score, norm, error } in &found.scores {
        assert_eq!(*status, Status::Ok);
        add(Some(*row as f64));
        [*score, *norm, *error].into_iter().for_each(&mut add);
    }
    blake3::hash(&bytes).to_hex()[..16].to_owned()
}

/// One digest for every machine: threads by columns of a slab by instruction sets, for each type with
/// another setting; and the same on any other processor, since it stands here.
#[test]
fn one_digest_for_all() {
    const WANTED: [&str; 5] =
        ["aecbb7fe212104a4", "ab21ec7f35abb783", "783695072517343c", "6a57cef88c40c55c", "4dd08a4d9e85bc29"];
    let dim = 40_001;
    let (candidates, validation) = (rows(1, 7, dim), rows(50, 23, dim));
    let labels: Vec<&str> = (0..23).map(|at| ["a", "b", "c"][at % 3]).collect();
    let weights = set(Dtype::F32, &[random(77, dim).iter().map(|w| w.abs()).collect()]);
    let whole = Settings::default();
    let mut found = Vec::new();
    for (dtype, rows, settings) in [
        (Dtype::F32, 10, whole),
        (Dtype::F32, 23, whole),
        (Dtype::Bf16, 23, Settings { strata: Strata::Max, centre: true, ..whole }),
        (Dtype::F16, 23, Settings { strata: Strata::Mean, weights: Some(&weights), ..whole }),
        (Dtype::Int8, 23, Settings { centre: true, weights: Some(&weights), ..whole }),
    ] {
        let (candidates, validation) = (set(dtype, &candidates), set(dtype, &validation[..rows]));
        let mut digests = BTreeMap::<String, usize>::new();
        for threads in [1, 2, 3, 7, 16] {
            for columns in [1, 20_000, 1 << 20] {
                for isa in Isa::available() {
                    let own = Settings { threads, columns: Some(columns), isa: Some(isa), ..settings };
                    let found = digest(&run(&candidates, &validation, &labels[..rows], &own));
                    *digests.entry(found).or_default() += 1;
                }
            }
        }
        println!("{dtype} against {rows} rows: {digests:?} (digest: runs that gave it)");
        found.push(digests.into_keys().collect::<Vec<_>>().join(" and "));
    }
    assert_eq!(found, WANTED);
}

#[test]
fn nothing_about_the_machine_changes_a_bit() {
    let dim = 50_001;
    let (candidates, validation) = (rows(1, 7, dim), rows(50, 23, dim));
    let labels: Vec<&str> = (0..23).map(|at| ["a", "b", "c"][at % 3]).collect();
    let weights = [random(77, dim).iter().map(|w| w.abs()).collect()];
    let weights = set(Dtype::F32, &weights);
    for dtype in Dtype::ALL {
        let candidates = set(dtype, &candidates);
        let validation = set(dtype, &validation);
        for (strata, centre, weights) in [
            (Strata::Whole, false, None),
            (Strata::Max, true, None),
            (Strata::Mean, false, Some(&weights)),
            (Strata::Whole, true, Some(&weights)),
        ] {
            let first = Settings { strata, centre, weights, threads: 1, ..Settings::default() };
            let wanted = run(&candidates, &validation, &labels, &first);
            assert!(wanted.scores.iter().all(|score| score.error.is_some_and(|error| error > 0.0)));
            for threads in [2, 3, 7, 16] {
                let found = run(&candidates, &validation, &labels, &Settings { threads, ..first });
                assert_eq!(found, wanted, "{threads} threads");
            }
            for columns in [1, 20_000, 1 << 20] {
                let settings = Settings { columns: Some(columns), threads: 2, ..first };
                assert_eq!(run(&candidates, &validation, &labels, &settings), wanted, "{columns} columns");
            }
            for isa in Isa::available() {
                let settings = Settings { isa: Some(isa), threads: 2, ..first };
                assert_eq!(run(&candidates, &validation, &labels, &settings), wanted, "{isa:?}");
            }
        }
    }
}

#[test]
fn strata_are_scored_apart() {
    let dim = 5_000;
    let (candidates, validation) = (rows(1, 4, dim), rows(50, 6, dim));
    let labels = ["b", "a", "b", "b", "a", "a"];
    let of = |label: &str| {
        let rows: Vec<&Vec<f32>> =
            validation.iter().zip(labels).filter(|(_, own)| *own == label).map(|(row, _)| row).collect();
        mean(&rows)
    };
    let (a, b) = (of("a"), of("b"));
    let sets = (set(Dtype::F32, &candidates), set(Dtype::F32, &validation));
    for mode in [Mode::Cosine, Mode::Dot] {
        let value = |row: &[f64], direction: &[f64]| match mode {
            Mode::Cosine => cosine(row, direction),
            Mode::Dot => dot(row, direction),
        };
        for strata in [Strata::Max, Strata::Mean] {
            let found = run(&sets.0, &sets.1, &labels, &Settings { mode, strata, ..Settings::default() });
            assert_eq!(found.strata, 2);
            for (row, score) in candidates.iter().zip(&found.scores) {
                let (one, other) = (value(&wide(row), &a), value(&wide(row), &b));
                let wanted = if strata == Strata::Max { one.max(other) } else { (one + other) / 2.0 };
                assert!((score.score.unwrap() - wanted).abs() < 1e-5 * wanted.abs().max(0.01));
            }
        }
    }
}

#[test]
fn the_mean_is_taken_away() {
    let dim = 40_000;
    let mut candidates = rows(1, 6, dim);
    let (shift, validation) = (random(99, dim), rows(50, 3, dim));
    for row in &mut candidates {
        row.iter_mut().zip(&shift).for_each(|(x, shift)| *x += 2.0 * shift);
    }
    let middle = mean(&candidates.iter().collect::<Vec<_>>());
    let direction = mean(&validation.iter().collect::<Vec<_>>());
    let settings = Settings { centre: true, ..Settings::default() };
    // A row that is not finite has no part in the mean; one that is the mean has no direction.
    let mut all = candidates.clone();
    all.push(vec![f32::NAN; dim]);
    let found = run(&set(Dtype::F32, &all), &set(Dtype::F32, &validation), &[], &settings);
    for (row, score) in candidates.iter().zip(&found.scores) {
        let row: Vec<f64> = wide(row).iter().zip(&middle).map(|(x, m)| x - m).collect();
        assert!((score.score.unwrap() - cosine(&row, &direction)).abs() < 1e-6);
        assert!((score.norm.unwrap() / dot(&row, &row).sqrt() - 1.0).abs() < 1e-5);
    }
    assert_eq!((found.scores[6].status, found.scores[6].score), (Status::NonFinite, None));
    let alike = vec![candidates[0].clone(); 3];
    let found = run(&set(Dtype::F32, &alike), &set(Dtype::F32, &validation), &[], &settings);
    assert!(found.scores.iter().all(|score| score.status == Status::ZeroNorm && score.score.is_none()));
}

#[test]
fn weights_say_how_much_a_coordinate_counts() {
    let dim = 30_000;
    let (candidates, validation) = (rows(1, 4, dim), rows(50, 3, dim));
    let mut weights: Vec<f32> = random(7, dim).iter().map(|w| w.abs()).collect();
    weights[..100].fill(0.0);
    let direction = mean(&validation.iter().collect::<Vec<_>>());
    let weighted = |a: &[f64], b: &[f64]| -> f64 {
        a.iter().zip(b).zip(&weights).map(|((a, b), w)| a * b * f64::from(*w)).sum()
    };
    let kept = set(Dtype::F32, &[weights.clone()]);
    let settings = Settings { weights: Some(&kept), ..Settings::default() };
    let found = run(&set(Dtype::F32, &candidates), &set(Dtype::F32, &validation), &[], &settings);
    for (row, score) in candidates.iter().zip(&found.scores) {
        let row = wide(row);
        let norms = weighted(&row, &row) * weighted(&direction, &direction);
        assert!((score.score.unwrap() - weighted(&row, &direction) / norms.sqrt()).abs() < 1e-7);
    }
    // The norm of the direction is told as it is.
    assert!((found.norm / dot(&direction, &direction).sqrt() - 1.0).abs() < 1e-6);
    for bad in [f32::NAN, -1.0, f32::INFINITY] {
        weights[20_000] = bad;
        let kept = set(Dtype::F32, &[weights.clone()]);
        let settings = Settings { weights: Some(&kept), ..Settings::default() };
        let sets = (set(Dtype::F32, &candidates), set(Dtype::F32, &validation));
        let error = align(&sets.0, &sets.1, &[], &settings, &|_| ()).unwrap_err();
        assert!(error.to_string().contains("below zero"), "{error}");
    }
}

#[test]
fn rows_without_direction_come_last_and_ties_stay_in_order() {
    let dim = 600;
    let one = random(1, dim);
    let doubled: Vec<f32> = one.iter().map(|x| 2.0 * x).collect();
    let opposite: Vec<f32> = one.iter().map(|x| -x).collect();
    let mut broken = one.clone();
    broken[599] = f32::INFINITY;
    let candidates = vec![vec![0.0; dim], opposite, broken, doubled, one.clone()];
    let found =
        run(&set(Dtype::F32, &candidates), &set(Dtype::F32, &[one]), &[], &Settings::default()).ranking();
    // A power of two changes no rounding, so both cosines are one.
    assert_eq!(found.iter().map(|score| score.row).collect::<Vec<_>>(), [3, 4, 1, 0, 2]);
    assert_eq!(found[0].score, found[1].score);
    let last: Vec<_> = found[3..].iter().map(|score| (score.status, score.score)).collect();
    assert_eq!(last, [(Status::ZeroNorm, None), (Status::NonFinite, None)]);
    assert!(found[4].norm.is_none());
}

#[test]
fn the_error_is_that_of_leaving_out_tenths() {
    let dim = 3_000;
    let (candidates, validation) = (rows(1, 2, dim), rows(50, 40, dim));
    // A digest's first byte says which part a row is in.
    let named = |(at, row): (usize, &Vec<f32>)| (format!("{:02x}{}", at * 3, "0".repeat(62)), row.clone());
    let named: Vec<(String, Vec<f32>)> = validation.iter().enumerate().map(named).collect();
    let set_of = |rows: &[(String, Vec<f32>)]| {
        Gradients::in_memory(
            "memory",
            dim,
            Dtype::F32,
            rows.iter().map(|(name, row)| (name.clone(), row.as_slice())),
        )
    };
    let found = run(&set(Dtype::F32, &candidates), &set_of(&named), &[], &Settings::default());
    for (row, score) in candidates.iter().zip(&found.scores) {
        let without: Vec<f64> = (0..10)
            .map(|part| {
                let others = validation.iter().enumerate().filter(|(at, _)| at * 3 % 10 != part);
                cosine(&wide(row), &mean(&others.map(|(_, row)| row).collect::<Vec<_>>()))
            })
            .collect();
        let middle = without.iter().sum::<f64>() / 10.0;
        let squares: f64 = without.iter().map(|x| (x - middle) * (x - middle)).sum();
        assert!((score.error.unwrap() / (0.9 * squares).sqrt() - 1.0).abs() < 1e-4);
    }
    let found = run(&set(Dtype::F32, &candidates), &set_of(&named[..19]), &[], &Settings::default());
    assert_eq!(found.scores[0].error, None);
}

#[test]
fn rows_are_read_as_another_type() {
    let dim = 20_000;
    let (candidates, validation) = (rows(1, 3, dim), rows(50, 2, dim));
    for dtype in Dtype::ALL {
        let settings = Settings { dtype: Some(dtype), ..Settings::default() };
        let found = run(&set(Dtype::F32, &candidates), &set(Dtype::F32, &validation), &[], &settings);
        let wanted = run(&set(dtype, &candidates), &set(dtype, &validation), &[], &Settings::default());
        assert_eq!(found, wanted, "{dtype}");
    }
}

#[test]
fn validation_that_cannot_be_used() {
    let one = set(Dtype::F32, &rows(1, 2, 700));
    let fails = |validation: &[Vec<f32>], settings: &Settings<'_>, part: &str| {
        let error = align(&one, &set(Dtype::F32, validation), &[], settings, &|_| ()).unwrap_err();
        assert!(error.to_string().contains(part) && !error.help().is_empty(), "{error}");
    };
    let mut bad = rows(5, 3, 700);
    bad[1][3] = f32::NAN;
    fails(&bad, &Settings::default(), "row 1: it holds a NaN");
    bad[1][3] = 1e38;
    fails(&bad, &Settings::default(), "row 1: its numbers are too large");
    fails(&[], &Settings::default(), "holds no gradient");
    fails(&rows(1, 1, 701), &Settings::default(), "a dimension of");
    let cuda = Settings { device: Device::Cuda(99), ..Settings::default() };
    fails(&rows(5, 3, 700), &cuda, "no CUDA device can be used here");
    // All zero is a fact, not a mistake: the caller says what it means.
    let found = run(&one, &set(Dtype::F32, &[vec![0.0; 700]]), &[], &Settings::default());
    assert_eq!((found.norm, found.pointing), (0.0, 0));
    assert!(found.scores.iter().all(|score| score.score.is_none() && score.status == Status::Ok));
}

/// What a score stands for: training on the task moves the validation loss by so much.
#[test]
fn an_inner_product_is_the_change_of_the_loss() {
    const DIM: usize = 64;
    let weights: Vec<f64> = wide(&random(3, DIM));
    let examples: Vec<(Vec<f64>, f64)> =
        (0..12).map(|at| (wide(&random(at + 10, DIM)), if at % 3 == 0 { 1.0 } else { -1.0 })).collect();
    // The loss of a logistic regression, and its gradient.
    let margin = |w: &[f64], (x, y): &(Vec<f64>, f64)| y * dot(w, x);
    let loss = |w: &[f64], on: &[(Vec<f64>, f64)]| -> f64 {
        on.iter().map(|one| (-margin(w, one)).exp().ln_1p()).sum::<f64>() / on.len() as f64
    };
    let gradient = |one: &(Vec<f64>, f64)| -> Vec<f32> {
        let slope = -one.1 / (1.0 + margin(&weights, one).exp());
        one.0.iter().map(|x| (slope * x) as f32).collect()
    };
    let (tasks, exam) = examples.split_at(6);
    let sets: Vec<Gradients> = [tasks, exam]
        .iter()
        .map(|examples| set(Dtype::F32, &examples.iter().map(gradient).collect::<Vec<_>>()))
        .collect();
    let settings = Settings { mode: Mode::Dot, ..Settings::default() };
    let found = run(&sets[0], &sets[1], &[], &settings);
    for (task, score) in tasks.iter().zip(&found.scores) {
        let moved = |by: f64| -> Vec<f64> {
            weights.iter().zip(gradient(task)).map(|(w, g)| w + by * f64::from(g)).collect()
        };
        let step = 1e-4;
        let slope = (loss(&moved(step), exam) - loss(&moved(-step), exam)) / (2.0 * step);
        assert!((score.score.unwrap() - slope).abs() < 1e-6, "{:?} {slope}", score.score);
    }
}

#[test]
fn an_encoded_row_is_what_is_compared() {
    let row = random(4, 900);
    for dtype in Dtype::ALL {
        let kept = set(dtype, std::slice::from_ref(&row));
        assert_eq!(kept.values(0).unwrap(), decode(dtype, 900, &encode(dtype, &row)));
    }
}
