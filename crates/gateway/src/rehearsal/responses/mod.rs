//! The Responses API, as a rehearsal speaks it.

mod answer;
mod item;
mod request;
mod stream;

use super::dialect::{Dialect, Heard, Said};
use super::frames::Pace;
use super::playback::Step;
use super::scenario::Fault;
use super::tools::Tool;
use serde_json::Value;

/// The Responses API.
pub(super) enum Responses {}

impl Dialect for Responses {
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
        answer::Answer::of(said).whole
    }

    fn stream(said: &Said<'_>, pace: Pace) -> Vec<Step> {
        stream::of(&answer::Answer::of(said), pace)
    }

    fn failed(fault: &Fault) -> Value {
        answer::failed(fault)
    }
}
