//! `env`: what a repository's tests run with, as it is pinned.

use sswe_engine::{Artifact, Context, Fault, Made};

use crate::artifact::{self, Env};
use crate::lock::Need;
use crate::pipeline::Tools;
use crate::setting;

pub(crate) async fn run(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let stage = context.stage();
    let backend = setting::word(stage, "backend")?;
    if backend != "native" {
        return Err(Fault::Failed(format!(
            "sandboxes of backend `{backend}` cannot be run yet: use `native`"
        )));
    }
    let mut packages = Vec::new();
    for need in Need::of(stage).map_err(Fault::Failed)? {
        if let Need::Packages(asked) = &need {
            let pinned = tools.pins.packages.get(asked);
            packages = pinned.cloned().ok_or_else(|| super::unpinned(&need))?;
        }
    }
    let pin = tools.python_pin().await?;
    let env = Env {
        schema: "env/1".to_owned(),
        backend: backend.to_owned(),
        python: pin.version.clone(),
        library: pin.library.clone(),
        packages,
    };
    // Found to be missing now, and not by each suite.
    tools.site(&env).await?;
    Ok(Made { artifacts: vec![Artifact::new("env", artifact::encode(&env))], ..Made::default() })
}
