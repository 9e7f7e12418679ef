//! Budgets are promises, under any concurrency.

use crate::house::{House, Plan, claims, read};
use domain::MicroUsd;
use domain::budget::{Account, Holder};
use domain::call::Status;
use hyper::StatusCode;
use std::sync::Arc;

/// Each call costs exactly what it reserves, so that how fast the first ones end makes no difference.
const SLOW: &str = "[[script]]\nname = 'a'\n[[script.turn]]\ntext = 'a b c'\ndelay = '300ms'\nusage = { input = 50, output = 100 }\nrepeat = true\n";
const QUICK: &str =
    "[[script]]\nname = 'a'\n[[script.turn]]\ntext = 'a'\nusage = { input = 1, output = 1 }\nrepeat = true\n";
/// 50 bytes at 1 micro-dollar and 100 output tokens at 2: reserves 250 micro-dollars.
const BODY: &str = r#"{"model":"large","max_output_tokens":100,"z":1234}"#;

#[tokio::test]
async fn of_64_calls_at_once_a_budget_for_ten_admits_exactly_ten() {
    let mut plan = Plan::rehearsal(SLOW);
    plan.team_budget = Some("0.0025 USD/day");
    let house = Arc::new(House::open(plan).await);
    let calls = (0..64).map(|_| {
        let house = Arc::clone(&house);
        tokio::spawn(async move { house.send(house.request(BODY)).await.status() })
    });
    let calls: Vec<_> = calls.collect();
    let mut admitted = 0;
    for call in calls {
        match call.await.unwrap() {
            StatusCode::OK => admitted += 1,
            status => assert_eq!(status, StatusCode::TOO_MANY_REQUESTS),
        }
    }
    assert_eq!(admitted, 10);
}

#[tokio::test]
async fn a_spent_budget_is_refused_in_the_shape_that_stops_clients() {
    let mut plan = Plan::rehearsal(QUICK);
    plan.team_budget = Some("0.0001 USD/day");
    let house = House::open(plan).await;
    let (status, code, text) = house.refused(house.request(BODY)).await;
    assert_eq!((status, code.as_str()), (StatusCode::TOO_MANY_REQUESTS, "insufficient_quota"));
    assert!(text.contains("team/pay") && text.contains("0.000100 USD"), "{text}");
    assert!(house.ledger.with(|state| state.calls.is_empty()));
}

#[tokio::test]
async fn one_call_after_the_other_waits_for_the_settlement_of_the_first() {
    let mut plan = Plan::rehearsal(QUICK);
    // Room for one reservation and what the others did cost.
    plan.team_budget = Some("0.00031 USD/day");
    let house = House::open(plan).await;
    for number in 0..20 {
        let response = house.send(house.request(BODY)).await;
        assert_eq!(response.status(), StatusCode::OK, "call {number}");
        read(response).await.unwrap();
    }
}

#[tokio::test]
async fn money_of_a_call_whose_client_left_during_the_reservation_comes_back() {
    let mut plan = Plan::rehearsal(SLOW);
    plan.team_budget = Some("1 USD/day");
    let house = House::open(plan).await;
    let mut client =
        crate::house::Client::over(tokio::net::TcpStream::connect(house.address).await.unwrap()).await;
    let request = house.request(BODY);
    tokio::select! {
        _ = client.send(request) => panic!("the rehearsal waits"),
        () = house.ledger.until(|state| (!state.calls.is_empty()).then_some(())) => client.leave(),
    }
    let call = house.ledger.settled().await;
    assert_eq!(call.status, Status::Left);
    let account = Account {
        holder: Holder::Team(claims().identity.team),
        window_start: call.started_at.day_start(),
        limit: MicroUsd(0),
    };
    let money = house.ledger.until(|state| state.money.get(&account.holder.to_string()).copied()).await;
    assert_eq!(money, (0, call.cost.0));
}
