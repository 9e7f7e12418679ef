//! The real binary as a daemon, seen only from outside.

use super::http::{self, Answer};
use super::wait::{PATIENCE, until};
use super::{Installation, process, seawall};
use rustix::process::Signal;
use serde_json::Value;
use std::fs::File;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use wire::{Client, EventView, RunDetail, RunState, RunSummary};

/// How long a daemon whose test is over may take to drain before it is killed.
const DRAIN: Duration = Duration::from_secs(15);
/// Runs read at once; tests with more of them page.
const PAGE: u32 = 200;

/// A running `seawall up`.
#[derive(Debug)]
pub struct Daemon {
    child: Child,
    dir: PathBuf,
    config: PathBuf,
    log: PathBuf,
    state: PathBuf,
    /// What it announced: `control`, `gateway`, `isolation`.
    pub announced: Value,
    /// Talks to its control door.
    pub client: Client,
    /// What opens the control door.
    pub secret: String,
}

impl Daemon {
    /// Starts it over `installation`, and waits until its doors are open.
    pub async fn start(installation: &Installation) -> Self {
        Self::start_with(installation, |_| {}).await
    }

    /// The same after `change` had its way with the command.
    pub async fn start_with(installation: &Installation, change: impl FnOnce(&mut Command)) -> Self {
        let config = installation.dir().join("seawall.toml");
        Self::start_at(&config, &installation.state(), change).await
    }

    /// Starts it over any configuration that keeps its state in `state`.
    pub async fn start_at(config: &Path, state: &Path, change: impl FnOnce(&mut Command)) -> Self {
        static STARTED: AtomicU32 = AtomicU32::new(1);
        let number = STARTED.fetch_add(1, Ordering::Relaxed);
        let dir = config.parent().unwrap().to_owned();
        let (log, told) =
            (dir.join(format!("daemon-{number}.log")), dir.join(format!("daemon-{number}.json")));
        let mut command = command(&dir);
        command.args(["up", "--port", "0", "--json", "--config"]).arg(config);
        command.stdin(Stdio::null()).stdout(File::create(&told).unwrap()).stderr(File::create(&log).unwrap());
        change(&mut command);
        let mut child = command.spawn().unwrap();
        let began = Instant::now();
        let announced: Value = loop {
            let text = std::fs::read_to_string(&told).unwrap();
            match serde_json::from_str::<Value>(&text) {
                Ok(announced) if announced["control"].is_string() => break announced,
                Ok(other) => panic!("not started: {other}\n{}", tail(&log)),
                Err(_) => {}
            }
            let ended = child.try_wait().unwrap();
            let late = began.elapsed() > PATIENCE;
            assert!(ended.is_none() && !late, "not started: {ended:?}\n{}", tail(&log));
            tokio::time::sleep(Duration::from_millis(5)).await;
        };
        let secret =
            std::fs::read_to_string(state.join("control.secret")).unwrap_or_default().trim().to_owned();
        let address = announced["control"].as_str().unwrap().to_owned();
        let client = Client::new(address, Some(secret.clone()));
        Self {
            child,
            config: config.to_owned(),
            dir,
            log,
            state: state.to_owned(),
            announced,
            client,
            secret,
        }
    }

    /// Its process.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }

    /// `host:port` of the control door.
    pub fn control(&self) -> &str {
        self.announced["control"].as_str().unwrap()
    }

    /// `host:port` of the gateway door.
    pub fn gateway(&self) -> &str {
        self.announced["gateway"].as_str().unwrap()
    }

    /// Everything it logged so far.
    pub fn log(&self) -> String {
        std::fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Kills it as a power cut would, and waits until the kernel has let go of it.
    pub fn kill9(&mut self) {
        self.child.kill().unwrap();
        self.child.wait().unwrap();
    }

    /// Asks it to end, and waits until it did.
    pub async fn term(&mut self) -> ExitStatus {
        process::signal(self.pid(), Signal::TERM);
        self.ended().await
    }

    /// Waits until it ended.
    pub async fn ended(&mut self) -> ExitStatus {
        let log = self.log.clone();
        until("the daemon to end", || tail(&log), async || self.child.try_wait().unwrap()).await
    }

    /// Whether it still runs.
    pub fn runs_on(&mut self) -> bool {
        self.child.try_wait().unwrap().is_none()
    }

    /// Asks until `found` answers with something.
    pub async fn until<T>(&self, what: &str, mut found: impl AsyncFnMut(&Client) -> Option<T>) -> T {
        until(what, || tail(&self.log), async || found(&self.client).await).await
    }

    /// Every run, oldest first.
    pub async fn runs(&self) -> Vec<RunSummary> {
        let mut all = vec![];
        let mut cursor: Option<String> = None;
        loop {
            let page = self.client.runs(RunState::All, cursor.as_deref(), PAGE).await.unwrap();
            all.extend(page.items);
            cursor = page.next;
            if cursor.is_none() {
                all.reverse();
                return all;
            }
        }
    }

    /// The author runs of an issue, oldest first.
    pub async fn authors_of(&self, issue: &str) -> Vec<RunSummary> {
        let all = self.runs().await.into_iter();
        all.filter(|run| run.issue == issue && run.purpose == domain::run::Purpose::Author).collect()
    }

    /// Waits until the latest author run of `issue` is in one of `phases`, and answers with everything about it.
    pub async fn in_phase(&self, issue: &str, phases: &[&str]) -> RunDetail {
        let what = format!("{issue} to be {phases:?}");
        self.until(&what, async |client| {
            let run = self.authors_of(issue).await.pop()?;
            let detail = client.run(run.id.as_str()).await.ok()?;
            phases.contains(&detail.summary.phase.as_str()).then_some(detail)
        })
        .await
    }

    /// Waits until the latest author run of `issue` is over.
    pub async fn ended_run(&self, issue: &str) -> RunDetail {
        self.in_phase(issue, &["ended"]).await
    }

    /// Waits until `issue` landed.
    pub async fn landed(&self, issue: &str) -> RunDetail {
        let run = self.ended_run(issue).await;
        let outcome = run.summary.outcome.as_deref();
        assert_eq!(outcome, Some("landed"), "{}\n{}", lines(&run), tail(&self.log));
        run
    }

    /// Waits until the agent of `issue` runs (its processes exist), and answers with its run and its processes.
    pub async fn working(&self, issue: &str) -> (RunDetail, Vec<u32>) {
        let what = format!("an agent to work on {issue}");
        self.until(&what, async |client| {
            let run = self.authors_of(issue).await.pop()?;
            let detail = client.run(run.id.as_str()).await.ok()?;
            if detail.summary.phase != "working" {
                return None;
            }
            let processes = process::of_run(run.id.as_str());
            (!processes.is_empty()).then_some((detail, processes))
        })
        .await
    }

    /// What happened to a run so far, all pages.
    pub async fn timeline(&self, run: &str) -> Vec<EventView> {
        let mut all = vec![];
        let mut after: Option<String> = None;
        loop {
            let page = self.client.log(run, after.as_deref()).await.unwrap();
            if page.items.is_empty() {
                return all;
            }
            all.extend(page.items);
            after = page.next;
        }
    }

    /// Waits until something of `kind` happened to a run.
    pub async fn event(&self, run: &str, kind: &str) -> EventView {
        let what = format!("{kind} of {run}");
        self.until(&what, async |_| self.timeline(run).await.into_iter().find(|event| event.kind == kind))
            .await
    }

    /// One request at the control door with its secret.
    pub fn get(&self, path: &str) -> Answer {
        let bearer = format!("Bearer {}", self.secret);
        http::exchange(self.control(), "GET", path, &[("authorization", &bearer)], "")
    }

    /// One model request at the gateway door with `token`.
    pub fn ask_model(&self, token: &str) -> Answer {
        let bearer = format!("Bearer {token}");
        let body = r#"{"model":"large","stream":false,"input":"is anybody there?"}"#;
        let headers = [("authorization", bearer.as_str()), ("content-type", "application/json")];
        http::exchange(self.gateway(), "POST", "/v1/responses", &headers, body)
    }

    /// The command line over the same configuration.
    pub fn cli(&self, args: &[&str]) -> Output {
        output(command(&self.dir).args(args).arg("--config").arg(&self.config))
    }

    /// Where it keeps its state.
    pub fn state(&self) -> &Path {
        &self.state
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!("{}", tail(&self.log));
        }
        process::signal(self.pid(), Signal::CONT);
        process::signal(self.pid(), Signal::TERM);
        let began = Instant::now();
        while matches!(self.child.try_wait(), Ok(None)) && began.elapsed() < DRAIN {
            std::thread::sleep(Duration::from_millis(5));
        }
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The timeline of a run, one line for each event.
pub fn lines(run: &RunDetail) -> String {
    run.timeline.iter().map(|event| format!("{} {}\n", event.kind, event.line)).collect()
}

/// The binary in `dir`, with nothing of the caller's Seawall in its environment.
pub fn command(dir: &Path) -> Command {
    let mut command = Command::new(seawall());
    command.current_dir(dir).env_remove("SEAWALL_CONTROL").env_remove("SEAWALL_CONTROL_SECRET");
    command.env("NO_COLOR", "1");
    command
}

/// What a command said until its end. One that does not end by itself is asked to, so that it says why it ran on.
pub fn output(command: &mut Command) -> Output {
    let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let (pid, (ended, late)) = (child.id(), std::sync::mpsc::channel::<()>());
    let watch = std::thread::spawn(move || {
        if late.recv_timeout(PATIENCE) == Err(std::sync::mpsc::RecvTimeoutError::Timeout) {
            process::signal(pid, Signal::TERM);
        }
    });
    let output = child.wait_with_output().unwrap();
    drop(ended);
    watch.join().unwrap();
    output
}

/// The end of a log.
fn tail(log: &Path) -> String {
    let text = std::fs::read_to_string(log).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    format!("--- the end of the daemon's log\n{}", lines[lines.len().saturating_sub(40)..].join("\n"))
}
