//! `generate`: plants candidates with a card in hand.

use sswe_cache::Digest;
use sswe_compiler::plan::{Shape, Stage};
use sswe_engine::{Artifact, Context, Entry, Fault, Inputs, Item, Made, Step};

use crate::artifact::{self, Card};
use crate::pipeline::Tools;
use crate::shelf::Wanted;
use crate::{planting, setting};

/// Draws for each valid task, where `max_draws` does not say.
const DRAWS_FOR_EACH: u64 = 20;

/// Names a draw: a repository, a card, and the how-manieth candidate of the two it is.
///
/// Its key has these and the weights: not where the card stands among others.
pub(crate) fn draw(stage: &Stage, inputs: &Inputs, ordinal: u64) -> Result<Option<Item>, Fault> {
    let Shape::FirstN(valid) = stage.shape else { return Ok(None) };
    let most = match setting::find(stage, "max_draws") {
        Some(_) => setting::count(stage, "max_draws")?,
        None => valid.saturating_mul(DRAWS_FOR_EACH),
    };
    let repos: Vec<&Entry> = inputs.entries("baseline").collect();
    if ordinal >= most || repos.is_empty() {
        return Ok(None);
    }
    let group = setting::count(stage, "group")?.max(1);
    let (least, largest) = setting::range(stage, "per_card")?;
    let cards: Vec<&Entry> = match setting::is_on(stage, "guided")? {
        true => inputs.entries("cards").collect(),
        false => Vec::new(),
    };
    let share = |bound: f64| (valid as f64 / bound.max(1.0)) as usize;
    // So few cards that each can have its least.
    let used = least.map_or(cards.len(), |least| cards.len().min(share(least).max(1)));
    let cards = &cards[..used];

    let batch = ordinal / group;
    let pairs = (repos.len() * cards.len().max(1)) as u64;
    let (turn, pair) = (batch / pairs, batch % pairs);
    let draw = turn * group + ordinal % group;
    // Along diagonals: neighbours differ in the card and in the repository.
    let at = pair as usize % cards.len().max(1);
    let repo = repos[(at + pair as usize / cards.len().max(1)) % repos.len()];
    let mut content = vec![("baseline".to_owned(), repo.digest)];
    content.extend(inputs.entries("weights").map(|weights| ("weights".to_owned(), weights.digest)));
    let mut name = repo.digest.short();
    if let Some(card) = cards.get(at) {
        // No more candidates than the card may give tasks, over all repositories.
        if largest.is_some_and(|largest| (draw + 1) as f64 > (largest / repos.len() as f64).max(1.0)) {
            return Ok(None);
        }
        content.push(("cards".to_owned(), card.digest));
        name = card.digest.short();
    }
    Ok(Some(Item::new(format!("{name}.{draw}"), content).draw(draw)))
}

pub(crate) async fn run(context: &Context, tools: &Tools) -> Result<Made, Fault> {
    let stage = context.stage();
    let inputs = context.inputs();
    let draw = context.item().and_then(|item| item.ordinal()).unwrap_or_default();
    let model = setting::word(stage, "model")?;
    if model != "solver" {
        return Err(Fault::Failed(format!("model `{model}` cannot be asked yet: use `solver`")));
    }
    let repo_digest = inputs.one("baseline")?.digest;
    let repo = tools.shelf.repo(context, &repo_digest).await?;
    let policy = tools.shelf.policy(context, &inputs.one("weights")?.digest).await?;
    let card_digest: Option<Digest> = inputs.entries("cards").next().map(|entry| entry.digest);
    let group_size = setting::count(stage, "group")?.max(1);
    let group = draw / group_size;
    let wanted = card_digest.map_or(Wanted::Generic, Wanted::Card);
    let choices = tools.shelf.plants(context, &repo, wanted).await?;
    let mut about = vec![("repo".to_owned(), repo_digest)];
    if let Some(digest) = card_digest {
        // By its name: a card that rests on one more trace is about the same mistake.
        let card: Card = super::read(context, &digest).await?;
        about.push(("card".to_owned(), Digest::of(card.name.as_bytes())));
    }
    let order = Step { name: "group", inputs: about, draw: Some(group), random: true, ..Step::default() };
    let Some(mut random) = context.random_of(&order) else {
        return Err(Fault::Failed("planting needs a seed".to_owned()));
    };
    let dedupe = setting::number(stage, "dedupe")?;
    let at = (draw % group_size) as usize;
    let among = choices.clone();
    let picks = super::blocking(move || among.draws(&policy, &mut random, at + 1, dedupe)).await?;
    let Some(pick) = picks.get(at) else {
        return Ok(Made::default());
    };
    let card = card_digest.map(|digest| digest.to_string());
    let edit = &choices.edits()[pick.index];
    let planting::Planted { task, run: _ } =
        planting::plant(context, tools, &repo, edit, card, group).await?;
    Ok(Made { artifacts: vec![Artifact::new("candidates", artifact::encode(&task))], ..Made::default() })
}
