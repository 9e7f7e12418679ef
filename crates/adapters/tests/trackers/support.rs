//! What the tests of all trackers need.

use adapters::tracker::{self, Error, Mark, Remark, Scope, ToolContext, Tracker};
use base::clock::{Clock, ManualClock};
use base::env::Env;
use domain::issue::{Issue, States};
use domain::{Fence, IssueId, RunId, Timestamp};
use serde_json::Value;
use std::path::Path;
use std::sync::Arc;

/// 2026-11-18T11:06:40Z
pub const NOW_US: i64 = 1_795_000_000_000_000;

/// Opens a tracker, with a clock that stands until the test moves it.
pub fn open_with(
    kind: &str,
    provider: &Value,
    states: &States,
    env: &Env,
) -> Result<(Arc<dyn Tracker>, ManualClock), Error> {
    let (clock, hand) = Clock::manual(NOW_US);
    let scope = Scope { provider, states, folder: Path::new("/nowhere"), env, clock: &clock };
    tracker::open(kind, &scope).map(|tracker| (tracker, hand))
}

pub fn states(active: &[&str], terminal: &[&str]) -> States {
    let own = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    States { active: own(active), terminal: own(terminal) }
}

pub fn mark() -> Mark {
    Mark { run: RunId::new("0123456789abcdef"), fence: Fence(7) }
}

pub fn remark(text: &str) -> Remark {
    Remark { author: "ada".to_owned(), text: text.to_owned(), at: Timestamp(NOW_US) }
}

pub fn context(issue: &str) -> ToolContext {
    let issue = Issue::new(issue.into(), "A-1", "t", "Todo");
    ToolContext { issue, mark: mark(), author: "ada".to_owned(), now: Timestamp(NOW_US) }
}

pub fn ids<'a>(ids: impl IntoIterator<Item = &'a str>) -> Vec<IssueId> {
    ids.into_iter().map(IssueId::from).collect()
}

pub fn names(names: &[&str]) -> Vec<String> {
    names.iter().map(|&name| name.to_owned()).collect()
}

/// The ids, in their order.
pub fn told(issues: &[Issue]) -> Vec<&str> {
    issues.iter().map(|issue| issue.id.as_str()).collect()
}

/// The text of a tool's answer as JSON.
pub fn json(text: &str) -> Value {
    serde_json::from_str(text).unwrap()
}
