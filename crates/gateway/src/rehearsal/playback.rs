//! The body of a rehearsal's answer: sends, waits, breaks.

use bytes::Bytes;
use domain::Millis;
use hyper::body::{Body, Frame, SizeHint};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;
use tokio::time::Sleep;

/// What happens next in an answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    /// These bytes go out.
    Send(Bytes),
    /// Nothing happens for so long.
    Wait(Millis),
    /// The connection breaks.
    Cut,
}

/// The scenario broke the connection here.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the rehearsal broke the stream, as its scenario asks (cut_after)")]
pub struct Cut;

/// The body of an answer, played in real time.
#[derive(Debug)]
pub struct Playback {
    steps: VecDeque<Step>,
    // Boxed so that the body can be moved between polls.
    waiting: Option<Pin<Box<Sleep>>>,
}

impl Playback {
    pub(crate) fn new(steps: Vec<Step>) -> Self {
        Self { steps: steps.into(), waiting: None }
    }
}

impl Body for Playback {
    type Data = Bytes;
    type Error = Cut;

    fn poll_frame(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Frame<Bytes>, Cut>>> {
        loop {
            if let Some(sleep) = &mut self.waiting {
                ready!(sleep.as_mut().poll(cx));
                self.waiting = None;
            }
            match self.steps.pop_front() {
                Some(Step::Send(bytes)) => return Poll::Ready(Some(Ok(Frame::data(bytes)))),
                Some(Step::Wait(span)) => {
                    self.waiting = Some(Box::pin(tokio::time::sleep(Duration::from_millis(span.0))));
                }
                Some(Step::Cut) => {
                    self.steps.clear();
                    return Poll::Ready(Some(Err(Cut)));
                }
                None => return Poll::Ready(None),
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        self.steps.is_empty() && self.waiting.is_none()
    }

    fn size_hint(&self) -> SizeHint {
        let whole: Option<u64> = self
            .steps
            .iter()
            .map(|step| match step {
                Step::Send(bytes) => Some(bytes.len() as u64),
                Step::Wait(_) | Step::Cut => None,
            })
            .sum();
        whole.map_or_else(SizeHint::default, SizeHint::with_exact)
    }
}
