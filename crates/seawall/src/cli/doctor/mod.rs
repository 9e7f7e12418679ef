//! `seawall doctor`: what this machine offers, found out by trying it.

mod machine;
mod parts;

use super::ui::{Tone, Ui, clean};
use super::{Context, Ended, Exit};
use crate::config::{Config, Read};
use serde::Serialize;
use std::io;

/// Say what this machine offers: agents, isolation, store, clock, providers, git, the kill plane
#[derive(Debug, clap::Args)]
#[command(
    after_help = "Examples:\n  seawall doctor\n  seawall doctor --json | jq '.checks[] | select(.state != \"ok\")'\n\nExit code 1: something that is needed is missing. 4: the isolation that [sandbox] require names is not reached."
)]
pub struct Args {}

/// How one thing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "lowercase")]
enum State {
    /// There.
    Ok,
    /// Not there, and nothing configured needs it.
    Note,
    /// Needed, and not there.
    Missing,
    /// The configured floor of isolation is not reached.
    BelowFloor,
}

/// One thing that was looked at.
#[derive(Clone, Debug, Serialize)]
struct Check {
    /// `agents`, `isolation`, `store`, …
    area: &'static str,
    /// What was looked for.
    what: String,
    state: State,
    /// What was seen.
    detail: String,
    /// What to do; empty when nothing is.
    mend: String,
}

impl Check {
    fn ok(area: &'static str, what: &str, detail: impl Into<String>) -> Self {
        Self { area, what: what.to_owned(), state: State::Ok, detail: detail.into(), mend: String::new() }
    }

    /// Missing when `needed`, else only noted.
    fn absent(area: &'static str, what: &str, needed: bool, detail: impl Into<String>, mend: &str) -> Self {
        let state = if needed { State::Missing } else { State::Note };
        Self { area, what: what.to_owned(), state, detail: detail.into(), mend: mend.to_owned() }
    }
}

#[derive(Serialize)]
struct Report<'a> {
    ok: bool,
    level: &'a str,
    checks: &'a [Check],
}

/// Looks at everything and prints it.
pub async fn run(_args: &Args, context: &Context) -> Ended {
    let mut checks = vec![];
    let read = context.read().ok();
    checks.push(configuration(read.as_ref()));
    let config = read.and_then(|read| read.config);
    checks.extend(parts::agents(config.as_ref(), context).await);
    let (level, isolation) = machine::isolation(config.as_ref(), context).await;
    checks.extend(isolation);
    checks.push(machine::git(context).await);
    checks.push(machine::clock(context));
    checks.extend(parts::store(config.as_ref()).await);
    checks.extend(parts::providers(config.as_ref()));
    checks.push(parts::kill_plane(context).await);
    let bad = |state: State| checks.iter().any(|check| check.state == state);
    let (missing, below) = (bad(State::Missing), bad(State::BelowFloor));
    context.ui.document(&Report { ok: !missing && !below, level, checks: &checks })?;
    print(&checks, &context.ui)?;
    Ok(match (below, missing) {
        (true, _) => Exit::Refused,
        (false, true) => Exit::Failed,
        (false, false) => Exit::Done,
    })
}

fn configuration(read: Option<&Read>) -> Check {
    const AREA: &str = "configuration";
    match read {
        None => Check::absent(
            AREA,
            "file",
            false,
            "none here; defaults are looked at",
            "write one with `seawall init`",
        ),
        Some(Read { config: Some(Config { file, .. }), .. }) => {
            Check::ok(AREA, "file", file.display().to_string())
        }
        Some(read) => {
            let file = read.problems.first().map(|p| p.file.display().to_string()).unwrap_or_default();
            Check::absent(
                AREA,
                "file",
                true,
                format!("{file} has errors"),
                "run `seawall check` and mend them",
            )
        }
    }
}

fn print(checks: &[Check], ui: &Ui) -> io::Result<()> {
    let mut area = "";
    for check in checks {
        if check.area != area {
            area = check.area;
            ui.line(ui.tone(area, Tone::Bold))?;
        }
        let (word, tone) = match check.state {
            State::Ok => ("ok  ", Tone::Good),
            State::Note => ("note", Tone::Dim),
            State::Missing => ("MISS", Tone::Bad),
            State::BelowFloor => ("LOW ", Tone::Bad),
        };
        ui.line(format!("  {}  {}: {}", ui.tone(word, tone), clean(&check.what), clean(&check.detail)))?;
        if !check.mend.is_empty() {
            ui.line(format!("        mend: {}", clean(&check.mend)))?;
        }
    }
    Ok(())
}
