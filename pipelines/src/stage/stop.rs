//! `stop`: whether another round is worth it.

use serde::Serialize;
use sswe_engine::{Artifact, Context, Entry, Fault, Made};

use crate::artifact::{self, Evaluation};
use crate::{setting, statistics};

/// What was decided, and on what grounds.
#[derive(Serialize)]
struct Decision {
    schema: &'static str,
    stop: bool,
    /// The upper 95 % bound of the gain of each round that counts, the last one first.
    upper_bounds: Vec<f64>,
    min_gain: f64,
}

pub(crate) async fn run(context: &Context) -> Result<Made, Fault> {
    let stage = context.stage();
    let min_gain = setting::number(stage, "min_gain")?;
    let patience = setting::count(stage, "patience")? as usize;
    let before: Vec<Vec<Entry>> = context.inputs().lists("before").map(<[_]>::to_vec).collect();
    let now: Vec<Entry> = context.inputs().entries("now").cloned().collect();
    let mut rounds = Vec::new();
    for list in before.iter().chain([&now]) {
        let mut round: Vec<Evaluation> = Vec::new();
        for entry in list {
            round.push(super::read(context, &entry.digest).await?);
        }
        rounds.push(round);
    }
    let gains = rounds.windows(2).rev().take(patience);
    let upper_bounds: Vec<f64> =
        gains.filter_map(|pair| statistics::gain(&pair[0], &pair[1])).map(|gain| gain.high).collect();
    let stop = upper_bounds.len() == patience && upper_bounds.iter().all(|bound| *bound < min_gain);
    let decision = Decision { schema: "stop/1", stop, upper_bounds, min_gain };
    Ok(Made {
        artifacts: vec![Artifact::new("decision", artifact::encode(&decision))],
        stop,
        ..Made::default()
    })
}
