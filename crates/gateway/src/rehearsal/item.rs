//! The items of an answer, before any protocol words them.

use super::tools::{Invocation, Payload};

/// One thing that a turn says or does.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Item {
    /// Text of the assistant.
    Message { text: String },
    /// A tool call.
    Call { call_id: String, invocation: Invocation },
}

impl Item {
    /// What is streamed piece by piece: text, arguments or input.
    pub(super) fn content(&self) -> &str {
        match self {
            Self::Message { text } => text,
            Self::Call { invocation, .. } => match &invocation.payload {
                Payload::Arguments(text) | Payload::Input(text) => text,
            },
        }
    }
}
