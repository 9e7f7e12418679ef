//! The answer on its way to the client: each chunk leaves as it came, and is read along.
//!
//! Invariants: nothing is held back; an answer that breaks, falls silent or ends too early breaks the client's
//! connection, because a clean end would pass for a whole answer.

use crate::config::Limits;
use crate::record::Record;
use crate::upstream::Stream;
use bytes::Bytes;
use domain::call::Status;
use hyper::body::{Body, Frame, SizeHint};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Sleep};

/// The answer broke; hyper closes the client's connection without the end of the body.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the provider's answer broke off, so the client's is broken off too")]
pub(crate) struct Broken;

/// The body of an answer. Dropping it ends the provider's request and settles the call.
pub(crate) struct Relay {
    upstream: Stream,
    record: Box<Record>,
    silence: Pin<Box<Sleep>>,
    idle_time: Duration,
    deadline: Instant,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Passing,
    /// Broken: what was passed is flushed before the connection goes.
    Breaking,
    Over,
}

impl Relay {
    pub(crate) fn new(upstream: Stream, record: Box<Record>, limits: &Limits) -> Self {
        let now = Instant::now();
        let (idle_time, deadline) = (limits.idle_time, now + limits.stream_time);
        let silence = Box::pin(tokio::time::sleep_until(deadline.min(now + idle_time)));
        let mut relay = Self { upstream, record, silence, idle_time, deadline, state: State::Passing };
        relay.end_if_known();
        relay
    }

    /// Of a body whose length was announced, hyper does not ask for the end once it has all bytes.
    fn end_if_known(&mut self) {
        if !self.record.tap().expects_last_event() && self.upstream.is_end_stream() {
            self.record.finish();
            self.state = State::Over;
        }
    }

    fn pass(&mut self, piece: &Bytes) {
        self.record.passed(piece);
        let next = self.deadline.min(Instant::now() + self.idle_time);
        self.silence.as_mut().reset(next);
        self.end_if_known();
    }

    fn break_off(&mut self, why: String) {
        // An answer whose last event has passed is whole; only its connection broke.
        if self.record.tap().report().whole {
            self.record.finish();
        } else {
            self.record.end(Status::Broken, Some(why));
        }
        self.state = State::Breaking;
    }

    fn poll_upstream(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        loop {
            match Pin::new(&mut self.upstream).poll_frame(cx) {
                Poll::Ready(Some(Ok(frame))) => {
                    // Trailers have no place in an answer of these APIs.
                    let Ok(piece) = frame.into_data() else { continue };
                    self.pass(&piece);
                    return Poll::Ready(Some(piece));
                }
                Poll::Ready(Some(Err(why))) => self.break_off(why),
                Poll::Ready(None) if self.record.finish() => self.state = State::Over,
                Poll::Ready(None) => self.state = State::Breaking,
                Poll::Pending if self.silence.as_mut().poll(cx).is_ready() => {
                    let late = Instant::now() >= self.deadline;
                    let why = if late { "took longer than stream_time" } else { "silent for idle_time" };
                    self.break_off(why.to_owned());
                }
                Poll::Pending => return Poll::Pending,
            }
            return Poll::Ready(None);
        }
    }
}

impl Body for Relay {
    type Data = Bytes;
    type Error = Broken;

    fn poll_frame(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Broken>>> {
        let relay = self.get_mut();
        match relay.state {
            State::Over => return Poll::Ready(None),
            State::Breaking => return Poll::Ready(Some(Err(Broken))),
            State::Passing => {}
        }
        match relay.poll_upstream(cx) {
            Poll::Ready(Some(piece)) => Poll::Ready(Some(Ok(Frame::data(piece)))),
            Poll::Ready(None) if relay.state == State::Over => Poll::Ready(None),
            Poll::Ready(None) => {
                // Hyper flushes while the body is pending, and drops what it holds when the body fails.
                cx.waker().wake_by_ref();
                Poll::Pending
            }
            Poll::Pending => Poll::Pending,
        }
    }

    fn is_end_stream(&self) -> bool {
        self.state == State::Over
    }

    /// A stream is sent without a length even if one is known: its end is ours to break.
    fn size_hint(&self) -> SizeHint {
        if self.record.tap().expects_last_event() { SizeHint::default() } else { self.upstream.size_hint() }
    }
}
