//! Leases: who alone may do something, for a while.
//!
//! Invariants: time is the database's; every acquisition has a higher epoch than the one before, and what
//! carries an older epoch renews nothing.

use crate::db::Batch;
use crate::effect::micros;
use crate::{Result, Store, params};
use domain::Millis;

/// What came of asking for a lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Tenure {
    /// It is ours, under this epoch.
    Ours {
        /// Grows with every acquisition by anybody.
        epoch: u64,
    },
    /// Somebody else has it.
    Theirs {
        /// Who.
        holder: String,
    },
}

const ACQUIRE: &str = "INSERT INTO leases (name, holder, epoch, until) VALUES ($1, $2, 1, {now} + $3)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1, until = excluded.until
    WHERE leases.until < {now} OR leases.holder = excluded.holder
    RETURNING epoch";
const HOLDER: &str = "SELECT holder FROM leases WHERE name = $1";
const RENEW: &str = "UPDATE leases SET until = {now} + $4 WHERE name = $1 AND holder = $2 AND epoch = $3";
const RELEASE: &str = "UPDATE leases SET until = 0 WHERE name = $1 AND holder = $2 AND epoch = $3";

impl Store {
    /// Takes the lease `name` for `life` if nobody has it, its time is over, or `holder` had it before.
    pub async fn acquire_lease(&self, name: &str, holder: &str, life: Millis) -> Result<Tenure> {
        let mut batch = Batch::new();
        batch.run("acquire a lease", ACQUIRE, params![name, holder, micros(life)]);
        let committed = self.db.commit(batch).await?;
        if let Some(row) = committed.rows(0).first() {
            return Ok(Tenure::Ours { epoch: row.uint("epoch")? });
        }
        let rows = self.db.read(HOLDER, params![name]).await?;
        let holder = rows.first().map_or(Ok(String::new()), |row| row.text("holder").map(str::to_owned))?;
        Ok(Tenure::Theirs { holder })
    }

    /// Keeps the lease for another `life`. False when it was acquired anew by anybody since.
    pub async fn renew_lease(&self, name: &str, holder: &str, epoch: u64, life: Millis) -> Result<bool> {
        let mut batch = Batch::new();
        batch.run("renew a lease", RENEW, params![name, holder, epoch, micros(life)]);
        Ok(self.db.commit(batch).await?.affected(0) == 1)
    }

    /// Lets the lease go, so that another may have it at once.
    pub async fn release_lease(&self, name: &str, holder: &str, epoch: u64) -> Result<()> {
        let mut batch = Batch::new();
        batch.run("release a lease", RELEASE, params![name, holder, epoch]);
        self.db.commit(batch).await.map(|_| ()).map_err(Into::into)
    }
}
