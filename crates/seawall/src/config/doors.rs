//! `[store]`, `[control]`, `[gateway]`, `state_dir`: where this installation keeps and listens.

use super::section::{Given, Reader, Section};
use base::secret::Secret;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where the control door listens unless the file says otherwise.
pub const CONTROL: &str = "127.0.0.1:7700";
/// Where the gateway door listens unless the file says otherwise.
pub const GATEWAY: &str = "127.0.0.1:7701";
/// The longest path that a unix socket's address can hold on Linux, bytes without the closing zero.
const MAX_SOCKET_PATH: usize = 107;

/// Where state is kept.
#[derive(Clone, Debug)]
pub enum StoreUrl {
    /// A SQLite file.
    Sqlite(PathBuf),
    /// A PostgreSQL database; the address may hold a password.
    Postgres(Secret),
}

/// Reads `[store]`.
pub fn store(root: &Section<'_>, reader: &Reader<'_>) -> StoreUrl {
    let dir = reader.source.dir();
    let default = StoreUrl::Sqlite(dir.join("seawall.db"));
    let Some(section) = root.section("store") else { return default };
    let url = section.parsed("url", |text| store_url(text, dir)).map(|given| given.value);
    section.finish();
    url.unwrap_or(default)
}

/// Reads `state_dir`.
pub fn state_dir(root: &Section<'_>, reader: &Reader<'_>) -> PathBuf {
    let given = root.text("state_dir");
    let dir = reader.source.dir().join(given.as_ref().map_or(".seawall", |g| &g.value));
    let socket = engine::setup::killd_socket(&dir);
    if socket.as_os_str().len() > MAX_SOCKET_PATH {
        let what = format!("{} is too long to hold the kill plane's socket", dir.display());
        let given = given.map_or_else(|| root.itself(), |g| g.with(()));
        reader.problem(&given, what, "set state_dir to a shorter path, like \"/var/lib/seawall\"");
    }
    dir
}

/// Reads `[control]` or `[gateway]`.
pub fn listen(
    root: &Section<'_>,
    reader: &Reader<'_>,
    key: &'static str,
    default: &str,
) -> Option<Given<SocketAddr>> {
    let known = || root.itself().with(default.parse().ok()).transposed();
    let Some(section) = root.section(key) else { return known() };
    let given = section.parsed("listen", address);
    let allow_remote = section.flag("allow_remote");
    section.finish();
    let Some(given) = given else { return known() };
    if !given.value.ip().is_loopback() && !allow_remote {
        let what = format!("{} can be reached from other machines", given.value);
        let mend =
            format!("listen on 127.0.0.1, or add allow_remote = true to [{key}] if that is what you want");
        reader.problem(&given, what, mend);
    }
    Some(given)
}

/// Says when both doors want the same address.
pub fn check(control: &Given<SocketAddr>, gateway: &Given<SocketAddr>, reader: &Reader<'_>) {
    if control.value == gateway.value && control.value.port() != 0 {
        let what = format!("the control door and the gateway both listen on {}", control.value);
        let at = if gateway.span.is_empty() { control } else { gateway };
        reader.problem(at, what, "give them different ports");
    }
}

fn store_url(text: &str, dir: &Path) -> Result<StoreUrl, &'static str> {
    if let Some(file) = text.strip_prefix("sqlite:") {
        let file = file.strip_prefix("//").unwrap_or(file);
        if file.is_empty() || file.contains('?') {
            return Err("the SQLite file has no name; write it like \"sqlite:seawall.db\"");
        }
        return Ok(StoreUrl::Sqlite(dir.join(file)));
    }
    if text.starts_with("postgres://") || text.starts_with("postgresql://") {
        return Ok(StoreUrl::Postgres(Secret::new(text)));
    }
    Err(
        "the store is neither SQLite nor PostgreSQL; write \"sqlite:seawall.db\" or \"postgres://user@host/name\"",
    )
}

fn address(text: &str) -> Result<SocketAddr, String> {
    let numeric = text.replacen("localhost:", "127.0.0.1:", 1);
    numeric
        .parse()
        .map_err(|_| format!("`{text}` is not an address to listen on; write it like \"{CONTROL}\""))
}

impl<T> Given<Option<T>> {
    fn transposed(self) -> Option<Given<T>> {
        let Given { value, key, span, injected } = self;
        value.map(|value| Given { value, key, span, injected })
    }
}
