//! The `memory` tracker: issues that the workflow itself holds, for demos and tests. A restart forgets what was changed.
//!
//! Its profile is `docs/trackers/memory.md`.

mod parse;

use super::registry::{Kind, Scope};
use super::{Error, Listing, Mark, Remark, ToolContext, Tracker, linear, normal, tool};
use crate::agent::{ToolAnswer, ToolSpec};
use domain::IssueId;
use domain::issue::{Issue, normal as same};
use futures_util::future::BoxFuture;
use serde_json::Value;
use std::collections::{BTreeSet, HashMap};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Its line in the registry.
pub(super) const KIND: Kind = Kind { name: "memory", default_states: linear::KIND.default_states, open };

/// Issues in memory. Cheap to clone; clones see the same issues.
#[derive(Clone, Debug, Default)]
pub struct MemoryTracker(Arc<Mutex<Held>>);

#[derive(Debug, Default)]
struct Held {
    issues: Vec<Issue>,
    /// Where each of them is.
    places: HashMap<IssueId, usize>,
    remarks: Vec<(IssueId, Remark)>,
}

fn open(scope: &Scope<'_>) -> Result<Arc<dyn Tracker>, Error> {
    Ok(Arc::new(MemoryTracker::new(parse::issues(scope)?)))
}

impl MemoryTracker {
    /// A tracker of `issues`.
    pub fn new(issues: impl IntoIterator<Item = Issue>) -> Self {
        let tracker = Self::default();
        issues.into_iter().for_each(|issue| tracker.put(issue));
        tracker
    }

    /// Adds an issue, or changes the one with its id.
    pub fn put(&self, issue: Issue) {
        let issue = normal::stamp(issue);
        let mut held = self.held();
        let (end, held) = (held.issues.len(), &mut *held);
        let place = *held.places.entry(issue.id.clone()).or_insert(end);
        match held.issues.get_mut(place) {
            Some(known) => *known = issue,
            None => held.issues.push(issue),
        }
    }

    /// Takes an issue away: it is not visible any more.
    pub fn remove(&self, id: &IssueId) {
        let mut held = self.held();
        held.issues.retain(|issue| issue.id != *id);
        held.places =
            held.issues.iter().enumerate().map(|(place, issue)| (issue.id.clone(), place)).collect();
    }

    /// What was said under an issue, the oldest first.
    pub fn remarks(&self, id: &IssueId) -> Vec<Remark> {
        self.held().remarks.iter().filter(|(of, _)| of == id).map(|(_, remark)| remark.clone()).collect()
    }

    fn held(&self) -> MutexGuard<'_, Held> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: &IssueId) -> Result<Issue, Error> {
        let held = self.held();
        let found = held.places.get(id).and_then(|&place| held.issues.get(place));
        found.cloned().ok_or_else(|| Error::NoIssue(id.clone()))
    }

    fn say(&self, id: &IssueId, remark: &Remark) -> Result<(), Error> {
        self.find(id)?;
        let entry = (id.clone(), remark.clone());
        let mut held = self.held();
        if !held.remarks.contains(&entry) {
            held.remarks.push(entry);
        }
        Ok(())
    }

    fn set_state(&self, id: &IssueId, state: &str) -> Result<(), Error> {
        let issue = self.find(id)?;
        let state = normal::name(&Value::from(state))
            .ok_or_else(|| Error::Refused("a state is one short line".to_owned()))?;
        if same(&issue.state) != same(&state) {
            self.put(Issue { state, ..issue });
        }
        Ok(())
    }
}

impl Tracker for MemoryTracker {
    fn kind(&self) -> &'static str {
        KIND.name
    }

    fn fetch_by_states<'a>(&'a self, states: &'a [String]) -> BoxFuture<'a, Result<Listing, Error>> {
        let wanted: Vec<String> = states.iter().map(|state| same(state)).collect();
        let is_wanted = |issue: &&Issue| wanted.contains(&same(&issue.state));
        let issues = self.held().issues.iter().filter(is_wanted).cloned().collect();
        Box::pin(async { Ok(Listing { issues, problems: vec![] }) })
    }

    fn fetch_by_ids<'a>(&'a self, ids: &'a [IssueId]) -> BoxFuture<'a, Result<Vec<Issue>, Error>> {
        let ids: BTreeSet<&IssueId> = ids.iter().collect();
        let issues = ids.into_iter().filter_map(|id| self.find(id).ok()).collect();
        Box::pin(async { Ok(issues) })
    }

    fn tools(&self) -> Vec<ToolSpec> {
        vec![tool::spec()]
    }

    fn call_tool<'a>(
        &'a self,
        name: &'a str,
        arguments: Value,
        context: &'a ToolContext,
    ) -> BoxFuture<'a, ToolAnswer> {
        Box::pin(tool::answer(self, name, arguments, context))
    }

    fn secret_names(&self) -> Vec<String> {
        vec![]
    }

    fn move_to<'a>(
        &'a self,
        issue: &'a IssueId,
        state: &'a str,
        _mark: &'a Mark,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.set_state(issue, state) })
    }

    fn remark<'a>(
        &'a self,
        issue: &'a IssueId,
        remark: &'a Remark,
        _mark: &'a Mark,
    ) -> BoxFuture<'a, Result<(), Error>> {
        Box::pin(async move { self.say(issue, remark) })
    }
}
