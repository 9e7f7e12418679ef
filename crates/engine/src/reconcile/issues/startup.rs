//! At start: workspaces of issues that are over are removed (Symphony's specification, 8.6).

use super::Board;
use crate::Engine;
use domain::fleet::Delivery;
use domain::issue::{Issue, IssueRef};
use domain::run::Run;

impl Board {
    /// Looks once for workspaces of issues that are over. A tracker that does not answer is no reason not to start.
    pub(super) async fn clean_up(&mut self, engine: &Engine) {
        if std::mem::replace(&mut self.cleaned_up, true) {
            return;
        }
        let registered = engine.registered();
        let (Some(source), Some(project)) =
            (registered.source(&self.project), registered.project(&self.project))
        else {
            return;
        };
        let Some(handoff) = source.handoff.as_ref().filter(|_| project.delivery == Delivery::Handoff) else {
            return;
        };
        let over = match source.tracker.fetch_by_states(&project.states.terminal).await {
            Ok(listing) => listing.issues,
            Err(error) => {
                let error = base::error::chain(&error);
                tracing::warn!(project = %self.project, error, "issues that are over cannot be read; their workspaces stay");
                return;
            }
        };
        // Open runs are let go by the reading that follows, and clean up after themselves.
        for issue in over.iter().filter(|issue| engine.0.runs.author_of(&self.project, &issue.id).is_none()) {
            let path = engine.0.setup.root(&handoff.root).path_of(&issue.identifier);
            if path.symlink_metadata().is_ok() {
                let run = self.nobody(issue, project.team.clone(), engine);
                if let Err(failure) = engine.remove_workspace(&run, &path).await {
                    tracing::warn!(issue_id = %issue.id, issue_identifier = issue.identifier, %failure, "workspace not removed");
                }
            }
        }
    }

    /// In whose name a workspace is removed that no run is known for.
    fn nobody(&self, issue: &Issue, team: domain::TeamName, engine: &Engine) -> Run {
        let reference = IssueRef::of(self.project.clone(), issue);
        Run::new("startup".into(), reference, "seawall".into(), team, engine.now())
    }
}
