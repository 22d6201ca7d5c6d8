//! `tasks` and `bootstrap`: bugs that no card guided, for exams, benches and the first round.

use sswe_engine::{Artifact, Context, Fault, Made, Step};

use crate::artifact::{self, Status};
use crate::pipeline::Tools;
use crate::rewriter::Policy;
use crate::shelf::Wanted;
use crate::{judge, planting};

pub(crate) async fn run(context: &Context, tools: &Tools, wanted: Wanted) -> Result<Made, Fault> {
    let Some(draw) = context.item().and_then(|item| item.ordinal()) else {
        return Err(Fault::Failed("tasks from files cannot be read yet: use `from`".to_owned()));
    };
    let digest = context.inputs().one("baseline")?.digest;
    let repo = tools.shelf.repo(context, &digest).await?;
    let choices = tools.shelf.plants(context, &repo, wanted).await?;
    // One order of all bugs of a repository: no two draws are the same bug.
    let order =
        Step { name: "order", inputs: vec![("repo".to_owned(), digest)], random: true, ..Step::default() };
    let Some(mut random) = context.random_of(&order) else {
        return Err(Fault::Failed("planting needs a seed".to_owned()));
    };
    let most = draw as usize + 1;
    let among = choices.clone();
    let draws = move || among.draws(&Policy::default(), &mut random, most, f64::INFINITY);
    let picks = super::blocking(draws).await?;
    let Some(pick) = picks.get(draw as usize) else {
        return Ok(Made::default());
    };
    let edit = &choices.edits()[pick.index];
    let planting::Planted { task, run } = planting::plant(context, tools, &repo, edit, None, draw).await?;
    if task.fail_to_pass.is_empty() || task.loops() {
        return Ok(Made::default());
    }
    // What another run saw otherwise is no task.
    let other = planting::run_of(&task, 0)?;
    let statuses = judge::statuses(context, tools, &repo, &task.bug, &other, run).await?;
    let does = |id: &String, passed: bool| {
        statuses.get(id).is_some_and(|status: &Status| status.is_passed() == passed)
    };
    if !task.fail_to_pass.iter().all(|id| does(id, false))
        || !task.pass_to_pass.iter().all(|id| does(id, true))
    {
        return Ok(Made::default());
    }
    Ok(Made { artifacts: vec![Artifact::new("tasks", artifact::encode(&task))], ..Made::default() })
}
