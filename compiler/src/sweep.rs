//! The cells of a sweep.

use std::collections::BTreeMap;

use crate::{
    names::names,
    plan::Plan,
    project::{Cell, Project},
    schema,
    settings::{Sweep, settings},
    value::{self, Value},
};

/// Returns the cells of a sweep with what each of them sets, or nothing when there is no such sweep.
pub fn cells(db: &dyn salsa::Database, project: Project, name: &str) -> Option<Vec<(Cell, String)>> {
    let settings = settings(db, project);
    let names = names(db, project);
    let sweep = settings.sweeps.iter().find(|sweep| sweep.name == name)?;
    let own = |key: &str| schema::SWEEP.key(key).and_then(|key| settings.value(name, key, None));
    let repeat = match own("repeat") {
        Some(Value::Int(repeat)) => u32::try_from(repeat).unwrap_or(1),
        _ => 1,
    };
    let is_zip = own("arrange") == Some(Value::Variant("zip"));
    let mut found = Vec::new();
    for choice in choices(sweep, is_zip) {
        if sweep.skips.iter().any(|skip| is_skipped(sweep, skip, &choice)) {
            continue;
        }
        let parts = sweep.axes.iter().zip(&choice).map(|(axis, index)| {
            let label = |id| names.entity(id).address.clone();
            let shown =
                axis.values[*index].as_ref().map(|value| value::show(value, axis.target.key.ty, &label));
            format!("{} = {}", axis.path, shown.unwrap_or_default())
        });
        let shown: Vec<String> = parts.collect();
        for repeat_index in 0..repeat {
            let mut shown = shown.join(", ");
            if repeat > 1 {
                shown.push_str(&format!("  #{}", repeat_index + 1));
            }
            found
                .push((Cell { sweep: name.to_owned(), choice: choice.clone(), repeat: repeat_index }, shown));
        }
    }
    Some(found)
}

fn choices(sweep: &Sweep, is_zip: bool) -> Vec<Vec<usize>> {
    if is_zip {
        let length = sweep.axes.iter().map(|axis| axis.values.len()).min().unwrap_or(1);
        return (0..length).map(|index| vec![index; sweep.axes.len()]).collect();
    }
    sweep.axes.iter().fold(vec![Vec::new()], |before, axis| {
        let longer = before.iter().flat_map(|choice| {
            (0..axis.values.len()).map(|index| choice.iter().copied().chain(std::iter::once(index)).collect())
        });
        longer.collect()
    })
}

/// A cell is skipped when each path that the `skip` names has one of its values there.
fn is_skipped(sweep: &Sweep, skip: &[crate::settings::Axis], choice: &[usize]) -> bool {
    !skip.is_empty()
        && skip.iter().all(|skipped| {
            let at = sweep.axes.iter().position(|axis| axis.path == skipped.path);
            at.is_some_and(|at| skipped.values.contains(&sweep.axes[at].values[choice[at]]))
        })
}

/// Returns what makes each stage of a plan the same work as a stage of another plan: what it says
/// and draws, and the same of all it reads.
pub fn identities(plan: &Plan) -> Vec<String> {
    let mut known: BTreeMap<&str, String> = BTreeMap::new();
    let mut found = Vec::new();
    for stage in &plan.stages {
        let mut hasher = blake3::Hasher::new();
        hasher.update(&stage.spec.0);
        hasher.update(&stage.seed.map_or([255; 8], u64::to_le_bytes));
        // Equal draws of different rounds are different: the round is part of the stream.
        let round = stage.round.filter(|_| stage.seed.is_some()).unwrap_or(u32::MAX);
        hasher.update(&round.to_le_bytes());
        for source in &stage.sources {
            hasher.update(source.path.as_bytes());
        }
        for input in &stage.inputs {
            hasher.update(input.port.as_bytes());
            hasher.update(known.get(&*input.from.0).map_or(&[][..], |key| key.as_bytes()));
        }
        let key = hasher.finalize().to_hex().to_string();
        known.insert(&stage.name.0, key.clone());
        found.push(key);
    }
    found
}
