//! What isolates the code of a suite.

#[cfg(feature = "docker")]
use sswe_engine::sandbox::Docker;
use sswe_engine::sandbox::{Action, Error, Native, Outcome, Running, Sandbox, Start};

/// What isolates the code of a suite.
#[derive(Clone, Debug)]
pub enum Backend {
    /// Namespaces of this Linux.
    Native,
    /// Containers of an image.
    #[cfg(feature = "docker")]
    Docker(Docker),
}

impl Backend {
    /// Starts a program that stays.
    pub(super) async fn start(&self, start: Start) -> Result<Running, Error> {
        match self {
            Backend::Native => Native.start(start).await,
            #[cfg(feature = "docker")]
            Backend::Docker(docker) => docker.start(start).await,
        }
    }

    /// Runs a command once.
    pub(crate) async fn run(&self, action: Action) -> Result<Outcome, Error> {
        match self {
            Backend::Native => Native.run(action).await,
            #[cfg(feature = "docker")]
            Backend::Docker(docker) => docker.run(action).await,
        }
    }

    /// Returns whether verdicts share the namespaces of a container.
    pub(crate) fn is_contained(&self) -> bool {
        match self {
            Backend::Native => false,
            #[cfg(feature = "docker")]
            Backend::Docker(_) => true,
        }
    }

    /// Returns where the clean tree is for the server. In a container its folder is one that only the
    /// server can enter; in namespaces it is not there for anybody else.
    pub(super) fn base(&self) -> &'static str {
        match self.is_contained() {
            true => "/base/tree",
            false => "/base",
        }
    }
}
