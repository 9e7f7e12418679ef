//! The Messages API, as a rehearsal speaks it.

mod answer;
mod request;
mod stream;

use super::dialect::{Dialect, Heard, Said};
use super::frames::Pace;
use super::playback::Step;
use super::scenario::Fault;
use super::tools::Tool;
use crate::protocol;
use serde_json::Value;

/// The Messages API.
pub(super) enum Messages {}

impl Dialect for Messages {
    fn heard(request: &Value) -> Vec<Heard<'_>> {
        request::heard(request)
    }

    fn text(request: &Value) -> String {
        request::text(request)
    }

    fn offered(request: &Value) -> Vec<Tool<'_>> {
        request::offered(request)
    }

    fn document(said: &Said<'_>) -> Value {
        answer::whole(said)
    }

    fn stream(said: &Said<'_>, pace: Pace) -> Vec<Step> {
        stream::of(said, pace)
    }

    fn failed(fault: &Fault) -> Value {
        // The type of an error follows from its status here; a code of its own it has not.
        protocol::messages_error(fault.status, &fault.message)
    }
}
