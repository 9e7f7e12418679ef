//! Instants as the API shows them: RFC 3339 in UTC, to the microsecond.

use domain::Timestamp;
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use std::fmt;

/// An instant. Serialised as `2026-11-20T11:43:09.000001Z`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Time(pub Timestamp);

impl From<Timestamp> for Time {
    fn from(at: Timestamp) -> Self {
        Self(at)
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // Instants beyond the year 9999 cannot be written; they only come from saturated sums.
        let at = jiff::Timestamp::from_microsecond(self.0.0).unwrap_or(jiff::Timestamp::MAX);
        write!(f, "{at:.6}")
    }
}

impl std::str::FromStr for Time {
    type Err = jiff::Error;

    fn from_str(text: &str) -> Result<Self, jiff::Error> {
        let at: jiff::Timestamp = text.parse()?;
        Ok(Self(Timestamp(at.as_microsecond())))
    }
}

impl Serialize for Time {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for Time {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        String::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn an_instant_is_written_in_utc_to_the_microsecond() {
        assert_eq!(Time(Timestamp(1_795_347_789_000_001)).to_string(), "2026-11-22T11:43:09.000001Z");
        assert_eq!(Time(Timestamp(0)).to_string(), "1970-01-01T00:00:00.000000Z");
    }

    proptest! {
        #[test]
        fn what_is_written_is_read_back(at in 0i64..250_000_000_000_000_000) {
            let time = Time(Timestamp(at));
            prop_assert_eq!(time.to_string().parse::<Time>().unwrap(), time);
        }

        #[test]
        fn no_instant_panics(at in any::<i64>()) {
            let _ = Time(Timestamp(at)).to_string();
        }
    }
}
