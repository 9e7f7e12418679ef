//! Only a genuine, current token of a run gets in.

use crate::house::{House, NOW_S, Plan, claims, request};
use base::signing::{Signer, token};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use domain::{Fence, Timestamp};
use hyper::StatusCode;

const TALK: &str = "[[script]]\nname = 'a'\n[[script.turn]]\ntext = 'a'\nrepeat = true\n";
const BODY: &str = r#"{"model":"large"}"#;

async fn check(house: &House, token: &str, expect: Result<(), (StatusCode, &str)>) {
    match expect {
        Ok(()) => assert_eq!(house.send(request(token, BODY)).await.status(), StatusCode::OK),
        Err((status, code)) => {
            let refused = house.refused(request(token, BODY)).await;
            assert_eq!((refused.0, refused.1.as_str()), (status, code), "{}", refused.2);
            assert!(token.len() < 20 || !refused.2.contains(token), "the token is quoted");
        }
    }
}

#[tokio::test]
async fn forged_expired_and_foreign_tokens_are_refused() {
    let house = House::open(Plan::rehearsal(TALK)).await;
    let invalid = Err((StatusCode::UNAUTHORIZED, "invalid_api_key"));
    let genuine = house.token(&claims());
    check(&house, &genuine, Ok(())).await;
    check(&house, "", invalid).await;
    check(&house, "sk-anything", invalid).await;
    check(&house, &token::seal(&Signer::generate(), &serde_json::to_string(&claims()).unwrap()), invalid)
        .await;
    check(&house, &token::seal(&house.signer, "{\"run\":\"r1\"}"), invalid).await;
    let payload = genuine.split('.').nth(1).unwrap();
    let none =
        URL_SAFE_NO_PAD.encode(format!(r#"{{"alg":"none","typ":"JWT","kid":"{}"}}"#, house.signer.key_id()));
    check(&house, &format!("{none}.{payload}."), invalid).await;
    let mut old = claims();
    old.exp = NOW_S;
    check(&house, &house.token(&old), Err((StatusCode::UNAUTHORIZED, "token_expired"))).await;
}

#[tokio::test]
async fn a_token_of_an_expired_key_is_refused() {
    let house = House::open(Plan::rehearsal(TALK)).await;
    house.ledger.with(|s| s.keys.values_mut().for_each(|key| key.expires_at = Timestamp(NOW_S * 1_000_000)));
    check(&house, &house.token(&claims()), Err((StatusCode::UNAUTHORIZED, "token_expired"))).await;
}

#[tokio::test]
async fn a_token_of_an_older_claim_is_refused() {
    let house = House::open(Plan::rehearsal(TALK)).await;
    house.ledger.with(|state| state.fences.insert(claims().identity.run, Fence(4)));
    check(&house, &house.token(&claims()), Err((StatusCode::FORBIDDEN, "stale_run"))).await;
}

#[tokio::test]
async fn the_token_may_come_as_an_api_key() {
    let house = House::open(Plan::rehearsal(TALK)).await;
    let mut request = house.request(BODY);
    request.headers_mut().remove("authorization");
    request.headers_mut().insert("x-api-key", house.token(&claims()).parse().unwrap());
    assert_eq!(house.send(request).await.status(), StatusCode::OK);
}
