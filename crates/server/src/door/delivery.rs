//! The body of a tracker's delivery: large, and from whoever reaches this door, so bounded in every direction.
//!
//! Invariants: a body is whole before anybody looks at it, because its signature is over all of it; of those that are
//! larger than any other request, a few are in memory at once and the others wait unread; nobody holds a place for longer
//! than a provider would wait.

use std::time::Duration;

use axum::body::Body;
use bytes::Bytes;
use futures_util::StreamExt;
use tokio::sync::{Semaphore, SemaphorePermit};
use wire::{MAX_DELIVERY_BYTES, MAX_REQUEST_BYTES};

use crate::error::ApiError;

/// Large deliveries in memory at once: 100 MiB. A tracker says little that is large, and each only wakes the poller.
const LARGE_AT_ONCE: usize = 4;
/// How long a delivery may take to come, the wait for its place included: GitHub gives up on one after ten seconds.
const PATIENCE: Duration = Duration::from_secs(10);

/// Where large deliveries wait for their place.
#[derive(Debug)]
pub struct Deliveries(Semaphore);

/// A delivery's whole body, and the place it takes.
#[derive(Debug)]
pub struct Received<'a> {
    /// The body.
    pub body: Bytes,
    /// Held for as long as the body is.
    _place: Option<SemaphorePermit<'a>>,
}

impl Default for Deliveries {
    fn default() -> Self {
        Self(Semaphore::new(LARGE_AT_ONCE))
    }
}

impl Deliveries {
    /// Reads all of `body`. Refused: one that is too large, too slow, or breaks off.
    pub async fn receive(&self, body: Body) -> Result<Received<'_>, ApiError> {
        tokio::time::timeout(PATIENCE, self.read(body)).await.unwrap_or_else(|_| {
            let within = PATIENCE.as_secs();
            Err(ApiError::slow(format!(
                "the delivery was not there, or had no place, within {within} seconds"
            )))
        })
    }

    async fn read(&self, body: Body) -> Result<Received<'_>, ApiError> {
        let (mut read, mut place) = (Vec::new(), None);
        let mut chunks = body.into_data_stream();
        while let Some(chunk) = chunks.next().await {
            let broken =
                |_| ApiError::bad_request("the delivery broke off", "have the tracker send it again");
            let chunk = chunk.map_err(broken)?;
            let bytes = read.len() + chunk.len();
            if bytes > MAX_DELIVERY_BYTES {
                return Err(ApiError::too_large(MAX_DELIVERY_BYTES));
            }
            if bytes > MAX_REQUEST_BYTES && place.is_none() {
                place = Some(self.0.acquire().await.expect("the semaphore is never closed"));
                // Once for all, so that growing never holds two copies; memory that is not written to is not taken.
                read.reserve_exact(MAX_DELIVERY_BYTES - read.len());
            }
            read.extend_from_slice(&chunk);
        }
        Ok(Received { body: read.into(), _place: place })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::http::StatusCode;
    use futures_util::stream;

    /// A body of so many bytes in chunks, and what follows them.
    fn body(bytes: usize, rest: impl futures_util::Stream<Item = Bytes> + Send + 'static) -> Body {
        const CHUNK: usize = 16 * 1024;
        let chunk = Bytes::from_static(&[b'x'; CHUNK]);
        let chunks = (0..bytes.div_ceil(CHUNK)).map(move |n| chunk.slice(..CHUNK.min(bytes - n * CHUNK)));
        Body::from_stream(stream::iter(chunks).chain(rest).map(Ok::<_, std::io::Error>))
    }

    fn whole(bytes: usize) -> Body {
        body(bytes, stream::empty())
    }

    fn unfinished(bytes: usize) -> Body {
        body(bytes, stream::pending())
    }

    #[tokio::test]
    async fn a_delivery_may_be_as_large_as_its_limit_and_no_larger() {
        let deliveries = Deliveries::default();
        for bytes in [0, MAX_REQUEST_BYTES, MAX_REQUEST_BYTES + 1, MAX_DELIVERY_BYTES] {
            assert_eq!(deliveries.receive(whole(bytes)).await.unwrap().body.len(), bytes);
        }
        let refused = deliveries.receive(whole(MAX_DELIVERY_BYTES + 1)).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::PAYLOAD_TOO_LARGE);
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_sender_is_cut_off() {
        let begun = tokio::time::Instant::now();
        let refused = Deliveries::default().receive(unfinished(10)).await.unwrap_err();
        assert_eq!((refused.status, begun.elapsed().as_secs()), (StatusCode::REQUEST_TIMEOUT, 10));
    }

    #[tokio::test(start_paused = true)]
    async fn a_few_large_ones_are_held_at_once_and_small_ones_pass_them() {
        let deliveries = Deliveries::default();
        let mut held = vec![];
        for _ in 0..LARGE_AT_ONCE {
            held.push(deliveries.receive(whole(MAX_REQUEST_BYTES + 1)).await.unwrap());
        }
        assert!(deliveries.receive(whole(MAX_REQUEST_BYTES)).await.is_ok(), "a small one waits for nobody");
        let refused = deliveries.receive(whole(MAX_REQUEST_BYTES + 1)).await.unwrap_err();
        assert_eq!(refused.status, StatusCode::REQUEST_TIMEOUT);
        held.pop();
        assert!(deliveries.receive(whole(MAX_REQUEST_BYTES + 1)).await.is_ok(), "a place is free again");
    }

    #[tokio::test(start_paused = true)]
    async fn a_slow_sender_gives_its_place_back() {
        let deliveries = Deliveries::default();
        let slow = (0..LARGE_AT_ONCE).map(|_| deliveries.receive(unfinished(MAX_REQUEST_BYTES + 1)));
        for refused in futures_util::future::join_all(slow).await {
            assert_eq!(refused.unwrap_err().status, StatusCode::REQUEST_TIMEOUT);
        }
        assert!(deliveries.receive(whole(MAX_REQUEST_BYTES + 1)).await.is_ok());
    }
}
