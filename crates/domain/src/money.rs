//! Money: whole micro-dollars. Never a float, never negative.

use serde::{Deserialize, Serialize};
use std::fmt;

/// An amount in millionths of a US dollar.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct MicroUsd(pub u64);

/// Why a text is not an amount of money.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum Error {
    /// The number or the unit could not be read.
    #[error("`{0}` is not an amount; write it like `5 USD` or `0.25 USD`")]
    Unreadable(String),
    /// More digits than a micro-dollar can hold.
    #[error("`{0}` has more than six decimal places; the smallest amount is 0.000001 USD")]
    TooFine(String),
    /// Larger than any budget.
    #[error("`{0}` is larger than 1,000,000,000 USD")]
    TooLarge(String),
}

impl MicroUsd {
    /// Nothing.
    pub const ZERO: Self = Self(0);
    /// The largest amount a text may name: a billion dollars, far from overflow in any sum we make.
    pub const MAX: Self = Self(1_000_000_000_000_000);

    /// Reads `5 USD` or `0.25 USD` (the unit may be left out).
    pub fn parse(text: &str) -> Result<Self, Error> {
        let unreadable = || Error::Unreadable(text.to_owned());
        let number = text.trim();
        let number = number.strip_suffix("USD").or_else(|| number.strip_prefix('$')).unwrap_or(number).trim();
        let (whole, part) = number.split_once('.').unwrap_or((number, ""));
        let digits = |s: &str| s.bytes().all(|b| b.is_ascii_digit());
        if (whole.is_empty() && part.is_empty()) || !digits(whole) || !digits(part) {
            return Err(unreadable());
        }
        if part.len() > 6 {
            return Err(Error::TooFine(text.to_owned()));
        }
        let too_large = || Error::TooLarge(text.to_owned());
        let dollars: u64 = if whole.is_empty() { 0 } else { whole.parse().map_err(|_| too_large())? };
        let micros: u64 = format!("{part:0<6}").parse().map_err(|_| unreadable())?;
        let amount =
            dollars.checked_mul(1_000_000).and_then(|d| d.checked_add(micros)).ok_or_else(too_large)?;
        if amount > Self::MAX.0 { Err(too_large()) } else { Ok(Self(amount)) }
    }

    /// The sum; saturates (see [`MicroUsd::MAX`] for why it never does in practice).
    #[must_use]
    pub fn plus(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl fmt::Display for MicroUsd {
    /// `1.25 USD`; six places only when cents do not suffice.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (dollars, micros) = (self.0 / 1_000_000, self.0 % 1_000_000);
        if micros.is_multiple_of(10_000) {
            write!(f, "{dollars}.{:02} USD", micros / 10_000)
        } else {
            write!(f, "{dollars}.{micros:06} USD")
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_are_read_and_written_back() {
        for (text, micros, shown) in [
            ("5 USD", 5_000_000, "5.00 USD"),
            ("0.25 USD", 250_000, "0.25 USD"),
            (".5USD", 500_000, "0.50 USD"),
            ("$3", 3_000_000, "3.00 USD"),
            ("0.000001 USD", 1, "0.000001 USD"),
        ] {
            let amount = MicroUsd::parse(text).unwrap();
            assert_eq!(amount, MicroUsd(micros), "{text}");
            assert_eq!(amount.to_string(), shown);
        }
    }

    #[test]
    fn what_is_not_money_is_refused_with_a_mend() {
        for text in ["", "USD", "five USD", "-1 USD", "1e9 USD", "1.0000001 USD", "9999999999 USD", "1 EUR"] {
            assert!(MicroUsd::parse(text).is_err(), "{text:?}");
        }
    }
}
