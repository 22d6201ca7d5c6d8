//! `sswe align`: gradients from anywhere, ranked by where they point.

use std::{collections::BTreeMap, fmt::Write as _, path::Path};

use serde_json::json;
use sswe_kernels::{Alignment, Device, Dtype, Error, Gradients, Mode, Score, Settings, Strata, shard};

use crate::{
    Failure,
    args::{self, AlignMode, Over, Plain},
    exit,
    live::{Bar, words::count},
    style,
};

pub(crate) fn run(args: &args::Align) -> Result<u8, Failure> {
    let dtype = args.dtype.as_deref().map(dtype).transpose()?;
    let device = Device::of(&args.device).ok_or_else(|| {
        Failure::usage(format!("there is no device `{}`", args.device)).hint("use auto, cpu or cuda:N")
    })?;
    let open = |path: &Path| Gradients::open(path, dtype.is_some()).map_err(|error| failure(&error));
    let candidates = open(&args.candidates)?;
    if let Some(path) = &args.save {
        save(&candidates, path, dtype)?;
    }
    let Some(against) = &args.against else { return Ok(exit::OK) };
    let validation = open(against)?;
    let weights = args.precondition.as_deref().map(open).transpose()?;
    let strata = args.strata.as_deref().map(|path| strata(path, &validation)).transpose()?;
    let labels: Vec<&str> = strata.iter().flatten().map(String::as_str).collect();
    let settings = Settings {
        mode: match args.mode {
            AlignMode::Cosine => Mode::Cosine,
            AlignMode::Dot => Mode::Dot,
        },
        strata: match (&strata, args.over) {
            (None, _) => Strata::Whole,
            (Some(_), Over::Max) => Strata::Max,
            (Some(_), Over::Mean) => Strata::Mean,
        },
        centre: args.centre,
        weights: weights.as_ref(),
        dtype,
        device,
        threads: args.jobs.map_or(0, |jobs| jobs.get() as usize),
        ..Settings::default()
    };
    let bar = Bar::new("comparing");
    let found = sswe_kernels::align(&candidates, &validation, &labels, &settings, &|done| bar.set(done));
    drop(bar);
    let found = found.map_err(|error| failure(&error))?;
    if found.norm == 0.0 {
        return Err(Failure::file(format!("{}: the mean of all rows is zero", against.display())).hint(
            "all attempts on these tasks earned the same: take tasks that some attempts solve and some do not",
        ));
    }
    let ranking = found.ranking();
    let shown = &ranking[..args.top.unwrap_or(ranking.len()).min(ranking.len())];
    style::print(&match args.output {
        Plain::Human => human(&candidates, shown),
        Plain::Json => json(&candidates, shown),
    });
    style::say(format_args!("{}", style::dim(&summary(&found, &settings, shown.len()))));
    Ok(exit::OK)
}

fn dtype(name: &str) -> Result<Dtype, Failure> {
    let names = Dtype::ALL.map(Dtype::name).join(", ");
    Dtype::of(name).ok_or_else(|| {
        Failure::usage(format!("there is no type `{name}`")).hint(format!("use one of {names}"))
    })
}

fn failure(error: &Error) -> Failure {
    Failure::file(error.to_string()).hint(error.help())
}

fn save(candidates: &Gradients, path: &Path, dtype: Option<Dtype>) -> Result<(), Failure> {
    let bar = Bar::new("writing");
    let dtype = dtype.unwrap_or(candidates.dtype(0));
    let saved = shard::save(candidates, path, dtype, &|done| bar.set(done));
    drop(bar);
    saved.map_err(|error| failure(&error))?;
    let rows = count(candidates.count() as u64, "gradient");
    style::say(format_args!("wrote {}: {rows} of {} numbers, as {dtype}", path.display(), candidates.dim()));
    Ok(())
}

/// Reads which stratum each validation row is of.
fn strata(path: &Path, validation: &Gradients) -> Result<Vec<String>, Failure> {
    let text = std::fs::read_to_string(path)
        .map_err(|error| Failure::file(format!("{}: {error}", path.display())))?;
    let form = |line: usize, why: &str| {
        Failure::file(format!("{}:{}: {why}", path.display(), line + 1))
            .hint("each line is the name of a gradient, a space, and its stratum")
    };
    let mut found: BTreeMap<&str, &str> = BTreeMap::new();
    for (at, line) in text.lines().enumerate().filter(|(_, line)| !line.trim().is_empty()) {
        let Some((name, stratum)) = line.trim().rsplit_once(char::is_whitespace) else {
            return Err(form(at, "there is no stratum"));
        };
        if found.insert(name.trim(), stratum).is_some_and(|before| before != stratum) {
            return Err(form(at, &format!("`{}` is in another stratum already", name.trim())));
        }
    }
    let of = |row: usize| {
        let name = validation.name(row);
        found.get(name).map(|stratum| (*stratum).to_owned()).ok_or_else(|| {
            Failure::file(format!(
                "{}: `{name}` of {} has no line",
                path.display(),
                validation.file(row).display()
            ))
            .hint("name every validation gradient and its stratum")
        })
    };
    (0..validation.count()).map(of).collect()
}

fn human(candidates: &Gradients, shown: &[Score]) -> String {
    let widest = shown.iter().map(|score| candidates.name(score.row).chars().count()).max().unwrap_or(0);
    let mut out = String::new();
    let head =
        format!("{:>5}  {:<widest$}  {:>10}  {:>9}  {:>10}", "", "gradient", "score", "± error", "norm");
    let _ = writeln!(out, "{}", style::bold(head.trim_end()));
    for (at, score) in shown.iter().enumerate() {
        let number = |value: Option<f64>, width: usize| match value {
            Some(value) => format!("{:>width$}", number(value)),
            None => format!("{:>width$}", "-"),
        };
        let status = match score.status {
            sswe_kernels::Status::Ok => String::new(),
            status => format!("  {}", style::yellow(status.name())),
        };
        let _ = writeln!(
            out,
            "{:>5}  {:<widest$}  {}  {}  {}{status}",
            at + 1,
            candidates.name(score.row),
            number(score.score, 10),
            number(score.error, 9),
            number(score.norm, 10),
        );
    }
    out
}

/// Returns a number as people read it: inner products and norms are of any size.
fn number(value: f64) -> String {
    match value.abs() {
        size if size != 0.0 && !(1e-3..1e4).contains(&size) => format!("{value:.3e}"),
        _ => format!("{value:.5}"),
    }
}

fn json(candidates: &Gradients, shown: &[Score]) -> String {
    let line = |(at, score): (usize, &Score)| {
        let Score { row, status, score, norm, error } = score;
        let line = json!({
            "rank": at + 1,
            "name": candidates.name(*row),
            "file": candidates.file(*row).display().to_string(),
            "row": row,
            "status": status.name(),
            "score": score,
            "error": error,
            "norm": norm,
        });
        format!("{line}\n")
    };
    shown.iter().enumerate().map(line).collect()
}

fn summary(found: &Alignment, settings: &Settings<'_>, shown: usize) -> String {
    let scored = found.scores.iter().filter(|score| score.score.is_some()).count();
    let mut text = format!("{} of {}", shown, count(found.scores.len() as u64, "gradient"));
    if scored < found.scores.len() {
        let _ = write!(text, ", {} without a direction", found.scores.len() - scored);
    }
    let _ = write!(text, "; against {}", count(found.validation as u64, "gradient"));
    if found.pointing < found.validation {
        let _ = write!(text, ", {} of them zero", found.validation - found.pointing);
    }
    if settings.strata != Strata::Whole {
        let _ = write!(
            text,
            ", {}",
            if found.strata == 1 { "1 stratum".into() } else { format!("{} strata", found.strata) }
        );
    }
    if found.validation < 2 * sswe_kernels::PARTS {
        let _ = write!(text, "; no errors, which need {} of them", 2 * sswe_kernels::PARTS);
    }
    text
}
