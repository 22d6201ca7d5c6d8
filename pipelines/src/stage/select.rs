//! `select`: which of the scored tasks are trained on.

use std::collections::{BTreeMap, BTreeSet};

use sswe_engine::{Artifact, Context, Entry, Fault, Made};

use super::digest;
use crate::artifact::{self, Scored, Scores, Selected, Selection, Task};
use crate::{random, setting};

pub(crate) async fn run(context: &Context) -> Result<Made, Fault> {
    let stage = context.stage();
    let scores: Scores = super::read(context, &context.inputs().one("scores")?.digest).await?;
    let rules = Rules {
        min_score: setting::find(stage, "min_score")
            .map(|_| setting::number(stage, "min_score"))
            .transpose()?,
        top: setting::number(stage, "top")?,
        drops_zero: setting::word(stage, "zero")? == "drop",
        per_repo: setting::range(stage, "per_repo")?.1.unwrap_or(1.0),
    };
    let mut bugs = BTreeMap::new();
    for scored in &scores.tasks {
        let task: Task = super::read(context, &digest(&scored.task)?).await?;
        bugs.insert(scored.task.clone(), (task.repo, task.bug));
    }
    let (mut chosen, left_out) = choose(&scores.tasks, &rules, &|scored| bugs.get(&scored.task));

    // The last list holds what the round before trained on: the weights have just solved it.
    let earlier: Vec<Entry> = context.inputs().lists("earlier").last().unwrap_or_default().to_vec();
    let is_new = |entry: &Entry| !chosen.iter().any(|task| task.task == entry.digest.to_string());
    let mut earlier: Vec<Entry> = earlier.iter().filter(|entry| is_new(entry)).cloned().collect();
    if setting::word(stage, "growth")? == "replace" {
        let replay = setting::number(stage, "replay")?;
        // A share of the whole selection, not of what is new in it.
        let wanted = (chosen.len() as f64 * replay / (1.0 - replay).max(1e-9)).round() as usize;
        if let Some(mut random) = context.random() {
            random::shuffle(&mut random, &mut earlier);
        }
        earlier.truncate(wanted);
    }
    let known: BTreeSet<_> = chosen.iter().filter_map(|task| bugs.get(&task.task)).cloned().collect();
    for entry in earlier {
        let task: Task = super::read(context, &entry.digest).await?;
        // The same bug under another card is the same task.
        if !known.contains(&(task.repo.clone(), task.bug)) {
            chosen.push(Selected {
                task: entry.digest.to_string(),
                repo: task.repo,
                score: 0.0,
                earlier: true,
            });
        }
    }
    chosen.sort_by(|a, b| a.task.cmp(&b.task));

    let mut artifacts = Vec::with_capacity(chosen.len() + 1);
    for task in &chosen {
        let digest = digest(&task.task)?;
        artifacts.push(Artifact::passed("tasks", digest).named(digest.short()));
    }
    let selection = Selection { schema: "selection/1".to_owned(), tasks: chosen, left_out };
    artifacts.push(Artifact::new("selection", artifact::encode(&selection)));
    Ok(Made { artifacts, ..Made::default() })
}

struct Rules {
    min_score: Option<f64>,
    top: f64,
    drops_zero: bool,
    per_repo: f64,
}

/// Picks tasks, the best first, and counts the others by the reason they are left out for.
fn choose<'a, B: Ord + 'a>(
    scored: &[Scored],
    rules: &Rules,
    bug: &dyn Fn(&Scored) -> Option<&'a B>,
) -> (Vec<Selected>, BTreeMap<String, u32>) {
    let mut ranked: Vec<&Scored> = scored.iter().collect();
    // Ties in the order of digests: the same everywhere.
    ranked.sort_by(|a, b| b.score.total_cmp(&a.score).then_with(|| a.task.cmp(&b.task)));
    let mut left_out: BTreeMap<String, u32> = BTreeMap::new();
    let mut leave = |reason: &str| *left_out.entry(reason.to_owned()).or_default() += 1;

    let mut seen = BTreeSet::new();
    ranked.retain(|task| {
        let is_first = bug(task).is_none_or(|bug| seen.insert(bug));
        if !is_first {
            leave("the same bug was planted twice");
        }
        is_first
    });
    let most = share_of(ranked.len(), rules.top);
    ranked.retain(|task| {
        let is_left_out = rules.drops_zero && task.status == "zero";
        if is_left_out {
            leave("its attempts all earned the same");
        }
        !is_left_out
    });
    let mut kept: Vec<&Scored> = Vec::new();
    for (rank, task) in ranked.into_iter().enumerate() {
        if task.status == "non_finite" {
            leave("its gradient is not finite");
        } else if rules.min_score.is_some_and(|least| task.score < least) {
            leave("its score is below `min_score`");
        } else if rank >= most {
            leave("it is not in the `top` share");
        } else {
            kept.push(task);
        }
    }
    // A share of what is left by now, not of what comes out: with few repositories, a share of that
    // would shrink to nothing.
    let most = ((kept.len() as f64 * rules.per_repo + 1e-9).floor() as usize).max(1);
    let mut counts: BTreeMap<&str, usize> = BTreeMap::new();
    kept.retain(|task| {
        let count = counts.entry(task.repo.as_str()).or_default();
        *count += 1;
        let is_kept = *count <= most;
        if !is_kept {
            leave("its repository has its share");
        }
        is_kept
    });
    let selected = |task: &&Scored| Selected {
        task: task.task.clone(),
        repo: task.repo.clone(),
        score: task.score,
        earlier: false,
    };
    (kept.iter().map(selected).collect(), left_out)
}

/// A share of a count, rounded up; a hair over a whole number is that number.
fn share_of(count: usize, share: f64) -> usize {
    (count as f64 * share - 1e-9).ceil().max(0.0) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scored(list: &[(&str, &str, f64)]) -> Vec<Scored> {
        let one = |(task, repo, score): &(&str, &str, f64)| Scored {
            task: (*task).to_owned(),
            repo: (*repo).to_owned(),
            score: *score,
            error: None,
            status: "ok".to_owned(),
            resolved: (1, 2),
        };
        list.iter().map(one).collect()
    }

    fn names(list: &[(&str, &str, f64)], rules: &Rules) -> (Vec<String>, BTreeMap<String, u32>) {
        let (chosen, left_out) = choose::<String>(&scored(list), rules, &|_| None);
        (chosen.into_iter().map(|task| task.task).collect(), left_out)
    }

    const ALL: Rules = Rules { min_score: None, top: 1.0, drops_zero: false, per_repo: 1.0 };

    #[test]
    fn the_best_come_first_and_ties_go_by_digest() {
        let list = [("c", "r", 0.5), ("a", "r", 0.5), ("b", "r", 0.9), ("d", "r", -0.1)];
        assert_eq!(names(&list, &ALL).0, ["b", "a", "c", "d"]);
        assert_eq!(names(&list, &Rules { top: 0.5, ..ALL }).0, ["b", "a"]);
        let (kept, left_out) = names(&list, &Rules { min_score: Some(0.0), ..ALL });
        assert_eq!(kept, ["b", "a", "c"]);
        assert_eq!(left_out.values().sum::<u32>(), 1);
        assert!(names(&[], &ALL).0.is_empty());
    }

    #[test]
    fn no_repository_has_more_than_its_share() {
        let list = [("a", "x", 0.9), ("b", "x", 0.8), ("c", "x", 0.7), ("d", "y", 0.1), ("e", "z", 0.0)];
        let (kept, _) = names(&list, &Rules { per_repo: 0.34, ..ALL });
        assert_eq!(kept, ["a", "d", "e"]);
    }

    #[test]
    fn tasks_that_teach_nothing_can_be_left_out() {
        let mut list = scored(&[("a", "r", 0.4), ("b", "r", 0.3), ("c", "r", 0.2), ("d", "r", 0.1)]);
        list[0].status = "zero".to_owned();
        let kept = |rules: &Rules| {
            let (kept, left_out) = choose::<String>(&list, rules, &|_| None);
            (kept.into_iter().map(|task| task.task).collect::<Vec<_>>(), left_out)
        };
        assert_eq!(kept(&Rules { top: 0.5, ..ALL }).0, ["a", "b"]);
        // Half of all, not of what is left.
        let (kept, left_out) = kept(&Rules { top: 0.5, drops_zero: true, ..ALL });
        assert_eq!(kept, ["b", "c"]);
        assert_eq!(left_out["its attempts all earned the same"], 1);
    }

    #[test]
    fn shares_do_not_round_up_what_is_whole() {
        assert_eq!((share_of(100, 0.07), share_of(10, 0.25), share_of(0, 1.0)), (7, 3, 0));
    }

    #[test]
    fn a_bug_that_was_planted_twice_is_taken_once() {
        let bugs = BTreeMap::from([("a", 1), ("b", 2), ("c", 1)]);
        let list = scored(&[("a", "r", 0.1), ("b", "r", 0.2), ("c", "r", 0.3)]);
        let (kept, _) = choose(&list, &ALL, &|scored| bugs.get(scored.task.as_str()));
        assert_eq!(kept.iter().map(|task| task.task.as_str()).collect::<Vec<_>>(), ["c", "b"]);
    }
}
