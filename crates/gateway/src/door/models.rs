//! `GET /v1/models`: the names that a run may ask for.

use super::{Body, Connection, Refusal, Stamp, admit, whole};
use crate::gateway::Shared;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

pub(super) async fn list(
    shared: &Shared,
    connection: &Connection,
    request: &Request<Incoming>,
    stamp: &mut Stamp,
) -> Result<Response<Body>, Refusal> {
    admit(shared, connection, request.headers(), stamp).await?;
    let models = shared.config.models.keys();
    let data: Value = models
        .map(|name| json!({"id": name, "object": "model", "created": 0, "owned_by": "seawall"}))
        .collect();
    Ok(whole(StatusCode::OK, json!({"object": "list", "data": data}).to_string()))
}
