//! `GET /v1/models`: the names that a run may ask for, as the client's own protocol lists them.

use super::{Body, Connection, Refusal, Stamp, admit, whole};
use crate::gateway::Shared;
use crate::protocol::Protocol;
use hyper::body::Incoming;
use hyper::{Request, Response, StatusCode};
use serde_json::{Value, json};

pub(super) async fn list(
    shared: &Shared,
    connection: &Connection,
    protocol: Protocol,
    request: &Request<Incoming>,
    stamp: &mut Stamp,
) -> Result<Response<Body>, Refusal> {
    admit(shared, connection, request.headers(), stamp).await?;
    let names = shared.config.models.keys();
    let listed = match protocol {
        Protocol::Responses => {
            let data: Value = names
                .map(|name| json!({"id": name, "object": "model", "created": 0, "owned_by": "seawall"}))
                .collect();
            json!({"object": "list", "data": data})
        }
        Protocol::Messages => {
            let (first, last) = (names.clone().next(), names.clone().next_back());
            let data: Value = names
                .map(|name| {
                    json!({"type": "model", "id": name, "display_name": name, "created_at": "1970-01-01T00:00:00Z"})
                })
                .collect();
            json!({"data": data, "has_more": false, "first_id": first, "last_id": last})
        }
    };
    Ok(whole(StatusCode::OK, listed.to_string()))
}
