//! The listener: bounded connections, bounded heads, and an end that lets answers finish.

use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use hyper::server::conn::http1;
use hyper_util::rt::{TokioIo, TokioTimer};
use hyper_util::server::graceful::GracefulShutdown;
use hyper_util::service::TowerToHyperService;
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;

/// Connections at once. A dashboard needs at most six per tab; more than this is not people.
const MAX_CONNECTIONS: usize = 512;
/// A client that takes longer to send its request's head is not sending one.
const HEAD_TIMEOUT: Duration = Duration::from_secs(10);
/// Bytes of a request's head; a browser's is below 4 KiB.
const MAX_HEAD: usize = 32 * 1024;
/// How long answers may take to finish once the server is told to end.
const DRAIN: Duration = Duration::from_secs(5);
/// The wait after `accept` failed, which means that file descriptors ran out.
const ACCEPT_PAUSE: Duration = Duration::from_millis(100);

/// Serves until `cancellation`, then takes no more connections and lets the open ones finish for five seconds.
pub async fn serve(listener: TcpListener, router: Router, cancellation: CancellationToken) {
    let graceful = GracefulShutdown::new();
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    loop {
        let permit = tokio::select! {
            () = cancellation.cancelled() => break,
            permit = Arc::clone(&places).acquire_owned() => permit.expect("the semaphore is never closed"),
        };
        let accepted = tokio::select! {
            () = cancellation.cancelled() => break,
            accepted = listener.accept() => accepted,
        };
        match accepted {
            Ok((stream, _)) => {
                let connection = connection(&graceful, stream, router.clone());
                tokio::spawn(async move {
                    connection.await;
                    drop(permit);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "the control door could not accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
    if tokio::time::timeout(DRAIN, graceful.shutdown()).await.is_err() {
        tracing::warn!("connections of the control door were still open after the drain");
    }
}

fn connection(
    graceful: &GracefulShutdown,
    stream: TcpStream,
    router: Router,
) -> impl Future<Output = ()> + use<> {
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_TIMEOUT)
        .max_buf_size(MAX_HEAD)
        .serve_connection(TokioIo::new(stream), TowerToHyperService::new(router));
    let watched = graceful.watch(serving);
    async move {
        if let Err(error) = watched.await {
            // A client that leaves is not a fault of ours.
            tracing::debug!(%error, "a connection of the control door ended early");
        }
    }
}
