//! Whether a request was meant for this server. A page on another site can make its own name resolve to
//! 127.0.0.1 (DNS rebinding); then the browser sends that name, and we do not know it.

use axum::http::{HeaderMap, header};

const LOOPBACK: &[&str] = &["localhost", "127.0.0.1", "[::1]"];

/// Whether `Host` is loopback or one of `configured` (names without a port, lower case).
pub fn is_ours(headers: &HeaderMap, configured: &[String]) -> bool {
    let mut given = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (given.next(), given.next()) else { return false };
    let Ok(host) = host.to_str() else { return false };
    let name = without_port(host).to_ascii_lowercase();
    LOOPBACK.contains(&name.as_str()) || configured.contains(&name)
}

/// `host:port` without the port; an IPv6 address keeps its brackets.
fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) && !name.is_empty() => name,
        Some(_) | None => host,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn ours(host: &str) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, host.parse().unwrap());
        is_ours(&headers, &["seawall.example".to_owned()])
    }

    #[test]
    fn loopback_and_configured_names_are_ours() {
        for host in
            ["127.0.0.1:7700", "LOCALHOST", "localhost:1", "[::1]:7700", "[::1]", "seawall.example:443"]
        {
            assert!(ours(host), "{host}");
        }
    }

    #[test]
    fn another_name_is_not_ours() {
        for host in
            ["", "evil.example", "127.0.0.1.evil.example", "localhost.evil:7700", "127.0.0.1@evil", ":7700"]
        {
            assert!(!ours(host), "{host:?}");
        }
        assert!(!is_ours(&HeaderMap::new(), &[]), "a request without a Host");
    }
}
