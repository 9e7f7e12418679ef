//! No body is larger than the largest the API knows, whether a handler reads it or not.

use axum::extract::Request;
use axum::http::header;
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};

use crate::error::ApiError;

/// The middleware: refuses what announces too much. A body without a length is cut by the extractors' limit.
pub async fn limit(request: Request, next: Next) -> Response {
    let announced =
        request.headers().get(header::CONTENT_LENGTH).and_then(|v| v.to_str().ok()?.parse::<u64>().ok());
    if announced.is_some_and(|bytes| bytes > wire::MAX_REQUEST_BYTES as u64) {
        return ApiError::too_large().into_response();
    }
    next.run(request).await
}
