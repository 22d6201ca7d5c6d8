//! `solve` and `evaluate`: weights attempt tasks.

use sswe_cache::Digest;
use sswe_engine::{Artifact, Context, Fault, Made, Step};

use crate::artifact::{self, Attempts, Evaluation, Feedback, Outcome, Pick, Task, Traced, Traces, Tried};
use crate::grade::{Court, Memory};
use crate::harness::{Proposal, Put};
use crate::pipeline::Tools;
use crate::{grade, judge, setting};

pub(crate) async fn solve(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let (digest, task, attempts) = attempts(context, tools).await?;
    let picks = attempts
        .iter()
        .map(|(choice, traced)| Pick {
            choice: *choice,
            log_probability: traced.tried.log_probability,
            counts: traced.feedback.counts,
        })
        .collect();
    let attempts_made = Attempts {
        schema: "attempts/1".to_owned(),
        task: digest.to_string(),
        repo: task.repo.clone(),
        picks,
    };
    let traces = Traces {
        schema: "trace/1".to_owned(),
        task: task.face().to_string(),
        repo: task.repo,
        statement: task.statement,
        observed: task.observed,
        attempts: attempts.into_iter().map(|(_, traced)| traced).collect(),
    };
    let artifacts = vec![
        Artifact::new("traces", artifact::encode(&traces)),
        Artifact::new("attempts", artifact::encode(&attempts_made)),
    ];
    Ok(Made { artifacts, ..Made::default() })
}

pub(crate) async fn evaluate(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let (digest, task, attempts) = attempts(context, tools).await?;
    let wanted = setting::count(context.stage(), "attempts")? as usize;
    let mut resolved: Vec<bool> =
        attempts.iter().map(|(_, traced)| traced.outcome == Outcome::Passed).collect();
    resolved.resize(wanted, false);
    let evaluation = Evaluation {
        schema: "evaluation/1".to_owned(),
        task: digest.to_string(),
        repo: task.repo,
        kind: task.planted.kind,
        resolved,
    };
    Ok(Made {
        artifacts: vec![Artifact::new("evaluation", artifact::encode(&evaluation))],
        ..Made::default()
    })
}

async fn attempts(context: &Context, tools: &Tools) -> Result<(Digest, Task, Vec<(u32, Traced)>), Fault> {
    let stage = context.stage();
    let digest = context.inputs().one("tasks")?.digest;
    let task: Task = super::read(context, &digest).await?;
    let policy = tools.shelf.policy(context, &context.inputs().one("weights")?.digest).await?;
    let repo = tools.shelf.repo(context, &super::digest(&task.repo)?).await?;
    let choices = tools.shelf.repairs(context, &task).await?;
    let among = choices.clone();
    let distribution = super::blocking(move || among.distribution(&policy)).await?;
    let face = task.face();
    let court = Court::of(tools, &repo);
    let mut made = Vec::new();
    for attempt in 0..setting::count(stage, "attempts")? {
        // The numbers depend on the task alone: weights that hardly changed make the same
        // attempts, whose verdicts are known.
        let draw = Step {
            name: "sample",
            inputs: vec![("task".to_owned(), face)],
            draw: Some(attempt),
            random: true,
            ..Step::default()
        };
        let Some(mut random) = context.random_of(&draw) else {
            return Err(Fault::Failed("attempts need a seed".to_owned()));
        };
        // A task that offers nothing to try is one that is not solved.
        let Some(pick) = distribution.sample(&mut random) else {
            break;
        };
        let edit = &choices.edits()[pick.index];
        let old = task
            .bug
            .get(&*edit.path)
            .map(String::as_str)
            .or_else(|| repo.files.text(&edit.path))
            .unwrap_or_default();
        let edited = edit.apply(old).unwrap_or_default();
        let proposal = Proposal::from([(edit.path.to_string(), Put::Text(edited))]);
        let touched = Some((&*edit.path, &*edit.function));
        let feedback: Feedback =
            Box::pin(grade::attempt(Memory::Store(context), &court, &task, &proposal, touched)).await?;
        let outcome = judge::outcome(feedback.counts);
        let tried = Tried {
            path: edit.path.to_string(),
            function: edit.function.to_string(),
            line: edit.line,
            kind: edit.kind.as_str().to_owned(),
            context: edit.context.to_owned(),
            start: edit.start,
            before: edit.before.clone(),
            after: edit.after.clone(),
            log_probability: pick.log_probability,
            choices: choices.len() as u32,
        };
        made.push((pick.index as u32, Traced { tried, feedback, outcome }));
    }
    Ok((digest, task, made))
}
