//! What one event or document of the Messages API tells.
//!
//! Invariant: a stream has a usage only once its output is counted to the end. What `message_start` counts of the
//! output is a beginning; a stream that broke after it is settled at its reservation.

use super::event::{Told, mentions, name};
use domain::call::Usage;
use serde::Deserialize;

#[derive(Deserialize)]
struct Event {
    #[serde(rename = "type")]
    kind: String,
    message: Option<Message>,
    delta: Option<Delta>,
    usage: Option<Tokens>,
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Message {
    id: Option<String>,
    usage: Option<Tokens>,
    error: Option<Problem>,
}

#[derive(Deserialize)]
struct Delta {
    stop_reason: Option<String>,
}

#[derive(Deserialize)]
struct Problem {
    #[serde(rename = "type")]
    kind: Option<String>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Tokens {
    /// Neither read from the cache nor written to it: unlike OpenAI's, this count leaves both out.
    input_tokens: Option<u64>,
    cache_read_input_tokens: Option<u64>,
    cache_creation_input_tokens: Option<u64>,
    output_tokens: Option<u64>,
    output_tokens_details: Option<Details>,
}

#[derive(Clone, Copy, Debug, Default, Deserialize)]
struct Details {
    thinking_tokens: Option<u64>,
}

/// What the events of one stream have counted so far. Counts are cumulative: a later one replaces an earlier one.
#[derive(Debug, Default)]
pub(super) struct Counted(Tokens);

/// What the event with `data` tells, if it is one of those that matter.
pub(super) fn event(data: &[u8], counted: &mut Counted) -> Option<Told> {
    const KINDS: [&[u8]; 4] = [b"\"message_start\"", b"\"message_delta\"", b"\"message_stop\"", b"\"error\""];
    if !mentions(data, &KINDS) {
        return None;
    }
    let event: Event = serde_json::from_slice(data).ok()?;
    match event.kind.as_str() {
        "message_start" => {
            let message = event.message?;
            let begun = message.usage.map(|usage| Tokens { output_tokens: None, ..usage });
            counted.add(begun);
            Some(Told { provider_id: name(message.id), ..Told::default() })
        }
        "message_delta" => {
            counted.add(event.usage);
            let stopped = event.delta.is_some_and(|delta| delta.stop_reason.is_some());
            Some(Told { usage: counted.0.usage().filter(|_| stopped), ..Told::default() })
        }
        "message_stop" => Some(Told { usage: counted.0.usage(), last: true, ..Told::default() }),
        "error" => {
            let code = name(event.error.and_then(|error| error.kind));
            Some(Told {
                error: Some(code.unwrap_or_else(|| "error".to_owned())),
                last: true,
                ..Told::default()
            })
        }
        _ => None,
    }
}

/// What the whole document tells: a message, an error, or a count of tokens (which costs nothing, so it has no usage).
pub(super) fn document(data: &[u8]) -> Option<Told> {
    let message: Message = serde_json::from_slice(data).ok()?;
    Some(Told {
        usage: message.usage.and_then(|tokens| tokens.usage()),
        provider_id: name(message.id),
        error: name(message.error.and_then(|error| error.kind)),
        last: true,
    })
}

impl Counted {
    fn add(&mut self, news: Option<Tokens>) {
        let (Some(news), known) = (news, self.0) else { return };
        self.0 = Tokens {
            input_tokens: news.input_tokens.or(known.input_tokens),
            cache_read_input_tokens: news.cache_read_input_tokens.or(known.cache_read_input_tokens),
            cache_creation_input_tokens: news
                .cache_creation_input_tokens
                .or(known.cache_creation_input_tokens),
            output_tokens: news.output_tokens.or(known.output_tokens),
            output_tokens_details: news.output_tokens_details.or(known.output_tokens_details),
        };
    }
}

impl Tokens {
    /// In our own terms, where `input` is everything that was sent.
    fn usage(self) -> Option<Usage> {
        let cached = self.cache_read_input_tokens.unwrap_or(0);
        let cache_write = self.cache_creation_input_tokens.unwrap_or(0);
        Some(Usage {
            input: self.input_tokens?.saturating_add(cached).saturating_add(cache_write),
            cached,
            cache_write,
            output: self.output_tokens?,
            reasoning: self.output_tokens_details.and_then(|details| details.thinking_tokens).unwrap_or(0),
        })
    }
}
