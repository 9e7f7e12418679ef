//! Is told when something in a few folders changes. Only a hint: whoever waits looks for himself, and looks from time to
//! time also without it.

use notify::{RecommendedWatcher, RecursiveMode, Watcher};
use std::path::PathBuf;
use std::sync::Arc;
use tokio::sync::Notify;

/// A watch; one that could not be set up never tells of anything.
pub(super) struct Watch {
    told: Arc<Notify>,
    /// Kept so that it goes on.
    _watcher: Option<RecommendedWatcher>,
}

impl Watch {
    /// Watches `folders`, not what lies deeper. What cannot be watched is left to whoever looks from time to time.
    pub(super) fn of(folders: &[PathBuf]) -> Self {
        let told = Arc::new(Notify::new());
        let teller = told.clone();
        let watcher = || -> notify::Result<RecommendedWatcher> {
            let mut watcher = notify::recommended_watcher(move |_event| teller.notify_one())?;
            // Editors replace a file as often as they write it: the folder sees both.
            folders.iter().try_for_each(|folder| watcher.watch(folder, RecursiveMode::NonRecursive))?;
            Ok(watcher)
        };
        let watcher =
            watcher().inspect_err(|error| tracing::debug!(%error, "files are only looked at now and then"));
        Self { told, _watcher: watcher.ok() }
    }

    /// Resolves after a change. Cancel-safe: a change that nobody waited for is told the next time.
    pub(super) async fn changed(&self) {
        self.told.notified().await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test]
    async fn a_file_that_is_written_or_replaced_is_told() {
        let dir = tempfile::tempdir().unwrap();
        let watch = Watch::of(&[dir.path().to_owned()]);
        let told = async || tokio::time::timeout(Duration::from_secs(10), watch.changed()).await.is_ok();
        std::fs::write(dir.path().join("a"), "1").unwrap();
        assert!(told().await);
        std::fs::write(dir.path().join("b"), "2").unwrap();
        std::fs::rename(dir.path().join("b"), dir.path().join("a")).unwrap();
        assert!(told().await);
    }
}
