//! Linear's GraphQL over HTTP.
//!
//! Invariant: 200 with errors is an error, whatever data comes with it.

use crate::tracker::http::{Ask, Client};
use crate::tracker::{Error, Mark};
use hyper::{Method, Uri};
use serde_json::{Value, json};

/// The code of an error that asks for patience; it comes with status 400, or 200.
const RATE_LIMITED: &str = "RATELIMITED";

pub(super) struct Api {
    pub(super) client: Client,
    pub(super) endpoint: Uri,
}

impl Api {
    /// The data that `document` asks for.
    pub(super) async fn data(
        &self,
        document: &str,
        variables: Value,
        mark: Option<&Mark>,
    ) -> Result<Value, Error> {
        let mut body = self.ask(document, variables, mark).await?;
        if let Some(errors) = errors(&body) {
            let said: Vec<&str> = errors.iter().filter_map(|error| error["message"].as_str()).collect();
            return Err(Error::Response(format!("errors: {}", self.client.excerpt(&said.join("; ")))));
        }
        match body["data"].take() {
            Value::Object(data) => Ok(Value::Object(data)),
            Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
                Err(Error::Response("there is no `data`".to_owned()))
            }
        }
    }

    /// The whole body, which may hold errors; never those that ask for patience.
    pub(super) async fn ask(
        &self,
        document: &str,
        variables: Value,
        mark: Option<&Mark>,
    ) -> Result<Value, Error> {
        let body = json!({"query": document, "variables": variables});
        let ask = Ask::new(Method::POST, self.endpoint.clone(), Some(body));
        let reply = self.client.send(mark.into_iter().fold(ask, Ask::marked)).await?;
        let body = reply.json();
        if body.as_ref().is_ok_and(asks_for_patience) {
            return Err(self.client.limited(&reply));
        }
        if reply.status != 200 {
            return Err(self.client.status(&reply));
        }
        self.client.served();
        body
    }
}

/// The errors of a body, when there are any.
pub(super) fn errors(body: &Value) -> Option<&Vec<Value>> {
    body["errors"].as_array().filter(|errors| !errors.is_empty())
}

fn asks_for_patience(body: &Value) -> bool {
    let limited = |error: &Value| {
        [&error["extensions"]["code"], &error["code"]].iter().any(|code| code.as_str() == Some(RATE_LIMITED))
    };
    errors(body).is_some_and(|errors| errors.iter().any(limited))
}
