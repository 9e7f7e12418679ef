//! A call of a model, in any protocol: identify, admit, route, reserve, forward; the relay does the rest.

use super::{Body, Connection, Refusal, Stamp, admit, headers};
use crate::gateway::Shared;
use crate::peek::{self, Peek};
use crate::protocol::Operation;
use crate::record::Record;
use crate::relay::Relay;
use crate::routing::{self, Trip};
use crate::tap::Tap;
use crate::upstream::{Answer, Errand};
use bytes::Bytes;
use domain::call::Status;
use http_body_util::{BodyExt, Either, LengthLimitError, Limited};
use hyper::body::Incoming;
use hyper::header::CONTENT_ENCODING;
use hyper::{HeaderMap, Request, Response};
use std::sync::Arc;

pub(super) async fn make(
    shared: &Arc<Shared>,
    connection: &Connection,
    operation: Operation,
    request: Request<Incoming>,
    stamp: &mut Stamp,
) -> Result<Response<Body>, Refusal> {
    let (head, body) = request.into_parts();
    let claims = admit(shared, connection, &head.headers, stamp).await?;
    let body = read(shared, &head.headers, body).await?;
    let peek = peek::read(&body, operation.protocol()).map_err(Refusal::Body)?;
    let trip = routing::pick(&shared.config, operation.protocol(), &peek.model)?;
    stamp.route = Some(trip.name());
    let body = peek.renamed(body, trip.model);
    let mut record = Record::open(shared, &claims, &trip, operation, &peek, &body).await?;
    stamp.call = Some(record.call().id.to_string());
    stamp.rehearsal = record.call().rehearsal;
    let errand = Errand {
        operation,
        query: head.uri.query(),
        headers: headers::to_provider(&head.headers),
        max_output_tokens: paid_output(&peek, &trip),
        body,
        ids: &shared.ids,
        now: shared.now(),
    };
    let answer = forward(shared, trip.provider, errand, &mut record).await?;
    if !record.flight().streams_over(&connection.cut) {
        return Err(denied(shared, &claims));
    }
    let mut response = Response::new(Either::Right(Relay::new(answer.body, record, &shared.config.limits)));
    *response.status_mut() = answer.status;
    *response.headers_mut() = headers::to_client(&answer.headers);
    Ok(response)
}

async fn read(shared: &Shared, headers: &HeaderMap, body: Incoming) -> Result<Bytes, Refusal> {
    let limits = &shared.config.limits;
    if headers.get(CONTENT_ENCODING).is_some_and(|encoding| encoding != "identity") {
        return Err(Refusal::Encoded);
    }
    let whole = Limited::new(body, limits.body_bytes).collect();
    match tokio::time::timeout(limits.body_time, whole).await {
        Ok(Ok(body)) => Ok(body.to_bytes()),
        Ok(Err(error)) if error.is::<LengthLimitError>() => {
            Err(Refusal::TooLarge { limit: limits.body_bytes })
        }
        Ok(Err(_)) => Err(Refusal::Body("the body broke off; send it whole".to_owned())),
        Err(_) => Err(Refusal::Slow { limit: limits.body_time }),
    }
}

fn paid_output(peek: &Peek, trip: &Trip<'_>) -> u64 {
    let most = trip.price.max_output_tokens;
    peek.max_output_tokens.map_or(most, |asked| asked.min(most))
}

/// Waits for the head of the answer, unless an order cuts the call first.
async fn forward(
    shared: &Shared,
    provider: &str,
    errand: Errand<'_>,
    record: &mut Record,
) -> Result<Answer, Refusal> {
    let (cut, protocol) = (record.flight().cut(), errand.operation.protocol());
    record.sent();
    let asked = Box::pin(shared.upstream.ask(provider, errand));
    let asked = tokio::time::timeout(shared.config.limits.answer_time, asked);
    let outcome = tokio::select! {
        biased;
        () = cut.cancelled() => {
            record.end(Status::Cut, None);
            return Err(Refusal::Cut);
        }
        outcome = asked => outcome,
    };
    match outcome {
        Ok(Ok(answer)) => {
            record.answered(answer.status.as_u16(), Tap::on(&answer.headers, protocol));
            Ok(answer)
        }
        Ok(Err(failed)) => {
            if !failed.sent {
                record.unsent();
            }
            record.end(Status::Failed, Some(failed.refusal.code().to_owned()));
            Err(failed.refusal)
        }
        Err(_) => {
            record.end(Status::Broken, Some("no answer within answer_time".to_owned()));
            Err(Refusal::Silent { provider: provider.to_owned() })
        }
    }
}

fn denied(shared: &Shared, claims: &domain::token::Claims) -> Refusal {
    shared.guard.admit(claims).map_or_else(Refusal::Contained, |()| Refusal::Cut)
}
