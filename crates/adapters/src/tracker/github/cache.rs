//! What GitHub answered last, so that it can be asked whether anything changed: an answer of "no" costs nothing of the
//! token's allowance.
//!
//! Invariant: what is kept is bounded in count and bytes; forgetting costs a request and nothing else.

use crate::tracker::http::Reply;
use hyper::header::{ETAG, HeaderValue};
use std::collections::{HashMap, VecDeque};
use std::sync::{Mutex, MutexGuard, PoisonError};

/// Answers that are kept; 100 pages of a list and as many issues as can be worked on at once.
const MAX_REPLIES: usize = 512;
/// Bytes of all of them.
const MAX_BYTES: usize = 32 * 1024 * 1024;

#[derive(Default)]
pub(super) struct Cache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    replies: HashMap<String, Reply>,
    in_order: VecDeque<String>,
    bytes: usize,
}

impl Cache {
    /// The tag of what was answered at `address` last.
    pub(super) fn tag(&self, address: &str) -> Option<HeaderValue> {
        self.kept().replies.get(address).and_then(|reply| reply.headers.get(ETAG)).cloned()
    }

    pub(super) fn get(&self, address: &str) -> Option<Reply> {
        self.kept().replies.get(address).cloned()
    }

    /// Keeps `reply`, if it has a tag.
    pub(super) fn put(&self, address: &str, reply: &Reply) {
        let mut kept = self.kept();
        kept.forget(address);
        if reply.body.len() > MAX_BYTES || !reply.headers.contains_key(ETAG) {
            return;
        }
        kept.bytes += reply.body.len();
        kept.replies.insert(address.to_owned(), reply.clone());
        kept.in_order.push_back(address.to_owned());
        while kept.replies.len() > MAX_REPLIES || kept.bytes > MAX_BYTES {
            let Some(oldest) = kept.in_order.front().cloned() else { break };
            kept.forget(&oldest);
        }
    }

    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn forget(&mut self, address: &str) {
        if let Some(old) = self.replies.remove(address) {
            self.bytes -= old.body.len();
            self.in_order.retain(|kept| kept != address);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use bytes::Bytes;
    use hyper::HeaderMap;

    fn reply(bytes: usize) -> Reply {
        let headers = HeaderMap::from_iter([(ETAG, HeaderValue::from_static("\"a\""))]);
        Reply { status: 200, headers, body: Bytes::from(vec![b'x'; bytes]) }
    }

    #[test]
    fn the_oldest_is_forgotten_first() {
        let cache = Cache::default();
        for number in 0..=MAX_REPLIES {
            cache.put(&number.to_string(), &reply(1));
        }
        assert!(cache.get("0").is_none() && cache.get("1").is_some());
        cache.put("big", &reply(MAX_BYTES - 1));
        assert_eq!(cache.kept().replies.len(), 2);
        cache.put("bigger", &reply(MAX_BYTES));
        assert_eq!(cache.kept().in_order, ["bigger"]);
        cache.put("bigger", &Reply { headers: HeaderMap::new(), ..reply(1) });
        let kept = cache.kept();
        assert_eq!((kept.replies.len(), kept.bytes), (0, 0));
    }
}
