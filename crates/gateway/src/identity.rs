//! Who is calling: a run, named by the claims of its signed token.
//!
//! Invariants: nothing of a token is believed before its signature held; a verified token is remembered by its
//! digest only, so the process never holds a token longer than its request.

use crate::door::Refusal;
use crate::ledger::{Key, Ledger};
use base::digest::sha256_hex;
use base::signing::token;
use domain::Timestamp;
use domain::containment::Scope;
use domain::token::Claims;
use hyper::HeaderMap;
use hyper::header::AUTHORIZATION;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

/// Tokens remembered at once: far more than runs live on one machine. When full, all are verified again.
const MAX_KNOWN: usize = 8192;
/// Signing keys remembered; a signer makes one per start.
const MAX_KEYS: usize = 256;

/// What was verified so far.
#[derive(Debug, Default)]
pub(crate) struct Tokens {
    keys: Mutex<HashMap<String, Key>>,
    known: Mutex<HashMap<String, Known>>,
}

/// A token whose signature held.
#[derive(Clone, Debug)]
struct Known {
    claims: Arc<Claims>,
    key_expires_at: Timestamp,
}

impl Tokens {
    /// The claims of the token in `headers`, if it is genuine and its time is not over.
    pub(crate) async fn identify(
        &self,
        ledger: &dyn Ledger,
        headers: &HeaderMap,
        now: Timestamp,
    ) -> Result<Arc<Claims>, Refusal> {
        let text = text_of(headers).ok_or(Refusal::NoToken)?;
        let digest = sha256_hex(text.as_bytes());
        let known = lock(&self.known).get(&digest).cloned();
        let Known { claims, key_expires_at } = match known {
            Some(known) => known,
            None => self.verify(ledger, text, digest).await?,
        };
        if claims.expired(now) || now >= key_expires_at { Err(Refusal::Expired) } else { Ok(claims) }
    }

    async fn verify(&self, ledger: &dyn Ledger, text: &str, digest: String) -> Result<Known, Refusal> {
        let key_id = token::key_id(text).map_err(Refusal::Token)?;
        let key = self.key(ledger, &key_id).await?;
        let payload = token::open(text, |_| key.map(|key| key.public)).map_err(Refusal::Token)?;
        let malformed = |_| Refusal::Token(token::TokenError::Malformed);
        let claims = Arc::new(serde_json::from_str::<Claims>(&payload).map_err(malformed)?);
        let key_expires_at = key.map_or(Timestamp(0), |key| key.expires_at);
        let fresh = Known { claims, key_expires_at };
        let mut known = lock(&self.known);
        if known.len() >= MAX_KNOWN {
            known.clear();
        }
        known.insert(digest, fresh.clone());
        Ok(fresh)
    }

    async fn key(&self, ledger: &dyn Ledger, key_id: &str) -> Result<Option<Key>, Refusal> {
        let known = lock(&self.keys).get(key_id).copied();
        if known.is_some() {
            return Ok(known);
        }
        let found = ledger.key(key_id).await.map_err(Refusal::Unavailable)?;
        let mut keys = lock(&self.keys);
        if let Some(key) = found.filter(|_| keys.len() < MAX_KEYS) {
            keys.insert(key_id.to_owned(), key);
        }
        Ok(found)
    }

    /// The claims of verified tokens whose run `scope` covers.
    pub(crate) fn covered(&self, scope: &Scope) -> Vec<Arc<Claims>> {
        let known = lock(&self.known);
        let claims = known.values().map(|known| &known.claims);
        claims.filter(|claims| claims.identity.scopes().contains(scope)).cloned().collect()
    }
}

/// `Authorization: Bearer TOKEN`, else `x-api-key: TOKEN`. A header that stands twice is no token.
fn text_of(headers: &HeaderMap) -> Option<&str> {
    let only = |name: &str| {
        let mut values = headers.get_all(name).iter();
        let value = values.next()?;
        values.next().is_none().then_some(value)?.to_str().ok()
    };
    if headers.contains_key(AUTHORIZATION) {
        let (scheme, token) = only(AUTHORIZATION.as_str())?.split_once(' ')?;
        return scheme.eq_ignore_ascii_case("bearer").then_some(token.trim());
    }
    only("x-api-key").map(str::trim)
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
