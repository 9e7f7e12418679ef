//! Public keys of run tokens. Private keys never come here.

use crate::db::Batch;
use crate::row::{at, damaged};
use crate::{Result, Store, params};
use domain::Timestamp;

/// A key that run tokens may be signed with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Key {
    /// Its name, as it stands in tokens.
    pub kid: String,
    /// The Ed25519 public key.
    pub public: [u8; 32],
    /// When it was made.
    pub created_at: Timestamp,
    /// From when on no token of it is accepted.
    pub expires_at: Timestamp,
}

const INSERT: &str = "INSERT INTO keys (kid, public, created_at, expires_at) VALUES ($1, $2, $3, $4)
    ON CONFLICT (kid) DO UPDATE SET expires_at = excluded.expires_at WHERE keys.public = excluded.public";
const BY_KID: &str = "SELECT kid, public, created_at, expires_at FROM keys WHERE kid = $1";
const FORGET: &str = "DELETE FROM keys WHERE expires_at <= $1";

impl Store {
    /// Records `key`, or moves the end of one that is known. [`Error::Outdated`](crate::Error::Outdated) when
    /// the name belongs to another key.
    pub async fn put_key(&self, key: &Key) -> Result<()> {
        let mut batch = Batch::new();
        let row = params![key.kid.as_str(), key.public.to_vec(), key.created_at.0, key.expires_at.0];
        batch.one("the key's name", INSERT, row);
        self.db.commit(batch).await?;
        Ok(())
    }

    /// The key named `kid`, expired or not.
    pub async fn key(&self, kid: &str) -> Result<Option<Key>> {
        let rows = self.db.read(BY_KID, params![kid]).await?;
        let Some(row) = rows.first() else { return Ok(None) };
        let public = <[u8; 32]>::try_from(row.blob("public")?);
        let public = public.map_err(|_| damaged("public", &"not 32 bytes"))?;
        let (created_at, expires_at) = (at(row, "created_at")?, at(row, "expires_at")?);
        Ok(Some(Key { kid: row.text("kid")?.to_owned(), public, created_at, expires_at }))
    }

    /// Removes the keys that have expired at `now`; answers with how many.
    pub async fn forget_keys(&self, now: Timestamp) -> Result<u64> {
        let mut batch = Batch::new();
        batch.run("forget keys", FORGET, params![now.0]);
        Ok(self.db.commit(batch).await?.affected(0))
    }
}
