//! `linear_graphql`: one GraphQL operation in the name of the session.

use super::{Linear, api, document};
use crate::agent::{ToolAnswer, ToolSpec};
use crate::tracker::{ToolContext, native};
use serde_json::{Map, Value, json};

pub(super) const NAME: &str = "linear_graphql";

pub(super) fn spec() -> ToolSpec {
    ToolSpec {
        name: NAME.to_owned(),
        description:
            "Run one GraphQL query or mutation against Linear. Credentials are added for you. Ask for the \
                      fields you need and no others."
                .to_owned(),
        input_schema: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["query"],
            "properties": {
                "query": {"type": "string", "description": "a GraphQL document with exactly one operation"},
                "variables": {
                    "type": ["object", "null"],
                    "description": "the operation's variables",
                    "additionalProperties": true,
                },
            },
        }),
    }
}

impl Linear {
    pub(super) async fn answer(&self, name: &str, arguments: Value, context: &ToolContext) -> ToolAnswer {
        if name != NAME {
            return native::unknown(name, NAME);
        }
        let (query, variables) = match parse(arguments) {
            Ok(parsed) => parsed,
            Err(why) => return native::refused(&why),
        };
        let client = &self.api.client;
        let answer = match self.api.ask(&query, variables, Some(&context.mark)).await {
            Ok(body) => match api::errors(&body) {
                Some(errors) => {
                    let first = errors[0]["message"].as_str().unwrap_or("it does not say what");
                    let error = json!({
                        "category": "tracker_response",
                        "message": format!("Linear reports errors: {}", client.excerpt(first)),
                    });
                    native::answer(
                        client,
                        false,
                        &json!({"success": false, "error": error, "response": body}),
                    )
                }
                None => native::answer(client, true, &body),
            },
            Err(error) => native::failed(client, &error),
        };
        native::log(NAME, context, answer.ok);
        answer
    }
}

/// A query and its variables; a bare text is a query without variables.
fn parse(arguments: Value) -> Result<(String, Value), String> {
    let (query, variables) = match arguments {
        Value::String(query) => (query, Value::Null),
        Value::Object(mut given) => {
            let Some(Value::String(query)) = given.remove("query") else {
                return Err("`query` has to be a text".to_owned());
            };
            let variables = given.remove("variables").unwrap_or(Value::Null);
            if let Some(key) = given.keys().next() {
                return Err(format!("there is no argument {key:?}; there are `query` and `variables`"));
            }
            (query, variables)
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::Array(_) => {
            return Err("the arguments are an object with `query` and, if needed, `variables`".to_owned());
        }
    };
    let variables = match variables {
        Value::Null => Value::Object(Map::new()),
        Value::Object(_) => variables,
        Value::Bool(_) | Value::Number(_) | Value::String(_) | Value::Array(_) => {
            return Err("`variables` has to be an object".to_owned());
        }
    };
    document::check(&query).map_err(|unfit| unfit.to_string())?;
    Ok((query.trim().to_owned(), variables))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_are_checked_before_anything_is_sent() {
        assert_eq!(parse(json!(" { a } ")), Ok(("{ a }".into(), json!({}))));
        assert_eq!(parse(json!({"query": "{ a }", "variables": null})), Ok(("{ a }".into(), json!({}))));
        let with = json!({"query": "{ a }", "variables": {"b": 1}});
        assert_eq!(parse(with), Ok(("{ a }".into(), json!({"b": 1}))));
        for bad in [
            json!(null),
            json!([]),
            json!(""),
            json!({}),
            json!({"query": 7}),
            json!({"query": "  "}),
            json!({"query": "{ a }", "variables": []}),
            json!({"query": "{ a }", "variables": "b"}),
            json!({"query": "{ a }", "operationName": "a"}),
            json!({"query": "query A { a } query B { b }"}),
        ] {
            assert!(parse(bad.clone()).is_err(), "{bad}");
        }
    }
}
