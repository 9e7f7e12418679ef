//! What the two halves say to each other, one JSON object per line.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::agent::{Activity, End, ToolAnswer, ToolSpec};

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum ToGuest {
    /// The first message.
    Start(Box<Start>),
    ToolAnswer {
        id: u64,
        answer: ToolAnswer,
    },
    /// Another turn on the same conversation, after a `TurnOver`.
    Turn {
        prompt: String,
    },
    Interrupt,
}

// No `Debug`: it carries the token.
#[derive(Serialize, Deserialize)]
pub(super) struct Start {
    /// What every message of the guest carries. Commands share its namespaces and may reach its stdout, or that of
    /// the init above it, but not its memory.
    pub key: String,
    pub session: String,
    pub prompt: String,
    pub instructions: String,
    pub model: String,
    pub token: String,
    pub socket: PathBuf,
    pub workspace: PathBuf,
    pub tools: Vec<ToolSpec>,
    /// Requests to the model in the whole session; 0: no limit.
    pub max_turns: u32,
    pub max_command_ms: u64,
}

/// A message of the guest with the key that proves it is the guest's.
#[derive(Serialize, Deserialize)]
pub(super) struct Signed {
    pub key: String,
    pub message: FromGuest,
}

#[derive(Serialize, Deserialize)]
#[serde(tag = "type", rename_all = "snake_case")]
pub(super) enum FromGuest {
    Activity {
        activity: Activity,
    },
    /// Answered with a `ToolAnswer` of the same id before anything else is asked.
    ToolCall {
        id: u64,
        name: String,
        arguments: Value,
    },
    /// The model has nothing more to do. Answered with a `Turn`, or with the end.
    TurnOver {
        summary: String,
    },
    /// The last message.
    End {
        end: End,
    },
}
