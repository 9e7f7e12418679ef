//! Instants and spans as plain numbers. Nothing here reads a clock.

use serde::{Deserialize, Serialize};

/// An instant: microseconds since the Unix epoch (UTC).
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Timestamp(pub i64);

/// A span of time in milliseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Millis(pub u64);

impl Timestamp {
    /// The instant `span` later; saturates at the end of time.
    #[must_use]
    pub fn plus(self, span: Millis) -> Self {
        Self(self.0.saturating_add(i64::try_from(span.0).unwrap_or(i64::MAX).saturating_mul(1000)))
    }

    /// Milliseconds from `earlier` to here; zero when `earlier` is later.
    pub fn since(self, earlier: Self) -> Millis {
        Millis(u64::try_from(self.0.saturating_sub(earlier.0) / 1000).unwrap_or(0))
    }

    /// The start (00:00 UTC) of the day this instant lies in.
    #[must_use]
    pub fn day_start(self) -> Self {
        const DAY_US: i64 = 86_400_000_000;
        Self(self.0.div_euclid(DAY_US) * DAY_US)
    }
}

impl Millis {
    /// A span of whole seconds.
    pub const fn seconds(seconds: u64) -> Self {
        Self(seconds * 1000)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_day_starts_at_midnight_even_before_the_epoch() {
        assert_eq!(Timestamp(86_400_000_001).day_start(), Timestamp(86_400_000_000));
        assert_eq!(Timestamp(-1).day_start(), Timestamp(-86_400_000_000));
    }

    #[test]
    fn later_minus_earlier_never_goes_negative() {
        assert_eq!(Timestamp(0).since(Timestamp(5_000)), Millis(0));
        assert_eq!(Timestamp(0).plus(Millis(5)).since(Timestamp(0)), Millis(5));
    }
}
