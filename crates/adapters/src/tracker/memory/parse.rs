//! Reads `provider.issues`: the fields of an issue, as Symphony names them.

use crate::tracker::registry::Scope;
use crate::tracker::settings::{Settings, bad, dotted};
use crate::tracker::{Error, normal};
use domain::IssueId;
use domain::issue::{Blocker, Issue};
use serde_json::Value;

/// The most issues; more belong into a tracker.
const MAX_ISSUES: usize = 10_000;

pub(super) fn issues(scope: &Scope<'_>) -> Result<Vec<Issue>, Error> {
    let settings = Settings::of(scope.provider, scope.env)?;
    let records = match settings.value("issues") {
        None | Some(Value::Null) => return Ok(vec![]),
        Some(value) => value.as_array().filter(|records| records.len() <= MAX_ISSUES),
    };
    let fail = |key: &str, what: &str| bad(&dotted(key), what, "write id, title and state of each issue");
    let records = records.ok_or_else(|| fail("issues", "is no list of at most 10000 issues"))?;
    let mut issues: Vec<Issue> = Vec::with_capacity(records.len());
    for (index, record) in records.iter().enumerate() {
        let key = format!("issues.{index}");
        let issue = issue(record).ok_or_else(|| fail(&key, "is no issue"))?;
        if issues.iter().any(|known| known.id == issue.id || known.identifier == issue.identifier) {
            return Err(fail(&key, "has the id or identifier of another"));
        }
        issues.push(issue);
    }
    Ok(issues)
}

fn issue(record: &Value) -> Option<Issue> {
    let id = normal::name(&record["id"])?;
    let identifier = normal::name(&record["identifier"]).unwrap_or_else(|| id.clone());
    let (title, state) = (normal::title(&record["title"])?, normal::name(&record["state"])?);
    let list = |key: &str| record[key].as_array().map_or(&[][..], Vec::as_slice);
    let withheld = record["dispatchable"].as_bool() == Some(false);
    Some(Issue {
        description: normal::body(&record["description"]),
        priority: record["priority"].as_i64(),
        labels: normal::labels(list("labels").iter()),
        blocked_by: normal::blockers(list("blocked_by").iter().map(blocker)),
        branch_name: normal::name(&record["branch_name"]),
        assignee_id: normal::name(&record["assignee_id"]),
        native_ref: Some(record["native_ref"].clone()).filter(Value::is_object),
        withheld: withheld.then(|| "the workflow says that it is not to be worked on".to_owned()),
        url: normal::link(&record["url"]),
        created_at: normal::instant(&record["created_at"]),
        updated_at: normal::instant(&record["updated_at"]),
        ..Issue::new(IssueId::new(id), &identifier, &title, &state)
    })
}

/// A blocker is an id, or an object with what is known of it.
fn blocker(value: &Value) -> Blocker {
    let field = |key: &str| normal::name(&value[key]);
    let id = normal::name(value).or_else(|| field("id"));
    Blocker { id: id.map(IssueId::new), identifier: field("identifier"), state: field("state") }
}
