//! Reads the tracker: what is active, and where that is now which was active, or is being worked on, before.

use super::Board;
use crate::Engine;
use adapters::tracker;
use domain::IssueId;
use domain::Timestamp;
use domain::fleet::{Delivery, Project};
use domain::issue::{self, Issue, Standing, States};
use domain::run::{Input, Left, Phase, Run, handoff};
use std::collections::{BTreeSet, HashMap, HashSet};

impl Board {
    /// Reads the tracker. One that cannot be read keeps what was known, and nothing is let go.
    pub(super) async fn read(&mut self, engine: &Engine) {
        let observed_at = engine.now();
        if let Err(error) = self.try_read(engine, observed_at).await {
            let (category, told) = (error.category().name(), base::error::chain(&error));
            tracing::debug!(project = %self.project, category, error = told, "reading the tracker failed");
            engine.trouble(&self.project, Some(told));
        }
    }

    async fn try_read(&mut self, engine: &Engine, observed_at: Timestamp) -> Result<(), tracker::Error> {
        let registered = engine.registered();
        let (Some(source), Some(project)) =
            (registered.source(&self.project), registered.project(&self.project))
        else {
            return Ok(());
        };
        let listing = source.tracker.fetch_by_states(&project.states.active).await;
        // What is worked on is looked after also while the candidates cannot be read.
        let listed = listing.as_ref().map_or(&[][..], |listing| listing.issues.as_slice());
        let asked = self.asked_by_id(engine, project, listed).await;
        let refreshed = source.tracker.fetch_by_ids(&asked).await;
        let problems = listing.as_ref().map_or(&[][..], |listing| listing.problems.as_slice());
        let told = refreshed.as_ref().err().map(|error| base::error::chain(error));
        let troubles: Vec<String> = problems.iter().cloned().chain(told).collect();
        if listing.is_ok() {
            engine.trouble(&self.project, (!troubles.is_empty()).then(|| troubles.join("; ")));
        }
        let failed = match listing {
            Ok(listing) => {
                self.issues = listing.issues;
                issue::sort_for_dispatch(&mut self.issues);
                self.observed_at = observed_at;
                self.reading += 1;
                None
            }
            Err(error) => Some(error),
        };
        let (left, gone) = match refreshed {
            Ok(left) => {
                let there: HashSet<&IssueId> = left.iter().map(|issue| &issue.id).collect();
                let gone = asked.iter().filter(|id| !there.contains(id)).cloned().collect();
                (left, gone)
            }
            Err(_) => (vec![], vec![]),
        };
        let seen = self.issues.iter().chain(&left);
        let remembered = self.seen.remember(engine, &self.project, seen, &gone, observed_at).await;
        if let Err(error) = remembered {
            tracing::error!(error = base::error::chain(&error), "cannot remember the tracker's issues");
        }
        let listed = if failed.is_some() { &[][..] } else { self.issues.as_slice() };
        let read = Read { listed, left: &left, gone: &gone, at: observed_at };
        match self.compare(engine, project, &read).await {
            Ok(missing) => self.missing = missing,
            Err(error) => tracing::error!(error = base::error::chain(&error), "cannot let go of issues"),
        }
        failed.map_or(Ok(()), Err)
    }

    /// What was active when it was seen last, or is being worked on, and is not among `listed`: it left, and where to
    /// is to be asked. What is handed off is asked for in any case (8.5, part B).
    async fn asked_by_id(&mut self, engine: &Engine, project: &Project, listed: &[Issue]) -> Vec<IssueId> {
        if let Err(error) = self.seen.load(engine, &self.project).await {
            tracing::error!(error = base::error::chain(&error), "cannot read what was known of the issues");
        }
        let listed: HashSet<&IssueId> = listed.iter().map(|issue| &issue.id).collect();
        let runs = engine.0.runs.of(&self.project);
        let ours = || runs.iter().map(|stored| &stored.run).filter(|run| self.is_ours(run));
        let handed_off = ours().filter(|run| run.delivery == Delivery::Handoff).map(|run| &run.issue.id);
        let worked_on = ours().map(|run| &run.issue.id);
        let left = self.seen.active(&project.states).chain(worked_on).filter(|id| !listed.contains(id));
        let asked: BTreeSet<&IssueId> = handed_off.chain(left).collect();
        asked.into_iter().cloned().collect()
    }

    /// Ends the author runs of issues that are no longer to be worked on, and tells the others how theirs read now.
    /// Answers with the issues of runs that this reading did not find.
    async fn compare(
        &self,
        engine: &Engine,
        project: &Project,
        read: &Read<'_>,
    ) -> Result<HashSet<IssueId>, store::Error> {
        let mut missing = HashSet::new();
        let gone: HashSet<&IssueId> = read.gone.iter().collect();
        let seen: HashMap<&IssueId, &Issue> =
            read.listed.iter().chain(read.left).map(|issue| (&issue.id, issue)).collect();
        for stored in engine.0.runs.of(&self.project) {
            let run = &stored.run;
            // What was claimed after this reading began was claimed on a newer one.
            if !self.is_ours(run) || run.created_at >= read.at || matches!(run.phase, Phase::Landing { .. }) {
                continue;
            }
            let found = seen.get(&run.issue.id).copied();
            if found.is_none() {
                if !gone.contains(&run.issue.id) {
                    continue;
                }
                missing.insert(run.issue.id.clone());
                // git and editors replace a file by removing it first: what is landed is gone when it is gone at the
                // next look, too. What is handed off is let go at once, and keeps its workspace (8.5).
                if run.delivery == Delivery::Land && !self.missing.contains(&run.issue.id) {
                    continue;
                }
            }
            let left = match run.delivery {
                Delivery::Land => standing_left(found, &project.states),
                Delivery::Handoff => handoff::left(found, project),
            };
            let input = match (left, found) {
                (Some(left), _) => Input::IssueLeft(left),
                (None, Some(issue)) if handoff::is_news(run, issue) => {
                    Input::IssueSeen(Box::new(issue.clone()))
                }
                (None, Some(_) | None) => continue,
            };
            engine.submit(&run.id, input).await?;
        }
        Ok(missing)
    }

    pub(super) fn is_ours(&self, run: &Run) -> bool {
        run.issue.project == self.project && run.review.is_none()
    }
}

/// One reading of the tracker.
struct Read<'a> {
    /// The candidates; none when they could not be read.
    listed: &'a [Issue],
    /// What was asked for by id.
    left: &'a [Issue],
    /// What was asked for and is not there.
    gone: &'a [IssueId],
    /// When the reading began.
    at: Timestamp,
}

/// Why a landed run's issue is no longer to be worked on, if so.
fn standing_left(found: Option<&Issue>, states: &States) -> Option<Left> {
    let Some(issue) = found else { return Some(Left::Gone) };
    match states.standing(&issue.state) {
        Standing::Active => None,
        Standing::Terminal => Some(Left::Over(issue.state.clone())),
        Standing::Parked => Some(Left::Parked(issue.state.clone())),
    }
}
