//! Issues: what the trackers said last, for people who look; the scheduler reads the trackers themselves.

use crate::db::Row;
use crate::row::{at, json, name, to_json};
use crate::{Result, Store, params};
use domain::issue::Issue;
use domain::{IssueId, ProjectName, Timestamp};

/// An issue as it was last seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SeenIssue {
    /// Its project.
    pub project: ProjectName,
    /// What the tracker said.
    pub issue: Issue,
    /// When this version of it was first seen.
    pub observed_at: Timestamp,
}

/// What tells whether an issue reads as it did.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KnownIssue {
    /// Which.
    pub id: IssueId,
    /// Its version.
    pub version: String,
    /// Its state.
    pub state: String,
}

/// Issues of one project that are remembered.
const MAX_ISSUES: u32 = 50_000;
/// Projects that may use the same identifier and still be told apart.
const MAX_NAMESAKES: u32 = 20;

const KNOWN: &str = "SELECT id, version, state FROM issues WHERE project = $1 ORDER BY id LIMIT $2";
const ALL: &str = "SELECT project, body, observed_at FROM issues WHERE project = $1 ORDER BY id LIMIT $2";
const ONE: &str = "SELECT project, body, observed_at FROM issues WHERE project = $1 AND id = $2";
const NAMED: &str = "SELECT project, body, observed_at FROM issues WHERE identifier = $1 OR id = $1
    ORDER BY project, id LIMIT $2";
const UPSERT: &str = "INSERT INTO issues (project, id, identifier, version, state, body, observed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)
    ON CONFLICT (project, id) DO UPDATE SET identifier = excluded.identifier, version = excluded.version,
        state = excluded.state, body = excluded.body, observed_at = excluded.observed_at
    WHERE issues.version <> excluded.version";
const DELETE: &str = "DELETE FROM issues WHERE project = $1 AND id = $2";

impl Store {
    /// Remembers `issues` as they read now, and forgets `gone`. An issue that is remembered in this version stays as
    /// it is.
    pub async fn observe_issues<'a>(
        &self,
        project: &ProjectName,
        issues: impl IntoIterator<Item = &'a Issue>,
        gone: impl IntoIterator<Item = &'a IssueId>,
        now: Timestamp,
    ) -> Result<()> {
        let rows = issues.into_iter().map(|issue| Ok((UPSERT, issue_row(project, issue, now)?)));
        let mut changes = rows.collect::<Result<Vec<_>>>()?;
        changes.extend(gone.into_iter().map(|gone| (DELETE, params![project.as_str(), gone.as_str()])));
        self.commit_many("an issue", changes).await
    }

    /// What is remembered of the project's issues, by id.
    pub async fn known_issues(&self, project: &ProjectName) -> Result<Vec<KnownIssue>> {
        let rows = self.db.read(KNOWN, params![project.as_str(), MAX_ISSUES]).await?;
        let known = |row: &Row| {
            let (version, state) = (row.text("version")?.to_owned(), row.text("state")?.to_owned());
            Ok(KnownIssue { id: name(row, "id")?, version, state })
        };
        rows.iter().map(known).collect()
    }

    /// The issues of `project`, by id.
    pub async fn issues(&self, project: &ProjectName) -> Result<Vec<SeenIssue>> {
        seen(&self.db.read(ALL, params![project.as_str(), MAX_ISSUES]).await?)
    }

    /// The issue of `project` with the tracker's `id`.
    pub async fn issue(&self, project: &ProjectName, id: &IssueId) -> Result<Option<SeenIssue>> {
        Ok(seen(&self.db.read(ONE, params![project.as_str(), id.as_str()]).await?)?.pop())
    }

    /// The issues that people, or their trackers, call `name`: one in each of a few projects at most.
    pub async fn issues_named(&self, name: &str) -> Result<Vec<SeenIssue>> {
        seen(&self.db.read(NAMED, params![name, MAX_NAMESAKES]).await?)
    }
}

fn issue_row(project: &ProjectName, issue: &Issue, now: Timestamp) -> Result<Vec<crate::db::Value>> {
    let (id, identifier) = (issue.id.as_str(), issue.identifier.as_str());
    let (version, state) = (issue.version.as_str(), issue.state.as_str());
    Ok(params![project.as_str(), id, identifier, version, state, to_json(issue)?, now.0])
}

fn seen(rows: &[Row]) -> Result<Vec<SeenIssue>> {
    let one = |row: &Row| {
        let (project, observed_at) = (name(row, "project")?, at(row, "observed_at")?);
        Ok(SeenIssue { project, issue: json(row, "body")?, observed_at })
    };
    rows.iter().map(one).collect()
}
