//! What one event or document tells, in whichever protocol.

use super::{messages, responses};
use crate::protocol::Protocol;
use domain::call::Usage;

/// Ids and codes longer than this are not ids or codes.
const MAX_NAME_BYTES: usize = 256;

/// What was told.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Told {
    pub(super) usage: Option<Usage>,
    pub(super) provider_id: Option<String>,
    pub(super) error: Option<String>,
    /// Nothing follows.
    pub(super) last: bool,
}

/// Understands the events of one answer.
#[derive(Debug)]
pub(super) enum Reader {
    Responses,
    /// Its usage comes in parts.
    Messages(messages::Counted),
}

impl Reader {
    pub(super) fn of(protocol: Protocol) -> Self {
        match protocol {
            Protocol::Responses => Self::Responses,
            Protocol::Messages => Self::Messages(messages::Counted::default()),
        }
    }

    /// What the event with `data` tells, if it is one of those that matter.
    pub(super) fn event(&mut self, data: &[u8]) -> Option<Told> {
        match self {
            Self::Responses => responses::event(data),
            Self::Messages(counted) => messages::event(data, counted),
        }
    }

    /// What the whole document tells.
    pub(super) fn document(&self, data: &[u8]) -> Option<Told> {
        match self {
            Self::Responses => responses::document(data),
            Self::Messages(_) => messages::document(data),
        }
    }
}

/// Whether `data` may hold one of `kinds` (in quotes). Most events are deltas: they are told apart without parsing.
pub(super) fn mentions(data: &[u8], kinds: &[&[u8]]) -> bool {
    kinds.iter().any(|kind| data.windows(kind.len()).any(|window| window == *kind))
}

/// `text`, if it is short and plain enough for an id or a code.
pub(super) fn name(text: Option<String>) -> Option<String> {
    text.filter(|text| text.len() <= MAX_NAME_BYTES && text.bytes().all(|b| b.is_ascii_graphic()))
}
