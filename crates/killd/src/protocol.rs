//! What is said over the socket: one JSON object per line, `{"id":n,"op":…}` answered by `{"id":n,"answer":…}`.
//!
//! Answers may come in another order than the requests; the id says which is which. A line that cannot be read
//! is answered with id 0.

use std::path::PathBuf;

use serde::{Deserialize, Serialize};

/// Longest request line in bytes: a registration with every label at its longest fits ten times.
pub const MAX_REQUEST_BYTES: usize = 64 * 1024;
/// Longest answer line in bytes: a status of 10,000 runs with labels of usual length fits four times.
pub const MAX_ANSWER_BYTES: usize = 8 * 1024 * 1024;
/// Runs registered at once.
pub const MAX_RUNS: usize = 10_000;
/// Connections open at once.
pub const MAX_CONNECTIONS: usize = 256;
/// Of these, supervisors. The others stay free for people who want to stop something.
pub const MAX_SUPERVISORS: usize = 192;
/// Labels of one run.
pub const MAX_LABELS: usize = 16;
/// Bytes of one name, label or id.
pub const MAX_NAME_BYTES: usize = 256;
/// The scope that covers every run.
pub const ALL: &str = "all";

/// One request line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Request {
    /// Chosen by the client, repeated in the answer.
    pub id: u64,
    /// What to do.
    #[serde(flatten)]
    pub op: Op,
}

/// What can be asked.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "op", rename_all = "snake_case")]
pub enum Op {
    /// Makes this connection a supervisor: what it registers dies with it. Answer: `ok`.
    Supervise {
        /// Who supervises, for logs.
        name: String,
    },
    /// Puts a run under the kill plane. Answers: `ok`, `refused`.
    Register(Registration),
    /// Takes a run off the kill plane, because its processes are gone; unknown ones are fine. Without a cgroup, one
    /// of which a known process lives is killed first. Answer: `ok`.
    Release {
        /// The run.
        run: String,
        /// The claim it was registered with.
        fence: u64,
    },
    /// Stops a scope. Answers: `receipt`, `would_reach` (dry run), `refused` (this very order was lifted).
    Stop {
        /// The order.
        order: Order,
        /// Whether the scope stays stopped until it is lifted.
        tombstone: bool,
        /// Only name what it would reach.
        #[serde(default)]
        dry_run: bool,
    },
    /// Kills one run, without a tombstone. Answers: `receipt`, `refused` (not registered).
    KillRun {
        /// The run.
        run: String,
        /// The claim it was registered with.
        fence: u64,
        /// Why, for the log.
        why: String,
    },
    /// Lifts the stop of a scope. Answers: `ok`, `refused`.
    Lift(Lift),
    /// What is stopped and what is registered. Answer: `status`.
    Status,
    /// Whether a stop covers any of the labels. Answer: `checked`.
    Check {
        /// Labels as in a registration.
        labels: Vec<String>,
    },
}

/// A run to be put under the kill plane.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Registration {
    /// The run's id.
    pub run: String,
    /// Number of the claim; grows with each. A registration with an older one is refused, a newer one kills the old.
    pub fence: u64,
    /// The scopes that cover it, such as `team/t`. `all` is implied.
    pub labels: Vec<String>,
    /// Its cgroup v2 directory. A group that was stopped stays frozen: make a new one for the next attempt.
    pub kill_dir: Option<PathBuf>,
    /// Without `kill_dir`: its first process, which must be a child subreaper for orphans to be found.
    pub pid: Option<u32>,
    /// The first process is no subreaper but a trusted parent of a pid namespace's init, and everything else is in
    /// that namespace: the end of both is the end of all.
    #[serde(default)]
    pub walled: bool,
}

/// A command to stop a scope.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Order {
    /// Its id; sending an order again is harmless.
    pub id: String,
    /// A label, or `all`.
    pub scope: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// Orders of stops and lifts of one scope are compared by this.
    pub epoch: u64,
    /// When, in microseconds since the Unix epoch.
    pub at_us: i64,
}

/// A command to end a stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Lift {
    /// The scope of the stop.
    pub scope: String,
    /// Id of the lifting order.
    pub order: String,
    /// Who.
    pub actor: String,
    /// Why.
    pub reason: String,
    /// Must be greater than the epoch of the stop.
    pub epoch: u64,
    /// When, in microseconds since the Unix epoch.
    pub at_us: i64,
}

/// One answer line.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Answer {
    /// The id of the request; 0 when it could not be read.
    pub id: u64,
    /// What came of it.
    #[serde(flatten)]
    pub reply: Reply,
}

/// What can be answered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "answer", rename_all = "snake_case")]
pub enum Reply {
    /// Done.
    Ok,
    /// Not done, by a rule.
    Refused {
        /// The stop that forbids it, if that is why.
        order: Option<String>,
        /// Why, and what to do.
        why: String,
    },
    /// What a stop proved.
    Receipt(Receipt),
    /// What a stop would reach: run ids.
    WouldReach {
        /// Run ids.
        runs: Vec<String>,
    },
    /// The state of the kill plane.
    Status(Status),
    /// Whether something is stopped.
    Checked {
        /// The stop that covers it.
        stopped: Option<Stopped>,
    },
    /// Not done, because something is wrong with the request or with the kill plane.
    Error {
        /// What, and what to do.
        why: String,
    },
}

/// What was proved about a stop.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Receipt {
    /// Whether every process is known to be dead, and the tombstone (if one was asked for) known to be on disk.
    pub state: Proof,
    /// What is missing when unverified.
    pub why: Option<String>,
    /// The runs it reached.
    pub runs: Vec<RunReceipt>,
    /// Whether a tombstone is on disk.
    pub tombstoned: bool,
    /// The epoch the tombstone has; a lift needs a greater one. `None` without tombstone.
    pub epoch: Option<u64>,
}

/// How far a stop is proved.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proof {
    /// Proved.
    Verified,
    /// Something is not proved; the receipt says what.
    Unverified,
}

/// What was proved about one run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunReceipt {
    /// The run.
    pub run: String,
    /// Its claim.
    pub fence: u64,
    /// Processes alive when it was reached; 0: they had all ended before.
    pub processes_before: u64,
    /// Microseconds from the start of the kill until all were frozen; `None`: died first, or not seen to freeze.
    pub frozen_us: Option<u64>,
    /// Microseconds from the start of the kill until none was alive; `None`: not proved.
    pub dead_us: Option<u64>,
    /// Why it is not proved.
    pub why: Option<String>,
}

/// The state of the kill plane.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Status {
    /// The stops in force, by scope.
    pub stopped: Vec<Stopped>,
    /// The registered runs.
    pub runs: Vec<RunStatus>,
    /// Why nothing may start at all, if so.
    pub deny_all: Option<String>,
    /// Process id of the kill plane.
    pub pid: u32,
}

/// A stop in force.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stopped {
    /// What it covers.
    pub scope: String,
    /// Its id.
    pub order: String,
    /// Why.
    pub reason: String,
    /// Who.
    pub actor: String,
    /// A lift needs a greater one.
    pub epoch: u64,
    /// When, in microseconds since the Unix epoch.
    pub at_us: i64,
}

/// A registered run.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct RunStatus {
    /// The run.
    pub run: String,
    /// Its claim.
    pub fence: u64,
    /// Its labels.
    pub labels: Vec<String>,
    /// Whether any process of it lives.
    pub alive: bool,
}

impl From<&Order> for Stopped {
    fn from(order: &Order) -> Stopped {
        let Order { id, scope, reason, actor, epoch, at_us } = order.clone();
        Stopped { scope, order: id, reason, actor, epoch, at_us }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn requests_look_as_documented() {
        let text = r#"{"id":7,"op":"release","run":"r","fence":2}"#;
        let request = Request { id: 7, op: Op::Release { run: "r".into(), fence: 2 } };
        assert_eq!(serde_json::from_str::<Request>(text).unwrap(), request);
        assert_eq!(serde_json::to_string(&request).unwrap(), text);
    }

    #[test]
    fn a_stop_needs_no_dry_run_field() {
        let text = r#"{"id":1,"op":"stop","order":{"id":"o","scope":"all","reason":"x","actor":"a","epoch":1,"at_us":0},"tombstone":true}"#;
        let request: Request = serde_json::from_str(text).unwrap();
        assert!(matches!(request.op, Op::Stop { dry_run: false, tombstone: true, .. }));
    }
}
