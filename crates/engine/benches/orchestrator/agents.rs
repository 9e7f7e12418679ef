//! Simulated agents: they take turns that last, and end them in every way, without a process or a model.

use adapters::agent::{Activity, Driver, End, Host, Session, Then};
use adapters::sandbox::{Level, Sandbox, Spec};
use adapters::tracker::Tracker as _;
use adapters::tracker::memory::MemoryTracker;
use base::env::Env;
use domain::call::Usage;
use domain::failure::{Failure, FailureKind};
use domain::fleet::Agent;
use domain::issue::Issue;
use engine::{Drivers, Wanted};
use futures_util::future::BoxFuture;
use std::collections::HashMap;
use std::path::PathBuf;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How a life among simulated agents goes.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// How long a turn lasts, at least and at most.
    pub turn: (Duration, Duration),
    /// Of a thousand turns, after how many the agent moves its issue to a terminal state.
    pub done: u64,
    /// Of a thousand turns, how many fail.
    pub failed: u64,
}

/// All agents of one world, and what they saw.
#[derive(Debug)]
pub struct Agents {
    habits: Habits,
    tracker: MemoryTracker,
    /// Live sessions by the issue they work on.
    living: Mutex<HashMap<String, u32>>,
    counts: Counts,
    /// 1: the next session panics. 2: one has.
    panics: AtomicU64,
}

/// What happened so far.
#[derive(Debug, Default)]
pub struct Counts {
    /// Sessions begun.
    pub sessions: AtomicU64,
    /// Turns finished.
    pub turns: AtomicU64,
    /// Sessions that began while another one worked on the same issue. Never.
    pub doubles: AtomicU64,
    /// Issues that were moved to a terminal state.
    pub done: AtomicU64,
}

impl Agents {
    pub fn new(habits: Habits, tracker: MemoryTracker) -> Self {
        Self {
            habits,
            tracker,
            living: Mutex::default(),
            counts: Counts::default(),
            panics: AtomicU64::new(0),
        }
    }

    /// The next session panics.
    #[allow(dead_code, reason = "tests/simulation.rs uses it")]
    pub fn panic_once(&self) {
        self.panics.store(1, Ordering::Relaxed);
    }

    /// Whether one has.
    #[allow(dead_code, reason = "tests/simulation.rs uses it")]
    pub fn panicked(&self) -> bool {
        self.panics.load(Ordering::Relaxed) == 2
    }

    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// Sessions that live now.
    pub fn living(&self) -> usize {
        self.living.lock().unwrap_or_else(PoisonError::into_inner).len()
    }

    fn begin(&self, issue: &str) {
        let mut living = self.living.lock().unwrap_or_else(PoisonError::into_inner);
        let sessions = living.entry(issue.to_owned()).or_default();
        *sessions += 1;
        if *sessions > 1 {
            self.counts.doubles.fetch_add(1, Ordering::Relaxed);
        }
        self.counts.sessions.fetch_add(1, Ordering::Relaxed);
    }

    fn end(&self, issue: &str) {
        let mut living = self.living.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(sessions) = living.get_mut(issue) {
            *sessions -= 1;
            if *sessions == 0 {
                living.remove(issue);
            }
        }
    }

    /// Moves the issue on and puts a new one in its place, so that there is always as much to do.
    async fn finish(&self, identifier: &str) {
        let found = self.tracker.fetch_by_ids(&[identifier.into()]).await.unwrap_or_default();
        let Some(issue) = found.into_iter().next() else { return };
        let n = self.counts.done.fetch_add(1, Ordering::Relaxed);
        self.tracker.put(Issue { state: "Done".to_owned(), ..issue });
        self.tracker.put(new_issue(&format!("NEW-{n}")));
    }
}

/// An issue as a tracker would tell it.
pub fn new_issue(identifier: &str) -> Issue {
    Issue {
        description: Some(format!("What {identifier} is about, in a few words of its own.")),
        labels: vec!["backend".to_owned(), "agents".to_owned()],
        url: Some(format!("https://tracker.example/{identifier}")),
        ..Issue::new(identifier.into(), identifier, &format!("Do {identifier}"), "Todo")
    }
}

/// A session's place among the living; dropping it, also when the session is killed, leaves it.
struct Life {
    agents: Arc<Agents>,
    issue: String,
}

impl Life {
    fn begin(agents: &Arc<Agents>, issue: &str) -> Self {
        agents.begin(issue);
        Self { agents: agents.clone(), issue: issue.to_owned() }
    }
}

impl Drop for Life {
    fn drop(&mut self) {
        self.agents.end(&self.issue);
    }
}

/// The programs of a simulated machine.
#[derive(Debug)]
pub struct Simulated(pub Arc<Agents>);

impl Drivers for Simulated {
    fn ready(&self, _env: &Env, _agent: &Agent) -> Result<(), String> {
        Ok(())
    }

    fn open(&self, _env: &Env, _wanted: &Wanted<'_>) -> Result<Box<dyn Driver>, Failure> {
        Ok(Box::new(SimulatedAgent(self.0.clone())))
    }
}

struct SimulatedAgent(Arc<Agents>);

impl Driver for SimulatedAgent {
    fn name(&self) -> &'static str {
        "simulated"
    }

    fn run<'a>(
        &'a self,
        _sandbox: &'a Sandbox,
        _spec: Spec,
        session: Session,
        host: Host,
    ) -> BoxFuture<'a, End> {
        Box::pin(async move {
            let identifier = session.title.split(':').next().unwrap_or_default().to_owned();
            let ordered = self.0.panics.compare_exchange(1, 2, Ordering::Relaxed, Ordering::Relaxed);
            assert!(ordered.is_err(), "ordered to panic");
            let _life = Life::begin(&self.0, &identifier);
            tokio::select! {
                end = self.work(&identifier, &session, &host) => end,
                () = host.interrupt.cancelled() => End::Interrupted,
            }
        })
    }
}

impl SimulatedAgent {
    async fn work(&self, issue: &str, session: &Session, host: &Host) -> End {
        let tell = async |activity| _ = host.activity.send(activity).await;
        // Its control group is gone already, which the kill plane takes for an agent that ended at once.
        let cgroup = Some(PathBuf::from("/sys/fs/cgroup/simulated"));
        tell(Activity::Spawned { pid: 1, cgroup, level: Level::Bare }).await;
        tell(Activity::Started { session: format!("{}-{}", session.run, session.attempt) }).await;
        let mut dice = Dice::of(&session.run, session.attempt);
        for n in 1.. {
            tell(Activity::TurnStarted { turn: n.to_string(), n }).await;
            tokio::time::sleep(dice.between(self.0.habits.turn)).await;
            let total = Usage { input: 1_000 * u64::from(n), output: 100 * u64::from(n), ..Usage::default() };
            tell(Activity::Usage { total }).await;
            if dice.hit(self.0.habits.failed) {
                return End::Failed(Failure::new(FailureKind::Exited, "the simulated agent gave up"));
            }
            tell(Activity::TurnEnded { n, status: "completed".to_owned() }).await;
            self.0.counts.turns.fetch_add(1, Ordering::Relaxed);
            if dice.hit(self.0.habits.done) {
                self.0.finish(issue).await;
            }
            match host.turns.after(n).await {
                Then::Continue { .. } => {}
                Then::Finish => return End::Finished { summary: "did what there was".to_owned() },
                Then::Fail(failure) => return End::Failed(failure),
            }
        }
        End::Interrupted
    }
}

/// The same throws for the same session, whatever else goes on.
struct Dice(u64);

impl Dice {
    fn of(run: &str, attempt: u32) -> Self {
        let seed = run
            .bytes()
            .fold(u64::from(attempt), |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3));
        Self(seed)
    }

    /// SplitMix64 (Steele, Lea, Flood 2014).
    fn throw(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ z >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn hit(&mut self, of_a_thousand: u64) -> bool {
        self.throw() % 1_000 < of_a_thousand
    }

    fn between(&mut self, (least, most): (Duration, Duration)) -> Duration {
        let width = u64::try_from((most - least).as_millis()).unwrap_or(u64::MAX);
        least + Duration::from_millis(self.throw() % width.max(1))
    }
}
