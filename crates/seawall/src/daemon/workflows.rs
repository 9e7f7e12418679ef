//! Keeps what is registered as the WORKFLOW.md files say it (Symphony's specification, 6.2).
//!
//! Invariants: a file that cannot be used changes nothing that is registered, is told once, and starts no work for its
//! project until it is mended; a change is found by content, so that neither a coarse clock nor an editor's way of
//! writing hides it.

use super::watch::Watch;
use super::wiring;
use crate::config::{self, Severity};
use base::digest::sha256_hex;
use base::env::Env;
use domain::ProjectName;
use engine::{Preflight, Registered};
use futures_util::future::BoxFuture;
use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, SystemTime};
use tokio_util::sync::CancellationToken;

/// How often the files are looked at when the system tells of no change: file systems over a network do not.
const TICK: Duration = Duration::from_secs(1);
/// Of a file, what is hashed: a larger one is refused by whoever reads it.
const MAX_BYTES: u64 = 1024 * 1024;

type Apply = Box<dyn Fn(Registered) + Send + Sync>;

/// The files of the configuration, watched.
pub(super) struct Workflows {
    /// What was named at start: `seawall.toml` or a lone `WORKFLOW.md`.
    file: PathBuf,
    env: Env,
    /// Each project's workflow.
    workflows: BTreeMap<ProjectName, PathBuf>,
    state: Mutex<State>,
    apply: OnceLock<Apply>,
}

struct State {
    stamps: BTreeMap<PathBuf, Stamp>,
    /// What is wrong with a project's workflow.
    faults: BTreeMap<ProjectName, String>,
}

/// A file as it was seen. `None`: it was not there.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Stamp(Option<(SystemTime, u64, String)>);

impl Workflows {
    pub(super) fn new(config: &config::Config, env: Env) -> Self {
        let workflows: BTreeMap<ProjectName, PathBuf> =
            config.projects.iter().map(|(name, source)| (name.clone(), source.workflow.clone())).collect();
        let state = State { stamps: stamps(&workflows), faults: BTreeMap::new() };
        Self { file: config.file.clone(), env, workflows, state: Mutex::new(state), apply: OnceLock::new() }
    }

    /// From now on `apply` is given what is registered anew.
    pub(super) fn apply_with(&self, apply: impl Fn(Registered) + Send + Sync + 'static) {
        // Set once, when the engine that it speaks to is there.
        let _ = self.apply.set(Box::new(apply));
    }

    /// Watches until `over`.
    pub(super) async fn watch(self: Arc<Self>, over: CancellationToken) {
        let folders: Vec<PathBuf> =
            self.workflows.values().filter_map(|file| file.parent()).map(Path::to_owned).collect();
        let watch = Watch::of(&folders);
        while !over.is_cancelled() {
            tokio::select! {
                () = watch.changed() => {}
                () = tokio::time::sleep(TICK) => {}
                () = over.cancelled() => return,
            }
            self.look().await;
        }
    }

    async fn look(self: &Arc<Self>) {
        let this = self.clone();
        // Reading files may wait for a disk; nothing else shall.
        if let Err(panic) = tokio::task::spawn_blocking(move || this.look_now()).await {
            tracing::error!(error = %panic, "the workflows could not be looked at");
        }
    }

    fn look_now(&self) {
        self.look_at(self.workflows.values());
    }

    /// Reads everything anew when one of `files` is another than it was.
    fn look_at<'a>(&self, mut files: impl Iterator<Item = &'a PathBuf>) {
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if files.all(|file| state.stamps.get(file) == Some(&Stamp::of(file))) {
            return;
        }
        // All are read, so all are stamped, and before that: what is written meanwhile is another change.
        state.stamps = stamps(&self.workflows);
        let read = config::read(&self.file, &self.env);
        let errors = read.problems.iter().filter(|problem| problem.severity == Severity::Error);
        let mut faults: BTreeMap<PathBuf, Vec<String>> = BTreeMap::new();
        for problem in errors {
            let text = problem.to_string();
            tracing::error!(file = %problem.file.display(), error = text, outcome = "kept the last good one", "workflow cannot be used");
            faults.entry(problem.file.clone()).or_default().push(one_line(&text));
        }
        state.faults = self
            .workflows
            .iter()
            .filter_map(|(project, file)| Some((project.clone(), faults.get(file)?.join("; "))))
            .collect();
        if let (Some(config), Some(apply)) = (&read.config, self.apply.get()) {
            tracing::info!(file = %self.file.display(), outcome = "completed", "workflow reloaded");
            apply(wiring::registered(config));
        }
    }
}

impl Preflight for Workflows {
    fn check<'a>(&'a self, project: &'a ProjectName) -> BoxFuture<'a, Result<(), String>> {
        Box::pin(async move {
            // A small file; what the watch missed is found here, before anything is started on it (6.2). Those of other
            // projects are left to the watch and to their own rounds.
            self.look_at(self.workflows.get(project).into_iter());
            let state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
            state.faults.get(project).map_or(Ok(()), |fault| Err(fault.clone()))
        })
    }
}

fn stamps(workflows: &BTreeMap<ProjectName, PathBuf>) -> BTreeMap<PathBuf, Stamp> {
    workflows.values().map(|file| (file.clone(), Stamp::of(file))).collect()
}

impl Stamp {
    fn of(file: &Path) -> Self {
        use std::io::Read;
        let read = || -> std::io::Result<(SystemTime, u64, String)> {
            let opened = std::fs::File::open(file)?;
            let meta = opened.metadata()?;
            let mut bytes = vec![];
            opened.take(MAX_BYTES).read_to_end(&mut bytes)?;
            Ok((meta.modified()?, meta.len(), sha256_hex(&bytes)))
        };
        Self(read().ok())
    }
}

fn one_line(text: &str) -> String {
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::{AtomicUsize, Ordering};

    const TWO: &str = r#"
        providers.play = { kind = "rehearsal", scenario = "play.toml" }
        models.large = { try = ["play/x"] }
        teams.pay = { budget = "1 USD/day" }
        agents.author = { team = "pay", driver = "builtin", model = "large" }
        projects.one = { workflow = "one.md", team = "pay", remote = "one.git" }
        projects.two = { workflow = "two.md", team = "pay", remote = "two.git" }
    "#;

    /// Two projects with a workflow each, and how often they were registered anew.
    struct House {
        dir: tempfile::TempDir,
        workflows: Workflows,
        applied: Arc<AtomicUsize>,
    }

    impl House {
        fn new() -> Self {
            let dir = tempfile::tempdir().unwrap();
            let write = |name: &str, text: &str| std::fs::write(dir.path().join(name), text).unwrap();
            write("play.toml", "[[script]]\nname = \"x\"\n[[script.turn]]\ntext = \"hi\"\n");
            write("one.md", "Do it.\n");
            write("two.md", "Do it.\n");
            write("seawall.toml", TWO);
            let env = Env::fixed::<&str, &str>([]);
            let read = config::read(&dir.path().join("seawall.toml"), &env);
            let config = read.config.unwrap_or_else(|| panic!("{:?}", read.problems));
            let (workflows, applied) = (Workflows::new(&config, env), Arc::new(AtomicUsize::new(0)));
            let counted = applied.clone();
            workflows.apply_with(move |_registered| {
                counted.fetch_add(1, Ordering::Relaxed);
            });
            Self { dir, workflows, applied }
        }

        fn write(&self, file: &str, text: &str) {
            std::fs::write(self.dir.path().join(file), text).unwrap();
        }

        /// What a round of `project` is told, and how often anything was registered anew until then.
        async fn round(&self, project: &str) -> (Result<(), String>, usize) {
            let told = self.workflows.check(&ProjectName::new(project)).await;
            (told, self.applied.load(Ordering::Relaxed))
        }
    }

    #[tokio::test]
    async fn a_changed_workflow_is_found_by_its_own_projects_round_and_by_no_other() {
        let house = House::new();
        assert_eq!(house.round("one").await, (Ok(()), 0));
        house.write("two.md", "Do it well.\n");
        assert_eq!(house.round("one").await, (Ok(()), 0));
        assert_eq!(house.round("two").await, (Ok(()), 1));
        assert_eq!(house.round("two").await, (Ok(()), 1), "it is read once");
    }

    #[tokio::test]
    async fn a_broken_workflow_stops_its_own_project_until_it_is_mended() {
        let house = House::new();
        house.write("two.md", "One\n{% if %}\n");
        let (told, applied) = house.round("two").await;
        let fault = told.unwrap_err();
        assert!(fault.contains("two.md:2") && applied == 0, "{fault}");
        assert_eq!(house.round("one").await, (Ok(()), 0));
        house.write("two.md", "Mended.\n");
        assert_eq!(house.round("two").await, (Ok(()), 1));
    }
}
