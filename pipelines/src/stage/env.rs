//! `env`: what a repository's tests run with.

use sswe_engine::{Artifact, Context, Fault, Made};

use crate::artifact::{self, Env};
use crate::python::Python;
use crate::setting;

pub(crate) async fn run(context: &Context, python: &Python) -> Result<Made, Fault> {
    let stage = context.stage();
    let backend = setting::word(stage, "backend")?;
    if backend != "native" {
        return Err(Fault::Failed(format!(
            "sandboxes of backend `{backend}` cannot be run yet: use `native`"
        )));
    }
    let packages = setting::words(stage, "packages")?;
    let packages: Vec<String> = packages.into_iter().map(str::to_owned).collect();
    let library = python.clone();
    let digest = tokio::task::spawn_blocking(move || library.library_digest()).await;
    let library = digest.map_err(|error| Fault::Infra(error.to_string()))?.map_err(Fault::Failed)?;
    let mut found = Vec::with_capacity(packages.len());
    for name in packages {
        let Some(package) = python.package(&name) else {
            return Err(Fault::Failed(format!(
                "package `{name}` is not installed for {}: install it there, or leave it out of `packages`",
                python.facts().map_err(Fault::Failed)?.path.display()
            )));
        };
        found.push(package);
    }
    found.sort();
    let env = Env {
        schema: "env/1".to_owned(),
        backend: backend.to_owned(),
        python: python.version().map_err(Fault::Failed)?,
        library: library.to_string(),
        packages: found,
    };
    Ok(Made { artifacts: vec![Artifact::new("env", artifact::encode(&env))], ..Made::default() })
}
