//! The project that is worked on: issues whose work can be repeated, reviewers that find nothing.

use crate::support::installation::issue;
use crate::support::{Daemon, Installation, Plan, scenario};
use serde_json::json;
use std::time::{Duration, Instant};

/// How many issues and kills.
#[derive(Clone, Copy)]
pub struct Size {
    pub issues: u32,
    pub kills: u32,
}

impl Size {
    /// Small enough for every test run, unless the environment asks for a soak.
    pub fn from_env() -> Self {
        let number = |name: &str, usual| {
            std::env::var(name).map_or(usual, |text| text.parse().expect("a number in the environment"))
        };
        Self { issues: number("SEAWALL_SIM_ISSUES", 12), kills: number("SEAWALL_SIM_KILLS", 6) }
    }

    pub fn halved(self) -> Self {
        Self { issues: self.issues.div_ceil(2), kills: self.kills.div_ceil(2) }
    }
}

/// Whether there is an issue whose agent never comes to an end.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Victim {
    Absent,
    Loops,
}

/// The issue that an order stops.
pub const VICTIM: &str = "STOP-1";
/// Attempts at once; fewer than issues, so that slots matter.
const SLOTS: u32 = 8;
/// Longer than the slowest issue on a busy machine; a soak gets more with its size.
const PATIENCE: Duration = Duration::from_secs(60);
const PATIENCE_PER_ISSUE: Duration = Duration::from_secs(3);

/// A written project.
pub struct World {
    pub installation: Installation,
    pub issues: Vec<String>,
}

impl World {
    pub fn write(size: Size, victim: Victim) -> Self {
        let issues: Vec<String> = (1..=size.issues).map(|n| format!("SIM-{n:04}")).collect();
        let mut scripts = vec![scenario::reviews_clean(), scenario::loops("victim", &["Work on STOP-1"])];
        scripts.extend(issues.iter().map(|issue| author(issue)));
        let plan = Plan::playing(scenario::scenario(&scripts))
            .config("author = \"author\"", "author = \"author\"\nmax_attempts = 1000")
            .config("budget = \"20 USD/day\"", "budget = \"20000 USD/day\"")
            .config("budget = \"5 USD/run\"", "budget = \"500 USD/run\"")
            .config("budget = \"2 USD/run\"", "budget = \"200 USD/run\"")
            .workflow("max_concurrent_agents: 4", &format!("max_concurrent_agents: {SLOTS}"));
        let plan = issues.iter().fold(plan, |plan, issue| plan.issue(issue));
        // First in line, so that it works while the others wait, however many they are.
        let first = || issue(VICTIM, "priority: 1\n");
        let plan = match victim {
            Victim::Loops => plan.beside(&format!("issues/{VICTIM}.md"), first()),
            Victim::Absent => plan,
        };
        Self { installation: plan.write(), issues }
    }

    /// Waits until every issue (but the victim) is done and nothing is owed for it any more.
    pub async fn finished(&self, daemon: &Daemon) {
        let patience = PATIENCE + PATIENCE_PER_ISSUE * u32::try_from(self.issues.len()).unwrap();
        let began = Instant::now();
        let mut waiting = self.issues.clone();
        while !waiting.is_empty() {
            waiting.retain(|issue| !self.is_settled(issue));
            assert!(began.elapsed() < patience, "after {patience:?} still not done: {waiting:?}");
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
        let left = || self.workspaces().len() > usize::from(!self.victim_is_done());
        while left() {
            assert!(
                began.elapsed() < patience,
                "workspaces are left: {:?}\n{}",
                self.workspaces(),
                daemon.log()
            );
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }

    /// Waits until the order that stopped `run` is proven by all of its layers.
    pub async fn proved(&self, daemon: &Daemon, run: &str) {
        let scope = format!("run/{run}");
        daemon
            .until("the order to be proven", async |client| {
                let orders = client.orders(None).await.ok()?.items;
                let ours = orders.into_iter().find(|order| order.scope.to_string() == scope)?;
                (ours.verdict == domain::containment::Verdict::Verified).then_some(())
            })
            .await;
    }

    /// Folders of runs that are still there.
    pub fn workspaces(&self) -> Vec<String> {
        let folder = self.installation.state().join("workspaces").join("shop");
        let entries = std::fs::read_dir(folder).into_iter().flatten().flatten();
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect()
    }

    fn is_settled(&self, issue: &str) -> bool {
        let text = self.installation.read(&format!("issues/{issue}.md"));
        text.contains("\nstate: Done\n") && text.contains("> Landed ")
    }

    fn victim_is_done(&self) -> bool {
        !self.installation.dir().join(format!("issues/{VICTIM}.md")).exists()
    }
}

/// An author whose work can be repeated. Two of them at once in one workspace would meet at the lock of its
/// folder, which a killed one gives back, and would say so in a file that lands.
fn author(issue: &str) -> serde_json::Value {
    let work = format!(
        "flock --nonblock . -c 'mkdir -p work && sleep 0.05 && echo {issue} >work/{issue}.txt' || \
         {{ mkdir -p work && date >>work/{issue}.overlap; }}"
    );
    let slowly = |turn| scenario::with(turn, "delay", json!("20ms"));
    let turns = [
        slowly(scenario::runs(&work)),
        slowly(scenario::runs(&format!("cat work/{issue}.txt"))),
        slowly(scenario::says("Wrote the file that the issue asks for.")),
    ];
    scenario::script(&issue.to_lowercase(), &[&format!("Work on {issue}:")], &turns)
}
