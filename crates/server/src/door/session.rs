//! Browser sessions: random ids in memory, so a restart logs everybody out.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use axum::http::{HeaderMap, HeaderValue, header};
use base::digest::sha256_hex;
use base::secret::Secret;

/// A working day.
const LIFETIME_S: i64 = 12 * 60 * 60;
/// One person with many browsers stays far below it; the oldest session makes room.
const MAX_SESSIONS: usize = 256;
const COOKIE: &str = "seawall_session";

/// The open sessions: the digest of the id, and when it ends in microseconds since the Unix epoch. The map
/// holds digests so that how long a look-up takes says nothing about an id.
#[derive(Debug, Default)]
pub struct Sessions(Mutex<HashMap<String, i64>>);

impl Sessions {
    /// Opens a session; the value is the `Set-Cookie` header that carries its id.
    pub fn open(&self, now_us: i64) -> HeaderValue {
        let id = Secret::random();
        let mut sessions = self.lock();
        sessions.retain(|_, ends| *ends > now_us);
        if sessions.len() >= MAX_SESSIONS
            && let Some(oldest) = sessions.iter().min_by_key(|(_, ends)| **ends).map(|(id, _)| id.clone())
        {
            sessions.remove(&oldest);
        }
        sessions.insert(sha256_hex(id.expose().as_bytes()), now_us.saturating_add(LIFETIME_S * 1_000_000));
        set_cookie(id.expose(), LIFETIME_S)
    }

    /// Whether `id` names a session that has not ended.
    pub fn holds(&self, id: &str, now_us: i64) -> bool {
        self.lock().get(&sha256_hex(id.as_bytes())).is_some_and(|ends| *ends > now_us)
    }

    /// Ends the session; the value is the `Set-Cookie` header that removes it from the browser.
    pub fn close(&self, id: &str) -> HeaderValue {
        self.lock().remove(&sha256_hex(id.as_bytes()));
        set_cookie("", 0)
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<String, i64>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The session id a request carries.
pub fn cookie(headers: &HeaderMap) -> Option<&str> {
    let pairs =
        headers.get_all(header::COOKIE).iter().filter_map(|v| v.to_str().ok()).flat_map(|v| v.split(';'));
    pairs.filter_map(|pair| pair.trim().split_once('=')).find(|(name, _)| *name == COOKIE).map(|(_, id)| id)
}

fn set_cookie(id: &str, max_age_s: i64) -> HeaderValue {
    let text = format!("{COOKIE}={id}; Path=/; Max-Age={max_age_s}; HttpOnly; SameSite=Strict");
    HeaderValue::try_from(text).expect("base64url and digits are header text")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn id_of(cookie: &HeaderValue) -> String {
        let text = cookie.to_str().unwrap();
        text.strip_prefix("seawall_session=").unwrap().split(';').next().unwrap().to_owned()
    }

    #[test]
    fn a_session_ends_after_twelve_hours() {
        let sessions = Sessions::default();
        let id = id_of(&sessions.open(0));
        assert!(sessions.holds(&id, 12 * 3_600_000_000 - 1));
        assert!(!sessions.holds(&id, 12 * 3_600_000_000));
    }

    #[test]
    fn a_closed_or_invented_session_opens_nothing() {
        let sessions = Sessions::default();
        let id = id_of(&sessions.open(0));
        assert!(!sessions.holds("invented", 1));
        sessions.close(&id);
        assert!(!sessions.holds(&id, 1));
    }

    #[test]
    fn the_oldest_session_makes_room() {
        let sessions = Sessions::default();
        let first = id_of(&sessions.open(0));
        let rest: Vec<_> = (1..=MAX_SESSIONS as i64).map(|at| id_of(&sessions.open(at))).collect();
        assert!(!sessions.holds(&first, MAX_SESSIONS as i64 + 1));
        assert!(rest.iter().all(|id| sessions.holds(id, MAX_SESSIONS as i64 + 1)));
    }

    #[test]
    fn the_cookie_is_found_among_others() {
        let mut headers = HeaderMap::new();
        headers.insert(header::COOKIE, HeaderValue::from_static("a=b; seawall_session=xyz; c=d"));
        assert_eq!(cookie(&headers), Some("xyz"));
    }
}
