//! Counts tokens and requests to the model, from absolute totals only.
//!
//! A thread's totals grow over its whole life. Repeated and falling totals count nothing; of a resumed thread, what
//! earlier attempts used is taken off.

use domain::call::Usage;
use domain::failure::{Failure, FailureKind};
use serde_json::{Value, json};

use crate::agent::Activity;

pub(super) struct Counted {
    max_requests: u32,
    requests: u32,
    total: Usage,
    before: Option<Usage>,
    running: bool,
}

impl Counted {
    /// `max_requests`: 0 is no limit.
    pub fn new(max_requests: u32) -> Counted {
        let (total, before) = (Usage::default(), Some(Usage::default()));
        Counted { max_requests, requests: 0, total, before, running: false }
    }

    /// The thread has a past.
    pub fn resumed(&mut self) {
        self.before = None;
    }

    /// The first turn's first request is told when it is made; later ones show by what they used.
    pub fn turn_began(&mut self) -> Option<Activity> {
        let first = !std::mem::replace(&mut self.running, true);
        first.then_some(Activity::Turn { n: 1 })
    }

    /// One update per answered request; `Err`: one request too many was answered.
    pub fn update(&mut self, usage: &Value) -> (Vec<Activity>, Result<(), Failure>) {
        let total = read(&usage["total"]);
        if !self.running {
            // Told when a thread is loaded: what was used before this session.
            self.before = Some(total);
            self.total = total;
            return (Vec::new(), Ok(()));
        }
        // A version that does not tell a thread's past is asked for the newest request alone, once.
        let before = *self.before.get_or_insert_with(|| less(total, read(&usage["last"])));
        let repeated = self.requests > 0 && (total == self.total || sum(total) < sum(self.total));
        if repeated {
            return (Vec::new(), Ok(()));
        }
        self.total = total;
        self.requests += 1;
        let mut told = vec![Activity::Usage { total: less(total, before) }];
        if self.requests > 1 {
            told.push(Activity::Turn { n: self.requests });
        }
        if self.max_requests > 0 && self.requests > self.max_requests {
            let detail = format!("not done after {} requests to the model", self.max_requests);
            return (told, Err(Failure::new(FailureKind::TurnsExhausted, detail)));
        }
        (told, Ok(()))
    }
}

/// The totals that older versions wrap in a `token_count` event, in the form of today's. What one request alone used
/// (`last_token_usage`) is not among them.
pub(super) fn wrapped(params: &Value) -> Option<Value> {
    let event = if params["msg"].is_object() { &params["msg"] } else { params };
    let total = &event["info"]["total_token_usage"];
    total.is_object().then(|| {
        json!({"total": {
            "inputTokens": total["input_tokens"],
            "cachedInputTokens": total["cached_input_tokens"],
            "outputTokens": total["output_tokens"],
            "reasoningOutputTokens": total["reasoning_output_tokens"],
        }})
    })
}

fn read(total: &Value) -> Usage {
    let number = |key: &str| total[key].as_u64().unwrap_or_default();
    Usage {
        input: number("inputTokens"),
        cached: number("cachedInputTokens"),
        cache_write: number("cacheWriteInputTokens"),
        output: number("outputTokens"),
        reasoning: number("reasoningOutputTokens"),
    }
}

fn less(total: Usage, before: Usage) -> Usage {
    Usage {
        input: total.input.saturating_sub(before.input),
        cached: total.cached.saturating_sub(before.cached),
        cache_write: total.cache_write.saturating_sub(before.cache_write),
        output: total.output.saturating_sub(before.output),
        reasoning: total.reasoning.saturating_sub(before.reasoning),
    }
}

fn sum(usage: Usage) -> u64 {
    usage.input.saturating_add(usage.output)
}
