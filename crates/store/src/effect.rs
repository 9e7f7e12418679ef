//! Effects: what is owed to the outside, claimed with a lease.
//!
//! Invariants: leases use the database's clock; every claim counts in `tries`, which is the lease's fence. A performer
//! keeps what it holds for as long as its process is the engine of the database: one lease ([`crate::lease`]) is renewed
//! for all of them and nothing for each, and once it is somebody else's, nothing that the old engine asks for is kept.

use crate::db::{Batch, Row};
use crate::row::{at, json, page, small};
use crate::step::Ending;
use crate::{Error, Result, Store, params};
use domain::effect::Effect;
use domain::{EffectId, Millis, RunId, Timestamp};

/// The right to perform an effect.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct Lease {
    /// Which effect.
    pub effect: EffectId,
    /// Who holds it.
    pub owner: String,
    /// How often the effect was claimed, this time included.
    pub tries: u32,
}

/// An effect and the lease under which it is to be performed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimed {
    /// The lease.
    pub lease: Lease,
    /// What is to be done.
    pub effect: Effect,
    /// Why it failed the last time, if it did.
    pub last_error: Option<String>,
}

/// Where an effect stands, for people.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct EffectLine {
    /// Its name.
    pub id: EffectId,
    /// `start_attempt` and the like.
    pub kind: String,
    /// `pending`, `claimed`, `done` or `dead`.
    pub status: String,
    /// How often it was claimed.
    pub tries: u32,
    /// Why it failed the last time, if it did.
    pub last_error: Option<String>,
    /// When it was owed.
    pub created_at: Timestamp,
    /// When it was performed or given up.
    pub done_at: Option<Timestamp>,
}

const CLAIM: &str = "WITH due AS MATERIALIZED (
        SELECT seq FROM effects WHERE status = 'pending' AND not_before <= {now}
        ORDER BY not_before, seq LIMIT $3 {skip_locked}
    )
    UPDATE effects SET status = 'claimed', lease_owner = $1, lease_until = {now} + $2, tries = tries + 1
    WHERE seq IN (SELECT seq FROM due) AND status = 'pending'
    RETURNING seq, id, lease_owner, tries, payload, last_error";
const EXPIRED: &str = "SELECT seq, id, lease_owner, tries, payload, last_error FROM effects
    WHERE status = 'claimed' AND lease_until < {now} AND lease_owner <> $1
    ORDER BY lease_until, seq LIMIT $2";
const HELD: &str = "SELECT id, lease_owner, tries FROM effects
    WHERE status = 'claimed' AND lease_until < {now} AND lease_owner = $1 ORDER BY lease_until, seq LIMIT $2";
const DISOWN: &str = "UPDATE effects SET lease_owner = '', lease_until = 0
    WHERE id = $1 AND lease_owner = $2 AND tries = $3 AND status = 'claimed'";
const END_ALL: &str = "UPDATE effects SET lease_until = 0 WHERE status = 'claimed'";
const RETRY: &str = "UPDATE effects SET status = 'pending', not_before = {now} + $4, last_error = $5,
        lease_owner = NULL, lease_until = NULL
    WHERE id = $1 AND lease_owner = $2 AND tries = $3 AND status = 'claimed'";
const END: &str = "UPDATE effects SET status = $4, done_at = $5, last_error = coalesce($6, last_error),
        lease_owner = NULL, lease_until = NULL
    WHERE id = $1 AND lease_owner = $2 AND tries = $3 AND status = 'claimed'";
const NEXT: &str = "SELECT min(not_before) - {now} AS wait_us FROM effects WHERE status = 'pending'";
const BY_RUN: &str = "SELECT id, kind, status, tries, last_error, created_at, done_at FROM effects
    WHERE run = $1 ORDER BY seq LIMIT $2";
const ELSEWHERE: &str = "SELECT run FROM effects WHERE kind = 'start_attempt' AND status = 'claimed'
    AND lease_owner <> $1 ORDER BY run LIMIT $2";
const OWED: &str = "SELECT count(*) AS n FROM effects WHERE status IN ('pending', 'claimed')";

/// Effects of one performer that are looked through at once; more than one engine has attempts.
const MAX_HELD: u32 = 50_000;
/// Characters of an error that are kept with an effect.
const MAX_ERROR: usize = 2_000;

impl Lease {
    /// The label of statements that expect the lease to hold.
    pub(crate) const LABEL: &'static str = "the effect's lease";

    pub(crate) fn lost(&self) -> Error {
        Error::LeaseLost { effect: self.effect.clone() }
    }
}

impl Store {
    /// Claims up to `limit` effects that are due, in the order in which they were owed, for `lease`.
    pub async fn claim_effects(&self, owner: &str, limit: u32, lease: Millis) -> Result<Vec<Claimed>> {
        let mut batch = Batch::new();
        batch.run("claim effects", CLAIM, params![owner, micros(lease), page(limit)]);
        let committed = self.commit_fenced(batch).await?;
        let mut rows: Vec<&Row> = committed.rows(0).iter().collect();
        rows.sort_by_key(|row| row.int("seq").unwrap_or_default());
        rows.into_iter().map(claimed).collect()
    }

    /// How long it is until an effect is due: zero when one is, `None` when none waits.
    pub async fn next_effect_in(&self) -> Result<Option<Millis>> {
        let rows = self.db.read(NEXT, vec![]).await?;
        let wait_us = rows.first().map_or(Ok(None), |row| row.opt_int("wait_us"))?;
        // Rounded up, so that whoever sleeps that long does not wake too early.
        Ok(wait_us.map(|us| Millis(u64::try_from(us).unwrap_or(0).div_ceil(1_000))))
    }

    /// Effects that others than `owner` claimed and whose lease has ended: their performer is lost. They stay as they
    /// are until their lease is given back or the effect is ended under it.
    pub async fn expired_effects(&self, owner: &str, limit: u32) -> Result<Vec<Claimed>> {
        let rows = self.db.read(EXPIRED, params![owner, page(limit)]).await?;
        rows.iter().map(claimed).collect()
    }

    /// Effects that `owner` claimed longer ago than their lease: it is performing them, or has lost sight of them.
    pub async fn held_effects(&self, owner: &str) -> Result<Vec<Lease>> {
        let rows = self.db.read(HELD, params![owner, MAX_HELD]).await?;
        rows.iter().map(lease).collect()
    }

    /// Makes the effect one whose performer is lost. One that was ended or given back meanwhile stays as it is.
    pub async fn disown_effect(&self, held: &Lease) -> Result<()> {
        let mut batch = Batch::new();
        batch.run("disown", DISOWN, params![held.effect.as_str(), held.owner.as_str(), held.tries]);
        self.commit_fenced(batch).await.map(|_| ()).map_err(Into::into)
    }

    /// Ends every lease, so that the effects show up as expired at once. Only for a process that knows it is
    /// alone: on SQLite, whose lock file keeps others out, at start. Answers with how many there were.
    pub async fn end_all_leases(&self) -> Result<u64> {
        let mut batch = Batch::new();
        batch.run("end all leases", END_ALL, vec![]);
        Ok(self.db.commit(batch).await?.affected(0))
    }

    /// Ends the effect. Where the outcome makes a step, [`Store::commit_step`] does both in one transaction.
    pub async fn finish_effect(&self, held: &Lease, end: Ending<'_>, now: Timestamp) -> Result<()> {
        let mut batch = Batch::new();
        ending(&mut batch, held, end, now);
        self.commit_held(held, batch).await.map(|_| ())
    }

    /// Gives the effect back, to be claimed again after `wait`.
    pub async fn retry_effect(&self, held: &Lease, wait: Millis, error: &str) -> Result<()> {
        let lease = params![held.effect.as_str(), held.owner.as_str(), held.tries];
        let rest = params![micros(wait), shortened(error)];
        let mut batch = Batch::new();
        batch.one(Lease::LABEL, RETRY, [lease, rest].concat());
        self.commit_held(held, batch).await.map(|_| ())
    }

    /// The effects of `run`, in the order in which they were owed.
    pub async fn effects_of(&self, run: &RunId, limit: u32) -> Result<Vec<EffectLine>> {
        let rows = self.db.read(BY_RUN, params![run.as_str(), page(limit)]).await?;
        rows.iter().map(line).collect()
    }

    /// The runs whose attempts other engines than `owner` hold: their processes may live on other machines.
    pub async fn attempts_elsewhere(&self, owner: &str) -> Result<Vec<RunId>> {
        let rows = self.db.read(ELSEWHERE, params![owner, page(crate::MAX_PAGE)]).await?;
        rows.iter().map(|row| Ok(row.text("run")?.into())).collect()
    }

    /// How many effects are owed and not yet performed.
    pub async fn owed_effects(&self) -> Result<u64> {
        let rows = self.db.read(OWED, vec![]).await?;
        Ok(rows.first().map_or(Ok(0), |row| row.uint("n"))?)
    }

    async fn commit_held(&self, held: &Lease, batch: Batch) -> Result<Vec<Row>> {
        match self.commit_fenced(batch).await.map_err(Error::from) {
            Ok(committed) => Ok(committed.rows(0).to_vec()),
            Err(Error::Outdated { .. }) => Err(held.lost()),
            Err(other) => Err(other),
        }
    }
}

/// Adds the end of the effect under `held` to `batch`.
pub(crate) fn ending(batch: &mut Batch, held: &Lease, end: Ending<'_>, now: Timestamp) {
    let (status, error) = match end {
        Ending::Done => ("done", None),
        Ending::Dead(error) => ("dead", Some(shortened(error))),
    };
    let lease = params![held.effect.as_str(), held.owner.as_str(), held.tries];
    batch.one(Lease::LABEL, END, [lease, params![status, now.0, error]].concat());
}

fn lease(row: &Row) -> Result<Lease> {
    let owner = row.text("lease_owner")?.to_owned();
    Ok(Lease { effect: row.text("id")?.into(), owner, tries: small(row, "tries")? })
}

fn claimed(row: &Row) -> Result<Claimed> {
    let last_error = row.opt_text("last_error")?.map(str::to_owned);
    Ok(Claimed { lease: lease(row)?, effect: json(row, "payload")?, last_error })
}

fn line(row: &Row) -> Result<EffectLine> {
    Ok(EffectLine {
        id: row.text("id")?.into(),
        kind: row.text("kind")?.to_owned(),
        status: row.text("status")?.to_owned(),
        tries: small(row, "tries")?,
        last_error: row.opt_text("last_error")?.map(str::to_owned),
        created_at: at(row, "created_at")?,
        done_at: row.opt_int("done_at")?.map(Timestamp),
    })
}

pub(crate) fn micros(span: Millis) -> i64 {
    i64::try_from(span.0).unwrap_or(i64::MAX).saturating_mul(1_000).min(MAX_SPAN_US)
}

/// A thousand years: added to any clock it stays far from overflow.
const MAX_SPAN_US: i64 = 31_557_600_000_000_000;

fn shortened(error: &str) -> String {
    error.chars().take(MAX_ERROR).collect()
}
