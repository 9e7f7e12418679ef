//! Extractors whose refusals have the shape of this API.

use axum::extract::rejection::{JsonRejection, PathRejection, QueryRejection};
use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::StatusCode;
use axum::http::request::Parts;
use serde::de::DeserializeOwned;

use crate::error::ApiError;

/// A JSON body.
pub struct Body<T>(pub T);

/// The query.
pub struct Query<T>(pub T);

/// The one variable of a path, of at most [`MAX_NAME`] bytes.
pub struct Name(pub String);

/// The longest name in a path; run ids are 16 characters, issue identifiers some dozens.
const MAX_NAME: usize = 256;

impl<S: Send + Sync, T: DeserializeOwned> FromRequest<S> for Body<T> {
    type Rejection = ApiError;

    async fn from_request(request: Request, state: &S) -> Result<Self, ApiError> {
        let read = axum::Json::<T>::from_request(request, state).await;
        read.map(|axum::Json(body)| Self(body)).map_err(|refused: JsonRejection| {
            if refused.status() == StatusCode::PAYLOAD_TOO_LARGE {
                return ApiError::too_large(wire::MAX_REQUEST_BYTES);
            }
            ApiError::bad_request(
                refused.body_text(),
                "send `content-type: application/json` and the documented fields",
            )
        })
    }
}

impl<S: Send + Sync, T: DeserializeOwned> FromRequestParts<S> for Query<T> {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let read = axum::extract::Query::<T>::from_request_parts(parts, state).await;
        read.map(|axum::extract::Query(query)| Self(query)).map_err(|refused: QueryRejection| {
            ApiError::bad_request(refused.body_text(), "mend or leave out the query parameter")
        })
    }
}

impl<S: Send + Sync> FromRequestParts<S> for Name {
    type Rejection = ApiError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, ApiError> {
        let unreadable = |text: String| ApiError::bad_request(text, "use the name as the lists show it");
        let read = axum::extract::Path::<String>::from_request_parts(parts, state).await;
        let axum::extract::Path(name) = read.map_err(|r: PathRejection| unreadable(r.body_text()))?;
        if name.len() > MAX_NAME {
            return Err(unreadable(format!("a name has at most {MAX_NAME} bytes")));
        }
        Ok(Self(name))
    }
}
