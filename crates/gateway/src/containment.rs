//! Orders reach the gateway: new calls are refused, open ones are cut, and receipts say what was seen.
//!
//! Invariants: the containments in memory only ever gain; an order cuts before anything is written about it;
//! a receipt is verified only by what was observed after the cut.

use crate::gateway::Shared;
use domain::containment::{Containments, Denied, Identity, Layer, Order, Proof, Receipt, Scope};
use domain::token::Claims;
use domain::{Epoch, OrderId};
use std::collections::BTreeMap;
use std::pin::pin;
use std::sync::{Arc, Mutex, PoisonError, RwLock};
use std::time::Duration;
use tokio::sync::watch;

/// Open streams are checked this often even when the store gave no hint of a change.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// Every commit is a hint; under load they are many, and an order may wait this long to be read.
const GAP: Duration = Duration::from_millis(3);
/// How long cut calls may take to be gone before the receipt says that they are not.
const CLEARING_TIME: Duration = Duration::from_secs(2);
/// How long until a store that does not answer is asked again.
const RETRY_TIME: Duration = Duration::from_millis(200);

/// What is contained, in memory.
#[derive(Debug, Default)]
pub(crate) struct Guard {
    known: RwLock<Containments>,
    /// Calls cut, by order, until its receipt is written.
    cut: Mutex<BTreeMap<OrderId, usize>>,
}

impl Guard {
    pub(crate) fn new(known: Containments) -> Self {
        Self { known: RwLock::new(known), cut: Mutex::default() }
    }

    /// Whether the run of `claims` may act.
    pub(crate) fn admit(&self, claims: &Claims) -> Result<(), Denied> {
        self.check(&claims.identity, claims.epoch)
    }

    fn check(&self, identity: &Identity, epoch: Epoch) -> Result<(), Denied> {
        self.known.read().unwrap_or_else(PoisonError::into_inner).admit(identity, epoch)
    }

    /// Takes `news` in; an older entry never replaces a newer one. False when all was known.
    fn learn(&self, news: &Containments) -> bool {
        if *self.known.read().unwrap_or_else(PoisonError::into_inner) == *news {
            return false;
        }
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        news.iter().for_each(|entry| known.merge(entry.clone()));
        true
    }

    fn count_cut(&self, denials: &[Denied]) {
        let mut cut = self.cut.lock().unwrap_or_else(PoisonError::into_inner);
        denials.iter().for_each(|denied| *cut.entry(denied.order().id.clone()).or_default() += 1);
    }

    fn cut_by(&self, order: &OrderId) -> usize {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).get(order).copied().unwrap_or(0)
    }

    fn forget(&self, order: &OrderId) {
        self.cut.lock().unwrap_or_else(PoisonError::into_inner).remove(order);
    }
}

/// Starts the two tasks: one that cuts, and one that proves without ever holding up the first.
pub(crate) fn start(shared: &Arc<Shared>) {
    let (enforced, to_prove) = watch::channel(());
    shared.tasks.spawn("gateway enforces orders", enforce(Arc::clone(shared), enforced));
    shared.tasks.spawn("gateway proves orders", prove_all(Arc::clone(shared), to_prove));
}

async fn enforce(shared: Arc<Shared>, enforced: watch::Sender<()>) {
    let mut changes = shared.ledger.changes();
    let mut over = pin!(over(&shared));
    let mut beat = tokio::time::interval(HEARTBEAT);
    loop {
        // Marked as seen before reading, so that a change during the read is not lost.
        changes.borrow_and_update();
        match shared.ledger.containments().await {
            Ok(news) => {
                if cut(&shared, &news) {
                    enforced.send_replace(());
                }
            }
            Err(error) => {
                tracing::warn!(%error, "cannot read the containments; the known ones stay in force");
                tokio::time::sleep(RETRY_TIME).await;
            }
        }
        tokio::time::sleep(GAP).await;
        tokio::select! {
            () = &mut over => return,
            // What could not be proven before is tried again with each beat.
            _ = beat.tick() => { enforced.send_replace(()); }
            changed = changes.changed() => if changed.is_err() {
                // The store is closed; the heartbeat goes on until the end.
                beat.tick().await;
            }
        }
    }
}

/// The gateway is told to end, and no call is open any more: until then an order still cuts.
async fn over(shared: &Shared) {
    shared.tasks.token().cancelled().await;
    shared.flights.clear(&Scope::All, shared.config.limits.drain_time).await;
}

/// Learns `news` and cuts what they deny. False when there was nothing new.
fn cut(shared: &Shared, news: &Containments) -> bool {
    let learned = shared.guard.learn(news);
    let denials = shared.flights.cut(news);
    shared.guard.count_cut(&denials);
    for denied in &denials {
        tracing::info!(order = %denied.order().id, "cut an open call");
    }
    learned || !denials.is_empty()
}

async fn prove_all(shared: Arc<Shared>, mut to_prove: watch::Receiver<()>) {
    let end = shared.tasks.token();
    loop {
        tokio::select! {
            () = end.cancelled() => return,
            changed = to_prove.changed() => if changed.is_err() { return },
        }
        let orders = match shared.ledger.unproven().await {
            Ok(orders) => orders,
            Err(error) => {
                tracing::warn!(%error, "cannot read which orders lack a receipt");
                continue;
            }
        };
        for order in orders {
            prove(&shared, &order).await;
        }
    }
}

async fn prove(shared: &Shared, order: &Order) {
    let identity = identity_proof(shared, order);
    let gateway = gateway_proof(shared, order).await;
    let verified = [&identity, &gateway].into_iter().all(|proof| matches!(proof, Proof::Verified { .. }));
    for (layer, proof) in [(Layer::Identity, identity), (Layer::Gateway, gateway)] {
        let at = shared.now();
        let after_us = u64::try_from(at.0.saturating_sub(order.given_at.0)).unwrap_or(0);
        let receipt = Receipt { order: order.id.clone(), layer, proof, after_us, at };
        if let Err(error) = shared.ledger.prove(&receipt).await {
            tracing::warn!(order = %order.id, %error, "a receipt is not written yet");
            return;
        }
    }
    if verified {
        shared.guard.forget(&order.id);
    }
}

/// Asks the same question that every request asks, for every token of the scope that was ever seen here, and for
/// one that is newer than any.
fn identity_proof(shared: &Shared, order: &Order) -> Proof {
    let known = shared.tokens.covered(&order.scope);
    let admitted = known.iter().filter(|claims| shared.guard.admit(claims).is_ok()).count();
    let newest = shared.guard.check(&someone_in(&order.scope), Epoch(u64::MAX)).is_ok();
    match (admitted, newest) {
        (0, false) => Proof::Verified {
            by: format!(
                "every token of {} is refused: {} known to the gateway and one newer than any were tried, 0 admitted",
                order.scope,
                known.len()
            ),
        },
        (admitted, _) => Proof::Unverified {
            why: format!(
                "of {} tokens of {} known to the gateway {admitted} are still admitted",
                known.len(),
                order.scope
            ),
        },
    }
}

async fn gateway_proof(shared: &Shared, order: &Order) -> Proof {
    let left = shared.flights.clear(&order.scope, CLEARING_TIME).await;
    let cut = shared.guard.cut_by(&order.id);
    if left == 0 {
        Proof::Verified {
            by: format!("new calls of {} are refused; {cut} open calls cut, 0 left", order.scope),
        }
    } else {
        Proof::Unverified { why: format!("{cut} open calls of {} cut, {left} still open", order.scope) }
    }
}

/// An identity that `scope` covers; what the scope does not name is a name that no configuration can have.
fn someone_in(scope: &Scope) -> Identity {
    const NOBODY: &str = "(self-check)";
    let mut identity =
        Identity { run: NOBODY.into(), agent: NOBODY.into(), team: NOBODY.into(), project: NOBODY.into() };
    match scope {
        Scope::Run(run) => identity.run = run.clone(),
        Scope::Agent(agent) => identity.agent = agent.clone(),
        Scope::Team(team) => identity.team = team.clone(),
        Scope::Project(project) => identity.project = project.clone(),
        Scope::All => {}
    }
    identity
}
