//! What the chapters play on: the daemon, the story so far, and ways to wait for what must happen.

use super::project::Project;
use super::report::{Chapter, Claim, Report};
use super::{Error, outside};
use crate::cli::demo::Args;
use crate::config;
use crate::daemon::{Daemon, Options};
use domain::RunId;
use domain::run::{Purpose, Run};
use engine::Outside;
use serde_json::Value;
use std::collections::HashMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};
use store::event::EventCursor;

/// How long to sleep when no commit wakes us.
const LOOK_AGAIN: Duration = Duration::from_millis(50);
/// Events told at once.
const PAGE: u32 = 200;

pub(super) struct Stage<'a> {
    pub(super) project: Project,
    pub(super) daemon: Daemon,
    tell: &'a mut (dyn FnMut(&str) + Send),
    began: Instant,
    cursor: EventCursor,
    names: HashMap<RunId, String>,
    chapters: Vec<Chapter>,
    waiting_for: &'static str,
    pub(super) trace: Option<wire::Trace>,
    pub(super) cost: u64,
}

impl<'a> Stage<'a> {
    /// Writes the project and starts the daemon.
    pub(super) async fn set(
        args: &Args,
        outside: Outside,
        tell: &'a mut (dyn FnMut(&str) + Send),
    ) -> Result<Self, Error> {
        let began = Instant::now();
        let dir = folder(args.dir.as_deref(), &outside)?;
        tell("Seawall demo. No model is called: every model turn is a rehearsal, and labelled so.");
        tell("Everything else is real: git, sandbox, gateway, budgets, reviews, the kill switch.\n");
        let project = Project::write(&dir)?;
        let read = config::read(&dir.join(config::FILE), &outside.env);
        let config = read.config.ok_or_else(|| {
            Error::Config(read.problems.iter().map(ToString::to_string).collect::<Vec<_>>().join("; "))
        })?;
        let daemon = Box::pin(start(config, args.port, outside)).await?;
        Ok(Self {
            project,
            daemon,
            tell,
            began,
            cursor: EventCursor::default(),
            names: HashMap::new(),
            chapters: vec![],
            waiting_for: "the first event",
            trace: None,
            cost: 0,
        })
    }

    /// Begins a chapter.
    pub(super) fn chapter(&mut self, title: &str) {
        let number = self.chapters.len() + 1;
        (self.tell)(&format!("\n{number}. {title}"));
        self.chapters.push(Chapter { number, title: title.to_owned(), proved: true, claims: vec![] });
    }

    /// One line of the story.
    pub(super) fn say(&mut self, line: &str) {
        (self.tell)(&format!("   {line}"));
    }

    /// Enters a claim with what was seen.
    pub(super) fn claim(&mut self, claim: &str, proved: bool, proof: Value, recheck: Option<String>) {
        let mark = if proved { "✓" } else { "✗" };
        (self.tell)(&format!("   {mark} {claim}"));
        if let Some(chapter) = self.chapters.last_mut() {
            chapter.proved &= proved;
            chapter.claims.push(Claim { claim: claim.to_owned(), proved, proof, recheck });
        }
    }

    /// Tells what happens until `found` answers with something.
    pub(super) async fn until<T, F>(&mut self, what: &'static str, mut found: F) -> Result<T, Error>
    where
        F: AsyncFnMut(&Daemon) -> Result<Option<T>, Error>,
    {
        self.waiting_for = what;
        let mut changes = self.daemon.store.changes();
        loop {
            let answer = found(&self.daemon).await?;
            self.tell_events().await?;
            if let Some(answer) = answer {
                return Ok(answer);
            }
            // The changes are a hint; processes and files change without one.
            let _ = tokio::time::timeout(LOOK_AGAIN, changes.changed()).await;
        }
    }

    pub(super) fn waiting_for(&self) -> &'static str {
        self.waiting_for
    }

    /// What a run is called in the story.
    pub(super) async fn name(&mut self, id: &RunId) -> Result<String, Error> {
        if let Some(name) = self.names.get(id) {
            return Ok(name.clone());
        }
        let Some(stored) = self.daemon.store.run(id).await? else { return Ok(id.to_string()) };
        let name = format!("{} {}", stored.run.issue.identifier, stored.run.agent);
        self.names.insert(id.clone(), name.clone());
        Ok(name)
    }

    async fn tell_events(&mut self) -> Result<(), Error> {
        let events = self.daemon.store.events_since(self.cursor, PAGE).await?;
        for event in events {
            self.cursor = event.cursor;
            let name = self.name(&event.run).await?;
            let at = self.began.elapsed().as_secs_f64();
            (self.tell)(&format!("   {at:5.1}s  {name:<24} {}", event.event.line()));
        }
        Ok(())
    }

    /// Every run for the issue called `identifier`, authors first, in the order they were claimed.
    pub(super) async fn runs_of(&self, identifier: &str) -> Result<Vec<Run>, Error> {
        let (lines, _) = self.daemon.store.list_runs(&store::run::Filter::default(), None, PAGE).await?;
        let mut runs: Vec<Run> = lines.into_iter().map(|line| line.stored.run).collect();
        runs.retain(|run| run.issue.identifier == identifier);
        runs.sort_by_key(|run| (run.purpose() != Purpose::Author, run.created_at, run.id.clone()));
        Ok(runs)
    }

    /// A client of the control door, as anybody with the secret has it.
    pub(super) fn client(&self) -> wire::Client {
        wire::Client::new(self.daemon.control.to_string(), Some(self.daemon.secret.expose().to_owned()))
    }

    /// The commit that `branch` of the remote points at, as git tells it.
    pub(super) fn remote_head(&self) -> Result<String, Error> {
        outside::git(&self.project.remote(), &["rev-parse", "refs/heads/main"])
    }

    /// The document of what was proved.
    pub(super) async fn report(&mut self) -> Result<Report, Error> {
        self.tell_events().await?;
        Ok(Report {
            ok: self.chapters.iter().all(|chapter| chapter.proved),
            rehearsal: true,
            dir: self.project.dir.clone(),
            dashboard: self.daemon.dashboard(),
            isolation: self.daemon.isolation().as_str().to_owned(),
            seconds: self.began.elapsed().as_secs_f64(),
            chapters: self.chapters.clone(),
            trace: self.trace.clone(),
            cost_micro_usd: self.cost,
        })
    }

    /// The last words: what was proved, and what to do next.
    pub(super) fn curtain(&mut self, report: &Report, keep: bool) {
        let claims = report.chapters.iter().flat_map(|c| &c.claims);
        let (held, all) = (claims.clone().filter(|c| c.proved).count(), claims.count());
        let dir = report.dir.display();
        (self.tell)(&format!(
            "\n{held} of {all} claims proved in {:.1} s, agents ran {}. Everything is in {dir}",
            report.seconds, report.isolation
        ));
        if keep {
            let login = format!("{}login?key={}", report.dashboard, self.daemon.secret.expose());
            (self.tell)(&format!("\nDashboard: {login}\nIt stays open until you press Ctrl-C."));
        } else {
            (self.tell)(&format!(
                "\nNext:\n  git -C {dir}/shop.git log --graph main      what landed\n  \
                 seawall demo --keep                  the same, with the dashboard kept open\n  \
                 seawall up --config {dir}/seawall.toml   serve the same project\n  \
                 seawall init                         set up your own repository"
            ));
        }
    }

    /// Ends the daemon; the files stay.
    pub(super) async fn strike(self) {
        self.daemon.drain().await;
    }
}

/// Takes the usual ports where they are free. Another program may take one between the look and the start (two demos
/// at once do): then any other will do.
async fn start(
    mut config: config::Config,
    port: Option<u16>,
    outside: Outside,
) -> Result<Daemon, crate::daemon::Error> {
    config.control.set_port(port.unwrap_or_else(|| free_or_any(config.control)));
    config.gateway.set_port(free_or_any(config.gateway));
    match Daemon::start(config.clone(), Options::default(), outside.clone()).await {
        Err(crate::daemon::Error::Listen { .. }) => {
            config.control.set_port(port.unwrap_or(0));
            config.gateway.set_port(0);
            Daemon::start(config, Options::default(), outside).await
        }
        started => started,
    }
}

/// The folder to play in, empty.
fn folder(given: Option<&Path>, outside: &Outside) -> Result<PathBuf, Error> {
    let dir = match given {
        Some(dir) => {
            std::path::absolute(dir).map_err(outside::io(format!("cannot use {}", dir.display())))?
        }
        None => std::env::temp_dir().join(format!("seawall-demo-{}", outside.ids.next())),
    };
    std::fs::create_dir_all(&dir).map_err(outside::io(format!("cannot make {}", dir.display())))?;
    let mut entries =
        std::fs::read_dir(&dir).map_err(outside::io(format!("cannot read {}", dir.display())))?;
    if entries.next().is_some() { Err(Error::NotEmpty(dir)) } else { Ok(dir) }
}

/// The address's own port if nobody listens there, else any free one.
fn free_or_any(address: std::net::SocketAddr) -> u16 {
    match std::net::TcpListener::bind(address) {
        Ok(_) => address.port(),
        Err(_) => 0,
    }
}
