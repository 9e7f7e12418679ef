//! Serves a seeded dashboard, to look at: `cargo run -p server --example preview -- 7799`. It prints its link.

#[path = "../tests/seed/mod.rs"]
mod seed;

use base::clock::Clock;
use base::secret::Secret;
use domain::Timestamp;
use seed::control::FakeControl;
use server::{Server, State};
use std::io::Write;
use std::sync::Arc;
use store::Store;
use tokio_util::sync::CancellationToken;

#[tokio::main]
async fn main() -> std::io::Result<()> {
    let port: u16 = std::env::args().nth(1).and_then(|p| p.parse().ok()).unwrap_or(7799);
    let dir = tempfile::tempdir()?;
    let url = format!("sqlite:{}", dir.path().join("preview.db").display());
    let store = Store::open(&url).await.map_err(std::io::Error::other)?;
    let control = FakeControl::new(store.clone());
    let clock = Clock::system();
    seed::day::write(&store, &control, &dir.path().join("blobs"), Timestamp(clock.now_us())).await;
    let state = State {
        store,
        control: Arc::new(control),
        clock,
        secret: Secret::new("preview"),
        insecure_loopback: std::env::args().any(|arg| arg == "--open"),
        fleet: seed::fleet(),
        hosts: vec![],
        blobs: dir.path().join("blobs"),
    };
    let listener = tokio::net::TcpListener::bind(("127.0.0.1", port)).await?;
    writeln!(std::io::stdout(), "http://{}/login?key=preview", listener.local_addr()?)?;
    let ending = CancellationToken::new();
    let interrupt = ending.clone();
    tokio::spawn(async move {
        if tokio::signal::ctrl_c().await.is_ok() {
            interrupt.cancel();
        }
    });
    Server::new(state).serve(listener, ending).await;
    Ok(())
}
