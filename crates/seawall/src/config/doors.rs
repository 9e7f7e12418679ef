//! `[store]`, `[control]`, `[gateway]`, `state_dir`: where this installation keeps and listens.

use super::problem::{Problem, Show};
use super::section::{Given, Reader, Section};
use base::secret::Secret;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};

/// Where the control door listens unless the file says otherwise.
pub const CONTROL: &str = "127.0.0.1:7700";
/// Where the gateway door listens unless the file says otherwise.
pub const GATEWAY: &str = "127.0.0.1:7701";
/// Where state is kept unless the file says otherwise.
pub const STATE_DIR: &str = ".seawall";
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

impl StoreUrl {
    /// The address as the store takes it; it may hold a password.
    pub fn address(&self) -> Secret {
        match self {
            Self::Sqlite(file) => Secret::new(format!("sqlite:{}", file.display())),
            Self::Postgres(url) => url.clone(),
        }
    }
}

/// Reads `[store]`.
pub fn store(root: &Section<'_>, reader: &Reader<'_>) -> StoreUrl {
    let dir = reader.source.dir();
    let default = StoreUrl::Sqlite(dir.join("seawall.db"));
    let Some(section) = root.section("store") else { return default };
    let url = section.parsed("url", |text| store_url(text, dir));
    section.finish();
    let Some(url) = url else { return default };
    if let (StoreUrl::Postgres(address), false) = (&url.value, url.injected)
        && has_password(address.expose())
    {
        let about = Problem::at(reader.source, &url.span, Show::NameOnly);
        let mend = "put the address into the environment and write \"$DATABASE_URL\" here";
        reader.report.add(about.saying(&url.key, "a password is written into a file", mend).warning());
    }
    url.value
}

/// Reads `state_dir`.
pub fn state_dir(root: &Section<'_>, reader: &Reader<'_>) -> PathBuf {
    let given = root.text("state_dir");
    let dir = reader.source.dir().join(given.as_ref().map_or(STATE_DIR, |g| &g.value));
    let socket = engine::setup::killd_socket(&dir);
    if socket.as_os_str().len() > MAX_SOCKET_PATH {
        let what = format!("{} is too long to hold the kill plane's socket", dir.display());
        let given = given.map_or_else(|| root.itself(), |g| g.with(()));
        reader.problem(&given, what, "set state_dir to a shorter path, like \"/var/lib/seawall\"");
    }
    dir
}

/// Reads `[log] root`.
pub fn logs_root(root: &Section<'_>, reader: &Reader<'_>) -> Option<PathBuf> {
    let section = root.section("log")?;
    let given = section.text("root");
    section.finish();
    given.map(|given| reader.source.dir().join(given.value))
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

/// One of the default addresses.
pub fn loopback(text: &str) -> SocketAddr {
    text.parse().expect("the default addresses are addresses")
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

fn has_password(url: &str) -> bool {
    let authority = url.split_once("://").map_or(url, |(_, rest)| rest).split('/').next().unwrap_or("");
    authority.rsplit_once('@').is_some_and(|(user, _)| user.contains(':'))
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
