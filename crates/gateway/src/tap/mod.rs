//! Reads along an answer as it passes: the usage, the provider's id, and whether it is whole.
//!
//! Invariants: what is read never changes what is passed; memory is bounded whatever arrives; an answer that
//! cannot be understood has no usage, which is settled at the reservation.

mod event;
mod messages;
mod responses;
mod sse;

use crate::protocol::Protocol;
use domain::call::Usage;
use event::{Reader, Told};
use hyper::HeaderMap;
use hyper::header::{CONTENT_ENCODING, CONTENT_TYPE};
use sse::Lines;

/// The largest event or document that is read; a whole answer of a model is at most a few MiB.
const MAX_READ_BYTES: usize = 16 << 20;

/// What an answer told about itself so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Report {
    /// Tokens, as the provider counts them.
    pub(crate) usage: Option<Usage>,
    /// The provider's id of the answer.
    pub(crate) provider_id: Option<String>,
    /// The provider's error code; never its words, which may quote a key or a body.
    pub(crate) error: Option<String>,
    /// Whether the last event or the whole document was seen.
    pub(crate) whole: bool,
}

/// Reads one answer.
#[derive(Debug)]
pub(crate) struct Tap {
    mode: Mode,
    reader: Reader,
    report: Report,
}

#[derive(Debug)]
enum Mode {
    /// Server-sent events.
    Events(Lines),
    /// One JSON document.
    Document(Vec<u8>),
    /// Not readable: compressed, of another type, or too large.
    Blind,
}

impl Tap {
    /// Before there is an answer.
    pub(crate) fn blind() -> Self {
        Self { mode: Mode::Blind, reader: Reader::Responses, report: Report::default() }
    }

    /// Reads an answer with these headers, in `protocol`.
    pub(crate) fn on(headers: &HeaderMap, protocol: Protocol) -> Self {
        let value = |name| headers.get(name).and_then(|v| v.to_str().ok()).unwrap_or_default();
        let kind = value(CONTENT_TYPE).split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        let plain = matches!(value(CONTENT_ENCODING), "" | "identity");
        let mode = match kind.as_str() {
            "text/event-stream" if plain => Mode::Events(Lines::new(MAX_READ_BYTES)),
            "application/json" if plain => Mode::Document(Vec::new()),
            _ => Mode::Blind,
        };
        Self { mode, reader: Reader::of(protocol), report: Report::default() }
    }

    /// Whether a clean end before the last event is a broken answer.
    pub(crate) fn expects_last_event(&self) -> bool {
        matches!(self.mode, Mode::Events(_))
    }

    /// Reads the next bytes.
    pub(crate) fn feed(&mut self, bytes: &[u8]) {
        match &mut self.mode {
            Mode::Events(lines) => {
                let (reader, report) = (&mut self.reader, &mut self.report);
                lines.feed(bytes, |data| report.take(reader.event(data)));
            }
            Mode::Document(read) if read.len() + bytes.len() <= MAX_READ_BYTES => {
                read.extend_from_slice(bytes)
            }
            Mode::Document(_) => self.mode = Mode::Blind,
            Mode::Blind => {}
        }
    }

    /// The answer ended cleanly.
    pub(crate) fn end(&mut self) {
        match &mut self.mode {
            Mode::Document(read) => {
                let told = self.reader.document(read);
                *read = Vec::new();
                self.report.take(told);
            }
            Mode::Blind => self.report.whole = true,
            Mode::Events(_) => {}
        }
    }

    /// What was told so far.
    pub(crate) fn report(&self) -> &Report {
        &self.report
    }
}

impl Report {
    fn take(&mut self, told: Option<Told>) {
        let Some(told) = told else { return };
        self.usage = told.usage.or(self.usage);
        self.provider_id = told.provider_id.or_else(|| self.provider_id.take());
        self.error = told.error.or_else(|| self.error.take());
        self.whole |= told.last;
    }
}

#[cfg(test)]
mod tests;
