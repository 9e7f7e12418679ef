//! Calls: reserved before they go out, settled when they end; one row each.
//!
//! Invariants: a reservation is one transaction over fence, containments, every budget and the call's row; a
//! call is settled once, by its gateway or, when that is lost, by whoever finds it open.

use crate::budget::{self, Booking};
use crate::db::{self, Batch, Expect, Row};
use crate::row::{amount, at, json, name, named, page, small, to_json};
use crate::{Error, Result, Store, params};
use domain::budget::{Account, Standing};
use domain::call::{Call, Status, Usage};
use domain::containment::{Identity, Order};
use domain::{CallId, Fence, MicroUsd, RunId, Timestamp};

/// What the calls of a run came to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Spend {
    /// How many.
    pub calls: u64,
    /// Whether a rehearsal answered any of them.
    pub rehearsal: bool,
    /// What the settled ones did cost.
    pub cost: MicroUsd,
    /// Their tokens.
    pub usage: Usage,
}

/// Why nothing was reserved.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// A budget has too little left.
    #[error("the budget of {} has {} left of {}", .0.holder, .0.available(), .0.limit)]
    Spent(Box<Standing>),
    /// An order stops the run.
    #[error("{} is stopped by order {}", .0.scope, .0.id)]
    Contained(Box<Order>),
    /// A newer claim of the run exists, or no attempt of it lives.
    #[error("the run's claim is no longer current")]
    Stale {
        /// The fence of the claim that lives, if one does.
        current: Option<Fence>,
    },
    /// The database failed, or a call of this name exists.
    #[error(transparent)]
    Store(#[from] Error),
}

/// A call that is on its way, or whose gateway was lost.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct OpenCall {
    /// The call.
    pub call: Call,
    bookings: Vec<Booking>,
}

const TURN: &str =
    "UPDATE claims SET turns = turns + 1 WHERE run = $1 AND fence = $2 AND is_live = 1 RETURNING turns";
const CLAIM: &str = "SELECT fence, is_live FROM claims WHERE run = $1";
// A PostgreSQL reader may miss an order that is being committed right now. It takes no lock all the same: a
// stream of reservations would make the order wait. Whoever forwards the call looks again when it was told
// of the order, and cuts what began just before.
const NOT_CONTAINED: &str = "SELECT scope FROM containments
    WHERE in_force = 1 AND scope IN ($1, $2, $3, $4, $5)";
const INSERT: &str = "INSERT INTO calls (id, run, agent, team, project, issue, purpose, attempt, fence, turn, asked,
        route, rehearsal, status, reserved, cost, input, cached, cache_write, output, reasoning, http_status,
        request_blob, started_at, accounts)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, (SELECT turns FROM claims WHERE run = $2), $10, $11, $12, 'open',
        $13, 0, 0, 0, 0, 0, 0, 0, $14, $15, $16)";
const SETTLE: &str = "UPDATE calls SET status = $2, cost = $3, input = $4, cached = $5, cache_write = $6,
        output = $7, reasoning = $8, http_status = $9, error = $10, provider_id = $11, request_blob = $12,
        response_blob = $13, first_byte_at = $14, ended_at = $15, route = $16, rehearsal = $17
    WHERE id = $1 AND status = 'open' AND reserved = $18";
const BY_ID: &str = "SELECT * FROM calls WHERE id = $1";
const BY_RUN: &str = "SELECT * FROM calls WHERE run = $1 ORDER BY started_at, id LIMIT $2";
const OPEN: &str =
    "SELECT * FROM calls WHERE status = 'open' AND started_at < $1 ORDER BY started_at, id LIMIT $2";
const SPEND: &str = "SELECT count(*) AS calls, coalesce(max(rehearsal), 0) AS rehearsal,
        CAST(coalesce(sum(cost), 0) AS {int}) AS cost, CAST(coalesce(sum(input), 0) AS {int}) AS input,
        CAST(coalesce(sum(cached), 0) AS {int}) AS cached, CAST(coalesce(sum(cache_write), 0) AS {int}) AS cache_write,
        CAST(coalesce(sum(output), 0) AS {int}) AS output, CAST(coalesce(sum(reasoning), 0) AS {int}) AS reasoning
    FROM calls WHERE run = $1";

const STALE: &str = "the run's claim";
const CONTAINED: &str = "the containments";
const ENDED: &str = "the call";

impl Store {
    /// Records `call` as open, sets `call.reserved` aside in every account, and answers with its turn of the
    /// attempt, from 1. `call.turn` and what only an ended call has are not read.
    pub async fn reserve_call(&self, call: &Call, accounts: &[Account]) -> Result<u32, Refused> {
        // In one order everywhere: two reservations that lock the same budgets in turn would deadlock.
        let mut sorted: Vec<&Account> = accounts.iter().collect();
        sorted.sort_by_key(|account| Booking::of(account));
        let batch = reservation(call, &sorted)?;
        match self.db.commit(batch).await {
            Ok(committed) => {
                let turn = committed.rows(0).first().map(|row| small(row, "turns")).transpose();
                Ok(turn.map_err(Error::from)?.unwrap_or_default())
            }
            Err(db::Error::Conflict { statement, label, .. }) => {
                Err(self.refusal(call, &sorted, statement, label).await)
            }
            Err(other) => Err(Error::from(other).into()),
        }
    }

    /// Records how `call` ended and books `call.cost` where its reservation stood; `accounts` are those of the
    /// reservation. Answers whether this was news: a call that is settled already stays as it is.
    pub async fn settle_call(&self, call: &Call, accounts: &[Account]) -> Result<bool> {
        let bookings: Vec<Booking> = accounts.iter().map(Booking::of).collect();
        self.settle(call, bookings).await
    }

    /// The same for a call whose gateway was lost: `end` turns the open call into the ended one.
    pub async fn settle_lost(&self, open: OpenCall, end: impl FnOnce(&mut Call)) -> Result<bool> {
        let OpenCall { mut call, bookings } = open;
        end(&mut call);
        self.settle(&call, bookings).await
    }

    async fn settle(&self, call: &Call, mut bookings: Vec<Booking>) -> Result<bool> {
        bookings.sort();
        let mut batch = Batch::new();
        batch.one(ENDED, SETTLE, settlement(call));
        for booking in &bookings {
            budget::settle(&mut batch, booking, call.reserved, call.cost);
        }
        match self.db.commit(batch).await {
            Ok(_) => Ok(true),
            Err(db::Error::Conflict { label: ENDED, .. }) => Ok(false),
            Err(other) => Err(other.into()),
        }
    }

    /// The call named `id`.
    pub async fn call(&self, id: &CallId) -> Result<Option<Call>> {
        let rows = self.db.read(BY_ID, params![id.as_str()]).await?;
        rows.first().map(call).transpose()
    }

    /// The first `limit` calls of `run`, oldest first.
    pub async fn calls_of(&self, run: &RunId, limit: u32) -> Result<Vec<Call>> {
        let rows = self.db.read(BY_RUN, params![run.as_str(), page(limit)]).await?;
        rows.iter().map(call).collect()
    }

    /// Calls that are open and came in before `before`, oldest first. Past the longest time a call may take,
    /// their gateway is lost.
    pub async fn open_calls(&self, before: Timestamp, limit: u32) -> Result<Vec<OpenCall>> {
        let rows = self.db.read(OPEN, params![before.0, page(limit)]).await?;
        let open = |row| Ok(OpenCall { call: call(row)?, bookings: json(row, "accounts")? });
        rows.iter().map(open).collect()
    }

    /// What the calls of `run` came to.
    pub async fn spend(&self, run: &RunId) -> Result<Spend> {
        let rows = self.db.read(SPEND, params![run.as_str()]).await?;
        rows.first().map_or(Ok(Spend::default()), Spend::read)
    }

    /// Finds the words for the statement that refused a reservation.
    async fn refusal(
        &self,
        call: &Call,
        accounts: &[&Account],
        statement: usize,
        label: &'static str,
    ) -> Refused {
        match label {
            STALE => match self.current_fence(&call.identity.run).await {
                Ok(current) => Refused::Stale { current },
                Err(error) => error.into(),
            },
            CONTAINED => match self.containments().await {
                Ok(set) => set.stopping(&call.identity).map_or_else(
                    || Error::Outdated { what: CONTAINED }.into(),
                    |order| Refused::Contained(Box::new(order.clone())),
                ),
                Err(error) => error.into(),
            },
            budget::RESERVATION => match accounts.get(statement.saturating_sub(FIRST_BUDGET)) {
                Some(account) => match self.standing(account).await {
                    // The limit that refused is the caller's, whatever an older caller left in the row.
                    Ok(standing) => Refused::Spent(Box::new(Standing { limit: account.limit, ..standing })),
                    Err(error) => error.into(),
                },
                None => Error::Outdated { what: budget::RESERVATION }.into(),
            },
            other => Error::Outdated { what: other }.into(),
        }
    }

    async fn current_fence(&self, run: &RunId) -> Result<Option<Fence>> {
        let rows = self.db.read(CLAIM, params![run.as_str()]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        Ok(if row.flag("is_live")? { Some(Fence(row.uint("fence")?)) } else { None })
    }
}

/// The number of the first statement that reserves in a budget, see [`reservation`].
const FIRST_BUDGET: usize = 2;

fn reservation(call: &Call, accounts: &[&Account]) -> Result<Batch> {
    let Identity { run, agent, team, project } = &call.identity;
    let mut batch = Batch::new();
    batch.one(STALE, TURN, params![run.as_str(), call.fence.0]);
    let scopes = call.identity.scopes().map(|scope| scope.to_string().into());
    batch.expect(Expect::Rows(0), CONTAINED, NOT_CONTAINED, scopes.into());
    for account in accounts {
        budget::reserve(&mut batch, account, call.reserved);
    }
    let bookings: Vec<Booking> = accounts.iter().map(|account| Booking::of(account)).collect();
    let mut row = params![call.id.as_str(), run.as_str(), agent.as_str(), team.as_str(), project.as_str()];
    row.extend(params![call.issue.as_str(), call.purpose.name(), call.attempt, call.fence.0]);
    row.extend(params![call.asked.as_str(), call.route.as_str(), call.rehearsal, call.reserved.0]);
    row.extend(params![call.request_blob.clone(), call.started_at.0, to_json(&bookings)?]);
    batch.one(ENDED, INSERT, row);
    Ok(batch)
}

fn settlement(call: &Call) -> Vec<db::Value> {
    let Usage { input, cached, cache_write, output, reasoning } = call.usage;
    let mut row = params![call.id.as_str(), call.status.name(), call.cost.0];
    row.extend(params![input, cached, cache_write, output, reasoning]);
    row.extend(params![call.http_status, call.error.clone(), call.provider_id.clone()]);
    row.extend(params![call.request_blob.clone(), call.response_blob.clone()]);
    row.extend(params![call.first_byte_at.map(|at| at.0), call.ended_at.map(|at| at.0)]);
    row.extend(params![call.route.as_str(), call.rehearsal, call.reserved.0]);
    row
}

impl Spend {
    pub(crate) fn read(row: &Row) -> Result<Self> {
        Ok(Self {
            calls: row.uint("calls")?,
            rehearsal: row.flag("rehearsal")?,
            cost: amount(row, "cost")?,
            usage: usage(row)?,
        })
    }
}

fn usage(row: &Row) -> Result<Usage> {
    Ok(Usage {
        input: row.uint("input")?,
        cached: row.uint("cached")?,
        cache_write: row.uint("cache_write")?,
        output: row.uint("output")?,
        reasoning: row.uint("reasoning")?,
    })
}

fn call(row: &Row) -> Result<Call> {
    let text = |column| row.opt_text(column).map(|text| text.map(str::to_owned));
    let instant = |column| row.opt_int(column).map(|at| at.map(Timestamp));
    let identity = Identity {
        run: name(row, "run")?,
        agent: name(row, "agent")?,
        team: name(row, "team")?,
        project: name(row, "project")?,
    };
    Ok(Call {
        id: name(row, "id")?,
        identity,
        issue: name(row, "issue")?,
        purpose: named(row, "purpose")?,
        attempt: small(row, "attempt")?,
        fence: Fence(row.uint("fence")?),
        turn: small(row, "turn")?,
        asked: row.text("asked")?.to_owned(),
        route: row.text("route")?.to_owned(),
        rehearsal: row.flag("rehearsal")?,
        status: named::<Status>(row, "status")?,
        reserved: amount(row, "reserved")?,
        cost: amount(row, "cost")?,
        usage: usage(row)?,
        http_status: small(row, "http_status")?,
        error: text("error")?,
        provider_id: text("provider_id")?,
        request_blob: text("request_blob")?,
        response_blob: text("response_blob")?,
        started_at: at(row, "started_at")?,
        first_byte_at: instant("first_byte_at")?,
        ended_at: instant("ended_at")?,
    })
}
