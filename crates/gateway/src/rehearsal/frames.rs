//! The server-sent events of a streamed answer: pieces, waits, and where it breaks.

use super::playback::Step;
use bytes::Bytes;
use domain::Millis;
use serde_json::Value;

/// Bytes of one piece of text or arguments: about a word or two, as models stream.
const PIECE_BYTES: usize = 16;

/// How an answer is paced, and where it breaks.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Before the first item.
    pub(super) delay: Millis,
    /// Between pieces.
    pub(super) chunk_delay: Millis,
    /// Break after so many pieces.
    pub(super) cut_after: Option<u32>,
}

/// Events, as they are put one after the other. What comes after the break is left out.
pub(super) struct Frames {
    steps: Vec<Step>,
    pace: Pace,
    pieces_left: u32,
    cut: bool,
}

impl Frames {
    pub(super) fn new(pace: Pace) -> Self {
        Self { steps: Vec::new(), pace, pieces_left: pace.cut_after.unwrap_or(u32::MAX), cut: false }
    }

    /// One event of `kind`.
    pub(super) fn event(&mut self, kind: &str, mut data: Value) {
        if self.cut {
            return;
        }
        data["type"] = kind.into();
        self.steps.push(Step::Send(Bytes::from(format!("event: {kind}\ndata: {data}\n\n"))));
    }

    /// The wait before the first item.
    pub(super) fn delay(&mut self) {
        self.wait(self.pace.delay);
    }

    /// `content` piece by piece, each in an event of `kind` with what `data` makes of it.
    pub(super) fn pieces(&mut self, kind: &str, content: &str, mut data: impl FnMut(&str) -> Value) {
        for (number, piece) in pieces(content).enumerate() {
            if self.pieces_left == 0 {
                self.break_off();
            }
            self.pieces_left = self.pieces_left.saturating_sub(1);
            if number > 0 {
                self.wait(self.pace.chunk_delay);
            }
            self.event(kind, data(piece));
        }
    }

    /// All items are out: a stream that shall break breaks here at the latest.
    pub(super) fn items_done(&mut self) {
        if self.pace.cut_after.is_some() {
            self.break_off();
        }
    }

    pub(super) fn into_steps(self) -> Vec<Step> {
        self.steps
    }

    fn wait(&mut self, span: Millis) {
        if span.0 > 0 && !self.cut {
            self.steps.push(Step::Wait(span));
        }
    }

    fn break_off(&mut self) {
        if !self.cut {
            self.steps.push(Step::Cut);
            self.cut = true;
        }
    }
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
