//! The life of one call: reserved before anything leaves, settled exactly once whatever happens.
//!
//! What a call is settled at: the provider's own usage, when it told one. Else nothing, when the request never
//! reached the provider or was answered with an error status. Else the whole reservation: a stream that broke
//! or was left may have been billed in full, and a budget is a promise.

use crate::blob::Pieces;
use crate::budget;
use crate::door::Refusal;
use crate::flight::Flight;
use crate::gateway::Shared;
use crate::ledger::{Refused, Unavailable};
use crate::peek::Peek;
use crate::protocol::Operation;
use crate::routing::Trip;
use crate::settlement::Settlement;
use crate::tap::Tap;
use bytes::Bytes;
use domain::budget::Account;
use domain::call::{Call, Price, Status, Usage};
use domain::token::Claims;
use domain::{CallId, MicroUsd};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::oneshot;

/// How long the store may take to reserve; a client that waits longer would rather be told.
const LEDGER_TIME: Duration = Duration::from_secs(10);
/// How long a call that a budget refuses waits for others that have ended but are not yet settled.
const SETTLING_TIME: Duration = Duration::from_millis(500);

/// One call. When it is dropped before its end was told, it ends as cut or left.
pub(crate) struct Record {
    shared: Arc<Shared>,
    call: Call,
    price: Price,
    accounts: Vec<Account>,
    flight: Flight,
    tap: Tap,
    request: Pieces,
    response: Pieces,
    /// Whether the provider may have begun to work.
    sent: bool,
    ended: bool,
}

impl Record {
    /// Enters the call among the open ones and reserves the most it may cost. `body` is what goes out.
    pub(crate) async fn open(
        shared: &Arc<Shared>,
        claims: &Claims,
        trip: &Trip<'_>,
        operation: Operation,
        peek: &Peek,
        body: &Bytes,
    ) -> Result<Box<Self>, Refusal> {
        let most = operation.most(trip.price, body.len() as u64, peek.max_output_tokens);
        let call = call(shared, claims, trip, peek, most);
        let flight = shared.flights.enter(call.id.clone(), claims.identity.clone(), claims.epoch);
        shared.guard.admit(claims).map_err(Refusal::Contained)?;
        let keeps = shared.config.blobs.is_some();
        let mut record = Box::new(Self {
            accounts: budget::accounts(&shared.config.fleet, &claims.identity, call.started_at),
            shared: Arc::clone(shared),
            call,
            price: *trip.price,
            flight,
            tap: Tap::blind(),
            request: if keeps { Pieces::whole(body.clone()) } else { Pieces::default() },
            response: Pieces::default(),
            sent: false,
            ended: false,
        });
        let (done, reserved) = oneshot::channel();
        // A task of its own: a client that leaves now must not leave a reservation that nobody settles.
        shared.tasks.spawn("reserve a call", async move {
            let outcome = record.reserve().await;
            // When nobody waits any more, dropping the record settles it.
            let _ = done.send(outcome.map(|()| record));
        });
        let ended = |_| Refusal::Unavailable(Unavailable("the gateway is ending".to_owned()));
        reserved.await.map_err(ended)?
    }

    async fn reserve(&mut self) -> Result<(), Refusal> {
        let mut outcome = self.ask_ledger().await;
        if matches!(outcome, Err(Refused::Spent { .. })) && self.shared.settled(SETTLING_TIME).await {
            outcome = self.ask_ledger().await;
        }
        match outcome {
            Ok(turn) => {
                self.call.turn = turn;
                Ok(())
            }
            Err(refused) => {
                // A store that did not answer may have reserved all the same; then the drop settles it.
                self.ended = !matches!(refused, Refused::Unavailable(_));
                Err(Refusal::from(refused))
            }
        }
    }

    async fn ask_ledger(&self) -> Result<u32, Refused> {
        let asked = self.shared.ledger.reserve(&self.call, &self.accounts);
        let late = |_| Unavailable(format!("no answer within {} s", LEDGER_TIME.as_secs()));
        tokio::time::timeout(LEDGER_TIME, asked).await.map_err(late)?
    }

    pub(crate) fn call(&self) -> &Call {
        &self.call
    }

    pub(crate) fn flight(&self) -> &Flight {
        &self.flight
    }

    pub(crate) fn tap(&self) -> &Tap {
        &self.tap
    }

    /// The request leaves now.
    pub(crate) fn sent(&mut self) {
        self.sent = true;
    }

    /// The request did not get through, or the provider refused it: it cost nothing.
    pub(crate) fn unsent(&mut self) {
        self.sent = false;
    }

    /// The head of the answer came.
    pub(crate) fn answered(&mut self, http_status: u16, tap: Tap) {
        self.call.http_status = http_status;
        self.tap = tap;
        self.sent = http_status < 400;
    }

    /// A piece of the answer passes.
    pub(crate) fn passed(&mut self, piece: &Bytes) {
        if self.call.first_byte_at.is_none() {
            self.call.first_byte_at = Some(self.shared.now());
        }
        self.tap.feed(piece);
        if self.shared.config.blobs.is_some() {
            self.response.add(piece);
        }
    }

    /// The answer ended cleanly. False when it ended too early: then it must break at the client too.
    pub(crate) fn finish(&mut self) -> bool {
        self.tap.end();
        let whole = self.tap.report().whole || !self.tap.expects_last_event();
        match (whole, self.call.http_status >= 400 || self.tap.report().error.is_some()) {
            (false, _) => self.end(Status::Broken, Some("ended before its last event".to_owned())),
            (true, true) => self.end(Status::Failed, None),
            (true, false) => self.end(Status::Done, None),
        }
        whole
    }

    /// The call is over. Only the first end counts.
    pub(crate) fn end(&mut self, status: Status, error: Option<String>) {
        if std::mem::replace(&mut self.ended, true) {
            return;
        }
        let report = self.tap.report().clone();
        self.call.status = status;
        self.call.error = error.or(report.error);
        self.call.provider_id = report.provider_id;
        self.call.usage = report.usage.unwrap_or_default();
        self.call.cost = owed(&self.price, report.usage, self.sent, self.call.reserved);
        self.call.ended_at = Some(self.shared.now());
        let settlement = Settlement {
            shared: Arc::clone(&self.shared),
            call: self.call.clone(),
            accounts: std::mem::take(&mut self.accounts),
            request: std::mem::take(&mut self.request),
            response: std::mem::take(&mut self.response),
        };
        settlement.start();
    }
}

impl Drop for Record {
    fn drop(&mut self) {
        let report = self.tap.report();
        let ending = self.shared.tasks.token().is_cancelled();
        let (status, error) = match (report.whole, report.error.is_some(), self.flight.is_cut()) {
            // Clients leave as soon as they have read the last event.
            (true, false, _) => (Status::Done, None),
            (true, true, _) => (Status::Failed, None),
            (false, _, true) => (Status::Cut, None),
            (false, _, false) if ending => (Status::Broken, Some("the gateway ended".to_owned())),
            (false, _, false) => (Status::Left, None),
        };
        self.end(status, error);
    }
}

fn owed(price: &Price, usage: Option<Usage>, sent: bool, reserved: MicroUsd) -> MicroUsd {
    match usage {
        Some(usage) => price.cost(usage),
        None if sent => reserved,
        None => MicroUsd::ZERO,
    }
}

fn call(shared: &Shared, claims: &Claims, trip: &Trip<'_>, peek: &Peek, most: MicroUsd) -> Call {
    Call {
        id: CallId::new(shared.ids.next()),
        identity: claims.identity.clone(),
        issue: claims.issue.clone(),
        purpose: claims.purpose,
        attempt: claims.attempt,
        fence: claims.fence,
        turn: 0,
        asked: peek.model.clone(),
        route: trip.name(),
        rehearsal: shared.upstream.is_rehearsal(trip.provider),
        status: Status::Open,
        reserved: most,
        cost: MicroUsd::ZERO,
        usage: Usage::default(),
        http_status: 0,
        error: None,
        provider_id: None,
        request_blob: None,
        response_blob: None,
        started_at: shared.now(),
        first_byte_at: None,
        ended_at: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn without_a_report_the_reservation_is_owed_once_the_request_has_left() {
        let price = Price { output: MicroUsd(2_000_000), ..Price::default() };
        let told = Usage { output: 3, ..Usage::default() };
        for (usage, sent, owes) in
            [(Some(told), true, 6), (Some(told), false, 6), (None, true, 50), (None, false, 0)]
        {
            assert_eq!(owed(&price, usage, sent, MicroUsd(50)), MicroUsd(owes));
        }
    }
}
