//! From the configuration to what each part is made from.

use crate::config::{Config, StoreUrl};
use base::secret::Secret;
use engine::{Outside, Preflight, Registered, Setup, Source};
use gateway::Limits;
use std::io;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;

/// Where providers' keys are, by the names that everybody uses; no hook inherits them.
const PROVIDER_KEYS: [&str; 4] =
    ["OPENAI_API_KEY", "ANTHROPIC_API_KEY", "ANTHROPIC_AUTH_TOKEN", "CODEX_API_KEY"];

/// The store's address, its password included.
pub fn store_url(config: &Config) -> String {
    match &config.store {
        StoreUrl::Sqlite(path) => format!("sqlite:{}", path.display()),
        StoreUrl::Postgres(url) => url.expose().to_owned(),
    }
}

/// Where bodies of calls are kept.
pub fn blobs(config: &Config) -> PathBuf {
    config.state_dir.join("blobs")
}

/// The gateway's own view.
pub(super) fn gateway(config: &Config) -> gateway::Config {
    gateway::Config {
        providers: config.providers.clone(),
        models: config.models.clone(),
        fleet: config.fleet.clone(),
        limits: Limits::default(),
        blobs: config.trace_bodies.then(|| blobs(config)),
    }
}

/// The engine's own view.
pub(super) fn setup(
    config: &Config,
    gateway: SocketAddr,
    outside: Outside,
    preflight: Arc<dyn Preflight>,
) -> io::Result<Setup> {
    Ok(Setup {
        registered: registered(config),
        preflight,
        state_dir: config.state_dir.clone(),
        gateway,
        sandbox_floor: config.sandbox.require,
        readable: config.sandbox.read_only.clone(),
        path: config.sandbox.path.clone(),
        agent_uid: config.sandbox.uid,
        secret_names: PROVIDER_KEYS.map(str::to_owned).to_vec(),
        program: std::env::current_exe()?,
        outside,
    })
}

/// What the engine may be told anew while it runs.
pub(super) fn registered(config: &Config) -> Registered {
    let source = |project: &crate::config::ProjectSource| Source {
        tracker: project.tracker.clone(),
        remote: project.remote.clone(),
        prompt: project.prompt.clone(),
        poll: project.poll,
        handoff: project.handoff.clone(),
    };
    Registered {
        fleet: config.fleet.clone(),
        sources: config.projects.iter().map(|(name, project)| (name.clone(), source(project))).collect(),
        slots: config.slots,
    }
}

/// The control door's secret: made once, kept readable by its owner only, so that commands on the same machine
/// find it.
pub(super) fn control_secret(config: &Config) -> io::Result<Secret> {
    let file = config.control_secret_file();
    match std::fs::read_to_string(&file) {
        Ok(text) if !text.trim().is_empty() => Ok(Secret::new(text.trim())),
        Ok(_) => make_secret(&file),
        Err(error) if error.kind() == io::ErrorKind::NotFound => make_secret(&file),
        Err(error) => Err(error),
    }
}

fn make_secret(file: &std::path::Path) -> io::Result<Secret> {
    let secret = Secret::random();
    base::files::write_atomic(file, secret.expose().as_bytes(), 0o600)?;
    Ok(secret)
}
