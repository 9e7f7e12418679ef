//! Lists, paged by a cursor that means something only to the server.

use serde::{Deserialize, Serialize};

/// The page size when the request names none.
pub const DEFAULT_LIMIT: u32 = 50;
/// The largest page: what a person can look at, and what fits the answer's limit.
pub const MAX_LIMIT: u32 = 500;

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Page<T> {
    /// In the order of the list.
    pub items: Vec<T>,
    /// Pass it as `cursor` (or `after`) to get what follows; `null` at the end.
    pub next: Option<String>,
}

impl<T> Page<T> {
    /// A list that fits one page.
    pub fn whole(items: Vec<T>) -> Self {
        Self { items, next: None }
    }
}

/// The page size for what a request asked: at least 1, at most [`MAX_LIMIT`].
pub fn limit(asked: Option<u32>) -> u32 {
    asked.unwrap_or(DEFAULT_LIMIT).clamp(1, MAX_LIMIT)
}
