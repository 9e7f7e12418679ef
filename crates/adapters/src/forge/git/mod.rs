//! The `git` forge: local or bare remotes, through the `git` program.
//!
//! Invariants:
//! - The agent's tree is data. A workspace is `<root>/tree`, which the agent writes, and `<root>/git`, which only
//!   we write; a `.git` inside the tree is never read.
//! - Every operation may be repeated after a crash at any moment and ends in the same state.
//! - The only commit that reaches a landing branch is the one named by the caller, alone or as the second parent of
//!   a merge. Nothing is forced but a branch of an agent's own, over what the same agents pushed.
//! - A repository that an agent made is copied as files, and git runs in the copy.
//! - Dates come in as values, so the same change is the same commit.

mod branches;
mod change;
mod collect;
mod command;
mod error;
mod guard;
mod land;
mod names;
mod origin;
mod outside;
mod prepare;
mod push;
mod read;
mod rebase;
mod redact;
mod settings;
mod take;
mod version;

pub use change::AddedLine;
pub use collect::{Collected, Commit};
pub use error::{Error, Refusal};
pub use land::{How, Land};
pub use names::identity_email;
pub use push::Over;
pub use read::{Diff, Source};
pub use rebase::Rebase;
pub use redact::redacted;
pub use take::{Taken, Wanted};

use base::env::Env;
use command::Git;
use domain::{AgentName, Timestamp};
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

/// What one change may hold; beyond it the change is refused, not cut.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Files added, changed or removed.
    pub files: usize,
    /// Bytes of the files added or changed.
    pub bytes: u64,
}

impl Default for Limits {
    /// A change a team can review: 2,000 files, 64 MiB.
    fn default() -> Self {
        Self { files: 2_000, bytes: 64 * 1024 * 1024 }
    }
}

/// The directory of a run's code: `tree` for the agent, `git` for us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Workspace {
    root: PathBuf,
}

impl Workspace {
    /// The workspace at `root`, an absolute path that need not exist yet.
    pub fn at(root: impl Into<PathBuf>) -> Self {
        Self { root: root.into() }
    }

    /// Where the agent works.
    pub fn tree(&self) -> PathBuf {
        self.root.join("tree")
    }

    /// The git directory. Never make it visible to an agent for writing.
    pub fn git_dir(&self) -> PathBuf {
        self.root.join("git")
    }

    /// Our own notes about the workspace.
    fn note(&self, name: &str) -> PathBuf {
        self.git_dir().join(name)
    }
}

/// In whose name a commit is made, and when.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The agent.
    pub agent: AgentName,
    /// The date of the commit; the same date makes the same commit.
    pub at: Timestamp,
}

/// Makes workspaces, takes changes from them, pushes and lands. Cheap to clone.
#[derive(Clone, Debug)]
pub struct GitForge {
    git: Git,
    /// Holds one bare mirror per remote.
    cache: PathBuf,
    limits: Limits,
    /// One operation at a time per cache mirror and per workspace.
    locks: Arc<Mutex<HashMap<PathBuf, Arc<tokio::sync::Mutex<()>>>>>,
}

impl GitForge {
    /// A forge that keeps its mirrors below `cache`, an absolute path of a directory only we write, one process at a time.
    /// Errors when git is not on the `PATH` of `env`, is older than 2.38, or the directory cannot be made.
    pub fn open(cache: impl Into<PathBuf>, env: &Env, limits: Limits) -> Result<Self, Error> {
        let cache = cache.into();
        let program = env.find_program("git").ok_or(Error::GitMissing)?;
        version::check(&program)?;
        std::fs::create_dir_all(&cache).map_err(Error::io("make directory", &cache))?;
        // What pushes of an earlier process were made from.
        let stages = cache.join(take::STAGES);
        base::files::remove_tree(&stages).map_err(Error::io("remove", &stages))?;
        let config = cache.join("gitconfig");
        base::files::write_atomic(&config, b"[safe]\n\tdirectory = *\n", 0o644)
            .map_err(Error::io("write", &config))?;
        let git = Git { program, path: env.get("PATH").unwrap_or_default(), config };
        Ok(Self { git, cache, limits, locks: Arc::default() })
    }

    async fn lock(&self, path: &Path) -> tokio::sync::OwnedMutexGuard<()> {
        let lock = {
            let mut locks = self.locks.lock().unwrap_or_else(PoisonError::into_inner);
            // Locks nobody holds or waits for are let go here, so the map stays as small as the work at hand.
            locks.retain(|_, lock| Arc::strong_count(lock) > 1);
            Arc::clone(locks.entry(path.to_owned()).or_default())
        };
        lock.lock_owned().await
    }
}
