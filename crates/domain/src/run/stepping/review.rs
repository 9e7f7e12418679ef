//! Rounds of review: asked for, answered, decided.

use super::Ignored;
use super::ending::{again, needs_person};
use crate::effect::{Effect, ReviewRequest};
use crate::event::Event;
use crate::failure::Failure;
use crate::fleet::Project;
use crate::review::{Disposition, Raised};
use crate::run::{Phase, Run, Wait, review_id};
use crate::step::Step;
use crate::{AgentName, Sha, TeamName, Timestamp};
use std::collections::BTreeSet;

/// Begins the next round for the run's change.
pub(super) fn ask_for_review(mut run: Run, now: Timestamp) -> Step {
    let Some(change) = run.change.clone() else {
        return needs_person(run, "there is no change to review".to_owned(), now);
    };
    let mut reviewers: Vec<(TeamName, AgentName, Vec<String>)> = vec![];
    for owner in &change.owners {
        match &owner.reviewer {
            Some(agent) => reviewers.push((owner.team.clone(), agent.clone(), owner.files.clone())),
            None => {
                let question = format!(
                    "team {} owns {} and has no reviewer; set `teams.{}.reviewer`",
                    owner.team,
                    owner.files.first().map_or("part of the change", String::as_str),
                    owner.team
                );
                return needs_person(run, question, now);
            }
        }
    }
    if reviewers.is_empty() {
        return needs_person(run, "nobody owns the change, so nobody can review it".to_owned(), now);
    }
    run.round += 1;
    let pending: BTreeSet<_> = reviewers.iter().map(|(team, ..)| team.clone()).collect();
    run.phase = Phase::InReview { head: change.head.clone(), pending };
    let (parent, fence, round) = (run.id.clone(), run.fence, run.round);
    let mut step = Step::of(run);
    for (team, reviewer, files) in reviewers {
        let review = review_id(&parent, round, &team);
        let head = change.head.clone();
        step = step
            .event(Event::ReviewRequested {
                team: team.clone(),
                round,
                head: head.clone(),
                review: review.clone(),
            })
            .owe(Effect::RequestReview(ReviewRequest {
                parent: parent.clone(),
                fence,
                review,
                team,
                reviewer,
                base: change.base.clone(),
                head,
                round,
                files,
            }));
    }
    step
}

pub(super) fn review_reported(
    mut run: Run,
    team: &TeamName,
    reviewed: &Sha,
    round: u32,
    result: Result<Vec<Raised>, Failure>,
    project: &Project,
    now: Timestamp,
) -> Result<Step, Ignored> {
    let Phase::InReview { head, pending } = &mut run.phase else { return Err(Ignored::WrongPhase) };
    if head != reviewed || round != run.round || !pending.remove(team) {
        return Err(Ignored::OldFence);
    }
    let everyone_answered = pending.is_empty();
    let raised = match result {
        Ok(raised) => raised,
        Err(failure) => {
            let question = format!("the reviewer of {team} could not review: {failure}");
            return Ok(needs_person(run, question, now));
        }
    };
    let reported = Event::ReviewReported { team: team.clone(), round, findings: raised.len() };
    let events = enter(&mut run, team, round, reviewed, raised);
    let mut step =
        if everyone_answered { after_review(run, reviewed.clone(), project, now) } else { Step::of(run) };
    let after = std::mem::take(&mut step.events);
    step.events = std::iter::once(reported).chain(events).chain(after).collect();
    Ok(step)
}

/// Enters a review in the ledger and says what changed there.
pub(super) fn enter(
    run: &mut Run,
    team: &TeamName,
    round: u32,
    head: &Sha,
    raised: Vec<Raised>,
) -> Vec<Event> {
    let before = run.ledger.clone();
    run.ledger.enter(team, round, head, raised);
    let fixed = before.findings.iter().zip(&run.ledger.findings).filter_map(|(old, new)| {
        let closed = old.disposition == Disposition::Open && new.disposition != Disposition::Open;
        closed.then(|| Event::FindingFixed { id: new.id.clone(), head: head.clone() })
    });
    let new = run.ledger.findings.iter().skip(before.findings.len());
    fixed.chain(new.map(|f| Event::FindingRaised { finding: f.clone() })).collect()
}

/// Every reviewer answered: land, mend, or ask a person.
pub(super) fn after_review(mut run: Run, head: Sha, project: &Project, now: Timestamp) -> Step {
    let open = run.ledger.open().count();
    if open == 0 {
        run.phase = Phase::Landing { head: head.clone() };
        let (id, fence, round) = (run.id.clone(), run.fence, run.round);
        let landing = Event::LandingStarted { head: head.clone() };
        return Step::of(run).event(landing).owe(Effect::Land { run: id, fence, round, head });
    }
    if run.round - run.rebases >= project.max_rounds {
        let question = format!("{open} finding(s) are still open after {} round(s) of review", run.round);
        return needs_person(run, question, now);
    }
    again(run, Wait::Rework { findings: open }, project, now)
}
