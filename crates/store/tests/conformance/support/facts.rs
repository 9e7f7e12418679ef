//! Ready-made values of the domain.

use domain::budget::{Account, Holder};
use domain::call::{Call, Status, Usage};
use domain::containment::{Containment, Containments, Lift, Mode, Order, Scope};
use domain::fleet::{Agent, Driver, Project};
use domain::issue::Issue;
use domain::run::{AttemptEnd, Facts, Input, Prior, Purpose, Readiness, Refusal, Run, Spent};
use domain::step::Step;
use domain::{Epoch, IssueId, MicroUsd, Millis, RunId, Timestamp};
use std::collections::BTreeMap;
use store::Store;
use store::run::{Base, StoredRun};
use store::step::Commit;

pub const LEASE: Millis = Millis::seconds(60);

pub fn project() -> Project {
    Project { slots: 2, ..Project::new("shop".into(), "pay".into(), "author".into()) }
}

pub fn agent() -> Agent {
    Agent { max_turns: 10, ..Agent::new("author".into(), "pay".into(), Driver::Builtin, "large".into()) }
}

pub fn issue(id: &str) -> Issue {
    Issue {
        description: Some("Do it.".into()),
        priority: Some(1),
        version: "v1".into(),
        ..Issue::new(id.into(), &format!("SHOP-{id}"), &format!("Issue {id}"), "Todo")
    }
}

/// What the domain says to a claim of `issue` by a new run.
pub fn claim(
    issue: &Issue,
    run: &str,
    prior: Option<&Prior>,
    containments: &Containments,
    live: u32,
    now: i64,
) -> Result<Step, Refusal> {
    let (project, agent, readiness) = (project(), agent(), Readiness::complete());
    let by_state = BTreeMap::new();
    let facts = Facts {
        project: &project,
        agent: &agent,
        containments,
        live,
        live_by_state: &by_state,
        share: Ok(()),
        readiness: &readiness,
    };
    domain::run::claim(issue, prior, Timestamp(now), &facts, run.into(), Timestamp(now))
}

/// Live attempts of the project `shop`.
pub async fn live(store: &Store) -> u32 {
    store.counts().await.unwrap().get(&"shop".into()).map_or(0, |counts| counts.live)
}

/// A claimed run of issue `issue` in the store.
pub async fn claimed(store: &Store, run: &str, issue_id: &str, now: i64) -> StoredRun {
    let facts = store.start_facts(&"shop".into()).await.unwrap();
    let step = claim(&issue(issue_id), run, None, &facts.containments, 0, now).unwrap();
    let guards = Some(&facts.guards);
    let commit = Commit { step: &step, base: Base::New, guards, effect: None, now: Timestamp(now) };
    store.commit_step(commit).await.unwrap();
    store.run(&run.into()).await.unwrap().unwrap()
}

/// What follows from `input`, committed on what is stored.
pub async fn step(store: &Store, stored: &StoredRun, input: Input, now: i64) -> store::Result<StoredRun> {
    let step = domain::run::step(&stored.run, input, &project(), Timestamp(now)).unwrap();
    let base = Base::Version(stored.version);
    store.commit_step(Commit { step: &step, base, guards: None, effect: None, now: Timestamp(now) }).await?;
    Ok(store.run(&stored.run.id).await?.unwrap())
}

pub fn started(run: &Run) -> Input {
    Input::AttemptStarted { fence: run.fence, isolation: "walled".into() }
}

pub fn finished(run: &Run) -> Input {
    let end = AttemptEnd::Finished { summary: "done".into(), review: None };
    Input::AttemptEnded { fence: run.fence, end, spent: Spent::default() }
}

pub fn order(scope: &str, epoch: u64) -> Containment {
    let order = Order {
        id: format!("order-{epoch}").as_str().into(),
        scope: scope.parse::<Scope>().unwrap(),
        mode: Mode::Hard,
        reason: "it loops".into(),
        actor: "ana".into(),
        epoch: Epoch(epoch),
        given_at: Timestamp(i64::try_from(epoch).unwrap()),
    };
    Containment { order, lifted: None }
}

pub fn lifted(of: &Containment, epoch: u64) -> Containment {
    let lift = Lift { epoch: Epoch(epoch), actor: "bo".into(), reason: "ok".into(), at: Timestamp(9) };
    Containment { order: of.order.clone(), lifted: Some(lift) }
}

pub fn account(holder: Holder, limit: u64) -> Account {
    Account { holder, window_start: Timestamp(0), limit: MicroUsd(limit) }
}

pub fn call(id: &str, run: &Run, reserved: u64) -> Call {
    Call {
        id: id.into(),
        identity: run.identity(),
        issue: IssueId::new(run.issue.id.as_str()),
        purpose: Purpose::Author,
        attempt: run.attempts,
        fence: run.fence,
        turn: 0,
        asked: "large".into(),
        route: "rehearsal/large".into(),
        rehearsal: true,
        status: Status::Open,
        reserved: MicroUsd(reserved),
        cost: MicroUsd(0),
        usage: Usage::default(),
        http_status: 0,
        error: None,
        provider_id: None,
        request_blob: Some("sha".into()),
        response_blob: None,
        started_at: Timestamp(5),
        first_byte_at: None,
        ended_at: None,
    }
}

/// `call`, answered whole for `cost`.
pub fn done(call: &Call, cost: u64) -> Call {
    Call {
        status: Status::Done,
        cost: MicroUsd(cost),
        usage: Usage { input: 100, cached: 10, cache_write: 5, output: 20, reasoning: 7 },
        http_status: 200,
        provider_id: Some("resp_1".into()),
        response_blob: Some("sha2".into()),
        first_byte_at: Some(Timestamp(6)),
        ended_at: Some(Timestamp(7)),
        ..call.clone()
    }
}

pub fn run_holder(run: &Run) -> Holder {
    Holder::Run(RunId::new(run.id.as_str()))
}
