//! Doors: listeners, their connections, and how they end.

use crate::door::{self, Connection};
use crate::gateway::Gateway;
use domain::RunId;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::io;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use tokio_util::task::TaskTracker;

/// After a failed accept (no file descriptors left, most likely) trying at once would only burn the processor.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);

/// Whom a listener admits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Door {
    /// Every run with a valid token.
    AnyRun,
    /// One run only: the socket that was put into its sandbox.
    Run(RunId),
}

/// What all connections of a listener share.
#[derive(Clone)]
struct House {
    gateway: Gateway,
    door: Arc<Door>,
    /// Cancelled when no new request may begin.
    closing: CancellationToken,
    /// Cancelled when connections that are still open are broken.
    over: CancellationToken,
}

/// Where connections come from.
trait Listen: Send + Sync {
    type Socket: AsyncRead + AsyncWrite + Unpin + Send + 'static;
    fn next(&self) -> impl Future<Output = io::Result<Self::Socket>> + Send;
}

impl Listen for TcpListener {
    type Socket = TcpStream;
    async fn next(&self) -> io::Result<TcpStream> {
        let (socket, _) = self.accept().await?;
        // Chunks are small and each must leave at once.
        socket.set_nodelay(true)?;
        Ok(socket)
    }
}

impl Listen for UnixListener {
    type Socket = UnixStream;
    async fn next(&self) -> io::Result<UnixStream> {
        Ok(self.accept().await?.0)
    }
}

impl Gateway {
    /// Serves `listener` until `stop` (or the gateway's tasks) is cancelled; then lets open requests finish for
    /// `limits.drain_time` and breaks what is left. Returns when no connection is open.
    pub async fn serve(&self, listener: TcpListener, door: Door, stop: CancellationToken) {
        self.accept_all(listener, door, stop).await;
    }

    /// As [`Gateway::serve`], on a unix socket. The caller makes and removes the socket's file.
    pub async fn serve_unix(&self, listener: UnixListener, door: Door, stop: CancellationToken) {
        self.accept_all(listener, door, stop).await;
    }

    async fn accept_all(&self, listener: impl Listen, door: Door, stop: CancellationToken) {
        let shared = &self.shared;
        let closing = shared.tasks.token().child_token();
        let over = CancellationToken::new();
        let house = House { gateway: self.clone(), door: Arc::new(door), closing: closing.clone(), over };
        let slots = Arc::new(Semaphore::new(shared.config.limits.connections));
        let open = TaskTracker::new();
        let accepting = async {
            loop {
                let Ok(slot) = Arc::clone(&slots).acquire_owned().await else { return };
                match listener.next().await {
                    Ok(socket) => {
                        let connection = open.track_future(connection(house.clone(), socket));
                        shared.tasks.spawn("gateway connection", async move {
                            connection.await;
                            drop(slot);
                        });
                    }
                    Err(error) => {
                        tracing::warn!(%error, "cannot accept a connection");
                        tokio::time::sleep(ACCEPT_PAUSE).await;
                    }
                }
            }
        };
        tokio::select! {
            () = accepting => {}
            () = stop.cancelled() => {}
            () = closing.cancelled() => {}
        }
        closing.cancel();
        open.close();
        if tokio::time::timeout(shared.config.limits.drain_time, open.wait()).await.is_err() {
            tracing::info!(open = open.len(), "breaking connections that did not finish in time");
            house.over.cancel();
            open.wait().await;
        }
    }
}

async fn connection<I>(house: House, socket: I)
where
    I: AsyncRead + AsyncWrite + Unpin + Send + 'static,
{
    let limits = house.gateway.shared.config.limits;
    let context = Connection { door: Arc::clone(&house.door), cut: house.over.child_token() };
    let service = service_fn(|request| {
        let (shared, context) = (Arc::clone(&house.gateway.shared), context.clone());
        async move { Ok::<_, Infallible>(door::handle(shared, context, request).await) }
    });
    let serving = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(limits.head_time)
        .max_buf_size(limits.head_bytes)
        .serve_connection(TokioIo::new(socket), service);
    let mut serving = pin!(serving);
    tokio::select! {
        // Dropping the connection is the cut: nothing that is buffered leaves any more.
        biased;
        () = context.cut.cancelled() => return,
        // A client that breaks off, or an answer that is broken off on purpose, is no event for the log.
        _ = serving.as_mut() => return,
        () = house.closing.cancelled() => {}
    }
    serving.as_mut().graceful_shutdown();
    tokio::select! {
        biased;
        () = context.cut.cancelled() => {}
        _ = serving => {}
    }
}
