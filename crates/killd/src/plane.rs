//! The kill plane itself: tombstones, runs, and what an order does to them.
//!
//! Invariants: the two locks are held for memory only, never over disk, kernel or network; a stop is in force for
//! new registrations before its tombstone is written and before the first process is frozen, so no run slips in
//! between.

use std::path::Path;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use base::tasks::Tasks;
use tokio::sync::watch;

use crate::protocol::{
    Lift, MAX_NAME_BYTES, MAX_SUPERVISORS, Order, Proof, Receipt, Registration, Reply, RunReceipt, Status,
};
use crate::reach::{self, Tree};
use crate::runs::{ConnectionId, Run, Runs, statuses};
use crate::tombstones::log::{self, Log};
use crate::tombstones::{Entry, Ledger, NotLifted, Stopping};

/// Attempts to prove that the runs of a lost supervisor are dead, and the pause between them. After that they stay
/// registered and visible for the next stop.
const DEAD_MAN_ATTEMPTS: u32 = 60;
const DEAD_MAN_PAUSE: Duration = Duration::from_secs(1);
/// Looks for the init of a namespace, and the pause between them: five seconds, in which any sandbox is built. One
/// that is built later is looked for by the stop itself.
const INIT_LOOKS: u32 = 500;
const INIT_PAUSE: Duration = Duration::from_millis(10);
/// Longest reason in bytes.
const MAX_REASON_BYTES: usize = 4096;

/// The state of the kill plane, shared by its connections.
#[derive(Debug)]
pub(crate) struct Plane {
    state: Mutex<State>,
    log: Result<Log, String>,
    supervisors: watch::Sender<usize>,
    tasks: Tasks,
}

#[derive(Debug, Default)]
struct State {
    ledger: Ledger,
    runs: Runs,
    deny_all: Option<String>,
}

impl Plane {
    /// Reads the tombstones in `dir`. Never fails: what cannot be trusted becomes deny-all.
    pub fn open(dir: &Path, tasks: Tasks) -> Plane {
        let log::Opened { ledger, log } = log::open(dir);
        let deny_all = log.as_ref().err().cloned();
        if let Some(why) = &deny_all {
            tracing::error!(why, "nothing may start");
        }
        let state = Mutex::new(State { ledger, runs: Runs::default(), deny_all });
        Plane { state, log, supervisors: watch::Sender::new(0), tasks }
    }

    /// The number of supervisors, now and when it changes.
    pub fn supervisors(&self) -> watch::Receiver<usize> {
        self.supervisors.subscribe()
    }

    pub fn supervise(&self, name: &str, connection: ConnectionId) -> Reply {
        let mut room = false;
        self.supervisors.send_if_modified(|count| {
            room = *count < MAX_SUPERVISORS;
            *count += usize::from(room);
            room
        });
        if !room {
            return refused(format!("{MAX_SUPERVISORS} supervisors are connected; end some first"));
        }
        tracing::info!(supervisor = name, connection, "supervisor connected");
        Reply::Ok
    }

    /// A supervisor's connection ended: its runs die, without a tombstone.
    pub fn supervisor_gone(self: &Arc<Plane>, connection: ConnectionId) {
        let plane = Arc::clone(self);
        self.tasks.spawn("dead-man", async move {
            for attempt in 0..DEAD_MAN_ATTEMPTS {
                let runs = plane.state().runs.supervised_by(connection);
                if attempt == 0 {
                    tracing::warn!(connection, runs = runs.len(), "supervisor gone; killing its runs");
                }
                for receipt in kill(runs).await {
                    // The second time for good: a child that was just being started joins its group late.
                    if receipt.dead_us.is_some() && attempt > 0 {
                        plane.state().runs.remove(&receipt.run, receipt.fence);
                    }
                }
                if attempt == 0 {
                    plane.supervisors.send_modify(|count| *count = count.saturating_sub(1));
                }
                if plane.state().runs.supervised_by(connection).is_empty() {
                    return;
                }
                tokio::time::sleep(DEAD_MAN_PAUSE).await;
            }
            tracing::error!(
                connection,
                "some runs of a lost supervisor could not be proved dead; stop them again"
            );
        });
    }

    pub fn register(&self, registration: Registration, connection: ConnectionId) -> Reply {
        // Opened before the lock is taken: the kernel may take its time.
        let run = match Run::open(registration, connection) {
            Ok(run) => Arc::new(run),
            Err(why) => return refused(why),
        };
        let mut state = self.state();
        if let Some(why) = &state.deny_all {
            return refused(why.clone());
        }
        if let Some(stopped) = state.ledger.covering(run.labels.iter().map(String::as_str)) {
            let why = format!(
                "{} is stopped by {}: {}; lift it first",
                stopped.scope, stopped.actor, stopped.reason
            );
            return Reply::Refused { order: Some(stopped.order), why };
        }
        match state.runs.add(Arc::clone(&run)) {
            Err(why) => refused(why),
            Ok(older) => {
                if run.tree().is_some() {
                    self.tasks.spawn("namespace", find_init(run));
                }
                if !older.is_empty() {
                    self.tasks.spawn("older claims", async move {
                        kill(older).await;
                    });
                }
                Reply::Ok
            }
        }
    }

    /// Its supervisor says that it is over. A tree of which a known process lives stays until it is proved dead, so
    /// that a stop that comes meanwhile waits for it.
    pub fn release(self: &Arc<Plane>, run: &str, fence: u64) -> Reply {
        let Some(found) = self.state().runs.find(run, fence) else { return Reply::Ok };
        if let Some(tree) = found.tree() {
            tree.release();
        }
        if found.tree().is_none_or(|tree| !tree.is_alive()) {
            self.state().runs.remove(run, fence);
            return Reply::Ok;
        }
        let plane = Arc::clone(self);
        self.tasks.spawn("released run", async move {
            for receipt in kill(vec![found]).await {
                match receipt.why {
                    None => plane.state().runs.remove(&receipt.run, receipt.fence),
                    Some(why) => tracing::error!(run = receipt.run, why, "released, but not proved dead"),
                }
            }
        });
        Reply::Ok
    }

    pub fn check(&self, labels: &[String]) -> Reply {
        Reply::Checked { stopped: self.state().ledger.covering(labels.iter().map(String::as_str)) }
    }

    pub fn would_reach(&self, order: &Order) -> Reply {
        let runs = self.state().runs.covered_by(&order.scope);
        Reply::WouldReach { runs: runs.iter().map(|run| run.id.clone()).collect() }
    }

    pub async fn status(&self) -> Reply {
        let (stopped, deny_all, runs) = {
            let state = self.state();
            (state.ledger.in_force(), state.deny_all.clone(), state.runs.all())
        };
        match tokio::task::spawn_blocking(move || statuses(&runs)).await {
            Ok(runs) => Reply::Status(Status { stopped, runs, deny_all, pid: std::process::id() }),
            Err(_) => Reply::Error { why: "the status could not be read; ask again".into() },
        }
    }

    pub async fn stop(&self, order: Order) -> Reply {
        if let Err(why) = check_order(&order.id, &order.scope, &order.actor, &order.reason) {
            return Reply::Error { why };
        }
        let stopping = self.state().ledger.stop(order.clone());
        let new = match stopping {
            Stopping::Lifted { by } => {
                let why = format!("order {} was lifted by {by}; give a new order to stop again", order.id);
                return Reply::Refused { order: Some(by), why };
            }
            Stopping::Again { .. } => None,
            Stopping::New(order) => Some(order),
        };
        tracing::warn!(order = order.id, scope = order.scope, actor = order.actor, "stop");
        let runs = self.state().runs.covered_by(&order.scope);
        let writing = async {
            match new {
                Some(order) => self.write_stop(order).await,
                None => Ok(()),
            }
        };
        // The processes do not wait for the disk. A crash in between answers nobody, and the order is given again.
        let (tombstone, killed) = tokio::join!(writing, kill(runs));
        let mut receipt = receipt(killed);
        receipt.tombstoned = tombstone.is_ok();
        receipt.epoch = self.epoch(&order.scope);
        if let Err(why) = tombstone {
            receipt.state = Proof::Unverified;
            let more = receipt.why.take().map(|text| format!("; {text}")).unwrap_or_default();
            receipt.why = Some(format!("the tombstone is not on disk: {why}{more}"));
        }
        Reply::Receipt(receipt)
    }

    /// Kills a scope, without a tombstone.
    pub async fn stop_once(&self, order: Order) -> Reply {
        tracing::warn!(order = order.id, scope = order.scope, actor = order.actor, "stop without tombstone");
        let runs = self.state().runs.covered_by(&order.scope);
        Reply::Receipt(receipt(kill(runs).await))
    }

    pub async fn kill_run(&self, run: &str, fence: u64, why: &str) -> Reply {
        let Some(found) = self.state().runs.find(run, fence) else {
            return refused(format!("run {run} with fence {fence} is not registered; nothing was killed"));
        };
        tracing::info!(run, fence, why, "kill");
        Reply::Receipt(receipt(kill(vec![found]).await))
    }

    pub async fn lift(&self, lift: Lift) -> Reply {
        if let Err(why) = check_order(&lift.order, &lift.scope, &lift.actor, &lift.reason) {
            return Reply::Error { why };
        }
        let may = self.state().ledger.may_lift(&lift);
        match may {
            Ok(()) => {}
            Err(NotLifted::Already) => return Reply::Ok,
            Err(NotLifted::NothingStopped) => {
                return refused(format!("nothing is stopped under {}", lift.scope));
            }
            Err(NotLifted::LastEpoch) => return refused("an epoch must be smaller than 2^64 - 1".into()),
            Err(NotLifted::OldEpoch { stop }) => {
                return refused(format!("the stop has epoch {stop}; lift it with a greater one"));
            }
        }
        if let Err(why) = self.append(&Entry::Lift(lift.clone())).await {
            return Reply::Error { why: format!("{} stays stopped: {why}", lift.scope) };
        }
        tracing::warn!(order = lift.order, scope = lift.scope, actor = lift.actor, "lift");
        self.state().ledger.put_lift(lift);
        Reply::Ok
    }

    /// Kills everything that is registered: the end of the kill plane itself.
    pub async fn kill_everything(&self) -> Vec<RunReceipt> {
        let runs = self.state().runs.all();
        kill(runs).await
    }

    async fn write_stop(&self, order: Order) -> Result<(), String> {
        let entry = Entry::Stop(order);
        let result = self.append(&entry).await;
        let mut state = self.state();
        match (&result, &entry) {
            (Ok(()), Entry::Stop(order)) => state.ledger.stop_is_durable(order),
            (Err(why), _) => {
                tracing::error!(why, "a tombstone is not on disk");
                // In memory it holds; but as a restart might forget it, nothing may start until a person looked.
                state.deny_all.get_or_insert_with(|| {
                    format!(
                        "a tombstone could not be written: {why}. Make room on the disk, restart, stop again"
                    )
                });
            }
            (Ok(()), Entry::Lift(_)) => {}
        }
        result
    }

    async fn append(&self, entry: &Entry) -> Result<(), String> {
        match &self.log {
            Ok(log) => log.append(entry).await,
            Err(why) => Err(why.clone()),
        }
    }

    fn epoch(&self, scope: &str) -> Option<u64> {
        self.state()
            .ledger
            .in_force()
            .into_iter()
            .find(|stopped| stopped.scope == scope)
            .map(|stop| stop.epoch)
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Waits for the init of the run's namespace: it starts after its parent was registered.
async fn find_init(run: Arc<Run>) {
    for _ in 0..INIT_LOOKS {
        let looked = Arc::clone(&run);
        let look = move || looked.tree().is_none_or(Tree::find_init);
        if tokio::task::spawn_blocking(look).await.unwrap_or(true) {
            return;
        }
        tokio::time::sleep(INIT_PAUSE).await;
    }
}

async fn kill(runs: Vec<Arc<Run>>) -> Vec<RunReceipt> {
    if runs.is_empty() {
        return Vec::new();
    }
    let names: Vec<_> = runs.iter().map(|run| (run.id.clone(), run.fence)).collect();
    let killed = tokio::task::spawn_blocking(move || reach::kill(&runs)).await;
    killed.unwrap_or_else(|error| {
        tracing::error!(%error, "a kill did not end");
        let why = Some("the kill plane failed in the middle; stop it again".to_owned());
        let lost = |(run, fence)| RunReceipt {
            run,
            fence,
            processes_before: 0,
            frozen_us: None,
            dead_us: None,
            why: why.clone(),
        };
        names.into_iter().map(lost).collect()
    })
}

fn receipt(runs: Vec<RunReceipt>) -> Receipt {
    let open: Vec<_> = runs.iter().filter(|run| run.dead_us.is_none()).map(|run| run.run.as_str()).collect();
    let why = (!open.is_empty()).then(|| format!("not proved dead: {}", open.join(", ")));
    let state = if open.is_empty() { Proof::Verified } else { Proof::Unverified };
    Receipt { state, why, runs, tombstoned: false, epoch: None }
}

fn refused(why: String) -> Reply {
    Reply::Refused { order: None, why }
}

fn check_order(id: &str, scope: &str, actor: &str, reason: &str) -> Result<(), String> {
    let named = [id, scope, actor].iter().all(|text| !text.is_empty() && text.len() <= MAX_NAME_BYTES);
    if named && reason.len() <= MAX_REASON_BYTES {
        return Ok(());
    }
    Err(format!(
        "an order's id, scope and actor must have 1 to {MAX_NAME_BYTES} bytes, its reason at most {MAX_REASON_BYTES}"
    ))
}
