//! Background tasks that are counted, named and ended.
//!
//! Invariants: no task outlives a `drain`; a panic in one task is logged with its name and takes nothing else
//! down.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::{AbortHandle, JoinError};
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// How long an aborted task may take to unwind before `drain` stops watching it. A task that blocks its
/// thread cannot be aborted at all, so this wait must end.
const ABORT_GRACE: Duration = Duration::from_secs(1);

/// A set of tasks with one cancellation token. Clones share the set.
#[derive(Clone, Debug, Default)]
pub struct Tasks(Arc<Shared>);

#[derive(Debug, Default)]
struct Shared {
    token: CancellationToken,
    tracker: TaskTracker,
    live: Mutex<Live>,
    panics: AtomicUsize,
}

#[derive(Debug, Default)]
struct Live {
    next: u64,
    handles: BTreeMap<u64, AbortHandle>,
}

/// What a drain came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Drained {
    /// Tasks that ended by themselves in time.
    pub finished: usize,
    /// Tasks that had to be aborted.
    pub abandoned: usize,
}

impl Tasks {
    /// An empty set.
    pub fn new() -> Tasks {
        Tasks::default()
    }

    /// The token every task of the set should watch; cancelled by [`Tasks::drain`].
    pub fn token(&self) -> CancellationToken {
        self.0.token.clone()
    }

    /// Runs `future` as a task of this set. A panic is logged under `name` and counted. Needs a tokio runtime.
    pub fn spawn(&self, name: &'static str, future: impl Future<Output = ()> + Send + 'static) {
        let mut live = self.live_tasks();
        let task = tokio::spawn(future);
        let number = live.next;
        live.next += 1;
        live.handles.insert(number, task.abort_handle());
        drop(live);
        let set = self.clone();
        self.0.tracker.spawn(async move {
            let outcome = task.await;
            set.live_tasks().handles.remove(&number);
            if let Err(error) = outcome {
                set.report(name, error);
            }
        });
    }

    /// Tasks that have not ended.
    pub fn live(&self) -> usize {
        self.live_tasks().handles.len()
    }

    /// Tasks that ended in a panic, since the set was made.
    pub fn panics(&self) -> usize {
        self.0.panics.load(Ordering::Relaxed)
    }

    /// Cancels the token, waits at most `patience` for the tasks to end, then aborts those that have not.
    pub async fn drain(&self, patience: Duration) -> Drained {
        let before = self.live();
        self.0.token.cancel();
        self.0.tracker.close();
        if tokio::time::timeout(patience, self.0.tracker.wait()).await.is_ok() {
            return Drained { finished: before, abandoned: 0 };
        }
        let abandoned = {
            let live = self.live_tasks();
            live.handles.values().for_each(AbortHandle::abort);
            live.handles.len()
        };
        if tokio::time::timeout(ABORT_GRACE, self.0.tracker.wait()).await.is_err() {
            tracing::warn!(live = self.live(), "aborted tasks still block their threads");
        }
        Drained { finished: before.saturating_sub(abandoned), abandoned }
    }

    fn report(&self, name: &'static str, error: JoinError) {
        let Ok(panic) = error.try_into_panic() else { return };
        self.0.panics.fetch_add(1, Ordering::Relaxed);
        let text = panic.downcast_ref::<&str>().map(|text| (*text).to_owned());
        let text = text.or_else(|| panic.downcast_ref::<String>().cloned());
        tracing::error!(task = name, panic = text.as_deref().unwrap_or("not a text"), "a task panicked");
    }

    fn live_tasks(&self) -> MutexGuard<'_, Live> {
        self.0.live.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn drain_tells_finished_from_abandoned() {
        let tasks = Tasks::new();
        for _ in 0..2 {
            let token = tasks.token();
            tasks.spawn("polite", async move { token.cancelled().await });
        }
        tasks.spawn("stubborn", std::future::pending());
        assert_eq!(tasks.live(), 3);
        let drained = tasks.drain(Duration::from_secs(5)).await;
        assert_eq!((drained, tasks.live()), (Drained { finished: 2, abandoned: 1 }, 0));
    }

    #[tokio::test]
    async fn a_panic_is_counted_and_leaves_the_others_running() {
        let tasks = Tasks::new();
        let token = tasks.token();
        tasks.spawn("well", async move { token.cancelled().await });
        tasks.spawn("ill", async { panic!("as the test wants") });
        while tasks.live() > 1 {
            tokio::task::yield_now().await;
        }
        let drained = tasks.clone().drain(Duration::from_secs(5)).await;
        assert_eq!((drained.abandoned, tasks.live(), tasks.panics()), (0, 0, 1));
    }
}
