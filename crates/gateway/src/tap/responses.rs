//! What one event or document of the Responses API tells.

use super::event::{Told, mentions, name};
use domain::call::Usage;
use serde::Deserialize;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    response: Option<Response>,
    // An `error` event carries its code at the top, or inside `error`.
    code: Option<String>,
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Response {
    id: Option<String>,
    usage: Option<Tokens>,
    error: Option<Problem>,
    incomplete_details: Option<Incomplete>,
    status: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    code: Option<String>,
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Deserialize)]
struct Incomplete {
    reason: Option<String>,
}

#[derive(Deserialize)]
struct Tokens {
    input_tokens: u64,
    #[serde(default)]
    input_tokens_details: Option<InputDetails>,
    output_tokens: u64,
    #[serde(default)]
    output_tokens_details: Option<OutputDetails>,
}

#[derive(Default, Deserialize)]
struct InputDetails {
    #[serde(default)]
    cached_tokens: Option<u64>,
    #[serde(default)]
    cache_write_tokens: Option<u64>,
}

#[derive(Default, Deserialize)]
struct OutputDetails {
    #[serde(default)]
    reasoning_tokens: Option<u64>,
}

const KINDS: [&[u8]; 5] = [
    b"\"response.created\"",
    b"\"response.completed\"",
    b"\"response.incomplete\"",
    b"\"response.failed\"",
    b"\"error\"",
];

/// What the event with `data` tells, if it is one of those that matter.
pub(super) fn event(data: &[u8]) -> Option<Told> {
    if !mentions(data, &KINDS) {
        return None;
    }
    let event: Event = serde_json::from_slice(data).ok()?;
    match event.kind.as_str() {
        "response.created" => Some(Told { last: false, ..event.response?.told(None) }),
        "response.completed" => Some(Told { last: true, ..event.response?.told(None) }),
        "response.incomplete" => Some(Told { last: true, ..event.response?.told(Some("incomplete")) }),
        "response.failed" => Some(Told { last: true, ..event.response?.told(Some("failed")) }),
        "error" => {
            let code = event.code.or_else(|| event.error.and_then(Problem::name));
            let error = Some(name(code).unwrap_or_else(|| "error".to_owned()));
            Some(Told { usage: None, provider_id: None, error, last: true })
        }
        _ => None,
    }
}

/// What the whole document tells.
pub(super) fn document(data: &[u8]) -> Option<Told> {
    let response: Response = serde_json::from_slice(data).ok()?;
    let fallback = match response.status.as_deref() {
        Some("failed") => Some("failed"),
        Some("incomplete") => Some("incomplete"),
        Some(_) | None => None,
    };
    Some(Told { last: true, ..response.told(fallback) })
}

impl Problem {
    fn name(self) -> Option<String> {
        self.code.or(self.kind)
    }
}

impl Response {
    fn told(self, fallback: Option<&str>) -> Told {
        let error = name(self.error.and_then(Problem::name));
        let error = error.or_else(|| name(self.incomplete_details.and_then(|details| details.reason)));
        Told {
            usage: self.usage.map(Tokens::usage),
            provider_id: name(self.id),
            error: error.or_else(|| fallback.map(str::to_owned)),
            last: false,
        }
    }
}

impl Tokens {
    fn usage(self) -> Usage {
        let input = self.input_tokens_details.unwrap_or_default();
        let output = self.output_tokens_details.unwrap_or_default();
        Usage {
            input: self.input_tokens,
            cached: input.cached_tokens.unwrap_or(0),
            cache_write: input.cache_write_tokens.unwrap_or(0),
            output: self.output_tokens,
            reasoning: output.reasoning_tokens.unwrap_or(0),
        }
    }
}
