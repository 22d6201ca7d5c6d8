//! `separates`: the hidden tests tell the broken repository from the mended one.

use sswe_engine::{Context, Step};

use super::{Said, reject};
use crate::artifact::Task;
use crate::judge::{self, Statuses};
use crate::pipeline::Tools;
use crate::{planting, setting};

pub(super) async fn judge(context: &Context, tools: &Tools, task: &Task) -> Said {
    let stage = context.stage();
    let must_fail = setting::word(stage, "broken")? == "fails";
    let must_pass = setting::word(stage, "fixed")? == "passes";
    let keep_green = setting::number(stage, "keep_green")?;
    let each_file = setting::is_on(stage, "each_file_matters")?;
    let repo = tools.shelf.repo(context, &crate::stage::digest(&task.repo)?).await?;
    let passes = |statuses: &Statuses, id: &String| statuses.get(id).is_some_and(|status| status.is_passed());

    if must_fail && task.fail_to_pass.is_empty() {
        return reject("no test notices the bug", "");
    }
    // The null patch: the broken repository as it is.
    let broken = judge::statuses(context, tools, &repo, &task.bug, &planting::run_of(task, 0)?, None).await?;
    if must_fail && let Some(id) = task.fail_to_pass.iter().find(|id| passes(&broken, id)) {
        return reject("doing nothing mends a test", id.clone());
    }
    let others = task.pass_to_pass.len();
    let green = task.pass_to_pass.iter().filter(|id| passes(&broken, id)).count();
    if (green as f64) < keep_green * others as f64 {
        return reject("it breaks more than it says", format!("{green} of {others} other tests pass"));
    }
    // The reference: the bug undone, which is the repository as it was.
    if must_pass {
        let sound = judge::sound(context, tools, &repo).await?;
        let all = || task.fail_to_pass.iter().chain(&task.pass_to_pass);
        if let Some(id) = all().find(|id| !passes(&sound, id)) {
            return reject("the reference does not mend it", id.clone());
        }
    }
    if each_file && task.bug.len() > 1 {
        for path in task.bug.keys() {
            let mut rest = task.bug.clone();
            rest.remove(path);
            let name = format!("without {path}");
            let step = Step {
                name: "part",
                settings: vec![("without".to_owned(), path.clone())],
                ..planting::run_of(task, 0)?
            };
            let statuses = judge::statuses(context, tools, &repo, &rest, &step, None).await?;
            if !task.fail_to_pass.iter().any(|id| passes(&statuses, id)) {
                return reject("a file of the bug does not matter", name);
            }
        }
    }
    Ok(None)
}
