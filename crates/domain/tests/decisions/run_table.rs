//! The table of a run's decisions: for each phase and each input, the next phase, or why nothing follows.

use crate::common::*;
use domain::containment::{Containments, Scope};
use domain::failure::{Failure, FailureKind};
use domain::run::*;
use domain::{Fence, Timestamp};
use std::collections::BTreeSet;

const NOW: Timestamp = Timestamp(1_000_000_000);

/// An author run in each phase, with the claim 1 and the change `a`.
fn phases() -> Vec<Run> {
    let (project, agent) = (project(), agent("author", "pay"));
    let (none, ready) = (Containments::default(), Readiness::complete());
    let facts = facts(&project, &agent, &none, &ready, 0);
    let starting = claim(&issue("Todo"), None, NOW, &facts, "r".into(), NOW).unwrap().run;
    let with = |phase| Run { phase, change: Some(change("a", &["pay"])), round: 1, ..starting.clone() };
    let pending = BTreeSet::from(["pay".into()]);
    vec![
        starting.clone(),
        with(Phase::Working { since: NOW }),
        with(Phase::Waiting { due: NOW, why: Wait::Slot }),
        with(Phase::Collecting),
        with(Phase::InReview { head: sha("a"), pending }),
        with(Phase::Landing { head: sha("a") }),
        with(Phase::Ended { outcome: Outcome::Cancelled { why: "x".into() }, at: NOW }),
    ]
}

/// Every input that fits claim 1 and change `a`, by name.
fn inputs() -> Vec<(&'static str, Input)> {
    let fence = Fence(1);
    let failure = || Failure::new(FailureKind::Exited, "x");
    let finished = AttemptEnd::Finished { summary: "s".into(), review: None };
    let report = |result| Input::ReviewReported { team: "pay".into(), head: sha("a"), round: 1, result };
    vec![
        ("started", Input::AttemptStarted { fence, isolation: "bare".into() }),
        ("finished", Input::AttemptEnded { fence, end: finished, spent: Spent::default() }),
        (
            "failed",
            Input::AttemptEnded { fence, end: AttemptEnd::Failed(failure()), spent: Spent::default() },
        ),
        ("collected", Input::ChangeCollected { fence, change: change("b", &["pay"]) }),
        ("nothing", Input::NothingChanged { fence }),
        ("uncollected", Input::CollectFailed { fence, failure: failure() }),
        ("clean", report(Ok(vec![]))),
        ("unreviewed", report(Err(failure()))),
        ("landed", Input::Landed { head: sha("a"), main: sha("a") }),
        ("rebased", Input::Rebased { head: sha("a"), change: change("b", &["pay"]) }),
        ("conflict", Input::LandConflict { head: sha("a"), files: vec!["x".into()] }),
        ("owed-in-vain", Input::EffectFailed { failure: failure() }),
        ("closed", Input::IssueLeft(Left::Over("Done".into()))),
        ("ordered", Input::Contained(order(Scope::All, 1))),
    ]
}

#[test]
fn every_phase_answers_every_input_as_the_table_says() {
    // Columns in the order of `phases`; a dash: the phase does not wait for it; a cross: the run is over.
    let table = "
                  starting  working   waiting   collecting in_review landing   ended
    started       working   -         -         -          -         -         x
    finished      collecting collecting -       -          -         -         x
    failed        waiting   waiting   -         -          -         -         x
    collected     -         -         -         in_review  -         -         x
    nothing       -         -         -         ended      -         -         x
    uncollected   -         -         -         waiting    -         -         x
    clean         -         -         -         -          landing   -         x
    unreviewed    -         -         -         -          ended     -         x
    landed        -         -         -         -          -         ended     x
    rebased       -         -         -         -          -         in_review x
    conflict      -         -         -         -          -         waiting   x
    owed-in-vain  ended     ended     ended     ended      ended     ended     x
    closed        ended     ended     ended     ended      ended     -         x
    ordered       ended     ended     ended     ended      ended     ended     x";
    let mut rows = table.lines().filter(|line| !line.trim().is_empty()).skip(1);
    for (name, input) in inputs() {
        let expected: Vec<&str> = rows.next().unwrap().split_whitespace().collect();
        let answers = phases().into_iter().map(|run| match step(&run, input.clone(), &project(), NOW) {
            Ok(step) => step.run.phase.name().to_owned(),
            Err(Ignored::WrongPhase | Ignored::OldFence | Ignored::Known) => "-".to_owned(),
            Err(Ignored::Ended) => "x".to_owned(),
        });
        let row: Vec<String> = std::iter::once(name.to_owned()).chain(answers).collect();
        assert_eq!(row, expected);
    }
    assert_eq!(rows.next(), None, "an input is missing");
}

/// A handed-off run in each phase that it can be in, with the claim 1.
fn handed_off() -> Vec<Run> {
    let project = handoff_project();
    let agent = agent("author", "pay");
    let (none, ready) = (Containments::default(), Readiness::complete());
    let facts = facts(&project, &agent, &none, &ready, 0);
    let starting = claim(&issue("Todo"), None, NOW, &facts, "r".into(), NOW).unwrap().run;
    let with = |phase| Run { phase, ..starting.clone() };
    vec![
        starting.clone(),
        with(Phase::Working { since: NOW }),
        with(Phase::Waiting { due: NOW, why: Wait::Continue }),
        with(Phase::Blocked { question: "may I?".into(), since: NOW }),
        with(Phase::Ended { outcome: Outcome::Released { why: "x".into() }, at: NOW }),
    ]
}

#[test]
fn every_phase_of_a_handed_off_run_answers_as_the_table_says() {
    let table = "
                  starting  working   waiting   blocked   ended
    started       working   -         -         -         x
    finished      waiting   waiting   -         -         x
    failed        waiting   waiting   -         -         x
    asked         blocked   blocked   -         -         x
    unpaid        blocked   blocked   -         -         x
    no-slot       -         -         waiting   -         x
    no-refresh    -         -         waiting   -         x
    moved         starting  working   waiting   blocked   x
    parked        ended     ended     ended     ended     x
    gone          ended     ended     ended     ended     x
    ordered       ended     ended     ended     ended     x";
    let fence = Fence(1);
    let ended = |end| Input::AttemptEnded { fence, end, spent: Spent::default() };
    let failure = |kind| AttemptEnd::Failed(Failure::new(kind, "x"));
    let inputs = [
        ("started", Input::AttemptStarted { fence, isolation: "bare".into() }),
        ("finished", ended(AttemptEnd::Finished { summary: "s".into(), review: None })),
        ("failed", ended(failure(FailureKind::AgentMissing))),
        ("asked", ended(AttemptEnd::Blocked { question: "may I?".into() })),
        ("unpaid", ended(failure(FailureKind::BudgetSpent))),
        ("no-slot", Input::Requeued(Requeued::NoSlot)),
        ("no-refresh", Input::Requeued(Requeued::NoRefresh { error: "503".into() })),
        ("moved", Input::IssueSeen(Box::new(issue("In Progress")))),
        ("parked", Input::IssueLeft(Left::Parked("Human Review".into()))),
        ("gone", Input::IssueLeft(Left::Gone)),
        ("ordered", Input::Contained(order(Scope::All, 1))),
    ];
    let mut rows = table.lines().filter(|line| !line.trim().is_empty()).skip(1);
    for (name, input) in inputs {
        let expected: Vec<&str> = rows.next().unwrap().split_whitespace().collect();
        let answers =
            handed_off().into_iter().map(|run| match step(&run, input.clone(), &handoff_project(), NOW) {
                Ok(step) => step.run.phase.name().to_owned(),
                Err(Ignored::WrongPhase | Ignored::OldFence | Ignored::Known) => "-".to_owned(),
                Err(Ignored::Ended) => "x".to_owned(),
            });
        let row: Vec<String> = std::iter::once(name.to_owned()).chain(answers).collect();
        assert_eq!(row, expected);
    }
    assert_eq!(rows.next(), None, "an input is missing");
}

#[test]
fn an_input_of_an_older_claim_changes_nothing() {
    let working = phases().remove(1);
    let late = Input::AttemptEnded {
        fence: Fence(0),
        end: AttemptEnd::Finished { summary: "late".into(), review: None },
        spent: Spent::default(),
    };
    assert_eq!(step(&working, late, &project(), NOW), Err(Ignored::OldFence));
}
