//! Values for the tests of this crate.

use domain::call::{Call, Status, Usage};
use domain::containment::Identity;
use domain::event::Event;
use domain::issue::{Issue, IssueRef};
use domain::run::{Assignment, Phase, Purpose, Refusal, Run};
use domain::{Fence, MicroUsd, RunId, Timestamp};
use store::cursor::EventCursor;

use crate::records::{ActivityRow, DecisionRow, EventRow};

pub(crate) fn author_run(id: &str) -> Run {
    let issue = Issue::new("12".into(), "SHOP-12", "Round prices", "Todo");
    let issue = IssueRef::of("shop".into(), &issue);
    Run {
        fence: Fence(1),
        attempts: 1,
        phase: Phase::Working { since: Timestamp(0) },
        ..Run::new(id.into(), issue, "author".into(), "payments".into(), Timestamp(0))
    }
}

pub(crate) fn review_run(id: &str, parent: &str) -> Run {
    let sha = "a".repeat(40);
    let review = Assignment {
        parent: parent.into(),
        team: "web".into(),
        base: sha.as_str().into(),
        head: sha.as_str().into(),
        round: 1,
        files: vec![],
    };
    Run { review: Some(review), agent: "reviewer".into(), team: "web".into(), ..author_run(id) }
}

pub(crate) fn call(id: &str, run: &str, attempt: u32, at_us: i64) -> Call {
    Call {
        id: id.into(),
        identity: Identity {
            run: run.into(),
            agent: "author".into(),
            team: "payments".into(),
            project: "shop".into(),
        },
        issue: "12".into(),
        purpose: Purpose::Author,
        attempt,
        fence: Fence(1),
        turn: 1,
        asked: "large".into(),
        route: "rehearsal/large".into(),
        rehearsal: true,
        status: Status::Done,
        reserved: MicroUsd(10),
        cost: MicroUsd(5),
        usage: Usage { input: 10, output: 5, ..Usage::default() },
        http_status: 200,
        error: None,
        provider_id: None,
        request_blob: None,
        response_blob: None,
        started_at: Timestamp(at_us),
        first_byte_at: None,
        ended_at: Some(Timestamp(at_us + 100)),
    }
}

pub(crate) fn event(seq: u64, run: &RunId, at_us: i64, event: Event) -> EventRow {
    let cursor: EventCursor = format!("0-{seq}").parse().unwrap();
    EventRow { cursor, run: run.clone(), at: Timestamp(at_us), event }
}

pub(crate) fn activity(id: &str, attempt: u32, at_us: i64) -> ActivityRow {
    let at = Timestamp(at_us);
    ActivityRow {
        id: id.into(),
        attempt,
        tool: true,
        line: "cargo test".into(),
        status: "done",
        started_at: at,
        ended_at: at,
    }
}

pub(crate) fn decision(issue: &str, refusal: Refusal) -> DecisionRow {
    DecisionRow {
        project: "shop".into(),
        names: ["12".into(), issue.into()],
        title: "Round prices".into(),
        refusal,
        at: Timestamp(9),
    }
}
