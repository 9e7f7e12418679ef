//! Leases: who alone may do something, for a while.
//!
//! Invariants: time is the database's; every acquisition has a higher epoch than the one before, and what
//! carries an older epoch renews nothing, and writes nothing of runs and effects.

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

/// The right to work on a database as its engine.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fence {
    /// The lease's name.
    pub name: &'static str,
    /// Who holds it.
    pub holder: String,
    /// Under which epoch.
    pub epoch: u64,
}

/// The label of statements that expect the lease to be held.
pub(crate) const TENURE: &str = "the engine's lease";

// Whoever acquires waits for the commits that expect the lease as it was; renewing it does not.
const SETTLE: &str = "SELECT epoch FROM leases WHERE name = $1 {exclusive}";
const EXPECT: &str = "SELECT epoch FROM leases WHERE name = $1 AND holder = $2 AND epoch = $3 {key_share}";
const ACQUIRE: &str = "INSERT INTO leases (name, holder, epoch, until) VALUES ($1, $2, 1, {now} + $3)
    ON CONFLICT (name) DO UPDATE SET holder = excluded.holder, epoch = leases.epoch + 1, until = excluded.until
    WHERE leases.until < {now} OR leases.holder = excluded.holder
    RETURNING epoch";
const HOLDER: &str = "SELECT holder FROM leases WHERE name = $1";
const RENEW: &str = "UPDATE leases SET until = {now} + $4 WHERE name = $1 AND holder = $2 AND epoch = $3";
const RELEASE: &str = "UPDATE leases SET until = 0 WHERE name = $1 AND holder = $2 AND epoch = $3";

impl Fence {
    /// Keeps `batch` only if the lease is still held, in whatever time has passed. Last, so that the places of what is
    /// read from the others stay as they are.
    pub(crate) fn guard(&self, batch: &mut Batch) {
        batch.one(TENURE, EXPECT, params![self.name, self.holder.as_str(), self.epoch]);
    }
}

impl Store {
    /// The store of an engine: what it writes of runs and effects is kept only while `fence` holds
    /// ([`Error::Superseded`](crate::Error::Superseded)).
    pub fn under(self, fence: Fence) -> Self {
        Self { fence: Some(fence.into()), ..self }
    }

    /// Takes the lease `name` for `life` if nobody has it, its time is over, or `holder` had it before.
    pub async fn acquire_lease(&self, name: &str, holder: &str, life: Millis) -> Result<Tenure> {
        let mut batch = Batch::new();
        batch.run("settle a lease", SETTLE, params![name]);
        batch.run("acquire a lease", ACQUIRE, params![name, holder, micros(life)]);
        let committed = self.db.commit(batch).await?;
        if let Some(row) = committed.rows(1).first() {
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
