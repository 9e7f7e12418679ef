//! The events of a streamed message.

use super::answer::{begun, begun_block, stop_reason, usage_of};
use crate::rehearsal::dialect::Said;
use crate::rehearsal::frames::{Frames, Pace};
use crate::rehearsal::item::Item;
use crate::rehearsal::playback::Step;
use serde_json::json;

/// The steps of a stream that says `said`.
pub(super) fn of(said: &Said<'_>, pace: Pace) -> Vec<Step> {
    let mut out = Frames::new(pace);
    out.event("message_start", json!({"message": begun(said)}));
    out.event("ping", json!({}));
    out.delay();
    for (index, item) in said.items.iter().enumerate() {
        out.event("content_block_start", json!({"index": index, "content_block": begun_block(item)}));
        let (kind, key) = match item {
            Item::Message { .. } => ("text_delta", "text"),
            Item::Call { .. } => ("input_json_delta", "partial_json"),
        };
        out.pieces("content_block_delta", item.content(), |piece| {
            let mut delta = json!({"type": kind});
            delta[key] = piece.into();
            json!({"index": index, "delta": delta})
        });
        out.event("content_block_stop", json!({"index": index}));
    }
    out.items_done();
    let delta = json!({"stop_reason": stop_reason(said), "stop_sequence": null});
    out.event("message_delta", json!({"delta": delta, "usage": usage_of(said.usage)}));
    out.event("message_stop", json!({}));
    out.into_steps()
}
