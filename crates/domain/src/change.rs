//! The commits a run produced, always named by head sha.

use crate::{AgentName, Sha, TeamName};
use serde::{Deserialize, Serialize};

/// What the engine took from an author's workspace.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Change {
    /// The commit of the landing branch that it was made on.
    pub base: Sha,
    /// The commit to be reviewed and landed.
    pub head: Sha,
    /// Paths touched, relative to the repository, sorted.
    pub files: Vec<String>,
    /// Lines added and removed.
    pub added: u32,
    /// Lines removed.
    pub removed: u32,
    /// Who must review it.
    pub owners: Vec<Owner>,
}

/// A team that must review a change, and by which agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Owner {
    /// The owning team.
    pub team: TeamName,
    /// Its reviewer; `None` when the team has none, which only a person can mend.
    pub reviewer: Option<AgentName>,
    /// Which of the change's paths it owns.
    pub files: Vec<String>,
}

/// How a reviewed change reaches the landing branch.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub enum Landing {
    /// Fast-forward when possible, else a merge commit whose second parent is the reviewed sha.
    #[default]
    Merge,
    /// Fast-forward only; when the branch moved, the change is replayed on it and reviewed again.
    Rebase,
}
