//! The two files of the dashboard, inside the program.

use std::sync::LazyLock;

use axum::http::{HeaderName, header};
use base::digest::sha256_hex;

const CSS: &str = include_str!("assets/seawall.css");
const JS: &str = include_str!("assets/seawall.js");
/// Pages name the files with their [`version`], so a browser may keep them for a day.
const CACHE: (HeaderName, &str) = (header::CACHE_CONTROL, "private, max-age=86400");

/// Changes whenever one of the two files does.
pub fn version() -> &'static str {
    static VERSION: LazyLock<String> = LazyLock::new(|| {
        let mut digest = sha256_hex([CSS, JS].concat().as_bytes());
        digest.truncate(10);
        digest
    });
    &VERSION
}

/// `GET /assets/seawall.css`.
pub async fn css() -> ([(HeaderName, &'static str); 2], &'static str) {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), CACHE], CSS)
}

/// `GET /assets/seawall.js`.
pub async fn js() -> ([(HeaderName, &'static str); 2], &'static str) {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), CACHE], JS)
}
