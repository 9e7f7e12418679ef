//! The server-sent events of a streamed answer, in the full sequence that the official SDK's helper needs.

use super::item::{Item, text_part};
use super::playback::Step;
use super::tools::Payload;
use bytes::Bytes;
use domain::Millis;
use serde_json::{Value, json};

/// Bytes of one piece of text or arguments: about a word or two, as models stream.
const PIECE_BYTES: usize = 16;

/// How an answer is paced, and where it breaks.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Pace {
    /// Before the first item.
    pub(crate) delay: Millis,
    /// Between pieces.
    pub(crate) chunk_delay: Millis,
    /// Break after so many pieces.
    pub(crate) cut_after: Option<u32>,
}

struct Writer {
    steps: Vec<Step>,
    sequence: u64,
    pace: Pace,
    pieces_left: u32,
    cut: bool,
}

/// The steps of a stream that answers with `items`; `shell` is the response object without output and usage.
pub(crate) fn stream(shell: &Value, items: &[Item], whole: &Value, pace: Pace) -> Vec<Step> {
    let pieces_left = pace.cut_after.unwrap_or(u32::MAX);
    let mut out = Writer { steps: Vec::new(), sequence: 0, pace, pieces_left, cut: false };
    out.event("response.created", json!({"response": shell}));
    out.event("response.in_progress", json!({"response": shell}));
    out.wait(pace.delay);
    for (index, item) in items.iter().enumerate() {
        out.item(index, item);
    }
    if pace.cut_after.is_some() {
        out.cut();
    }
    out.event("response.completed", json!({"response": whole}));
    out.steps
}

impl Writer {
    fn event(&mut self, kind: &str, mut data: Value) {
        if self.cut {
            return;
        }
        data["type"] = kind.into();
        data["sequence_number"] = self.sequence.into();
        self.sequence += 1;
        self.steps.push(Step::Send(Bytes::from(format!("event: {kind}\ndata: {data}\n\n"))));
    }

    fn wait(&mut self, span: Millis) {
        if span.0 > 0 && !self.cut {
            self.steps.push(Step::Wait(span));
        }
    }

    fn cut(&mut self) {
        if !self.cut {
            self.steps.push(Step::Cut);
            self.cut = true;
        }
    }

    fn item(&mut self, index: usize, item: &Item) {
        self.event("response.output_item.added", json!({"output_index": index, "item": item.begun()}));
        match item {
            Item::Message { text, .. } => self.message(index, item, text),
            Item::Call { invocation, .. } => {
                let (kind, key) = match invocation.payload {
                    Payload::Arguments(_) => ("response.function_call_arguments", "arguments"),
                    Payload::Input(_) => ("response.custom_tool_call_input", "input"),
                };
                let place = json!({"item_id": item.id(), "output_index": index});
                self.pieces(&format!("{kind}.delta"), &place, item.content());
                self.event(&format!("{kind}.done"), with(&place, key, item.content()));
            }
        }
        self.event("response.output_item.done", json!({"output_index": index, "item": item.done()}));
    }

    fn message(&mut self, index: usize, item: &Item, text: &str) {
        let place = json!({"item_id": item.id(), "output_index": index, "content_index": 0});
        let logged = with_value(&place, "logprobs", json!([]));
        self.event("response.content_part.added", with_value(&place, "part", text_part("")));
        self.pieces("response.output_text.delta", &logged, text);
        self.event("response.output_text.done", with(&logged, "text", text));
        self.event("response.content_part.done", with_value(&place, "part", text_part(text)));
    }

    fn pieces(&mut self, kind: &str, place: &Value, content: &str) {
        for (number, piece) in pieces(content).enumerate() {
            if self.pieces_left == 0 {
                self.cut();
            }
            self.pieces_left = self.pieces_left.saturating_sub(1);
            if number > 0 {
                self.wait(self.pace.chunk_delay);
            }
            self.event(kind, with(place, "delta", piece));
        }
    }
}

fn with(place: &Value, key: &str, text: &str) -> Value {
    with_value(place, key, text.into())
}

fn with_value(place: &Value, key: &str, value: Value) -> Value {
    let mut data = place.clone();
    data[key] = value;
    data
}

fn pieces(text: &str) -> impl Iterator<Item = &str> {
    let mut rest = text;
    std::iter::from_fn(move || {
        let end = (PIECE_BYTES.min(rest.len())..=rest.len()).find(|&at| rest.is_char_boundary(at))?;
        let (piece, after) = rest.split_at(end);
        rest = after;
        (!piece.is_empty()).then_some(piece)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    proptest::proptest! {
        #[test]
        fn pieces_add_up_to_the_text(text in ".*") {
            proptest::prop_assert_eq!(pieces(&text).collect::<String>(), text);
        }
    }
}
