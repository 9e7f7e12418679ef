//! Pauses: projects that start no work until a person lets them. What runs goes on to its end.

use crate::db::{Batch, Row};
use crate::row::{at, page};
use crate::{Result, Store, params};
use domain::{ProjectName, Timestamp};
use std::collections::BTreeMap;

/// Why a project starts no work.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pause {
    /// In the person's words.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// Since when.
    pub at: Timestamp,
}

/// A pause, and how it ended if it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PauseRecord {
    /// Of which project.
    pub project: ProjectName,
    /// The pause.
    pub pause: Pause,
    /// Who ended it, and when.
    pub ended: Option<(String, Timestamp)>,
}

/// Projects that may be paused at once.
const MAX_PAUSES: u32 = 10_000;

const IN_FORCE: &str = "SELECT project, reason, actor, at FROM pauses WHERE ended_at IS NULL
    ORDER BY project LIMIT $1";
const RECENT: &str =
    "SELECT project, reason, actor, at, ended_by, ended_at FROM pauses ORDER BY seq DESC LIMIT $1";
// Who paused it first keeps the word: a second pause changes nothing.
const PAUSE: &str = "INSERT INTO pauses (project, reason, actor, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (project) WHERE ended_at IS NULL DO NOTHING";
const RESUME: &str = "UPDATE pauses SET ended_by = $2, ended_at = $3 WHERE project = $1 AND ended_at IS NULL";

impl Store {
    /// Every project that is paused.
    pub async fn pauses(&self) -> Result<BTreeMap<ProjectName, Pause>> {
        let rows = self.db.read(IN_FORCE, params![MAX_PAUSES]).await?;
        rows.iter().map(|row| Ok((row.text("project")?.into(), pause(row)?))).collect()
    }

    /// The latest pauses, newest first, those that ended included.
    pub async fn pause_records(&self, limit: u32) -> Result<Vec<PauseRecord>> {
        let rows = self.db.read(RECENT, params![page(limit)]).await?;
        let record = |row: &Row| {
            let ended_at = row.opt_int("ended_at")?.map(Timestamp);
            let by = row.opt_text("ended_by")?.unwrap_or_default().to_owned();
            let ended = ended_at.map(|at| (by, at));
            Ok(PauseRecord { project: row.text("project")?.into(), pause: pause(row)?, ended })
        };
        rows.iter().map(record).collect()
    }

    /// Pauses `project`. False: it was paused already, and is so for the reason given then.
    pub async fn pause(&self, project: &ProjectName, pause: &Pause) -> Result<bool> {
        let mut batch = Batch::new();
        let row = params![project.as_str(), pause.reason.as_str(), pause.actor.as_str(), pause.at.0];
        batch.run("pause a project", PAUSE, row);
        Ok(self.db.commit(batch).await?.affected(0) == 1)
    }

    /// Lets `project` start work again, in the name of `actor`. False: it was not paused.
    pub async fn resume(&self, project: &ProjectName, actor: &str, now: Timestamp) -> Result<bool> {
        let mut batch = Batch::new();
        batch.run("resume a project", RESUME, params![project.as_str(), actor, now.0]);
        Ok(self.db.commit(batch).await?.affected(0) == 1)
    }
}

fn pause(row: &Row) -> Result<Pause> {
    let text = |key: &str| row.text(key).map(str::to_owned);
    Ok(Pause { reason: text("reason")?, actor: text("actor")?, at: at(row, "at")? })
}
