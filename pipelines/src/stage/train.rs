//! `train`: one step of each hat. What the Generator learns never touches what the Solver knows.

use std::collections::BTreeMap;
use std::sync::Arc;

use sswe_engine::{Artifact, Context, Fault, Made};

use super::gradient;
use crate::artifact::{Attempts, Scores, Task};
use crate::pipeline::Tools;
use crate::rewriter::{self, Draw, Earned, Group, Policy, Step};
use crate::setting;
use crate::shelf::Wanted;

/// What candidates share that were drawn together: the repository, the card and the group.
type Together = (String, Option<String>, u64);

pub(crate) async fn solver(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let policy = tools.shelf.policy(context, &context.inputs().one("weights")?.digest).await?;
    let mut attempts: BTreeMap<String, Attempts> = BTreeMap::new();
    for group in super::read_port::<Attempts>(context, "attempts").await? {
        attempts.insert(group.task.clone(), group);
    }
    let mut selected: Vec<_> = context.inputs().entries("selection").map(|entry| entry.digest).collect();
    // The order of the tasks decides the order of the steps: that of their digests.
    selected.sort_unstable();
    let mut groups = Vec::with_capacity(selected.len());
    for digest in selected {
        let Some(attempts) = attempts.get(&digest.to_string()) else {
            return Err(Fault::Failed(format!("no attempts were made on selected task {}", digest.short())));
        };
        let task: Task = super::read(context, &digest).await?;
        groups.push(gradient::group(context, tools, &task, attempts).await?);
    }
    finish(context, policy, groups).await
}

pub(crate) async fn generator(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let policy = tools.shelf.policy(context, &context.inputs().one("weights")?.digest).await?;
    let scores: Scores = super::read(context, &context.inputs().one("scores")?.digest).await?;
    let known: BTreeMap<&str, f64> =
        scores.tasks.iter().map(|task| (task.task.as_str(), task.score)).collect();
    // Candidates that were drawn together, from one repository and card.
    let mut together: BTreeMap<Together, Vec<(Task, f64)>> = BTreeMap::new();
    let entries: Vec<_> = context.inputs().entries("candidates").map(|entry| entry.digest).collect();
    for digest in entries {
        let task: Task = super::read(context, &digest).await?;
        let score = known.get(digest.to_string().as_str()).copied().unwrap_or(scores.invalid);
        let key = (task.repo.clone(), task.planted.card.clone(), task.planted.group);
        together.entry(key).or_default().push((task, score));
    }
    let mut groups = Vec::with_capacity(together.len());
    for ((repo, card, _), candidates) in together {
        let repo = tools.shelf.repo(context, &super::digest(&repo)?).await?;
        let wanted = match card {
            Some(card) => Wanted::Card(super::digest(&card)?),
            None => Wanted::Generic,
        };
        let choices = tools.shelf.plants(context, &repo, wanted).await?;
        // This hat's weights are those that the candidates were drawn with.
        let (among, with) = (choices.clone(), policy.clone());
        let distribution = super::blocking(move || among.distribution(&with)).await?;
        let draws = candidates.iter().filter_map(|(task, score)| {
            let planted = &task.planted;
            let index = choices.edits().iter().position(|edit| {
                edit.start == planted.start
                    && *edit.path == *planted.path
                    && edit.before == planted.before
                    && edit.after == planted.after
            })?;
            let log_probability = *distribution.logs().get(index)?;
            Some(Draw { index, log_probability, earned: Earned::Score(*score) })
        });
        let draws = draws.collect();
        groups.push(Group { choices, draws });
    }
    finish(context, policy, groups).await
}

async fn finish(context: &Context, policy: Arc<Policy>, groups: Vec<Group>) -> Result<Made, Fault> {
    let stage = context.stage();
    let loss = gradient::loss(stage)?;
    let step = Step {
        lr: setting::number(stage, "lr")?,
        clip: setting::number(stage, "clip")?,
        epochs: setting::count(stage, "epochs")? as u32,
    };
    let train = move || rewriter::train(&policy, &groups, &loss, &step).to_bytes();
    let artifact = Artifact::new("weights", super::blocking(train).await?);
    Ok(Made { artifacts: vec![artifact], ..Made::default() })
}
