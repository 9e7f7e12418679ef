//! The gateway on the real store: one call from its reservation to its receipt.

use crate::house::{NOW_S, Plan, claims, open, order, read, request};
use base::signing::{Signer, token};
use base::tasks::Tasks;
use domain::budget::{Account, Holder};
use domain::call::Status;
use domain::containment::{Containments, Layer, Scope};
use domain::fleet::{Agent, Driver, Project};
use domain::issue::Issue;
use domain::run::{Facts, Readiness};
use domain::token::Claims;
use domain::{MicroUsd, Millis, Timestamp};
use hyper::{Response, StatusCode, body::Incoming};
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use store::Store;
use store::key::Key;
use store::run::Base;
use store::step::Commit;

const NOW: Timestamp = Timestamp(NOW_S * 1_000_000);
const TALK: &str = "[[script]]\nname = 'a'\n[[script.turn]]\ntext = 'a'\nusage = { input = 3, output = 1 }\nrepeat = true\n\
    [[script]]\nname = 'slow'\n[[script.turn]]\ntext = 'x'\n";
const BODY: &str = r#"{"model":"large","stream":true,"max_output_tokens":10}"#;

/// Claims run `r1` in `store`, as the engine does.
async fn claimed(store: &Store) -> Claims {
    let project = Project { slots: 1, ..Project::new("shop".into(), "pay".into(), "author".into()) };
    let agent =
        Agent { max_turns: 10, ..Agent::new("author".into(), "pay".into(), Driver::Builtin, "large".into()) };
    let issue = Issue { version: "v1".into(), ..Issue::new("1".into(), "SHOP-1", "One", "Todo") };
    let facts = store.start_facts(&project.name).await.unwrap();
    let (readiness, contained) = (Readiness::complete(), Containments::default());
    let by_state = std::collections::BTreeMap::new();
    let known = Facts {
        project: &project,
        agent: &agent,
        containments: &contained,
        live: 0,
        live_by_state: &by_state,
        share: Ok(()),
        readiness: &readiness,
    };
    let step = domain::run::claim(&issue, None, NOW, &known, "r1".into(), NOW).unwrap();
    let commit = Commit { step: &step, base: Base::New, guards: Some(&facts.guards), effect: None, now: NOW };
    store.commit_step(commit).await.unwrap();
    Claims { identity: step.run.identity(), fence: step.run.fence, attempt: step.run.attempts, ..claims() }
}

async fn post(address: SocketAddr, token: &str) -> Response<Incoming> {
    let socket = tokio::net::TcpStream::connect(address).await.unwrap();
    crate::house::Client::over(socket).await.send(request(token, BODY)).await
}

#[tokio::test]
async fn a_call_is_reserved_settled_refused_and_proven_in_the_real_store() {
    let (dir, tasks, signer) = (tempfile::tempdir().unwrap(), Tasks::new(), Signer::generate());
    let store = Store::open(&format!("sqlite:{}", dir.path().join("s.db").display())).await.unwrap();
    let expires_at = NOW.plus(Millis::seconds(900));
    let key = Key { kid: signer.key_id().into(), public: signer.public_key(), created_at: NOW, expires_at };
    store.put_key(&key).await.unwrap();
    let claims = claimed(&store).await;
    let genuine = token::seal(&signer, &serde_json::to_string(&claims).unwrap());
    let mut plan = Plan::rehearsal(TALK);
    // 54 bytes and 10 output tokens reserve 74 micro-dollars; each call costs 5.
    plan.team_budget = Some("0.000083 USD/day");
    let (_, address, _) = open(plan, Arc::new(store.clone()), &tasks).await;

    for turn in 1..=2 {
        let response = post(address, &genuine).await;
        assert_eq!(response.status(), StatusCode::OK, "turn {turn}");
        read(response).await.unwrap();
    }
    let spent = post(address, &genuine).await;
    assert_eq!(spent.status(), StatusCode::TOO_MANY_REQUESTS);
    let calls = store.calls_of(&claims.identity.run, 10).await.unwrap();
    let seen: Vec<_> = calls.iter().map(|c| (c.turn, c.status, c.cost)).collect();
    assert_eq!(seen, [(1, Status::Done, MicroUsd(5)), (2, Status::Done, MicroUsd(5))]);
    let holder = Holder::Team("pay".into());
    let account = Account { holder, window_start: NOW.day_start(), limit: MicroUsd(83) };
    let standing = store.standing(&account).await.unwrap();
    assert_eq!((standing.reserved, standing.settled), (MicroUsd(0), MicroUsd(10)));

    let (_, version) = store.containments_at_version().await.unwrap();
    store.contain(&order(Scope::Run("r1".into())), version).await.unwrap();
    let proven = async {
        let mut changes = store.changes();
        while !store.unproven(&[Layer::Identity, Layer::Gateway]).await.unwrap().is_empty() {
            changes.changed().await.unwrap();
        }
    };
    tokio::time::timeout(Duration::from_secs(10), proven).await.expect("receipts come by themselves");
    assert_eq!(post(address, &genuine).await.status(), StatusCode::FORBIDDEN);
    assert_eq!(tasks.drain(Duration::from_secs(5)).await.abandoned, 0);
}
