use std::collections::BTreeMap;

use super::*;
use crate::artifact::{Covered, File, Observed, Tree};
use crate::rewriter::{Scene, Source, repairs};

const LOSSES: [Loss; 3] = [
    Loss {
        method: Method::Grpo,
        reward: Reward { all_pass: 0.5, fixed: 0.3, kept: 0.2 },
        weighting: Weighting::Off,
    },
    Loss {
        method: Method::Gdpo,
        reward: Reward { all_pass: 0.5, fixed: 0.3, kept: 0.2 },
        weighting: Weighting::Off,
    },
    Loss {
        method: Method::Gdpo,
        reward: Reward { all_pass: 0.5, fixed: 0.3, kept: 0.2 },
        weighting: Weighting::After,
    },
];

fn counts(fixed: u32, failing: u32, kept: u32, passing: u32) -> Earned {
    Earned::Counts(Counts { fixed, failing, kept, passing })
}

fn choices() -> Choices {
    let text = "def f(a, b):\n    if a < b:\n        return a\n    return b\n";
    let mut tree = Tree::default();
    tree.insert("m.py", File::Text(text.into())).unwrap();
    let covered = vec![Covered { path: "m.py".into(), function: "f".into(), failing: 2, passing: 1 }];
    let lines = BTreeMap::from([("m.py".to_owned(), vec![(2, 2, 1), (4, 1, 0)])]);
    repairs(&Scene::new(&Source::new(&tree), &Observed { covered, lines, failing: 2, ..Observed::default() }))
}

fn policy(choices: &Choices) -> Policy {
    let mut policy = Policy::default();
    for index in 0..choices.len() {
        for (place, _) in choices.row(index) {
            policy.weights_mut()[place] = ((place % 13) as f32 - 6.0) * 0.05;
        }
    }
    policy
}

fn group(policy: &Policy, earned: &[Earned]) -> Group {
    let choices = choices();
    let logs = choices.distribution(policy).logs().to_vec();
    let draws = earned.iter().enumerate().map(|(at, earned)| {
        let index = at * 3 % choices.len();
        Draw { index, log_probability: logs[index], earned: *earned }
    });
    Group { draws: draws.collect(), choices: choices.into() }
}

#[test]
fn probabilities_sum_to_one() {
    let choices = choices();
    assert!(choices.len() > 20);
    for policy in [Policy::default(), policy(&choices)] {
        let distribution = choices.distribution(&policy);
        let sum: f64 = (0..choices.len()).map(|index| distribution.probability(index)).sum();
        assert!((sum - 1.0).abs() < 1e-12, "{sum}");
    }
}

#[test]
fn eight_times_the_same_is_exactly_nothing() {
    // 7 of 10: the mean of eight 0.7 is not 0.7.
    let shares = [0.7_f64; 8];
    assert_ne!(shares.iter().sum::<f64>() / 8.0, 0.7);
    for loss in LOSSES {
        assert_eq!(advantages(&[counts(7, 10, 3, 3); 8], &loss), [0.0; 8]);
        // Equal as fractions, although not as pairs; a share of nothing is the whole.
        assert_eq!(advantages(&[counts(1, 2, 0, 0), counts(2, 4, 5, 5)], &loss), [0.0; 2]);
        assert_eq!(advantages(&[counts(1, 1, 1, 1)], &loss), [0.0]);
        assert_eq!(advantages(&[], &loss), [0.0; 0]);
    }
    // 0.5 * 0 + 0.3 * 1/3 + 0.2 * 1/2 twice, in another order of rounding.
    let even = [counts(2, 6, 0, 2), counts(0, 6, 2, 2)];
    let Earned::Counts(_) = even[0] else { panic!() };
    let grpo = Loss { reward: Reward { all_pass: 0.0, fixed: 0.3, kept: 0.1 }, ..LOSSES[0] };
    assert_eq!(advantages(&even, &grpo), [0.0; 2]);
}

#[test]
fn grpo_as_computed_by_hand() {
    // Rewards 1 and 0.2: mean 0.6, unbiased deviation 0.8 / sqrt(2).
    let found = advantages(&[counts(1, 1, 4, 4), counts(0, 1, 4, 4)], &LOSSES[0]);
    let expected = 0.4 / (0.8 / 2.0_f64.sqrt() + 1e-4);
    assert!((found[0] - expected).abs() < 1e-12 && (found[1] + expected).abs() < 1e-12, "{found:?}");
    let scores = advantages(&[Earned::Score(0.5), Earned::Score(-0.5)], &LOSSES[0]);
    assert!((scores[0] - 0.5 / (0.5_f64.sqrt() + 1e-4)).abs() < 1e-12);
}

#[test]
fn gdpo_as_computed_by_hand() {
    // P = 0 counts as kept: only the first two components differ, each by 1.
    let earned = [counts(2, 2, 0, 0), counts(0, 2, 0, 0)];
    let one = 0.5 / (0.5_f64.sqrt() + 1e-4);
    let found = advantages(&earned, &LOSSES[1]);
    assert!((found[0] - 2.0 * one).abs() < 1e-12 && (found[1] + 2.0 * one).abs() < 1e-12, "{found:?}");
    let weighted = advantages(&earned, &LOSSES[2]);
    assert!((weighted[0] - 0.8 * one).abs() < 1e-12, "{weighted:?}");

    // Over the batch: values 2z, -2z, 0, 0 have the mean 0 and the deviation sqrt(8 z z / 3).
    let policy = Policy::default();
    let groups = [group(&policy, &earned), group(&policy, &[counts(1, 2, 3, 7); 2])];
    let batch = batch_advantages(&groups, &LOSSES[1]);
    let expected = 2.0 * one / ((8.0 * one * one / 3.0).sqrt() + 1e-4);
    assert!((batch[0][0] - expected).abs() < 1e-12, "{batch:?}");
    assert_eq!(batch[1], [0.0, 0.0]);
}

#[test]
fn the_gradient_is_that_of_finite_differences() {
    let earned = [counts(1, 2, 3, 3), counts(2, 2, 3, 3), counts(0, 2, 1, 3), counts(0, 2, 3, 3)];
    let choices = choices();
    let policy = policy(&choices);
    for loss in LOSSES {
        let group = group(&policy, &earned);
        let found = gradient(&policy, &group, &loss);
        assert_eq!(found.status, GradientStatus::Ok);
        let weighed = advantages(&earned, &loss);
        let objective = |policy: &Policy| -> f64 {
            let logs = choices.distribution(policy).logs().to_vec();
            let sum: f64 = group
                .draws
                .iter()
                .zip(&weighed)
                .map(|(draw, advantage)| advantage * libm::exp(logs[draw.index] - draw.log_probability))
                .sum();
            sum / group.draws.len() as f64
        };
        let mut checked = 0;
        for place in (0..WEIGHTS).filter(|place| found.values[*place].abs() > 1e-3).step_by(7) {
            let step = 1.0 / 512.0;
            let at = |by: f32| {
                let mut moved = policy.clone();
                moved.weights_mut()[place] += by;
                (objective(&moved), f64::from(moved.weights()[place]))
            };
            let ((high, right), (low, left)) = (at(step), at(-step));
            let slope = (high - low) / (right - left);
            let value = f64::from(found.values[place]);
            assert!((slope - value).abs() < 1e-4 + 1e-3 * value.abs(), "{place}: {slope} and {value}");
            checked += 1;
        }
        assert!(checked > 10, "{checked}");
    }
}

#[test]
fn a_silent_group_changes_nothing() {
    let policy = policy(&choices());
    let silent = group(&policy, &[counts(7, 10, 3, 3); 8]);
    for loss in LOSSES {
        let found = gradient(&policy, &silent, &loss);
        assert_eq!(found.status, GradientStatus::Zero);
        assert!(found.values.iter().all(|value| *value == 0.0));
        assert_eq!(train(&policy, std::slice::from_ref(&silent), &loss, &Step::default()), policy);
    }
}

#[test]
fn a_step_stays_near_the_old_policy() {
    let policy = policy(&choices());
    let mut group = group(&policy, &[counts(2, 2, 3, 3), counts(0, 2, 3, 3)]);
    let step = Step { lr: 0.05, clip: 0.2, epochs: 1 };
    let taught = train(&policy, std::slice::from_ref(&group), &LOSSES[0], &step);
    assert_ne!(taught, policy);
    assert_eq!(taught, train(&policy, std::slice::from_ref(&group), &LOSSES[0], &step));
    // Drawn when they were half, or twice, as likely: the clip leaves nothing to gain.
    group.draws[0].log_probability -= libm::log(2.0);
    group.draws[1].log_probability += libm::log(2.0);
    assert_eq!(train(&policy, std::slice::from_ref(&group), &LOSSES[0], &step), policy);
}
