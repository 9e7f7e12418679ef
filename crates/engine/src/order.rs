//! Stopping a scope: one order, its layers, their receipts. Lifting it again.
//!
//! The runtime layer depends on nothing but the kill plane: it acts before the store is asked. The
//! identity and the gateway layer are proven by the gateway, which reads the order from the store.

use crate::Engine;
use base::secret::Secret;
use domain::containment::{Containment, Layer, Lift, Mode, Order, Proof, Receipt, Scope};
use domain::run::Input;
use domain::{Epoch, OrderId, RunId, Timestamp};
use killd::protocol;
use std::sync::PoisonError;
use std::time::Duration;

/// What an agent is given to leave things tidy when it is stopped softly.
const SOFT_PATIENCE: Duration = Duration::from_secs(2);
/// How long the store may take to tell what it knows before an order goes on without it.
const STORE_PATIENCE: Duration = Duration::from_millis(500);
/// Revoked tokens kept for replay.
const MAX_REVOKED: usize = 1_000;
/// How often an order is recorded anew because another one was recorded meanwhile.
const MAX_TRIES: u32 = 20;

/// Why an order was not given, or a scope not lifted.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Nothing is called that.
    #[error("nothing is called {0}")]
    UnknownScope(Scope),
    /// There is nothing to lift.
    #[error("{0} is not stopped")]
    NotStopped(Scope),
    /// The store did not take it. The processes are stopped all the same if the kill plane answered.
    #[error("the order was not recorded")]
    Store(#[from] store::Error),
    /// The kill plane did not take it.
    #[error(transparent)]
    KillPlane(#[from] crate::kill_plane::Error),
}

impl Engine {
    /// Stops `scope`. Answers once the order is durable and every layer is at work; the receipts follow.
    pub async fn give_order(
        &self,
        scope: Scope,
        mode: Mode,
        reason: &str,
        actor: &str,
    ) -> Result<Order, Error> {
        self.known(&scope).await?;
        let order = Order {
            id: OrderId::new(self.0.setup.outside.ids.next()),
            scope,
            mode,
            reason: reason.to_owned(),
            actor: actor.to_owned(),
            epoch: Epoch(self.last_epoch().await.0 + 1),
            given_at: self.now(),
        };
        tracing::warn!(order = %order.id, scope = %order.scope, actor, reason, "order given");
        self.keep_revoked(&order);
        match mode {
            Mode::Hard => {
                let (runtime, recorded) = tokio::join!(self.stop_processes(&order), self.record(&order));
                let order = recorded?;
                self.finish(order, runtime).await
            }
            Mode::Soft => {
                let order = self.record(&order).await?;
                self.ask_to_stop(&order).await;
                let runtime = self.stop_processes(&order).await;
                self.finish(order, runtime).await
            }
        }
    }

    /// Ends the containment of `scope`. Its stopped runs stay ended; their issues may be worked on again.
    pub async fn lift(&self, scope: Scope, reason: &str, actor: &str) -> Result<Lift, Error> {
        let containments = self.0.store.containments().await?;
        let Some(entry) = containments.get(&scope).filter(|c| c.in_force()) else {
            return Err(Error::NotStopped(scope));
        };
        let lift = Lift {
            epoch: Epoch(self.last_epoch().await.0 + 1),
            actor: actor.to_owned(),
            reason: reason.to_owned(),
            at: self.now(),
        };
        // The kill plane first: if it fails, everything stays stopped.
        self.0.kill_plane.lift(told(&entry.order, &lift)).await?;
        let entry = Containment { order: entry.order.clone(), lifted: Some(lift.clone()) };
        self.0.store.merge_containment(&entry).await?;
        tracing::warn!(%scope, actor, reason, "containment lifted");
        self.0.schedule.wake();
        Ok(lift)
    }

    /// The runs that an order on `scope` would stop now.
    pub async fn would_reach(&self, scope: &Scope) -> Result<Vec<RunId>, Error> {
        self.known(scope).await?;
        let open = self.0.store.open_runs().await?;
        Ok(open.into_iter().filter(|s| covers(scope, &s.run)).map(|s| s.run.id).collect())
    }

    /// The tokens that were live here when the order was given, by run; the latest 1,000 of all orders.
    /// Presenting one at the gateway shows whether the identity layer holds.
    pub fn revoked_tokens(&self, order: &OrderId) -> Vec<(RunId, Secret)> {
        let revoked = self.0.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        let of_order = revoked.iter().filter(|(id, ..)| id == order);
        of_order.map(|(_, run, token)| (run.clone(), token.clone())).collect()
    }

    fn keep_revoked(&self, order: &Order) {
        let mut revoked = self.0.revoked.lock().unwrap_or_else(PoisonError::into_inner);
        let tokens = self.0.live.tokens(&order.scope);
        revoked.extend(tokens.into_iter().map(|(run, token)| (order.id.clone(), run, token)));
        let surplus = revoked.len().saturating_sub(MAX_REVOKED);
        revoked.drain(..surplus);
    }

    /// Takes over what this machine's kill plane remembers and the store does not: orders given while we were down, or
    /// past us. Those given at `given_before` or later may still be on their way to the store.
    pub(crate) async fn adopt_tombstones(&self, given_before: Timestamp) -> Result<(), Error> {
        let status = self.0.kill_plane.status().await?;
        let known = self.0.store.containments().await?;
        for stopped in status.stopped.into_iter().filter(|stopped| stopped.at_us < given_before.0) {
            let Ok(scope) = stopped.scope.parse::<Scope>() else {
                tracing::error!(scope = stopped.scope, "the kill plane stops a scope that cannot be read");
                continue;
            };
            match known.get(&scope) {
                Some(entry) if entry.in_force() && entry.order.epoch.0 >= stopped.epoch => {}
                Some(Containment { order, lifted: Some(lift) }) if order.id.as_str() == stopped.order => {
                    // This very order was lifted on another machine.
                    self.0.kill_plane.lift(told(order, lift)).await?;
                }
                Some(_) | None => self.adopt(scope, stopped).await?,
            }
        }
        Ok(())
    }

    async fn adopt(&self, scope: Scope, stopped: protocol::Stopped) -> Result<(), Error> {
        let order = Order {
            id: OrderId::new(stopped.order),
            scope,
            mode: Mode::Hard,
            reason: stopped.reason,
            actor: stopped.actor,
            epoch: Epoch(stopped.epoch),
            given_at: Timestamp(stopped.at_us),
        };
        tracing::warn!(order = %order.id, scope = %order.scope, "taking over an order from the kill plane");
        // Its epoch grows past all that is known: whoever gave it could only ask the kill plane.
        let order = self.record(&order).await?;
        let runtime = self.stop_processes(&order).await;
        self.finish(order, runtime).await.map(|_| ())
    }

    /// Hands this machine's kill plane the orders that were given through another one: without a tombstone here, what
    /// they stopped could start here.
    pub(crate) async fn hand_down_orders(&self) -> Result<(), Error> {
        let known = self.0.store.containments().await?;
        let in_force = known.iter().filter(|entry| entry.in_force());
        let orders: Vec<Order> = in_force.map(|entry| entry.order.clone()).collect();
        if orders.is_empty() {
            return Ok(());
        }
        let status = self.0.kill_plane.status().await?;
        for order in orders {
            let scope = order.scope.to_string();
            if status.stopped.iter().all(|stopped| stopped.scope != scope) {
                self.stop_processes(&order).await;
            }
        }
        Ok(())
    }

    /// Asks again for what the runtime layer has not proven yet.
    pub(crate) async fn prove_again(&self) -> Result<(), Error> {
        for record in self.0.store.unproven(&[Layer::Runtime]).await? {
            let runtime = self.stop_processes(&record.order).await;
            self.0.store.prove(&runtime).await?;
        }
        Ok(())
    }

    async fn known(&self, scope: &Scope) -> Result<(), Error> {
        let registered = self.registered();
        let fleet = &registered.fleet;
        let known = match scope {
            Scope::All => true,
            Scope::Agent(name) => fleet.agents.contains_key(name),
            Scope::Team(name) => fleet.teams.contains_key(name),
            Scope::Project(name) => fleet.projects.contains_key(name),
            // A store that does not answer must not keep a run alive.
            Scope::Run(id) => {
                let found = tokio::time::timeout(STORE_PATIENCE, self.0.store.run(id)).await;
                !matches!(found, Ok(Ok(None)))
            }
        };
        if known { Ok(()) } else { Err(Error::UnknownScope(scope.clone())) }
    }

    /// The last epoch that anybody remembers.
    async fn last_epoch(&self) -> Epoch {
        let stored = match tokio::time::timeout(STORE_PATIENCE, self.0.store.containments()).await {
            Ok(Ok(containments)) => containments.epoch(),
            Ok(Err(_)) | Err(_) => Epoch::default(),
        };
        let told = self.0.kill_plane.status().await.ok();
        let told = told.into_iter().flat_map(|s| s.stopped).map(|s| Epoch(s.epoch)).max();
        stored.max(told.unwrap_or_default())
    }

    /// Makes the order durable, and tells every run it covers. Its epoch grows if another was quicker.
    async fn record(&self, order: &Order) -> Result<Order, Error> {
        let mut order = order.clone();
        let mut tries = 0;
        loop {
            let (known, version) = self.0.store.containments_at_version().await?;
            order.epoch = order.epoch.max(Epoch(known.epoch().0 + 1));
            let entry = Containment { order: order.clone(), lifted: None };
            match self.0.store.contain(&entry, version).await {
                Ok(()) => break,
                Err(store::Error::Outdated { .. }) if tries < MAX_TRIES => tries += 1,
                Err(error) => return Err(error.into()),
            }
        }
        self.tell_runs(&order).await?;
        Ok(order)
    }

    async fn tell_runs(&self, order: &Order) -> Result<(), Error> {
        for stored in self.0.store.open_runs().await? {
            if covers(&order.scope, &stored.run) {
                self.submit(&stored.run.id, Input::Contained(order.clone())).await?;
            }
        }
        Ok(())
    }

    /// The runtime layer: whatever the kill plane answers, as a receipt.
    async fn stop_processes(&self, order: &Order) -> Receipt {
        let asked = protocol::Order {
            id: order.id.to_string(),
            scope: order.scope.to_string(),
            reason: order.reason.clone(),
            actor: order.actor.clone(),
            epoch: order.epoch.0,
            at_us: order.given_at.0,
        };
        let proof = match self.0.kill_plane.stop(asked).await {
            Ok(receipt) => self.proven_elsewhere(&order.scope, proof_of(&receipt)).await,
            Err(error) => Proof::Unverified { why: error.to_string() },
        };
        let at = self.now();
        let after_us = u64::try_from(at.0 - order.given_at.0).unwrap_or(0);
        Receipt { order: order.id.clone(), layer: Layer::Runtime, proof, after_us, at }
    }

    /// This machine's kill plane speaks for this machine. Where others work on the same store, their engines hold the
    /// attempts that live there until the last process is gone.
    async fn proven_elsewhere(&self, scope: &Scope, here: Proof) -> Proof {
        if self.0.only || !matches!(here, Proof::Verified { .. }) {
            return here;
        }
        let living = tokio::time::timeout(STORE_PATIENCE, self.living_elsewhere(scope)).await;
        let why = match living {
            Ok(Ok(runs)) if runs.is_empty() => return here,
            Ok(Ok(runs)) => format!("dead here; {} may still live on other machines", runs.join(", ")),
            Ok(Err(_)) | Err(_) => {
                "dead here; the store does not say what lives on other machines".to_owned()
            }
        };
        Proof::Unverified { why }
    }

    async fn living_elsewhere(&self, scope: &Scope) -> Result<Vec<String>, store::Error> {
        let mut covered = vec![];
        for id in self.0.store.attempts_elsewhere(&self.0.owner).await? {
            let run = self.0.store.run(&id).await?;
            if run.is_none_or(|stored| covers(scope, &stored.run)) {
                covered.push(id.to_string());
            }
        }
        Ok(covered)
    }

    async fn finish(&self, order: Order, runtime: Receipt) -> Result<Order, Error> {
        self.0.store.prove(&runtime).await?;
        Ok(order)
    }

    /// Interrupts the covered attempts, and waits for them to leave, but not for long.
    async fn ask_to_stop(&self, order: &Order) {
        let left = self.0.live.interrupt(&order.scope);
        let _ = tokio::time::timeout(SOFT_PATIENCE, left).await;
    }
}

fn told(order: &Order, lift: &Lift) -> protocol::Lift {
    protocol::Lift {
        scope: order.scope.to_string(),
        order: order.id.to_string(),
        actor: lift.actor.clone(),
        reason: lift.reason.clone(),
        epoch: lift.epoch.0,
        at_us: lift.at.0,
    }
}

fn covers(scope: &Scope, run: &domain::run::Run) -> bool {
    run.identity().scopes().contains(scope)
}

fn proof_of(receipt: &protocol::Receipt) -> Proof {
    let processes: u64 = receipt.runs.iter().map(|r| r.processes_before).sum();
    let slowest = receipt.runs.iter().filter_map(|r| r.dead_us).max();
    match (receipt.state, slowest) {
        (protocol::Proof::Verified, Some(us)) => Proof::Verified {
            by: format!(
                "{} run(s), {processes} process(es) dead after {us} µs, none left; tombstone on disk",
                receipt.runs.len()
            ),
        },
        (protocol::Proof::Verified, None) => {
            Proof::Verified { by: "no process of the scope was running; tombstone on disk".to_owned() }
        }
        (protocol::Proof::Unverified, _) => Proof::Unverified {
            why: receipt.why.clone().unwrap_or_else(|| "the kill plane could not prove it".to_owned()),
        },
    }
}
