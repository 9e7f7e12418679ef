//! Budgets: one row for each holder and window. Reserved plus settled never passes the limit, because the
//! limit is the condition of the one statement that reserves.

use crate::db::{Batch, Expect, Row};
use crate::row::{amount, at};
use crate::{Result, Store, params};
use domain::budget::{Account, Standing};
use domain::{MicroUsd, Timestamp};
use serde::{Deserialize, Serialize};

/// Where a call's reservation stands.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub(crate) struct Booking {
    pub(crate) holder: String,
    pub(crate) window_start: i64,
}

/// The most budgets that one list answers with.
const MAX_BUDGETS: u32 = 10_000;

// `most` follows the configuration: the newest caller's limit is kept and counts.
const RESERVE: &str = "INSERT INTO budgets (holder, window_start, most, reserved, settled)
    SELECT CAST($1 AS TEXT), CAST($2 AS {int}), CAST($3 AS {int}), CAST($4 AS {int}), 0
    WHERE CAST($4 AS {int}) <= CAST($3 AS {int})
    ON CONFLICT (holder, window_start) DO UPDATE
    SET most = excluded.most, reserved = budgets.reserved + excluded.reserved
    WHERE budgets.reserved + budgets.settled + excluded.reserved <= excluded.most";
const SETTLE: &str = "UPDATE budgets SET reserved = reserved - $3, settled = settled + $4
    WHERE holder = $1 AND window_start = $2";
const ONE: &str = "SELECT holder, window_start, most, reserved, settled FROM budgets
    WHERE holder = $1 AND window_start = $2";
const CURRENT: &str = "SELECT holder, window_start, most, reserved, settled FROM budgets
    WHERE window_start = 0 OR window_start >= $1 ORDER BY window_start DESC, holder LIMIT $2";

impl Store {
    /// How `account` stands; untouched when nothing was ever reserved in it.
    pub async fn standing(&self, account: &Account) -> Result<Standing> {
        let booking = Booking::of(account);
        let rows = self.db.read(ONE, params![booking.holder.as_str(), booking.window_start]).await?;
        let untouched = || Standing {
            holder: booking.holder.clone(),
            window_start: account.window_start,
            limit: account.limit,
            reserved: MicroUsd::ZERO,
            settled: MicroUsd::ZERO,
        };
        rows.first().map_or_else(|| Ok(untouched()), standing)
    }

    /// The budgets whose window `now` lies in: days by holder first, then those that last as long as a run.
    pub async fn budgets(&self, now: Timestamp) -> Result<Vec<Standing>> {
        let rows = self.db.read(CURRENT, params![now.day_start().0, MAX_BUDGETS]).await?;
        rows.iter().map(standing).collect()
    }
}

impl Booking {
    pub(crate) fn of(account: &Account) -> Self {
        Self { holder: account.holder.to_string(), window_start: account.window_start.0 }
    }
}

/// The label of a reservation that a budget refused.
pub(crate) const RESERVATION: &str = "a budget";

/// Adds the reservation of `amount` in `account` to `batch`; it fails when too little is left.
pub(crate) fn reserve(batch: &mut Batch, account: &Account, amount: MicroUsd) {
    let Booking { holder, window_start } = Booking::of(account);
    batch.one(RESERVATION, RESERVE, params![holder, window_start, account.limit.0, amount.0]);
}

/// Adds the end of a reservation to `batch`.
pub(crate) fn settle(batch: &mut Batch, booking: &Booking, reserved: MicroUsd, cost: MicroUsd) {
    let params = params![booking.holder.as_str(), booking.window_start, reserved.0, cost.0];
    batch.expect(Expect::Rows(1), "the budget's row", SETTLE, params);
}

fn standing(row: &Row) -> Result<Standing> {
    Ok(Standing {
        holder: row.text("holder")?.to_owned(),
        window_start: at(row, "window_start")?,
        limit: amount(row, "most")?,
        reserved: amount(row, "reserved")?,
        settled: amount(row, "settled")?,
    })
}
