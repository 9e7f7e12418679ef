//! Deliveries that a provider pushes. They only wake the poller: nothing they say is believed, not even the id.
//!
//! Invariants: what is not signed with the tracker's own secret is refused, in a time that does not tell how wrong it
//! was; a delivery is remembered by what is signed, so that a copy under another id is still a copy.

use base::digest::sha256_hex;
use base::secret::Secret;
use domain::{Millis, Timestamp};
use hmac::{Hmac, KeyInit, Mac};
use sha2::Sha256;
use std::collections::{HashSet, VecDeque};
use std::sync::{Mutex, PoisonError};

/// How long a delivery is remembered. Linear's are stale after a minute; GitHub gives up on one after ten seconds.
const MEMORY: Millis = Millis::seconds(10 * 60);
/// How many are remembered. More within ten minutes come from no project of people.
const MAX_REMEMBERED: usize = 4_096;

/// A delivery whose signature was right.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// The provider's id of it, for logs; it is not signed. Empty when there is none.
    pub id: String,
    /// What happened, in the provider's words, for logs.
    pub event: String,
    /// The digest of what was signed.
    digest: String,
}

/// Why a delivery wakes nobody.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum WebhookError {
    /// The tracker has no secret for deliveries, or takes none.
    #[error("this tracker takes no deliveries; set tracker.provider.webhook_secret")]
    NotServed,
    /// There is no signature.
    #[error("the delivery is not signed")]
    Unsigned,
    /// The signature is not ours.
    #[error("the delivery is signed with another secret")]
    Forged,
    /// It is too old, or from the future.
    #[error("the delivery is stale; check the clocks")]
    Stale,
    /// It is signed, and still makes no sense.
    #[error("the delivery cannot be read: {0}")]
    Malformed(&'static str),
    /// It came before.
    #[error("the delivery came before")]
    Replayed,
}

/// Remembers deliveries of the last ten minutes. One for each door; cheap.
#[derive(Debug, Default)]
pub struct Seen(Mutex<Remembered>);

#[derive(Debug, Default)]
struct Remembered {
    digests: HashSet<String>,
    in_order: VecDeque<(Timestamp, String)>,
}

impl Seen {
    /// Remembers `delivery`; [`WebhookError::Replayed`] when it was remembered already.
    pub fn first_time(&self, delivery: &Delivery, now: Timestamp) -> Result<(), WebhookError> {
        let mut seen = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        seen.forget(now);
        if !seen.digests.insert(delivery.digest.clone()) {
            return Err(WebhookError::Replayed);
        }
        seen.in_order.push_back((now, delivery.digest.clone()));
        Ok(())
    }
}

impl Remembered {
    fn forget(&mut self, now: Timestamp) {
        while let Some((at, _)) = self.in_order.front()
            && (now.since(*at) >= MEMORY || self.in_order.len() >= MAX_REMEMBERED)
            && let Some((_, digest)) = self.in_order.pop_front()
        {
            self.digests.remove(&digest);
        }
    }
}

/// The delivery with this `body`, if `signature` (HMAC-SHA256 in hex) was made of it with `secret`.
pub(super) fn signed(
    body: &[u8],
    signature: &str,
    secret: &Secret,
    id: &str,
    event: &str,
) -> Result<Delivery, WebhookError> {
    let signature = hex(signature).ok_or(WebhookError::Forged)?;
    let mut mac = Hmac::<Sha256>::new_from_slice(secret.expose().as_bytes())
        .expect("HMAC takes keys of every length (RFC 2104)");
    mac.update(body);
    mac.verify_slice(&signature).map_err(|_| WebhookError::Forged)?;
    let shown = |text: &str| text.chars().filter(|c| !c.is_control()).take(100).collect();
    Ok(Delivery { id: shown(id), event: shown(event), digest: sha256_hex(body) })
}

fn hex(text: &str) -> Option<[u8; 32]> {
    let digits: Vec<u32> = text.chars().map(|c| c.to_digit(16)).collect::<Option<_>>()?;
    let bytes = digits.chunks_exact(2).map(|pair| u8::try_from(pair[0] * 16 + pair[1]));
    let bytes: Vec<u8> = bytes.collect::<Result<_, _>>().ok().filter(|_| digits.len() == 64)?;
    bytes.try_into().ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000_000);

    fn delivery(digest: usize) -> Delivery {
        Delivery { id: String::new(), event: String::new(), digest: digest.to_string() }
    }

    #[test]
    fn the_signature_of_the_standard_is_accepted_and_no_other() {
        // RFC 4231, test case 2.
        let right = "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843";
        let body = b"what do ya want for nothing?";
        let check =
            |body: &[u8], hex: &str, key: &str| signed(body, hex, &Secret::new(key), "", "").map(|_| ());
        assert_eq!(check(body, right, "Jefe"), Ok(()));
        assert_eq!(check(body, &right.to_uppercase(), "Jefe"), Ok(()));
        for (body, hex, key) in [
            (&body[1..], right, "Jefe"),
            (body, right, "jefe"),
            (body, &right[2..], "Jefe"),
            (body, "", "Jefe"),
            (body, &right.replace('5', "é"), "Jefe"),
        ] {
            assert_eq!(check(body, hex, key), Err(WebhookError::Forged));
        }
    }

    #[test]
    fn a_copy_wakes_nobody_for_ten_minutes() {
        let seen = Seen::default();
        assert_eq!(seen.first_time(&delivery(1), NOW), Ok(()));
        let renamed = Delivery { id: "another".into(), ..delivery(1) };
        assert_eq!(seen.first_time(&renamed, NOW.plus(Millis::seconds(599))), Err(WebhookError::Replayed));
        assert_eq!(seen.first_time(&delivery(1), NOW.plus(MEMORY)), Ok(()));
    }

    #[test]
    fn the_memory_is_bounded_and_forgets_the_oldest() {
        let seen = Seen::default();
        for number in 0..=MAX_REMEMBERED {
            assert_eq!(seen.first_time(&delivery(number), NOW), Ok(()));
        }
        assert_eq!(seen.0.lock().unwrap().digests.len(), MAX_REMEMBERED);
        assert_eq!(seen.first_time(&delivery(MAX_REMEMBERED), NOW), Err(WebhookError::Replayed));
        assert_eq!(seen.first_time(&delivery(0), NOW), Ok(()));
    }
}
