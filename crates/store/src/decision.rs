//! Decisions: why an issue is not being worked on. A refusal is written once, and again only when it changes.

use crate::db::Row;
use crate::row::{at, json, name, to_json};
use crate::{Result, Store, params};
use domain::run::Refusal;
use domain::{IssueId, ProjectName, Timestamp};

/// Why an issue is not being worked on.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Decision {
    /// Which issue.
    pub issue: IssueId,
    /// Why not.
    pub refusal: Refusal,
    /// Since when for this reason.
    pub changed_at: Timestamp,
}

/// Issues of one project that are looked at.
const MAX_ISSUES: u32 = 50_000;

const ALL: &str =
    "SELECT issue, refusal, changed_at FROM decisions WHERE project = $1 ORDER BY issue LIMIT $2";
const ONE: &str = "SELECT issue, refusal, changed_at FROM decisions WHERE project = $1 AND issue = $2";
const UPSERT: &str = "INSERT INTO decisions (project, issue, refusal, changed_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (project, issue) DO UPDATE SET refusal = excluded.refusal, changed_at = excluded.changed_at
    WHERE decisions.refusal <> excluded.refusal";
const DELETE: &str = "DELETE FROM decisions WHERE project = $1 AND issue = $2";

impl Store {
    /// Records `refusals`, and removes those of `gone`. A refusal that is recorded already stays as it is.
    pub async fn record_refusals<'a>(
        &self,
        project: &ProjectName,
        refusals: impl IntoIterator<Item = (&'a IssueId, &'a Refusal)>,
        gone: impl IntoIterator<Item = &'a IssueId>,
        now: Timestamp,
    ) -> Result<()> {
        let row = |(issue, refusal): (&IssueId, &Refusal)| {
            Ok((UPSERT, params![project.as_str(), issue.as_str(), to_json(refusal)?, now.0]))
        };
        let mut changes = refusals.into_iter().map(row).collect::<Result<Vec<_>>>()?;
        changes.extend(gone.into_iter().map(|gone| (DELETE, params![project.as_str(), gone.as_str()])));
        self.commit_many("a refusal", changes).await
    }

    /// Why the issue is not being worked on, as far as it was ever asked.
    pub async fn decision(&self, project: &ProjectName, issue: &IssueId) -> Result<Option<Decision>> {
        let rows = self.db.read(ONE, params![project.as_str(), issue.as_str()]).await?;
        rows.first().map(decision).transpose()
    }

    /// Every refusal of `project`, by issue.
    pub async fn decisions(&self, project: &ProjectName) -> Result<Vec<Decision>> {
        let rows = self.db.read(ALL, params![project.as_str(), MAX_ISSUES]).await?;
        rows.iter().map(decision).collect()
    }
}

fn decision(row: &Row) -> Result<Decision> {
    Ok(Decision {
        issue: name(row, "issue")?,
        refusal: json(row, "refusal")?,
        changed_at: at(row, "changed_at")?,
    })
}
