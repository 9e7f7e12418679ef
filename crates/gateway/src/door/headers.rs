//! Which headers pass, in both directions. What is not named here stays behind: credentials, cookies, account
//! names, and everything that belongs to one connection only.

use hyper::HeaderMap;
use hyper::header::{HeaderName, HeaderValue};

/// The longest wait that a provider may impose: clients obey it without a cap of their own.
const MAX_RETRY_AFTER_S: u64 = 60;

const REQUEST: [&str; 16] = [
    "accept",
    "content-type",
    "user-agent",
    "originator",
    "session-id",
    "session_id",
    "thread-id",
    "conversation_id",
    "openai-beta",
    "idempotency-key",
    "x-client-request-id",
    "traceparent",
    "tracestate",
    "anthropic-version",
    "anthropic-beta",
    "x-app",
];
const REQUEST_PREFIX: [&str; 4] = ["x-codex-", "x-openai-", "x-stainless-", "x-claude-code-"];

const RESPONSE: [&str; 11] = [
    "content-type",
    "content-encoding",
    "cache-control",
    "retry-after",
    "retry-after-ms",
    "x-should-retry",
    "x-request-id",
    "request-id",
    "openai-model",
    "openai-processing-ms",
    "openai-version",
];
const RESPONSE_PREFIX: [&str; 3] = ["x-ratelimit-", "x-codex-", "anthropic-ratelimit-"];

/// The client's headers that a provider may see.
pub(crate) fn to_provider(headers: &HeaderMap) -> HeaderMap {
    pass(headers, &REQUEST, &REQUEST_PREFIX)
}

/// The provider's headers that the client may see; waits are capped.
pub(crate) fn to_client(headers: &HeaderMap) -> HeaderMap {
    let mut passed = pass(headers, &RESPONSE, &RESPONSE_PREFIX);
    cap(&mut passed, "retry-after", MAX_RETRY_AFTER_S);
    cap(&mut passed, "retry-after-ms", MAX_RETRY_AFTER_S * 1000);
    passed
}

fn pass(headers: &HeaderMap, names: &[&str], prefixes: &[&str]) -> HeaderMap {
    let allowed = |name: &HeaderName| {
        let name = name.as_str();
        names.contains(&name) || prefixes.iter().any(|prefix| name.starts_with(prefix))
    };
    let passing = headers.iter().filter(|(name, _)| allowed(name));
    let mut passed = HeaderMap::new();
    for (name, value) in passing {
        passed.append(name.clone(), value.clone());
    }
    passed
}

fn cap(headers: &mut HeaderMap, name: &'static str, most: u64) {
    let asked = headers.get(name).and_then(|v| v.to_str().ok()).map(str::trim);
    let too_long = match asked.map(str::parse::<f64>) {
        Some(Ok(wait)) => wait > most as f64,
        // A date: its distance is not known here, so the cap stands for it.
        Some(Err(_)) => true,
        None => headers.contains_key(name),
    };
    if too_long {
        headers.insert(name, HeaderValue::from(most));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn map(entries: &[(&'static str, &'static str)]) -> HeaderMap {
        entries.iter().map(|&(k, v)| (HeaderName::from_static(k), HeaderValue::from_static(v))).collect()
    }

    #[test]
    fn credentials_and_accounts_stay_behind() {
        let sent = map(&[
            ("authorization", "Bearer t"),
            ("x-api-key", "t"),
            ("cookie", "c"),
            ("openai-organization", "o"),
            ("anthropic-beta", "b"),
            ("connection", "close"),
            ("x-seawall-run", "r"),
            ("x-codex-window-id", "w"),
        ]);
        assert_eq!(to_provider(&sent), map(&[("anthropic-beta", "b"), ("x-codex-window-id", "w")]));
        let got = map(&[
            ("set-cookie", "c"),
            ("openai-organization", "o"),
            ("anthropic-organization-id", "o"),
            ("location", "l"),
            ("x-request-id", "q"),
        ]);
        assert_eq!(to_client(&got), map(&[("x-request-id", "q")]));
    }

    #[test]
    fn waits_are_capped() {
        for (given, passed) in
            [("7", "7"), ("0.5", "0.5"), ("86400", "60"), ("Fri, 31 Dec 1999 23:59:59 GMT", "60")]
        {
            let got = to_client(&map(&[("retry-after", given)]));
            assert_eq!(got["retry-after"], passed, "{given}");
        }
    }
}
