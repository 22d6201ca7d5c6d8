//! `distill`: traces become cards that name recurring mistakes.

use sswe_engine::{Artifact, Context, Fault, Made};

use crate::artifact::{self, Outcome, Traces};
use crate::rewriter::{self, Distill};
use crate::setting;

pub(crate) async fn run(context: &Context) -> Result<Made, Fault> {
    let stage = context.stage();
    let model = setting::word(stage, "model")?;
    if model != "solver" {
        return Err(Fault::Failed(format!("model `{model}` cannot be asked yet: use `solver`")));
    }
    let learn_from = setting::words(stage, "learn_from")?.into_iter().map(|word| match word {
        "passed" => Outcome::Passed,
        "partial" => Outcome::Partial,
        _ => Outcome::Failed,
    });
    let lessons = Distill {
        learn_from: learn_from.collect(),
        dedupe: setting::number(stage, "dedupe")?,
        coverage: setting::count(stage, "coverage")? as u32,
    };
    let traces = super::read_port::<Traces>(context, "traces").await?;
    let distill = move || {
        let attempts = traces.iter().flat_map(Traces::each);
        let attempts: Vec<_> = attempts.map(|attempt| (attempt.digest().to_string(), attempt)).collect();
        rewriter::distill(&attempts, &lessons)
    };
    let cards = super::blocking(distill).await?;
    // The weakest skill first: names are in the order in which cards are taken up.
    let artifacts = cards.iter().enumerate().map(|(rank, card)| {
        Artifact::new("cards", artifact::encode(card)).named(format!("{rank:03}-{}", card.name))
    });
    Ok(Made { artifacts: artifacts.collect(), ..Made::default() })
}
