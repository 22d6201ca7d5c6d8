//! `score`: how well each accepted task's training direction points at the practice exam.

use std::collections::BTreeMap;

use sswe_cache::Digest;
use sswe_engine::{Artifact, Context, Entry, Fault, Made, RngCore};
use sswe_kernels::{Status, Sums, cpu};

use super::digest;
use super::gradient::reward;
use crate::artifact::{self, GradientHead, Scored, Scores, decode_gradient};
use crate::rewriter::Reward;
use crate::setting;

/// Parts of the exam that the standard error leaves out one by one.
const PARTS: usize = 10;

pub(crate) async fn run(context: &Context) -> Result<Made, Fault> {
    let stage = context.stage();
    let mode = setting::word(stage, "mode")?;
    let mut scores = Scores {
        schema: "score/1".to_owned(),
        mode: mode.to_owned(),
        invalid: setting::number(stage, "invalid")?,
        direction_norm: None,
        exam: (0, 0),
        tasks: Vec::new(),
    };
    match mode {
        "cosine" | "dot" => scores = aligned(context, mode == "cosine", scores).await?,
        _ => plain(context, mode, &mut scores).await?,
    }
    scores.tasks.sort_by(|a, b| a.task.cmp(&b.task));
    Ok(Made { artifacts: vec![Artifact::new("scores", artifact::encode(&scores))], ..Made::default() })
}

/// Scores that the attempts alone decide.
async fn plain(context: &Context, mode: &str, scores: &mut Scores) -> Result<(), Fault> {
    for entry in entries(context, "attempts") {
        let group: artifact::Attempts = super::read(context, &entry.digest).await?;
        let (resolved, all) = group.resolved();
        let p = f64::from(resolved) / f64::from(all.max(1));
        let score = match mode {
            "difficulty" => 1.0 - p,
            "uncertainty" => 1.0 - 2.0 * (p - 0.5).abs(),
            "variance" => variance(&group, &reward(context.stage())?),
            "random" => draw(context, &group.task)?,
            other => return Err(Fault::Failed(format!("there is no score called `{other}`"))),
        };
        let status = if is_silent(&group) { "zero" } else { "ok" };
        scores.tasks.push(Scored {
            task: group.task,
            repo: group.repo,
            score,
            error: None,
            status: status.to_owned(),
            resolved: (resolved, all),
        });
    }
    Ok(())
}

/// Returns whether all attempts earned the same, each part of it: their gradient is zero.
fn is_silent(group: &artifact::Attempts) -> bool {
    group.picks.iter().all(|pick| pick.counts == group.picks[0].counts)
}

/// The variance of what the attempts earned.
fn variance(group: &artifact::Attempts, reward: &Reward) -> f64 {
    let rewards: Vec<f64> = group.picks.iter().map(|pick| reward.of(pick.counts)).collect();
    let n = rewards.len().max(1) as f64;
    let mean = rewards.iter().sum::<f64>() / n;
    rewards.iter().map(|x| (x - mean) * (x - mean)).sum::<f64>() / n
}

/// A number that depends on the curriculum's seed, the round and the task.
fn draw(context: &Context, task: &str) -> Result<f64, Fault> {
    let mut seed = context.random().ok_or_else(|| Fault::Failed("`random` needs a seed".to_owned()))?;
    let mut fields = sswe_cache::Fields::new("sswe.score.random.v1");
    fields.number("seed", seed.next_u64()).text("task", task);
    let mut bytes = [0; 8];
    bytes.copy_from_slice(&fields.finish().as_bytes()[..8]);
    Ok((u64::from_le_bytes(bytes) >> 11) as f64 / (1u64 << 53) as f64)
}

async fn aligned(context: &Context, is_cosine: bool, scores: Scores) -> Result<Scores, Fault> {
    let stage = context.stage();
    let settings = Aligned {
        is_cosine,
        by_max: setting::word(stage, "strata")? == "max",
        precondition: setting::word(stage, "precondition")?.to_owned(),
    };
    let exam = read_gradients(context, "direction").await?;
    let tasks = read_gradients(context, "gradients").await?;
    super::blocking(move || align(&exam, &tasks, &settings, scores)).await?
}

/// How directions are compared.
struct Aligned {
    is_cosine: bool,
    by_max: bool,
    precondition: String,
}

fn align(exam: &[Row], tasks: &[Row], settings: &Aligned, mut scores: Scores) -> Result<Scores, Fault> {
    let length = exam.iter().chain(tasks).map(|row| row.values.len()).max().unwrap_or(0);
    if exam.iter().chain(tasks).any(|row| row.values.len() != length) {
        return Err(Fault::Failed("the gradients have different lengths".to_owned()));
    }
    let scale = scale(&settings.precondition, tasks, length);
    let strata = strata(exam, length);
    let whole: Vec<f32> = mean(exam.iter(), length);
    let parts = parts(exam, length);
    let tilt = |direction: &[f32]| direction.iter().zip(&scale).map(|(x, w)| x * w).collect::<Vec<f32>>();
    let norm2 = |direction: &[f32]| cpu::sums(direction, direction).norm2;

    scores.exam =
        (exam.iter().filter(|row| row.values.iter().any(|x| *x != 0.0)).count() as u32, exam.len() as u32);
    scores.direction_norm = Some(norm2(&whole).sqrt());
    let directions: Vec<Vec<f32>> = if settings.by_max { strata } else { vec![whole] };
    // Each with its squared norm, which all tasks share.
    let tilted = |direction: &Vec<f32>| {
        let direction = tilt(direction);
        let norm2 = norm2(&direction);
        (direction, norm2)
    };
    let directions: Vec<(Vec<f32>, f64)> = directions.iter().map(tilted).collect();
    let parts: Vec<(Vec<f32>, f64)> = parts.iter().map(tilted).collect();
    let worth = |row: &[f32], (direction, norm2): &(Vec<f32>, f64)| {
        let sums = cpu::sums(row, direction);
        let value = if settings.is_cosine { sums.cosine(*norm2) } else { Some(sums.dot) };
        (value.filter(|value| value.is_finite()), sums)
    };
    for task in tasks {
        let row = tilt(&task.values);
        let (mut score, mut sums) = (None::<f64>, Sums { dot: 0.0, norm2: 0.0 });
        for direction in &directions {
            let (value, found) = worth(&row, direction);
            sums = found;
            score = match (score, value) {
                (Some(best), Some(value)) => Some(best.max(value)),
                (best, value) => best.or(value),
            };
        }
        let status = match sums.status() {
            Status::Ok => "ok",
            Status::ZeroNorm => "zero",
            Status::NonFinite => "non_finite",
        };
        let without: Vec<f64> = parts.iter().filter_map(|part| worth(&row, part).0).collect();
        scores.tasks.push(Scored {
            task: task.head.task.clone(),
            repo: task.head.repo.clone(),
            // A task that teaches nothing points nowhere.
            score: if status == "ok" { score.unwrap_or(0.0) } else { 0.0 },
            error: if status == "ok" { jackknife(&without) } else { None },
            status: status.to_owned(),
            resolved: task.head.resolved,
        });
    }
    Ok(scores)
}

struct Row {
    head: GradientHead,
    values: Vec<f32>,
}

fn entries(context: &Context, port: &str) -> Vec<Entry> {
    context.inputs().entries(port).cloned().collect()
}

async fn read_gradients(context: &Context, port: &str) -> Result<Vec<Row>, Fault> {
    let mut rows = Vec::new();
    for entry in entries(context, port) {
        let bytes = context.read(&entry.digest).await?;
        let (head, values) = decode_gradient(&bytes, true)
            .map_err(|error| Fault::Failed(format!("gradient {}: {error}", entry.digest.short())))?;
        rows.push(Row { head, values });
    }
    // The order of the tasks, which decides the order of sums.
    rows.sort_by(|a, b| a.head.task.cmp(&b.head.task));
    Ok(rows)
}

/// The mean of gradients; tasks without a direction count as zeros.
fn mean<'a>(rows: impl Iterator<Item = &'a Row>, length: usize) -> Vec<f32> {
    let mut sum = vec![0.0f64; length];
    let mut count = 0u32;
    for row in rows {
        count += 1;
        for (sum, x) in sum.iter_mut().zip(&row.values) {
            *sum += f64::from(*x);
        }
    }
    sum.iter().map(|sum| (sum / f64::from(count.max(1))) as f32).collect()
}

/// One direction for each group of the exam's tasks that are alike.
fn strata(exam: &[Row], length: usize) -> Vec<Vec<f32>> {
    let mut groups: BTreeMap<&str, Vec<&Row>> = BTreeMap::new();
    for row in exam {
        groups.entry(row.head.stratum.as_str()).or_default().push(row);
    }
    groups.values().map(|rows| mean(rows.iter().copied(), length)).collect()
}

/// The direction without each tenth of the exam, tasks being spread by their digests.
fn parts(exam: &[Row], length: usize) -> Vec<Vec<f32>> {
    let part =
        |row: &Row| digest(&row.head.task).map_or(0, |digest: Digest| digest.as_bytes()[0] as usize % PARTS);
    if exam.len() < 2 * PARTS {
        return Vec::new();
    }
    (0..PARTS).map(|out| mean(exam.iter().filter(|row| part(row) != out), length)).collect()
}

/// The standard error that leaving out one part at a time shows.
fn jackknife(without: &[f64]) -> Option<f64> {
    if without.len() < PARTS {
        return None;
    }
    let n = without.len() as f64;
    let mean = without.iter().sum::<f64>() / n;
    let squares: f64 = without.iter().map(|x| (x - mean) * (x - mean)).sum();
    Some(((n - 1.0) / n * squares).sqrt())
}

/// What each coordinate is multiplied by before gradients are compared.
fn scale(precondition: &str, tasks: &[Row], length: usize) -> Vec<f32> {
    let mut second = vec![0.0f64; length];
    let square = |x: &f32| f64::from(*x) * f64::from(*x);
    match precondition {
        // The root mean square over the candidates.
        "diagonal" => {
            for row in tasks {
                for (sum, x) in second.iter_mut().zip(&row.values) {
                    *sum += square(x) / tasks.len() as f64;
                }
            }
        }
        // The second moment that Adam has after one pass over the candidates.
        "adam" => {
            const BETA: f64 = 0.999;
            for row in tasks {
                for (moment, x) in second.iter_mut().zip(&row.values) {
                    *moment = BETA * *moment + (1.0 - BETA) * square(x);
                }
            }
            let steps = (0..tasks.len()).fold(1.0, |product, _| product * BETA);
            second.iter_mut().for_each(|moment| *moment /= (1.0 - steps).max(f64::MIN_POSITIVE));
        }
        _ => return vec![1.0; length],
    }
    let largest = second.iter().copied().fold(0.0, f64::max).sqrt();
    // Half of the weight on each side: both gradients are multiplied by it.
    let weight = |moment: &f64| match moment.sqrt() {
        root if root > 0.0 => (1.0 / (root + 1e-3 * largest).sqrt()) as f32,
        // Where no candidate has anything, the exam has nothing to compare.
        _ => 0.0,
    };
    second.iter().map(weight).collect()
}
