//! `gates`: whether a candidate is a sound task. A verdict is pass or reject; broken surroundings
//! are neither, and are tried again.

mod custom;
mod grounded;
mod separates;
mod stable;
mod well_formed;

use sswe_engine::{Artifact, Context, Fault, Made};

use crate::artifact::{self, Task, Verdict};
use crate::pipeline::Tools;
use crate::setting;

/// What a gate says: a reason for rejecting, if there is one.
pub(crate) type Said = Result<Option<Reject>, Fault>;

/// Why a candidate is rejected.
pub(crate) struct Reject {
    /// In few words, the same for the same cause: rejects are counted by it.
    pub(crate) reason: &'static str,
    /// What is special about this candidate.
    pub(crate) detail: String,
}

/// Rejects.
pub(crate) fn reject(reason: &'static str, detail: impl Into<String>) -> Said {
    Ok(Some(Reject { reason, detail: detail.into() }))
}

pub(crate) async fn run(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let stage = context.stage();
    let digest = context.inputs().one("candidates")?.digest;
    let task: Task = super::read(context, &digest).await?;
    let gate = setting::word(stage, "gate")?;
    let said = match gate {
        "well_formed" => well_formed::judge(context, tools, &task).await?,
        "grounded" => grounded::judge(context, tools, &task).await?,
        "stable" => stable::judge(context, tools, &task).await?,
        "separates" => separates::judge(context, tools, &task).await?,
        "run" => custom::judge(context, tools, &task).await?,
        other => return Err(Fault::Failed(format!("there is no gate called `{other}`"))),
    };
    let (reason, detail) = said.map_or_else(Default::default, |no| (no.reason.to_owned(), no.detail));
    let verdict = Verdict {
        schema: "verdict/1".to_owned(),
        task: digest.to_string(),
        gate: gate.to_owned(),
        pass: reason.is_empty(),
        reason,
        detail,
    };

    // Neither is named here: what an item is called is no part of its key.
    let mut artifacts = vec![Artifact::new("funnel", artifact::encode(&verdict))];
    if verdict.pass {
        artifacts.push(Artifact::passed("accepted", digest));
    }
    Ok(Made { artifacts, ..Made::default() })
}
