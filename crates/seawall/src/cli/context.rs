//! What every command needs: the world around it, and the way to a running Seawall.

use super::exit::Failure;
use super::ui::Ui;
use crate::config::{self, Config, Problem, Reach, Read, Severity};
use base::clock::Clock;
use base::env::Env;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::path::PathBuf;
use wire::Client;

/// Overrides the control door's address.
pub const CONTROL_VARIABLE: &str = "SEAWALL_CONTROL";
/// Holds the control door's secret.
pub const SECRET_VARIABLE: &str = "SEAWALL_CONTROL_SECRET";
/// Below the state directory: where the door really listens, when that is not what the configuration says.
pub const ADDRESS_FILE: &str = "control.address";
/// Below the state directory: the control door's secret.
pub const SECRET_FILE: &str = "control.secret";

/// The world around a command.
#[derive(Clone, Debug)]
pub struct Context {
    /// What `--config` named.
    pub named: Option<PathBuf>,
    /// Where the command was started.
    pub dir: PathBuf,
    /// Environment variables.
    pub env: Env,
    /// The time.
    pub clock: Clock,
    /// Where output goes.
    pub ui: Ui,
}

impl Context {
    /// The context of this process. Fails when the working directory is gone.
    pub fn of_process(named: Option<PathBuf>, ui: Ui) -> Result<Self, Failure> {
        let dir = std::env::current_dir().map_err(|error| {
            Failure::new(
                super::Exit::Failed,
                format!("cannot tell the working directory: {error}"),
                "cd to one that exists",
            )
        })?;
        Ok(Self { named, dir, env: Env::process(), clock: Clock::system(), ui })
    }

    /// Reads the configuration, whatever is wrong with it.
    pub fn read(&self) -> Result<Read, Failure> {
        let file = config::find(self.named.as_deref(), &self.dir)
            .map_err(|problem| Failure::usage(problem.what.clone(), problem.mend.clone()))?;
        Ok(config::read(&file, &self.env))
    }

    /// The configuration, if it has no error. Warnings and errors go to stderr.
    pub fn config(&self) -> Result<Config, Failure> {
        let read = self.read()?;
        for problem in &read.problems {
            self.ui.note(super::ui::clean_lines(&problem.to_string()))?;
        }
        read.config.ok_or_else(|| wrong(&read.problems))
    }

    /// The way to a running Seawall. A configuration with errors is good enough for it.
    pub fn reach(&self) -> Result<Reach, Failure> {
        let Ok(file) = config::find(self.named.as_deref(), &self.dir) else {
            return Ok(Reach::default_of(&self.dir.join(config::FILE)));
        };
        if let Some(reach) = config::read(&file, &self.env).reach {
            return Ok(reach);
        }
        let reach = Reach::default_of(&file);
        let (door, dir) = (reach.control, reach.state_dir.display());
        self.ui.note(format!("note: {} cannot be read; trying {door} and {dir}", file.display()))?;
        Ok(reach)
    }

    /// A client of the control door.
    pub fn client(&self) -> Result<Client, Failure> {
        Ok(self.client_of(&self.reach()?)?)
    }

    /// A client of the control door at `reach`.
    pub fn client_of(&self, reach: &Reach) -> std::io::Result<Client> {
        let told = || std::fs::read_to_string(reach.state_dir.join(ADDRESS_FILE)).ok();
        let address = self.env.get(CONTROL_VARIABLE).or_else(told);
        let address =
            address.map_or_else(|| dialled(reach.control).to_string(), |text| text.trim().to_owned());
        Ok(Client::new(address, self.secret(reach)?))
    }

    fn secret(&self, reach: &Reach) -> std::io::Result<Option<String>> {
        if let Some(secret) = self.env.get(SECRET_VARIABLE).filter(|s| !s.trim().is_empty()) {
            return Ok(Some(secret.trim().to_owned()));
        }
        let file = reach.state_dir.join(SECRET_FILE);
        let Ok(text) = std::fs::read_to_string(&file) else { return Ok(None) };
        let mode = std::fs::metadata(&file).map_or(0, |meta| meta.permissions().mode());
        if mode & 0o077 != 0 {
            self.ui.note(format!("warning: others can read {0}; run: chmod 600 {0}", file.display()))?;
        }
        Ok(Some(text.trim().to_owned()))
    }
}

/// The failure of a configuration with `problems`, which were shown already.
pub fn wrong(problems: &[Problem]) -> Failure {
    let errors: Vec<&Problem> = problems.iter().filter(|p| p.severity == Severity::Error).collect();
    let file = errors.first().map(|p| p.file.display().to_string()).unwrap_or_default();
    Failure::usage(
        format!("the configuration has {} error(s), the first in {file}", errors.len()),
        "mend them; `seawall check` tells all of them, and nothing was started",
    )
}

/// Where to connect to reach what listens on `listen`.
fn dialled(listen: SocketAddr) -> SocketAddr {
    let ip = match listen.ip() {
        IpAddr::V4(ip) if ip.is_unspecified() => IpAddr::V4(Ipv4Addr::LOCALHOST),
        IpAddr::V6(ip) if ip.is_unspecified() => IpAddr::V6(Ipv6Addr::LOCALHOST),
        ip @ (IpAddr::V4(_) | IpAddr::V6(_)) => ip,
    };
    SocketAddr::new(ip, listen.port())
}
