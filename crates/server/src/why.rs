//! Why an issue is, or is not, being worked on: the latest run and the latest decision, put into words.

use domain::run::{Outcome, Phase, Refusal};
use wire::{WhyVerdict, WhyView};

use crate::app::App;
use crate::error::ApiError;
use crate::load;
use crate::records::{DecisionRow, RunRow};

/// Answers for the tracker's id of an issue or for what people call it.
pub(crate) async fn explain(app: &App, issue: String) -> Result<WhyView, ApiError> {
    let run = app.records.run_of_issue(&issue).await?;
    let decisions = app.records.decisions().await?;
    let decision =
        decisions.into_iter().find(|d| d.names.iter().any(|name| name.eq_ignore_ascii_case(&issue)));
    let mut view = answer(issue, run.as_ref(), decision.as_ref());
    if let Some(row) = run.filter(|row| matches!(row.run.phase, Phase::Waiting { .. })) {
        // Begun work waits for the end of a pause, too; its own wait may long be over.
        let project = row.run.issue.project;
        if let Some(pause) = app.records.pauses().await?.remove(&project) {
            view.lines.insert(0, Refusal::Paused { project, reason: pause.reason }.to_string());
        }
    }
    Ok(view)
}

fn answer(issue: String, run: Option<&RunRow>, decision: Option<&DecisionRow>) -> WhyView {
    let project = run.map(|r| r.run.issue.project.clone()).or_else(|| decision.map(|d| d.project.clone()));
    let (verdict, mut lines) = match (run, decision) {
        (Some(row), _) if row.run.is_open() => (of_open(row), vec![load::summary(row).line]),
        (_, Some(decision)) => (of_refusal(&decision.refusal), vec![decision.refusal.to_string()]),
        (Some(row), None) => (of_ended(row.run.outcome()), vec![load::summary(row).line]),
        (None, None) => (WhyVerdict::Unknown, vec!["no tracker has shown this issue yet".to_owned()]),
    };
    if let Some(row) = run {
        lines.push(format!("latest run: {}, attempt {}", row.run.id, row.run.attempts));
    }
    WhyView { issue, project, run: run.map(|r| r.run.id.clone()), verdict, lines }
}

fn of_open(row: &RunRow) -> WhyVerdict {
    match row.run.phase {
        Phase::Waiting { .. } => WhyVerdict::Waiting,
        Phase::Blocked { .. } => WhyVerdict::Refused,
        Phase::Starting { .. }
        | Phase::Working { .. }
        | Phase::Collecting
        | Phase::InReview { .. }
        | Phase::Landing { .. }
        | Phase::Ended { .. } => WhyVerdict::Working,
    }
}

/// A blocker that is over, or a label that is set, lets the issue go by itself, as everything does that passes with time.
fn of_refusal(refusal: &Refusal) -> WhyVerdict {
    let waits = refusal.passes() || matches!(refusal, Refusal::Withheld { .. } | Refusal::NoLabel { .. });
    if waits { WhyVerdict::Waiting } else { WhyVerdict::Refused }
}

fn of_ended(outcome: Option<&Outcome>) -> WhyVerdict {
    match outcome {
        Some(Outcome::NeedsPerson { .. } | Outcome::Failed { .. } | Outcome::Stopped { .. }) => {
            WhyVerdict::Refused
        }
        Some(
            Outcome::Landed { .. }
            | Outcome::Reviewed { .. }
            | Outcome::Released { .. }
            | Outcome::Cancelled { .. },
        )
        | None => WhyVerdict::Done,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{author_run, decision};
    use domain::Timestamp;
    use wire::Spend;

    fn row(phase: Phase) -> RunRow {
        let mut run = author_run("r1");
        run.phase = phase;
        RunRow { run, spend: Spend::default() }
    }

    fn check(run: Option<RunRow>, decision: Option<DecisionRow>, expect: WhyVerdict, first: &str) {
        let view = answer("SHOP-12".into(), run.as_ref(), decision.as_ref());
        assert_eq!((view.verdict, view.lines[0].as_str()), (expect, first));
    }

    #[test]
    fn an_open_run_comes_before_an_old_decision() {
        let working = row(Phase::Working { since: Timestamp(0) });
        check(
            Some(working),
            Some(decision("SHOP-12", Refusal::NoSlot { slots: 2 })),
            WhyVerdict::Working,
            "attempt 1 works",
        );
    }

    #[test]
    fn a_decision_after_the_last_run_says_what_stands_against_it() {
        let outcome = Outcome::NeedsPerson { question: "which price?".into() };
        let ended = row(Phase::Ended { outcome, at: Timestamp(1) });
        let gave_up = Refusal::GaveUp { run: "r1".into(), how: "no".into() };
        let words = "run r1 ended (no); change the issue to have it tried again";
        check(Some(ended.clone()), Some(decision("SHOP-12", gave_up)), WhyVerdict::Refused, words);
        check(Some(ended), None, WhyVerdict::Refused, "needs a person: which price?");
    }

    #[test]
    fn a_blocked_issue_waits_for_no_person() {
        let blocked = Refusal::Withheld { why: "it waits for SHOP-1".into() };
        check(None, Some(decision("SHOP-12", blocked)), WhyVerdict::Waiting, "it waits for SHOP-1");
    }

    #[test]
    fn what_nobody_saw_is_unknown() {
        check(None, None, WhyVerdict::Unknown, "no tracker has shown this issue yet");
    }
}
