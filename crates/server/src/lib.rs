//! The control door: API, live feed and dashboard. People come in here; agents cannot.
//!
//! Invariants: nothing is answered to a stranger but the probes and the login page (`door`); a handler
//! extracts, calls, converts, and what is decided is decided in `domain`; every list is paged and every page
//! bounded; what is read comes through `records`, what is changed goes through [`control`].

mod act;
mod api;
mod app;
mod assets;
mod blobs;
pub mod control;
mod door;
mod error;
mod health;
mod live;
mod load;
mod pages;
mod records;
mod routes;
mod serve;
#[cfg(test)]
mod testing;
mod trace;
mod why;

pub use app::State;
pub use control::Control;
pub use routes::Route;

use app::App;
use axum::Router;
use tokio::net::TcpListener;
use tokio_util::sync::CancellationToken;

/// The control door.
pub struct Server {
    app: App,
}

impl Server {
    /// A server made of `state`; it listens nowhere yet.
    pub fn new(state: State) -> Self {
        Self { app: App::new(state) }
    }

    /// Everything behind the guard, ready to be called.
    pub fn router(&self) -> Router {
        routes::router(self.app.clone())
    }

    /// Every path and the methods it answers to.
    pub fn routes() -> Vec<Route> {
        routes::list()
    }

    /// Serves until `cancellation`, then ends the feeds and lets other answers finish for five seconds.
    pub async fn serve(self, listener: TcpListener, cancellation: CancellationToken) {
        let ending = self.app.ending.clone();
        let feeds = cancellation.clone();
        let end_feeds = async move {
            feeds.cancelled().await;
            ending.cancel();
        };
        tokio::join!(serve::serve(listener, self.router(), cancellation), end_feeds);
    }
}
