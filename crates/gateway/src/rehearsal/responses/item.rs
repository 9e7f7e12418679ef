//! The items of an answer, in the words of the Responses API.

use crate::rehearsal::item::Item;
use crate::rehearsal::tools::Payload;
use base::ids::Ids;
use serde_json::{Value, json};

/// An item with its id.
pub(super) struct Named<'a> {
    pub(super) id: String,
    pub(super) item: &'a Item,
}

impl<'a> Named<'a> {
    pub(super) fn new(item: &'a Item, ids: &Ids) -> Self {
        let prefix = match item {
            Item::Message { .. } => "msg",
            Item::Call { invocation, .. } => match invocation.payload {
                Payload::Arguments(_) => "fc",
                Payload::Input(_) => "ctc",
            },
        };
        Self { id: format!("{prefix}_{}", ids.next()), item }
    }

    /// The item as it stands before its first piece.
    pub(super) fn begun(&self) -> Value {
        self.shape("in_progress", "")
    }

    /// The whole item.
    pub(super) fn done(&self) -> Value {
        self.shape("completed", self.item.content())
    }

    fn shape(&self, status: &str, content: &str) -> Value {
        let id = &self.id;
        match self.item {
            Item::Message { .. } => {
                let parts = if content.is_empty() && status == "in_progress" {
                    json!([])
                } else {
                    json!([text_part(content)])
                };
                json!({"id": id, "type": "message", "status": status, "role": "assistant", "content": parts})
            }
            Item::Call { call_id, invocation } => {
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
pub(super) fn text_part(text: &str) -> Value {
    json!({"type": "output_text", "text": text, "annotations": [], "logprobs": []})
}
