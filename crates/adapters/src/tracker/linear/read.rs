//! Reads issues, page by page.
//!
//! Invariants: pages that do not fit together are an error, never a shorter list; of ids that were asked for, one that
//! cannot be read is an error, because leaving it out would mean that it is gone.

use super::Linear;
use super::parse::{self, Rules};
use crate::tracker::{Error, Listing};
use domain::IssueId;
use domain::issue::{Issue, normal};
use serde_json::{Value, json};
use std::collections::HashSet;

/// Issues of one page. With the numbers below a page costs some 7000 of the 10000 points that Linear allows for a
/// query, counted by its published rule.
const PAGE: usize = 50;
/// Relations of an issue that are read; an issue that has more is taken to be blocked.
const RELATIONS: usize = 25;
/// 10000 issues; more in active states are not worked off by people nor by agents.
const MAX_PAGES: usize = 200;

const ISSUES: &str =
    "query SeawallIssues($filter: IssueFilter!, $first: Int!, $relations: Int!, $after: String) {
  issues(filter: $filter, first: $first, after: $after) {
    nodes {
      id identifier title description priority branchName url createdAt updatedAt
      state { name }
      assignee { id }
      labels(first: 50) { nodes { name } }
      inverseRelations(first: $relations) {
        nodes { type issue { id identifier state { name } } }
        pageInfo { hasNextPage }
      }
    }
    pageInfo { hasNextPage endCursor }
  }
}";
const VIEWER: &str = "query SeawallViewer { viewer { id } }";

struct Page {
    nodes: Vec<Value>,
    /// Where the next one begins.
    next: Option<String>,
}

impl Linear {
    pub(super) async fn by_states(&self, states: &[String]) -> Result<Listing, Error> {
        let assignee = self.wanted_assignee().await?;
        let rules = Rules { assignee: assignee.as_deref(), terminal: &self.terminal };
        let wanted: Vec<String> = states.iter().map(|state| normal(state)).collect();
        let named: Vec<Value> =
            states.iter().map(|state| json!({"name": {"eqIgnoreCase": state.trim()}})).collect();
        let filter = json!({"project": self.in_project(), "state": {"or": named}});
        let (mut listing, mut seen, mut cursors) = (Listing::default(), HashSet::new(), HashSet::new());
        let mut after = None;
        for number in 0..MAX_PAGES {
            let page = self.page(&filter, PAGE, after.as_deref()).await?;
            for (index, node) in page.nodes.iter().enumerate() {
                match parse::issue(node, &rules) {
                    Some(issue) if !wanted.contains(&normal(&issue.state)) => {}
                    // An issue that was moved while we turned the page is on both.
                    Some(issue) if !seen.insert(issue.id.clone()) => {}
                    Some(issue) => listing.issues.push(issue),
                    None => listing.problems.push(format!(
                        "record {} of page {} is no issue: id, identifier, title or state cannot be read",
                        index + 1,
                        number + 1
                    )),
                }
            }
            match page.next {
                None => return Ok(listing),
                Some(cursor) if !cursors.insert(cursor.clone()) => {
                    return Err(Error::Pagination("a cursor came twice".to_owned()));
                }
                Some(cursor) => after = Some(cursor),
            }
        }
        Err(Error::Pagination(format!("there are more than {MAX_PAGES}")))
    }

    pub(super) async fn by_ids(&self, ids: &[IssueId]) -> Result<Vec<Issue>, Error> {
        let assignee = self.wanted_assignee().await?;
        let rules = Rules { assignee: assignee.as_deref(), terminal: &self.terminal };
        let mut wanted: Vec<&IssueId> = vec![];
        let mut known = HashSet::new();
        wanted.extend(ids.iter().filter(|id| known.insert(*id)));
        let mut found = Vec::with_capacity(wanted.len());
        for batch in wanted.chunks(PAGE) {
            let named: Vec<&str> = batch.iter().map(|id| id.as_str()).collect();
            let filter = json!({"project": self.in_project(), "id": {"in": named}});
            let page = self.page(&filter, batch.len(), None).await?;
            if page.next.is_some() {
                return Err(Error::Pagination("there are more issues than ids".to_owned()));
            }
            for node in &page.nodes {
                let issue = parse::issue(node, &rules).ok_or_else(|| {
                    Error::Response("an issue that was asked for cannot be read".to_owned())
                })?;
                if !batch.contains(&&issue.id) {
                    return Err(Error::Response(format!("{} was not asked for", issue.identifier)));
                }
                found.push(issue);
            }
        }
        let mut once = HashSet::new();
        found.retain(|issue: &Issue| once.insert(issue.id.clone()));
        Ok(found)
    }

    /// The filter of the scope.
    pub(super) fn in_project(&self) -> Value {
        json!({"slugId": {"eq": self.project}})
    }

    async fn page(&self, filter: &Value, first: usize, after: Option<&str>) -> Result<Page, Error> {
        let variables = json!({"filter": filter, "first": first, "relations": RELATIONS, "after": after});
        let mut data = self.api.data(ISSUES, variables, None).await?;
        let Value::Array(nodes) = data["issues"]["nodes"].take() else {
            return Err(Error::Response("there is no list of issues".to_owned()));
        };
        Ok(Page { nodes, next: next(&data["issues"]["pageInfo"])? })
    }

    /// Whose issues are worked on, by id; `me` is asked for once.
    async fn wanted_assignee(&self) -> Result<Option<String>, Error> {
        match self.assignee.as_deref() {
            None => Ok(None),
            Some("me") => {
                let asked = self.viewer.get_or_try_init(|| async {
                    let data = self.api.data(VIEWER, json!({}), None).await?;
                    let id = data["viewer"]["id"].as_str().filter(|id| !id.trim().is_empty());
                    id.map(str::to_owned)
                        .ok_or_else(|| Error::Response("it does not say who `me` is".to_owned()))
                });
                Ok(Some(asked.await?.clone()))
            }
            Some(id) => Ok(Some(id.to_owned())),
        }
    }
}

fn next(info: &Value) -> Result<Option<String>, Error> {
    let cursor = info["endCursor"].as_str().filter(|cursor| !cursor.is_empty());
    match (info["hasNextPage"].as_bool(), cursor) {
        (Some(false), _) => Ok(None),
        (Some(true), Some(cursor)) => Ok(Some(cursor.to_owned())),
        (Some(true), None) => Err(Error::Pagination("there is another page, and no cursor to it".to_owned())),
        (None, _) => Err(Error::Pagination("it is not said whether there is another page".to_owned())),
    }
}
