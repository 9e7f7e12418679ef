//! Moves issues, and comments on them.

use super::Linear;
use crate::tracker::{Error, Mark, Remark, normal};
use domain::IssueId;
use domain::issue::normal as same;
use serde_json::{Value, json};

/// A team with more states would be one of a kind.
const MAX_STATES: usize = 100;

const STATES: &str = "query SeawallStates($filter: IssueFilter!, $states: Int!) {
  issues(filter: $filter, first: 1) {
    nodes { id state { name } team { states(first: $states) { nodes { id name } } } }
  }
}";
const MOVE: &str = "mutation SeawallMove($id: String!, $state: String!) {
  issueUpdate(id: $id, input: { stateId: $state }) { success }
}";
const COMMENTED: &str = "query SeawallCommented($filter: IssueFilter!, $comment: ID!) {
  issues(filter: $filter, first: 1) { nodes { id } }
  comments(filter: { id: { eq: $comment } }, first: 1, includeArchived: true) { nodes { id } }
}";
const COMMENT: &str = "mutation SeawallComment($input: CommentCreateInput!) {
  commentCreate(input: $input) { success }
}";

impl Linear {
    pub(super) async fn move_issue(&self, id: &IssueId, state: &str, mark: &Mark) -> Result<(), Error> {
        let variables = json!({"filter": self.only(id), "states": MAX_STATES});
        let data = self.api.data(STATES, variables, None).await?;
        let node = the_issue(&data, id)?;
        let wanted = same(state);
        if node["state"]["name"].as_str().is_some_and(|now| same(now) == wanted) {
            return Ok(());
        }
        let states = node["team"]["states"]["nodes"].as_array().map_or(&[][..], Vec::as_slice);
        let named = |known: &&Value| known["name"].as_str().is_some_and(|name| same(name) == wanted);
        let Some(target) = states.iter().find(named).and_then(|state| state["id"].as_str()) else {
            let names: Vec<String> = states.iter().filter_map(|state| normal::name(&state["name"])).collect();
            let names = names.join(", ");
            return Err(Error::Refused(format!("the issue's team has no state {state:?}; it has {names}")));
        };
        let data = self.api.data(MOVE, json!({"id": id.as_str(), "state": target}), Some(mark)).await?;
        succeeded(&data["issueUpdate"])
    }

    /// The comment's id follows from the remark, so that Linear itself refuses a second one; a marker in its text would
    /// be lost when Linear turns markdown into its own form.
    pub(super) async fn comment(&self, id: &IssueId, remark: &Remark, mark: &Mark) -> Result<(), Error> {
        let comment = uuid(&normal::remark_key(id, remark));
        let asked = json!({"filter": self.only(id), "comment": comment});
        let data = self.api.data(COMMENTED, asked, None).await?;
        the_issue(&data, id)?;
        if data["comments"]["nodes"].as_array().is_some_and(|found| !found.is_empty()) {
            return Ok(());
        }
        let body = format!("**{}**\n\n{}", normal::one_line(&remark.author), remark.text.trim());
        let input = json!({"id": comment, "issueId": id.as_str(), "body": body});
        let data = self.api.data(COMMENT, json!({"input": input}), Some(mark)).await?;
        succeeded(&data["commentCreate"])
    }

    /// The filter for one issue of the scope.
    fn only(&self, id: &IssueId) -> Value {
        json!({"project": self.in_project(), "id": {"in": [id.as_str()]}})
    }
}

fn the_issue<'a>(data: &'a Value, id: &IssueId) -> Result<&'a Value, Error> {
    let Some(nodes) = data["issues"]["nodes"].as_array() else {
        return Err(Error::Response("there is no list of issues".to_owned()));
    };
    let same = |node: &&Value| node["id"].as_str() == Some(id.as_str());
    nodes.iter().find(same).ok_or_else(|| Error::NoIssue(id.clone()))
}

fn succeeded(payload: &Value) -> Result<(), Error> {
    match payload["success"].as_bool() {
        Some(true) => Ok(()),
        Some(false) | None => Err(Error::Response("it does not say that the change was made".to_owned())),
    }
}

/// A UUID of version 4 (RFC 9562) made of the first digits of `hex`; Linear takes no other version.
fn uuid(hex: &str) -> String {
    let (a, b, c, d, e) = (&hex[..8], &hex[8..12], &hex[13..16], &hex[17..20], &hex[20..32]);
    format!("{a}-{b}-4{c}-a{d}-{e}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_id_of_a_comment_is_a_uuid_of_version_4() {
        let hex = base::digest::sha256_hex(b"abc");
        assert_eq!(uuid(&hex), "ba7816bf-8f01-4fea-a141-40de5dae2223");
    }
}
