//! What happened, as the live feed, the timeline and `seawall logs` show it.

use crate::Time;
use domain::{RunId, Timestamp};
use serde::{Deserialize, Serialize};
use serde_json::Value;

/// One thing that happened. In `GET /api/v1/events` it is the `data` of an event whose `id` is `seq`.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct EventView {
    /// Grows; resume with `Last-Event-ID` or `after`.
    pub seq: u64,
    /// When.
    pub at: Time,
    /// To which run; absent for what concerns the whole installation, such as an order.
    pub run: Option<RunId>,
    /// The name of its kind, such as `attempt_failed`.
    pub kind: String,
    /// One line a person wants to read.
    pub line: String,
    /// Everything else, as recorded.
    #[serde(default)]
    pub data: Value,
}

impl EventView {
    /// The view of a run's `event`.
    pub fn of_run(seq: u64, at: Timestamp, run: &RunId, event: &domain::event::Event) -> Self {
        Self {
            seq,
            at: at.into(),
            run: Some(run.clone()),
            kind: event.kind().to_owned(),
            line: event.line(),
            // An event is a plain tree of texts and numbers, which JSON can always hold.
            data: serde_json::to_value(event).unwrap_or(Value::Null),
        }
    }
}
