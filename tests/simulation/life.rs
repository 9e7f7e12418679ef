//! The daemon's lives: started, killed at a moment that the seed picks, started again.

use crate::invariants::Truth;
use crate::random::Random;
use crate::support::{Daemon, daemon};
use crate::world::{VICTIM, World};
use std::fs::OpenOptions;
use std::process::{Command, Stdio};
use std::time::{Duration, Instant};

/// Killed at the latest so long after its start: some lives end before the doors open, some in the middle of work.
const LONGEST_LIFE_MS: u64 = 900;
/// The order and the kill meet within this time.
const LONGEST_RACE_MS: u64 = 60;

/// What an order stopped.
pub struct Stopped {
    /// The run.
    pub run: String,
    /// When the order was known to be in force, microseconds since the epoch.
    pub by_us: i64,
}

pub struct Life<'a> {
    world: &'a World,
    pub random: Random,
    began: Instant,
    lives: u32,
}

impl<'a> Life<'a> {
    pub fn new(world: &'a World, random: Random) -> Self {
        Self { world, random, began: Instant::now(), lives: 0 }
    }

    /// One life that ends at a random moment.
    pub async fn live_and_be_killed(&mut self) {
        let life = Duration::from_millis(self.random.below(LONGEST_LIFE_MS));
        let mut child = self.command().spawn().unwrap();
        tokio::time::sleep(life).await;
        let ended = child.try_wait().unwrap();
        assert!(ended.is_none(), "the daemon ended by itself: {ended:?}\n{}", self.log());
        child.kill().unwrap();
        child.wait().unwrap();
        self.lives += 1;
    }

    /// The last life, which nobody ends.
    pub async fn live_on(&mut self) -> Daemon {
        self.lives += 1;
        Daemon::start(&self.world.installation).await
    }

    /// A life in which the victim's run is stopped, and that ends while the order is given or right after.
    pub async fn stop_the_victim_and_be_killed(&mut self) -> Stopped {
        let mut daemon = self.live_on().await;
        let (run, _) = daemon.working(VICTIM).await;
        let run = run.summary.id.to_string();
        let race = Duration::from_millis(self.random.below(LONGEST_RACE_MS));
        let mut order = self.order(&run).spawn().unwrap();
        tokio::time::sleep(race).await;
        daemon.kill9();
        let code = order.wait().unwrap().code();
        drop(daemon);
        if !matches!(code, Some(0 | 3)) {
            // Nobody heard the person; they say it again when the daemon is back.
            let mut daemon = self.live_on().await;
            let code = self.order(&run).status().unwrap().code();
            assert!(matches!(code, Some(0 | 3)), "the order was not taken: {code:?}\n{}", daemon.log());
            daemon.kill9();
        }
        let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap();
        Stopped { run, by_us: i64::try_from(now.as_micros()).unwrap() }
    }

    /// Ends the last life in order.
    pub async fn drain(&self, mut daemon: Daemon) {
        let status = daemon.term().await;
        assert!(status.success(), "the drain failed: {status}\n{}", daemon.log());
    }

    /// What it came to, for whoever soaks.
    pub fn told(&self, truth: &Truth<'_>) {
        eprintln!(
            "{} lives, {} issues, {} attempts ({} lost), {} calls ({} lost), {:.1} s",
            self.lives,
            self.world.issues.len(),
            truth.attempts(),
            truth.lost_attempts(),
            truth.calls.len(),
            truth.lost_calls(),
            self.began.elapsed().as_secs_f64(),
        );
    }

    fn command(&self) -> Command {
        let dir = self.world.installation.dir();
        let log = OpenOptions::new().create(true).append(true).open(dir.join("lives.log")).unwrap();
        let mut command = daemon::command(dir);
        command.args(["up", "--port", "0"]).stdin(Stdio::null()).stdout(Stdio::null()).stderr(log);
        command
    }

    fn order(&self, run: &str) -> Command {
        let mut command = daemon::command(self.world.installation.dir());
        command.args(["kill", &format!("run/{run}"), "--reason", "the simulation says so"]);
        command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null());
        command
    }

    fn log(&self) -> String {
        self.world.installation.read("lives.log")
    }
}
