//! Time that passes only when nothing is left to do: hours of a daemon's life in minutes, with the real store below.
//!
//! The store's threads are not the runtime's, so tokio's own paused clock would run away while a commit is on its way to
//! the disk. Here it is kept from moving by itself, and moved when the store has answered everybody.

use base::clock::ManualClock;
use std::sync::mpsc::{Sender, channel};
use std::time::Duration;
use store::Store;

/// Looks in a row at which nothing was under way before everything counts as done: what one task wakes runs within one.
const CALM: u32 = 8;
/// How long to leave the processor to the store's threads before the next look.
const PAUSE: Duration = Duration::from_micros(50);

/// Moves time on. Needs a runtime of one thread; dropping it lets time pass by itself again.
pub struct Pacer {
    store: Store,
    hand: ManualClock,
    /// While it lives, the runtime thinks that a blocking task goes on, and does not move its clock.
    _awake: Sender<()>,
}

impl Pacer {
    /// From here on time stands still between two calls of [`Pacer::pass`].
    pub fn take_over(store: Store, hand: ManualClock) -> Self {
        let (awake, until) = channel::<()>();
        // Ends when the sender is dropped.
        tokio::task::spawn_blocking(move || _ = until.recv());
        tokio::time::pause();
        Self { store, hand, _awake: awake }
    }

    /// Waits until nothing is left to do.
    pub async fn settle(&self) {
        let mut calm = 0;
        while calm < CALM {
            tokio::task::yield_now().await;
            if self.store.stats().under_way == 0 {
                calm += 1;
            } else {
                calm = 0;
                let paused = tokio::task::spawn_blocking(|| std::thread::sleep(PAUSE)).await;
                paused.expect("a pause does not panic");
            }
        }
    }

    /// Lets `by` pass, and waits until what it brought is done.
    pub async fn pass(&self, by: Duration) {
        self.hand.advance(by);
        tokio::time::advance(by).await;
        self.settle().await;
    }

    /// Lets time pass, `step` by `step`, until `seen`; answers with how much passed.
    pub async fn until(&self, step: Duration, seen: impl Fn() -> bool) -> Duration {
        let mut passed = Duration::ZERO;
        self.settle().await;
        while !seen() {
            self.pass(step).await;
            passed += step;
        }
        passed
    }
}

impl Drop for Pacer {
    fn drop(&mut self) {
        tokio::time::resume();
    }
}
