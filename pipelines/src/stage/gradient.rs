//! `gradient`: the direction in which training on a task would move the weights.

use sswe_compiler::plan::Stage;
use sswe_engine::{Artifact, Context, Fault, Made};

use crate::artifact::{Attempts, GradientHead, Task, encode_gradient};
use crate::pipeline::Tools;
use crate::rewriter::{self, Draw, Earned, Group, Loss, Method, Reward, WEIGHTS, Weighting};
use crate::setting;

pub(crate) async fn run(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let stage = context.stage();
    let attempts: Attempts = super::read(context, &context.inputs().one("attempts")?.digest).await?;
    let policy = tools.shelf.policy(context, &context.inputs().one("weights")?.digest).await?;
    let digest = super::digest(&attempts.task)?;
    let task: Task = super::read(context, &digest).await?;
    let (group, loss) = (group(context, tools, &task, &attempts).await?, loss(stage)?);
    let (resolved, all) = attempts.resolved();
    let strata = match setting::find(stage, "strata") {
        Some(_) => setting::words(stage, "strata")?,
        None => Vec::new(),
    };
    let parts = strata.iter().map(|stratum| match *stratum {
        "language" => task.language.clone(),
        "repo" => task.repo.clone(),
        "kind" => task.planted.kind.clone(),
        // In thirds of the attempts.
        _ => ["hard", "middling", "easy"][(resolved * 3 / (all + 1)).min(2) as usize].to_owned(),
    });
    let head = GradientHead {
        stratum: parts.collect::<Vec<_>>().join("/"),
        task: attempts.task,
        repo: attempts.repo,
        resolved: (resolved, all),
        length: WEIGHTS as u32,
    };
    let gradient = move || encode_gradient(&head, &rewriter::gradient(&policy, &group, &loss).values);
    let artifact = Artifact::new("gradients", super::blocking(gradient).await?);
    Ok(Made { artifacts: vec![artifact], ..Made::default() })
}

/// Returns the attempts on a task, as training takes them.
pub(crate) async fn group(
    context: &Context,
    tools: &Tools,
    task: &Task,
    attempts: &Attempts,
) -> Result<Group, Fault> {
    let draws = attempts.picks.iter().map(|pick| Draw {
        index: pick.choice as usize,
        log_probability: pick.log_probability,
        earned: Earned::Counts(pick.counts),
    });
    Ok(Group { choices: tools.shelf.repairs(context, task).await?, draws: draws.collect() })
}

/// Returns the loss that a stage trains on, or takes the direction of.
pub(crate) fn loss(stage: &Stage) -> Result<Loss, Fault> {
    Ok(Loss {
        method: match setting::word(stage, "method")? {
            "grpo" => Method::Grpo,
            _ => Method::Gdpo,
        },
        reward: reward(stage)?,
        weighting: match setting::word(stage, "weighting")? {
            "after" => Weighting::After,
            _ => Weighting::Off,
        },
    })
}

/// Returns the weights of what an attempt earns.
pub(crate) fn reward(stage: &Stage) -> Result<Reward, Fault> {
    Ok(Reward {
        all_pass: setting::number(stage, "reward.all_pass")?,
        fixed: setting::number(stage, "reward.fixed")?,
        kept: setting::number(stage, "reward.kept")?,
    })
}
