//! What a provider says about how often it may be asked: the headers, and nothing of their meaning for us.
//!
//! Invariants: an odd header is one that is not there; no header makes us wait longer than [`MAX_WAIT`].

use domain::{Millis, Timestamp};
use hyper::HeaderMap;
use std::time::UNIX_EPOCH;

/// The longest wait that a header can ask for. Windows of providers are an hour; a longer one is a mistake or worse.
pub(super) const MAX_WAIT: Millis = Millis::seconds(2 * 60 * 60);
/// From here on a number is an instant in milliseconds and not in seconds: as seconds it would be the year 5138.
const FIRST_MILLIS: i64 = 100_000_000_000;
/// From here on a number is an instant and not a span: as a span it would be 31 years.
const FIRST_INSTANT: i64 = 1_000_000_000;

/// One allowance, such as requests for each hour.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Window {
    /// How much of it is left.
    pub(super) remaining: u64,
    /// When it is full again.
    pub(super) reset_at: Timestamp,
    /// Whether a request costs one of it; else it costs we do not know how much.
    pub(super) counts_requests: bool,
}

/// The headers of allowances: GitHub, Jira and Asana; GitLab; Linear's requests; Linear's complexity.
const FAMILIES: [(&str, bool); 4] = [
    ("x-ratelimit-", true),
    ("ratelimit-", true),
    ("x-ratelimit-requests-", true),
    ("x-ratelimit-complexity-", false),
];

/// The allowances that `headers` tell of, each with its family.
pub(super) fn windows(headers: &HeaderMap, now: Timestamp) -> Vec<(&'static str, Window)> {
    // GitHub counts searches and others apart, and says so.
    let apart = headers.get("x-ratelimit-resource").is_some_and(|name| name != "core");
    let families = FAMILIES.iter().filter(|(family, _)| !(apart && *family == "x-ratelimit-"));
    let window = |&(family, counts_requests): &(&'static str, bool)| {
        let remaining = u64::try_from(number(headers, &format!("{family}remaining"))?).ok()?;
        let reset = number(headers, &format!("{family}reset"))?;
        let reset_at = now.plus(until(reset, headers, now));
        Some((family, Window { remaining, reset_at, counts_requests }))
    };
    families.filter_map(window).collect()
}

/// What `Retry-After` asks for: seconds, or a date.
pub(super) fn retry_after(headers: &HeaderMap, now: Timestamp) -> Option<Millis> {
    let text = headers.get("retry-after")?.to_str().ok()?.trim();
    let wait = match text.parse::<u64>() {
        Ok(seconds) => Millis(seconds.saturating_mul(1_000)),
        Err(_) => date(text)?.since(server_time(headers, now)),
    };
    Some(wait.min(MAX_WAIT))
}

/// How long it is until `reset`, by the provider's own clock: ours may be wrong.
fn until(reset: i64, headers: &HeaderMap, now: Timestamp) -> Millis {
    let wait = if reset < FIRST_INSTANT {
        Millis(u64::try_from(reset).unwrap_or(0).saturating_mul(1_000))
    } else {
        let micros = if reset < FIRST_MILLIS { 1_000_000 } else { 1_000 };
        Timestamp(reset.saturating_mul(micros)).since(server_time(headers, now))
    };
    wait.min(MAX_WAIT)
}

fn server_time(headers: &HeaderMap, now: Timestamp) -> Timestamp {
    headers.get("date").and_then(|value| date(value.to_str().ok()?)).unwrap_or(now)
}

fn date(text: &str) -> Option<Timestamp> {
    let since = httpdate::parse_http_date(text).ok()?.duration_since(UNIX_EPOCH).ok()?;
    Some(Timestamp(i64::try_from(since.as_micros()).ok()?))
}

fn number(headers: &HeaderMap, name: &str) -> Option<i64> {
    let text = headers.get(name)?.to_str().ok()?.trim();
    // Some providers send fractions of a second.
    text.split('.').next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    const NOW: Timestamp = Timestamp(1_795_000_000_000_000);

    fn headers(pairs: &[(&'static str, &str)]) -> HeaderMap {
        pairs.iter().map(|(name, value)| (name.parse().unwrap(), value.parse().unwrap())).collect()
    }

    fn waits(pairs: &[(&'static str, &str)]) -> Vec<(u64, Millis)> {
        windows(&headers(pairs), NOW).iter().map(|(_, w)| (w.remaining, w.reset_at.since(NOW))).collect()
    }

    #[test]
    fn seconds_milliseconds_and_spans_are_told_apart() {
        let wait = Millis::seconds(60);
        for reset in ["1795000060", "1795000060000", "60"] {
            assert_eq!(waits(&[("x-ratelimit-remaining", "7"), ("x-ratelimit-reset", reset)]), [(7, wait)]);
        }
        let linear = [
            ("x-ratelimit-requests-remaining", "3"),
            ("x-ratelimit-requests-reset", "1795000060000"),
            ("x-ratelimit-complexity-remaining", "0"),
            ("x-ratelimit-complexity-reset", "1795000120000"),
        ];
        assert_eq!(waits(&linear), [(3, wait), (0, Millis::seconds(120))]);
    }

    #[test]
    fn the_providers_clock_counts_and_not_ours() {
        let skewed = [
            ("date", "Wed, 21 Oct 2015 07:28:00 GMT"),
            ("x-ratelimit-remaining", "0"),
            ("x-ratelimit-reset", "1445412510"),
        ];
        assert_eq!(waits(&skewed), [(0, Millis::seconds(30))]);
    }

    #[test]
    fn retry_after_is_seconds_or_a_date_and_never_endless() {
        let wait = |pairs: &[(&'static str, &str)]| retry_after(&headers(pairs), NOW);
        assert_eq!(wait(&[("retry-after", "120")]), Some(Millis::seconds(120)));
        let dated =
            [("date", "Wed, 21 Oct 2015 07:28:00 GMT"), ("retry-after", "Wed, 21 Oct 2015 07:28:09 GMT")];
        assert_eq!(wait(&dated), Some(Millis::seconds(9)));
        assert_eq!(wait(&[("retry-after", "99999999999999999")]), Some(MAX_WAIT));
        assert_eq!(wait(&[("retry-after", "soon")]), None);
    }

    #[test]
    fn an_allowance_for_searches_is_not_the_one_for_issues() {
        let searched =
            [("x-ratelimit-resource", "search"), ("x-ratelimit-remaining", "0"), ("x-ratelimit-reset", "60")];
        assert_eq!(waits(&searched), []);
    }

    proptest! {
        #[test]
        fn no_header_panics_or_waits_too_long(text in "[ -~]{0,30}", other in "-?[0-9.]{0,25}") {
            for value in [&text, &other] {
                let headers = headers(&[("retry-after", value), ("x-ratelimit-reset", value), ("date", value),
                    ("x-ratelimit-remaining", "0")]);
                prop_assert!(retry_after(&headers, NOW).is_none_or(|wait| wait <= MAX_WAIT));
                for (_, window) in windows(&headers, NOW) {
                    prop_assert!(window.reset_at.since(NOW) <= MAX_WAIT);
                }
            }
        }
    }
}
