//! Tells this process of other replicas' commits, and them of ours.
//!
//! A NOTIFY takes a lock that all commits of the server share, so commits never carry one: a single task
//! sends one empty NOTIFY at most every 50 ms if anything was committed. Notifications get lost with a
//! connection, so subscribers are also woken by a slow timer: the hint is an acceleration, never the truth.

use futures_util::future::poll_fn;
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{Notify, watch};
use tokio::task::JoinHandle;
use tokio::time::{Instant, MissedTickBehavior, interval_at, sleep};
use tokio_postgres::{AsyncMessage, Client, Config, NoTls};

/// The least time between two NOTIFYs of a replica.
const PAUSE: Duration = Duration::from_millis(50);
/// Subscribers are woken this often even when nobody notified.
const POLL: Duration = Duration::from_secs(2);
/// The wait before the listener connects again.
const RECONNECT: Duration = Duration::from_secs(1);

/// The task, stopped when this is dropped.
#[derive(Debug)]
pub(super) struct Hints {
    ours: Arc<Notify>,
    changes: watch::Sender<u64>,
    task: JoinHandle<()>,
}

impl Hints {
    pub(super) fn start(config: Config, changes: watch::Sender<u64>) -> Self {
        let ours = Arc::new(Notify::new());
        let task = tokio::spawn(serve(config, Arc::clone(&ours), changes.clone()));
        Self { ours, changes, task }
    }

    /// A transaction ended here.
    pub(super) fn ended(&self) {
        bump(&self.changes);
        self.ours.notify_one();
    }
}

impl Drop for Hints {
    fn drop(&mut self) {
        self.task.abort();
    }
}

fn bump(changes: &watch::Sender<u64>) {
    changes.send_modify(|n| *n += 1);
}

/// Listens, notifies and polls for ever; a lost connection is made anew.
async fn serve(config: Config, ours: Arc<Notify>, changes: watch::Sender<u64>) {
    let polling = async {
        let mut tick = interval_at(Instant::now() + POLL, POLL);
        tick.set_missed_tick_behavior(MissedTickBehavior::Delay);
        loop {
            tick.tick().await;
            bump(&changes);
        }
    };
    let listening = async {
        loop {
            match config.connect(NoTls).await {
                Ok((client, mut connection)) => {
                    let receiving = async {
                        while let Some(Ok(message)) = poll_fn(|cx| connection.poll_message(cx)).await {
                            if matches!(message, AsyncMessage::Notification(_)) {
                                bump(&changes);
                            }
                        }
                    };
                    // Whichever ends first, the connection is of no more use.
                    tokio::select! { () = receiving => {}, () = notifying(&client, &ours) => {} }
                    tracing::warn!("the store's listener lost its connection; polling until it is back");
                }
                Err(error) => tracing::debug!(%error, "the store's listener cannot connect"),
            }
            sleep(RECONNECT).await;
        }
    };
    tokio::join!(polling, listening);
}

/// Announces our commits until the connection fails.
async fn notifying(client: &Client, ours: &Notify) {
    let mut sent = client.batch_execute("LISTEN seawall_changes").await;
    while sent.is_ok() {
        ours.notified().await;
        sent = client.batch_execute("NOTIFY seawall_changes").await;
        sleep(PAUSE).await;
    }
}
