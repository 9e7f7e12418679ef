//! The two files of the dashboard, inside the program.

use axum::http::{HeaderName, header};

const CSS: &str = include_str!("assets/seawall.css");
const JS: &str = include_str!("assets/seawall.js");
/// Short, so that an upgraded server is not shown in the old clothes for long.
const CACHE: (HeaderName, &str) = (header::CACHE_CONTROL, "private, max-age=300");

/// `GET /assets/seawall.css`.
pub async fn css() -> ([(HeaderName, &'static str); 2], &'static str) {
    ([(header::CONTENT_TYPE, "text/css; charset=utf-8"), CACHE], CSS)
}

/// `GET /assets/seawall.js`.
pub async fn js() -> ([(HeaderName, &'static str); 2], &'static str) {
    ([(header::CONTENT_TYPE, "text/javascript; charset=utf-8"), CACHE], JS)
}
