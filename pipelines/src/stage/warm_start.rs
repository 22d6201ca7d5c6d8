//! `warm_start`: a short supervised start on generic bugs of the seeds, so that first attempts do
//! not all fail. Its weights are the base that gains are measured from.

use sswe_engine::{Artifact, Context, Fault, Made, Step};

use crate::pipeline::Tools;
use crate::rewriter::{self, Example, Policy, WarmStart};
use crate::shelf::Wanted;
use crate::{planting, setting};

pub(crate) async fn run(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let stage = context.stage();
    let wanted = setting::count(stage, "tasks")?;
    if setting::find(stage, "adapter").is_some() {
        return Err(Fault::Failed("the rewriter starts from nothing: leave `adapter` out".to_owned()));
    }
    let repos: Vec<_> = context.inputs().entries("baseline").map(|entry| entry.digest).collect();
    let mut examples = Vec::new();
    for (turn, digest) in repos.iter().enumerate() {
        let repo = tools.shelf.repo(context, digest).await?;
        let share = wanted / repos.len() as u64 + u64::from((turn as u64) < wanted % repos.len() as u64);
        // Every kind of edit alike: what is never shown is hardly ever found.
        let choices = tools.shelf.plants(context, &repo, Wanted::Balanced).await?;
        let order = Step {
            name: "order",
            inputs: vec![("repo".to_owned(), *digest)],
            random: true,
            ..Step::default()
        };
        let Some(mut random) = context.random_of(&order) else {
            return Err(Fault::Failed("planting needs a seed".to_owned()));
        };
        let among = choices.clone();
        let draws = move || among.draws(&Policy::default(), &mut random, share as usize, f64::INFINITY);
        let picks = super::blocking(draws).await?;
        for (draw, pick) in picks.into_iter().enumerate() {
            let edit = &choices.edits()[pick.index];
            let planting::Planted { task, run: _ } =
                planting::plant(context, tools, &repo, edit, None, draw as u64).await?;
            if task.fail_to_pass.is_empty() || task.loops() {
                continue;
            }
            let choices = tools.shelf.repairs(context, &task).await?;
            let (Some(buggy), Some(sound)) = (task.bug.get(&*edit.path), repo.files.text(&edit.path)) else {
                continue;
            };
            if let Some(answer) = choices.find(&edit.path, buggy, sound) {
                examples.push((draw, Example { choices, answer }));
            }
        }
    }
    // Repositories in turn, so that what is held out has some of each.
    examples.sort_by_key(|(draw, _)| *draw);
    let examples: Vec<Example> = examples.into_iter().map(|(_, example)| example).collect();
    let warm_start = move || rewriter::warm_start(&Policy::default(), &examples, &WarmStart::default());
    let policy = super::blocking(warm_start).await?;
    Ok(Made { artifacts: vec![Artifact::new("weights", policy.to_bytes())], ..Made::default() })
}
