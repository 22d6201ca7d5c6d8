use super::*;

fn evaluation(repo: &str, task: &str, resolved: &[bool]) -> Evaluation {
    Evaluation {
        schema: "evaluation/1".to_owned(),
        task: task.to_owned(),
        repo: repo.to_owned(),
        kind: String::new(),
        resolved: resolved.to_vec(),
    }
}

fn some(hits: usize, all: usize) -> Vec<Evaluation> {
    (0..all).map(|at| evaluation(&format!("r{}", at % 4), &format!("t{at}"), &[at < hits, false])).collect()
}

/// One repository, each task with one attempt.
fn flat(resolved: &[bool]) -> Vec<Evaluation> {
    resolved.iter().enumerate().map(|(at, hit)| evaluation("r", &format!("t{at}"), &[*hit])).collect()
}

#[test]
fn intervals_hold_their_figure() {
    let estimate = resolved(&some(30, 60)).unwrap();
    assert_eq!(estimate.value, 0.25);
    assert!(estimate.low < 0.25 && 0.25 < estimate.high && estimate.high - estimate.low < 0.3);
    assert_eq!(resolved(&some(30, 60)), Some(estimate));
    assert_eq!(resolved(&[]), None);
    let constant = resolved(&some(0, 8)).unwrap();
    assert_eq!((constant.low, constant.high), (0.0, 0.0));
}

/// Drawing 16 of 16 tasks of which half are resolved is a binomial: of 3 and less the probability is
/// 0.011, of 4 and less 0.038; 12 is the mirror of 4.
#[test]
fn an_interval_is_the_quantiles_of_what_is_drawn() {
    let half: Vec<bool> = (0..16).map(|at| at % 2 == 0).collect();
    let Estimate { value, low, high } = resolved(&flat(&half)).unwrap();
    assert_eq!((value, low, high), (0.5, 0.25, 0.75));
}

#[test]
fn wilson_agrees_with_the_textbook() {
    // 10 of 20: 0.299 to 0.701.
    let estimate = wilson(10, 20).unwrap();
    assert!((estimate.low - 0.2993).abs() < 1e-4 && (estimate.high - 0.7007).abs() < 1e-4, "{estimate:?}");
    assert_eq!(wilson(0, 0), None);
}

#[test]
fn gains_are_paired() {
    let gained = gain(&some(10, 60), &some(40, 60)).unwrap();
    assert_eq!(gained.value, 0.25);
    assert!(gained.low > 0.0);
    assert_eq!(gain(&some(10, 60), &some(10, 60)).unwrap().high, 0.0);
    // 5 flips, all one way: 2 / 32.
    let p = mcnemar(&some(0, 20), &some(5, 20)).unwrap();
    assert!((p - 0.0625).abs() < 1e-12, "{p}");
    assert_eq!(mcnemar(&some(3, 20), &some(3, 20)), Some(1.0));
    assert_eq!((mcnemar(&some(3, 20), &[]), gain(&some(3, 20), &[])), (None, None));
}

/// Against the sum over all outcomes that are at most as likely, in whole numbers.
#[test]
fn mcnemar_is_exact() {
    for (won, lost) in [(0u32, 0u32), (1, 0), (3, 1), (7, 7), (12, 4), (2, 11), (30, 9)] {
        let before: Vec<bool> = (0..won + lost).map(|at| at >= won).collect();
        let after: Vec<bool> = before.iter().map(|hit| !hit).collect();
        let (before, after) = (flat(&before), flat(&after));
        if won + lost == 0 {
            assert_eq!(mcnemar(&before, &after), None);
            continue;
        }
        assert_eq!(flips(&before, &after), Some((won, lost)));
        let n = won + lost;
        let mut row = vec![1u128];
        for _ in 0..n {
            let pairs = row.windows(2).map(|pair| pair[0] + pair[1]);
            row = std::iter::once(1).chain(pairs).chain(std::iter::once(1)).collect();
        }
        let tail: u128 = row[..=won.min(lost) as usize].iter().sum();
        let expected = (2.0 * tail as f64 / (1u128 << n) as f64).min(1.0);
        let p = mcnemar(&before, &after).unwrap();
        assert!((p - expected).abs() < 1e-9, "{won} against {lost}: {p}, not {expected}");
    }
}

/// Against all ways to pick `k` of the attempts.
#[test]
fn pass_at_k_is_the_share_of_picks_that_hit() {
    for all in 1..=8usize {
        for resolved in 0..=all {
            for k in 1..=all {
                let picks = (0u32..1 << all).filter(|pick| pick.count_ones() as usize == k);
                let picks: Vec<u32> = picks.collect();
                let hits = picks.iter().filter(|pick| **pick & ((1 << resolved) - 1) != 0).count();
                let expected = hits as f64 / picks.len() as f64;
                let found = any_of(all, resolved, k).unwrap();
                assert!((found - expected).abs() < 1e-12, "{resolved} of {all}, {k} picked: {found}");
            }
        }
    }
    assert_eq!([any_of(3, 1, 0), any_of(3, 1, 4), any_of(3, 4, 1)], [None; 3]);
    let two = [evaluation("r", "a", &[true, false, false]), evaluation("r", "b", &[false; 3])];
    // 1 of 3 in one task, none in the other; of two picks, 2 of 3 hold the one.
    assert!((pass_at(&two, 1).unwrap() - 1.0 / 6.0).abs() < 1e-12);
    assert!((pass_at(&two, 2).unwrap() - 1.0 / 3.0).abs() < 1e-12);
    assert_eq!((pass_at(&two, 4), pass_at(&[], 1)), (None, None));
}

#[test]
fn seeds_are_a_cluster_of_their_own() {
    let (none, all) = (flat(&[false; 40]), flat(&[true; 40]));
    let one = resolved_over(&[&all]).unwrap();
    assert_eq!((one.low, one.high), (1.0, 1.0));
    // What differs between seeds does not shrink with the number of tasks.
    let two = resolved_over(&[&none, &all]).unwrap();
    assert_eq!((two.value, two.low, two.high), (0.5, 0.0, 1.0));
    // Each seed is compared with itself: gains that all seeds agree on are certain.
    let gain = gain_over(&[(&none, &all), (&none, &all)]).unwrap();
    assert_eq!((gain.value, gain.low, gain.high), (1.0, 1.0, 1.0));
    let mixed = gain_over(&[(&none, &all), (&none, &none), (&none, &none)]).unwrap();
    assert!((mixed.value - 1.0 / 3.0).abs() < 1e-12 && mixed.low == 0.0, "{mixed:?}");
    assert_eq!(resolved_by_any_over(&[&all]), wilson(40, 40));
    assert_eq!(resolved_by_any_over(&[&none, &all]).unwrap().value, 0.5);
}

/// Copies of a seed say nothing new: an interval does not shrink by them.
#[test]
fn what_seeds_share_is_not_counted_twice() {
    let half: Vec<bool> = (0..60).map(|at| at % 2 == 0).collect();
    let one = flat(&half);
    let single = resolved(&one).unwrap();
    let triple = resolved_over(&[&one, &one, &one]).unwrap();
    assert_eq!(triple.value, single.value);
    let width = |of: Estimate| of.high - of.low;
    assert!((width(triple) / width(single) - 1.0).abs() < 0.1, "{single:?}, {triple:?}");
}

/// A hundred and fifty curricula whose truth is known: 95 % is a promise, if not to the digit where
/// there are only a dozen repositories.
#[test]
fn intervals_hold_the_truth_about_as_often_as_they_say() {
    let stream = Stream { seed: 9, kind: StageKind::Evaluate, round: None };
    let mut random = stream.random(&Digest::of(b"coverage"), None);
    let mut below = |bound| crate::random::below(&mut random, bound);
    let mut held = 0;
    for _ in 0..150 {
        let mut tasks = Vec::new();
        for repo in 0..12 {
            // Repositories are of different difficulty: 20 to 60 % of attempts, 40 % on average.
            let share = 20 + below(41);
            for task in 0..5 {
                let attempts: Vec<bool> = (0..4).map(|_| below(100) < share).collect();
                tasks.push(evaluation(&format!("r{repo}"), &format!("{repo}/{task}"), &attempts));
            }
        }
        let Estimate { low, high, .. } = resolved(&tasks).unwrap();
        held += u32::from(low <= 0.4 && 0.4 <= high);
    }
    assert!((131..=149).contains(&held), "{held} of 150 intervals hold the truth");
}

/// Neither the order of the records nor other names of the same clusters matter.
#[test]
fn an_interval_depends_on_the_figures_alone() {
    let tasks = some(20, 50);
    let mut turned = tasks.clone();
    turned.reverse();
    assert_eq!(resolved(&tasks), resolved(&turned));
    let missing = &tasks[..40];
    let uneven = resolved_over(&[&tasks, missing]).unwrap();
    assert!((uneven.value - (10.0 + 10.0) / 90.0).abs() < 1e-12, "{uneven:?}");
    assert!(uneven.low < uneven.value && uneven.value < uneven.high);
}
