//! Deliveries of GitHub: signed over the body. They carry no time; a copy is found by its body.

use crate::tracker::webhook::{Delivery, WebhookError, signed};
use base::secret::Secret;
use domain::Timestamp;
use hyper::HeaderMap;

/// Whether a delivery was signed with `secret`. `_now` is there because others need it.
pub fn verify(
    headers: &HeaderMap,
    body: &[u8],
    secret: &Secret,
    _now: Timestamp,
) -> Result<Delivery, WebhookError> {
    let text = |name: &str| headers.get(name).and_then(|value| value.to_str().ok());
    let signature = text("x-hub-signature-256").ok_or(WebhookError::Unsigned)?;
    let signature = signature.strip_prefix("sha256=").ok_or(WebhookError::Forged)?;
    let id = text("x-github-delivery").ok_or(WebhookError::Malformed("it has no id"))?;
    signed(body, signature, secret, id, text("x-github-event").unwrap_or(""))
}
