//! Stories a product person can read: what happened, and what Seawall decided.
//!
//! Each `stories/*.story` is a list of `> what happened` lines, each followed by the decision. Run with
//! `UPDATE_STORIES=1` to record anew; read the difference before you commit it.

use crate::common::*;
use domain::Timestamp;
use domain::containment::{Containment, Containments};
use domain::failure::{Failure, FailureKind};
use domain::fleet::Project;
use domain::issue::Issue;
use domain::review::Priority;
use domain::run::*;
use domain::step::Step;
use std::fmt::Write;

#[test]
fn stories_are_told_as_recorded() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/stories");
    let mut told = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.extension().is_none_or(|e| e != "story") {
            continue;
        }
        let recorded = std::fs::read_to_string(&path).unwrap();
        let now = tell(&recorded);
        if std::env::var_os("UPDATE_STORIES").is_some() {
            std::fs::write(&path, &now).unwrap();
        } else {
            assert_eq!(recorded, now, "{} tells another story now", path.display());
        }
        told += 1;
    }
    assert!(told > 0, "no stories found");
}

struct World {
    now: Timestamp,
    run: Option<Run>,
    state: String,
    version: String,
    withheld: Option<String>,
    live: u32,
    containments: Containments,
    readiness: Readiness,
    project: Project,
}

fn tell(story: &str) -> String {
    let mut world = World {
        now: Timestamp(1_000_000),
        run: None,
        state: "Todo".into(),
        version: "v1".into(),
        withheld: None,
        live: 0,
        containments: Containments::default(),
        readiness: Readiness::complete(),
        project: project(),
    };
    let mut out = String::new();
    for line in story.lines() {
        if line.starts_with('#') || line.is_empty() {
            writeln!(out, "{line}").unwrap();
        } else if let Some(happened) = line.strip_prefix("> ") {
            writeln!(out, "{line}").unwrap();
            out.push_str(&world.hear(happened));
        }
    }
    out
}

impl World {
    fn hear(&mut self, happened: &str) -> String {
        let words: Vec<&str> = happened.split_whitespace().collect();
        match words.as_slice() {
            ["wait", seconds] => {
                self.now = Timestamp(self.now.0 + seconds.parse::<i64>().unwrap() * 1_000_000);
                String::new()
            }
            ["the", "project", "hands", "off"] => {
                self.project = handoff_project();
                String::new()
            }
            ["slots", "taken", n] => {
                self.live = n.parse().unwrap();
                String::new()
            }
            ["blocked", "by", id] => {
                self.withheld = Some(format!("it waits for {id}"));
                String::new()
            }
            ["the", "issue", "is", "edited"] => {
                self.version.push('+');
                String::new()
            }
            ["missing", what @ ..] => {
                self.readiness.agent = Err(what.join(" "));
                String::new()
            }
            ["claim"] => self.claim(),
            ["go", "on"] => {
                let (project, agent) = (self.project.clone(), agent("author", "pay"));
                let facts = facts(&project, &agent, &self.containments, &self.readiness, self.live);
                let answer = resume(self.run.as_ref().unwrap(), &facts, self.now).map_err(|e| e.to_string());
                self.take(answer)
            }
            ["order", scope] => {
                let order = order(scope.parse().unwrap(), 1);
                self.containments.merge(Containment { order: order.clone(), lifted: None });
                match self.run {
                    Some(_) => self.step(Input::Contained(order)),
                    None => String::new(),
                }
            }
            words => self.step(self.input(words)),
        }
    }

    fn claim(&mut self) -> String {
        let (project, agent) = (self.project.clone(), agent("author", "pay"));
        let facts = facts(&project, &agent, &self.containments, &self.readiness, self.live);
        let (version, withheld) = (self.version.clone(), self.withheld.clone());
        let issue = domain::issue::Issue { version, withheld, ..issue(&self.state) };
        let prior = self.run.as_ref().map(|run| Prior {
            run: run.id.clone(),
            outcome: run.outcome().cloned(),
            version: run.issue.version.clone(),
            created_at: run.created_at,
            settled_at: Some(Timestamp(0)),
            lifted: false,
        });
        let id = if prior.is_some() { "run-2" } else { "run-1" };
        let answer = claim(&issue, prior.as_ref(), self.now, &facts, id.into(), self.now);
        self.take(answer.map_err(|refusal| refusal.to_string()))
    }

    fn step(&mut self, input: Input) -> String {
        let answer = step(self.run.as_ref().unwrap(), input, &self.project, self.now);
        self.take(answer.map_err(|ignored| format!("ignored, {ignored}")))
    }

    fn input(&self, words: &[&str]) -> Input {
        let run = self.run.as_ref().unwrap();
        let fence = run.fence;
        match words {
            ["agent", "started"] => Input::AttemptStarted { fence, isolation: "isolated".into() },
            ["agent", "finished"] => Input::AttemptEnded {
                fence,
                end: AttemptEnd::Finished { summary: "made it so".into(), review: None },
                spent: Spent::default(),
            },
            ["agent", "failed", kind] => {
                Input::AttemptEnded { fence, end: AttemptEnd::Failed(failure(kind)), spent: Spent::default() }
            }
            ["an", "older", "agent", "finished"] => Input::AttemptEnded {
                fence: domain::Fence(fence.0 - 1),
                end: AttemptEnd::Finished { summary: "late".into(), review: None },
                spent: Spent::default(),
            },
            ["agent", "asks", question @ ..] => {
                let end = AttemptEnd::Blocked { question: question.join(" ") };
                Input::AttemptEnded { fence, end, spent: Spent::default() }
            }
            ["agent", "is", "in", "thread", thread] => {
                Input::ThreadStarted { fence, thread: (*thread).to_owned() }
            }
            ["no", "slot", "for", "the", "retry"] => Input::Requeued(Requeued::NoSlot),
            ["the", "tracker", "says", error @ ..] => {
                Input::Requeued(Requeued::NoRefresh { error: error.join(" ") })
            }
            ["the", "issue", "is", "seen", "in", state @ ..] => self.seen(&state.join(" "), &["agents"]),
            ["the", "issue", "is", "seen", "without", "its", "label"] => self.seen(&self.state, &[]),
            ["change", head, "for", teams] => {
                Input::ChangeCollected { fence, change: change(head, &teams.split(',').collect::<Vec<_>>()) }
            }
            ["no", "change"] => Input::NothingChanged { fence },
            [team, "says", "clean", "of", head] => self.report(team, head, Ok(vec![])),
            [team, "says", priority, title, "of", head] => {
                let priority = match *priority {
                    "P1" => Priority::P1,
                    "P2" => Priority::P2,
                    _ => Priority::P3,
                };
                self.report(team, head, Ok(vec![raised(priority, title)]))
            }
            [team, "cannot", "review", head] => self.report(team, head, Err(failure("stalled"))),
            ["landed", head, "as", main] => Input::Landed { head: sha(head), main: sha(main) },
            ["main", "conflicts", "with", head, "in", file] => {
                Input::LandConflict { head: sha(head), files: vec![(*file).to_owned()] }
            }
            ["the", "issue", "is", "now", state] => Input::IssueLeft(Left::Over((*state).to_owned())),
            other => panic!("no such happening: {other:?}"),
        }
    }

    /// What the tracker's reading comes to: seen, or no longer to be worked on.
    fn seen(&self, state: &str, labels: &[&str]) -> Input {
        let labels = labels.iter().map(|&label| label.to_owned()).collect();
        let read = Issue { labels, ..issue(state) };
        match handoff::left(Some(&read), &self.project) {
            Some(left) => Input::IssueLeft(left),
            None => Input::IssueSeen(Box::new(read)),
        }
    }

    fn report(&self, team: &str, head: &str, result: Result<Vec<domain::review::Raised>, Failure>) -> Input {
        let round = self.run.as_ref().unwrap().round;
        Input::ReviewReported { team: team.into(), head: sha(head), round, result }
    }

    fn take(&mut self, answer: Result<Step, String>) -> String {
        match answer {
            Err(why) => format!("  refused: {why}\n"),
            Ok(step) => {
                let mut out = format!("  {}\n", step.run.phase.name());
                for event in &step.events {
                    writeln!(out, "    - {}", event.line()).unwrap();
                }
                for effect in &step.effects {
                    writeln!(out, "    owes {}", effect.id()).unwrap();
                }
                self.run = Some(step.run);
                out
            }
        }
    }
}

fn failure(kind: &str) -> Failure {
    let kind: FailureKind = serde_json::from_str(&format!("{kind:?}")).unwrap();
    Failure::new(kind, "as told")
}
