//! What an item sees while it runs, and what it may ask for.

use std::collections::BTreeMap;
use std::sync::Arc;

use sswe_cache::{
    ActionKey, Component, Components, Digest, Error as StoreError, Fields, Output, Store, Value,
};
use sswe_compiler::plan::Stage;
use tokio::sync::{mpsc, oneshot};

use crate::key::{Level, Own, Recipe, action_key};
use crate::pool::Ask;
use crate::work::content_digest;
use crate::{Artifact, ChaCha8Rng, Fault, Inputs, Item, Source, Stream};

/// What an item may know: all of it is in its key, or does not change what it gives.
pub struct Context {
    pub(crate) stage: Arc<Stage>,
    pub(crate) node: usize,
    pub(crate) item: Option<Item>,
    pub(crate) label: Arc<str>,
    pub(crate) inputs: Inputs,
    pub(crate) sources: Arc<[Source]>,
    pub(crate) stream: Option<Stream>,
    pub(crate) recipe: Recipe,
    pub(crate) attempt: u32,
    pub(crate) offline: bool,
    pub(crate) group: usize,
    pub(crate) store: Store,
    pub(crate) dispatcher: mpsc::UnboundedSender<Message>,
}

/// What an item asks the dispatcher for.
pub(crate) enum Message {
    /// Whether it may make requests.
    Rate(usize, Ask),
    /// What a step made before.
    Look(ActionKey, oneshot::Sender<Result<Option<Vec<Output>>, StoreError>>),
    /// To keep what a step made.
    Keep(Box<Kept>),
}

/// What a step made.
pub(crate) struct Kept {
    pub(crate) key: ActionKey,
    pub(crate) node: usize,
    pub(crate) label: String,
    pub(crate) artifacts: Vec<Artifact>,
    pub(crate) own: Components,
    pub(crate) wall_us: u64,
}

/// A part of an item's work that is remembered on its own, such as one of several runs of a test
/// suite, or one sample of a model.
///
/// Its key has the implementation, the tools and the environment of the stage, and what is named
/// here: not the stage's settings.
#[derive(Clone, Debug, Default)]
pub struct Step {
    /// What it is called.
    pub name: &'static str,
    /// The settings that it depends on, by name.
    pub settings: Vec<(String, String)>,
    /// What it reads, by port.
    pub inputs: Vec<(String, Digest)>,
    /// Which of several it is.
    pub draw: Option<u64>,
    /// Whether it draws from [`Context::random_of`].
    pub random: bool,
}

impl Context {
    /// Returns the stage.
    pub fn stage(&self) -> &Stage {
        &self.stage
    }

    /// Returns the item; none when a whole stage runs.
    pub fn item(&self) -> Option<&Item> {
        self.item.as_ref()
    }

    /// Returns what it reads: its content, or all inputs of the stage.
    pub fn inputs(&self) -> &Inputs {
        &self.inputs
    }

    /// Returns the files that the stage reads.
    pub fn sources(&self) -> &[Source] {
        &self.sources
    }

    /// Returns how often the item was tried before, because the surroundings broke.
    pub fn attempt(&self) -> u32 {
        self.attempt
    }

    /// Returns whether the network is out of bounds; who needs it gives [`Fault::Offline`].
    pub fn offline(&self) -> bool {
        self.offline
    }

    /// Returns the body with this digest, which an input named.
    pub async fn read(&self, digest: &Digest) -> Result<Vec<u8>, Fault> {
        let (store, digest) = (self.store.clone(), *digest);
        let read = tokio::task::spawn_blocking(move || store.get(&digest)).await;
        match read {
            Ok(Ok(bytes)) => Ok(bytes),
            Ok(Err(error)) => Err(unreadable(error)),
            Err(error) => Err(Fault::Infra(error.to_string())),
        }
    }

    /// Returns the body of the only artifact of a port.
    pub async fn read_one(&self, port: &str) -> Result<Vec<u8>, Fault> {
        let digest = self.inputs.one(port)?.digest;
        self.read(&digest).await
    }

    /// Returns the item's random numbers; none when its stage has no seed.
    pub fn random(&self) -> Option<ChaCha8Rng> {
        let (content, draw) = match &self.item {
            Some(item) => (item.digest(), item.ordinal()),
            None => (content_of(&self.inputs), None),
        };
        self.stream.map(|stream| stream.random(&content, draw))
    }

    /// Returns the random numbers of a step.
    pub fn random_of(&self, step: &Step) -> Option<ChaCha8Rng> {
        self.stream.map(|stream| stream.random(&step.content(), step.draw))
    }

    /// Waits until the pool's rates allow so many requests, and tokens as far as they are known.
    pub async fn ask(&self, requests: u32, tokens: u64) {
        let (granted, answer) = oneshot::channel();
        let ask = Ask { requests, tokens, granted };
        if self.dispatcher.send(Message::Rate(self.group, ask)).is_ok() {
            // No answer means that the run is over, and with it this item.
            let _ = answer.await;
        }
    }

    /// Returns what a step made, by port: from the store, or by running `work`.
    pub async fn step(
        &self,
        step: &Step,
        work: impl Future<Output = Result<Vec<Artifact>, Fault>>,
    ) -> Result<BTreeMap<String, Vec<u8>>, Fault> {
        let key = step.key(self);
        let (reply, answer) = oneshot::channel();
        let asked = self.dispatcher.send(Message::Look(key, reply));
        let over = || Fault::Infra("the run is over".to_owned());
        let found = match asked {
            Ok(()) => answer.await.map_err(|_| over())?.map_err(unreadable)?,
            Err(_) => return Err(over()),
        };
        let mut bodies = BTreeMap::new();
        if let Some(outputs) = found {
            for output in outputs {
                bodies.insert(output.name.to_string(), self.read(&output.body).await?);
            }
            return Ok(bodies);
        }
        let begun = std::time::Instant::now();
        let artifacts = work.await?;
        for artifact in &artifacts {
            let body = match &artifact.body {
                crate::work::Body::Bytes(bytes) => bytes.clone(),
                crate::work::Body::Kept(digest) => self.read(digest).await?,
            };
            bodies.insert(artifact.port.to_owned(), body);
        }
        let kept = Kept {
            key,
            node: self.node,
            label: step.label(&self.label),
            artifacts,
            own: step.components(),
            wall_us: begun.elapsed().as_micros() as u64,
        };
        let _ = self.dispatcher.send(Message::Keep(Box::new(kept)));
        Ok(bodies)
    }
}

impl Step {
    fn key(&self, context: &Context) -> ActionKey {
        // No `..`: a new field is part of the key.
        let Step { name, settings, inputs, draw, random } = self;
        let mut said = Fields::new("sswe.step.v1");
        said.text("name", name);
        for (setting, value) in settings {
            said.text(setting, value);
        }
        if let Some(Stream { seed, kind, round }) = context.stream.filter(|_| *random) {
            said.number("seed", seed)
                .text("kind", kind.as_str())
                .number("round", round.map_or(0, |r| 1 + u64::from(r)));
        }
        let mut all: Vec<(&str, Digest)> = inputs.iter().map(|(port, digest)| (&**port, *digest)).collect();
        all.sort_unstable();
        all.push(("", said.finish()));
        let own = Own { level: Level::Step, inputs: &all, draw: *draw, until: None };
        action_key(&context.recipe.base, &own)
    }

    fn content(&self) -> Digest {
        let mut inputs = self.inputs.clone();
        inputs.sort();
        content_digest(
            inputs.iter().map(|(port, digest)| (&**port, *digest)).chain([(self.name, Digest::of(b""))]),
        )
    }

    fn label(&self, item: &str) -> String {
        match self.draw {
            Some(draw) => format!("{item}/{}.{draw}", self.name),
            None => format!("{item}/{}", self.name),
        }
    }

    fn components(&self) -> Components {
        let mut all = Vec::new();
        for (setting, value) in &self.settings {
            all.push(Component { name: format!("step.{setting}"), value: Value::Text(value.clone()) });
        }
        for (port, digest) in &self.inputs {
            all.push(Component { name: format!("input.{port}"), value: Value::Digest(*digest) });
        }
        if let Some(draw) = self.draw {
            all.push(Component { name: "draw".to_owned(), value: Value::Text(draw.to_string()) });
        }
        Components::new(all)
    }
}

fn content_of(inputs: &Inputs) -> Digest {
    content_digest(
        inputs.lists.iter().flat_map(|(port, list)| list.iter().map(|entry| (&**port, entry.digest))),
    )
}

fn unreadable(error: StoreError) -> Fault {
    match error {
        StoreError::Missing { digest } | StoreError::Damaged { digest, .. } => Fault::Lost(digest),
        error => Fault::Infra(error.to_string()),
    }
}
