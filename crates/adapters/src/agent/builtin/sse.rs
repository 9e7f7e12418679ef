//! Server-sent events (WHATWG HTML, section 9.2), as far as model streams use them: the data of each event.
//!
//! Invariant: one event may hold at most [`MAX_EVENT_BYTES`].

/// Largest event: a completed response repeats every item of itself.
pub(super) const MAX_EVENT_BYTES: usize = 16 * 1024 * 1024;

/// An event was larger than the limit.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct TooLarge;

/// Finds events in pieces of a stream.
#[derive(Default)]
pub(super) struct Events {
    line: Vec<u8>,
    data: Vec<u8>,
    has_data: bool,
    skip_newline: bool,
}

impl Events {
    /// The data of every event that `piece` completes.
    pub fn push(&mut self, piece: &[u8]) -> Result<Vec<Vec<u8>>, TooLarge> {
        let mut done = Vec::new();
        for &byte in piece {
            // A line ends with CR, LF or both.
            let second_half = std::mem::take(&mut self.skip_newline) && byte == b'\n';
            if second_half {
                continue;
            }
            if byte != b'\n' && byte != b'\r' {
                self.line.push(byte);
                continue;
            }
            self.skip_newline = byte == b'\r';
            done.extend(self.end_line());
        }
        if self.line.len() + self.data.len() > MAX_EVENT_BYTES { Err(TooLarge) } else { Ok(done) }
    }

    fn end_line(&mut self) -> Option<Vec<u8>> {
        let line = std::mem::take(&mut self.line);
        if line.is_empty() {
            let data = std::mem::take(&mut self.data);
            return std::mem::take(&mut self.has_data).then_some(data);
        }
        let value = line.strip_prefix(b"data:")?;
        if self.has_data {
            self.data.push(b'\n');
        }
        self.has_data = true;
        self.data.extend_from_slice(value.strip_prefix(b" ").unwrap_or(value));
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn events_are_found_wherever_the_stream_is_cut() {
        let stream = "event: a\ndata: one\n\n: comment\r\ndata:two\r\ndata: three\r\n\r\nid: 1\n\ndata: \u{e9}\n\ndata: cut";
        for size in 1..stream.len() {
            let mut events = Events::default();
            let pieces = stream.as_bytes().chunks(size);
            let all: Vec<_> = pieces.flat_map(|piece| events.push(piece).unwrap()).collect();
            assert_eq!(all, [&b"one"[..], b"two\nthree", "\u{e9}".as_bytes()], "pieces of {size}");
        }
    }

    #[test]
    fn an_endless_event_is_refused() {
        let mut events = Events::default();
        let piece = vec![b'x'; MAX_EVENT_BYTES];
        assert_eq!(events.push(&piece), Ok(vec![]));
        assert_eq!(events.push(b"x"), Err(TooLarge));
    }
}
