//! Pauses: projects that start no work until a person lets them. What runs goes on to its end.

use crate::db::{Batch, Row};
use crate::row::at;
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

/// Projects that may be paused at once.
const MAX_PAUSES: u32 = 10_000;

const ALL: &str = "SELECT project, reason, actor, at FROM pauses ORDER BY project LIMIT $1";
// Who paused it first keeps the word: a second pause changes nothing.
const PAUSE: &str = "INSERT INTO pauses (project, reason, actor, at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (project) DO NOTHING";
const RESUME: &str = "DELETE FROM pauses WHERE project = $1";

impl Store {
    /// Every project that is paused.
    pub async fn pauses(&self) -> Result<BTreeMap<ProjectName, Pause>> {
        let rows = self.db.read(ALL, params![MAX_PAUSES]).await?;
        rows.iter().map(|row| Ok((row.text("project")?.into(), pause(row)?))).collect()
    }

    /// Pauses `project`. False: it was paused already, and is so for the reason given then.
    pub async fn pause(&self, project: &ProjectName, pause: &Pause) -> Result<bool> {
        let mut batch = Batch::new();
        let row = params![project.as_str(), pause.reason.as_str(), pause.actor.as_str(), pause.at.0];
        batch.run("pause a project", PAUSE, row);
        Ok(self.db.commit(batch).await?.affected(0) == 1)
    }

    /// Lets `project` start work again. False: it was not paused.
    pub async fn resume(&self, project: &ProjectName) -> Result<bool> {
        let mut batch = Batch::new();
        batch.run("resume a project", RESUME, params![project.as_str()]);
        Ok(self.db.commit(batch).await?.affected(0) == 1)
    }
}

fn pause(row: &Row) -> Result<Pause> {
    let text = |key: &str| row.text(key).map(str::to_owned);
    Ok(Pause { reason: text("reason")?, actor: text("actor")?, at: at(row, "at")? })
}
