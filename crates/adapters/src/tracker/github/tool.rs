//! `github_api`: one request below the repository, in the name of the session.
//!
//! Everything there can be read. What can be written is what people talk in: issues, their labels and milestones, pull
//! requests and comments. Commits, settings and merges are not: what is landed was reviewed, and Seawall lands it.

use super::GitHub;
use crate::agent::{ToolAnswer, ToolSpec};
use crate::tracker::{Error, ToolContext, native};
use hyper::Method;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use serde_json::{Value, json};

pub(super) const NAME: &str = "github_api";
const METHODS: [Method; 5] = [Method::GET, Method::POST, Method::PATCH, Method::PUT, Method::DELETE];
/// Below these an agent may write.
const WRITABLE: [&str; 5] = ["issues", "labels", "milestones", "pulls", "comments"];
/// These end what writes commits to a branch.
const LANDS: [&str; 2] = ["merge", "update-branch"];
/// A longer path or value names nothing.
const MAX_CHARS: usize = 2_000;
/// The most query parameters.
const MAX_PARAMS: usize = 50;
/// What stands for itself in a part of an address (RFC 3986, unreserved).
const ENCODED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A checked call.
#[derive(Debug)]
struct Call {
    method: Method,
    /// With its query.
    path: String,
    body: Option<Value>,
}

pub(super) fn spec(repo: &str) -> ToolSpec {
    let methods: Vec<&str> = METHODS.iter().map(Method::as_str).collect();
    ToolSpec {
        name: NAME.to_owned(),
        description: format!(
            "Send one request to GitHub's REST API, below /repos/{repo}. Credentials are added for you. Everything there \
             can be read; {} can be written; nothing can be merged.",
            WRITABLE.join(", ")
        ),
        input_schema: json!({
            "type": "object",
            "additionalProperties": false,
            "required": ["method", "path"],
            "properties": {
                "method": {"type": "string", "enum": methods},
                "path": {"type": "string", "description": format!("such as /repos/{repo}/issues/1/comments")},
                "params": {
                    "type": ["object", "null"],
                    "description": "query parameters: texts, numbers, true or false",
                    "additionalProperties": true,
                },
                "body": {"description": "the JSON body, if there is one"},
            },
        }),
    }
}

impl GitHub {
    pub(super) async fn answer(&self, name: &str, arguments: &Value, context: &ToolContext) -> ToolAnswer {
        if name != NAME {
            return native::unknown(name, NAME);
        }
        let call = match parse(arguments, &self.api.repo) {
            Ok(call) => call,
            Err(why) => return native::refused(&why),
        };
        let answer = match self.perform(call, context).await {
            Ok(answer) => answer,
            Err(error) => native::failed(&self.api.client, &error),
        };
        native::log(NAME, context, answer.ok);
        answer
    }

    async fn perform(&self, call: Call, context: &ToolContext) -> Result<ToolAnswer, Error> {
        let uri = self.api.address(&call.path)?;
        let reply = self.api.change(call.method, uri, call.body, &context.mark).await?;
        let body = match &reply.body {
            nothing if nothing.is_empty() => Value::Null,
            bytes => reply.json().unwrap_or_else(|_| json!(String::from_utf8_lossy(bytes))),
        };
        let told = json!({"status": reply.status, "body": body});
        Ok(native::answer(&self.api.client, reply.is_success(), &told))
    }
}

fn parse(arguments: &Value, repo: &str) -> Result<Call, String> {
    let given = arguments.as_object().ok_or("the arguments are an object with `method` and `path`")?;
    if let Some(key) = given.keys().find(|key| !["method", "path", "params", "body"].contains(&key.as_str()))
    {
        return Err(format!("there is no argument {key:?}; there are method, path, params and body"));
    }
    let method = given.get("method").and_then(Value::as_str).unwrap_or_default().trim().to_uppercase();
    let method = METHODS.iter().find(|known| known.as_str() == method);
    let method = method.ok_or("`method` has to be GET, POST, PATCH, PUT or DELETE")?.clone();
    let path = given.get("path").and_then(Value::as_str).ok_or("`path` has to be a text")?;
    let segments = segments(path)?;
    may(&method, &segments, repo)?;
    let encoded: Vec<String> = segments.iter().map(|s| utf8_percent_encode(s, ENCODED).to_string()).collect();
    let path = format!("/{}{}", encoded.join("/"), query(given.get("params"))?);
    let body = given.get("body").filter(|body| !body.is_null()).cloned();
    if method == Method::GET && body.is_some() {
        return Err("GET takes no body".to_owned());
    }
    Ok(Call { method, path, body })
}

/// The parts of a path, decoded.
fn segments(path: &str) -> Result<Vec<String>, String> {
    let rest = path.trim().strip_prefix('/').filter(|rest| rest.len() <= MAX_CHARS);
    let rest = rest.ok_or("`path` has to begin with / and be no full address")?;
    let decode = |part: &str| {
        let text = percent_decode_str(part).decode_utf8().ok()?.into_owned();
        let odd = |c: char| c.is_control() || matches!(c, '/' | '\\' | '?' | '#' | '%');
        let usable = !text.is_empty() && text != "." && text != ".." && !text.contains(odd);
        (usable && !part.contains(['?', '#'])).then_some(text)
    };
    let unfit = "`path` has a part that no path of GitHub's has; a query goes into `params`";
    rest.split('/').map(|part| decode(part).ok_or_else(|| unfit.to_owned())).collect()
}

/// Whether the session may do this there.
fn may(method: &Method, segments: &[String], repo: &str) -> Result<(), String> {
    let (owner, name) = repo.split_once('/').unwrap_or((repo, ""));
    let same = |at: usize, text: &str| segments.get(at).is_some_and(|part| part.eq_ignore_ascii_case(text));
    if !(same(0, "repos") && same(1, owner) && same(2, name)) {
        return Err(format!("`path` has to be below /repos/{repo}"));
    }
    if *method == Method::GET {
        return Ok(());
    }
    let writable = WRITABLE.iter().any(|place| same(3, place));
    let lands = same(3, "pulls") && LANDS.iter().any(|end| same(segments.len() - 1, end));
    if writable && !lands {
        return Ok(());
    }
    Err(format!("{method} is open to you below {} only, and merging is not", WRITABLE.join(", ")))
}

fn query(params: Option<&Value>) -> Result<String, String> {
    let params = match params {
        None | Some(Value::Null) => return Ok(String::new()),
        Some(params) => params.as_object().filter(|params| params.len() <= MAX_PARAMS),
    };
    let params = params.ok_or("`params` has to be an object with at most 50 keys")?;
    let mut query = String::new();
    for (key, value) in params {
        let text = match value {
            Value::String(text) if text.len() <= MAX_CHARS => text.clone(),
            Value::Number(_) | Value::Bool(_) => value.to_string(),
            Value::String(_) | Value::Null | Value::Array(_) | Value::Object(_) => {
                return Err(format!("the parameter {key:?} has to be a short text, a number, true or false"));
            }
        };
        let sign = if query.is_empty() { '?' } else { '&' };
        let (key, text) = (utf8_percent_encode(key, ENCODED), utf8_percent_encode(&text, ENCODED));
        query.push_str(&format!("{sign}{key}={text}"));
    }
    Ok(query)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn path(method: &str, path: &str) -> Option<String> {
        parse(&json!({"method": method, "path": path}), "Acme/shop").ok().map(|call| call.path)
    }

    #[test]
    fn the_repository_can_be_read_and_what_people_talk_in_can_be_written() {
        for (method, good) in [
            ("get", "/repos/Acme/shop"),
            ("GET", " /repos/acme/SHOP/contents/src/main.rs"),
            ("POST", "/repos/Acme/shop/issues/1/comments"),
            ("PATCH", "/repos/Acme/shop/issues/1"),
            ("POST", "/repos/Acme/shop/pulls"),
            ("DELETE", "/repos/Acme/shop/issues/1/labels/bug"),
        ] {
            assert_eq!(path(method, good).as_deref(), Some(good.trim()), "{method} {good}");
        }
        let encoded = path("DELETE", "/repos/Acme/shop/issues/1/labels/needs review");
        assert_eq!(encoded.as_deref(), Some("/repos/Acme/shop/issues/1/labels/needs%20review"));
    }

    #[test]
    fn nothing_else_is_reached() {
        for (method, bad) in [
            ("GET", "/user"),
            ("GET", "/repos/Acme/other/issues"),
            ("GET", "/repos/Acme/shopping/issues"),
            ("GET", "https://evil.example/repos/Acme/shop"),
            ("GET", "//evil.example/repos/Acme/shop"),
            ("GET", "repos/Acme/shop"),
            ("GET", "/repos/Acme/shop/../other"),
            ("GET", "/repos/Acme/shop/%2e%2e/other"),
            ("GET", "/repos/Acme/shop/%2E./other"),
            ("GET", "/repos/Acme/shop/..%2fother"),
            ("GET", "/repos/Acme/shop/%252e%252e/other"),
            ("GET", "/repos/Acme/shop/a\\..\\b"),
            ("GET", "/repos/Acme/shop/issues?state=open"),
            ("GET", "/repos/Acme/shop/issues#a"),
            ("GET", "/repos/Acme/shop/issues\r\nHost: x"),
            ("GET", "/repos/Acme/shop//issues"),
            ("GET", ""),
            ("HEAD", "/repos/Acme/shop"),
            ("DELETE", "/repos/Acme/shop"),
            ("PATCH", "/repos/Acme/shop"),
            ("PUT", "/repos/Acme/shop/contents/a"),
            ("POST", "/repos/Acme/shop/git/refs"),
            ("POST", "/repos/Acme/shop/merges"),
            ("POST", "/repos/Acme/shop/hooks"),
            ("PUT", "/repos/Acme/shop/pulls/1/merge"),
            ("PUT", "/repos/Acme/shop/pulls/1/MERGE"),
            ("PUT", "/repos/Acme/shop/pulls/1/%6Derge"),
            ("PUT", "/repos/Acme/shop/pulls/1/update-branch"),
        ] {
            assert_eq!(path(method, bad), None, "{method} {bad}");
        }
    }

    #[test]
    fn parameters_are_encoded_and_odd_arguments_are_refused() {
        let read = |extra: Value| {
            let mut call = json!({"method": "GET", "path": "/repos/Acme/shop/issues"});
            call.as_object_mut().unwrap().extend(extra.as_object().unwrap().clone());
            parse(&call, "Acme/shop").map(|call| call.path)
        };
        let query = read(json!({"params": {"a b": "c&d=é", "n": 7, "t": true}}));
        assert_eq!(query.as_deref(), Ok("/repos/Acme/shop/issues?a%20b=c%26d%3D%C3%A9&n=7&t=true"));
        assert_eq!(read(json!({"params": null, "body": null})).as_deref(), Ok("/repos/Acme/shop/issues"));
        for bad in
            [json!({"params": []}), json!({"params": {"a": {}}}), json!({"body": {}}), json!({"headers": {}})]
        {
            assert!(read(bad.clone()).is_err(), "{bad}");
        }
        assert!(parse(&json!("GET"), "Acme/shop").is_err());
    }

    proptest! {
        #[test]
        fn whatever_passes_stays_below_the_repository(rest in "[a-z./%2e\\\\?#:@ é]{0,30}", prefix in any::<bool>()) {
            let asked = if prefix { format!("/repos/Acme/shop/{rest}") } else { rest };
            if let Some(path) = path("GET", &asked) {
                prop_assert!(path.to_lowercase().starts_with("/repos/acme/shop"));
                let uri: hyper::Uri = format!("https://h{path}").parse().unwrap();
                prop_assert_eq!(uri.host(), Some("h"));
                prop_assert!(!uri.path().split('/').any(|part| part == "." || part == ".."));
            }
        }
    }
}
