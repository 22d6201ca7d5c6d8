//! Names of blocks, parameters and metrics.

use super::{Found, Slot};
use crate::{
    diagnostic::{Code, Place, Problem},
    names::Miss,
    schema::Kind,
    suggest::{listed, nearest},
    syntax::Name,
    value::{EntityId, Type, Value},
};

pub(super) fn param(
    slot: &Slot<'_>,
    path: &[Name],
    ty: Type,
    place: Place,
    found: &mut Found,
) -> Option<Value> {
    let parts: Vec<&str> = path.iter().map(|name| &*name.text).collect();
    let id = resolve(slot, &parts, &[Kind::Param], place, found)?;
    found.used.push(id);
    let param_type = (slot.param_type)(id)?;
    if param_type != ty && !(param_type.is_textual() && ty.is_textual()) {
        let at = slot.names.entity(id).place;
        found.problems.push(
            Problem::new(
                Code::E0301,
                place,
                format!(
                    "`{}` takes {}; `{}` is a {}",
                    slot.name,
                    ty.describe(),
                    parts.join("."),
                    param_type.name()
                ),
            )
            .label(format!("a {}", param_type.name()))
            .other(at, "declared here"),
        );
        return None;
    }
    Some(Value::Param(id))
}

pub(super) fn reference(
    slot: &Slot<'_>,
    path: &[Name],
    kinds: &'static [Kind],
    place: Place,
    found: &mut Found,
) -> Option<Value> {
    let parts: Vec<&str> = path.iter().map(|name| &*name.text).collect();
    if parts == ["solver"] && kinds.contains(&Kind::Model) && slot.name != "solver" {
        return Some(Value::Solver);
    }
    if parts == ["solver"] && kinds.contains(&Kind::Model) {
        let problem = Problem::new(
            Code::E0204,
            place,
            "`solver` stands for the weights of the round, not for a model block",
        )
        .label("a model's label belongs here");
        let labels = slot.names.labels_of(slot.file, kinds);
        let help = if labels.is_empty() {
            "add a model block".to_owned()
        } else {
            format!("this file has {}", listed(&labels, "and"))
        };
        found.problems.push(problem.help(help));
        return None;
    }
    let id = resolve(slot, &parts, kinds, place, found)?;
    let entity = slot.names.entity(id);
    found.used.push(id);
    if parts.len() > 1 {
        found.aliases.push((slot.file, parts[0].to_owned()));
    }
    if kinds.contains(&entity.kind) {
        return Some(Value::Ref(id));
    }
    let wanted: Vec<String> = kinds.iter().map(|kind| kind.noun()).collect();
    let mut problem = Problem::new(
        Code::E0204,
        place,
        format!(
            "`{}` is {}, but `{}` needs {}",
            parts.join("."),
            entity.kind.noun(),
            slot.name,
            wanted.join(" or ")
        ),
    )
    .label(format!("this is {}", entity.kind.noun()))
    .other(entity.place, "defined here");
    let labels = slot.names.labels_of(slot.file, kinds);
    let plural = kinds.first().map_or("", |kind| kind.word());
    problem = match labels.as_slice() {
        [] => problem.help(format!("this file has no {plural} block; add one")),
        [one] => problem
            .help(format!("the only {plural} block in this file is `{one}`"))
            .fix(format!("write `{one}`"), place, one.clone())
            .unsure(),
        many => problem.help(format!("this file has {}", listed(many, "and"))),
    };
    found.problems.push(problem);
    None
}

pub(super) fn metric(slot: &Slot<'_>, path: &[Name], place: Place, found: &mut Found) -> Option<Value> {
    let parts: Vec<&str> = path.iter().map(|name| &*name.text).collect();
    let (figure, block) = parts.split_last()?;
    if block.is_empty() || *figure != "resolved" {
        let mut problem =
            Problem::new(Code::E0607, place, format!("`{}` takes {}", slot.name, Type::Metric.describe()))
                .label("not a metric")
                .help("write the label of a validation block, a dot, and `resolved`");
        let labels = slot.names.labels_of(slot.file, &[Kind::Validation]);
        if let [one] = labels.as_slice() {
            problem =
                problem.fix(format!("write `{one}.resolved`"), place, format!("{one}.resolved")).unsure();
        }
        found.problems.push(problem);
        return None;
    }
    // The label alone, without the dot and the figure.
    let label = Place { to: place.to - 2, ..place };
    let id = resolve(slot, block, &[Kind::Validation, Kind::Bench], label, found)?;
    found.used.push(id);
    let kind = slot.names.entity(id).kind;
    if !matches!(kind, Kind::Validation | Kind::Bench) {
        let problem = Problem::new(
            Code::E0204,
            place,
            format!("`{}` is {}, and has no figure `resolved`", block.join("."), kind.noun()),
        )
        .label(format!("this is {}", kind.noun()))
        .other(slot.names.entity(id).place, "defined here");
        found.problems.push(problem);
        return None;
    }
    Some(Value::Metric(id, "resolved"))
}

/// Looks a whole path up; reports it when it names nothing.
pub(super) fn resolve(
    slot: &Slot<'_>,
    parts: &[&str],
    kinds: &[Kind],
    place: Place,
    found: &mut Found,
) -> Option<EntityId> {
    match slot.names.lookup(slot.file, parts, kinds) {
        Ok((id, used)) if used == parts.len() => Some(id),
        Ok((id, used)) => {
            let label = parts[..used].join(".");
            found.problems.push(
                Problem::new(Code::E0202, place, format!("`{}` names nothing", parts.join("."))).label(
                    format!(
                        "`{label}` is {}; a value cannot reach inside it",
                        slot.names.entity(id).kind.noun()
                    ),
                ),
            );
            None
        }
        Err(Miss::Unread) => None,
        Err(Miss::Unknown { part, meant }) => {
            found.problems.push(unknown_name(slot, parts, part, meant, kinds, place));
            None
        }
    }
}

pub(super) fn unknown_name(
    slot: &Slot<'_>,
    parts: &[&str],
    part: usize,
    meant: Option<String>,
    kinds: &[Kind],
    place: Place,
) -> Problem {
    let what = kinds.first().map_or("block".to_owned(), |kind| match kind {
        Kind::Param => "parameter".to_owned(),
        kind => format!("{} block", kind.word()),
    });
    let problem = Problem::new(Code::E0202, place, format!("there is no {what} called `{}`", parts[part]))
        .label("not found");
    let meant = match (parts, kinds.contains(&Kind::Model) && slot.name != "solver") {
        ([one], true) => nearest(one, ["solver"]).map(str::to_owned).or(meant),
        _ => meant,
    };
    if let Some(meant) = meant {
        let mut fixed: Vec<&str> = parts.to_vec();
        fixed[part] = &meant;
        return problem.help(format!("did you mean `{}`?", fixed.join("."))).fix(
            format!("write `{}`", fixed.join(".")),
            place,
            fixed.join("."),
        );
    }
    let labels = slot.names.labels_of(slot.file, kinds);
    match (labels.as_slice(), kinds.first()) {
        ([], Some(Kind::Param)) | (_, None) => problem,
        ([], Some(kind)) => problem.help(format!("this file has no {} block", kind.word())),
        (some, _) => problem.help(format!("this file has {}", listed(some, "and"))),
    }
}
