//! The keys that sign run tokens.
//!
//! Invariants: a key is in the store before the first token is signed with it; its end never moves, because gateways
//! remember it; a new one takes its place long before.

use base::signing::Signer;
use domain::{Millis, Timestamp};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;
use store::Store;
use store::key::Key;

/// How long a key is accepted after it was made; the longest attempt fits in what is left of it when it is replaced.
const LIFE: Millis = Millis::seconds(3 * 24 * 3600);
/// How often a living process makes a new one.
pub(crate) const RENEWAL: Duration = Duration::from_secs(12 * 3600);
/// How soon it tries again when it could not.
pub(crate) const RETRY: Duration = Duration::from_secs(60);

/// The key of now.
pub(crate) struct SigningKey(Mutex<Signer>);

impl SigningKey {
    /// A key that no gateway knows yet: [`SigningKey::renew`] it before the first token.
    pub(crate) fn unknown() -> Self {
        Self(Mutex::new(Signer::generate()))
    }

    /// What signs tokens now.
    pub(crate) fn signer(&self) -> Signer {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }

    /// Makes a new key known to every gateway and signs with it from then on. Keys whose end has come are forgotten.
    pub(crate) async fn renew(&self, store: &Store, now: Timestamp) -> Result<(), store::Error> {
        let new = Signer::generate();
        let (kid, public) = (new.key_id().to_owned(), new.public_key());
        store.put_key(&Key { kid, public, created_at: now, expires_at: now.plus(LIFE) }).await?;
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = new;
        store.forget_keys(now).await.map(|_| ())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn tokens_of_a_process_that_lives_long_are_signed_with_a_key_that_gateways_still_accept() {
        let folder = tempfile::tempdir().unwrap();
        let store = Store::open(&format!("sqlite:{}", folder.path().join("db").display())).await.unwrap();
        let keys = SigningKey::unknown();
        let mut now = Timestamp(0);
        let first = async |keys: &SigningKey| store.key(keys.signer().key_id()).await.unwrap();
        keys.renew(&store, now).await.unwrap();
        let born_with = keys.signer().key_id().to_owned();
        for _ in 0..20 {
            now = now.plus(Millis(u64::try_from(RENEWAL.as_millis()).unwrap()));
            keys.renew(&store, now).await.unwrap();
            // As a gateway reads it that never saw this key before, and remembers it from then on.
            let seen = first(&keys).await.unwrap();
            assert!(seen.expires_at.since(now).0 >= 2 * 24 * 3600 * 1000);
        }
        assert_eq!(store.key(&born_with).await.unwrap(), None, "forgotten after its end");
    }
}
