//! `stable`: the suite runs without an infrastructure error and gives the same result each time.

use std::collections::{BTreeMap, BTreeSet};

use sswe_engine::{Context, Fault};

use super::{Said, reject};
use crate::artifact::{Status, Task};
use crate::pipeline::Tools;
use crate::{judge, planting, setting};

pub(super) async fn judge(context: &Context, tools: &Tools, task: &Task) -> Said {
    let stage = context.stage();
    let runs = setting::count(stage, "runs")?;
    let flaky = setting::number(stage, "flaky")?;
    let wall = setting::duration(stage, "wall")?;
    let repo = tools.shelf.repo(context, &crate::stage::digest(&task.repo)?).await?;
    let mut seen: BTreeMap<String, BTreeSet<Status>> = BTreeMap::new();
    for run in 0..runs {
        // Each run is remembered on its own: more runs later cost only what is more.
        let step = planting::run_of(task, run)?;
        let measured = judge::statuses(context, tools, &repo, &task.bug, &step, None);
        // The clock decides nothing: a run that takes longer is tried again.
        let Ok(statuses) = tokio::time::timeout(wall, measured).await else {
            return Err(Fault::Infra(format!("a run did not end within {wall:?}: raise `stable.wall`")));
        };
        let statuses = statuses?;
        for (id, status) in statuses {
            seen.entry(id).or_default().insert(status);
        }
    }
    if seen.is_empty() {
        return reject("no test ran", "");
    }
    let loops = |all: &BTreeSet<Status>| all.contains(&Status::Timeout);
    if let Some((id, _)) = seen.iter().find(|(_, all)| loops(all)) {
        return reject("a test does not end", id.clone());
    }
    let unsteady: Vec<&String> = seen.iter().filter(|(_, all)| all.len() > 1).map(|(id, _)| id).collect();
    if unsteady.len() as f64 > flaky * seen.len() as f64 {
        return reject("its tests change their mind", unsteady[0].clone());
    }
    let does = |id: &String, passed: bool| {
        seen.get(id).is_some_and(|all| all.iter().all(|status| status.is_passed() == passed))
    };
    if let Some(id) = task.fail_to_pass.iter().find(|id| !does(id, false) && !unsteady.contains(id)) {
        return reject("a test that should fail passes", id.clone());
    }
    if let Some(id) = task.pass_to_pass.iter().find(|id| !does(id, true) && !unsteady.contains(id)) {
        return reject("a test that should pass fails", id.clone());
    }
    Ok(None)
}
