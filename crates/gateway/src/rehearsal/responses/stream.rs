//! The events of a streamed response.

use super::answer::Answer;
use super::item::{Named, text_part};
use crate::rehearsal::frames::{Frames, Pace};
use crate::rehearsal::item::Item;
use crate::rehearsal::playback::Step;
use crate::rehearsal::tools::Payload;
use serde_json::{Value, json};

/// The steps of a stream that gives `answer`.
pub(super) fn of(answer: &Answer<'_>, pace: Pace) -> Vec<Step> {
    let mut out = Writer { frames: Frames::new(pace), sequence: 0 };
    out.event("response.created", json!({"response": answer.begun}));
    out.event("response.in_progress", json!({"response": answer.begun}));
    out.frames.delay();
    for (index, named) in answer.items.iter().enumerate() {
        out.item(index, named);
    }
    out.frames.items_done();
    out.event("response.completed", json!({"response": answer.whole}));
    out.frames.into_steps()
}

/// Numbers the events.
struct Writer {
    frames: Frames,
    sequence: u64,
}

impl Writer {
    fn event(&mut self, kind: &str, mut data: Value) {
        number(&mut self.sequence, &mut data);
        self.frames.event(kind, data);
    }

    fn item(&mut self, index: usize, named: &Named<'_>) {
        self.event("response.output_item.added", json!({"output_index": index, "item": named.begun()}));
        match named.item {
            Item::Message { text } => self.message(index, named, text),
            Item::Call { invocation, .. } => {
                let (kind, key) = match invocation.payload {
                    Payload::Arguments(_) => ("response.function_call_arguments", "arguments"),
                    Payload::Input(_) => ("response.custom_tool_call_input", "input"),
                };
                let place = json!({"item_id": named.id, "output_index": index});
                self.pieces(&format!("{kind}.delta"), &place, named.item.content());
                self.event(&format!("{kind}.done"), with(&place, key, named.item.content().into()));
            }
        }
        self.event("response.output_item.done", json!({"output_index": index, "item": named.done()}));
    }

    fn message(&mut self, index: usize, named: &Named<'_>, text: &str) {
        let place = json!({"item_id": named.id, "output_index": index, "content_index": 0});
        let logged = with(&place, "logprobs", json!([]));
        self.event("response.content_part.added", with(&place, "part", text_part("")));
        self.pieces("response.output_text.delta", &logged, text);
        self.event("response.output_text.done", with(&logged, "text", text.into()));
        self.event("response.content_part.done", with(&place, "part", text_part(text)));
    }

    fn pieces(&mut self, kind: &str, place: &Value, content: &str) {
        let sequence = &mut self.sequence;
        self.frames.pieces(kind, content, |piece| {
            let mut data = with(place, "delta", piece.into());
            number(sequence, &mut data);
            data
        });
    }
}

fn number(sequence: &mut u64, data: &mut Value) {
    data["sequence_number"] = (*sequence).into();
    *sequence += 1;
}

fn with(place: &Value, key: &str, value: Value) -> Value {
    let mut data = place.clone();
    data[key] = value;
    data
}
