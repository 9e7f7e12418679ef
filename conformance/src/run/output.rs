//! Reads what the implementation prints and logs, and the marks that hooks leave, line by line.

use crate::timeline::{Event, Source, Timeline};
use serde_json::json;
use std::collections::BTreeMap;
use std::fs::File;
use std::io::Read as _;
use std::path::{Path, PathBuf};

/// Read at once from one file.
const CHUNK: u64 = 4 * 1024 * 1024;
/// Of a longer line only the beginning is kept.
const LINE_BYTES: usize = 16 * 1024;

/// The files that are followed.
#[derive(Debug, Default)]
pub(crate) struct Output {
    files: BTreeMap<PathBuf, Follow>,
    /// Patterns of log files: a folder, and how its files are called.
    logs: Vec<(PathBuf, String)>,
    hooks: Option<PathBuf>,
}

#[derive(Debug)]
struct Follow {
    file: File,
    rest: Vec<u8>,
}

impl Output {
    /// Follows stdout and stderr of the implementation, its log files and the marks of hooks.
    pub(crate) fn new(printed: &[PathBuf], logs: &[PathBuf], hooks: PathBuf) -> Self {
        let mut all: Vec<(PathBuf, String)> = vec![];
        for path in printed.iter().chain(logs) {
            let folder = path.parent().unwrap_or(Path::new(".")).to_owned();
            all.push((folder, path.file_name().unwrap_or_default().to_string_lossy().into_owned()));
        }
        Self { files: BTreeMap::new(), logs: all, hooks: Some(hooks) }
    }

    pub(crate) fn poll(&mut self, timeline: &Timeline) {
        self.discover();
        for (path, follow) in &mut self.files {
            let name = path.file_name().unwrap_or_default().to_string_lossy().into_owned();
            for line in follow.lines() {
                if self.hooks.as_ref() == Some(path) {
                    mark(timeline, &line);
                } else {
                    timeline.note(Source::Output, "line", "", json!({"line": line, "file": name}));
                }
            }
        }
    }

    fn discover(&mut self) {
        let mut found: Vec<PathBuf> = self.hooks.iter().cloned().collect();
        for (folder, pattern) in &self.logs {
            let names = std::fs::read_dir(folder).into_iter().flatten().flatten();
            let fits = |name: &str| match pattern.split_once('*') {
                Some((before, after)) => name.starts_with(before) && name.ends_with(after),
                None => name == pattern,
            };
            let names = names.filter(|entry| fits(&entry.file_name().to_string_lossy()));
            found.extend(names.map(|entry| entry.path()));
        }
        for path in found {
            if !self.files.contains_key(&path)
                && let Ok(file) = File::open(&path)
            {
                self.files.insert(path, Follow { file, rest: vec![] });
            }
        }
    }
}

impl Follow {
    fn lines(&mut self) -> Vec<String> {
        // What cannot be read now is read next time.
        let _ = self.file.by_ref().take(CHUNK).read_to_end(&mut self.rest);
        let mut lines = vec![];
        while let Some(end) = self.rest.iter().position(|byte| *byte == b'\n') {
            let line: Vec<u8> = self.rest.drain(..=end).collect();
            let line = line.strip_suffix(b"\n").unwrap_or(&line);
            lines.push(String::from_utf8_lossy(&line[..line.len().min(LINE_BYTES)]).into_owned());
        }
        lines
    }
}

/// `NAME <tab> milliseconds <tab> folder`
fn mark(timeline: &Timeline, line: &str) {
    let mut parts = line.split('\t');
    let (Some(name), Some(ms), Some(folder)) = (parts.next(), parts.next(), parts.next()) else { return };
    let who = Path::new(folder).file_name().unwrap_or_default().to_string_lossy().into_owned();
    let at_ms = timeline.since_begin(ms.parse().unwrap_or(0));
    let data = json!({"cwd": folder});
    timeline.push(Event { at_ms, source: Source::Hook, who, run: 0, kind: name.to_owned(), data });
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::Write as _;

    #[test]
    fn lines_and_marks_are_seen_once() {
        let dir = tempfile::tempdir().unwrap();
        let (out, hooks) = (dir.path().join("stdout.txt"), dir.path().join("hooks.log"));
        std::fs::write(&out, "one\ntw").unwrap();
        let timeline = Timeline::new();
        let mut output = Output::new(std::slice::from_ref(&out), &[], hooks.clone());
        output.poll(&timeline);
        std::fs::write(&hooks, format!("before_run\t{}\t/w/MT-1\n", crate::agent::record::now_ms())).unwrap();
        File::options().append(true).open(&out).unwrap().write_all(b"o\n").unwrap();
        output.poll(&timeline);
        let seen: Vec<_> = timeline.sorted().into_iter().map(|event| (event.kind, event.who)).collect();
        assert!(seen.contains(&("before_run".into(), "MT-1".into())), "{seen:?}");
        assert_eq!(seen.iter().filter(|(kind, _)| kind == "line").count(), 2);
    }
}
