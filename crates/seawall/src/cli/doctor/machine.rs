//! What the machine itself offers: isolation, git, time.

use super::{Check, State};
use crate::cli::Context;
use crate::config::{Config, Sandbox as Walls};
use adapters::sandbox::{Finding, Sandbox};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;
use tokio::io::AsyncReadExt;

/// A program that does not tell its version in this time is broken.
const VERSION_PATIENCE: Duration = Duration::from_secs(5);
/// The most bytes of a version that are read.
const MAX_VERSION: u64 = 4 * 1024;
/// The first git that can merge without a work tree (`merge-tree --write-tree`), which landing needs.
const GIT: (u32, u32) = (2, 38);
/// 2026-01-01: this program did not exist before, so an earlier clock is wrong.
const NOT_BEFORE_US: i64 = 1_767_225_600_000_000;
/// 2100-01-01: certificates and tokens dated later are not believed by anybody.
const NOT_AFTER_US: i64 = 4_102_444_800_000_000;

/// The level of isolation, tried out, and each finding.
pub async fn isolation(config: Option<&Config>, context: &Context) -> (&'static str, Vec<Check>) {
    const AREA: &str = "isolation";
    let floor = config.map_or(Walls::default().require, |config| config.sandbox.require);
    let sandbox = match discover(config, context).await {
        Ok(sandbox) => sandbox,
        Err(error) => {
            let check =
                Check::absent(AREA, "probe", true, error.to_string(), "make the temporary folder writable");
            return ("unknown", vec![check]);
        }
    };
    let level = sandbox.level();
    let detail = format!("{} (required: {})", level.as_str(), floor.as_str());
    let mut checks = vec![if level >= floor {
        Check::ok(AREA, "level", detail)
    } else {
        let mend = "mend what is noted below, or lower `require` in [sandbox] if you accept the risk";
        Check { state: State::BelowFloor, ..Check::absent(AREA, "level", true, detail, mend) }
    }];
    checks.extend(sandbox.report().iter().map(|finding| {
        let Finding { what, ok, detail, mend } = finding;
        if *ok { Check::ok(AREA, what, detail) } else { Check::absent(AREA, what, false, detail, mend) }
    }));
    (level.as_str(), checks)
}

async fn discover(config: Option<&Config>, context: &Context) -> std::io::Result<Sandbox> {
    let program = std::env::current_exe()?;
    let uid = config.map_or(Walls::default().uid, |config| config.sandbox.uid);
    Sandbox::discover(&context.env, &std::env::temp_dir(), &program, uid).await
}

/// Whether git is there and new enough.
pub async fn git(context: &Context) -> Check {
    const MEND: &str = "install git 2.38 or newer, for example with `apt-get install git`";
    let Some(program) = context.env.find_program("git") else {
        return Check::absent("git", "git", true, "not on the PATH", MEND);
    };
    match version(&program).await {
        Ok(text) if number(&text).is_some_and(|found| found >= GIT) => Check::ok("git", "git", text),
        Ok(text) => Check::absent("git", "git", true, format!("{text} is too old"), MEND),
        Err(error) => Check::absent("git", "git", true, error, MEND),
    }
}

/// Whether the clock can be right.
pub fn clock(context: &Context) -> Check {
    let now = context.clock.now_us();
    let shown = wire::Time(domain::Timestamp(now)).to_string();
    if (NOT_BEFORE_US..NOT_AFTER_US).contains(&now) {
        return Check::ok("clock", "time", shown);
    }
    Check::absent(
        "clock",
        "time",
        true,
        format!("{shown} cannot be right"),
        "set the clock, or start a time service",
    )
}

/// The first line a program prints for `--version`.
pub async fn version(program: &Path) -> Result<String, String> {
    let mut child = tokio::process::Command::new(program)
        .arg("--version")
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .kill_on_drop(true)
        .spawn()
        .map_err(|error| format!("{} cannot be started: {error}", program.display()))?;
    let Some(stdout) = child.stdout.take() else { return Err("it has no output".to_owned()) };
    let mut text = String::new();
    let mut limited = stdout.take(MAX_VERSION);
    let told = tokio::time::timeout(VERSION_PATIENCE, limited.read_to_string(&mut text)).await;
    match told {
        Ok(Ok(_)) => Ok(text.lines().next().unwrap_or("no version told").trim().to_owned()),
        Ok(Err(error)) => Err(format!("{} tells no version: {error}", program.display())),
        Err(_) => Err(format!("{} did not tell its version in time", program.display())),
    }
}

/// Major and minor of `git version 2.39.5`.
fn number(text: &str) -> Option<(u32, u32)> {
    let digits = text.split_whitespace().find(|word| word.starts_with(|c: char| c.is_ascii_digit()))?;
    let mut parts = digits.split('.');
    Some((parts.next()?.parse().ok()?, parts.next()?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_version_is_read_whoever_built_it() {
        assert_eq!(number("git version 2.39.5"), Some((2, 39)));
        assert_eq!(number("git version 2.50.1 (Apple Git-155)"), Some((2, 50)));
        assert_eq!(number("nonsense"), None);
    }
}
