//! What is left of a token's allowance. One ledger for each token, shared by everything in this process that uses it.
//!
//! Invariants: while nothing is left, nothing is asked; what was asked and not yet answered counts as spent; a ledger
//! knows a token by its digest only.

use super::limits::{self, MAX_WAIT, Window};
use base::digest::sha256_hex;
use base::secret::Secret;
use domain::{Millis, Timestamp};
use hyper::HeaderMap;
use std::collections::BTreeMap;
use std::sync::{Arc, LazyLock, Mutex, MutexGuard, PoisonError, Weak};

/// How long we wait when we are told to, but not for how long. GitHub asks for a minute at least, and for more each
/// time it has to be said again.
const FIRST_PAUSE: Millis = Millis::seconds(60);
/// How often that wait is doubled: up to 16 minutes.
const MAX_DOUBLINGS: u32 = 4;

static LEDGERS: LazyLock<Mutex<BTreeMap<String, Weak<Ledger>>>> = LazyLock::new(Mutex::default);

/// One token's allowance.
#[derive(Debug, Default)]
pub(crate) struct Ledger(Mutex<Book>);

#[derive(Debug, Default)]
struct Book {
    windows: BTreeMap<&'static str, Window>,
    paused_until: Option<Timestamp>,
    /// How often in a row we were told to wait without being told for how long.
    strikes: u32,
    in_flight: u64,
}

/// The right to one request; counts as spent until it is dropped.
#[derive(Debug)]
pub(crate) struct Permit(Arc<Ledger>);

impl Drop for Permit {
    fn drop(&mut self) {
        self.0.book().in_flight -= 1;
    }
}

impl Ledger {
    /// The ledger of `token`.
    pub(crate) fn of(token: &Secret) -> Arc<Self> {
        let mut ledgers = LEDGERS.lock().unwrap_or_else(PoisonError::into_inner);
        ledgers.retain(|_, ledger| ledger.strong_count() > 0);
        let digest = sha256_hex(token.expose().as_bytes());
        if let Some(known) = ledgers.get(&digest).and_then(Weak::upgrade) {
            return known;
        }
        let new = Arc::new(Self::default());
        ledgers.insert(digest, Arc::downgrade(&new));
        new
    }

    /// Lets one request through, or says how long to wait.
    pub(crate) fn admit(self: &Arc<Self>, now: Timestamp) -> Result<Permit, Millis> {
        let mut book = self.book();
        match book.wait(now) {
            Some(wait) => Err(wait),
            None => {
                book.in_flight += 1;
                Ok(Permit(Arc::clone(self)))
            }
        }
    }

    /// Takes over what an answer says is left.
    pub(crate) fn learn(&self, headers: &HeaderMap, now: Timestamp) {
        self.book().windows.extend(limits::windows(headers, now));
    }

    /// The last answer was no complaint.
    pub(crate) fn served(&self) {
        self.book().strikes = 0;
    }

    /// The last answer asked us to wait; for how long is in `headers`, or is guessed. Nothing is asked until then.
    pub(crate) fn pause(&self, headers: &HeaderMap, now: Timestamp) -> Millis {
        let mut book = self.book();
        let told = limits::retry_after(headers, now).or_else(|| book.exhausted(0, now));
        let wait = told.unwrap_or_else(|| {
            let doublings = book.strikes.min(MAX_DOUBLINGS);
            book.strikes = book.strikes.saturating_add(1);
            Millis(FIRST_PAUSE.0 << doublings).min(MAX_WAIT)
        });
        book.paused_until = book.paused_until.max(Some(now.plus(wait)));
        wait
    }

    /// Whether an allowance is used up.
    pub(crate) fn is_exhausted(&self, now: Timestamp) -> bool {
        self.book().exhausted(0, now).is_some()
    }

    fn book(&self) -> MutexGuard<'_, Book> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Book {
    /// How long nothing may be asked.
    fn wait(&mut self, now: Timestamp) -> Option<Millis> {
        self.windows.retain(|_, window| window.reset_at > now);
        self.paused_until = self.paused_until.filter(|until| *until > now);
        let paused = self.paused_until.map(|until| until.since(now));
        // A wait of nothing would be asked for again at once.
        paused.max(self.exhausted(self.in_flight, now)).map(|wait| wait.max(Millis(1)))
    }

    /// The longest wait for an allowance of which `spent` requests or more are all that is left.
    fn exhausted(&self, spent: u64, now: Timestamp) -> Option<Millis> {
        let over = |w: &&Window| w.remaining <= if w.counts_requests { spent } else { 0 };
        let open = self.windows.values().filter(|window| window.reset_at > now);
        open.filter(over).map(|window| window.reset_at.since(now)).max()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000_000);

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn left(remaining: &str) -> HeaderMap {
        headers(&[("x-ratelimit-remaining", remaining), ("x-ratelimit-reset", "60")])
    }

    #[test]
    fn one_token_has_one_ledger_however_often_it_is_opened() {
        let open = |text: &str| Ledger::of(&Secret::new(text));
        let (a, again, b) = (open("ledger-a"), open("ledger-a"), open("ledger-b"));
        assert!(Arc::ptr_eq(&a, &again) && !Arc::ptr_eq(&a, &b));
    }

    #[test]
    fn what_is_in_flight_is_spent() {
        let ledger = Arc::new(Ledger::default());
        ledger.learn(&left("2"), NOW);
        let (one, two) = (ledger.admit(NOW).unwrap(), ledger.admit(NOW).unwrap());
        assert_eq!(ledger.admit(NOW).unwrap_err(), Millis::seconds(60));
        drop((one, two));
        assert!(ledger.admit(NOW).is_ok());
    }

    #[test]
    fn nothing_is_asked_until_the_window_is_full_again() {
        let ledger = Arc::new(Ledger::default());
        ledger.learn(&left("0"), NOW);
        assert!(ledger.is_exhausted(NOW));
        assert_eq!(ledger.admit(NOW.plus(Millis::seconds(59))).unwrap_err(), Millis::seconds(1));
        assert!(ledger.admit(NOW.plus(Millis::seconds(60))).is_ok());
    }

    #[test]
    fn an_untold_wait_grows_until_an_answer_is_served() {
        let ledger = Arc::new(Ledger::default());
        let pause = || ledger.pause(&HeaderMap::new(), NOW);
        let waits: Vec<u64> = (0..6).map(|_| pause().0 / 1_000).collect();
        assert_eq!(waits, [60, 120, 240, 480, 960, 960]);
        ledger.served();
        assert_eq!(pause(), FIRST_PAUSE);
        assert_eq!(ledger.pause(&headers(&[("retry-after", "5")]), NOW), Millis::seconds(5));
    }
}
