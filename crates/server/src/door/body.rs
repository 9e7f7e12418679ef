//! No body is larger than the largest that its path knows, whether a handler reads it or not.

use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::api::webhooks;
use crate::error::ApiError;

/// The middleware: refuses what announces too much. A body without a length is cut by the extractors' limit, or by who
/// reads a delivery.
pub async fn limit(request: Request, next: Next) -> Response {
    let delivery = request.uri().path().starts_with(webhooks::PREFIX);
    let most = if delivery { wire::MAX_DELIVERY_BYTES } else { wire::MAX_REQUEST_BYTES };
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > most as u64) {
        return ApiError::too_large(most).into_response();
    }
    next.run(request).await
}
