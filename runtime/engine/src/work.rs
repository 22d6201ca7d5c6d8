//! What stages do: the one trait through which the engine knows of it.

use std::future::Future;
use std::time::Duration;

use sswe_cache::{Digest, Fields};
use sswe_compiler::plan::Stage;

use crate::{Context, Inputs};

/// What the stages of a plan do. Implemented once, by `pipelines`; in tests by a script.
///
/// Everything here but [`Work::run`] is pure: the same stage and inputs give the same answer, on
/// any machine. The engine may ask as often as it likes.
pub trait Work: Send + Sync + 'static {
    /// Says what implements a stage, and what it gives.
    fn declare(&self, stage: &Stage) -> Declaration;

    /// Names the items of an [`Each`](sswe_compiler::plan::Shape::Each) stage.
    ///
    /// One entry may become several items (the attempts on a task), several entries one item (the
    /// attempts of a group), and an entry none. For a gate, the items of an entry depend on that
    /// entry alone: candidates are judged while others are still being drawn.
    fn expand(&self, stage: &Stage, inputs: &Inputs) -> Result<Vec<Item>, Fault>;

    /// Names the draw of that ordinal of a [`FirstN`](sswe_compiler::plan::Shape::FirstN) stage;
    /// `None` ends the drawing, with fewer than asked for.
    fn draw(&self, stage: &Stage, inputs: &Inputs, ordinal: u64) -> Result<Option<Item>, Fault>;

    /// Runs an item, or a stage that has none.
    ///
    /// What it gives may depend on nothing but what `context` offers. When the future is
    /// dropped, the work is cancelled: processes that it started must end then.
    fn run(&self, context: Context) -> impl Future<Output = Result<Made, Fault>> + Send;
}

/// What implements a stage, and what it gives. All of it is part of the stage's keys.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Declaration {
    /// The version of the implementation: raised when the same inputs give other outputs.
    pub version: u32,
    /// The tools that it uses, by name, each with what identifies it, such as an image digest.
    pub tools: Vec<(String, String)>,
    /// The outputs. A draw counts when it, and every gate behind it, puts something into the
    /// first one.
    pub ports: Vec<&'static str>,
}

/// A part of a stage's work that has a key of its own.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    name: String,
    content: Vec<(String, Digest)>,
    draw: Option<u64>,
}

impl Item {
    /// Makes an item that reads `content`, by port; `name` is what its artifacts are called, and
    /// no part of its key.
    pub fn new(name: impl Into<String>, content: impl IntoIterator<Item = (String, Digest)>) -> Item {
        let mut content: Vec<_> = content.into_iter().collect();
        // Sorted: where an entry stood must not be part of the key.
        content.sort();
        Item { name: name.into(), content, draw: None }
    }

    /// Says which of several draws from the same content this is.
    pub fn draw(mut self, ordinal: u64) -> Item {
        self.draw = Some(ordinal);
        self
    }

    /// Returns its name.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Returns what it reads: port and digest, sorted.
    pub fn content(&self) -> &[(String, Digest)] {
        &self.content
    }

    /// Returns the ordinal of the draw, if it is one of several.
    pub fn ordinal(&self) -> Option<u64> {
        self.draw
    }

    /// Returns the digest that stands for its content.
    pub fn digest(&self) -> Digest {
        content_digest(self.content.iter().map(|(port, digest)| (port.as_str(), *digest)))
    }

    /// Returns what it is called in events, in the store and by `why`: twelve digits of its
    /// content's digest, and the ordinal of the draw.
    pub fn label(&self) -> String {
        let content = match &self.content[..] {
            [(_, one)] => one.short(),
            _ => self.digest().short(),
        };
        match self.draw {
            Some(draw) => format!("{content}.{draw}"),
            None => content,
        }
    }
}

/// What an item made.
#[derive(Clone, Debug, Default)]
pub struct Made {
    /// Its artifacts, in any order.
    pub artifacts: Vec<Artifact>,
    /// What it cost, in millionths of a US dollar.
    pub cost_micros: u64,
    /// How long it had a GPU.
    pub gpu_time: Duration,
    /// Whether the curriculum ends here; only a [`Stop`](sswe_compiler::plan::Shape::Stop) stage
    /// decides that.
    pub stop: bool,
}

/// A canonical body, and the facts beside it that no one hashes.
#[derive(Clone, Debug)]
pub struct Artifact {
    pub(crate) port: &'static str,
    pub(crate) name: Option<String>,
    pub(crate) body: Body,
    pub(crate) sidecar: Option<Vec<u8>>,
}

#[derive(Clone, Debug)]
pub(crate) enum Body {
    Bytes(Vec<u8>),
    Kept(Digest),
}

impl Artifact {
    /// Makes an artifact; it is called as the item is.
    pub fn new(port: &'static str, body: impl Into<Vec<u8>>) -> Artifact {
        Artifact { port, name: None, body: Body::Bytes(body.into()), sidecar: None }
    }

    /// Passes on what the item read, as a gate does with a candidate.
    pub fn passed(port: &'static str, body: Digest) -> Artifact {
        Artifact { port, name: None, body: Body::Kept(body), sidecar: None }
    }

    /// Returns the output it goes into.
    pub fn port(&self) -> &'static str {
        self.port
    }

    /// Returns its bytes; none where it passes on what was there.
    pub fn bytes(&self) -> Option<&[u8]> {
        match &self.body {
            Body::Bytes(bytes) => Some(bytes),
            Body::Kept(_) => None,
        }
    }

    /// Names the artifact, where an item gives several into one port.
    pub fn named(mut self, name: impl Into<String>) -> Artifact {
        self.name = Some(name.into());
        self
    }

    /// Adds times, hosts and costs: never hashed, and never read by a stage.
    pub fn sidecar(mut self, bytes: impl Into<Vec<u8>>) -> Artifact {
        self.sidecar = Some(bytes.into());
        self
    }
}

/// Why an item gave nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Fault {
    /// The work says no. It is not tried again in this run, and never remembered as a hit.
    Failed(String),
    /// The surroundings broke: the same item may well succeed the next time.
    Infra(String),
    /// A blob that the item reads is gone or damaged: what made it has to run again.
    Lost(Digest),
    /// The item needs the network, and the run is offline.
    Offline(String),
}

pub(crate) fn content_digest<'a>(content: impl IntoIterator<Item = (&'a str, Digest)>) -> Digest {
    let mut fields = Fields::new("sswe.content.v1");
    for (port, digest) in content {
        fields.digest(port, &digest);
    }
    fields.finish()
}
