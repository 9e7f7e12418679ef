//! Whether an unsafe request was made by one of our own pages.

use axum::http::{HeaderMap, header};

/// What to make of a request that carries no mark of a browser.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unmarked {
    /// A browser marks every unsafe request, so this is a program; it needs no protection from itself.
    Allow,
    /// It uses a browser's session without being one.
    Refuse,
}

/// Same-origin by `Sec-Fetch-Site`, else by `Origin` against `Host` (Fetch standard, sections 3.1 and 3.4).
pub fn is_same(headers: &HeaderMap, unmarked: Unmarked) -> bool {
    if let Some(site) = headers.get("sec-fetch-site") {
        return site == "same-origin";
    }
    let Some(origin) = headers.get(header::ORIGIN) else { return unmarked == Unmarked::Allow };
    let (Ok(origin), Some(Ok(host))) = (origin.to_str(), headers.get(header::HOST).map(|h| h.to_str()))
    else {
        return false;
    };
    let authority = origin.strip_prefix("http://").or_else(|| origin.strip_prefix("https://"));
    authority.is_some_and(|a| a.eq_ignore_ascii_case(host))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(pairs: &[(&'static str, &str)], unmarked: Unmarked) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "127.0.0.1:7700".parse().unwrap());
        for (name, value) in pairs {
            headers.insert(*name, value.parse().unwrap());
        }
        is_same(&headers, unmarked)
    }

    #[test]
    fn our_own_pages_are_same_origin() {
        assert!(check(&[("sec-fetch-site", "same-origin")], Unmarked::Refuse));
        assert!(check(&[("origin", "http://127.0.0.1:7700")], Unmarked::Refuse));
    }

    #[test]
    fn another_site_or_port_is_not() {
        for site in ["cross-site", "same-site", "none"] {
            assert!(!check(&[("sec-fetch-site", site)], Unmarked::Allow), "{site}");
        }
        for origin in ["null", "http://127.0.0.1:7701", "http://evil.example", "file://127.0.0.1:7700"] {
            assert!(!check(&[("origin", origin)], Unmarked::Allow), "{origin}");
        }
    }

    #[test]
    fn a_request_without_marks_passes_only_where_it_may() {
        assert!(check(&[], Unmarked::Allow));
        assert!(!check(&[], Unmarked::Refuse));
    }
}
