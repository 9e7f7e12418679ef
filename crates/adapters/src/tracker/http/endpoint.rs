//! Where a tracker is reached.
//!
//! Invariant: a token travels encrypted, or does not leave this machine.

use crate::tracker::Error;
use crate::tracker::settings::{bad, dotted};
use hyper::Uri;
use std::net::IpAddr;

/// The endpoint that `key` names: https, or http on this machine; without user, query and fragment.
pub(crate) fn parse(key: &str, text: &str) -> Result<Uri, Error> {
    let fail = |what: &str| bad(&dotted(key), what, "write it like https://tracker.example.com/path");
    // `Uri` drops what follows a `#`; somebody meant something by it.
    let uri: Uri = text.parse().ok().filter(|_| !text.contains('#')).ok_or_else(|| fail("is no address"))?;
    let host = uri.host().filter(|host| !host.is_empty()).ok_or_else(|| fail("names no host"))?;
    if uri.authority().is_some_and(|authority| authority.as_str().contains('@')) {
        return Err(fail("holds a user; credentials have keys of their own"));
    }
    if uri.query().is_some() {
        return Err(fail("holds a query"));
    }
    match uri.scheme_str() {
        Some("https") => Ok(uri),
        Some("http") if is_here(host) => Ok(uri),
        Some(_) | None => Err(fail("is not https")),
    }
}

/// Whether `host` is this machine.
fn is_here(host: &str) -> bool {
    let bare = host.trim_start_matches('[').trim_end_matches(']');
    host.eq_ignore_ascii_case("localhost") || bare.parse::<IpAddr>().is_ok_and(|ip| ip.is_loopback())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tracker::Category;
    use proptest::prelude::*;

    #[test]
    fn plain_http_stays_on_this_machine() {
        for good in
            ["https://api.example.com", "http://127.0.0.1:8080/x", "http://[::1]:1", "http://localhost/a"]
        {
            assert!(parse("endpoint", good).is_ok(), "{good}");
        }
        for bad in [
            "http://api.example.com",
            "http://127.0.0.1.example.com",
            "http://localhost.example.com",
            "http://[::2]/",
            "ftp://localhost",
            "https://user@host/",
            "https://host/?a=b",
            "https://host/#a",
            "/path",
            "host",
            "https://",
            "",
        ] {
            let error = parse("endpoint", bad).expect_err(bad);
            assert_eq!(error.category(), Category::InvalidConfig, "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_panics(text in "[a-z0-9:/@?#\\[\\].% ü]{0,40}") {
            let _ = parse("endpoint", &text);
        }
    }
}
