//! Ticks, retries, reconciliation.

use crate::agent::Attempt;
use crate::workflow::{Workflow, load, normal};
use crate::{Wrong, tracker, workspace, wrong};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

const CONTINUATION: Duration = Duration::from_secs(1);

/// What is known of an issue that runs.
pub(crate) struct Running {
    pub(crate) issue: Value,
    pub(crate) attempt: u32,
    pub(crate) since: Instant,
    pub(crate) last: Instant,
    pub(crate) session: String,
    pub(crate) turns: u32,
    pub(crate) tokens: (u64, u64),
    stop: Arc<AtomicBool>,
    /// What becomes of it when it was stopped.
    stopped: Option<Stopped>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stopped {
    Keep,
    Clean,
    Stalled,
}

pub(crate) struct Retry {
    pub(crate) issue: Value,
    pub(crate) attempt: u32,
    pub(crate) due: Instant,
    pub(crate) error: Option<String>,
}

#[derive(Default)]
pub(crate) struct State {
    pub(crate) running: BTreeMap<String, Running>,
    pub(crate) retries: BTreeMap<String, Retry>,
    pub(crate) ended_tokens: (u64, u64),
    pub(crate) ended_seconds: f64,
    pub(crate) limits: Value,
    pub(crate) refresh: bool,
}

/// What an agent lets be heard.
pub(crate) enum Heard {
    Sign,
    Turn(String),
    Usage(u64, u64),
    Limits(Value),
}

impl State {
    pub(crate) fn hear(&mut self, id: &str, heard: Heard) {
        let Some(running) = self.running.get_mut(id) else { return };
        running.last = Instant::now();
        match heard {
            Heard::Sign => {}
            Heard::Turn(session) => {
                running.turns += 1;
                eprintln!(
                    "session_started issue_id={id} issue_identifier={} session_id={session}",
                    text(&running.issue, "identifier")
                );
                running.session = session;
            }
            Heard::Usage(input, output) => running.tokens = (input, output),
            Heard::Limits(limits) => self.limits = limits,
        }
    }
}

struct Orchestrator<'a> {
    workflow: Workflow,
    /// Whether the file on disk is fit to start new work.
    fit: bool,
    state: &'a Arc<Mutex<State>>,
    tell: Sender<(String, Result<(), String>)>,
    done: Receiver<(String, Result<(), String>)>,
}

pub(crate) fn run(path: &Path, first: Workflow, state: &Arc<Mutex<State>>, stop: &AtomicBool) {
    let (tell, done) = channel();
    let mut orchestrator = Orchestrator { workflow: first, fit: true, state, tell, done };
    match tracker::by_states(&orchestrator.workflow, &orchestrator.workflow.texts("terminal_states")) {
        Ok(issues) => {
            issues.iter().for_each(|i| workspace::remove(&orchestrator.workflow, &text(i, "identifier")))
        }
        Err(why) => eprintln!("warning: cannot clean up: {why}"),
    }
    let mut next = Instant::now();
    while !stop.load(Ordering::Relaxed) {
        orchestrator.reap();
        let refresh = std::mem::take(&mut state.lock().unwrap().refresh);
        if Instant::now() >= next || refresh {
            orchestrator.reload(path);
            orchestrator.tick();
            let every = u64::try_from(orchestrator.workflow.number("polling", "interval_ms", 30_000))
                .unwrap_or(30_000);
            next = Instant::now() + Duration::from_millis(every);
        }
        orchestrator.retry(path);
        std::thread::sleep(Duration::from_millis(15));
    }
    for running in state.lock().unwrap().running.values_mut() {
        running.stop.store(true, Ordering::Relaxed);
    }
    let end = Instant::now() + Duration::from_secs(5);
    while !state.lock().unwrap().running.is_empty() && Instant::now() < end {
        orchestrator.reap();
        std::thread::sleep(Duration::from_millis(15));
    }
}

impl Orchestrator<'_> {
    fn reload(&mut self, path: &Path) {
        match load(path) {
            Ok(workflow) => {
                self.workflow = workflow;
                self.fit = true;
            }
            Err(why) => {
                eprintln!("the workflow cannot be used: {why}");
                self.fit = false;
                if wrong(Wrong::DiesOnReload) {
                    std::process::exit(1);
                }
            }
        }
    }

    fn tick(&mut self) {
        self.stalls();
        self.reconcile();
        if !self.fit {
            return;
        }
        let mut issues = match tracker::by_states(&self.workflow, &self.workflow.texts("active_states")) {
            Ok(issues) => issues,
            Err(why) => return eprintln!("cannot fetch candidates: {why}"),
        };
        issues.sort_by_key(|issue| {
            let priority = issue["priority"].as_i64().filter(|p| (1..=4).contains(p)).unwrap_or(5);
            let created = issue["created_at"].as_str().unwrap_or("9").to_owned();
            (priority, created, text(issue, "identifier"))
        });
        for issue in issues {
            let id = text(&issue, "id");
            let claimed = {
                let state = self.state.lock().unwrap();
                state.running.contains_key(&id) || state.retries.contains_key(&id)
            };
            let claimed = claimed && !wrong(Wrong::TwoAgents);
            if !claimed && may_go_on(&self.workflow, &issue) && self.has_room(&issue) {
                self.dispatch(issue, None);
            }
        }
    }

    fn has_room(&self, issue: &Value) -> bool {
        let state = self.state.lock().unwrap();
        let name = normal(&text(issue, "state"));
        let same = state.running.values().filter(|r| normal(&text(&r.issue, "state")) == name).count();
        let most = usize::try_from(self.workflow.number("agent", "max_concurrent_agents", 10)).unwrap_or(0);
        state.running.len() < most && same < self.workflow.limit_of(&name)
    }

    fn dispatch(&self, issue: Value, attempt: Option<u32>) {
        let id = text(&issue, "id");
        let stop = Arc::new(AtomicBool::new(false));
        let now = Instant::now();
        let running = Running {
            issue: issue.clone(),
            attempt: attempt.unwrap_or(0),
            since: now,
            last: now,
            session: String::new(),
            turns: 0,
            tokens: (0, 0),
            stop: Arc::clone(&stop),
            stopped: None,
        };
        self.state.lock().unwrap().running.insert(id.clone(), running);
        let attempt =
            Attempt { workflow: self.workflow.clone(), issue, attempt, stop, state: Arc::clone(self.state) };
        let tell = self.tell.clone();
        std::thread::spawn(move || tell.send((id, attempt.run())));
    }

    fn stalls(&self) {
        let limit = self.workflow.number("codex", "stall_timeout_ms", 300_000);
        let Ok(limit) = u64::try_from(limit) else { return };
        for running in self.state.lock().unwrap().running.values_mut() {
            if limit > 0 && running.last.elapsed() > Duration::from_millis(limit) {
                running.end(Stopped::Stalled);
            }
        }
    }

    fn reconcile(&self) {
        let ids: Vec<String> = self.state.lock().unwrap().running.keys().cloned().collect();
        let found = match tracker::by_ids(&self.workflow, &ids) {
            Ok(found) => found,
            Err(_) if wrong(Wrong::ErrorIsMissing) => vec![],
            Err(why) => return eprintln!("cannot refresh: {why}"),
        };
        let mut state = self.state.lock().unwrap();
        for id in ids {
            let Some(running) = state.running.get_mut(&id) else { continue };
            match found.iter().find(|issue| issue["id"] == json!(id)) {
                Some(issue) if self.workflow.is_in("terminal_states", &text(issue, "state")) => {
                    running.end(Stopped::Clean);
                }
                Some(issue) if may_go_on(&self.workflow, issue) => running.issue = issue.clone(),
                Some(_) | None => running.end(Stopped::Keep),
            }
        }
    }

    fn reap(&self) {
        while let Ok((id, result)) = self.done.try_recv() {
            let mut state = self.state.lock().unwrap();
            let Some(running) = state.running.remove(&id) else { continue };
            state.ended_seconds += running.since.elapsed().as_secs_f64();
            state.ended_tokens.0 += running.tokens.0;
            state.ended_tokens.1 += running.tokens.1;
            let next = running.attempt + 1;
            let identifier = text(&running.issue, "identifier");
            eprintln!("worker ended issue_id={id} issue_identifier={identifier} outcome={result:?}");
            match (running.stopped, result) {
                (Some(Stopped::Keep), _) => {}
                (Some(Stopped::Clean), _) => workspace::remove(&self.workflow, &identifier),
                (Some(Stopped::Stalled), _) if wrong(Wrong::StallForgets) => {}
                (Some(Stopped::Stalled), _) => {
                    self.queue(&mut state, running.issue, next, Some("stalled".into()))
                }
                (None, Ok(())) => {
                    let retry = Retry {
                        issue: running.issue,
                        attempt: 1,
                        due: Instant::now() + CONTINUATION,
                        error: None,
                    };
                    state.retries.insert(id, retry);
                }
                (None, Err(why)) => self.queue(&mut state, running.issue, next, Some(why)),
            }
        }
    }

    fn queue(&self, state: &mut State, issue: Value, attempt: u32, error: Option<String>) {
        let most =
            u64::try_from(self.workflow.number("agent", "max_retry_backoff_ms", 300_000)).unwrap_or(300_000);
        let wait = 10_000_u64.saturating_mul(2_u64.saturating_pow(attempt.saturating_sub(1))).min(most);
        let wait = if wrong(Wrong::NoBackoff) { 0 } else { wait };
        let due = Instant::now() + Duration::from_millis(wait);
        state.retries.insert(text(&issue, "id"), Retry { issue, attempt, due, error });
    }

    fn retry(&mut self, path: &Path) {
        let now = Instant::now();
        let due: Vec<String> = {
            let state = self.state.lock().unwrap();
            state.retries.iter().filter(|(_, retry)| retry.due <= now).map(|(id, _)| id.clone()).collect()
        };
        if due.is_empty() {
            return;
        }
        self.reload(path);
        if !self.fit {
            return;
        }
        for id in due {
            let found = tracker::by_ids(&self.workflow, std::slice::from_ref(&id));
            let Some(retry) = self.state.lock().unwrap().retries.remove(&id) else { continue };
            match found.map(|mut found| found.pop()) {
                Err(why) => {
                    self.queue(&mut self.state.lock().unwrap(), retry.issue, retry.attempt + 1, Some(why));
                }
                Ok(Some(issue)) if self.workflow.is_in("terminal_states", &text(&issue, "state")) => {
                    workspace::remove(&self.workflow, &text(&issue, "identifier"));
                }
                Ok(Some(issue)) if may_go_on(&self.workflow, &issue) => {
                    if self.has_room(&issue) {
                        self.dispatch(issue, Some(retry.attempt));
                    } else {
                        let why = Some("no available orchestrator slots".to_owned());
                        self.queue(&mut self.state.lock().unwrap(), issue, retry.attempt + 1, why);
                    }
                }
                Ok(Some(_) | None) => {}
            }
        }
    }
}

impl Running {
    fn end(&mut self, how: Stopped) {
        if self.stopped.is_none() {
            self.stopped = Some(how);
        }
        self.stop.store(true, Ordering::Relaxed);
    }
}

/// Active, not terminal, dispatchable, with all labels.
pub(crate) fn may_go_on(workflow: &Workflow, issue: &Value) -> bool {
    let state = text(issue, "state");
    let labels = issue["labels"].as_array().cloned().unwrap_or_default();
    workflow.is_in("active_states", &state)
        && !workflow.is_in("terminal_states", &state)
        && issue["dispatchable"] == json!(true)
        && workflow.texts("required_labels").iter().all(|label| labels.contains(&json!(normal(label))))
}

pub(crate) fn text(issue: &Value, name: &str) -> String {
    issue[name].as_str().unwrap_or_default().to_owned()
}
