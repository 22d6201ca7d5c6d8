//! What many items read again and again, kept ready: repositories, their sources, weights.

use std::collections::{BTreeMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use sswe_cache::Digest;
use sswe_engine::{Context, Fault};
use tokio::sync::OnceCell;

use crate::artifact::{Card, Env, Repo, Suite, Task, Tree};
use crate::rewriter::{self, Choices, Policy, Scene, Source, Taste};
use crate::stage;

/// How many weights are kept: a round asks two.
const POLICIES: usize = 4;
/// How many tasks are kept whose repairs are known: a round asks for those of each task several
/// times, to solve it, for its gradient and to train on it.
const TASKS: usize = 256;
/// How many pairs of a repository and a taste are kept whose plants are known.
const TASTES: usize = 128;

/// A repository with a suite, ready for use.
#[derive(Debug)]
pub(crate) struct Shelved {
    /// The digest of its artifact.
    pub(crate) digest: Digest,
    /// Its files.
    pub(crate) files: Arc<Tree>,
    /// What its tests run with.
    pub(crate) env: Env,
    /// What is known of its tests.
    pub(crate) suite: Suite,
    /// Its product code.
    pub(crate) source: Source,
    /// What its tests enter, once somebody asked.
    pub(crate) entered: OnceCell<Entered>,
}

/// The functions that tests enter, by id: path and name, sorted.
pub(crate) type Entered = BTreeMap<String, Vec<(String, String)>>;

/// Repositories and weights that were read once.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    repos: Mutex<BTreeMap<Digest, Arc<Shelved>>>,
    policies: Mutex<Recent<Digest, Policy>>,
    repairs: Mutex<Recent<Digest, Choices>>,
    plants: Mutex<Recent<(Digest, Wanted), Choices>>,
}

/// Which bugs are wanted of a repository: what decides them, by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Wanted {
    /// Those of mutation tools.
    Generic,
    /// Every kind alike.
    Balanced,
    /// Those that the card with this digest is about.
    Card(Digest),
}

/// What was asked last, up to a bound.
#[derive(Debug)]
struct Recent<K, V>(VecDeque<(K, Arc<V>)>);

impl<K, V> Default for Recent<K, V> {
    fn default() -> Recent<K, V> {
        Recent(VecDeque::new())
    }
}

impl<K: PartialEq, V> Recent<K, V> {
    fn get(&mut self, key: &K) -> Option<Arc<V>> {
        let at = self.0.iter().position(|(known, _)| known == key)?;
        let found = self.0.remove(at)?;
        let value = found.1.clone();
        self.0.push_back(found);
        Some(value)
    }

    /// Keeps a value, and forgets what was asked longest ago where there are more than `most`.
    fn keep(&mut self, most: usize, key: K, value: V) -> Arc<V> {
        if let Some(known) = self.get(&key) {
            return known;
        }
        let value = Arc::new(value);
        self.0.push_back((key, value.clone()));
        if self.0.len() > most {
            self.0.pop_front();
        }
        value
    }
}

fn open<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Shelf {
    /// Returns a repository that a baseline made.
    pub(crate) async fn repo(&self, context: &Context, digest: &Digest) -> Result<Arc<Shelved>, Fault> {
        let known = open(&self.repos).get(digest).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let repo: Repo = stage::read(context, digest).await?;
        let (Some(env), Some(suite)) = (repo.env, repo.suite) else {
            return Err(Fault::Failed(format!("repository {} has no suite yet", digest.short())));
        };
        let files = Arc::new(repo.files);
        let parsed = files.clone();
        let source = stage::blocking(move || Source::new(&parsed)).await?;
        let entered = OnceCell::new();
        let shelved = Arc::new(Shelved { digest: *digest, files, env, suite, source, entered });
        Ok(open(&self.repos).entry(*digest).or_insert(shelved).clone())
    }

    /// Returns weights.
    pub(crate) async fn policy(&self, context: &Context, digest: &Digest) -> Result<Arc<Policy>, Fault> {
        if let Some(known) = open(&self.policies).get(digest) {
            return Ok(known);
        }
        let bytes = context.read(digest).await?;
        let policy = Policy::from_bytes(&bytes)
            .map_err(|error| Fault::Failed(format!("weights {}: {error}", digest.short())))?;
        Ok(open(&self.policies).keep(POLICIES, *digest, policy))
    }

    /// Returns what a Solver chooses from on a task.
    pub(crate) async fn repairs(&self, context: &Context, task: &Task) -> Result<Arc<Choices>, Fault> {
        let face = task.face();
        if let Some(known) = open(&self.repairs).get(&face) {
            return Ok(known);
        }
        let repo = self.repo(context, &stage::digest(&task.repo)?).await?;
        let (bug, observed) = (task.bug.clone(), task.observed.clone());
        let choices = stage::blocking(move || {
            let source = bug.iter().fold(repo.source.clone(), |source, (path, text)| source.with(path, text));
            rewriter::repairs(&Scene::new(&source, &observed))
        });
        let choices = choices.await?;
        Ok(open(&self.repairs).keep(TASKS, face, choices))
    }

    /// Returns the bugs that a Generator chooses from in a repository.
    pub(crate) async fn plants(
        &self,
        context: &Context,
        repo: &Arc<Shelved>,
        wanted: Wanted,
    ) -> Result<Arc<Choices>, Fault> {
        let key = (repo.digest, wanted);
        if let Some(known) = open(&self.plants).get(&key) {
            return Ok(known);
        }
        let card: Option<Card> = match &wanted {
            Wanted::Card(digest) => Some(stage::read(context, digest).await?),
            Wanted::Generic | Wanted::Balanced => None,
        };
        let repo = repo.clone();
        let choices = stage::blocking(move || {
            let taste = match (&card, wanted) {
                (Some(card), _) => Taste::Card(card),
                (None, Wanted::Balanced) => Taste::Balanced,
                (None, _) => Taste::Generic,
            };
            rewriter::plants(&repo.source, &repo.suite, taste)
        });
        let choices = choices.await?;
        Ok(open(&self.plants).keep(TASTES, key, choices))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_asked_longest_ago_is_forgotten() {
        let mut recent = Recent::default();
        for key in 0..3 {
            recent.keep(3, key, key * 10);
        }
        assert_eq!(recent.get(&0).as_deref(), Some(&0));
        recent.keep(3, 3, 30);
        assert_eq!(recent.get(&1), None);
        assert_eq!([0, 2, 3].map(|key| recent.get(&key).as_deref().copied()), [Some(0), Some(20), Some(30)]);
        // The first to know it is right.
        assert_eq!(*recent.keep(3, 2, 99), 20);
        assert_eq!(recent.0.len(), 3);
    }
}
