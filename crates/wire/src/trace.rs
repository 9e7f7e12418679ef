//! One trace per run: from the issue down to the raw model requests.

use crate::{Spend, Time};
use domain::MicroUsd;
use domain::RunId;
use domain::call::{Call, Status, Usage};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;

/// The spans of a run and of the reviews it caused. A parent stands before its children.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Trace {
    /// The run that was asked for.
    pub run: RunId,
    /// What people call the issue.
    pub issue: String,
    /// Sums over all spans.
    #[serde(flatten)]
    pub spend: Spend,
    /// Every span.
    pub spans: Vec<Span>,
    /// Whether spans were left out because there are too many.
    #[serde(default)]
    pub truncated: bool,
}

/// What a span stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum SpanKind {
    /// A run.
    Run,
    /// An attempt of a run.
    Attempt,
    /// A model turn of an attempt.
    Turn,
    /// A model request.
    Call,
    /// A tool request.
    Tool,
}

/// One stretch of work.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Span {
    /// Unique within the trace; a call's is its call id, a run's its run id.
    pub id: String,
    /// The span it is part of; absent for the root.
    pub parent: Option<String>,
    /// What it stands for.
    pub kind: SpanKind,
    /// A few words: the agent, `attempt 1`, the model, the tool.
    pub name: String,
    /// When it began.
    pub start: Time,
    /// When it ended; absent while it goes on.
    pub end: Option<Time>,
    /// Tokens, for what has any.
    pub tokens: Option<Usage>,
    /// What it cost, for what costs.
    pub cost_micro_usd: Option<MicroUsd>,
    /// `open`, `done`, `failed`, `cut` and the like.
    pub status: String,
    /// Anything else worth showing, as texts. Never a secret, a prompt or a body.
    #[serde(default)]
    pub attributes: BTreeMap<String, String>,
    /// Whether a rehearsal answered, not a model.
    #[serde(default)]
    pub rehearsal: bool,
}

impl Span {
    /// The span of a model call under `parent`.
    pub fn of_call(call: &Call, parent: impl Into<String>) -> Self {
        let mut attributes = BTreeMap::new();
        attributes.insert("asked".to_owned(), call.asked.clone());
        attributes.insert("turn".to_owned(), call.turn.to_string());
        attributes.insert("reserved".to_owned(), call.reserved.to_string());
        if call.http_status != 0 {
            attributes.insert("http_status".to_owned(), call.http_status.to_string());
        }
        let optional = [
            ("error", &call.error),
            ("provider_id", &call.provider_id),
            ("request_blob", &call.request_blob),
            ("response_blob", &call.response_blob),
        ];
        for (name, value) in optional {
            if let Some(value) = value {
                attributes.insert(name.to_owned(), value.clone());
            }
        }
        let settled = call.status != Status::Open;
        Self {
            id: call.id.to_string(),
            parent: Some(parent.into()),
            kind: SpanKind::Call,
            name: call.route.clone(),
            start: call.started_at.into(),
            end: call.ended_at.map(Time),
            tokens: settled.then_some(call.usage),
            cost_micro_usd: settled.then_some(call.cost),
            status: call.status.name().to_owned(),
            attributes,
            rehearsal: call.rehearsal,
        }
    }

    /// Milliseconds from start to end; `None` while it goes on.
    pub fn lasted_ms(&self) -> Option<u64> {
        self.end.map(|end| end.0.since(self.start.0).0)
    }
}
