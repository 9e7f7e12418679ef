//! One trace per run, from what was recorded: run → attempts → calls → tools, with the reviews under the run
//! that caused them. Every span's id is one of our own ids, so a span leads back to its row.

use std::collections::BTreeMap;

use domain::Timestamp;
use domain::call::Call;
use domain::event::Event;
use domain::run::{Phase, Run};
use wire::{Span, SpanKind, Spend, Trace};

use crate::records::{ActivityRow, EventRow, RunRow};

/// The most spans of one trace; a run with more turns than this is cut short long before.
pub const MAX_SPANS: usize = 5_000;

/// Everything recorded about one run.
#[derive(Clone, Debug)]
pub struct Branch {
    /// The run.
    pub row: RunRow,
    /// Its events, oldest first.
    pub events: Vec<EventRow>,
    /// Its calls, oldest first.
    pub calls: Vec<Call>,
    /// What its agent did, oldest first.
    pub activity: Vec<ActivityRow>,
}

/// The trace of `root` with its `reviews`. A parent stands before its children, siblings by when they began.
pub fn assemble(root: &Branch, reviews: &[Branch]) -> Trace {
    let mut spans = branch(root, None);
    for review in reviews {
        spans.extend(branch(review, Some(root.row.run.id.to_string())));
    }
    let truncated = spans.len() > MAX_SPANS;
    spans.truncate(MAX_SPANS);
    let calls = std::iter::once(root).chain(reviews).flat_map(|b| &b.calls);
    Trace {
        run: root.row.run.id.clone(),
        issue: root.row.run.issue.identifier.clone(),
        spend: Spend::of(calls),
        spans,
        truncated,
    }
}

/// How deep each span lies, in the order of `spans`; an orphan lies at the top.
pub fn depths(spans: &[Span]) -> Vec<usize> {
    let mut known: BTreeMap<&str, usize> = BTreeMap::new();
    let mut depths = Vec::with_capacity(spans.len());
    for span in spans {
        let depth = span.parent.as_deref().and_then(|p| known.get(p)).map_or(0, |d| d + 1);
        known.insert(&span.id, depth);
        depths.push(depth);
    }
    depths
}

fn branch(branch: &Branch, parent: Option<String>) -> Vec<Span> {
    let mut spans = vec![run_span(branch, parent)];
    let attempts = attempts(branch);
    for attempt in &attempts {
        spans.push(attempt_span(&branch.row.run, attempt));
        let calls: Vec<&Call> = branch.calls.iter().filter(|c| c.attempt == attempt.number).collect();
        let did: Vec<&ActivityRow> =
            branch.activity.iter().filter(|a| a.tool && a.attempt == attempt.number).collect();
        let id = attempt_id(&branch.row.run, attempt.number);
        spans.extend(did.iter().filter(|a| cause(a, &calls).is_none()).map(|a| tool_span(a, &id)));
        for call in &calls {
            spans.push(Span::of_call(call, &id));
            let caused = did.iter().filter(|a| cause(a, &calls).is_some_and(|c| c.id == call.id));
            spans.extend(caused.map(|a| tool_span(a, call.id.as_str())));
        }
    }
    spans
}

/// The call whose answer asked for it: the last that began before it.
fn cause<'a>(activity: &ActivityRow, calls: &[&'a Call]) -> Option<&'a Call> {
    calls.iter().rev().find(|c| c.started_at <= activity.started_at).copied()
}

fn run_span(branch: &Branch, parent: Option<String>) -> Span {
    let run = &branch.row.run;
    let (end, status) = match &run.phase {
        Phase::Ended { outcome, at } => (Some((*at).into()), outcome.name().to_owned()),
        Phase::Starting { .. }
        | Phase::Working { .. }
        | Phase::Waiting { .. }
        | Phase::Blocked { .. }
        | Phase::Collecting
        | Phase::InReview { .. }
        | Phase::Landing { .. } => (None, run.phase.name().to_owned()),
    };
    let name = match &run.review {
        Some(review) => format!("review for {}, round {}", review.team, review.round),
        None => format!("{} · {}", run.issue.identifier, run.agent),
    };
    let mut attributes = BTreeMap::from([
        ("agent".to_owned(), run.agent.to_string()),
        ("team".to_owned(), run.team.to_string()),
        ("project".to_owned(), run.issue.project.to_string()),
    ]);
    if let Some(change) = &run.change {
        attributes.insert("head".to_owned(), change.head.to_string());
    }
    let spend = Spend::of(&branch.calls);
    Span {
        id: run.id.to_string(),
        parent,
        kind: SpanKind::Run,
        name,
        start: run.created_at.into(),
        end,
        tokens: Some(spend.tokens),
        cost_micro_usd: Some(spend.cost_micro_usd),
        status,
        attributes,
        rehearsal: spend.rehearsal,
    }
}

struct Attempt {
    number: u32,
    start: Timestamp,
    end: Option<Timestamp>,
    status: &'static str,
    note: Option<String>,
}

/// Attempts as the events tell them; one without an end in a run that is over was cut off with it.
fn attempts(branch: &Branch) -> Vec<Attempt> {
    let mut attempts: Vec<Attempt> = Vec::new();
    let close = |attempts: &mut Vec<Attempt>, number: u32, at, status, note| {
        if let Some(open) = attempts.iter_mut().find(|a| a.number == number && a.end.is_none()) {
            (open.end, open.status, open.note) = (Some(at), status, note);
        }
    };
    for row in &branch.events {
        match &row.event {
            Event::AttemptClaimed { attempt, .. } => {
                attempts.push(Attempt {
                    number: *attempt,
                    start: row.at,
                    end: None,
                    status: "open",
                    note: None,
                });
            }
            Event::AttemptFinished { attempt, .. } => close(&mut attempts, *attempt, row.at, "done", None),
            Event::AttemptFailed { attempt, failure } => {
                close(&mut attempts, *attempt, row.at, "failed", Some(failure.kind.name().to_owned()));
            }
            Event::Ended { .. } => {
                attempts.iter_mut().filter(|a| a.end.is_none()).for_each(|a| {
                    (a.end, a.status) = (Some(row.at), "cut");
                });
            }
            Event::Claimed { .. }
            | Event::AttemptStarted { .. }
            | Event::Waiting { .. }
            | Event::Blocked { .. }
            | Event::IssueMoved { .. }
            | Event::ChangeCollected { .. }
            | Event::ReviewRequested { .. }
            | Event::ReviewReported { .. }
            | Event::FindingRaised { .. }
            | Event::FindingFixed { .. }
            | Event::Pushed { .. }
            | Event::LandingStarted { .. } => {}
        }
    }
    attempts
}

fn attempt_id(run: &Run, number: u32) -> String {
    format!("{}.{number}", run.id)
}

fn attempt_span(run: &Run, attempt: &Attempt) -> Span {
    Span {
        id: attempt_id(run, attempt.number),
        parent: Some(run.id.to_string()),
        kind: SpanKind::Attempt,
        name: format!("attempt {}", attempt.number),
        start: attempt.start.into(),
        end: attempt.end.map(Into::into),
        tokens: None,
        cost_micro_usd: None,
        status: attempt.status.to_owned(),
        attributes: attempt.note.iter().map(|note| ("failure".to_owned(), note.clone())).collect(),
        rehearsal: false,
    }
}

fn tool_span(activity: &ActivityRow, parent: &str) -> Span {
    Span {
        id: activity.id.clone(),
        parent: Some(parent.to_owned()),
        kind: SpanKind::Tool,
        name: activity.line.clone(),
        start: activity.started_at.into(),
        end: Some(activity.ended_at.into()),
        tokens: None,
        cost_micro_usd: None,
        status: activity.status.to_owned(),
        attributes: BTreeMap::new(),
        rehearsal: false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::testing::{activity, author_run, call, event, review_run};
    use domain::failure::{Failure, FailureKind};
    use domain::{Fence, RunId};

    fn branch_of(run: Run, events: Vec<Event>, calls: Vec<Call>, activity: Vec<ActivityRow>) -> Branch {
        let id: RunId = run.id.clone();
        let events =
            events.into_iter().zip(1..).map(|(e, seq)| event(seq, &id, seq as i64 * 1_000, e)).collect();
        let spend = Spend::of(&calls);
        Branch { row: RunRow { run, spend }, events, calls, activity }
    }

    fn shape(trace: &Trace) -> Vec<String> {
        let depths = depths(&trace.spans);
        trace
            .spans
            .iter()
            .zip(depths)
            .map(|(s, d)| format!("{}{}:{}", "-".repeat(d), s.id, s.status))
            .collect()
    }

    #[test]
    fn a_trace_leads_from_the_run_to_every_tool_and_review() {
        let claimed = |attempt| Event::AttemptClaimed { attempt, fence: Fence(attempt.into()) };
        let failure = Failure::new(FailureKind::Exited, "code 1");
        let events = vec![
            claimed(1),
            Event::AttemptFailed { attempt: 1, failure },
            claimed(2),
            Event::AttemptFinished { attempt: 2, summary: String::new() },
        ];
        let calls = vec![call("c1", "r1", 1, 1_500), call("c2", "r1", 2, 3_100), call("c3", "r1", 2, 3_500)];
        let did = vec![activity("t0", 2, 3_050), activity("t1", 2, 3_200), activity("t2", 2, 3_700)];
        let root = branch_of(author_run("r1"), events, calls, did);
        let review =
            branch_of(review_run("v1", "r1"), vec![claimed(1)], vec![call("c9", "v1", 1, 9)], vec![]);
        assert_eq!(
            shape(&assemble(&root, &[review])),
            [
                "r1:working",
                "-r1.1:failed",
                "--c1:done",
                "-r1.2:done",
                "--t0:done",
                "--c2:done",
                "---t1:done",
                "--c3:done",
                "---t2:done",
                "-v1:working",
                "--v1.1:open",
                "---c9:done",
            ]
        );
    }

    #[test]
    fn an_attempt_that_was_cut_off_ends_with_its_run() {
        use domain::run::Outcome;
        let mut run = author_run("r1");
        let outcome = Outcome::Cancelled { why: "closed".into() };
        run.phase = Phase::Ended { outcome: outcome.clone(), at: Timestamp(2_000) };
        let events = vec![Event::AttemptClaimed { attempt: 1, fence: Fence(1) }, Event::Ended { outcome }];
        let trace = assemble(&branch_of(run, events, vec![], vec![]), &[]);
        assert_eq!(shape(&trace), ["r1:cancelled", "-r1.1:cut"]);
    }

    #[test]
    fn sums_count_the_reviews_and_long_traces_are_cut() {
        let many = (0..=MAX_SPANS as i64).map(|n| call(&format!("c{n}"), "r1", 1, n)).collect();
        let events = vec![Event::AttemptClaimed { attempt: 1, fence: Fence(1) }];
        let root = branch_of(author_run("r1"), events, many, vec![]);
        let review = branch_of(review_run("v1", "r1"), vec![], vec![call("x", "v1", 1, 0)], vec![]);
        let trace = assemble(&root, &[review]);
        assert!(trace.truncated);
        assert_eq!(trace.spans.len(), MAX_SPANS);
        assert_eq!(trace.spend.calls, MAX_SPANS as u64 + 2);
        assert!(trace.spend.rehearsal);
    }
}
