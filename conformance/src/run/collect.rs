//! Reads what the fake app-servers write down, as they write it, and sees when they are gone.
//!
//! Invariants: what was opened once is read to its end, also when its workspace has been removed meanwhile. An agent is
//! gone when its lock is free: that holds whatever namespaces it lived in.

use crate::agent::record::{ALIVE, EVENTS, FOLDER, is_held, is_run};
use crate::timeline::{Event, Source, Timeline};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Read at once from one record.
const CHUNK: u64 = 4 * 1024 * 1024;

/// Everything that is known of agents.
#[derive(Debug)]
pub(crate) struct Collector {
    timeline: Timeline,
    watched: Vec<PathBuf>,
    known: BTreeSet<PathBuf>,
    runs: BTreeMap<String, u32>,
    tails: Vec<Tail>,
}

#[derive(Debug)]
struct Tail {
    folder: PathBuf,
    workspace: PathBuf,
    who: String,
    run: u32,
    events: File,
    rest: Vec<u8>,
    alive: File,
    living: bool,
    children: Vec<(PathBuf, File)>,
}

impl Collector {
    pub(crate) fn new(timeline: Timeline, watched: Vec<PathBuf>) -> Self {
        Self { timeline, watched, known: BTreeSet::new(), runs: BTreeMap::new(), tails: vec![] }
    }

    /// Looks everywhere once.
    pub(crate) fn poll(&mut self) {
        let mut found = vec![];
        for place in &self.watched {
            found.extend(runs_in(place));
            for inner in folders(place) {
                found.extend(runs_in(&inner));
            }
        }
        found.sort();
        for folder in found {
            if self.known.insert(folder.clone()) {
                self.open(&folder);
            }
        }
        for tail in &mut self.tails {
            tail.poll(&self.timeline);
        }
    }

    fn open(&mut self, folder: &Path) {
        let files = File::open(folder.join(EVENTS)).and_then(|e| Ok((e, File::open(folder.join(ALIVE))?)));
        // Gone between being listed and being opened: its workspace was removed, and there is nothing to read.
        let Ok((events, alive)) = files else { return };
        let workspace = folder.parent().and_then(Path::parent).unwrap_or(folder).to_owned();
        let mut tail = Tail {
            folder: folder.to_owned(),
            workspace,
            who: String::new(),
            run: 0,
            events,
            rest: vec![],
            alive,
            living: true,
            children: vec![],
        };
        if !tail.read_first() {
            // Its first line is not there yet; it is looked at again.
            self.known.remove(folder);
            return;
        }
        let run = self.runs.entry(tail.who.clone()).or_default();
        *run += 1;
        tail.run = *run;
        self.tails.push(tail);
    }

    /// How many agents of this name, and things they started, are alive.
    pub(crate) fn living(&self, who: &str) -> usize {
        let of = self.tails.iter().filter(|tail| who == "*" || tail.who == who);
        of.map(|tail| usize::from(tail.living) + tail.children.len()).sum()
    }

    /// Lets agents of this name that wait for `gate` go on.
    pub(crate) fn release(&self, who: &str, gate: &str) -> Result<(), String> {
        let of = self.tails.iter().filter(|tail| tail.living && (who == "*" || tail.who == who));
        let mut released = 0;
        for tail in of {
            let path = tail.workspace.join(FOLDER).join(format!("go-{gate}"));
            std::fs::write(&path, "").map_err(|error| format!("{}: {error}", path.display()))?;
            released += 1;
        }
        if released == 0 { Err(format!("no agent of {who} is alive")) } else { Ok(()) }
    }
}

impl Tail {
    /// Who it is stands in the first line.
    fn read_first(&mut self) -> bool {
        self.fill();
        let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') else { return false };
        let first: Value = serde_json::from_slice(&self.rest[..end]).unwrap_or(Value::Null);
        self.who = first["data"]["who"].as_str().unwrap_or("unknown").to_owned();
        true
    }

    fn fill(&mut self) {
        // What cannot be read now is read next time.
        let _ = self.events.by_ref().take(CHUNK).read_to_end(&mut self.rest);
    }

    fn poll(&mut self, timeline: &Timeline) {
        // The lock first: when it is free, everything that will ever be written is there.
        let gone = self.living && !is_held(&self.alive);
        self.fill();
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let Ok(mut line) = serde_json::from_slice::<Value>(&line) else { continue };
            let kind = line["kind"].as_str().unwrap_or_default().to_owned();
            if kind == "child" {
                self.look_for_children();
            }
            let at_ms = timeline.since_begin(line["ms"].as_u64().unwrap_or(0));
            self.push(timeline, at_ms, &kind, line["data"].take());
        }
        if gone {
            self.living = false;
            self.push(timeline, timeline.now(), "exit", json!({}));
        }
        self.children.retain(|(_, lock)| is_held(lock));
    }

    fn look_for_children(&mut self) {
        let Ok(entries) = std::fs::read_dir(&self.folder) else { return };
        for path in entries.flatten().map(|entry| entry.path()) {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            let new = self.children.iter().all(|(known, _)| *known != path);
            if name.starts_with("child-")
                && name.ends_with(".lock")
                && new
                && let Ok(file) = File::open(&path)
            {
                self.children.push((path, file));
            }
        }
    }

    fn push(&self, timeline: &Timeline, at_ms: u64, kind: &str, data: Value) {
        let (who, kind) = (self.who.clone(), kind.to_owned());
        timeline.push(Event { at_ms, source: Source::Agent, who, run: self.run, kind, data });
    }
}

/// The folders of process starts of a workspace.
fn runs_in(workspace: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(workspace.join(FOLDER)) else { return vec![] };
    let runs = entries.flatten().filter(|entry| is_run(&entry.file_name()));
    // By where it really is, so that a folder that two watched places lead to is one.
    runs.filter_map(|entry| entry.path().canonicalize().ok()).collect()
}

fn folders(place: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(place) else { return vec![] };
    entries.flatten().map(|entry| entry.path()).filter(|path| path.is_dir()).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::agent::record::Record;

    #[test]
    fn what_an_agent_wrote_is_seen_although_its_workspace_is_gone() {
        let root = tempfile::tempdir().unwrap();
        let workspace = root.path().join("MT-1");
        let (mut record, _) = Record::open(&{
            std::fs::create_dir(&workspace).unwrap();
            workspace.clone()
        })
        .unwrap();
        record.note("start", json!({"who": "MT-1"}));
        let timeline = Timeline::new();
        let mut collector = Collector::new(timeline.clone(), vec![root.path().to_owned()]);
        collector.poll();
        assert_eq!(collector.living("MT-1"), 1);
        record.note("got", json!({"method": "initialize"}));
        std::fs::remove_dir_all(&workspace).unwrap();
        drop(record);
        collector.poll();
        let kinds: Vec<String> = timeline.sorted().into_iter().map(|event| event.kind).collect();
        assert_eq!(kinds, ["start", "got", "exit"]);
        assert_eq!(collector.living("*"), 0);
    }
}
