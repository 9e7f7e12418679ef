//! What the configuration needs from outside: agents, store, providers, the kill plane.

use super::Check;
use super::machine::version;
use crate::cli::Context;
use crate::config::{Config, StoreUrl};
use adapters::agent::claude::Claude;
use adapters::agent::codex::Codex;
use base::files::{Lock, LockError};
use domain::failure::Failure;
use domain::fleet::Driver;
use gateway::Kind;
use std::path::{Path, PathBuf};
use std::time::Duration;

/// A store that does not open in this time does not serve.
const STORE_PATIENCE: Duration = Duration::from_secs(5);
/// The kill plane answers at once, or is not there.
const KILL_PLANE_PATIENCE: Duration = Duration::from_secs(1);

/// The programs that drive agents.
pub async fn agents(config: Option<&Config>, context: &Context) -> Vec<Check> {
    const AREA: &str = "agents";
    let mut checks = vec![Check::ok(AREA, "builtin", "part of this program")];
    for driver in [Driver::Codex, Driver::Claude] {
        let agents = config.iter().flat_map(|c| c.fleet.agents.values()).filter(|a| a.driver == driver);
        let mut commands: Vec<Option<&str>> = agents.map(|agent| agent.command.as_deref()).collect();
        let needed = commands.clone();
        commands.push(None);
        commands.sort_unstable();
        commands.dedup();
        for command in commands {
            let (name, found) = program(driver, context, command);
            let found = match found {
                Ok(program) => version(&program).await.map(|v| format!("{v} ({})", program.display())),
                Err(failure) => Err(failure.detail),
            };
            let what = command.unwrap_or(name);
            checks.push(match found {
                Ok(detail) => Check::ok(AREA, what, detail),
                Err(why) => Check::absent(AREA, what, needed.contains(&command), why, ""),
            });
        }
    }
    checks
}

/// The driver's own name, and the program that it would start.
fn program(
    driver: Driver,
    context: &Context,
    command: Option<&str>,
) -> (&'static str, Result<PathBuf, Failure>) {
    match driver {
        Driver::Claude => ("claude", Claude::find(&context.env, command).map(|c| c.program().to_owned())),
        Driver::Codex | Driver::Builtin | Driver::Command => {
            let found = Codex::find(&context.env, command);
            ("codex", found.map(|codex| codex.program().map(Path::to_owned).unwrap_or_default()))
        }
    }
}

/// Whether the store opens. A SQLite file that is not there yet is not made by looking.
pub async fn store(config: Option<&Config>) -> Vec<Check> {
    const AREA: &str = "store";
    let Some(config) = config else { return vec![] };
    let (what, shown) = match &config.store {
        StoreUrl::Sqlite(file) if !file.exists() => return vec![fresh(file)],
        // One process at a time has it: when that is the daemon of this configuration, it serves.
        StoreUrl::Sqlite(file) if served(&config.state_dir) => {
            let shown = format!("{}, in use by the running Seawall", file.display());
            return vec![Check::ok(AREA, "sqlite", shown)];
        }
        StoreUrl::Sqlite(file) => ("sqlite", file.display().to_string()),
        StoreUrl::Postgres(_) => ("postgres", "reachable".to_owned()),
    };
    let address = config.store.address();
    let opening = tokio::time::timeout(STORE_PATIENCE, store::Store::open(address.expose()));
    let mend = "check [store] url, and that the database is up and its user may use it";
    vec![match opening.await {
        Ok(Ok(_)) => Check::ok(AREA, what, shown),
        Ok(Err(error)) => Check::absent(AREA, what, true, base::error::chain(&error), mend),
        Err(_) => {
            Check::absent(AREA, what, true, format!("no answer within {} s", STORE_PATIENCE.as_secs()), mend)
        }
    }]
}

/// Whether a daemon works in `state_dir`.
fn served(state_dir: &Path) -> bool {
    let lock = state_dir.join(crate::daemon::LOCK_FILE);
    lock.exists() && matches!(Lock::acquire(&lock), Err(LockError::Held { .. }))
}

fn fresh(file: &Path) -> Check {
    let dir = file.parent().unwrap_or(Path::new("/"));
    if rustix::fs::access(dir, rustix::fs::Access::WRITE_OK).is_ok() {
        return Check::ok("store", "sqlite", format!("{} will be made", file.display()));
    }
    Check::absent(
        "store",
        "sqlite",
        true,
        format!("{} cannot be written", dir.display()),
        "make the folder, or name another file",
    )
}

/// Whether each provider has what it needs. Nobody is called: that would cost money.
pub fn providers(config: Option<&Config>) -> Vec<Check> {
    const AREA: &str = "providers";
    let Some(config) = config else { return vec![] };
    let mut checks: Vec<Check> = config
        .providers
        .iter()
        .map(|(name, provider)| match &provider.kind {
            Kind::Rehearsal { scenario } => {
                Check::ok(AREA, name, format!("rehearsal of {}: no model is called", scenario.file))
            }
            Kind::OpenAi { base_url, key: Some(_) } | Kind::Anthropic { base_url, key: Some(_) } => {
                Check::ok(AREA, name, format!("{base_url}, key present"))
            }
            Kind::OpenAi { base_url, key: None } | Kind::Anthropic { base_url, key: None } => {
                let local = base_url.contains("//127.")
                    || base_url.contains("//localhost")
                    || base_url.contains("//[::1]");
                Check::absent(
                    AREA,
                    name,
                    !local,
                    format!("{base_url}, no key"),
                    "set `key` to an environment variable that holds it",
                )
            }
        })
        .collect();
    if checks.is_empty() {
        checks.push(Check::absent(
            AREA,
            "any",
            true,
            "none is configured",
            "add [providers.X] and [models.X]",
        ));
    }
    checks
}

/// Whether the kill plane runs, and lets things start.
pub async fn kill_plane(context: &Context) -> Check {
    const AREA: &str = "kill plane";
    let Ok(reach) = context.reach() else {
        return Check::absent(AREA, "killd", false, "not running", "");
    };
    let socket = engine::setup::killd_socket(&reach.state_dir);
    let status = async { killd::client::Client::connect(&socket).await?.status().await };
    match tokio::time::timeout(KILL_PLANE_PATIENCE, status).await {
        Ok(Ok(status)) => match status.deny_all {
            None => {
                let (runs, stops) = (status.runs.len(), status.stopped.len());
                Check::ok(
                    AREA,
                    "killd",
                    format!("pid {}, {runs} run(s), {stops} scope(s) stopped", status.pid),
                )
            }
            Some(why) => Check::absent(
                AREA,
                "killd",
                true,
                format!("denies every start: {why}"),
                "mend it, then restart",
            ),
        },
        Ok(Err(_)) => Check::ok(AREA, "killd", "not running; `seawall up` starts it"),
        Err(_) => {
            Check::absent(AREA, "killd", true, "does not answer", "look at its log; restart `seawall up`")
        }
    }
}
