//! What the protocols say differently: how a request is read, and how an answer is worded.

use super::frames::Pace;
use super::item::Item;
use super::playback::Step;
use super::scenario::Fault;
use super::tools::Tool;
use base::ids::Ids;
use domain::Timestamp;
use domain::call::Usage;
use serde_json::Value;

/// One protocol, as a rehearsal speaks it.
pub(super) trait Dialect {
    /// The conversation so far, in order.
    fn heard(request: &Value) -> Vec<Heard<'_>>;

    /// Everything the conversation says; instructions, descriptions of tools and ids left out.
    fn text(request: &Value) -> String;

    /// The tools that may be called.
    fn offered(request: &Value) -> Vec<Tool<'_>>;

    /// The answer as one document.
    fn document(said: &Said<'_>) -> Value;

    /// The answer as a stream, in the full sequence that the official SDK's helper needs.
    fn stream(said: &Said<'_>, pace: Pace) -> Vec<Step>;

    /// An error in place of an answer.
    fn failed(fault: &Fault) -> Value;
}

/// Who wrote one piece of a conversation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Heard<'a> {
    /// The model: text, a thought, or a call with its id.
    Model { call: Option<&'a str> },
    /// Anybody else.
    Other,
}

/// What a turn answers, and to what.
pub(super) struct Said<'a> {
    pub(super) request: &'a Value,
    pub(super) items: &'a [Item],
    pub(super) usage: Usage,
    /// Names of the answer and its items.
    pub(super) ids: &'a Ids,
    pub(super) now: Timestamp,
}
