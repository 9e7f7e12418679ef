//! What the store remembers of one project's issues, so that a reading writes what changed and nothing else.

use crate::Engine;
use domain::issue::{Issue, Standing, States};
use domain::{IssueId, ProjectName, Timestamp};
use std::collections::HashMap;

/// Version and state of each issue.
#[derive(Default)]
pub(super) struct Seen(Option<HashMap<IssueId, Known>>);

struct Known {
    version: String,
    state: String,
}

impl Seen {
    /// The issues that were active when they were seen last.
    pub(super) fn active<'a>(&'a self, states: &'a States) -> impl Iterator<Item = &'a IssueId> {
        let known = self.0.iter().flatten();
        known.filter(|(_, known)| states.standing(&known.state) == Standing::Active).map(|(id, _)| id)
    }

    /// Reads what an earlier process remembered, once.
    pub(super) async fn load(&mut self, engine: &Engine, project: &ProjectName) -> Result<(), store::Error> {
        if self.0.is_none() {
            let known = engine.0.store.known_issues(project).await?.into_iter();
            let known = known.map(|k| (k.id, Known { version: k.version, state: k.state })).collect();
            self.0 = Some(known);
        }
        Ok(())
    }

    /// Remembers `issues` as they read now, and forgets `gone`.
    pub(super) async fn remember<'a>(
        &mut self,
        engine: &Engine,
        project: &ProjectName,
        issues: impl Iterator<Item = &'a Issue>,
        gone: &[IssueId],
        observed_at: Timestamp,
    ) -> Result<(), store::Error> {
        let Some(known) = &mut self.0 else { return Ok(()) };
        let is_new = |issue: &&Issue| known.get(&issue.id).is_none_or(|k| k.version != issue.version);
        let changed: Vec<&Issue> = issues.filter(is_new).collect();
        let gone: Vec<&IssueId> = gone.iter().filter(|id| known.contains_key(*id)).collect();
        if changed.is_empty() && gone.is_empty() {
            return Ok(());
        }
        let store = &engine.0.store;
        store.observe_issues(project, changed.iter().copied(), gone.iter().copied(), observed_at).await?;
        for id in gone {
            known.remove(id);
        }
        for issue in changed {
            let now = Known { version: issue.version.clone(), state: issue.state.clone() };
            known.insert(issue.id.clone(), now);
        }
        Ok(())
    }
}
