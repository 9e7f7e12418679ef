//! One unix socket per attempt that leads to the gateway and nowhere else.
//!
//! Invariants: at most [`MAX_CONNECTIONS`] at once, further ones wait in the kernel's queue; dropping the [`Tunnel`]
//! cuts every connection and removes the socket.

use std::io;
use std::net::SocketAddr;
use std::os::fd::AsRawFd;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use tokio::io::{AsyncRead, AsyncWrite, copy_bidirectional};
use tokio::net::{TcpStream, UnixListener, UnixStream};
use tokio::sync::Semaphore;
use tokio::task::JoinSet;
use tokio_util::sync::{CancellationToken, DropGuard};

/// An agent with twelve parallel threads holds some thirty; more is a mistake or an attack on descriptors.
pub const MAX_CONNECTIONS: usize = 64;

/// Where the gateway listens, on the host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum GatewayAddr {
    /// Loopback TCP.
    Tcp(SocketAddr),
    /// A unix socket.
    Unix(PathBuf),
}

/// An open tunnel.
#[derive(Debug)]
pub struct Tunnel {
    path: PathBuf,
    _stop: DropGuard,
}

impl Tunnel {
    /// Listens at `path` (made, and replaced when a dead one is there) and pipes each connection to `gateway`.
    /// Every local user who can reach the path may connect: the gateway asks for a run token. Needs a runtime.
    /// Errors are those of the file system.
    pub fn open(path: &Path, gateway: GatewayAddr) -> io::Result<Tunnel> {
        let listener = bind(path)?;
        let stop = CancellationToken::new();
        let ended = stop.clone();
        tokio::spawn(async move {
            tokio::select! {
                () = serve(listener, gateway) => {}
                () = ended.cancelled() => {}
            }
        });
        Ok(Tunnel { path: path.to_owned(), _stop: stop.drop_guard() })
    }

    /// The socket's path on the host.
    pub fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Tunnel {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.path);
    }
}

/// Dropping this future aborts its connections: they live in its `JoinSet`.
async fn serve(listener: UnixListener, gateway: GatewayAddr) {
    let places = Arc::new(Semaphore::new(MAX_CONNECTIONS));
    let mut connections = JoinSet::new();
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        let inner = match listener.accept().await {
            Ok((inner, _)) => inner,
            Err(error) => {
                // Out of descriptors, most likely: wait for a connection to end instead of spinning.
                tracing::warn!(%error, "a connection to the gateway was not accepted");
                drop(place);
                if connections.join_next().await.is_none() {
                    return;
                }
                continue;
            }
        };
        let gateway = gateway.clone();
        connections.spawn(async move {
            let _place = place;
            if let Err(error) = pipe(inner, &gateway).await {
                tracing::debug!(%error, "a connection to the gateway ended");
            }
        });
        while connections.try_join_next().is_some() {}
    }
}

async fn pipe(inner: UnixStream, gateway: &GatewayAddr) -> io::Result<()> {
    match gateway {
        GatewayAddr::Tcp(address) => {
            let outer = TcpStream::connect(address).await?;
            outer.set_nodelay(true)?;
            both_ways(inner, outer).await
        }
        GatewayAddr::Unix(path) => both_ways(inner, connect_unix(path).await?).await,
    }
}

pub(super) async fn both_ways<A, B>(mut one: A, mut other: B) -> io::Result<()>
where
    A: AsyncRead + AsyncWrite + Unpin,
    B: AsyncRead + AsyncWrite + Unpin,
{
    copy_bidirectional(&mut one, &mut other).await.map(drop)
}

fn bind(path: &Path) -> io::Result<UnixListener> {
    if std::fs::symlink_metadata(path).is_ok() {
        std::fs::remove_file(path)?;
    }
    let (_dir, short) = short_path(path)?;
    let listener = UnixListener::bind(short)?;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o666))?;
    Ok(listener)
}

/// Connects to the unix socket at `path`, of any length.
pub async fn connect_unix(path: &Path) -> io::Result<UnixStream> {
    let (_dir, short) = short_path(path)?;
    UnixStream::connect(short).await
}

/// A socket address holds 107 bytes of path; a state directory may be deeper. Reached through an open directory,
/// every path is short.
fn short_path(path: &Path) -> io::Result<(std::fs::File, PathBuf)> {
    let no_name =
        || io::Error::new(io::ErrorKind::InvalidInput, "a socket's path needs a directory and a name");
    let (dir, name) = (path.parent().ok_or_else(no_name)?, path.file_name().ok_or_else(no_name)?);
    let dir = std::fs::File::open(dir)?;
    let short = PathBuf::from(format!("/proc/self/fd/{}", dir.as_raw_fd())).join(name);
    Ok((dir, short))
}
