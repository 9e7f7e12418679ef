//! What an agent did, as one line. The store keeps it as the engine wrote it: a text, or the JSON of an
//! activity of the adapters, of which only what a person reads is taken.

use domain::{Millis, RunId, Timestamp};
use serde::Deserialize;
use store::activity::Activity;

use super::ActivityRow;

/// Characters of one line; the rest is in the store.
const MAX_LINE: usize = 300;

/// The fields of activities that people read; every kind has some of them.
#[derive(Debug, Default, Deserialize)]
struct Told {
    command: Option<String>,
    exit: Option<i32>,
    ms: Option<u64>,
    files: Option<Vec<String>>,
    name: Option<String>,
    ok: Option<bool>,
    text: Option<String>,
    session: Option<String>,
    level: Option<String>,
    why: Option<String>,
    what: Option<String>,
    start: Option<String>,
    n: Option<u32>,
}

pub(super) fn row(run: &RunId, activity: &Activity) -> ActivityRow {
    let told = serde_json::from_str::<Told>(&activity.text).ok();
    let tool = matches!(activity.kind.as_str(), "ran" | "edited" | "tool_called" | "command" | "tool");
    let line = told.as_ref().map_or_else(|| activity.text.clone(), |told| told.line(&activity.kind));
    let lasted = told.as_ref().and_then(|t| t.ms).unwrap_or(0);
    let failed = told.as_ref().is_some_and(Told::failed);
    ActivityRow {
        id: format!("{run}.{}.{}", activity.attempt, activity.seq),
        attempt: activity.attempt,
        tool,
        line: shortened(&line),
        status: if failed {
            "failed"
        } else if tool {
            "done"
        } else {
            ""
        },
        started_at: before(activity.at, Millis(lasted)),
        ended_at: activity.at,
    }
}

impl Told {
    fn failed(&self) -> bool {
        self.ok == Some(false)
            || self.exit.is_some_and(|code| code != 0)
            || (self.command.is_some() && self.exit.is_none())
    }

    fn line(&self, kind: &str) -> String {
        let exit =
            self.exit.filter(|code| *code != 0).map(|code| format!(" (exit {code})")).unwrap_or_default();
        if let Some(command) = &self.command {
            return format!("$ {command}{exit}");
        }
        if let Some(files) = &self.files {
            return format!("edited {}", files.join(", "));
        }
        let rest = [&self.name, &self.text, &self.session, &self.why, &self.what, &self.start, &self.level];
        let said = rest.into_iter().flatten().next().cloned();
        let said = said.or_else(|| self.n.map(|n| n.to_string())).unwrap_or_default();
        let kind = kind.replace('_', " ");
        if kind == "said" || kind == "message" {
            said
        } else {
            format!("{kind} {said}").trim_end().to_owned()
        }
    }
}

fn before(at: Timestamp, span: Millis) -> Timestamp {
    Timestamp(at.0.saturating_sub(i64::try_from(span.0.saturating_mul(1_000)).unwrap_or(i64::MAX)))
}

/// The first line, cut between characters.
fn shortened(text: &str) -> String {
    let text = text.trim();
    let first = text.lines().next().unwrap_or_default();
    match first.char_indices().nth(MAX_LINE) {
        Some((end, _)) => format!("{}…", &first[..end]),
        None if first.len() < text.len() => format!("{first} …"),
        None => first.to_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(kind: &str, text: &str, line: &str, status: &str) {
        let activity =
            Activity { seq: 7, attempt: 1, at: Timestamp(9_000_000), kind: kind.into(), text: text.into() };
        let row = row(&"r1".into(), &activity);
        assert_eq!((row.line.as_str(), row.status), (line, status), "{kind} {text}");
    }

    #[test]
    fn every_kind_becomes_one_line() {
        check(
            "ran",
            r#"{"kind":"ran","command":"cargo test","exit":0,"ms":5,"output_tail":"ok"}"#,
            "$ cargo test",
            "done",
        );
        check("ran", r#"{"command":"cargo test","exit":101,"ms":5}"#, "$ cargo test (exit 101)", "failed");
        check("edited", r#"{"files":["a.rs","b.rs"]}"#, "edited a.rs, b.rs", "done");
        check("tool_called", r#"{"name":"submit_review","ok":false}"#, "tool called submit_review", "failed");
        check("said", r#"{"text":"I read the code.\nThen more."}"#, "I read the code. …", "");
        check("turn", r#"{"n":3}"#, "turn 3", "");
        check("stderr", "warning: unused", "warning: unused", "");
    }

    #[test]
    fn a_command_began_when_it_had_not_yet_taken_its_time() {
        let text = r#"{"command":"x","exit":0,"ms":2000}"#.to_owned();
        let row = row(
            &"r1".into(),
            &Activity { seq: 1, attempt: 1, at: Timestamp(9_000_000), kind: "ran".into(), text },
        );
        assert_eq!((row.started_at, row.ended_at), (Timestamp(7_000_000), Timestamp(9_000_000)));
    }
}
