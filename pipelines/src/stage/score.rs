//! `score`: how well each accepted task's training direction points at the practice exam.

use sswe_engine::{Artifact, Context, Entry, Fault, Made, RngCore};
use sswe_kernels::{Dtype, Gradients, Mode, Settings, Strata};

use super::gradient::reward;
use crate::artifact::{self, GradientHead, Scored, Scores, decode_gradient};
use crate::rewriter::Reward;
use crate::setting;

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
        "cosine" => scores = aligned(context, Mode::Cosine, scores).await?,
        "dot" => scores = aligned(context, Mode::Dot, scores).await?,
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

async fn aligned(context: &Context, mode: Mode, scores: Scores) -> Result<Scores, Fault> {
    let stage = context.stage();
    let strata = match setting::word(stage, "strata")? {
        "max" => Strata::Max,
        _ => Strata::Whole,
    };
    let precondition = setting::word(stage, "precondition")?.to_owned();
    let exam = read_gradients(context, "direction").await?;
    let tasks = read_gradients(context, "gradients").await?;
    super::blocking(move || align(&exam, &tasks, (mode, strata), &precondition, scores)).await?
}

fn align(
    exam: &[Row],
    tasks: &[Row],
    (mode, strata): (Mode, Strata),
    precondition: &str,
    mut scores: Scores,
) -> Result<Scores, Fault> {
    let length = exam.iter().chain(tasks).map(|row| row.values.len()).max().unwrap_or(0);
    if exam.iter().chain(tasks).any(|row| row.values.len() != length) {
        return Err(Fault::Failed("the gradients have different lengths".to_owned()));
    }
    let set = |what: &str, rows: &[Row]| {
        let rows = rows.iter().map(|row| (row.head.task.clone(), row.values.as_slice()));
        Gradients::in_memory(what, length, Dtype::F32, rows)
    };
    let weights = weights(precondition, tasks, length);
    let weights = weights.map(|weights| {
        let row = (precondition.to_owned(), weights.as_slice());
        Gradients::in_memory("the preconditioner", length, Dtype::F32, [row])
    });
    let labels: Vec<&str> = exam.iter().map(|row| row.head.stratum.as_str()).collect();
    let settings = Settings { mode, strata, weights: weights.as_ref(), ..Settings::default() };
    let candidates = set("the gradients of the tasks", tasks);
    let validation = match exam {
        // An exam without tasks points nowhere, as one that nobody learns from does.
        [] => Gradients::in_memory("the exam", length, Dtype::F32, [(String::new(), &*vec![0.0; length])]),
        exam => set("the exam", exam),
    };
    let found = sswe_kernels::align(&candidates, &validation, &labels, &settings, &|_| ())
        .map_err(|error| Fault::Failed(format!("{error}; {}", error.help())))?;
    scores.exam = (found.pointing as u32, exam.len() as u32);
    scores.direction_norm = Some(found.norm);
    for (at, task) in tasks.iter().enumerate() {
        let found = found.scores[at];
        scores.tasks.push(Scored {
            task: task.head.task.clone(),
            repo: task.head.repo.clone(),
            // A task that teaches nothing points nowhere.
            score: found.score.unwrap_or(0.0),
            error: found.error,
            status: found.status.name().to_owned(),
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

/// How much each coordinate counts when gradients are compared; nothing where all count alike.
fn weights(precondition: &str, tasks: &[Row], length: usize) -> Option<Vec<f32>> {
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
        _ => return None,
    }
    let largest = second.iter().copied().fold(0.0, f64::max).sqrt();
    let weight = |moment: &f64| match moment.sqrt() {
        root if root > 0.0 => (1.0 / (root + 1e-3 * largest)) as f32,
        // Where no candidate has anything, the exam has nothing to compare.
        _ => 0.0,
    };
    Some(second.iter().map(weight).collect())
}
