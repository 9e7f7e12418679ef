//! Everything that belongs to one case while it runs.

use super::collect::Collector;
use super::output::Output;
use super::places::Places;
use super::process::{Process, Start, kill_leftovers};
use super::{Failure, Options};
use crate::agent::record::hash;
use crate::agent::script::Script;
use crate::case::step::Signal;
use crate::case::{Case, workflow};
use crate::linear::Linear;
use crate::target::Target;
use crate::timeline::{Event, Timeline};
use serde_json::{Map, Value};
use std::collections::BTreeMap;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::task::JoinHandle;

/// How often everything is looked at.
const TICK: Duration = Duration::from_millis(10);
/// How long the implementation may take to end at the end of a case before it is killed. Not judged here: a case of
/// its own does that.
const LAST_STOP: Duration = Duration::from_secs(20);

pub(crate) struct World {
    pub(crate) case: Case,
    pub(crate) target: Target,
    pub(crate) places: Places,
    pub(crate) linear: Linear,
    pub(crate) timeline: Timeline,
    pub(crate) slow: f64,
    process: Option<Process>,
    /// Whether a step has ended it on purpose.
    pub(crate) stopped: bool,
    watching: Arc<Mutex<Watching>>,
    watcher: JoinHandle<()>,
    front: Map<String, Value>,
    prompt: String,
    agent: String,
    program: PathBuf,
    nonce: String,
}

struct Watching {
    collector: Collector,
    output: Output,
}

impl World {
    pub(super) async fn new(case: &Case, target: &Target, options: &Options) -> Result<Self, String> {
        let places = Places::new(&target.work_dir()?).map_err(|error| format!("no folder: {error}"))?;
        let case = Case::from_raw(places.fill_value(&case.raw)).map_err(|error| error.to_string())?;
        let timeline = Timeline::new();
        let nonce = places.dir.file_name().unwrap_or_default().to_string_lossy().into_owned();
        let key = places.key();
        let linear = Linear::start(case.issues.clone(), case.tracker.clone(), &key, timeline.clone()).await;
        let linear = linear.map_err(|error| format!("no tracker: {error}"))?;
        let agent = agent_command(&case, options, &nonce, &key)?;
        let mut front = workflow::usual();
        workflow::lay_over(&mut front, &target.workflow);
        workflow::lay_over(&mut front, &case.workflow);
        let mut watched = vec![places.dir.clone(), places.at("workspaces"), places.at("repo")];
        watched.extend(case.watch.iter().map(|path| places.path(path)));
        let printed = ["stdout.txt", "stderr.txt"].map(|name| places.at("out").join(name));
        let logs: Vec<PathBuf> = target.logs.iter().map(|path| places.path(&places.fill(path))).collect();
        let watching = Watching {
            collector: Collector::new(timeline.clone(), watched),
            output: Output::new(&printed, &logs, places.at("trace").join("hooks.log")),
        };
        let watching = Arc::new(Mutex::new(watching));
        let watcher = tokio::spawn(watch(Arc::clone(&watching), timeline.clone()));
        let prompt = case.prompt.clone().unwrap_or_else(|| workflow::PROMPT.to_owned());
        Ok(Self {
            case,
            target: target.clone(),
            places,
            linear,
            timeline,
            slow: options.slow,
            process: None,
            stopped: false,
            watching,
            watcher,
            front,
            prompt,
            agent,
            program: options.program.clone(),
            nonce,
        })
    }

    /// Everything that is known by now, in order.
    pub(super) fn events(&self) -> Vec<Event> {
        self.watching().poll(&self.timeline);
        self.timeline.sorted()
    }

    fn watching(&self) -> std::sync::MutexGuard<'_, Watching> {
        self.watching.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn living(&self, who: &str) -> usize {
        let mut watching = self.watching();
        watching.poll(&self.timeline);
        watching.collector.living(who)
    }

    pub(super) fn release(&self, who: &str, gate: &str) -> Result<(), String> {
        let mut watching = self.watching();
        watching.poll(&self.timeline);
        watching.collector.release(who, gate)
    }

    /// A time of the case, longer on a slow machine.
    pub(super) fn slowed(&self, ms: u64) -> Duration {
        Duration::from_millis(ms).mul_f64(self.slow)
    }

    pub(super) fn url(&self, path: &str) -> String {
        format!("{}{path}", self.target.http.replace("{port}", &self.places.port.to_string()))
    }

    // The workflow file.

    pub(super) fn workflow_path(&self) -> PathBuf {
        let named = self.case.launch.workflow.as_deref().unwrap_or("repo/WORKFLOW.md");
        self.places.path(named)
    }

    pub(super) fn write_workflow(&self) -> Result<(), String> {
        let text = match &self.case.workflow_text {
            Some(text) => text.clone(),
            None => workflow::text(&self.front, &self.prompt),
        };
        self.write_text(&text)
    }

    /// Written beside and moved there, so that nobody reads half of it.
    pub(super) fn write_text(&self, text: &str) -> Result<(), String> {
        let path = self.workflow_path();
        let beside = path.with_extension("new");
        let said = |error: std::io::Error| format!("{}: {error}", path.display());
        if let Some(folder) = path.parent() {
            std::fs::create_dir_all(folder).map_err(said)?;
        }
        std::fs::write(&beside, self.late(text)).map_err(said)?;
        std::fs::rename(&beside, &path).map_err(said)
    }

    pub(super) fn lay_over(&mut self, over: &Map<String, Value>) -> Result<(), String> {
        workflow::lay_over(&mut self.front, over);
        self.write_workflow()
    }

    pub(super) fn set_prompt(&mut self, prompt: &str) -> Result<(), String> {
        self.prompt = prompt.to_owned();
        self.write_workflow()
    }

    /// Names that are known only now. Inside quotes of JSON as well, because neither holds a quote.
    fn late(&self, text: &str) -> String {
        let text = self.places.fill(text);
        text.replace("{linear}", &self.linear.url)
            .replace("{agent}", &self.agent)
            .replace("{program}", &self.program.to_string_lossy())
    }

    // The implementation.

    pub(super) fn start(&mut self) -> Result<(), String> {
        let workflow = self.workflow_path();
        let cwd = self.places.path(self.case.launch.cwd.as_deref().unwrap_or("repo"));
        let mut env: BTreeMap<String, Option<String>> = BTreeMap::new();
        env.insert("LINEAR_API_KEY".to_owned(), Some(self.places.key()));
        env.insert("HOME".to_owned(), Some(self.places.at("home").to_string_lossy().into_owned()));
        env.insert("TMPDIR".to_owned(), Some(self.places.at("tmp").to_string_lossy().into_owned()));
        env.extend(self.case.env.clone());
        for value in env.values_mut().flatten() {
            *value = self.late(value);
        }
        let start = Start {
            target: &self.target,
            workflow: self.case.launch.workflow_argument.then_some(workflow.as_path()),
            port: self.case.launch.port_argument.then_some(self.places.port),
            cwd: &cwd,
            dir: &self.places.dir,
            env: &env,
        };
        self.process = Some(Process::start(&start, self.timeline.clone())?);
        self.stopped = false;
        Ok(())
    }

    /// How the implementation has ended, if it has.
    pub(super) fn ended(&mut self) -> Option<std::process::ExitStatus> {
        self.process.as_mut().and_then(Process::ended)
    }

    pub(super) async fn stop(
        &mut self,
        signal: Signal,
        within: Duration,
    ) -> Option<std::process::ExitStatus> {
        self.stopped = true;
        let process = self.process.as_mut()?;
        process.signal(signal);
        process.wait(within).await
    }

    /// Ends the implementation; it must not have ended by itself before.
    pub(super) async fn end(&mut self) -> Result<(), Failure> {
        let early = match self.ended() {
            Some(status) if !self.stopped && !self.case.except.iter().any(|rule| rule == "exit") => Err(
                Failure::new("the implementation goes on until it is told to end", self.last_words(&status)),
            ),
            Some(_) | None => Ok(()),
        };
        if self.ended().is_none() && self.process.is_some() {
            self.stop(Signal::Term, LAST_STOP).await;
        }
        early
    }

    fn last_words(&self, status: &std::process::ExitStatus) -> String {
        format!("it ended with {status}:\n{}", self.tail_of_output(12))
    }

    pub(super) fn tail_of_output(&self, lines: usize) -> String {
        let text = |name: &str| {
            let text = std::fs::read_to_string(self.places.at("out").join(name)).unwrap_or_default();
            let all: Vec<&str> = text.lines().collect();
            all[all.len().saturating_sub(lines)..].join("\n")
        };
        format!("{}\n{}", text("stdout.txt"), text("stderr.txt"))
    }

    /// Ends what is left, and removes the folder unless it is to be kept.
    pub(super) fn close(self, keep: bool) -> Option<PathBuf> {
        self.watcher.abort();
        if let Some(process) = &self.process {
            process.kill_group();
        }
        kill_leftovers(&self.nonce);
        if keep {
            let lines: Vec<String> = self.events().iter().map(super::steps::line_of).collect();
            let _ = std::fs::write(self.places.at("timeline.txt"), lines.join("\n"));
            return Some(self.places.dir.clone());
        }
        // A process that still ends may write once more; what is left then is litter, not a failure.
        let _ = std::fs::remove_dir_all(&self.places.dir);
        None
    }
}

impl Watching {
    fn poll(&mut self, timeline: &Timeline) {
        self.collector.poll();
        self.output.poll(timeline);
    }
}

async fn watch(watching: Arc<Mutex<Watching>>, timeline: Timeline) {
    let mut tick = tokio::time::interval(TICK);
    tick.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        tick.tick().await;
        watching.lock().unwrap_or_else(PoisonError::into_inner).poll(&timeline);
    }
}

/// The shell command that starts the fake app-server with this case's script.
fn agent_command(case: &Case, options: &Options, nonce: &str, key: &str) -> Result<String, String> {
    let text = serde_json::json!({
        "nonce": nonce,
        "secrets": {"LINEAR_API_KEY": hash(key.as_bytes())},
        "report_env": case.report_env,
        "agents": case.agents,
    });
    let script: Script = serde_json::from_value(text).map_err(|error| error.to_string())?;
    let word = script.encode().map_err(|error| error.to_string())?;
    let program = options.program.to_string_lossy();
    Ok(format!("'{program}' fake-app-server --case {nonce} --script {word}"))
}
