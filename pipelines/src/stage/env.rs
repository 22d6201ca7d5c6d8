//! `env`: what a repository's tests run with, as it is pinned.

use sswe_engine::{Artifact, Context, Fault, Made};

use crate::artifact::{self, Env, Package};
use crate::lock::Need;
use crate::pipeline::Tools;
use crate::setting;

pub(crate) async fn run(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let stage = context.stage();
    let backend = setting::word(stage, "backend")?;
    if !matches!(backend, "native" | "docker") {
        return Err(Fault::Failed(format!(
            "sandboxes of backend `{backend}` cannot be run yet: use `native` or `docker`"
        )));
    }
    let (mut packages, mut image) = (Vec::new(), None);
    for need in Need::of(stage).map_err(Fault::Failed)? {
        match &need {
            Need::Packages(asked) => {
                let pinned = tools.pins.packages.get(asked);
                packages = pinned.cloned().ok_or_else(|| super::unpinned(&need))?;
            }
            Need::Image(name) => {
                let pinned = tools.pins.images.get(name);
                image = Some(pinned.cloned().ok_or_else(|| super::unpinned(&need))?);
            }
            Need::Python | Need::Sdist { .. } | Need::Commit { .. } => {}
        }
    }
    let pin = match &image {
        Some(image) => tools.python_in(image).await?,
        None => tools.python_pin().await?.clone(),
    };
    if let (Some(_), Some(package)) = (&image, packages.iter().find(|package| !fits(package, &pin.version))) {
        return Err(Fault::Failed(format!(
            "`{}` is for another Python than {}, which the image has: put a Python of that version first on the search \
             path, and pin again with `sswe lock --update {}`",
            package.file, pin.version, package.name
        )));
    }
    let env = Env {
        schema: "env/1".to_owned(),
        backend: backend.to_owned(),
        image,
        python: pin.version.clone(),
        library: pin.library.clone(),
        packages,
    };
    // Found to be missing now, and not by each suite.
    tools.site(&env).await?;
    Ok(Made { artifacts: vec![Artifact::new("env", artifact::encode(&env))], ..Made::default() })
}

/// Returns whether a wheel is for a version of Python, by its name: `NAME-VERSION-PYTHON-ABI-PLATFORM.whl`.
fn fits(package: &Package, version: &str) -> bool {
    let mut tags = package.file.trim_end_matches(".whl").rsplit('-').skip(1);
    let (Some(abi), Some(pythons)) = (tags.next(), tags.next()) else { return false };
    let minor = |text: &str| text.split('.').nth(1).and_then(|minor| minor.parse::<u32>().ok());
    let Some(wanted) = minor(version) else { return false };
    pythons.split('.').any(|tag| match tag.strip_prefix("cp3").and_then(|minor| minor.parse::<u32>().ok()) {
        Some(minor) => minor == wanted || (abi == "abi3" && minor <= wanted),
        None => tag.starts_with("py3") || tag == "cp3",
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wheels_fit_the_python_that_they_name() {
        let fits = |file: &str| {
            let package = Package {
                name: String::new(),
                version: String::new(),
                sha256: String::new(),
                file: file.to_owned(),
            };
            fits(&package, "3.11.2")
        };
        assert!(fits("pytest-8.0-py3-none-any.whl") && fits("six-1.16-py2.py3-none-any.whl"));
        assert!(fits("a-1-cp311-cp311-manylinux_2_17_x86_64.whl") && fits("a-1-cp38-abi3-linux_x86_64.whl"));
        assert!(!fits("a-1-cp312-cp312-manylinux_2_17_x86_64.whl") && !fits("a-1-cp38-cp38-any.whl"));
        assert!(!fits("a-1-cp312-abi3-any.whl") && !fits("a.whl"));
    }
}
