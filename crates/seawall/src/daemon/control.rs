//! The engine as the control door sees it.

use adapters::tracker::webhook::WebhookError;
use axum::body::Bytes;
use axum::http::HeaderMap;
use domain::containment::{Lift, Order, Scope};
use domain::{ProjectName, RunId};
use engine::{Engine, order};
use futures_util::future::BoxFuture;
use server::control::{Control, Error, KILL_PLANE, Live, Part, WantedOrder, Webhook};

pub(super) struct EngineControl(Engine);

impl EngineControl {
    pub(super) fn new(engine: Engine) -> Self {
        Self(engine)
    }
}

impl Control for EngineControl {
    fn give_order(&self, wanted: WantedOrder) -> BoxFuture<'_, Result<Order, Error>> {
        let WantedOrder { scope, mode, reason, actor, .. } = wanted;
        Box::pin(async move { self.0.give_order(scope, mode, &reason, &actor).await.map_err(refused) })
    }

    fn lift(&self, scope: Scope, reason: String, actor: String) -> BoxFuture<'_, Result<Lift, Error>> {
        Box::pin(async move { self.0.lift(scope, &reason, &actor).await.map_err(refused) })
    }

    fn refresh(&self) -> BoxFuture<'_, bool> {
        Box::pin(async move { self.0.refresh() })
    }

    fn live(&self) -> BoxFuture<'_, Vec<(RunId, Live)>> {
        Box::pin(async move {
            let live = |told: engine::Telemetry| Live {
                session: told.session(),
                turns: told.turns,
                last_event: told.last_event,
                last_message: told.last_message,
                last_at: told.last_at,
                tokens: told.tokens,
                rate_limits: told.rate_limits,
                started_at: told.started_at,
            };
            self.0.telemetry().into_iter().map(|(run, told)| (run, live(told))).collect()
        })
    }

    fn rate_limits(&self) -> BoxFuture<'_, Option<serde_json::Value>> {
        Box::pin(async move { self.0.rate_limits() })
    }

    fn webhook(&self, project: ProjectName, headers: HeaderMap, body: Bytes) -> BoxFuture<'_, Webhook> {
        Box::pin(async move {
            let engine = self.0.clone();
            // The digest of a large delivery takes a while, and every stranger may ask for one.
            let verify = move || engine.webhook(&project, &headers, &body);
            match tokio::task::spawn_blocking(verify).await {
                Ok(Ok(())) => Webhook::Taken,
                Ok(Err(WebhookError::Replayed)) => Webhook::Replayed,
                Ok(Err(error)) => Webhook::Refused(error.to_string()),
                Err(error) => Webhook::Refused(format!("it could not be verified: {error}")),
            }
        })
    }

    fn reschedule(&self) -> BoxFuture<'_, ()> {
        Box::pin(async move { self.0.reschedule() })
    }

    fn readiness(&self) -> BoxFuture<'_, Vec<Part>> {
        Box::pin(async move {
            let kill_plane = Part { name: KILL_PLANE.to_owned(), state: self.0.kill_plane().ready() };
            let tracker =
                |(project, trouble)| Part { name: format!("tracker/{project}"), state: Err(trouble) };
            std::iter::once(kill_plane).chain(self.0.troubles().into_iter().map(tracker)).collect()
        })
    }
}

fn refused(error: order::Error) -> Error {
    match error {
        order::Error::UnknownScope(scope) => Error::UnknownScope(scope),
        order::Error::NotStopped(scope) => Error::NotStopped(scope),
        other @ (order::Error::Store(_) | order::Error::KillPlane(_)) => {
            Error::Unavailable(base::error::chain(&other))
        }
    }
}
