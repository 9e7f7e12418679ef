//! Projects that start no work: `GET` and `POST /api/v1/pauses`, `POST /api/v1/resumes`.

use crate::Time;
use domain::ProjectName;
use serde::{Deserialize, Serialize};

/// A project that is to start no work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseRequest {
    /// Which.
    pub project: ProjectName,
    /// Why; shown with every issue that waits.
    pub reason: String,
}

/// A project that is to start work again.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ResumeRequest {
    /// Which.
    pub project: ProjectName,
}

/// How a project stands.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseView {
    /// Which.
    pub project: ProjectName,
    /// `active`, `draining` (paused, and attempts still run) or `paused`.
    pub state: String,
    /// Why, in the person's words.
    pub reason: Option<String>,
    /// Who paused it.
    pub actor: Option<String>,
    /// Since when.
    pub since: Option<Time>,
    /// Attempts that still run.
    pub live: u32,
    /// Who ended its latest pause that ended.
    pub last_ended: Option<PauseEnd>,
}

/// Who ended a pause.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PauseEnd {
    /// Who.
    pub actor: String,
    /// When.
    pub at: Time,
}
