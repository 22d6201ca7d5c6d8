//! What many items read again and again, kept ready: repositories, their sources, weights.

use std::collections::BTreeMap;
use std::sync::{Arc, Mutex, PoisonError};

use sswe_cache::Digest;
use sswe_engine::{Context, Fault};

use crate::artifact::{Env, Repo, Suite, Tree};
use crate::rewriter::{Policy, Source};
use crate::stage;

/// How many weights are kept: a round asks two.
const POLICIES: usize = 4;

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
}

/// Repositories and weights that were read once.
#[derive(Debug, Default)]
pub(crate) struct Shelf {
    repos: Mutex<BTreeMap<Digest, Arc<Shelved>>>,
    policies: Mutex<Vec<(Digest, Arc<Policy>)>>,
}

impl Shelf {
    /// Returns a repository that a baseline made.
    pub(crate) async fn repo(&self, context: &Context, digest: &Digest) -> Result<Arc<Shelved>, Fault> {
        let known = self.repos.lock().unwrap_or_else(PoisonError::into_inner).get(digest).cloned();
        if let Some(known) = known {
            return Ok(known);
        }
        let repo: Repo = stage::read(context, digest).await?;
        let (Some(env), Some(suite)) = (repo.env, repo.suite) else {
            return Err(Fault::Failed(format!("repository {} has no suite yet", digest.short())));
        };
        let source = Source::new(&repo.files);
        let shelved = Arc::new(Shelved { digest: *digest, files: Arc::new(repo.files), env, suite, source });
        let mut repos = self.repos.lock().unwrap_or_else(PoisonError::into_inner);
        Ok(repos.entry(*digest).or_insert(shelved).clone())
    }

    /// Returns weights.
    pub(crate) async fn policy(&self, context: &Context, digest: &Digest) -> Result<Arc<Policy>, Fault> {
        let find = |list: &[(Digest, Arc<Policy>)]| {
            list.iter().find(|(known, _)| known == digest).map(|(_, policy)| policy.clone())
        };
        if let Some(known) = find(&self.policies.lock().unwrap_or_else(PoisonError::into_inner)) {
            return Ok(known);
        }
        let bytes = context.read(digest).await?;
        let policy = Policy::from_bytes(&bytes)
            .map_err(|error| Fault::Failed(format!("weights {}: {error}", digest.short())))?;
        let policy = Arc::new(policy);
        let mut policies = self.policies.lock().unwrap_or_else(PoisonError::into_inner);
        if policies.len() >= POLICIES {
            policies.remove(0);
        }
        policies.push((*digest, policy.clone()));
        Ok(policy)
    }
}
