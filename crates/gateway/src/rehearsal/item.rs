//! The items of an answer, in the words of the Responses API.

use super::tools::{Invocation, Payload};
use serde_json::{Value, json};

/// One output item.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Item {
    /// Text of the assistant.
    Message { id: String, text: String },
    /// A tool call.
    Call { id: String, call_id: String, invocation: Invocation },
}

impl Item {
    pub(crate) fn id(&self) -> &str {
        match self {
            Self::Message { id, .. } | Self::Call { id, .. } => id,
        }
    }

    /// What is streamed piece by piece: text, arguments or input.
    pub(crate) fn content(&self) -> &str {
        match self {
            Self::Message { text, .. } => text,
            Self::Call { invocation, .. } => match &invocation.payload {
                Payload::Arguments(text) | Payload::Input(text) => text,
            },
        }
    }

    /// The item as it stands before its first piece.
    pub(crate) fn begun(&self) -> Value {
        self.shape("in_progress", "")
    }

    /// The whole item.
    pub(crate) fn done(&self) -> Value {
        self.shape("completed", self.content())
    }

    fn shape(&self, status: &str, content: &str) -> Value {
        match self {
            Self::Message { id, .. } => {
                let parts = if content.is_empty() && status == "in_progress" {
                    json!([])
                } else {
                    json!([text_part(content)])
                };
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": parts})
            }
            Self::Call { id, call_id, invocation } => {
                let (kind, key) = match invocation.payload {
                    Payload::Arguments(_) => ("function_call", "arguments"),
                    Payload::Input(_) => ("custom_tool_call", "input"),
                };
                let mut item = json!({"id": id, "type": kind, "status": status, "call_id": call_id,
                    "name": invocation.name});
                item[key] = content.into();
                if let Some(namespace) = &invocation.namespace {
                    item["namespace"] = namespace.as_str().into();
                }
                item
            }
        }
    }
}

/// A content part of a message.
pub(crate) fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}
