//! Deliveries of Linear: signed over the body, and stale after a minute.

use crate::tracker::webhook::{Delivery, WebhookError, signed};
use base::secret::Secret;
use domain::{Millis, Timestamp};
use hyper::HeaderMap;
use serde::Deserialize;
use serde_json::Value;

/// How far the delivery's time may be from ours, as Linear recommends.
const MAX_AGE: Millis = Millis::seconds(60);

/// What is read of a delivery.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    #[serde(default)]
    webhook_timestamp: Value,
}

/// Whether a delivery was signed with `secret` within the last minute.
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret: &Secret,
    now: Timestamp,
) -> Result<Delivery, WebhookError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signature = text("linear-signature").ok_or(WebhookError::Unsigned)?;
    let (id, event) = (text("linear-delivery").unwrap_or(""), text("linear-event").unwrap_or(""));
    let delivery = signed(body, signature, secret, id, event)?;
    // The time in the body is signed; the one in a header is not. Nothing else of it is kept.
    let body: Body = serde_json::from_slice(body).map_err(|_| WebhookError::Malformed("it is not JSON"))?;
    let sent = body.webhook_timestamp.as_i64().ok_or(WebhookError::Malformed("it has no time"))?;
    let sent = Timestamp(sent.saturating_mul(1_000));
    if now.since(sent).max(sent.since(now)) > MAX_AGE {
        return Err(WebhookError::Stale);
    }
    Ok(delivery)
}
