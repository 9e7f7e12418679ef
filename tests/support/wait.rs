//! Waiting for a condition, never for a time.

use std::time::{Duration, Instant};

/// The longest that anything may take on a busy machine of two cores.
pub const PATIENCE: Duration = Duration::from_secs(60);
/// How often a condition that nobody announces is looked at.
const LOOK_AGAIN: Duration = Duration::from_millis(20);

/// Asks until `found` answers with something. Panics with `what` and `told()` after [`PATIENCE`].
pub async fn until<T>(what: &str, told: impl Fn() -> String, mut found: impl AsyncFnMut() -> Option<T>) -> T {
    let began = Instant::now();
    loop {
        if let Some(found) = found().await {
            return found;
        }
        assert!(began.elapsed() < PATIENCE, "waited {PATIENCE:?} for {what}\n{}", told());
        tokio::time::sleep(LOOK_AGAIN).await;
    }
}

/// The same for conditions that need nothing to be told.
pub async fn until_true(what: &str, mut holds: impl FnMut() -> bool) {
    until(what, String::new, async || holds().then_some(())).await;
}
