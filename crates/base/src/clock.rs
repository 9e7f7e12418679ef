//! The one place that asks what time it is.
//!
//! Invariant: a clock never fails and never panics; a machine whose clock stands before 1970 reads as 0.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Answers "now" in microseconds since the Unix epoch. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Manual(Arc<AtomicI64>),
}

/// Moves the [`Clock`] it was made with. Tests only.
#[derive(Clone, Debug)]
pub struct ManualClock(Arc<AtomicI64>);

impl Clock {
    /// The clock of the machine.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands at `start_us` (microseconds since the Unix epoch) until it is advanced.
    pub fn manual(start_us: i64) -> (Clock, ManualClock) {
        let shared = Arc::new(AtomicI64::new(start_us));
        (Clock(Source::Manual(Arc::clone(&shared))), ManualClock(shared))
    }

    /// Microseconds since the Unix epoch.
    pub fn now_us(&self) -> i64 {
        match &self.0 {
            Source::System => system_us(),
            Source::Manual(at) => at.load(Ordering::SeqCst),
        }
    }
}

impl ManualClock {
    /// Moves the clock forward; whole microseconds count.
    pub fn advance(&self, by: Duration) {
        let by = i64::try_from(by.as_micros()).unwrap_or(i64::MAX);
        self.0.fetch_add(by, Ordering::SeqCst);
    }
}

pub(crate) fn system_us() -> i64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_micros()).unwrap_or(i64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn manual_clock_moves_only_when_told() {
        let (clock, hand) = Clock::manual(1_000);
        let other = clock.clone();
        assert_eq!(clock.now_us(), 1_000);
        hand.advance(Duration::from_millis(2));
        assert_eq!((clock.now_us(), other.now_us()), (3_000, 3_000));
    }

    #[test]
    fn system_clock_reads_this_century() {
        assert!(Clock::system().now_us() > 1_700_000_000_000_000);
    }
}
