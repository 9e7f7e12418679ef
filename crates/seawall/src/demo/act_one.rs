//! Act one: an issue becomes a governed, reviewed, landed change.

use super::stage::Stage;
use super::{Error, outside};
use domain::RunId;
use domain::issue::Issue;
use domain::review::{Disposition, Finding, Priority};
use domain::run::{Outcome, Phase, Run};
use serde_json::json;

const ISSUE: &str = "SHOP-1";

/// Plays it, and answers with the author's run.
pub(super) async fn play(stage: &mut Stage<'_>) -> Result<RunId, Error> {
    project(stage)?;
    let run = claimed(stage).await?;
    let first = first_change(stage, &run).await?;
    let ended = reviewed(stage, &run, &first).await?;
    landed(stage, &ended).await?;
    Ok(run)
}

fn project(stage: &mut Stage<'_>) -> Result<(), Error> {
    stage.chapter("A small project, with a test that fails and an issue about it");
    let (dir, seed) = (stage.project.dir.clone(), stage.project.seed.clone());
    let (code, output) = outside::tests_at(&stage.project.remote(), &seed, &dir)?;
    let failing: Vec<&str> = output.lines().filter(|line| line.starts_with("FAIL")).collect();
    stage.say(&format!("{} holds the remote, the issues and the configuration", dir.display()));
    for line in &failing {
        stage.say(line);
    }
    stage.claim(
        &format!("the remote's main is {} and one test fails there", &seed[..10]),
        code == 1 && failing.len() == 1 && stage.remote_head()? == seed,
        json!({ "main": seed, "tests_exit": code, "failing": failing }),
        Some(format!("git -C {}/shop.git log --oneline {seed}", dir.display())),
    );
    Ok(())
}

async fn claimed(stage: &mut Stage<'_>) -> Result<RunId, Error> {
    stage.chapter("Seawall claims the issue and starts an agent behind walls");
    let run = stage
        .until("the first issue to be claimed and its agent to run", async |daemon| {
            let open = daemon.store.open_runs().await?;
            Ok(open.into_iter().map(|s| s.run).find(|r| matches!(r.phase, Phase::Working { .. })))
        })
        .await?;
    let activity = stage
        .until("the agent's process", async |daemon| {
            let lines = daemon.store.activity_since(&run.id, 0, 10).await?;
            Ok(lines.into_iter().find(|line| line.kind == "spawned"))
        })
        .await?;
    let spawned: serde_json::Value = serde_json::from_str(&activity.text).unwrap_or_default();
    let isolation = stage.daemon.isolation().as_str();
    stage.claim(
        &format!("run {} is claimed once, and its agent runs {isolation}", run.id),
        run.attempts == 1 && spawned["level"] == isolation,
        json!({ "run": run.id, "fence": run.fence, "agent": run.agent, "team": run.team, "process": spawned }),
        None,
    );
    Ok(run.id)
}

/// The author's first change, once it is collected.
async fn first_change(stage: &mut Stage<'_>, run: &RunId) -> Result<Run, Error> {
    stage.chapter("The agent reads, edits and tests; its only way out is the gateway");
    let run = run.clone();
    let ended = stage
        .until("the author's first change", async |daemon| {
            let stored = daemon.store.run(&run).await?;
            Ok(stored.map(|s| s.run).filter(|r| r.change.is_some()))
        })
        .await?;
    let calls = stage.daemon.store.calls_of(&ended.id, 100).await?;
    let ran: Vec<serde_json::Value> = stage
        .daemon
        .store
        .activity_since(&ended.id, 0, 1_000)
        .await?
        .iter()
        .filter(|line| line.kind == "ran")
        .filter_map(|line| serde_json::from_str(&line.text).ok())
        .collect();
    let exits: Vec<_> = ran
        .iter()
        .filter(|r| r["command"].as_str().is_some_and(|c| c.contains("tests/run.sh") && !c.contains("cat")))
        .map(|r| r["exit"].clone())
        .collect();
    stage.claim(
        "the agent ran the tests itself: red before its edit, green after it",
        exits == [json!(1), json!(0)],
        json!({ "exits": exits, "commands": ran.len() }),
        None,
    );
    stage.claim(
        &format!(
            "{} model calls went through the gateway, each labelled a rehearsal and paid for",
            calls.len()
        ),
        !calls.is_empty() && calls.iter().all(|c| c.rehearsal && c.cost.0 > 0 && c.usage.output > 0),
        json!({ "spans": calls.iter().map(|c| &c.id).collect::<Vec<_>>() }),
        None,
    );
    Ok(ended)
}

async fn reviewed(stage: &mut Stage<'_>, run: &RunId, first: &Run) -> Result<Run, Error> {
    stage.chapter("The owners' reviewers judge it, and the author mends what they found");
    let ended = stage
        .until("the first issue to be landed", async |daemon| {
            Ok(daemon.store.run(run).await?.map(|s| s.run).filter(|r| !r.is_open()))
        })
        .await?;
    let blocking: Vec<&Finding> =
        ended.ledger.findings.iter().filter(|f| f.raised.priority == Priority::P1).collect();
    let first_head = first.change.as_ref().map(|c| c.head.clone());
    let cited = blocking.first().and_then(|f| f.raised.cites.first());
    let exists = match cited {
        Some(place) => cited_lines(stage, place)?,
        None => String::new(),
    };
    let (place, sha) = cited.map_or((String::new(), String::new()), |p| {
        (p.file.clone(), p.sha.as_ref().map(ToString::to_string).unwrap_or_default())
    });
    stage.claim(
        &format!("round 1: a P1 that cites the incident {place}, lines that exist at that commit"),
        blocking.len() == 1 && exists.contains("One charge has one key"),
        json!({ "finding": blocking.first(), "cited": exists }),
        Some(format!("git -C {}/shop.git show {sha}:{place}", stage.project.dir.display())),
    );
    let head = ended.change.as_ref().map(|c| c.head.clone());
    let fixed = blocking.iter().all(|f| match (&f.disposition, &head) {
        (Disposition::Fixed { head: by }, Some(head)) => by == head && Some(by) != first_head.as_ref(),
        (Disposition::Fixed { .. } | Disposition::Open | Disposition::Deferred, _) => false,
    });
    stage.claim(
        "round 2: clean; the finding is closed by the second change",
        fixed && ended.round == 2,
        json!({ "first": first_head, "second": head, "rounds": ended.round }),
        None,
    );
    reviewers(stage, &ended).await?;
    Ok(ended)
}

/// Reviewers are runs of their own.
async fn reviewers(stage: &mut Stage<'_>, author: &Run) -> Result<(), Error> {
    let runs = stage.runs_of(ISSUE).await?;
    let reviews: Vec<&Run> = runs.iter().filter(|r| r.review.is_some()).collect();
    let apart = reviews.iter().all(|r| r.agent != author.agent && r.id != author.id);
    let mut seen = vec![];
    for review in &reviews {
        let spend = stage.daemon.store.spend(&review.id).await?;
        seen.push(json!({ "run": review.id, "agent": review.agent, "team": review.team,
                          "outcome": review.outcome(), "calls": spend.calls, "cost_micro_usd": spend.cost }));
    }
    let teams = author.change.as_ref().map_or(0, |c| c.owners.len());
    stage.claim(
        &format!(
            "{} reviews by {teams} owning teams, each a run of its own that was not the author's",
            reviews.len()
        ),
        reviews.len() == 4 && teams == 2 && apart,
        json!({ "reviews": seen }),
        None,
    );
    Ok(())
}

/// The cited lines, as git shows them at the cited commit.
fn cited_lines(stage: &Stage<'_>, place: &domain::review::Place) -> Result<String, Error> {
    let Some(sha) = &place.sha else { return Ok(String::new()) };
    let text = outside::git(&stage.project.remote(), &["show", &format!("{sha}:{}", place.file)])?;
    let (first, last) = (place.line_start as usize, place.line_end as usize);
    Ok(text.lines().skip(first - 1).take(last + 1 - first).collect::<Vec<_>>().join("\n"))
}

async fn landed(stage: &mut Stage<'_>, ended: &Run) -> Result<(), Error> {
    stage.chapter("The reviewed sha, and no other, is landed");
    let main = stage.remote_head()?;
    let landed = match ended.outcome() {
        Some(Outcome::Landed { head, main: told }) => Some((head.to_string(), told.to_string())),
        Some(_) | None => None,
    };
    let reviewed = ended.change.as_ref().map(|c| c.head.to_string());
    let dir = stage.project.dir.clone();
    stage.claim(
        &format!("main on the remote is the reviewed commit {}", &main[..10]),
        landed.as_ref().is_some_and(|(head, told)| *head == main && *told == main)
            && reviewed == Some(main.clone()),
        json!({ "main": main, "reviewed": reviewed }),
        Some(format!("git -C {}/shop.git rev-parse main", dir.display())),
    );
    let (code, output) = outside::tests_at(&stage.project.remote(), &main, &dir)?;
    stage.claim(
        "every test passes there",
        code == 0,
        json!({ "tests_exit": code, "output": output }),
        Some(format!("git clone {0}/shop.git {0}/look && sh {0}/look/tests/run.sh", dir.display())),
    );
    settled(stage, ended).await
}

/// What a landing leaves behind: the issue done, the workspace gone.
async fn settled(stage: &mut Stage<'_>, ended: &Run) -> Result<(), Error> {
    let dir = stage.project.dir.clone();
    let workspace = dir.join(".seawall/workspaces/shop").join(ended.id.as_str());
    let tracker = adapters::tracker::files::FilesTracker::new(dir.join("issues"), &[]);
    let issue: Issue = stage
        .until("the issue to be closed and the workspace to be removed", async |_| {
            let listing = tracker.list().await.map_err(|e| Error::Outside {
                what: base::error::chain(&e),
                source: std::io::ErrorKind::Other.into(),
            })?;
            let found = listing.issues.into_iter().find(|i| i.identifier == ISSUE);
            Ok(found.filter(|i| i.state == "Done" && !workspace.exists()))
        })
        .await?;
    stage.claim(
        "the issue is Done, in the file a person reads, and the workspace is gone",
        issue.state == "Done" && !workspace.exists(),
        json!({ "state": issue.state, "workspace_exists": workspace.exists() }),
        Some(format!("head -5 {}/issues/SHOP-1.md", dir.display())),
    );
    Ok(())
}
