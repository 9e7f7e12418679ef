//! One request: which operation it is, and what its answer carries. Policy lives elsewhere.

mod call;
mod headers;
mod models;
mod refusal;

pub(crate) use refusal::Refusal;

use crate::gateway::Shared;
use crate::protocol::{Operation, Protocol};
use crate::relay::Relay;
use crate::serve::Door;
use bytes::Bytes;
use domain::token::Claims;
use http_body_util::{Either, Full};
use hyper::body::Incoming;
use hyper::header::{CONTENT_TYPE, HeaderName, HeaderValue, UPGRADE};
use hyper::{HeaderMap, Method, Request, Response, StatusCode};
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

/// The body of every answer: whole, or relayed.
pub(crate) type Body = Either<Full<Bytes>, Relay>;

/// The connection a request came on.
#[derive(Clone)]
pub(crate) struct Connection {
    /// Whom its listener admits.
    pub(crate) door: Arc<Door>,
    /// Cancelling it breaks the connection at once.
    pub(crate) cut: CancellationToken,
}

/// What is known of a call by the time it is answered; each answer carries it.
#[derive(Debug, Default)]
pub(crate) struct Stamp {
    pub(crate) run: Option<String>,
    pub(crate) call: Option<String>,
    pub(crate) route: Option<String>,
    pub(crate) rehearsal: bool,
}

/// Answers one request. Never fails: what goes wrong is an answer too.
pub(crate) async fn handle(
    shared: Arc<Shared>,
    connection: Connection,
    request: Request<Incoming>,
) -> Response<Body> {
    let mut stamp = Stamp::default();
    let protocol = Protocol::of(request.uri().path(), request.headers());
    let operation = Operation::at(request.uri().path());
    let outcome = match (request.method(), request.uri().path()) {
        (&Method::POST, _) if let Some(operation) = operation => {
            call::make(&shared, &connection, operation, request, &mut stamp).await
        }
        // Codex asks for a websocket first where it may; 426 sends it to HTTP at once, other answers do not.
        (&Method::GET, "/v1/responses") if request.headers().contains_key(UPGRADE) => Err(Refusal::Upgrade),
        (&Method::GET, "/v1/models") => {
            models::list(&shared, &connection, protocol, &request, &mut stamp).await
        }
        (&Method::GET, "/healthz") => Ok(whole(StatusCode::OK, r#"{"status":"ok"}"#.into())),
        (_, "/v1/models" | "/healthz") => Err(Refusal::Method { allowed: "GET" }),
        _ if operation.is_some() => Err(Refusal::Method { allowed: "POST" }),
        _ => Err(Refusal::NoSuchPath),
    };
    let mut response = outcome.unwrap_or_else(|refusal| refusal.into_response(protocol));
    stamp.mark(response.headers_mut());
    response
}

/// The claims behind a request, if its token is genuine, belongs at this door, and its run may act.
pub(crate) async fn admit(
    shared: &Shared,
    connection: &Connection,
    headers: &HeaderMap,
    stamp: &mut Stamp,
) -> Result<Arc<Claims>, Refusal> {
    let claims = shared.tokens.identify(&*shared.ledger, headers, shared.now()).await?;
    match &*connection.door {
        Door::Run(run) if *run != claims.identity.run => return Err(Refusal::WrongDoor),
        Door::Run(_) | Door::AnyRun => {}
    }
    stamp.run = Some(claims.identity.run.to_string());
    shared.guard.admit(&claims).map_err(Refusal::Contained)?;
    Ok(claims)
}

/// A JSON answer that is already whole.
fn whole(status: StatusCode, json: String) -> Response<Body> {
    let mut response = Response::new(Either::Left(Full::new(Bytes::from(json))));
    *response.status_mut() = status;
    response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
    response
}

impl Stamp {
    fn mark(&self, headers: &mut HeaderMap) {
        let rehearsal = self.rehearsal.then(|| "true".to_owned());
        for (name, value) in [
            ("x-seawall-run", &self.run),
            ("x-seawall-call", &self.call),
            ("x-seawall-route", &self.route),
            ("x-seawall-rehearsal", &rehearsal),
        ] {
            // A name in the configuration that no header can carry is left out of the answer, not out of the record.
            let value = value.as_ref().and_then(|text| HeaderValue::from_str(text).ok());
            if let Some(value) = value {
                headers.insert(HeaderName::from_static(name), value);
            }
        }
    }
}
