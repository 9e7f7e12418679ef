//! A wake-up for any number of listeners; wake-ups that come together are heard once, none is missed.

use tokio::sync::watch;

#[derive(Debug)]
pub(crate) struct Wake(watch::Sender<u64>);

impl Wake {
    pub(crate) fn new() -> Self {
        Self(watch::channel(0).0)
    }

    pub(crate) fn wake(&self) {
        self.0.send_modify(|n| *n = n.wrapping_add(1));
    }

    /// A listener that hears everything from now on.
    pub(crate) fn listen(&self) -> Listener {
        Listener(self.0.subscribe())
    }
}

pub(crate) struct Listener(watch::Receiver<u64>);

impl Listener {
    /// Resolves at the next wake-up, or at once if there was one since the last time. Cancel-safe.
    pub(crate) async fn woken(&mut self) {
        if self.0.changed().await.is_err() {
            // The sender lives as long as the engine; without it there is nothing left to wake up for.
            std::future::pending::<()>().await;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn every_listener_hears_a_wake_up_that_came_while_it_was_busy() {
        let wake = Wake::new();
        let (mut one, mut two) = (wake.listen(), wake.listen());
        wake.wake();
        wake.wake();
        one.woken().await;
        two.woken().await;
        assert!(tokio::time::timeout(std::time::Duration::from_millis(1), one.woken()).await.is_err());
    }
}
