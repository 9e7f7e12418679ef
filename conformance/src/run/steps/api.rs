//! What the HTTP API, the disk, the kernel and the tracker say.

use super::wait;
use crate::case::step::{FileIs, Folders, Http, TrackerHolds};
use crate::matcher::{self, Matcher, shown};
use crate::run::Failure;
use crate::run::http::{Answer, ask};
use crate::run::world::World;
use serde_json::{Value, json};

/// A refresh is asked for again until the API is up.
const REFRESH_MS: u64 = 12_000;
/// How the kernel writes 127.0.0.1 and ::1.
const LOOPBACK: [&str; 3] =
    ["0100007F", "00000000000000000000000001000000", "0000000000000000FFFF00000100007F"];

pub(super) async fn http(world: &mut World, step: &Http) -> Result<(), Failure> {
    let within = world.slowed(step.within_ms);
    wait(world, within, async |world| once(world, step).await).await
}

/// Asks once.
pub(super) async fn once(world: &World, step: &Http) -> Result<(), Failure> {
    let wanted = format!("{} {} answers {}", step.method, step.path, step.status);
    let url = if step.path.starts_with("http://") { step.path.clone() } else { world.url(&step.path) };
    let answer = ask(&step.method, &url, &world.target.headers, step.body.as_deref()).await;
    let answer = answer.map_err(|why| Failure::new(&*wanted, why))?;
    let Answer { status, text } = &answer;
    if *status != step.status {
        return Err(Failure::new(wanted, format!("{status}: {}", shown(Some(&json!(text))))));
    }
    if let Some(part) = &step.text
        && !text.contains(part)
    {
        return Err(Failure::new(format!("{wanted} with {part:?}"), shown(Some(&json!(text)))));
    }
    matcher::check(&step.json, &answer.json()).map_err(|why| Failure::new(wanted, why))
}

pub(super) async fn refresh(world: &mut World) -> Result<(), Failure> {
    let step = Http {
        method: "POST".to_owned(),
        path: "/api/v1/refresh".to_owned(),
        body: Some("{}".to_owned()),
        status: 202,
        json: matcher::Fields::new(),
        text: None,
        within_ms: REFRESH_MS,
    };
    http(world, &step).await
}

pub(super) async fn file(world: &mut World, step: &FileIs) -> Result<(), Failure> {
    let within = world.slowed(step.within_ms);
    let path = world.places.path(&step.path);
    wait(world, within, async |_| {
        let wanted = format!("{} is {}", step.path, if step.exists { "there" } else { "gone" });
        if path.symlink_metadata().is_ok() != step.exists {
            return Err(Failure::new(wanted, "it is not so"));
        }
        let Some(matcher) = &step.text else { return Ok(()) };
        let text = std::fs::read_to_string(&path).map(Value::String);
        let text =
            text.map_err(|error| Failure::new(format!("{} can be read", step.path), error.to_string()))?;
        matcher.check(Some(&text)).map_err(|why| Failure::new(format!("the text of {}", step.path), why))
    })
    .await
}

pub(super) async fn folders(world: &mut World, step: &Folders) -> Result<(), Failure> {
    let within = world.slowed(step.within_ms);
    let path = world.places.path(&step.path);
    wait(world, within, async |_| {
        let entries = std::fs::read_dir(&path).into_iter().flatten().flatten();
        let folders = entries.filter(|entry| entry.path().is_dir());
        let names = folders.map(|entry| entry.file_name().to_string_lossy().into_owned());
        // A hidden folder is the implementation's own affair.
        let mut names: Vec<String> = names.filter(|name| !name.starts_with('.')).collect();
        names.sort();
        let wanted = format!("folders of {} like {:?}", step.path, step.like);
        if assigned(&names, &step.like) { Ok(()) } else { Err(Failure::new(wanted, format!("{names:?}"))) }
    })
    .await
}

/// Whether each name fits a pattern of its own and no pattern is left. Tried in order; patterns that overlap must be
/// written from the narrow to the wide.
fn assigned(names: &[String], patterns: &[String]) -> bool {
    let mut left: Vec<&String> = names.iter().collect();
    for pattern in patterns {
        let fits = Matcher::try_from(json!({"like": pattern}));
        let at =
            fits.ok().and_then(|fits| left.iter().position(|name| fits.check(Some(&json!(name))).is_ok()));
        match at {
            Some(at) => left.remove(at),
            None => return false,
        };
    }
    left.is_empty()
}

/// Reads the kernel's table of listening sockets.
pub(super) async fn loopback_only(world: &mut World, within_ms: u64) -> Result<(), Failure> {
    let within = world.slowed(within_ms);
    let port = format!("{:04X}", world.places.port);
    wait(world, within, async |_| {
        let tables =
            ["/proc/net/tcp", "/proc/net/tcp6"].map(|path| std::fs::read_to_string(path).unwrap_or_default());
        let hosts = listening(&tables.concat(), &port);
        let wanted = "the API listens on loopback only";
        match hosts.iter().find(|host| !LOOPBACK.contains(&host.as_str())) {
            _ if hosts.is_empty() => Err(Failure::new(wanted, "nothing listens on its port")),
            Some(host) => Err(Failure::new(wanted, format!("it listens on {host}"))),
            None => Ok(()),
        }
    })
    .await
}

/// The addresses that listen on a port, as the kernel writes them.
fn listening(table: &str, port: &str) -> Vec<String> {
    const LISTEN: &str = "0A";
    let rows = table.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let of = rows.filter(|row| row.get(3) == Some(&LISTEN));
    of.filter_map(|row| row.get(1)?.split_once(':').map(|(host, on)| (host.to_owned(), on.to_owned())))
        .filter(|(_, on)| on == port)
        .map(|(host, _)| host)
        .collect()
}

pub(super) async fn tracker(world: &mut World, step: &TrackerHolds) -> Result<(), Failure> {
    let within = world.slowed(step.within_ms);
    wait(world, within, async |world| {
        let record = world.linear.record(&step.issue).unwrap_or(Value::Null);
        let state = record.pointer("/state/name").and_then(Value::as_str);
        if step.state.is_some() && step.state.as_deref() != state {
            return Err(Failure::new(format!("{} is in {:?}", step.issue, step.state), format!("{state:?}")));
        }
        let comments = world.linear.comments();
        match &step.comment {
            Some(part) if !comments.iter().any(|comment| comment.contains(part)) => {
                Err(Failure::new(format!("a comment with {part:?}"), format!("{comments:?}")))
            }
            Some(_) | None => Ok(()),
        }
    })
    .await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_folder_needs_a_pattern_of_its_own() {
        let names = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
        assert!(assigned(&names(&["A", "A_B-1", "A_B-2"]), &names(&["A", "A_B-*", "A_B-*"])));
        assert!(!assigned(&names(&["A_B-1"]), &names(&["A_B-*", "A_B-*"])));
        assert!(!assigned(&names(&["A", "B"]), &names(&["A"])));
    }

    #[test]
    fn listeners_are_found_by_port_and_state() {
        let table = "  sl  local_address rem_address st\n   0: 0100007F:1F90 00000000:0000 0A x\n   \
            1: 00000000:1F90 0100007F:1111 01 x\n";
        assert_eq!(listening(table, "1F90"), ["0100007F"]);
    }
}
