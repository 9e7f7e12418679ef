//! An engine that only writes orders down.

use axum::body::Bytes;
use axum::http::HeaderMap;
use domain::containment::{Containment, Layer, Lift, Order, Proof, Receipt, Scope};
use domain::{Epoch, OrderId, ProjectName, RunId, Timestamp};
use futures_util::future::{BoxFuture, FutureExt};
use server::control::{Control, Error, KILL_PLANE, Live, Part, WantedOrder, Webhook};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use store::Store;

pub struct FakeControl {
    store: Store,
    pub killable: AtomicBool,
    pub refreshed: AtomicU64,
    /// Bytes of the delivery that came last.
    pub delivered: AtomicUsize,
    pub given: Mutex<Vec<WantedOrder>>,
}

impl FakeControl {
    pub fn new(store: Store) -> Self {
        Self {
            store,
            killable: AtomicBool::new(true),
            refreshed: AtomicU64::new(0),
            delivered: AtomicUsize::new(0),
            given: Mutex::default(),
        }
    }

    async fn record(&self, wanted: WantedOrder) -> Result<Order, Error> {
        self.given.lock().unwrap().push(wanted.clone());
        let (known, version) = self.store.containments_at_version().await.unwrap();
        let epoch = Epoch(known.epoch().0 + 1);
        let order = Order {
            id: OrderId::new(format!("o{:03}", epoch.0)),
            scope: wanted.scope,
            mode: wanted.mode,
            reason: wanted.reason,
            actor: wanted.actor,
            epoch,
            given_at: wanted.now,
        };
        let entry = Containment { order: order.clone(), lifted: None };
        self.store.contain(&entry, version).await.unwrap();
        Ok(order)
    }
}

/// Proves `layers` of `order`.
pub async fn prove(store: &Store, order: &Order, layers: &[(Layer, Proof, u64)]) {
    for (layer, proof, after_us) in layers.iter().cloned() {
        let at = Timestamp(order.given_at.0 + after_us as i64);
        store.prove(&Receipt { order: order.id.clone(), layer, proof, after_us, at }).await.unwrap();
    }
}

impl Control for FakeControl {
    fn give_order(&self, wanted: WantedOrder) -> BoxFuture<'_, Result<Order, Error>> {
        self.record(wanted).boxed()
    }

    fn lift(&self, scope: Scope, reason: String, actor: String) -> BoxFuture<'_, Result<Lift, Error>> {
        async move {
            let (known, version) = self.store.containments_at_version().await.unwrap();
            let entry = known.get(&scope).filter(|c| c.in_force()).cloned();
            let Some(mut entry) = entry else { return Err(Error::NotStopped(scope)) };
            let lift = Lift { epoch: Epoch(known.epoch().0 + 1), actor, reason, at: entry.order.given_at };
            entry.lifted = Some(lift.clone());
            self.store.contain(&entry, version).await.unwrap();
            Ok(lift)
        }
        .boxed()
    }

    fn refresh(&self) -> BoxFuture<'_, bool> {
        async { self.refreshed.fetch_add(1, Ordering::SeqCst) > 0 }.boxed()
    }

    fn live(&self) -> BoxFuture<'_, Vec<(RunId, Live)>> {
        async { vec![] }.boxed()
    }

    fn rate_limits(&self) -> BoxFuture<'_, Option<serde_json::Value>> {
        async { None }.boxed()
    }

    fn webhook(&self, _project: ProjectName, headers: HeaderMap, body: Bytes) -> BoxFuture<'_, Webhook> {
        let signed = headers.contains_key("x-signed");
        self.delivered.store(body.len(), Ordering::SeqCst);
        async move {
            if signed { Webhook::Taken } else { Webhook::Refused("the delivery is not signed".into()) }
        }
        .boxed()
    }

    fn reschedule(&self) -> BoxFuture<'_, ()> {
        async {
            self.refreshed.fetch_add(1, Ordering::SeqCst);
        }
        .boxed()
    }

    fn readiness(&self) -> BoxFuture<'_, Vec<Part>> {
        let killable = self.killable.load(Ordering::SeqCst);
        let kill_plane =
            if killable { Ok(()) } else { Err("killd does not answer; restart `seawall up`".into()) };
        let tracker =
            Err("the folder `issues` of project shop cannot be read: no such file or directory".into());
        async move {
            vec![
                Part { name: KILL_PLANE.into(), state: kill_plane },
                Part { name: "tracker shop".into(), state: tracker },
            ]
        }
        .boxed()
    }
}
